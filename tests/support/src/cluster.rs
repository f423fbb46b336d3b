//! The whole stand: who runs where, and what reaches whom.
//!
//! ```text
//!   edges (processes × isolates) ──registry link──► gate ──► Registry objects ┐ the origin's
//!                     │         └───origin link───► origin ───────────────────┘ process
//!                     └──────────────► KV ◄────────────┘
//!   management ─────────────────────────front──────► origin
//! ```
//!
//! Management has a way of its own to the origin, so that a revocation can be asked for while
//! the edges are cut off.

use crate::{
    config::{Binding, Config, MODULES, Worker, copy_worker},
    kv::Kv,
    link::{Link, LinkFault},
    runtime::Runtime,
};
use std::{
    collections::BTreeMap,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
};

/// What to set up.
#[derive(Debug, Clone, Copy)]
pub struct Plan<'a> {
    /// Of its folder.
    pub name: &'a str,
    /// Processes with edges.
    pub processes: usize,
    /// Edges in each of them.
    pub isolates: usize,
    /// Where the built Workers are, each in a folder of its own name.
    pub built: &'a Path,
    /// Settings of both Workers, beyond what they need.
    pub settings: &'a [(&'a str, &'a str)],
}

/// A running stand.
pub struct Cluster {
    /// Between the edges and the Registry objects.
    pub registry: Link,
    /// Between the edges and the origin Worker.
    pub origin: Link,
    /// Of all Workers.
    pub kv: Kv,
    front: Link,
    folder: PathBuf,
    origin_process: Option<Runtime>,
    edges: Vec<Edges>,
}

/// A process with edges, and a link to each of them, so that their addresses outlive it.
struct Edges {
    process: Option<Runtime>,
    links: Vec<(String, Link)>,
    folder: PathBuf,
}

impl Cluster {
    /// Starts a stand with an empty state. The Workers must have been built.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start(plan: &Plan<'_>) -> Self {
        let folder = crate::system::root().join("target/cluster").join(plan.name);
        if folder.exists() {
            fs::remove_dir_all(&folder).expect("the old state can be removed");
        }
        let mut stand = Self {
            registry: Link::open().await,
            origin: Link::open().await,
            front: Link::open().await,
            kv: Kv::open().await,
            folder,
            origin_process: None,
            edges: Vec::new(),
        };
        stand.write_origin(plan);
        for number in 0..plan.processes {
            let edges = stand.write_edges(number, plan).await;
            stand.edges.push(edges);
        }
        stand.start_origin().await;
        for number in 0..plan.processes {
            stand.start_edges(number).await;
        }
        stand
    }

    /// Where management is asked for.
    pub fn management(&self) -> String {
        format!("http://{}", self.front.address())
    }

    /// The addresses of all edges.
    pub fn edges(&self) -> Vec<String> {
        let links = self.edges.iter().flat_map(|edges| &edges.links);
        links
            .map(|(_, link)| format!("http://{}", link.address()))
            .collect()
    }

    /// The addresses of all edges without the links before them: a link hides a reset.
    pub fn sockets(&self) -> Vec<SocketAddr> {
        let process = |edges: &Edges| {
            let process = edges.process.as_ref()?;
            let port = |(name, _): &(String, Link)| process.port(name);
            Some(edges.links.iter().map(port).collect::<Vec<_>>())
        };
        let ports = self.edges.iter().filter_map(process).flatten();
        ports.map(|port| ([127, 0, 0, 1], port).into()).collect()
    }

    /// How many Registry objects have a database.
    pub fn registries(&self) -> usize {
        let objects = self.folder.join("origin/objects/registry");
        let files = fs::read_dir(objects).into_iter().flatten().flatten();
        // Each has the name of an id; the runtime keeps one of its own beside them.
        let is_object = |file: &fs::DirEntry| {
            let name = file.file_name();
            name.to_str()
                .and_then(|name| name.strip_suffix(".sqlite"))
                .is_some_and(|id| id.len() == 64)
        };
        files.filter(is_object).count()
    }

    /// Processes with edges.
    pub fn processes(&self) -> usize {
        self.edges.len()
    }

    /// The weather between all edges and the origin's process.
    pub fn set_weather(&self, weather: LinkFault) {
        self.registry.set(weather);
        self.origin.set(weather);
    }

    /// Kills the origin's process, the Registry objects with it. What they have stored stays.
    pub fn kill_origin(&mut self) {
        for link in [&self.registry, &self.origin, &self.front] {
            link.lead_to(None);
        }
        if let Some(process) = self.origin_process.take() {
            process.kill();
        }
    }

    /// Starts the origin's process, and waits until it listens.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start_origin(&mut self) {
        let process = start(&self.folder.join("origin"), 2).await;
        self.registry.lead_to(Some(process.port("gate")));
        self.origin.lead_to(Some(process.port("origin")));
        self.front.lead_to(Some(process.port("origin")));
        self.origin_process = Some(process);
    }

    /// Kills a process with edges: all that they knew is forgotten.
    pub fn kill_edges(&mut self, number: usize) {
        if let Some(edges) = self.edges.get_mut(number) {
            for (_, link) in &edges.links {
                link.lead_to(None);
            }
            if let Some(process) = edges.process.take() {
                process.kill();
            }
        }
    }

    /// Starts a process with edges, and waits until it listens.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start_edges(&mut self, number: usize) {
        if let Some(edges) = self.edges.get_mut(number) {
            let process = start(&edges.folder, edges.links.len()).await;
            for (socket, link) in &edges.links {
                link.lead_to(Some(process.port(socket)));
            }
            edges.process = Some(process);
        }
    }

    /// How often each edge has called Registry objects since the origin's process started, and
    /// for what.
    ///
    /// # Panics
    /// When the process does not answer.
    pub async fn registry_calls(&self) -> BTreeMap<String, BTreeMap<String, u64>> {
        let process = self.origin_process.as_ref().expect("a running origin");
        let url = format!("http://127.0.0.1:{}/calls", process.port("gate"));
        let answer = crate::client::client().get(url).send().await;
        answer.expect("an answer").json().await.expect("counts")
    }

    fn write_origin(&self, plan: &Plan<'_>) {
        let folder = self.folder.join("origin");
        copy_worker(&plan.built.join("origin"), &folder);
        write(&folder.join("gate.js"), GATE);
        write(&folder.join("assets.js"), ASSETS);
        let objects = folder.join("objects");
        fs::create_dir_all(&objects).expect("a folder can be made");

        let keys = keys();
        let management = self.management();
        let mut bindings: Vec<(&str, Binding)> = vec![
            ("STATUS", Binding::Kv("kv")),
            ("ASSETS", Binding::Service("assets")),
            ("REGISTRY", Binding::Objects("origin")),
            ("PUBLIC_URL", Binding::Text(&management)),
            ("REGISTRIES", Binding::Text(REGISTRIES)),
            ("DEV_SIGN_IN", Binding::Text("1")),
        ];
        bindings.extend(
            keys.iter()
                .map(|(name, value)| (name.as_str(), Binding::Text(value))),
        );
        bindings.extend(
            plan.settings
                .iter()
                .map(|&(name, value)| (name, Binding::Text(value))),
        );
        let mut config = Config::default();
        config.worker(&Worker {
            name: "origin",
            modules: &MODULES,
            bindings: &bindings,
            storage: Some("objects"),
        });
        config.worker(&Worker {
            name: "gate",
            modules: &["gate.js"],
            bindings: &[("REGISTRY", Binding::Objects("origin"))],
            storage: None,
        });
        config.worker(&Worker {
            name: "assets",
            modules: &["assets.js"],
            bindings: &[],
            storage: None,
        });
        config.external("kv", self.kv.address());
        config.disk("objects", &objects.to_string_lossy());
        config.socket("origin");
        config.socket("gate");
        write(&folder.join(CONFIG), &config.finish());
    }

    async fn write_edges(&self, number: usize, plan: &Plan<'_>) -> Edges {
        let folder = self.folder.join(format!("edges-{number}"));
        copy_worker(&plan.built.join("edge"), &folder);
        write(&folder.join("namespace.js"), NAMESPACE);
        let management = self.management();
        let mut links = Vec::new();
        let mut config = Config::default();
        for isolate in 0..plan.isolates {
            let name = format!("edge-{number}-{isolate}");
            let mut bindings: Vec<(&str, Binding)> = vec![
                ("STATUS", Binding::Kv("kv")),
                ("ORIGIN", Binding::Service("origin")),
                ("REGISTRY", Binding::FarObjects("registry", &name)),
                ("PUBLIC_URL", Binding::Text(&management)),
                ("REGISTRIES", Binding::Text(REGISTRIES)),
            ];
            bindings.extend(
                plan.settings
                    .iter()
                    .map(|&(name, value)| (name, Binding::Text(value))),
            );
            config.worker(&Worker {
                name: &name,
                modules: &MODULES,
                bindings: &bindings,
                storage: None,
            });
            config.socket(&name);
            links.push((name, Link::open().await));
        }
        config.network();
        config.external("kv", self.kv.address());
        config.external("origin", self.origin.address());
        config.external("registry", self.registry.address());
        config.far_objects("namespace.js");
        write(&folder.join(CONFIG), &config.finish());
        Edges {
            process: None,
            links,
            folder,
        }
    }
}

/// The Worker that hands calls from other processes to the objects of its own.
pub const GATE: &str = include_str!("workers/gate.js");

/// The binding to the objects of another process.
pub const NAMESPACE: &str = include_str!("workers/namespace.js");

const CONFIG: &str = "config.capnp";

/// As in both `wrangler.toml`.
const REGISTRIES: &str = "16";

/// The page is not what is tested here.
const ASSETS: &str = "export default { fetch: () => new Response(null, { status: 404 }) };\n";

async fn start(folder: &Path, sockets: usize) -> Runtime {
    Runtime::start(&folder.join(CONFIG), &folder.join("log"), sockets).await
}

fn write(path: &Path, text: &str) {
    fs::write(path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}

/// Fresh secrets, by name.
fn keys() -> Vec<(String, String)> {
    let made = Command::new(crate::system::xtask())
        .arg("keygen")
        .output()
        .expect("keys can be made");
    let lines = String::from_utf8(made.stdout).expect("text");
    lines
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}
