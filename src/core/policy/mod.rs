//! What the platform protects: scopes, roles and routes.
//!
//! A policy is configuration: a Worker reads it from `policy.json` when its isolate starts
//! ([`Policy::from_json`]), and the browser builds one from the groups that the origin sends.
//! [`check`] holds every rule for what a policy may say, so a policy that exists is right.
//! Matching denies by default. A path that servers could read in more than one way matches nothing
//! ([`path`]).
//!
//! Left out: `policy.toml`, which people write and the package `patrol-policy` reads.

pub mod account;
pub mod check;
pub mod document;
pub mod membership;
pub mod path;
mod route_tree;
pub mod scope;
#[cfg(test)]
pub(crate) mod tests;

use base64ct::{Base64UrlUnpadded, Encoding};
use path::PathError;
use route_tree::RouteTree;
use scope::{Requirement, ScopeSet};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::{borrow::Cow, fmt};

/// The colors of groups. The page has a style for each.
pub const COLORS: [&str; 6] = ["blue", "violet", "amber", "green", "pink", "slate"];

/// Scopes, roles and routes.
#[derive(Debug, Clone)]
pub struct Policy {
    /// Whether scopes restrict tokens at all.
    pub rbac: bool,
    /// In display order.
    groups: Vec<Group>,
    roles: Vec<Role>,
    routes: RouteTree,
}

/// Scopes that belong together on the form. A scope's number counts through all groups.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// The heading.
    pub name: String,
    /// The key of the badge color, one of [`COLORS`].
    pub color: String,
    /// In display order.
    pub scopes: Vec<Scope>,
}

/// One permission.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scope {
    /// `resource:action`, as in a token's `scope` claim.
    pub name: String,
    /// The display name, a few words.
    pub label: String,
    /// One sentence.
    pub description: String,
}

/// A named set of scopes. Users hold roles in organizations.
#[derive(Debug, Clone)]
pub struct Role {
    /// One lower-case word.
    pub name: String,
    /// The display name.
    pub label: String,
    /// Own and inherited scopes.
    pub scopes: ScopeSet,
}

/// What requests with one method and path need.
#[derive(Debug, Clone)]
pub struct Route {
    /// The path as the policy writes it, for logs.
    pub path: String,
    /// Who may send such requests.
    pub access: Access,
    /// Whether requests act in an organization.
    pub organization: bool,
    /// Which segment of the path, counted from 0, names that organization.
    organization_segment: Option<usize>,
}

/// Who may send requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Access {
    /// Anyone, without a token.
    Public,
    /// Tokens with these scopes.
    Scopes(Requirement),
}

/// The route of a request, and the path by which the request goes on.
#[derive(Debug, Clone)]
pub struct Match<'r, 'p> {
    /// The route.
    pub route: &'r Route,
    /// The path in its normal spelling.
    pub path: Cow<'p, str>,
}

impl Match<'_, '_> {
    /// Whether the path names an organization other than this one. Not every path names one.
    pub fn contradicts(&self, organization: &str) -> bool {
        let segment = self
            .route
            .organization_segment
            .and_then(|number| self.path.split('/').nth(number + 1));
        segment.is_some_and(|segment| !path::decodes_to(segment, organization))
    }
}

/// Why a request has no route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RouteError {
    /// The path has a part that no route may have.
    Path(PathError),
    /// The path has routes, but only for these methods.
    Method(Vec<Method>),
    /// No route has this path.
    Unknown,
}

impl fmt::Display for RouteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(error) => error.fmt(f),
            Self::Method(methods) => {
                let names: Vec<_> = methods.iter().map(|method| method.as_str()).collect();
                let (last, others) = names.split_last().unwrap_or((&"", &[]));
                let others = others.join(", ");
                let and = if others.is_empty() { "" } else { " or " };
                write!(f, "This path takes another method. Use {others}{and}{last}.")
            }
            Self::Unknown => f.write_str(
                "Access tokens cannot be used for this path. Compare it with the API's documentation.",
            ),
        }
    }
}

/// A request method that a policy can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// DELETE
    Delete,
    /// GET, and HEAD, which gets the same response without a body (RFC 9110, section 9.3.2).
    Get,
    /// PATCH (RFC 5789)
    Patch,
    /// POST
    Post,
    /// PUT
    Put,
}

impl Method {
    const ALL: [Self; 5] = [Self::Delete, Self::Get, Self::Patch, Self::Post, Self::Put];

    /// Methods are case-sensitive (RFC 9110, section 9.1).
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "GET" | "HEAD" => Self::Get,
            "POST" => Self::Post,
            "PUT" => Self::Put,
            "PATCH" => Self::Patch,
            "DELETE" => Self::Delete,
            _ => return None,
        })
    }

    /// The name in a policy.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

/// A short hash of a `policy.json`, to compare two.
pub fn hash(json: &str) -> String {
    let digest = Sha256::digest(json);
    Base64UrlUnpadded::encode_string(digest.get(..9).unwrap_or_default())
}

impl Policy {
    /// The policy as its users see it: without roles and routes.
    pub fn of_groups(rbac: bool, groups: Vec<Group>) -> Self {
        Self {
            rbac,
            groups,
            roles: Vec::new(),
            routes: RouteTree::default(),
        }
    }

    /// Finds the route of a request. `path` is as sent, percent-encoded and without the query.
    ///
    /// # Errors
    /// Says what is wrong with the path or the method.
    pub fn route<'p>(&self, method: &str, path: &'p str) -> Result<Match<'_, 'p>, RouteError> {
        let rest = path.strip_prefix('/').ok_or(RouteError::Unknown)?;
        let found = self.routes.find(rest);
        let raw_tail = found.and_then(|found| found.raw_tail);
        let head = rest.len() - raw_tail.map_or(0, str::len);
        let head = rest.get(..head).unwrap_or_default();
        // The slash before the raw tail belongs to neither.
        let head = head
            .strip_suffix('/')
            .filter(|_| raw_tail.is_some())
            .unwrap_or(head);
        let normal = match head {
            "" => Cow::Borrowed(""),
            _ => path::normalize(head).map_err(RouteError::Path)?,
        };
        if let Some(tail) = raw_tail {
            path::check_raw_tail(tail).map_err(RouteError::Path)?;
        }
        let found = found.ok_or(RouteError::Unknown)?;
        let route = Method::parse(method).and_then(|method| found.route(method));
        let route = route.ok_or_else(|| RouteError::Method(found.methods().collect()))?;
        let path = match (normal, raw_tail) {
            (Cow::Borrowed(_), _) => Cow::Borrowed(path),
            (Cow::Owned(normal), None) => Cow::Owned(format!("/{normal}")),
            (Cow::Owned(head), Some(tail)) => Cow::Owned(format!("/{head}/{tail}")),
        };
        Ok(Match { route, path })
    }

    /// All scopes, in display order.
    pub fn scopes(&self) -> impl Iterator<Item = &Scope> {
        self.groups.iter().flat_map(|group| &group.scopes)
    }

    /// In display order.
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// Returns the number of a scope.
    pub fn scope_index(&self, name: &str) -> Option<usize> {
        self.scopes().position(|scope| scope.name == name)
    }

    /// Reads a `scope` claim (RFC 8693, section 4.2). A name that the policy no longer has grants
    /// nothing.
    pub fn parse_scopes(&self, claim: &str) -> ScopeSet {
        claim
            .split(' ')
            .filter_map(|name| self.scope_index(name))
            .fold(ScopeSet::EMPTY, |set, index| set.union(ScopeSet::of(index)))
    }

    /// Returns the names in a set, in the policy's order.
    pub fn scope_names(&self, set: ScopeSet) -> Vec<&str> {
        self.scopes()
            .enumerate()
            .filter(|(index, _)| set.contains(*index))
            .map(|(_, scope)| scope.name.as_str())
            .collect()
    }

    /// Finds a role by name.
    pub fn role(&self, name: &str) -> Option<&Role> {
        self.roles.iter().find(|role| role.name == name)
    }

    /// All roles, in the order of the policy.
    pub fn roles(&self) -> &[Role] {
        &self.roles
    }

    /// Returns the groups with those of their scopes that are in `offered`, without empty groups.
    pub fn offered(
        &self,
        offered: ScopeSet,
    ) -> impl Iterator<Item = (&Group, Vec<(usize, &Scope)>)> {
        let mut first = 0;
        self.groups.iter().filter_map(move |group| {
            let numbers = first..;
            first += group.scopes.len();
            let scopes: Vec<_> = numbers
                .zip(&group.scopes)
                .filter(|(index, _)| offered.contains(*index))
                .collect();
            (!scopes.is_empty()).then_some((group, scopes))
        })
    }
}

/// Whether the text can name a role, a parameter, or one side of a scope.
fn is_word(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}
