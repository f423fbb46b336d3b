//! `cargo xtask scopes`: writes docs/SCOPES.md, the list of available scopes, from policy.toml.
//!
//! The policy is read by the parser of the build, so that the list says what the Workers do. A
//! test holds the file against the policy.
//!
//! Left out: what a user may grant in an organization, which depends on the user's roles there
//! (`GET /api/v1/scopes`).

#[path = "../../src/core/routes.rs"]
#[allow(dead_code, unreachable_pub)] // The parser refuses routes that are not the API's.
mod routes;
#[path = "../../src/core/policy/source.rs"]
#[allow(dead_code)] // Colors and paths as a tree are for the Workers.
mod source;

use std::fmt::Write as _;
use std::fs;

use anyhow::{Context as _, Result};

use crate::console::say;
use crate::root;
use source::{Route, Source};

/// Write docs/SCOPES.md, the list of available scopes, from policy.toml.
#[derive(clap::Args)]
pub(crate) struct Args {}

const LIST: &str = "docs/SCOPES.md";
const POLICY: &str = "policy.toml";

const INTRODUCTION: &str = "\
# Available scopes

A token holds the scopes that it was created with, and never more than its owner's roles have. One
scope of those that are enough for a request suffices; where one stands *with* another, both are needed.
";

/// Stands in place of it where tokens have no scopes.
const RBAC_IS_OFF: &str = "\
# Available scopes

RBAC is off: tokens carry no scopes and act with the full access of their owner. With RBAC on, these
would be the scopes:
";

const FOOT: &str = "
HEAD counts as GET. A request that no scope is enough for is denied. Each needs the header
`X-Organization-ID`, unless it says *in no organization*.

Made from [policy.toml](../policy.toml) by `cargo xtask scopes`; [POLICY.md](POLICY.md) explains that file.
";

/// The command.
pub(crate) fn scopes(_: &Args) -> Result<()> {
    let path = root()?.join(LIST);
    fs::write(&path, list()?).with_context(|| format!("cannot write {}", path.display()))?;
    say(format_args!("{LIST} is written"));
    Ok(())
}

/// The text of the list.
fn list() -> Result<String> {
    let path = root()?.join(POLICY);
    let text =
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(write(&source::read(&text).context(POLICY)?))
}

fn write(policy: &Source) -> String {
    let mut out = String::from(if policy.rbac {
        INTRODUCTION
    } else {
        RBAC_IS_OFF
    });
    for group in &policy.groups {
        let (first, end) = group.scopes;
        let _ = write!(
            out,
            "\n## {}\n\n| scope | what it allows | roles | enough for |\n|---|---|---|---|\n",
            group.name
        );
        for (index, scope) in policy.scopes.iter().enumerate().take(end).skip(first) {
            let roles: Vec<&str> = policy
                .roles
                .iter()
                .filter(|role| role.scopes & (1 << index) != 0)
                .map(|role| role.label.as_str())
                .collect();
            let _ = writeln!(
                out,
                "| `{}` | {} | {} | {} |",
                scope.name,
                cell(&scope.description),
                cell(&roles.join(", ")),
                requests(policy, index).join("<br>")
            );
        }
    }
    out + FOOT
}

/// What a scope is enough for, by itself or with others, path by path.
fn requests(policy: &Source, scope: usize) -> Vec<String> {
    let mut routes: Vec<(&str, &Route)> = policy
        .nodes
        .iter()
        .flat_map(|node| &node.routes)
        .filter_map(|(method, &route)| Some((method.as_str(), policy.routes.get(route)?)))
        .collect();
    routes.sort_by_key(|(method, route)| (&route.path, *method));
    let mut requests = Vec::new();
    for (method, route) in routes {
        for alternative in &route.alternatives {
            if alternative & (1 << scope) == 0 {
                continue;
            }
            let others = policy
                .scopes
                .iter()
                .enumerate()
                .filter(|(index, _)| *index != scope && alternative & (1 << index) != 0);
            let mut request = format!("`{method} {}`", route.path);
            for (_, other) in others {
                let _ = write!(request, " *with* `{}`", other.name);
            }
            if !route.organization {
                request.push_str(", *in no organization*");
            }
            requests.push(request);
        }
    }
    requests
}

/// Text that ends no cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_available_scopes_is_that_of_the_policy() {
        let path = root().expect("a root").join(LIST);
        let written = fs::read_to_string(path).expect("the list is there");
        let list = list().expect("a policy");
        assert!(written == list, "{LIST} is old: run `cargo xtask scopes`");
    }

    #[test]
    fn a_scope_is_told_with_its_roles_and_all_that_it_is_enough_for() {
        let policy = r#"
            rbac = { enabled = true }
            group = [{ name = "Things", color = "blue", scopes = [
                { name = "things:read", label = "Read", description = "Read | look." },
                { name = "things:move", label = "Move", description = "Move." },
            ] }]
            role = [
                { name = "reader", label = "Reader", scopes = ["things:read"] },
                { name = "all", label = "All", scopes = ["*"] },
            ]
            [routes]
            "POST /b" = [["things:read", "things:move"]]
            "GET /a" = ["things:read", "things:move"]
            "GET /b" = { scopes = ["things:read"], organization = false }
        "#;
        let list = write(&source::read(policy).expect("a policy"));
        let rows: Vec<&str> = list.lines().filter(|row| row.starts_with("| `")).collect();
        assert_eq!(
            rows,
            [
                "| `things:read` | Read \\| look. | Reader, All | `GET /a`<br>\
                 `GET /b`, *in no organization*<br>`POST /b` *with* `things:move` |",
                "| `things:move` | Move. | All | `GET /a`<br>`POST /b` *with* `things:read` |",
            ]
        );
    }
}
