//! What is to be reached, and what was.
//!
//! The goals are those of the project. Each is a ratio, a time or a size; a figure that was not
//! measured is neither reached nor missed.

use crate::{
    contestants::Contestant::{self, Bare, Jose, Patrol},
    load::Run,
    registry::Call,
    report::Report,
    rounds::Spread,
    tokens::Workload,
};
use serde::Serialize;

/// One figure with its goal.
#[derive(Debug, Serialize)]
pub(crate) struct Goal {
    pub(crate) figure: &'static str,
    #[serde(flatten)]
    limit: Limit,
    unit: &'static str,
    pub(crate) measured: Option<Spread>,
}

/// Which way is good.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
enum Limit {
    AtLeast(f64),
    AtMost(f64),
}

impl Goal {
    /// The goal in words.
    pub(crate) fn wanted(&self) -> String {
        let unit = self.unit;
        match self.limit {
            Limit::AtLeast(limit) => format!("≥ {limit}{unit}"),
            Limit::AtMost(limit) => format!("≤ {limit}{unit}"),
        }
    }

    /// By the median.
    pub(crate) fn verdict(&self) -> &'static str {
        let reached = self.measured.map(|spread| match self.limit {
            Limit::AtLeast(limit) => spread.median >= limit,
            Limit::AtMost(limit) => spread.median <= limit,
        });
        match reached {
            Some(true) => "reached",
            Some(false) => "missed",
            None => "",
        }
    }
}

/// All goals.
pub(crate) fn goals(report: &Report) -> Vec<Goal> {
    let goal = |figure, limit, unit, measured| Goal {
        figure,
        limit,
        unit,
        measured,
    };
    let ratio = |workload, other: Contestant| {
        let results = report.http.as_ref()?;
        results.ratio(workload, (Patrol, other), |run: &Run| run.rate)
    };
    let step = |name: &str| report.inside.as_ref()?.steps.get(name).copied();
    let (at_least, at_most) = (Limit::AtLeast, Limit::AtMost);
    vec![
        goal(
            "hot: patrol / bare",
            at_least(0.85),
            "",
            ratio(Workload::Hot, Bare),
        ),
        goal(
            "warm: patrol / bare",
            at_least(0.85),
            "",
            ratio(Workload::Warm, Bare),
        ),
        goal(
            "warm: patrol / jose",
            at_least(2.0),
            "",
            ratio(Workload::Warm, Jose),
        ),
        goal(
            "cold: patrol / jose",
            at_least(1.0),
            "",
            ratio(Workload::Cold, Jose),
        ),
        goal(
            "denied: patrol / bare",
            at_least(0.85),
            "",
            ratio(Workload::Denied, Bare),
        ),
        goal(
            "proxied: patrol / bare proxy",
            at_least(0.85),
            "",
            ratio(Workload::Proxied, Bare),
        ),
        goal(
            "decision in Wasm, warm",
            at_most(2.0),
            " µs",
            step("decide-warm"),
        ),
        goal(
            "decision in Wasm, cold",
            at_most(60.0),
            " µs",
            step("decide-cold"),
        ),
        goal(
            "scope match at 1,000 routes / at 10",
            at_most(2.0),
            "",
            routes(report),
        ),
        goal(
            "revocation state, 10 M tokens",
            at_most(2.6),
            " MB",
            memory(report),
        ),
        goal(
            "list from snapshot",
            at_most(1_000.0),
            " µs",
            step("snapshot"),
        ),
        goal("edge module, gzip", at_most(110.0), " KB", size(report)),
        goal(
            "registry calls a second, one list",
            at_most(2.0),
            "",
            calls(report),
        ),
        goal(
            "listing among 1,000,000 / among 1,000",
            at_most(1.2),
            "",
            listing(report),
        ),
    ]
}

fn routes(report: &Report) -> Option<Spread> {
    let routes = &report.inside.as_ref()?.routes;
    let (many, few) = (routes.get(&1_000)?, routes.get(&10)?);
    Some(Spread {
        median: many.median / few.median,
        low: many.low / few.high,
        high: many.high / few.low,
    })
}

fn memory(report: &Report) -> Option<Spread> {
    let bytes = *report.inside.as_ref()?.memory.get(&10_000_000)?;
    Some(exactly(f64::from(u32::try_from(bytes).ok()?) / 1e6))
}

fn size(report: &Report) -> Option<Spread> {
    let bytes = report.inside.as_ref()?.modules.get("edge")?.gzip;
    Some(exactly(f64::from(u32::try_from(bytes).ok()?) / 1e3))
}

fn calls(report: &Report) -> Option<Spread> {
    let score = report.http.as_ref()?.score(Workload::Warm, Patrol)?;
    Spread::of(score.registry_calls.iter().copied())
}

/// By processor time: what the machine does besides is no part of a call's cost.
fn listing(report: &Report) -> Option<Spread> {
    let pair = (Call::ListAmongMany, Call::ListAmongFew);
    report.registry.as_ref()?.ratio(pair, |run| run.cpu)
}

fn exactly(figure: f64) -> Spread {
    Spread {
        median: figure,
        low: figure,
        high: figure,
    }
}
