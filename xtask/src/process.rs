//! Child processes that never outlive xtask.
//!
//! Each program runs under a *supervisor*: this same executable, holding the read end of a pipe
//! whose write end only xtask has. The supervisor puts the program into its own process group. A
//! byte on the pipe sends SIGTERM to the group; the end of the pipe kills it. The system closes the
//! pipe however xtask ends, even by SIGKILL, so grandchildren end too (wrangler starts Node, Node
//! starts workerd). `PR_SET_PDEATHSIG` would need `unsafe` and reach the direct child only.
//!
//! Left out: programs that leave their process group. None of ours does.

use std::ffi::{OsStr, OsString};
use std::io::{BufRead, BufReader, Read as _, Write as _};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitCode, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process_group};

use crate::console::{is_verbose, say};

/// The hidden subcommand that makes this executable a supervisor.
pub(crate) const SUPERVISE: &str = "supervise";

/// How often a polling loop checks again.
pub(crate) const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// Returns a command that runs under a supervisor. Start it with `run` or `Service::start` only:
/// they hold the pipe.
pub(crate) fn command(program: impl AsRef<OsStr>) -> Result<Command> {
    // The link leads to the running executable even after a build has replaced the file.
    let link = Path::new("/proc/self/exe");
    let this = if link.exists() {
        link.to_path_buf()
    } else {
        std::env::current_exe().context("cannot find this executable")?
    };
    let mut command = Command::new(this);
    command
        .arg0("patrol-supervisor")
        .arg(SUPERVISE)
        .arg("--")
        .arg(program)
        .stdin(Stdio::piped());
    // Out of reach of the terminal's Ctrl-C, which xtask handles.
    command.process_group(0);
    Ok(command)
}

/// Runs a command to its end. Fails if the program fails; `what` names it in the message.
pub(crate) fn run(command: &mut Command, what: &str) -> Result<()> {
    let mut child = command
        .spawn()
        .with_context(|| format!("cannot start {what}"))?;
    // `wait` closes the child's standard input first, and the supervisor would kill the program.
    let pipe = child.stdin.take();
    finish(child, pipe, what)
}

fn finish(mut child: Child, pipe: Option<ChildStdin>, what: &str) -> Result<()> {
    let status = child
        .wait()
        .with_context(|| format!("cannot wait for {what}"))?;
    drop(pipe);
    if !status.success() {
        bail!("{what} failed ({status})");
    }
    Ok(())
}

/// Runs a command to its end and passes each line of its output to `on_line` instead of showing
/// it. A line ends with a line feed or a carriage return.
pub(crate) fn run_captured(
    mut command: Command,
    what: &str,
    mut on_line: impl FnMut(&str),
) -> Result<()> {
    let (output, writer) = std::io::pipe().context("cannot create a pipe")?;
    let second_writer = writer.try_clone().context("cannot create a pipe")?;
    command.stdout(second_writer).stderr(writer);
    let mut child = command
        .spawn()
        .with_context(|| format!("cannot start {what}"))?;
    let pipe = child.stdin.take();
    // The command holds the write ends; the output would never end.
    drop(command);
    let mut output = BufReader::new(output);
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = read_line(&mut output, &mut line)
            .with_context(|| format!("cannot read the output of {what}"))?;
        if read == 0 {
            break;
        }
        on_line(&String::from_utf8_lossy(&line));
    }
    finish(child, pipe, what)
}

/// Reads a line without its end; returns the number of bytes read.
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

/// Runs a command to its end and shows its output only if it fails.
pub(crate) fn run_quietly(mut command: Command, what: &str) -> Result<()> {
    if is_verbose() {
        return run(&mut command, what);
    }
    let mut output = Vec::new();
    run_captured(command, what, |line| output.push(line.to_owned()))
        .inspect_err(|_| say(output.join("\n")))
}

/// The first line a quick command prints, or `None` if it fails.
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
pub(crate) struct Service {
    pub(crate) name: &'static str,
    supervisor: Child,
    pipe: Option<ChildStdin>,
}

impl Service {
    pub(crate) fn start(name: &'static str, command: &mut Command) -> Result<Self> {
        let mut supervisor = command
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        let pipe = supervisor.stdin.take();
        Ok(Self {
            name,
            supervisor,
            pipe,
        })
    }

    /// The exit status, if the program has ended.
    pub(crate) fn exit_status(&mut self) -> Result<Option<ExitStatus>> {
        self.supervisor
            .try_wait()
            .with_context(|| format!("cannot read the state of {}", self.name))
    }

    /// Asks the program to stop; does not wait.
    pub(crate) fn request_stop(&mut self) {
        if let Some(pipe) = &mut self.pipe {
            // Fails if the supervisor is gone, and then so is the program.
            let _ = pipe.write_all(b"e");
        }
    }

    /// Waits until the program exits. Kills it at the deadline.
    pub(crate) fn stop_by(&mut self, deadline: Instant) {
        while matches!(self.supervisor.try_wait(), Ok(None)) && Instant::now() < deadline {
            thread::sleep(POLL_INTERVAL);
        }
        self.pipe = None;
        let _ = self.supervisor.wait();
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.stop_by(Instant::now());
    }
}

/// The supervisor itself.
pub(crate) fn supervise(command: &[OsString]) -> ExitCode {
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
        // `read_exact` retries an interrupted read.
        while std::io::stdin().read_exact(&mut byte).is_ok() {
            let _ = kill_process_group(group, Signal::TERM);
        }
        let _ = kill_process_group(group, Signal::KILL);
    });
    let status = child.wait();
    // Grandchildren that the program left behind.
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
