//! The rate of calls to a registry, compared with Durable Objects that do next to nothing.
//!
//! All calls go through the same small Worker. Registry 0 has a million tokens, registry 1 a
//! thousand, written into the databases while no process ran, as the origin would have done over
//! months. Rounds are interleaved; the processes stay, as objects do.

use crate::{
    files::{self, CONFIG, folder},
    plan::Plan,
    stats::Spread,
    system,
    wrk::{Run, wrk},
};
use anyhow::{Context as _, Result, bail};
use patrol_support::{
    config::{Binding, Config, Worker},
    kv::Kv,
    runtime::Runtime,
};
use serde::Serialize;
use std::{path::Path, process::Command};

/// One kind of call.
#[derive(Debug, Serialize)]
pub(crate) struct Score {
    pub(crate) call: Call,
    /// One for each round.
    pub(crate) runs: Vec<Run>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Call {
    /// To an object that does nothing.
    Nothing,
    /// To an object that writes one row.
    Row,
    /// Creates a token.
    Create,
    /// Lists the 50 tokens of one of 20 users, among a thousand.
    ListAmongFew,
    /// The same, among a million.
    ListAmongMany,
    /// Lists the 50 tokens of any user, among a million: none are in a cache.
    ListOfAnyUser,
    /// Renews a lease when nothing has changed.
    Lease,
    /// Revokes the 50 tokens of a user.
    Revoke,
}

impl Call {
    /// Leases come before revocations, so they carry no changes.
    const ALL: [Self; 8] = [
        Self::Nothing,
        Self::Row,
        Self::Create,
        Self::ListAmongFew,
        Self::ListAmongMany,
        Self::ListOfAnyUser,
        Self::Lease,
        Self::Revoke,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Nothing => "do nothing",
            Self::Row => "write a row",
            Self::Create => "create",
            Self::ListAmongFew => "list 50 of 1,000",
            Self::ListAmongMany => "list 50 of many",
            Self::ListOfAnyUser => "list 50, any user",
            Self::Lease => "renew a lease",
            Self::Revoke => "revoke 50",
        }
    }

    /// The path of the object, and the kind of call in `calls.lua`.
    fn target(self) -> (&'static str, &'static str) {
        match self {
            Self::Nothing => ("/nothing", "nothing"),
            Self::Row => ("/row", "nothing"),
            Self::Create => (MANY, "create"),
            Self::ListAmongFew => ("/registry-1", "list"),
            Self::ListAmongMany | Self::ListOfAnyUser => (MANY, "list"),
            // A revocation waits for the leases of its list only, and this one has no users.
            Self::Lease => (MANY, "lease"),
            Self::Revoke => (MANY, "revoke"),
        }
    }

    fn is_limit(self) -> bool {
        matches!(self, Self::Nothing | Self::Row)
    }
}

/// The object with many tokens.
const MANY: &str = "/registry-0";

/// Tokens per user.
const TOKENS_PER_USER: u32 = 50;

#[derive(Debug, Serialize)]
pub(crate) struct Registry {
    /// Tokens in registry 0.
    pub(crate) many: u32,
    pub(crate) scores: Vec<Score>,
}

impl Registry {
    /// The ratio of a figure of two calls, round by round.
    pub(crate) fn ratio(
        &self,
        (one, other): (Call, Call),
        figure: impl Fn(&Run) -> f64,
    ) -> Option<Spread> {
        let score = |call| self.scores.iter().find(|score: &&Score| score.call == call);
        let rounds = score(one)?.runs.iter().zip(&score(other)?.runs);
        Spread::of(rounds.map(|(one, other)| figure(one) / figure(other)))
    }
}

pub(crate) async fn measure(plan: &Plan) -> Result<Registry> {
    let kv = Kv::start().await;
    let registry = folder().join("registry");
    let limits = folder().join("limits");
    for folder in [&registry, &limits] {
        files::empty_folder(folder)?;
    }
    system::write_origin(&registry, &system::signing_keys(), kv.address())?;
    write_limits(&limits)?;
    fill(&registry, plan.registry_tokens).await?;
    let processes = [start(&limits, 1).await, start(&registry, 2).await];
    check(&processes[1]).await?;
    let mut scores = Call::ALL.map(|call| Score {
        call,
        runs: Vec::new(),
    });
    for round in 0..plan.rounds {
        println!(
            "measuring registry calls: round {} of {}",
            round + 1,
            plan.rounds
        );
        for Score { call, runs } in &mut scores {
            let process = &processes[usize::from(!call.is_limit())];
            runs.push(turn(*call, process, round, plan)?);
        }
    }
    Ok(Registry {
        many: plan.registry_tokens,
        scores: scores.into(),
    })
}

/// A refusal is an answer too, and must not be measured: the users have sessions and tokens.
async fn check(process: &Runtime) -> Result<()> {
    let list = r#"{"list":{"session":{"user":"user-0","id":"user-0"},
        "query":{"limit":50,"sort":{"column":"created","descending":true},"words":[]}}}"#;
    for object in [MANY, "/registry-1"] {
        let url = format!("http://127.0.0.1:{}{object}", process.port("gate"));
        let response = reqwest::Client::new().post(url).body(list).send().await?;
        let answer = response.text().await?;
        if !answer.starts_with(r#"{"Ok":{"tokens":[{"#) {
            bail!("{object} does not list the tokens of a user");
        }
    }
    Ok(())
}

fn turn(call: Call, process: &Runtime, round: u32, plan: &Plan) -> Result<Run> {
    let (object, kind) = call.target();
    let users = match call {
        Call::ListAmongFew | Call::ListAmongMany => 1_000 / TOKENS_PER_USER,
        _ => plan.registry_tokens / TOKENS_PER_USER,
    };
    // A user's tokens are revoked once, and an id is used once.
    let first = match call {
        Call::Revoke => round * users / plan.rounds,
        _ => round * 1_000_000,
    };
    let arguments = [object, kind, &first.to_string(), &users.to_string()];
    let (output, cpu) = wrk(
        ("calls.lua", include_str!("calls.lua")),
        process.port("gate"),
        &arguments,
        plan.turns,
        process,
    )?;
    if output.denied > 0.0 || output.lost > 0.0 {
        bail!("some calls to `{}` failed", call.name());
    }
    if call == Call::Revoke && output.requests > f64::from(users / plan.rounds) {
        bail!("there were too few users to revoke tokens of");
    }
    Ok(Run::new(&output, cpu))
}

async fn start(folder: &Path, sockets: usize) -> Runtime {
    Runtime::start(&folder.join(CONFIG), &folder.join("log"), sockets).await
}

/// Creates both registries, then fills their databases while no process runs.
async fn fill(folder: &Path, many: u32) -> Result<()> {
    let process = start(folder, 2).await;
    let client = reqwest::Client::new();
    let gate = format!("http://127.0.0.1:{}", process.port("gate"));
    for registry in [0, 1] {
        let owner = format!("registry-{registry}");
        system::create(&client, &gate, registry, &owner, 0).await?;
    }
    process.kill();
    let script = files::folder().join("fill.mjs");
    files::write(&script, include_str!("fill.mjs"))?;
    let output = Command::new(patrol_support::root().join("node_modules/.bin/node"))
        .arg("--disable-warning=ExperimentalWarning")
        .arg(script)
        .arg(folder.join("objects"))
        .arg(many.to_string())
        .output()
        .context("cannot run Node.js")?;
    if String::from_utf8_lossy(&output.stdout).trim() != "2" {
        bail!(
            "cannot fill the databases: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(())
}

/// Writes the process of the objects that do next to nothing.
fn write_limits(folder: &Path) -> Result<()> {
    let objects = folder.join("objects");
    files::create_folder(&objects)?;
    let peers = patrol_support::root().join("build/bench/peers");
    files::copy(&peers, &["object.js"], folder)?;
    system::write_gate(folder)?;
    let mut config = Config::default();
    config.add_worker(&Worker {
        name: "object",
        modules: &["object.js"],
        bindings: &[],
        storage: Some("objects"),
    });
    config.add_worker(&Worker {
        name: "gate",
        modules: &["gate.js"],
        bindings: &[("REGISTRY", Binding::Objects("object"))],
        storage: None,
    });
    config.add_disk("objects", &objects.to_string_lossy());
    config.add_socket("gate");
    files::write(&folder.join(CONFIG), config.finish())
}
