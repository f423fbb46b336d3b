//! The origin: what a registry manages, beside Durable Objects that do next to nothing.
//!
//! All calls go through the same small Worker, to objects of one process each. Registry 0 has a
//! million tokens, registry 1 a thousand; both were written while nobody ran, as the origin
//! would have done in months. Rounds are interleaved; the processes stay, as objects do.

use crate::{
    Plan,
    load::{self, Run},
    rounds::Spread,
    system::{self, folder},
};
use anyhow::{Context as _, Result, bail};
use patrol_support::{
    config::{Binding, Config, Worker},
    kv::Kv,
    runtime::Runtime,
};
use serde::Serialize;
use std::{fs, path::Path, process::Command};

/// One kind of call, a run for each round.
#[derive(Debug, Serialize)]
pub(crate) struct Score {
    pub(crate) call: Call,
    pub(crate) runs: Vec<Run>,
}

/// What is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Call {
    /// An object that does nothing.
    Nothing,
    /// An object that writes one row.
    Row,
    /// A token is made.
    Create,
    /// The 50 tokens of a user, among a thousand: there are 20 users.
    ListAmongFew,
    /// The 50 tokens of a user, among a million: the same 20 users in turn.
    ListAmongMany,
    /// The 50 tokens of any user, among a million: nothing of them is in a cache.
    ListOfAnybody,
    /// A lease is renewed, and nothing has changed.
    Lease,
    /// The 50 tokens of a user end.
    Revoke,
}

impl Call {
    /// In this order, so that leases are asked for while no change is told with them.
    const ALL: [Self; 8] = [
        Self::Nothing,
        Self::Row,
        Self::Create,
        Self::ListAmongFew,
        Self::ListAmongMany,
        Self::ListOfAnybody,
        Self::Lease,
        Self::Revoke,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Nothing => "does nothing",
            Self::Row => "writes a row",
            Self::Create => "create",
            Self::ListAmongFew => "list 50 of 1,000",
            Self::ListAmongMany => "list 50 of many",
            Self::ListOfAnybody => "list 50, any user",
            Self::Lease => "renew a lease",
            Self::Revoke => "revoke 50",
        }
    }

    /// The object's name, the kind of call in `calls.lua`.
    fn target(self) -> (&'static str, &'static str) {
        match self {
            Self::Nothing => ("/nothing", "nothing"),
            Self::Row => ("/row", "nothing"),
            Self::Create => (MANY, "create"),
            Self::ListAmongFew => ("/registry-1", "list"),
            Self::ListAmongMany | Self::ListOfAnybody => (MANY, "list"),
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

/// Tokens of one user.
const EACH: u32 = 50;

/// All scores.
#[derive(Debug, Serialize)]
pub(crate) struct Registry {
    /// How many tokens "many" are.
    pub(crate) many: u32,
    pub(crate) scores: Vec<Score>,
}

impl Registry {
    /// The ratio of two calls' figures, round by round.
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

/// Measures all calls.
pub(crate) async fn measure(plan: &Plan) -> Result<Registry> {
    let kv = Kv::start().await;
    let registry = folder().join("registry");
    let limits = folder().join("limits");
    for folder in [&registry, &limits] {
        if folder.exists() {
            fs::remove_dir_all(folder).context("cannot remove the old state")?;
        }
    }
    system::write_origin(&registry, &system::signing_keys(), kv.address())?;
    write_limits(&limits)?;
    fill(&registry, plan.many_tokens).await?;
    let processes = [start(&limits, 1).await, start(&registry, 2).await];
    let mut scores = Call::ALL.map(|call| Score {
        call,
        runs: Vec::new(),
    });
    for round in 0..plan.rounds {
        println!("registry: round {} of {}", round + 1, plan.rounds);
        for Score { call, runs } in &mut scores {
            let process = &processes[usize::from(!call.is_limit())];
            runs.push(turn(*call, process, round, plan)?);
        }
    }
    Ok(Registry {
        many: plan.many_tokens,
        scores: scores.into(),
    })
}

fn turn(call: Call, process: &Runtime, round: u32, plan: &Plan) -> Result<Run> {
    let (object, kind) = call.target();
    let users = match call {
        Call::ListAmongFew | Call::ListAmongMany => 1_000 / EACH,
        _ => plan.many_tokens / EACH,
    };
    // A user's tokens end once only, and an id is given once.
    let first = match call {
        Call::Revoke => round * users / plan.rounds,
        _ => round * 1_000_000,
    };
    let arguments = [object, kind, &first.to_string(), &users.to_string()];
    let (said, cpu) = load::wrk(
        ("calls.lua", include_str!("calls.lua")),
        process.port("gate"),
        &arguments,
        plan.turns_of_a_round,
        &load::Clock::of(process),
    )?;
    if said.refused > 0.0 || said.lost > 0.0 {
        bail!("{}: some calls failed", call.name());
    }
    if call == Call::Revoke && said.requests > f64::from(users / plan.rounds) {
        bail!("revoke: there were not enough users");
    }
    Ok(Run::of(&said, cpu))
}

async fn start(folder: &Path, sockets: usize) -> Runtime {
    Runtime::start(&folder.join(system::CONFIG), &folder.join("log"), sockets).await
}

/// Makes both registries, then fills their databases while they rest.
async fn fill(folder: &Path, many: u32) -> Result<()> {
    let process = start(folder, 2).await;
    let client = reqwest::Client::new();
    let gate = format!("http://127.0.0.1:{}", process.port("gate"));
    for registry in [0, 1] {
        // The owner tells fill.mjs which registry a database belongs to.
        let owner = patrol::placement::object_name(registry);
        system::create(&client, &gate, registry, &owner, 0).await?;
    }
    process.kill();
    let script = self::folder().join("fill.mjs");
    fs::write(&script, include_str!("fill.mjs")).context("cannot write a script")?;
    let output = Command::new(patrol_support::root().join("node_modules/.bin/node"))
        .arg("--disable-warning=ExperimentalWarning")
        .arg(script)
        .arg(folder.join("objects"))
        .arg(many.to_string())
        .output()
        .context("cannot run Node")?;
    if String::from_utf8_lossy(&output.stdout).trim() != "2" {
        bail!(
            "the databases were not filled: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(())
}

/// The objects that do next to nothing, behind the same Worker.
fn write_limits(folder: &Path) -> Result<()> {
    let objects = folder.join("objects");
    fs::create_dir_all(&objects).context("cannot create a folder")?;
    let peers = patrol_support::root().join("build/bench/peers");
    system::copy(&peers, &["object.js"], folder)?;
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
    fs::write(folder.join(system::CONFIG), config.finish()).context("cannot write a configuration")
}
