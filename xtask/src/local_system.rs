//! The running system: the sample upstream API, and both Workers in one wrangler.
//!
//! wrangler serves the first configuration on the port, so the edge's comes first; its bindings
//! reach the origin inside the same process. Nothing waits for a fixed time: the system is ready
//! when the edge's health check succeeds. State, logs, generated configurations and wrangler's
//! registry of running Workers stay in the state folder, so systems with different folders and
//! ports are isolated from each other.

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

use crate::console::{is_verbose, say};
use crate::paths::root;
use crate::process::{self, POLL_INTERVAL, Service};
use crate::tools::{npm_tool, search_path};
use crate::variant::Worker;
use crate::wrangler_config;

const START_TIMEOUT: Duration = Duration::from_mins(2);
const STOP_TIMEOUT: Duration = Duration::from_secs(5);
/// A system that was just killed may still hold the port.
const PORT_TIMEOUT: Duration = Duration::from_secs(3);
/// For the runtime to recover from a crash.
const RECOVERY_TIMEOUT: Duration = Duration::from_secs(15);
const HEALTH_TIMEOUT: Duration = Duration::from_secs(2);
/// Lines of a failed program's log to show.
const TAIL: usize = 25;

pub(crate) struct Options<'a> {
    pub(crate) port: u16,
    pub(crate) state: &'a Path,
    /// The folder with a folder for each Worker.
    pub(crate) workers: &'a Path,
    /// The origin's static assets.
    pub(crate) page: &'a Path,
    pub(crate) vars: &'a [(String, String)],
}

/// The running system. Dropping it kills its programs.
pub(crate) struct LocalSystem {
    services: [(Service, Log); 2],
    stop_requested: Arc<AtomicBool>,
    /// After a crash of the runtime: when the edge must be healthy again.
    recovery_deadline: Option<Instant>,
    port: u16,
    /// The path of the health check.
    health: String,
}

/// The address of the edge on a port.
pub(crate) fn public_url(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}

/// The path below which Patrol's own paths are.
pub(crate) fn prefix(vars: &[(String, String)]) -> &str {
    let set = vars.iter().rfind(|(name, _)| name == "PATROL_PREFIX");
    set.map_or("/.patrol/", |(_, prefix)| prefix)
}

/// How a start ended.
#[derive(PartialEq, Eq)]
pub(crate) enum Startup {
    Ready,
    /// The user pressed Ctrl-C.
    Stopped,
}

impl LocalSystem {
    pub(crate) fn start(options: &Options) -> Result<Self> {
        // Before anything starts: Ctrl-C now sets a flag that the loops below check.
        let stop_requested = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            let flag = &stop_requested;
            // A second signal ends xtask at once; the supervisors then kill the programs.
            signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::clone(flag))
                .and_then(|_| signal_hook::flag::register(signal, Arc::clone(flag)))
                .context("cannot handle signals")?;
        }
        wait_for_port(options.port)?;
        let upstream_port = port_near(options.port, 1)?;
        let inspector_port = port_near(options.port, 2)?;
        let logs = options.state.join("logs");
        fs::create_dir_all(&logs).with_context(|| format!("cannot create {}", logs.display()))?;

        let mut upstream = process::command(npm_tool("node")?)?;
        upstream
            .arg(root()?.join("tests/upstream/main.mjs"))
            .arg("--port")
            .arg(upstream_port.to_string());
        let upstream = start("the sample API", upstream, logs.join("upstream.log"))?;

        let mut vars = vec![
            ("PUBLIC_URL".to_owned(), public_url(options.port)),
            // The addresses of the product page.
            ("ROOT_PATHS".to_owned(), "page api jwks".to_owned()),
            ("DEV_SIGN_IN".to_owned(), "1".to_owned()),
            ("ECHO_PATH".to_owned(), "1".to_owned()),
        ];
        vars.extend_from_slice(options.vars);
        let configs = options.state.join("config");
        let write = |worker, vars: &[(String, String)]| {
            wrangler_config::write(worker, options.workers, options.page, &configs, vars)
        };
        let origin = write(Worker::Origin, &vars)?;
        if !vars.iter().any(|(name, _)| name == "UPSTREAM_URL") {
            vars.push((
                "UPSTREAM_URL".to_owned(),
                format!("http://127.0.0.1:{upstream_port}"),
            ));
        }
        let edge = write(Worker::Edge, &vars)?;

        let mut wrangler = process::command(npm_tool("wrangler")?)?;
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
            // It would store the requests that pass through the Workers in the state folder.
            .env("X_LOCAL_OBSERVABILITY", "false")
            // Do not download a sample of `Request.cf`.
            .env("CLOUDFLARE_CF_FETCH_ENABLED", "false");
        let wrangler = start("wrangler", wrangler, logs.join("wrangler.log"))?;

        Ok(Self {
            services: [upstream, wrangler],
            stop_requested,
            recovery_deadline: None,
            port: options.port,
            health: format!("{}health", prefix(options.vars)),
        })
    }

    /// Waits until the edge's health check succeeds.
    pub(crate) fn wait_until_ready(&mut self) -> Result<Startup> {
        let deadline = Instant::now() + START_TIMEOUT;
        while !is_healthy(self.port, &self.health) {
            if self.stop_requested.load(Ordering::Relaxed) {
                return Ok(Startup::Stopped);
            }
            self.check_services()?;
            if Instant::now() > deadline {
                bail!(
                    "the edge did not answer {} with 200 within {} s; {}",
                    self.health,
                    START_TIMEOUT.as_secs(),
                    self.wrangler_log()
                );
            }
            thread::sleep(POLL_INTERVAL);
        }
        Ok(Startup::Ready)
    }

    /// Runs until Ctrl-C, and calls `on_poll` in between. Fails if a program ends before.
    pub(crate) fn run_until_stopped(&mut self, mut on_poll: impl FnMut()) -> Result<()> {
        while !self.stop_requested.load(Ordering::Relaxed) {
            self.check_services()?;
            on_poll();
            // wrangler restarts a crashed runtime, but not the part that listens on the port:
            // after its loss, wrangler accepts connections and never responds.
            if let Some(deadline) = self.recovery_deadline {
                if is_healthy(self.port, &self.health) {
                    self.recovery_deadline = None;
                } else if Instant::now() > deadline {
                    bail!(
                        "the runtime crashed and did not recover; {}",
                        self.wrangler_log()
                    );
                }
            }
            thread::sleep(POLL_INTERVAL);
        }
        Ok(())
    }

    /// Stops all programs and waits until they have exited.
    pub(crate) fn stop(mut self) {
        for (service, _) in &mut self.services {
            service.request_stop();
        }
        let deadline = Instant::now() + STOP_TIMEOUT;
        for (service, _) in &mut self.services {
            service.stop_by(deadline);
        }
    }

    /// Shows new lines of the logs. Fails if a program has ended.
    fn check_services(&mut self) -> Result<()> {
        for (service, log) in &mut self.services {
            let exit_status = service.exit_status()?;
            if log.show_new_lines(is_verbose()) {
                self.recovery_deadline = Some(Instant::now() + RECOVERY_TIMEOUT);
            }
            if let Some(status) = exit_status {
                bail!(
                    "{} ended unexpectedly ({status}); {}",
                    service.name,
                    log.tail()
                );
            }
        }
        Ok(())
    }

    fn wrangler_log(&self) -> String {
        let [_, (_, log)] = &self.services;
        log.tail()
    }
}

fn start(
    name: &'static str,
    mut command: std::process::Command,
    path: PathBuf,
) -> Result<(Service, Log)> {
    let context = || format!("cannot write {}", path.display());
    let file = File::create(&path).with_context(context)?;
    command
        .stdout(file.try_clone().with_context(context)?)
        .stderr(file);
    Ok((
        Service::start(name, &mut command)?,
        Log {
            path,
            read: 0,
            unfinished: String::new(),
        },
    ))
}

fn wait_for_port(port: u16) -> Result<()> {
    let deadline = Instant::now() + PORT_TIMEOUT;
    while !is_free(port) {
        if Instant::now() > deadline {
            bail!("port {port} is in use by another program; choose another with --port N");
        }
        thread::sleep(POLL_INTERVAL);
    }
    Ok(())
}

/// The port `above` higher than `port` or, if that one is taken, any free port.
fn port_near(port: u16, above: u16) -> Result<u16> {
    match port.checked_add(above) {
        Some(port) if is_free(port) => Ok(port),
        _ => {
            let any = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no free port")?;
            Ok(any.local_addr().context("no free port")?.port())
        }
    }
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// Whether the edge's health check succeeds. Written by hand, because an HTTP client would be the
/// largest dependency of xtask.
fn is_healthy(port: u16, path: &str) -> bool {
    let request = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_read_timeout(Some(HEALTH_TIMEOUT))?;
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n"
        )?;
        let mut status = [0; 12];
        stream.read_exact(&mut status)?;
        Ok(&status == b"HTTP/1.1 200")
    };
    request().unwrap_or(false)
}

/// A program's log file, shown as it grows.
struct Log {
    path: PathBuf,
    /// Bytes read so far.
    read: u64,
    /// The start of a line that is not complete yet.
    unfinished: String,
}

impl Log {
    /// Shows new lines; returns whether they report a crash of the runtime.
    fn show_new_lines(&mut self, all: bool) -> bool {
        let mut has_crashed = false;
        let mut bytes = Vec::new();
        let read = File::open(&self.path).and_then(|mut file| {
            file.seek(SeekFrom::Start(self.read))?;
            file.read_to_end(&mut bytes)
        });
        // An unreadable log is no reason to stop the system.
        let Ok(read) = read else { return has_crashed };
        self.read += read as u64;
        self.unfinished.push_str(&String::from_utf8_lossy(&bytes));
        while let Some(end) = self.unfinished.find('\n') {
            let line: String = self.unfinished.drain(..=end).collect();
            let line = line.trim_end();
            has_crashed |= line.contains("Workers runtime crashed");
            if all || is_worth_showing(line) {
                say(line);
            }
        }
        has_crashed
    }

    /// The last lines, with the name of the file.
    fn tail(&self) -> String {
        let text = fs::read(&self.path).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text
            .lines()
            .filter(|line| !line.trim().is_empty())
            .collect();
        let last = lines[lines.len().saturating_sub(TAIL)..].join("\n");
        format!("{} ends with:\n{last}", self.path.display())
    }
}

/// Whether a line comes from a Worker or is a warning or an error, rather than wrangler's progress.
fn is_worth_showing(line: &str) -> bool {
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
