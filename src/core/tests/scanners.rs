//! The rules for secret scanners in deploy/scanners find every token, and nothing else.

use base64ct::{Base64UrlUnpadded, Encoding};
use patrol::{
    jose::signing::SigningKeys,
    time::DAY,
    token::{Claims, PREFIX, claims},
};
use regex::Regex;
use serde_json::{Value, json};

const GITLEAKS: &str = include_str!("../../../deploy/scanners/gitleaks.toml");
const TRUFFLEHOG: &str = include_str!("../../../deploy/scanners/trufflehog.yml");
const GITHUB: &str = include_str!("../../../deploy/scanners/github.txt");
const DETECT_SECRETS: &str = include_str!("../../../deploy/scanners/detect_secrets_patrol.py");
const DOCUMENTATION: &str = include_str!("../../../docs/SCANNERS.md");

/// The only rule of the file for gitleaks.
fn gitleaks_rule() -> toml::Table {
    let mut file: toml::Table = GITLEAKS.parse().unwrap();
    let Some(toml::Value::Array(rules)) = file.remove("rules") else {
        panic!("no rules");
    };
    let [toml::Value::Table(rule)] = &rules[..] else {
        panic!("not one rule");
    };
    rule.clone()
}

fn expression() -> String {
    gitleaks_rule()["regex"].as_str().unwrap().to_owned()
}

/// A token of a user with this name, signed by one of several keys.
fn issue(seed: u8, user: &str) -> String {
    let now = 1_800_000_000;
    let issuer = "https://patrol.example";
    let claims = json!({
        "iss": issuer, "aud": issuer, "sub": user, "org": ["acme"], "jti": "AAAAAAAAAAAAAAAAAAAAAA",
        "iat": now, "exp": now + 30 * DAY, "scope": "uns:read uns:publish",
        "status": { "status_list": { "idx": 7, "uri": format!("{issuer}/.patrol/status/14/0") } },
    });
    let claims: Claims = serde_json::from_value(claims).unwrap();
    let keys = SigningKeys::from_jwks(&SigningKeys::generate(&[seed; 32])).unwrap();
    let token = claims::issue(&claims, keys.first()).unwrap();
    token.reveal().to_owned()
}

/// A JWT with any header, payload and signature.
fn jwt(header: &Value, payload: &Value, signature: &[u8]) -> String {
    let (header, payload) = (header.to_string(), payload.to_string());
    let parts = [header.as_bytes(), payload.as_bytes(), signature];
    parts.map(Base64UrlUnpadded::encode_string).join(".")
}

/// Files and messages in which tokens leak. `<token>` stands for the token.
const PLACES: [&str; 20] = [
    "<token>",
    "PATROL_TOKEN=<token>\nOTHER=1",
    "export PATROL_TOKEN='<token>'",
    "token: <token>\nname: x",
    "  - \"<token>\"",
    r#"{"token":"<token>","name":"x"}"#,
    r#""{\"token\":\"<token>\"}""#,
    "Authorization: Bearer <token>\r\n",
    "Authorization: token <token>",
    "curl -H 'Authorization: Bearer <token>' https://patrol.example/api",
    "curl -u any:<token> https://patrol.example/api",
    "https://any:<token>@patrol.example/repository.git",
    "https://<token>:@patrol.example/repository.git",
    "[remote \"origin\"]\n\turl = https://x-token:<token>@patrol.example/r.git\n",
    "machine patrol.example login any password <token>",
    "Sec-WebSocket-Protocol: patrol, patrol.token.<token>",
    "<a href=\"?token=<token>&amp;x=1\">",
    "The token is <token>. Do not tell.",
    "<token>,<token>",
    "old_<token>_backup.txt",
];

#[test]
fn token_is_found_exactly_wherever_it_is_written() {
    let rule = Regex::new(&expression()).unwrap();
    for seed in 1..=8 {
        let token = issue(seed, &"u".repeat(usize::from(seed)));
        let bare = token.strip_prefix(PREFIX).unwrap();
        for token in [&*token, bare] {
            for place in PLACES {
                let text = place.replace("<token>", token);
                let found: Vec<_> = rule.find_iter(&text).map(|found| found.as_str()).collect();
                let expected = vec![token; place.matches("<token>").count()];
                assert!(found == expected, "{place}");
            }
        }
    }
}

/// The rule depends on nothing in the header but the type.
#[test]
fn token_is_found_whatever_else_its_header_has() {
    let rule = Regex::new(&expression()).unwrap();
    let payload = json!({ "iss": "https://patrol.example" });
    for kid in ["", "a", "ab", "abc", "abcd"] {
        for header in [
            json!({ "alg": "EdDSA", "typ": "pat+jwt", "kid": kid }),
            json!({ "a": kid, "alg": "EdDSA", "typ": "pat+jwt" }),
            json!({ "alg": "EdDSA", "typ": "pat+jwt" }),
        ] {
            for last in [0, 1, 2, 3, 255] {
                let bare = jwt(&header, &payload, &[last; 64]);
                for token in [format!("{PREFIX}{bare}"), bare] {
                    let found = rule.find(&token).map(|found| found.as_str());
                    assert!(found == Some(&*token), "{header}");
                }
            }
        }
    }
}

#[test]
fn text_without_a_token_is_not_found() {
    let rule = Regex::new(&expression()).unwrap();
    let payload = json!({ "iss": "https://other.example", "sub": "ada" });
    let token = issue(1, "ada");
    let of_others = [
        ("ES256", "JWT", 64),
        ("EdDSA", "JWT", 64),
        ("EdDSA", "statuslist+jwt", 64),
        ("EdDSA", "at+jwt", 64),
        ("HS256", "JWT", 32),
        ("RS256", "JWT", 256),
    ]
    .map(|(alg, typ, length)| {
        jwt(
            &json!({ "alg": alg, "typ": typ }),
            &payload,
            &vec![7; length],
        )
    });
    let unsigned = token.rsplit_once('.').unwrap().0;
    let broken = [
        token[..token.len() - 1].to_owned(),
        unsigned.to_owned(),
        format!("{unsigned}."),
        format!("{PREFIX}eyJ… "),
        format!("{PREFIX}<token>"),
        format!("{PREFIX}${{TOKEN}}"),
        token.replace('.', " . "),
        token.replace("eyJ", "xxx"),
        "__Host-patrol_session_0123456789=eyJhbGciOiJFZERTQSJ9".to_owned(),
    ];
    for text in of_others.iter().chain(&broken) {
        assert!(!rule.is_match(text), "{text}");
    }
}

#[test]
fn every_scanner_has_the_same_rule() {
    let rule = expression();
    assert_eq!(GITHUB, format!("{rule}\n"));
    assert!(TRUFFLEHOG.contains(&format!("      token: '{rule}'\n")));
    assert!(DETECT_SECRETS.contains(&format!("r\"{rule}\"\n")));
    assert!(DOCUMENTATION.contains(&format!("```\n{rule}\n```")));
}

/// gitleaks applies a rule only to text with one of its keywords, in either case.
#[test]
fn every_token_has_a_keyword_of_gitleaks() {
    let token = issue(1, "ada").to_lowercase();
    let bare = token.strip_prefix(PREFIX).unwrap();
    let rule = gitleaks_rule();
    let keywords = rule["keywords"].as_array().unwrap();
    assert!(keywords.iter().all(|keyword| {
        let keyword = keyword.as_str().unwrap().to_lowercase();
        bare.contains(&keyword)
    }));
}
