//! Other programs, started so that none of them outlives this one.
//!
//! Every program runs below a *keeper*: this same executable, holding the read end
//! of a pipe whose write end only xtask has. The keeper puts the program into a
//! process group of its own. A byte on the pipe asks the group to end; the end of
//! the pipe kills it. As the system closes the pipe however xtask ends, even by
//! SIGKILL, the programs end too, grandchildren included (wrangler starts Node,
//! Node starts workerd). `PR_SET_PDEATHSIG` would need `unsafe` here, and would
//! reach the direct child only.
//!
//! Left out: programs that leave their process group. None of ours does.

use std::ffi::{OsStr, OsString};
use std::io::{BufRead, BufReader, Read as _, Write as _};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitCode, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::console::{say, verbose};
use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process_group};

/// The hidden subcommand that makes this executable a keeper.
pub(crate) const KEEP: &str = "keep";

/// How often a waiting loop looks again.
pub(crate) const TICK: Duration = Duration::from_millis(50);

/// A command that will run below a keeper; arguments, environment and so on are
/// added as usual. To be started by `run` or `Kept::start` only.
pub(crate) fn command(program: impl AsRef<OsStr>) -> Result<Command> {
    // The link still leads to the running executable when a build has replaced it.
    let link = Path::new("/proc/self/exe");
    let this = if link.exists() {
        link.to_path_buf()
    } else {
        std::env::current_exe().context("cannot find this executable")?
    };
    let mut command = Command::new(this);
    command
        .arg0("patrol-keeper")
        .arg(KEEP)
        .arg("--")
        .arg(program)
        .stdin(Stdio::piped());
    // Away from the terminal's Ctrl-C, which is xtask's to handle.
    command.process_group(0);
    Ok(command)
}

/// Runs a command to its end; an error if it fails. `what` names it in messages.
pub(crate) fn run(command: &mut Command, what: &str) -> Result<()> {
    let mut child = command
        .spawn()
        .with_context(|| format!("cannot start {what}"))?;
    // Taken out, as `wait` closes it first, and the keeper would kill the program.
    let line = child.stdin.take();
    finish(child, line, what)
}

/// Waits for the end; an error if the program failed. The keeper's `line` is closed after that.
fn finish(mut child: Child, line: Option<ChildStdin>, what: &str) -> Result<()> {
    let status = child
        .wait()
        .with_context(|| format!("cannot wait for {what}"))?;
    drop(line);
    if !status.success() {
        bail!("{what} failed ({status})");
    }
    Ok(())
}

/// Runs a command to its end and hands each line of its output to `hear`; the output itself is
/// not shown. A line ends with a line feed or a carriage return.
pub(crate) fn run_captured(
    mut command: Command,
    what: &str,
    mut hear: impl FnMut(&str),
) -> Result<()> {
    let (output, writer) = std::io::pipe().context("cannot make a pipe")?;
    let writer_too = writer.try_clone().context("cannot make a pipe")?;
    command.stdout(writer_too).stderr(writer);
    let mut child = command
        .spawn()
        .with_context(|| format!("cannot start {what}"))?;
    let line = child.stdin.take();
    // It holds the writing end, and the output would never end.
    drop(command);
    let mut output = BufReader::new(output);
    let mut piece = Vec::new();
    loop {
        piece.clear();
        let read = read_line(&mut output, &mut piece)
            .with_context(|| format!("cannot read what {what} says"))?;
        if read == 0 {
            break;
        }
        hear(&String::from_utf8_lossy(&piece));
    }
    finish(child, line, what)
}

/// Reads to the end of a line, without the character that ends it; how many bytes were read.
fn read_line(input: &mut impl BufRead, line: &mut Vec<u8>) -> std::io::Result<usize> {
    let mut read = 0;
    loop {
        let available = input.fill_buf()?;
        if available.is_empty() {
            return Ok(read);
        }
        let end = available
            .iter()
            .position(|byte| matches!(byte, b'\n' | b'\r'));
        line.extend_from_slice(&available[..end.unwrap_or(available.len())]);
        let used = end.map_or(available.len(), |end| end + 1);
        input.consume(used);
        read += used;
        if end.is_some() {
            return Ok(read);
        }
    }
}

/// The same for a command whose output matters only when it fails.
pub(crate) fn run_quietly(mut command: Command, what: &str) -> Result<()> {
    if verbose() {
        return run(&mut command, what);
    }
    let mut output = Vec::new();
    run_captured(command, what, |line| output.push(line.to_owned()))
        .inspect_err(|_| say(output.join("\n")))
}

/// The first line that a quick command prints, or nothing if it cannot be run.
pub(crate) fn first_line(command: &mut Command) -> Option<String> {
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output
        .status
        .success()
        .then(|| text.lines().next().unwrap_or_default().trim().to_owned())
}

/// A program that runs until it is stopped.
pub(crate) struct Kept {
    pub(crate) name: &'static str,
    keeper: Child,
    line: Option<ChildStdin>,
}

impl Kept {
    pub(crate) fn start(name: &'static str, command: &mut Command) -> Result<Self> {
        let mut keeper = command
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        let line = keeper.stdin.take();
        Ok(Self { name, keeper, line })
    }

    /// How it ended, if it has.
    pub(crate) fn ended(&mut self) -> Result<Option<ExitStatus>> {
        self.keeper
            .try_wait()
            .with_context(|| format!("cannot ask for the state of {}", self.name))
    }

    /// Asks the program to end; does not wait.
    pub(crate) fn ask_to_end(&mut self) {
        if let Some(line) = &mut self.line {
            // A keeper that is gone already has nothing left to end.
            let _ = line.write_all(b"e");
        }
    }

    /// Waits for the end until the deadline, then forces it.
    pub(crate) fn end_by(&mut self, deadline: Instant) {
        while matches!(self.keeper.try_wait(), Ok(None)) && Instant::now() < deadline {
            thread::sleep(TICK);
        }
        self.line = None;
        let _ = self.keeper.wait();
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.end_by(Instant::now());
    }
}

/// The keeper's whole life.
pub(crate) fn keep(command: &[OsString]) -> ExitCode {
    let [program, arguments @ ..] = command else {
        return ExitCode::FAILURE;
    };
    let child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .process_group(0)
        .spawn();
    let mut child = match child {
        Ok(child) => child,
        Err(error) => {
            eprintln!("cannot start {}: {error}", program.display());
            return ExitCode::from(127);
        }
    };
    let group = Pid::from_child(&child);
    thread::spawn(move || {
        let mut byte = [0];
        // An interrupted read is retried by `read_exact`.
        while std::io::stdin().read_exact(&mut byte).is_ok() {
            let _ = kill_process_group(group, Signal::TERM);
        }
        let _ = kill_process_group(group, Signal::KILL);
    });
    let status = child.wait();
    // What the program has left behind goes with it.
    let _ = kill_process_group(group, Signal::KILL);
    match status {
        Ok(status) => {
            let code = status
                .code()
                .or_else(|| status.signal().map(|signal| 128 + signal));
            ExitCode::from(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1))
        }
        Err(_) => ExitCode::FAILURE,
    }
}
