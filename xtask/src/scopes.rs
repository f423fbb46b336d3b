//! `cargo xtask scopes`: writes docs/SCOPES.md, the list of available scopes, from policy.toml.
//!
//! A test compares the file with the policy.
//!
//! Left out: which scopes a user may grant; that depends on the user's roles in an organization
//! (`GET /api/v1/scopes`).

use std::fmt::Write as _;
use std::fs;

use anyhow::{Context as _, Result};
use patrol::policy::Policy;
use patrol::policy::document::{PolicyDocument, RouteDocument};
use patrol_policy::read;

use crate::console::say;
use crate::paths::root;

/// Write docs/SCOPES.md, the list of available scopes, from policy.toml.
#[derive(clap::Args)]
pub(crate) struct Args {}

const LIST: &str = "docs/SCOPES.md";
const POLICY: &str = "policy.toml";

const INTRODUCTION: &str = "\
# Available scopes

A token has the scopes it was created with, and never more than its owner's roles grant. Any one of the
scopes listed for a request is enough; *with* another scope means that the request needs both.
";

/// Replaces the introduction if tokens have no scopes.
const RBAC_IS_OFF: &str = "\
# Available scopes

RBAC is off: tokens carry no scopes and have the full access of their owner. With RBAC on, these would
be the scopes:
";

const FOOT: &str = "
HEAD counts as GET. A request that is not listed is denied. With a token for several organizations, requests
need the header `X-Organization-ID`, except those marked *without an organization*.

Generated from [policy.toml](../policy.toml) by `cargo xtask scopes`; [POLICY.md](POLICY.md) explains that file.
";

pub(crate) fn scopes(_: &Args) -> Result<()> {
    let path = root()?.join(LIST);
    fs::write(&path, list()?).with_context(|| format!("cannot write {}", path.display()))?;
    say(format_args!("wrote {LIST} from {POLICY}"));
    Ok(())
}

fn list() -> Result<String> {
    let path = root()?.join(POLICY);
    let text =
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    write(read(&text).context(POLICY)?)
}

fn write(document: PolicyDocument) -> Result<String> {
    let mut out = String::from(if document.rbac {
        INTRODUCTION
    } else {
        RBAC_IS_OFF
    });
    let mut routes = document.routes.clone();
    routes.sort_by(|a, b| (&a.path, &a.method).cmp(&(&b.path, &b.method)));
    let policy = Policy::new(document)?;
    let mut index = 0;
    for group in policy.groups() {
        let _ = write!(
            out,
            "\n## {}\n\n| scope | description | roles | requests |\n|---|---|---|---|\n",
            group.name
        );
        for scope in &group.scopes {
            let roles: Vec<&str> = policy
                .roles()
                .iter()
                .filter(|role| role.scopes.contains(index))
                .map(|role| role.label.as_str())
                .collect();
            let _ = writeln!(
                out,
                "| `{}` | {} | {} | {} |",
                scope.name,
                cell(&scope.description),
                cell(&roles.join(", ")),
                requests(&routes, &scope.name).join("<br>")
            );
            index += 1;
        }
    }
    Ok(out + FOOT)
}

/// The requests a scope allows, alone or together with others.
fn requests(routes: &[RouteDocument], scope: &str) -> Vec<String> {
    let mut requests = Vec::new();
    for route in routes {
        for alternative in &route.scopes {
            if !alternative.iter().any(|name| name == scope) {
                continue;
            }
            let mut request = format!("`{} {}`", route.method, route.path);
            for other in alternative.iter().filter(|name| *name != scope) {
                let _ = write!(request, " *with* `{other}`");
            }
            if !route.organization {
                request.push_str(", *without an organization*");
            }
            requests.push(request);
        }
    }
    requests
}

/// Escapes text for a table cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_document_matches_the_policy() {
        let path = root().expect("a root").join(LIST);
        let written = fs::read_to_string(path).expect("the document exists");
        let list = list().expect("a policy");
        assert!(
            written == list,
            "{LIST} is out of date: run `cargo xtask scopes`"
        );
    }

    #[test]
    fn scope_row_lists_roles_and_all_requests_it_allows() {
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
        let list = write(read(policy).expect("a policy")).expect("a policy");
        let rows: Vec<&str> = list.lines().filter(|row| row.starts_with("| `")).collect();
        assert_eq!(
            rows,
            [
                "| `things:read` | Read \\| look. | Reader, All | `GET /a`<br>\
                 `GET /b`, *without an organization*<br>`POST /b` *with* `things:move` |",
                "| `things:move` | Move. | All | `GET /a`<br>`POST /b` *with* `things:read` |",
            ]
        );
    }
}
