//! The rules of creating a token.
//!
//! The form in the browser and the origin call the same functions, so what the form lets
//! pass is what the origin accepts, with the same words. Each rule is a function from what
//! the user gave to a checked value or a [`Rejection`] that names the field and the fix.

use crate::{
    http::api::CreateToken,
    ids::OrganizationId,
    policy::{Policy, account::Account, scope::ScopeSet},
    quota::QuotaExceeded,
    time::{DAY, Timestamp},
    token::MAX_LIFETIME_DAYS,
};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The longest token name, in Unicode scalar values, after trimming.
pub const MAX_NAME_LENGTH: usize = 255;

/// The most tokens of one user that are neither expired nor revoked.
pub const MAX_ACTIVE_TOKENS: usize = 50;

/// How long a token is remembered after its end, in days: it is listed until then.
pub const REMEMBERED_DAYS: u64 = 400;

/// The most organizations that one token can be for: the token has to fit into a header.
pub const MAX_ORGANIZATIONS: usize = 16;

/// The part of a creation that a rejection is about; the member's name in the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// `name`
    Name,
    /// `expires_in_days`
    Expiry,
    /// `organizations`
    Organizations,
    /// `scopes`
    Scopes,
}

impl Field {
    /// All, in the order of the form.
    pub const ALL: [Self; 4] = [Self::Name, Self::Expiry, Self::Organizations, Self::Scopes];

    /// The field of that member.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.name() == name)
    }

    /// The member's name in `POST /api/v1/tokens`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Expiry => "expires_in_days",
            Self::Organizations => "organizations",
            Self::Scopes => "scopes",
        }
    }
}

/// Why a token cannot be created as asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rejection {
    /// Nothing but white space.
    NameMissing,
    /// More than [`MAX_NAME_LENGTH`] characters.
    NameTooLong {
        /// Characters given.
        length: usize,
    },
    /// A control character, such as a line break.
    NameUnprintable,
    /// Not one of the lifetimes.
    Expiry,
    /// None chosen.
    OrganizationMissing,
    /// More than [`MAX_ORGANIZATIONS`].
    TooManyOrganizations,
    /// Not an organization of the user.
    OrganizationUnknown(String),
    /// None chosen although RBAC is on.
    ScopesMissing,
    /// Scopes although RBAC is off.
    ScopesUnused,
    /// The policy has no such scope.
    ScopeUnknown(String),
    /// The user does not hold these in every chosen organization.
    ScopesExceedOwner(Vec<&'static str>),
}

impl Rejection {
    /// Stable, for programs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NameMissing | Self::NameTooLong { .. } | Self::NameUnprintable => "name-invalid",
            Self::Expiry => "expiry-invalid",
            Self::OrganizationMissing
            | Self::TooManyOrganizations
            | Self::OrganizationUnknown(_) => "organization-unknown",
            Self::ScopesMissing | Self::ScopesUnused | Self::ScopeUnknown(_) => "scopes-invalid",
            Self::ScopesExceedOwner(_) => "scopes-exceed-owner",
        }
    }

    /// What it is about.
    pub const fn field(&self) -> Field {
        match self {
            Self::NameMissing | Self::NameTooLong { .. } | Self::NameUnprintable => Field::Name,
            Self::Expiry => Field::Expiry,
            Self::OrganizationMissing
            | Self::TooManyOrganizations
            | Self::OrganizationUnknown(_) => Field::Organizations,
            Self::ScopesMissing
            | Self::ScopesUnused
            | Self::ScopeUnknown(_)
            | Self::ScopesExceedOwner(_) => Field::Scopes,
        }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NameMissing => f.write_str("Enter a name that says what the token is for."),
            Self::NameTooLong { length } => write!(
                f,
                "The name has {length} characters; shorten it to {MAX_NAME_LENGTH} or fewer."
            ),
            Self::NameUnprintable => {
                f.write_str("Remove line breaks and other control characters from the name.")
            }
            Self::Expiry => f.write_str("Choose 30, 90, 180 or 365 days."),
            Self::OrganizationMissing => f.write_str("Choose at least one organization."),
            Self::TooManyOrganizations => {
                write!(f, "Choose {MAX_ORGANIZATIONS} organizations or fewer.")
            }
            Self::OrganizationUnknown(id) => {
                write!(
                    f,
                    "You are not a member of the organization {id:?}; remove it."
                )
            }
            Self::ScopesMissing => f.write_str("Select at least one permission."),
            Self::ScopesUnused => f.write_str(
                "Leave the scopes empty: RBAC is off, and the token inherits your full access.",
            ),
            Self::ScopeUnknown(name) => write!(f, "There is no scope {name:?}; remove it."),
            Self::ScopesExceedOwner(names) => write!(
                f,
                "You do not hold {} in every chosen organization; remove it or choose other organizations.",
                names.join(", ")
            ),
        }
    }
}

/// A token's name: 1 to [`MAX_NAME_LENGTH`] characters, trimmed, no control characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenName(String);

impl TokenName {
    /// How many characters of a text count: Unicode scalar values, after trimming.
    pub fn length(text: &str) -> usize {
        text.trim().chars().count()
    }

    /// Trims and checks.
    ///
    /// # Errors
    /// A [`Rejection`] of the field `name`.
    pub fn parse(text: &str) -> Result<Self, Rejection> {
        let name = text.trim();
        let length = Self::length(text);
        if length == 0 {
            Err(Rejection::NameMissing)
        } else if length > MAX_NAME_LENGTH {
            Err(Rejection::NameTooLong { length })
        } else if name.chars().any(char::is_control) {
            Err(Rejection::NameUnprintable)
        } else {
            Ok(Self(name.to_owned()))
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// How long a token lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Lifetime {
    /// 30 days
    Month,
    /// 90 days
    #[default]
    Quarter,
    /// 180 days
    HalfYear,
    /// 365 days
    Year,
}

impl Lifetime {
    /// All, in the order of the form.
    pub const ALL: [Self; 4] = [Self::Month, Self::Quarter, Self::HalfYear, Self::Year];

    /// Whole days.
    pub const fn days(self) -> u16 {
        match self {
            Self::Month => 30,
            Self::Quarter => 90,
            Self::HalfYear => 180,
            Self::Year => 365,
        }
    }

    /// The lifetime of that many days.
    ///
    /// # Errors
    /// [`Rejection::Expiry`].
    pub fn from_days(days: u64) -> Result<Self, Rejection> {
        Self::ALL
            .into_iter()
            .find(|lifetime| u64::from(lifetime.days()) == days)
            .ok_or(Rejection::Expiry)
    }

    /// When a token that is made now expires.
    pub fn expiry(self, now: Timestamp) -> Timestamp {
        now.plus(u64::from(self.days()) * DAY)
    }
}

/// The chosen organizations, each once, all of them the user's.
///
/// # Errors
/// A [`Rejection`] of the field `organizations`.
pub fn organizations(chosen: &[String], owner: &Account) -> Result<Vec<OrganizationId>, Rejection> {
    let mut organizations: Vec<OrganizationId> = Vec::new();
    for id in chosen {
        let membership = owner
            .membership(id)
            .ok_or_else(|| Rejection::OrganizationUnknown(excerpt(id)))?;
        if !organizations.contains(&membership.organization) {
            organizations.push(membership.organization.clone());
        }
    }
    match organizations.len() {
        0 => Err(Rejection::OrganizationMissing),
        1..=MAX_ORGANIZATIONS => Ok(organizations),
        _ => Err(Rejection::TooManyOrganizations),
    }
}

/// The chosen scopes: None when RBAC is off, else a set that is not empty and that the owner
/// holds whole in every chosen organization.
///
/// # Errors
/// A [`Rejection`] of the field `scopes`.
pub fn scopes(
    chosen: &[String],
    organizations: &[OrganizationId],
    owner: &Account,
    policy: &Policy,
) -> Result<Option<ScopeSet>, Rejection> {
    if !policy.rbac {
        return if chosen.is_empty() {
            Ok(None)
        } else {
            Err(Rejection::ScopesUnused)
        };
    }
    let mut set = ScopeSet::EMPTY;
    for name in chosen {
        let index = policy
            .scope_index(name)
            .ok_or_else(|| Rejection::ScopeUnknown(excerpt(name)))?;
        set = set.union(ScopeSet::of(index));
    }
    if set.is_empty() {
        return Err(Rejection::ScopesMissing);
    }
    let held = owner
        .scopes_in_all(organizations.iter().map(OrganizationId::as_str), policy)
        .unwrap_or_default();
    if set.is_subset_of(held) {
        Ok(Some(set))
    } else {
        Err(Rejection::ScopesExceedOwner(
            policy.scope_names(set.difference(held)),
        ))
    }
}

/// A creation that every rule allows, but for the limit, which only the registry can judge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewToken {
    /// Trimmed.
    pub name: TokenName,
    /// One of four.
    pub lifetime: Lifetime,
    /// The owner's, at least one.
    pub organizations: Vec<OrganizationId>,
    /// None: RBAC is off.
    pub scopes: Option<ScopeSet>,
}

impl NewToken {
    /// Applies every rule.
    ///
    /// # Errors
    /// All rejections, in the order of the form, at least one. Scopes are judged only when
    /// the organizations are right, because they depend on them.
    pub fn check(
        request: &CreateToken,
        owner: &Account,
        policy: &Policy,
    ) -> Result<Self, Vec<Rejection>> {
        let name = TokenName::parse(&request.name);
        let lifetime = request
            .expires_in_days
            .map_or(Ok(Lifetime::default()), Lifetime::from_days);
        let organizations = organizations(&request.organizations, owner);
        let scopes = match &organizations {
            Ok(organizations) => Some(scopes(&request.scopes, organizations, owner, policy)),
            Err(_) => None,
        };
        match (name, lifetime, organizations, scopes) {
            (Ok(name), Ok(lifetime), Ok(organizations), Some(Ok(scopes))) => Ok(Self {
                name,
                lifetime,
                organizations,
                scopes,
            }),
            (name, lifetime, organizations, scopes) => Err([
                name.err(),
                lifetime.err(),
                organizations.err(),
                scopes.and_then(Result::err),
            ]
            .into_iter()
            .flatten()
            .collect()),
        }
    }
}

/// What keeps a user from having one more token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// [`MAX_ACTIVE_TOKENS`]
    Active,
    /// Too many were made lately.
    Rate(QuotaExceeded),
}

/// Tokens that ended then or before are forgotten, if they have expired too: what a status list
/// says is computed from what is remembered, and a revoked token must stay revoked until no edge
/// accepts it for its time.
pub const fn forgotten_before(now: Timestamp) -> Timestamp {
    Timestamp::from_seconds(now.seconds().saturating_sub(REMEMBERED_DAYS * DAY))
}

// Who is revoked on the first day has expired before it is forgotten.
const _: () = assert!(REMEMBERED_DAYS > MAX_LIFETIME_DAYS);

/// Is there room for one more active token, by a limit that the origin has told
/// ([`crate::http::api::TokenList::limit`])?
pub const fn has_room(active: usize, limit: usize) -> bool {
    active < limit
}

/// As much of what the user gave as fits into a sentence.
fn excerpt(text: &str) -> String {
    text.chars().take(64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{POLICY, account::Membership};

    fn ada() -> Account {
        let member = |id: &str, role: &str| Membership {
            organization: id.parse().unwrap(),
            name: id.to_owned(),
            roles: vec![role.to_owned()],
        };
        Account {
            id: "ada".parse().unwrap(),
            name: "Ada".to_owned(),
            email: "ada@example.com".to_owned(),
            memberships: vec![member("acme", "admin"), member("globex", "viewer")],
        }
    }

    fn strings(list: &[&str]) -> Vec<String> {
        list.iter().map(|s| (*s).to_owned()).collect()
    }

    #[test]
    fn enter_a_token_name_of_at_most_255_characters() {
        let long = "ä".repeat(255);
        for (given, kept) in [
            ("ERP Data Sync", "ERP Data Sync"),
            ("  a \n", "a"),
            (&long, &long),
        ] {
            assert_eq!(TokenName::parse(given).unwrap().as_str(), kept);
            assert_eq!(TokenName::length(given), kept.chars().count());
        }
        let too_long = "x".repeat(256);
        for (given, rejection) in [
            ("", Rejection::NameMissing),
            (" \t\u{a0}", Rejection::NameMissing),
            ("a\nb", Rejection::NameUnprintable),
            ("a\u{0}b", Rejection::NameUnprintable),
            (&too_long, Rejection::NameTooLong { length: 256 }),
        ] {
            assert_eq!(TokenName::parse(given), Err(rejection));
        }
    }

    #[test]
    fn an_expiration_is_30_90_default_180_or_365_days() {
        for days in [30, 90, 180, 365] {
            assert_eq!(u64::from(Lifetime::from_days(days).unwrap().days()), days);
        }
        for days in [0, 1, 29, 31, 364, 366, u64::MAX] {
            assert_eq!(Lifetime::from_days(days), Err(Rejection::Expiry));
        }
        assert_eq!(Lifetime::default().days(), 90);
        let now = Timestamp::from_seconds(1000);
        assert_eq!(
            Lifetime::Year.expiry(now).since(now),
            MAX_LIFETIME_DAYS * DAY
        );
    }

    #[test]
    fn you_can_only_grant_scopes_that_your_own_account_has() {
        let acme = organizations(&strings(&["acme"]), &ada()).unwrap();
        let both = organizations(&strings(&["acme", "globex", "acme"]), &ada()).unwrap();
        assert_eq!(both.len(), 2);
        let check = |names: &[&str], organizations: &[OrganizationId]| {
            scopes(&strings(names), organizations, &ada(), &POLICY)
        };
        assert_eq!(
            check(&["uns:read", "uns:publish"], &acme)
                .unwrap()
                .unwrap()
                .len(),
            2
        );
        assert_eq!(
            check(&["uns:read", "uns:read"], &both)
                .unwrap()
                .unwrap()
                .len(),
            1
        );
        for (names, organizations, rejection) in [
            (
                &["uns:read", "uns:publish"][..],
                &both,
                Rejection::ScopesExceedOwner(vec!["uns:publish"]),
            ),
            (&[], &acme, Rejection::ScopesMissing),
            (
                &["uns:fly"],
                &acme,
                Rejection::ScopeUnknown("uns:fly".to_owned()),
            ),
            (&["*"], &acme, Rejection::ScopeUnknown("*".to_owned())),
        ] {
            assert_eq!(check(names, organizations), Err(rejection));
        }
    }

    #[test]
    fn without_rbac_a_token_has_no_scopes() {
        let policy = POLICY.with_rbac(false);
        let acme = organizations(&strings(&["acme"]), &ada()).unwrap();
        assert_eq!(scopes(&[], &acme, &ada(), &policy), Ok(None));
        let given = strings(&["uns:read"]);
        assert_eq!(
            scopes(&given, &acme, &ada(), &policy),
            Err(Rejection::ScopesUnused)
        );
    }

    #[test]
    fn every_wrong_field_is_named_at_once() {
        let request = CreateToken {
            name: String::new(),
            expires_in_days: Some(7),
            organizations: strings(&["initech"]),
            scopes: vec![],
        };
        let rejections = NewToken::check(&request, &ada(), &POLICY).unwrap_err();
        let fields: Vec<_> = rejections
            .iter()
            .map(|r| (r.field().name(), r.code()))
            .collect();
        assert_eq!(
            fields,
            [
                ("name", "name-invalid"),
                ("expires_in_days", "expiry-invalid"),
                ("organizations", "organization-unknown"),
            ]
        );
        for field in Field::ALL {
            assert_eq!(Field::from_name(field.name()), Some(field));
        }
        assert_eq!(Field::from_name("token"), None);
    }

    #[test]
    fn at_most_50_tokens_are_active() {
        assert!(has_room(49, MAX_ACTIVE_TOKENS) && !has_room(50, MAX_ACTIVE_TOKENS));
        assert!(has_room(9, 10) && !has_room(10, 10) && !has_room(0, 0));
    }

    #[test]
    fn a_token_is_remembered_for_400_days_after_its_end() {
        let end = Timestamp::from_seconds(1_800_000_000);
        assert!(forgotten_before(end.plus(400 * DAY)) >= end);
        assert!(forgotten_before(end.plus(400 * DAY - 1)) < end);
        assert_eq!(forgotten_before(Timestamp::from_seconds(5)).seconds(), 0);
    }
}
