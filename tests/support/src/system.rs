//! A running system, and how to end it politely or not.

use std::{
    collections::BTreeSet,
    ffi::OsStr,
    fs,
    io::{BufRead, BufReader},
    net::TcpListener,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Mutex, OnceLock, PoisonError, mpsc},
    time::{Duration, Instant},
};

/// How long a start may take, the building of a Worker included.
const START: Duration = Duration::from_mins(15);

/// A running system.
pub struct System {
    /// The one public address.
    pub base: String,
    state: PathBuf,
    port: u16,
    arguments: Vec<String>,
    keeper: Child,
}

/// The system that most tests share. It starts with an empty state.
pub fn shared() -> &'static System {
    static SHARED: OnceLock<System> = OnceLock::new();
    SHARED.get_or_init(|| System::start("shared", &[]))
}

impl System {
    /// Starts a system with an empty state.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start(name: &str, arguments: &[&str]) -> Self {
        let state = empty_folder(name);
        let arguments: Vec<String> = arguments.iter().map(|&a| a.to_owned()).collect();
        let port = free_ports();
        let keeper = launch(port, &state, &arguments);
        Self {
            base: format!("http://127.0.0.1:{port}"),
            state,
            port,
            arguments,
            keeper,
        }
    }

    /// Kills every process of the system at once and starts it again on the same state.
    ///
    /// # Panics
    /// When it does not start.
    pub fn crash_and_restart(&mut self) {
        self.crash_and_restart_after(|_| ());
    }

    /// The same, with something done to the state while nothing runs.
    ///
    /// # Panics
    /// When it does not start.
    pub fn crash_and_restart_after(&mut self, change: impl FnOnce(&Path)) {
        let processes = self.processes();
        assert!(processes.len() > 2, "the runtime runs");
        signal("KILL", &processes);
        let _ = self.keeper.wait();
        until_blocking("the old processes are gone", || {
            processes.iter().all(|pid| !alive(*pid))
        });
        // A runtime that was just being started ends by itself when its parent is gone.
        until_blocking("the port is free", || {
            TcpListener::bind(("127.0.0.1", self.port)).is_ok()
        });
        change(&self.state);
        self.keeper = launch(self.port, &self.state, &self.arguments);
    }

    /// Sends the signal of Ctrl-C to the command and waits until every process is gone.
    ///
    /// # Panics
    /// When one stays.
    pub fn interrupt(&mut self) {
        let processes = self.processes();
        let command = children(self.keeper.id());
        signal("INT", &command);
        let _ = self.keeper.wait();
        until_blocking("no process is left", || {
            processes.iter().all(|pid| !alive(*pid))
        });
    }

    /// Where the system keeps everything.
    pub fn state(&self) -> &Path {
        &self.state
    }

    /// Every process of the system, the keeper first.
    pub fn processes(&self) -> Vec<u32> {
        let mut all = vec![self.keeper.id()];
        let mut next = 0;
        while let Some(parent) = all.get(next).copied() {
            all.extend(children(parent));
            next += 1;
        }
        all
    }

    /// Resident memory of the runtime's processes, in bytes.
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

    /// A secret of the system, as the development set-up keeps it beside the configuration.
    ///
    /// # Panics
    /// When there is none of that name.
    pub fn secret(&self, name: &str) -> String {
        let vars = fs::read_to_string(self.state.join("config/origin/.dev.vars"))
            .expect("the development secrets are there");
        let line = vars
            .lines()
            .find_map(|line| line.strip_prefix(name)?.trim_start().strip_prefix('='))
            .expect("the secret is among them");
        line.trim().trim_matches('\'').to_owned()
    }
}

/// The checkout.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .unwrap_or_default()
}

/// An empty folder of that name, for one test alone: the tests run side by side.
///
/// # Panics
/// When another test has one of that name, or it cannot be made.
pub fn empty_folder(name: &str) -> PathBuf {
    static TAKEN: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    // Only a whole name is ever put in, so a panic elsewhere has left nothing half done.
    let mut taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
    let is_free = taken.insert(name.to_owned());
    assert!(is_free, "another test has a folder named {name}");
    let folder = root().join("target/e2e").join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder).expect("the old folder can be removed");
    }
    fs::create_dir_all(&folder).expect("a folder can be made");
    folder
}

/// The xtask program beside the running one, as its sources are now: cargo builds it for `cargo
/// xtask test`, but not when only this package is tested.
///
/// # Panics
/// When it cannot be built.
pub fn xtask() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let running = std::env::current_exe().expect("a program has a path");
        // Tests are in target/*/deps, programs in target/*.
        let folder = running
            .ancestors()
            .skip(1)
            .find(|folder| !folder.ends_with("deps"))
            .expect("a program is in a folder");
        let release = folder.ends_with("release").then_some("--release");
        let built = Command::new("cargo")
            .args(["build", "--quiet", "--package", "xtask"])
            .args(release)
            .current_dir(root())
            .status();
        assert!(
            built.is_ok_and(|status| status.success()),
            "xtask can be built"
        );
        folder.join("xtask")
    })
}

/// A program that ends when its standard input, which has to be a pipe, is closed: with this
/// process at the latest.
pub fn keeper(program: impl AsRef<OsStr>) -> Command {
    let mut keeper = Command::new(xtask());
    keeper
        .args(["keep", "--"])
        .arg(program)
        .current_dir(root())
        // A Ctrl-C is for the tests. It would end the keeper before what it keeps, and leave that
        // behind.
        .process_group(0)
        // Cargo sets it to the folder of the tests; xtask would take that for its own.
        .env_remove("CARGO_MANIFEST_DIR");
    keeper
}

/// The policy of the checkout with another text in place of one, in a file for `--policy`. What has
/// one name must always be the same, as its Workers are built once.
///
/// # Panics
/// When the policy has no such text, or it cannot be written.
pub fn policy_with(name: &str, text: &str, other: &str) -> PathBuf {
    let policy = fs::read_to_string(root().join("policy.toml")).expect("the policy is there");
    assert!(policy.contains(text), "the policy has {text}");
    let path = root().join(format!("target/e2e/{name}.toml"));
    fs::create_dir_all(path.parent().unwrap_or(&path)).expect("a folder can be made");
    fs::write(&path, policy.replace(text, other)).expect("the policy can be written");
    path
}

/// Tokens without scopes.
pub fn policy_without_rbac() -> PathBuf {
    policy_with("rbac-off", "enabled = true", "enabled = false")
}

fn launch(port: u16, state: &Path, arguments: &[String]) -> Child {
    // What is tested is what is deployed. A policy of a test's own takes a build of its own, and
    // that is the quick one.
    let profile = arguments
        .iter()
        .all(|argument| argument != "--policy")
        .then_some("--release");
    let mut keeper = keeper(xtask())
        .args(["dev", "--no-watch", "--port", &port.to_string(), "--state"])
        .arg(state)
        .args(profile)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .expect("xtask can be started");
    let output = keeper.stdout.take().expect("its output is a pipe");
    let (ready, is_ready) = mpsc::channel();
    std::thread::spawn(move || {
        // Read to the end: a full pipe would stop the system.
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if line.starts_with("ready ") {
                let _ = ready.send(());
            }
        }
    });
    is_ready
        .recv_timeout(START)
        .expect("the system starts: its last words are above");
    keeper
}

/// A port with free neighbours: the sample API and the inspector take the next ones. Two calls
/// never give the same, nor neighbours.
fn free_ports() -> u16 {
    use std::sync::atomic::{AtomicU16, Ordering};
    static NEXT: AtomicU16 = AtomicU16::new(20_000);
    loop {
        let port = NEXT.fetch_add(10, Ordering::Relaxed);
        if (port..port + 4).all(|port| TcpListener::bind(("127.0.0.1", port)).is_ok()) {
            return port;
        }
    }
}

fn children(parent: u32) -> Vec<u32> {
    let Ok(tasks) = fs::read_dir(format!("/proc/{parent}/task")) else {
        return Vec::new();
    };
    tasks
        .flatten()
        .filter_map(|task| fs::read_to_string(task.path().join("children")).ok())
        .flat_map(|list| {
            list.split_whitespace()
                .filter_map(|pid| pid.parse().ok())
                .collect::<Vec<_>>()
        })
        .collect()
}

/// A zombie is as good as gone: it only waits for its parent to look.
fn alive(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| {
        !stat
            .rsplit(')')
            .next()
            .unwrap_or_default()
            .trim_start()
            .starts_with('Z')
    })
}

fn signal(name: &str, processes: &[u32]) {
    let _ = Command::new("kill")
        .arg(format!("-{name}"))
        .args(processes.iter().map(u32::to_string))
        .stderr(Stdio::null())
        .status();
}

/// The longest that anything is waited for.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// How long until a condition is looked at again.
const TICK: Duration = Duration::from_millis(10);

fn until_blocking(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        std::thread::park_timeout(TICK);
    }
}

/// Waits until a condition gives something, asking again and again.
///
/// # Panics
/// When it does not within half a minute.
pub async fn until<T, F: Future<Output = Option<T>>>(
    what: &str,
    mut condition: impl FnMut() -> F,
) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(value) = condition().await {
            return value;
        }
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        tokio::time::sleep(TICK).await;
    }
}

/// Waits for something that a broken system would never do.
///
/// # Panics
/// When it does not happen within half a minute.
pub async fn in_time<T>(what: &str, event: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, event)
        .await
        .unwrap_or_else(|_| panic!("waited in vain for {what}"))
}

impl Drop for System {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}

#[cfg(test)]
mod tests {
    #[test]
    #[should_panic = "another test has a folder named twice"]
    fn two_tests_never_share_a_folder() {
        super::empty_folder("twice");
        super::empty_folder("twice");
    }
}
