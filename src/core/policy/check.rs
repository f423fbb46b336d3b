//! The rules for what a policy may say.
//!
//! The translator of `policy.toml` and the Workers apply the same ones. A mistake names its place in
//! the document; whoever knows the file turns that into a line.

use super::{
    Access, COLORS, Group, Method, Policy, Role, Route, Scope,
    document::{PolicyDocument, RoleDocument, RouteDocument},
    is_word,
    route_tree::RouteTree,
    scope::{Requirement, ScopeSet},
};
use crate::routes;
use std::fmt;

/// The most scopes that a policy may have. Each is one bit of a [`ScopeSet`].
pub const MAX_SCOPES: usize = 128;

/// The path parameter that names the organization of a request.
const ORGANIZATION_PARAMETER: &str = "{organization}";

/// A mistake in a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyError {
    /// Where it is.
    pub at: Location,
    /// What is wrong.
    pub problem: String,
}

/// A place in a policy. Numbers count from 0, in the order of the document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Location {
    /// The document as a whole.
    Document,
    /// A group.
    Group(usize),
    /// The color of a group.
    Color(usize),
    /// A scope of a group.
    Scope(usize, usize),
    /// A role.
    Role(usize),
    /// A name in a role's `inherits`.
    Inherited(usize, usize),
    /// A name in a role's `scopes`.
    Granted(usize, usize),
    /// A route.
    Route(usize),
}

impl Location {
    fn error(self, problem: impl Into<String>) -> PolicyError {
        let problem = problem.into();
        PolicyError { at: self, problem }
    }
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.at {
            Location::Document => {}
            Location::Group(group) | Location::Color(group) | Location::Scope(group, _) => {
                write!(f, "group {}: ", group + 1)?;
            }
            Location::Role(role) | Location::Inherited(role, _) | Location::Granted(role, _) => {
                write!(f, "role {}: ", role + 1)?;
            }
            Location::Route(route) => write!(f, "route {}: ", route + 1)?,
        }
        f.write_str(&self.problem)
    }
}

impl std::error::Error for PolicyError {}

impl Policy {
    /// Reads `policy.json`.
    ///
    /// # Errors
    /// The first mistake.
    pub fn from_json(text: &str) -> Result<Self, PolicyError> {
        // Like all JSON here, from bytes: a reader of text would be more code.
        let document: PolicyDocument = serde_json::from_slice(text.as_bytes())
            .map_err(|error| Location::Document.error(error.to_string()))?;
        Self::new(document)
    }

    /// Checks a policy.
    ///
    /// # Errors
    /// The first mistake.
    pub fn new(document: PolicyDocument) -> Result<Self, PolicyError> {
        let mut policy = Self {
            rbac: document.rbac,
            groups: check_groups(document.groups)?,
            roles: Vec::new(),
            routes: RouteTree::default(),
        };
        for (number, role) in document.roles.into_iter().enumerate() {
            let role = policy.check_role(number, role)?;
            policy.roles.push(role);
        }
        for (number, route) in document.routes.into_iter().enumerate() {
            let insert = |policy: &mut Self| {
                let method = check_method(&route.method)?;
                let is_raw = route.raw;
                let route = policy.check_route(route)?;
                policy.routes.insert(method, is_raw, route)
            };
            insert(&mut policy).map_err(|problem| Location::Route(number).error(problem))?;
        }
        Ok(policy)
    }

    fn check_role(&self, number: usize, role: RoleDocument) -> Result<Role, PolicyError> {
        let RoleDocument { name, .. } = &role;
        let wrong = |problem| Location::Role(number).error(problem);
        if !is_word(name) {
            return Err(wrong(format!("role {name:?} is not one lower-case word")));
        }
        if self.role(name).is_some() {
            return Err(wrong(format!("role {name:?} is defined twice")));
        }
        let mut scopes = ScopeSet::EMPTY;
        for (at, parent) in role.inherits.iter().enumerate() {
            // Only roles above this one, so that no cycle is possible.
            let missing = || {
                let problem = format!("no role {parent:?} is defined above this one");
                Location::Inherited(number, at).error(problem)
            };
            scopes = scopes.union(self.role(parent).ok_or_else(missing)?.scopes);
        }
        for (at, scope) in role.scopes.iter().enumerate() {
            let granted = match scope.as_str() {
                "*" => ScopeSet::first(self.scopes().count()),
                name => self
                    .scope(name)
                    .map_err(|problem| Location::Granted(number, at).error(problem))?,
            };
            scopes = scopes.union(granted);
        }
        Ok(Role {
            name: role.name,
            label: role.label,
            scopes,
        })
    }

    fn check_route(&self, route: RouteDocument) -> Result<Route, String> {
        let path = route.path;
        if path.starts_with(routes::DEFAULT_PREFIX) {
            return Err(format!(
                "{path:?} belongs to Patrol and never reaches the API; use another path"
            ));
        }
        let has_tail = path.contains("/{*");
        if route.raw && !has_tail {
            return Err("only a tail like {*name} can be raw; remove `raw`".to_owned());
        }
        let access = match (route.public, route.scopes.as_slice()) {
            (true, []) => Access::Public,
            (true, _) => {
                return Err("a public route needs no token; remove `scopes` or `public`".to_owned());
            }
            (false, scopes) => Access::Scopes(self.check_requirement(scopes)?),
        };
        // After the first slash, segments count from 0.
        let organization_segment = path
            .split('/')
            .skip(1)
            .position(|segment| segment == ORGANIZATION_PARAMETER)
            .filter(|_| route.organization_parameter && access != Access::Public);
        if organization_segment.is_some() && !route.organization {
            return Err(format!(
                "{ORGANIZATION_PARAMETER} names the organization that a request acts in; remove \
                 `organization = false`, or write `organization_parameter = false` if it names \
                 something else"
            ));
        }
        Ok(Route {
            path,
            access,
            organization: route.organization && !route.public,
            organization_segment,
        })
    }

    fn check_requirement(&self, alternatives: &[Vec<String>]) -> Result<Requirement, String> {
        if alternatives.is_empty() {
            return Err(
                "a route without scopes would be open to every token; name at least one scope, or \
                 write `public = true` if requests need no token"
                    .to_owned(),
            );
        }
        let mut sets = Vec::new();
        for names in alternatives {
            if names.is_empty() {
                return Err(
                    "an alternative without scopes would allow every token; name at least \
                            one scope"
                        .to_owned(),
                );
            }
            let mut set = ScopeSet::EMPTY;
            for name in names {
                set = set.union(self.scope(name)?);
            }
            sets.push(set);
        }
        Ok(Requirement::new(sets))
    }

    fn scope(&self, name: &str) -> Result<ScopeSet, String> {
        self.scope_index(name)
            .map(ScopeSet::of)
            .ok_or_else(|| format!("no group has a scope {name:?}"))
    }
}

fn check_groups(groups: Vec<Group>) -> Result<Vec<Group>, PolicyError> {
    let mut scopes: Vec<&str> = Vec::new();
    for (number, group) in groups.iter().enumerate() {
        let Group { name, color, .. } = group;
        let wrong = |problem| Location::Group(number).error(problem);
        if groups.iter().take(number).any(|other| other.name == *name) {
            return Err(wrong(format!("group {name:?} is defined twice")));
        }
        if !COLORS.contains(&color.as_str()) {
            let colors = COLORS.join(", ");
            let problem = format!("color {color:?} is not one of {colors}");
            return Err(Location::Color(number).error(problem));
        }
        if group.scopes.is_empty() {
            return Err(wrong(format!("group {name:?} has no scopes")));
        }
        for (at, Scope { name, .. }) in group.scopes.iter().enumerate() {
            let wrong = |problem| Location::Scope(number, at).error(problem);
            if !is_scope_name(name) {
                let problem = format!("scope {name:?} must have the form resource:action");
                return Err(wrong(problem));
            }
            if scopes.contains(&name.as_str()) {
                return Err(wrong(format!("scope {name:?} is defined twice")));
            }
            scopes.push(name);
        }
    }
    if scopes.len() > MAX_SCOPES {
        let problem = format!("{} scopes; at most {MAX_SCOPES} are possible", scopes.len());
        return Err(Location::Document.error(problem));
    }
    Ok(groups)
}

fn check_method(name: &str) -> Result<Method, String> {
    let found = Method::ALL
        .into_iter()
        .find(|method| method.as_str() == name);
    found.ok_or_else(|| {
        let methods = Method::ALL.map(Method::as_str).join(", ");
        format!("method {name:?} is not one of {methods}")
    })
}

fn is_scope_name(name: &str) -> bool {
    name.split_once(':')
        .is_some_and(|(resource, action)| is_word(resource) && is_word(action))
}
