//! What all runs share: the origin's process with its Registry objects, and KV.
//!
//! The edge calls it about once a second, so it is nearly idle.

use crate::{
    files::{self, CONFIG, copy, write},
    plan::Plan,
    tokens::{self, Amounts, LISTS, PUBLIC_URL, Revoked, TokenSource},
};
use anyhow::{Context as _, Result, anyhow, bail};
use patrol::{
    account::{AccountRecord, ExternalIdentity, Front},
    http::api::CreateToken,
    ids::{SessionId, UserId},
    jose::{signing::SigningKeys, status_list::StatusReference},
    placement::object_name,
    policy::account::MembershipRecord,
    registry::{Call, ClientInfo, Create, Credential, Revoke, SignIn},
    session::Session,
    time::{DAY, Timestamp},
};
use patrol_support::{
    config::{Binding, Config, MODULES, Worker},
    kv::Kv,
    runtime::Runtime,
};
use std::{
    collections::{BTreeMap, HashSet},
    net::SocketAddr,
    path::Path,
};

/// The setting `REGISTRIES`: one list each, for the workload `lists`.
pub(crate) const REGISTRIES: &str = "64";

/// The running origin, and what tokens are created from.
pub(crate) struct System {
    pub(crate) source: TokenSource,
    pub(crate) kv: Kv,
    process: Runtime,
    client: reqwest::Client,
}

impl System {
    /// Starts the origin with an empty state, creates a list in each registry and some revoked
    /// tokens in the first, and writes the token files of all workloads.
    pub(crate) async fn start(plan: &Plan) -> Result<Self> {
        let folder = files::folder().join("origin");
        files::empty_folder(&folder)?;
        let signing = signing_keys();
        let keys = SigningKeys::from_jwks(&signing).context("cannot read the signing keys")?;
        let kv = Kv::start().await;
        write_origin(&folder, &signing, kv.address())?;
        let process = Runtime::start(&folder.join(CONFIG), &folder.join("log"), 2).await;
        let mut system = Self {
            source: TokenSource {
                keys,
                secret: "a secret that the peers of this benchmark share".to_owned(),
                revoked: Vec::new(),
                revoked_indexes: HashSet::new(),
            },
            kv,
            process,
            client: reqwest::Client::new(),
        };
        for registry in 0..LISTS {
            system
                .create(registry, "nobody", u32::from(registry))
                .await?;
        }
        system.revoke_some().await?;
        let amounts = Amounts {
            cold: plan.cold_tokens,
            mix_draws: plan.mix_draws,
        };
        tokens::make(&system.source, &amounts)?;
        Ok(system)
    }

    /// The address at which an edge fetches keys.
    pub(crate) fn origin(&self) -> SocketAddr {
        local(self.process.port("origin"))
    }

    /// The address at which an edge calls the registries.
    pub(crate) fn gate(&self) -> SocketAddr {
        local(self.process.port("gate"))
    }

    /// Revokes all tokens of some owners.
    async fn revoke_some(&mut self) -> Result<()> {
        for owner in 0..REVOKING_OWNERS {
            let name = format!("owner-{owner}");
            for token in 0..TOKENS_PER_OWNER {
                let number = u32::MAX - owner * TOKENS_PER_OWNER - token;
                let status = self.create(0, &name, number).await?;
                self.source.revoked_indexes.insert(status.idx);
                self.source.revoked.push(Revoked { number, status });
            }
            let revoke = Revoke {
                owner: name.parse().context("not a user name")?,
                credential: Credential::Token { address: None },
                target: patrol::http::api::RevokeTarget::Active,
                client: ClientInfo::default(),
            };
            call(&self.client, &self.gate_url(), 0, &revoke)
                .await?
                .map_err(|_| anyhow!("a session has ended"))?
                .map_err(|_| anyhow!("a registry refused a revocation: too many calls"))?;
        }
        Ok(())
    }

    async fn create(&self, registry: u16, owner: &str, number: u32) -> Result<StatusReference> {
        create(&self.client, &self.gate_url(), registry, owner, number).await
    }

    /// The number of registry calls that this caller has made so far.
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

/// Creates a token in a registry, in a session of its own.
pub(crate) async fn create(
    client: &reqwest::Client,
    gate: &str,
    registry: u16,
    owner: &str,
    number: u32,
) -> Result<StatusReference> {
    let now = Timestamp::from_seconds(patrol_support::now());
    let session = Session {
        user: owner.parse().context("not a user name")?,
        id: SessionId::from_random(u128::from(number).to_be_bytes()),
    };
    let sign_in = SignIn {
        account: account(session.user.clone())?,
        session: session.id.clone(),
        expires_at: now.plus(DAY),
        assertion: None,
        client: ClientInfo::default(),
    };
    if let Err(refusal) = call(client, gate, registry, &sign_in).await? {
        bail!("a registry refused a sign-in: {refusal:?}");
    }
    let create = Create {
        session,
        id: tokens::id(number),
        request: CreateToken {
            name: "Benchmark".to_owned(),
            expires_in_days: Some(30),
            organizations: vec!["acme".to_owned()],
            scopes: vec!["pipelines:read".to_owned()],
        },
        idempotency_key: None,
        created_at: now,
        client: ClientInfo::default(),
    };
    match call(client, gate, registry, &create).await? {
        Ok(Ok(created)) => Ok(created.status),
        refused => bail!("a registry refused to create a token: {refused:?}"),
    }
}

fn account(id: UserId) -> Result<AccountRecord> {
    Ok(AccountRecord {
        id,
        name: "Benchmark".to_owned(),
        email: String::new(),
        memberships: vec![MembershipRecord {
            organization: "acme".parse().context("not an organization")?,
            name: "Acme".to_owned(),
            roles: vec!["admin".to_owned()],
        }],
        identity: ExternalIdentity {
            front: Front::Platform,
            provider: "platform".to_owned(),
            issuer: PLATFORM.to_owned(),
            subject: String::new(),
        },
    })
}

async fn call<C: Call>(
    client: &reqwest::Client,
    gate: &str,
    registry: u16,
    call: &C,
) -> Result<C::Answer> {
    let url = format!("{gate}/{}", object_name(registry));
    let message = call.to_json()?;
    let response = client.post(url).body(message).send().await?;
    Ok(response.error_for_status()?.json().await?)
}

/// Who vouches for the owners. It never signs anything.
const PLATFORM: &str = "https://platform.example";

/// An owner may have 50 active tokens.
const TOKENS_PER_OWNER: u32 = 50;
const REVOKING_OWNERS: u32 = 5;

fn local(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

/// Fixed, because nothing outside of this machine sees what these keys sign.
fn seed(number: u8) -> [u8; 32] {
    [number; 32]
}

/// A JWK Set with a private key.
pub(crate) fn signing_keys() -> String {
    SigningKeys::generate(&seed(1))
}

/// Writes the Worker through which other processes call the objects of its process.
pub(crate) fn write_gate(folder: &Path) -> Result<()> {
    write(&folder.join("gate.js"), patrol_support::cluster::GATE)
}

/// Writes the origin's process.
pub(crate) fn write_origin(folder: &Path, signing: &str, kv: SocketAddr) -> Result<()> {
    let objects = folder.join("objects");
    files::create_folder(&objects)?;
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
            ("PLATFORM_ISSUER", Binding::Text(PLATFORM)),
            ("PLATFORM_SECRET", Binding::Text(&"x".repeat(32))),
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
    write(&folder.join(CONFIG), config.finish())
}
