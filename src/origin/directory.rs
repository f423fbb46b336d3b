//! The users that exist in development.
//!
//! A real installation replaces this module by its identity provider: all that the rest of
//! the origin asks is an account by its id. Without `DEV_SIGN_IN` there are no users at all.

use crate::settings::Settings;
use patrol::{
    ids::UserId,
    policy::account::{Account, Membership},
};

struct User {
    id: &'static str,
    name: &'static str,
    /// Organization and role.
    roles: &'static [(&'static str, &'static str)],
}

const USERS: &[User] = &[
    User {
        id: "ada",
        name: "Ada Lovelace",
        roles: &[("acme", "admin"), ("globex", "viewer")],
    },
    User {
        id: "vic",
        name: "Vic Viewer",
        roles: &[("acme", "viewer")],
    },
    User {
        id: "otto",
        name: "Otto Operator",
        roles: &[("acme", "operator")],
    },
];

const ORGANIZATIONS: &[(&str, &str)] = &[
    ("acme", "Acme Manufacturing"),
    ("globex", "Globex Chemicals"),
];

/// The account of a user.
pub(crate) fn find(id: &str, settings: &Settings) -> Option<Account> {
    let user = USERS
        .iter()
        .find(|user| settings.dev_sign_in && user.id == id)?;
    let memberships = user
        .roles
        .iter()
        .map(|(organization, role)| {
            let name = ORGANIZATIONS.iter().find(|(id, _)| id == organization);
            Some(Membership {
                organization: organization.parse().ok()?,
                name: name.map_or(*organization, |(_, name)| name).to_owned(),
                roles: vec![(*role).to_owned()],
            })
        })
        .collect::<Option<_>>()?;
    Some(Account {
        id: user.id.parse::<UserId>().ok()?,
        name: user.name.to_owned(),
        email: format!("{}@example.com", user.id),
        memberships,
    })
}
