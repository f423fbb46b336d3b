//! From `policy.toml`, which people write, to `policy.json`, which the Workers read.
//!
//! This crate knows the file's format: its shorthands, and the line of every value. What a policy
//! may say is decided by [`Policy::new`], which names the place of a mistake; here that place
//! becomes a line.

use patrol::policy::{
    Group, Policy, Scope,
    check::Location,
    document::{PolicyDocument, RoleDocument, RouteDocument},
};
use serde::Deserialize;
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

/// Reads and checks `policy.toml`.
///
/// # Errors
/// The first mistake found.
pub fn read(text: &str) -> Result<PolicyDocument, Error> {
    let raw: RawPolicy = toml::from_str(text).map_err(|error| {
        let offset = error.span().map_or(0, |span| span.start);
        error_at(text, offset, error.message())
    })?;
    let document = raw.document();
    Policy::new(document.clone()).map_err(|error| {
        let span = raw.span(error.at).unwrap_or_default();
        error_at(text, span.start, &error.problem)
    })?;
    Ok(document)
}

/// Translates `policy.toml` to `policy.json`.
///
/// # Errors
/// As for [`read`].
pub fn to_json(text: &str) -> Result<String, Error> {
    let document = read(text)?;
    let json = serde_json::to_string_pretty(&document);
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
