//! Wrong settings: nothing is let through, and the log names the setting and the fix.

use patrol_support::{Answer, client, empty_folder, root, shared, until};
use patrol_support::{
    config::{Binding, Config, MODULES, Worker, copy_worker},
    runtime::Runtime,
};
use std::fs;

/// What is set, and what the log says of it; an empty setting is none.
const EDGE: [(&str, &str, &str); 16] = [
    ("PUBLIC_URL", "", "the setting PUBLIC_URL is missing"),
    (
        "PUBLIC_URL",
        "http://api.example.com",
        "PUBLIC_URL must be like https://",
    ),
    (
        "PUBLIC_URL",
        "https://api.example.com/",
        "PUBLIC_URL must be like https://",
    ),
    (
        "PUBLIC_URL",
        "https://API.example.com",
        "PUBLIC_URL must be like https://",
    ),
    (
        "PUBLIC_URL",
        "api.example.com",
        "PUBLIC_URL must be like https://",
    ),
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

const ORIGIN: [(&str, &str, &str); 8] = [
    ("SIGNING_KEYS", "", "the secret SIGNING_KEYS is missing"),
    ("SIGNING_KEYS", "a secret", "SIGNING_KEYS: "),
    ("SESSION_KEYS", "", "the secret SESSION_KEYS is missing"),
    (
        "LEASE_MILLISECONDS",
        "499",
        "LEASE_MILLISECONDS must be a number from 500 to",
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

const GOOD: [(&str, &str); 2] = [
    ("PUBLIC_URL", "http://127.0.0.1:8787"),
    ("REGISTRIES", "16"),
];

#[tokio::test]
async fn a_wrong_setting_of_the_edge_is_named_in_the_log_and_lets_nothing_through() {
    refuse_all("edge", &EDGE, &[]).await;
}

#[tokio::test]
async fn a_wrong_setting_of_the_origin_is_named_in_the_log_and_lets_nothing_through() {
    let system = shared();
    let keys = ["SIGNING_KEYS", "SESSION_KEYS"].map(|name| (name, system.secret(name)));
    let keys = keys.each_ref().map(|(name, value)| (*name, &**value));
    refuse_all("origin", &ORIGIN, &keys).await;
}

/// Starts a Worker for each case, all in one process, and asks each.
async fn refuse_all(built: &str, cases: &[(&str, &str, &str)], secrets: &[(&str, &str)]) {
    // Which builds the Workers.
    let _ = shared();
    let folder = empty_folder(&format!("settings-of-the-{built}"));
    copy_worker(&root().join("build").join(built), &folder);
    let name = |case: usize| format!("case-{case}");
    let mut config = Config::default();
    for (case, (setting, value, _)) in cases.iter().enumerate() {
        let good = GOOD.iter().chain(secrets).copied();
        let others = good.filter(|(name, _)| name != setting);
        let bindings: Vec<_> = others
            .chain([(*setting, *value)])
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| (name, Binding::Text(value)))
            .collect();
        config.worker(&Worker {
            name: &name(case),
            modules: &MODULES,
            bindings: &bindings,
            storage: None,
        });
        config.socket(&name(case));
    }
    let path = folder.join("config.capnp");
    fs::write(&path, config.finish()).unwrap();
    let log = folder.join("log");
    let process = Runtime::start(&path, &log, cases.len()).await;
    for (case, (setting, value, said)) in cases.iter().enumerate() {
        let before = fs::read_to_string(&log).unwrap().len();
        let port = process.port(&name(case));
        for path in ["/api/v1/engine/pipelines", "/.well-known/jwks.json"] {
            let url = format!("http://127.0.0.1:{port}{path}");
            let answer = Answer::to(client().get(url)).await;
            assert_eq!(answer.outcome(), (500, "internal"), "{setting}={value}");
            assert!(!answer.body.to_string().contains(setting), "not for all");
        }
        until(&format!("{setting}={value} is in the log"), async || {
            let words = fs::read_to_string(&log).unwrap();
            words.get(before..)?.contains(said).then_some(())
        })
        .await;
    }
}
