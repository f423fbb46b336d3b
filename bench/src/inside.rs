//! Core inside WebAssembly, without HTTP: steps of a decision, memory, and the modules themselves.
//!
//! `bench/inside` runs the steps in the runtime, compiled as the edge is. They are timed from
//! outside, many per request, less the time of an empty request.

use crate::{
    files::{self, CONFIG, copy, folder},
    plan::Effort,
    stats::Spread,
    tokens::{self, PUBLIC_URL},
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
    policy::document::PolicyDocument,
    time::Timestamp,
};
use patrol_support::{
    config::{Config, MODULES, POLICY, Worker},
    runtime::Runtime,
};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

#[derive(Debug, Serialize)]
pub(crate) struct Inside {
    /// Microseconds per step.
    pub(crate) steps: BTreeMap<String, Spread>,
    /// Microseconds per lookup of a route, by the number of routes.
    pub(crate) routes: BTreeMap<u32, Spread>,
    /// Bytes of memory for the status lists, by the number of tokens.
    pub(crate) memory: BTreeMap<u32, u64>,
    pub(crate) modules: BTreeMap<String, Module>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Module {
    /// Bytes.
    pub(crate) raw: u64,
    /// Bytes with gzip.
    pub(crate) gzip: u64,
    /// Milliseconds to compile all of it.
    pub(crate) compile_ms: f64,
    /// Milliseconds for another instance of the compiled module.
    pub(crate) instantiate_ms: f64,
}

const STEPS: [&str; 4] = ["decide-warm", "authorize", "status", "snapshot"];

/// Sizes of policies. `cargo xtask bench` writes them.
const ROUTES: [u32; 3] = [10, 100, 1_000];

/// One in a hundred tokens is revoked.
const TOKENS: [u32; 2] = [1_000_000, 10_000_000];

pub(crate) async fn measure(effort: Effort) -> Result<Inside> {
    println!("measuring core inside WebAssembly: steps, routes, memory, modules");
    let built = patrol_support::root().join("build/bench/inside");
    let example = fs::read_to_string(built.join(POLICY)).context("no policy")?;
    let setup = setup(
        &example,
        &[
            "/api/v1/engine/pipelines".to_owned(),
            "/api/v1/models/press-1".to_owned(),
            "/api/v1/engine/pipelines/p-1/runs/r-1/results".to_owned(),
        ],
    )?;
    let core = Core::start("inside", &built, &setup).await?;
    let mut steps = BTreeMap::new();
    for step in STEPS {
        steps.insert(step.to_owned(), core.time(step, effort).await?);
    }
    drop(core);
    let mut routes = BTreeMap::new();
    for count in ROUTES {
        let name = format!("routes-{count}");
        let policy = folder().join(format!("policies/{count}.json"));
        let core = Core::start(&name, &built, &setup_of(&policy)?).await?;
        routes.insert(count, core.time("route", effort).await?);
    }
    let mut memory = BTreeMap::new();
    for tokens in TOKENS {
        // Linear memory never shrinks, so each measurement needs a new process.
        let core = Core::start("inside", &built, &setup).await?;
        let lists = tokens.div_ceil(status_list::LIST_SIZE);
        memory.insert(tokens, core.request("memory", lists).await?);
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
        let path = folder.join(CONFIG);
        files::write(&path, config.finish())?;
        let core = Self {
            process: Runtime::start(&path, &folder.join("log"), 1).await,
            client: reqwest::Client::new(),
        };
        let response = core.client.post(core.url("")).json(setup).send().await?;
        if !response.status().is_success() {
            bail!(
                "bench/inside refused its setup; see {}",
                folder.join("log").display()
            );
        }
        Ok(core)
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}/{path}", self.process.port("core"))
    }

    async fn request(&self, step: &str, count: u32) -> Result<u64> {
        let url = self.url(&format!("{step}/{count}"));
        let response = self.client.get(url).send().await?.error_for_status()?;
        response.text().await?.parse().context("not a number")
    }

    /// Microseconds per step.
    async fn time(&self, step: &str, effort: Effort) -> Result<Spread> {
        // This also makes the runtime optimize the code.
        let mut count = 1;
        while self.once(step, count).await? < effort.sample {
            count *= 2;
        }
        let mut samples = Vec::new();
        for _ in 0..effort.samples {
            let empty = self.once("nothing", 0).await?;
            let full = self.once(step, count).await?;
            samples.push(full.saturating_sub(empty).as_secs_f64() * 1e6 / f64::from(count));
        }
        Spread::of(samples).context("no samples")
    }

    async fn once(&self, step: &str, count: u32) -> Result<Duration> {
        let started = Instant::now();
        let succeeded = self.request(step, count).await?;
        let elapsed = started.elapsed();
        if succeeded != u64::from(count) {
            bail!("{step}: only {succeeded} of {count} steps succeeded");
        }
        Ok(elapsed)
    }
}

/// The data of `bench/inside`: see `Setup` there.
fn setup(policy: &str, paths: &[String]) -> Result<serde_json::Value> {
    let keys = SigningKeys::from_jwks(&SigningKeys::generate(&[1; 32])).context("no keys")?;
    let now = Timestamp::from_seconds(patrol_support::now());
    let list = StatusListId {
        registry: 0,
        list: 0,
    };
    let indexes = IndexPermutation::new(1);
    let revoked = status_list::LIST_SIZE / 100;
    let mut bits = StatusList::all_valid();
    for idx in (0..revoked).filter_map(|number| indexes.nth(number)) {
        bits.set(idx, Status::Invalid);
    }
    let headers = (0..1_000).map(|number| {
        let idx = indexes.nth(revoked + number).context("no index")?;
        let token = tokens::valid(&keys, number, StatusReference { list, idx }, now)?;
        Ok(format!("Bearer {token}"))
    });
    let headers: Vec<String> = headers.collect::<Result<_>>()?;
    let encoded = bits.encode();
    let validity = Validity {
        lifetime: 3_600,
        ttl: 60,
    };
    let snapshot = Snapshot {
        list: bits,
        version: 1,
    };
    let installation = tokens::paths()?;
    let snapshot = status_list::sign(&snapshot, list, &installation, now, validity, keys.first())
        .map_err(|error| anyhow::anyhow!("cannot sign a list: {error}"))?;
    Ok(serde_json::json!({
        "public_url": PUBLIC_URL,
        "jwks": keys.public().to_jwks(),
        "lst": encoded,
        "snapshot": snapshot,
        "headers": headers,
        "policy": policy,
        "paths": paths,
        "now": now.seconds() + 1,
    }))
}

/// The same for a policy: its paths, with values for the parameters.
fn setup_of(file: &Path) -> Result<serde_json::Value> {
    let text =
        fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let policy: PolicyDocument = serde_json::from_str(&text).context("not a policy")?;
    let paths = policy.routes.iter();
    let paths = paths.map(|route| route.path.replace("{thing}", "thing-1"));
    setup(&text, &paths.collect::<Vec<_>>())
}

fn modules() -> Result<BTreeMap<String, Module>> {
    let root = patrol_support::root();
    let script = folder().join("modules.mjs");
    files::write(&script, include_str!("modules.mjs"))?;
    let output = Command::new(root.join("node_modules/.bin/node"))
        .arg(script)
        .args(["build/edge", "build/origin", "build/bench/hello", "www/pkg"])
        .current_dir(root)
        .output()
        .context("cannot run Node.js")?;
    if !output.status.success() {
        bail!(
            "cannot measure the modules: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    serde_json::from_slice(&output.stdout).context("modules.mjs printed no JSON")
}
