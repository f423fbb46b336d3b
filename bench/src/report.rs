//! The figures, for people and for programs.

use crate::{
    Plan,
    contestants::Contestant,
    load::Run,
    rounds::{Results, Score, Spread},
    system::folder,
};
use anyhow::{Context as _, Result};
use serde_json::json;
use std::fs;

/// Prints a table for each workload.
pub(crate) fn show(results: &Results) {
    let mut workload = None;
    for score in &results.0 {
        if workload != Some(score.workload) {
            workload = Some(score.workload);
            println!(
                "\n{:<9} {:>9} {:>24} {:>9} {:>24} {:>8} {:>8}",
                score.workload.name(),
                "rate/s",
                "of bare",
                "CPU µs",
                "of bare",
                "p50 µs",
                "p99 µs"
            );
        }
        show_one(results, score);
    }
    println!();
}

fn show_one(results: &Results, score: &Score) {
    let middle = |figure: fn(&Run) -> f64| {
        Spread::of(score.runs.iter().map(figure)).map_or(f64::NAN, |spread| spread.median)
    };
    let of_bare = |figure: fn(&Run) -> f64| {
        let pair = (score.contestant, Contestant::Bare);
        results
            .ratio(score.workload, pair, figure)
            .map_or_else(String::new, written)
    };
    println!(
        "{:<9} {:>9.0} {:>24} {:>9.1} {:>24} {:>8.0} {:>8.0}",
        score.contestant.name(),
        middle(|run| run.rate),
        of_bare(|run| run.rate),
        middle(|run| run.cpu),
        of_bare(|run| run.cpu),
        middle(|run| run.p50),
        middle(|run| run.p99),
    );
}

/// `median [least to most]`
fn written(spread: Spread) -> String {
    let Spread {
        median,
        least,
        most,
    } = spread;
    format!("{median:.2} [{least:.2} to {most:.2}]")
}

/// Writes `target/bench/report.json`.
pub(crate) fn write(plan: &Plan, results: &Results) -> Result<()> {
    let report = json!({
        "rounds": plan.rounds,
        "seconds": plan.seconds,
        "http": results,
    });
    let path = folder().join("report.json");
    let text = serde_json::to_string_pretty(&report).context("a report")?;
    fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
}
