//! One run of `wrk`, and the processor time of the process under load.
//!
//! wrk is light, so the other processors of the machine are free for the contestant. Processor time
//! is read as well as the rate: other programs on the machine hardly change it.

use crate::files::{folder, write};
use anyhow::{Context as _, Result};
use patrol_support::runtime::Runtime;
use serde::{Deserialize, Serialize};
use std::{fs, path::Path, process::Command, time::Duration};

/// Requests in flight.
const CONNECTIONS: &str = "32";

/// What the scripts print at the end.
#[derive(Deserialize)]
pub(crate) struct Output {
    pub(crate) requests: f64,
    micros: f64,
    /// Responses with a status of 400 or more.
    pub(crate) denied: f64,
    /// Requests without a response.
    pub(crate) lost: f64,
    /// Latencies in microseconds; not for runs that end after some number of requests.
    p50: Option<f64>,
    p99: Option<f64>,
}

/// The figures of a run.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Run {
    /// Requests per second.
    pub(crate) rate: f64,
    /// Microseconds of processor time per request.
    pub(crate) cpu: f64,
    /// Latencies in microseconds.
    pub(crate) p50: Option<f64>,
    pub(crate) p99: Option<f64>,
}

impl Run {
    /// `cpu` is the processor time of all requests in microseconds.
    pub(crate) fn new(output: &Output, cpu: f64) -> Self {
        Self {
            rate: output.requests / output.micros * 1e6,
            cpu: cpu / output.requests,
            p50: output.p50,
            p99: output.p99,
        }
    }
}

/// Runs wrk with a script (name and text). Returns its output and the processor time in
/// microseconds.
pub(crate) fn wrk(
    (name, text): (&str, &str),
    port: u16,
    arguments: &[&str],
    seconds: u32,
    process: &Runtime,
) -> Result<(Output, f64)> {
    let script = folder().join(name);
    write(&script, text)?;
    let clock = CpuClock::of(process)?;
    let before = clock.read()?;
    let output = Command::new("wrk")
        .args(["-t1", "-c", CONNECTIONS, "-d", &format!("{seconds}s")])
        .args(["--latency", "-s"])
        .arg(script)
        .arg(format!("http://127.0.0.1:{port}"))
        .arg("--")
        .args(arguments)
        .output()
        .context("cannot run wrk")?;
    let cpu = clock.read()?.saturating_sub(before).as_secs_f64() * 1e6;
    let text = String::from_utf8_lossy(&output.stdout);
    let output = text
        .lines()
        .find_map(|line| line.strip_prefix("result "))
        .and_then(|json| serde_json::from_str(json).ok())
        .with_context(|| format!("wrk printed no result: {text}"))?;
    Ok((output, cpu))
}

/// Reads the processor time of a process of the runtime.
pub(crate) struct CpuClock {
    pid: u32,
}

impl CpuClock {
    pub(crate) fn of(process: &Runtime) -> Result<Self> {
        let supervisor = process.supervisor();
        let children = format!("/proc/{supervisor}/task/{supervisor}/children");
        let children = fs::read_to_string(children).context("the runtime has ended")?;
        let pid = children.split_whitespace().next();
        let pid = pid.and_then(|pid| pid.parse().ok());
        Ok(Self {
            pid: pid.context("the runtime has ended")?,
        })
    }

    /// The time so far, of all threads.
    pub(crate) fn read(&self) -> Result<Duration> {
        let threads = fs::read_dir(format!("/proc/{}/task", self.pid));
        let mut sum = Duration::ZERO;
        for thread in threads.context("the runtime has ended")? {
            // A thread may end between the two calls.
            sum += thread_time(&thread?.path()).unwrap_or_default();
        }
        Ok(sum)
    }

    /// The time so far, of the thread that runs the isolate.
    pub(crate) fn main_thread(&self) -> Result<Duration> {
        let thread = format!("/proc/{0}/task/{0}", self.pid);
        thread_time(Path::new(&thread)).context("the runtime has ended")
    }
}

fn thread_time(thread: &Path) -> Option<Duration> {
    // The first number is the time on a processor in nanoseconds.
    let times = fs::read_to_string(thread.join("schedstat")).ok()?;
    let nanos = times.split_whitespace().next()?.parse().ok()?;
    Some(Duration::from_nanos(nanos))
}
