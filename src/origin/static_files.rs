//! The page's static files, with the headers that core defines for them.
//!
//! The Worker runs before the platform's own file server (`run_worker_first`), so nobody gets a
//! file without these headers.

use crate::{
    caller,
    context::OriginContext,
    respond::{ApiError, ApiResult},
};
use patrol::http::{
    conditional,
    page::{self, File},
};
use worker::{Env, Headers, Request, Response};

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
    let found = asset(file, origin.env).await?;
    let headers = headers(file, &found)?;
    if let Some(tag) = found.headers().get("ETag")? {
        headers.set("ETag", &tag)?;
        let known = request.headers().get("If-None-Match")?;
        if known.is_some_and(|known| conditional::is_current(&known, &tag)) {
            // It has no content to describe (RFC 9110, section 15.4.5).
            headers.delete("Content-Type")?;
            let response = Response::builder().with_status(304).with_headers(headers);
            return Ok(response.empty());
        }
    }
    Ok(Response::builder()
        .with_status(file.status)
        .with_headers(headers)
        .body(found.body().clone()))
}

/// Sends a browser to another address of the page, with the query of its request.
pub(crate) fn redirect(status: u16, to: &str, request: &Request) -> ApiResult {
    let query = caller::url(request)?.search();
    Ok(Response::builder()
        .with_status(status)
        .with_header("Location", &format!("{to}{query}"))?
        .with_header("Cache-Control", "no-store")?
        .empty())
}

/// Serves the HTML, whose stored form lacks the page's path. It has no `ETag`: that of the stored
/// form would not change with the path.
async fn html(file: &File<'_>, request: &Request, origin: OriginContext<'_>) -> ApiResult {
    let paths = &origin.settings.installation.paths;
    let url = caller::url(request)?;
    let port = url.port().parse().ok();
    if let Some(address) = page::redirect(&url.hostname(), port, &url.pathname(), paths) {
        return redirect(307, &address, request);
    }
    let mut found = asset(file, origin.env).await?;
    let html = page::html(&found.text().await?, paths);
    Ok(Response::builder()
        .with_status(file.status)
        .with_headers(headers(file, &found)?)
        .fixed(html.into_bytes()))
}

/// Fetches a file. Its file server compares entity-tags in a way of its own, so it gets no condition.
async fn asset(file: &File<'_>, env: &Env) -> ApiResult<Response> {
    let address = format!("https://assets/{}", file.path);
    let found = env.assets(ASSETS)?.fetch(address, None).await?;
    match found.status_code() {
        200 => Ok(found),
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
