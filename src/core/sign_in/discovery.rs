//! What a provider says about itself (OpenID Connect Discovery, sections 3 and 4).

use super::{address::Address, client::ClientAuthentication, provider::Provider};
use crate::json;
use serde::Deserialize;
use std::fmt;

/// The longest document that is read, in bytes.
pub const MAX_LENGTH: usize = 64 * 1024;

/// Where a provider's document is (section 4.1).
pub fn url(issuer: &str) -> String {
    let issuer = issuer.strip_suffix('/').unwrap_or(issuer);
    format!("{issuer}/.well-known/openid-configuration")
}

/// A provider, its addresses, and what it can do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Discovery {
    pub(super) provider: Provider,
    pub(super) authorization_endpoint: Address,
    pub(super) token_endpoint: Address,
    jwks_uri: Address,
    pub(super) end_session_endpoint: Option<Address>,
    /// Whether every authorization response has `iss` (RFC 9207, section 3).
    pub(super) sends_issuer: bool,
}

/// Why a provider cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DiscoveryError {
    /// Not such a document, or too long.
    Malformed,
    /// It describes another issuer.
    OtherIssuer {
        /// The setting's.
        expected: String,
        /// The document's.
        found: String,
    },
    /// This member is missing, or no address that can be used.
    Endpoint(&'static str),
    /// The provider does not take Patrol's way to authenticate.
    Authentication {
        /// The setting's.
        method: ClientAuthentication,
        /// Those that the provider takes and Patrol has.
        possible: Vec<&'static str>,
    },
}

impl DiscoveryError {
    /// A stable name.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Malformed => "discovery-malformed",
            Self::OtherIssuer { .. } => "discovery-issuer",
            Self::Endpoint(_) => "discovery-endpoint",
            Self::Authentication { .. } => "discovery-authentication",
        }
    }
}

impl fmt::Display for DiscoveryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => write!(
                f,
                "the provider's openid-configuration is not a JSON object of at most {MAX_LENGTH} \
                 bytes: check `issuer`"
            ),
            Self::OtherIssuer { expected, found } => {
                write!(
                    f,
                    "the provider is {found:?}, not {expected:?}: write `issuer` exactly so"
                )?;
                // Microsoft's addresses for several tenants, whose issuer is a template.
                if found.contains('{') {
                    f.write_str(", with the id of your tenant")?;
                }
                Ok(())
            }
            Self::Endpoint(member) => write!(
                f,
                "the provider's openid-configuration has no https address as `{member}`"
            ),
            Self::Authentication { method, possible } => {
                let method = method.as_str();
                write!(f, "the provider does not take {method}: set `auth` to ")?;
                match possible.as_slice() {
                    [] => f.write_str("a method that it takes; Patrol has none of them"),
                    possible => f.write_str(&possible.join(" or ")),
                }
            }
        }
    }
}

impl std::error::Error for DiscoveryError {}

#[derive(Deserialize)]
struct RawDiscovery {
    issuer: String,
    authorization_endpoint: Option<String>,
    token_endpoint: Option<String>,
    jwks_uri: Option<String>,
    end_session_endpoint: Option<String>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
}

impl Discovery {
    /// Reads the document of a provider. Its issuer is compared exactly (section 4.3), because an
    /// attacker's document would lead to the attacker's endpoints.
    ///
    /// # Errors
    /// [`DiscoveryError`].
    pub fn read(json: &[u8], provider: &Provider) -> Result<Self, DiscoveryError> {
        let json = Some(json).filter(|json| json.len() <= MAX_LENGTH);
        let raw: RawDiscovery = json
            .and_then(|json| json::read(json).ok())
            .ok_or(DiscoveryError::Malformed)?;
        if raw.issuer != provider.issuer {
            return Err(DiscoveryError::OtherIssuer {
                expected: provider.issuer.clone(),
                found: raw.issuer.chars().take(200).collect(),
            });
        }
        let optional = |member, text: Option<String>| {
            let address = text.as_deref().map(Address::parse).transpose();
            address.map_err(|_| DiscoveryError::Endpoint(member))
        };
        let required =
            |member, text| optional(member, text)?.ok_or(DiscoveryError::Endpoint(member));
        let method = provider.authentication;
        if let Some(methods) = raw.token_endpoint_auth_methods_supported {
            let takes =
                |method: &ClientAuthentication| methods.iter().any(|name| name == method.as_str());
            if !takes(&method) {
                let all = [
                    ClientAuthentication::ClientSecretBasic,
                    ClientAuthentication::ClientSecretPost,
                    ClientAuthentication::PrivateKeyJwt,
                ];
                let possible = all.iter().filter(|method| takes(method));
                return Err(DiscoveryError::Authentication {
                    method,
                    possible: possible.map(|method| method.as_str()).collect(),
                });
            }
        }
        Ok(Self {
            provider: provider.clone(),
            authorization_endpoint: required("authorization_endpoint", raw.authorization_endpoint)?,
            token_endpoint: required("token_endpoint", raw.token_endpoint)?,
            jwks_uri: required("jwks_uri", raw.jwks_uri)?,
            end_session_endpoint: optional("end_session_endpoint", raw.end_session_endpoint)?,
            sends_issuer: raw.authorization_response_iss_parameter_supported,
        })
    }

    /// The provider whose document this is.
    pub fn provider(&self) -> &Provider {
        &self.provider
    }

    /// Where the provider's keys are.
    pub fn jwks_uri(&self) -> &Address {
        &self.jwks_uri
    }
}
