//! What the platform protects: scopes, roles and routes.
//!
//! The build script compiles the tables from `policy.toml`. A Worker has nothing to read or check
//! when it starts, and a wrong policy is a build error. Matching denies by default. A path that
//! could be spelled in more than one way matches nothing, because the upstream might read it as
//! another path.

use crate::policy::scope::{Requirement, ScopeSet};
#[cfg(test)]
use crate::routes;

pub mod account;
pub mod scope;
#[cfg(test)]
#[allow(dead_code)] // The tables are written by the build script; the tests want the errors.
mod source;
#[cfg(test)]
mod tests;

/// The policy of this build.
#[allow(clippy::unreadable_literal)]
pub static POLICY: Policy = include!(concat!(env!("OUT_DIR"), "/policy.rs"));

/// Scopes, roles and routes, as static tables.
#[derive(Debug)]
pub struct Policy {
    /// Whether scopes restrict tokens at all.
    pub rbac: bool,
    /// In display order.
    pub groups: &'static [Group],
    /// In display order. A scope's index is its bit in a [`ScopeSet`].
    pub scopes: &'static [Scope],
    /// In the order of the policy.
    pub roles: &'static [Role],
    routes: &'static [Route],
    nodes: &'static [Node],
}

/// Scopes that belong together on the form.
#[derive(Debug)]
pub struct Group {
    /// The heading.
    pub name: &'static str,
    /// The key of the badge color.
    pub color: &'static str,
    first: usize,
    end: usize,
}

/// One permission.
#[derive(Debug)]
pub struct Scope {
    /// `resource:action`, as in a token's `scope` claim.
    pub name: &'static str,
    /// The display name, a few words.
    pub label: &'static str,
    /// One sentence.
    pub description: &'static str,
}

/// A named set of scopes. Users hold roles in organizations.
#[derive(Debug)]
pub struct Role {
    /// One lower-case word.
    pub name: &'static str,
    /// The display name.
    pub label: &'static str,
    /// Own and inherited scopes.
    pub scopes: ScopeSet,
}

/// What requests with one method and path need.
#[derive(Debug)]
pub struct Route {
    /// The path as the policy writes it, for logs.
    pub path: &'static str,
    /// Whether the request must name an organization.
    pub organization: bool,
    /// The scopes that the token must hold.
    pub requirement: Requirement,
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
}

#[derive(Debug)]
struct Node {
    literals: &'static [(&'static str, usize)],
    parameter: Option<usize>,
    tail: Option<usize>,
    routes: &'static [(Method, usize)],
}

impl Policy {
    /// Returns the same policy with RBAC on or off.
    #[must_use]
    pub const fn with_rbac(&self, rbac: bool) -> Self {
        Self { rbac, ..*self }
    }

    /// Finds the route of a request. `path` is as sent, percent-encoded and without the query.
    ///
    /// A literal segment takes precedence over `{name}`, and that over `{*name}`. `None`: no route
    /// matches, or the path has more than one spelling.
    pub fn route(&self, method: &str, path: &str) -> Option<&'static Route> {
        let method = Method::parse(method)?;
        let rest = path.strip_prefix('/')?;
        if !is_canonical(rest) {
            return None;
        }
        let node = self.descend(self.nodes.first()?, rest)?;
        let (_, route) = node.routes.iter().find(|(m, _)| *m == method)?;
        self.routes.get(*route)
    }

    /// Finds the most specific node for the rest of a path. If a literal leads nowhere, the
    /// parameter next to it is tried. Every node has one parent, so none is visited twice.
    fn descend(&self, node: &Node, rest: &str) -> Option<&'static Node> {
        let (segment, after) = match rest.split_once('/') {
            Some((segment, after)) => (segment, Some(after)),
            None => (rest, None),
        };
        let follow = |child: usize| {
            let child = self.nodes.get(child)?;
            match after {
                Some(after) => self.descend(child, after),
                None => (!child.routes.is_empty()).then_some(child),
            }
        };
        let literal = node
            .literals
            .binary_search_by(|(name, _)| (*name).cmp(segment))
            .ok()
            .and_then(|found| node.literals.get(found));
        literal
            .and_then(|(_, child)| follow(*child))
            .or_else(|| follow(node.parameter?))
            .or_else(|| self.nodes.get(node.tail?))
    }

    /// Returns the number of a scope.
    pub fn scope_index(&self, name: &str) -> Option<usize> {
        self.scopes.iter().position(|scope| scope.name == name)
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
    pub fn scope_names(&self, set: ScopeSet) -> Vec<&'static str> {
        set.iter()
            .filter_map(|index| self.scopes.get(index))
            .map(|scope| scope.name)
            .collect()
    }

    /// Finds a role by name.
    pub fn role(&self, name: &str) -> Option<&'static Role> {
        self.roles.iter().find(|role| role.name == name)
    }

    /// Returns the groups with those of their scopes that are in `offered`, without empty groups.
    pub fn offered(
        &self,
        offered: ScopeSet,
    ) -> impl Iterator<Item = (&'static Group, Vec<(usize, &'static Scope)>)> {
        self.groups.iter().filter_map(move |group| {
            let scopes: Vec<_> = (group.first..group.end)
                .filter(|index| offered.contains(*index))
                .filter_map(|index| Some((index, self.scopes.get(index)?)))
                .collect();
            (!scopes.is_empty()).then_some((group, scopes))
        })
    }
}

/// Whether the path, after its first slash, has only one spelling.
///
/// It has no empty segments and no dot segments. It has no `\` or `;`, which servers read as `/` or
/// cut at. It escapes no character that needs no escape (RFC 3986, section 6.2.2.2) and none that
/// could end a segment. Escaped bytes are UTF-8, because some servers read `%c0%af` as a slash. An
/// escaped `%` does not begin another escape, because some servers decode twice.
fn is_canonical(path: &str) -> bool {
    let mut bytes = path.bytes();
    let mut sequence = Utf8Sequence::default();
    while let Some(byte) = bytes.next() {
        let decoded = match byte {
            b'%' => {
                let Some(decoded) = bytes.next().zip(bytes.next()).and_then(decode_hex) else {
                    return false;
                };
                if decoded.is_ascii_alphanumeric()
                    || b"-._~/\\;".contains(&decoded)
                    || decoded.is_ascii_control()
                    || decoded == b'%' && begins_an_escape(bytes.clone())
                {
                    return false;
                }
                decoded
            }
            b'\\' | b';' | b'?' | b'#' | 0..=b' ' | 0x7f.. => return false,
            plain => plain,
        };
        if !sequence.push(decoded) {
            return false;
        }
    }
    sequence.is_complete()
        && path
            .split('/')
            .all(|segment| !matches!(segment, "" | "." | ".."))
}

/// Whether an escaped `%`, decoded, would begin another escape. Some servers also accept `%u002e`.
fn begins_an_escape(mut rest: impl Iterator<Item = u8>) -> bool {
    match rest.next() {
        Some(b'u' | b'U') => true,
        Some(high) => rest
            .next()
            .and_then(|low| decode_hex((high, low)))
            .is_some(),
        None => false,
    }
}

/// The bytes so far of a character beyond ASCII.
#[derive(Default)]
struct Utf8Sequence {
    bytes: [u8; 4],
    count: usize,
}

impl Utf8Sequence {
    /// Adds a byte. Returns `false` if the sequence is not UTF-8.
    fn push(&mut self, byte: u8) -> bool {
        if byte.is_ascii() {
            return self.is_complete();
        }
        let Some(slot) = self.bytes.get_mut(self.count) else {
            return false;
        };
        *slot = byte;
        self.count += 1;
        match std::str::from_utf8(self.bytes.get(..self.count).unwrap_or_default()) {
            Ok(_) => {
                self.count = 0;
                true
            }
            // Without a length the sequence is only incomplete.
            Err(error) => error.error_len().is_none(),
        }
    }

    fn is_complete(&self) -> bool {
        self.count == 0
    }
}

fn decode_hex((high, low): (u8, u8)) -> Option<u8> {
    let digit = |byte: u8| {
        char::from(byte)
            .to_digit(16)
            .and_then(|d| u8::try_from(d).ok())
    };
    Some(digit(high)? << 4 | digit(low)?)
}
