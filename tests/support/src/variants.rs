//! The system with other settings and policies: all variants in one process of the runtime.
//!
//! A variant has both Workers, its own Registry objects and its own KV namespace, so it shares no
//! state with another. Most settings need no more, and each variant saves a start of wrangler. The
//! sample API is that of the shared system.
//!
//! Left out: restarts, and anything that wrangler does.

use crate::{
    config::{Binding, Config, MODULES, POLICY, Worker, copy_worker, text_bindings},
    kv::Kv,
    page,
    process::generate_secrets,
    runtime::Runtime,
    system::{free_ports, shared_system},
    workspace::{create_folder, root},
};
use std::{fs, path::Path, sync::LazyLock};

/// One variant.
#[derive(Clone, Copy)]
pub struct Variant {
    name: &'static str,
    settings: &'static [(&'static str, &'static str)],
    policy: Option<fn() -> String>,
    is_upstream_bound: bool,
    edge_entry: Option<&'static str>,
    has_page: bool,
}

impl Variant {
    /// A variant without settings beyond the required ones, and with the policy of the checkout.
    pub const fn new(name: &'static str) -> Self {
        Self {
            name,
            settings: &[],
            policy: None,
            is_upstream_bound: false,
            edge_entry: None,
            has_page: false,
        }
    }

    /// Puts a script in front of the edge's. It imports `./index.js`.
    #[must_use]
    pub const fn with_edge_entry(self, script: &'static str) -> Self {
        Self {
            edge_entry: Some(script),
            ..self
        }
    }

    /// Reaches the sample API by a service binding instead of its address.
    #[must_use]
    pub const fn with_bound_upstream(self) -> Self {
        Self {
            is_upstream_bound: true,
            ..self
        }
    }

    /// Serves the page too. For browsers, its `PUBLIC_URL` is where it listens.
    #[must_use]
    pub const fn with_page(self) -> Self {
        Self {
            has_page: true,
            ..self
        }
    }

    /// Adds settings of both Workers.
    #[must_use]
    pub const fn with(self, settings: &'static [(&'static str, &'static str)]) -> Self {
        Self { settings, ..self }
    }

    /// Replaces the policy by a text in the format of `policy.toml`.
    #[must_use]
    pub const fn with_policy(self, policy: fn() -> String) -> Self {
        Self {
            policy: Some(policy),
            ..self
        }
    }
}

/// Running variants.
pub struct Variants {
    runtime: Runtime,
    secrets: Vec<(String, String)>,
}

impl Variants {
    /// Starts all variants in a new folder of that name.
    ///
    /// # Panics
    /// If they do not start.
    pub async fn start(name: &'static str, variants: &'static [Variant]) -> Self {
        Self::start_with(name, variants, None).await
    }

    /// The same, but a script gets every fetch of the Workers first.
    ///
    /// # Panics
    /// If they do not start.
    pub async fn start_behind(
        name: &'static str,
        variants: &'static [Variant],
        script: String,
    ) -> Self {
        Self::start_with(name, variants, Some(script)).await
    }

    async fn start_with(
        name: &'static str,
        variants: &'static [Variant],
        network: Option<String>,
    ) -> Self {
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
            match network {
                None => config.allow_network(),
                Some(script) => {
                    fs::write(folder.join(NETWORK), script).expect("cannot write a script");
                    config.allow_network_behind(NETWORK);
                }
            }
            let address = upstream.trim_start_matches("http://").parse();
            config.add_external(UPSTREAM, address.expect("an address"));
            for variant in variants {
                let kv = Kv::start().await;
                config.add_external(&format!("{}-kv", variant.name), kv.address());
                if variant.has_page {
                    let page = page::serve(&root().join("build/www")).await;
                    config.add_external(&format!("{}-page", variant.name), page);
                }
                add_variant(&mut config, &folder, variant, &upstream, &secrets);
            }
            let runtime = Runtime::start_in(&folder, &config).await;
            Self { runtime, secrets }
        });
        started.await.expect("the variants do not start")
    }

    /// A secret that all variants share.
    ///
    /// # Panics
    /// If no secret has that name.
    pub fn secret(&self, name: &str) -> &str {
        let mut secrets = self.secrets.iter();
        let secret = secrets.find(|(secret, _)| secret == name);
        secret.expect("no variant has such a secret").1.as_str()
    }

    /// The log of all variants so far. Output arrives late.
    pub fn log(&self) -> String {
        self.runtime.log()
    }

    /// The URL of a variant's edge.
    ///
    /// # Panics
    /// If no variant has that name.
    pub fn url(&self, name: &str) -> String {
        self.runtime.url(&format!("{name}-edge"))
    }
}

/// The `PUBLIC_URL` of most variants. Nothing listens there.
pub const PUBLIC_URL: &str = "http://127.0.0.1:8787";

/// The file of the script that gets fetches.
const NETWORK: &str = "network.js";

/// The service that is the sample API.
const UPSTREAM: &str = "upstream";

fn add_variant(
    config: &mut Config,
    folder: &Path,
    variant: &Variant,
    upstream: &str,
    secrets: &[(String, String)],
) {
    let Variant { name, settings, .. } = *variant;
    let of = |part: &str| format!("{name}-{part}");
    let (edge, origin, kv, disk) = (of("edge"), of("origin"), of("kv"), of("objects"));
    let objects = folder.join(&disk);
    fs::create_dir_all(&objects).expect("cannot create a folder");
    config.add_disk(&disk, &objects.to_string_lossy());

    let port = if variant.has_page { free_ports() } else { 0 };
    let own_url = format!("http://127.0.0.1:{port}");
    let is_set = |name: &str| settings.iter().any(|(set, _)| *set == name);
    let required = [
        // The issuer of the tokens. For programs, it need not be the address of the edge.
        (
            "PUBLIC_URL",
            if variant.has_page {
                &own_url
            } else {
                PUBLIC_URL
            },
        ),
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
    if variant.is_upstream_bound {
        edge_bindings.push(("UPSTREAM", Binding::Service(UPSTREAM)));
    }
    let mut origin_bindings = bindings();
    origin_bindings.extend(text_bindings(secrets));
    let page = of("page");
    if variant.has_page {
        origin_bindings.push(("ASSETS", Binding::Service(&page)));
    }
    let policy = variant.policy.map(|text| {
        let json = patrol_policy::to_json(&text()).expect("the policy is wrong");
        let path = folder.join(name);
        fs::create_dir_all(&path).expect("cannot create a folder");
        fs::write(path.join(POLICY), json).expect("cannot write a policy");
        format!("{name}/{POLICY}")
    });
    let modules = |worker: &str| {
        MODULES.map(|file| match &policy {
            Some(policy) if file == POLICY => policy.clone(),
            _ => format!("{worker}/{file}"),
        })
    };
    let mut edge_modules = modules("edge").to_vec();
    if let Some(script) = variant.edge_entry {
        let file = format!("{name}-entry.js");
        fs::write(folder.join(&file), script).expect("cannot write a script");
        edge_modules.insert(0, file);
    }
    config.add_worker(&Worker {
        name: &edge,
        modules: &edge_modules.iter().map(String::as_str).collect::<Vec<_>>(),
        bindings: &edge_bindings,
        storage: None,
    });
    config.add_worker(&Worker {
        name: &origin,
        modules: &modules("origin").each_ref().map(String::as_str),
        bindings: &origin_bindings,
        storage: Some(&disk),
    });
    config.add_socket_at(&edge, port);
}
