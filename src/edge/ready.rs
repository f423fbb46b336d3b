//! The readiness check: whether an edge, the origin, the keys and the registries are all there.
//!
//! For a deployment or a load balancer to ask. Each check is one call of the origin, which calls the
//! registries once in a while, however often it is asked.

use crate::{
    refuse,
    runtime::{EdgeContext, json_response, succeeded},
};
use patrol::{http::api::Readiness, revocation::single_flight::FETCH_TIMEOUT, routes};
use patrol_platform::{
    Fetcher, REGISTRY, STATUS, body_of, is_bound, policy::policy_hash, timeout::in_time,
};
use serde::Deserialize;
use std::time::Duration;
use web_sys::{Request, Response};
use worker::{Error, Result};

pub(crate) async fn ready(context: EdgeContext<'_>) -> Result<Response> {
    let mode = context.settings.installation.mode;
    let registry = mode.waits_for_leases().then_some(REGISTRY);
    let needed = ["ORIGIN", STATUS].into_iter().chain(registry);
    let unbound: Vec<_> = needed.filter(|name| !is_bound(context.env, name)).collect();
    if !unbound.is_empty() {
        let names = unbound.join(", ");
        return refuse::not_ready(format!("The edge lacks these bindings: {names}."));
    }
    let asked = in_time(Duration::from_millis(FETCH_TIMEOUT), ask_origin(context)).await;
    succeeded("the readiness of the origin", &asked);
    match asked {
        Ok(Ok(origin)) => {
            let readiness = origin.at_edge(policy_hash());
            json_response(&serde_json::to_string(&readiness)?)
        }
        Ok(Err(detail)) => refuse::not_ready(detail),
        Err(_) => refuse::not_ready("The origin does not answer.".to_owned()),
    }
}

/// The members of a problem that are passed on.
#[derive(Deserialize)]
struct OriginProblem {
    detail: String,
}

/// Asks the origin whether it is ready, or else why not.
async fn ask_origin(context: EdgeContext<'_>) -> Result<std::result::Result<Readiness, String>> {
    let address = context.settings.installation.paths.url_of(routes::READY);
    let request = Request::new_with_str(&address)?;
    let origin = Fetcher::binding(context.env, "ORIGIN")?;
    let response = origin.send(&request).await?;
    let status = response.status();
    let text = body_of(response).await?;
    if status == 200 {
        return Ok(Ok(serde_json::from_slice(text.as_bytes())?));
    }
    let problem: std::result::Result<OriginProblem, _> = serde_json::from_slice(text.as_bytes());
    match problem {
        Ok(problem) => Ok(Err(format!("The origin says: {}", problem.detail))),
        Err(_) => Err(Error::RustError(format!("the origin answered {status}"))),
    }
}
