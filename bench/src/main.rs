//! `cargo xtask bench`: compares Patrol with its peers and its limits, on the bare runtime.
//!
//! A single time says more about the machine than about a program, so figures are ratios of two
//! measurements taken right after each other. In each round every contestant has a new process,
//! so rounds are independent; then they take turns. Turns differ by what else the machine does, so
//! the median of their ratios counts, and the spread is shown.
//!
//! Left out: networks, and more than one isolate per process. Both cost all contestants the same.

mod files;
mod first_token;
mod inside;
mod launch;
mod load;
mod plan;
mod registry;
mod report;
mod rounds;
mod stats;
mod system;
mod tokens;
mod workload;
mod wrk;
mod zipf;

use anyhow::Result;
use clap::{Parser, ValueEnum};
use plan::{Plan, Selection};
use report::Report;
use system::System;
use workload::{Contestant, Workload};

/// Measure Patrol beside its peers and its limits.
///
/// Prints a table and writes it to target/bench/report.md, with all details in report.json.
#[derive(Parser)]
#[command(bin_name = "cargo xtask bench --")]
struct Arguments {
    /// Run one short round that only shows that everything can be measured; check no goals.
    #[arg(long, conflicts_with_all = ["rounds", "turns"])]
    quick: bool,

    /// Rounds; each starts new processes.
    #[arg(long, default_value_t = 5, value_name = "N")]
    rounds: u32,

    /// Turns of one second that each contestant takes in a round.
    #[arg(long, default_value_t = 4, value_name = "N")]
    turns: u32,

    /// Measure only these parts (separated by commas).
    #[arg(long, value_enum, value_delimiter = ',')]
    parts: Vec<Part>,

    /// Measure only these workloads (separated by commas).
    #[arg(long, value_enum, value_delimiter = ',')]
    workloads: Vec<Workload>,

    /// Measure only these contestants (separated by commas).
    #[arg(long, value_enum, value_delimiter = ',')]
    contestants: Vec<Contestant>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Requests to the edge and to its peers.
    Http,
    /// The processor time of an isolate's first token.
    FirstToken,
    /// Core inside WebAssembly.
    Inside,
    /// Calls to a registry.
    Registry,
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let selection = Selection {
        workloads: &arguments.workloads,
        contestants: &arguments.contestants,
    };
    let plan = if arguments.quick {
        Plan::quick(&selection)
    } else {
        Plan::full(arguments.rounds, arguments.turns, &selection)
    };
    let is_selected = |part| arguments.parts.is_empty() || arguments.parts.contains(&part);
    let mut report = Report::new(&plan);
    if is_selected(Part::Inside) {
        report.inside = Some(inside::measure(plan.effort).await?);
    }
    if is_selected(Part::Registry) {
        report.registry = Some(registry::measure(&plan).await?);
    }
    if is_selected(Part::Http) || is_selected(Part::FirstToken) {
        println!("starting the origin and signing the tokens of all workloads");
        let system = System::start(&plan).await?;
        if is_selected(Part::FirstToken) {
            report.first_token = Some(first_token::measure(&system, &plan).await?);
        }
        if is_selected(Part::Http) {
            report.http = Some(rounds::run(&system, &plan).await?);
        }
    }
    // A short round is too noisy to compare with goals.
    report.publish(!arguments.quick)
}
