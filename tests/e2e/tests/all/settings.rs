//! Invalid settings: nothing is let through, and the log names the setting and the fix.

use patrol_support::{
    Response, client,
    config::{Binding, MODULES, Worker, text_bindings},
    sandbox::{Sandbox, edge_settings, origin_settings},
    wait_until,
};

/// The value of a setting that is `null`, as where the runtime's environment does not set it.
const NULL: &str = "null";

/// The setting, its value (empty: not set), and what the log says.
const EDGE: [(&str, &str, &str); 24] = [
    ("PUBLIC_URL", "", "the setting PUBLIC_URL is missing"),
    (
        "PUBLIC_URL",
        "http://api.example.com",
        "PUBLIC_URL must look like https://",
    ),
    (
        "PUBLIC_URL",
        "https://api.example.com/",
        "PUBLIC_URL must look like https://",
    ),
    (
        "PUBLIC_URL",
        "https://API.example.com",
        "PUBLIC_URL must look like https://",
    ),
    (
        "PUBLIC_URL",
        "api.example.com",
        "PUBLIC_URL must look like https://",
    ),
    (
        "PUBLIC_URL",
        "https://example.com/api?x",
        "PUBLIC_URL must look like https://",
    ),
    (
        "PUBLIC_URL",
        "https://user@example.com/api",
        "PUBLIC_URL must look like https://",
    ),
    (
        "PATROL_PREFIX",
        "/",
        "PATROL_PREFIX must be a path like /.patrol/",
    ),
    (
        "PATROL_PREFIX",
        "/a/../b/",
        "PATROL_PREFIX must be a path like /.patrol/",
    ),
    (
        "ROOT_PATHS",
        "pages",
        "ROOT_PATHS must be some of the words `page`, `api` and",
    ),
    ("PUBLIC_URL", NULL, "the setting PUBLIC_URL is missing"),
    (
        "STREAM_MAX_SECONDS",
        "3601",
        "STREAM_MAX_SECONDS must be a number from 1 to",
    ),
    ("ECHO_PATH", "yes", "ECHO_PATH must be `true` or `false`"),
    ("REGISTRIES", "0", "REGISTRIES must be a number from 1 to"),
    (
        "REGISTRY_LOCATION",
        "europe",
        "REGISTRY_LOCATION must be one of wnam, enam,",
    ),
    (
        "REVOCATION_MODE",
        "leases",
        "REVOCATION_MODE must be `lease` or `kv`",
    ),
    (
        "KV_MAX_AGE_SECONDS",
        "1",
        "KV_MAX_AGE_SECONDS must be a number from",
    ),
    (
        "STALE_GRACE_SECONDS",
        "a day",
        "STALE_GRACE_SECONDS must be a number from 0 to",
    ),
    (
        "UPSTREAM_TIMEOUT_SECONDS",
        "0",
        "UPSTREAM_TIMEOUT_SECONDS must be a number from 1 to",
    ),
    (
        "CLIENT_ADDRESS_HEADER",
        "X Real IP",
        "CLIENT_ADDRESS_HEADER must be the name of a header",
    ),
    (
        "CLIENT_ADDRESS_HEADER",
        "Cookie",
        "CLIENT_ADDRESS_HEADER must be the name of a header",
    ),
    (
        "UPSTREAM_URL",
        "api.example.com",
        "UPSTREAM_URL must be an address like https://",
    ),
    (
        "UPSTREAM_URL",
        "ftp://api.example.com",
        "UPSTREAM_URL must be an address like https://",
    ),
    (
        "UPSTREAM_URL",
        "https://api.example.com?key=1",
        "UPSTREAM_URL must be an address like https://",
    ),
];

const ORIGIN: [(&str, &str, &str); 19] = [
    (
        "OIDC_PROVIDERS",
        "keycloak",
        "OIDC_PROVIDERS must be a JSON array",
    ),
    (
        "OIDC_PROVIDERS",
        r#"[{"name":"main","issuer":"http://idp.example","client_id":"patrol"}]"#,
        "OIDC_PROVIDERS[0].issuer must be",
    ),
    (
        "OIDC_PROVIDERS",
        r#"[{"name":"main","issuer":"https://idp.example","client_id":"patrol"}]"#,
        "OIDC_SECRET_MAIN",
    ),
    ("ACCESS_TEAM", "acme", "ACCESS_AUD is missing"),
    (
        "PLATFORM_ISSUER",
        "https://platform.example",
        "PLATFORM_JWKS_URL is missing",
    ),
    (
        "PLATFORM_SECRET",
        "too short",
        "PLATFORM_ISSUER must be the `iss`",
    ),
    (
        "EMBED_ORIGINS",
        "https://app.example.com/",
        "EMBED_ORIGINS: \"https://app.example.com/\" must be an origin",
    ),
    ("SIGNING_KEYS", "", "the secret SIGNING_KEYS is missing"),
    ("SIGNING_KEYS", NULL, "the secret SIGNING_KEYS is missing"),
    ("SIGNING_KEYS", "a secret", "SIGNING_KEYS: "),
    (
        "PATROL_PREFIX",
        "patrol",
        "PATROL_PREFIX must be a path like /.patrol/",
    ),
    (
        "ROOT_PATHS",
        "page,api",
        "ROOT_PATHS must be some of the words `page`, `api` and",
    ),
    ("SESSION_KEYS", "", "the secret SESSION_KEYS is missing"),
    ("SESSION_KEYS", NULL, "the secret SESSION_KEYS is missing"),
    (
        "LEASE_MILLISECONDS",
        "499",
        "LEASE_MILLISECONDS must be a number from 500 to 20000",
    ),
    (
        "CREATION_BURST",
        "0",
        "CREATION_BURST must be a number from 1 to",
    ),
    (
        "CREATIONS_PER_HOUR",
        "many",
        "CREATIONS_PER_HOUR must be a number from 1 to",
    ),
    (
        "REGISTRY_LOCATION",
        "europe",
        "REGISTRY_LOCATION must be one of wnam, enam,",
    ),
    (
        "DEV_SIGN_IN",
        "perhaps",
        "DEV_SIGN_IN must be `true` or `false`",
    ),
];

#[tokio::test]
async fn edge_logs_an_invalid_setting_and_lets_nothing_through() {
    assert_all_refused("edge", &EDGE, &edge_settings()).await;
}

#[tokio::test]
async fn origin_logs_an_invalid_setting_and_lets_nothing_through() {
    assert_all_refused("origin", &ORIGIN, &origin_settings()).await;
}

/// Starts a Worker for each case, all in one process, and sends requests to each.
async fn assert_all_refused(
    worker: &str,
    cases: &[(&str, &str, &str)],
    valid: &[(String, String)],
) {
    let mut sandbox = Sandbox::new(&format!("settings-{worker}"), worker);
    let name = |case: usize| format!("case-{case}");
    for (case, (setting, value, _)) in cases.iter().enumerate() {
        let mut bindings = text_bindings(valid);
        bindings.retain(|(name, _)| name != setting);
        match *value {
            "" => {}
            NULL => bindings.push((setting, Binding::Environment("PATROL_IS_NOT_SET"))),
            _ => bindings.push((setting, Binding::Text(value))),
        }
        sandbox.config.add_worker(&Worker {
            name: &name(case),
            modules: &MODULES,
            bindings: &bindings,
            storage: None,
        });
        sandbox.config.add_socket(&name(case));
    }
    let runtime = sandbox.start().await;
    let mut accepted = Vec::new();
    'cases: for (case, (setting, value, message)) in cases.iter().enumerate() {
        let before = runtime.log().len();
        for path in ["/api/v1/engine/pipelines", "/.well-known/jwks.json"] {
            let url = format!("{}{path}", runtime.url(&name(case)));
            let response = Response::to(client().get(url)).await;
            if response.outcome() != (500, "internal") {
                accepted.push(format!("{setting}={value}"));
                continue 'cases;
            }
            let body = response.body.to_string();
            assert!(!body.contains(setting), "the response names {setting}");
        }
        wait_until(&format!("{setting}={value} is in the log"), async || {
            runtime.log().get(before..)?.contains(message).then_some(())
        })
        .await;
    }
    assert!(accepted.is_empty(), "accepted: {accepted:?}");
}
