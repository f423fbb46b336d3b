//! chromedriver, one for all tests of a process, and the browsers that it starts.
//!
//! A browser takes seconds to start, so tests reuse it. Each test gets a new window, and cookies,
//! storage, cache and permissions are cleared before it. There are as many browsers as tests run in
//! parallel.
//!
//! chromedriver exits with the test process, even if that crashes: `xtask keep` watches a pipe that
//! closes then. A browser exits with chromedriver, because the two communicate over a pipe.

use fantoccini::{
    Client, ClientBuilder,
    wd::{Capabilities, WebDriverCompatibleCommand, WindowHandle},
};
use hyper_util::client::legacy::connect::HttpConnector;
use patrol_support::{TIMEOUT, process::supervised, root};
use serde_json::{Value, json};
use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Stdio},
    sync::{
        LazyLock, Mutex, OnceLock, PoisonError,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
};
use tokio::runtime::Runtime;

struct Driver {
    url: String,
    /// Closing its pipe ends the driver.
    _keeper: Child,
}

fn driver() -> &'static Driver {
    static DRIVER: OnceLock<Driver> = OnceLock::new();
    DRIVER.get_or_init(|| {
        let mut keeper = supervised("chromedriver")
            // Any free port; chromedriver prints which.
            .arg("--port=0")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("xtask can be started");
        let output = keeper.stdout.take().expect("its output is a pipe");
        let (ready, is_ready) = mpsc::channel();
        std::thread::spawn(move || {
            // Read until the end: a full pipe would block the driver.
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if let Some((_, port)) = line.split_once("started successfully on port ") {
                    let _ = ready.send(port.trim_end_matches('.').to_owned());
                }
            }
        });
        let port = is_ready
            .recv_timeout(TIMEOUT)
            .expect("chromedriver starts: `cargo xtask test` installs it");
        Driver {
            url: format!("http://127.0.0.1:{port}"),
            _keeper: keeper,
        }
    })
}

/// A browser without traces of earlier tests.
pub(crate) struct Browser {
    pub(crate) client: Client,
    profile: PathBuf,
}

/// The runtime of all browsers' clients.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().expect("a runtime"));

/// Browsers that no test uses.
static IDLE: Mutex<Vec<Browser>> = Mutex::new(Vec::new());

impl Browser {
    /// Takes an idle browser or starts one.
    pub(crate) async fn start() -> Self {
        let idle = IDLE.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let browser = match idle {
            Some(browser) => browser,
            // Each test has its own runtime, and a client stops with the runtime that created it.
            None => RUNTIME.spawn(Self::launch()).await.expect("no panic"),
        };
        browser.clear().await;
        browser
    }

    async fn launch() -> Self {
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

    /// Replaces all windows with a new one and removes the traces of the last test.
    async fn clear(&self) {
        let old = self.client.windows().await.expect("windows");
        let new = self.client.new_window(true).await.expect("a new window");
        for window in old {
            self.show(window).await;
            self.client.close_window().await.expect("it closes");
        }
        self.show(new.handle).await;
        self.devtools("Network.clearBrowserCookies", json!({}))
            .await;
        self.devtools("Network.clearBrowserCache", json!({})).await;
        let everything = json!({ "origin": "*", "storageTypes": "all" });
        self.devtools("Storage.clearDataForOrigin", everything)
            .await;
        self.devtools("Browser.resetPermissions", json!({})).await;
        for kind in ["browser", "performance"] {
            self.command(Command::log(kind)).await;
        }
    }

    async fn show(&self, window: WindowHandle) {
        let shown = self.client.switch_to_window(window).await;
        shown.expect("the window is there");
    }

    async fn devtools(&self, name: &str, params: Value) -> Value {
        self.command(Command::devtools(name, params)).await
    }

    async fn command(&self, command: Command) -> Value {
        self.client
            .issue_cmd(command)
            .await
            .expect("chromedriver obeys")
    }

    /// Returns the browser for another test.
    pub(crate) fn reuse(self) {
        IDLE.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(self);
    }

    /// Closes the browser: after a failed test, its state is unknown.
    pub(crate) async fn close(self) {
        let _ = self.client.close().await;
        let _ = fs::remove_dir_all(&self.profile);
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
                // Containers have little space in /dev/shm.
                "--disable-dev-shm-usage", "--lang=en-US", profile,
                // The browser exits when the other end closes the pipe.
                "--remote-debugging-pipe",
            ],
            "perfLoggingPrefs": { "enableNetwork": true, "enablePage": false },
        },
        // Console messages and network requests.
        "goog:loggingPrefs": { "browser": "ALL", "performance": "ALL" },
        // Tests handle the browser's dialogs, such as that of `beforeunload`.
        "unhandledPromptBehavior": "ignore",
    });
    match wanted {
        Value::Object(wanted) => wanted,
        _ => unreachable!("an object is written above"),
    }
}

/// A command of chromedriver beyond the `WebDriver` standard.
#[derive(Debug)]
pub(crate) struct Command {
    path: &'static str,
    body: Value,
}

impl Command {
    /// Reads the new entries of a log.
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
