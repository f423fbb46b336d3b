//! A sign-in from its first request to the user's identity, and each way in which it must fail.

use super::{
    access::Access,
    assertion::{Platform, PlatformKeys, PlatformSettings},
    authorization::{Begun, LIFETIME, Random, ReturnTo, abandoned, begin},
    callback::{CallbackError, Grant, Returned},
    claims::{ClaimsError, LEEWAY},
    client::{ClientKey, Credential, SignWithClientKey},
    discovery::{self, Discovery, DiscoveryError},
    logout,
    provider::{MAX_PROVIDERS, Provider, from_setting},
    token_request::{MAX_RESPONSE, TokenError, TokenRequest, id_token},
};
use crate::{
    ids::{SessionId, UserId},
    jose::{
        foreign::{
            Algorithm, JwkSet, Unverified, Verified,
            tests::{Crypto, Issuer, ready},
        },
        signing::SigningKeys,
    },
    policy::{
        Policy,
        membership::{MembershipRules, Notice},
    },
    routes::Paths,
    session::{self, Session},
    time::Timestamp,
};
use base64ct::{Base64, Base64UrlUnpadded, Encoding};
use ed25519_dalek::Signer;
use serde_json::{Value, json};
use std::collections::BTreeMap;

const NOW: u64 = 1_800_000_000;
const ISSUER: &str = "https://idp.example/realms/factory";

fn now() -> Timestamp {
    Timestamp::from_seconds(NOW)
}

fn paths() -> Paths {
    Paths::new("https://patrol.example", None, None).unwrap()
}

fn session_keys() -> SigningKeys {
    SigningKeys::from_jwks(&SigningKeys::generate(&[7; 32])).unwrap()
}

fn described() -> Value {
    json!({ "name": "main", "issuer": ISSUER, "client_id": "patrol" })
}

/// A value with other members; `null` removes one.
fn with(mut value: Value, members: &Value) -> Value {
    for (name, member) in members.as_object().unwrap() {
        if member.is_null() {
            value.as_object_mut().unwrap().remove(name);
        } else {
            value[name] = member.clone();
        }
    }
    value
}

fn provider_with(members: &Value) -> Provider {
    let setting = json!([with(described(), members)]).to_string();
    from_setting(Some(&setting)).unwrap().remove(0)
}

fn provider() -> Provider {
    provider_with(&json!({}))
}

fn document() -> Value {
    json!({
        "issuer": ISSUER,
        "authorization_endpoint": "https://idp.example/auth",
        "token_endpoint": "https://idp.example/token",
        "jwks_uri": "https://idp.example/keys",
        "end_session_endpoint": "https://idp.example/logout?x=1",
        "authorization_response_iss_parameter_supported": true,
    })
}

fn discover_as(provider: &Provider, members: &Value) -> Result<Discovery, DiscoveryError> {
    Discovery::read(with(document(), members).to_string().as_bytes(), provider)
}

fn discover(members: &Value) -> Result<Discovery, DiscoveryError> {
    discover_as(&provider(), members)
}

fn discovery() -> Discovery {
    discover(&json!({})).unwrap()
}

fn return_to(path: &str) -> ReturnTo {
    path.to_owned().try_into().unwrap()
}

/// RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

fn random(first: u8) -> Random {
    let verifier = Base64UrlUnpadded::decode_vec(VERIFIER).unwrap();
    [[first; 32], [2; 32], verifier.try_into().unwrap()]
}

fn begun(paths: &Paths, first: u8) -> Begun {
    let (discovery, keys) = (discovery(), session_keys());
    let to = return_to("/profile/security?a=b#c");
    begin(&discovery, to, &random(first), now(), keys.first(), paths).unwrap()
}

fn state(first: u8) -> String {
    Base64UrlUnpadded::encode_string(&[first; 32])
}

/// What a browser sends back for a `Set-Cookie`.
fn cookie(set_cookie: &str) -> &str {
    set_cookie.split(';').next().unwrap()
}

fn answer(parameters: &[(&str, &str)]) -> String {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.extend_pairs(parameters).finish()
}

fn read(query: &str, cookies: &str, now: Timestamp) -> Result<Returned, CallbackError> {
    Returned::read(query, cookies, now, session_keys().public(), &paths())
}

fn grant() -> Grant {
    let begun = begun(&paths(), 1);
    let query = answer(&[("code", "c0de"), ("state", &state(1)), ("iss", ISSUER)]);
    let returned = read(&query, cookie(&begun.set_cookie), now()).unwrap();
    returned.grant(&discovery()).unwrap()
}

fn nonce() -> String {
    Base64UrlUnpadded::encode_string(&[2; 32])
}

#[test]
fn provider_is_described_by_a_few_fields() {
    assert_eq!(from_setting(None).unwrap(), []);
    let setting = json!([
        described(),
        {
            "name": "entra-id", "label": "Microsoft", "client_id": "e18c04b1-4868-4b93-93d1-8d71f17ab99b",
            "issuer": "https://login.microsoftonline.com/833ced3d-cb2e-41de-92f1-29e2af035ddc/v2.0",
            "auth": "private_key_jwt", "assertion_audience": "token_endpoint", "subject": "oid",
            "scopes": ["openid", "profile"],
        },
    ]);
    let providers = from_setting(Some(&setting.to_string())).unwrap();
    let [main, entra] = providers.as_slice() else {
        panic!("{providers:?}");
    };
    assert_eq!(main.label, "main");
    assert_eq!(main.scope, "openid profile email");
    assert_eq!(main.subject_claim, "sub");
    assert_eq!(main.credential_setting(), "OIDC_SECRET_MAIN");
    assert_eq!(entra.scope, "openid profile");
    assert_eq!(entra.subject_claim, "oid");
    assert_eq!(entra.credential_setting(), "OIDC_KEY_ENTRA_ID");
}

#[test]
fn wrong_provider_is_named_with_its_field_and_the_fix() {
    let many = vec![described(); MAX_PROVIDERS + 1];
    for (setting, message) in [
        (json!({}), "OIDC_PROVIDERS must be a JSON array"),
        (json!(many), "OIDC_PROVIDERS may have at most 16 providers"),
        (json!([5]), "OIDC_PROVIDERS[0] is not a provider"),
        (
            json!([["main", "main", ISSUER, "patrol"]]),
            "OIDC_PROVIDERS[0] is not a provider",
        ),
        (
            json!([described(), described()]),
            "OIDC_PROVIDERS[1].name is \"main\" again: give each another name",
        ),
    ] {
        let error = from_setting(Some(&setting.to_string()))
            .unwrap_err()
            .to_string();
        assert!(error.starts_with(message), "{error}");
    }
    for (members, message) in [
        (
            json!({ "issuer": null }),
            "[0] is not a provider: missing field `issuer`",
        ),
        (
            json!({ "secret": "x" }),
            "[0] is not a provider: unknown field `secret`",
        ),
        (
            json!({ "auth": "none" }),
            "[0] is not a provider: unknown variant `none`, expected one of",
        ),
        (
            json!({ "name": "" }),
            "[0].name must be 1 to 32 lower-case letters",
        ),
        (
            json!({ "name": "My IdP" }),
            "[0].name must be 1 to 32 lower-case letters",
        ),
        (
            json!({ "name": "my_idp" }),
            "[0].name must be 1 to 32 lower-case letters",
        ),
        (json!({ "name": "access" }), "[0].name must be another word"),
        (
            json!({ "name": "platform" }),
            "[0].name must be another word",
        ),
        (
            json!({ "label": " " }),
            "[0].label must have 1 to 40 visible characters",
        ),
        (
            json!({ "issuer": "idp.example" }),
            "[0].issuer must be an address like https://",
        ),
        (
            json!({ "issuer": "http://idp.example" }),
            "[0].issuer must be an address like https://",
        ),
        (
            json!({ "issuer": "https://idp.example?a" }),
            "[0].issuer must be an address like https://",
        ),
        (json!({ "client_id": "" }), "[0].client_id must be the id"),
        (
            json!({ "client_id": "patrol\n" }),
            "[0].client_id must be the id",
        ),
        (
            json!({ "scopes": ["profile"] }),
            "[0].scopes must contain \"openid\"",
        ),
        (
            json!({ "scopes": ["openid", "a b"] }),
            "[0].scopes must be a list of names",
        ),
        (
            json!({ "subject": "email" }),
            "[0].subject must be a claim that is never given",
        ),
        (
            json!({ "subject": "" }),
            "[0].subject must be the name of a claim",
        ),
    ] {
        let setting = json!([with(described(), &members)]).to_string();
        let error = from_setting(Some(&setting)).unwrap_err().to_string();
        assert!(
            error.starts_with(&format!("OIDC_PROVIDERS{message}")),
            "{members} {error}"
        );
    }
}

#[test]
fn credential_is_a_setting_of_its_own_and_never_printed() {
    let secret = "s3cret/+=";
    let read = |auth: &str, setting: Option<&str>| {
        provider_with(&json!({ "auth": auth })).credential(setting)
    };
    for auth in ["client_secret_basic", "client_secret_post"] {
        let credential = read(auth, Some(secret)).unwrap();
        assert!(!format!("{credential:?}").contains("s3cret"));
        for (setting, message) in [
            (None, "the secret OIDC_SECRET_MAIN is missing"),
            (
                Some("s3cret\n"),
                "OIDC_SECRET_MAIN must be the client secret alone",
            ),
        ] {
            let error = read(auth, setting).unwrap_err().to_string();
            assert!(
                error.starts_with(message) && !error.contains("s3cret"),
                "{error}"
            );
        }
    }
    let key = client_key();
    let Credential::Key(read_key) = read("private_key_jwt", Some(&key.to_string())).unwrap() else {
        panic!("no key");
    };
    assert_eq!(read_key.algorithm(), Algorithm::Ed25519);
    let members: BTreeMap<_, _> = read_key.jwk().collect();
    assert_eq!(members["d"], key["d"].as_str().unwrap());
    assert_eq!(format!("{read_key:?}"), "ClientKey(..)");
    for wrong in [
        with(key.clone(), &json!({ "d": null })),
        with(key.clone(), &json!({ "alg": null })),
        with(key.clone(), &json!({ "alg": "ES256" })),
        with(key.clone(), &json!({ "alg": "HS256" })),
        with(key.clone(), &json!({ "crv": "X25519" })),
        json!({ "keys": [key] }),
    ] {
        let error = read("private_key_jwt", Some(&wrong.to_string()))
            .unwrap_err()
            .to_string();
        assert!(
            error.starts_with("OIDC_KEY_MAIN must be one private JWK"),
            "{error}"
        );
    }
}

#[test]
fn discovery_document_must_be_the_issuers() {
    assert_eq!(
        discovery::url("https://idp.example/"),
        "https://idp.example/.well-known/openid-configuration"
    );
    assert_eq!(
        discovery::url(ISSUER),
        format!("{ISSUER}/.well-known/openid-configuration")
    );
    assert_eq!(discovery().jwks_uri().as_str(), "https://idp.example/keys");
    let endpoint = "no https address as `token_endpoint`";
    for (members, message) in [
        (
            json!({ "issuer": "https://idp.example/realms/factory/" }),
            "write `issuer` exactly so",
        ),
        (
            json!({ "issuer": "https://evil.example" }),
            "write `issuer` exactly so",
        ),
        // Microsoft's address for several tenants.
        (
            json!({ "issuer": "https://login.microsoftonline.com/{tenantid}/v2.0" }),
            "with the id of your tenant",
        ),
        (json!({ "issuer": null }), "not a JSON object"),
        (json!({ "token_endpoint": null }), endpoint),
        (
            json!({ "token_endpoint": "http://idp.example/token" }),
            endpoint,
        ),
        (
            json!({ "token_endpoint": "https://u@idp.example/token" }),
            endpoint,
        ),
        (
            json!({ "jwks_uri": "file:///etc" }),
            "no https address as `jwks_uri`",
        ),
        (
            json!({ "end_session_endpoint": "x" }),
            "no https address as `end_session_endpoint`",
        ),
        (
            json!({ "token_endpoint_auth_methods_supported": ["client_secret_post", "tls_client_auth"] }),
            "does not take client_secret_basic: set `auth` to client_secret_post",
        ),
        (
            json!({ "token_endpoint_auth_methods_supported": [] }),
            "Patrol has none of them",
        ),
    ] {
        let error = discover(&members).unwrap_err().to_string();
        assert!(error.contains(message), "{members} {error}");
    }
    let long = format!("{}{}", document(), " ".repeat(discovery::MAX_LENGTH));
    let error = Discovery::read(long.as_bytes(), &provider()).unwrap_err();
    assert_eq!(error.code(), "discovery-malformed");
    let methods = json!({ "token_endpoint_auth_methods_supported": ["client_secret_basic"] });
    assert!(discover(&methods).is_ok());
}

#[test]
fn authorization_request_has_state_nonce_and_challenge() {
    let begun = begun(&paths(), 1);
    let (endpoint, query) = begun.location.split_once('?').unwrap();
    assert_eq!(endpoint, "https://idp.example/auth");
    let found: Vec<_> = form_urlencoded::parse(query.as_bytes())
        .into_owned()
        .collect();
    let expected = [
        ("response_type", "code"),
        ("client_id", "patrol"),
        (
            "redirect_uri",
            "https://patrol.example/.patrol/auth/callback",
        ),
        ("scope", "openid profile email"),
        ("state", &state(1)),
        ("nonce", &nonce()),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    let expected = expected.map(|(name, text)| (name.to_owned(), text.to_owned()));
    assert_eq!(found, expected);
    assert!(!begun.location.contains(VERIFIER));
}

#[test]
fn cookie_is_bound_to_the_host_and_hidden_from_the_upstream() {
    let https = begun(&paths(), 1).set_cookie;
    assert!(
        https.starts_with("__Host-patrol_session_pending_AQEBAQEBAQE=ey"),
        "{https}"
    );
    assert!(
        https.ends_with("; Max-Age=600; Path=/; HttpOnly; SameSite=Lax; Secure"),
        "{https}"
    );
    let loopback = Paths::new("http://127.0.0.1:8787", None, None).unwrap();
    let http = begun(&loopback, 1).set_cookie;
    assert!(
        http.starts_with("patrol_session_pending_AQEBAQEBAQE=ey"),
        "{http}"
    );
    assert!(http.ends_with("; HttpOnly; SameSite=Lax"), "{http}");
    for set_cookie in [&https, &http] {
        let header = format!("a=1; {}", cookie(set_cookie));
        assert_eq!(session::without_session(&header).as_deref(), Some("a=1"));
        assert!(set_cookie.len() < 1024, "{}", set_cookie.len());
    }
}

#[test]
fn return_to_is_a_path_of_this_site() {
    for good in ["/", "/profile/security", "/a?b=//c", "/a#b", "/%5C"] {
        assert!(ReturnTo::try_from(good.to_owned()).is_ok(), "{good}");
    }
    for bad in [
        "",
        "profile",
        "//evil.example",
        "/\\evil.example",
        "/\t/evil.example",
        "/a\r\nSet-Cookie: x",
        "https://evil.example",
        "javascript:alert(1)",
        "\\/evil.example",
        "/ä",
        "/a b",
        &"/".repeat(513),
        &format!("/{}", "x".repeat(512)),
    ] {
        assert!(ReturnTo::try_from(bad.to_owned()).is_err(), "{bad}");
    }
}

#[test]
fn answer_must_belong_to_a_sign_in_of_this_browser() {
    let [one, two] = [1, 5].map(|first| begun(&paths(), first).set_cookie);
    let both = format!("x=y; {};{}", cookie(&one), cookie(&two));
    let query = |state: &str| answer(&[("code", "c"), ("state", state)]);
    // Two tabs, in any order.
    for first in [5, 1] {
        let returned = read(&query(&state(first)), &both, now()).unwrap();
        assert_eq!(returned.provider(), "main");
        assert_eq!(returned.return_to().as_str(), "/profile/security?a=b#c");
        let name = cookie(if first == 1 { &one } else { &two })
            .split('=')
            .next()
            .unwrap();
        assert!(
            returned
                .delete_cookie()
                .starts_with(&format!("{name}=; Max-Age=0; Path=/"))
        );
    }
    assert_eq!(
        abandoned(&both, &paths()),
        Vec::<String>::new(),
        "two are few"
    );
    let many = [10, 20, 30, 40].map(|first| begun(&paths(), first).set_cookie);
    let many = many.each_ref().map(|text| cookie(text));
    let deleted = abandoned(&many.join("; "), &paths());
    assert_eq!(deleted.len(), 4);
    assert!(deleted.iter().zip(&many).all(|(deleted, cookie)| {
        let (name, _) = cookie.split_once('=').unwrap();
        deleted.starts_with(&format!("{name}=; Max-Age=0; Path=/"))
    }));
    let twice = format!("{}; {}", cookie(&one), cookie(&one));
    let (name, _) = cookie(&one).split_once('=').unwrap();
    let session = Session {
        user: "ada".parse().unwrap(),
        id: SessionId::from_random([1; 16]),
    };
    let session = session::sign(session, now(), now().plus(60), session_keys().first()).unwrap();
    let last = now().plus(LIFETIME - 1);
    assert!(read(&query(&state(1)), &both, last).is_ok());
    for (cookies, state, at) in [
        ("", state(1), now()),
        (cookie(&two), state(1), now()),
        (&twice, state(1), now()),
        (&both, state(9), now()),
        (&both, state(1)[..11].to_owned(), now()),
        (&both, format!("{}x", state(1)), now()),
        (&both, String::new(), now()),
        (&both, "é".repeat(20), now()),
        (&both, state(1), last.plus(1)),
        // A session is signed by the same key.
        (&format!("{name}={session}"), state(1), now()),
        // Without the prefix that browsers protect.
        (cookie(&one).trim_start_matches("__Host-"), state(1), now()),
    ] {
        let found = read(&query(&state), cookies, at).err();
        assert_eq!(found, Some(CallbackError::Stale), "{cookies} {state}");
    }
    let other = SigningKeys::from_jwks(&SigningKeys::generate(&[8; 32])).unwrap();
    let found = Returned::read(&query(&state(1)), &both, now(), other.public(), &paths());
    assert_eq!(found.err(), Some(CallbackError::Stale));
    // Nor does it pass for a session.
    let (_, pending) = cookie(&one).split_once('=').unwrap();
    assert_eq!(
        session::verify(pending, now(), session_keys().public()),
        None
    );
}

#[test]
fn answer_is_checked_before_its_code_is_used() {
    use CallbackError::{CodeMissing, Issuer, Malformed};
    let begun = begun(&paths(), 1);
    let finish = |query: &str, sends_issuer: bool| {
        let discovery =
            discover(&json!({ "authorization_response_iss_parameter_supported": sends_issuer }));
        read(query, cookie(&begun.set_cookie), now())?.grant(&discovery.unwrap())
    };
    let state = format!("state={}", state(1));
    let iss = "iss=https%3A%2F%2Fidp.example%2Frealms%2Ffactory";
    assert!(finish(&format!("code=c&{state}&{iss}&session_state=x"), true).is_ok());
    assert!(finish(&format!("code=c&{state}"), false).is_ok());
    let long = format!("code={}&{state}", "x".repeat(12 * 1024));
    for (query, sends_issuer, error) in [
        (String::new(), true, Malformed),
        ("code=c".to_owned(), true, Malformed),
        (long, false, Malformed),
        (format!("code=c&{state}&{state}"), false, Malformed),
        (format!("code=c&code=d&{state}"), false, Malformed),
        (format!("code=c&{state}&{iss}&{iss}"), true, Malformed),
        (format!("code=c&{state}"), true, Issuer),
        (
            format!("code=c&{state}&iss=https%3A%2F%2Fevil.example"),
            true,
            Issuer,
        ),
        (
            format!("code=c&{state}&iss=https%3A%2F%2Fevil.example"),
            false,
            Issuer,
        ),
        (format!("code=c&{state}&iss="), false, Issuer),
        // The error of another provider is not shown.
        (format!("error=access_denied&{state}"), true, Issuer),
        (format!("{state}&{iss}"), true, CodeMissing),
        (format!("code=&{state}&{iss}"), true, CodeMissing),
    ] {
        assert_eq!(
            finish(&query, sends_issuer).err(),
            Some(error),
            "{query:.100}"
        );
    }
    let other = provider_with(&json!({ "name": "other" }));
    let returned = read(
        &format!("code=c&{state}&{iss}"),
        cookie(&begun.set_cookie),
        now(),
    );
    let found = returned
        .unwrap()
        .grant(&discover_as(&other, &json!({})).unwrap());
    assert_eq!(found.err(), Some(Issuer));
}

#[test]
fn error_of_a_provider_says_who_can_do_what() {
    let begun = begun(&paths(), 1);
    for (error, description, message) in [
        (
            "access_denied",
            "",
            "The provider answers \"access_denied\". You or the provider refused.",
        ),
        (
            "access_denied",
            "User+said+no",
            "The provider answers \"access_denied\" (\"User said no\"). You",
        ),
        ("temporarily_unavailable", "", "Try again in a few minutes."),
        ("invalid_scope", "", "must check `scopes`"),
        ("unauthorized_client", "", "must check the client id"),
        ("login_required", "", "Sign in at the provider first"),
        (
            "b%0Aad%1B%3C",
            "x%0D%0Ay",
            "The provider answers \"bad<\" (\"xy\").",
        ),
    ] {
        let query = format!(
            "error={error}&error_description={description}&state={}&iss=https%3A%2F%2Fidp.example%2Frealms%2Ffactory",
            state(1)
        );
        let returned = read(&query, cookie(&begun.set_cookie), now()).unwrap();
        let error = returned.grant(&discovery()).unwrap_err();
        assert_eq!(error.code(), "callback-error");
        let text = error.to_string();
        assert!(text.contains(message), "{text}");
    }
}

/// Signs with the Ed25519 key of the members, as the runtime does.
struct Runtime;

impl SignWithClientKey for Runtime {
    async fn sign(&self, key: &ClientKey, message: &[u8]) -> Option<Vec<u8>> {
        let (_, seed) = key.jwk().find(|(name, _)| *name == "d")?;
        let seed = Base64UrlUnpadded::decode_vec(seed).ok()?.try_into().ok()?;
        let key = ed25519_dalek::SigningKey::from_bytes(&seed);
        Some(key.sign(message).to_bytes().to_vec())
    }
}

/// A private JWK, as an operator creates it.
fn client_key() -> Value {
    let set: Value = serde_json::from_str(&SigningKeys::generate(&[9; 32])).unwrap();
    let names = json!({ "alg": "EdDSA", "kid": "k1", "x5t#S256": "thumb" });
    with(set["keys"][0].clone(), &names)
}

fn token_request(members: &Value, credential: &str) -> TokenRequest {
    let provider = provider_with(members);
    let credential = provider.credential(Some(credential)).unwrap();
    let discovery = discover_as(&provider, &json!({})).unwrap();
    let (grant, paths) = (grant(), paths());
    let request = grant.token_request(&discovery, &credential, &paths, now(), [3; 16], &Runtime);
    ready(request).unwrap()
}

fn form(request: &TokenRequest) -> BTreeMap<String, String> {
    form_urlencoded::parse(request.body.reveal().as_bytes())
        .into_owned()
        .collect()
}

#[test]
fn token_request_authenticates_in_the_configured_way() {
    let usual = [
        ("grant_type", "authorization_code"),
        ("code", "c0de"),
        (
            "redirect_uri",
            "https://patrol.example/.patrol/auth/callback",
        ),
        ("code_verifier", VERIFIER),
    ];
    let expect = |request: &TokenRequest, more: &[(&str, &str)]| {
        assert_eq!(request.url, "https://idp.example/token");
        let expected = usual.iter().chain(more);
        let expected = expected.map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
        assert_eq!(form(request), expected.collect());
        let debug = format!("{request:?}");
        assert!(!debug.contains("c0de") && !debug.contains("s3c"), "{debug}");
    };
    let secret = "s3c:r et/+";
    let basic = token_request(&json!({ "client_id": "my client" }), secret);
    expect(&basic, &[]);
    let header = basic.authorization.unwrap();
    let pair = header.reveal().strip_prefix("Basic ").unwrap();
    let pair = String::from_utf8(Base64::decode_vec(pair).unwrap()).unwrap();
    assert_eq!(pair, "my+client:s3c%3Ar+et%2F%2B");
    let post = token_request(&json!({ "auth": "client_secret_post" }), secret);
    expect(&post, &[("client_id", "patrol"), ("client_secret", secret)]);
    assert_eq!(post.authorization, None);
}

#[test]
fn private_key_jwt_is_signed_for_the_provider() {
    let key = client_key();
    let public = json!({ "keys": [with(key.clone(), &json!({ "d": null }))] });
    let public = JwkSet::read(public.to_string().as_bytes(), "patrol").unwrap();
    for (audience, expected) in [
        ("issuer", ISSUER),
        ("token_endpoint", "https://idp.example/token"),
    ] {
        let members = json!({ "auth": "private_key_jwt", "assertion_audience": audience });
        let request = token_request(&members, &key.to_string());
        assert_eq!(request.authorization, None);
        let form = form(&request);
        assert_eq!(form["client_id"], "patrol");
        assert_eq!(
            form["client_assertion_type"],
            "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
        );
        let text = &form["client_assertion"];
        let header = Base64UrlUnpadded::decode_vec(text.split('.').next().unwrap()).unwrap();
        let header: Value = serde_json::from_slice(&header).unwrap();
        let names = json!({ "alg": "EdDSA", "typ": "JWT", "kid": "k1", "x5t#S256": "thumb" });
        assert_eq!(header, names);
        let verified = Unverified::parse(text).unwrap();
        let verified = ready(verified.verify(&public, &Crypto::default())).unwrap();
        let claims = json!({
            "iss": "patrol", "sub": "patrol", "aud": expected, "jti": "AwMDAwMDAwMDAwMDAwMDAw",
            "iat": NOW, "exp": NOW + 120,
        });
        assert_eq!(json!(verified.claims().members()), claims);
    }
}

#[test]
fn token_response_gives_the_id_token_alone() {
    let body = json!({ "access_token": "a", "token_type": "Bearer", "id_token": "x.y.z" });
    let token = id_token(200, body.to_string().as_bytes()).unwrap();
    assert_eq!(token.reveal(), "x.y.z");
    assert_eq!(format!("{token:?}"), "Secret(..)");
    let long = format!("{body}{}", " ".repeat(MAX_RESPONSE));
    for (status, body, code, message) in [
        (
            200,
            "{\"access_token\":\"a\"}",
            "token-response-id-token",
            "has \"openid\"",
        ),
        (
            200,
            "<html>",
            "token-response-malformed",
            "answers 200 with something else",
        ),
        (
            200,
            "[\"x.y.z\"]",
            "token-response-malformed",
            "something else than JSON",
        ),
        (
            200,
            &long,
            "token-response-malformed",
            "something else than JSON",
        ),
        (503, "busy", "token-response-malformed", "answers 503"),
        (302, "", "token-response-malformed", "answers 302"),
        (
            401,
            "{\"error\":\"invalid_client\",\"error_description\":\"AADSTS7000215\"}",
            "token-response-error",
            "\"invalid_client\" (\"AADSTS7000215\"). An administrator must check the client id",
        ),
        (
            400,
            "{\"error\":\"invalid_grant\"}",
            "token-response-error",
            "Begin again.",
        ),
    ] {
        let error = id_token(status, body.as_bytes()).unwrap_err();
        assert_eq!(error.code(), code, "{error}");
        assert!(error.to_string().contains(message), "{error}");
    }
    assert_eq!(TokenError::Key.code(), "token-request-key");
}

fn id_claims() -> Value {
    json!({
        "iss": ISSUER, "sub": "f:1:ada", "aud": "patrol", "azp": "patrol", "exp": NOW + 300,
        "iat": NOW, "nonce": nonce(), "name": "Ada Lovelace", "email": "ada@example.com",
        "typ": "ID", "groups": ["/acme/admin"],
    })
}

#[test]
fn id_token_names_the_user() {
    let verified = Issuer::verified("JWT", &id_claims());
    let signed_in = grant().sign_in(verified, &discovery(), now()).unwrap();
    let identity = &signed_in.user;
    assert_eq!(identity.id, UserId::of_subject(ISSUER, "f:1:ada"));
    assert_eq!((&*identity.issuer, &*identity.subject), (ISSUER, "f:1:ada"));
    assert_eq!(
        (&*identity.name, &*identity.email),
        ("Ada Lovelace", "ada@example.com")
    );
    assert_eq!(signed_in.return_to.as_str(), "/profile/security?a=b#c");
    assert!(signed_in.claims.get("groups").is_some());
    let debug = format!("{signed_in:?}");
    assert!(!debug.contains("Ada") && !debug.contains("acme"), "{debug}");
}

#[test]
fn id_token_is_rejected_for_each_claim_that_is_wrong() {
    use ClaimsError::{Audience, Expired, Future, Missing, Nonce};
    let sign_in = |members: &Value| {
        let verified = Issuer::verified("JWT", &with(id_claims(), members));
        grant().sign_in(verified, &discovery(), now()).map(drop)
    };
    for good in [
        json!({}),
        json!({ "azp": null }),
        json!({ "aud": ["patrol"], "azp": null }),
        json!({ "aud": ["patrol", "account"] }),
        json!({ "exp": NOW - LEEWAY + 1 }),
        json!({ "iat": NOW + LEEWAY, "nbf": NOW + LEEWAY }),
        json!({ "iat": 1_799_999_999.25 }),
    ] {
        assert_eq!(sign_in(&good), Ok(()), "{good}");
    }
    let subject = || ClaimsError::Subject("sub".to_owned());
    for (members, error) in [
        (
            json!({ "iss": "https://idp.example/realms/factory/" }),
            ClaimsError::Issuer,
        ),
        (
            json!({ "iss": "https://evil.example" }),
            ClaimsError::Issuer,
        ),
        (json!({ "aud": null }), Audience),
        (json!({ "aud": "other", "azp": null }), Audience),
        (json!({ "aud": [] }), Audience),
        (json!({ "aud": ["patrol", 5] }), Audience),
        (json!({ "aud": ["other"], "azp": "patrol" }), Audience),
        (
            json!({ "aud": ["patrol", "account"], "azp": null }),
            Audience,
        ),
        (
            json!({ "aud": ["patrol", "account"], "azp": "account" }),
            Audience,
        ),
        (json!({ "azp": "other" }), Audience),
        (json!({ "exp": null }), Missing("exp")),
        (json!({ "exp": "tomorrow" }), Missing("exp")),
        (json!({ "exp": -1 }), Missing("exp")),
        (json!({ "exp": NOW - LEEWAY }), Expired),
        (json!({ "iat": null }), Missing("iat")),
        (json!({ "iat": NOW + LEEWAY + 1 }), Future),
        (json!({ "nbf": NOW + LEEWAY + 1 }), Future),
        (json!({ "nbf": "now" }), Missing("nbf")),
        (json!({ "nonce": null }), Nonce),
        (json!({ "nonce": "other" }), Nonce),
        (json!({ "nonce": [nonce()] }), Nonce),
        (json!({ "sub": null }), subject()),
        (json!({ "sub": "" }), subject()),
        (json!({ "sub": 5 }), subject()),
        (json!({ "sub": "x".repeat(256) }), subject()),
    ] {
        assert_eq!(sign_in(&members), Err(error), "{members}");
    }
    for typ in ["at+jwt", "logout+jwt", "session+jwt"] {
        let verified = Issuer::verified(typ, &id_claims());
        let found = grant().sign_in(verified, &discovery(), now()).map(drop);
        assert_eq!(found, Err(ClaimsError::Type), "{typ}");
    }
    let other = provider_with(&json!({ "name": "other" }));
    let other = discover_as(&other, &json!({})).unwrap();
    let found = grant().sign_in(Issuer::verified("JWT", &id_claims()), &other, now());
    assert_eq!(
        found.map(drop),
        Err(ClaimsError::Issuer),
        "another provider"
    );
}

/// Microsoft's `sub` differs between applications, so its `oid` is the subject.
#[test]
fn subject_is_the_claim_that_the_provider_is_known_for() {
    let entra = provider_with(&json!({ "subject": "oid" }));
    let entra = discover_as(&entra, &json!({})).unwrap();
    let oid = "cb7eda1b-d09a-40ae-b8bb-37836ebc6abd";
    let verified = Issuer::verified("JWT", &with(id_claims(), &json!({ "oid": oid })));
    let signed_in = grant().sign_in(verified, &entra, now()).unwrap();
    assert_eq!(signed_in.user.id, UserId::of_subject(ISSUER, oid));
    let found = grant().sign_in(Issuer::verified("JWT", &id_claims()), &entra, now());
    let error = found.unwrap_err();
    assert_eq!(error, ClaimsError::Subject("oid".to_owned()));
    assert!(error.to_string().contains("check `subject`"));
}

#[test]
fn user_has_a_name_that_can_be_shown() {
    for (members, name, email) in [
        (
            json!({ "name": null, "preferred_username": "ada.l" }),
            "ada.l",
            "ada@example.com",
        ),
        (json!({ "name": "" }), "ada@example.com", "ada@example.com"),
        (json!({ "name": null, "email": null }), "f:1:ada", ""),
        (json!({ "name": " A\u{7}da\n" }), "Ada", "ada@example.com"),
        (json!({ "email_verified": false }), "Ada Lovelace", ""),
        (
            json!({ "email_verified": true }),
            "Ada Lovelace",
            "ada@example.com",
        ),
        (
            json!({ "email_verified": "true" }),
            "Ada Lovelace",
            "ada@example.com",
        ),
    ] {
        let verified = Issuer::verified("JWT", &with(id_claims(), &members));
        let signed_in = grant().sign_in(verified, &discovery(), now()).unwrap();
        let identity = signed_in.user;
        // Rules of memberships must not see an address that the user may have made up.
        let is_verified = matches!(
            members["email_verified"].to_string().as_str(),
            "true" | "\"true\""
        );
        assert_eq!(
            signed_in.claims.get("email").is_some(),
            is_verified,
            "{members}"
        );
        assert_eq!(
            (&*identity.name, &*identity.email),
            (name, email),
            "{members}"
        );
    }
}

#[test]
fn sign_out_goes_on_at_the_provider_if_it_can() {
    let back = "https://patrol.example/";
    assert_eq!(
        logout::url(&discovery(), back).unwrap(),
        "https://idp.example/logout?x=1&client_id=patrol&post_logout_redirect_uri=https%3A%2F%2Fpatrol.example%2F"
    );
    let without = discover(&json!({ "end_session_endpoint": null })).unwrap();
    assert_eq!(logout::url(&without, back), None);
}

const TAG: &str = "32eafc7626e974616deaf0dc3ce63d7bcbed58a2731e84d06bc3cdf1b53c4228";

#[test]
fn access_is_two_settings() {
    assert_eq!(Access::from_settings(None, None), Ok(None));
    for (team, audience, message) in [
        (Some("yourteam"), None, "ACCESS_AUD is missing"),
        (None, Some(TAG), "ACCESS_TEAM is missing"),
        (
            Some("yourteam.cloudflareaccess.com"),
            Some(TAG),
            "ACCESS_TEAM must be the part before",
        ),
        (
            Some("YourTeam"),
            Some(TAG),
            "ACCESS_TEAM must be the part before",
        ),
        (Some(""), Some(TAG), "ACCESS_TEAM must be the part before"),
        (
            Some("yourteam"),
            Some("patrol"),
            "ACCESS_AUD must be the application's audience tag",
        ),
    ] {
        let error = Access::from_settings(team, audience).unwrap_err();
        assert!(error.starts_with(message), "{error}");
    }
    let access = Access::from_settings(Some("yourteam"), Some(TAG))
        .unwrap()
        .unwrap();
    let keys = access.jwks_uri().unwrap();
    assert_eq!(
        keys.as_str(),
        "https://yourteam.cloudflareaccess.com/cdn-cgi/access/certs"
    );
}

/// The payloads that Cloudflare documents for a user and for a service token:
/// <https://developers.cloudflare.com/cloudflare-one/identity/authorization-cookie/application-token>
#[test]
fn access_admits_users_of_its_application() {
    let access = Access::from_settings(Some("yourteam"), Some(TAG))
        .unwrap()
        .unwrap();
    let documented = json!({
        "aud": [TAG], "email": "user@example.com", "exp": NOW + 60, "iat": NOW, "nbf": NOW,
        "iss": "https://yourteam.cloudflareaccess.com", "type": "app",
        "identity_nonce": "6ei69kawdKzMIAPF", "sub": "7335d417-61da-459d-899c-0a01c76a2f94",
        "country": "US",
    });
    let admit = |members: &Value| {
        let verified = Issuer::verified("JWT", &with(documented.clone(), members));
        access.identify(verified, now())
    };
    let (identity, claims) = admit(&json!({})).unwrap();
    let subject = "7335d417-61da-459d-899c-0a01c76a2f94";
    let issuer = "https://yourteam.cloudflareaccess.com";
    assert_eq!(identity.id, UserId::of_subject(issuer, subject));
    assert_eq!(identity.name, "user@example.com");
    assert_eq!(claims.text("country"), Some("US"));
    let service = json!({ "sub": "", "common_name": "e367826f93b8d71185e03fe518aff3b4.access" });
    for (members, error) in [
        (service, ClaimsError::NoUser),
        (
            json!({ "common_name": "device.example" }),
            ClaimsError::NoUser,
        ),
        (json!({ "aud": ["0".repeat(64)] }), ClaimsError::Audience),
        (json!({ "aud": null }), ClaimsError::Audience),
        (
            json!({ "iss": "https://otherteam.cloudflareaccess.com" }),
            ClaimsError::Issuer,
        ),
        (json!({ "exp": NOW - LEEWAY }), ClaimsError::Expired),
        (json!({ "nbf": NOW + LEEWAY + 1 }), ClaimsError::Future),
        (
            json!({ "sub": null }),
            ClaimsError::Subject("sub".to_owned()),
        ),
    ] {
        assert_eq!(admit(&members).unwrap_err(), error, "{members}");
    }
    let both = json!({ "aud": ["0".repeat(64), TAG] });
    assert!(admit(&both).is_ok());
}

#[test]
fn platform_signs_by_a_key_or_a_secret() {
    let settings = |issuer, jwks_url, secret| {
        let settings = PlatformSettings {
            issuer,
            jwks_url,
            secret,
        };
        Platform::from_settings(settings)
    };
    let (issuer, url) = (Some("platform"), Some("https://platform.example/keys"));
    let secret = Some("0123456789abcdef0123456789abcdef");
    assert!(settings(None, None, None).unwrap().is_none());
    let keys = settings(issuer, url, None).unwrap().unwrap().keys;
    assert!(matches!(keys, PlatformKeys::JwkSet(_)));
    let platform = settings(issuer, None, secret).unwrap().unwrap();
    assert!(matches!(platform.keys, PlatformKeys::Secret(_)));
    assert!(!format!("{platform:?}").contains("0123"));
    for (issuer, url, secret, message) in [
        (issuer, None, None, "PLATFORM_JWKS_URL is missing"),
        (
            issuer,
            url,
            secret,
            "PLATFORM_JWKS_URL and PLATFORM_SECRET are both set",
        ),
        (None, url, None, "PLATFORM_ISSUER must be"),
        (
            issuer,
            Some("platform.example"),
            None,
            "PLATFORM_JWKS_URL must be an address",
        ),
        (
            issuer,
            None,
            Some("short"),
            "PLATFORM_SECRET must have at least 32 characters",
        ),
    ] {
        let error = settings(issuer, url, secret).unwrap_err();
        assert!(error.starts_with(message), "{error}");
    }
}

#[test]
fn assertion_lives_for_a_minute_and_has_the_memberships_inside() {
    let platform = Platform::from_settings(PlatformSettings {
        issuer: Some("https://platform.example"),
        jwks_url: Some("https://platform.example/keys"),
        secret: None,
    });
    let platform = platform.unwrap().unwrap();
    let policy = json!({
        "rbac": true, "groups": [], "routes": [],
        "roles": [{ "name": "viewer", "label": "" }, { "name": "admin", "label": "" }],
        "membership": { "names": { "globex": "Globex Chemicals" } },
    });
    let json = policy.to_string();
    let policy = Policy::from_json(&json).unwrap();
    let rules = MembershipRules::from_json(&json, &policy).unwrap();
    let good = json!({
        "iss": "https://platform.example", "aud": "https://patrol.example", "sub": "ada",
        "iat": NOW, "exp": NOW + 60, "jti": "a1", "name": "Ada",
        "memberships": [
            { "id": "acme", "name": "Acme", "roles": ["admin", "boss"] },
            { "id": "globex", "roles": ["viewer"] },
            { "id": "none", "roles": [] },
        ],
    });
    let identify =
        |verified: &Verified| platform.identify(verified, &paths(), now(), &rules, &policy);
    let claims = |members: &Value| identify(&Issuer::verified("JWT", &with(good.clone(), members)));
    let asserted = claims(&json!({})).unwrap();
    assert_eq!(
        asserted.user.id,
        UserId::of_subject("https://platform.example", "ada")
    );
    assert_eq!(asserted.id, "a1");
    assert_eq!(asserted.remember_until, now().plus(60 + LEEWAY));
    let found = asserted.memberships.memberships.iter();
    let found = found.map(|one| (one.organization.as_str(), &*one.name, one.roles.join(" ")));
    assert!(found.eq([
        ("acme", "Acme", "admin".to_owned()),
        ("globex", "Globex Chemicals", "viewer".to_owned()),
    ]));
    assert_eq!(
        asserted.memberships.notices,
        [Notice::UnknownRole("boss".to_owned())]
    );
    for (members, error) in [
        (
            json!({ "iss": "https://other.example" }),
            ClaimsError::Issuer,
        ),
        (
            json!({ "aud": "https://patrol.example/" }),
            ClaimsError::Audience,
        ),
        (
            json!({ "aud": ["https://patrol.example", "x"] }),
            ClaimsError::Audience,
        ),
        (json!({ "exp": NOW + 61 }), ClaimsError::Lifetime),
        (
            json!({ "iat": NOW - 60, "exp": NOW + 1 }),
            ClaimsError::Lifetime,
        ),
        (
            json!({ "iat": NOW - 120, "exp": NOW - 60 }),
            ClaimsError::Expired,
        ),
        (
            json!({ "iat": NOW + 40, "exp": NOW + 90 }),
            ClaimsError::Future,
        ),
        (json!({ "jti": null }), ClaimsError::Missing("jti")),
        (json!({ "jti": "" }), ClaimsError::Missing("jti")),
        (
            json!({ "jti": "x".repeat(129) }),
            ClaimsError::Missing("jti"),
        ),
        (json!({ "sub": "" }), ClaimsError::Subject("sub".to_owned())),
        (json!({ "memberships": null }), ClaimsError::Memberships),
        (
            json!({ "memberships": [["acme", null, ["admin"]]] }),
            ClaimsError::Memberships,
        ),
        (
            json!({ "memberships": [{ "id": "acme" }] }),
            ClaimsError::Memberships,
        ),
        (
            json!({ "memberships": { "acme": ["admin"] } }),
            ClaimsError::Memberships,
        ),
    ] {
        assert_eq!(claims(&members), Err(error), "{members}");
    }
    let typed = Issuer::verified("pat+jwt", &good);
    assert_eq!(identify(&typed), Err(ClaimsError::Type));
}
