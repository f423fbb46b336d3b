//! What every handler needs besides its request.

use crate::settings::OriginSettings;
use patrol::policy::Policy;
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
