//! The variants of the settings that tests need, in one process.

use patrol::jose::signing::SigningKeys;
use patrol_support::{
    variants::{Variant, Variants},
    workspace::{policy, policy_without_rbac},
};
use std::fmt::Write;
use tokio::sync::OnceCell;

/// All of them. A test has a variant to itself, so it may count tokens and calls.
const VARIANTS: [Variant; 24] = [
    Variant::new("default"),
    Variant::new("accounts"),
    Variant::new("many-sessions"),
    Variant::new("audit"),
    Variant::new("audit-pages"),
    Variant::new("active-limit"),
    Variant::new("revoke-all"),
    Variant::new("creation-limit").with(&[("CREATION_BURST", "3"), ("CREATIONS_PER_HOUR", "1")]),
    Variant::new("client-address").with(&[("CLIENT_ADDRESS_HEADER", "Fly-Client-IP")]),
    Variant::new("upstream-down").with(&[("UPSTREAM_URL", "http://127.0.0.1:1")]),
    Variant::new("upstream-slow").with(&[("UPSTREAM_TIMEOUT_SECONDS", "1")]),
    Variant::new("no-root-paths").with(&[("ROOT_PATHS", "")]),
    Variant::new("other-prefix").with(&[("PATROL_PREFIX", "/x/tokens/"), ("ROOT_PATHS", "")]),
    Variant::new("public-path").with(&[("PUBLIC_URL", "http://127.0.0.1:8787/platform")]),
    Variant::new("kv-mode").with(&[("REVOCATION_MODE", "kv"), ("KV_MAX_AGE_SECONDS", "10")]),
    Variant::new("platform-paths")
        .with(&[("ROOT_PATHS", "")])
        .with_policy(policy_with_platform_paths),
    Variant::new("bound-upstream").with_bound_upstream(),
    Variant::new("short-streams").with(&[("STREAM_MAX_SECONDS", "1")]),
    Variant::new("short-streams-no-wait-until")
        .with(&[("STREAM_MAX_SECONDS", "1")])
        .with_edge_entry(include_str!("no_wait_until.js")),
    Variant::new("many-streams"),
    Variant::new("no-wait-until").with_edge_entry(include_str!("no_wait_until.js")),
    Variant::new("rbac-off").with_policy(policy_without_rbac),
    Variant::new("git").with_policy(policy_with_git),
    Variant::new("long-scope").with_policy(|| policy().replace("uns:read", &long_scope())),
];

/// The policy of a platform that has its own page, open to everybody, and one guarded path at the
/// root.
fn policy_with_platform_paths() -> String {
    let mut text = policy();
    for open in [
        "GET /",
        "GET /assets/{*file}",
        "POST /auth/login",
        "GET /profile",
        "GET /status/{number}",
        "GET /.well-known/security.txt",
    ] {
        writeln!(text, "\"{open}\" = {{ public = true }}").unwrap();
    }
    text + "\"GET /reports/{report}\" = [\"models:read\"]\n"
}

/// The policy of a platform that also serves git repositories.
fn policy_with_git() -> String {
    let mut text = policy();
    for (route, scope) in [
        ("GET /git/{*path}", "models:read"),
        ("POST /git/{repository}/git-upload-pack", "models:read"),
        ("POST /git/{repository}/git-receive-pack", "models:write"),
    ] {
        writeln!(text, "\"{route}\" = [\"{scope}\"]").unwrap();
    }
    text
}

/// A scope that makes a token too long.
pub(crate) fn long_scope() -> String {
    format!("uns:{}", "x".repeat(4_000))
}

/// The URL of a variant's edge.
pub(crate) async fn variant(name: &str) -> String {
    running().await.url(name)
}

/// The keys that sign the tokens of all variants.
pub(crate) async fn signing_keys() -> SigningKeys {
    SigningKeys::from_jwks(running().await.secret("SIGNING_KEYS")).unwrap()
}

async fn running() -> &'static Variants {
    static RUNNING: OnceCell<Variants> = OnceCell::const_new();
    let running = RUNNING.get_or_init(|| Variants::start("variants", &VARIANTS));
    running.await
}
