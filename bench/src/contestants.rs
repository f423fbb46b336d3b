//! Who is measured: each a Worker in a process of its own, with one socket, the same
//! compatibility date and the same empty answer.

use crate::{
    load::Clock,
    system::{CONFIG, PUBLIC_URL, REGISTRIES, System, copy, folder},
    tokens::{Kind, Workload},
};
use anyhow::{Context as _, Result};
use clap::ValueEnum;
use patrol_support::{
    config::{Binding, Config, MODULES, Worker},
    runtime::Runtime,
};
use serde::Serialize;
use std::{fs, path::Path};

/// Who takes part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Contestant {
    /// JavaScript that answers at once: the limit.
    Bare,
    /// JavaScript that reads and sends what the edge does, and decides nothing.
    Floor,
    /// Rust that answers at once: the framework's cost.
    Hello,
    /// JavaScript with `jose`: signature and scopes, no revocation.
    Jose,
    /// The same with a look-up in KV.
    JoseKv,
    /// The middleware of `hono`, with a shared secret; no revocation.
    Hono,
    /// All checks.
    Patrol,
}

/// The service's name in every process.
pub(crate) const CONTESTANT: &str = "contestant";

impl Contestant {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Bare => "bare",
            Self::Floor => "floor",
            Self::Hello => "hello",
            Self::Jose => "jose",
            Self::JoseKv => "jose+kv",
            Self::Hono => "hono",
            Self::Patrol => "patrol",
        }
    }

    /// Only proxies can be measured as such.
    pub(crate) fn takes_part_in(self, workload: Workload) -> bool {
        workload != Workload::Proxied || matches!(self, Self::Bare | Self::Floor | Self::Patrol)
    }

    /// The tokens that it understands.
    pub(crate) fn kind(self) -> Kind {
        match self {
            Self::Hono => Kind::Hs256,
            _ => Kind::EdDsa,
        }
    }

    /// The path that is asked for.
    pub(crate) fn path(workload: Workload) -> &'static str {
        match workload {
            Workload::Proxied => "/api/v1/engine/pipelines",
            _ => patrol::routes::AUTHORIZE,
        }
    }

    /// Which share of the requests it must refuse: a contestant that does not is not measured
    /// at what it should do.
    pub(crate) fn refuses(self, workload: Workload) -> f64 {
        match (workload, self) {
            (Workload::Denied, Self::Jose | Self::Hono) => 0.75,
            (Workload::Denied, Self::Floor | Self::JoseKv | Self::Patrol) => 1.0,
            _ => 0.0,
        }
    }

    /// Starts its process.
    pub(crate) async fn start(self, workload: Workload, system: &System) -> Result<Running> {
        let folder = folder().join("contestants").join(self.name());
        fs::create_dir_all(&folder).context("cannot create a folder")?;
        let config = self.config(workload, system, &folder)?;
        let path = folder.join(CONFIG);
        let log = folder.join("log");
        // Every refusal has a line there.
        let _ = fs::remove_file(&log);
        fs::write(&path, config.finish()).context("cannot write a configuration")?;
        let process = Runtime::start(&path, &log, 1).await;
        Ok(Running {
            contestant: self,
            process,
        })
    }

    fn config(self, workload: Workload, system: &System, folder: &Path) -> Result<Config> {
        let mut config = Config::default();
        let jwks = system.keys.public().to_jwks();
        let revoked = revoked(system)?;
        let public_url = ("PUBLIC_URL", Binding::Text(PUBLIC_URL));
        let jwks = ("JWKS", Binding::Text(&jwks));
        match self {
            Self::Bare if workload == Workload::Proxied => {
                script(&mut config, folder, CONTESTANT, "proxy.js", &[UPSTREAM])?;
                script(&mut config, folder, "upstream", "bare.js", &[])?;
            }
            Self::Bare => script(&mut config, folder, CONTESTANT, "bare.js", &[])?,
            Self::Floor => {
                let answer = match workload {
                    Workload::Denied => "deny",
                    Workload::Proxied => "pass",
                    _ => "allow",
                };
                let bindings = [("ANSWER", Binding::Text(answer)), UPSTREAM];
                script(&mut config, folder, CONTESTANT, "floor.js", &bindings)?;
                script(&mut config, folder, "upstream", "bare.js", &[])?;
            }
            Self::Hello => {
                let built = patrol_support::root().join("build/bench/hello");
                rust(&mut config, folder, &built, &[])?;
            }
            Self::Jose => {
                script(
                    &mut config,
                    folder,
                    CONTESTANT,
                    "jose.js",
                    &[public_url, jwks],
                )?;
            }
            Self::JoseKv => {
                let kv = ("STATUS", Binding::Kv("kv"));
                let bindings = [public_url, jwks, kv];
                script(&mut config, folder, CONTESTANT, "jose-kv.js", &bindings)?;
                let revoked = ("REVOKED", Binding::Text(&revoked));
                script(&mut config, folder, "kv", "kv.js", &[revoked])?;
            }
            Self::Hono => {
                let secret = ("SECRET", Binding::Text(&system.secret));
                script(
                    &mut config,
                    folder,
                    CONTESTANT,
                    "hono.js",
                    &[public_url, secret],
                )?;
            }
            Self::Patrol => {
                let script_of_stand = patrol_support::cluster::NAMESPACE;
                fs::write(folder.join("namespace.js"), script_of_stand)
                    .context("cannot write a Worker")?;
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
                script(&mut config, folder, "upstream", "bare.js", &[])?;
                config.add_external("kv", system.kv.address());
                config.add_external("origin", system.origin());
                config.add_external("registry", system.gate());
                config.add_remote_objects("namespace.js");
            }
        }
        config.add_socket(CONTESTANT);
        Ok(config)
    }
}

/// The upstream is a Worker of the same process: any other would cost more, and hide more.
const UPSTREAM: (&str, Binding<'static>) = ("UPSTREAM", Binding::Service("upstream"));

/// The ids of the revoked tokens, as JSON.
fn revoked(system: &System) -> Result<String> {
    let ids = system.revoked.iter();
    let ids: Vec<_> = ids
        .map(|revoked| crate::tokens::id(revoked.number))
        .collect();
    serde_json::to_string(&ids).context("ids")
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

/// Adds a Worker that was made from Rust.
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

/// A running contestant.
pub(crate) struct Running {
    pub(crate) contestant: Contestant,
    process: Runtime,
}

impl Running {
    pub(crate) fn port(&self) -> u16 {
        self.process.port(CONTESTANT)
    }

    /// Its processor time.
    pub(crate) fn clock(&self) -> Clock {
        Clock::of(&self.process)
    }
}
