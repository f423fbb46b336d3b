//! The smallest Worker of the `worker` crate: the cost of the framework alone.

use worker::{Context, Env, Request, Response, Result, event};

/// Responds at once.
///
/// # Errors
/// None in practice.
#[event(fetch)]
pub async fn fetch(_request: Request, _env: Env, _context: Context) -> Result<Response> {
    Ok(Response::empty()?.with_status(200))
}
