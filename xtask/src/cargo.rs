//! Cargo calls behind a progress bar.
//!
//! Cargo can be told to draw its bar into a pipe; the counter in that bar is shown. Other output
//! is hidden except warnings and errors (cargo prints warnings of our own packages only).
//! `--verbose` shows everything.

use std::process::Command;

use anyhow::Result;

use crate::console::{Progress, is_verbose, say};
use crate::paths::root;
use crate::process;

/// A cargo command that runs in the checkout.
pub(crate) fn command(arguments: &[&str]) -> Result<Command> {
    let mut cargo = process::command("cargo")?;
    cargo.args(arguments).current_dir(root()?);
    Ok(cargo)
}

pub(crate) fn build(cargo: Command, what: &str, progress: &Progress) -> Result<()> {
    build_with_messages(cargo, what, progress, |_| ())
}

/// Runs a build that prints JSON messages, and passes each message to `on_message`.
pub(crate) fn build_with_messages(
    mut cargo: Command,
    what: &str,
    progress: &Progress,
    mut on_message: impl FnMut(&str),
) -> Result<()> {
    cargo
        .env("CARGO_TERM_PROGRESS_WHEN", "always")
        .env("CARGO_TERM_PROGRESS_WIDTH", "120")
        .env("CARGO_TERM_COLOR", "never");
    let mut diagnostics = Vec::new();
    let result = process::run_captured(cargo, what, |line| match Line::parse(line) {
        Line::Progress(counter) => progress.show(counter),
        Line::Message => on_message(line),
        Line::Status if is_verbose() => say(line),
        Line::Status => {}
        Line::Diagnostic => diagnostics.push(line.to_owned()),
    });
    if !diagnostics.is_empty() {
        say(diagnostics.join("\n"));
    }
    result
}

#[derive(Debug, PartialEq, Eq)]
enum Line<'a> {
    /// `57/170: worker, js-sys`
    Progress(&'a str),
    /// `Compiling worker v0.8.7`
    Status,
    /// JSON.
    Message,
    /// A warning or an error.
    Diagnostic,
}

impl<'a> Line<'a> {
    fn parse(line: &'a str) -> Self {
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
        if let Some((_, counter)) = bar.and_then(|rest| rest.split_once("] ")) {
            return Self::Progress(counter);
        }
        if line.starts_with('{') {
            return Self::Message;
        }
        let verb = trimmed.split(' ').next().unwrap_or_default();
        // Cargo indents its verbs; a diagnostic that starts with the same word is not indented.
        let is_status = trimmed.is_empty() || (line.starts_with(' ') && STATUS.contains(&verb));
        if is_status {
            Self::Status
        } else {
            Self::Diagnostic
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargo_line_is_classified_by_its_beginning() {
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
            ("warning: unused variable: `x`", Line::Diagnostic),
            ("  --> src/edge/lib.rs:1:2", Line::Diagnostic),
            ("error[E0425]: cannot find value `y`", Line::Diagnostic),
            ("Compiling takes long", Line::Diagnostic),
        ] {
            assert_eq!(Line::parse(line), expected, "{line}");
        }
    }
}
