//! Authenticates a request: asks the validator, and begins what it wants done behind the response.

use crate::{
    client_address::client_address,
    identity::{Admission, CachedIdentities, Denied, Identity},
    incoming::Incoming,
    isolate::with_validator,
    refresh,
    runtime::EdgeContext,
};
use patrol::authorize::{
    decision::{AccessRequest, Denial, Forwarder},
    validator::{Attempted, Decision, Needs},
};
use patrol_platform::{clock, now};
use worker::Error;

/// Why there is no answer yet.
pub(crate) enum Unanswered {
    /// Something must be fetched first.
    Needs(Needs),
    /// The runtime cannot even create a response.
    Failed(Error),
}

impl<E: Into<Error>> From<E> for Unanswered {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// A request's admission, or why it is refused.
pub(crate) type Outcome = Result<Admission, Denied>;

/// Decides on a request by its token.
pub(crate) fn authenticate(
    incoming: &Incoming<'_>,
    access: &AccessRequest<'_>,
    context: EdgeContext<'_>,
    attempted: &mut Attempted,
) -> Result<Outcome, Unanswered> {
    let address = || {
        let nearest = &context.settings.installation.client_address_header;
        client_address(access.forwarder, &incoming.request.headers(), nearest)
    };
    let own = context.settings.installation.paths.origin();
    outcome(
        with_validator(|validator| {
            let token = incoming.token(access.forwarder, own);
            let credentials = token.as_deref().map_err(|error| *error);
            validator.check(access, credentials, clock(), attempted, address)
        }),
        context,
    )
}

/// Decides on a token alone.
pub(crate) fn authenticate_token(
    incoming: &Incoming<'_>,
    context: EdgeContext<'_>,
    attempted: &mut Attempted,
) -> Result<Outcome, Unanswered> {
    let own = context.settings.installation.paths.origin();
    outcome(
        with_validator(|validator| {
            let token = incoming.token(Forwarder::Edge, own);
            let credentials = token.as_deref().map_err(|error| *error);
            validator.authenticate(now(), credentials, clock(), attempted)
        }),
        context,
    )
}

fn outcome(
    decided: Option<Result<Decision<CachedIdentities>, Needs>>,
    context: EdgeContext<'_>,
) -> Result<Outcome, Unanswered> {
    let Some(decided) = decided else {
        return Ok(Err(Denied::without_token(Denial::RevocationUnavailable)));
    };
    let decision = decided.map_err(Unanswered::Needs)?;
    refresh::follow_up(decision.follow_up, context);
    let token = decision.token;
    Ok(match decision.result {
        Ok(allowed) => Ok(Admission {
            normal_path: allowed.normal_path,
            identity: token.map(|verified| Identity {
                verified,
                organization: allowed.organization,
            }),
        }),
        Err(denial) => Err(Denied { denial, token }),
    })
}
