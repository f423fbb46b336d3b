//! The Workers in several processes, with a link and its faults between any two of them.
//!
//! ```text
//!   edges (processes × isolates) ──registry link──► gate ──► Registry objects ┐ the origin's
//!                     │         └───origin link───► origin ───────────────────┘ process
//!                     └──────────────► KV ◄────────────┘
//!   management ────────────────management link─────► origin
//! ```
//!
//! Management has its own link to the origin, so that a token can be revoked while the edges are
//! cut off.

use crate::{
    config::{Binding, Config, MODULES, Worker, copy_worker, text_bindings},
    kv::Kv,
    link::{Link, LinkFault},
    process::generate_secrets,
    runtime::Runtime,
    workspace::root,
};
use std::{
    collections::BTreeMap,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
};

/// The size and the settings of a cluster.
#[derive(Debug, Clone, Copy)]
pub struct ClusterConfig<'a> {
    /// The name of its folder.
    pub name: &'a str,
    /// The number of processes with edges.
    pub processes: usize,
    /// The number of edges in each of them.
    pub isolates: usize,
    /// The folder with the built Workers.
    pub build: &'a Path,
    /// Settings of both Workers, beyond the required ones.
    pub settings: &'a [(&'a str, &'a str)],
    /// A script in front of the entry of both Workers. It imports `./index.js`.
    pub entry: Option<&'a str>,
}

impl ClusterConfig<'_> {
    /// Copies a built Worker into a folder, and returns its modules.
    fn copy_worker(&self, worker: &str, folder: &Path) -> Vec<&'static str> {
        copy_worker(&self.build.join(worker), folder);
        let Some(script) = self.entry else {
            return MODULES.to_vec();
        };
        write(&folder.join(ENTRY), script);
        [&[ENTRY], &MODULES[..]].concat()
    }
}

const ENTRY: &str = "entry.js";

/// A running cluster.
pub struct Cluster {
    /// The link between the edges and the Registry objects.
    pub registry_link: Link,
    /// The link between the edges and the origin Worker.
    pub origin_link: Link,
    /// The namespace that all Workers share.
    pub kv: Kv,
    management_link: Link,
    secrets: Vec<(String, String)>,
    folder: PathBuf,
    origin_process: Option<Runtime>,
    edges: Vec<Edges>,
}

/// A process with edges, and a link to each of them, which keeps the edge's address when the
/// process restarts.
struct Edges {
    process: Option<Runtime>,
    links: Vec<(String, Link)>,
    folder: PathBuf,
}

impl Cluster {
    /// Starts a cluster with an empty state. The Workers must have been built.
    ///
    /// # Panics
    /// If it does not start.
    pub async fn start(config: &ClusterConfig<'_>) -> Self {
        let folder = root().join("target/cluster").join(config.name);
        if folder.exists() {
            fs::remove_dir_all(&folder).expect("cannot remove the old state");
        }
        let mut cluster = Self {
            registry_link: Link::start().await,
            origin_link: Link::start().await,
            management_link: Link::start().await,
            kv: Kv::start().await,
            secrets: generate_secrets(),
            folder,
            origin_process: None,
            edges: Vec::new(),
        };
        cluster.write_origin(config);
        for number in 0..config.processes {
            let edges = cluster.write_edges(number, config).await;
            cluster.edges.push(edges);
        }
        cluster.start_origin().await;
        for number in 0..config.processes {
            cluster.start_edges(number).await;
        }
        cluster
    }

    /// The URL for management, which is also the `PUBLIC_URL`.
    pub fn management_url(&self) -> String {
        format!("http://{}", self.management_link.address())
    }

    /// A secret of the origin.
    ///
    /// # Panics
    /// If no secret has that name.
    pub fn secret(&self, name: &str) -> &str {
        let secret = self.secrets.iter().find(|(secret, _)| secret == name);
        &secret.expect("the origin has no such secret").1
    }

    /// The URLs of all edges, each through a link.
    pub fn edge_urls(&self) -> Vec<String> {
        let links = self.edges.iter().flat_map(|edges| &edges.links);
        links
            .map(|(_, link)| format!("http://{}", link.address()))
            .collect()
    }

    /// The addresses of all edges without the links, which would hide a reset.
    pub fn edge_addresses(&self) -> Vec<SocketAddr> {
        let process = |edges: &Edges| {
            let process = edges.process.as_ref()?;
            let port = |(name, _): &(String, Link)| process.port(name);
            Some(edges.links.iter().map(port).collect::<Vec<_>>())
        };
        let ports = self.edges.iter().filter_map(process).flatten();
        ports.map(|port| ([127, 0, 0, 1], port).into()).collect()
    }

    /// The address of the origin without a link.
    ///
    /// # Panics
    /// If it does not run.
    pub fn origin_address(&self) -> SocketAddr {
        let process = self.origin_process.as_ref();
        let port = process.expect("the origin does not run").port("origin");
        ([127, 0, 0, 1], port).into()
    }

    /// The folder with the databases of the Registry objects.
    pub fn objects(&self) -> PathBuf {
        self.folder.join("origin/objects")
    }

    /// The number of Registry objects that have a database.
    pub fn count_registries(&self) -> usize {
        let objects = self.objects().join("registry");
        let files = fs::read_dir(objects).into_iter().flatten().flatten();
        // The name of each is an id. The runtime has its own database next to them.
        let is_object = |file: &fs::DirEntry| {
            let name = file.file_name();
            name.to_str()
                .and_then(|name| name.strip_suffix(".sqlite"))
                .is_some_and(|id| id.len() == 64)
        };
        files.filter(is_object).count()
    }

    /// The number of processes with edges.
    pub fn process_count(&self) -> usize {
        self.edges.len()
    }

    /// Sets the fault of both links between the edges and the origin's process.
    pub fn set_fault(&self, fault: LinkFault) {
        self.registry_link.set_fault(fault);
        self.origin_link.set_fault(fault);
    }

    /// The log of a process with edges, so far.
    ///
    /// # Panics
    /// If there is no such process.
    pub fn edge_log(&self, number: usize) -> String {
        let log = self.edges[number].folder.join("log");
        fs::read_to_string(log).unwrap_or_default()
    }

    /// Kills the origin's process, and the Registry objects with it. Their storage remains.
    pub fn kill_origin(&mut self) {
        for link in [
            &self.registry_link,
            &self.origin_link,
            &self.management_link,
        ] {
            link.set_target(None);
        }
        if let Some(process) = self.origin_process.take() {
            process.kill();
        }
    }

    /// Starts the origin's process, and waits until it listens.
    ///
    /// # Panics
    /// If it does not start.
    pub async fn start_origin(&mut self) {
        let process = start(&self.folder.join("origin"), 2).await;
        self.registry_link.set_target(Some(process.port("gate")));
        self.origin_link.set_target(Some(process.port("origin")));
        self.management_link
            .set_target(Some(process.port("origin")));
        self.origin_process = Some(process);
    }

    /// Kills a process with edges, and with it their leases and caches.
    pub fn kill_edges(&mut self, number: usize) {
        if let Some(edges) = self.edges.get_mut(number) {
            for (_, link) in &edges.links {
                link.set_target(None);
            }
            if let Some(process) = edges.process.take() {
                process.kill();
            }
        }
    }

    /// Starts a process with edges, and waits until it listens.
    ///
    /// # Panics
    /// If it does not start.
    pub async fn start_edges(&mut self, number: usize) {
        if let Some(edges) = self.edges.get_mut(number) {
            let process = start(&edges.folder, edges.links.len()).await;
            for (socket, link) in &edges.links {
                link.set_target(Some(process.port(socket)));
            }
            edges.process = Some(process);
        }
    }

    /// The number of calls of Registry objects since the origin's process started, by edge and kind
    /// of call.
    ///
    /// # Panics
    /// If the process does not respond.
    pub async fn registry_calls(&self) -> BTreeMap<String, BTreeMap<String, u64>> {
        let process = self
            .origin_process
            .as_ref()
            .expect("the origin does not run");
        let url = format!("{}/calls", process.url("gate"));
        let response = crate::client::client().get(url).send().await;
        response
            .expect("no response")
            .json()
            .await
            .expect("no counts")
    }

    fn write_origin(&self, cluster: &ClusterConfig<'_>) {
        let folder = self.folder.join("origin");
        let modules = cluster.copy_worker("origin", &folder);
        write(&folder.join("gate.js"), GATE);
        write(&folder.join("assets.js"), ASSETS);
        let objects = folder.join("objects");
        fs::create_dir_all(&objects).expect("cannot create a folder");

        let management = self.management_url();
        let mut bindings: Vec<(&str, Binding)> = vec![
            ("STATUS", Binding::Kv("kv")),
            ("ASSETS", Binding::Service("assets")),
            ("REGISTRY", Binding::Objects("origin")),
            ("PUBLIC_URL", Binding::Text(&management)),
            ("REGISTRIES", Binding::Text(REGISTRIES)),
            ("ROOT_PATHS", Binding::Text(ROOT_PATHS)),
            ("DEV_SIGN_IN", Binding::Text("1")),
        ];
        bindings.extend(text_bindings(&self.secrets));
        bindings.extend(
            cluster
                .settings
                .iter()
                .map(|&(name, value)| (name, Binding::Text(value))),
        );
        let mut config = Config::default();
        config.add_worker(&Worker {
            name: "origin",
            modules: &modules,
            bindings: &bindings,
            storage: Some("objects"),
        });
        config.add_worker(&Worker {
            name: "gate",
            modules: &["gate.js"],
            bindings: &[("REGISTRY", Binding::Objects("origin"))],
            storage: None,
        });
        config.add_worker(&Worker {
            name: "assets",
            modules: &["assets.js"],
            bindings: &[],
            storage: None,
        });
        config.add_external("kv", self.kv.address());
        config.add_disk("objects", &objects.to_string_lossy());
        config.add_socket("origin");
        config.add_socket("gate");
        write(&folder.join(CONFIG), &config.finish());
    }

    async fn write_edges(&self, number: usize, cluster: &ClusterConfig<'_>) -> Edges {
        let folder = self.folder.join(format!("edges-{number}"));
        let modules = cluster.copy_worker("edge", &folder);
        write(&folder.join("namespace.js"), NAMESPACE);
        let management = self.management_url();
        let mut links = Vec::new();
        let mut config = Config::default();
        for isolate in 0..cluster.isolates {
            let name = format!("edge-{number}-{isolate}");
            let mut bindings: Vec<(&str, Binding)> = vec![
                ("STATUS", Binding::Kv("kv")),
                ("ORIGIN", Binding::Service("origin")),
                ("REGISTRY", Binding::RemoteObjects("registry", &name)),
                ("PUBLIC_URL", Binding::Text(&management)),
                ("REGISTRIES", Binding::Text(REGISTRIES)),
                ("ROOT_PATHS", Binding::Text(ROOT_PATHS)),
            ];
            bindings.extend(
                cluster
                    .settings
                    .iter()
                    .map(|&(name, value)| (name, Binding::Text(value))),
            );
            config.add_worker(&Worker {
                name: &name,
                modules: &modules,
                bindings: &bindings,
                storage: None,
            });
            config.add_socket(&name);
            links.push((name, Link::start().await));
        }
        config.allow_network();
        config.add_external("kv", self.kv.address());
        config.add_external("origin", self.origin_link.address());
        config.add_external("registry", self.registry_link.address());
        config.add_remote_objects("namespace.js");
        write(&folder.join(CONFIG), &config.finish());
        Edges {
            process: None,
            links,
            folder,
        }
    }
}

/// The script of the Worker through which other processes call the Registry objects of its process.
pub const GATE: &str = include_str!("workers/gate.js");

/// The script of the binding to the Registry objects of another process.
pub const NAMESPACE: &str = include_str!("workers/namespace.js");

const CONFIG: &str = "config.capnp";

/// As in both wrangler files.
const REGISTRIES: &str = "16";

/// The addresses of the product page, which the tests use.
const ROOT_PATHS: &str = "api jwks";

/// A stand-in for the page, which no test of a cluster opens.
const ASSETS: &str = "export default { fetch: () => new Response(null, { status: 404 }) };\n";

async fn start(folder: &Path, sockets: usize) -> Runtime {
    Runtime::start(&folder.join(CONFIG), &folder.join("log"), sockets).await
}

fn write(path: &Path, text: &str) {
    fs::write(path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}
