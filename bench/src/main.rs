//! `cargo xtask bench`: Patrol beside its peers and its limits, on the bare runtime.
//!
//! A figure by itself says more about the machine than about a program, so every figure is a
//! ratio of two that were measured one right after the other. In every round each contestant has
//! a fresh process of the runtime, so nothing that was learnt in one round helps the next; then
//! they take turns. Turns differ by what else the machine did, so the median of their ratios
//! counts, and how far they lie apart is shown.
//!
//! Left out: networks, and more than one isolate. What they cost is the same for everyone.

mod chart;
mod contestants;
mod goals;
mod inside;
mod load;
mod publish;
mod registry;
mod report;
mod rounds;
mod system;
mod tokens;

use anyhow::Result;
use clap::{Parser, ValueEnum};
use contestants::Contestant;
use inside::Effort;
use report::Report;
use std::time::Duration;
use system::System;
use tokens::{COLD_IN_A_TURN, Workload};

/// Measure Patrol beside its peers and its limits.
#[derive(Parser)]
#[command(bin_name = "cargo xtask bench")]
struct Arguments {
    /// See that everything can be measured: one short round, and no judgement.
    #[arg(long)]
    quick: bool,

    /// How often everybody starts anew.
    #[arg(long, default_value_t = 5, value_name = "N")]
    rounds: u32,

    /// How often everybody takes a turn of one second in a round.
    #[arg(long, default_value_t = 4, value_name = "N")]
    turns: u32,

    /// Put the figures into docs/PERFORMANCE.md and its picture.
    #[arg(long, conflicts_with = "quick")]
    publish: bool,

    /// Only these parts, with commas between them.
    #[arg(long, value_enum, value_delimiter = ',')]
    parts: Vec<Part>,

    /// Only these workloads, with commas between them.
    #[arg(long, value_enum, value_delimiter = ',')]
    workloads: Vec<Workload>,

    /// Only these contestants, with commas between them.
    #[arg(long, value_enum, value_delimiter = ',')]
    contestants: Vec<Contestant>,
}

/// What can be measured by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Requests to the edge and to its peers.
    Http,
    /// Core inside Wasm.
    Inside,
    /// Calls to a registry.
    Registry,
}

/// What to measure, and how long.
struct Plan {
    rounds: u32,
    turns_of_a_round: u32,
    /// Before the first turn of a round: the runtime compiles what is used often.
    warm_up_seconds: u32,
    /// Tokens that are used once.
    cold_tokens: u32,
    /// Tokens of a registry that has many.
    many_tokens: u32,
    turns: Vec<(Workload, Vec<Contestant>)>,
    effort: Effort,
}

impl Plan {
    fn new(arguments: &Arguments) -> Self {
        let chosen = |contestant: &Contestant| {
            arguments.contestants.is_empty() || arguments.contestants.contains(contestant)
        };
        let workloads = match &arguments.workloads[..] {
            [] => Workload::value_variants(),
            some => some,
        };
        let turns = workloads.iter().map(|workload| {
            let contestants = Contestant::value_variants().iter().copied();
            let contestants = contestants
                .filter(|contestant| contestant.takes_part_in(*workload) && chosen(contestant))
                // One workload shows that the peers run.
                .filter(|contestant| {
                    !arguments.quick
                        || *workload == Workload::Hot
                        || *contestant == Contestant::Patrol
                });
            (*workload, contestants.collect())
        });
        let turns = turns.collect();
        if arguments.quick {
            Self {
                rounds: 1,
                turns_of_a_round: 1,
                warm_up_seconds: 0,
                cold_tokens: COLD_IN_A_TURN,
                many_tokens: 50_000,
                turns,
                effort: Effort {
                    samples: 1,
                    sample: Duration::from_millis(10),
                },
            }
        } else {
            Self {
                rounds: arguments.rounds,
                turns_of_a_round: arguments.turns,
                warm_up_seconds: 2,
                cold_tokens: COLD_IN_A_TURN * arguments.turns,
                many_tokens: 1_000_000,
                turns,
                effort: Effort {
                    samples: 15,
                    sample: Duration::from_millis(100),
                },
            }
        }
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let plan = Plan::new(&arguments);
    let wanted = |part| arguments.parts.is_empty() || arguments.parts.contains(&part);
    let mut report = Report::new(&plan);
    if wanted(Part::Inside) {
        report.inside = Some(inside::measure(plan.effort).await?);
    }
    if wanted(Part::Registry) {
        report.registry = Some(registry::measure(&plan).await?);
    }
    if wanted(Part::Http) {
        let system = System::start(&plan).await?;
        report.http = Some(rounds::run(&system, &plan).await?);
    }
    report.show();
    // One short round is good for nothing but to see that it works.
    if !arguments.quick {
        report.judge();
    }
    report.write()?;
    if arguments.publish {
        publish::publish(&report)?;
    }
    Ok(())
}
