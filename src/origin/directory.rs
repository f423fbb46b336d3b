//! The development users.
//!
//! An installation replaces this module with its own directory: the rest of the origin only calls
//! [`find`]. Without `DEV_SIGN_IN` it finds nobody.

use crate::context::OriginContext;
use patrol::{
    ids::UserId,
    policy::account::{Account, Membership},
};

struct DevUser {
    id: &'static str,
    name: &'static str,
    /// Pairs of organization and role.
    roles: &'static [(&'static str, &'static str)],
}

const USERS: &[DevUser] = &[
    DevUser {
        id: "ada",
        name: "Ada Lovelace",
        roles: &[("acme", "admin"), ("globex", "viewer")],
    },
    DevUser {
        id: "vic",
        name: "Vic Viewer",
        roles: &[("acme", "viewer")],
    },
    DevUser {
        id: "otto",
        name: "Otto Operator",
        roles: &[("acme", "operator")],
    },
];

const ORGANIZATIONS: &[(&str, &str)] = &[
    ("acme", "Acme Manufacturing"),
    ("globex", "Globex Chemicals"),
];

/// Finds a user's account.
pub(crate) fn find(id: &str, origin: OriginContext<'_>) -> Option<Account> {
    let user = USERS
        .iter()
        .find(|user| origin.settings.dev_sign_in && user.id == id)?;
    let memberships = user
        .roles
        .iter()
        .map(|(organization, role)| {
            let name = ORGANIZATIONS.iter().find(|(id, _)| id == organization);
            Some(Membership::new(
                organization.parse().ok()?,
                name.map_or(*organization, |(_, name)| name).to_owned(),
                vec![(*role).to_owned()],
                origin.policy,
            ))
        })
        .collect::<Option<_>>()?;
    Some(Account {
        id: user.id.parse::<UserId>().ok()?,
        name: user.name.to_owned(),
        email: format!("{}@example.com", user.id),
        memberships,
    })
}
