//! Something does not answer: Patrol, the registry behind it, the API.

use crate::setup::{PIPELINES, Proxy, System, read_pipelines, system_alone};
use futures_util::future::join_all;
use patrol_support::{Response, client, link::LinkFault, wait_until};
use serde_json::Value;

/// The answers of all proxies to a good token.
async fn ask_all(system: &System, token: &str) -> Vec<Response> {
    join_all(
        system
            .proxies
            .iter()
            .map(|proxy| read_pipelines(proxy, token)),
    )
    .await
}

/// The answers of all proxies without a token.
async fn get_all(system: &System, path: &str) -> Vec<Response> {
    let get = |proxy: &Proxy| Response::to(client().get(format!("{}{path}", proxy.url)));
    join_all(system.proxies.iter().map(get)).await
}

fn assert_unavailable(proxy: &Proxy, response: &Response, problem: &Value) {
    let name = proxy.name;
    assert_eq!(
        response.outcome(),
        (503, "revocation-unavailable"),
        "{name}"
    );
    assert_eq!(&response.body, problem, "{name}");
    assert_eq!(
        response.header("Content-Type"),
        "application/problem+json",
        "{name}"
    );
    assert_eq!(response.header("Retry-After"), "1", "{name}");
    assert_eq!(response.header("Cache-Control"), "no-store", "{name}");
}

#[tokio::test]
async fn without_patrol_clients_get_a_problem_and_the_api_no_request() {
    let mut system = system_alone().await;
    let ada = system.ada().await;
    let created = ada.create_token(&["pipelines:read"]).await;
    let before = ask_all(&system, &created.token).await;

    // The edge cannot know the token's status.
    system.cluster.registry_link.set_fault(LinkFault::Reset);
    let problem = wait_until("the lease has expired", async || {
        let request = client().get(format!("{}/.patrol/authorize", system.edge()));
        let request = request.bearer_auth(&created.token);
        let request = request.header("X-Forwarded-Method", "GET");
        let asked = Response::to(request.header("X-Forwarded-Uri", PIPELINES)).await;
        (asked.status == 503).then_some(asked.body)
    })
    .await;
    let without_lease = ask_all(&system, &created.token).await;
    system.cluster.registry_link.set_fault(LinkFault::None);

    // Patrol does not answer.
    system.cluster.kill_edges(0);
    let without_edge = ask_all(&system, &created.token).await;
    let pages = get_all(&system, "/.patrol/ui/").await;
    let anonymous = get_all(&system, PIPELINES).await;
    system.cluster.start_edges(0).await;

    // It answers again, but its origin does not answer to it.
    for proxy in &system.proxies {
        wait_until("the proxy finds Patrol again", async || {
            let response = read_pipelines(proxy, &created.token).await;
            (response.status == 200).then_some(())
        })
        .await;
    }
    system.cluster.origin_link.set_fault(LinkFault::Reset);
    let without_origin = get_all(&system, "/.patrol/jwks.json").await;
    system.cluster.origin_link.set_fault(LinkFault::None);

    // The API does not answer.
    system.api_link.set_fault(LinkFault::Reset);
    let without_api = ask_all(&system, &created.token).await;
    system.api_link.set_fault(LinkFault::None);
    ada.revoke(&created.id).await;

    for (number, proxy) in system.proxies.iter().enumerate() {
        assert_eq!(before[number].status, 200, "{}", proxy.name);
        for responses in [&without_lease, &without_edge, &pages, &anonymous] {
            assert_unavailable(proxy, &responses[number], &problem);
        }
        // These are no words of the proxy's about Patrol.
        let found = without_origin[number].outcome();
        assert_eq!(found, (502, "origin-unreachable"), "{}", proxy.name);
        let (status, code) = without_api[number].outcome();
        assert!(matches!(status, 502..=504), "{}: {status}", proxy.name);
        assert_eq!(code, "", "{}", proxy.name);
    }
}
