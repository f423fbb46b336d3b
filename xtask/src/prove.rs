//! `cargo xtask prove-revocation`: builds the Workers and runs the proof (`tests/prove`) on them.

use std::ffi::OsString;

use anyhow::Result;

use crate::build::{self, Part};
use crate::console::Timings;
use crate::paths::root;
use crate::process;
use crate::variant::Variant;

/// Revoke tokens under load and faults, and look for a request that passes afterwards.
///
/// Runs several edges in several processes against one origin and breaks everything between them
/// in turn.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Options of the proof: --seconds N, --revocations N, --only SCENARIO, --quick and more;
    /// `-- --help` lists them.
    #[arg(
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "OPTIONS"
    )]
    options: Vec<OsString>,
}

const PACKAGE: &str = "patrol-prove";

pub(crate) fn prove(args: &Args) -> Result<()> {
    let timings = Timings::new();
    build::build_parts(&[Part::Edge, Part::Origin], &Variant::release()?, &timings)?;
    timings.section("proof of revocation", || run(&args.options))?;
    timings.print_summary();
    Ok(())
}

/// Runs the proof with the Workers that are built.
pub(crate) fn run(options: &[OsString]) -> Result<()> {
    let mut cargo = process::command("cargo")?;
    cargo
        .args(["run", "--quiet", "--package", PACKAGE, "--"])
        .args(options)
        .current_dir(root()?);
    process::run(&mut cargo, "the proof of revocation")
}
