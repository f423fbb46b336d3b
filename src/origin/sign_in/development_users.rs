//! The development users, whom anyone on the developer's machine can be.

use patrol::{
    account::{AccountRecord, ExternalIdentity, Front},
    policy::account::MembershipRecord,
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

/// Finds a development user.
pub(crate) fn find(id: &str) -> Option<AccountRecord> {
    let user = USERS.iter().find(|user| user.id == id)?;
    let memberships = user
        .roles
        .iter()
        .map(|(organization, role)| {
            let name = ORGANIZATIONS.iter().find(|(id, _)| id == organization);
            Some(MembershipRecord {
                organization: organization.parse().ok()?,
                name: name.map_or(*organization, |(_, name)| name).to_owned(),
                roles: vec![(*role).to_owned()],
            })
        })
        .collect::<Option<_>>()?;
    Some(AccountRecord {
        id: user.id.parse().ok()?,
        name: user.name.to_owned(),
        email: format!("{}@example.com", user.id),
        memberships,
        identity: ExternalIdentity {
            front: Front::Development,
            provider: "dev".to_owned(),
            issuer: String::new(),
            subject: user.id.to_owned(),
        },
    })
}
