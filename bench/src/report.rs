//! The figures: one table in Markdown for people, and everything as JSON for programs.

use crate::{
    files,
    first_token::FirstToken,
    inside::Inside,
    plan::Plan,
    registry::{Call, Registry},
    rounds::Results,
    stats::Spread,
    workload::{
        Contestant::{self, Bare, Floor, Jose, JoseKv, Patrol},
        Workload,
    },
};
use anyhow::{Context as _, Result};
use patrol::time::Timestamp;
use serde::Serialize;
use std::{fmt::Write as _, fs, process::Command};

#[derive(Debug, Serialize)]
pub(crate) struct Report {
    measured_at: String,
    /// The processors, and the versions of the runtime and the compiler.
    machine: Vec<String>,
    rounds: u32,
    turns: u32,
    pub(crate) http: Option<Results>,
    pub(crate) first_token: Option<FirstToken>,
    pub(crate) inside: Option<Inside>,
    pub(crate) registry: Option<Registry>,
}

/// A row of the table.
#[derive(Debug, Serialize)]
struct Figure {
    name: String,
    unit: &'static str,
    measured: Spread,
    goal: Option<Goal>,
}

#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
enum Goal {
    AtLeast(f64),
    AtMost(f64),
}

use Goal::{AtLeast, AtMost};

impl Report {
    pub(crate) fn new(plan: &Plan) -> Self {
        Self {
            measured_at: Timestamp::from_seconds(patrol_support::now()).to_string(),
            machine: machine(),
            rounds: plan.rounds,
            turns: plan.turns,
            http: None,
            first_token: None,
            inside: None,
            registry: None,
        }
    }

    /// Prints the table and writes both files.
    pub(crate) fn publish(&self, with_goals: bool) -> Result<()> {
        let figures = self.figures();
        let table = self.table(&figures, with_goals);
        println!("\n{table}");
        let path = files::folder().join("report.md");
        files::write(&path, &table)?;
        let json = serde_json::json!({ "figures": figures, "details": self });
        let json = serde_json::to_string_pretty(&json).context("cannot write JSON")?;
        files::write(&path.with_extension("json"), json)?;
        println!("wrote {} and report.json beside it", path.display());
        Ok(())
    }

    fn figures(&self) -> Vec<Figure> {
        let mut figures = Vec::new();
        if let Some(results) = &self.http {
            add_ratios(results, &mut figures);
        }
        let mut add = |name: &str, unit, goal, measured: Option<Spread>| {
            figures.extend(measured.map(|measured| Figure {
                name: name.to_owned(),
                unit,
                measured,
                goal,
            }));
        };
        let calls = self.http.as_ref().and_then(|results| {
            let score = results.score(Workload::Warm, Patrol)?;
            Spread::of(score.registry_calls.iter().copied())
        });
        add(
            "registry calls per second, one list",
            "",
            Some(AtMost(2.0)),
            calls,
        );
        let first = self.first_token.as_ref();
        add(
            "CPU of an isolate's first signature beyond a later",
            " ms",
            Some(AtMost(0.3)),
            first.map(|first| first.signature_check.difference),
        );
        add(
            "CPU of an isolate's first valid token beyond a later",
            " ms",
            None,
            first.map(|first| first.valid.difference),
        );
        let step = |name: &str| self.inside.as_ref()?.steps.get(name).copied();
        for (name, goal) in [
            ("decide-warm", Some(AtMost(2.0))),
            ("authorize", None),
            ("status", None),
            ("snapshot", Some(AtMost(1_000.0))),
        ] {
            add(&format!("inside Wasm: {name}"), " µs", goal, step(name));
        }
        add(
            "find a route of 1,000 / of 10",
            "",
            Some(AtMost(2.0)),
            self.routes(),
        );
        add(
            "memory for 10 M tokens, 1 % revoked",
            " MB",
            Some(AtMost(2.6)),
            self.memory(),
        );
        for (module, goal) in [
            ("edge", Some(AtMost(125.0))),
            ("origin", None),
            ("form", None),
        ] {
            let name = format!("{module} module, gzip");
            add(&name, " KB", goal, self.module_size(module));
        }
        let registry =
            |pair, figure: fn(&crate::wrk::Run) -> f64| self.registry.as_ref()?.ratio(pair, figure);
        // By processor time: what else the machine does is not part of a call's cost.
        let listing = registry((Call::ListAmongMany, Call::ListAmongFew), |run| run.cpu);
        add(
            "list tokens among 1,000,000 / among 1,000, CPU",
            "",
            Some(AtMost(1.2)),
            listing,
        );
        let create = registry((Call::Create, Call::Row), |run| run.rate);
        add("create a token / write a row", "", None, create);
        let lease = registry((Call::Lease, Call::Nothing), |run| run.rate);
        add("renew a lease / do nothing", "", None, lease);
        figures
    }

    fn routes(&self) -> Option<Spread> {
        let routes = &self.inside.as_ref()?.routes;
        let (many, few) = (routes.get(&1_000)?, routes.get(&10)?);
        Some(Spread {
            median: many.median / few.median,
            low: many.low / few.high,
            high: many.high / few.low,
        })
    }

    fn memory(&self) -> Option<Spread> {
        let bytes = *self.inside.as_ref()?.memory.get(&10_000_000)?;
        Some(Spread::exact(f64::from(u32::try_from(bytes).ok()?) / 1e6))
    }

    fn module_size(&self, name: &str) -> Option<Spread> {
        let bytes = self.inside.as_ref()?.modules.get(name)?.gzip;
        Some(Spread::exact(f64::from(u32::try_from(bytes).ok()?) / 1e3))
    }

    fn table(&self, figures: &[Figure], with_goals: bool) -> String {
        let (rounds, turns) = (self.rounds, self.turns);
        let mut text = format!(
            "Measured {}. {}. {rounds} rounds of {turns} turns. Each figure is a median, with the range \
             of the middle half.\n\n",
            self.measured_at,
            self.machine.join("; ")
        );
        let _ = writeln!(
            text,
            "| {:<52} | {:<28} | {:<9} | {:<7} |",
            "figure", "measured", "goal", ""
        );
        let _ = writeln!(text, "|{:-<54}|{:-<30}|{:-<11}|{:-<9}|", "", "", "", "");
        for figure in figures {
            let goal = figure.goal.filter(|_| with_goals);
            let _ = writeln!(
                text,
                "| {:<52} | {:<28} | {:<9} | {:<7} |",
                figure.name,
                format_spread(figure.measured, figure.unit),
                goal.map_or_else(String::new, |goal| format_goal(goal, figure.unit)),
                goal.map_or("", |goal| verdict(goal, figure.measured)),
            );
        }
        text
    }
}

/// Requests per second as ratios of two contestants, with the goals of the project.
fn add_ratios(results: &Results, figures: &mut Vec<Figure>) {
    use Workload::{Chunked, Cold, Denied, Hot, Lists, Mix, Proxied, Warm};
    let ratios: [(Workload, Contestant, Option<Goal>); 16] = [
        (Hot, Floor, Some(AtLeast(0.95))),
        (Warm, Floor, Some(AtLeast(0.95))),
        (Denied, Floor, Some(AtLeast(0.95))),
        (Proxied, Floor, Some(AtLeast(0.95))),
        (Chunked, Floor, Some(AtLeast(0.95))),
        (Lists, Floor, None),
        (Cold, Jose, Some(AtLeast(0.85))),
        (Cold, JoseKv, Some(AtLeast(1.2))),
        (Mix, Jose, Some(AtLeast(1.8))),
        (Mix, JoseKv, None),
        (Warm, Jose, Some(AtLeast(2.0))),
        (Warm, JoseKv, None),
        (Hot, Bare, None),
        (Warm, Bare, None),
        (Denied, Bare, None),
        (Proxied, Bare, None),
    ];
    for (workload, other, goal) in ratios {
        let measured = results.ratio(workload, (Patrol, other));
        let proxy = if workload.is_proxied() {
            "'s proxy"
        } else {
            ""
        };
        figures.extend(measured.map(|measured| Figure {
            name: format!("{}: patrol / {}{proxy}", workload.name(), other.name()),
            unit: "",
            measured,
            goal,
        }));
    }
}

fn format_spread(Spread { median, low, high }: Spread, unit: &str) -> String {
    // A size has no spread.
    if low.total_cmp(&high).is_eq() {
        format!("{median:.2}{unit}")
    } else {
        format!("{median:.2} [{low:.2} to {high:.2}]{unit}")
    }
}

fn format_goal(goal: Goal, unit: &str) -> String {
    match goal {
        AtLeast(limit) => format!("≥ {limit}{unit}"),
        AtMost(limit) => format!("≤ {limit}{unit}"),
    }
}

/// By the median.
fn verdict(goal: Goal, measured: Spread) -> &'static str {
    let is_reached = match goal {
        AtLeast(limit) => measured.median >= limit,
        AtMost(limit) => measured.median <= limit,
    };
    if is_reached { "reached" } else { "missed" }
}

/// The processors, and the versions of the runtime and the compiler.
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
    let versions = ["workerd", "rustc"].map(version);
    let processors = format!("{processors} processors: {model}");
    std::iter::once(processors)
        .chain(versions.into_iter().flatten())
        .collect()
}
