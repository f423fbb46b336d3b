//! Compact JWS (RFC 7515), read strictly (RFC 8725): one algorithm, one spelling.
//!
//! Access tokens, status lists and sessions all pass through here. They differ in their `typ`, so
//! none can be taken for another (RFC 8725, section 3.11). jwt-compact signs. It does not read,
//! because it has no length cap, ignores `crit` and unknown header members, accepts fractions as
//! times and the later of two members with the same name. It stays the oracle in the tests.

use super::{
    VerifySignature,
    keys::{KeyId, KeySet},
    signing::SigningKey,
};
use crate::json;
use base64ct::{Base64UrlUnpadded, Encoding};
use jwt_compact::{AlgorithmExt, Claims, Header, alg::Ed25519};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// Why a text is not a JWS that Patrol could have signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParseError {
    /// Longer than the cap.
    TooLong,
    /// Not three parts of base64url without padding (RFC 7515, section 7.1).
    NotCompact,
    /// The header is not exactly `{alg, typ, kid}`. This also rejects `crit` and the members that
    /// carry or point to keys (RFC 8725, section 3.10).
    Header,
    /// `alg` is not `EdDSA` (RFC 8725, section 3.1).
    Algorithm,
    /// `typ` belongs to another kind of JWS.
    Type,
}

/// Why a well-formed JWS was rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VerifyError {
    /// `kid` names no key of the set; a newer set may have it.
    UnknownKey,
    /// The signature does not verify.
    Signature,
    /// The payload is not the expected JSON object. Only the holder of a private key can cause
    /// this, because the payload is read after the signature is verified.
    Claims,
}

/// Signs claims as a JWS of type `typ`.
///
/// # Errors
/// None in practice: claims are plain structs with text keys.
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

/// The length of the JWS that [`sign`] creates from a payload of this many bytes of JSON.
pub const fn compact_length(typ: &str, payload: usize) -> usize {
    let header = r#"{"alg":"EdDSA","typ":"","kid":""}"#.len() + typ.len() + KeyId::LENGTH;
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

/// A well-formed JWS with an unverified signature. Only its `kid` can be read.
pub struct Unverified<'a> {
    kid: String,
    message: &'a [u8],
    payload: &'a str,
    signature: [u8; 64],
}

impl<'a> Unverified<'a> {
    /// Parses the form. `cap` is in bytes and is checked before anything is decoded.
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

    /// The header's `kid`.
    pub fn into_kid(self) -> String {
        self.kid
    }

    /// Verifies the signature, then reads the claims.
    ///
    /// # Errors
    /// [`VerifyError`].
    pub fn verify<T: DeserializeOwned>(
        &self,
        keys: &KeySet,
        signatures: &impl VerifySignature,
    ) -> Result<T, VerifyError> {
        let key = keys.find(&self.kid).ok_or(VerifyError::UnknownKey)?;
        if !signatures.verify(key, self.message, &self.signature) {
            return Err(VerifyError::Signature);
        }
        let payload = decode(self.payload).ok_or(VerifyError::Claims)?;
        json::read(&payload).map_err(|_| VerifyError::Claims)
    }
}

fn decode(part: &str) -> Option<Vec<u8>> {
    Base64UrlUnpadded::decode_vec(part).ok()
}
