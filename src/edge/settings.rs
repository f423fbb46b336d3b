//! The edge's settings, read once per isolate.

use patrol::{authorize::stream, revocation::freshness::FreshnessPolicy};
use patrol_platform::{Installation, address_setting, flag_setting, number_setting, once};
use std::{sync::OnceLock, time::Duration};
use worker::{Env, Result};

#[derive(Debug)]
pub(crate) struct EdgeSettings {
    /// Shared with the origin.
    pub(crate) installation: Installation,
    /// `REVOCATION_MODE` and `STALE_GRACE_SECONDS`: how long an edge that cannot reach the registry
    /// continues after its lease ends.
    pub(crate) freshness: FreshnessPolicy,
    /// `UPSTREAM_URL`: where allowed requests go, unless there is a binding `UPSTREAM`.
    pub(crate) upstream_url: Option<String>,
    /// `UPSTREAM_TIMEOUT_SECONDS`: how long the upstream may take to begin its response. Without it
    /// the platform's limit applies; a timer would cost a request more than its validation.
    pub(crate) upstream_timeout: Option<Duration>,
    /// `STREAM_MAX_SECONDS`: the greatest age of an open connection.
    pub(crate) stream_max_seconds: u64,
    /// `ECHO_PATH`: whether the edge sends paths below `echo-path/` back as they arrived.
    pub(crate) echo_path: bool,
}

/// A day. The setting is for outages, not for operation without a registry.
const MAX_STALE_GRACE_SECONDS: u64 = 24 * 60 * 60;

static SETTINGS: OnceLock<EdgeSettings> = OnceLock::new();

impl EdgeSettings {
    /// Returns this isolate's settings. A wrong one fails every request and is named in the log.
    pub(crate) fn get(env: &Env) -> Result<&'static Self> {
        once(&SETTINGS, || Self::from_env(env))
    }

    /// Returns the settings if an earlier request has read them.
    pub(crate) fn known() -> Option<&'static Self> {
        SETTINGS.get()
    }

    fn from_env(env: &Env) -> Result<Self> {
        let timeout = number_setting(env, "UPSTREAM_TIMEOUT_SECONDS", 1..=3600)?;
        let grace = number_setting(env, "STALE_GRACE_SECONDS", 0..=MAX_STALE_GRACE_SECONDS)?;
        let stream_max = number_setting(env, "STREAM_MAX_SECONDS", stream::MAX_SECONDS)?;
        let installation = Installation::from_env(env)?;
        Ok(Self {
            freshness: FreshnessPolicy::new(installation.mode, 1_000 * grace.unwrap_or(0)),
            installation,
            upstream_url: address_setting(env, "UPSTREAM_URL")?,
            stream_max_seconds: stream_max.unwrap_or(*stream::MAX_SECONDS.end()),
            upstream_timeout: timeout.map(Duration::from_secs),
            echo_path: flag_setting(env, "ECHO_PATH")?,
        })
    }
}
