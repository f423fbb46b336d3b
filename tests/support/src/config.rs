//! Configurations of the runtime in Cap'n Proto's text format.
//!
//! They hold what the two wrangler files say, with local services in place of Cloudflare's.

use std::{fmt::Write, fs, net::SocketAddr, path::Path};

/// As in both wrangler files.
const COMPATIBILITY_DATE: &str = "2026-11-01";

/// The files of a built Worker, its entry first.
pub const MODULES: [&str; 3] = ["index.js", "index_bg.wasm", POLICY];

/// The file with the policy.
pub const POLICY: &str = "policy.json";

/// Copies a built Worker next to a configuration, so that a later build does not change what a
/// restarted process runs.
///
/// # Panics
/// If it is not built or cannot be copied.
pub fn copy_worker(built: &Path, folder: &Path) {
    fs::create_dir_all(folder).expect("cannot create a folder");
    for file in MODULES {
        fs::copy(built.join(file), folder.join(file))
            .unwrap_or_else(|_| panic!("{} is not built: cargo xtask build", built.display()));
    }
}

/// A configuration to which services and sockets are added.
#[derive(Default)]
pub struct Config {
    services: String,
    sockets: String,
    socket_count: usize,
    extensions: String,
}

/// A binding of a Worker.
pub enum Binding<'a> {
    /// A setting or a secret.
    Text(&'a str),
    /// A setting or a secret of the runtime's environment; `null` if it is not set there.
    Environment(&'a str),
    /// Another service.
    Service(&'a str),
    /// A KV namespace behind a service.
    Kv(&'a str),
    /// The `Registry` objects of a Worker in this process, by the service's name.
    Objects(&'a str),
    /// The `Registry` objects of another process: the service that leads there, and the name of
    /// the caller, which the gate counts by.
    RemoteObjects(&'a str, &'a str),
    /// The object that a module of [`Config::add_module`] exports.
    Wrapped(&'a str),
}

/// Bindings for settings and secrets.
pub fn text_bindings(settings: &[(String, String)]) -> Vec<(&str, Binding<'_>)> {
    let settings = settings.iter();
    settings
        .map(|(name, value)| (name.as_str(), Binding::Text(value)))
        .collect()
}

/// A Worker of a configuration.
pub struct Worker<'a> {
    /// The name of its service.
    pub name: &'a str,
    /// Files next to the configuration, the entry first; `.wasm` files are WebAssembly, `.json`
    /// files are texts.
    pub modules: &'a [&'a str],
    /// What each name in `env` is bound to.
    pub bindings: &'a [(&'a str, Binding<'a>)],
    /// The disk service for its `Registry` objects, if the Worker has that class.
    pub storage: Option<&'a str>,
}

impl Config {
    /// Adds a Worker.
    pub fn add_worker(&mut self, worker: &Worker) {
        let mut modules = String::new();
        for file in worker.modules {
            let kind = match file.rsplit('.').next() {
                Some("wasm") => "wasm",
                Some("json") => "text",
                _ => "esModule",
            };
            let name = file.rsplit('/').next().unwrap_or_default();
            let _ = write!(
                modules,
                "(name = {}, {kind} = embed {}), ",
                quote(name),
                quote(file)
            );
        }
        let mut bindings = String::new();
        for (name, binding) in worker.bindings {
            let _ = write!(
                bindings,
                "(name = {}, {}), ",
                quote(name),
                format_binding(binding)
            );
        }
        let storage = worker.storage.map_or_else(String::new, |disk| {
            let class = r#"(className = "Registry", uniqueKey = "registry", enableSql = true)"#;
            format!(
                "durableObjectNamespaces = [{class}], durableObjectStorage = (localDisk = {}), ",
                quote(disk)
            )
        });
        self.add_service(
            worker.name,
            &format!(
                "worker = (compatibilityDate = {}, modules = [{modules}], {storage}bindings = [{bindings}])",
                quote(COMPATIBILITY_DATE)
            ),
        );
    }

    /// Adds a server in another process as a service.
    pub fn add_external(&mut self, name: &str, address: SocketAddr) {
        let address = quote(&address.to_string());
        self.add_service(
            name,
            &format!("external = (address = {address}, http = ())"),
        );
    }

    /// Adds a folder as a service.
    pub fn add_disk(&mut self, name: &str, path: &str) {
        self.add_service(
            name,
            &format!("disk = (path = {}, writable = true)", quote(path)),
        );
    }

    /// Lets Workers fetch from this machine.
    pub fn allow_network(&mut self) {
        self.add_network(INTERNET);
    }

    /// The same, but a script gets every request of the Workers first.
    pub fn allow_network_behind(&mut self, file: &str) {
        const NETWORK: &str = "network";
        self.add_network(NETWORK);
        let (file, network) = (quote(file), quote(NETWORK));
        self.add_service(
            INTERNET,
            &format!(
                "worker = (compatibilityDate = {}, modules = [(name = {file}, esModule = embed \
                 {file})], globalOutbound = {network})",
                quote(COMPATIBILITY_DATE)
            ),
        );
    }

    fn add_network(&mut self, name: &str) {
        self.add_service(
            name,
            r#"network = (allow = ["local", "private", "public"])"#,
        );
    }

    /// Opens any free port for a service. The socket has the service's name.
    pub fn add_socket(&mut self, service: &str) {
        self.add_socket_at(service, 0);
    }

    /// The same, on a port that is free.
    pub fn add_socket_at(&mut self, service: &str, port: u16) {
        self.socket_count += 1;
        let name = quote(service);
        let _ = writeln!(
            self.sockets,
            r#"    (name = {name}, address = "127.0.0.1:{port}", http = (), service = {name}),"#
        );
    }

    /// Makes a script available to [`Binding::RemoteObjects`].
    pub fn add_remote_objects(&mut self, file: &str) {
        self.add_module(REMOTE_OBJECTS, file);
    }

    /// Makes a script available to [`Binding::Wrapped`].
    pub fn add_module(&mut self, name: &str, file: &str) {
        let _ = writeln!(
            self.extensions,
            "    (modules = [(name = {}, internal = true, esModule = embed {})]),",
            quote(name),
            quote(file)
        );
    }

    /// How many ports the runtime will open.
    pub fn socket_count(&self) -> usize {
        self.socket_count
    }

    /// The configuration as text.
    pub fn finish(&self) -> String {
        let Self {
            services,
            sockets,
            extensions,
            ..
        } = self;
        format!(
            "using Workerd = import \"/workerd/workerd.capnp\";\n\
             const config :Workerd.Config = (\n  services = [\n{services}  ],\n  \
             sockets = [\n{sockets}  ],\n  extensions = [\n{extensions}  ],\n);\n"
        )
    }

    fn add_service(&mut self, name: &str, what: &str) {
        let _ = writeln!(self.services, "    (name = {}, {what}),", quote(name));
    }
}

/// The service to which fetches go.
const INTERNET: &str = "internet";

const REMOTE_OBJECTS: &str = "cluster:namespace";

fn format_binding(binding: &Binding) -> String {
    match binding {
        Binding::Text(value) => format!("text = {}", quote(value)),
        Binding::Environment(name) => format!("fromEnvironment = {}", quote(name)),
        Binding::Service(service) => format!("service = {}", quote(service)),
        Binding::Kv(service) => format!("kvNamespace = {}", quote(service)),
        Binding::Objects(service) => format!(
            r#"durableObjectNamespace = (className = "Registry", serviceName = {})"#,
            quote(service)
        ),
        Binding::RemoteObjects(service, caller) => format!(
            r#"wrapped = (moduleName = {}, innerBindings = [(name = "SERVICE", service = {}), (name = "CALLER", text = {})])"#,
            quote(REMOTE_OBJECTS),
            quote(service),
            quote(caller)
        ),
        Binding::Wrapped(module) => format!("wrapped = (moduleName = {})", quote(module)),
    }
}

/// A string literal in Cap'n Proto's text format.
fn quote(value: &str) -> String {
    format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
}
