//! `cargo xtask prove-revocation`: builds the Workers and the program that proves, runs it.
//!
//! The program starts the runtime by itself, below keepers of its own; see `tests/stand`.

use std::ffi::OsString;

use anyhow::Result;

use crate::build::{self, Plan, Worker};
use crate::report::Phases;
use crate::{child, root, tools};

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
const STAND: &str = "patrol-stand";

/// The command.
pub(crate) fn prove(args: &Args) -> Result<()> {
    let mut phases = Phases::new();
    phases.quietly("tools", tools::install)?;
    let plan = Plan::new(None, None)?;
    for worker in Worker::ALL {
        phases.quietly(&format!("{worker} Worker"), || build::one(worker, &plan))?;
    }
    phases.quietly("proof", || run(&args.options))?;
    phases.summary();
    Ok(())
}

/// Runs the program, with the Workers as they are built.
pub(crate) fn run(options: &[OsString]) -> Result<()> {
    let mut cargo = child::command("cargo")?;
    cargo
        .args(["run", "--quiet", "--package", STAND, "--bin", "prove", "--"])
        .args(options)
        .current_dir(root()?);
    child::run(&mut cargo, "the proof")
}
