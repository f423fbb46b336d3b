//! The system with other settings: all variants in one process of the runtime.
//!
//! A variant has both Workers, its own Registry objects and its own KV namespace, so it shares no
//! state with another. Most settings need no more, and each variant saves a start of wrangler. The
//! sample API is that of the shared system.
//!
//! Left out: the page, restarts, and anything that wrangler does.

use crate::{
    config::{Binding, Config, MODULES, Worker, copy_worker, text_bindings},
    kv::Kv,
    process::generate_secrets,
    runtime::Runtime,
    system::shared_system,
    workspace::{create_folder, root},
};
use std::{fs, path::Path, sync::LazyLock};

/// A name and the settings of both Workers, beyond the required ones.
pub type Variant = (&'static str, &'static [(&'static str, &'static str)]);

/// Running variants.
pub struct Variants(Runtime);

impl Variants {
    /// Starts all variants in a new folder of that name.
    ///
    /// # Panics
    /// If they do not start.
    pub async fn start(name: &'static str, variants: &'static [Variant]) -> Self {
        // The KV servers must outlive the test that is the first to need them, and with it the
        // tokio runtime of that test.
        static TOKIO: LazyLock<tokio::runtime::Runtime> =
            LazyLock::new(|| tokio::runtime::Runtime::new().expect("cannot start tokio"));
        let started = TOKIO.spawn(async move {
            let folder = create_folder(name);
            let upstream = shared_system().upstream_url();
            let secrets = generate_secrets();
            for worker in ["edge", "origin"] {
                copy_worker(&root().join("build").join(worker), &folder.join(worker));
            }
            let mut config = Config::default();
            config.allow_network();
            for (name, settings) in variants {
                let kv = Kv::start().await;
                config.add_external(&format!("{name}-kv"), kv.address());
                add_variant(&mut config, &folder, name, settings, &upstream, &secrets);
            }
            Runtime::start_in(&folder, &config).await
        });
        Self(started.await.expect("the variants do not start"))
    }

    /// The URL of a variant's edge.
    ///
    /// # Panics
    /// If no variant has that name.
    pub fn url(&self, name: &str) -> String {
        self.0.url(&format!("{name}-edge"))
    }
}

fn add_variant(
    config: &mut Config,
    folder: &Path,
    name: &str,
    settings: &[(&str, &str)],
    upstream: &str,
    secrets: &[(String, String)],
) {
    let of = |part: &str| format!("{name}-{part}");
    let (edge, origin, kv, disk) = (of("edge"), of("origin"), of("kv"), of("objects"));
    let objects = folder.join(&disk);
    fs::create_dir_all(&objects).expect("cannot create a folder");
    config.add_disk(&disk, &objects.to_string_lossy());

    let is_set = |name: &str| settings.iter().any(|(set, _)| *set == name);
    let required = [
        // The issuer of the tokens. It need not be the address of the edge.
        ("PUBLIC_URL", "http://127.0.0.1:8787"),
        ("REGISTRIES", "16"),
        ("ROOT_PATHS", "page api jwks"),
        ("DEV_SIGN_IN", "1"),
        ("UPSTREAM_URL", upstream),
    ];
    let settings: Vec<_> = required
        .into_iter()
        .filter(|(name, _)| !is_set(name))
        .chain(settings.iter().copied())
        .collect();
    let bindings = || {
        let mut bindings: Vec<(&str, Binding)> = settings
            .iter()
            .map(|(name, value)| (*name, Binding::Text(value)))
            .collect();
        bindings.push(("STATUS", Binding::Kv(&kv)));
        bindings.push(("REGISTRY", Binding::Objects(&origin)));
        bindings
    };
    let mut edge_bindings = bindings();
    edge_bindings.push(("ORIGIN", Binding::Service(&origin)));
    let mut origin_bindings = bindings();
    origin_bindings.extend(text_bindings(secrets));
    config.add_worker(&Worker {
        name: &edge,
        modules: &MODULES
            .map(|file| format!("edge/{file}"))
            .each_ref()
            .map(String::as_str),
        bindings: &edge_bindings,
        storage: None,
    });
    config.add_worker(&Worker {
        name: &origin,
        modules: &MODULES
            .map(|file| format!("origin/{file}"))
            .each_ref()
            .map(String::as_str),
        bindings: &origin_bindings,
        storage: Some(&disk),
    });
    config.add_socket(&edge);
}
