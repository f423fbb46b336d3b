//! What the commands say on standard output, and how long things took.
//!
//! Writing never fails a command: a reader that went away (a closed pipe) is no
//! reason to stop a running system, as `println!` would.

use std::fmt::Display;
use std::io::Write as _;
use std::time::{Duration, Instant};

use anyhow::Result;

/// One line on standard output.
pub(crate) fn say(line: impl Display) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// The phases of a command with the time that each took.
pub(crate) struct Phases {
    began: Instant,
    done: Vec<(String, Duration)>,
}

impl Phases {
    pub(crate) fn new() -> Self {
        Self {
            began: Instant::now(),
            done: Vec::new(),
        }
    }

    /// Announces a phase, runs it, notes its time.
    pub(crate) fn run<T>(&mut self, name: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
        say(format_args!("== {name}"));
        self.quietly(name, work)
    }

    /// The same without the announcement, for a phase that speaks for itself.
    pub(crate) fn quietly<T>(&mut self, name: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
        let began = Instant::now();
        let result = work();
        self.done.push((name.to_owned(), began.elapsed()));
        result
    }

    /// One line for each phase, and the sum.
    pub(crate) fn summary(&self) {
        for (name, time) in &self.done {
            say(format_args!("  {:>7.1} s  {name}", time.as_secs_f64()));
        }
        say(format_args!(
            "  {:>7.1} s  in all",
            self.began.elapsed().as_secs_f64()
        ));
    }
}
