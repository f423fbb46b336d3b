//! Reads and checks `policy.toml`.
//!
//! The build script compiles the result into static tables. Every mistake is an [`Error`] with its
//! line, and a policy with a mistake never becomes a Worker. Left out: matching requests, which
//! `policy` does.

use super::routes;
use serde::Deserialize;
use std::{collections::BTreeMap, fmt};
use toml::Spanned;

/// The most scopes that a policy may have. Each is one bit of a `ScopeSet`.
pub(crate) const MAX_SCOPES: usize = 128;

/// The colors of groups. The page has a style for each.
pub(crate) const COLORS: [&str; 6] = ["blue", "violet", "amber", "green", "pink", "slate"];

/// A checked policy, with every name resolved to an index.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) rbac: bool,
    pub(crate) groups: Vec<SourceGroup>,
    /// In the order of the groups. The index is the bit in a `ScopeSet`.
    pub(crate) scopes: Vec<SourceScope>,
    pub(crate) roles: Vec<SourceRole>,
    pub(crate) routes: Vec<SourceRoute>,
    /// The tree of route paths. Node 0 is the root.
    pub(crate) nodes: Vec<SourceNode>,
}

#[derive(Debug)]
pub(crate) struct SourceGroup {
    pub(crate) name: String,
    pub(crate) color: String,
    /// First scope and one past the last, as indexes into the scopes.
    pub(crate) scopes: (usize, usize),
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SourceScope {
    pub(crate) name: String,
    pub(crate) label: String,
    pub(crate) description: String,
}

#[derive(Debug)]
pub(crate) struct SourceRole {
    pub(crate) name: String,
    pub(crate) label: String,
    /// Own and inherited scopes, one bit each.
    pub(crate) scopes: u128,
}

#[derive(Debug)]
pub(crate) struct SourceRoute {
    pub(crate) path: String,
    pub(crate) organization: bool,
    /// Each alternative is a set of scopes that together suffice.
    pub(crate) alternatives: Vec<u128>,
}

/// A node of the path tree.
#[derive(Debug, Default)]
pub(crate) struct SourceNode {
    /// Children by literal segment, sorted.
    pub(crate) literals: BTreeMap<String, usize>,
    /// The child for `{name}`.
    pub(crate) parameter: Option<usize>,
    /// The child for `{*name}`, which matches the rest of the path.
    pub(crate) tail: Option<usize>,
    /// The routes that end here, by method, as indexes into the routes.
    pub(crate) routes: BTreeMap<String, usize>,
}

/// A mistake in the policy, and where it is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Error {
    /// Counted from 1.
    pub(crate) line: usize,
    pub(crate) message: String,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.message)
    }
}

impl std::error::Error for Error {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPolicy {
    rbac: RawRbac,
    #[serde(default, rename = "group")]
    groups: Vec<RawGroup>,
    #[serde(default, rename = "role")]
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
    scopes: Vec<Spanned<SourceScope>>,
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

#[derive(Deserialize)]
#[serde(untagged)]
enum RawRoute {
    Alternatives(Vec<RawAlternative>),
    Table(RawRouteTable),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRouteTable {
    scopes: Vec<RawAlternative>,
    #[serde(default = "yes")]
    organization: bool,
}

fn yes() -> bool {
    true
}

#[derive(Deserialize)]
#[serde(untagged)]
enum RawAlternative {
    One(String),
    All(Vec<String>),
}

/// Reads and checks a policy.
///
/// # Errors
/// The first mistake found, with its line.
pub(crate) fn read(text: &str) -> Result<Source, Error> {
    let text = Text(text);
    let raw: RawPolicy = toml::from_str(text.0).map_err(|error| {
        let offset = error.span().map_or(0, |span| span.start);
        text.error(offset, error.message().to_owned())
    })?;
    let (groups, scopes) = read_groups(&raw.groups, text)?;
    let roles = read_roles(&raw.roles, &scopes, text)?;
    let (routes, nodes) = read_routes(&raw.routes, &scopes, text)?;
    Ok(Source {
        rbac: raw.rbac.enabled,
        groups,
        scopes,
        roles,
        routes,
        nodes,
    })
}

/// The whole file, to find the line of a mistake.
#[derive(Clone, Copy)]
struct Text<'a>(&'a str);

impl Text<'_> {
    fn error(self, offset: usize, message: String) -> Error {
        let before = self.0.get(..offset).unwrap_or(self.0);
        Error {
            line: before.matches('\n').count() + 1,
            message,
        }
    }

    /// An error at the position of a value.
    fn at<T>(self, value: &Spanned<T>, message: impl Into<String>) -> Error {
        self.error(value.span().start, message.into())
    }
}

fn read_groups(
    raw: &[RawGroup],
    text: Text<'_>,
) -> Result<(Vec<SourceGroup>, Vec<SourceScope>), Error> {
    let mut groups: Vec<SourceGroup> = Vec::new();
    let mut scopes: Vec<SourceScope> = Vec::new();
    for group in raw {
        let name = group.name.as_ref();
        if groups.iter().any(|other| other.name == *name) {
            return Err(text.at(&group.name, format!("group {name:?} is defined twice")));
        }
        let color = group.color.as_ref();
        if !COLORS.contains(&color.as_str()) {
            let colors = COLORS.join(", ");
            return Err(text.at(
                &group.color,
                format!("color {color:?} is not one of {colors}"),
            ));
        }
        let first = scopes.len();
        for scope in &group.scopes {
            let name = &scope.as_ref().name;
            if !is_scope_name(name) {
                let message = format!("scope {name:?} must have the form resource:action");
                return Err(text.at(scope, message));
            }
            if scopes.iter().any(|other| other.name == *name) {
                return Err(text.at(scope, format!("scope {name:?} is defined twice")));
            }
            scopes.push(scope.as_ref().clone());
        }
        if first == scopes.len() {
            return Err(text.at(&group.name, format!("group {name:?} has no scopes")));
        }
        groups.push(SourceGroup {
            name: name.clone(),
            color: color.clone(),
            scopes: (first, scopes.len()),
        });
    }
    if scopes.len() > MAX_SCOPES {
        let message = format!("{} scopes; at most {MAX_SCOPES} are possible", scopes.len());
        return Err(text.error(0, message));
    }
    Ok((groups, scopes))
}

fn read_roles(
    raw: &[RawRole],
    scopes: &[SourceScope],
    text: Text<'_>,
) -> Result<Vec<SourceRole>, Error> {
    let mut roles: Vec<SourceRole> = Vec::new();
    for role in raw {
        let name = role.name.as_ref();
        if !is_word(name) {
            return Err(text.at(
                &role.name,
                format!("role {name:?} is not one lower-case word"),
            ));
        }
        if roles.iter().any(|other| other.name == *name) {
            return Err(text.at(&role.name, format!("role {name:?} is defined twice")));
        }
        let mut set = 0;
        for parent in &role.inherits {
            // Only roles above this one, so that no cycle is possible.
            let found = roles.iter().find(|other| other.name == *parent.as_ref());
            let missing = || format!("no role {:?} is defined above this one", parent.as_ref());
            set |= found.ok_or_else(|| text.at(parent, missing()))?.scopes;
        }
        for scope in &role.scopes {
            set |= match scope.as_ref().as_str() {
                "*" => all(scopes.len()),
                name => bit(scopes, name).map_err(|message| text.at(scope, message))?,
            };
        }
        roles.push(SourceRole {
            name: name.clone(),
            label: role.label.clone(),
            scopes: set,
        });
    }
    Ok(roles)
}

fn read_routes(
    raw: &BTreeMap<Spanned<String>, RawRoute>,
    scopes: &[SourceScope],
    text: Text<'_>,
) -> Result<(Vec<SourceRoute>, Vec<SourceNode>), Error> {
    let mut routes = Vec::new();
    let mut nodes = vec![SourceNode::default()];
    for (key, rule) in raw {
        let wrong = |message: String| text.at(key, message);
        let (alternatives, organization) = match rule {
            RawRoute::Alternatives(list) => (list, true),
            RawRoute::Table(table) => (&table.scopes, table.organization),
        };
        let alternatives = read_alternatives(alternatives, scopes).map_err(wrong)?;
        let (method, path) = key.as_ref().split_once(' ').unwrap_or((key.as_ref(), ""));
        let leaf = insert_path(&mut nodes, path).map_err(wrong)?;
        if path.starts_with(routes::DEFAULT_PREFIX) {
            return Err(wrong(format!(
                "{path:?} belongs to Patrol and never reaches the API; use another path"
            )));
        }
        if !METHODS.contains(&method) {
            let methods = METHODS.join(", ");
            return Err(wrong(format!("method {method:?} is not one of {methods}")));
        }
        let before = nodes[leaf].routes.insert(method.to_owned(), routes.len());
        if before.is_some() {
            let key = key.as_ref();
            return Err(wrong(format!(
                "another route matches the same requests as {key:?}"
            )));
        }
        routes.push(SourceRoute {
            path: path.to_owned(),
            organization,
            alternatives,
        });
    }
    Ok((routes, nodes))
}

fn read_alternatives(raw: &[RawAlternative], scopes: &[SourceScope]) -> Result<Vec<u128>, String> {
    if raw.is_empty() {
        return Err(
            "a route without scopes would be open to every token; name at least one scope"
                .to_owned(),
        );
    }
    raw.iter()
        .map(|alternative| {
            let names = match alternative {
                RawAlternative::One(name) => std::slice::from_ref(name),
                RawAlternative::All(names) => names,
            };
            if names.is_empty() {
                return Err("an alternative without scopes would allow every token; name at least one scope".to_owned());
            }
            names
                .iter()
                .try_fold(0, |set, name| Ok(set | bit(scopes, name)?))
        })
        .collect()
}

fn bit(scopes: &[SourceScope], name: &str) -> Result<u128, String> {
    scopes
        .iter()
        .position(|scope| scope.name == name)
        .map(|index| 1_u128 << index)
        .ok_or_else(|| format!("no group has a scope {name:?}"))
}

/// The methods that a route can name. HEAD counts as GET (RFC 9110, section 9.3.2).
const METHODS: [&str; 5] = ["DELETE", "GET", "PATCH", "POST", "PUT"];

/// The set of the first `count` scopes.
fn all(count: usize) -> u128 {
    if count >= MAX_SCOPES {
        u128::MAX
    } else {
        (1_u128 << count) - 1
    }
}

fn is_word(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

fn is_scope_name(name: &str) -> bool {
    name.split_once(':')
        .is_some_and(|(resource, action)| is_word(resource) && is_word(action))
}

/// Returns the index of a path's node, creating it if needed.
fn insert_path(nodes: &mut Vec<SourceNode>, path: &str) -> Result<usize, String> {
    let rest = path
        .strip_prefix('/')
        .ok_or_else(|| "a route is \"METHOD /path\"".to_owned())?;
    let mut here = 0;
    let segments: Vec<&str> = rest.split('/').collect();
    for (position, segment) in segments.iter().enumerate() {
        let next = nodes.len();
        let node = &mut nodes[here];
        let child = if let Some(name) = segment.strip_prefix("{*").and_then(|s| s.strip_suffix('}'))
        {
            if position + 1 != segments.len() {
                return Err(format!("{segment} must be the last segment"));
            }
            check_parameter(name)?;
            node.tail.get_or_insert(next)
        } else if let Some(name) = segment.strip_prefix('{').and_then(|s| s.strip_suffix('}')) {
            check_parameter(name)?;
            node.parameter.get_or_insert(next)
        } else if is_literal(segment) {
            node.literals.entry((*segment).to_owned()).or_insert(next)
        } else {
            return Err(format!(
                "segment {segment:?} is empty or contains characters that a path must escape"
            ));
        };
        here = *child;
        if here == next {
            nodes.push(SourceNode::default());
        }
    }
    Ok(here)
}

fn check_parameter(name: &str) -> Result<(), String> {
    is_word(name)
        .then_some(())
        .ok_or_else(|| format!("parameter {name:?} is not one lower-case word"))
}

/// Whether the segment consists of unreserved characters (RFC 3986, section 2.3), which have one
/// spelling only.
fn is_literal(segment: &str) -> bool {
    !segment.is_empty()
        && !segment.bytes().all(|b| b == b'.')
        && segment
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-._~".contains(&b))
}
