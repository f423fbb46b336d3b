//! `cargo xtask`: everything that is done with Patrol on a developer's machine.
//!
//! This file is the command line only; each command has its own module. What a
//! command needs is installed first; `tools` says where to. Deploying is left to
//! `npx wrangler deploy`, as docs/DEPLOY.md tells.

mod bench;
mod build;
mod cargo;
mod child;
mod config;
mod console;
mod dev;
mod keygen;
mod page;
mod plan;
mod prove;
mod scopes;
mod stack;
mod stamp;
mod test;
mod tools;
mod wasm;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::{Parser, Subcommand};

/// Build, run and test Patrol. Every command installs what it needs first.
#[derive(Parser)]
#[command(bin_name = "cargo xtask", disable_help_subcommand = true)]
struct Cli {
    /// Show all output of the programs that are run.
    #[arg(long, short, global = true)]
    verbose: bool,

    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Dev(dev::Args),
    Test(test::Args),
    Build(build::Args),
    Keygen(keygen::Args),
    Scopes(scopes::Args),
    #[command(name = "prove-revocation")]
    Prove(prove::Args),
    Bench(bench::Args),
    /// Runs a program and ends all of it when standard input closes.
    #[command(hide = true, name = child::KEEP)]
    Keep {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
        command: Vec<OsString>,
    },
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    console::set_verbose(cli.verbose);
    let done = match cli.command {
        Command::Dev(args) => dev::dev(&args),
        Command::Test(args) => test::test(&args),
        Command::Build(args) => build::build(&args),
        Command::Keygen(args) => keygen::keygen(&args),
        Command::Scopes(args) => scopes::scopes(&args),
        Command::Prove(args) => prove::prove(&args),
        Command::Bench(args) => bench::bench(&args),
        Command::Keep { command } => return child::keep(&command),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The root of the checkout. Cargo names the package's folder when it runs a program. When
/// the program is run alone, the checkout around the current folder counts: the one noted at
/// compile time may be another, if two checkouts share a target folder.
fn root() -> Result<PathBuf> {
    let is_root = |folder: &Path| folder.join("xtask/Cargo.toml").exists();
    if let Some(package) = std::env::var_os("CARGO_MANIFEST_DIR")
        && let Some(root) = Path::new(&package).parent()
        && is_root(root)
    {
        return Ok(root.to_path_buf());
    }
    let here = std::env::current_dir().context("there is no current folder")?;
    here.ancestors()
        .find(|folder| is_root(folder))
        .map(Path::to_path_buf)
        .context("run this inside a checkout of Patrol")
}

/// Where cargo puts what it builds.
fn target_dir() -> Result<PathBuf> {
    let root = root()?;
    Ok(std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| root.join("target"), |dir| root.join(dir)))
}
