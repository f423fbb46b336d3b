//! What the commands print: lines, progress bars, and a summary of where the time went.
//!
//! Lines go to standard output. Progress bars go to standard error if that is a terminal;
//! otherwise a plain line says that a phase starts. A failed write never fails a command: a closed
//! pipe must not stop a running system, as `println!` would.

use std::fmt::Display;
use std::io::{IsTerminal as _, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

/// All progress bars of this process. Printed lines appear above them.
static BARS: LazyLock<MultiProgress> = LazyLock::new(MultiProgress::new);

static VERBOSE: AtomicBool = AtomicBool::new(false);

/// Shorter phases are left out of the summary.
const NOTABLE: Duration = Duration::from_millis(100);

pub(crate) fn set_verbose(verbose: bool) {
    VERBOSE.store(verbose, Ordering::Relaxed);
}

/// Whether to show the full output of other programs.
pub(crate) fn is_verbose() -> bool {
    VERBOSE.load(Ordering::Relaxed)
}

/// Prints a line on standard output.
pub(crate) fn say(line: impl Display) {
    BARS.suspend(|| {
        let mut out = std::io::stdout().lock();
        let _ = writeln!(out, "{line}").and_then(|()| out.flush());
    });
}

/// The progress bar of one phase: its name, the elapsed time and the current detail.
pub(crate) struct Progress(ProgressBar);

impl Progress {
    fn start(name: &str) -> Self {
        if is_verbose() || !std::io::stderr().is_terminal() {
            say(format_args!("{name} ..."));
            return Self(ProgressBar::hidden());
        }
        let bar = BARS.add(ProgressBar::new_spinner());
        if let Ok(style) = ProgressStyle::with_template("{spinner} {prefix}  {elapsed}  {wide_msg}")
        {
            bar.set_style(style);
        }
        bar.set_prefix(name.to_owned());
        bar.enable_steady_tick(Duration::from_millis(100));
        Self(bar)
    }

    pub(crate) fn show(&self, detail: impl Into<String>) {
        self.0.set_message(detail.into());
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// Runs the phases of a command and records how long each took.
pub(crate) struct Timings {
    started: Instant,
    phases: Mutex<Vec<(String, Duration)>>,
}

impl Timings {
    pub(crate) fn new() -> Self {
        Self {
            started: Instant::now(),
            phases: Mutex::default(),
        }
    }

    /// Runs a phase that prints its own output, under a heading.
    pub(crate) fn section<T>(&self, name: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
        say(format_args!("== {name}"));
        let started = Instant::now();
        let result = work();
        let elapsed = self.record(name, started);
        say(format_args!("-- {name}: {:.1} s", elapsed.as_secs_f64()));
        result
    }

    /// Runs a quiet phase behind a progress bar.
    pub(crate) fn step<T>(
        &self,
        name: &str,
        work: impl FnOnce(&Progress) -> Result<T>,
    ) -> Result<T> {
        let progress = Progress::start(name);
        let started = Instant::now();
        let result = work(&progress);
        self.record(name, started);
        result
    }

    fn record(&self, name: &str, started: Instant) -> Duration {
        let elapsed = started.elapsed();
        let mut phases = self.phases.lock().unwrap_or_else(PoisonError::into_inner);
        phases.push((name.to_owned(), elapsed));
        elapsed
    }

    /// Prints the time of each phase and the total. Phases may have overlapped.
    pub(crate) fn print_summary(&self) {
        say("time spent:");
        let phases = self.phases.lock().unwrap_or_else(PoisonError::into_inner);
        for (name, time) in phases.iter().filter(|(_, time)| *time >= NOTABLE) {
            say(format_args!("  {:>7.1} s  {name}", time.as_secs_f64()));
        }
        say(format_args!(
            "  {:>7.1} s  total",
            self.started.elapsed().as_secs_f64()
        ));
    }
}
