//! The running system: the sample upstream, and both Workers in one wrangler.
//!
//! The edge's configuration comes first, as wrangler serves the first one on the
//! port; its bindings reach the origin within the same process. Nothing here waits
//! for a fixed time: the system is ready when the edge answers its health check.
//! State, logs, derived configurations and wrangler's own registry of running
//! Workers all stay in the state folder, so that instances with different folders
//! and ports know nothing of each other.

use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use crate::child::{self, Kept, TICK};
use crate::config;
use crate::console::{say, verbose};
use crate::plan::{Plan, Worker};
use crate::root;
use crate::tools::{npm_tool, search_path};

/// How long the runtime may take until it serves.
const START: Duration = Duration::from_mins(2);
/// How long a program may take to end when asked to.
const GRACE: Duration = Duration::from_secs(5);
/// How long to wait for a port that a system that was just killed still holds.
const PORT_FREE: Duration = Duration::from_secs(3);
/// How long the runtime may take to recover from a crash.
const RECOVERY: Duration = Duration::from_secs(15);
/// How long the edge may take to answer that it is well.
const ANSWER: Duration = Duration::from_secs(2);
/// How much of a dead program's log is shown.
const TAIL: usize = 25;

/// What to start.
pub(crate) struct Options<'a> {
    pub(crate) port: u16,
    pub(crate) state: &'a Path,
    pub(crate) plan: &'a Plan,
    pub(crate) vars: &'a [(String, String)],
}

/// The running system; dropping it kills what still runs.
pub(crate) struct Stack {
    programs: [(Kept, Log); 2],
    asked_to_stop: Arc<AtomicBool>,
    /// Set after a crash of the runtime: when the edge has to be well again.
    well_by: Option<Instant>,
    port: u16,
}

/// What a wait ended with.
#[derive(PartialEq, Eq)]
pub(crate) enum Until {
    Ready,
    Stopped,
}

impl Stack {
    pub(crate) fn start(options: &Options) -> Result<Self> {
        // First of all: from here on Ctrl-C is a wish that the loops below look at.
        let asked_to_stop = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            let flag = &asked_to_stop;
            // A second signal ends xtask at once, and with it, by their keepers, the rest.
            signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::clone(flag))
                .and_then(|_| signal_hook::flag::register(signal, Arc::clone(flag)))
                .context("cannot handle signals")?;
        }
        claim(options.port)?;
        let upstream_port = near(options.port, 1)?;
        let inspector_port = near(options.port, 2)?;
        let logs = options.state.join("logs");
        fs::create_dir_all(&logs).with_context(|| format!("cannot create {}", logs.display()))?;

        let mut upstream = child::command(npm_tool("node")?)?;
        upstream
            .arg(root()?.join("tests/upstream/main.mjs"))
            .arg("--port")
            .arg(upstream_port.to_string());
        let upstream = start("the sample API", upstream, logs.join("upstream.log"))?;

        let mut vars = vec![
            (
                "PUBLIC_URL".to_owned(),
                format!("http://127.0.0.1:{}", options.port),
            ),
            ("DEV_SIGN_IN".to_owned(), "1".to_owned()),
        ];
        vars.extend_from_slice(options.vars);
        let configs = options.state.join("config");
        let origin = config::write(Worker::Origin, options.plan, &configs, &vars)?;
        if !vars.iter().any(|(name, _)| name == "UPSTREAM_URL") {
            vars.push((
                "UPSTREAM_URL".to_owned(),
                format!("http://127.0.0.1:{upstream_port}"),
            ));
        }
        let edge = config::write(Worker::Edge, options.plan, &configs, &vars)?;

        let mut wrangler = child::command(npm_tool("wrangler")?)?;
        wrangler
            .arg("dev")
            .arg("-c")
            .arg(edge)
            .arg("-c")
            .arg(origin)
            .args(["--ip", "127.0.0.1", "--port", &options.port.to_string()])
            .args(["--inspector-port", &inspector_port.to_string()])
            .arg("--show-interactive-dev-session=false")
            .arg("--persist-to")
            .arg(options.state)
            .current_dir(root()?)
            .env("PATH", search_path()?)
            .env("CI", "1")
            .env("FORCE_COLOR", "0")
            .env("WRANGLER_SEND_METRICS", "false")
            .env("WRANGLER_HIDE_BANNER", "true")
            .env("WRANGLER_LOG_PATH", logs.join("wrangler"))
            .env("WRANGLER_REGISTRY_PATH", options.state.join("registry"))
            // It would keep what passes through the Workers in the state folder.
            .env("X_LOCAL_OBSERVABILITY", "false")
            // No look at the network for a sample of `Request.cf`.
            .env("CLOUDFLARE_CF_FETCH_ENABLED", "false");
        let wrangler = start("wrangler", wrangler, logs.join("wrangler.log"))?;

        Ok(Self {
            programs: [upstream, wrangler],
            asked_to_stop,
            well_by: None,
            port: options.port,
        })
    }

    /// Waits until the edge answers its health check.
    pub(crate) fn wait_until_ready(&mut self) -> Result<Until> {
        let deadline = Instant::now() + START;
        while !healthy(self.port) {
            if self.asked_to_stop.load(Ordering::Relaxed) {
                return Ok(Until::Stopped);
            }
            self.look()?;
            if Instant::now() > deadline {
                bail!(
                    "the edge did not answer /.patrol/health with 200 within {} s; {}",
                    START.as_secs(),
                    self.wrangler_log()
                );
            }
            thread::sleep(TICK);
        }
        Ok(Until::Ready)
    }

    /// Runs until asked to stop, and calls `tick` now and then; an error if a program dies before.
    pub(crate) fn wait_for_stop(&mut self, mut tick: impl FnMut()) -> Result<()> {
        while !self.asked_to_stop.load(Ordering::Relaxed) {
            self.look()?;
            tick();
            // wrangler starts a crashed runtime again, but does not survive the loss of
            // the part that listens on the port: it then accepts, and never answers.
            if let Some(deadline) = self.well_by {
                if healthy(self.port) {
                    self.well_by = None;
                } else if Instant::now() > deadline {
                    bail!(
                        "the runtime has crashed and did not recover; {}",
                        self.wrangler_log()
                    );
                }
            }
            thread::sleep(TICK);
        }
        Ok(())
    }

    /// Stops everything and waits for it.
    pub(crate) fn stop(mut self) {
        for (program, _) in &mut self.programs {
            program.ask_to_end();
        }
        let deadline = Instant::now() + GRACE;
        for (program, _) in &mut self.programs {
            program.end_by(deadline);
        }
    }

    /// Shows what is new in the logs, and fails if a program has ended.
    fn look(&mut self) -> Result<()> {
        for (program, log) in &mut self.programs {
            let ended = program.ended()?;
            if log.show_news(verbose()) {
                self.well_by = Some(Instant::now() + RECOVERY);
            }
            if let Some(status) = ended {
                bail!(
                    "{} has ended by itself ({status}); {}",
                    program.name,
                    log.tail()
                );
            }
        }
        Ok(())
    }

    fn wrangler_log(&self) -> String {
        let [_, (_, log)] = &self.programs;
        log.tail()
    }
}

fn start(
    name: &'static str,
    mut command: std::process::Command,
    path: PathBuf,
) -> Result<(Kept, Log)> {
    let context = || format!("cannot write {}", path.display());
    let file = File::create(&path).with_context(context)?;
    command
        .stdout(file.try_clone().with_context(context)?)
        .stderr(file);
    Ok((
        Kept::start(name, &mut command)?,
        Log {
            path,
            shown: 0,
            rest: String::new(),
        },
    ))
}

/// Makes sure that the port can be had.
fn claim(port: u16) -> Result<()> {
    let deadline = Instant::now() + PORT_FREE;
    while !free(port) {
        if Instant::now() > deadline {
            bail!("port {port} is in use by another program; choose one with --port N");
        }
        thread::sleep(TICK);
    }
    Ok(())
}

/// The port so much above another one or, if it is taken, any free one.
fn near(port: u16, above: u16) -> Result<u16> {
    match port.checked_add(above) {
        Some(port) if free(port) => Ok(port),
        _ => {
            let any = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no free port")?;
            Ok(any.local_addr().context("no free port")?.port())
        }
    }
}

fn free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// Whether the edge on this port says that it is well. Spoken by hand: an HTTP client
/// would be the largest dependency of xtask.
fn healthy(port: u16) -> bool {
    let ask = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_read_timeout(Some(ANSWER))?;
        write!(
            stream,
            "GET /.patrol/health HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n"
        )?;
        let mut start = [0; 12];
        stream.read_exact(&mut start)?;
        Ok(&start == b"HTTP/1.1 200")
    };
    ask().unwrap_or(false)
}

/// A program's log file, shown as it grows.
struct Log {
    path: PathBuf,
    shown: u64,
    /// The beginning of a line whose end is not there yet.
    rest: String,
}

impl Log {
    /// Shows what is new; true if that tells of a crash of the runtime.
    fn show_news(&mut self, all: bool) -> bool {
        let mut crash = false;
        let mut news = Vec::new();
        let read = File::open(&self.path).and_then(|mut file| {
            file.seek(SeekFrom::Start(self.shown))?;
            file.read_to_end(&mut news)
        });
        // A log that cannot be read is a pity, not a reason to stop.
        let Ok(read) = read else { return crash };
        self.shown += read as u64;
        self.rest.push_str(&String::from_utf8_lossy(&news));
        while let Some(end) = self.rest.find('\n') {
            let line: String = self.rest.drain(..=end).collect();
            let line = line.trim_end();
            crash |= line.contains("Workers runtime crashed");
            if all || worth_showing(line) {
                say(line);
            }
        }
        crash
    }

    /// The last lines, introduced by where they are from.
    fn tail(&self) -> String {
        let text = fs::read(&self.path).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text
            .lines()
            .filter(|line| !line.trim().is_empty())
            .collect();
        let last = lines[lines.len().saturating_sub(TAIL)..].join("\n");
        format!("the end of {}:\n{last}", self.path.display())
    }
}

/// Whether a line of a log is a Worker's own word, a warning or an error, and not
/// wrangler's account of what it does.
fn worth_showing(line: &str) -> bool {
    const CHATTER: [&str; 7] = [
        "[wrangler:info]",
        "Using secrets defined in",
        "Binding ",
        "env.",
        "⎔",
        "🪵",
        "listening on",
    ];
    let line = line.trim_start();
    !(line.is_empty()
        || line.ends_with("has access to the following bindings:")
        || line.contains("developers.cloudflare.com")
        || CHATTER.iter().any(|start| line.starts_with(start)))
}
