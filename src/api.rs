//! The JSON of the HTTP surface, shared by the Workers, the form and the tests.
//!
//! Requests refuse members they do not know: a misspelt one would otherwise be ignored and
//! the token be made without it.

use crate::{
    account::{Account, Membership},
    identity::{OrganizationId, TokenId, UserId},
    policy::Policy,
    scope::ScopeSet,
    time::Timestamp,
};
use serde::{Deserialize, Serialize};

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
    pub fn new(account: &Account, policy: &Policy) -> Self {
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
    /// Null: never.
    pub last_used_at: Option<Timestamp>,
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevokedToken {
    /// What the list shows now.
    #[serde(flatten)]
    pub record: TokenRecord,
    /// Every request that arrives at any edge from this second on is refused.
    pub effective_at: Timestamp,
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
    fn the_browser_judges_the_account_that_the_origin_has() {
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
        let json = serde_json::to_string(&Me::new(&account, &POLICY)).unwrap();
        let me: Me = serde_json::from_str(&json).unwrap();
        assert_eq!(me.account(), account);
    }
}
