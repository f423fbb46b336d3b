//! `OIDC_PROVIDERS`: the OpenID Connect providers of an installation.
//!
//! The setting is a JSON array. In a wrangler file it can be written as TOML, because the platform
//! hands such a value over as JSON:
//!
//! ```toml
//! [[vars.OIDC_PROVIDERS]]
//! name = "keycloak"
//! label = "Factory login"
//! issuer = "https://login.example.com/realms/factory"
//! client_id = "patrol"
//! ```
//!
//! A provider's secret is a setting of its own, so that the description can be public.

use super::{
    address::{Address, InvalidAddress},
    client::{ClientAuthentication, Credential, CredentialError},
};
use crate::json::Object;
use serde::Deserialize;
use serde_json::Value;
use std::fmt;

/// The name of the setting.
pub const SETTING: &str = "OIDC_PROVIDERS";

/// The most providers.
pub const MAX_PROVIDERS: usize = 16;

/// Names of providers, and of what else can sign users in, in the rules of memberships.
const RESERVED: [&str; 3] = [super::access::NAME, super::assertion::NAME, "dev"];

/// The longest text of a description, in bytes.
const MAX_TEXT: usize = 512;

/// Claims that can be given to another person, or that a user can change (OpenID Connect Core,
/// section 5.7).
const UNSTABLE: [&str; 6] = [
    "email",
    "name",
    "nickname",
    "preferred_username",
    "unique_name",
    "upn",
];

/// A mistake in the setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingError {
    /// The number of the provider, from 0, and the field. Empty: the setting as a whole.
    place: String,
    problem: String,
}

impl fmt::Display for SettingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SETTING}{} {}", self.place, self.problem)
    }
}

impl std::error::Error for SettingError {}

/// The `aud` of a `private_key_jwt`. Providers disagree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AssertionAudience {
    /// The issuer, which no other party can claim to be (RFC 7523bis).
    #[default]
    Issuer,
    /// The address of the token endpoint (OpenID Connect Core, section 9), as Microsoft requires.
    TokenEndpoint,
}

/// A provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provider {
    /// One lower-case word: in addresses, in settings, in the rules of memberships.
    pub name: String,
    /// The button of the sign-in page.
    pub label: String,
    /// The issuer identifier, compared exactly.
    pub issuer: String,
    /// Patrol's name at the provider.
    pub client_id: String,
    /// How Patrol authenticates there.
    pub authentication: ClientAuthentication,
    /// The `aud` of a `private_key_jwt`.
    pub assertion_audience: AssertionAudience,
    /// The scopes to request, separated by spaces.
    pub scope: String,
    /// The claim that identifies a user.
    pub subject_claim: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawProvider {
    name: String,
    label: Option<String>,
    issuer: String,
    client_id: String,
    #[serde(default = "basic")]
    auth: ClientAuthentication,
    #[serde(default)]
    assertion_audience: AssertionAudience,
    scopes: Option<Vec<String>>,
    subject: Option<String>,
}

/// The default of OpenID Connect Discovery, section 3.
fn basic() -> ClientAuthentication {
    ClientAuthentication::ClientSecretBasic
}

/// Reads the setting. `None`: it is absent, and there are no providers.
///
/// # Errors
/// Names the setting, the provider, the field and the fix.
pub fn from_setting(setting: Option<&str>) -> Result<Vec<Provider>, SettingError> {
    let Some(setting) = setting else {
        return Ok(Vec::new());
    };
    let whole = |problem: String| SettingError {
        place: String::new(),
        problem,
    };
    let raw: Vec<Value> = serde_json::from_slice(setting.as_bytes()).map_err(|error| {
        whole(format!(
            "must be a JSON array with an object for each provider: {error}"
        ))
    })?;
    if raw.len() > MAX_PROVIDERS {
        return Err(whole(format!("may have at most {MAX_PROVIDERS} providers")));
    }
    let mut providers: Vec<Provider> = Vec::new();
    for (number, value) in raw.into_iter().enumerate() {
        let error = |field: &str, problem: String| SettingError {
            place: format!("[{number}]{field}"),
            problem,
        };
        let Object(raw): Object<RawProvider> = serde_json::from_value(value)
            .map_err(|wrong| error("", format!("is not a provider: {wrong}")))?;
        let provider =
            Provider::new(raw).map_err(|(field, rule)| error(&format!(".{field}"), rule))?;
        if providers.iter().any(|other| other.name == provider.name) {
            let problem = format!("is {:?} again: give each another name", provider.name);
            return Err(error(".name", problem));
        }
        providers.push(provider);
    }
    Ok(providers)
}

/// A field and what it must be.
type FieldError = (&'static str, String);

impl Provider {
    fn new(raw: RawProvider) -> Result<Self, FieldError> {
        let wrong = |field, rule: &str| Err((field, format!("must {rule}")));
        let RawProvider { name, issuer, .. } = raw;
        if !is_name(&name) {
            return wrong(
                "name",
                "be 1 to 32 lower-case letters, digits and hyphens, such as keycloak",
            );
        }
        if RESERVED.contains(&name.as_str()) {
            return wrong("name", "be another word: this one is Patrol's own");
        }
        let label = raw.label.unwrap_or_else(|| name.clone());
        if !(1..=40).contains(&label.trim().chars().count()) || label.chars().any(char::is_control)
        {
            return wrong("label", "have 1 to 40 visible characters");
        }
        // OpenID Connect Discovery, section 2: no query and no fragment.
        if Address::parse(&issuer).is_err() || issuer.contains('?') || issuer.len() > MAX_TEXT {
            return Err((
                "issuer",
                format!("must be {InvalidAddress}, and without a query"),
            ));
        }
        if !is_text(&raw.client_id) {
            return wrong("client_id", "be the id that the provider shows for Patrol");
        }
        let scopes = raw
            .scopes
            .unwrap_or_else(|| ["openid", "profile", "email"].map(str::to_owned).into());
        if !scopes.iter().any(|scope| scope == "openid") {
            return wrong(
                "scopes",
                "contain \"openid\": otherwise there is no ID token",
            );
        }
        // RFC 6749, section 3.3.
        let in_scopes = |byte: u8| byte.is_ascii_graphic() && !b"\"\\".contains(&byte);
        let is_scope = |scope: &String| !scope.is_empty() && scope.bytes().all(in_scopes);
        let scope = scopes.join(" ");
        if !scopes.iter().all(is_scope) || scope.len() > MAX_TEXT {
            return wrong("scopes", "be a list of names without spaces");
        }
        let subject_claim = raw.subject.unwrap_or_else(|| "sub".to_owned());
        if UNSTABLE.contains(&subject_claim.as_str()) {
            return wrong(
                "subject",
                "be a claim that is never given to someone else: sub, or oid at Microsoft",
            );
        }
        if !is_text(&subject_claim) {
            return wrong(
                "subject",
                "be the name of a claim: sub, or oid at Microsoft",
            );
        }
        Ok(Self {
            name,
            label,
            issuer,
            client_id: raw.client_id,
            authentication: raw.auth,
            assertion_audience: raw.assertion_audience,
            scope,
            subject_claim,
        })
    }

    /// The setting that has the provider's secret or key: `OIDC_SECRET_KEYCLOAK`,
    /// `OIDC_KEY_KEYCLOAK`.
    pub fn credential_setting(&self) -> String {
        let kind = match self.authentication {
            ClientAuthentication::ClientSecretBasic | ClientAuthentication::ClientSecretPost => {
                "SECRET"
            }
            ClientAuthentication::PrivateKeyJwt => "KEY",
        };
        let name = self.name.to_ascii_uppercase().replace('-', "_");
        format!("OIDC_{kind}_{name}")
    }

    /// Reads that setting.
    ///
    /// # Errors
    /// Names the setting and the fix, and never its value.
    pub fn credential(&self, setting: Option<&str>) -> Result<Credential, CredentialError> {
        Credential::read(self.authentication, setting).map_err(|fault| CredentialError {
            setting: self.credential_setting(),
            fault,
        })
    }
}

fn is_name(text: &str) -> bool {
    let in_names = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=32).contains(&text.len()) && text.bytes().all(in_names)
}

/// RFC 6749, appendix A.1; no spaces at the ends, which come from copying.
fn is_text(text: &str) -> bool {
    (1..=MAX_TEXT).contains(&text.len())
        && text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
        && text.trim() == text
}
