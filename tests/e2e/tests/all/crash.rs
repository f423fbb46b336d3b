//! A module that has crashed is started anew: the crash costs the request that it happened in, and
//! no other.

use patrol_e2e::{client, empty_folder, root, shared};
use patrol_stand::{
    config::{Binding, Config, MODULES, Worker, copy_worker},
    runtime::Runtime,
};
use std::fs;

#[tokio::test]
async fn a_crash_costs_one_request() {
    // Which builds the edge.
    let _ = shared();
    let folder = empty_folder("crash-of-the-module");
    copy_worker(&root().join("build/edge"), &folder);
    fs::write(folder.join("crash.js"), include_str!("crash.js")).unwrap();
    let mut config = Config::default();
    config.worker(&Worker {
        name: "edge",
        modules: &["crash.js", MODULES[0], MODULES[1]],
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
    // What is said arrives when it may: only an ended process has said all.
    process.kill();
    let words = fs::read_to_string(&log).unwrap();
    assert_eq!(words.matches("The module is started anew").count(), 5);
}
