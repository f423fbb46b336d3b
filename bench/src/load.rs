//! One run: `wrk` sends requests for some seconds and counts.
//!
//! wrk because it is light: the machine's other processors are then free for the contestant.
//! Besides the rate, the contestant's processor time is read from the system: it hardly changes
//! when other programs disturb the run.

use crate::{
    contestants::{Contestant, Running},
    system::folder,
    tokens::{self, Workload},
};
use anyhow::{Context as _, Result, bail};
use patrol_support::runtime::Runtime;
use serde::{Deserialize, Serialize};
use std::{fs, process::Command};

/// As many requests are under way at once.
const CONNECTIONS: &str = "32";

/// What wrk says at the end; see `load.lua`.
#[derive(Deserialize)]
pub(crate) struct Said {
    pub(crate) requests: f64,
    micros: f64,
    /// Answers with a status of 400 and more.
    pub(crate) refused: f64,
    /// Requests without an answer.
    pub(crate) lost: f64,
    /// Latencies in microseconds.
    p50: f64,
    p99: f64,
}

/// What a run showed.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Run {
    /// Requests per second.
    pub(crate) rate: f64,
    /// Microseconds of processor time for each request.
    pub(crate) cpu: f64,
    /// Latency of half of the requests, and of all but one in a hundred, in microseconds.
    pub(crate) p50: f64,
    pub(crate) p99: f64,
}

impl Run {
    /// `cpu` is the processor time of all requests, in microseconds.
    pub(crate) fn of(said: &Said, cpu: f64) -> Self {
        Self {
            rate: said.requests / said.micros * 1e6,
            cpu: cpu / said.requests,
            p50: said.p50,
            p99: said.p99,
        }
    }
}

/// Sends requests to a contestant for some seconds. `turn` counts the runs with tokens that
/// must be new in each.
pub(crate) fn run(
    running: &Running,
    workload: Workload,
    tokens_of: Workload,
    turn: u32,
    seconds: u32,
) -> Result<Run> {
    let contestant = running.contestant;
    let tokens = tokens::file(tokens_of, contestant.kind());
    let used_before = tokens_of.used_in_a_turn() * turn;
    let (said, cpu) = wrk(
        ("load.lua", include_str!("load.lua")),
        running.port(),
        &[
            &tokens.to_string_lossy(),
            &used_before.to_string(),
            Contestant::path(workload),
        ],
        seconds,
        &running.clock(),
    )?;
    check(contestant, tokens_of, &said)?;
    Ok(Run::of(&said, cpu))
}

/// Runs wrk with a script, by name and text; says what wrk said, and the processor time.
pub(crate) fn wrk(
    (name, text): (&str, &str),
    port: u16,
    arguments: &[&str],
    seconds: u32,
    clock: &Clock,
) -> Result<(Said, f64)> {
    let script = folder().join(name);
    fs::write(&script, text).context("cannot write the script of wrk")?;
    let before = clock.micros()?;
    let output = Command::new("wrk")
        .args(["-t1", "-c", CONNECTIONS, "-d", &format!("{seconds}s")])
        .args(["--latency", "-s"])
        .arg(script)
        .arg(format!("http://127.0.0.1:{port}"))
        .arg("--")
        .args(arguments)
        .output()
        .context("cannot run wrk")?;
    let cpu = clock.micros()? - before;
    let text = String::from_utf8_lossy(&output.stdout);
    let said = text
        .lines()
        .find_map(|line| line.strip_prefix("result "))
        .and_then(|json| serde_json::from_str(json).ok())
        .with_context(|| format!("wrk said something else: {text}"))?;
    Ok((said, cpu))
}

/// How far the share of refusals may be off, for the requests that were under way at the end.
const TOLERANCE: f64 = 0.01;

fn check(contestant: Contestant, tokens_of: Workload, said: &Said) -> Result<()> {
    let (name, workload) = (contestant.name(), tokens_of.name());
    let (refused, wanted) = (said.refused / said.requests, contestant.refuses(tokens_of));
    // A division by no requests at all is no number, and fails too.
    let fits = (refused - wanted).abs() <= TOLERANCE;
    if !fits || said.lost > 0.0 {
        bail!(
            "{name} does not do what it is measured at: {workload}: of {} requests it refused \
             {refused:.3} instead of {wanted}, and {} were not answered",
            said.requests,
            said.lost
        );
    }
    Ok(())
}

/// Reads the processor time of a process of the runtime.
pub(crate) struct Clock {
    /// Its parent.
    keeper: u32,
}

impl Clock {
    pub(crate) fn of(process: &Runtime) -> Self {
        Self {
            keeper: process.supervisor(),
        }
    }

    /// So far, in microseconds.
    fn micros(&self) -> Result<f64> {
        let keeper = self.keeper;
        let children = fs::read_to_string(format!("/proc/{keeper}/task/{keeper}/children"));
        let children = children.context("the runtime has ended")?;
        let pid = children.split_whitespace().next();
        let pid = pid.context("the runtime has ended")?;
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).context("processor time")?;
        // The name stands in parentheses and may hold anything; user and system time are the
        // 14th and 15th fields, in hundredths of a second.
        let (_, fields) = stat.rsplit_once(')').context("processor time")?;
        let times = fields.split_whitespace().skip(11).take(2);
        let ticks: f64 = times.filter_map(|time| time.parse::<f64>().ok()).sum();
        Ok(ticks * 1e4)
    }
}
