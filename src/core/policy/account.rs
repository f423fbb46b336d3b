//! Who a user is, as far as tokens are concerned: organizations, and roles there.
//!
//! Where users come from (a directory, an identity provider) is the origin's business.

use crate::{
    ids::{OrganizationId, UserId},
    policy::{Policy, scope::ScopeSet},
};

/// A signed-in user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Stable and unique.
    pub id: UserId,
    /// For people.
    pub name: String,
    /// For people.
    pub email: String,
    /// Where the user is a member.
    pub memberships: Vec<Membership>,
}

/// A user's place in one organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    /// The organization.
    pub organization: OrganizationId,
    /// Its name, for people.
    pub name: String,
    /// Names of roles of the policy; one that it does not have gives nothing.
    pub roles: Vec<String>,
}

impl Membership {
    /// What the member may do in the organization.
    pub fn scopes(&self, policy: &Policy) -> ScopeSet {
        self.roles
            .iter()
            .filter_map(|role| policy.role(role))
            .fold(ScopeSet::EMPTY, |set, role| set.union(role.scopes))
    }
}

impl Account {
    /// The user's membership in an organization.
    pub fn membership(&self, organization: &str) -> Option<&Membership> {
        self.memberships
            .iter()
            .find(|m| m.organization.as_str() == organization)
    }

    /// What the user may do in every one of these organizations; None when one of them is not
    /// the user's. No organizations: nothing.
    pub fn scopes_in_all<'a>(
        &self,
        organizations: impl IntoIterator<Item = &'a str>,
        policy: &Policy,
    ) -> Option<ScopeSet> {
        let mut common = None;
        for organization in organizations {
            let held = self.membership(organization)?.scopes(policy);
            common = Some(common.map_or(held, |set: ScopeSet| set.intersection(held)));
        }
        Some(common.unwrap_or_default())
    }
}
