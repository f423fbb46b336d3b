//! The exchange of an authorization code for an ID token (OpenID Connect Core, section 3.1.3).

use super::{
    Secret,
    authorization::redirect_uri,
    callback::{Grant, ProviderError},
    client::{ClientKey, Credential, SignWithClientKey},
    discovery::Discovery,
    provider::AssertionAudience,
};
use crate::{
    json,
    routes::Paths,
    time::{Timestamp, numeric},
};
use base64ct::{Base64, Base64UrlUnpadded, Encoding};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The longest response that is read, in bytes. An ID token has at most 16 KiB; access and refresh
/// tokens, which are not used, come with it.
pub const MAX_RESPONSE: usize = 64 * 1024;

/// How long Patrol's own assertion is valid, in seconds, with room for clocks that differ.
const ASSERTION_LIFETIME: u64 = 120;

/// A POST with the media type `application/x-www-form-urlencoded` that accepts JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRequest {
    /// The token endpoint.
    pub url: String,
    /// `Authorization`
    pub authorization: Option<Secret>,
    /// The form.
    pub body: Secret,
}

/// Why there is no ID token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenError {
    /// Patrol's private key cannot be used.
    Key,
    /// The response is too long, or not the JSON that belongs to its status.
    Malformed(u16),
    /// The provider refuses.
    Provider(ProviderError),
    /// The response has no `id_token`.
    IdTokenMissing,
}

impl TokenError {
    /// A stable name.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Key => "token-request-key",
            Self::Malformed(_) => "token-response-malformed",
            Self::Provider(_) => "token-response-error",
            Self::IdTokenMissing => "token-response-id-token",
        }
    }
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key => f.write_str(
                "The private key for this provider cannot sign. An administrator must check it.",
            ),
            Self::Malformed(status) => write!(
                f,
                "The provider's token endpoint answers {status} with something else than JSON. Try \
                 again in a few minutes."
            ),
            Self::Provider(error) => error.fmt(f),
            Self::IdTokenMissing => f.write_str(
                "The provider sends no ID token. An administrator must check that `scopes` has \
                 \"openid\", and that the provider treats Patrol as an OpenID Connect client.",
            ),
        }
    }
}

impl std::error::Error for TokenError {}

/// RFC 7523, section 3.
#[derive(Serialize)]
struct AssertionClaims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    jti: &'a str,
    #[serde(with = "numeric")]
    iat: Timestamp,
    #[serde(with = "numeric")]
    exp: Timestamp,
}

#[derive(Serialize)]
struct AssertionHeader<'a> {
    alg: &'a str,
    typ: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    kid: Option<&'a str>,
    #[serde(rename = "x5t#S256", skip_serializing_if = "Option::is_none")]
    thumbprint: Option<&'a str>,
}

impl Grant {
    /// The request that exchanges the code. The random bytes must be new each time; they name a
    /// `private_key_jwt`, which a provider accepts once.
    ///
    /// # Errors
    /// [`TokenError::Key`].
    pub async fn token_request(
        &self,
        discovery: &Discovery,
        credential: &Credential,
        paths: &Paths,
        now: Timestamp,
        random: [u8; 16],
        signatures: &impl SignWithClientKey,
    ) -> Result<TokenRequest, TokenError> {
        let provider = &discovery.provider;
        let id = &*provider.client_id;
        let mut authorization = None;
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", "authorization_code")
            .append_pair("code", self.code.reveal())
            .append_pair("redirect_uri", &redirect_uri(paths))
            .append_pair("code_verifier", &self.pending.verifier);
        match credential {
            Credential::Basic(secret) => authorization = Some(basic(id, secret)),
            Credential::Post(secret) => {
                form.append_pair("client_id", id)
                    .append_pair("client_secret", secret.reveal());
            }
            Credential::Key(key) => {
                let audience = match provider.assertion_audience {
                    AssertionAudience::Issuer => &*provider.issuer,
                    AssertionAudience::TokenEndpoint => discovery.token_endpoint.as_str(),
                };
                let claims = AssertionClaims {
                    iss: id,
                    sub: id,
                    aud: audience,
                    jti: &Base64UrlUnpadded::encode_string(&random),
                    iat: now,
                    exp: now.plus(ASSERTION_LIFETIME),
                };
                let assertion = assertion(key, &claims, signatures).await;
                form.append_pair("client_id", id)
                    .append_pair(
                        "client_assertion_type",
                        "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
                    )
                    .append_pair("client_assertion", &assertion.ok_or(TokenError::Key)?);
            }
        }
        Ok(TokenRequest {
            url: discovery.token_endpoint.as_str().to_owned(),
            authorization,
            body: Secret::new(form.finish()),
        })
    }
}

/// RFC 6749, section 2.3.1: id and secret are encoded as in a form, then as HTTP's `Basic`.
fn basic(id: &str, secret: &Secret) -> Secret {
    let encoded =
        |text: &str| -> String { form_urlencoded::byte_serialize(text.as_bytes()).collect() };
    let pair = format!("{}:{}", encoded(id), encoded(secret.reveal()));
    let pair = Base64::encode_string(pair.as_bytes());
    Secret::new(format!("Basic {pair}"))
}

async fn assertion(
    key: &ClientKey,
    claims: &AssertionClaims<'_>,
    signatures: &impl SignWithClientKey,
) -> Option<String> {
    let header = AssertionHeader {
        alg: key.algorithm().as_str(),
        typ: "JWT",
        kid: key.kid(),
        thumbprint: key.thumbprint(),
    };
    let part = |json: Result<Vec<u8>, serde_json::Error>| {
        json.ok()
            .map(|json| Base64UrlUnpadded::encode_string(&json))
    };
    let header = part(serde_json::to_vec(&header))?;
    let claims = part(serde_json::to_vec(&claims))?;
    let message = format!("{header}.{claims}");
    let signature = signatures.sign(key, message.as_bytes()).await?;
    let signature = Base64UrlUnpadded::encode_string(&signature);
    Some(format!("{message}.{signature}"))
}

#[derive(Deserialize)]
struct Tokens {
    id_token: Option<String>,
}

#[derive(Deserialize)]
struct Refusal {
    error: String,
    error_description: Option<String>,
}

/// Reads the response to a [`TokenRequest`], and returns the ID token. The other tokens are dropped:
/// Patrol calls nothing in the user's name.
///
/// # Errors
/// [`TokenError`].
pub fn id_token(status: u16, body: &[u8]) -> Result<Secret, TokenError> {
    let malformed = || TokenError::Malformed(status);
    if body.len() > MAX_RESPONSE {
        return Err(malformed());
    }
    if status == 200 {
        let tokens: Tokens = json::read(body).map_err(|_| malformed())?;
        return tokens
            .id_token
            .map(Secret::new)
            .ok_or(TokenError::IdTokenMissing);
    }
    let refusal: Refusal = json::read(body).map_err(|_| malformed())?;
    let description = refusal.error_description.as_deref();
    Err(TokenError::Provider(ProviderError::new(
        &refusal.error,
        description,
    )))
}
