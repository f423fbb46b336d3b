//! Installations as in production, without development users: variants and the settings of the ways
//! to sign in. [`crate::identity_provider`] has the other end.

use crate::{
    client::now,
    identity_provider::{EvilProvider, RegisteredClient},
    variants::Variant,
    workspace::policy,
};
use serde_json::{Value, json};

/// Names and values of settings.
type Settings = Vec<(&'static str, String)>;

/// A variant with these settings, and with rules for the claims of Keycloak in docs/POLICY.md.
pub fn production(name: &'static str, settings: Settings) -> Variant {
    let settings = settings.into_iter();
    let mut all: Vec<(_, &'static str)> = settings
        .map(|(name, value)| (name, &*value.leak()))
        .collect();
    all.push(("DEV_SIGN_IN", ""));
    Variant::new(name)
        .with(all.leak())
        .with_policy(policy_with_memberships)
}

/// The policy of the checkout with rules that make members of users of providers.
pub fn policy_with_memberships() -> String {
    let rules = r#"
        [[membership.rule]]
        claim = "groups"
        value = "/{organization}/{role}"

        [[membership.rule]]
        claim = "realm_access.roles"
        value = "{organization}.{role}"

        [membership.names]
        acme = "Acme Manufacturing"
        globex = "Globex Chemicals"
    "#;
    policy() + rules
}

/// The settings of clients at providers.
pub fn oidc_settings(clients: Vec<RegisteredClient>) -> Settings {
    let (descriptions, credentials): (Vec<_>, Vec<_>) = clients
        .into_iter()
        .map(|client| (client.description, client.credential))
        .unzip();
    let credentials = credentials
        .into_iter()
        .map(|(name, value)| (&*name.leak(), value));
    let mut settings = vec![("OIDC_PROVIDERS", json!(descriptions).to_string())];
    settings.extend(credentials);
    settings
}

/// The tag of the application at Cloudflare Access.
pub const ACCESS_AUD: &str = "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff000102030405060708090a0b0c0d0e0f";

/// The header in which Cloudflare Access sends its JWT.
pub const ACCESS_HEADER: &str = "Cf-Access-Jwt-Assertion";

/// The settings of a team at Cloudflare Access.
pub fn access_settings(team: &str) -> Settings {
    vec![
        ("ACCESS_TEAM", team.to_owned()),
        ("ACCESS_AUD", ACCESS_AUD.to_owned()),
    ]
}

/// The issuer of a team at Cloudflare Access.
pub fn access_issuer(team: &str) -> String {
    format!("https://{team}.cloudflareaccess.com")
}

/// The claims of an application's JWT, as Access documents them.
pub fn access_claims(team: &str, subject: &str) -> Value {
    json!({
        "iss": access_issuer(team), "aud": [ACCESS_AUD], "sub": subject, "type": "app",
        "email": format!("{subject}@example.com"), "iat": now(), "nbf": now(), "exp": now() + 60,
        "groups": ["/acme/viewer"],
    })
}

/// A script for [`crate::variants::Variants::start_behind`]: all teams of Cloudflare Access are issuers
/// of that provider.
pub fn access_network(provider: &EvilProvider) -> String {
    include_str!("access_network.js").replace("{server}", provider.url())
}
