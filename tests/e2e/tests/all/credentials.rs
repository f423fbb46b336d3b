//! Where a request carries its token: schemes, challenges, and subprotocols of a WebSocket.

use crate::{
    common::{PIPELINES, assert_denied},
    variants::variant,
};
use base64ct::{Base64, Encoding};
use futures_util::{SinkExt, StreamExt};
use patrol_support::{
    Response, User, client,
    raw_http::{RawConnection, send_raw},
    shared_system, with_timeout,
};
use reqwest::{Method, RequestBuilder};
use std::process::Command;
use tokio::net::TcpStream;
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Message, client::IntoClientRequest, handshake::client::Response as Handshake},
};

fn basic(user: &str, password: &str) -> String {
    let credentials = format!("{user}:{password}");
    format!("Basic {}", Base64::encode_string(credentials.as_bytes()))
}

fn read_pipelines(url: &str) -> RequestBuilder {
    let request = client().request(Method::GET, format!("{url}{PIPELINES}"));
    request.header("X-Echo-Headers", "1")
}

#[tokio::test]
async fn token_may_have_each_scheme() {
    let system = shared_system();
    let ada = User::sign_in(&system.url, "ada").await;
    let created = ada.create_token(&["pipelines:read"]).await;
    let token = &created.token;
    let bare = token.strip_prefix("patrol_").unwrap();
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let other = if signature.starts_with('A') { 'B' } else { 'A' };
    let forged = format!("{signed}.{other}{}", &signature[1..]);
    for header in [
        format!("Bearer {token}"),
        format!("token {token}"),
        format!("token {bare}"),
        basic("ada", token),
        basic("", token),
        basic("x-access-token", bare),
        basic(token, ""),
        basic(token, "x-oauth-basic"),
    ] {
        let request = read_pipelines(&system.url).header("Authorization", &header);
        let echo = Response::to(request).await;
        assert_eq!(echo.status, 200, "{}", echo.body);
        let text = echo.body.to_string();
        assert!(!text.contains("authorization"), "it was forwarded");
        assert!(text.contains(&created.id), "no identity");
    }
    for (header, code) in [
        (basic("ada", "secret"), "token-malformed"),
        (basic(token, "secret"), "token-malformed"),
        (basic("ada", &forged), "signature-invalid"),
        (format!("Digest {token}"), "token-missing"),
    ] {
        let request = read_pipelines(&system.url).header("Authorization", &header);
        assert_eq!(Response::to(request).await.outcome(), (401, code));
    }
    let in_query = client().get(format!("{}{PIPELINES}?access_token={token}", system.url));
    assert_eq!(
        Response::to(in_query).await.outcome(),
        (401, "token-missing")
    );
    ada.revoke(&created.id).await;
}

#[tokio::test]
async fn several_credentials_are_refused_and_named() {
    let system = shared_system();
    let ada = User::sign_in(&system.url, "ada").await;
    let created = ada.create_token(&["pipelines:read"]).await;
    let token = &created.token;
    let bearer = format!("Bearer {token}");
    for (others, named) in [
        (vec![bearer.clone()], "`Bearer`, more than once"),
        (vec![basic("ada", token)], "`Bearer` and `Basic`"),
        (vec!["Digest a=\"b\"".to_owned()], "`Bearer` and another"),
        (
            vec![basic("ada", "secret"), format!("token {token}")],
            "`Bearer` and `Basic` and `token`",
        ),
    ] {
        // In both orders: the runtime joins headers, and a proxy may have joined them before.
        for first in [true, false] {
            let mut headers = others.clone();
            headers.insert(if first { 0 } else { others.len() }, bearer.clone());
            let mut request = read_pipelines(&system.url);
            for header in &headers {
                request = request.header("Authorization", header);
            }
            let joined = read_pipelines(&system.url).header("Authorization", headers.join(", "));
            for request in [request, joined] {
                let refused = Response::to(request).await;
                assert_eq!(refused.outcome(), (401, "token-malformed"));
                let detail = refused.body["detail"].as_str().unwrap();
                assert!(detail.contains(named), "{detail}");
                assert!(!detail.contains(token), "the token is in the problem");
            }
        }
    }
    ada.revoke(&created.id).await;
}

/// The challenges of a refusal, as they were sent: the runtime joins them.
async fn challenges(headers: &str) -> String {
    let response = send_raw(&shared_system().url, "GET", PIPELINES, headers).await;
    let head = response.head();
    let lines = head.lines().filter_map(|line| line.split_once(": "));
    lines
        .filter(|(name, _)| name.eq_ignore_ascii_case("www-authenticate"))
        .map(|(_, value)| value)
        .collect::<Vec<_>>()
        .join(" and ")
}

#[tokio::test]
async fn basic_is_offered_to_programs_and_never_to_browsers() {
    const BASIC: &str = ", Basic realm=\"patrol\", charset=\"UTF-8\"";
    let bearer = "Bearer realm=\"patrol\"";
    assert_eq!(challenges("").await, format!("{bearer}{BASIC}"));
    let wrong = challenges("Authorization: Bearer x\r\n").await;
    assert!(wrong.starts_with(&format!("{bearer}, error=\"invalid_token\"")));
    assert!(wrong.ends_with(BASIC), "{wrong}");
    let several = challenges("Authorization: Bearer x\r\nAuthorization: Bearer y\r\n").await;
    assert!(several.contains("error=\"invalid_request\""), "{several}");
    assert!(!several.contains("Basic"), "{several}");
    for header in [
        "Sec-Fetch-Mode: navigate",
        "Sec-Fetch-Site: none",
        "sec-fetch-dest: document",
        "Sec-Fetch-User: ?1",
        "Origin: https://app.example",
        "Cookie: theme=dark",
        "Upgrade-Insecure-Requests: 1",
    ] {
        assert_eq!(challenges(&format!("{header}\r\n")).await, bearer);
    }
}

#[tokio::test]
async fn basic_is_refused_from_other_sites() {
    let system = shared_system();
    let ada = User::sign_in(&system.url, "ada").await;
    let created = ada.create_token(&["pipelines:read"]).await;
    let from = |site: &str, header: String| {
        let request = read_pipelines(&system.url).header("Authorization", header);
        Response::to(request.header("Sec-Fetch-Site", site))
    };
    let by_basic = basic("ada", &created.token);
    for site in ["same-origin", "none"] {
        assert_eq!(from(site, by_basic.clone()).await.status, 200);
    }
    let by_origin = read_pipelines(&system.url)
        .header("Authorization", &by_basic)
        .header("Origin", "https://evil.example");
    let refused = Response::to(by_origin).await;
    assert_denied(&refused, 401, "token-malformed", Some("invalid_token"));
    for site in ["cross-site", "same-site", "anything"] {
        let refused = from(site, by_basic.clone()).await;
        assert_denied(&refused, 401, "token-malformed", Some("invalid_token"));
        let detail = refused.body["detail"].as_str().unwrap();
        assert!(detail.contains("another site"), "{detail}");
        let by_bearer = from(site, format!("Bearer {}", created.token)).await;
        assert_eq!(by_bearer.status, 200);
    }
    ada.revoke(&created.id).await;
}

#[tokio::test]
async fn programs_send_the_token_in_their_own_way() {
    let system = shared_system();
    let ada = User::sign_in(&system.url, "ada").await;
    let created = ada.create_token(&["pipelines:read"]).await;
    let url = format!("{}{PIPELINES}", system.url);
    let token = &created.token;
    let host = system.url.trim_start_matches("http://");
    let netrc = patrol_support::workspace::create_folder("netrc").join("netrc");
    std::fs::write(
        &netrc,
        format!("machine 127.0.0.1 login ada password {token}\n"),
    )
    .unwrap();
    let python = "import sys, urllib.request as u\n\
         known = u.HTTPPasswordMgrWithDefaultRealm()\n\
         known.add_password(None, sys.argv[1], 'ada', sys.argv[2])\n\
         print(u.build_opener(u.HTTPBasicAuthHandler(known)).open(sys.argv[1]).read().decode())";
    for (program, arguments) in [
        ("curl", vec!["-sS", "-u", &format!("ada:{token}"), &url]),
        ("curl", vec!["-sS", "-u", &format!("{token}:"), &url]),
        ("curl", vec!["-sS", "--oauth2-bearer", token, &url]),
        (
            "curl",
            vec!["-sS", "--anyauth", "-u", &format!("ada:{token}"), &url],
        ),
        (
            "curl",
            vec!["-sS", "--netrc-file", netrc.to_str().unwrap(), &url],
        ),
        (
            "curl",
            vec!["-sS", &format!("http://ada:{token}@{host}{PIPELINES}")],
        ),
        (
            "wget",
            vec!["-qO-", "--user=ada", &format!("--password={token}"), &url],
        ),
        ("python3", vec!["-c", python, &url, token]),
    ] {
        let output = Command::new(program).args(&arguments).output();
        let output = output.unwrap_or_else(|error| panic!("{program}: {error}"));
        let text = String::from_utf8_lossy(&output.stdout);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(text.contains("\"pipelines\""), "{program}: {text}{error}");
    }
    ada.revoke(&created.id).await;
}

/// The origin reads credentials too, where the edge only looks first.
#[tokio::test]
async fn token_revokes_itself_by_each_scheme() {
    let system = shared_system();
    let ada = User::sign_in(&system.url, "ada").await;
    let current = |method, header: &str| {
        let url = format!("{}/.patrol/api/v1/tokens/current", system.url);
        client()
            .request(method, url)
            .header("Authorization", header)
    };
    for scheme in ["Basic", "token"] {
        let created = ada.create_token(&["pipelines:read"]).await;
        let header = match scheme {
            "Basic" => basic("ada", &created.token),
            _ => format!("token {}", created.token),
        };
        let own = Response::to(current(Method::GET, &header)).await;
        assert_eq!(
            (own.status, &own.body["id"]),
            (200, &created.id.clone().into())
        );
        let foreign = current(Method::DELETE, &header).header("Sec-Fetch-Site", "cross-site");
        let foreign = Response::to(foreign).await;
        let expected = if scheme == "Basic" { 401 } else { 200 };
        assert_eq!(foreign.status, expected, "{scheme}");
        if scheme == "Basic" {
            assert_eq!(
                Response::to(current(Method::DELETE, &header)).await.status,
                200
            );
        }
        let after = Response::to(current(Method::GET, &header)).await;
        assert_eq!(after.outcome(), (401, "token-revoked"));
    }
}

/// What a proxy asks about has the same credentials, but it cannot take a subprotocol away.
#[tokio::test]
async fn forward_auth_reads_credentials_alike_but_for_subprotocols() {
    let system = shared_system();
    let ada = User::sign_in(&system.url, "ada").await;
    let created = ada.create_token(&["pipelines:read"]).await;
    let by_basic = basic("ada", &created.token);
    let offered = format!("patrol, patrol.token.{}", created.token);
    let asked = |dialect: &str| {
        let [method, uri] = match dialect {
            "" => ["X-Forwarded-Method", "X-Forwarded-Uri"],
            _ => ["X-Original-Method", "X-Original-URI"],
        };
        client()
            .get(format!("{}/.patrol/authorize{dialect}", system.url))
            .header(method, "GET")
            .header(uri, PIPELINES)
    };
    for dialect in ["", "/nginx"] {
        let good = asked(dialect).header("Authorization", &by_basic);
        assert_eq!(Response::to(good).await.status, 200);
        let foreign = asked(dialect)
            .header("Authorization", &by_basic)
            .header("Sec-Fetch-Site", "cross-site");
        assert_eq!(Response::to(foreign).await.status, 401);
        for authorization in [None, Some(&by_basic)] {
            let mut request = asked(dialect).header("Sec-WebSocket-Protocol", &offered);
            if let Some(header) = authorization {
                request = request.header("Authorization", header);
            }
            let refused = Response::to(request).await;
            assert_eq!(refused.outcome(), (401, "token-malformed"));
        }
        for (header, prompts) in [("X-Custom", true), ("Sec-Fetch-Mode", false)] {
            let refused = Response::to(asked(dialect).header(header, "x")).await;
            assert_eq!(refused.status, 401);
            let challenge = refused.header("WWW-Authenticate");
            assert_eq!(challenge.contains("Basic"), prompts, "{challenge}");
        }
    }
    ada.revoke(&created.id).await;
}

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Opens a socket that offers these subprotocols.
async fn open(url: &str, offered: &str, authorization: Option<&str>) -> (Socket, Handshake) {
    let address = format!("{}/api/v1/uns/socket", url.replace("http://", "ws://"));
    let mut request = address.into_client_request().unwrap();
    let headers = request.headers_mut();
    headers.insert("Sec-WebSocket-Protocol", offered.parse().unwrap());
    if let Some(value) = authorization {
        headers.insert("Authorization", value.parse().unwrap());
    }
    connect_async(request).await.unwrap()
}

/// The headers of the handshake as the upstream got them.
async fn forwarded_headers(socket: &mut Socket) -> String {
    socket.send(Message::text("headers")).await.unwrap();
    let answer = with_timeout("the headers", socket.next()).await;
    answer.unwrap().unwrap().into_text().unwrap().to_string()
}

#[tokio::test]
async fn websocket_may_have_its_token_in_a_subprotocol() {
    for url in [shared_system().url.clone(), variant("bound-upstream").await] {
        let ada = User::sign_in(&url, "ada").await;
        let created = ada.create_token(&["uns:read", "uns:publish"]).await;
        let token = format!("patrol.token.{}", created.token);
        for (offered, selected) in [
            (format!("patrol, {token}"), "patrol"),
            (format!("{token},patrol,unselected"), "patrol"),
            (format!("mqtt, patrol, {token}"), "mqtt"),
        ] {
            let (mut socket, handshake) = open(&url, &offered, None).await;
            assert_eq!(handshake.headers()["sec-websocket-protocol"], selected);
            let headers = forwarded_headers(&mut socket).await;
            assert!(!headers.contains(&created.token), "the token was forwarded");
            assert!(!headers.contains("patrol.token"), "{headers}");
            assert!(headers.contains(&created.id), "no identity");
            socket.close(None).await.unwrap();
        }
        let (mut socket, _) = open(&url, &format!("patrol, {token}"), None).await;
        forwarded_headers(&mut socket).await;
        ada.revoke(&created.id).await;
        let end = with_timeout("the socket to close", socket.next()).await;
        let Some(Ok(Message::Close(Some(frame)))) = end else {
            panic!("not closed: {end:?}");
        };
        assert_eq!(u16::from(frame.code), 4401);
    }
}

#[tokio::test]
async fn subprotocol_carries_exactly_one_token_and_only_for_a_websocket() {
    let system = shared_system();
    let ada = User::sign_in(&system.url, "ada").await;
    let scopes = ["uns:read", "uns:publish", "pipelines:read"];
    let created = ada.create_token(&scopes).await;
    let token = format!("patrol.token.{}", created.token);
    let bearer = format!("Bearer {}", created.token);
    for (offered, authorization, part) in [
        (
            token.clone(),
            None,
            "Offer the WebSocket subprotocol `patrol`",
        ),
        (format!("patrol, {token}, {token}"), None, "more than once"),
        (
            format!("patrol, {token}"),
            Some(&*bearer),
            "`Bearer` and a WebSocket subprotocol",
        ),
        ("patrol, patrol.token.".to_owned(), None, "and the token"),
    ] {
        let authorization = authorization.map(|value| format!("Authorization: {value}\r\n"));
        let headers = format!(
            "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\
             Sec-WebSocket-Protocol: {offered}\r\n{}",
            authorization.unwrap_or_default()
        );
        let mut connection = RawConnection::open(&system.url).await;
        connection
            .send_head("GET", "/api/v1/uns/socket", &headers)
            .await;
        let refused = connection.read_until("}").await;
        assert_eq!(refused.status(), 401);
        let problem = refused.json().unwrap();
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(part), "{detail}");
    }
    // The upstream's own subprotocol of the same name.
    let (mut socket, handshake) = open(&system.url, "patrol", Some(&bearer)).await;
    assert_eq!(handshake.headers()["sec-websocket-protocol"], "patrol");
    forwarded_headers(&mut socket).await;
    socket.close(None).await.unwrap();

    let offers = format!("patrol, {token}");
    let plain = read_pipelines(&system.url).header("Sec-WebSocket-Protocol", &offers);
    assert_eq!(Response::to(plain).await.outcome(), (401, "token-missing"));
    for name in ["Sec-WebSocket-Protocol", "Sec_WebSocket_Protocol"] {
        let request = read_pipelines(&system.url)
            .bearer_auth(&created.token)
            .header(name, &offers);
        let echo = Response::to(request).await;
        assert_eq!(echo.status, 200);
        assert!(!echo.body.to_string().contains("patrol.token"), "forwarded");
    }
    ada.revoke(&created.id).await;
}

/// A page of any site may read why its request was refused. What the upstream answers is its own to
/// share.
#[tokio::test]
async fn refusals_of_the_edge_can_be_read_by_any_page() {
    let system = shared_system();
    let ada = User::sign_in(&system.url, "ada").await;
    let created = ada.create_token(&["pipelines:read"]).await;
    let get = |url: &str, path: &str| {
        let request = client().get(format!("{url}{path}"));
        request.header("Origin", "https://app.example")
    };
    let with_token = get(&system.url, "/api/v1/secrets").bearer_auth(&created.token);
    let preflight = client()
        .request(Method::OPTIONS, format!("{}/api/v1/secrets", system.url))
        .header("Origin", "https://app.example")
        .header("Access-Control-Request-Method", "GET");
    let down = variant("upstream-down").await;
    let bob = User::sign_in(&down, "ada").await;
    let there = bob.create_token(&["pipelines:read"]).await;
    let unreachable = get(&down, PIPELINES).bearer_auth(&there.token);
    for (request, status) in [
        (get(&system.url, PIPELINES), 401),
        (with_token, 403),
        (preflight, 403),
        (unreachable, 502),
        (get(&system.url, "/.patrol/authorize"), 400),
    ] {
        let response = Response::to(request).await;
        assert_eq!(response.status, status);
        assert_eq!(response.header("Access-Control-Allow-Origin"), "*");
        let exposed = response.header("Access-Control-Expose-Headers");
        assert_eq!(exposed, "WWW-Authenticate, Retry-After");
        assert_eq!(response.header("Access-Control-Allow-Credentials"), "");
    }
    let allowed = get(&system.url, PIPELINES).bearer_auth(&created.token);
    let allowed = Response::to(allowed).await;
    assert_eq!(allowed.status, 200);
    assert_eq!(allowed.header("Access-Control-Allow-Origin"), "");
    ada.revoke(&created.id).await;
}
