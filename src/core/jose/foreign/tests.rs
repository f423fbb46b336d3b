//! Which JWTs, keys and signatures of others are accepted.

use super::*;
use crate::jose::{
    VerifySignature, jws,
    signing::{Dalek, SigningKeys},
};
use ed25519_dalek::Signer;
use serde_json::json;
use std::{
    cell::RefCell,
    pin::pin,
    task::{Context, Poll, Waker},
};

/// The result of a future that never waits.
pub(crate) fn ready<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => unreachable!("it waits"),
    }
}

type Members = Vec<(&'static str, String)>;

/// Ed25519 for real. Of the others, the signatures of RFC 7515 are known to be good.
#[derive(Default)]
pub(crate) struct Crypto {
    asked: RefCell<Vec<(Algorithm, Members)>>,
}

impl VerifyForeignSignature for Crypto {
    async fn verify(&self, check: SignatureCheck<'_>) -> bool {
        let jwk: Vec<_> = check
            .jwk()
            .map(|(name, text)| (name, text.to_owned()))
            .collect();
        let x = jwk.iter().find(|(name, _)| *name == "x");
        let good = match check.algorithm() {
            Algorithm::Ed25519 => {
                let point = coordinate(&x.unwrap().1).unwrap();
                let key = keys::PublicKey::new(point).unwrap();
                let signature = check.signature().try_into();
                signature.is_ok_and(|signature| Dalek.verify(&key, check.message(), signature))
            }
            Algorithm::Rs256 => check.signature() == decode(RSA_SIGNATURE).unwrap(),
            Algorithm::Es256 => check.signature() == decode(EC_SIGNATURE).unwrap(),
            Algorithm::Ps256 => false,
        };
        self.asked.borrow_mut().push((check.algorithm(), jwk));
        good
    }
}

/// Another party with a key pair.
pub(crate) struct Issuer(SigningKeys);

impl Issuer {
    pub(crate) fn new(seed: u8) -> Self {
        Self(SigningKeys::from_jwks(&SigningKeys::generate(&[seed; 32])).unwrap())
    }

    pub(crate) fn sign(&self, typ: &str, claims: &Value) -> String {
        jws::sign(self.0.first(), typ, claims).unwrap()
    }

    fn sign_payload(&self, payload: &str) -> String {
        let message = format!("{}.{}", encode(r#"{"alg":"Ed25519"}"#), encode(payload));
        let signature = self.0.first().inner().sign(message.as_bytes());
        format!("{message}.{}", encode(signature.to_bytes()))
    }

    pub(crate) fn keys(&self, issuer: &str) -> JwkSet {
        JwkSet::read(self.0.public().to_jwks().as_bytes(), issuer).unwrap()
    }

    /// The claims as if they had come in a JWT of type `typ`.
    pub(crate) fn verified(typ: &str, claims: &Value) -> Verified {
        let issuer = Self::new(1);
        let text = issuer.sign(typ, claims);
        let name = claims["iss"].as_str().unwrap();
        verify(&text, &issuer.keys(name)).unwrap()
    }
}

fn verify(text: &str, keys: &JwkSet) -> Result<Verified, VerifyError> {
    ready(
        Unverified::parse(text)
            .unwrap()
            .verify(keys, &Crypto::default()),
    )
}

fn encode(bytes: impl AsRef<[u8]>) -> String {
    Base64UrlUnpadded::encode_string(bytes.as_ref())
}

fn set(keys: &Value) -> JwkSet {
    JwkSet::read(json!({ "keys": keys }).to_string().as_bytes(), "joe").unwrap()
}

/// RFC 7515, appendices A.2 and A.3.
const PAYLOAD: &str = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
const RSA_N: &str = "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ";
const RSA_SIGNATURE: &str = "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
const EC_X: &str = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU";
const EC_Y: &str = "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0";
const EC_SIGNATURE: &str =
    "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
/// RFC 8037, appendix A.2.
const OKP_X: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";

fn rsa() -> Value {
    json!({ "kty": "RSA", "n": RSA_N, "e": "AQAB" })
}

fn ec() -> Value {
    json!({ "kty": "EC", "crv": "P-256", "x": EC_X, "y": EC_Y })
}

fn okp() -> Value {
    json!({ "kty": "OKP", "crv": "Ed25519", "x": OKP_X })
}

/// The key with other members.
fn with(mut key: Value, members: &Value) -> Value {
    for (name, value) in members.as_object().unwrap() {
        key[name] = value.clone();
    }
    key
}

fn jwt(header: &Value, signature: &str) -> String {
    format!("{}.{PAYLOAD}.{signature}", encode(header.to_string()))
}

#[test]
fn verifier_gets_exactly_what_rfc_7515_signed() {
    for (alg, key, signature, members) in [
        ("RS256", rsa(), RSA_SIGNATURE, &["kty", "n", "e"][..]),
        ("ES256", ec(), EC_SIGNATURE, &["kty", "crv", "x", "y"]),
    ] {
        let text = jwt(&json!({ "alg": alg }), signature);
        let crypto = Crypto::default();
        let keys = set(&json!([with(
            key.clone(),
            &json!({ "use": "sig", "alg": alg, "x5c": [] })
        )]));
        let unverified = Unverified::parse(&text).unwrap();
        let check = unverified.signature_check(&keys).unwrap();
        assert_eq!(check.message(), text.rsplit_once('.').unwrap().0.as_bytes());
        let verified = ready(unverified.verify(&keys, &crypto)).unwrap();
        assert_eq!(verified.claims().text("iss"), Some("joe"));
        let asked = crypto.asked.into_inner();
        let (algorithm, jwk) = &asked[0];
        assert_eq!(algorithm.as_str(), alg);
        let expected: Vec<_> = members
            .iter()
            .map(|name| (*name, key[*name].as_str().unwrap().to_owned()))
            .collect();
        assert_eq!(*jwk, expected);
        let text = jwt(&json!({ "alg": alg }), &signature.replace('E', "F"));
        assert_eq!(verify(&text, &keys), Err(VerifyError::Signature));
    }
}

#[test]
fn jwt_of_another_issuer_is_verified_by_its_key() {
    let (ours, other) = (Issuer::new(1), Issuer::new(2));
    let text = ours.sign("JWT", &json!({ "iss": "i", "exp": 1.5 }));
    let verified = verify(&text, &ours.keys("i")).unwrap();
    assert_eq!(
        verified.claims().time("exp"),
        Some(Timestamp::from_seconds(1))
    );
    assert_eq!(
        verify(&text, &other.keys("i")),
        Err(VerifyError::UnknownKey)
    );
    for issuer in ["I", "i/", ""] {
        let found = verify(&text, &ours.keys(issuer));
        assert_eq!(found, Err(VerifyError::Issuer), "{issuer}");
    }
    let text = ours.sign("JWT", &json!({ "iss": ["i"] }));
    assert_eq!(verify(&text, &ours.keys("i")), Err(VerifyError::Issuer));
    for payload in ["[]", "7", "{", "{} {}"] {
        let text = ours.sign_payload(payload);
        assert_eq!(
            verify(&text, &ours.keys("i")),
            Err(VerifyError::Claims),
            "{payload}"
        );
    }
}

#[test]
fn parse_rejects_what_is_no_plain_signed_jwt() {
    let long = "A".repeat(MAX_LENGTH);
    let header = |text: &str| format!("{}.e30.AAAA", encode(text));
    for (text, error) in [
        (format!("{long}.e30.AAAA"), ParseError::TooLong),
        (String::new(), ParseError::NotCompact),
        ("e30.e30".to_owned(), ParseError::NotCompact),
        (
            jwt(&json!({ "alg": "RS256" }), "A A"),
            ParseError::NotCompact,
        ),
        // The last character has bits that belong to no byte.
        (
            jwt(&json!({ "alg": "RS256" }), "AB"),
            ParseError::NotCompact,
        ),
        (
            jwt(&json!({ "alg": "RS256" }), "AA=="),
            ParseError::NotCompact,
        ),
        // Encrypted (RFC 7516).
        (
            format!(
                "{}.AAAA.AAAA.AAAA.AAAA",
                encode(r#"{"alg":"RS256","enc":"A128GCM"}"#)
            ),
            ParseError::NotCompact,
        ),
        (header("[\"RS256\"]"), ParseError::Header),
        (header(r#"{"typ":"JWT"}"#), ParseError::Header),
        (
            header(r#"{"alg":"RS256","alg":"none"}"#),
            ParseError::Header,
        ),
        (
            header(&format!(
                r#"{{"alg":"RS256","x5c":["{}"]}}"#,
                "A".repeat(MAX_HEADER)
            )),
            ParseError::Header,
        ),
        (
            header(r#"{"alg":"RS256","crit":["exp"]}"#),
            ParseError::Critical,
        ),
        (
            header(r#"{"alg":"RS256","crit":null}"#),
            ParseError::Critical,
        ),
        (header(r#"{"alg":"none"}"#), ParseError::Algorithm),
        (header(r#"{"alg":"None"}"#), ParseError::Algorithm),
        (header(r#"{"alg":"HS256"}"#), ParseError::Algorithm),
        (header(r#"{"alg":"RS512"}"#), ParseError::Algorithm),
        (header(r#"{"alg":"ES256K"}"#), ParseError::Algorithm),
        (header(r#"{"alg":""}"#), ParseError::Algorithm),
    ] {
        assert_eq!(Unverified::parse(&text).err(), Some(error), "{text:.80}");
    }
    // Keys in the header are never used (RFC 8725, section 3.10).
    let text = header(r#"{"alg":"RS256","jku":"https://evil.example","jwk":{}}"#);
    assert!(Unverified::parse(&text).is_ok());
}

#[test]
fn key_is_chosen_by_name_and_must_fit_the_algorithm() {
    use VerifyError::{AmbiguousKey, NoFittingKey, UnknownKey, UnusableKey};
    let named = |key: Value, kid: &str| with(key, &json!({ "kid": kid }));
    let all = json!([named(rsa(), "r"), named(ec(), "e"), named(okp(), "o")]);
    let choose = |keys: &Value, kid: Option<&str>, algorithm: &str| {
        let keys = set(keys);
        let found = keys.choose(kid, Algorithm::parse(algorithm).unwrap());
        found.map(|key| match key {
            Key::Rsa { .. } => "RSA",
            Key::P256 { .. } => "EC",
            Key::Ed25519 { .. } => "OKP",
        })
    };
    for (kid, algorithm, expected) in [
        (Some("r"), "RS256", Ok("RSA")),
        (Some("r"), "PS256", Ok("RSA")),
        (Some("e"), "ES256", Ok("EC")),
        (Some("o"), "EdDSA", Ok("OKP")),
        (Some("o"), "Ed25519", Ok("OKP")),
        (
            Some("r"),
            "ES256",
            Err(UnusableKey(KeyFault::OtherAlgorithm)),
        ),
        (
            Some("o"),
            "RS256",
            Err(UnusableKey(KeyFault::OtherAlgorithm)),
        ),
        (Some("x"), "RS256", Err(UnknownKey)),
        (Some(""), "RS256", Err(UnknownKey)),
        (None, "RS256", Ok("RSA")),
        (None, "ES256", Ok("EC")),
    ] {
        assert_eq!(
            choose(&all, kid, algorithm),
            expected,
            "{kid:?} {algorithm}"
        );
    }
    // Two keys without names; two with the same name, of different types (RFC 7517, section 4.5).
    assert_eq!(
        choose(&json!([rsa(), rsa()]), None, "RS256"),
        Err(AmbiguousKey)
    );
    assert_eq!(choose(&json!([ec()]), None, "RS256"), Err(NoFittingKey));
    let same = json!([named(rsa(), "k"), named(ec(), "k")]);
    assert_eq!(choose(&same, Some("k"), "ES256"), Ok("EC"));
    let same = json!([named(rsa(), "k"), named(rsa(), "k")]);
    assert_eq!(choose(&same, Some("k"), "PS256"), Err(AmbiguousKey));
    // A key for encryption beside the key for signatures, as Keycloak publishes them.
    let keycloak = json!([
        with(
            rsa(),
            &json!({ "kid": "enc", "use": "enc", "alg": "RSA-OAEP" })
        ),
        with(
            rsa(),
            &json!({ "kid": "sig", "use": "sig", "alg": "RS256" })
        ),
    ]);
    assert_eq!(choose(&keycloak, None, "RS256"), Ok("RSA"));
    let purpose = Err(UnusableKey(KeyFault::Purpose));
    assert_eq!(choose(&keycloak, Some("enc"), "RS256"), purpose);
    assert!(UnknownKey.may_need_newer_keys() && VerifyError::Signature.may_need_newer_keys());
    assert!(!AmbiguousKey.may_need_newer_keys());
}

#[test]
fn key_that_cannot_be_trusted_is_not_used() {
    let n = |bytes: usize, first: u8| {
        let mut n = vec![first; bytes];
        n[bytes - 1] |= 1;
        json!({ "n": encode(n) })
    };
    let short = json!({ "x": "AAAA" });
    for (key, fault) in [
        (with(rsa(), &n(256, 0x80)), None),
        (with(rsa(), &n(1024, 0xff)), None),
        (with(rsa(), &n(256, 0x7f)), Some(KeyFault::Weak)),
        (with(rsa(), &n(128, 0xff)), Some(KeyFault::Weak)),
        (with(rsa(), &n(1025, 0xff)), Some(KeyFault::Weak)),
        (
            with(rsa(), &json!({ "n": encode([0xfe; 256]) })),
            Some(KeyFault::Weak),
        ),
        (with(rsa(), &json!({ "n": "" })), Some(KeyFault::Malformed)),
        (with(rsa(), &json!({ "e": "Aw" })), None),
        (with(rsa(), &json!({ "e": "AQ" })), Some(KeyFault::Weak)),
        (with(rsa(), &json!({ "e": "AAE" })), Some(KeyFault::Weak)),
        (with(rsa(), &json!({ "e": "AQAA" })), Some(KeyFault::Weak)),
        (
            with(rsa(), &json!({ "e": "AQAAAAE" })),
            Some(KeyFault::Weak),
        ),
        (with(rsa(), &json!({ "e": "" })), Some(KeyFault::Weak)),
        (with(rsa(), &json!({ "d": "AA" })), Some(KeyFault::Private)),
        (with(rsa(), &json!({ "d": null })), Some(KeyFault::Private)),
        (with(rsa(), &json!({ "key_ops": ["verify"] })), None),
        (
            with(rsa(), &json!({ "key_ops": ["encrypt"] })),
            Some(KeyFault::Purpose),
        ),
        (
            with(rsa(), &json!({ "key_ops": [] })),
            Some(KeyFault::Purpose),
        ),
        (
            with(rsa(), &json!({ "alg": "RS512" })),
            Some(KeyFault::OtherAlgorithm),
        ),
        (
            with(rsa(), &json!({ "alg": "PS256" })),
            Some(KeyFault::OtherAlgorithm),
        ),
        (with(ec(), &short), Some(KeyFault::Malformed)),
        (
            with(ec(), &json!({ "crv": "P-384" })),
            Some(KeyFault::Unsupported),
        ),
        (with(okp(), &short), Some(KeyFault::Malformed)),
        (
            with(okp(), &json!({ "x": encode([0; 32]) })),
            Some(KeyFault::Weak),
        ),
        (
            with(okp(), &json!({ "crv": "X25519" })),
            Some(KeyFault::Unsupported),
        ),
        (with(okp(), &json!({ "alg": "Ed25519" })), None),
        (
            json!({ "kty": "oct", "k": "AAAA" }),
            Some(KeyFault::Unsupported),
        ),
        (json!({}), Some(KeyFault::Unsupported)),
        (
            json!({ "kty": 5, "use": "sig" }),
            Some(KeyFault::Unsupported),
        ),
        (
            with(rsa(), &json!({ "use": null })),
            Some(KeyFault::Purpose),
        ),
        (with(rsa(), &json!({ "n": 5 })), Some(KeyFault::Malformed)),
    ] {
        let algorithm = match key["kty"].as_str() {
            Some("EC") => Algorithm::Es256,
            Some("OKP") => Algorithm::Ed25519,
            _ => Algorithm::Rs256,
        };
        let keys = set(&json!([with(key.clone(), &json!({ "kid": "k" }))]));
        let found = keys.choose(Some("k"), algorithm).err();
        assert_eq!(found, fault.map(VerifyError::UnusableKey), "{key}");
    }
    for wrong in [&b"[]"[..], b"{}", b"{\"keys\":{}}", b"{\"keys\":[[]]}", b""] {
        assert_eq!(JwkSet::read(wrong, "joe"), Err(InvalidJwkSet));
    }
    let long = format!("{{\"keys\":[]}}{}", " ".repeat(MAX_JWK_SET));
    assert_eq!(JwkSet::read(long.as_bytes(), "joe"), Err(InvalidJwkSet));
}

#[test]
fn shared_secret_verifies_hs256_alone() {
    let text = "a secret of at least thirty-two bytes";
    let secret = SharedSecret::from_text(text, "joe").unwrap();
    assert!(SharedSecret::from_text(&text[..31], "joe").is_none());
    assert_eq!(format!("{secret:?}"), "SharedSecret(..)");
    let sign = |alg: &str| {
        let message = format!("{}.{PAYLOAD}", encode(json!({ "alg": alg }).to_string()));
        let mac = Hmac::<Sha256>::new_from_slice(text.as_bytes()).unwrap();
        let mac = mac.chain_update(&message).finalize().into_bytes();
        format!("{message}.{}", encode(mac))
    };
    let verified = verify_by_secret(&sign("HS256"), &secret).unwrap().unwrap();
    assert_eq!(verified.claims().text("iss"), Some("joe"));
    for alg in ["none", "RS256", "HS512", "EdDSA"] {
        let found = verify_by_secret(&sign(alg), &secret);
        assert_eq!(found, Err(ParseError::Algorithm), "{alg}");
    }
    let neighbour = SharedSecret::from_text(text, "jim").unwrap();
    let found = verify_by_secret(&sign("HS256"), &neighbour).unwrap();
    assert_eq!(found, Err(VerifyError::Issuer));
    let other = SharedSecret::from_text(&text.to_uppercase(), "joe").unwrap();
    let found = verify_by_secret(&sign("HS256"), &other).unwrap();
    assert_eq!(found, Err(VerifyError::Signature));
    let cut = sign("HS256");
    let found = verify_by_secret(&cut[..cut.len() - 4], &secret).unwrap();
    assert_eq!(found, Err(VerifyError::Signature));
}

#[test]
fn typ_may_be_written_as_a_media_type() {
    for (typ, kind, expected) in [
        ("at+jwt", "at+jwt", true),
        ("AT+JWT", "at+jwt", true),
        ("application/at+jwt", "at+jwt", true),
        ("application/", "at+jwt", false),
        ("JWT", "at+jwt", false),
    ] {
        let verified = Issuer::verified(typ, &json!({ "iss": "i" }));
        assert_eq!(verified.is_of_type(kind), expected, "{typ}");
    }
    assert!(Issuer::verified("jwt", &json!({ "iss": "i" })).is_untyped());
    assert!(!Issuer::verified("logout+jwt", &json!({ "iss": "i" })).is_untyped());
}
