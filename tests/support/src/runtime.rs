//! One process of the runtime.
//!
//! It tells by itself on which ports it listens, and when: so nothing waits for a time, and no
//! port is guessed. It lives below `xtask keep`, which ends it however this program ends.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufRead, BufReader, Write},
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Child, Command, Stdio},
    thread::{self, JoinHandle},
};
use tokio::sync::mpsc;

/// A running process.
pub struct Runtime {
    keeper: Child,
    /// Reads what the runtime says, until it has ended.
    hearing: Option<JoinHandle<()>>,
    ports: BTreeMap<String, u16>,
}

impl Runtime {
    /// Starts the runtime with a configuration and waits until it listens on that many sockets.
    ///
    /// # Panics
    /// When it does not; its last words are in the log.
    pub async fn start(config: &Path, log: &Path, sockets: usize) -> Self {
        let words = File::options()
            .create(true)
            .append(true)
            .open(log)
            .expect("a log can be written");
        let mut keeper = Command::new(crate::system::xtask())
            .args(["keep", "--"])
            .arg(crate::system::root().join("node_modules/.bin/workerd"))
            .args([
                "serve",
                "--experimental",
                "--control-fd=1",
                "--import-path=/",
            ])
            .arg(config)
            // A signal to this program's group must not take the keeper, or the runtime stays.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(words.try_clone().expect("a log can be written"))
            .spawn()
            .expect("the runtime can be started");
        let output = keeper.stdout.take().expect("its output is a pipe");
        let (hearing, mut listening) = listen(output, words);
        let mut process = Self {
            keeper,
            hearing: Some(hearing),
            ports: BTreeMap::new(),
        };
        while process.ports.len() < sockets {
            let said = crate::system::in_time("the runtime to listen", listening.recv()).await;
            let (socket, port) =
                said.unwrap_or_else(|| panic!("the runtime ended: see {}", log.display()));
            process.ports.insert(socket, port);
        }
        process
    }

    /// The port of a socket.
    ///
    /// # Panics
    /// When the configuration has no such socket.
    pub fn port(&self, socket: &str) -> u16 {
        self.ports[socket]
    }

    /// The process that keeps the runtime: its parent.
    pub fn keeper(&self) -> u32 {
        self.keeper.id()
    }

    /// Kills the process at once, by SIGKILL, and waits until it is gone and the log has all that
    /// it has said.
    pub fn kill(self) {
        drop(self);
    }
}

/// The end of its standard input makes the keeper kill all of its process group.
impl Drop for Runtime {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
        if let Some(hearing) = self.hearing.take() {
            let _ = hearing.join();
        }
    }
}

/// Hears which sockets are open; everything else that is said goes to the log.
fn listen(
    output: impl std::io::Read + Send + 'static,
    mut log: File,
) -> (JoinHandle<()>, mpsc::UnboundedReceiver<(String, u16)>) {
    let (tell, hear) = mpsc::unbounded_channel();
    let hearing = thread::spawn(move || {
        // Read to the end: a full pipe would stop the runtime.
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            match socket_and_port(&line) {
                Some(listening) => {
                    let _ = tell.send(listening);
                }
                None => {
                    let _ = writeln!(log, "{line}");
                }
            }
        }
    });
    (hearing, hear)
}

fn socket_and_port(line: &str) -> Option<(String, u16)> {
    let event: serde_json::Value = serde_json::from_str(line).ok()?;
    if event["event"] != "listen" {
        return None;
    }
    let port = event["port"].as_u64()?.try_into().ok()?;
    Some((event["socket"].as_str()?.to_owned(), port))
}
