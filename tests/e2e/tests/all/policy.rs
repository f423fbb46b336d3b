//! The policy is configuration: it is changed without a build, and a wrong one lets nothing through.

use patrol_support::{
    Response, System, User, api_request, client,
    config::POLICY,
    sandbox::{Sandbox, edge_settings, origin_settings},
    wait_until,
    workspace::{policy, write_policy},
};
use reqwest::Method;
use serde_json::json;
use std::fs;

const REPORTS: &str = r#"
[[group]]
name = "Reports"
color = "amber"
scopes = [{ name = "reports:read", label = "Read reports", description = "Read reports." }]
"#;

#[tokio::test]
async fn changed_policy_is_loaded_by_running_workers() {
    let file = write_policy("changing", &policy());
    let system = System::start_watching("policy", &["--policy", file.to_str().unwrap()]);
    let ada = User::sign_in(&system.url, "ada").await;
    let before = ada.create_token(&["models:read"]).await;
    let get = |token: &str| {
        let request = api_request(&system.url, Method::GET, "/api/v1/reports", token);
        Response::to(request.header("X-Echo-Headers", "1"))
    };
    assert_eq!(get(&before.token).await.outcome(), (403, "route-unknown"));

    let route = "\"GET /api/v1/reports\" = [\"reports:read\"]\n";
    let text = policy().replacen("# ----", &format!("{REPORTS}# ----"), 1);
    fs::write(&file, text + route).unwrap();
    let body = json!({
        "name": "Reports", "organizations": ["acme"], "scopes": ["reports:read"],
    });
    let created = wait_until("the origin offers the new scope", async || {
        let created = ada.create(&body).await;
        (created.status == 201).then_some(created)
    })
    .await;
    let token = created.body["token"].as_str().unwrap();
    wait_until("the edge has the new route", async || {
        (get(token).await.status == 200).then_some(())
    })
    .await;
    let me = ada.get("/api/v1/me").await;
    let groups = me.body["groups"].as_array().unwrap();
    assert!(groups.iter().any(|group| group["name"] == "Reports"));
    // The tokens of before are still valid, and still lack the scope.
    let found = get(&before.token).await;
    assert_eq!(found.outcome(), (403, "scope-insufficient"));
}

#[tokio::test]
async fn worker_with_a_wrong_policy_serves_the_health_check_only() {
    for (worker, settings, paths) in [
        (
            "edge",
            edge_settings(),
            &["/.patrol/authorize", "/api/v1/models"][..],
        ),
        (
            "origin",
            origin_settings(),
            &["/.patrol/jwks.json", "/.patrol/api/v1/me"],
        ),
    ] {
        let mut sandbox = Sandbox::new(&format!("wrong-policy-{worker}"), worker);
        let json = sandbox.folder().join(POLICY);
        let text = fs::read_to_string(&json).unwrap();
        let wrong = text.replacen("\"models:read\"\n        ]", "\"models:fly\"\n        ]", 1);
        assert_ne!(text, wrong);
        fs::write(&json, wrong).unwrap();
        sandbox.add_worker(worker, &settings);
        let runtime = sandbox.start().await;
        let get = |path: &str| Response::to(client().get(format!("{}{path}", runtime.url(worker))));
        for path in paths.iter().chain(&["/.patrol/ready", "/.patrol/ui/", "/"]) {
            for _ in 0..2 {
                assert_eq!(
                    get(path).await.outcome(),
                    (500, "internal"),
                    "{worker} {path}"
                );
            }
        }
        if worker == "edge" {
            assert_eq!(get("/.patrol/health").await.status, 200);
        }
        let log = sandbox.folder().join("log");
        runtime.kill();
        let log = fs::read_to_string(log).unwrap();
        let named = log.matches("no group has a scope \"models:fly\"").count();
        assert_eq!(named, 1, "{worker}: {log}");
    }
}
