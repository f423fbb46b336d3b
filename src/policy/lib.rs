//! From `policy.toml`, which people write, to `policy.json`, which the Workers read.
//!
//! This crate knows the file's format: its shorthands, and the line of every value. What a policy
//! may say is decided by [`Policy::new`], which names the place of a mistake; here that place
//! becomes a line.

use patrol::policy::{
    Group, Policy, Scope,
    check::Location,
    document::{PolicyDocument, RoleDocument, RouteDocument},
    membership::{MembershipDocument, MembershipRules, OrganizationDocument, Place, RuleDocument},
};
use serde::{Deserialize, Serialize, de::IgnoredAny};
use std::{collections::BTreeMap, fmt, ops::Range, sync::LazyLock};
use toml::Spanned;

/// A mistake in `policy.toml`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// Counted from 1.
    pub line: usize,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.message)
    }
}

impl std::error::Error for Error {}

/// `policy.json`.
#[derive(Serialize)]
struct PolicyFile {
    #[serde(flatten)]
    policy: PolicyDocument,
    #[serde(skip_serializing_if = "Option::is_none")]
    membership: Option<MembershipDocument>,
}

/// Reads and checks `policy.toml`.
///
/// # Errors
/// The first mistake found.
pub fn read(text: &str) -> Result<PolicyDocument, Error> {
    read_file(text).map(|file| file.policy)
}

fn read_file(text: &str) -> Result<PolicyFile, Error> {
    let raw: RawPolicy = toml::from_str(text).map_err(|error| {
        let offset = error.span().map_or(0, |span| span.start);
        error_at(text, offset, error.message())
    })?;
    let document = raw.document();
    let policy = Policy::new(document.clone()).map_err(|error| {
        let span = raw.span(error.at).unwrap_or_default();
        error_at(text, span.start, &error.problem)
    })?;
    let membership = raw.membership.as_ref().map(RawMembership::document);
    let rules = membership.clone().unwrap_or_default();
    MembershipRules::new(rules, &policy).map_err(|error| {
        let raw = raw.membership.as_ref();
        let span = raw.and_then(|raw| raw.span(error.at)).unwrap_or_default();
        error_at(text, span.start, &error.problem)
    })?;
    Ok(PolicyFile {
        policy: document,
        membership,
    })
}

/// Translates `policy.toml` to `policy.json`.
///
/// # Errors
/// As for [`read`].
pub fn to_json(text: &str) -> Result<String, Error> {
    let file = read_file(text)?;
    let json = serde_json::to_string_pretty(&file);
    json.map(|json| json + "\n")
        .map_err(|error| error_at(text, 0, &error.to_string()))
}

/// The policy of this repository, for tests.
///
/// # Panics
/// If the file is missing or wrong.
pub fn example() -> &'static Policy {
    static EXAMPLE: LazyLock<Policy> = LazyLock::new(|| {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../policy.toml");
        let text = std::fs::read_to_string(path).expect("policy.toml is missing");
        let document = read(&text).expect("policy.toml is wrong");
        Policy::new(document).expect("it was just checked")
    });
    &EXAMPLE
}

fn error_at(text: &str, offset: usize, message: &str) -> Error {
    let before = text.get(..offset).unwrap_or(text);
    Error {
        line: before.matches('\n').count() + 1,
        message: message.to_owned(),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPolicy {
    rbac: RawRbac,
    #[serde(rename = "group", default)]
    groups: Vec<RawGroup>,
    #[serde(rename = "role", default)]
    roles: Vec<RawRole>,
    #[serde(default)]
    routes: BTreeMap<Spanned<String>, RawRoute>,
    membership: Option<RawMembership>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawMembership {
    #[serde(default)]
    names: BTreeMap<Spanned<String>, String>,
    #[serde(rename = "rule", default)]
    rules: Vec<Spanned<RawRule>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRule {
    provider: Option<Spanned<String>>,
    claim: Spanned<RawClaim>,
    value: Spanned<String>,
    organization: Option<Spanned<RawOrganization>>,
    role: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "a claim is a path like \"realm_access.roles\", or a list of its parts"
)]
enum RawClaim {
    Path(String),
    Names(Vec<String>),
}

#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "an organization is the text of its id, or { claim = \"…\" }"
)]
enum RawOrganization {
    Id(String),
    From(RawOrganizationClaim),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawOrganizationClaim {
    claim: RawClaim,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRbac {
    enabled: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawGroup {
    name: Spanned<String>,
    color: Spanned<String>,
    scopes: Vec<Spanned<Scope>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRole {
    name: Spanned<String>,
    label: String,
    #[serde(default)]
    inherits: Vec<Spanned<String>>,
    #[serde(default)]
    scopes: Vec<Spanned<String>>,
}

/// A list of scopes, or a table that says more.
#[derive(Deserialize)]
#[serde(untagged)]
enum RawRoute {
    Scopes(Vec<RawAlternative>),
    Table(RawRouteTable),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a key of the file")]
struct RawRouteTable {
    #[serde(default)]
    scopes: Vec<RawAlternative>,
    #[serde(default)]
    public: bool,
    #[serde(default)]
    raw: bool,
    #[serde(default = "yes")]
    organization: bool,
    #[serde(default = "yes")]
    organization_parameter: bool,
}

fn yes() -> bool {
    true
}

/// One scope, or several that are needed together.
#[derive(Deserialize)]
#[serde(untagged)]
enum RawAlternative {
    One(String),
    All(Vec<String>),
}

impl RawPolicy {
    fn document(&self) -> PolicyDocument {
        let texts = |list: &[Spanned<String>]| list.iter().map(text).collect();
        let groups = self.groups.iter().map(|group| Group {
            name: text(&group.name),
            color: text(&group.color),
            scopes: group.scopes.iter().map(|s| s.as_ref().clone()).collect(),
        });
        let roles = self.roles.iter().map(|role| RoleDocument {
            name: text(&role.name),
            label: role.label.clone(),
            inherits: texts(&role.inherits),
            scopes: texts(&role.scopes),
        });
        let routes = self
            .routes
            .iter()
            .map(|(key, route)| route.document(key.as_ref()));
        PolicyDocument {
            rbac: self.rbac.enabled,
            groups: groups.collect(),
            roles: roles.collect(),
            routes: routes.collect(),
            membership: IgnoredAny,
        }
    }

    /// Where a place of the document stands in the file.
    fn span(&self, at: Location) -> Option<Range<usize>> {
        let group = |number: usize| self.groups.get(number);
        let role = |number: usize| self.roles.get(number);
        Some(match at {
            Location::Document => return None,
            Location::Group(number) => group(number)?.name.span(),
            Location::Color(number) => group(number)?.color.span(),
            Location::Scope(number, scope) => group(number)?.scopes.get(scope)?.span(),
            Location::Role(number) => role(number)?.name.span(),
            Location::Inherited(number, parent) => role(number)?.inherits.get(parent)?.span(),
            Location::Granted(number, scope) => role(number)?.scopes.get(scope)?.span(),
            Location::Route(number) => self.routes.keys().nth(number)?.span(),
        })
    }
}

fn text(value: &Spanned<String>) -> String {
    value.as_ref().clone()
}

impl RawMembership {
    fn document(&self) -> MembershipDocument {
        let names = self.names.iter();
        let rules = self.rules.iter().map(|rule| rule.as_ref().document());
        MembershipDocument {
            names: names.map(|(id, name)| (text(id), name.clone())).collect(),
            rules: rules.collect(),
        }
    }

    fn span(&self, at: Place) -> Option<Range<usize>> {
        let rule = |number: usize| self.rules.get(number).map(Spanned::as_ref);
        Some(match at {
            Place::Document => self.rules.first()?.span(),
            Place::Name(number) => self.names.keys().nth(number)?.span(),
            Place::Rule(number) => self.rules.get(number)?.span(),
            Place::Provider(number) => rule(number)?.provider.as_ref()?.span(),
            Place::Claim(number) => rule(number)?.claim.span(),
            Place::Value(number) => rule(number)?.value.span(),
            Place::Organization(number) => rule(number)?.organization.as_ref()?.span(),
            Place::Role(number) => rule(number)?.role.as_ref()?.span(),
        })
    }
}

impl RawRule {
    fn document(&self) -> RuleDocument {
        let organization = self.organization.as_ref().map(|from| match from.as_ref() {
            RawOrganization::Id(id) => OrganizationDocument::Id(id.clone()),
            RawOrganization::From(from) => OrganizationDocument::Claim(from.claim.names()),
        });
        RuleDocument {
            provider: self.provider.as_ref().map(text),
            claim: self.claim.as_ref().names(),
            value: text(&self.value),
            organization,
            role: self.role.as_ref().map(text),
        }
    }
}

impl RawClaim {
    /// Dots separate the parts of a path, but not those of a URL, which some use as a claim's name
    /// (OpenID Connect Core, section 5.1.2).
    fn names(&self) -> Vec<String> {
        match self {
            Self::Path(name) if name.contains("://") => vec![name.clone()],
            Self::Path(path) => path.split('.').map(str::to_owned).collect(),
            Self::Names(names) => names.clone(),
        }
    }
}

impl RawRoute {
    /// `key` is `METHOD /path`.
    fn document(&self, key: &str) -> RouteDocument {
        let (method, path) = key.split_once(' ').unwrap_or((key, ""));
        let mut route = RouteDocument {
            method: method.to_owned(),
            path: path.to_owned(),
            scopes: Vec::new(),
            public: false,
            raw: false,
            organization: true,
            organization_parameter: true,
        };
        let scopes = match self {
            Self::Scopes(scopes) => scopes,
            Self::Table(table) => {
                route.public = table.public;
                route.raw = table.raw;
                route.organization = table.organization;
                route.organization_parameter = table.organization_parameter;
                &table.scopes
            }
        };
        route.scopes = scopes.iter().map(RawAlternative::names).collect();
        route
    }
}

impl RawAlternative {
    fn names(&self) -> Vec<String> {
        match self {
            Self::One(name) => vec![name.clone()],
            Self::All(names) => names.clone(),
        }
    }
}

#[cfg(test)]
mod tests;
