//! The routes of a policy, as a tree of path segments.
//!
//! A literal segment takes precedence over `{name}`, and that over `{*name}`. If a literal leads
//! nowhere, the parameter beside it is tried. Every node has one parent, so none is visited twice.

use super::{
    Method, Route, is_word,
    path::{decode_unreserved, is_unreserved},
};

#[derive(Debug, Clone, Default)]
pub(super) struct RouteTree {
    /// The root is the first.
    nodes: Vec<Node>,
    routes: Vec<Route>,
}

#[derive(Debug, Clone, Default)]
struct Node {
    /// Sorted: for so few entries, a map is more code.
    literals: Vec<(String, usize)>,
    parameter: Option<usize>,
    tail: Option<usize>,
    /// Whether the tail goes on as it was sent. Then it is the node's only child.
    is_raw: bool,
    routes: Vec<(Method, usize)>,
}

impl Node {
    /// Where a literal is, or where it belongs.
    fn literal(&self, name: &str) -> Result<usize, usize> {
        self.literals
            .binary_search_by(|(literal, _)| literal.as_str().cmp(name))
    }

    /// Returns the child for a literal. If there is none, it becomes `child`.
    fn literal_or_insert(&mut self, name: &str, child: usize) -> usize {
        let at = match self.literal(name) {
            Ok(at) => return self.literals.get(at).map_or(child, |(_, known)| *known),
            Err(at) => at,
        };
        self.literals.insert(at, (name.to_owned(), child));
        child
    }
}

/// The routes of all methods that match a path.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found<'t, 'p> {
    tree: &'t RouteTree,
    node: &'t Node,
    /// The tail that goes on as it was sent.
    pub(super) raw_tail: Option<&'p str>,
}

impl<'t> Found<'t, '_> {
    pub(super) fn route(&self, method: Method) -> Option<&'t Route> {
        let (_, route) = self.node.routes.iter().find(|(m, _)| *m == method)?;
        self.tree.routes.get(*route)
    }

    pub(super) fn methods(&self) -> impl Iterator<Item = Method> {
        self.node.routes.iter().map(|(method, _)| *method)
    }
}

impl RouteTree {
    /// Finds the routes for a path after its first slash, in any spelling of unreserved characters.
    pub(super) fn find<'p>(&self, path: &'p str) -> Option<Found<'_, 'p>> {
        let root = self.nodes.first()?;
        if path.is_empty() && !root.routes.is_empty() {
            return Some(self.found(root, None));
        }
        self.descend(root, path)
    }

    fn found<'t, 'p>(&'t self, node: &'t Node, raw_tail: Option<&'p str>) -> Found<'t, 'p> {
        let tree = self;
        Found {
            tree,
            node,
            raw_tail,
        }
    }

    fn descend<'t, 'p>(&'t self, node: &'t Node, rest: &'p str) -> Option<Found<'t, 'p>> {
        let tail = node.tail.and_then(|tail| self.nodes.get(tail));
        if node.is_raw {
            return Some(self.found(tail?, Some(rest)));
        }
        let (segment, after) = match rest.split_once('/') {
            Some((segment, after)) => (segment, Some(after)),
            None => (rest, None),
        };
        let follow = |child: usize| {
            let child = self.nodes.get(child)?;
            match after {
                Some(after) => self.descend(child, after),
                None => (!child.routes.is_empty()).then(|| self.found(child, None)),
            }
        };
        node.literal(&decode_unreserved(segment))
            .ok()
            .and_then(|at| follow(node.literals.get(at)?.1))
            .or_else(|| follow(node.parameter?))
            .or_else(|| Some(self.found(tail?, None)))
    }

    /// Adds a route.
    ///
    /// # Errors
    /// Says what to change in the policy.
    pub(super) fn insert(
        &mut self,
        method: Method,
        is_raw: bool,
        route: Route,
    ) -> Result<(), String> {
        if self.nodes.is_empty() {
            self.nodes.push(Node::default());
        }
        let leaf = self.insert_path(&route.path, is_raw)?;
        let number = self.routes.len();
        let node = self.nodes.get_mut(leaf).ok_or("no node")?;
        if node.routes.iter().any(|(other, _)| *other == method) {
            return Err(format!(
                "another route matches the same requests as \"{} {}\"",
                method.as_str(),
                route.path
            ));
        }
        node.routes.push((method, number));
        self.routes.push(route);
        Ok(())
    }

    /// Returns the index of a path's node, and creates it if needed.
    fn insert_path(&mut self, path: &str, is_raw: bool) -> Result<usize, String> {
        let rest = path
            .strip_prefix('/')
            .ok_or_else(|| "a route is \"METHOD /path\"".to_owned())?;
        let mut here = 0;
        if rest.is_empty() {
            return Ok(here);
        }
        let mut parameters = Vec::new();
        let mut segments = rest.split('/').peekable();
        while let Some(segment) = segments.next() {
            let next = self.nodes.len();
            let node = self.nodes.get_mut(here).ok_or("no node")?;
            let parsed = Segment::parse(segment)?;
            if let Segment::Parameter(name) | Segment::Tail(name) = parsed {
                if parameters.contains(&name) {
                    return Err(format!("{{{name}}} occurs twice; give each its own name"));
                }
                parameters.push(name);
            }
            let is_tail = matches!(parsed, Segment::Tail(_));
            if is_tail && segments.peek().is_some() {
                return Err(format!("{segment} must be the last segment"));
            }
            let is_raw = is_raw && is_tail;
            let is_first =
                node.literals.is_empty() && node.parameter.is_none() && node.tail.is_none();
            if !is_first && is_raw != node.is_raw {
                return Err(
                    "a raw tail must be the only route below its folder, and raw for all methods, \
                     because nothing in it is normalized"
                        .to_owned(),
                );
            }
            node.is_raw = is_raw;
            here = match parsed {
                Segment::Literal(name) => node.literal_or_insert(name, next),
                Segment::Parameter(_) => *node.parameter.get_or_insert(next),
                Segment::Tail(_) => *node.tail.get_or_insert(next),
            };
            if here == next {
                self.nodes.push(Node::default());
            }
        }
        Ok(here)
    }
}

/// A segment of a route's path.
#[derive(Debug, Clone, Copy)]
pub(super) enum Segment<'a> {
    /// Matches itself.
    Literal(&'a str),
    /// `{name}`
    Parameter(&'a str),
    /// `{*name}`
    Tail(&'a str),
}

impl<'a> Segment<'a> {
    fn parse(text: &'a str) -> Result<Self, String> {
        let braced = text.strip_prefix('{').and_then(|s| s.strip_suffix('}'));
        let Some(name) = braced else {
            // Unreserved characters (RFC 3986, section 2.3) have one normal spelling.
            let is_literal = !text.is_empty()
                && !text.bytes().all(|b| b == b'.')
                && text.bytes().all(is_unreserved);
            return is_literal.then_some(Self::Literal(text)).ok_or_else(|| {
                format!("segment {text:?} is empty or contains characters that a path must escape")
            });
        };
        let (segment, name) = match name.strip_prefix('*') {
            Some(name) => (Self::Tail(name), name),
            None => (Self::Parameter(name), name),
        };
        is_word(name)
            .then_some(segment)
            .ok_or_else(|| format!("parameter {name:?} is not one lower-case word"))
    }
}
