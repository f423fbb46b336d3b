//! Compact JWS, strictly (RFC 7515, RFC 8725): one algorithm, one spelling.
//!
//! Access tokens, status lists and sessions all pass through here and differ only in their
//! `typ`, so one kind can never be taken for another (RFC 8725, section 3.11). Signing is
//! jwt-compact's. Reading is our own because jwt-compact has no length cap, ignores `crit`
//! and unknown header members, takes fractions as times and the later of two equal names;
//! it stays the oracle in the tests.

use crate::{
    jose::keys::{KeySet, SigningKey},
    json,
};
use base64ct::{Base64UrlUnpadded, Encoding};
use jwt_compact::{AlgorithmExt, Claims, Header, alg::Ed25519};
use serde::{
    Deserialize, Serialize,
    de::{self, DeserializeOwned, DeserializeSeed, MapAccess, SeqAccess, Visitor},
};
use std::fmt;

/// Why a text is not a JWS that we could have made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParseError {
    /// Longer than the cap.
    TooLong,
    /// Not three parts of base64url without padding (RFC 7515, section 7.1).
    NotCompact,
    /// The header is not `{alg, typ, kid}` and nothing else: this also refuses `crit` and
    /// the members that carry or point to keys (RFC 8725, section 3.10).
    Header,
    /// `alg` is not `EdDSA` (RFC 8725, section 3.1).
    Algorithm,
    /// `typ` is that of something else.
    Type,
}

/// Why a JWS in the right form is not to be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VerifyError {
    /// `kid` names no key of the set: a newer set may have it.
    UnknownKey,
    /// The signature does not verify.
    Signature,
    /// The payload is not the JSON object we expect, or has a name twice. Only someone with
    /// our key can cause this: the payload is not read before the signature is checked.
    Claims,
}

/// Signs claims. Text in, text out: the caller knows which `typ` the claims belong to.
///
/// # Errors
/// None in practice: our claims are plain structs with text keys.
pub fn sign<T: Serialize>(
    key: &SigningKey,
    typ: &str,
    claims: &T,
) -> Result<String, jwt_compact::CreationError> {
    let header = Header::empty()
        .with_token_type(typ)
        .with_key_id(key.id().as_str());
    Ed25519.token(&header, &Claims::new(claims), key.inner())
}

/// The length of a JWS that [`sign`] makes of a payload of this many bytes of JSON.
pub const fn compact_length(typ: &str, payload: usize) -> usize {
    // A `kid` is a SHA-256 thumbprint: 32 bytes (RFC 8037, appendix A.3).
    let header = r#"{"alg":"EdDSA","typ":"","kid":""}"#.len() + typ.len() + base64url_length(32);
    base64url_length(header) + 1 + base64url_length(payload) + 1 + base64url_length(64)
}

/// Without padding.
const fn base64url_length(bytes: usize) -> usize {
    (bytes * 4).div_ceil(3)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StrictHeader {
    alg: String,
    typ: String,
    kid: String,
}

/// A JWS in the right form whose signature nobody has checked yet: all that can be done
/// with it is to check it.
pub struct Unverified<'a> {
    kid: String,
    message: &'a [u8],
    payload: &'a str,
    signature: [u8; 64],
}

impl<'a> Unverified<'a> {
    /// Reads the form. `cap` is in bytes and is checked before anything is decoded.
    ///
    /// # Errors
    /// [`ParseError`].
    pub fn parse(text: &'a str, typ: &str, cap: usize) -> Result<Self, ParseError> {
        if text.len() > cap {
            return Err(ParseError::TooLong);
        }
        let (message, signature) = text.rsplit_once('.').ok_or(ParseError::NotCompact)?;
        let (header, payload) = message.split_once('.').ok_or(ParseError::NotCompact)?;
        let header = decode(header).ok_or(ParseError::NotCompact)?;
        let signature = decode(signature)
            .and_then(|bytes| bytes.try_into().ok())
            .ok_or(ParseError::NotCompact)?;
        let header: StrictHeader = json::read(&header).map_err(|_| ParseError::Header)?;
        if header.alg != "EdDSA" {
            return Err(ParseError::Algorithm);
        }
        if header.typ != typ {
            return Err(ParseError::Type);
        }
        Ok(Self {
            kid: header.kid,
            message: message.as_bytes(),
            payload,
            signature,
        })
    }

    /// The name of the key, as the header gives it.
    pub fn into_kid(self) -> String {
        self.kid
    }

    /// Checks the signature, then reads the claims.
    ///
    /// # Errors
    /// [`VerifyError`].
    pub fn verify<T: DeserializeOwned>(&self, keys: &KeySet) -> Result<T, VerifyError> {
        let key = keys.find(&self.kid).ok_or(VerifyError::UnknownKey)?;
        if !key.verify(self.message, &self.signature) {
            return Err(VerifyError::Signature);
        }
        let payload = decode(self.payload).ok_or(VerifyError::Claims)?;
        read_without_repeats(&payload).map_err(|_| VerifyError::Claims)
    }
}

fn decode(part: &str) -> Option<Vec<u8>> {
    Base64UrlUnpadded::decode_vec(part).ok()
}

/// JSON in which no object has a name twice. serde sees to that for the members that it
/// knows; two parsers that disagree about one that it skips could still be played against
/// each other (RFC 7519, section 4), so the whole text is checked.
fn read_without_repeats<T: DeserializeOwned>(json: &[u8]) -> serde_json::Result<T> {
    let mut reader = serde_json::Deserializer::from_slice(json);
    WithoutRepeats.deserialize(&mut reader)?;
    json::read(json)
}

struct WithoutRepeats;

impl<'de> DeserializeSeed<'de> for WithoutRepeats {
    type Value = ();
    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for WithoutRepeats {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON without repeated names")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut names: Vec<String> = Vec::new();
        while let Some(name) = map.next_key()? {
            if names.contains(&name) {
                return Err(de::Error::custom("a name stands twice"));
            }
            names.push(name);
            map.next_value_seed(Self)?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element_seed(Self)?.is_some() {}
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }
    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }
    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }
    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }
    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}
