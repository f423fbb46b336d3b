//! `cargo xtask bench`: gets ready what the benchmark measures, then runs it.
//!
//! The benchmark is a program of its own (`bench/`), so that nobody builds it who only wants to
//! develop.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

use crate::build::{self, Plan, Worker};
use crate::child;
use crate::report::Phases;
use crate::tools::{self, npm_tool};
use crate::{root, target_dir};

/// Measure Patrol beside its peers and its limits, on the bare runtime.
///
/// `cargo xtask bench -- --help` tells of its options.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// For the benchmark itself, as `--quick`.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

/// The scripts that are measured beside us.
const PEERS: [&str; 8] = [
    "bare", "proxy", "floor", "jose", "jose-kv", "kv", "hono", "object",
];

/// The command.
pub(crate) fn bench(args: &Args) -> Result<()> {
    let mut phases = Phases::new();
    phases.quietly("tools", || {
        tools::install()?;
        tools::install_load_generator()
    })?;
    prepare(&mut phases)?;
    phases.quietly("benchmark", || run(&args.arguments))
}

/// One short round, as part of the tests, which have installed what it needs.
pub(crate) fn quick() -> Result<()> {
    prepare(&mut Phases::new())?;
    run(&["--quick".into()])
}

fn run(arguments: &[OsString]) -> Result<()> {
    let mut cargo = child::command("cargo")?;
    cargo
        .args(["run", "--quiet", "--package", "patrol-bench", "--"])
        .args(arguments)
        .current_dir(root()?)
        .env("PATH", tools::search_path()?);
    child::run(&mut cargo, "the benchmark")
}

/// Builds everything that takes part.
fn prepare(phases: &mut Phases) -> Result<()> {
    let plan = Plan::new(None, None)?;
    for worker in Worker::ALL {
        phases.quietly(&format!("{worker} Worker"), || build::one(worker, &plan))?;
    }
    let hello = phases.quietly("hello", || build::hello(&plan))?;
    phases.quietly("core alone", || build::inside("inside", None))?;
    for routes in ROUTES {
        let policy = target_dir()?.join(format!("bench/policies/{routes}.toml"));
        write_policy(&policy, routes)?;
        let name = format!("routes-{routes}");
        phases.quietly(&name, || build::inside(&name, Some(&policy)))?;
    }
    phases.quietly("form module", || build::form(&plan))?;
    let peers = hello.with_file_name("peers");
    phases.quietly("peers", || bundle(&peers))
}

/// Sizes of the policies that are compared.
const ROUTES: [u32; 3] = [10, 100, 1_000];

/// Writes a policy with so many routes: lists of things in twenty areas, and the things.
fn write_policy(path: &Path, routes: u32) -> Result<()> {
    let mut text = String::from(
        "[rbac]\nenabled = true\n[[group]]\nname = \"Things\"\ncolor = \"blue\"\nscopes = [\n  \
         { name = \"things:read\", label = \"Read\", description = \"Read things.\" },\n]\n\
         [[role]]\nname = \"reader\"\nlabel = \"Reader\"\nscopes = [\"*\"]\n[routes]\n",
    );
    for number in 0..routes / 2 {
        let list = format!("/api/v1/area-{}/things-{number}", number % 20);
        for path in [&list, &format!("{list}/{{thing}}")] {
            let _ = writeln!(text, "\"GET {path}\" = [\"things:read\"]");
        }
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).context("cannot create a folder")?;
    }
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

fn bundle(out: &Path) -> Result<()> {
    let mut esbuild = child::command(npm_tool("esbuild")?)?;
    esbuild
        .args([
            "--bundle",
            "--format=esm",
            "--minify",
            "--log-level=warning",
            "--external:cloudflare:*",
        ])
        .arg(format!("--outdir={}", out.display()))
        .args(PEERS.map(|peer| format!("bench/peers/{peer}.js")))
        .current_dir(root()?);
    child::run(&mut esbuild, "esbuild")
}
