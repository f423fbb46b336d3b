//! The variants of the settings that tests need, in one process.

use patrol_support::variants::{Variant, Variants};
use tokio::sync::OnceCell;

/// All of them. A test has a variant to itself, so it may count tokens and calls.
const VARIANTS: [Variant; 11] = [
    ("default", &[]),
    ("active-limit", &[]),
    ("revoke-all", &[]),
    (
        "creation-limit",
        &[("CREATION_BURST", "3"), ("CREATIONS_PER_HOUR", "1")],
    ),
    (
        "client-address",
        &[("CLIENT_ADDRESS_HEADER", "Fly-Client-IP")],
    ),
    ("upstream-down", &[("UPSTREAM_URL", "http://127.0.0.1:1")]),
    ("upstream-slow", &[("UPSTREAM_TIMEOUT_SECONDS", "1")]),
    ("no-root-paths", &[("ROOT_PATHS", "")]),
    (
        "other-prefix",
        &[("PATROL_PREFIX", "/x/tokens/"), ("ROOT_PATHS", "")],
    ),
    (
        "public-path",
        &[("PUBLIC_URL", "http://127.0.0.1:8787/platform")],
    ),
    (
        "kv-mode",
        &[("REVOCATION_MODE", "kv"), ("KV_MAX_AGE_SECONDS", "10")],
    ),
];

/// The URL of a variant's edge.
pub(crate) async fn variant(name: &str) -> String {
    static RUNNING: OnceCell<Variants> = OnceCell::const_new();
    let running = RUNNING.get_or_init(|| Variants::start("variants", &VARIANTS));
    running.await.url(name)
}
