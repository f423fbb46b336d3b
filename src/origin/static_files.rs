//! The page's static files, with the headers that core defines for them.
//!
//! The Worker runs before the platform's own file server (`run_worker_first`), so nobody gets a
//! file without these headers.

use crate::respond::{ApiError, ApiResult};
use patrol::http::page::{self, File};
use worker::{Env, Headers, Request, RequestInit, Response};

/// The binding of the static files.
const ASSETS: &str = "ASSETS";

/// The headers of the asset that are passed on.
const PASSED_ON: &[&str] = &["Content-Type", "ETag"];

/// Serves a file of the page.
pub(crate) async fn serve(file: &File<'_>, request: &Request, env: &Env) -> ApiResult {
    let conditions = Headers::new();
    if let Some(tag) = request.headers().get("If-None-Match")? {
        conditions.set("If-None-Match", &tag)?;
    }
    let mut init = RequestInit::new();
    init.with_headers(conditions);
    let found = env
        .assets(ASSETS)?
        .fetch(format!("https://assets{}", file.path), Some(init))
        .await?;
    let status = match found.status_code() {
        200 => file.status,
        304 => 304,
        _ => return Err(ApiError::not_found()),
    };
    let headers = Headers::new();
    for name in PASSED_ON {
        if let Some(value) = found.headers().get(name)? {
            headers.set(name, &value)?;
        }
    }
    headers.set("Cache-Control", file.cache_control)?;
    for (name, value) in page::HEADERS {
        headers.set(name, value)?;
    }
    Ok(Response::builder()
        .with_status(status)
        .with_headers(headers)
        .body(found.body().clone()))
}
