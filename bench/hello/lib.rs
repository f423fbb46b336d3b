//! The smallest Worker that the `worker` crate makes: what the framework alone costs.

use worker::{Context, Env, Request, Response, Result, event};

/// Answers at once.
///
/// # Errors
/// None in practice.
#[event(fetch)]
pub async fn fetch(_request: Request, _env: Env, _context: Context) -> Result<Response> {
    Ok(Response::empty()?.with_status(204))
}
