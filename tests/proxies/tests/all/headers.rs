//! Which headers reach the API: the caller's as Patrol names it, and none that a client may not
//! write.

use crate::setup::{PIPELINES, echo_headers, send, system};
use patrol::authorize::forwarding::{self, AddressHeader};
use patrol_support::client;

#[tokio::test]
async fn api_gets_the_caller_and_not_the_token() {
    let system = system().await;
    let ada = system.ada().await;
    let created = ada.create_token(&["pipelines:read"]).await;
    system.on_each(async |proxy| {
        // A token for one organization needs no header: Patrol names the organization.
        for organization in ["X-Organization-ID: acme\r\n", ""] {
            let headers = format!(
                "Authorization: Bearer {}\r\n{organization}X-Echo-Headers: 1\r\nX-Other: kept\r\n",
                created.token
            );
            let target = format!("{PIPELINES}?a=%20b&c=/d/../e");
            let (response, echo) = send(proxy, "GET", &target, &headers).await;
            assert_eq!(response.status(), 200, "{}", proxy.name);
            let echo = echo.unwrap();
            assert_eq!(
                (echo.method(), echo.target()),
                ("GET", &*target),
                "{}",
                proxy.name
            );
            let host = proxy.url.trim_start_matches("http://");
            for (name, value) in [
                ("x-patrol-subject", "ada"),
                ("x-patrol-token-id", &*created.id),
                ("x-patrol-organization", "acme"),
                ("x-patrol-organizations", "acme"),
                ("x-patrol-scopes", "pipelines:read"),
                ("x-organization-id", "acme"),
                ("x-other", "kept"),
                ("x-forwarded-for", "127.0.0.1"),
                ("x-real-ip", "127.0.0.1"),
                ("x-forwarded-proto", "http"),
            ] {
                assert_eq!(echo.values(name), [value], "{} {name}", proxy.name);
            }
            assert_eq!(echo.values("x-forwarded-host").len(), 1, "{}", proxy.name);
            assert!(
                host.starts_with(echo.values("x-forwarded-host")[0]),
                "{}",
                proxy.name
            );
            assert!(echo.values("authorization").is_empty(), "{}", proxy.name);
        }
        // Without an organization, the header of the caller is empty or absent.
        let headers = format!(
            "Authorization: Bearer {}\r\nX-Echo-Headers: 1\r\n",
            created.token
        );
        let (response, _) = send(proxy, "GET", "/api/v1/organizations", &headers).await;
        assert_eq!(response.status(), 403, "{}", proxy.name);
    }).await;
    ada.revoke(&created.id).await;
}

/// Some servers read all punctuation in names as hyphens.
#[tokio::test]
async fn api_gets_no_header_that_a_client_may_not_write() {
    let system = system().await;
    let ada = system.ada().await;
    let created = ada.create_token(&["pipelines:read"]).await;
    let client_address = AddressHeader::from_setting(None).unwrap();
    let withheld = forwarding::withheld(&client_address);
    let of_the_connection = [
        "connection",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "http2-settings",
        "sec-websocket-protocol",
    ];
    let names: Vec<_> = withheld
        .any
        .iter()
        .chain(&withheld.lookalikes)
        .filter(|name| !of_the_connection.contains(&name.as_str()))
        .filter(|name| !name.starts_with("proxy-") && *name != "authorization")
        .collect();
    assert!(names.len() > 45);
    system
        .on_each(async |proxy| {
            for name in &names {
                for spelling in [
                    (*name).clone(),
                    name.to_ascii_uppercase(),
                    name.replace('-', "_"),
                    name.replacen('-', "_", 1),
                    name.replace('-', "."),
                    name.replacen('-', "~", 1),
                ] {
                    let is_own = spelling.eq_ignore_ascii_case("x-organization-id");
                    let headers = format!("{}{spelling}: evil\r\n", echo_headers(&created.token));
                    let (response, echo) = send(proxy, "GET", PIPELINES, &headers).await;
                    let status = response.status();
                    let expected: &[u16] = if is_own {
                        &[400, 401, 403]
                    } else {
                        &[200, 400]
                    };
                    assert!(
                        expected.contains(&status),
                        "{} {spelling}: {status}",
                        proxy.name
                    );
                    assert_eq!(echo.is_some(), status == 200, "{} {spelling}", proxy.name);
                    for (name, value) in echo.iter().flat_map(|echo| echo.headers()) {
                        assert!(!value.contains("evil"), "{} {spelling}: {name}", proxy.name);
                    }
                }
            }
        })
        .await;
    ada.revoke(&created.id).await;
}

#[tokio::test]
async fn client_cannot_choose_what_is_judged() {
    let system = system().await;
    let ada = system.ada().await;
    let created = ada.create_token(&["pipelines:read"]).await;
    let stated = [
        format!("X-Forwarded-Method: GET\r\nX-Forwarded-Uri: {PIPELINES}\r\n"),
        format!("X-Original-Method: GET\r\nX-Original-URI: {PIPELINES}\r\n"),
        format!("X-Original-Method: GET\r\nX-Original-URL: http://127.0.0.1{PIPELINES}\r\n"),
        "X-HTTP-Method-Override: GET\r\nX-HTTP-Method: GET\r\nX-Method-Override: GET\r\n"
            .to_owned(),
        format!("X-Rewrite-URL: {PIPELINES}\r\nX-Envoy-Original-Path: {PIPELINES}\r\n"),
        format!(
            "Connection: X-Forwarded-Uri, X-Original-URI, X-Organization-ID, Authorization\r\nX-Forwarded-Uri: {PIPELINES}\r\n"
        ),
    ];
    system
        .on_each(async |proxy| {
            for stated in stated.iter().chain([&stated.concat()]) {
                let headers = format!("{}{stated}", echo_headers(&created.token));
                for (method, target) in [
                    ("DELETE", "/api/v1/engine/pipelines/x"),
                    ("GET", "/api/v1/models"),
                ] {
                    let (response, echo) = send(proxy, method, target, &headers).await;
                    assert!(
                        matches!(response.status(), 400 | 401 | 403),
                        "{} {stated}",
                        proxy.name
                    );
                    assert!(echo.is_none(), "{} {stated}", proxy.name);
                }
                let (response, echo) = send(proxy, "GET", PIPELINES, &headers).await;
                match echo {
                    Some(echo) => {
                        assert_eq!((echo.method(), echo.target()), ("GET", PIPELINES));
                        assert_eq!(echo.values("x-patrol-subject"), ["ada"], "{}", proxy.name);
                        let names = [
                            "x-forwarded-method",
                            "x-forwarded-uri",
                            "x-original-uri",
                            "x-original-url",
                            "x-http-method-override",
                        ];
                        for name in names {
                            assert!(echo.values(name).is_empty(), "{} {name}", proxy.name);
                        }
                    }
                    None => assert!(
                        matches!(response.status(), 400 | 401),
                        "{} {stated}",
                        proxy.name
                    ),
                }
            }
        })
        .await;
    ada.revoke(&created.id).await;
}

#[tokio::test]
async fn preflight_is_answered_by_the_proxy_and_other_options_are_judged() {
    let system = system().await;
    system
        .on_each(async |proxy| {
            let options = || {
                client().request(
                    reqwest::Method::OPTIONS,
                    format!("{}{PIPELINES}", proxy.url),
                )
            };
            let preflight = options()
                .header("Origin", "https://app.example.com")
                .header("Access-Control-Request-Method", "GET")
                .header(
                    "Access-Control-Request-Headers",
                    "authorization,x-organization-id",
                );
            let response = preflight.send().await.unwrap();
            assert!(
                response.status().is_success(),
                "{}: {}",
                proxy.name,
                response.status()
            );
            let headers = response.headers();
            assert_eq!(
                headers["Access-Control-Allow-Origin"], "https://app.example.com",
                "{}",
                proxy.name
            );
            for (name, part) in [
                ("Access-Control-Allow-Methods", "DELETE"),
                ("Access-Control-Allow-Headers", "Authorization"),
                ("Access-Control-Allow-Headers", "X-Organization-ID"),
                ("Access-Control-Max-Age", "600"),
            ] {
                assert!(
                    headers[name].to_str().unwrap().contains(part),
                    "{} {name}",
                    proxy.name
                );
            }
            assert!(
                !headers.contains_key("X-Got-Headers"),
                "{}: the API answered",
                proxy.name
            );
            for request in [
                options(),
                options().header("Origin", "https://app.example.com"),
            ] {
                let response = request.send().await.unwrap();
                assert_eq!(response.status(), 401, "{}", proxy.name);
            }
        })
        .await;
}
