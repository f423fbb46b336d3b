//! `cargo xtask bench`: gets ready what the benchmark measures, then runs it.
//!
//! The benchmark is a program of its own (`bench/`), so that nobody builds it who only wants to
//! develop.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

use crate::build::{self, Part};
use crate::child;
use crate::console::Phases;
use crate::plan::Plan;
use crate::tools;
use crate::wasm;
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
    let phases = Phases::new();
    tools::install_load_generator()?;
    prepare(&phases)?;
    phases.run("benchmark", || run(&args.arguments))?;
    phases.summary();
    Ok(())
}

/// One short round, as part of the tests, which have installed what it needs.
pub(crate) fn quick(phases: &Phases) -> Result<()> {
    prepare(phases)?;
    phases.run("benchmark, a short round", || run(&["--quick".into()]))
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
fn prepare(phases: &Phases) -> Result<()> {
    build::make(&Part::ALL, &Plan::release()?, phases)?;
    let hello = build::bench("hello", "patrol-bench-hello", None, phases)?;
    build::bench("inside", INSIDE, None, phases)?;
    for routes in ROUTES {
        let policy = target_dir()?.join(format!("bench/policies/{routes}.toml"));
        write_policy(&policy, routes)?;
        build::bench(&format!("routes-{routes}"), INSIDE, Some(&policy), phases)?;
    }
    bundle(&hello.with_file_name("peers"))
}

/// Core alone.
const INSIDE: &str = "patrol-bench-inside";

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
    let out = format!("--outdir={}", out.display());
    let peers = PEERS.map(|peer| format!("bench/peers/{peer}.js"));
    let mut arguments = vec![
        "--bundle",
        "--format=esm",
        "--minify",
        "--external:cloudflare:*",
        &out,
    ];
    arguments.extend(peers.iter().map(String::as_str));
    wasm::esbuild(&arguments)
}
