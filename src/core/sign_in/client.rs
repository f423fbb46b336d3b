//! What Patrol proves itself with at a provider: a secret, or a private key.
//!
//! A provider may want RSA or P-256, so a key is only described here, and the runtime signs with it.

use super::Secret;
use crate::{jose::foreign::Algorithm, json};
use serde::Deserialize;
use std::fmt;

/// How Patrol authenticates at a token endpoint (OpenID Connect Core, section 9).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuthentication {
    /// A secret in the `Authorization` header.
    ClientSecretBasic,
    /// A secret in the body.
    ClientSecretPost,
    /// A JWT that Patrol signs (RFC 7523).
    PrivateKeyJwt,
}

impl ClientAuthentication {
    /// The name in the standard, and in the setting.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ClientSecretBasic => "client_secret_basic",
            Self::ClientSecretPost => "client_secret_post",
            Self::PrivateKeyJwt => "private_key_jwt",
        }
    }
}

/// A secret, or a private key.
#[derive(Debug)]
pub enum Credential {
    /// In the `Authorization` header (RFC 6749, section 2.3.1).
    Basic(Secret),
    /// In the body.
    Post(Secret),
    /// Signs a JWT (RFC 7523, section 2.2).
    Key(ClientKey),
}

/// What is wrong with the setting of a credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialError {
    pub(super) setting: String,
    pub(super) fault: CredentialFault,
}

/// See [`CredentialError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CredentialFault {
    /// The setting is absent.
    MissingSecret,
    /// The setting is absent.
    MissingKey,
    /// A secret with characters that no provider creates.
    InvalidSecret,
    /// Not a private JWK with `alg`.
    InvalidKey,
}

impl fmt::Display for CredentialError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let setting = &self.setting;
        match self.fault {
            CredentialFault::MissingSecret => write!(
                f,
                "the secret {setting} is missing: copy the client secret from the provider"
            ),
            CredentialFault::MissingKey => write!(
                f,
                "the secret {setting} is missing: create a private JWK, and give the provider its \
                 public half"
            ),
            CredentialFault::InvalidSecret => write!(
                f,
                "{setting} must be the client secret alone, without spaces around it"
            ),
            CredentialFault::InvalidKey => write!(
                f,
                "{setting} must be one private JWK (RFC 7517) with `alg`: RS256, PS256, ES256 or \
                 EdDSA"
            ),
        }
    }
}

impl std::error::Error for CredentialError {}

impl Credential {
    pub(super) fn read(
        method: ClientAuthentication,
        setting: Option<&str>,
    ) -> Result<Self, CredentialFault> {
        let secret = || {
            let text = setting.ok_or(CredentialFault::MissingSecret)?;
            // RFC 6749, appendix A.2.
            let good = text.bytes().all(|byte| matches!(byte, b' '..=b'~')) && text.trim() == text;
            good.then(|| Secret::new(text.to_owned()))
                .ok_or(CredentialFault::InvalidSecret)
        };
        Ok(match method {
            ClientAuthentication::ClientSecretBasic => Self::Basic(secret()?),
            ClientAuthentication::ClientSecretPost => Self::Post(secret()?),
            ClientAuthentication::PrivateKeyJwt => {
                let text = setting.ok_or(CredentialFault::MissingKey)?;
                Self::Key(ClientKey::read(text).ok_or(CredentialFault::InvalidKey)?)
            }
        })
    }
}

/// A private key as JWK (RFC 7517; RFC 7518, section 6; RFC 8037).
pub struct ClientKey {
    algorithm: Algorithm,
    kid: Option<String>,
    thumbprint: Option<String>,
    members: Vec<(&'static str, String)>,
}

#[derive(Deserialize)]
struct RawKey {
    kty: String,
    alg: String,
    kid: Option<String>,
    /// The thumbprint of a certificate. Microsoft finds the key by it.
    #[serde(rename = "x5t#S256")]
    thumbprint: Option<String>,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
    n: Option<String>,
    e: Option<String>,
    d: Option<String>,
    p: Option<String>,
    q: Option<String>,
    dp: Option<String>,
    dq: Option<String>,
    qi: Option<String>,
}

impl ClientKey {
    fn read(text: &str) -> Option<Self> {
        let raw: RawKey = json::read(text.as_bytes()).ok()?;
        let algorithm = Algorithm::parse(&raw.alg)?;
        let (kty, members) = match algorithm {
            Algorithm::Rs256 | Algorithm::Ps256 => (
                "RSA",
                vec![
                    ("n", raw.n),
                    ("e", raw.e),
                    ("d", raw.d),
                    ("p", raw.p),
                    ("q", raw.q),
                    ("dp", raw.dp),
                    ("dq", raw.dq),
                    ("qi", raw.qi),
                ],
            ),
            Algorithm::Es256 => {
                let members = [("crv", raw.crv), ("x", raw.x), ("y", raw.y), ("d", raw.d)];
                ("EC", members.into())
            }
            Algorithm::Ed25519 => {
                let members = [("crv", raw.crv), ("x", raw.x), ("d", raw.d)];
                ("OKP", members.into())
            }
        };
        let mut all = vec![("kty", raw.kty)];
        for (name, value) in members {
            all.push((name, value?));
        }
        let is = |name, expected| all.contains(&(name, String::from(expected)));
        let good_curve = match algorithm {
            Algorithm::Rs256 | Algorithm::Ps256 => true,
            Algorithm::Es256 => is("crv", "P-256"),
            Algorithm::Ed25519 => is("crv", "Ed25519"),
        };
        (is("kty", kty) && good_curve).then_some(Self {
            algorithm,
            kid: raw.kid,
            thumbprint: raw.thumbprint,
            members: all,
        })
    }

    /// The algorithm of its signatures.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The members of the private JWK. They are secret.
    pub fn jwk(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.members
            .iter()
            .map(|(name, text)| (*name, text.as_str()))
    }

    pub(super) fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    pub(super) fn thumbprint(&self) -> Option<&str> {
        self.thumbprint.as_deref()
    }
}

impl fmt::Debug for ClientKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientKey(..)")
    }
}

/// Signs with a [`ClientKey`].
pub trait SignWithClientKey {
    /// The signature as JWS writes it (RFC 7518, section 3). `None`: the key cannot be used.
    fn sign(&self, key: &ClientKey, message: &[u8]) -> impl Future<Output = Option<Vec<u8>>>;
}
