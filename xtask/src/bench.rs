//! `cargo xtask bench`: builds everything the benchmark measures, then runs it.
//!
//! The benchmark is a separate program (`bench/`), so development does not need to compile it.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::Path;

use anyhow::Result;

use crate::build::{self, Part};
use crate::console::Timings;
use crate::paths::{root, target_dir};
use crate::policy;
use crate::process;
use crate::tools;
use crate::variant::Variant;
use crate::wasm;

/// Measure Patrol beside its peers and its limits, on the bare runtime.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Options of the benchmark, such as --quick; `-- --help` lists them.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

/// The JavaScript Workers that Patrol is compared with.
const PEERS: [&str; 9] = [
    "answer", "bare", "proxy", "floor", "jose", "jose-kv", "kv", "hono", "object",
];

pub(crate) fn bench(args: &Args) -> Result<()> {
    let timings = Timings::new();
    tools::install_load_generator()?;
    prepare(&timings)?;
    timings.section("benchmark", || run(&args.arguments))?;
    timings.print_summary();
    Ok(())
}

/// Runs one short round, as part of the tests.
pub(crate) fn quick(timings: &Timings) -> Result<()> {
    prepare(timings)?;
    timings.section("benchmark, one short round", || run(&["--quick".into()]))
}

fn run(arguments: &[OsString]) -> Result<()> {
    let mut cargo = process::command("cargo")?;
    cargo
        .args(["run", "--quiet", "--package", "patrol-bench", "--"])
        .args(arguments)
        .current_dir(root()?)
        .env("PATH", tools::search_path()?);
    process::run(&mut cargo, "the benchmark")
}

/// Builds all Workers that are measured.
fn prepare(timings: &Timings) -> Result<()> {
    build::build_parts(&Part::ALL, &Variant::release()?, timings)?;
    let hello = build::bench("hello", "patrol-bench-hello", timings)?;
    let inside = build::bench("inside", "patrol-bench-inside", timings)?;
    let policy = policy::to_json(&policy::default_file()?)?;
    // The benchmark starts every Worker with the same files.
    for folder in [&hello, &inside] {
        policy::write(&folder.join(policy::MODULE), &policy)?;
    }
    for routes in ROUTES {
        let policy = target_dir()?.join(format!("bench/policies/{routes}.json"));
        policy::write(&policy, patrol_policy::to_json(&policy_with(routes))?)?;
    }
    bundle_peers(&hello.with_file_name("peers"))
}

/// The numbers of routes whose lookup is compared.
const ROUTES: [u32; 3] = [10, 100, 1_000];

/// A policy with this many routes: half are collections in twenty areas, half their items.
fn policy_with(routes: u32) -> String {
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
    text
}

fn bundle_peers(out: &Path) -> Result<()> {
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
