//! An account: who a user is, who vouches for that, and the user's roles in each organization.
//!
//! It is a row of the user's registry. A sign-in writes it, and everything else reads it there, in
//! the same transaction as what it decides. So a changed account counts from the next request on,
//! and needs no new session.
//!
//! Left out: what the roles grant. [`AccountRecord::account`] looks that up in the policy.

use crate::{
    ids::UserId,
    policy::{
        Policy,
        account::{Account, Membership, MembershipRecord},
    },
};
use serde::{Deserialize, Serialize};

/// An account, as its registry keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountRecord {
    /// Stable, and never reassigned: tokens belong to it.
    pub id: UserId,
    /// The display name.
    pub name: String,
    /// Shown on the page; nothing is sent to it.
    pub email: String,
    /// One for each of the user's organizations.
    pub memberships: Vec<MembershipRecord>,
    /// Who vouches for the account.
    pub identity: ExternalIdentity,
}

/// The identity by which a front knows the user. It is kept for people to read: decisions use the
/// account's own id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExternalIdentity {
    /// How the user signs in.
    pub front: Front,
    /// The front's name in settings and in the rules of memberships.
    pub provider: String,
    /// Who vouches: the `iss` claim. Empty for development users.
    pub issuer: String,
    /// The issuer's id of the user.
    pub subject: String,
}

/// A way to sign in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Front {
    /// As anyone, on the developer's machine.
    Development,
    /// By an OpenID Connect provider.
    OpenIdConnect,
    /// By Cloudflare Access.
    Access,
    /// By an assertion of the platform.
    Platform,
}

impl AccountRecord {
    /// The account with the scopes that its roles grant.
    pub fn account(&self, policy: &Policy) -> Account {
        let memberships = self.memberships.iter().map(|membership| {
            Membership::new(
                membership.organization.clone(),
                membership.name.clone(),
                membership.roles.clone(),
                policy,
            )
        });
        Account {
            id: self.id.clone(),
            name: self.name.clone(),
            email: self.email.clone(),
            memberships: memberships.collect(),
        }
    }
}
