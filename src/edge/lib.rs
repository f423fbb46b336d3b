//! Edge
use worker::{Context, Env, Result, event};
/// x
#[event(fetch)]
pub async fn fetch(_request: web_sys::Request, _env: Env, _context: Context) -> Result<web_sys::Response> {
    web_sys::Response::new_with_opt_str(Some("edge")).map_err(worker::Error::from)
}
