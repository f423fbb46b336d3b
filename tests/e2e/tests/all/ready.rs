//! `GET ready`: 200 only if everything that a request may need is there.

use crate::variants::variant;
use patrol_support::{
    Response, User, client,
    cluster::{Cluster, ClusterConfig},
    config::{POLICY, copy_worker},
    create_folder, root,
    sandbox::{Sandbox, edge_settings, origin_settings},
    shared_system, wait_until,
};
use std::fs;

async fn ready(url: &str) -> Response {
    Response::to(client().get(format!("{url}/.patrol/ready"))).await
}

#[tokio::test]
async fn ready_names_version_policy_keys_and_registries() {
    let url = variant("default").await;
    let ada = User::sign_in(&url, "ada").await;
    ada.create_token(&["uns:read"]).await;
    // The origin counts the registries once in a while.
    let ready = wait_until("the registry is counted", async || {
        let ready = ready(&url).await;
        assert_eq!(ready.status, 200);
        (ready.body["registries"] == 1).then_some(ready)
    })
    .await;
    assert_eq!(ready.body["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(ready.body["keys"], 1);
    assert_eq!(ready.body["warnings"], serde_json::json!([]));
    assert_eq!(ready.header("Cache-Control"), "no-store");
    let keys = Response::to(client().get(format!("{url}/.patrol/jwks.json"))).await;
    assert_eq!(ready.body["policy"], keys.header("X-Patrol-Policy"));
}

/// The registries and KV are bindings too.
#[tokio::test]
async fn ready_names_what_a_worker_without_bindings_lacks() {
    for (worker, settings, lacking) in [
        (
            "edge",
            edge_settings(),
            "lacks these bindings: ORIGIN, STATUS, REGISTRY.",
        ),
        (
            "origin",
            origin_settings(),
            "A registry or the namespace STATUS does not answer.",
        ),
    ] {
        let mut sandbox = Sandbox::new(&format!("ready-{worker}"), worker);
        sandbox.add_worker(worker, &settings);
        let runtime = sandbox.start().await;
        let found = ready(&runtime.url(worker)).await;
        assert_eq!(found.outcome(), (503, "not-ready"), "{worker}");
        let detail = found.body["detail"].as_str().unwrap();
        assert!(detail.contains(lacking), "{detail}");
    }
}

#[tokio::test]
async fn ready_says_what_is_missing_and_that_policies_differ() {
    // Its start builds the Workers.
    let _ = shared_system();
    let build = create_folder("other-policy");
    for worker in ["edge", "origin"] {
        copy_worker(&root().join("build").join(worker), &build.join(worker));
    }
    let json = build.join("edge").join(POLICY);
    let text = fs::read_to_string(&json).unwrap();
    fs::write(&json, text.replacen("Read models", "See models", 1)).unwrap();
    let mut cluster = Cluster::start(&ClusterConfig {
        name: "ready",
        processes: 1,
        isolates: 1,
        build: &build,
        settings: &[],
        entry: None,
    })
    .await;
    let edge = cluster.edge_urls().remove(0);
    let found = ready(&edge).await;
    let warning = found.body["warnings"][0].as_str().unwrap_or_default();
    assert_eq!(found.status, 200);
    assert!(
        warning.contains("Deploy both from one policy.toml"),
        "{warning}"
    );
    // No request fails of it, and the log tells it once.
    let ada = User::sign_in(&cluster.management_url(), "ada").await;
    let created = ada.create_token(&["pipelines:read"]).await;
    for _ in 0..2 {
        assert_eq!(crate::common::authorize(&edge, &created.token).await, 200);
    }

    cluster.kill_origin();
    let found = ready(&edge).await;
    assert_eq!(found.outcome(), (503, "not-ready"));
    assert_eq!(found.body["detail"], "The origin does not answer.");
    cluster.start_origin().await;
    wait_until("the edge is ready again", async || {
        (ready(&edge).await.status == 200).then_some(())
    })
    .await;
    let log = cluster.edge_log(0);
    assert_eq!(
        log.matches("Deploy both from one policy.toml").count(),
        1,
        "{log}"
    );
}
