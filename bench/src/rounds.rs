//! Everybody's turns, interleaved, and what they amount to.
//!
//! In a round everybody has a fresh process, warmed up, and then they take turns of one second:
//! what disturbs a machine lasts longer than that mostly, so it disturbs all alike.

use crate::{
    Plan,
    contestants::{CONTESTANT, Contestant, Running},
    load,
    load::Run,
    system::System,
    tokens::Workload,
};
use anyhow::Result;
use serde::Serialize;

/// One contestant at one workload, a run for each turn.
#[derive(Debug, Serialize)]
pub(crate) struct Score {
    pub(crate) workload: Workload,
    pub(crate) contestant: Contestant,
    pub(crate) runs: Vec<Run>,
    /// How often a second it has asked a registry, where that was counted.
    pub(crate) registry_calls: Vec<f64>,
}

/// The middle of some numbers, and the range in which the middle half of them lies.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    /// A quarter lies below.
    pub(crate) low: f64,
    /// A quarter lies above.
    pub(crate) high: f64,
}

impl Spread {
    /// None: no numbers.
    pub(crate) fn of(numbers: impl Iterator<Item = f64>) -> Option<Self> {
        let mut numbers: Vec<f64> = numbers.collect();
        numbers.sort_by(f64::total_cmp);
        let last = numbers.len().checked_sub(1)?;
        // The number itself where a quarter falls on one, or else between its neighbours.
        let quarters = |count: usize| {
            let (below, above) = (count * last / 4, (count * last).div_ceil(4));
            Some(f64::midpoint(*numbers.get(below)?, *numbers.get(above)?))
        };
        Some(Self {
            median: quarters(2)?,
            low: quarters(1)?,
            high: quarters(3)?,
        })
    }
}

/// All scores.
#[derive(Debug, Serialize)]
pub(crate) struct Results(pub(crate) Vec<Score>);

impl Results {
    pub(crate) fn score(&self, workload: Workload, contestant: Contestant) -> Option<&Score> {
        let mut scores = self.0.iter();
        scores.find(|score| score.workload == workload && score.contestant == contestant)
    }

    /// The ratio of two contestants' figures, turn by turn.
    pub(crate) fn ratio(
        &self,
        workload: Workload,
        (one, other): (Contestant, Contestant),
        figure: impl Fn(&Run) -> f64,
    ) -> Option<Spread> {
        let (one, other) = (self.score(workload, one)?, self.score(workload, other)?);
        let turns = one.runs.iter().zip(&other.runs);
        Spread::of(turns.map(|(one, other)| figure(one) / figure(other)))
    }
}

/// Runs all rounds.
pub(crate) async fn run(system: &System, plan: &Plan) -> Result<Results> {
    let mut results = Results(Vec::new());
    for (workload, contestants) in &plan.turns {
        let mut scores: Vec<Score> = contestants
            .iter()
            .map(|&contestant| Score {
                workload: *workload,
                contestant,
                runs: Vec::new(),
                registry_calls: Vec::new(),
            })
            .collect();
        for number in 1..=plan.rounds {
            println!("{}: round {number} of {}", workload.name(), plan.rounds);
            round(&mut scores, *workload, system, plan).await?;
        }
        results.0.append(&mut scores);
    }
    Ok(results)
}

/// One round. The order rotates: nobody comes first always.
async fn round(
    scores: &mut [Score],
    workload: Workload,
    system: &System,
    plan: &Plan,
) -> Result<()> {
    let mut field = Vec::new();
    for score in scores {
        let running = score.contestant.start(workload, system).await?;
        if plan.warm_up_seconds > 0 {
            let tokens_of = workload.warms_up_with();
            load::run(&running, workload, tokens_of, 0, plan.warm_up_seconds)?;
        }
        field.push((score, running));
    }
    for turn in 0..plan.turns_of_a_round {
        for (score, running) in &mut field {
            let run = load::run(running, workload, workload, turn, TURN_SECONDS)?;
            score.runs.push(run);
        }
        if !field.is_empty() {
            field.rotate_left(1);
        }
    }
    for (score, running) in field {
        if workload == Workload::Warm && score.contestant == Contestant::Patrol {
            let calls = registry_calls(&running, workload, system, plan).await?;
            score.registry_calls.push(calls);
        }
    }
    Ok(())
}

const TURN_SECONDS: u32 = 1;

/// How often a second a contestant asks a registry, while requests come without a pause.
async fn registry_calls(
    running: &Running,
    workload: Workload,
    system: &System,
    plan: &Plan,
) -> Result<f64> {
    let before = system.calls_of(CONTESTANT).await?;
    load::run(running, workload, workload, 0, plan.turns_of_a_round)?;
    let calls = system.calls_of(CONTESTANT).await? - before;
    // So few that they fit.
    let calls = f64::from(u32::try_from(calls).unwrap_or(u32::MAX));
    Ok(calls / f64::from(plan.turns_of_a_round))
}
