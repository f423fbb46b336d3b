//! Patrol's own paths: the proxies forward them as they are.

use crate::setup::{PIPELINES, read_pipelines, send, system};
use patrol_support::{Response, User, api_request, client, wait_until};
use reqwest::Method;

#[tokio::test]
async fn tokens_are_managed_through_the_proxy() {
    let system = system().await;
    system
        .on_each(async |proxy| {
            let prefix = format!("{}/.patrol", proxy.url);
            let ada = User::sign_in_below(&prefix, "ada").await;
            let created = ada.create_token(&["pipelines:read"]).await;
            assert_eq!(
                read_pipelines(proxy, &created.token).await.status,
                200,
                "{}",
                proxy.name
            );
            let path = "/.patrol/api/v1/tokens/current";
            let current = || api_request(&proxy.url, Method::GET, path, &created.token);
            assert_eq!(
                Response::to(current()).await.body["id"],
                created.id,
                "{}",
                proxy.name
            );
            // The address that the proxy states, not one that a client claims.
            let record = format!("/api/v1/tokens/{}", created.id);
            let address = wait_until("the use is reported", async || {
                let record = ada.get(&record).await.body;
                record["last_used_address"].as_str().map(str::to_owned)
            })
            .await;
            assert_eq!(address, "127.0.0.1", "{}", proxy.name);
            assert_eq!(ada.revoke(&created.id).await.status, 200, "{}", proxy.name);
            let refused = read_pipelines(proxy, &created.token).await;
            assert_eq!(refused.outcome(), (401, "token-revoked"), "{}", proxy.name);

            // A page of another site sends the session as a header, and the user whom it expects.
            let as_header = client()
                .get(format!("{prefix}/api/v1/me"))
                .header("X-Patrol-Session", "x");
            let answer = Response::to(as_header).await;
            assert_eq!(
                answer.outcome(),
                (401, "session-required"),
                "{}",
                proxy.name
            );
            let other = ada
                .request(Method::DELETE, &record)
                .header("X-Patrol-Expected-User", "otto");
            assert_eq!(
                Response::to(other).await.outcome(),
                (409, "user-changed"),
                "{}",
                proxy.name
            );
        })
        .await;
}

#[tokio::test]
async fn public_paths_need_no_token_and_others_are_the_apis() {
    let system = system().await;
    system
        .on_each(async |proxy| {
            let get = |path: &str| Response::to(client().get(format!("{}{path}", proxy.url)));
            assert_eq!(get("/.patrol/health").await.status, 200, "{}", proxy.name);
            let keys = get("/.patrol/jwks.json").await;
            assert_eq!(
                keys.body["keys"].as_array().map(Vec::len),
                Some(1),
                "{}",
                proxy.name
            );
            assert_eq!(
                get("/.patrol/nothing").await.outcome(),
                (404, "not-found"),
                "{}",
                proxy.name
            );
            for path in [
                "/",
                "/.patrol",
                "/profile",
                "/.patrolx/health",
                "/x/.patrol/health",
            ] {
                let denied = get(path).await;
                assert_eq!(
                    denied.outcome(),
                    (401, "token-missing"),
                    "{} {path}",
                    proxy.name
                );
            }
            // Nobody but the proxy asks about other requests.
            for path in ["/.patrol/authorize", "/.patrol/authorize/nginx"] {
                let headers =
                    format!("X-Forwarded-Method: GET\r\nX-Forwarded-Uri: {PIPELINES}\r\n");
                let (response, _) = send(proxy, "GET", path, &headers).await;
                assert!(
                    matches!(response.status(), 400..=404),
                    "{} {path}",
                    proxy.name
                );
            }
        })
        .await;
}
