//! Calls of cargo whose output is a progress line.
//!
//! Cargo draws its own bar even into a pipe when it is told to; the counter in it is what is
//! shown. Everything else that it says is held back, but for warnings: cargo prints those of our
//! own packages only. With `--verbose` all is shown.

use std::process::Command;

use anyhow::Result;

use crate::child;
use crate::console::{Step, say, verbose};
use crate::root;

/// A call of cargo in the checkout.
pub(crate) fn command(arguments: &[&str]) -> Result<Command> {
    let mut cargo = child::command("cargo")?;
    cargo.args(arguments).current_dir(root()?);
    Ok(cargo)
}

/// Runs a build.
pub(crate) fn build(cargo: Command, what: &str, step: &Step) -> Result<()> {
    build_and_hear(cargo, what, step, |_| ())
}

/// The same for a build that prints messages as JSON; `hear` gets each of these lines.
pub(crate) fn build_and_hear(
    mut cargo: Command,
    what: &str,
    step: &Step,
    mut hear: impl FnMut(&str),
) -> Result<()> {
    cargo
        .env("CARGO_TERM_PROGRESS_WHEN", "always")
        .env("CARGO_TERM_PROGRESS_WIDTH", "120")
        .env("CARGO_TERM_COLOR", "never");
    let mut rest = Vec::new();
    let done = child::run_captured(cargo, what, |line| match Line::of(line) {
        Line::Progress(now) => step.show(now),
        Line::Message => hear(line),
        Line::Status if verbose() => say(line),
        Line::Status => {}
        Line::Other => rest.push(line.to_owned()),
    });
    if !rest.is_empty() {
        say(rest.join("\n"));
    }
    done
}

#[derive(Debug, PartialEq, Eq)]
enum Line<'a> {
    /// How far it is, and with which crates.
    Progress(&'a str),
    /// That it does its work.
    Status,
    /// JSON, for programs.
    Message,
    /// Warnings and errors.
    Other,
}

impl<'a> Line<'a> {
    fn of(line: &'a str) -> Self {
        const STATUS: [&str; 12] = [
            "Adding",
            "Blocking",
            "Building",
            "Checking",
            "Compiling",
            "Downloaded",
            "Downloading",
            "Fetch",
            "Finished",
            "Locking",
            "Packaging",
            "Updating",
        ];
        let trimmed = line.trim();
        let bar = trimmed.strip_prefix("Building [");
        if let Some((_, now)) = bar.and_then(|rest| rest.split_once("] ")) {
            return Self::Progress(now);
        }
        if line.starts_with('{') {
            return Self::Message;
        }
        let verb = trimmed.split(' ').next().unwrap_or_default();
        // Cargo sets its verbs flush right; the text of a diagnostic that begins so is not.
        let is_status = trimmed.is_empty() || (line.starts_with(' ') && STATUS.contains(&verb));
        if is_status { Self::Status } else { Self::Other }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargo_line_is_told_by_its_beginning() {
        for (line, expected) in [
            (
                "    Building [=====>   ] 57/170: worker, js-sys",
                Line::Progress("57/170: worker, js-sys"),
            ),
            ("   Compiling worker v0.8.7", Line::Status),
            ("  Downloaded syn v3.0.10", Line::Status),
            (
                "    Finished `dev` profile [unoptimized] in 1m",
                Line::Status,
            ),
            ("", Line::Status),
            (r#"{"reason":"compiler-artifact"}"#, Line::Message),
            ("warning: unused variable: `x`", Line::Other),
            ("  --> src/edge/lib.rs:1:2", Line::Other),
            ("error[E0425]: cannot find value `y`", Line::Other),
            ("Compiling is what the text speaks of", Line::Other),
        ] {
            assert_eq!(Line::of(line), expected, "{line}");
        }
    }
}
