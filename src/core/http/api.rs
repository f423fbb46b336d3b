//! The JSON of the HTTP surface, shared by the Workers, the form and the tests.
//!
//! Requests refuse members they do not know: a misspelt one would otherwise be ignored and
//! the token be made without it.

use crate::{
    ids::{OrganizationId, TokenId, UserId},
    mode::RevocationMode,
    policy::{
        Policy,
        account::{Account, Membership},
        scope::ScopeSet,
    },
    time::Timestamp,
};
use serde::{Deserialize, Serialize};

/// Where a token asks about itself, and ends itself.
pub const CURRENT: &str = "/api/v1/tokens/current";

/// `GET /api/v1/me`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Me {
    /// The user.
    pub id: UserId,
    /// For people.
    pub name: String,
    /// For people.
    pub email: String,
    /// Where the user is a member.
    pub organizations: Vec<OrganizationView>,
    /// Are tokens restricted by scopes?
    pub rbac: bool,
    /// How long a revoked token may still pass; absent: not at all, a revocation waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revocation_delay_seconds: Option<u64>,
}

/// One of the user's organizations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrganizationView {
    /// For `X-Organization-ID`.
    pub id: OrganizationId,
    /// For people.
    pub name: String,
    /// Names of roles.
    pub roles: Vec<String>,
    /// What these roles allow.
    pub scopes: Vec<String>,
}

impl Me {
    /// The account as its owner sees it.
    pub fn new(account: &Account, policy: &Policy, mode: RevocationMode) -> Self {
        let organizations = account
            .memberships
            .iter()
            .map(|membership| OrganizationView {
                id: membership.organization.clone(),
                name: membership.name.clone(),
                roles: membership.roles.clone(),
                scopes: owned(policy.scope_names(membership.scopes(policy))),
            })
            .collect();
        Self {
            id: account.id.clone(),
            name: account.name.clone(),
            email: account.email.clone(),
            organizations,
            rbac: policy.rbac,
            revocation_delay_seconds: match mode {
                RevocationMode::Lease => None,
                RevocationMode::Kv { max_age } => Some(max_age),
            },
        }
    }

    /// The account that this is a view of, for the rules of creating a token.
    pub fn account(&self) -> Account {
        let memberships = self
            .organizations
            .iter()
            .map(|organization| Membership {
                organization: organization.id.clone(),
                name: organization.name.clone(),
                roles: organization.roles.clone(),
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

/// `GET /api/v1/scopes`: what the caller may grant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Catalogue {
    /// Are tokens restricted by scopes? If not, there are no groups.
    pub rbac: bool,
    /// In display order; groups without scopes are left out.
    pub groups: Vec<CatalogueGroup>,
}

/// Scopes that belong together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CatalogueGroup {
    /// Heading.
    pub name: String,
    /// Key of the badge color.
    pub color: String,
    /// In display order.
    pub scopes: Vec<CatalogueScope>,
}

/// One scope that the caller may grant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CatalogueScope {
    /// `resource:action`
    pub name: String,
    /// A few words.
    pub label: String,
    /// One sentence.
    pub description: String,
}

impl Catalogue {
    /// The scopes of the set, by group.
    pub fn new(offered: ScopeSet, policy: &Policy) -> Self {
        let offered = if policy.rbac {
            offered
        } else {
            ScopeSet::EMPTY
        };
        let groups = policy
            .offered(offered)
            .map(|(group, scopes)| CatalogueGroup {
                name: group.name.to_owned(),
                color: group.color.to_owned(),
                scopes: scopes
                    .into_iter()
                    .map(|(_, scope)| CatalogueScope {
                        name: scope.name.to_owned(),
                        label: scope.label.to_owned(),
                        description: scope.description.to_owned(),
                    })
                    .collect(),
            })
            .collect();
        Self {
            rbac: policy.rbac,
            groups,
        }
    }
}

/// `POST /api/v1/tokens`, the request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreateToken {
    /// 1 to 255 characters.
    pub name: String,
    /// 30, 90, 180 or 365; absent: 90.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_in_days: Option<u64>,
    /// At least one of the caller's.
    pub organizations: Vec<String>,
    /// Names of scopes; empty or absent when RBAC is off.
    #[serde(default)]
    pub scopes: Vec<String>,
}

/// What a token's owner sees of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenRecord {
    /// `jti`
    pub id: TokenId,
    /// As given at creation.
    pub name: String,
    /// Where it may act.
    pub organizations: Vec<OrganizationId>,
    /// Names of scopes; null: no restriction, because it was made with RBAC off.
    pub scopes: Option<Vec<String>>,
    /// RFC 3339 in UTC, as all times here.
    pub created_at: Timestamp,
    /// Null: never. To the minute, and a few seconds late.
    pub last_used_at: Option<Timestamp>,
    /// From where it was used then; null: never, or not known.
    #[serde(default)]
    pub last_used_address: Option<String>,
    /// First second in which it no longer works.
    pub expires_at: Timestamp,
    /// Null: not revoked.
    pub revoked_at: Option<Timestamp>,
    /// As of the answer.
    pub status: TokenStatus,
}

/// What the list shows. A token that is both is shown as revoked: that cannot be waited out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TokenStatus {
    /// It works.
    Active,
    /// Its time is over.
    Expired,
    /// Its owner ended it.
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

/// `GET /api/v1/tokens`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenList {
    /// Newest first.
    pub tokens: Vec<TokenRecord>,
    /// How many of them are active.
    pub active: usize,
    /// How many may be.
    pub limit: usize,
}

/// `POST /api/v1/tokens`, the answer: the only time that the token is told.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreatedToken {
    /// What the list will show.
    #[serde(flatten)]
    pub record: TokenRecord,
    /// The token itself.
    pub token: String,
}

/// `DELETE /api/v1/tokens/{id}`, the answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RevokedToken {
    /// What the list shows now.
    #[serde(flatten)]
    pub record: TokenRecord,
    /// Since when it is refused.
    #[serde(flatten)]
    pub effect: RevocationEffect,
}

/// `POST /api/v1/tokens/revoke`, the answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RevokedTokens {
    /// What the list shows now.
    pub tokens: Vec<TokenRecord>,
    /// Ids that name no token of the caller.
    pub unknown: Vec<TokenId>,
    /// Since when all of them are refused.
    #[serde(flatten)]
    pub effect: RevocationEffect,
}

/// When revoked tokens are refused everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum RevocationEffect {
    /// They are, as of this answer (200).
    Now {
        /// Every request that arrives at any edge from this second on is refused.
        effective_at: Timestamp,
        /// How long the call waited until it could say so, in milliseconds.
        waited_ms: u64,
    },
    /// They will be (202): the edges live on snapshots.
    Later {
        /// Every request that arrives at any edge from this second on is refused.
        effective_by: Timestamp,
    },
}

impl RevocationEffect {
    /// The effect of a revocation that leaves no lease after `effective_ms` (milliseconds since
    /// 1970) without it. Times of the API are whole seconds, so it is rounded up.
    pub fn new(mode: RevocationMode, effective_ms: u64, waited_ms: u64) -> Self {
        let effective_at = Timestamp::from_millis(effective_ms.saturating_add(999));
        match mode {
            RevocationMode::Lease => Self::Now {
                effective_at,
                waited_ms,
            },
            // A snapshot that does not have it was signed before, and is too old by then.
            RevocationMode::Kv { max_age } => Self::Later {
                effective_by: effective_at.plus(max_age),
            },
        }
    }

    /// HTTP status.
    pub const fn status(&self) -> u16 {
        match self {
            Self::Now { .. } => 200,
            Self::Later { .. } => 202,
        }
    }
}

/// `POST /api/v1/tokens/revoke`, the request: `{"ids": […]}` or `{"all": true}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RevokeTokens {
    /// These.
    #[serde(default)]
    pub ids: Vec<TokenId>,
    /// All that are active. Written out, so that nobody asks for it by leaving something away.
    #[serde(default)]
    pub all: bool,
}

/// Which tokens of a user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RevokeTarget {
    /// These.
    Ids(Vec<TokenId>),
    /// All that are active.
    Active,
}

impl RevokeTokens {
    /// What is asked for.
    ///
    /// # Errors
    /// Neither or both are given; the text says what to send.
    pub fn which(self) -> Result<RevokeTarget, &'static str> {
        match (self.ids.is_empty(), self.all) {
            (false, false) => Ok(RevokeTarget::Ids(self.ids)),
            (true, true) => Ok(RevokeTarget::Active),
            _ => Err("Send either `ids`, the ids of the tokens, or `all` with the value true."),
        }
    }
}

/// `POST /auth/dev`, the request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    /// A development user.
    pub user: String,
}

/// Names as the wire has them.
pub fn owned(names: Vec<&'static str>) -> Vec<String> {
    names.into_iter().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::POLICY;

    #[test]
    fn tokens_are_revoked_by_their_ids_or_all_of_them_in_so_many_words() {
        let which =
            |json: &str| serde_json::from_str::<RevokeTokens>(json).map(RevokeTokens::which);
        let ids = vec!["a".parse().unwrap()];
        assert_eq!(
            which(r#"{"ids":["a"]}"#).unwrap(),
            Ok(RevokeTarget::Ids(ids))
        );
        assert_eq!(which(r#"{"all":true}"#).unwrap(), Ok(RevokeTarget::Active));
        for wrong in [
            "{}",
            r#"{"ids":[]}"#,
            r#"{"all":false}"#,
            r#"{"ids":["a"],"all":true}"#,
        ] {
            assert!(which(wrong).unwrap().is_err(), "{wrong}");
        }
        for wrong in [r#"{"ids":"a"}"#, r#"{"ids":[""]}"#, r#"{"id":["a"]}"#] {
            assert!(which(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_revocation_is_in_effect_since_a_second_that_is_not_too_early() {
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
    fn the_browser_judges_the_account_that_the_origin_has_and_knows_how_late_a_revocation_is() {
        let account = Account {
            id: "ada".parse().unwrap(),
            name: "Ada".to_owned(),
            email: "ada@example.com".to_owned(),
            memberships: vec![Membership {
                organization: "acme".parse().unwrap(),
                name: "Acme".to_owned(),
                roles: vec!["viewer".to_owned(), "operator".to_owned()],
            }],
        };
        for (mode, delay) in [
            (RevocationMode::Lease, None),
            (RevocationMode::Kv { max_age: 120 }, Some(120)),
        ] {
            let json = serde_json::to_string(&Me::new(&account, &POLICY, mode)).unwrap();
            let me: Me = serde_json::from_str(&json).unwrap();
            assert_eq!(me.account(), account);
            assert_eq!(me.revocation_delay_seconds, delay);
        }
    }
}
