//! Compiles `policy.toml` into the static tables of `policy/mod.rs`.
//!
//! `PATROL_POLICY` names another file. A mistake in the policy stops the build and names its line.

#[path = "policy/source.rs"]
mod source;

#[path = "routes.rs"]
#[allow(dead_code, unreachable_pub)] // The library uses the rest.
mod routes;

use std::{env, error::Error, fmt::Write as _, fs, path::PathBuf, process::ExitCode};

fn main() -> ExitCode {
    match compile() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("cargo::error={error}");
            ExitCode::FAILURE
        }
    }
}

fn compile() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-env-changed=PATROL_POLICY");
    println!("cargo::rerun-if-changed=policy/source.rs");
    println!("cargo::rerun-if-changed=routes.rs");
    let path = env::var("PATROL_POLICY").unwrap_or_else(|_| "../../policy.toml".to_owned());
    println!("cargo::rerun-if-changed={path}");
    let text = fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
    let source = source::read(&text).map_err(|error| format!("{path}, {error}"))?;
    let out = PathBuf::from(env::var("OUT_DIR")?).join("policy.rs");
    fs::write(out, emit(&source)?)?;
    Ok(())
}

/// Writes the tables as one Rust expression of type `Policy`.
fn emit(source: &source::Source) -> Result<String, std::fmt::Error> {
    let mut out = String::new();
    writeln!(out, "Policy {{ rbac: {},", source.rbac)?;
    writeln!(out, "groups: &[")?;
    for group in &source.groups {
        let (first, end) = group.scopes;
        writeln!(
            out,
            "Group {{ name: {:?}, color: {:?}, first: {first}, end: {end} }},",
            group.name, group.color
        )?;
    }
    writeln!(out, "], scopes: &[")?;
    for scope in &source.scopes {
        writeln!(
            out,
            "Scope {{ name: {:?}, label: {:?}, description: {:?} }},",
            scope.name, scope.label, scope.description
        )?;
    }
    writeln!(out, "], roles: &[")?;
    for role in &source.roles {
        writeln!(
            out,
            "Role {{ name: {:?}, label: {:?}, scopes: ScopeSet::from_bits({:#x}) }},",
            role.name, role.label, role.scopes
        )?;
    }
    writeln!(out, "], routes: &[")?;
    for route in &source.routes {
        write!(
            out,
            "Route {{ path: {:?}, organization: {}, requirement: Requirement {{ alternatives: &[",
            route.path, route.organization
        )?;
        for alternative in &route.alternatives {
            write!(out, "ScopeSet::from_bits({alternative:#x}), ")?;
        }
        writeln!(out, "] }} }},")?;
    }
    writeln!(out, "], nodes: &[")?;
    for node in &source.nodes {
        let literals: Vec<_> = node.literals.iter().collect();
        let routes: Vec<_> = node
            .routes
            .iter()
            .map(|(method, route)| format!("(Method::{}, {route})", variant(method)))
            .collect();
        writeln!(
            out,
            "Node {{ literals: &{literals:?}, parameter: {:?}, tail: {:?}, routes: &[{}] }},",
            node.parameter,
            node.tail,
            routes.join(", ")
        )?;
    }
    writeln!(out, "] }}")?;
    Ok(out)
}

/// Turns `GET` into `Method::Get`.
fn variant(method: &str) -> String {
    let (first, rest) = method.split_at(1);
    first.to_owned() + &rest.to_lowercase()
}
