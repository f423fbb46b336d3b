//! Puts the figures into docs/PERFORMANCE.md, between two marks, and the picture beside it.

use crate::{
    chart::chart,
    contestants::Contestant,
    goals::goals,
    report::{Report, median, written},
};
use anyhow::{Context as _, Result};
use std::{fmt::Write as _, fs};

const BEGIN: &str = "<!-- figures: written by `cargo xtask bench --publish` -->\n";
const END: &str = "<!-- end of figures -->";

/// Writes both.
pub(crate) fn publish(report: &Report) -> Result<()> {
    let docs = patrol_support::root().join("docs");
    let path = docs.join("PERFORMANCE.md");
    let text = fs::read_to_string(&path).context("cannot read docs/PERFORMANCE.md")?;
    let (before, rest) = text.split_once(BEGIN).context("no place for figures")?;
    let (_, after) = rest.split_once(END).context("no end of the figures")?;
    let text = format!("{before}{BEGIN}{}{END}{after}", figures(report));
    fs::write(&path, text).context("cannot write docs/PERFORMANCE.md")?;
    if let Some(picture) = report.http.as_ref().and_then(chart) {
        fs::write(docs.join("performance.svg"), picture).context("cannot write the picture")?;
    }
    Ok(())
}

/// The tables in Markdown.
fn figures(report: &Report) -> String {
    let mut out = String::new();
    let (at, on) = (&report.at, report.on.join("; "));
    let (rounds, turns) = (report.rounds, report.turns);
    let _ = writeln!(
        out,
        "Measured {at}. {on}. Rounds: {rounds}, with {turns} turns of a second each for everybody. A \
         figure is the median, with the range in which the middle half of them lies.\n\n| figure | goal | measured | |\n|---|---|---|---|"
    );
    for goal in goals(report) {
        let measured = goal.measured.map_or_else(String::new, written);
        let (wanted, verdict) = (goal.wanted(), goal.verdict());
        let _ = writeln!(
            out,
            "| {} | {wanted} | {measured} | {verdict} |",
            goal.figure
        );
    }
    http(report, &mut out);
    inside(report, &mut out);
    registry(report, &mut out);
    out
}

fn http(report: &Report, out: &mut String) {
    let Some(results) = &report.http else {
        return;
    };
    out.push_str(
        "\n| workload | contestant | requests/s | of bare | CPU µs | of bare | p50 µs | p99 µs |\n\
         |---|---|---|---|---|---|---|---|\n",
    );
    for score in &results.0 {
        let pair = (score.contestant, Contestant::Bare);
        let rate = results.ratio(score.workload, pair, |run| run.rate);
        let cpu = results.ratio(score.workload, pair, |run| run.cpu);
        let runs = &score.runs;
        let _ = writeln!(
            out,
            "| {} | {} | {:.0} | {} | {:.1} | {} | {:.0} | {:.0} |",
            score.workload.name(),
            score.contestant.name(),
            median(runs, |run| run.rate),
            rate.map_or_else(String::new, written),
            median(runs, |run| run.cpu),
            cpu.map_or_else(String::new, written),
            median(runs, |run| run.p50),
            median(runs, |run| run.p99),
        );
    }
}

fn inside(report: &Report, out: &mut String) {
    let Some(inside) = &report.inside else {
        return;
    };
    out.push_str("\n| inside Wasm | µs |\n|---|---|\n");
    for (step, spread) in &inside.steps {
        let _ = writeln!(out, "| {step} | {} |", written(*spread));
    }
    for (routes, spread) in &inside.routes {
        let _ = writeln!(
            out,
            "| find one of {routes} routes | {} |",
            written(*spread)
        );
    }
    for (tokens, bytes) in &inside.memory {
        let kilobytes = bytes / 1_000;
        let _ = writeln!(
            out,
            "| memory for {tokens} tokens, 1 % revoked | {kilobytes} KB |"
        );
    }
    out.push_str(
        "\n| module | KB | gzip KB | compiled in ms | instantiated in ms |\n|---|---|---|---|---|\n",
    );
    for (name, module) in &inside.modules {
        let _ = writeln!(
            out,
            "| {name} | {} | {} | {:.2} | {:.2} |",
            module.raw / 1_000,
            module.gzip / 1_000,
            module.compile_ms,
            module.instantiate_ms
        );
    }
}

fn registry(report: &Report, out: &mut String) {
    let Some(registry) = &report.registry else {
        return;
    };
    let _ = writeln!(
        out,
        "\n| one registry, {} tokens | calls/s | of an object that does nothing | CPU µs | p50 µs | p99 µs |\n\
         |---|---|---|---|---|---|",
        registry.many
    );
    for score in &registry.scores {
        let pair = (score.call, crate::registry::Call::Nothing);
        let ratio = registry.ratio(pair, |run| run.rate);
        let runs = &score.runs;
        let _ = writeln!(
            out,
            "| {} | {:.0} | {} | {:.1} | {:.0} | {:.0} |",
            score.call.name(),
            median(runs, |run| run.rate),
            ratio.map_or_else(String::new, written),
            median(runs, |run| run.cpu),
            median(runs, |run| run.p50),
            median(runs, |run| run.p99),
        );
    }
}
