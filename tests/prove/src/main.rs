//! `cargo xtask prove-revocation`: does every edge deny a revoked token, whatever breaks?
//!
//! Many clients send requests to several edges, with tokens that other clients create and revoke
//! all the time, one by one and in bulk. The program records every request and every revocation
//! with times of one clock, and checks them at the end ([`crate::check`]). Others hold connections
//! open, whose bytes bear the time at which they were sent ([`crate::stream_check`]). In one scenario
//! a setting allows the edges to break the promise: if the proof finds no violation there, it is
//! blind.

mod check;
mod connection;
mod load;
mod report;
mod scenario;
mod stream_check;
mod streams;
mod tokens;
mod upstream;

use clap::Parser;
use scenario::{Scenario, Size};
use std::{path::PathBuf, process::ExitCode, time::Duration};

/// Revoke tokens under load and faults, and look for a request that passes afterwards.
#[derive(Parser)]
#[command(bin_name = "cargo xtask prove-revocation")]
struct Args {
    /// The least duration of each scenario.
    #[arg(long, default_value_t = 60)]
    seconds: u64,

    /// The least number of revocations in each scenario.
    #[arg(long, default_value_t = 500)]
    revocations: usize,

    /// Run each scenario for a few seconds only.
    #[arg(long)]
    quick: bool,

    /// Run only these scenarios.
    #[arg(long, value_enum, value_name = "SCENARIO")]
    only: Vec<Scenario>,

    /// Folder of the built Workers, from `cargo xtask build --out DIR` [default: build].
    #[arg(long, value_name = "DIR")]
    built: Option<PathBuf>,

    /// Clients of each edge.
    #[arg(long, default_value_t = 6)]
    clients: usize,

    /// Processes that run edges.
    #[arg(long, default_value_t = 2)]
    processes: usize,

    /// Edges in each process.
    #[arg(long, default_value_t = 2)]
    isolates: usize,
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
        duration: Duration::from_secs(seconds),
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
        println!("all scenarios ended as expected: the promise holds");
        ExitCode::SUCCESS
    } else {
        println!("FAILED: {}", failed.join(", "));
        ExitCode::FAILURE
    }
}
