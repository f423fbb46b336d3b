//! The readiness check: whether an edge, the origin, the keys and the registries are all there.
//!
//! For a deployment or a load balancer to ask. Each check is one call of the origin, which calls the
//! registries once in a while, however often it is asked.

use crate::{
    refuse,
    runtime::{Answer, EdgeContext, json_response, promise, succeeded, with_timeout},
    settings::EdgeSettings,
};
use patrol::{http::api::Readiness, routes};
use patrol_platform::{Fetcher, REGISTRY, STATUS, body_of, is_bound, policy::policy_hash};
use serde::Deserialize;
use web_sys::Request;
use worker::{Env, Error, Result};

pub(crate) fn ready(context: EdgeContext<'_>) -> Answer {
    let (env, settings) = (context.env.clone(), context.settings);
    context.lasting(promise(async move { check(&env, settings).await }))
}

async fn check(env: &Env, settings: &EdgeSettings) -> Result<Answer> {
    let mode = settings.installation.mode;
    let registry = mode.waits_for_leases().then_some(REGISTRY);
    let needed = ["ORIGIN", STATUS].into_iter().chain(registry);
    let unbound: Vec<_> = needed.filter(|name| !is_bound(env, name)).collect();
    if !unbound.is_empty() {
        let names = unbound.join(", ");
        return refuse::not_ready(format!("The edge lacks these bindings: {names}."));
    }
    let asked = with_timeout(ask_origin(env, settings)).await;
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
async fn ask_origin(
    env: &Env,
    settings: &EdgeSettings,
) -> Result<std::result::Result<Readiness, String>> {
    let address = settings.installation.paths.url_of(routes::READY);
    let request = Request::new_with_str(&address)?;
    let origin = Fetcher::binding(env, "ORIGIN")?;
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
