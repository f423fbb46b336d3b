//! What every handler needs besides its request.

use crate::{
    list_cache,
    respond::{ApiError, ApiResult},
    settings::OriginSettings,
};
use patrol::{
    placement,
    policy::Policy,
    registry::{Effect, UserCall},
};
use patrol_platform::call_registry;
use worker::{Context, Env};

/// The bindings, the settings, the policy, and the event that the request belongs to.
#[derive(Clone, Copy)]
pub(crate) struct OriginContext<'a> {
    pub(crate) env: &'a Env,
    /// Runs work that must not stop when the client goes away (`waitUntil`).
    pub(crate) event: &'a Context,
    pub(crate) settings: &'static OriginSettings,
    pub(crate) policy: &'static Policy,
}

impl OriginContext<'_> {
    /// Calls the registry of the user whom the call is about.
    pub(crate) async fn call<C: UserCall>(self, call: &C) -> ApiResult<C::Answer> {
        let installation = &self.settings.installation;
        let registry = placement::of_user(call.user(), installation.registries);
        let answer = call_registry(self.env, installation, registry, call).await;
        if C::EFFECT == Effect::Lists {
            // Even after an error: the registry may have carried out the call.
            list_cache::invalidate(registry);
        }
        Ok(answer?)
    }
}

/// Random bytes, for what nobody may guess.
pub(crate) fn random<const N: usize>() -> ApiResult<[u8; N]> {
    let mut random = [0; N];
    getrandom::fill(&mut random).map_err(|error| ApiError::unexpected(&error.to_string()))?;
    Ok(random)
}
