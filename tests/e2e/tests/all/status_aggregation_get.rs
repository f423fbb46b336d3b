//! `GET status/aggregation`, and what anonymous requests cost.

use crate::common::start_cluster;
use futures_util::future::join_all;
use patrol_support::{Response, User, client, kv::KvFault, read_claims, shared_system, wait_until};

#[tokio::test]
async fn aggregation_and_lists_name_each_other() {
    let system = shared_system();
    let ada = User::sign_in(&system.url, "ada").await;
    ada.create_token(&["uns:read"]).await;
    let aggregation = format!("{}/.patrol/status/aggregation", system.url);
    let response = Response::to(client().get(&aggregation)).await;
    assert_eq!(response.header("Content-Type"), "application/json");
    assert_eq!(response.header("Access-Control-Allow-Origin"), "*");
    let lists = response.body["status_lists"].as_array().unwrap();
    // It is computed once a minute, so it may lack Ada's list, but then it has others.
    assert!(!lists.is_empty());
    for uri in lists {
        let list = client().get(uri.as_str().unwrap()).send().await.unwrap();
        assert_eq!(list.status(), 200, "{uri}");
        let jwt = list.text().await.unwrap();
        let claims = read_claims(&jwt);
        assert_eq!(claims["sub"], *uri);
        assert_eq!(claims["status_list"]["aggregation_uri"], *aggregation);
    }
}

#[tokio::test]
async fn anonymous_requests_create_no_registries() {
    let cluster = start_cluster("no-registries", &[]).await;
    let base = cluster.management_url();
    let get = |path: &'static str| Response::to(client().get(format!("{base}{path}")));
    assert_eq!(get("/.patrol/status/aggregation").await.status, 200);
    for path in [
        "/.patrol/status/0/0",
        "/.patrol/status/15/0",
        "/.patrol/status/14/7",
    ] {
        assert_eq!(get(path).await.status, 404, "{path}");
    }
    let forged = get("/api/v1/tokens/current").await;
    assert_eq!(forged.status, 401);
    assert_eq!(cluster.count_registries(), 0);
    let mut forged = client().get(format!("{base}/api/v1/me"));
    forged = forged.header("Cookie", "patrol_session_00000000=x.y.z");
    assert_eq!(Response::to(forged).await.status, 401);
    assert_eq!(cluster.count_registries(), 0);
    let ada = User::sign_in(&base, "ada").await;
    ada.create_token(&["pipelines:read"]).await;
    assert_eq!(cluster.count_registries(), 1);
    let list = get("/.patrol/status/14/0").await;
    assert_eq!(list.status, 200, "the list is served at once");
}

#[tokio::test]
async fn restarted_origin_finds_existing_registries() {
    let mut cluster = start_cluster("restarted-origin", &[]).await;
    let ada = User::sign_in(&cluster.management_url(), "ada").await;
    ada.create_token(&["pipelines:read"]).await;
    let writes = || cluster.kv.counts().1;
    wait_until("KV has the list and the key of its registry", async || {
        (writes() >= 2).then_some(())
    })
    .await;
    cluster.kill_origin();
    cluster.start_origin().await;
    let lists = client().get(format!(
        "{}/.patrol/status/aggregation",
        cluster.management_url()
    ));
    let lists = Response::to(lists).await;
    assert_eq!(lists.body["status_lists"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn aggregation_shares_one_fetch_and_caches_failures() {
    let cluster = start_cluster("anonymous-requests", &[]).await;
    let url = format!("{}/.patrol/status/aggregation", cluster.management_url());
    let get = || async { Response::to(client().get(&url)).await };
    cluster.kv.set_fault(KvFault::Failing);
    let before = cluster.kv.counts().0;
    for response in join_all((0..20).map(|_| get())).await {
        assert_eq!(response.outcome(), (503, "revocation-unavailable"));
        assert_eq!(response.header("Retry-After"), "1");
    }
    // Two rounds over 16 registries, and each looks up its own key first.
    let reads = cluster.kv.counts().0 - before;
    assert!(reads <= 2 * 16, "{reads}");
    cluster.kv.set_fault(KvFault::None);
    wait_until("the failure is no longer cached", async || {
        (get().await.status == 200).then_some(())
    })
    .await;
    let before = cluster.kv.counts().0;
    for response in join_all((0..20).map(|_| get())).await {
        assert_eq!(response.status, 200);
    }
    assert_eq!(cluster.kv.counts().0, before);
}
