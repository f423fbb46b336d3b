//! Configurations of the runtime, as text.
//!
//! They hold what the two `wrangler.toml` say, with the services that this stand puts in
//! Cloudflare's place.

use std::{fmt::Write, fs, net::SocketAddr, path::Path};

/// The day whose behaviour the runtime shows; that of both `wrangler.toml`.
const COMPATIBILITY_DATE: &str = "2026-11-01";

/// A built Worker of ours, its entry first.
pub const MODULES: [&str; 2] = ["index.js", "index_bg.wasm"];

/// Copies a built Worker to beside a configuration: a build in the meantime changes nothing for a
/// process that starts again.
///
/// # Panics
/// When it is not built, or cannot be copied.
pub fn copy_worker(built: &Path, folder: &Path) {
    fs::create_dir_all(folder).expect("a folder can be made");
    for file in MODULES {
        fs::copy(built.join(file), folder.join(file))
            .unwrap_or_else(|_| panic!("{} is there: cargo xtask build", built.display()));
    }
}

/// A configuration that grows by services and sockets.
#[derive(Default)]
pub struct Config {
    services: String,
    sockets: String,
    extensions: String,
}

/// A binding of a Worker.
pub enum Binding<'a> {
    /// A setting or a secret.
    Text(&'a str),
    /// Another service.
    Service(&'a str),
    /// A KV namespace behind a service.
    Kv(&'a str),
    /// The objects of another Worker of this process, which has the class `Registry`.
    Objects(&'a str),
    /// The objects of another process, behind a service; and who asks for them.
    FarObjects(&'a str, &'a str),
    /// What a module of [`Config::module`] makes.
    Made(&'a str),
}

/// A Worker.
pub struct Worker<'a> {
    /// The service's name.
    pub name: &'a str,
    /// Files beside the configuration, the entry first; Wasm is known by its ending.
    pub modules: &'a [&'a str],
    /// Names and what they are bound to.
    pub bindings: &'a [(&'a str, Binding<'a>)],
    /// The disk service for the objects of the class `Registry`, if the Worker has it.
    pub storage: Option<&'a str>,
}

impl Config {
    /// Adds a Worker.
    pub fn worker(&mut self, worker: &Worker) {
        let mut modules = String::new();
        for file in worker.modules {
            let kind = match file.rsplit('.').next() {
                Some("wasm") => "wasm",
                _ => "esModule",
            };
            let name = file.rsplit('/').next().unwrap_or_default();
            let _ = write!(
                modules,
                "(name = {}, {kind} = embed {}), ",
                text(name),
                text(file)
            );
        }
        let mut bindings = String::new();
        for (name, binding) in worker.bindings {
            let _ = write!(bindings, "(name = {}, {}), ", text(name), written(binding));
        }
        let storage = worker.storage.map_or_else(String::new, |disk| {
            let class = r#"(className = "Registry", uniqueKey = "registry", enableSql = true)"#;
            format!(
                "durableObjectNamespaces = [{class}], durableObjectStorage = (localDisk = {}), ",
                text(disk)
            )
        });
        self.service(
            worker.name,
            &format!(
                "worker = (compatibilityDate = {}, modules = [{modules}], {storage}bindings = [{bindings}])",
                text(COMPATIBILITY_DATE)
            ),
        );
    }

    /// Adds a server that is not of this process.
    pub fn external(&mut self, name: &str, address: SocketAddr) {
        let address = text(&address.to_string());
        self.service(
            name,
            &format!("external = (address = {address}, http = ())"),
        );
    }

    /// Adds a folder.
    pub fn disk(&mut self, name: &str, path: &str) {
        self.service(
            name,
            &format!("disk = (path = {}, writable = true)", text(path)),
        );
    }

    /// Lets Workers reach this machine.
    pub fn network(&mut self) {
        self.service(
            "internet",
            r#"network = (allow = ["local", "private", "public"])"#,
        );
    }

    /// Opens a port for a service; the socket has its name.
    pub fn socket(&mut self, service: &str) {
        let name = text(service);
        let _ = writeln!(
            self.sockets,
            r#"    (name = {name}, address = "127.0.0.1:0", http = (), service = {name}),"#
        );
    }

    /// Makes a script available to [`Binding::FarObjects`].
    pub fn far_objects(&mut self, file: &str) {
        self.module(FAR_OBJECTS, file);
    }

    /// Makes a script available to [`Binding::Made`].
    pub fn module(&mut self, name: &str, file: &str) {
        let _ = writeln!(
            self.extensions,
            "    (modules = [(name = {}, internal = true, esModule = embed {})]),",
            text(name),
            text(file)
        );
    }

    /// The text.
    pub fn finish(&self) -> String {
        let Self {
            services,
            sockets,
            extensions,
        } = self;
        format!(
            "using Workerd = import \"/workerd/workerd.capnp\";\n\
             const config :Workerd.Config = (\n  services = [\n{services}  ],\n  \
             sockets = [\n{sockets}  ],\n  extensions = [\n{extensions}  ],\n);\n"
        )
    }

    fn service(&mut self, name: &str, what: &str) {
        let _ = writeln!(self.services, "    (name = {}, {what}),", text(name));
    }
}

/// The name of the module with the class.
const FAR_OBJECTS: &str = "stand:namespace";

fn written(binding: &Binding) -> String {
    match binding {
        Binding::Text(value) => format!("text = {}", text(value)),
        Binding::Service(service) => format!("service = {}", text(service)),
        Binding::Kv(service) => format!("kvNamespace = {}", text(service)),
        Binding::Objects(service) => format!(
            r#"durableObjectNamespace = (className = "Registry", serviceName = {})"#,
            text(service)
        ),
        Binding::FarObjects(service, caller) => format!(
            r#"wrapped = (moduleName = {}, innerBindings = [(name = "SERVICE", service = {}), (name = "CALLER", text = {})])"#,
            text(FAR_OBJECTS),
            text(service),
            text(caller)
        ),
        Binding::Made(module) => format!("wrapped = (moduleName = {})", text(module)),
    }
}

/// A string in Cap'n Proto's text format.
fn text(value: &str) -> String {
    format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
}
