//! Starts contestants: each a Worker in its own process, with one socket, the same compatibility
//! date and the same empty response.

use crate::{
    files::{self, CONFIG, copy},
    system::{REGISTRIES, System},
    tokens::{self, PUBLIC_URL},
    workload::{Contestant, Workload},
};
use anyhow::{Context as _, Result};
use patrol_support::{
    config::{Binding, Config, MODULES, Worker},
    runtime::Runtime,
};
use std::{fs, path::Path};

/// The service's name in each process.
pub(crate) const CONTESTANT: &str = "contestant";

/// A contestant's process.
pub(crate) struct Running {
    pub(crate) contestant: Contestant,
    pub(crate) process: Runtime,
}

impl Running {
    pub(crate) async fn start(
        contestant: Contestant,
        workload: Workload,
        system: &System,
    ) -> Result<Self> {
        let folder = files::folder().join("contestants").join(contestant.name());
        files::create_folder(&folder)?;
        let config = config(contestant, workload, system, &folder)?;
        let path = folder.join(CONFIG);
        let log = folder.join("log");
        // It has a line for each denial.
        let _ = fs::remove_file(&log);
        files::write(&path, config.finish())?;
        let process = Runtime::start(&path, &log, 1).await;
        Ok(Self {
            contestant,
            process,
        })
    }

    pub(crate) fn port(&self) -> u16 {
        self.process.port(CONTESTANT)
    }
}

fn config(
    contestant: Contestant,
    workload: Workload,
    system: &System,
    folder: &Path,
) -> Result<Config> {
    let mut config = Config::default();
    let jwks = system.source.keys.public().to_jwks();
    let revoked = revoked(system)?;
    let public_url = ("PUBLIC_URL", Binding::Text(PUBLIC_URL));
    let jwks = ("JWKS", Binding::Text(&jwks));
    let upstream = match workload {
        Workload::Chunked => "answer.js",
        _ => "bare.js",
    };
    match contestant {
        Contestant::Bare if workload.is_proxied() => {
            script(&mut config, folder, CONTESTANT, "proxy.js", &[UPSTREAM])?;
            script(&mut config, folder, "upstream", upstream, &[])?;
        }
        Contestant::Bare => script(&mut config, folder, CONTESTANT, "bare.js", &[])?,
        Contestant::Floor => {
            let response = match workload {
                Workload::Denied => "deny",
                Workload::Proxied | Workload::Chunked => "pass",
                _ => "allow",
            };
            let bindings = [("RESPONSE", Binding::Text(response)), UPSTREAM];
            script(&mut config, folder, CONTESTANT, "floor.js", &bindings)?;
            script(&mut config, folder, "upstream", upstream, &[])?;
        }
        Contestant::Hello => {
            let built = patrol_support::root().join("build/bench/hello");
            rust(&mut config, folder, &built, &[])?;
        }
        Contestant::Jose => {
            script(
                &mut config,
                folder,
                CONTESTANT,
                "jose.js",
                &[public_url, jwks],
            )?;
        }
        Contestant::JoseKv => {
            let kv = ("STATUS", Binding::Kv("kv"));
            let bindings = [public_url, jwks, kv];
            script(&mut config, folder, CONTESTANT, "jose-kv.js", &bindings)?;
            let revoked = ("REVOKED", Binding::Text(&revoked));
            script(&mut config, folder, "kv", "kv.js", &[revoked])?;
        }
        Contestant::Hono => {
            let secret = ("SECRET", Binding::Text(&system.source.secret));
            script(
                &mut config,
                folder,
                CONTESTANT,
                "hono.js",
                &[public_url, secret],
            )?;
        }
        Contestant::Patrol => {
            let namespace = patrol_support::cluster::NAMESPACE;
            files::write(&folder.join("namespace.js"), namespace)?;
            let built = patrol_support::root().join("build/edge");
            let bindings = [
                ("STATUS", Binding::Kv("kv")),
                ("ORIGIN", Binding::Service("origin")),
                ("REGISTRY", Binding::RemoteObjects("registry", CONTESTANT)),
                public_url,
                ("REGISTRIES", Binding::Text(REGISTRIES)),
                UPSTREAM,
            ];
            rust(&mut config, folder, &built, &bindings)?;
            script(&mut config, folder, "upstream", upstream, &[])?;
            config.add_external("kv", system.kv.address());
            config.add_external("origin", system.origin());
            config.add_external("registry", system.gate());
            config.add_remote_objects("namespace.js");
        }
    }
    config.add_socket(CONTESTANT);
    Ok(config)
}

/// The upstream is a Worker in the same process: any other would take more time, and hide more.
const UPSTREAM: (&str, Binding<'static>) = ("UPSTREAM", Binding::Service("upstream"));

/// The ids of the revoked tokens, as JSON.
fn revoked(system: &System) -> Result<String> {
    let revoked = system.source.revoked.iter();
    let ids: Vec<_> = revoked.map(|revoked| tokens::id(revoked.number)).collect();
    serde_json::to_string(&ids).context("cannot write the revoked ids")
}

/// Adds a bundled script.
fn script(
    config: &mut Config,
    folder: &Path,
    name: &str,
    file: &str,
    bindings: &[(&str, Binding)],
) -> Result<()> {
    copy(
        &patrol_support::root().join("build/bench/peers"),
        &[file],
        folder,
    )?;
    config.add_worker(&Worker {
        name,
        modules: &[file],
        bindings,
        storage: None,
    });
    Ok(())
}

/// Adds a Worker built from Rust.
fn rust(
    config: &mut Config,
    folder: &Path,
    built: &Path,
    bindings: &[(&str, Binding)],
) -> Result<()> {
    copy(built, &MODULES, folder)?;
    config.add_worker(&Worker {
        name: CONTESTANT,
        modules: &MODULES,
        bindings,
        storage: None,
    });
    Ok(())
}
