//! `cargo xtask`: every task around Patrol on a developer's machine.
//!
//! This file is the command line; each command has its own module. A command first installs what it
//! needs (`tools` says what and where). Deployment is left to `npx wrangler deploy`; see
//! docs/DEPLOY.md.

mod bench;
mod build;
mod cargo;
mod console;
mod dev;
mod fingerprint;
mod keygen;
mod local_system;
mod page;
mod paths;
mod policy;
mod process;
mod prove;
mod scopes;
mod test;
mod tools;
mod variant;
mod wasm;
mod wrangler_config;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Build, run and test Patrol.
///
/// Each command installs what it needs first.
#[derive(Parser)]
#[command(bin_name = "cargo xtask", disable_help_subcommand = true)]
struct Cli {
    /// Show the full output of cargo, npm and the other programs that run.
    #[arg(long, short, global = true)]
    verbose: bool,

    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Dev(dev::Args),
    Test(test::Args),
    /// Check the format and run all lints; no tests.
    Lint,
    Build(build::Args),
    Policy(policy::Args),
    Keygen(keygen::Args),
    Scopes(scopes::Args),
    #[command(name = "prove-revocation")]
    Prove(prove::Args),
    Bench(bench::Args),
    /// Run a program and kill its process group when standard input closes.
    #[command(hide = true, name = process::SUPERVISE)]
    Supervise {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
        command: Vec<OsString>,
    },
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    console::set_verbose(cli.verbose);
    let result = match cli.command {
        Command::Dev(args) => dev::dev(&args),
        Command::Test(args) => test::test(&args),
        Command::Lint => test::lint(),
        Command::Build(args) => build::build(&args),
        Command::Policy(args) => policy::policy(&args),
        Command::Keygen(args) => keygen::keygen(&args),
        Command::Scopes(args) => scopes::scopes(&args),
        Command::Prove(args) => prove::prove(&args),
        Command::Bench(args) => bench::bench(&args),
        Command::Supervise { command } => return process::supervise(&command),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
