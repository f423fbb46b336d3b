//! What Patrol proves itself with at a provider: a secret, or a private key.
//!
//! A provider may want RSA or P-256, so a key is only described here, and the runtime signs with it.

use super::Secret;
use crate::jose::foreign::Algorithm;
use serde::Deserialize;
use serde_json::{Map, Value};
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
    /// `x5t#S256`, the thumbprint of a certificate: Microsoft finds the key by it.
    thumbprint: Option<String>,
    members: Vec<(&'static str, String)>,
}

impl ClientKey {
    fn read(text: &str) -> Option<Self> {
        let members: Map<String, Value> = serde_json::from_slice(text.as_bytes()).ok()?;
        let text = |name: &str| members.get(name)?.as_str();
        let algorithm = Algorithm::parse(text("alg")?)?;
        let (kty, crv, names) = match algorithm {
            Algorithm::Rs256 | Algorithm::Ps256 => {
                let names = &["kty", "n", "e", "d", "p", "q", "dp", "dq", "qi"][..];
                ("RSA", None, names)
            }
            Algorithm::Es256 => {
                let names = &["kty", "crv", "x", "y", "d"][..];
                ("EC", Some("P-256"), names)
            }
            Algorithm::Ed25519 => {
                let names = &["kty", "crv", "x", "d"][..];
                ("OKP", Some("Ed25519"), names)
            }
        };
        if text("kty") != Some(kty) || crv.is_some() && text("crv") != crv {
            return None;
        }
        let owned = |name: &str| text(name).map(str::to_owned);
        let members = names.iter().map(|name| Some((*name, owned(name)?)));
        Some(Self {
            algorithm,
            kid: owned("kid"),
            thumbprint: owned("x5t#S256"),
            members: members.collect::<Option<_>>()?,
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
