//! The page's static files, with the headers that core defines for them.
//!
//! The Worker runs before the platform's own file server (`run_worker_first`), so nobody gets a
//! file without these headers.

use crate::{
    caller,
    context::OriginContext,
    respond::{ApiError, ApiResult},
};
use patrol::http::page::{self, File};
use worker::{Env, Headers, Request, RequestInit, Response};

/// The binding of the static files.
const ASSETS: &str = "ASSETS";

/// Serves a file of the page.
pub(crate) async fn serve(
    file: &File<'_>,
    request: &Request,
    origin: OriginContext<'_>,
) -> ApiResult {
    if file.is_html() {
        return html(file, request, origin).await;
    }
    let conditions = Headers::new();
    if let Some(tag) = request.headers().get("If-None-Match")? {
        conditions.set("If-None-Match", &tag)?;
    }
    let (status, found) = asset(file, conditions, origin.env).await?;
    let headers = headers(file, &found)?;
    if let Some(tag) = found.headers().get("ETag")? {
        headers.set("ETag", &tag)?;
    }
    Ok(Response::builder()
        .with_status(status)
        .with_headers(headers)
        .body(found.body().clone()))
}

/// Serves the HTML, whose stored form lacks the page's path. It has no `ETag`: that of the stored
/// form would not change with the path.
async fn html(file: &File<'_>, request: &Request, origin: OriginContext<'_>) -> ApiResult {
    let paths = &origin.settings.installation.paths;
    let url = caller::url(request)?;
    let target = url.pathname() + &url.search();
    if let Some(address) = page::redirect(&url.hostname(), &target, paths) {
        return Ok(Response::builder()
            .with_status(307)
            .with_header("Location", &address)?
            .with_header("Cache-Control", "no-store")?
            .empty());
    }
    let (status, mut found) = asset(file, Headers::new(), origin.env).await?;
    let html = page::html(&found.text().await?, paths);
    Ok(Response::builder()
        .with_status(status)
        .with_headers(headers(file, &found)?)
        .fixed(html.into_bytes()))
}

/// Fetches a file, and returns the status to respond with.
async fn asset(file: &File<'_>, conditions: Headers, env: &Env) -> ApiResult<(u16, Response)> {
    let mut init = RequestInit::new();
    init.with_headers(conditions);
    let found = env
        .assets(ASSETS)?
        .fetch(format!("https://assets/{}", file.path), Some(init))
        .await?;
    match found.status_code() {
        200 => Ok((file.status, found)),
        304 => Ok((304, found)),
        _ => Err(ApiError::not_found()),
    }
}

fn headers(file: &File<'_>, found: &Response) -> ApiResult<Headers> {
    let headers = Headers::new();
    if let Some(kind) = found.headers().get("Content-Type")? {
        headers.set("Content-Type", &kind)?;
    }
    headers.set("Cache-Control", file.cache_control)?;
    for (name, value) in page::HEADERS {
        headers.set(name, value)?;
    }
    Ok(headers)
}
