//! The edge's settings, read once per isolate.

use patrol_platform::{Installation, once, optional_setting};
use std::{sync::OnceLock, time::Duration};
use worker::{Env, Error, Result};

/// All that the edge is configured with.
#[derive(Debug)]
pub(crate) struct Settings {
    /// Shared with the origin.
    pub(crate) installation: Installation,
    /// `UPSTREAM_URL`: where allowed requests go, unless there is a binding `UPSTREAM`.
    pub(crate) upstream_url: Option<String>,
    /// `UPSTREAM_TIMEOUT_SECONDS`: how long the upstream may take to begin its answer.
    pub(crate) upstream_timeout: Duration,
}

/// As long as the platform's own proxies wait.
const UPSTREAM_TIMEOUT_SECONDS: u64 = 100;

static SETTINGS: OnceLock<Settings> = OnceLock::new();

impl Settings {
    /// The settings of this isolate. Wrong ones are an error on every request, which names the
    /// setting in the log.
    pub(crate) fn get(env: &Env) -> Result<&'static Self> {
        once(&SETTINGS, || Self::from_env(env))
    }

    fn from_env(env: &Env) -> Result<Self> {
        let seconds = match optional_setting(env, "UPSTREAM_TIMEOUT_SECONDS") {
            None => UPSTREAM_TIMEOUT_SECONDS,
            Some(text) => text
                .parse()
                .ok()
                .filter(|s| (1..=3600).contains(s))
                .ok_or_else(|| {
                    Error::RustError("UPSTREAM_TIMEOUT_SECONDS must be 1 to 3600".to_owned())
                })?,
        };
        Ok(Self {
            installation: Installation::from_env(env)?,
            upstream_url: optional_setting(env, "UPSTREAM_URL")
                .map(|url| url.trim_end_matches('/').to_owned()),
            upstream_timeout: Duration::from_secs(seconds),
        })
    }
}
