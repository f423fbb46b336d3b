//! The JSON bodies of the HTTP API, shared by the Workers, the form and the tests.
//!
//! Requests reject unknown members. Otherwise a misspelt member would be ignored, and the token
//! created without it.

use crate::{
    audit::{self, AuditEntry},
    http::idempotency::IdempotencyKey,
    ids::{OrganizationId, SessionId, TokenId, UserId},
    json,
    mode::RevocationMode,
    policy::{
        Group, Policy,
        account::{Account, Membership},
        scope::ScopeSet,
    },
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The response of `GET api/v1/me`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Me {
    /// The value of a token's `sub` claim.
    pub id: UserId,
    /// The display name.
    pub name: String,
    /// Shown on the page; nothing is sent to it.
    pub email: String,
    /// The user's organizations.
    pub organizations: Vec<OrganizationView>,
    /// Whether scopes restrict tokens.
    pub rbac: bool,
    /// Every scope of the policy, in display order.
    pub groups: Vec<Group>,
    /// The names of the user's roles, each with its display name.
    #[serde(with = "json::members")]
    pub role_labels: Vec<(String, String)>,
    /// The longest time for which an edge may still accept a revoked token. Absent if a revocation
    /// waits until no edge does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revocation_delay_seconds: Option<u64>,
}

/// One of the user's organizations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrganizationView {
    /// The value of `X-Organization-ID`.
    pub id: OrganizationId,
    /// The display name.
    pub name: String,
    /// Names of the user's roles there.
    pub roles: Vec<String>,
    /// Names of the scopes that these roles grant.
    pub scopes: Vec<String>,
}

impl Me {
    /// The parts of an account that its user sees.
    pub fn new(account: &Account, policy: &Policy, mode: RevocationMode) -> Self {
        let organizations = account
            .memberships
            .iter()
            .map(|membership| OrganizationView {
                id: membership.organization.clone(),
                name: membership.name.clone(),
                roles: membership.roles.clone(),
                scopes: owned(policy.scope_names(membership.scopes)),
            })
            .collect();
        let role_labels: BTreeMap<_, _> = account
            .memberships
            .iter()
            .flat_map(|membership| &membership.roles)
            .filter_map(|name| policy.role(name))
            .map(|role| (role.name.clone(), role.label.clone()))
            .collect();
        Self {
            id: account.id.clone(),
            name: account.name.clone(),
            email: account.email.clone(),
            organizations,
            rbac: policy.rbac,
            groups: policy.groups().to_vec(),
            role_labels: role_labels.into_iter().collect(),
            revocation_delay_seconds: mode.revocation_delay(),
        }
    }

    /// Recovers the policy, as far as its users see it.
    pub fn policy(&self) -> Policy {
        Policy::of_groups(self.rbac, self.groups.clone())
    }

    /// Recovers the account, for the rules of [`crate::issue`] in the browser. `policy` is that of
    /// [`Self::policy`].
    pub fn account(&self, policy: &Policy) -> Account {
        let memberships = self
            .organizations
            .iter()
            .map(|organization| Membership {
                organization: organization.id.clone(),
                name: organization.name.clone(),
                roles: organization.roles.clone(),
                scopes: policy.parse_scopes(&organization.scopes.join(" ")),
            })
            .collect();
        Account {
            id: self.id.clone(),
            name: self.name.clone(),
            email: self.email.clone(),
            memberships,
        }
    }
}

/// The response of `GET api/v1/scopes`: what the user may grant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Catalogue {
    /// Whether scopes restrict tokens. If not, `groups` is empty.
    pub rbac: bool,
    /// In display order, without empty groups.
    pub groups: Vec<Group>,
}

impl Catalogue {
    /// Groups the scopes of a set.
    pub fn new(offered: ScopeSet, policy: &Policy) -> Self {
        let offered = if policy.rbac {
            offered
        } else {
            ScopeSet::EMPTY
        };
        let groups = policy
            .offered(offered)
            .map(|(group, scopes)| Group {
                name: group.name.clone(),
                color: group.color.clone(),
                scopes: scopes.into_iter().map(|(_, scope)| scope.clone()).collect(),
            })
            .collect();
        Self {
            rbac: policy.rbac,
            groups,
        }
    }
}

/// The request of `POST api/v1/tokens`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreateToken {
    /// 1 to 255 characters after trimming.
    pub name: String,
    /// 30, 90, 180 or 365; 90 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_in_days: Option<u64>,
    /// Ids of at least one and at most 16 of the user's organizations.
    pub organizations: Vec<String>,
    /// Names of scopes; empty or absent if RBAC is off.
    #[serde(default)]
    pub scopes: Vec<String>,
}

/// What the owner sees of a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenRecord {
    /// The `jti` claim.
    pub id: TokenId,
    /// The owner's name for it.
    pub name: String,
    /// Ids of the organizations that it works in.
    pub organizations: Vec<OrganizationId>,
    /// Names of scopes. Null if it was created with RBAC off, and so is unrestricted.
    pub scopes: Option<Vec<String>>,
    /// When it was issued: the `iat` claim.
    pub created_at: Timestamp,
    /// To the minute, and some seconds late. Null if it was never used.
    pub last_used_at: Option<Timestamp>,
    /// The client's address at that time. Null if never used, or unknown.
    #[serde(default)]
    pub last_used_address: Option<String>,
    /// The first second in which it no longer works: the `exp` claim.
    pub expires_at: Timestamp,
    /// Null unless it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// As of this response.
    pub status: TokenStatus,
    /// The header of the request that created it. Null if that had none.
    #[serde(default)]
    pub idempotency_key: Option<IdempotencyKey>,
}

/// The response of `GET api/v1/sessions`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionList {
    /// Newest first.
    pub sessions: Vec<SessionRecord>,
}

/// What a user sees of a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionRecord {
    /// Names it in `DELETE api/v1/sessions/{id}`.
    pub id: SessionId,
    /// When the user signed in.
    pub created_at: Timestamp,
    /// The first second in which it no longer counts.
    pub expires_at: Timestamp,
    /// The client's address at sign-in. Null if it was unknown.
    pub address: Option<String>,
    /// The browser, as it names itself. Null if it did not.
    pub user_agent: Option<String>,
    /// Whether it is the one that asks.
    pub current: bool,
}

/// The response of `GET api/v1/audit`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditPage {
    /// Newest first.
    pub entries: Vec<AuditEntry>,
    /// The value of `before` for the next page. Null if this is the last one.
    pub next: Option<u64>,
}

impl AuditPage {
    /// The page with these entries.
    pub fn new(entries: Vec<AuditEntry>) -> Self {
        let is_full = entries.len() as u64 >= audit::PAGE_SIZE;
        let last = entries.last().map(|entry| entry.number);
        Self {
            next: last.filter(|_| is_full),
            entries,
        }
    }
}

/// A token's status. Revoked takes precedence over expired.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TokenStatus {
    /// Neither expired nor revoked.
    Active,
    /// `expires_at` has passed.
    Expired,
    /// Revoked permanently, by its owner or by itself.
    Revoked,
}

impl TokenStatus {
    /// The status at a time.
    pub fn at(now: Timestamp, expires_at: Timestamp, revoked_at: Option<Timestamp>) -> Self {
        if revoked_at.is_some() {
            Self::Revoked
        } else if now >= expires_at {
            Self::Expired
        } else {
            Self::Active
        }
    }
}

/// The response of `GET api/v1/tokens`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenList {
    /// A page of the tokens that the query asks for, in its order.
    pub tokens: Vec<TokenRecord>,
    /// The value of `after` for the next page. Null if this is the last one.
    pub next: Option<String>,
    /// How many active tokens the user has, whatever the query.
    pub active: u64,
    /// The same for expired tokens.
    pub expired: u64,
    /// The same for revoked tokens.
    pub revoked: u64,
    /// How many may be active at once.
    pub limit: usize,
}

/// The response of `POST api/v1/tokens`, and the only one that contains the token.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreatedToken {
    /// The new token's record.
    #[serde(flatten)]
    pub record: TokenRecord,
    /// A secret: only its owner stores it.
    pub token: String,
}

/// The response of `DELETE api/v1/tokens/{id}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RevokedToken {
    /// The token's record after the revocation.
    #[serde(flatten)]
    pub record: TokenRecord,
    /// When every edge refuses it.
    #[serde(flatten)]
    pub effect: RevocationEffect,
}

/// The response of `POST api/v1/tokens/revoke`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RevokedTokens {
    /// The records after the revocation.
    pub tokens: Vec<TokenRecord>,
    /// Requested ids that belong to no token of the user.
    pub unknown: Vec<TokenId>,
    /// When every edge refuses all of them.
    #[serde(flatten)]
    pub effect: RevocationEffect,
}

/// When every edge refuses the revoked tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum RevocationEffect {
    /// By the time of this response (200).
    Now {
        /// Every edge refuses requests that arrive from this second on.
        effective_at: Timestamp,
        /// How long the request waited for that, in milliseconds.
        waited_ms: u64,
    },
    /// Later (202): edges rely on snapshots in KV.
    Later {
        /// Every edge refuses requests that arrive from this second on.
        effective_by: Timestamp,
    },
}

impl RevocationEffect {
    /// The effect of a revocation that every lease includes from `effective_ms` on, in milliseconds
    /// since 1970. Rounded up, because the API's times are whole seconds.
    pub fn new(mode: RevocationMode, effective_ms: u64, waited_ms: u64) -> Self {
        let effective_at = Timestamp::from_millis(effective_ms.saturating_add(999));
        match mode.revocation_delay() {
            None => Self::Now {
                effective_at,
                waited_ms,
            },
            Some(delay) => Self::Later {
                effective_by: effective_at.plus(delay),
            },
        }
    }

    /// The HTTP status of the response.
    pub const fn status(&self) -> u16 {
        match self {
            Self::Now { .. } => 200,
            Self::Later { .. } => 202,
        }
    }
}

/// The request of `POST api/v1/tokens/revoke`: `{"ids": […]}` or `{"all": true}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RevokeTokens {
    /// The tokens to revoke.
    #[serde(default)]
    pub ids: Vec<TokenId>,
    /// Revoke all active tokens. It must be stated: an empty request revokes nothing.
    #[serde(default)]
    pub all: bool,
}

/// Which of a user's tokens to revoke.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RevokeTarget {
    /// The tokens with these ids.
    Ids(Vec<TokenId>),
    /// All active tokens.
    Active,
}

impl RevokeTokens {
    /// Returns the tokens to revoke.
    ///
    /// # Errors
    /// Fails if the request has neither member, or both. The text says what to send.
    pub fn target(self) -> Result<RevokeTarget, &'static str> {
        match (self.ids.is_empty(), self.all) {
            (false, false) => Ok(RevokeTarget::Ids(self.ids)),
            (true, true) => Ok(RevokeTarget::Active),
            _ => Err("Send either `ids`, the ids of the tokens, or `all` with the value true."),
        }
    }
}

/// The response of `GET ready`: the origin's, which the edge completes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Readiness {
    /// Patrol's version.
    pub version: String,
    /// The hash of the policy: [`crate::policy::hash`].
    pub policy: String,
    /// The number of public keys.
    pub keys: usize,
    /// The number of registries that have status lists. All that exist answer.
    pub registries: usize,
    /// What the operator should know.
    pub warnings: Vec<String>,
}

impl Readiness {
    /// The response of an edge with this policy to which the origin sent `self`. The two Workers are
    /// deployed one after the other, so they may differ for a while.
    #[must_use]
    pub fn at_edge(mut self, policy: &str) -> Self {
        if self.version != VERSION {
            let origin = &self.version;
            let difference = format!("The edge has version {VERSION}, the origin {origin}.");
            self.warnings.push(difference + " Deploy both.");
        }
        self.warnings
            .extend(policy_difference(policy, &self.policy));
        VERSION.clone_into(&mut self.version);
        policy.clone_into(&mut self.policy);
        self
    }
}

/// What to tell the operator if edge and origin have different policies.
pub fn policy_difference(edge: &str, origin: &str) -> Option<String> {
    (edge != origin).then(|| {
        format!(
            "The edge has policy {edge}, the origin {origin}. Deploy both from one policy.toml."
        )
    })
}

/// Patrol's version.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The header in which the origin tells the edge the hash of its policy, with the key set.
pub const POLICY_HASH: &str = "X-Patrol-Policy";

/// The response of `GET echo-path/…`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct EchoedPath<'a> {
    /// The path as it arrived, without the query.
    pub path: &'a str,
}

/// The response of `GET auth/fronts`: how users can sign in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FrontList<'a> {
    /// The OpenID Connect providers, in the order of the setting.
    pub providers: Vec<ProviderView<'a>>,
    /// Whether Cloudflare Access signs users in.
    pub access: bool,
    /// Whether anyone can be a development user.
    pub development: bool,
}

/// An OpenID Connect provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProviderView<'a> {
    /// The value of `provider` in `GET auth/sign-in`.
    pub name: &'a str,
    /// The text of the button.
    pub label: &'a str,
}

/// The response of `POST auth/sign-out`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SignedOut {
    /// Where to go to sign out at the provider too. Null if there is no such page.
    pub next: Option<String>,
}

/// The request of `POST auth/session`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AssertedSignIn {
    /// The platform's JWT.
    pub assertion: String,
}

/// The response of `POST auth/session`.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct EmbeddedSession {
    /// The value of `X-Patrol-Session`.
    pub session: String,
    /// The first second in which it no longer counts.
    pub expires_at: Timestamp,
}

/// The request of `POST auth/dev`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DevSignIn {
    /// The id of a development user.
    pub user: String,
}

/// Copies the policy's names into the owned strings that parsed types need.
pub fn owned(names: Vec<&str>) -> Vec<String> {
    names.into_iter().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::tests::policy;

    #[test]
    fn revocation_names_ids_or_says_all_explicitly() {
        let target =
            |json: &str| serde_json::from_str::<RevokeTokens>(json).map(RevokeTokens::target);
        let ids = vec!["a".parse().unwrap()];
        assert_eq!(
            target(r#"{"ids":["a"]}"#).unwrap(),
            Ok(RevokeTarget::Ids(ids))
        );
        assert_eq!(target(r#"{"all":true}"#).unwrap(), Ok(RevokeTarget::Active));
        for wrong in [
            "{}",
            r#"{"ids":[]}"#,
            r#"{"all":false}"#,
            r#"{"ids":["a"],"all":true}"#,
        ] {
            assert!(target(wrong).unwrap().is_err(), "{wrong}");
        }
        for wrong in [r#"{"ids":"a"}"#, r#"{"ids":[""]}"#, r#"{"id":["a"]}"#] {
            assert!(target(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn edge_warns_that_the_origin_is_another() {
        let origin = |version: &str, policy: &str| Readiness {
            version: version.to_owned(),
            policy: policy.to_owned(),
            keys: 1,
            registries: 2,
            warnings: Vec::new(),
        };
        let same = origin(VERSION, "a").at_edge("a");
        assert_eq!(same, origin(VERSION, "a"));
        let other = origin("0", "b").at_edge("a");
        assert_eq!((&*other.version, &*other.policy), (VERSION, "a"));
        let [version, policy] = other.warnings.try_into().unwrap();
        assert!(version.contains("the origin 0. Deploy both"), "{version}");
        assert!(
            policy.contains("The edge has policy a, the origin b."),
            "{policy}"
        );
    }

    #[test]
    fn effective_second_is_rounded_up() {
        let second = Timestamp::from_seconds;
        for (millis, at) in [(5_000, 5), (5_001, 6), (5_999, 6)] {
            assert_eq!(
                RevocationEffect::new(RevocationMode::Lease, millis, 3),
                RevocationEffect::Now {
                    effective_at: second(at),
                    waited_ms: 3
                }
            );
        }
        let later = RevocationEffect::new(RevocationMode::Kv { max_age: 120 }, 5_001, 0);
        let effective_by = second(126);
        assert_eq!(later, RevocationEffect::Later { effective_by });
        assert_eq!(later.status(), 202);
    }

    #[test]
    fn browser_recovers_the_account_the_policy_and_the_revocation_delay() {
        let roles = vec!["viewer".to_owned(), "operator".to_owned()];
        let acme = ("acme".parse().unwrap(), "Acme".to_owned());
        let account = Account {
            id: "ada".parse().unwrap(),
            name: "Ada".to_owned(),
            email: "ada@example.com".to_owned(),
            memberships: vec![Membership::new(acme.0, acme.1, roles, policy())],
        };
        for (mode, delay) in [
            (RevocationMode::Lease, None),
            (RevocationMode::Kv { max_age: 120 }, Some(120)),
        ] {
            let json = serde_json::to_string(&Me::new(&account, policy(), mode)).unwrap();
            let me: Me = serde_json::from_str(&json).unwrap();
            assert_eq!(me.policy().groups(), policy().groups());
            assert_eq!(me.account(&me.policy()), account);
            assert_eq!(me.revocation_delay_seconds, delay);
        }
    }
}
