//! All turns, interleaved, and their ratios.
//!
//! In a round each contestant has a new, warmed-up process, and then they take turns of a second.
//! Disturbances of the machine mostly last longer than that, so they hit all contestants alike.

use crate::{
    launch::{CONTESTANT, Running},
    load,
    plan::Plan,
    stats::Spread,
    system::System,
    workload::{Contestant, Workload},
    wrk::Run,
};
use anyhow::Result;
use serde::Serialize;

/// One contestant at one workload.
#[derive(Debug, Serialize)]
pub(crate) struct Score {
    pub(crate) workload: Workload,
    pub(crate) contestant: Contestant,
    /// One for each turn.
    pub(crate) runs: Vec<Run>,
    /// Registry calls per second, where they were counted.
    pub(crate) registry_calls: Vec<f64>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Results(Vec<Score>);

impl Results {
    pub(crate) fn score(&self, workload: Workload, contestant: Contestant) -> Option<&Score> {
        let mut scores = self.0.iter();
        scores.find(|score| score.workload == workload && score.contestant == contestant)
    }

    /// The ratio of two contestants' rates, turn by turn.
    pub(crate) fn ratio(
        &self,
        workload: Workload,
        (one, other): (Contestant, Contestant),
    ) -> Option<Spread> {
        let (one, other) = (self.score(workload, one)?, self.score(workload, other)?);
        let turns = one.runs.iter().zip(&other.runs);
        Spread::of(turns.map(|(one, other)| one.rate / other.rate))
    }
}

pub(crate) async fn run(system: &System, plan: &Plan) -> Result<Results> {
    let mut results = Results(Vec::new());
    for (workload, contestants) in &plan.workloads {
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
            println!(
                "measuring requests, workload {}: round {number} of {}",
                workload.name(),
                plan.rounds
            );
            if workload.restarts_each_turn() {
                round_of_new_isolates(&mut scores, *workload, system, plan).await?;
            } else {
                round(&mut scores, *workload, system, plan).await?;
            }
        }
        results.0.append(&mut scores);
    }
    Ok(results)
}

/// One round. The order rotates, so no contestant is always first.
async fn round(
    scores: &mut [Score],
    workload: Workload,
    system: &System,
    plan: &Plan,
) -> Result<()> {
    let mut field = Vec::new();
    for score in scores {
        let running = Running::start(score.contestant, workload, system).await?;
        if plan.warm_up_seconds > 0 {
            load::warm_up(&running, workload, plan.warm_up_seconds)?;
        }
        field.push((score, running));
    }
    for turn in 0..plan.turns {
        for (score, running) in &mut field {
            let run = load::run_turn(running, workload, turn, TURN_SECONDS)?;
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

/// A round in which each turn has a new process, which has seen one request: an edge has its
/// lease, but no token of the turn, and the runtime has optimized nothing.
async fn round_of_new_isolates(
    scores: &mut [Score],
    workload: Workload,
    system: &System,
    plan: &Plan,
) -> Result<()> {
    for turn in 0..plan.turns {
        for score in &mut *scores {
            let running = Running::start(score.contestant, workload, system).await?;
            load::first_request(&running, workload).await?;
            let run = load::run_turn(&running, workload, turn, TURN_SECONDS)?;
            score.runs.push(run);
        }
    }
    Ok(())
}

const TURN_SECONDS: u32 = 1;

/// Registry calls per second under constant load.
async fn registry_calls(
    running: &Running,
    workload: Workload,
    system: &System,
    plan: &Plan,
) -> Result<f64> {
    let before = system.calls_of(CONTESTANT).await?;
    load::run_turn(running, workload, 0, plan.turns)?;
    let calls = system.calls_of(CONTESTANT).await? - before;
    let calls = f64::from(u32::try_from(calls).unwrap_or(u32::MAX));
    Ok(calls / f64::from(plan.turns))
}
