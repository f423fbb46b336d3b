//! A crashed module is restarted: the crash fails the request in which it happened, and no other.

use patrol_support::{
    Response, client,
    config::{Binding, MODULES, Worker, text_bindings},
    kv::Kv,
    runtime::Runtime,
    sandbox::{Sandbox, edge_settings, origin_settings},
    wait_until,
};
use serde_json::json;
use std::{fs, path::Path};

/// A built Worker behind the script that can crash it.
const CRASHING: [&str; 4] = ["crash.js", MODULES[0], MODULES[1], MODULES[2]];

fn crash_sandbox(name: &str, worker: &str) -> Sandbox {
    let sandbox = Sandbox::new(name, worker);
    sandbox.write_script("crash.js", include_str!("crash.js"));
    sandbox
}

/// Ends the process, so that its log is complete, and counts the restarts of the module.
fn count_restarts(runtime: Runtime, log: &Path) -> usize {
    runtime.kill();
    let log = fs::read_to_string(log).unwrap();
    log.matches("The module was replaced after a crash").count()
}

#[tokio::test]
async fn edge_crash_fails_one_request() {
    let mut sandbox = crash_sandbox("crash-edge", "edge");
    sandbox.config.add_worker(&Worker {
        name: "edge",
        modules: &CRASHING,
        bindings: &text_bindings(&edge_settings()),
        storage: None,
    });
    sandbox.config.add_socket("edge");
    let runtime = sandbox.start().await;

    let send = |path: &str, crash: &'static str| {
        client()
            .get(format!("{}{path}", runtime.url("edge")))
            .header("X-Forwarded-Method", "GET")
            .header("X-Forwarded-Uri", "/api/v1/engine/pipelines")
            .header("X-Crash", crash)
            .send()
    };
    let authorize = "/.patrol/authorize";
    let health = "/.patrol/health";
    for round in 0..3 {
        for (path, expected) in [(authorize, 401), (health, 200)] {
            let answered = send(path, "").await.unwrap();
            assert_eq!(answered.status(), expected, "round {round}");
            let crashed = send(path, "handle").await.unwrap();
            assert_eq!(crashed.status(), 500, "round {round}");
        }
    }
    assert_eq!(count_restarts(runtime, &sandbox.folder().join("log")), 5);
}

#[tokio::test]
async fn origin_or_registry_crash_fails_one_request() {
    let mut sandbox = crash_sandbox("crash-origin", "origin");
    let kv = Kv::start().await;
    let settings = origin_settings();
    let mut bindings = text_bindings(&settings);
    bindings.push(("STATUS", Binding::Kv("kv")));
    bindings.push(("REGISTRY", Binding::Objects("origin")));
    sandbox.config.add_worker(&Worker {
        name: "origin",
        modules: &CRASHING,
        bindings: &bindings,
        storage: Some("objects"),
    });
    sandbox.add_storage("objects");
    sandbox.config.add_external("kv", kv.address());
    sandbox.config.add_socket("origin");
    let runtime = sandbox.start().await;

    let base = runtime.url("origin");
    let url = |path: &str| format!("{base}{path}");
    let sign_in = |crash: &str| {
        let sign_in = client().post(url("/.patrol/auth/dev"));
        let sign_in = sign_in.header("X-Crash", crash);
        sign_in.json(&json!({ "user": "ada" })).send()
    };
    // The first call creates the object.
    assert_eq!(sign_in("registry_new").await.unwrap().status(), 500);
    let signed_in = sign_in("").await.unwrap();
    let cookie = signed_in.headers()["set-cookie"].to_str().unwrap();
    let cookie = cookie.split(';').next().unwrap().to_owned();
    let tokens = |crash: &str| {
        let list = client().get(url("/api/v1/tokens"));
        Response::to(list.header("Cookie", &cookie).header("X-Crash", crash))
    };
    let create = async || {
        let body = json!({ "name": "x", "organizations": ["acme"], "scopes": ["uns:read"] });
        let created = client().post(url("/api/v1/tokens")).json(&body);
        let created = Response::to(created.header("Cookie", &cookie)).await;
        assert_eq!(created.status, 201);
        created.body["id"].as_str().unwrap().to_owned()
    };

    for (round, export) in ["fetch", "registry_fetch"].into_iter().enumerate() {
        assert_eq!(tokens(export).await.status, 500, "{export}");
        let listed = tokens("").await;
        assert_eq!(listed.status, 200, "after {export}");
        assert_eq!(listed.body["active"], round, "after {export}");
        create().await;
    }
    // The runtime retries a crashed alarm, so its write to KV arrives.
    let revoked = create().await;
    let lists = || kv.count_writes("status/");
    wait_until("KV has the list", async || (lists() > 0).then_some(())).await;
    let written = lists();
    assert_eq!(tokens("registry_alarm").await.status, 200);
    let revoke = client().delete(url(&format!("/api/v1/tokens/{revoked}")));
    let revoke = Response::to(revoke.header("Cookie", &cookie)).await;
    assert_eq!(revoke.status, 200);
    wait_until("the alarm has crashed", async || {
        (runtime.log().matches("Critical").count() == 4).then_some(())
    })
    .await;
    wait_until("KV has the change", async || {
        (lists() > written).then_some(())
    })
    .await;
    assert_eq!(tokens("").await.body["active"], 2);
    assert_eq!(count_restarts(runtime, &sandbox.folder().join("log")), 4);
}
