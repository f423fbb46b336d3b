//! Pages of other sites that embed the element: adds the headers that core defines for them.

use crate::{respond::ApiResult, settings::OriginSettings};
use patrol::http::endpoint::Endpoint;
use worker::{Method, Request, Response, Result};

/// The answer to a CORS preflight of a page that may embed. `None`: the request is no such preflight.
pub(crate) fn preflight(
    request: &Request,
    endpoint: &Endpoint<'_>,
    settings: &OriginSettings,
) -> ApiResult<Option<Response>> {
    let headers = request.headers();
    if request.method() != Method::Options || !headers.has("Access-Control-Request-Method")? {
        return Ok(None);
    }
    let origin = headers.get("Origin")?;
    let methods = endpoint.allow();
    let Some(allowed) = settings
        .embed_origins
        .preflight(origin.as_deref(), &methods)
    else {
        return Ok(None);
    };
    let response = Response::builder().with_status(204).empty();
    for (name, value) in allowed {
        response.headers().set(name, value)?;
    }
    Ok(Some(response))
}

/// Lets a page that may embed read a response.
pub(crate) fn with_headers(
    response: Response,
    request: &Request,
    settings: &OriginSettings,
) -> Result<Response> {
    let origin = request.headers().get("Origin")?;
    for (name, value) in settings.embed_origins.headers(origin.as_deref()) {
        if name == "Vary" {
            response.headers().append(name, value)?;
        } else {
            response.headers().set(name, value)?;
        }
    }
    Ok(response)
}
