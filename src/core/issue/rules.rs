//! The rules for creating a token.
//!
//! The browser's form and the origin call the same functions, so the origin accepts what the form
//! accepts, and both use the same words. Each rule turns a part of the request into a checked
//! value, or into a [`Rejection`] that names the field and the fix.
//!
//! Left out: how long the token may be ([`super::token_length`]), which depends on the
//! installation's address.

use crate::{
    http::{
        api::{CreateToken, owned},
        problem::{FieldError, Problem, ProblemCode},
    },
    ids::OrganizationId,
    policy::{Policy, account::Account, scope::ScopeSet},
    quota::QuotaExceeded,
    time::{DAY, Timestamp},
    token::MAX_LIFETIME_DAYS,
};
use icu_properties::{
    CodePointSetData,
    props::{DefaultIgnorableCodePoint, NoncharacterCodePoint},
};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The longest token name, in Unicode scalar values after trimming.
pub const MAX_NAME_LENGTH: usize = 255;

/// The most active tokens of one user: those that are neither expired nor revoked.
pub const MAX_ACTIVE_TOKENS: usize = 50;

/// How long a token stays listed after it has expired or been revoked, in days.
pub const RETENTION_DAYS: u64 = 400;

/// The most organizations of one token. It has to fit into a request header.
pub const MAX_ORGANIZATIONS: usize = 16;

/// A member of the request to create a token.
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
    /// In the order of the form.
    pub const ALL: [Self; 4] = [Self::Name, Self::Expiry, Self::Organizations, Self::Scopes];

    /// Finds the field by its member's name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.name() == name)
    }

    /// The member's name in `POST api/v1/tokens`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Expiry => "expires_in_days",
            Self::Organizations => "organizations",
            Self::Scopes => "scopes",
        }
    }
}

/// Why a request to create a token is invalid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rejection {
    /// The name is empty or only white space.
    NameMissing,
    /// The name has more than [`MAX_NAME_LENGTH`] characters.
    NameTooLong {
        /// In Unicode scalar values.
        length: usize,
    },
    /// The name has a character that is not for texts of one line.
    NameUnprintable {
        /// The first such character.
        character: char,
    },
    /// Nobody would see any character of the name.
    NameInvisible,
    /// The lifetime is not one of [`Lifetime::ALL`].
    Expiry,
    /// No organization is selected.
    OrganizationMissing,
    /// More than [`MAX_ORGANIZATIONS`] are selected.
    TooManyOrganizations,
    /// The user is not a member of this organization.
    OrganizationUnknown(String),
    /// RBAC is on, and no scope is selected.
    ScopesMissing,
    /// RBAC is off, and scopes are selected.
    ScopesUnused,
    /// The policy does not define this scope.
    ScopeUnknown(String),
    /// The user does not hold these scopes in every selected organization.
    ScopesExceedOwner(Vec<String>),
}

impl Rejection {
    /// The code of the problem, if this is the first rejection.
    pub const fn code(&self) -> ProblemCode {
        match self {
            Self::NameMissing
            | Self::NameTooLong { .. }
            | Self::NameUnprintable { .. }
            | Self::NameInvisible => ProblemCode::NameInvalid,
            Self::Expiry => ProblemCode::ExpiryInvalid,
            Self::OrganizationMissing
            | Self::TooManyOrganizations
            | Self::OrganizationUnknown(_) => ProblemCode::OrganizationUnknown,
            Self::ScopesMissing | Self::ScopesUnused | Self::ScopeUnknown(_) => {
                ProblemCode::ScopesInvalid
            }
            Self::ScopesExceedOwner(_) => ProblemCode::ScopesExceedOwner,
        }
    }

    /// The member of the request that is invalid.
    pub const fn field(&self) -> Field {
        match self {
            Self::NameMissing
            | Self::NameTooLong { .. }
            | Self::NameUnprintable { .. }
            | Self::NameInvisible => Field::Name,
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

    /// The error in a problem's list. `field` is the name of the member or parameter.
    pub fn field_error(&self, field: &'static str) -> FieldError {
        FieldError {
            field: field.into(),
            code: self.code(),
            detail: self.to_string(),
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
            Self::NameUnprintable { character } => write!(
                f,
                "Remove {} from the name: it is a line break, a control character or no character.",
                code_point(*character)
            ),
            Self::NameInvisible => f.write_str(
                "Nobody can see this name. Write at least one visible character, such as a letter.",
            ),
            Self::Expiry => f.write_str("Choose 30, 90, 180 or 365 days."),
            Self::OrganizationMissing => f.write_str("Choose at least one organization."),
            Self::TooManyOrganizations => {
                write!(f, "Choose {MAX_ORGANIZATIONS} organizations or fewer.")
            }
            Self::OrganizationUnknown(id) => {
                write!(f, "You are not a member of organization {id:?}; remove it.")
            }
            Self::ScopesMissing => f.write_str("Select at least one permission."),
            Self::ScopesUnused => f.write_str(
                "Leave the scopes empty: RBAC is off, so the token inherits your full access.",
            ),
            Self::ScopeUnknown(name) => write!(f, "Scope {name:?} does not exist; remove it."),
            Self::ScopesExceedOwner(names) => write!(
                f,
                "You do not hold {} in every selected organization; remove it or select other organizations.",
                names.join(", ")
            ),
        }
    }
}

/// A character as Unicode's tables name it, such as "U+2028".
pub fn code_point(character: char) -> String {
    format!("U+{:04X}", u32::from(character))
}

/// A token's name: trimmed, 1 to [`MAX_NAME_LENGTH`] characters, at least one of them visible. None of
/// them breaks the line, is a control character, or is none at all ([RFC 9839], section 2.2).
///
/// Characters that Unicode has not assigned yet are allowed: the user's system may know a newer version.
///
/// [RFC 9839]: https://www.rfc-editor.org/rfc/rfc9839
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenName(String);

impl TokenName {
    /// The length in Unicode scalar values, after trimming.
    pub fn length(text: &str) -> usize {
        text.trim().chars().count()
    }

    /// Trims and checks a name.
    ///
    /// # Errors
    /// Returns a [`Rejection`] of the field `name`.
    pub fn parse(text: &str) -> Result<Self, Rejection> {
        let name = text.trim();
        let length = Self::length(text);
        if length == 0 {
            Err(Rejection::NameMissing)
        } else if length > MAX_NAME_LENGTH {
            Err(Rejection::NameTooLong { length })
        } else if let Some(character) = name.chars().find(|one| is_unprintable(*one)) {
            Err(Rejection::NameUnprintable { character })
        } else if !name.chars().any(is_visible) {
            Err(Rejection::NameInvisible)
        } else {
            Ok(Self(name.to_owned()))
        }
    }

    /// The trimmed name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether a character has no place in a text of one line.
fn is_unprintable(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{2028}' | '\u{2029}')
        || CodePointSetData::new::<NoncharacterCodePoint>().contains(character)
}

/// Whether a character leaves a mark on the screen.
fn is_visible(character: char) -> bool {
    !character.is_whitespace()
        && !CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(character)
        && !is_blank(character)
}

/// Whether a character is blank although no property of Unicode says so: its name and its chart do.
fn is_blank(character: char) -> bool {
    matches!(
        character,
        // Braille pattern blank, Khitan small script filler, musical symbol null notehead.
        '\u{2800}' | '\u{16fe4}' | '\u{1d159}'
            // Interlinear annotations, the object replacement character, hieroglyph joiners and blanks.
            | '\u{fff9}'..='\u{fffc}' | '\u{13430}'..='\u{1343f}' | '\u{13441}'..='\u{13442}'
    )
}

/// The lifetimes that a token can have.
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
    /// In the order of the form.
    pub const ALL: [Self; 4] = [Self::Month, Self::Quarter, Self::HalfYear, Self::Year];

    /// The lifetime in days.
    pub const fn days(self) -> u16 {
        match self {
            Self::Month => 30,
            Self::Quarter => 90,
            Self::HalfYear => 180,
            Self::Year => 365,
        }
    }

    /// Finds the lifetime with this many days.
    ///
    /// # Errors
    /// Returns [`Rejection::Expiry`] for any other number.
    pub fn from_days(days: u64) -> Result<Self, Rejection> {
        Self::ALL
            .into_iter()
            .find(|lifetime| u64::from(lifetime.days()) == days)
            .ok_or(Rejection::Expiry)
    }

    /// When a token that is created now expires.
    pub fn expiry(self, now: Timestamp) -> Timestamp {
        now.plus(u64::from(self.days()) * DAY)
    }
}

/// Checks the selected organizations, and returns each of them once.
///
/// # Errors
/// Returns a [`Rejection`] of the field `organizations`.
pub fn organizations(
    selected: &[String],
    owner: &Account,
) -> Result<Vec<OrganizationId>, Rejection> {
    let mut organizations: Vec<OrganizationId> = Vec::new();
    for id in selected {
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

/// Checks the selected scopes: at least one, and the owner must hold all of them in every selected
/// organization. Returns `None` if RBAC is off.
///
/// # Errors
/// Returns a [`Rejection`] of the field `scopes`.
pub fn scopes(
    selected: &[String],
    organizations: &[OrganizationId],
    owner: &Account,
    policy: &Policy,
) -> Result<Option<ScopeSet>, Rejection> {
    if !policy.rbac {
        return if selected.is_empty() {
            Ok(None)
        } else {
            Err(Rejection::ScopesUnused)
        };
    }
    let mut set = ScopeSet::EMPTY;
    for name in selected {
        let index = policy
            .scope_index(name)
            .ok_or_else(|| Rejection::ScopeUnknown(excerpt(name)))?;
        set = set.union(ScopeSet::of(index));
    }
    if set.is_empty() {
        return Err(Rejection::ScopesMissing);
    }
    let held = owner
        .scopes_in_all(organizations.iter().map(OrganizationId::as_str))
        .unwrap_or_default();
    if set.is_subset_of(held) {
        Ok(Some(set))
    } else {
        let exceeding = owned(policy.scope_names(set.difference(held)));
        Err(Rejection::ScopesExceedOwner(exceeding))
    }
}

/// A request that passes every rule. The registry still checks the limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewToken {
    /// The name, trimmed.
    pub name: TokenName,
    /// The requested lifetime, or the default.
    pub lifetime: Lifetime,
    /// At least one, each once.
    pub organizations: Vec<OrganizationId>,
    /// `None` if RBAC is off.
    pub scopes: Option<ScopeSet>,
}

impl NewToken {
    /// Applies every rule.
    ///
    /// # Errors
    /// Returns all rejections, in the order of the form. Scopes depend on the organizations, so
    /// they are checked only if those are valid.
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

/// The response to an invalid request.
pub fn problem(rejections: &[Rejection]) -> Problem {
    let error = |rejection: &Rejection| rejection.field_error(rejection.field().name());
    Problem::of_fields(rejections.iter().map(error).collect())
}

/// The limit that keeps a user from creating one more token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CreationLimit {
    /// [`MAX_ACTIVE_TOKENS`]
    Active,
    /// [`crate::quota::CREATIONS`]
    Rate(QuotaExceeded),
}

/// When a token's row may be deleted: [`RETENTION_DAYS`] after it stopped working, but not before
/// it expires. Status lists are computed from the rows, and a revoked token must stay revoked until
/// every edge refuses it as expired.
pub fn deletable_at(ended_at: Timestamp, expires_at: Timestamp) -> Timestamp {
    ended_at.plus(RETENTION_DAYS * DAY).max(expires_at)
}

/// Tokens that stopped working at this time or before have been listed long enough. See
/// [`deletable_at`].
pub const fn retention_start(now: Timestamp) -> Timestamp {
    Timestamp::from_seconds(now.seconds().saturating_sub(RETENTION_DAYS * DAY))
}

// A token that is revoked on its first day expires before its row is deleted.
const _: () = assert!(RETENTION_DAYS > MAX_LIFETIME_DAYS);

/// Whether one more token may be active. The form gets `limit` from the origin
/// ([`crate::http::api::TokenList::limit`]).
pub const fn has_room(active: usize, limit: usize) -> bool {
    active < limit
}

/// Shortens the user's text to fit into a sentence.
fn excerpt(text: &str) -> String {
    text.chars().take(64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{account::Membership, tests::policy};

    fn ada() -> Account {
        let member = |id: &str, role: &str| {
            let roles = vec![role.to_owned()];
            Membership::new(id.parse().unwrap(), id.to_owned(), roles, policy())
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
        for (text, expected) in [
            ("ERP Data Sync", "ERP Data Sync"),
            ("  a \n", "a"),
            (&long, &long),
        ] {
            assert_eq!(TokenName::parse(text).unwrap().as_str(), expected);
            assert_eq!(TokenName::length(text), expected.chars().count());
        }
        let too_long = "x".repeat(256);
        for (text, rejection) in [
            ("", Rejection::NameMissing),
            (" \t\u{a0}", Rejection::NameMissing),
            (&too_long, Rejection::NameTooLong { length: 256 }),
        ] {
            assert_eq!(TokenName::parse(text), Err(rejection));
        }
    }

    #[test]
    fn name_has_a_visible_character() {
        for invisible in [
            "\u{ad}",
            "\u{34f}",
            "\u{61c}",
            "\u{115f}",
            "\u{1160}",
            "\u{17b4}",
            "\u{180b}",
            "\u{180e}",
            "\u{200b}",
            "\u{200c}",
            "\u{200d}",
            "\u{200e}",
            "\u{200f}",
            "\u{202a}",
            "\u{202e}",
            "\u{2060}",
            "\u{2064}",
            "\u{2066}",
            "\u{2069}",
            "\u{206f}",
            "\u{2800}",
            "\u{3164}",
            "\u{fe00}",
            "\u{fe0f}",
            "\u{feff}",
            "\u{ffa0}",
            "\u{fff9}",
            "\u{fffb}",
            "\u{fffc}",
            "\u{13430}",
            "\u{13441}",
            "\u{16fe4}",
            "\u{1bca0}",
            "\u{1d159}",
            "\u{1d173}",
            "\u{e0001}",
            "\u{e0041}",
            "\u{e0100}",
            "\u{200b}\u{200b}",
            "\u{2800}\u{a0}\u{3000}\u{2800}",
            "\u{202e} \u{202c}",
        ] {
            let found = TokenName::parse(invisible);
            assert_eq!(found, Err(Rejection::NameInvisible), "{invisible:?}");
            let with_letter = format!("{invisible}a");
            assert!(TokenName::parse(&with_letter).is_ok(), "{with_letter:?}");
        }
        for visible in [
            ".",
            "\u{ac}",
            "\u{ae}",
            "\u{350}",
            "\u{115e}",
            "\u{27ff}",
            "\u{2801}",
            "\u{3163}",
            "\u{3165}",
            "\u{ff9f}",
            "\u{ffa1}",
            "\u{fffd}",
            "\u{301}",
            "\u{600}",
            "\u{e000}",
            "👩‍🔧",
            "שלום",
            "\u{378}",
        ] {
            assert!(TokenName::parse(visible).is_ok(), "{visible:?}");
        }
    }

    #[test]
    fn name_is_one_line_of_characters() {
        for unprintable in [
            '\0',
            '\t',
            '\n',
            '\r',
            '\u{1b}',
            '\u{7f}',
            '\u{85}',
            '\u{9f}',
            '\u{2028}',
            '\u{2029}',
            '\u{fdd0}',
            '\u{fdef}',
            '\u{fffe}',
            '\u{ffff}',
            '\u{1fffe}',
            '\u{10ffff}',
        ] {
            let rejection = Rejection::NameUnprintable {
                character: unprintable,
            };
            let text = format!("a{unprintable}b");
            assert_eq!(TokenName::parse(&text), Err(rejection.clone()), "{text:?}");
            let words = rejection.to_string();
            assert!(words.contains(&code_point(unprintable)), "{words}");
        }
        for allowed in [
            '\u{a0}', '\u{2027}', '\u{202a}', '\u{202f}', '\u{fdcf}', '\u{fffd}',
        ] {
            assert!(
                TokenName::parse(&format!("a{allowed}b")).is_ok(),
                "{allowed:?}"
            );
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
            scopes(&strings(names), organizations, &ada(), policy())
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
                Rejection::ScopesExceedOwner(strings(&["uns:publish"])),
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
        let mut policy = policy().clone();
        policy.rbac = false;
        let acme = organizations(&strings(&["acme"]), &ada()).unwrap();
        assert_eq!(scopes(&[], &acme, &ada(), &policy), Ok(None));
        let selected = strings(&["uns:read"]);
        assert_eq!(
            scopes(&selected, &acme, &ada(), &policy),
            Err(Rejection::ScopesUnused)
        );
    }

    #[test]
    fn check_reports_every_invalid_field() {
        let request = CreateToken {
            name: String::new(),
            expires_in_days: Some(7),
            organizations: strings(&["initech"]),
            scopes: vec![],
        };
        let rejections = NewToken::check(&request, &ada(), policy()).unwrap_err();
        let fields: Vec<_> = rejections
            .iter()
            .map(|rejection| (rejection.field().name(), rejection.code().as_str()))
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
    fn problem_takes_its_code_from_the_first_rejection_and_lists_all() {
        let problem = problem(&[Rejection::Expiry, Rejection::NameMissing]);
        assert_eq!(
            (problem.status, problem.code),
            (422, ProblemCode::ExpiryInvalid)
        );
        assert_eq!(problem.field.as_deref(), Some("expires_in_days"));
        let fields: Vec<_> = problem.errors.iter().map(|error| &*error.field).collect();
        assert_eq!(fields, ["expires_in_days", "name"]);
        assert_eq!(problem.detail, problem.errors[0].detail);
    }

    #[test]
    fn token_stays_listed_for_400_days_after_its_end() {
        let end = Timestamp::from_seconds(1_800_000_000);
        assert!(retention_start(end.plus(400 * DAY)) >= end);
        assert!(retention_start(end.plus(400 * DAY - 1)) < end);
        assert_eq!(retention_start(Timestamp::from_seconds(5)).seconds(), 0);
        assert_eq!(deletable_at(end, end), end.plus(400 * DAY));
        let later = end.plus(500 * DAY);
        assert_eq!(deletable_at(end, later), later, "not before it expires");
    }
}
