//! What the commands print: lines, a progress line while something long runs, and how long each
//! phase took.
//!
//! Lines go to standard output. Progress goes to standard error, and only when that is a terminal;
//! elsewhere a line says what begins. Writing never fails a command: a reader that went away (a
//! closed pipe) is no reason to stop a running system, as `println!` would.

use std::fmt::Display;
use std::io::{IsTerminal as _, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

/// All progress lines of this process; what is printed goes above them.
static LINES: LazyLock<MultiProgress> = LazyLock::new(MultiProgress::new);

/// Whether the programs that are run show all of their output.
static VERBOSE: AtomicBool = AtomicBool::new(false);

/// Phases that take less are not worth a line at the end.
const NOTABLE: Duration = Duration::from_millis(100);

/// Called once, with the command line's `--verbose`.
pub(crate) fn set_verbose(verbose: bool) {
    VERBOSE.store(verbose, Ordering::Relaxed);
}

pub(crate) fn verbose() -> bool {
    VERBOSE.load(Ordering::Relaxed)
}

/// One line on standard output.
pub(crate) fn say(line: impl Display) {
    LINES.suspend(|| {
        let mut out = std::io::stdout().lock();
        let _ = writeln!(out, "{line}").and_then(|()| out.flush());
    });
}

/// Something long that is going on: a line that shows its name, its age and what it does just now.
pub(crate) struct Step(ProgressBar);

impl Step {
    fn start(name: &str) -> Self {
        if verbose() || !std::io::stderr().is_terminal() {
            say(format_args!("{name} ..."));
            return Self(ProgressBar::hidden());
        }
        let line = LINES.add(ProgressBar::new_spinner());
        if let Ok(style) = ProgressStyle::with_template("{spinner} {prefix}  {elapsed}  {wide_msg}")
        {
            line.set_style(style);
        }
        line.set_prefix(name.to_owned());
        line.enable_steady_tick(Duration::from_millis(100));
        Self(line)
    }

    /// Shows what it does now.
    pub(crate) fn show(&self, what: impl Into<String>) {
        self.0.set_message(what.into());
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// The phases of a command with the time that each took.
pub(crate) struct Phases {
    began: Instant,
    done: Mutex<Vec<(String, Duration)>>,
}

impl Phases {
    pub(crate) fn new() -> Self {
        Self {
            began: Instant::now(),
            done: Mutex::default(),
        }
    }

    /// Runs a phase that prints by itself, below a heading.
    pub(crate) fn run<T>(&self, name: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
        say(format_args!("== {name}"));
        let began = Instant::now();
        let result = work();
        let took = self.note(name, began);
        say(format_args!("-- {name}: {:.1} s", took.as_secs_f64()));
        result
    }

    /// Runs a phase whose work holds its output back, behind a progress line.
    pub(crate) fn step<T>(&self, name: &str, work: impl FnOnce(&Step) -> Result<T>) -> Result<T> {
        let step = Step::start(name);
        let began = Instant::now();
        let result = work(&step);
        self.note(name, began);
        result
    }

    fn note(&self, name: &str, began: Instant) -> Duration {
        let took = began.elapsed();
        let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        done.push((name.to_owned(), took));
        took
    }

    /// Where the time went: a line for each phase, and the whole. Phases may have run side by
    /// side.
    pub(crate) fn summary(&self) {
        let done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        for (name, time) in done.iter().filter(|(_, time)| *time >= NOTABLE) {
            say(format_args!("  {:>7.1} s  {name}", time.as_secs_f64()));
        }
        say(format_args!(
            "  {:>7.1} s  in all",
            self.began.elapsed().as_secs_f64()
        ));
    }
}
