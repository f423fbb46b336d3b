//! The whole system as `cargo xtask dev` starts it, with its start, crash and end.

use crate::{
    process::{children, is_alive, send_signal, supervised, xtask},
    wait::wait_until_blocking,
    workspace::create_folder,
};
use std::{
    fs,
    io::{BufRead, BufReader},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Stdio},
    sync::{OnceLock, mpsc},
    time::Duration,
};

/// The longest start, including the build of a Worker.
const START_TIMEOUT: Duration = Duration::from_mins(15);

/// A running system with its own state folder and ports.
pub struct System {
    /// The public URL, without a slash at the end.
    pub url: String,
    state: PathBuf,
    port: u16,
    arguments: Vec<String>,
    supervisor: Child,
}

/// The system that most tests share. Its state is empty at the start of the test process.
pub fn shared_system() -> &'static System {
    static SHARED: OnceLock<System> = OnceLock::new();
    SHARED.get_or_init(|| System::start("shared", &[]))
}

impl System {
    /// Starts a system with an empty state, with arguments for `cargo xtask dev`. In them, `{url}`
    /// stands for the system's URL.
    ///
    /// # Panics
    /// If it does not start.
    pub fn start(name: &str, arguments: &[&str]) -> Self {
        Self::start_with(name, &[arguments, &["--no-watch"]].concat())
    }

    /// Starts a system that builds and loads what changes.
    ///
    /// # Panics
    /// If it does not start.
    pub fn start_watching(name: &str, arguments: &[&str]) -> Self {
        Self::start_with(name, arguments)
    }

    fn start_with(name: &str, arguments: &[&str]) -> Self {
        let state = create_folder(name);
        // The sample API and the inspector take the next ones.
        let port = free_ports();
        let url = format!("http://127.0.0.1:{port}");
        let with_url = |argument: &&str| argument.replace("{url}", &url);
        let arguments: Vec<String> = arguments.iter().map(with_url).collect();
        let supervisor = launch(port, &state, &arguments);
        Self {
            url,
            state,
            port,
            arguments,
            supervisor,
        }
    }

    /// Kills every process of the system at once and restarts it with the same state.
    ///
    /// # Panics
    /// If it does not start.
    pub fn crash_and_restart(&mut self) {
        self.crash_and_restart_after(|_| ());
    }

    /// Like [`System::crash_and_restart`], but changes the state while nothing runs.
    ///
    /// # Panics
    /// If the system does not start.
    pub fn crash_and_restart_after(&mut self, change: impl FnOnce(&Path)) {
        let processes = self.processes();
        assert!(processes.len() > 2, "the runtime does not run");
        send_signal("KILL", &processes);
        let _ = self.supervisor.wait();
        wait_until_blocking("the old processes are gone", || {
            processes.iter().all(|pid| !is_alive(*pid))
        });
        // A runtime that was still starting ends by itself when its parent is gone.
        wait_until_blocking("the port is free", || {
            TcpListener::bind(("127.0.0.1", self.port)).is_ok()
        });
        change(&self.state);
        self.supervisor = launch(self.port, &self.state, &self.arguments);
    }

    /// Sends Ctrl-C to the command and waits until every process is gone.
    ///
    /// # Panics
    /// If a process remains.
    pub fn interrupt(&mut self) {
        let processes = self.processes();
        let command = children(self.supervisor.id());
        send_signal("INT", &command);
        let _ = self.supervisor.wait();
        wait_until_blocking("no process is left", || {
            processes.iter().all(|pid| !is_alive(*pid))
        });
    }

    /// The folder with all state, logs and derived configurations.
    pub fn state(&self) -> &Path {
        &self.state
    }

    /// The URL of the sample API, which takes the port after the edge's.
    pub fn upstream_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port + 1)
    }

    /// The ids of all processes of the system, the supervisor's first.
    pub fn processes(&self) -> Vec<u32> {
        let mut all = vec![self.supervisor.id()];
        let mut next = 0;
        while let Some(parent) = all.get(next).copied() {
            all.extend(children(parent));
            next += 1;
        }
        all
    }

    /// The resident memory of the workerd processes, in bytes.
    pub fn runtime_memory(&self) -> u64 {
        self.processes()
            .into_iter()
            .filter_map(|pid| fs::read_to_string(format!("/proc/{pid}/status")).ok())
            .filter(|status| status.starts_with("Name:\tworkerd"))
            .filter_map(|status| {
                let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
                line.split_whitespace().nth(1)?.parse::<u64>().ok()
            })
            .sum::<u64>()
            * 1024
    }

    /// A secret from the system's `.dev.vars`.
    ///
    /// # Panics
    /// If the file has no such secret.
    pub fn secret(&self, name: &str) -> String {
        let vars = fs::read_to_string(self.state.join("config/origin/.dev.vars"))
            .expect("cannot read .dev.vars");
        let line = vars
            .lines()
            .find_map(|line| line.strip_prefix(name)?.trim_start().strip_prefix('='))
            .expect("the secret is not in .dev.vars");
        line.trim().trim_matches('\'').to_owned()
    }
}

fn launch(port: u16, state: &Path, arguments: &[String]) -> Child {
    // Tests run the build that is deployed.
    let mut supervisor = supervised(xtask())
        .args(["dev", "--release", "--port", &port.to_string(), "--state"])
        .arg(state)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .expect("cannot start xtask");
    let output = supervisor.stdout.take().expect("its output is a pipe");
    let (ready, is_ready) = mpsc::channel();
    std::thread::spawn(move || {
        // Read to the end: a full pipe would block the system.
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if line.starts_with("ready ") {
                let _ = ready.send(());
            }
        }
    });
    is_ready
        .recv_timeout(START_TIMEOUT)
        .expect("the system did not start: see its output above");
    supervisor
}

/// The first of four free ports: the sample API and the inspector take the next ones. No two calls of a
/// process return overlapping ranges.
pub fn free_ports() -> u16 {
    use std::sync::atomic::{AtomicU16, Ordering};
    static NEXT: AtomicU16 = AtomicU16::new(20_000);
    loop {
        let port = NEXT.fetch_add(10, Ordering::Relaxed);
        if (port..port + 4).all(|port| TcpListener::bind(("127.0.0.1", port)).is_ok()) {
            return port;
        }
    }
}

impl Drop for System {
    fn drop(&mut self) {
        drop(self.supervisor.stdin.take());
        let _ = self.supervisor.wait();
    }
}
