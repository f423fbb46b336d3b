//! Starts everything once: a cluster with one edge, the sample API, and the proxies with the files
//! that are shipped. Only their addresses are replaced.

use futures_util::{FutureExt, future::join_all};
use patrol::{
    jose::signing::SigningKeys,
    token::{Claims, claims},
};
use patrol_support::{
    Response, User, client,
    cluster::{Cluster, ClusterConfig},
    create_folder,
    link::Link,
    process::supervised,
    raw_http::{RawResponse, send_raw},
    root,
    system::free_ports,
    wait_until,
};
use serde_json::Value;
use std::{
    fs::{self, File},
    io::{BufRead, BufReader},
    panic::AssertUnwindSafe,
    path::{Path, PathBuf},
    process::{Child, Stdio},
    sync::LazyLock,
};
use tokio::sync::{OnceCell, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// A route that needs the scope `pipelines:read`.
pub(crate) const PIPELINES: &str = "/api/v1/engine/pipelines";

/// A running proxy.
pub(crate) struct Proxy {
    pub(crate) name: &'static str,
    /// Without a slash at the end.
    pub(crate) url: String,
    _process: Supervised,
}

/// Everything that runs.
pub(crate) struct System {
    pub(crate) cluster: Cluster,
    /// The link between the proxies and the sample API.
    pub(crate) api_link: Link,
    pub(crate) proxies: Vec<Proxy>,
    _api: Supervised,
}

/// A process that ends with this one, or before.
struct Supervised(Child);

/// When its standard input closes, the supervisor kills its process group.
impl Drop for Supervised {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

/// How a proxy is started in the folder with its files.
struct Kind {
    name: &'static str,
    program: fn() -> PathBuf,
    arguments: &'static [&'static str],
}

const KINDS: [Kind; 5] = [
    Kind {
        name: "nginx",
        program: || system_program("nginx"),
        arguments: &["-p", ".", "-e", "stderr", "-c", "main.conf"],
    },
    Kind {
        name: "caddy",
        program: || installed_program("bin/caddy"),
        arguments: &["run", "--config", "Caddyfile"],
    },
    Kind {
        name: "haproxy",
        program: || system_program("haproxy"),
        arguments: &["-db", "-f", "haproxy.cfg"],
    },
    Kind {
        name: "traefik",
        program: || installed_program("bin/traefik"),
        arguments: &["--configfile", "traefik.yml"],
    },
    Kind {
        name: "envoy",
        program: || installed_program("envoy/_bin/envoy"),
        arguments: &[
            "--disable-hot-restart",
            "--concurrency",
            "1",
            "-c",
            "envoy.yaml",
        ],
    },
];

/// Of Debian, outside the `PATH` of most users.
fn system_program(name: &str) -> PathBuf {
    Path::new("/usr/sbin").join(name)
}

/// Of `cargo xtask test`.
fn installed_program(path: &str) -> PathBuf {
    root().join("build/proxies").join(path)
}

/// nginx reads the shipped file as a part of its own, which also says where a user without rights may
/// write.
const NGINX_MAIN: &str = "daemon off;\npid nginx.pid;\nevents {}\nhttp {\n  access_log off;\n  \
    client_body_temp_path tmp-body;\n  proxy_temp_path tmp-proxy;\n  fastcgi_temp_path \
    tmp-fastcgi;\n  uwsgi_temp_path tmp-uwsgi;\n  scgi_temp_path tmp-scgi;\n  include patrol.conf;\n}\n";

/// The system, shared with other tests.
pub(crate) async fn system() -> RwLockReadGuard<'static, System> {
    started().await.read().await
}

/// The system for a test alone.
pub(crate) async fn system_alone() -> RwLockWriteGuard<'static, System> {
    started().await.write().await
}

async fn started() -> &'static RwLock<System> {
    static SYSTEM: OnceCell<RwLock<System>> = OnceCell::const_new();
    // Links and servers must outlive the test that is the first to need them, and with it the tokio
    // runtime of that test.
    static TOKIO: LazyLock<tokio::runtime::Runtime> =
        LazyLock::new(|| tokio::runtime::Runtime::new().expect("cannot start tokio"));
    let start = || async {
        let started = TOKIO.spawn(System::start());
        RwLock::new(started.await.expect("the system does not start"))
    };
    SYSTEM.get_or_init(start).await
}

impl System {
    async fn start() -> Self {
        let build = root().join("build");
        let cluster = Cluster::start(&ClusterConfig {
            name: "proxies",
            processes: 1,
            isolates: 1,
            build: &build,
            settings: &[("CLIENT_ADDRESS_HEADER", "X-Real-IP")],
            entry: None,
        })
        .await;
        let (api, api_port) = start_api();
        let api_link = Link::start().await;
        api_link.set_target(Some(api_port));
        let patrol = cluster.edge_urls().remove(0);
        let patrol_port = patrol.rsplit(':').next().expect("a port").to_owned();
        let api_address = api_link.address().port().to_string();
        let proxies = KINDS.map(|kind| start_proxy(&kind, &patrol_port, &api_address));
        for Proxy { name, url, .. } in &proxies {
            wait_until(&format!("{name} responds"), async || {
                let request = client().get(format!("{url}/.patrol/health"));
                let response = request.send().await.ok()?;
                response.status().is_success().then_some(())
            })
            .await;
        }
        Self {
            cluster,
            api_link,
            proxies: proxies.into(),
            _api: api,
        }
    }

    /// Asks all proxies at once, and shows for which of them it failed.
    ///
    /// # Panics
    /// If it failed for one of them.
    pub(crate) async fn on_each(&self, ask: impl AsyncFn(&Proxy)) {
        let asked = self.proxies.iter().map(async |proxy| {
            let result = AssertUnwindSafe(ask(proxy)).catch_unwind().await;
            result.is_err().then_some(proxy.name)
        });
        let failed: Vec<_> = join_all(asked).await.into_iter().flatten().collect();
        assert!(failed.is_empty(), "failed: {failed:?}");
    }

    /// Signs in ada, directly at the origin.
    pub(crate) async fn ada(&self) -> User {
        User::sign_in(&self.cluster.management_url(), "ada").await
    }

    /// The URL of the edge.
    pub(crate) fn edge(&self) -> String {
        self.cluster.edge_urls().remove(0)
    }

    /// Signs claims with the origin's key.
    pub(crate) fn sign(&self, claims: Value) -> String {
        let keys = SigningKeys::from_jwks(self.cluster.secret("SIGNING_KEYS")).unwrap();
        let claims: Claims = serde_json::from_value(claims).unwrap();
        let token = claims::issue(&claims, keys.first()).unwrap();
        token.reveal().to_owned()
    }
}

fn start_api() -> (Supervised, u16) {
    let mut api = supervised(root().join("node_modules/.bin/node"))
        .arg(root().join("tests/upstream/main.mjs"))
        .args(["--port", "0"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("cannot start the sample API");
    let output = api.stdout.take().expect("its output is a pipe");
    let mut line = String::new();
    let read = BufReader::new(output).read_line(&mut line);
    read.expect("the sample API prints its address");
    let port = line.trim().rsplit(':').next().map(str::parse);
    (Supervised(api), port.expect("a port").expect("a port"))
}

fn start_proxy(kind: &Kind, patrol_port: &str, api_port: &str) -> Proxy {
    let Kind { name, program, .. } = kind;
    let folder = create_folder(&format!("proxy-{name}"));
    let port = free_ports();
    let (listen, question) = (port.to_string(), (port + 1).to_string());
    let replaced = [
        ("8080", &*listen),
        ("8081", &*question),
        ("patrol.internal", "127.0.0.1"),
        ("8787", patrol_port),
        ("api.internal", "127.0.0.1"),
        ("3000", api_port),
    ];
    copy_replaced(
        &root().join("deploy/proxies").join(name),
        &folder,
        &replaced,
    );
    fs::write(folder.join("main.conf"), NGINX_MAIN).expect("cannot write main.conf");
    let log = File::create(folder.join("log")).expect("cannot write a log");
    let process = supervised(program())
        .args(kind.arguments)
        .current_dir(&folder)
        .env("XDG_DATA_HOME", &folder)
        .stdin(Stdio::piped())
        .stdout(log.try_clone().expect("cannot write a log"))
        .stderr(log)
        .spawn()
        .unwrap_or_else(|error| panic!("cannot start {name}: {error}"));
    Proxy {
        name,
        url: format!("http://127.0.0.1:{port}"),
        _process: Supervised(process),
    }
}

/// Copies text files, with other addresses.
fn copy_replaced(from: &Path, to: &Path, replaced: &[(&str, &str)]) {
    fs::create_dir_all(to).expect("cannot create a folder");
    for entry in fs::read_dir(from).expect("the files are there").flatten() {
        let (path, to) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            copy_replaced(&path, &to, replaced);
        } else {
            let text = fs::read_to_string(path).expect("a text");
            let replace = |text: String, (old, new): &(&str, &str)| text.replace(old, new);
            let text = replaced.iter().fold(text, replace);
            fs::write(to, text).expect("cannot write a file");
        }
    }
}

/// The request as the sample API got it.
#[derive(Debug)]
pub(crate) struct Echo(Value);

impl Echo {
    /// `None`: the API did not get it.
    pub(crate) fn of(body: Value) -> Option<Self> {
        body["target"].is_string().then_some(Self(body))
    }

    pub(crate) fn method(&self) -> &str {
        self.0["method"].as_str().unwrap_or_default()
    }

    pub(crate) fn target(&self) -> &str {
        self.0["target"].as_str().unwrap_or_default()
    }

    /// Names, in lower case, and values.
    pub(crate) fn headers(&self) -> Vec<(&str, &str)> {
        let pairs = self.0["headers"].as_array().into_iter().flatten();
        pairs
            .filter_map(|pair| Some((pair[0].as_str()?, pair[1].as_str()?)))
            .collect()
    }

    /// The values of a header.
    pub(crate) fn values(&self, name: &str) -> Vec<&str> {
        let all = self.headers().into_iter();
        all.filter(|(other, _)| *other == name)
            .map(|(_, value)| value)
            .collect()
    }
}

/// The headers of a raw request that the sample API echoes.
pub(crate) fn echo_headers(token: &str) -> String {
    format!("Authorization: Bearer {token}\r\nX-Organization-ID: acme\r\nX-Echo-Headers: 1\r\n")
}

/// Sends a raw request. The headers end in CRLF each.
pub(crate) async fn send(
    proxy: &Proxy,
    method: &str,
    target: &str,
    headers: &str,
) -> (RawResponse, Option<Echo>) {
    let response = send_raw(&proxy.url, method, target, headers).await;
    let echo = response.json().and_then(Echo::of);
    (response, echo)
}

/// The answer for [`PIPELINES`] with a token: status and code.
pub(crate) async fn read_pipelines(proxy: &Proxy, token: &str) -> Response {
    let request = client().get(format!("{}{PIPELINES}", proxy.url));
    Response::to(
        request
            .bearer_auth(token)
            .header("X-Organization-ID", "acme"),
    )
    .await
}
