//! Sign-in by identity providers: at real providers and at one that lies.

use crate::{
    common::use_token,
    fronts::{HTTPS_URL, assert_refused, fronts, has_session},
};
use patrol_support::{Response, User, browser::Browser, now, wait_until};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const ME: &str = "/.patrol/api/v1/me";
const SIGN_OUT: &str = "/.patrol/auth/sign-out";

/// Pairs of organization and roles.
fn memberships(me: &Value) -> Vec<(String, Value)> {
    let organizations = me["organizations"].as_array().into_iter().flatten();
    organizations
        .map(|one| (one["id"].as_str().unwrap().to_owned(), one["roles"].clone()))
        .collect()
}

async fn me(user: &User) -> Value {
    let response = user.get(ME).await;
    assert_eq!(response.status, 200);
    response.body
}

/// How many sign-ins the user's audit log has.
async fn sign_ins(user: &User) -> usize {
    let page = user.get("/.patrol/api/v1/audit").await;
    let entries = page.body["entries"].as_array().unwrap();
    let is_sign_in = |entry: &&Value| entry["action"] == "sign-in";
    entries.iter().filter(is_sign_in).count()
}

#[tokio::test]
async fn fronts_are_listed_for_everybody() {
    let page = fronts().await.browser().open("/.patrol/auth/fronts").await;
    let list = page.json();
    assert_eq!(page.status, 200);
    assert_eq!(
        (&list["access"], &list["development"]),
        (&json!(true), &json!(false))
    );
    let providers = list["providers"].as_array().unwrap();
    assert_eq!(providers[0], json!({ "name": "rs256", "label": "rs256" }));
    assert_eq!(providers.len(), 11);
}

#[tokio::test]
async fn development_user_cannot_sign_in_to_production() {
    let url = fronts().await.url("fronts");
    let request = patrol_support::client()
        .post(format!("{url}/.patrol/auth/dev"))
        .json(&json!({ "user": "ada" }));
    let response = Response::to(request).await;
    assert_eq!(response.outcome(), (404, "not-found"));
}

#[tokio::test]
async fn every_algorithm_and_client_authentication_signs_in() {
    let fronts = fronts().await;
    let mut ids = Vec::new();
    for provider in ["rs256", "ps256", "es256", "eddsa", "key"] {
        let mut browser = fronts.browser();
        let ada = browser.sign_in(provider, "ada").await;
        assert_eq!(browser.pending(), 0, "{provider}");
        let me = me(&ada).await;
        assert_eq!(me["name"], "Ada Lovelace", "{provider}");
        assert_eq!(me["email"], "ada@example.com", "{provider}");
        ids.push(me["id"].clone());
    }
    ids.dedup();
    assert_eq!(ids.len(), 1, "one issuer has one ada");
}

#[tokio::test]
async fn user_signs_in_uses_a_token_and_signs_out() {
    let fronts = fronts().await;
    let mut browser = fronts.browser();
    let to = "/.patrol/ui/?from=test";
    let path = "/.patrol/auth/sign-in?provider=rs256&to=%2F.patrol%2Fui%2F%3Ffrom%3Dtest";
    let begun = browser.open(path).await;
    assert_eq!(begun.status, 302);
    assert_eq!(begun.header("Cache-Control"), "no-store");
    let [cookie] = begun.set_cookies()[..] else {
        panic!("not one cookie");
    };
    for attribute in ["HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=600"] {
        assert!(cookie.split("; ").any(|found| found == attribute));
    }
    let callback = browser.authenticate(begun, "vic").await;
    let entered = browser.open(&callback).await;
    assert_eq!((entered.status, entered.header("Location")), (303, to));
    assert_eq!(entered.header("Cache-Control"), "no-store");
    assert_eq!(browser.pending(), 0);

    let vic = browser.user().unwrap();
    let account = me(&vic).await;
    assert_eq!(
        memberships(&account),
        [("acme".to_owned(), json!(["viewer"]))]
    );
    assert_eq!(account["organizations"][0]["name"], "Acme Manufacturing");
    let root = User::with_header(&fronts.url("fronts"), "Cookie", vic.cookie());
    let created = root.create_token(&["pipelines:read"]).await;
    let used = use_token(&fronts.url("fronts"), &created).await;
    assert_eq!(used.status, 200);
    assert_eq!(used.body["caller"]["subject"], account["id"]);
    assert_eq!(root.revoke(&created.id).await.status, 200);

    let out = vic.post(SIGN_OUT, &json!({})).await;
    assert_eq!(out.status, 200);
    assert!(out.header("Set-Cookie").contains("Max-Age=0"));
    assert_eq!(vic.get(ME).await.outcome(), (401, "session-required"));
    let next = out.body["next"].as_str().unwrap();
    assert!(next.starts_with(fronts.issuer("rs256").url), "{next}");
    let asked = browser.open(next).await;
    let signed_out = browser.submit(&asked, &[("logout", "yes")]).await;
    let back = signed_out.location().unwrap_or_default();
    assert!(back.ends_with("/.patrol/ui/"), "{back}");
    let begun = browser
        .open("/.patrol/auth/sign-in?provider=rs256&to=/")
        .await;
    let at_provider = browser.open(&begun.location().unwrap()).await;
    let login = at_provider.location().unwrap_or_default();
    assert!(login.contains("/login/"), "the provider remembers the user");
}

#[tokio::test]
async fn memberships_come_from_the_claims() {
    let fronts = fronts().await;
    for (user, expected) in [
        ("ada", json!([["acme", ["admin"]], ["globex", ["viewer"]]])),
        ("otto", json!([["acme", ["operator"]]])),
        ("nobody-in-particular", json!([])),
    ] {
        let user = fronts.browser().sign_in("es256", user).await;
        assert_eq!(json!(memberships(&me(&user).await)), expected);
    }
}

#[tokio::test]
async fn one_subject_at_two_providers_is_two_users() {
    let fronts = fronts().await;
    let mut users = Vec::new();
    let mut browser = fronts.browser();
    for (provider, name) in [("rs256", "Uma"), ("other", "Una")] {
        let claims = json!({ "name": name, "groups": ["/acme/viewer"] });
        fronts.issuer(provider).set_user("123", &claims).await;
        let user = browser.sign_in(provider, "123").await;
        let me = me(&user).await;
        assert_eq!(me["name"], name);
        assert_eq!(sign_ins(&user).await, 1, "{provider}");
        users.push((me["id"].clone(), user));
    }
    let [(uma, session), (una, _)] = &users[..] else {
        panic!("not two users");
    };
    assert_ne!(uma, una);
    // No browser holds Uma's session any longer.
    assert_eq!(session.get(ME).await.outcome(), (401, "session-required"));
}

#[tokio::test]
async fn role_taken_away_at_the_provider_is_gone_after_the_next_sign_in() {
    let fronts = fronts().await;
    let issuer = fronts.issuer("es256");
    let claims = |groups: &[&str]| json!({ "name": "Nina", "groups": groups });
    let groups = &["/acme/admin", "/globex/viewer"];
    issuer.set_user("nina", &claims(groups)).await;
    let first = fronts.browser().sign_in("es256", "nina").await;
    assert_eq!(memberships(&me(&first).await).len(), 2);
    issuer.set_user("nina", &claims(&["/acme/viewer"])).await;
    let second = fronts.browser().sign_in("es256", "nina").await;
    for session in [&second, &first] {
        assert_eq!(
            memberships(&me(session).await),
            [("acme".to_owned(), json!(["viewer"]))]
        );
    }
    let url = fronts.url("fronts");
    let root = User::with_header(&url, "Cookie", first.cookie());
    let body = json!({
        "name": "Too much", "expires_in_days": 30,
        "organizations": ["acme"], "scopes": ["organizations:members"],
    });
    let refused = root.create(&body).await;
    assert_eq!(refused.outcome(), (422, "scopes-exceed-owner"));
}

#[tokio::test]
async fn two_tabs_sign_in_at_once() {
    let fronts = fronts().await;
    let mut browser = fronts.browser();
    let first = browser.ask("es256", "ada").await;
    let second = browser.ask("other", "vic").await;
    assert_eq!(browser.pending(), 2);
    for (callback, pending) in [(second, 1), (first, 0)] {
        assert_eq!(browser.open(&callback).await.status, 303);
        assert_eq!(browser.pending(), pending);
    }
}

#[tokio::test]
async fn sign_in_leads_to_no_other_site() {
    let fronts = fronts().await;
    for to in [
        "//evil.example",
        "https://evil.example",
        "/\\evil.example",
        "\\/evil.example",
        "/\t/evil.example",
        "\t//evil.example",
        "/\n/evil.example",
        " //evil.example",
        "evil.example",
        "javascript:alert(1)",
        "",
    ] {
        for provider in ["rs256", "access"] {
            let encoded =
                percent_encoding::utf8_percent_encode(to, percent_encoding::NON_ALPHANUMERIC);
            let path = format!("/.patrol/auth/sign-in?provider={provider}&to={encoded}");
            let page = fronts.browser().open_as_program(&path).await;
            let problem = page.json();
            assert_eq!(
                (page.status, &problem["code"]),
                (400, &json!("parameter-invalid")),
                "{to:?}"
            );
            assert_eq!(problem["field"], "to", "{to:?}");
            assert!(page.set_cookies().is_empty(), "{to:?}");
            assert_eq!(page.header("Location"), "", "{to:?}");
        }
    }
}

#[tokio::test]
async fn unknown_provider_is_refused() {
    let fronts = fronts().await;
    for query in ["", "?provider=", "?provider=none", "?provider=RS256"] {
        let path = format!("/.patrol/auth/sign-in{query}");
        let page = fronts.browser().open_as_program(&path).await;
        let problem = page.json();
        assert_eq!(
            (page.status, &problem["code"], &problem["field"]),
            (400, &json!("parameter-invalid"), &json!("provider")),
            "{query}"
        );
    }
}

/// Sign-ins of Trudy with a lie, and the reason for which each is refused.
fn lies(evil: &str) -> Vec<(&'static str, Value)> {
    let now = now();
    let mut cases = vec![
        ("claims-nonce", json!({ "claims": { "nonce": "other" } })),
        ("claims-nonce", json!({ "claims": { "nonce": null } })),
        ("claims-audience", json!({ "claims": { "aud": "other" } })),
        (
            "claims-audience",
            json!({ "claims": { "aud": ["patrol", "other"] } }),
        ),
        ("claims-audience", json!({ "claims": { "azp": "other" } })),
        (
            "jwt-issuer",
            json!({ "claims": { "iss": "https://other.example" } }),
        ),
        (
            "jwt-issuer",
            json!({ "claims": { "iss": format!("{evil}/evil-keys") } }),
        ),
        ("jwt-issuer", json!({ "claims": { "iss": null } })),
        (
            "claims-expired",
            json!({ "claims": { "iat": now - 400, "exp": now - 100 } }),
        ),
        (
            "claims-future",
            json!({ "claims": { "iat": now + 400, "exp": now + 500 } }),
        ),
        ("claims-missing", json!({ "claims": { "exp": null } })),
        ("claims-subject", json!({ "claims": { "sub": null } })),
        ("jwt-algorithm", json!({ "sign": "none" })),
        ("jwt-algorithm", json!({ "sign": "public key" })),
        ("jwt-algorithm", json!({ "header": { "alg": "RS512" } })),
        ("jwt-signature", json!({ "sign": "stranger" })),
        (
            "jwt-signature",
            json!({ "sign": "RS256", "header": { "alg": "PS256" } }),
        ),
        (
            "jwt-key-unusable",
            json!({ "sign": "EdDSA", "header": { "alg": "RS256" } }),
        ),
        ("jwt-key-unknown", json!({ "header": { "kid": "other" } })),
        ("jwt-critical", json!({ "header": { "crit": ["x"] } })),
        ("claims-type", json!({ "header": { "typ": "logout+jwt" } })),
        ("jwt-too-long", json!({ "pad": 20_000 })),
    ];
    for (_, lie) in &mut cases {
        if lie["claims"].get("sub").is_none() {
            lie["claims"]["sub"] = json!("trudy");
        }
    }
    let answers = [
        (
            "callback-issuer",
            json!({ "answer": { "iss": "https://other.example" } }),
        ),
        ("callback-issuer", json!({ "answer": { "iss": null } })),
        ("callback-code", json!({ "answer": { "code": null } })),
        (
            "callback-error",
            json!({ "answer": { "code": null, "error": "access_denied" } }),
        ),
        (
            "callback-issuer",
            json!({ "answer": { "iss": null, "error": "access_denied" } }),
        ),
        (
            "token-response-error",
            json!({ "answer": { "code": "invented" } }),
        ),
        (
            "token-response-malformed",
            json!({ "token": { "status": 200, "body": "<html>" } }),
        ),
        (
            "token-response-id-token",
            json!({ "token": { "status": 200, "body": { "access_token": "x" } } }),
        ),
    ];
    cases.extend(answers);
    cases
}

#[tokio::test]
async fn lie_of_a_provider_is_found_and_leaves_nothing() {
    let fronts = fronts().await;
    for (reason, lie) in lies(fronts.evil.url()) {
        let mut browser = fronts.browser();
        let page = fronts.sign_in_at_evil(&mut browser, "evil", &lie).await;
        assert_refused(&page, (400, "sign-in-failed"), reason, &lie.to_string());
        assert_eq!(browser.pending(), 0, "{lie}");
        assert!(browser.user().is_none(), "{lie}");
    }
    // The same way is open to the truth, and only that was recorded.
    let truth = json!({ "claims": { "sub": "trudy", "groups": ["/acme/viewer"] } });
    let mut browser = fronts.browser();
    let page = fronts.sign_in_at_evil(&mut browser, "evil", &truth).await;
    assert_eq!(page.status, 303);
    let trudy = browser.user().unwrap();
    assert_eq!(sign_ins(&trudy).await, 1);
    assert_eq!(memberships(&me(&trudy).await).len(), 1);
}

#[tokio::test]
async fn unverified_address_gives_no_email() {
    let fronts = fronts().await;
    let mut browser = fronts.browser();
    let claims = json!({
        "sub": "eve", "name": "Eve", "email": "ada@example.com", "email_verified": false,
    });
    let lie = json!({ "claims": claims });
    let page = fronts.sign_in_at_evil(&mut browser, "evil", &lie).await;
    assert_eq!(page.status, 303);
    assert_eq!(me(&browser.user().unwrap()).await["email"], "");
}

/// With https no neighbouring host can plant a sign-in of its own.
#[tokio::test]
async fn pending_sign_in_is_bound_to_its_host() {
    let fronts = fronts().await;
    let mut browser = Browser::new(&fronts.url("https"), HTTPS_URL);
    let begun = browser.open("/.patrol/auth/sign-in").await;
    let [cookie] = begun.set_cookies()[..] else {
        panic!("not one cookie");
    };
    assert!(cookie.starts_with("__Host-patrol_session_pending_"));
    for attribute in ["Secure", "HttpOnly", "SameSite=Lax", "Path=/"] {
        assert!(cookie.split("; ").any(|found| found == attribute));
    }
    assert!(!cookie.contains("Domain"));
    let callback = browser.authenticate(begun, "mallory").await;
    assert!(callback.starts_with("https://patrol.example/.patrol/auth/callback?"));
    let entered = browser.open(&callback).await;
    assert_eq!(entered.status, 303);
    let is_bound = |cookie: &&str| cookie.starts_with("__Host-") && cookie.contains("; Secure");
    assert!(entered.set_cookies().iter().all(is_bound));
    assert_eq!(browser.pending(), 0);
}

#[tokio::test]
async fn log_has_the_reason_and_nothing_of_a_token() {
    let fronts = fronts().await;
    fronts.browser().sign_in("es256", "lois").await;
    // Other tests fill the log, and it takes ten lines a second.
    let (log, callback) = wait_until("the reason is in the log", || async {
        let mut browser = fronts.browser();
        let lie = json!({ "claims": { "sub": "lois", "exp": "never" } });
        let callback = fronts.ask_evil(&mut browser, "evil", &lie).await;
        browser.open(&callback).await;
        let log = Some(fronts.log()).filter(|log| log.contains("[claims-missing]"))?;
        Some((log, callback))
    })
    .await;
    let code = callback.split("code=").nth(1).unwrap();
    let code = code.split('&').next().unwrap();
    for secret in ["eyJ", code, "client_secret", "Basic "] {
        assert!(!log.contains(secret));
    }
}

/// A changed state belongs to no sign-in of this browser.
#[tokio::test]
async fn answer_with_another_state_is_refused() {
    let fronts = fronts().await;
    let states = [json!("other"), json!(""), json!("x".repeat(43))];
    for state in states {
        let mut browser = fronts.browser();
        let lie = json!({ "answer": { "state": state } });
        let page = fronts.sign_in_at_evil(&mut browser, "evil", &lie).await;
        let case = lie.to_string();
        assert_refused(&page, (400, "sign-in-failed"), "callback-stale", &case);
        assert!(page.set_cookies().is_empty());
    }
    let mut browser = fronts.browser();
    let callback = browser.ask("es256", "ada").await;
    for (twice, reason) in [
        (format!("{callback}&state=x"), "callback-malformed"),
        (format!("{callback}&code=x"), "callback-malformed"),
        (callback.replace("state=", "status="), "callback-malformed"),
    ] {
        let page = browser.open_as_program(&twice).await;
        assert_refused(&page, (400, "sign-in-failed"), reason, reason);
    }
    // The sign-in itself is not spoilt.
    assert_eq!(browser.open(&callback).await.status, 303);
}

#[tokio::test]
async fn answer_counts_only_in_the_browser_that_asked() {
    let fronts = fronts().await;
    let mut mallory = fronts.browser();
    let callback = mallory.ask("es256", "ada").await;
    let mut stranger = fronts.browser();
    // One that signs in at this moment, too.
    let mut other = fronts.browser();
    other.ask("es256", "vic").await;
    for victim in [&mut stranger, &mut other] {
        let page = victim.open_as_program(&callback).await;
        assert_refused(&page, (400, "sign-in-failed"), "callback-stale", "victim");
        assert!(victim.user().is_none());
    }
    assert_eq!(mallory.open(&callback).await.status, 303);
}

#[tokio::test]
async fn answer_counts_once() {
    let fronts = fronts().await;
    let mut browser = fronts.browser();
    let callback = browser.ask("es256", "otto").await;
    let mut copy = browser.copy();
    assert_eq!(browser.open(&callback).await.status, 303);
    let again = browser.open_as_program(&callback).await;
    assert_refused(&again, (400, "sign-in-failed"), "callback-stale", "again");
    // With the deleted cookie it is the provider that refuses.
    let copied = copy.open_as_program(&callback).await;
    let failed = (400, "sign-in-failed");
    assert_refused(&copied, failed, "token-response-error", "copied");
}

#[tokio::test]
async fn people_get_a_page_that_runs_nothing() {
    let fronts = fronts().await;
    let mut browser = fronts.browser();
    let script = "<script>alert(1)</script>";
    let lie = json!({ "answer": { "error": script, "error_description": script } });
    let callback = fronts.ask_evil(&mut browser, "evil", &lie).await;
    let page = browser.open(&callback).await;
    assert_eq!(page.status, 400);
    assert_eq!(page.header("Content-Type"), "text/html; charset=utf-8");
    assert_eq!(page.header("Cache-Control"), "no-store");
    let policy = page.header("Content-Security-Policy");
    assert!(policy.contains("default-src 'none'"), "{policy}");
    assert!(page.contains("[callback-error]"));
    assert!(page.contains("&lt;script&gt;"));
    assert!(!page.contains("<script"));
    assert!(page.contains("href=\"/.patrol/ui/\""));
}

/// Signs in as a user of its own. `Err`: the problem.
async fn try_to_sign_in(browser: &mut Browser, provider: &str) -> Result<(), Value> {
    let callback = browser.ask(provider, "ada").await;
    let page = browser.open_as_program(&callback).await;
    if page.status == 303 {
        return Ok(());
    }
    Err(page.json())
}

/// Keys are fetched at most every 30 seconds, so for that time a rotation without an overlap keeps
/// users out.
#[tokio::test]
async fn provider_may_rotate_its_keys() {
    let fronts = fronts().await;
    let mut browser = fronts.browser();
    try_to_sign_in(&mut browser, "rotating").await.unwrap();
    fronts.issuer("rotating").rotate().await;
    let deadline = Instant::now() + Duration::from_mins(1);
    let mut tick = tokio::time::interval(Duration::from_secs(1));
    while let Err(problem) = try_to_sign_in(&mut browser, "rotating").await {
        let detail = problem["detail"].as_str().unwrap_or_default();
        assert!(detail.contains("[jwt-key-unknown]"), "{problem}");
        assert!(Instant::now() < deadline, "the new keys are not fetched");
        tick.tick().await;
    }
}

#[tokio::test]
async fn provider_that_stops_signs_nobody_in() {
    let fronts = fronts().await;
    let mut browser = fronts.browser();
    let callback = browser.ask("stopping", "ada").await;
    fronts.issuer("stopping").stop().await;
    let page = browser.open_as_program(&callback).await;
    let unavailable = (502, "provider-unavailable");
    assert_refused(&page, unavailable, "provider-unreachable", "stopped");
    assert_eq!(browser.pending(), 0);
    let page = browser.open(&callback).await;
    assert!(!has_session(&page));
}

#[tokio::test]
async fn provider_with_a_wrong_description_signs_nobody_in() {
    let fronts = fronts().await;
    let begin = "/.patrol/auth/sign-in?provider=evil-discovery";
    for (lie, reason) in [
        (json!({ "status": 503 }), "provider-unreachable"),
        (json!({ "status": 302 }), "provider-unreachable"),
        (json!({ "hang": true }), "provider-unreachable"),
        (json!({ "body": "<html>" }), "discovery-malformed"),
        (
            json!({ "body": "x".repeat(70_000) }),
            "provider-unreachable",
        ),
        (
            json!({ "body": { "issuer": "https://other.example" } }),
            "discovery-issuer",
        ),
        (
            json!({ "body": { "token_endpoint": "http://evil.example" } }),
            "discovery-endpoint",
        ),
        (
            json!({ "body": { "authorization_endpoint": "javascript:alert(1)" } }),
            "discovery-endpoint",
        ),
        (
            json!({ "body": { "token_endpoint_auth_methods_supported": ["private_key_jwt"] } }),
            "discovery-authentication",
        ),
    ] {
        let lies = json!({ "discovery": lie });
        fronts.evil.publish("evil-discovery", &lies).await;
        // A failure is remembered for a second.
        let page = wait_until(reason, async || {
            let page = fronts.browser().open_as_program(begin).await;
            page.contains(reason).then_some(page)
        })
        .await;
        let unavailable = (502, "provider-unavailable");
        assert_refused(&page, unavailable, reason, &lie.to_string());
    }
    let page = fronts.browser().open(begin).await;
    assert_eq!(page.status, 502);
    assert!(page.contains("[discovery-authentication]"), "people too");
    fronts.evil.publish("evil-discovery", &json!({})).await;
    wait_until("the description is repaired", async || {
        let status = fronts.browser().open(begin).await.status;
        (status == 302).then_some(())
    })
    .await;
}

#[tokio::test]
async fn provider_without_keys_signs_nobody_in() {
    let fronts = fronts().await;
    let truth = json!({ "claims": { "sub": "kim" } });
    for (lie, reason) in [
        (json!({ "status": 500 }), "provider-unreachable"),
        (json!({ "body": "<html>" }), "jwk-set"),
        (json!({ "body": { "keys": null } }), "jwk-set"),
    ] {
        fronts
            .evil
            .publish("evil-keys", &json!({ "jwks": lie }))
            .await;
        // A failure is remembered for a second.
        let (page, browser) = wait_until(reason, async || {
            let mut browser = fronts.browser();
            let page = fronts
                .sign_in_at_evil(&mut browser, "evil-keys", &truth)
                .await;
            page.contains(reason).then_some((page, browser))
        })
        .await;
        let unavailable = (502, "provider-unavailable");
        assert_refused(&page, unavailable, reason, &lie.to_string());
        assert!(browser.user().is_none());
    }
    fronts.evil.publish("evil-keys", &json!({})).await;
    let user = wait_until("the keys are repaired", async || {
        let mut browser = fronts.browser();
        let page = fronts
            .sign_in_at_evil(&mut browser, "evil-keys", &truth)
            .await;
        (page.status == 303).then(|| browser.user().unwrap())
    })
    .await;
    assert_eq!(sign_ins(&user).await, 1);
}

#[tokio::test]
async fn sign_out_needs_a_request_of_this_site() {
    let fronts = fronts().await;
    let user = fronts.browser().sign_in("es256", "vic").await;
    let request = user
        .request(Method::POST, SIGN_OUT)
        .header("Origin", "https://evil.example");
    let response = Response::to(request).await;
    assert_eq!(response.outcome(), (403, "origin-forbidden"));
    assert_eq!(user.get(ME).await.status, 200);
}
