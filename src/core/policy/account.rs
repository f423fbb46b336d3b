//! A user's account: their organizations, and their roles in each.
//!
//! Left out: where accounts come from. [`crate::account`] is what a registry keeps.

use crate::{
    ids::{OrganizationId, UserId},
    policy::{Policy, scope::ScopeSet},
};
use serde::{Deserialize, Serialize};

/// A user, as the rules of [`crate::issue`] see them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Stable, and never reassigned: tokens belong to it.
    pub id: UserId,
    /// The display name.
    pub name: String,
    /// Shown on the page; nothing is sent to it.
    pub email: String,
    /// One for each of the user's organizations.
    pub memberships: Vec<Membership>,
}

/// A user's roles in one organization, without what they grant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MembershipRecord {
    /// The organization's id.
    pub organization: OrganizationId,
    /// The organization's display name.
    pub name: String,
    /// Names of roles. One that the policy does not define grants nothing.
    pub roles: Vec<String>,
}

/// A user's membership in one organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    /// The organization's id.
    pub organization: OrganizationId,
    /// The organization's display name.
    pub name: String,
    /// Names of the user's roles there.
    pub roles: Vec<String>,
    /// The scopes that these roles grant together.
    pub scopes: ScopeSet,
}

impl Membership {
    /// A membership with these roles. A role that the policy does not define grants nothing.
    pub fn new(
        organization: OrganizationId,
        name: String,
        roles: Vec<String>,
        policy: &Policy,
    ) -> Self {
        let scopes = roles
            .iter()
            .filter_map(|role| policy.role(role))
            .fold(ScopeSet::EMPTY, |set, role| set.union(role.scopes));
        Self {
            organization,
            name,
            roles,
            scopes,
        }
    }
}

impl Account {
    /// Finds the user's membership in an organization.
    pub fn membership(&self, organization: &str) -> Option<&Membership> {
        self.memberships
            .iter()
            .find(|membership| membership.organization.as_str() == organization)
    }

    /// The scopes that the user holds in every one of these organizations; none if there are no
    /// organizations. `None` if the user is not a member of one of them.
    pub fn scopes_in_all<'a>(
        &self,
        organizations: impl IntoIterator<Item = &'a str>,
    ) -> Option<ScopeSet> {
        let mut common = None;
        for organization in organizations {
            let held = self.membership(organization)?.scopes;
            common = Some(common.map_or(held, |set: ScopeSet| set.intersection(held)));
        }
        Some(common.unwrap_or_default())
    }
}
