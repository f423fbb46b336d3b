//! Inside Wasm, without HTTP: steps of a decision, memory, and the modules themselves.
//!
//! The steps are taken by `bench/inside` in the runtime, so they are compiled as the edge is.
//! They are timed from outside, many at once, and the time of an empty request is taken off.

use crate::{
    rounds::Spread,
    system::{copy, folder},
    tokens,
};
use anyhow::{Context as _, Result, bail};
use patrol::{
    issue::index_permutation::IndexPermutation,
    jose::{
        signing::SigningKeys,
        status_list::{
            self, Snapshot, Status, StatusList, StatusListId, StatusReference, Validity,
        },
    },
    time::Timestamp,
};
use patrol_support::{
    config::{Config, MODULES, Worker},
    runtime::Runtime,
};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

/// What was found.
#[derive(Debug, Serialize)]
pub(crate) struct Inside {
    /// Microseconds for one step, by its name.
    pub(crate) steps: BTreeMap<String, Spread>,
    /// Microseconds to find a route, by the number of routes.
    pub(crate) routes: BTreeMap<u32, Spread>,
    /// Bytes of memory for what is known of revocations, by the number of tokens.
    pub(crate) memory: BTreeMap<u32, u64>,
    /// The modules, by name.
    pub(crate) modules: BTreeMap<String, Module>,
}

/// A module's weight.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Module {
    /// Bytes.
    pub(crate) raw: u64,
    /// Bytes, compressed.
    pub(crate) gzip: u64,
    /// Milliseconds until it can be called, all of it compiled anew.
    pub(crate) compile_ms: f64,
    /// Milliseconds for one more instance of what is compiled.
    pub(crate) instantiate_ms: f64,
}

/// The steps, and whether the answer to each is yes.
const STEPS: [(&str, bool); 9] = [
    ("decide-cold", true),
    ("decide-warm", true),
    ("verify", true),
    ("form-and-signature", false),
    ("signature-by-library", true),
    ("prepare", true),
    ("status", true),
    ("authorize", true),
    ("snapshot", true),
];

/// Sizes of policies. `cargo xtask bench` makes them.
const ROUTES: [u32; 3] = [10, 100, 1_000];

/// Of so many tokens, one in a hundred is revoked.
const TOKENS: [u32; 2] = [1_000_000, 10_000_000];

/// How thoroughly to measure.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Effort {
    pub(crate) samples: u32,
    /// How long one sample takes at least.
    pub(crate) sample: Duration,
}

/// Measures everything.
pub(crate) async fn measure(effort: Effort) -> Result<Inside> {
    let built = patrol_support::root().join("build/bench");
    let setup = setup(&[
        "/api/v1/engine/pipelines".to_owned(),
        "/api/v1/models/press-1".to_owned(),
        "/api/v1/engine/pipelines/p-1/runs/r-1/results".to_owned(),
    ])?;
    let core = Core::start("inside", &built.join("inside"), &setup).await?;
    let mut steps = BTreeMap::new();
    for (step, yes) in STEPS {
        steps.insert(step.to_owned(), core.time(step, yes, effort).await?);
    }
    drop(core);
    let mut routes = BTreeMap::new();
    for count in ROUTES {
        let name = format!("routes-{count}");
        let policy = folder().join(format!("policies/{count}.toml"));
        let core = Core::start(&name, &built.join(&name), &setup_of(&policy)?).await?;
        routes.insert(count, core.time("route", true, effort).await?);
    }
    let mut memory = BTreeMap::new();
    for tokens in TOKENS {
        // A memory never shrinks, so each measurement needs a new one.
        let core = Core::start("inside", &built.join("inside"), &setup).await?;
        let lists = tokens.div_ceil(status_list::LIST_SIZE);
        memory.insert(tokens, core.ask("memory", lists).await?);
    }
    Ok(Inside {
        steps,
        routes,
        memory,
        modules: modules()?,
    })
}

/// A running `bench/inside`.
struct Core {
    process: Runtime,
    client: reqwest::Client,
}

impl Core {
    async fn start(name: &str, built: &Path, setup: &serde_json::Value) -> Result<Self> {
        let folder = folder().join("contestants").join(name);
        copy(built, &MODULES, &folder)?;
        let mut config = Config::default();
        config.add_worker(&Worker {
            name: "core",
            modules: &MODULES,
            bindings: &[],
            storage: None,
        });
        config.add_socket("core");
        let path = folder.join("config.capnp");
        fs::write(&path, config.finish()).context("cannot write a configuration")?;
        let core = Self {
            process: Runtime::start(&path, &folder.join("log"), 1).await,
            client: reqwest::Client::new(),
        };
        let answer = core.client.post(core.url("")).json(setup).send().await?;
        if !answer.status().is_success() {
            bail!(
                "core cannot be set up: see {}",
                folder.join("log").display()
            );
        }
        Ok(core)
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}/{path}", self.process.port("core"))
    }

    async fn ask(&self, step: &str, count: u32) -> Result<u64> {
        let url = self.url(&format!("{step}/{count}"));
        let answer = self.client.get(url).send().await?.error_for_status()?;
        answer.text().await?.parse().context("a number")
    }

    /// Microseconds for one step.
    async fn time(&self, step: &str, yes: bool, effort: Effort) -> Result<Spread> {
        // The first steps are taken by a compiler that is in a hurry.
        let mut count = 1;
        while self.once(step, count, yes).await? < effort.sample {
            count *= 2;
        }
        let mut samples = Vec::new();
        for _ in 0..effort.samples {
            let empty = self.once("nothing", 0, true).await?;
            let full = self.once(step, count, yes).await?;
            samples.push(full.saturating_sub(empty).as_secs_f64() * 1e6 / f64::from(count));
        }
        Spread::of(samples.into_iter()).context("no samples")
    }

    async fn once(&self, step: &str, count: u32, yes: bool) -> Result<Duration> {
        let began = Instant::now();
        let said = self.ask(step, count).await?;
        let took = began.elapsed();
        let wanted = if yes { u64::from(count) } else { 0 };
        if said != wanted {
            bail!("{step}: of {count} answers {said} were yes instead of {wanted}");
        }
        Ok(took)
    }
}

/// What `bench/inside` works on: see there.
fn setup(paths: &[String]) -> Result<serde_json::Value> {
    let keys = SigningKeys::from_jwks(&SigningKeys::generate(&[1; 32])).context("keys")?;
    let now = Timestamp::from_seconds(patrol_support::now());
    let list = StatusListId {
        registry: 0,
        list: 0,
    };
    let places = IndexPermutation::new(1);
    let revoked = status_list::LIST_SIZE / 100;
    let mut bits = StatusList::ours();
    for idx in (0..revoked).filter_map(|number| places.nth(number)) {
        bits.set(idx, Status::Invalid);
    }
    let headers = (0..1_000).map(|number| {
        let idx = places.nth(revoked + number).context("a place")?;
        let token = tokens::good(&keys, number, StatusReference { list, idx }, now)?;
        Ok(format!("Bearer {token}"))
    });
    let headers: Vec<String> = headers.collect::<Result<_>>()?;
    let forged: Vec<String> = headers.iter().map(|header| forge(header)).collect();
    let packed = bits.encode();
    let validity = Validity {
        lifetime: 3_600,
        ttl: 60,
    };
    let snapshot = Snapshot {
        list: bits,
        version: 1,
    };
    let issuer = crate::system::PUBLIC_URL;
    let snapshot = status_list::sign(&snapshot, list, issuer, now, validity, keys.first())
        .map_err(|error| anyhow::anyhow!("a list: {error}"))?;
    Ok(serde_json::json!({
        "issuer": issuer,
        "jwks": keys.public().to_jwks(),
        "lst": packed,
        "snapshot": snapshot,
        "headers": headers,
        "forged": forged,
        "paths": paths,
        "now": now.seconds() + 1,
    }))
}

/// The token of a header with another signature of the same form.
fn forge(header: &str) -> String {
    let token = header.strip_prefix("Bearer ").unwrap_or(header);
    let (message, signature) = token.rsplit_once('.').unwrap_or((token, ""));
    // The first letters belong to the point R; the number S stays in its range.
    let (first, rest) = signature.split_at_checked(1).unwrap_or_default();
    let other = if first == "A" { "B" } else { "A" };
    format!("{message}.{other}{rest}")
}

/// The same for a policy: its paths, with names for the parameters.
fn setup_of(policy: &PathBuf) -> Result<serde_json::Value> {
    let text =
        fs::read_to_string(policy).with_context(|| format!("cannot read {}", policy.display()))?;
    let paths = text.lines().filter_map(|line| {
        let (path, _) = line.strip_prefix("\"GET ")?.split_once('"')?;
        Some(path.replace("{thing}", "thing-1"))
    });
    setup(&paths.collect::<Vec<_>>())
}

/// Size and start of each module.
fn modules() -> Result<BTreeMap<String, Module>> {
    let root = patrol_support::root();
    let script = folder().join("modules.mjs");
    fs::write(&script, include_str!("modules.mjs")).context("cannot write a script")?;
    let output = Command::new(root.join("node_modules/.bin/node"))
        .arg(script)
        .args(["build/edge", "build/origin", "build/bench/hello", "www/pkg"])
        .current_dir(root)
        .output()
        .context("cannot run Node")?;
    if !output.status.success() {
        bail!("modules: {}", String::from_utf8_lossy(&output.stderr));
    }
    serde_json::from_slice(&output.stdout).context("modules")
}
