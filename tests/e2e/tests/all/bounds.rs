//! Nobody fails for another, and what an attacker can cause is bounded.

use futures_util::future::join_all;
use patrol_support::{Answer, User, client, empty_folder, in_time, root, shared, until};
use patrol_support::{
    cluster::{Cluster, Plan},
    config::{Binding, Config, MODULES, Worker, copy_worker},
    kv::KvFault,
    link::LinkFault,
    runtime::Runtime,
};
use reqwest::{Method, StatusCode};
use serde_json::json;
use std::{
    fs,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

const PIPELINES: &str = "/api/v1/engine/pipelines";

/// One way; a question and its answer take twice that.
const LATE: Duration = Duration::from_millis(50);

async fn stand(name: &str, settings: &[(&str, &str)]) -> Cluster {
    // Which builds the Workers.
    let _ = shared();
    Cluster::start(&Plan {
        name,
        processes: 1,
        isolates: 1,
        built: &root().join("build"),
        settings,
    })
    .await
}

/// What the edge says to a token, as another proxy asks.
async fn judge(base: &str, token: &str) -> StatusCode {
    let request = client()
        .get(format!("{base}/.patrol/authorize"))
        .bearer_auth(token)
        .header("X-Forwarded-Method", "GET")
        .header("X-Forwarded-Uri", PIPELINES)
        .header("X-Organization-ID", "acme");
    request.send().await.expect("an answer").status()
}

/// Sends a request and resets the connection a while later, whether it was answered or not.
async fn ask_and_reset(edge: SocketAddr, token: &str, after: Duration) {
    let mut stream = TcpStream::connect(edge).await.expect("a connection");
    let request = format!(
        "GET /.patrol/authorize HTTP/1.1\r\nHost: edge\r\nAuthorization: Bearer {token}\r\n\
         X-Forwarded-Method: GET\r\nX-Forwarded-Uri: {PIPELINES}\r\nX-Organization-ID: acme\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.expect("sent");
    tokio::time::sleep(after).await;
    stream.set_zero_linger().expect("a reset is possible");
}

/// Asks with a token and resets, again and again, until told to stop.
fn attack(edge: SocketAddr, token: String, after: Duration) -> (Arc<AtomicBool>, JoinHandle<()>) {
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = stop.clone();
    let attack = tokio::spawn(async move {
        while !stopped.load(Ordering::SeqCst) {
            ask_and_reset(edge, &token, after).await;
        }
    });
    (stop, attack)
}

#[tokio::test]
async fn nobody_fails_for_a_client_that_goes_away() {
    let mut stand = stand("aborted-askers", &[]).await;
    let ada = User::sign_in_at(&stand.management(), "ada").await;
    let good = ada.token(&["pipelines:read"]).await.token;
    stand.set_weather(LinkFault::Late(LATE));
    // Before the question reaches the origin, on its way back, with the answer, and long after it.
    for after in [0, 5, 50, 95, 105, 150, 250].map(Duration::from_millis) {
        for token in ["x", good.as_str()] {
            // An edge that knows nothing.
            stand.kill_edges(0);
            stand.start_edges(0).await;
            let edge = stand.sockets()[0];
            let base = format!("http://{edge}");
            // The first that asks is one that goes away.
            ask_and_reset(edge, token, after).await;
            let (stop, attack) = attack(edge, token.to_owned(), after);
            for round in 0..2 {
                let deserved = (0..4).map(|_| judge(&base, &good));
                for status in join_all(deserved).await {
                    assert!(status.is_success(), "{status}, {after:?}, round {round}");
                }
                let deserved = (0..4).map(|_| judge(&base, "y"));
                for status in join_all(deserved).await {
                    assert_eq!(status, 401, "{after:?}, round {round}");
                }
            }
            stop.store(true, Ordering::SeqCst);
            attack.await.expect("the attack does not fail");
        }
    }
}

#[tokio::test]
async fn a_question_that_is_lost_is_asked_once_more_for_those_who_wait() {
    let stand = stand("lost-question", &[]).await;
    let ada = User::sign_in_at(&stand.management(), "ada").await;
    let good = ada.token(&["pipelines:read"]).await.token;
    let base = stand.edges().remove(0);
    assert!(judge(&base, &good).await.is_success());
    // The lease runs out, and what is asked then gets no answer in time.
    stand.registry.set(LinkFault::Cut);
    until("the lease is over", async || {
        let patience = Duration::from_millis(500);
        let judged = tokio::time::timeout(patience, judge(&base, &good)).await;
        judged.is_err().then_some(())
    })
    .await;
    let waiting = (0..4).map(|_| judge(&base, &good));
    let mended = async {
        tokio::time::sleep(Duration::from_secs(2)).await;
        stand.registry.set(LinkFault::Fair);
    };
    let (answers, ()) = tokio::join!(join_all(waiting), mended);
    for status in answers {
        assert!(status.is_success(), "{status}");
    }
}

#[tokio::test]
async fn a_dead_token_costs_the_origin_nothing() {
    let stand = stand("dead-token", &[]).await;
    let ada = User::sign_in_at(&stand.management(), "ada").await;
    let live = ada.token(&["pipelines:read"]).await;
    let dead = ada.token(&["pipelines:read"]).await;
    let base = stand.edges().remove(0);
    assert!(judge(&base, &dead.token).await.is_success());
    assert_eq!(ada.revoke(&dead.id).await.status, 200);
    let (signed, signature) = live.token.rsplit_once('.').unwrap();
    let other = if signature.starts_with('A') { 'B' } else { 'A' };
    let forged = format!("{signed}.{other}{}", &signature[1..]);
    // Whoever is let through to the origin does not reach it.
    stand.origin.set(LinkFault::Refused);
    for method in [Method::GET, Method::DELETE] {
        for (token, expected) in [
            (dead.token.as_str(), (401, "token-revoked")),
            (&forged, (401, "signature-invalid")),
            ("x", (401, "token-malformed")),
            (&live.token, (502, "origin-unreachable")),
        ] {
            let url = format!("{base}/api/v1/tokens/current");
            let request = client().request(method.clone(), url).bearer_auth(token);
            let answer = Answer::to(request).await;
            assert_eq!(answer.outcome(), expected, "{method}");
        }
    }
    stand.origin.set(LinkFault::Fair);
    let request = client().get(format!("{base}/api/v1/tokens/current"));
    let own = Answer::to(request.bearer_auth(&live.token)).await;
    assert_eq!((own.status, &own.body["id"]), (200, &json!(live.id)));
}

#[tokio::test]
async fn strangers_make_no_registries() {
    let stand = stand("no-registries", &[]).await;
    let base = stand.management();
    let get = |path: &'static str| Answer::to(client().get(format!("{base}{path}")));
    assert_eq!(get("/status/aggregation").await.status, 200);
    for path in ["/status/0/0", "/status/15/0", "/status/14/7"] {
        assert_eq!(get(path).await.status, 404, "{path}");
    }
    let forged = get("/api/v1/tokens/current").await;
    assert_eq!(forged.status, 401);
    assert_eq!(stand.registries(), 0);
    let ada = User::sign_in_at(&base, "ada").await;
    assert_eq!(stand.registries(), 0, "to sign in makes none");
    ada.token(&["pipelines:read"]).await;
    assert_eq!(stand.registries(), 1);
    let list = get("/status/14/0").await;
    assert_eq!(list.status, 200, "what was made here is shown at once");
}

#[tokio::test]
async fn a_registry_that_exists_is_found_by_an_origin_that_knows_nothing() {
    let mut stand = stand("announced", &[]).await;
    let ada = User::sign_in_at(&stand.management(), "ada").await;
    ada.token(&["pipelines:read"]).await;
    let writes = || stand.kv.counts().1;
    until("the list and its registry are announced", async || {
        (writes() >= 2).then_some(())
    })
    .await;
    stand.kill_origin();
    stand.start_origin().await;
    let lists = client().get(format!("{}/status/aggregation", stand.management()));
    let lists = Answer::to(lists).await;
    assert_eq!(lists.body["status_lists"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn what_strangers_ask_for_is_asked_once_and_failures_are_remembered() {
    let stand = stand("strangers", &[]).await;
    let url = format!("{}/status/aggregation", stand.management());
    let ask = || async { Answer::to(client().get(&url)).await };
    stand.kv.set(KvFault::Failing);
    let before = stand.kv.counts().0;
    for answer in join_all((0..20).map(|_| ask())).await {
        assert_eq!(answer.outcome(), (503, "revocation-unavailable"));
        assert_eq!(answer.header("Retry-After"), "1");
    }
    // Two questions to 16 registries, each of which looks for itself first.
    let asked = stand.kv.counts().0 - before;
    assert!(asked <= 2 * 16, "{asked}");
    stand.kv.set(KvFault::Prompt);
    until("it is asked again", async || {
        (ask().await.status == 200).then_some(())
    })
    .await;
    let before = stand.kv.counts().0;
    for answer in join_all((0..20).map(|_| ask())).await {
        assert_eq!(answer.status, 200);
    }
    assert_eq!(stand.kv.counts().0, before);
}

fn wish() -> serde_json::Value {
    json!({
        "name": "Bounds", "expires_in_days": 30,
        "organizations": ["acme"], "scopes": ["pipelines:read"],
    })
}

#[tokio::test]
async fn creations_are_counted_for_each_user() {
    let settings = [("CREATION_BURST", "3"), ("CREATIONS_PER_HOUR", "1")];
    let stand = stand("creations", &settings).await;
    let ada = User::sign_in_at(&stand.management(), "ada").await;
    for _ in 0..3 {
        let made = ada.create(&wish()).await;
        assert_eq!(made.status, 201);
        let id = made.body["id"].as_str().unwrap().to_owned();
        assert_eq!(ada.revoke(&id).await.status, 200);
    }
    let refused = ada.create(&wish()).await;
    assert_eq!(refused.outcome(), (429, "rate-limited"));
    assert_eq!(
        refused.header("RateLimit-Policy"),
        "\"creation\";q=3;w=10800"
    );
    let wait: u64 = refused.header("Retry-After").parse().unwrap();
    assert!((3_590..=3_600).contains(&wait), "{wait}");
    assert_eq!(
        refused.header("RateLimit"),
        format!("\"creation\";r=0;t={wait}")
    );
    let vic = User::sign_in_at(&stand.management(), "vic").await;
    assert_eq!(vic.create(&wish()).await.status, 201, "nobody else is");
}

#[tokio::test]
async fn revocations_are_counted_and_a_token_can_end_itself_all_the_same() {
    let stand = stand("revocations", &[]).await;
    let ada = User::sign_in_at(&stand.management(), "ada").await;
    let made = ada.token(&["pipelines:read"]).await;
    let nothing = "AAAAAAAAAAAAAAAAAAAAAA";
    let mut refused = None;
    while refused.is_none() {
        let calls = (0..50).map(|_| ada.revoke(nothing));
        for answer in join_all(calls).await {
            match answer.outcome() {
                (404, "not-found") => {}
                (429, "rate-limited") => refused = Some(answer),
                other => panic!("{other:?}"),
            }
        }
    }
    let refused = refused.expect("a limit");
    assert_eq!(
        refused.header("RateLimit-Policy"),
        "\"revocation\";q=1000;w=6000"
    );
    let url = format!("{}/api/v1/tokens/current", stand.edges()[0]);
    let ended = Answer::to(client().delete(url).bearer_auth(&made.token)).await;
    assert_eq!(ended.status, 200);
}

#[tokio::test]
async fn attempts_to_sign_in_are_counted_by_address() {
    let system = shared();
    let folder = empty_folder("sign-in-limit");
    copy_worker(&root().join("build/origin"), &folder);
    fs::write(folder.join("limit.js"), include_str!("sign_in_limit.js")).unwrap();
    let keys = ["SIGNING_KEYS", "SESSION_KEYS"].map(|name| (name, system.secret(name)));
    let mut bindings = vec![
        ("PUBLIC_URL", Binding::Text("http://127.0.0.1:8787")),
        ("REGISTRIES", Binding::Text("1")),
        ("DEV_SIGN_IN", Binding::Text("1")),
        ("SIGN_IN_LIMIT", Binding::Made("stand:limit")),
    ];
    bindings.extend(
        keys.iter()
            .map(|(name, value)| (*name, Binding::Text(value))),
    );
    let mut config = Config::default();
    config.worker(&Worker {
        name: "origin",
        modules: &MODULES,
        bindings: &bindings,
        storage: None,
    });
    config.socket("origin");
    config.module("stand:limit", "limit.js");
    let path = folder.join("config.capnp");
    fs::write(&path, config.finish()).unwrap();
    let process = Runtime::start(&path, &folder.join("log"), 1).await;
    let url = format!("http://127.0.0.1:{}/auth/dev", process.port("origin"));
    let sign_in = |address: &'static str, user: &'static str| {
        let request = client().post(&url).json(&json!({ "user": user }));
        Answer::to(request.header("CF-Connecting-IP", address))
    };
    assert_eq!(sign_in("2001:db8::1", "nobody").await.status, 422);
    assert_eq!(sign_in("2001:db8::2", "ada").await.status, 200);
    let refused = sign_in("2001:db8::3", "ada").await;
    assert_eq!(refused.outcome(), (429, "rate-limited"));
    assert_eq!(refused.header("Retry-After"), "60");
    assert_eq!(refused.header("RateLimit-Policy"), "\"sign-in\";q=20;w=60");
    assert_eq!(sign_in("192.0.2.1", "ada").await.status, 200);
}

/// A server that takes any body and answers only a whole one: what it was sent, and whether the
/// connection ended, is told.
async fn upstream() -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut got = Vec::new();
                let mut chunk = [0; 4096];
                while let Ok(count @ 1..) = stream.read(&mut chunk).await {
                    got.extend_from_slice(&chunk[..count]);
                    let text = String::from_utf8_lossy(&got);
                    if text.contains("die") {
                        let _ = stream.set_zero_linger();
                        return;
                    }
                    if text.ends_with("\r\n0\r\n\r\n") || text.ends_with("whole") {
                        let _ = stream
                            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                            .await;
                    }
                }
            });
        }
    });
    address
}

#[tokio::test]
async fn a_client_that_breaks_off_its_body_is_told_so() {
    let upstream = format!("http://{}", upstream().await);
    let stand = stand("broken-bodies", &[("UPSTREAM_URL", &upstream)]).await;
    let ada = User::sign_in_at(&stand.management(), "ada").await;
    let token = ada
        .token(&["pipelines:write", "pipelines:read"])
        .await
        .token;
    let edge = stand.sockets()[0];
    let cookie = ada.cookie();
    let management = format!(
        "POST /api/v1/tokens HTTP/1.1\r\nHost: edge\r\nCookie: {cookie}\r\nContent-Type: application/json\r\n"
    );
    let api = format!(
        "POST {PIPELINES} HTTP/1.1\r\nHost: edge\r\nAuthorization: Bearer {token}\r\nX-Organization-ID: acme\r\n"
    );
    let get = api.replace("POST", "GET");
    let cases = [
        (&get, "Content-Length: 5\r\n\r\nwhole", "200"),
        (&api, "Content-Length: 5\r\n\r\nwhole", "200"),
        (
            &api,
            "Transfer-Encoding: chunked\r\n\r\n5\r\nwhole\r\n0\r\n\r\n",
            "200",
        ),
        (&api, "Content-Length: 100\r\n\r\nabc", "400 body-invalid"),
        (
            &api,
            "Transfer-Encoding: chunked\r\n\r\n50\r\nabc",
            "400 body-invalid",
        ),
        (
            &api,
            "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
            "400 body-invalid",
        ),
        (
            &api,
            "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n",
            "400 body-invalid",
        ),
        (
            &api,
            "Content-Length: 3\r\n\r\ndie",
            "502 upstream-unreachable",
        ),
        (
            &management,
            "Content-Length: 100\r\n\r\n{",
            "400 body-invalid",
        ),
        (
            &management,
            "Transfer-Encoding: chunked\r\n\r\nzz\r\n",
            "400 body-invalid",
        ),
    ];
    for (head, rest, expected) in cases {
        let mut stream = TcpStream::connect(edge).await.unwrap();
        stream
            .write_all(format!("{head}{rest}").as_bytes())
            .await
            .unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = String::new();
        let _ = in_time("an answer", stream.read_to_string(&mut answer)).await;
        let status = answer.split(' ').nth(1).unwrap_or_default();
        let code = answer
            .split("\"code\":\"")
            .nth(1)
            .and_then(|rest| rest.split('"').next());
        let found = match code {
            Some(code) => format!("{status} {code}"),
            None => status.to_owned(),
        };
        assert_eq!(found, expected, "{rest:?}");
    }
}
