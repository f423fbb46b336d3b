//! `cargo xtask prove-revocation`: builds the Workers and the program that proves, runs it.
//!
//! The program starts the runtime by itself, below keepers of its own; see `tests/stand`.

use std::ffi::OsString;

use anyhow::Result;

use crate::build::{self, Part};
use crate::console::Phases;
use crate::plan::Plan;
use crate::{child, root};

/// Revoke tokens under load and faults, and look for a request that passes afterwards.
///
/// Several edges in several processes, one origin, and everything between them breaks in turn.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// What the program takes: --seconds N, --revocations N, --only SCENARIO, --quick and more;
    /// `-- --help` lists them.
    #[arg(
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "OPTIONS"
    )]
    options: Vec<OsString>,
}

/// The package of the program.
const PROOF: &str = "patrol-prove";

/// The command.
pub(crate) fn prove(args: &Args) -> Result<()> {
    let phases = Phases::new();
    build::make(&[Part::Edge, Part::Origin], &Plan::release()?, &phases)?;
    phases.run("proof", || run(&args.options))?;
    phases.summary();
    Ok(())
}

/// Runs the program, with the Workers as they are built.
pub(crate) fn run(options: &[OsString]) -> Result<()> {
    let mut cargo = child::command("cargo")?;
    cargo
        .args(["run", "--quiet", "--package", PROOF, "--"])
        .args(options)
        .current_dir(root()?);
    child::run(&mut cargo, "the proof")
}
