//! Keys: Ed25519 only, named by their thumbprint.
//!
//! A [`SigningKeys`] holds private keys and lives in the origin alone; a [`KeySet`] holds
//! public keys and is all that an edge ever sees. Both read a JWK Set (RFC 7517, section 5).
//! A `kid` is always the RFC 7638 thumbprint, computed here and never believed, so that one
//! name cannot mean two keys.

use crate::{
    jose::signature::PreparedKey,
    json::{self, Object},
};
use base64ct::{Base64UrlUnpadded, Encoding};
use ed25519_dalek as dalek;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::{
    borrow::Cow,
    fmt,
    sync::{Arc, OnceLock},
};

/// Why a key set cannot be used. The text never holds key material.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyError {
    /// Not a JWK Set of OKP keys on the curve Ed25519.
    Malformed,
    /// No keys at all.
    Empty,
    /// A point of small order: signatures under it prove nothing.
    Weak,
    /// The same key twice.
    Repeated,
    /// A private key where only public ones belong.
    Private,
    /// A public key where private ones are needed.
    Public,
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "not a JWK Set of Ed25519 keys (RFC 7517, RFC 8037)",
            Self::Empty => "the JWK Set has no keys",
            Self::Weak => "a key is a point of small order",
            Self::Repeated => "the same key stands twice",
            Self::Private => "a private key (member `d`) where only public keys belong",
            Self::Public => "a key without its private part (member `d`)",
        })
    }
}

impl std::error::Error for KeyError {}

/// The name of a key: its RFC 7638 thumbprint with SHA-256, base64url, 43 characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyId(String);

impl KeyId {
    /// The members that a thumbprint is made of, in their order (RFC 8037, section 2; RFC 7638,
    /// section 3).
    fn of(key: &dalek::VerifyingKey) -> Self {
        let x = Base64UrlUnpadded::encode_string(key.as_bytes());
        let members = format!(r#"{{"crv":"{CURVE}","kty":"{KEY_TYPE}","x":"{x}"}}"#);
        Self(Base64UrlUnpadded::encode_string(&Sha256::digest(members)))
    }

    /// The thumbprint as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// `kty` (RFC 8037, section 2).
const KEY_TYPE: &str = "OKP";
/// `crv`.
const CURVE: &str = "Ed25519";
/// `alg`.
const ALGORITHM: &str = "EdDSA";

#[derive(Serialize, Deserialize)]
struct JwkSet<'a> {
    #[serde(borrow)]
    keys: Vec<Object<Jwk<'a>>>,
}

/// A JWK of our kind (RFC 7517, section 4; RFC 8037, section 2). Not jwt-compact's, which knows
/// all kinds: it would be a tenth of the edge's module.
#[derive(Default, Serialize, Deserialize)]
struct Jwk<'a> {
    kty: Cow<'a, str>,
    #[serde(default)]
    crv: Cow<'a, str>,
    #[serde(default)]
    x: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    d: Option<Cow<'a, str>>,
    /// The whole of a symmetric key (RFC 7518, section 6.4.1): not of our kind, and a secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    k: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    kid: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    alg: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none", rename = "use")]
    usage: Option<Cow<'a, str>>,
}

impl Jwk<'_> {
    fn is_private(&self) -> bool {
        self.d.is_some() || self.k.is_some()
    }

    fn public(&self) -> Result<dalek::VerifyingKey, KeyError> {
        if (&*self.kty, &*self.crv) != (KEY_TYPE, CURVE) {
            return Err(KeyError::Malformed);
        }
        dalek::VerifyingKey::from_bytes(&decode(&self.x)?).map_err(|_| KeyError::Malformed)
    }

    /// The private key, to which the public one must belong.
    fn private(&self) -> Result<dalek::SigningKey, KeyError> {
        if !self.is_private() {
            return Err(KeyError::Public);
        }
        let public = self.public()?;
        let d = self.d.as_deref().ok_or(KeyError::Malformed)?;
        let key = dalek::SigningKey::from_bytes(&decode(d)?);
        let fits = key.verifying_key() == public;
        fits.then_some(key).ok_or(KeyError::Malformed)
    }
}

fn decode(text: &str) -> Result<[u8; 32], KeyError> {
    let mut bytes = [0; 32];
    let decoded = Base64UrlUnpadded::decode(text, &mut bytes).map(<[u8]>::len);
    (decoded == Ok(32))
        .then_some(bytes)
        .ok_or(KeyError::Malformed)
}

fn encode(bytes: &[u8; 32]) -> Cow<'static, str> {
    Base64UrlUnpadded::encode_string(bytes).into()
}

fn read(json: &str) -> Result<Vec<Jwk<'_>>, KeyError> {
    let set: JwkSet<'_> = json::read(json.as_bytes()).map_err(|_| KeyError::Malformed)?;
    let keys: Vec<_> = set.keys.into_iter().map(|Object(key)| key).collect();
    (!keys.is_empty()).then_some(keys).ok_or(KeyError::Empty)
}

/// A public key.
#[derive(Clone, Debug)]
pub struct VerifyingKey {
    id: KeyId,
    key: dalek::VerifyingKey,
    /// Made for the first check, shared by all copies of the key.
    prepared: Arc<OnceLock<PreparedKey>>,
}

impl PartialEq for VerifyingKey {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl Eq for VerifyingKey {}

impl VerifyingKey {
    fn new(key: dalek::VerifyingKey) -> Result<Self, KeyError> {
        if key.is_weak() {
            return Err(KeyError::Weak);
        }
        Ok(Self {
            id: KeyId::of(&key),
            key,
            prepared: Arc::default(),
        })
    }

    /// The key's thumbprint.
    pub fn id(&self) -> &KeyId {
        &self.id
    }

    /// Is this the key's signature over the message? Strict: canonical `S` and points, no
    /// small orders, no cofactor, so that one message has one signature and every library
    /// that follows RFC 8032 closely agrees.
    pub(crate) fn verify(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        let prepared = self.prepared.get_or_init(|| PreparedKey::new(&self.key));
        prepared.verify(message, signature)
    }
}

/// Public keys: every one of them verifies.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeySet(Vec<VerifyingKey>);

impl KeySet {
    /// Reads a JWK Set of public keys, as served under `/.well-known/jwks.json`.
    ///
    /// # Errors
    /// [`KeyError`], also when a private key is among them: it has no business there.
    pub fn from_jwks(json: &str) -> Result<Self, KeyError> {
        let keys = read(json)?;
        if keys.iter().any(Jwk::is_private) {
            return Err(KeyError::Private);
        }
        let keys = keys.iter().map(|jwk| VerifyingKey::new(jwk.public()?));
        Self(keys.collect::<Result<_, _>>()?).without_repeats()
    }

    fn without_repeats(self) -> Result<Self, KeyError> {
        let repeated = self.0.iter().enumerate().any(|(index, key)| {
            self.0
                .iter()
                .skip(index + 1)
                .any(|other| other.id == key.id)
        });
        if repeated {
            Err(KeyError::Repeated)
        } else {
            Ok(self)
        }
    }

    /// The JWK Set as JSON, each key with `kid`, `alg` and `use`.
    pub fn to_jwks(&self) -> String {
        let keys = self
            .0
            .iter()
            .map(|key| Jwk {
                kty: KEY_TYPE.into(),
                crv: CURVE.into(),
                x: encode(key.key.as_bytes()),
                kid: Some(key.id.as_str().into()),
                alg: Some(ALGORITHM.into()),
                usage: Some("sig".into()),
                ..Jwk::default()
            })
            .map(Object)
            .collect();
        serde_json::to_string(&JwkSet { keys }).unwrap_or_default()
    }

    /// The names of the keys.
    pub fn ids(&self) -> impl Iterator<Item = &KeyId> {
        self.0.iter().map(VerifyingKey::id)
    }

    /// The key of that name.
    pub fn find(&self, kid: &str) -> Option<&VerifyingKey> {
        self.0.iter().find(|key| key.id.as_str() == kid)
    }
}

/// Private keys: the first signs, the public halves of all verify. To rotate, put a new key
/// first; drop the old one when the last token that it signed has expired, or at once to
/// end all of them.
pub struct SigningKeys {
    first: SigningKey,
    public: KeySet,
}

/// A private key.
pub struct SigningKey {
    id: KeyId,
    key: dalek::SigningKey,
}

impl SigningKey {
    /// The thumbprint of the public half.
    pub fn id(&self) -> &KeyId {
        &self.id
    }

    pub(crate) fn inner(&self) -> &dalek::SigningKey {
        &self.key
    }
}

impl SigningKeys {
    /// Reads a JWK Set of private keys.
    ///
    /// # Errors
    /// [`KeyError`]; also when a public half does not belong to its private one.
    pub fn from_jwks(json: &str) -> Result<Self, KeyError> {
        let keys = read(json)?
            .iter()
            .map(Jwk::private)
            .collect::<Result<Vec<_>, _>>()?;
        let public = keys
            .iter()
            .map(|key| VerifyingKey::new(key.verifying_key()))
            .collect::<Result<Vec<_>, _>>()?;
        let public = KeySet(public).without_repeats()?;
        let key = keys.into_iter().next().ok_or(KeyError::Empty)?;
        let id = KeyId::of(&key.verifying_key());
        Ok(Self {
            first: SigningKey { id, key },
            public,
        })
    }

    /// A JWK Set with one private key made of 32 random bytes: what [`Self::from_jwks`] reads.
    /// The text is a secret.
    pub fn generate(seed: &[u8; 32]) -> String {
        let key = dalek::SigningKey::from_bytes(seed);
        let keys = vec![Object(Jwk {
            kty: KEY_TYPE.into(),
            crv: CURVE.into(),
            x: encode(key.verifying_key().as_bytes()),
            d: Some(encode(seed)),
            ..Jwk::default()
        })];
        serde_json::to_string(&JwkSet { keys }).unwrap_or_default()
    }

    /// The key that signs.
    pub fn first(&self) -> &SigningKey {
        &self.first
    }

    /// The public halves.
    pub fn public(&self) -> &KeySet {
        &self.public
    }
}

impl fmt::Debug for SigningKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKeys(..)")
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jwt_compact::{Algorithm as _, alg::Ed25519, jwk::JsonWebKey};

    /// RFC 8037, appendix A.1.
    const RFC_8037_A1: &str = r#"{"keys":[{"kty":"OKP","crv":"Ed25519",
        "d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
        "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;

    #[test]
    fn a_thumbprint_is_as_in_rfc_8037_appendix_a3() {
        let keys = SigningKeys::from_jwks(RFC_8037_A1).unwrap();
        assert_eq!(
            keys.first().id().as_str(),
            "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
        );
        assert!(
            keys.public()
                .find("kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k")
                .is_some()
        );
        assert!(keys.public().find("kPrK").is_none());
    }

    #[test]
    fn a_signature_is_as_in_rfc_8037_appendix_a4() {
        let message = b"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
        let signature = "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
        let bytes: [u8; 64] = Base64UrlUnpadded::decode_vec(signature)
            .unwrap()
            .try_into()
            .unwrap();
        let keys = SigningKeys::from_jwks(RFC_8037_A1).unwrap();
        let made = Ed25519.sign(keys.first().inner(), message);
        assert_eq!(made.to_bytes(), bytes);
        let public = KeySet::from_jwks(&keys.public().to_jwks()).unwrap();
        let key = public.find(keys.first().id().as_str()).unwrap();
        assert!(key.verify(message, &bytes));
        assert!(!key.verify(b"another message", &bytes));
    }

    #[test]
    fn a_key_set_that_cannot_be_trusted_is_refused() {
        let public = SigningKeys::from_jwks(RFC_8037_A1)
            .unwrap()
            .public()
            .to_jwks();
        let twice = public.replace("[{", "[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"},{");
        // The neutral element: every signature (R = A, S = 0) would do.
        let weak = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}]}"#;
        for (json, error) in [
            (RFC_8037_A1, KeyError::Private),
            ("{", KeyError::Malformed),
            (r#"{"keys":[]}"#, KeyError::Empty),
            (r#"{"keys":[{"kty":"oct","k":"AAAA"}]}"#, KeyError::Private),
            (
                r#"{"keys":[{"kty":"OKP","crv":"X25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#,
                KeyError::Malformed,
            ),
            (twice.as_str(), KeyError::Repeated),
            (weak, KeyError::Weak),
        ] {
            assert_eq!(KeySet::from_jwks(json), Err(error), "{json}");
        }
        let error = SigningKeys::from_jwks(&public).err();
        assert_eq!(error, Some(KeyError::Public));
        let mixed = RFC_8037_A1.replace("11qY", "21qY");
        assert_eq!(
            SigningKeys::from_jwks(&mixed).err(),
            Some(KeyError::Malformed)
        );
    }

    /// The library's reading of a JWK is the oracle of ours.
    #[test]
    fn our_jwks_are_those_of_jwt_compact() {
        let secret = SigningKeys::generate(&[7; 32]);
        let public = SigningKeys::from_jwks(&secret).unwrap().public().to_jwks();
        for (text, private) in [(&secret, true), (&public, false)] {
            let set: serde_json::Value = serde_json::from_str(text).unwrap();
            let jwk: JsonWebKey<'_> = serde_json::from_value(set["keys"][0].clone()).unwrap();
            assert_eq!(jwk.is_signing_key(), private);
            let thumbprint = Base64UrlUnpadded::encode_string(&jwk.thumbprint::<Sha256>());
            let keys = SigningKeys::from_jwks(&secret).unwrap();
            assert_eq!(keys.first().id().as_str(), thumbprint);
            let key = dalek::VerifyingKey::try_from(&jwk.to_verifying_key()).unwrap();
            assert_eq!(key, keys.first().inner().verifying_key());
        }
    }

    #[test]
    fn a_private_key_prints_nothing() {
        let keys = SigningKeys::from_jwks(&SigningKeys::generate(&[7; 32])).unwrap();
        assert_eq!(
            format!("{keys:?} {:?}", keys.first()),
            "SigningKeys(..) SigningKey(..)"
        );
    }
}
