//! The page: static files, with the headers that core wants for them.
//!
//! The Worker stands before the files, so that no way leads to one of them without its headers.

use crate::respond::{Outcome, Refusal};
use patrol::http::page::{self, File};
use worker::{Env, Headers, Request, RequestInit, Response};

/// The binding of the static files.
const ASSETS: &str = "ASSETS";

/// What of a file's own headers goes to the browser.
const KEPT: &[&str] = &["Content-Type", "ETag"];

/// `GET` of a file of the page.
pub(crate) async fn answer(file: &File<'_>, request: &Request, env: &Env) -> Outcome {
    let asked = Headers::new();
    // Only a file that may be kept can still be there.
    if let Some(tag) = request.headers().get("If-None-Match")? {
        asked.set("If-None-Match", &tag)?;
    }
    let mut init = RequestInit::new();
    init.with_headers(asked);
    let found = env
        .assets(ASSETS)?
        .fetch(format!("https://assets{}", file.path), Some(init))
        .await?;
    let status = match found.status_code() {
        200 => file.status,
        304 => 304,
        _ => return Err(Refusal::not_found()),
    };
    let headers = Headers::new();
    for name in KEPT {
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
