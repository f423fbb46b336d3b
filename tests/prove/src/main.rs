//! `cargo xtask prove-revocation`: is a revoked token refused at every edge, whatever breaks?
//!
//! Many clients ask several edges about tokens that other clients create and revoke all the
//! time, one by one and many at once. Every request and every revocation is written down with
//! readings of one clock, and judged at the end ([`crate::check`]). One scenario lets
//! the edges break the promise on purpose, by a setting: there violations must be found, or the
//! proof is blind.

mod check;
mod load;
mod report;
mod scenario;
mod world;

use clap::Parser;
use scenario::Scenario;
use std::{path::PathBuf, process::ExitCode, time::Duration};

/// Revoke tokens under load and faults, and look for a request that passes afterwards.
#[derive(Parser)]
#[command(bin_name = "cargo xtask prove-revocation")]
struct Args {
    /// How long each scenario lasts at least.
    #[arg(long, default_value_t = 60)]
    seconds: u64,

    /// How many tokens are revoked in each scenario at least.
    #[arg(long, default_value_t = 500)]
    revocations: usize,

    /// The same in short: every scenario for a few seconds.
    #[arg(long)]
    quick: bool,

    /// Only these scenarios.
    #[arg(long, value_enum, value_name = "SCENARIO")]
    only: Vec<Scenario>,

    /// The folder of the built Workers, as of `cargo xtask build --out DIR` [default: build].
    #[arg(long, value_name = "DIR")]
    built: Option<PathBuf>,

    /// Clients that ask each edge at once.
    #[arg(long, default_value_t = 6)]
    clients: usize,

    /// Processes with edges.
    #[arg(long, default_value_t = 2)]
    processes: usize,

    /// Edges in each process.
    #[arg(long, default_value_t = 2)]
    isolates: usize,
}

/// How much is done, with what.
#[derive(Debug, Clone)]
pub(crate) struct Size {
    pub(crate) built: PathBuf,
    pub(crate) time: Duration,
    pub(crate) revocations: usize,
    pub(crate) clients: usize,
    pub(crate) processes: usize,
    pub(crate) isolates: usize,
}

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    let (seconds, revocations) = if args.quick {
        (5, 40)
    } else {
        (args.seconds, args.revocations)
    };
    let size = Size {
        built: args
            .built
            .unwrap_or_else(|| patrol_support::root().join("build")),
        time: Duration::from_secs(seconds),
        revocations,
        clients: args.clients,
        processes: args.processes,
        isolates: args.isolates,
    };
    let scenarios = if args.only.is_empty() {
        Scenario::ALL.to_vec()
    } else {
        args.only
    };
    let mut failed = Vec::new();
    for scenario in scenarios {
        let report = scenario.run(&size).await;
        report.print();
        if !report.is_good() {
            failed.push(scenario.name());
        }
    }
    if failed.is_empty() {
        println!("the promise holds");
        ExitCode::SUCCESS
    } else {
        println!("FAILED: {}", failed.join(", "));
        ExitCode::FAILURE
    }
}
