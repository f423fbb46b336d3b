//! A module that has crashed is started anew: the crash costs the request that it happened in, and
//! no other.

use patrol_support::{Answer, client, empty_folder, root, shared, until};
use patrol_support::{
    config::{Binding, Config, MODULES, Worker, copy_worker},
    kv::Kv,
    runtime::Runtime,
};
use serde_json::json;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// A built Worker beside the script that can crash it.
fn folder_with(worker: &str, name: &str) -> PathBuf {
    // Which builds the Workers.
    let _ = shared();
    let folder = empty_folder(name);
    copy_worker(&root().join("build").join(worker), &folder);
    fs::write(folder.join("crash.js"), include_str!("crash.js")).unwrap();
    folder
}

const CRASHING: [&str; 3] = ["crash.js", MODULES[0], MODULES[1]];

/// How often the module was started anew. What is said arrives when it may: only an ended process
/// has said all.
fn restarts(process: Runtime, log: &Path) -> usize {
    process.kill();
    let words = fs::read_to_string(log).unwrap();
    words.matches("The module was replaced after a crash").count()
}

#[tokio::test]
async fn a_crash_costs_one_request() {
    let folder = folder_with("edge", "crash-of-the-module");
    let mut config = Config::default();
    config.worker(&Worker {
        name: "edge",
        modules: &CRASHING,
        bindings: &[
            ("PUBLIC_URL", Binding::Text("http://127.0.0.1:8787")),
            ("REGISTRIES", Binding::Text("1")),
        ],
        storage: None,
    });
    config.socket("edge");
    let path = folder.join("config.capnp");
    fs::write(&path, config.finish()).unwrap();
    let log = folder.join("log");
    let process = Runtime::start(&path, &log, 1).await;

    let ask = |path: &str, crash: &'static str| {
        client()
            .get(format!("http://127.0.0.1:{}{path}", process.port("edge")))
            .header("X-Forwarded-Method", "GET")
            .header("X-Forwarded-Uri", "/api/v1/engine/pipelines")
            .header("X-Crash", crash)
            .send()
    };
    let authorize = "/.patrol/authorize";
    let health = "/.patrol/health";
    for round in 0..3 {
        // The first goes the long way, as there is no memory yet; the second does not.
        for _ in 0..2 {
            let refused = ask(authorize, "").await.unwrap();
            assert_eq!(refused.status(), 401, "round {round}");
        }
        let crashed = ask(authorize, "authorizeAtOnce").await.unwrap();
        assert_eq!(crashed.status(), 500, "round {round}");
        assert_eq!(ask(health, "").await.unwrap().status(), 200);
        let crashed = ask(health, "fetch").await.unwrap();
        assert_eq!(crashed.status(), 500, "round {round}");
    }
    assert_eq!(restarts(process, &log), 5);
}

#[tokio::test]
async fn a_crash_of_the_origin_or_of_a_registry_costs_one_request() {
    let folder = folder_with("origin", "crash-of-the-origin");
    let kv = Kv::open().await;
    let system = shared();
    let keys = ["SIGNING_KEYS", "SESSION_KEYS"].map(|name| (name, system.secret(name)));
    let mut bindings = vec![
        ("PUBLIC_URL", Binding::Text("http://127.0.0.1:8787")),
        ("REGISTRIES", Binding::Text("1")),
        ("DEV_SIGN_IN", Binding::Text("1")),
        ("STATUS", Binding::Kv("kv")),
        ("REGISTRY", Binding::Objects("origin")),
    ];
    bindings.extend(
        keys.iter()
            .map(|(name, value)| (*name, Binding::Text(value))),
    );
    let objects = folder.join("objects");
    fs::create_dir_all(&objects).unwrap();
    let mut config = Config::default();
    config.worker(&Worker {
        name: "origin",
        modules: &CRASHING,
        bindings: &bindings,
        storage: Some("objects"),
    });
    config.disk("objects", objects.to_str().unwrap());
    config.external("kv", kv.address());
    config.socket("origin");
    let path = folder.join("config.capnp");
    fs::write(&path, config.finish()).unwrap();
    let log = folder.join("log");
    let process = Runtime::start(&path, &log, 1).await;

    let base = format!("http://127.0.0.1:{}", process.port("origin"));
    let url = |path: &str| format!("{base}{path}");
    let sign_in = client()
        .post(url("/auth/dev"))
        .json(&json!({ "user": "ada" }));
    let signed_in = sign_in.send().await.unwrap();
    let cookie = signed_in.headers()["set-cookie"].to_str().unwrap();
    let cookie = cookie.split(';').next().unwrap().to_owned();
    let tokens = |crash: &str| {
        let list = client().get(url("/api/v1/tokens"));
        Answer::to(list.header("Cookie", &cookie).header("X-Crash", crash))
    };
    let create = async || {
        let wish = json!({ "name": "x", "organizations": ["acme"], "scopes": ["uns:read"] });
        let made = client().post(url("/api/v1/tokens")).json(&wish);
        let made = Answer::to(made.header("Cookie", &cookie)).await;
        assert_eq!(made.status, 201);
        made.body["id"].as_str().unwrap().to_owned()
    };

    // The first call is what makes the object.
    for (round, export) in ["registry_new", "fetch", "registry_fetch"]
        .into_iter()
        .enumerate()
    {
        assert_eq!(tokens(export).await.status, 500, "{export}");
        let listed = tokens("").await;
        assert_eq!(listed.status, 200, "after {export}");
        assert_eq!(listed.body["active"], round, "after {export}");
        create().await;
    }
    // The runtime tries an alarm that has crashed again, so what it writes to KV arrives.
    let revoked = create().await;
    let lists = || kv.writes_below("/status/");
    until("KV has the list", async || (lists() > 0).then_some(())).await;
    let written = lists();
    assert_eq!(tokens("registry_alarm").await.status, 200);
    let revoke = client().delete(url(&format!("/api/v1/tokens/{revoked}")));
    let revoke = Answer::to(revoke.header("Cookie", &cookie)).await;
    assert_eq!(revoke.status, 200);
    until("the alarm has crashed", async || {
        let words = fs::read_to_string(&log).ok()?;
        (words.matches("Critical").count() == 4).then_some(())
    })
    .await;
    until("KV has the change", async || {
        (lists() > written).then_some(())
    })
    .await;
    assert_eq!(tokens("").await.body["active"], 3);
    assert_eq!(restarts(process, &log), 4);
}
