//! Requests for the upstream: the headers that it gets.

use crate::common::{PIPELINES, echo_headers};
use crate::variants::variant;
use patrol_support::{
    Response, User, api_request, client, raw_http::send_raw, shared_system, wait_until,
};
use reqwest::Method;
use std::fmt::Write as _;

#[tokio::test]
async fn upstream_gets_the_identity_and_never_the_token() {
    let system = shared_system();
    let ada = User::sign_in(&system.url, "ada").await;
    let created = ada.create_token(&["pipelines:read"]).await;
    let request = api_request(
        &system.url,
        Method::GET,
        &format!("{PIPELINES}?page=2&q=a%2Fb"),
        &created.token,
    )
    .header("X-Echo-Headers", "1")
    .header("X-Patrol-Subject", "root")
    .header("X-HTTP-Method-Override", "DELETE")
    .header("X_Patrol_Subject", "root")
    .header("X-Patrol_Scopes", "uns:manage")
    .header("X-Custom", "kept")
    .header("TE", "trailers")
    .header("Proxy-Authorization", "Basic x")
    .header("Cookie", format!("{}; theme=dark", ada.cookie()));
    let echo = Response::to(request).await;
    assert_eq!(echo.status, 200);
    let text = echo.body.to_string();
    assert!(!text.contains(&created.token), "the token was forwarded");
    assert!(
        !text.contains("patrol_session"),
        "the session was forwarded"
    );
    assert!(
        text.contains("page=2&q=a%2Fb"),
        "the query was not forwarded"
    );
    let headers = echo.body["headers"].as_array().unwrap();
    let header = |name: &str| {
        let found = headers.iter().find(|pair| pair[0] == name)?;
        found[1].as_str()
    };
    for (name, value) in [
        ("x-patrol-subject", Some("ada")),
        ("x-patrol-organization", Some("acme")),
        ("x-patrol-scopes", Some("pipelines:read")),
        ("x-patrol-token-id", Some(created.id.as_str())),
        ("x_patrol_subject", None),
        ("x-patrol_scopes", None),
        ("x-custom", Some("kept")),
        ("cookie", Some("theme=dark")),
        ("authorization", None),
        ("te", None),
        ("x-http-method-override", None),
        ("proxy-authorization", None),
    ] {
        assert_eq!(header(name), value, "{name}");
    }
    ada.revoke(&created.id).await;
}

#[tokio::test]
async fn upstream_gets_the_organization_that_the_request_acts_in() {
    let system = shared_system();
    let ada = User::sign_in(&system.url, "ada").await;
    let scopes = ["pipelines:read", "organizations:read"];
    let one = ada.create_token_for(&["acme"], &scopes).await;
    let two = ada.create_token_for(&["acme", "globex"], &scopes).await;
    let global = "/api/v1/organizations";
    for (created, path, named, acting, all) in [
        (&one, PIPELINES, None, Some("acme"), "acme"),
        (&one, PIPELINES, Some("acme"), Some("acme"), "acme"),
        (&one, global, None, None, "acme"),
        (
            &two,
            PIPELINES,
            Some("globex"),
            Some("globex"),
            "acme globex",
        ),
        (&two, global, Some("acme"), Some("acme"), "acme globex"),
        (&two, global, None, None, "acme globex"),
    ] {
        // Twice, because the second request uses cached headers.
        for _ in 0..2 {
            let mut request = client()
                .get(format!("{}{path}", system.url))
                .bearer_auth(&created.token)
                .header("X-Echo-Headers", "1")
                .header("X-Patrol-Organizations", "forged");
            if let Some(named) = named {
                request = request.header("X-Organization-ID", named);
            }
            let echo = Response::to(request).await;
            assert_eq!(echo.status, 200, "{path} {named:?}");
            let headers = echo.body["headers"].as_array().unwrap();
            let header = |name: &str| {
                let found = headers.iter().find(|pair| pair[0] == name)?;
                found[1].as_str()
            };
            assert_eq!(header("x-organization-id"), acting, "{path} {named:?}");
            assert_eq!(header("x-patrol-organization"), acting, "{path} {named:?}");
            assert_eq!(header("x-patrol-organizations"), Some(all));
        }
    }
    ada.revoke(&one.id).await;
    ada.revoke(&two.id).await;
}

#[tokio::test]
async fn edge_replaces_identity_headers_in_any_letters() {
    let system = shared_system();
    let ada = User::sign_in(&system.url, "ada").await;
    let created = ada.create_token(&["organizations:read"]).await;
    // The route needs no organization and the request names none, so no other value replaces a
    // forged one.
    let headers = format!(
        "Authorization: Bearer {}\r\nX-Echo-Headers: 1\r\nx-pAtRoL-organization: forged\r\n\
         X-PATROL-SUBJECT: forged\r\nx-patrol-subject: forged\r\nX_Patrol-Token_ID: forged\r\n",
        created.token
    );
    let response = send_raw(&system.url, "GET", "/api/v1/organizations", &headers).await;
    assert_eq!(response.status(), 200);
    assert!(response.contains("\"x-patrol-subject\",\"ada\""));
    assert!(
        !response.contains("forged"),
        "a forged identity was forwarded"
    );
    ada.revoke(&created.id).await;
}

#[tokio::test]
async fn edge_removes_lookalikes_of_sensitive_headers() {
    let system = shared_system();
    let ada = User::sign_in(&system.url, "ada").await;
    let created = ada.create_token(&["organizations:read"]).await;
    let mut all = format!(
        "Authorization: Bearer {}\r\nX-Echo-Headers: 1\r\nX-Organization: kept\r\n\
         X_Custom.Header: kept\r\n",
        created.token
    );
    for name in [
        "X-Patrol-Subject",
        "X-Patrol-Organization",
        "X-HTTP-Method-Override",
        "X-Original-URL",
        "X-Rewrite-URL",
        "X-Organization-ID",
        "X-Forwarded-Host",
        "X-Forwarded-Prefix",
        "X-Real-IP",
        "CF-Connecting-IP",
        "HTTP2-Settings",
        "Path-Info",
    ] {
        for sign in "!#$%&'*+.^_`|~".chars() {
            let odd = name.replace('-', &sign.to_string());
            let mixed = name.replacen('-', &sign.to_string(), 1);
            let _ = write!(all, "{odd}: forged\r\n{mixed}: forged\r\n");
        }
    }
    let response = send_raw(&system.url, "GET", "/api/v1/organizations", &all).await;
    assert_eq!(response.status(), 200);
    assert!(!response.contains("forged"), "a lookalike was forwarded");
    assert!(response.contains("\"x-organization\",\"kept\""));
    assert!(response.contains("\"x_custom.header\",\"kept\""));
    ada.revoke(&created.id).await;
}

#[tokio::test]
async fn edge_writes_the_forwarded_headers_itself() {
    let system = shared_system();
    let ada = User::sign_in(&system.url, "ada").await;
    let created = ada.create_token(&["pipelines:read"]).await;
    let headers = format!(
        "{}CF-Connecting-IP: 203.0.113.7\r\nX-Forwarded-Host: forged\r\n\
         X-Forwarded-Proto: forged\r\nX-Forwarded-For: forged\r\nX-Forwarded-Port: forged\r\n\
         X-Forwarded-Prefix: forged\r\nForwarded: host=forged\r\nX-Real-IP: forged\r\n\
         True-Client-IP: forged\r\nConnection: x-real-ip, x-forwarded-host, x-organization-id, \
         cf-connecting-ip\r\n",
        echo_headers(&created.token)
    );
    let response = send_raw(&system.url, "GET", PIPELINES, &headers).await;
    assert_eq!(response.status(), 200);
    assert!(!response.contains("forged"));
    let host = system.url.trim_start_matches("http://");
    for (name, value) in [
        ("x-forwarded-host", host),
        ("x-forwarded-proto", "http"),
        ("x-forwarded-for", "203.0.113.7"),
        ("x-real-ip", "203.0.113.7"),
        ("x-organization-id", "acme"),
    ] {
        let pair = format!("[\"{name}\",\"{value}\"]");
        assert!(response.contains(&pair), "{pair}");
    }
    ada.revoke(&created.id).await;
}

#[tokio::test]
async fn client_address_comes_from_the_configured_header() {
    let url = variant("client-address").await;
    let ada = User::sign_in(&url, "ada").await;
    let created = ada.create_token(&["pipelines:read"]).await;
    let request = || {
        api_request(&url, Method::GET, PIPELINES, &created.token)
            .header("X-Echo-Headers", "1")
            .header("CF-Connecting-IP", "203.0.113.66")
            .header("True-Client-IP", "203.0.113.66")
            .header("X-Forwarded-For", "203.0.113.66")
            .header("X-Real-IP", "203.0.113.66")
    };
    let echo = Response::to(request().header("Fly-Client-IP", "192.0.2.9")).await;
    let text = echo.body["headers"].to_string();
    assert!(!text.contains("203.0.113.66"), "{text}");
    for name in ["fly-client-ip", "x-real-ip", "x-forwarded-for"] {
        assert!(
            text.contains(&format!(r#"["{name}","192.0.2.9"]"#)),
            "{name}"
        );
    }
    wait_until("the address is in the record", || async {
        let record = ada
            .get(&format!("/api/v1/tokens/{}", created.id))
            .await
            .body;
        (record["last_used_address"] == "192.0.2.9").then_some(())
    })
    .await;
    let two = request()
        .header("Fly-Client-IP", "192.0.2.9")
        .header("Fly-Client-IP", "192.0.2.10");
    let text = Response::to(two).await.body["headers"].to_string();
    assert!(!text.contains("x-real-ip") && !text.contains("x-forwarded-for"));
}

#[tokio::test]
async fn edge_removes_the_session_from_a_second_cookie_header() {
    let system = shared_system();
    let ada = User::sign_in(&system.url, "ada").await;
    let created = ada.create_token(&["pipelines:read"]).await;
    let headers = format!(
        "{}Cookie: theme=dark\r\nCookie: {}; size=2\r\n",
        echo_headers(&created.token),
        ada.cookie()
    );
    let response = send_raw(&system.url, "GET", PIPELINES, &headers).await;
    assert_eq!(response.status(), 200);
    assert!(response.contains("theme=dark; size=2"));
    assert!(
        !response.contains("patrol_session"),
        "the session was forwarded"
    );
    ada.revoke(&created.id).await;
}

#[tokio::test]
async fn edge_removes_hop_by_hop_headers() {
    let system = shared_system();
    let ada = User::sign_in(&system.url, "ada").await;
    let created = ada.create_token(&["pipelines:read"]).await;
    let headers = format!(
        "{}Keep-Alive: timeout=9\r\nProxy-Connection: here\r\nTrailer: here\r\nUpgrade: h2c\r\n\
         HTTP2-Settings: AAMAAABk\r\n",
        echo_headers(&created.token)
    );
    let response = send_raw(&system.url, "GET", PIPELINES, &headers).await;
    assert_eq!(response.status(), 200);
    for name in [
        "keep-alive",
        "proxy-connection",
        "\"trailer\"",
        "\"upgrade\"",
        "http2-settings",
    ] {
        assert!(!response.contains(name), "{name} was forwarded");
    }
    ada.revoke(&created.id).await;
}
