//! The figures, for people and for programs.

use crate::{
    Plan,
    contestants::Contestant,
    inside::Inside,
    load::Run,
    rounds::{Results, Score, Spread},
    system::folder,
};
use anyhow::{Context as _, Result};
use serde::Serialize;
use std::fs;

/// All that was measured.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    rounds: u32,
    seconds: u32,
    pub(crate) http: Option<Results>,
    pub(crate) inside: Option<Inside>,
}

impl Report {
    /// An empty report.
    pub(crate) fn new(plan: &Plan) -> Self {
        Self {
            rounds: plan.rounds,
            seconds: plan.seconds,
            http: None,
            inside: None,
        }
    }

    /// Prints tables.
    pub(crate) fn show(&self) {
        if let Some(inside) = &self.inside {
            show_inside(inside);
        }
        if let Some(results) = &self.http {
            show_http(results);
        }
    }

    /// Writes `target/bench/report.json`.
    pub(crate) fn write(&self) -> Result<()> {
        let path = folder().join("report.json");
        let text = serde_json::to_string_pretty(self).context("a report")?;
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
    }
}

fn show_inside(inside: &Inside) {
    println!("\n{:<22} {:>30}", "inside Wasm", "µs for one");
    for (step, spread) in &inside.steps {
        println!("{step:<22} {:>30}", written(*spread));
    }
    for (routes, spread) in &inside.routes {
        println!("route of {routes:<13} {:>30}", written(*spread));
    }
    println!("\n{:<22} {:>30}", "tokens, 1 % revoked", "KB of memory");
    for (tokens, bytes) in &inside.memory {
        println!("{tokens:<22} {:>30}", bytes / 1_000);
    }
    println!(
        "\n{:<10} {:>10} {:>10} {:>12} {:>16}",
        "module", "raw KB", "gzip KB", "compile ms", "instantiate ms"
    );
    for (name, module) in &inside.modules {
        println!(
            "{name:<10} {:>10} {:>10} {:>12.2} {:>16.2}",
            module.raw / 1_000,
            module.gzip / 1_000,
            module.compile_ms,
            module.instantiate_ms
        );
    }
}

/// Prints a table for each workload.
fn show_http(results: &Results) {
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
