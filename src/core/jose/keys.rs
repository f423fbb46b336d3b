//! Public keys: Ed25519 only, named by their thumbprint.
//!
//! A [`KeySet`] is all that an edge ever holds. It reads a JWK Set (RFC 7517, section 5). A `kid`
//! is always the beginning of the RFC 7638 thumbprint, computed here and never taken from the input.
//! It only says which key to try, so it is as short as a handful of keys needs: every token contains
//! it. A set in which one name means two keys is rejected. Private keys are in [`signing`](super::signing).

use crate::json::{self, Object};
use base64ct::{Base64UrlUnpadded, Encoding};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::{borrow::Cow, fmt};

/// Why a key set was rejected. The text never contains key material.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyError {
    /// Not a JWK Set of OKP keys on the curve Ed25519.
    Malformed,
    /// The set has no keys.
    Empty,
    /// The key is a point of small order: anyone can forge signatures under it.
    Weak,
    /// The set contains the same key twice, or two with the same name.
    Repeated,
    /// A private key where only public keys belong.
    Private,
    /// A public key where private keys belong.
    Public,
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "not a JWK Set of Ed25519 keys (RFC 7517, RFC 8037)",
            Self::Empty => "the JWK Set has no keys",
            Self::Weak => "a key is a point of small order",
            Self::Repeated => {
                "two keys have the same `kid`: it is the same key, or one has to be replaced by a new one"
            }
            Self::Private => "a private key (member `d`) where only public keys belong",
            Self::Public => "a key without its private part (member `d`)",
        })
    }
}

impl std::error::Error for KeyError {}

/// The name of a key: the first [`Self::LENGTH`] characters of its RFC 7638 thumbprint with SHA-256,
/// in base64url.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyId(String);

impl KeyId {
    /// In characters. 24 bits: of ten keys, two have the same name once in 370,000 sets.
    pub(super) const LENGTH: usize = 4;

    /// Hashes the required members in lexicographic order (RFC 7638, section 3; RFC 8037, section
    /// 2).
    pub(super) fn of(public: &[u8; 32]) -> Self {
        let x = encode(public);
        let members = format!(r#"{{"crv":"{CURVE}","kty":"{KEY_TYPE}","x":"{x}"}}"#);
        let mut name = Base64UrlUnpadded::encode_string(&Sha256::digest(members));
        name.truncate(Self::LENGTH);
        Self(name)
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// `kty` (RFC 8037, section 2).
const KEY_TYPE: &str = "OKP";
const CURVE: &str = "Ed25519";
const ALGORITHM: &str = "EdDSA";

#[derive(Serialize, Deserialize)]
struct JwkSet<'a> {
    #[serde(borrow)]
    keys: Vec<Object<Jwk<'a>>>,
}

/// An Ed25519 JWK (RFC 7517, section 4; RFC 8037, section 2). jwt-compact's type knows every kind
/// of key and would make up a tenth of the edge's module.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct Jwk<'a> {
    kty: Cow<'a, str>,
    #[serde(default)]
    crv: Cow<'a, str>,
    #[serde(default)]
    x: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    d: Option<Cow<'a, str>>,
    /// A symmetric key (RFC 7518, section 6.4.1): not ours, and a secret.
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
    /// The JWK of a private key (RFC 8037, appendix A.1).
    pub(super) fn private(public: &[u8; 32], seed: &[u8; 32]) -> Self {
        Self {
            kty: KEY_TYPE.into(),
            crv: CURVE.into(),
            x: encode(public).into(),
            d: Some(encode(seed).into()),
            ..Self::default()
        }
    }

    fn is_private(&self) -> bool {
        self.d.is_some() || self.k.is_some()
    }

    /// The public key's bytes (RFC 8032, section 5.1.5).
    pub(super) fn public_bytes(&self) -> Result<[u8; 32], KeyError> {
        if (&*self.kty, &*self.crv) != (KEY_TYPE, CURVE) {
            return Err(KeyError::Malformed);
        }
        decode(&self.x)
    }

    /// The private key's seed.
    pub(super) fn seed(&self) -> Result<[u8; 32], KeyError> {
        if !self.is_private() {
            return Err(KeyError::Public);
        }
        decode(self.d.as_deref().ok_or(KeyError::Malformed)?)
    }
}

fn decode(text: &str) -> Result<[u8; 32], KeyError> {
    let mut bytes = [0; 32];
    let decoded = Base64UrlUnpadded::decode(text, &mut bytes).map(<[u8]>::len);
    (decoded == Ok(32))
        .then_some(bytes)
        .ok_or(KeyError::Malformed)
}

fn encode(bytes: &[u8; 32]) -> String {
    Base64UrlUnpadded::encode_string(bytes)
}

pub(super) fn read_jwks(json: &str) -> Result<Vec<Jwk<'_>>, KeyError> {
    let set: JwkSet<'_> = json::read(json.as_bytes()).map_err(|_| KeyError::Malformed)?;
    let keys: Vec<_> = set.keys.into_iter().map(|Object(key)| key).collect();
    (!keys.is_empty()).then_some(keys).ok_or(KeyError::Empty)
}

pub(super) fn write_jwks(keys: Vec<Jwk<'_>>) -> String {
    let keys = keys.into_iter().map(Object).collect();
    serde_json::to_string(&JwkSet { keys }).unwrap_or_default()
}

/// A public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    id: KeyId,
    bytes: [u8; 32],
}

impl PublicKey {
    pub(super) fn new(bytes: [u8; 32]) -> Result<Self, KeyError> {
        if is_small_order(&bytes) {
            return Err(KeyError::Weak);
        }
        let id = KeyId::of(&bytes);
        Ok(Self { id, bytes })
    }

    /// The key's name.
    pub fn id(&self) -> &KeyId {
        &self.id
    }

    /// The encoded point (RFC 8032, section 5.1.2).
    pub fn bytes(&self) -> &[u8; 32] {
        &self.bytes
    }

    /// The member `x` of the key's JWK.
    pub fn x(&self) -> String {
        encode(&self.bytes)
    }
}

/// The encodings of the points of small order, without the sign bit: 0, 1, the two of order 8, -1,
/// and the non-canonical spellings of 0 and 1 (RFC 7748, section 7; Chalkias et al., Taming the
/// Many Edwards Signatures, table 1).
const SMALL_ORDER: [[u8; 32]; 7] = {
    const fn bytes(first: u8, middle: u8, last: u8) -> [u8; 32] {
        let mut all = [middle; 32];
        all[0] = first;
        all[31] = last;
        all
    }
    [
        bytes(0, 0, 0),
        bytes(1, 0, 0),
        [
            0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef,
            0x98, 0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88,
            0x6d, 0x53, 0xfc, 0x05,
        ],
        [
            0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10,
            0x67, 0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77,
            0x92, 0xac, 0x03, 0x7a,
        ],
        bytes(0xec, 0xff, 0x7f),
        bytes(0xed, 0xff, 0x7f),
        bytes(0xee, 0xff, 0x7f),
    ]
};

fn is_small_order(point: &[u8; 32]) -> bool {
    let mut unsigned = *point;
    unsigned[31] &= 0x7f;
    SMALL_ORDER.contains(&unsigned)
}

/// Public keys, every one of which verifies.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeySet(Vec<PublicKey>);

impl KeySet {
    /// Reads a JWK Set of public keys, as served at `jwks.json`.
    ///
    /// # Errors
    /// [`KeyError`], including for a set that contains a private key.
    pub fn from_jwks(json: &str) -> Result<Self, KeyError> {
        let keys = read_jwks(json)?;
        if keys.iter().any(Jwk::is_private) {
            return Err(KeyError::Private);
        }
        let keys = keys.iter().map(|jwk| PublicKey::new(jwk.public_bytes()?));
        Self::new(keys.collect::<Result<_, _>>()?)
    }

    pub(super) fn new(keys: Vec<PublicKey>) -> Result<Self, KeyError> {
        let is_repeated = |(index, key): (usize, &PublicKey)| {
            keys.iter().skip(index + 1).any(|other| other.id == key.id)
        };
        if keys.iter().enumerate().any(is_repeated) {
            return Err(KeyError::Repeated);
        }
        Ok(Self(keys))
    }

    /// Writes the JWK Set. Each key has `kid`, `alg` and `use`.
    pub fn to_jwks(&self) -> String {
        let keys = self.0.iter().map(|key| Jwk {
            kty: KEY_TYPE.into(),
            crv: CURVE.into(),
            x: key.x().into(),
            kid: Some(key.id.as_str().into()),
            alg: Some(ALGORITHM.into()),
            usage: Some("sig".into()),
            ..Jwk::default()
        });
        write_jwks(keys.collect())
    }

    /// The names of the keys.
    pub fn ids(&self) -> impl Iterator<Item = &KeyId> {
        self.0.iter().map(PublicKey::id)
    }

    /// Finds a key by its name.
    pub fn find(&self, kid: &str) -> Option<&PublicKey> {
        self.0.iter().find(|key| key.id.as_str() == kid)
    }
}
