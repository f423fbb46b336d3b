//! Everybody's turns, interleaved, and what they amount to.

use crate::{
    Plan,
    contestants::{CONTESTANT, Contestant},
    load,
    load::Run,
    system::System,
    tokens::Workload,
};
use anyhow::Result;
use serde::Serialize;

/// One contestant at one workload, a run for each round.
#[derive(Debug, Serialize)]
pub(crate) struct Score {
    pub(crate) workload: Workload,
    pub(crate) contestant: Contestant,
    pub(crate) runs: Vec<Run>,
    /// How often a second it has asked a registry.
    pub(crate) registry_calls: Vec<f64>,
}

/// The middle of some numbers, and how far they reach.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
}

impl Spread {
    /// None: no numbers.
    pub(crate) fn of(numbers: impl Iterator<Item = f64>) -> Option<Self> {
        let mut numbers: Vec<f64> = numbers.collect();
        numbers.sort_by(f64::total_cmp);
        let (upper, lower) = (numbers.len() / 2, numbers.len().checked_sub(1)? / 2);
        Some(Self {
            median: f64::midpoint(*numbers.get(lower)?, *numbers.get(upper)?),
            least: *numbers.first()?,
            most: *numbers.last()?,
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

    /// The ratio of two contestants' figures, round by round.
    pub(crate) fn ratio(
        &self,
        workload: Workload,
        (one, other): (Contestant, Contestant),
        figure: impl Fn(&Run) -> f64,
    ) -> Option<Spread> {
        let (one, other) = (self.score(workload, one)?, self.score(workload, other)?);
        let rounds = one.runs.iter().zip(&other.runs);
        Spread::of(rounds.map(|(one, other)| figure(one) / figure(other)))
    }
}

/// Runs all rounds. The order rotates: whoever comes first or last does so once only.
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
        for round in 0..plan.rounds {
            println!(
                "{}: round {} of {}",
                workload.name(),
                round + 1,
                plan.rounds
            );
            for score in &mut scores {
                let (run, calls) = turn(score.contestant, *workload, system, plan).await?;
                score.runs.push(run);
                score.registry_calls.push(calls);
            }
            if let [_, _, ..] = scores[..] {
                scores.rotate_left(1);
            }
        }
        scores.sort_by_key(|score| score.contestant);
        results.0.append(&mut scores);
    }
    Ok(results)
}

/// One turn: a fresh process, warmed up, measured, ended. Says how often a second it has asked a
/// registry, too.
async fn turn(
    contestant: Contestant,
    workload: Workload,
    system: &System,
    plan: &Plan,
) -> Result<(Run, f64)> {
    let running = contestant.start(workload, system).await?;
    let run = |tokens_of, seconds| load::run(contestant, &running, workload, tokens_of, seconds);
    if plan.warm_up_seconds > 0 {
        run(workload.warms_up_with(), plan.warm_up_seconds)?;
    }
    let before = system.calls_of(CONTESTANT).await?;
    let run = run(workload, plan.seconds)?;
    let calls = system.calls_of(CONTESTANT).await? - before;
    // So few that they fit.
    let calls = f64::from(u32::try_from(calls).unwrap_or(u32::MAX));
    Ok((run, calls / f64::from(plan.seconds)))
}
