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
use serde::{Deserialize, Serialize};
use std::{fs, process::Command};

/// As many requests are under way at once.
const CONNECTIONS: &str = "32";

/// What wrk says at the end; see `load.lua`.
#[derive(Deserialize)]
struct Said {
    requests: f64,
    micros: f64,
    /// Answers with a status of 400 and more.
    refused: f64,
    /// Requests without an answer.
    lost: f64,
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

/// Sends requests for some seconds.
pub(crate) fn run(
    contestant: Contestant,
    running: &Running,
    workload: Workload,
    tokens_of: Workload,
    seconds: u32,
) -> Result<Run> {
    let script = folder().join("load.lua");
    fs::write(&script, include_str!("load.lua")).context("cannot write the script of wrk")?;
    let before = cpu_micros(running)?;
    let output = Command::new("wrk")
        .args([
            "-t1",
            "-c",
            CONNECTIONS,
            "-d",
            &format!("{seconds}s"),
            "--latency",
            "-s",
        ])
        .arg(script)
        .arg(format!("http://127.0.0.1:{}", running.port()))
        .arg("--")
        .arg(tokens::file(tokens_of, contestant.kind()))
        .arg(Contestant::path(workload))
        .output()
        .context("cannot run wrk")?;
    let cpu = cpu_micros(running)? - before;
    let text = String::from_utf8_lossy(&output.stdout);
    let said: Said = text
        .lines()
        .find_map(|line| line.strip_prefix("result "))
        .and_then(|json| serde_json::from_str(json).ok())
        .with_context(|| format!("wrk said something else: {text}"))?;
    check(contestant, tokens_of, &said)?;
    Ok(Run {
        rate: said.requests / said.micros * 1e6,
        cpu: cpu / said.requests,
        p50: said.p50,
        p99: said.p99,
    })
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

/// Processor time of the contestant so far, in microseconds.
fn cpu_micros(running: &Running) -> Result<f64> {
    let pid = running.pid().context("the contestant has ended")?;
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).context("processor time")?;
    // The name stands in parentheses and may hold anything; user and system time are the 14th
    // and 15th fields, in hundredths of a second.
    let (_, fields) = stat.rsplit_once(')').context("processor time")?;
    let times = fields.split_whitespace().skip(11).take(2);
    let ticks: f64 = times.filter_map(|time| time.parse::<f64>().ok()).sum();
    Ok(ticks * 1e4)
}
