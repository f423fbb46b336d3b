//! Where Patrol's own paths are: below the prefix, at the root, below the path of `PUBLIC_URL`; and
//! that every other path is the platform's.

use crate::{
    common::{PIPELINES, creation, echo_headers, use_token},
    variants::variant,
};
use patrol_support::{Response, User, api_request, client, raw_http::send_raw, shared_system};
use reqwest::Method;

const PUBLIC_URL: &str = "http://127.0.0.1:8787";

/// The life of a token with addresses below a prefix only. `public` is the prefix as Patrol writes
/// it, and `prefix` is the same at an edge.
async fn assert_whole_life(url: &str, prefix: &str, public: &str) {
    let below = format!("{url}{prefix}");
    let get = |path: &str| Response::to(client().get(format!("{below}/{path}")));
    assert_eq!(get("health").await.status, 200, "{below}");
    let keys = get("jwks.json").await;
    assert!(keys.body["keys"][0]["x"].is_string(), "{below}");

    let ada = User::sign_in_below(&below, "ada").await;
    assert_eq!(ada.get("/api/v1/me").await.body["id"], "ada");
    assert_eq!(
        ada.get("/api/v1/scopes?organization=acme").await.status,
        200
    );
    let created = ada.create_token(&["pipelines:read"]).await;
    let location = format!("{public}/api/v1/tokens/{}", created.id);
    assert_eq!(
        format!("{PUBLIC_URL}{}", created.response.header("Location")),
        location
    );
    let claims = created.claims();
    let (issuer, _) = public
        .rsplit_once(prefix.trim_start_matches("/platform"))
        .unwrap();
    assert_eq!(
        (&claims["iss"], &claims["aud"]),
        (&issuer.into(), &issuer.into())
    );
    let uri = claims["status"]["status_list"]["uri"].as_str().unwrap();
    let list = uri.strip_prefix(&format!("{public}/")).unwrap();
    assert_eq!(
        get(list).await.header("Content-Type"),
        "application/statuslist+jwt"
    );
    let lists = get("status/aggregation").await;
    assert!(
        lists.body["status_lists"]
            .as_array()
            .unwrap()
            .contains(&uri.into()),
        "{}",
        lists.body
    );

    assert_eq!(use_token(url, &created).await.status, 200);
    let authorize = || {
        let request = client()
            .get(format!("{below}/authorize"))
            .bearer_auth(&created.token);
        let request = request
            .header("X-Forwarded-Method", "GET")
            .header("X-Organization-ID", "acme");
        Response::to(request.header("X-Forwarded-Uri", PIPELINES))
    };
    // The second is decided from the cache.
    for _ in 0..2 {
        let allowed = authorize().await;
        assert_eq!(
            (allowed.status, allowed.header("X-Patrol-Subject")),
            (200, "ada")
        );
    }
    let own = Response::to(
        client()
            .get(format!("{below}/api/v1/tokens/current"))
            .bearer_auth(&created.token),
    );
    assert_eq!(own.await.body["id"], created.id);
    assert_eq!(ada.revoke(&created.id).await.status, 200);
    assert_eq!(authorize().await.outcome(), (401, "token-revoked"));
    assert_eq!(
        use_token(url, &created).await.outcome(),
        (401, "token-revoked")
    );
    let out = Response::to(ada.request(Method::POST, "/auth/sign-out")).await;
    assert_eq!(out.status, 200);
}

#[tokio::test]
async fn everything_works_below_the_prefix() {
    let public = format!("{PUBLIC_URL}/.patrol");
    assert_whole_life(&variant("no-root-paths").await, "/.patrol", &public).await;
}

#[tokio::test]
async fn everything_works_below_another_prefix() {
    let url = variant("other-prefix").await;
    assert_whole_life(&url, "/x/tokens", &format!("{PUBLIC_URL}/x/tokens")).await;
    let health = Response::to(client().get(format!("{url}/.patrol/health"))).await;
    assert_eq!(health.outcome(), (401, "token-missing"));
}

#[tokio::test]
async fn everything_works_below_the_path_of_the_public_url_and_without_it() {
    let url = variant("public-path").await;
    let public = format!("{PUBLIC_URL}/platform/.patrol");
    assert_whole_life(&url, "/platform/.patrol", &public).await;
    assert_whole_life(&url, "/.patrol", &public).await;
    let otto = User::sign_in_below(&format!("{url}/.patrol"), "otto").await;
    for path in ["/platform/api/v1/me", "/api/v1/me"] {
        let me = client()
            .get(format!("{url}{path}"))
            .header("Cookie", otto.cookie());
        assert_eq!(Response::to(me).await.body["id"], "otto", "{path}");
    }
}

#[tokio::test]
async fn platform_has_every_path_outside_the_prefix() {
    let url = variant("no-root-paths").await;
    let ada = User::sign_in_below(&format!("{url}/.patrol"), "ada").await;
    let created = ada.create_token(&["pipelines:read"]).await;
    for path in [
        "/",
        "/assets/x",
        "/auth/login",
        "/auth/dev",
        "/profile",
        "/profile/security",
        "/status/1",
        "/.well-known/security.txt",
        "/.well-known/jwks.json",
        "/api/v1/me",
        "/api/v1/tokens",
        "/favicon.ico",
    ] {
        let anonymous = Response::to(client().get(format!("{url}{path}"))).await;
        assert_eq!(anonymous.outcome(), (401, "token-missing"), "{path}");
        let request = api_request(&url, Method::GET, path, &created.token);
        let outcome = Response::to(request.header("Cookie", ada.cookie())).await;
        assert_eq!(outcome.outcome(), (403, "route-unknown"), "{path}");
    }
}

#[tokio::test]
async fn unknown_path_below_the_prefix_is_patrols_too() {
    let url = variant("no-root-paths").await;
    let ada = User::sign_in_below(&format!("{url}/.patrol"), "ada").await;
    let created = ada.create_token(&["pipelines:read"]).await;
    for path in [
        "/.patrol/",
        "/.patrol/other",
        "/.patrol/healthy",
        "/.patrol/ui/index.html",
    ] {
        let request = api_request(&url, Method::GET, path, &created.token);
        assert_eq!(
            Response::to(request).await.outcome(),
            (404, "not-found"),
            "{path}"
        );
        // The edge, which answers for other proxies, allows none of them. The second answer is one of
        // an edge that knows the token.
        for uri in [path, "/.patrol/api/v1/tokens"] {
            let request = api_request(&url, Method::GET, "/.patrol/authorize", &created.token)
                .header("X-Forwarded-Method", "GET")
                .header("X-Forwarded-Uri", uri);
            assert_eq!(
                Response::to(request).await.outcome(),
                (403, "route-unknown"),
                "{uri}"
            );
        }
    }
}

#[tokio::test]
async fn two_installations_on_one_host_keep_both_sessions() {
    let [one, two] = [
        variant("no-root-paths").await,
        variant("other-prefix").await,
    ];
    let ada = User::sign_in_below(&format!("{one}/.patrol"), "ada").await;
    let otto = User::sign_in_below(&format!("{two}/x/tokens"), "otto").await;
    let name = |user: &User| user.cookie().split_once('=').unwrap().0.to_owned();
    assert_ne!(name(&ada), name(&otto));
    // A browser sends both if the paths allow it.
    let both = format!("{}; {}", ada.cookie(), otto.cookie());
    for (url, id) in [
        (format!("{one}/.patrol/api/v1/me"), "ada"),
        (format!("{two}/x/tokens/api/v1/me"), "otto"),
    ] {
        let me = Response::to(client().get(url).header("Cookie", &both)).await;
        assert_eq!(me.body["id"], id);
    }
    // An upstream gets the session of neither.
    let created = ada.create_token(&["pipelines:read"]).await;
    let headers = format!(
        "{}Cookie: {both}; theme=dark\r\n",
        echo_headers(&created.token)
    );
    let echo = send_raw(&one, "GET", PIPELINES, &headers).await;
    assert!(echo.contains("theme=dark") && !echo.contains("patrol_session"));
}

#[tokio::test]
async fn session_cookie_has_the_narrowest_path() {
    for (name, prefix, path) in [
        ("no-root-paths", "/.patrol", "/.patrol/"),
        ("other-prefix", "/x/tokens", "/x/tokens/"),
        // Its aliases of the API are at the root.
        ("public-path", "/.patrol", "/platform/"),
        ("default", "/.patrol", "/"),
    ] {
        let request = client().post(format!("{}{prefix}/auth/dev", variant(name).await));
        let response = Response::to(request.json(&serde_json::json!({ "user": "otto" }))).await;
        let cookie = response.header("Set-Cookie").to_owned();
        let found = cookie.split("; ").find_map(|one| one.strip_prefix("Path="));
        assert_eq!(found, Some(path), "{name}");
    }
}

#[tokio::test]
async fn page_at_another_name_of_this_machine_leads_to_the_public_url() {
    let system = shared_system();
    let port = system.url.rsplit(':').next().unwrap();
    let get = |host: &str, path: &str| {
        let request = client().get(format!("{}{path}", system.url));
        Response::to(request.header("Host", format!("{host}:{port}")))
    };
    for path in ["/", "/profile/security?a=b", "/.patrol/ui/sign-in"] {
        let elsewhere = get("localhost", path).await;
        assert_eq!(elsewhere.status, 307, "{path}");
        assert_eq!(
            elsewhere.header("Location"),
            format!("{}{path}", system.url)
        );
        assert_eq!(elsewhere.header("Cache-Control"), "no-store");
        assert_eq!(get("127.0.0.1", path).await.status, 200, "{path}");
    }
    for host in [
        "localhost.",
        "LOCALHOST",
        "[::1]",
        "127.0.0.2",
        "app.localhost",
    ] {
        assert_eq!(get(host, "/").await.status, 307, "{host}");
    }
    // A proxy on this machine names the Worker by an address of its own.
    let elsewhere = client().get(&system.url).header("Host", "localhost:1");
    assert_eq!(Response::to(elsewhere).await.status, 200);
    assert_eq!(get("localhost", "/.patrol/jwks.json").await.status, 200);
    assert_eq!(get("evil.example", "/").await.status, 200);
}

#[tokio::test]
async fn slash_at_the_end_of_a_path_is_removed_or_named() {
    let system = shared_system();
    let url = &system.url;
    for (path, location) in [
        ("/profile/security/?a=b", "/profile/security?a=b"),
        ("/profile/", "/profile"),
        ("/sign-in/?next=profile", "/sign-in?next=profile"),
        (
            "/.patrol/ui/profile/security/",
            "/.patrol/ui/profile/security",
        ),
    ] {
        let moved = Response::to(client().get(format!("{url}{path}"))).await;
        assert_eq!(moved.status, 308, "{path}");
        let base = reqwest::Url::parse(&format!("{url}{path}")).unwrap();
        let target = base.join(moved.header("Location")).unwrap();
        assert_eq!(target.as_str(), format!("{url}{location}"));
        assert_eq!(
            Response::to(client().get(target)).await.status,
            200,
            "{path}"
        );
    }
    for (method, path) in [
        (Method::GET, "/api/v1/tokens/"),
        (Method::POST, "/.patrol/api/v1/tokens/"),
        (Method::GET, "/api/v1/me/"),
        (Method::DELETE, "/api/v1/tokens/current/"),
        (Method::GET, "/.patrol/health/"),
        (Method::GET, "/.patrol/authorize/"),
        (Method::POST, "/.patrol/auth/sign-out/"),
    ] {
        let refused = Response::to(client().request(method, format!("{url}{path}?a=b"))).await;
        assert_eq!(refused.outcome(), (404, "not-found"), "{path}");
        let detail = refused.body["detail"].as_str().unwrap();
        let meant = format!("to {}.", path.trim_end_matches('/'));
        assert!(detail.ends_with(&meant), "{detail}");
    }
}

#[tokio::test]
async fn every_answer_of_the_origin_says_when_it_was_sent() {
    let system = shared_system();
    for path in ["/.patrol/api/v1/me", "/.patrol/jwks.json", "/.patrol/ui/"] {
        let answer = Response::to(client().get(format!("{}{path}", system.url))).await;
        let date = answer.header("Date");
        assert!(date.len() == 29 && date.ends_with(" GMT"), "{path}: {date}");
    }
}

#[tokio::test]
async fn refused_change_names_the_right_address() {
    let system = shared_system();
    let ada = User::sign_in(&system.url, "ada").await;
    let request = ada
        .request(Method::POST, "/api/v1/tokens")
        .json(&creation());
    let refused = Response::to(request.header("Origin", "http://localhost:1")).await;
    assert_eq!(refused.outcome(), (403, "origin-forbidden"));
    let detail = refused.body["detail"].as_str().unwrap();
    assert!(
        detail.contains(&format!("pages on {}.", system.url)),
        "{detail}"
    );
}
