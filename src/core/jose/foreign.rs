//! JWTs that other parties signed: identity providers, Cloudflare Access, the platform.
//!
//! Patrol does not choose their algorithms, so this module says exactly what is to be verified, and
//! the runtime's crypto library does it, with a promise: WebCrypto is part of the runtime, and
//! libraries for RSA and P-256 would add 31 KB to the origin. The claims of a JWT can be read only
//! from a [`Verified`] one.
//!
//! The four [`Algorithm`]s are signatures. HMAC under a public key and `none` (RFC 8725, sections
//! 2.1 and 3.2) cannot be expressed. HS256 is possible only by [`verify_by_secret`], which knows no
//! public keys. A key comes only from the JWK Set of the issuer, never from a header (RFC 8725,
//! section 3.10), and must fit the algorithm.
//!
//! Left out: the meaning of the claims ([`crate::sign_in`]); encrypted JWTs; getting the JWK Set.

use super::keys;
use crate::{json, time::Timestamp};
use base64ct::{Base64UrlUnpadded, Encoding};
use hmac::{Hmac, Mac};
use serde::{Deserialize, Deserializer, de::IgnoredAny};
use serde_json::{Map, Value};
use sha2::Sha256;
use std::fmt;

/// The longest JWT that is read, in bytes.
pub const MAX_LENGTH: usize = 16 * 1024;

/// The longest encoded header. Some carry certificates, which are ignored.
const MAX_HEADER: usize = 6 * 1024;

/// The longest JWK Set that is read, in bytes. Microsoft's, with certificates, has about 20 KB.
pub const MAX_JWK_SET: usize = 128 * 1024;

/// The most keys of a JWK Set that are kept.
const MAX_KEYS: usize = 64;

/// The sizes of RSA moduli, in bits. RFC 7518, section 3.3, has the lower bound; the upper one
/// bounds the work.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// A signature algorithm (RFC 7518, section 3.1; RFC 8037; RFC 9864).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PSS with SHA-256, MGF1 with SHA-256, and a salt of 32 bytes.
    Ps256,
    /// ECDSA on P-256 with SHA-256. The signature is R and S, 32 bytes each (RFC 7518, section 3.4).
    Es256,
    /// Ed25519, which is also called `EdDSA`.
    Ed25519,
}

impl Algorithm {
    /// Reads `alg`.
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "RS256" => Self::Rs256,
            "PS256" => Self::Ps256,
            "ES256" => Self::Es256,
            "EdDSA" | "Ed25519" => Self::Ed25519,
            _ => return None,
        })
    }

    /// The value of `alg`, in the spelling that every provider knows.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Ps256 => "PS256",
            Self::Es256 => "ES256",
            Self::Ed25519 => "EdDSA",
        }
    }
}

/// Why a text is not a JWT that can be verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParseError {
    /// Longer than [`MAX_LENGTH`].
    TooLong,
    /// Not three parts of canonical base64url (RFC 7515, section 7.1).
    NotCompact,
    /// The header is not a JSON object with `alg`, or too large.
    Header,
    /// The header has `crit`: it requires an extension, and Patrol knows none (RFC 7515, section
    /// 4.1.11).
    Critical,
    /// `alg` is not one of those expected.
    Algorithm,
}

impl ParseError {
    /// A stable name.
    pub const fn code(self) -> &'static str {
        match self {
            Self::TooLong => "jwt-too-long",
            Self::NotCompact => "jwt-not-compact",
            Self::Header => "jwt-header",
            Self::Critical => "jwt-critical",
            Self::Algorithm => "jwt-algorithm",
        }
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => write!(f, "it has more than {MAX_LENGTH} bytes"),
            Self::NotCompact => f.write_str("it is not three parts of base64url"),
            Self::Header => f.write_str("its header is not a small JSON object with `alg`"),
            Self::Critical => f.write_str("its header has `crit`, which requires an extension"),
            Self::Algorithm => {
                f.write_str("its `alg` is not accepted: use RS256, PS256, ES256 or EdDSA")
            }
        }
    }
}

impl std::error::Error for ParseError {}

/// What is wrong with a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyFault {
    /// `kty` or `crv` is not one of those that the algorithms use.
    Unsupported,
    /// A member that the type of key needs is absent or cannot be decoded.
    Malformed,
    /// An RSA modulus of too few or too many bits, or a point of small order.
    Weak,
    /// The private part is there too, so anyone can sign.
    Private,
    /// `use` or `key_ops` says that the key does not verify signatures.
    Purpose,
    /// `kty`, `crv` or `alg` belong to another algorithm than the JWT's.
    OtherAlgorithm,
}

impl fmt::Display for KeyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (least, most) = (RSA_BITS.start(), RSA_BITS.end());
        match self {
            Self::Unsupported => f.write_str("it is not an RSA, P-256 or Ed25519 key"),
            Self::Malformed => f.write_str("a member is missing or not base64url"),
            Self::Weak => write!(
                f,
                "it is weak: an RSA key needs {least} to {most} bits, an Ed25519 key a point of large order"
            ),
            Self::Private => f.write_str("its private part is public too"),
            Self::Purpose => f.write_str("its `use` or `key_ops` does not allow to verify"),
            Self::OtherAlgorithm => f.write_str("it is for another algorithm"),
        }
    }
}

/// Why a well-formed JWT was rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VerifyError {
    /// The set has no key that `kid` names.
    UnknownKey,
    /// The JWT names no key, and the set has none that fits.
    NoFittingKey,
    /// Several keys fit (RFC 7517, section 4.5). Guessing would mean to try signatures.
    AmbiguousKey,
    /// The key that `kid` names cannot be used.
    UnusableKey(KeyFault),
    /// The signature does not verify.
    Signature,
    /// The payload is not a JSON object.
    Claims,
    /// `iss` is not the issuer that the keys belong to (RFC 8725, section 3.8).
    Issuer,
}

impl VerifyError {
    /// A stable name.
    pub const fn code(self) -> &'static str {
        match self {
            Self::UnknownKey => "jwt-key-unknown",
            Self::NoFittingKey => "jwt-key-missing",
            Self::AmbiguousKey => "jwt-key-ambiguous",
            Self::UnusableKey(_) => "jwt-key-unusable",
            Self::Signature => "jwt-signature",
            Self::Claims => "jwt-claims",
            Self::Issuer => "jwt-issuer",
        }
    }

    /// Whether the issuer may have new keys, so that a newer JWK Set could verify the JWT. Get one
    /// at most once for a JWT, and not more often than [`crate::sign_in::fetched`] says.
    pub fn may_need_newer_keys(self) -> bool {
        match self {
            Self::UnknownKey | Self::NoFittingKey | Self::Signature => true,
            Self::AmbiguousKey | Self::UnusableKey(_) | Self::Claims | Self::Issuer => false,
        }
    }
}

impl fmt::Display for VerifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownKey => f.write_str(
                "its `kid` names no key of the issuer. If the issuer has just replaced its keys, try \
                 again in a minute",
            ),
            Self::NoFittingKey => f.write_str("it names no key, and no key of the issuer fits"),
            Self::AmbiguousKey => f.write_str("several keys of the issuer fit"),
            Self::UnusableKey(fault) => write!(f, "its key cannot be used: {fault}"),
            Self::Signature => f.write_str("its signature does not verify"),
            Self::Claims => f.write_str("its payload is not a JSON object"),
            Self::Issuer => f.write_str("its `iss` is another issuer than the configured one"),
        }
    }
}

impl std::error::Error for VerifyError {}

/// The public keys of an issuer (RFC 7517, section 5). They verify nothing of another issuer, so a
/// provider cannot speak for its neighbour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JwkSet {
    issuer: String,
    keys: Vec<Jwk>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Jwk {
    kid: Option<String>,
    algorithm: DeclaredAlgorithm,
    key: Result<Key, KeyFault>,
}

/// `alg` of a JWK (RFC 7517, section 4.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum DeclaredAlgorithm {
    /// Absent: any for which the key fits.
    Any,
    Only(Algorithm),
    /// One that no JWT may have.
    Other,
}

impl DeclaredAlgorithm {
    fn parse(value: Option<&Value>) -> Self {
        let Some(value) = value else {
            return Self::Any;
        };
        let algorithm = value.as_str().and_then(Algorithm::parse);
        algorithm.map_or(Self::Other, Self::Only)
    }

    fn allows(self, algorithm: Algorithm) -> bool {
        self == Self::Any || self == Self::Only(algorithm)
    }
}

/// The members that identify a key (RFC 7638, section 3.2).
#[derive(Debug, Clone, PartialEq, Eq)]
enum Key {
    Rsa { n: String, e: String },
    P256 { x: String, y: String },
    Ed25519 { x: String },
}

/// The JWK Set is too long, or not an object with an array `keys`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidJwkSet;

impl fmt::Display for InvalidJwkSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "not a JWK Set of at most {MAX_JWK_SET} bytes (RFC 7517, section 5)"
        )
    }
}

impl std::error::Error for InvalidJwkSet {}

#[derive(Deserialize)]
struct RawJwkSet {
    keys: Vec<RawJwk>,
}

/// The members of a JWK. Whatever is wrong with one key, the others can be used (RFC 7517, section
/// 5).
#[derive(Deserialize)]
#[serde(transparent)]
struct RawJwk(Map<String, Value>);

/// Whether a member is there, whatever its value.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(deserializer).map(|_| true)
}

impl RawJwk {
    fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_str()
    }

    /// A member that the type of key needs.
    fn required(&self, name: &str) -> &str {
        self.text(name).unwrap_or_default()
    }

    fn key(&self) -> Result<Key, KeyFault> {
        if self.0.contains_key("d") {
            return Err(KeyFault::Private);
        }
        if !self.verifies() {
            return Err(KeyFault::Purpose);
        }
        match (self.required("kty"), self.required("crv")) {
            ("RSA", _) => self.rsa(),
            ("EC", "P-256") => {
                let (x, y) = (self.required("x"), self.required("y"));
                coordinate(x)?;
                coordinate(y)?;
                let (x, y) = (x.to_owned(), y.to_owned());
                Ok(Key::P256 { x, y })
            }
            ("OKP", "Ed25519") => {
                let x = self.required("x");
                keys::PublicKey::new(coordinate(x)?).map_err(|_| KeyFault::Weak)?;
                Ok(Key::Ed25519 { x: x.to_owned() })
            }
            _ => Err(KeyFault::Unsupported),
        }
    }

    /// RFC 7517, sections 4.2 and 4.3.
    fn verifies(&self) -> bool {
        let usage = self.0.get("use").is_none_or(|usage| usage == "sig");
        let operations = self.0.get("key_ops").is_none_or(|operations| {
            let all = operations.as_array().map_or(&[][..], Vec::as_slice);
            all.iter().any(|operation| operation == "verify")
        });
        usage && operations
    }

    fn rsa(&self) -> Result<Key, KeyFault> {
        let (n_text, e_text) = (self.required("n"), self.required("e"));
        let n = decode(n_text).ok_or(KeyFault::Malformed)?;
        let e = decode(e_text).ok_or(KeyFault::Malformed)?;
        // Some write a leading zero, which RFC 7518, section 6.3.1.1, forbids.
        let mut significant = n.iter().skip_while(|byte| **byte == 0);
        let first = significant.next().ok_or(KeyFault::Malformed)?;
        let first_bits = usize::try_from(8 - first.leading_zeros()).unwrap_or_default();
        let bits = first_bits + 8 * significant.count();
        let is_odd = n.last().is_some_and(|last| last % 2 == 1);
        // Of more than 4 bytes no key makes use. With the exponent 1 a message would be its own
        // signature.
        let exponent = e
            .iter()
            .fold(0_u32, |number, byte| number << 8 | u32::from(*byte));
        let good_exponent = e.len() <= 4 && exponent > 1 && exponent % 2 == 1;
        if !RSA_BITS.contains(&bits) || !is_odd || !good_exponent {
            return Err(KeyFault::Weak);
        }
        let (n, e) = (n_text.to_owned(), e_text.to_owned());
        Ok(Key::Rsa { n, e })
    }
}

/// 32 bytes (RFC 7518, section 6.2.1.2; RFC 8037, section 2).
fn coordinate(text: &str) -> Result<[u8; 32], KeyFault> {
    decode(text)
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or(KeyFault::Malformed)
}

fn decode(part: &str) -> Option<Vec<u8>> {
    Base64UrlUnpadded::decode_vec(part).ok()
}

impl JwkSet {
    /// Reads the JWK Set of an issuer. Keys of other types are kept only by name, as RFC 7517,
    /// section 5, allows: a provider may also publish keys for encryption.
    ///
    /// # Errors
    /// [`InvalidJwkSet`].
    pub fn read(json: &[u8], issuer: &str) -> Result<Self, InvalidJwkSet> {
        if json.len() > MAX_JWK_SET {
            return Err(InvalidJwkSet);
        }
        let set: RawJwkSet = json::read(json).map_err(|_| InvalidJwkSet)?;
        let keys = set.keys.iter().take(MAX_KEYS).map(|raw| Jwk {
            kid: raw.text("kid").map(str::to_owned),
            algorithm: DeclaredAlgorithm::parse(raw.0.get("alg")),
            key: raw.key(),
        });
        Ok(Self {
            issuer: issuer.to_owned(),
            keys: keys.collect(),
        })
    }

    fn choose(&self, kid: Option<&str>, algorithm: Algorithm) -> Result<&Key, VerifyError> {
        let named = || {
            let is_named = |jwk: &&Jwk| kid.is_none() || jwk.kid.as_deref() == kid;
            self.keys.iter().filter(is_named)
        };
        let mut fitting = named().filter_map(|jwk| jwk.fitting(algorithm).ok());
        match (fitting.next(), fitting.next()) {
            (Some(key), None) => Ok(key),
            (Some(_), Some(_)) => Err(VerifyError::AmbiguousKey),
            (None, _) if kid.is_none() => Err(VerifyError::NoFittingKey),
            (None, _) => Err(named()
                .find_map(|jwk| jwk.fitting(algorithm).err())
                .map_or(VerifyError::UnknownKey, VerifyError::UnusableKey)),
        }
    }
}

impl Jwk {
    /// One key, one algorithm (RFC 8725, section 3.1).
    fn fitting(&self, algorithm: Algorithm) -> Result<&Key, KeyFault> {
        let key = self.key.as_ref().map_err(|fault| *fault)?;
        let fits = match key {
            Key::Rsa { .. } => matches!(algorithm, Algorithm::Rs256 | Algorithm::Ps256),
            Key::P256 { .. } => algorithm == Algorithm::Es256,
            Key::Ed25519 { .. } => algorithm == Algorithm::Ed25519,
        };
        (fits && self.algorithm.allows(algorithm))
            .then_some(key)
            .ok_or(KeyFault::OtherAlgorithm)
    }
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    typ: Option<String>,
    kid: Option<String>,
    #[serde(default, deserialize_with = "present")]
    crit: bool,
}

/// The parts of a compact JWS (RFC 7515, section 7.1).
struct Parts<'a> {
    header: Header,
    message: &'a [u8],
    payload: &'a str,
    signature: Vec<u8>,
}

impl<'a> Parts<'a> {
    fn split(text: &'a str) -> Result<Self, ParseError> {
        if text.len() > MAX_LENGTH {
            return Err(ParseError::TooLong);
        }
        let (message, signature) = text.rsplit_once('.').ok_or(ParseError::NotCompact)?;
        let (header, payload) = message.split_once('.').ok_or(ParseError::NotCompact)?;
        if payload.contains('.') {
            // Five parts: encrypted (RFC 7516, section 7.1).
            return Err(ParseError::NotCompact);
        }
        if header.len() > MAX_HEADER {
            return Err(ParseError::Header);
        }
        let header = decode(header).ok_or(ParseError::NotCompact)?;
        let header: Header = json::read(&header).map_err(|_| ParseError::Header)?;
        if header.crit {
            return Err(ParseError::Critical);
        }
        let signature = decode(signature).ok_or(ParseError::NotCompact)?;
        Ok(Self {
            header,
            message: message.as_bytes(),
            payload,
            signature,
        })
    }

    /// Call it once the signature has been verified.
    fn claims(&self, issuer: &str) -> Result<Verified, VerifyError> {
        let payload = decode(self.payload).ok_or(VerifyError::Claims)?;
        let claims = serde_json::from_slice(&payload).map_err(|_| VerifyError::Claims)?;
        let claims = Claims(claims);
        if claims.text("iss") != Some(issuer) {
            return Err(VerifyError::Issuer);
        }
        let typ = self.header.typ.clone();
        Ok(Verified { typ, claims })
    }
}

/// A well-formed JWT with an unverified signature. Nothing of its payload can be read.
pub struct Unverified<'a> {
    parts: Parts<'a>,
    algorithm: Algorithm,
}

impl<'a> Unverified<'a> {
    /// Parses the form. The length is checked before anything is decoded.
    ///
    /// # Errors
    /// [`ParseError`].
    pub fn parse(text: &'a str) -> Result<Self, ParseError> {
        let parts = Parts::split(text)?;
        let algorithm = Algorithm::parse(&parts.header.alg).ok_or(ParseError::Algorithm)?;
        Ok(Self { parts, algorithm })
    }

    /// Verifies the signature by a key of the issuer, then reads the claims.
    ///
    /// # Errors
    /// [`VerifyError`].
    pub async fn verify(
        &self,
        keys: &JwkSet,
        signatures: &impl VerifyForeignSignature,
    ) -> Result<Verified, VerifyError> {
        let check = self.signature_check(keys)?;
        if !signatures.verify(check).await {
            return Err(VerifyError::Signature);
        }
        self.parts.claims(&keys.issuer)
    }

    fn signature_check<'b>(&'b self, keys: &'b JwkSet) -> Result<SignatureCheck<'b>, VerifyError> {
        let kid = self.parts.header.kid.as_deref();
        Ok(SignatureCheck {
            algorithm: self.algorithm,
            key: keys.choose(kid, self.algorithm)?,
            message: self.parts.message,
            signature: &self.parts.signature,
        })
    }
}

/// What is to be verified: everything, and nothing else.
#[derive(Debug, Clone, Copy)]
pub struct SignatureCheck<'a> {
    algorithm: Algorithm,
    key: &'a Key,
    message: &'a [u8],
    signature: &'a [u8],
}

impl<'a> SignatureCheck<'a> {
    /// The algorithm, for which the key fits.
    pub fn algorithm(self) -> Algorithm {
        self.algorithm
    }

    /// The members of the public key's JWK, without `alg`, `use` and `key_ops`, which have been
    /// checked and which libraries check differently.
    pub fn jwk(self) -> impl Iterator<Item = (&'static str, &'a str)> {
        let members = match self.key {
            Key::Rsa { n, e } => [("kty", "RSA"), ("n", n), ("e", e), ("", "")],
            Key::P256 { x, y } => [("kty", "EC"), ("crv", "P-256"), ("x", x), ("y", y)],
            Key::Ed25519 { x } => [("kty", "OKP"), ("crv", "Ed25519"), ("x", x), ("", "")],
        };
        members.into_iter().filter(|(name, _)| !name.is_empty())
    }

    /// The signing input (RFC 7515, section 5.1).
    pub fn message(self) -> &'a [u8] {
        self.message
    }

    /// The signature as JWS writes it.
    pub fn signature(self) -> &'a [u8] {
        self.signature
    }
}

/// Verifies signatures of other parties.
pub trait VerifyForeignSignature {
    /// Whether the signature is the key's over the message. Any error is `false`.
    fn verify(&self, check: SignatureCheck<'_>) -> impl Future<Output = bool>;
}

/// A secret that Patrol shares with an issuer, for HS256.
pub struct SharedSecret {
    issuer: String,
    key: Hmac<Sha256>,
}

impl SharedSecret {
    /// The fewest bytes of a secret (RFC 7518, section 3.2).
    pub const MIN_LENGTH: usize = 32;

    /// The bytes of the text are the key. `None` if there are too few.
    pub fn from_text(text: &str, issuer: &str) -> Option<Self> {
        let key = Some(text.as_bytes()).filter(|key| key.len() >= Self::MIN_LENGTH)?;
        Some(Self {
            issuer: issuer.to_owned(),
            key: Hmac::new_from_slice(key).ok()?,
        })
    }
}

impl fmt::Debug for SharedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedSecret(..)")
    }
}

/// Verifies a JWT by HS256 (RFC 7518, section 3.2), in constant time. It accepts no other algorithm.
///
/// # Errors
/// The outer error if it is no such JWT, the inner one if the secret did not sign it.
pub fn verify_by_secret(
    text: &str,
    secret: &SharedSecret,
) -> Result<Result<Verified, VerifyError>, ParseError> {
    let parts = Parts::split(text)?;
    if parts.header.alg != "HS256" {
        return Err(ParseError::Algorithm);
    }
    let mac = secret.key.clone().chain_update(parts.message);
    Ok(mac
        .verify_slice(&parts.signature)
        .map_err(|_| VerifyError::Signature)
        .and_then(|()| parts.claims(&secret.issuer)))
}

/// A JWT that the issuer in `iss` has signed. For whom and until when is still to be checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Verified {
    typ: Option<String>,
    claims: Claims,
}

impl Verified {
    /// Whether `typ` declares a kind of JWT: `kind` itself, and not just `JWT` (RFC 8725, section
    /// 3.11; the prefix `application/` may be omitted: RFC 7515, section 4.1.9).
    pub fn is_of_type(&self, kind: &str) -> bool {
        let typ = self.typ.as_deref().unwrap_or_default().as_bytes();
        let start = typ.get(.."application/".len()).unwrap_or_default();
        let typ = if start.eq_ignore_ascii_case(b"application/") {
            typ.get(start.len()..).unwrap_or_default()
        } else {
            typ
        };
        typ.eq_ignore_ascii_case(kind.as_bytes())
    }

    /// Whether `typ` declares no kind of JWT: it is absent, or just `JWT`.
    pub fn is_untyped(&self) -> bool {
        self.typ.is_none() || self.is_of_type("JWT")
    }

    /// The claims.
    pub fn claims(&self) -> &Claims {
        &self.claims
    }

    /// The claims.
    pub fn into_claims(self) -> Claims {
        self.claims
    }
}

/// The claims of a verified JWT. They describe a person, so they are not printed.
#[derive(Clone, PartialEq)]
pub struct Claims(Map<String, Value>);

impl Claims {
    /// A claim's value.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// All claims.
    pub fn members(&self) -> &Map<String, Value> {
        &self.0
    }

    /// The claims without one of them.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.0.remove(name);
        self
    }

    /// A claim that is a text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name)?.as_str()
    }

    /// A claim that is a time. Others write fractions too (RFC 7519, section 2); they are dropped.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a cast from f64 saturates, and so does Timestamp"
    )]
    pub fn time(&self, name: &str) -> Option<Timestamp> {
        let value = self.get(name)?;
        let whole = value.as_u64();
        let seconds = whole.or_else(|| value.as_f64().filter(|s| *s >= 0.0).map(|s| s as u64))?;
        Some(Timestamp::from_seconds(seconds))
    }

    /// `aud`: one text, or several (RFC 7519, section 4.1.3). Empty if it is neither.
    pub fn audiences(&self) -> Vec<&str> {
        match self.get("aud") {
            Some(Value::String(one)) => vec![one],
            Some(Value::Array(all)) => all
                .iter()
                .map(Value::as_str)
                .collect::<Option<_>>()
                .unwrap_or_default(),
            _ => Vec::new(),
        }
    }
}

impl fmt::Debug for Claims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Claims(..)")
    }
}

#[cfg(test)]
pub(crate) mod tests;
