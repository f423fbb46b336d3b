//! Servers that are Node scripts: `tests/idp`.

use crate::{process::supervised, workspace::root};
use std::{
    fs::File,
    io::{BufRead, BufReader},
    process::{Child, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

/// The longest start of a script.
const START_TIMEOUT: Duration = Duration::from_mins(1);

/// A running script. It ends with this value.
pub struct Script {
    supervisor: Child,
    urls: Vec<String>,
}

impl Script {
    /// Starts a script of `tests/idp` on free ports and waits until it listens on that many. Its errors
    /// are in `target/e2e`.
    ///
    /// # Panics
    /// If it does not start.
    pub fn start(name: &str, arguments: &[&str], ports: usize) -> Self {
        let log = root().join(format!("target/e2e/{name}.log"));
        let errors = File::create(&log).expect("cannot write a log");
        let mut supervisor = supervised(root().join("node_modules/.bin/node"))
            .arg(root().join(format!("tests/idp/{name}.mjs")))
            .args(["--port", "0"])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(errors)
            .spawn()
            .expect("cannot start Node.js");
        let output = supervisor.stdout.take().expect("its output is a pipe");
        let (listening, is_listening) = mpsc::channel();
        thread::spawn(move || {
            // Read to the end: a full pipe would block the script.
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if let Some(url) = line.strip_prefix("listening on ") {
                    let _ = listening.send(url.to_owned());
                }
            }
        });
        let next = |_| is_listening.recv_timeout(START_TIMEOUT);
        let urls: Result<_, _> = (0..ports).map(next).collect();
        Self {
            supervisor,
            urls: urls.unwrap_or_else(|_| panic!("{name} did not start: see {}", log.display())),
        }
    }

    /// The URLs on which it listens, without a slash at the end.
    pub fn urls(&self) -> &[String] {
        &self.urls
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        drop(self.supervisor.stdin.take());
        let _ = self.supervisor.wait();
    }
}
