//! An access token is accepted only if we signed it, and only in one encoding.

use base64ct::{Base64UrlUnpadded, Encoding};
use jwt_compact::{AlgorithmExt, Header, UntrustedToken, alg::Ed25519, jwk::JsonWebKey};
use patrol::{
    ids::TokenId,
    jose::{
        jws::ParseError,
        signing::{Dalek, SigningKeys},
    },
    placement::of_user,
    routes::Paths,
    time::{DAY, Timestamp},
    token::{Claims, Token, TokenError, Verifier, claims},
};
use patrol_policy::example;
use serde_json::{Value, json};

const ISSUER: &str = "https://patrol.example";
const NOW: u64 = 1_800_000_000;

fn keys(seed: u8) -> SigningKeys {
    SigningKeys::from_jwks(&SigningKeys::generate(&[seed; 32])).unwrap()
}

fn verifier() -> Verifier {
    let paths = Paths::new(ISSUER, None, None).unwrap();
    Verifier::new(paths, 16, keys(1).public().clone(), example())
}

fn verify(text: &str) -> Result<Token, TokenError> {
    verifier().verify(text, &Dalek)
}

fn good_claims() -> Value {
    json!({
        "iss": ISSUER, "aud": ISSUER, "sub": "ada", "org": ["acme"], "jti": "AAAAAAAAAAA",
        "iat": NOW, "exp": NOW + 30 * DAY, "scope": "uns:read uns:publish",
        "status": { "status_list": { "idx": 7, "uri": format!("{ISSUER}/.patrol/status/14/0") } },
    })
}

fn good_token() -> String {
    let claims: Claims = serde_json::from_value(good_claims()).unwrap();
    claims::issue(&claims, keys(1).first())
        .unwrap()
        .reveal()
        .to_owned()
}

/// Forms and databases cut long text, so tokens must not grow unnoticed.
#[test]
fn token_of_five_scopes_has_at_most_580_bytes() {
    let address = "http://127.0.0.1:8787";
    let claims = json!({
        "iss": address, "aud": address, "sub": "ada", "org": ["acme"],
        "jti": TokenId::from_random([255; 8]), "iat": NOW, "exp": NOW + 30 * DAY,
        "scope": "pipelines:read pipelines:results models:read connectors:read uns:read",
        "status": { "status_list": {
            "idx": 131_071, "uri": format!("{address}/.patrol/status/14/0"),
        } },
    });
    let claims: Claims = serde_json::from_value(claims).unwrap();
    let token = claims::issue(&claims, keys(1).first()).unwrap();
    assert!(token.reveal().len() <= 580, "{}", token.reveal().len());
}

/// Signs any header and payload with the right key, which only a bug in Patrol could do.
fn forge(header: &str, payload: &str) -> String {
    let jwk: Value = serde_json::from_str(&SigningKeys::generate(&[1; 32])).unwrap();
    let jwk: JsonWebKey<'_> = serde_json::from_value(jwk["keys"][0].clone()).unwrap();
    let key = ed25519_dalek::SigningKey::try_from(&jwk).unwrap();
    let message = format!(
        "{}.{}",
        Base64UrlUnpadded::encode_string(header.as_bytes()),
        Base64UrlUnpadded::encode_string(payload.as_bytes())
    );
    let signature = jwt_compact::Algorithm::sign(&Ed25519, &key, message.as_bytes());
    let signature = Base64UrlUnpadded::encode_string(&signature.to_bytes());
    format!("{message}.{signature}")
}

fn header() -> Value {
    json!({ "alg": "EdDSA", "typ": "pat+jwt", "kid": keys(1).first().id().as_str() })
}

fn with(mut object: Value, member: &str, value: Value) -> String {
    object[member] = value;
    object.to_string()
}

fn without(mut object: Value, member: &str) -> String {
    object.as_object_mut().unwrap().remove(member);
    object.to_string()
}

#[test]
fn verifier_returns_the_claims() {
    let text = good_token();
    assert!(text.starts_with("patrol_eyJ"));
    let token = verify(&text).unwrap();
    assert_eq!(token.id.as_str(), "AAAAAAAAAAA");
    assert_eq!(token.owner.as_str(), "ada");
    assert_eq!(token.organizations.len(), 1);
    assert_eq!(
        token.grant.scopes(),
        example().parse_scopes("uns:read uns:publish")
    );
    assert_eq!((token.status.list.registry, token.status.idx), (14, 7));
    assert_eq!(token.expires_at, Timestamp::from_seconds(NOW + 30 * DAY));
    let bare = text.strip_prefix("patrol_").unwrap();
    assert_eq!(verify(bare).unwrap(), token, "a bare JWT is accepted too");
}

#[test]
fn verifier_reads_nbf_which_we_do_not_issue() {
    let header = header().to_string();
    let token = |claims: &str| verify(&forge(&header, claims)).unwrap();
    assert_eq!(token(&good_claims().to_string()).not_before, None);
    let later = token(&with(good_claims(), "nbf", json!(NOW + 60)));
    assert_eq!(later.not_before, Some(Timestamp::from_seconds(NOW + 60)));
    let claims: Claims = serde_json::from_value(good_claims()).unwrap();
    assert!(!serde_json::to_string(&claims).unwrap().contains("nbf"));
}

#[test]
fn jwt_compact_and_verifier_accept_each_others_tokens() {
    let text = good_token();
    let jwt = text.strip_prefix("patrol_").unwrap();
    let theirs = UntrustedToken::new(jwt).unwrap();
    let jwks: Value = serde_json::from_str(&keys(1).public().to_jwks()).unwrap();
    let jwk: JsonWebKey<'_> = serde_json::from_value(jwks["keys"][0].clone()).unwrap();
    let key = ed25519_dalek::VerifyingKey::try_from(&jwk).unwrap();
    let token = Ed25519.validator::<Value>(&key).validate(&theirs).unwrap();
    assert_eq!(token.claims().custom["sub"], "ada");

    let secret: Value = serde_json::from_str(&SigningKeys::generate(&[1; 32])).unwrap();
    let secret: JsonWebKey<'_> = serde_json::from_value(secret["keys"][0].clone()).unwrap();
    let key = ed25519_dalek::SigningKey::try_from(&secret).unwrap();
    let header = Header::empty()
        .with_token_type("pat+jwt")
        .with_key_id(keys(1).first().id().as_str());
    let created = Ed25519
        .token(&header, &jwt_compact::Claims::new(good_claims()), &key)
        .unwrap();
    assert!(verify(&created).is_ok());
}

#[test]
fn verifier_refuses_a_token_with_any_one_bit_flipped() {
    let text = good_token();
    let verifier = verifier();
    // After the prefix, as that is optional.
    for position in "patrol_".len()..text.len() {
        for bit in 0..8 {
            let mut bytes = text.clone().into_bytes();
            bytes[position] ^= 1 << bit;
            if let Ok(changed) = String::from_utf8(bytes) {
                assert!(
                    verifier.verify(&changed, &Dalek).is_err(),
                    "bit {bit} of byte {position}"
                );
            }
        }
    }
}

#[test]
fn verifier_refuses_a_header_other_than_alg_typ_kid() {
    let payload = good_claims().to_string();
    let kid = keys(1).first().id().as_str().to_owned();
    assert!(verify(&forge(&header().to_string(), &payload)).is_ok());
    let form = |error| Err(TokenError::Form(error));
    for (header, expected) in [
        (
            with(header(), "alg", json!("none")),
            form(ParseError::Algorithm),
        ),
        (
            with(header(), "alg", json!("HS256")),
            form(ParseError::Algorithm),
        ),
        (
            with(header(), "alg", json!("eddsa")),
            form(ParseError::Algorithm),
        ),
        (
            with(header(), "alg", json!("Ed25519")),
            form(ParseError::Algorithm),
        ),
        (with(header(), "typ", json!("JWT")), form(ParseError::Type)),
        (
            with(header(), "typ", json!("session+jwt")),
            form(ParseError::Type),
        ),
        (
            with(header(), "typ", json!("PAT+JWT")),
            form(ParseError::Type),
        ),
        (
            with(header(), "kid", json!("unknown")),
            Err(TokenError::UnknownKey),
        ),
        (
            with(header(), "kid", json!("")),
            Err(TokenError::UnknownKey),
        ),
        (
            with(header(), "crit", json!(["exp"])),
            form(ParseError::Header),
        ),
        (with(header(), "crit", json!([])), form(ParseError::Header)),
        (with(header(), "jwk", json!({})), form(ParseError::Header)),
        (
            with(header(), "jku", json!("https://evil.example")),
            form(ParseError::Header),
        ),
        (
            with(header(), "x5u", json!("https://evil.example")),
            form(ParseError::Header),
        ),
        (with(header(), "x5c", json!([])), form(ParseError::Header)),
        (
            with(header(), "b64", json!(false)),
            form(ParseError::Header),
        ),
        (
            with(header(), "cty", json!("JWT")),
            form(ParseError::Header),
        ),
        (without(header(), "alg"), form(ParseError::Header)),
        (without(header(), "typ"), form(ParseError::Header)),
        (without(header(), "kid"), form(ParseError::Header)),
        (
            format!(r#"{{"alg":"EdDSA","alg":"EdDSA","typ":"pat+jwt","kid":"{kid}"}}"#),
            form(ParseError::Header),
        ),
        ("[]".to_owned(), form(ParseError::Header)),
        (
            json!(["EdDSA", "pat+jwt", kid]).to_string(),
            form(ParseError::Header),
        ),
        (String::new(), form(ParseError::Header)),
    ] {
        assert_eq!(verify(&forge(&header, &payload)), expected, "{header}");
    }
}

#[test]
fn verifier_refuses_claims_that_no_access_token_has() {
    let header = header().to_string();
    let good = good_claims().to_string();
    let status = |idx: Value, uri: &str| json!({ "status_list": { "idx": idx, "uri": uri } });
    let uri = format!("{ISSUER}/.patrol/status/14/0");
    for (payload, expected) in [
        (
            with(good_claims(), "iss", json!("https://other.example")),
            TokenError::Issuer,
        ),
        (
            with(good_claims(), "aud", json!("https://other.example")),
            TokenError::Audience,
        ),
        (
            with(good_claims(), "aud", json!([ISSUER])),
            TokenError::Claims,
        ),
        (
            with(good_claims(), "exp", json!(NOW + 365 * DAY + 1)),
            TokenError::Lifetime,
        ),
        (with(good_claims(), "exp", json!(NOW)), TokenError::Lifetime),
        (
            with(good_claims(), "exp", json!(1_800_000_000.5)),
            TokenError::Claims,
        ),
        (with(good_claims(), "exp", json!("1")), TokenError::Claims),
        (with(good_claims(), "iat", json!(-1)), TokenError::Claims),
        (with(good_claims(), "sub", json!("")), TokenError::Claims),
        (with(good_claims(), "org", json!([])), TokenError::Claims),
        (
            with(good_claims(), "org", json!("acme")),
            TokenError::Claims,
        ),
        (
            with(good_claims(), "scope", json!(["uns:read"])),
            TokenError::Claims,
        ),
        (
            with(good_claims(), "status", status(json!(1 << 17), &uri)),
            TokenError::Claims,
        ),
        (
            with(good_claims(), "status", status(json!(-1), &uri)),
            TokenError::Claims,
        ),
        (
            with(
                good_claims(),
                "status",
                status(json!(7), &format!("{ISSUER}/status/14/0")),
            ),
            TokenError::Claims,
        ),
        (
            with(
                good_claims(),
                "status",
                status(json!(7), "https://evil.example/.patrol/status/14/0"),
            ),
            TokenError::Claims,
        ),
        (
            with(
                good_claims(),
                "status",
                status(json!(7), &format!("{ISSUER}/.patrol/status/14/00")),
            ),
            TokenError::Claims,
        ),
        (without(good_claims(), "exp"), TokenError::Claims),
        (without(good_claims(), "jti"), TokenError::Claims),
        (without(good_claims(), "status"), TokenError::Claims),
        (
            good.replacen('{', r#"{"sub":"vic","#, 1),
            TokenError::Claims,
        ),
        (format!("{good} {good}"), TokenError::Claims),
        ("null".to_owned(), TokenError::Claims),
    ] {
        assert_eq!(
            verify(&forge(&header, &payload)),
            Err(expected),
            "{payload}"
        );
    }
    let more = with(good_claims(), "later", json!({ "version": 2 }));
    assert!(
        verify(&forge(&header, &more)).is_ok(),
        "unknown claims are ignored"
    );
}

#[test]
fn verifier_refuses_claims_that_others_could_read_differently() {
    let header = header().to_string();
    let uri = format!("{ISSUER}/.patrol/status/14/0");
    let list = |uri: &str| json!({ "status_list": { "idx": 7, "uri": uri } });
    for (payload, expected) in [
        (with(good_claims(), "nbf", json!(null)), TokenError::Claims),
        (with(good_claims(), "nbf", json!(1.5)), TokenError::Claims),
        (with(good_claims(), "scope", json!("")), TokenError::Claims),
        (
            with(good_claims(), "scope", json!("uns:read\r\nx: y")),
            TokenError::Claims,
        ),
        (
            with(good_claims(), "scope", json!("uns:read\0")),
            TokenError::Claims,
        ),
        (
            with(good_claims(), "scope", json!("uns:read\nuns:publish")),
            TokenError::Claims,
        ),
        (with(good_claims(), "sub", json!("vic")), TokenError::List),
        (
            with(
                good_claims(),
                "status",
                list(&format!("{ISSUER}/.patrol/status/13/0")),
            ),
            TokenError::List,
        ),
        (
            with(
                good_claims(),
                "status",
                list(&format!("{ISSUER}/.patrol/status/99/0")),
            ),
            TokenError::List,
        ),
        (
            with(good_claims(), "status", json!([{ "idx": 7, "uri": uri }])),
            TokenError::Claims,
        ),
        (
            with(good_claims(), "status", json!({ "status_list": [7, uri] })),
            TokenError::Claims,
        ),
        (
            json!([
                ISSUER, ISSUER, "ada", ["acme"], "AAAAAAAAAAA", NOW, null,
                NOW + 30 * DAY, "uns:read", { "status_list": { "idx": 7, "uri": uri } },
            ])
            .to_string(),
            TokenError::Claims,
        ),
    ] {
        assert_eq!(
            verify(&forge(&header, &payload)),
            Err(expected),
            "{payload}"
        );
    }
}

#[test]
fn verifier_refuses_malformed_text() {
    let good = good_token();
    let padded = format!("{good}=");
    let long = format!("{}{}", good, "A".repeat(4096));
    let by_another_key = {
        let claims: Claims = serde_json::from_value(good_claims()).unwrap();
        claims::issue(&claims, keys(2).first())
            .unwrap()
            .reveal()
            .to_owned()
    };
    for (text, expected) in [
        ("", TokenError::Form(ParseError::NotCompact)),
        ("patrol_", TokenError::Form(ParseError::NotCompact)),
        ("patrol_..", TokenError::Form(ParseError::NotCompact)),
        ("a.b", TokenError::Form(ParseError::NotCompact)),
        ("a.b.c.d.e", TokenError::Form(ParseError::NotCompact)),
        (padded.as_str(), TokenError::Form(ParseError::NotCompact)),
        (long.as_str(), TokenError::Form(ParseError::TooLong)),
        (by_another_key.as_str(), TokenError::UnknownKey),
    ] {
        assert_eq!(verify(text), Err(expected), "{text}");
    }
    let twice = format!("patrol_{good}");
    assert!(verify(&twice).is_err());
}

#[test]
fn largest_token_is_well_below_the_cap() {
    let organizations: Vec<String> = (0..16).map(|n| format!("{n:064}")).collect();
    let mut claims = good_claims();
    claims["org"] = json!(organizations);
    let owner = "x".repeat(64);
    let registry = of_user(&owner.parse().unwrap(), 16);
    claims["sub"] = json!(owner);
    claims["status"]["status_list"]["uri"] = json!(format!("{ISSUER}/.patrol/status/{registry}/0"));
    claims["scope"] = json!(
        example()
            .scopes()
            .map(|s| s.name.as_str())
            .collect::<Vec<_>>()
            .join(" ")
    );
    let claims: Claims = serde_json::from_value(claims).unwrap();
    let token = claims::issue(&claims, keys(1).first()).unwrap();
    assert!(verify(token.reveal()).is_ok());
    assert!(
        token.reveal().len() * 100 < patrol::token::MAX_LENGTH * 75,
        "{}",
        token.reveal().len()
    );
    assert_eq!(format!("{token:?}"), "AccessToken(..)");
}
