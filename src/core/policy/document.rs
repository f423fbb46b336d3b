//! `policy.json`: the policy as it lies beside the modules.
//!
//! People write `policy.toml`, and the package `patrol-policy` translates it. Both files say the
//! same; here nothing is abbreviated, so that a Worker needs no TOML and no rules for shorthands.
//! What a policy may say is checked by [`Policy::new`](super::Policy::new).

use super::Group;
use serde::{Deserialize, Serialize, de::IgnoredAny};

/// The whole file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyDocument {
    /// Whether scopes restrict tokens at all.
    pub rbac: bool,
    /// In display order.
    pub groups: Vec<Group>,
    /// Each may inherit from those before it.
    pub roles: Vec<RoleDocument>,
    /// In any order.
    pub routes: Vec<RouteDocument>,
    /// Read by [`MembershipRules`](super::membership::MembershipRules), and only at the origin.
    #[serde(default, skip_serializing)]
    pub membership: IgnoredAny,
}

/// A role. It grants its own scopes and those of the roles that it inherits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoleDocument {
    /// One lower-case word.
    pub name: String,
    /// The display name.
    pub label: String,
    /// Names of earlier roles.
    #[serde(default)]
    pub inherits: Vec<String>,
    /// Names of scopes; `*` means all of them.
    #[serde(default)]
    pub scopes: Vec<String>,
}

/// What requests with one method and path need.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a key of the file")]
pub struct RouteDocument {
    /// In capitals. GET includes HEAD.
    pub method: String,
    /// `{name}` stands for one segment, `{*name}` at the end for one or more.
    pub path: String,
    /// All scopes of any one alternative suffice.
    #[serde(default)]
    pub scopes: Vec<Vec<String>>,
    /// Whether requests need no token.
    #[serde(default)]
    pub public: bool,
    /// Whether the tail goes on as it was sent.
    #[serde(default)]
    pub raw: bool,
    /// Whether requests act in an organization.
    #[serde(default = "yes")]
    pub organization: bool,
    /// Whether `{organization}` names the organization that the request acts in.
    #[serde(default = "yes")]
    pub organization_parameter: bool,
}

fn yes() -> bool {
    true
}
