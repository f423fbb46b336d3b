//! What stays the same in all runs: the origin's process with its Registry objects, and KV.
//!
//! The edge asks it once a second, so it has next to nothing to do.

use crate::{Plan, tokens};
use anyhow::{Context as _, Result, anyhow, bail};
use patrol::{
    jose::{
        signing::SigningKeys,
        status_list::{LIST_SIZE, StatusReference},
    },
    placement::object_name,
    registry::{Call, Create, Revoke, Revoker},
    time::{DAY, Timestamp},
};
use patrol_support::{
    config::{Binding, Config, MODULES, Worker},
    kv::Kv,
    runtime::Runtime,
};
use std::{
    collections::{BTreeMap, HashSet},
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
};
use tokens::{LISTS, Revoked};

/// Issuer and audience of all tokens. Nobody asks this address.
pub(crate) const PUBLIC_URL: &str = "http://127.0.0.1:8787";

/// One list each, for the workload `lists`.
pub(crate) const REGISTRIES: &str = "64";

/// Where everything of a run stands.
pub(crate) fn folder() -> PathBuf {
    patrol_support::root().join("target/bench")
}

/// The running origin, and what was made there.
pub(crate) struct System {
    pub(crate) keys: SigningKeys,
    /// Of peers that share one.
    pub(crate) secret: String,
    pub(crate) kv: Kv,
    pub(crate) revoked: Vec<Revoked>,
    revoked_places: HashSet<u32>,
    process: Runtime,
    client: reqwest::Client,
}

impl System {
    /// Starts the origin with an empty state, makes a list in each registry, some revoked
    /// tokens in the first, and the tokens of all workloads.
    pub(crate) async fn start(plan: &Plan) -> Result<Self> {
        let folder = folder().join("origin");
        if folder.exists() {
            fs::remove_dir_all(&folder).context("cannot remove the old state")?;
        }
        let signing = signing_keys();
        let keys = SigningKeys::from_jwks(&signing).context("keys")?;
        let kv = Kv::start().await;
        write_origin(&folder, &signing, kv.address())?;
        let process = Runtime::start(&folder.join(CONFIG), &folder.join("log"), 2).await;
        let mut system = Self {
            keys,
            secret: "a secret that the peers of this benchmark share".to_owned(),
            kv,
            revoked: Vec::new(),
            revoked_places: HashSet::new(),
            process,
            client: reqwest::Client::new(),
        };
        for registry in 0..LISTS {
            system
                .create(registry, "nobody", u32::from(registry))
                .await?;
        }
        system.revoke_some().await?;
        tokens::make(&system, plan.cold_tokens)?;
        Ok(system)
    }

    /// Where an edge asks for keys.
    pub(crate) fn origin(&self) -> SocketAddr {
        local(self.process.port("origin"))
    }

    /// Where an edge asks the registries.
    pub(crate) fn gate(&self) -> SocketAddr {
        local(self.process.port("gate"))
    }

    /// A place that is not revoked.
    pub(crate) fn free_place(&self, registry: u16, number: u32) -> StatusReference {
        let mut place = tokens::place(registry, number);
        while self.revoked_places.contains(&place.idx) {
            place.idx = (place.idx + 1) % LIST_SIZE;
        }
        place
    }

    /// Revokes as many tokens as some owners may have.
    async fn revoke_some(&mut self) -> Result<()> {
        for owner in 0..REVOKING_OWNERS {
            let name = format!("owner-{owner}");
            for token in 0..TOKENS_EACH {
                let number = u32::MAX - owner * TOKENS_EACH - token;
                let status = self.create(0, &name, number).await?;
                self.revoked_places.insert(status.idx);
                self.revoked.push(Revoked { number, status });
            }
            let revoke = Revoke {
                owner: name.parse().context("a user")?,
                target: patrol::http::api::RevokeTarget::Active,
                by: Revoker::Owner,
            };
            ask(&self.client, &self.gate_url(), 0, &revoke)
                .await?
                .map_err(|_| anyhow!("too many revocations"))?;
        }
        Ok(())
    }

    async fn create(&self, registry: u16, owner: &str, number: u32) -> Result<StatusReference> {
        create(&self.client, &self.gate_url(), registry, owner, number).await
    }

    /// How often somebody has asked a registry, whatever for.
    pub(crate) async fn calls_of(&self, caller: &str) -> Result<u64> {
        let url = format!("{}/calls", self.gate_url());
        let response = self.client.get(url).send().await?;
        let calls: BTreeMap<String, BTreeMap<String, u64>> = response.json().await?;
        Ok(calls
            .get(caller)
            .map_or(0, |kinds| kinds.values().sum::<u64>()))
    }

    fn gate_url(&self) -> String {
        format!("http://{}", self.gate())
    }
}

/// Makes a token.
pub(crate) async fn create(
    client: &reqwest::Client,
    gate: &str,
    registry: u16,
    owner: &str,
    number: u32,
) -> Result<StatusReference> {
    let now = Timestamp::from_seconds(patrol_support::now());
    let create = Create {
        owner: owner.parse().context("a user")?,
        id: tokens::id(number),
        name: "Benchmark".to_owned(),
        organizations: vec!["acme".parse().context("an organization")?],
        scopes: Some(vec!["pipelines:read".to_owned()]),
        created_at: now,
        expires_at: now.plus(30 * DAY),
    };
    match ask(client, gate, registry, &create).await? {
        Ok(created) => Ok(created.status),
        Err(limit) => bail!("a registry refused a token: {limit:?}"),
    }
}

/// Asks a registry.
async fn ask<C: Call>(
    client: &reqwest::Client,
    gate: &str,
    registry: u16,
    call: &C,
) -> Result<C::Answer> {
    let url = format!("{gate}/{}", object_name(registry));
    let response = client.post(url).body(call.to_json()?).send().await?;
    Ok(response.error_for_status()?.json().await?)
}

/// How many tokens are revoked: 50 are the most that one owner may have.
const REVOKING_OWNERS: u32 = 5;
const TOKENS_EACH: u32 = 50;

/// The name of every configuration.
pub(crate) const CONFIG: &str = "config.capnp";

fn local(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

/// No secret: nothing but this machine ever sees what it signs.
fn seed(number: u8) -> [u8; 32] {
    [number; 32]
}

/// A JWK Set with a private key.
pub(crate) fn signing_keys() -> String {
    SigningKeys::generate(&seed(1))
}

/// The Worker that lets others reach the objects of its process.
pub(crate) fn write_gate(folder: &Path) -> Result<()> {
    let gate = patrol_support::cluster::GATE;
    fs::write(folder.join("gate.js"), gate).context("cannot write a Worker")
}

/// The origin's process, as in the stand, without links between.
pub(crate) fn write_origin(folder: &Path, signing: &str, kv: SocketAddr) -> Result<()> {
    let objects = folder.join("objects");
    fs::create_dir_all(&objects).context("cannot create a folder")?;
    copy(
        &patrol_support::root().join("build/origin"),
        &MODULES,
        folder,
    )?;
    write_gate(folder)?;
    let sessions = SigningKeys::generate(&seed(2));
    let mut config = Config::default();
    config.add_worker(&Worker {
        name: "origin",
        modules: &MODULES,
        bindings: &[
            ("STATUS", Binding::Kv("kv")),
            ("ASSETS", Binding::Service("gate")),
            ("REGISTRY", Binding::Objects("origin")),
            ("PUBLIC_URL", Binding::Text(PUBLIC_URL)),
            ("REGISTRIES", Binding::Text(REGISTRIES)),
            ("SIGNING_KEYS", Binding::Text(signing)),
            ("SESSION_KEYS", Binding::Text(&sessions)),
        ],
        storage: Some("objects"),
    });
    config.add_worker(&Worker {
        name: "gate",
        modules: &["gate.js"],
        bindings: &[("REGISTRY", Binding::Objects("origin"))],
        storage: None,
    });
    config.add_external("kv", kv);
    config.add_disk("objects", &objects.to_string_lossy());
    config.add_socket("origin");
    config.add_socket("gate");
    fs::write(folder.join(CONFIG), config.finish()).context("cannot write a configuration")
}

/// Copies files of a built Worker.
pub(crate) fn copy(from: &Path, files: &[&str], to: &Path) -> Result<()> {
    fs::create_dir_all(to).context("cannot create a folder")?;
    for file in files {
        let source = from.join(file);
        fs::copy(&source, to.join(file))
            .with_context(|| format!("{} is not built", source.display()))?;
    }
    Ok(())
}
