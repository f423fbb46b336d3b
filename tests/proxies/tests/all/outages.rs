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
    for response in ask_all(&system, &created.token).await {
        assert_eq!(response.status, 200);
    }

    // The edge cannot know the token's status.
    system.cluster.registry_link.set_fault(LinkFault::Reset);
    let asked = || {
        let request = client().get(format!("{}/.patrol/authorize", system.edge()));
        let request = request.bearer_auth(&created.token);
        let request = request.header("X-Forwarded-Method", "GET");
        Response::to(request.header("X-Forwarded-Uri", PIPELINES))
    };
    let problem = wait_until("the lease has expired", async || {
        let response = asked().await;
        (response.status == 503).then_some(response.body)
    })
    .await;
    for (proxy, response) in system
        .proxies
        .iter()
        .zip(ask_all(&system, &created.token).await)
    {
        assert_unavailable(proxy, &response, &problem);
    }
    system.cluster.registry_link.set_fault(LinkFault::None);

    // Patrol does not answer.
    system.cluster.kill_edges(0);
    for (proxy, response) in system
        .proxies
        .iter()
        .zip(ask_all(&system, &created.token).await)
    {
        assert_unavailable(proxy, &response, &problem);
        let page = Response::to(client().get(format!("{}/.patrol/ui/", proxy.url))).await;
        assert_unavailable(proxy, &page, &problem);
        let anonymous = Response::to(client().get(format!("{}{PIPELINES}", proxy.url))).await;
        assert_unavailable(proxy, &anonymous, &problem);
    }

    // It answers again.
    system.cluster.start_edges(0).await;
    for proxy in &system.proxies {
        wait_until("the proxy finds Patrol again", async || {
            let response = read_pipelines(proxy, &created.token).await;
            (response.status == 200).then_some(())
        })
        .await;
    }

    // The API does not answer. That is no answer of Patrol's.
    system.api_link.set_target(None);
    for (proxy, response) in system
        .proxies
        .iter()
        .zip(ask_all(&system, &created.token).await)
    {
        assert!(
            matches!(response.status, 502..=504),
            "{}: {}",
            proxy.name,
            response.status
        );
        assert_ne!(
            response.body["code"], "revocation-unavailable",
            "{}",
            proxy.name
        );
    }
    system.api_link.set_target(Some(system.api_port));

    // Patrol answers that its own origin does not.
    system.cluster.origin_link.set_fault(LinkFault::Reset);
    for proxy in &system.proxies {
        let keys = Response::to(client().get(format!("{}/.patrol/jwks.json", proxy.url))).await;
        assert_eq!(
            keys.outcome(),
            (502, "origin-unreachable"),
            "{}",
            proxy.name
        );
    }
    system.cluster.origin_link.set_fault(LinkFault::None);
    ada.revoke(&created.id).await;
}
