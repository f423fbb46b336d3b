//! chromedriver, one for all tests of a process, and the browsers that it starts.
//!
//! It ends with the test process, however that ends, as `xtask keep` watches a pipe that closes
//! then. A browser is ended by its test, also by one that fails; left out is one whose test
//! process was killed: Chromium puts itself out of the keeper's reach.

use fantoccini::{
    Client, ClientBuilder,
    wd::{Capabilities, WebDriverCompatibleCommand},
};
use hyper_util::client::legacy::connect::HttpConnector;
use patrol_e2e::system::{PATIENCE, keeper, root};
use serde_json::{Value, json};
use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
};

struct Driver {
    url: String,
    /// Its pipe is what keeps the driver alive.
    _keeper: Child,
}

fn driver() -> &'static Driver {
    static DRIVER: OnceLock<Driver> = OnceLock::new();
    DRIVER.get_or_init(|| {
        let mut keeper = keeper("chromedriver")
            // Any free port; it says which.
            .arg("--port=0")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("xtask can be started");
        let output = keeper.stdout.take().expect("its output is a pipe");
        let (ready, is_ready) = mpsc::channel();
        std::thread::spawn(move || {
            // Read to the end: a full pipe would stop the driver.
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if let Some((_, port)) = line.split_once("started successfully on port ") {
                    let _ = ready.send(port.trim_end_matches('.').to_owned());
                }
            }
        });
        let port = is_ready
            .recv_timeout(PATIENCE)
            .expect("chromedriver starts: `cargo xtask test` installs it");
        Driver {
            url: format!("http://127.0.0.1:{port}"),
            _keeper: keeper,
        }
    })
}

/// A browser with an empty profile.
pub(crate) struct Browser {
    pub(crate) client: Client,
    profile: PathBuf,
}

impl Browser {
    pub(crate) async fn start() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let profile = root().join(format!("target/browser/{}-{number}", std::process::id()));
        fs::create_dir_all(&profile).expect("a folder for the profile can be made");
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities(&profile))
            .connect(&driver().url)
            .await
            .expect("a browser starts: `cargo xtask test` installs it");
        Self { client, profile }
    }

    pub(crate) async fn end(self) {
        let ended = self.client.close().await;
        let _ = fs::remove_dir_all(&self.profile);
        ended.expect("the browser ends");
    }
}

fn capabilities(profile: &Path) -> Capabilities {
    let profile = format!("--user-data-dir={}", profile.display());
    let wanted = json!({
        "browserName": "chrome",
        "goog:chromeOptions": {
            "args": [
                "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                "--disable-background-networking", "--disable-component-update", "--disable-sync",
                // Memory that is shared by files in /dev/shm is scarce in containers.
                "--disable-dev-shm-usage", "--lang=en-US", profile,
            ],
            "perfLoggingPrefs": { "enableNetwork": true, "enablePage": false },
        },
        // What the page writes to the console, and what it asks the network for.
        "goog:loggingPrefs": { "browser": "ALL", "performance": "ALL" },
        // A dialog of the browser, as of `beforeunload`, is for the test to see.
        "unhandledPromptBehavior": "ignore",
    });
    match wanted {
        Value::Object(wanted) => wanted,
        _ => unreachable!("an object is written above"),
    }
}

/// A command of chromedriver that is not in the standard.
#[derive(Debug)]
pub(crate) struct Command {
    path: &'static str,
    body: Value,
}

impl Command {
    /// The entries of a log since the last time.
    pub(crate) fn log(kind: &str) -> Self {
        Self {
            path: "se/log",
            body: json!({ "type": kind }),
        }
    }

    /// A command of the `DevTools` protocol.
    #[allow(clippy::needless_pass_by_value)] // `json!` makes values.
    pub(crate) fn devtools(name: &str, params: Value) -> Self {
        Self {
            path: "goog/cdp/execute",
            body: json!({ "cmd": name, "params": params }),
        }
    }
}

impl WebDriverCompatibleCommand for Command {
    fn endpoint(
        &self,
        base: &url::Url,
        session: Option<&str>,
    ) -> Result<url::Url, url::ParseError> {
        base.join(&format!(
            "session/{}/{}",
            session.unwrap_or_default(),
            self.path
        ))
    }

    fn method_and_body(&self, _: &url::Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(self.body.to_string()))
    }
}
