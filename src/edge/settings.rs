//! The edge's settings, read once per isolate.

use patrol::{authorize::forwarding::AddressHeader, revocation::known_list::FreshnessPolicy};
use patrol_platform::{Installation, address_setting, number_setting, once, optional_setting};
use std::{sync::OnceLock, time::Duration};
use worker::{Env, Error, Result};

/// All that the edge is configured with.
#[derive(Debug)]
pub(crate) struct Settings {
    /// Shared with the origin.
    pub(crate) installation: Installation,
    /// `STALE_GRACE_SECONDS`: how long an edge goes on without the registry after a lease is over.
    stale_grace_ms: u64,
    /// `UPSTREAM_URL`: where allowed requests go, unless there is a binding `UPSTREAM`.
    pub(crate) upstream_url: Option<String>,
    /// `UPSTREAM_TIMEOUT_SECONDS`: how long the upstream may take to begin its answer. Absent, it
    /// is for the platform to say: a timer costs a request more than all that is judged of it.
    pub(crate) upstream_timeout: Option<Duration>,
    /// `CLIENT_ADDRESS_HEADER`: where the client's address stands.
    pub(crate) client_address_header: AddressHeader,
}

/// A day: an edge that knows nothing for longer knows nothing.
const MAX_STALE_GRACE_SECONDS: u64 = 24 * 60 * 60;

static SETTINGS: OnceLock<Settings> = OnceLock::new();

impl Settings {
    /// The settings of this isolate. Wrong ones are an error on every request, which names the
    /// setting in the log.
    pub(crate) fn get(env: &Env) -> Result<&'static Self> {
        once(&SETTINGS, || Self::from_env(env))
    }

    /// Those that were read before.
    pub(crate) fn known() -> Option<&'static Self> {
        SETTINGS.get()
    }

    /// What the edge is content with.
    pub(crate) fn freshness(&self) -> FreshnessPolicy {
        FreshnessPolicy {
            mode: self.installation.mode,
            stale_grace_ms: self.stale_grace_ms,
        }
    }

    fn from_env(env: &Env) -> Result<Self> {
        let timeout = number_setting(env, "UPSTREAM_TIMEOUT_SECONDS", 1..=3600)?;
        let grace = number_setting(env, "STALE_GRACE_SECONDS", 0..=MAX_STALE_GRACE_SECONDS)?;
        let address_header = optional_setting(env, "CLIENT_ADDRESS_HEADER");
        let address_header = AddressHeader::from_setting(address_header.as_deref());
        Ok(Self {
            installation: Installation::from_env(env)?,
            stale_grace_ms: 1000 * grace.unwrap_or(0),
            upstream_url: address_setting(env, "UPSTREAM_URL")?,
            upstream_timeout: timeout.map(Duration::from_secs),
            client_address_header: address_header
                .map_err(|error| Error::RustError(error.to_owned()))?,
        })
    }
}
