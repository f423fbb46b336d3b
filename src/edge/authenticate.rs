//! Authenticates a request: calls the validator, and fetches what it needs.

use crate::{
    client_address::client_address,
    identity::{Admission, CachedIdentities, Denied, Identity},
    isolate::{EdgeValidator, with_validator},
    refresh,
    runtime::EdgeContext,
};
use patrol::authorize::{
    decision::{AccessRequest, Denial},
    validator::{Attempted, Decision, Needs},
};
use patrol_platform::{clock, now};
use web_sys::Request;
use worker::Result;

/// Turns a decision into an admission or a refusal.
pub(crate) fn outcome(
    decision: Decision<CachedIdentities>,
) -> std::result::Result<Admission, Denied> {
    match (decision.result, decision.token) {
        (Ok(allowed), token) => Ok(Admission {
            normal_path: allowed.normal_path,
            identity: token.map(|verified| Identity {
                verified,
                organization: allowed.organization,
            }),
        }),
        (Err(denial), token) => Err(Denied { denial, token }),
    }
}

/// Decides on a request by its token.
pub(crate) async fn authenticate(
    request: &Request,
    access: &AccessRequest<'_>,
    context: EdgeContext<'_>,
) -> Result<std::result::Result<Admission, Denied>> {
    let header = request.headers().get("Authorization")?;
    let check = |validator: &mut EdgeValidator, attempted: &mut Attempted| {
        validator.check(access, header.as_deref(), clock(), attempted)
    };
    let Some(decision) = decide(check, context).await else {
        return Ok(Err(Denied::without_token(Denial::RevocationUnavailable)));
    };
    if let Some(used) = decision.usage {
        let nearest = &context.settings.client_address_header;
        let address = || client_address(access.forwarder, &request.headers(), nearest);
        let recorded = with_validator(|validator| refresh::record_use(validator, used, address));
        if let Some(batch) = recorded.flatten() {
            refresh::schedule_flush(used.list, batch, context);
        }
    }
    Ok(outcome(decision))
}

/// Returns a denial if the token is dead, so that its request does not reach the origin. What this
/// edge cannot know, the origin decides.
pub(crate) async fn deny_dead_token(
    request: &Request,
    context: EdgeContext<'_>,
) -> Result<Option<Denied>> {
    let header = request.headers().get("Authorization")?;
    let decision = authenticate_token(header.as_deref(), context).await;
    Ok(decision.and_then(|Decision { token, result, .. }| {
        let denial = result.err()?;
        (denial != Denial::RevocationUnavailable).then_some(Denied { denial, token })
    }))
}

/// Decides on a token alone. `None`: the validator is not initialized.
pub(crate) async fn authenticate_token(
    header: Option<&str>,
    context: EdgeContext<'_>,
) -> Option<Decision<CachedIdentities>> {
    let check = |validator: &mut EdgeValidator, attempted: &mut Attempted| {
        validator.authenticate(now(), header, clock(), attempted)
    };
    decide(check, context).await
}

/// Checks, and fetches what the check needs, until there is a decision. `None`: the validator is
/// not initialized.
async fn decide(
    mut check: impl FnMut(
        &mut EdgeValidator,
        &mut Attempted,
    ) -> std::result::Result<Decision<CachedIdentities>, Needs>,
    context: EdgeContext<'_>,
) -> Option<Decision<CachedIdentities>> {
    let mut attempted = Attempted::default();
    loop {
        match with_validator(|validator| check(validator, &mut attempted))? {
            Err(needs) => refresh::fetch(needs, context).await,
            Ok(decision) => {
                if let Some(resource) = decision.refresh {
                    refresh::fetch_in_background(resource, context);
                }
                return Some(decision);
            }
        }
    }
}
