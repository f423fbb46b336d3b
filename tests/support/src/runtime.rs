//! One workerd process.
//!
//! workerd reports the ports that it listens on, so no port is guessed and nothing waits for a
//! fixed time. It runs under `xtask keep`, which ends it however this program ends.

use crate::{config::Config, process::supervised, wait::with_timeout, workspace::root};
use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, Stdio},
    thread::{self, JoinHandle},
};
use tokio::sync::mpsc;

/// A running process.
pub struct Runtime {
    supervisor: Child,
    /// Reads the runtime's output to its end.
    reader: Option<JoinHandle<()>>,
    ports: BTreeMap<String, u16>,
    log: PathBuf,
}

impl Runtime {
    /// Writes a configuration into the folder with its files, and starts the runtime there.
    ///
    /// # Panics
    /// If it does not start. The log is in the folder.
    pub async fn start_in(folder: &Path, config: &Config) -> Self {
        let path = folder.join("config.capnp");
        fs::write(&path, config.finish()).expect("cannot write a configuration");
        Self::start(&path, &folder.join("log"), config.socket_count()).await
    }

    /// Starts the runtime with a configuration and waits until it listens on that many sockets. Its
    /// output is appended to the log.
    ///
    /// # Panics
    /// If it does not start.
    pub async fn start(config: &Path, log: &Path, sockets: usize) -> Self {
        let file = File::options()
            .create(true)
            .append(true)
            .open(log)
            .expect("cannot write the log");
        let mut supervisor = supervised(root().join("node_modules/.bin/workerd"))
            .args([
                "serve",
                "--experimental",
                "--control-fd=1",
                "--import-path=/",
            ])
            .arg(config)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(file.try_clone().expect("cannot write the log"))
            .spawn()
            .expect("cannot start the runtime");
        let output = supervisor.stdout.take().expect("its output is a pipe");
        let (reader, mut sockets_opened) = read_output(output, file);
        let mut process = Self {
            supervisor,
            reader: Some(reader),
            ports: BTreeMap::new(),
            log: log.to_owned(),
        };
        while process.ports.len() < sockets {
            let opened = with_timeout("the runtime to listen", sockets_opened.recv()).await;
            let (socket, port) =
                opened.unwrap_or_else(|| panic!("the runtime ended: see {}", log.display()));
            process.ports.insert(socket, port);
        }
        process
    }

    /// The port of a socket.
    ///
    /// # Panics
    /// If the configuration has no such socket.
    pub fn port(&self, socket: &str) -> u16 {
        self.ports[socket]
    }

    /// The URL of a socket, without a slash at the end.
    ///
    /// # Panics
    /// If the configuration has no such socket.
    pub fn url(&self, socket: &str) -> String {
        format!("http://127.0.0.1:{}", self.port(socket))
    }

    /// The log so far. Output arrives late: only [`Runtime::kill`] waits for all of it.
    ///
    /// # Panics
    /// If it cannot be read.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).expect("cannot read the log")
    }

    /// The process id of the supervisor, which is workerd's parent.
    pub fn supervisor(&self) -> u32 {
        self.supervisor.id()
    }

    /// Kills the process by SIGKILL and waits until it is gone and the log is complete.
    pub fn kill(self) {
        drop(self);
    }
}

/// When its standard input closes, the supervisor kills its process group.
impl Drop for Runtime {
    fn drop(&mut self) {
        drop(self.supervisor.stdin.take());
        let _ = self.supervisor.wait();
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}

/// Reports the sockets that are opened; all other output goes to the log.
fn read_output(
    output: impl std::io::Read + Send + 'static,
    mut log: File,
) -> (JoinHandle<()>, mpsc::UnboundedReceiver<(String, u16)>) {
    let (opened, sockets_opened) = mpsc::unbounded_channel();
    let reader = thread::spawn(move || {
        // Read to the end: a full pipe would block the runtime.
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            match socket_and_port(&line) {
                Some(socket) => {
                    let _ = opened.send(socket);
                }
                None => {
                    let _ = writeln!(log, "{line}");
                }
            }
        }
    });
    (reader, sockets_opened)
}

fn socket_and_port(line: &str) -> Option<(String, u16)> {
    let event: serde_json::Value = serde_json::from_str(line).ok()?;
    if event["event"] != "listen" {
        return None;
    }
    let port = event["port"].as_u64()?.try_into().ok()?;
    Some((event["socket"].as_str()?.to_owned(), port))
}
