//! The figures, for people and for programs.

use crate::{
    Plan,
    chart::chart,
    contestants::Contestant,
    goals,
    inside::Inside,
    load::Run,
    registry::{Call, Registry},
    rounds::{Results, Score, Spread},
    system::folder,
};
use anyhow::{Context as _, Result};
use patrol::time::Timestamp;
use serde::Serialize;
use std::{fs, process::Command};

/// All that was measured.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// When.
    pub(crate) at: String,
    /// Where, and on what.
    pub(crate) on: Vec<String>,
    /// Rounds, and turns of one second in each.
    pub(crate) rounds: u32,
    pub(crate) turns: u32,
    pub(crate) registry: Option<Registry>,
    pub(crate) http: Option<Results>,
    pub(crate) inside: Option<Inside>,
}

impl Report {
    /// An empty report.
    pub(crate) fn new(plan: &Plan) -> Self {
        Self {
            at: Timestamp::from_seconds(patrol_support::now()).to_string(),
            on: machine(),
            rounds: plan.rounds,
            turns: plan.turns_of_a_round,
            registry: None,
            http: None,
            inside: None,
        }
    }

    /// Prints tables.
    pub(crate) fn show(&self) {
        if let Some(inside) = &self.inside {
            show_inside(inside);
        }
        if let Some(registry) = &self.registry {
            show_registry(registry);
        }
        if let Some(results) = &self.http {
            show_http(results);
        }
    }

    /// Prints what was to be reached, and what was.
    pub(crate) fn judge(&self) {
        let goals = goals::goals(self);
        println!("\n{:<52} {:>8} {:>26}", "figure", "goal", "measured");
        for goal in goals {
            let measured = goal.measured.map_or_else(|| "-".to_owned(), written);
            println!(
                "{:<52} {:>8} {measured:>26} {}",
                goal.figure,
                goal.wanted(),
                goal.verdict()
            );
        }
    }

    /// Writes `target/bench/report.json`.
    pub(crate) fn write(&self) -> Result<()> {
        let path = folder().join("report.json");
        let all = serde_json::json!({ "goals": goals::goals(self), "report": self });
        let text = serde_json::to_string_pretty(&all).context("a report")?;
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        if let Some(picture) = self.http.as_ref().and_then(chart) {
            let path = folder().join("performance.svg");
            fs::write(&path, picture)
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(())
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
}

/// The processor, the system's part of it, and the programs with their versions.
fn machine() -> Vec<String> {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        (name.trim() == "model name").then(|| value.trim().to_owned())
    });
    let model = model.unwrap_or_else(|| "unknown processor".to_owned());
    let version = |program: &str| {
        let path = patrol_support::root()
            .join("node_modules/.bin")
            .join(program);
        let program = if path.exists() { path } else { program.into() };
        let output = Command::new(program).arg("--version").output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        text.lines().next().map(str::to_owned)
    };
    let programs = ["workerd", "rustc"].map(version);
    let first = format!("{processors} processors: {model}");
    std::iter::once(first)
        .chain(programs.into_iter().flatten())
        .collect()
}

fn show_registry(registry: &Registry) {
    println!(
        "\n{:<18} {:>9} {:>24} {:>9} {:>8} {:>8}",
        "registry", "calls/s", "of one that does nothing", "CPU µs", "p50 µs", "p99 µs"
    );
    for score in &registry.scores {
        let ratio = registry.ratio((score.call, Call::Nothing), |run| run.rate);
        println!(
            "{:<18} {:>9.0} {:>24} {:>9.1} {:>8.0} {:>8.0}",
            score.call.name(),
            median(&score.runs, |run| run.rate),
            ratio.map_or_else(String::new, written),
            median(&score.runs, |run| run.cpu),
            median(&score.runs, |run| run.p50),
            median(&score.runs, |run| run.p99),
        );
    }
}

/// The median of a figure.
pub(crate) fn median(runs: &[Run], figure: impl Fn(&Run) -> f64) -> f64 {
    Spread::of(runs.iter().map(figure)).map_or(f64::NAN, |spread| spread.median)
}

fn show_one(results: &Results, score: &Score) {
    let of_bare = |figure: fn(&Run) -> f64| {
        let pair = (score.contestant, Contestant::Bare);
        results
            .ratio(score.workload, pair, figure)
            .map_or_else(String::new, written)
    };
    println!(
        "{:<9} {:>9.0} {:>24} {:>9.1} {:>24} {:>8.0} {:>8.0}",
        score.contestant.name(),
        median(&score.runs, |run| run.rate),
        of_bare(|run| run.rate),
        median(&score.runs, |run| run.cpu),
        of_bare(|run| run.cpu),
        median(&score.runs, |run| run.p50),
        median(&score.runs, |run| run.p99),
    );
}

/// `median [low to high]`
pub(crate) fn written(Spread { median, low, high }: Spread) -> String {
    format!("{median:.2} [{low:.2} to {high:.2}]")
}
