//! Sign-in by Cloudflare Access, whose keys a server of the test publishes.

use crate::{
    common::use_token,
    fronts::{Fronts, assert_refused, fronts, has_session},
};
use patrol_support::{
    Response, User, client,
    fronts::{ACCESS_HEADER, access_claims as claims, access_issuer},
    now, wait_until,
};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

const SIGN_IN: &str = "/.patrol/auth/sign-in?provider=access";

/// Signs in with a JWT at a variant. Returns status, problem and cookies.
async fn enter(fronts: &Fronts, variant: &str, jwt: &str) -> Response {
    let request = client()
        .get(format!("{}{SIGN_IN}&to=/.patrol/ui/", fronts.url(variant)))
        .header(ACCESS_HEADER, jwt);
    Response::to(request).await
}

#[tokio::test]
async fn user_of_access_signs_in() {
    let fronts = fronts().await;
    for sign in ["RS256", "ES256"] {
        let jwt = json!({ "claims": claims("factory", "ines"), "sign": sign });
        let jwt = fronts.evil.forge(&jwt).await;
        let entered = enter(fronts, "fronts", &jwt).await;
        assert_eq!(entered.status, 303, "{}", entered.body);
        assert_eq!(entered.header("Location"), "/.patrol/ui/");
        let cookie = entered.header("Set-Cookie").split(';').next().unwrap();
        let me = client()
            .get(format!("{}/.patrol/api/v1/me", fronts.url("fronts")))
            .header("Cookie", cookie);
        let me = Response::to(me).await;
        assert_eq!(me.body["email"], "ines@example.com");
        assert_eq!(me.body["organizations"][0]["id"], "acme");
    }
}

#[tokio::test]
async fn user_of_access_uses_a_token_and_signs_out() {
    let fronts = fronts().await;
    let url = fronts.url("fronts");
    let jwt = json!({ "claims": claims("factory", "iris") });
    let jwt = fronts.evil.forge(&jwt).await;
    let entered = enter(fronts, "fronts", &jwt).await;
    let cookie = entered.header("Set-Cookie").split(';').next().unwrap();
    let iris = User::with_header(&url, "Cookie", cookie);
    // Another site can lead the browser here again, and begins nothing by that.
    let again = iris.request(Method::GET, SIGN_IN);
    let again = Response::to(again.header(ACCESS_HEADER, &jwt)).await;
    assert_eq!((again.status, again.header("Set-Cookie")), (303, ""));

    let created = iris.create_token(&["pipelines:read"]).await;
    assert_eq!(use_token(&url, &created).await.status, 200);
    let out = iris.post("/.patrol/auth/sign-out", &json!({})).await;
    assert_eq!((out.status, &out.body["next"]), (200, &Value::Null));
    let me = iris.get("/.patrol/api/v1/me").await;
    assert_eq!(me.outcome(), (401, "session-required"));
    assert_eq!(
        use_token(&url, &created).await.status,
        200,
        "the token lives on"
    );
}

#[tokio::test]
async fn jwt_of_access_alone_is_no_session() {
    let fronts = fronts().await;
    let jwt = json!({ "claims": claims("factory", "ines") });
    let request = client()
        .get(format!("{}/.patrol/api/v1/me", fronts.url("fronts")))
        .header(ACCESS_HEADER, fronts.evil.forge(&jwt).await);
    assert_eq!(
        Response::to(request).await.outcome(),
        (401, "session-required")
    );
}

#[tokio::test]
async fn request_that_did_not_pass_access_is_refused() {
    let fronts = fronts().await;
    let page = fronts.browser().open_as_program(SIGN_IN).await;
    assert_refused(
        &page,
        (400, "sign-in-failed"),
        "access-missing",
        "no header",
    );
    let page = fronts.browser().open(SIGN_IN).await;
    assert_eq!(page.status, 400);
    assert!(page.contains("[access-missing]"));
    assert!(!has_session(&page));
    let elsewhere = fronts.url("platform-secret");
    let response = Response::to(client().get(format!("{elsewhere}{SIGN_IN}"))).await;
    assert_eq!(response.outcome(), (400, "parameter-invalid"));
}

#[tokio::test]
async fn jwt_that_access_did_not_make_for_this_application_is_refused() {
    let fronts = fronts().await;
    let other = "0".repeat(64);
    let then = now() - 400;
    for (reason, jwt) in [
        ("claims-audience", json!({ "claims": { "aud": [other] } })),
        ("claims-audience", json!({ "claims": { "aud": null } })),
        (
            "jwt-issuer",
            json!({ "claims": { "iss": access_issuer("other") } }),
        ),
        (
            "claims-expired",
            json!({ "claims": { "iat": then, "nbf": then, "exp": then + 60 } }),
        ),
        (
            "claims-future",
            json!({ "claims": { "nbf": now() + 400, "exp": now() + 500 } }),
        ),
        (
            "claims-no-user",
            json!({ "claims": { "sub": "", "common_name": "program.access" } }),
        ),
        ("jwt-algorithm", json!({ "sign": "none" })),
        ("jwt-algorithm", json!({ "sign": "public key" })),
        ("jwt-signature", json!({ "sign": "stranger" })),
        ("jwt-key-unknown", json!({ "header": { "kid": "other" } })),
        ("jwt-too-long", json!({ "pad": 17_000 })),
    ] {
        let mut all = claims("factory", "tess");
        for (name, value) in jwt["claims"].as_object().into_iter().flatten() {
            all[name] = value.clone();
        }
        let mut forged = jwt.clone();
        forged["claims"] = all;
        let response = enter(fronts, "fronts", &fronts.evil.forge(&forged).await).await;
        assert_eq!(response.outcome(), (400, "sign-in-failed"), "{jwt}");
        let detail = response.body["detail"].as_str().unwrap_or_default();
        assert!(detail.contains(&format!("[{reason}]")), "{jwt}: {detail}");
        assert_eq!(response.header("Set-Cookie"), "", "{jwt}");
    }
}

#[tokio::test]
async fn nobody_signs_in_without_the_keys_of_access() {
    let fronts = fronts().await;
    let evil = &fronts.evil;
    let jwt = json!({ "claims": claims("down", "dora") });
    let jwt = evil.forge(&jwt).await;
    evil.publish("down", &json!({ "jwks": { "status": 500 } }))
        .await;
    let response = enter(fronts, "down", &jwt).await;
    assert_eq!(response.outcome(), (502, "provider-unavailable"));
    assert_eq!(response.header("Set-Cookie"), "");
    evil.publish("down", &json!({})).await;
    // A failure is remembered for a second.
    wait_until("the keys are there again", async || {
        (enter(fronts, "down", &jwt).await.status == 303).then_some(())
    })
    .await;
}

/// Sends JWTs whose keys nobody has, all at once.
async fn flood(fronts: &'static Fronts, variant: &'static str, team: &str) {
    let jwt = json!({ "claims": claims(team, "flo"), "header": { "kid": "invented" } });
    let jwt = fronts.evil.forge(&jwt).await;
    let one = |_| {
        let jwt = jwt.clone();
        tokio::spawn(async move { enter(fronts, variant, &jwt).await.status })
    };
    let all: Vec<_> = (0..40).map(one).collect();
    for status in all {
        assert_eq!(status.await.unwrap(), StatusCode::BAD_REQUEST);
    }
}

#[tokio::test]
async fn flood_of_unknown_keys_causes_no_fetch_after_a_recent_one() {
    let fronts = fronts().await;
    let jwt = json!({ "claims": claims("warm", "wanda") });
    let jwt = fronts.evil.forge(&jwt).await;
    assert_eq!(enter(fronts, "access-warm", &jwt).await.status, 303);
    flood(fronts, "access-warm", "warm").await;
    assert_eq!(fronts.evil.key_fetches("warm").await, 1);
}

#[tokio::test]
async fn flood_of_unknown_keys_causes_one_fetch_at_the_start() {
    let fronts = fronts().await;
    flood(fronts, "access-cold", "cold").await;
    assert_eq!(fronts.evil.key_fetches("cold").await, 1);
}
