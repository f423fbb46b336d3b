//! What to measure, and how thoroughly.

use crate::workload::{COLD_TOKENS_PER_TURN, Contestant, ISOLATE_LIFETIME, Workload};
use clap::ValueEnum;
use std::time::Duration;

pub(crate) struct Plan {
    /// In each round every contestant starts a new process.
    pub(crate) rounds: u32,
    /// Turns of each contestant in a round.
    pub(crate) turns: u32,
    /// Load before the first turn of a round: the runtime compiles code that runs often.
    pub(crate) warm_up_seconds: u32,
    /// Tokens that are used once.
    pub(crate) cold_tokens: u32,
    /// Tokens drawn for `mix`.
    pub(crate) mix_draws: u32,
    /// Tokens in the large registry.
    pub(crate) registry_tokens: u32,
    /// New processes for the figure `first token`.
    pub(crate) first_token_samples: u32,
    pub(crate) workloads: Vec<(Workload, Vec<Contestant>)>,
    pub(crate) effort: Effort,
}

/// How thoroughly to measure core inside WebAssembly.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Effort {
    pub(crate) samples: u32,
    /// The least time of a sample.
    pub(crate) sample: Duration,
}

/// The selection on the command line. Empty lists select everything.
pub(crate) struct Selection<'a> {
    pub(crate) workloads: &'a [Workload],
    pub(crate) contestants: &'a [Contestant],
}

impl Selection<'_> {
    fn workloads(
        &self,
        filter: impl Fn(Workload, Contestant) -> bool,
    ) -> Vec<(Workload, Vec<Contestant>)> {
        let workloads = match self.workloads {
            [] => Workload::value_variants(),
            some => some,
        };
        let contestants = match self.contestants {
            [] => Contestant::value_variants(),
            some => some,
        };
        let takes_part = |workload: Workload, contestant: Contestant| {
            contestant.takes_part_in(workload) && filter(workload, contestant)
        };
        workloads
            .iter()
            .map(|&workload| {
                let contestants = contestants.iter().copied();
                let contestants =
                    contestants.filter(|&contestant| takes_part(workload, contestant));
                (workload, contestants.collect())
            })
            .collect()
    }
}

impl Plan {
    pub(crate) fn full(rounds: u32, turns: u32, selection: &Selection) -> Self {
        Self {
            rounds,
            turns,
            warm_up_seconds: 2,
            cold_tokens: COLD_TOKENS_PER_TURN * turns,
            mix_draws: ISOLATE_LIFETIME * turns,
            registry_tokens: 1_000_000,
            first_token_samples: 20,
            workloads: selection.workloads(|_, _| true),
            effort: Effort {
                samples: 15,
                sample: Duration::from_millis(100),
            },
        }
    }

    /// One short round that shows that everything still runs.
    pub(crate) fn quick(selection: &Selection) -> Self {
        Self {
            rounds: 1,
            turns: 1,
            warm_up_seconds: 0,
            cold_tokens: COLD_TOKENS_PER_TURN,
            mix_draws: ISOLATE_LIFETIME,
            registry_tokens: 50_000,
            first_token_samples: 2,
            // One workload is enough to show that the peers run.
            workloads: selection.workloads(|workload, contestant| {
                workload == Workload::Hot || contestant == Contestant::Patrol
            }),
            effort: Effort {
                samples: 1,
                sample: Duration::from_millis(10),
            },
        }
    }
}
