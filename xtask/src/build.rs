//! `cargo xtask build`: the Workers, from Rust to what wrangler takes, and the form, from
//! Rust to what a browser takes, with the page around it.
//!
//! worker-build compiles a crate and runs wasm-bindgen, wasm-opt and esbuild over
//! the result. It is told where each of these is, as it would download them
//! otherwise. A Worker whose inputs have not changed since its last build is left
//! alone: the stamp in its folder is a digest of every file that can matter, of the
//! compiler and of this program's settings. Too many files count rather than too
//! few; an extra build costs seconds, a missed one an afternoon.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use clap::ValueEnum;
use sha2::{Digest as _, Sha256};

use crate::child;
use crate::keygen;
use crate::page;
use crate::report::{Phases, say};
use crate::tools::{self, cargo_tool, npm_tool};
use crate::{root, target_dir};

/// The variable by which the core's build script learns of another policy file.
const POLICY: &str = "PATROL_POLICY";

/// Build the Workers and the page into build/ (what the `[build]` commands of wrangler run)
/// and the form into www/pkg/.
///
/// Installs the tools that are missing. What is up to date is not built again.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// What to build; everything by default.
    #[arg(value_enum)]
    parts: Vec<Part>,

    /// Build with this policy instead of policy.toml, apart from the normal build.
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,

    /// Where the parts go, each in a folder of its own name [default: build, or
    /// build/policy-NAME with --policy; the form: www/pkg, without --policy].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// What can be built by itself.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// The Worker that validates every request.
    Edge,
    /// The Worker that signs tokens and keeps the registry.
    Origin,
    /// The browser's module: the logic of the form and of the list.
    Form,
    /// The page, with the form in it, as the origin serves it.
    Page,
}

impl Part {
    const ALL: [Self; 4] = [Self::Edge, Self::Origin, Self::Form, Self::Page];
}

/// One of the Workers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Worker {
    /// Validates every request; public keys only.
    Edge,
    /// Signs tokens and keeps the registry.
    Origin,
}

impl Worker {
    pub(crate) const ALL: [Self; 2] = [Self::Edge, Self::Origin];

    /// The name of its folders, in src/ and in what is built.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Edge => "edge",
            Self::Origin => "origin",
        }
    }

    /// Its wrangler configuration in the checkout.
    pub(crate) fn config(self) -> &'static str {
        match self {
            Self::Edge => "wrangler.toml",
            Self::Origin => "src/origin/wrangler.toml",
        }
    }
}

impl fmt::Display for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Which variant of the Workers is built, and where to.
pub(crate) struct Plan {
    policy: Option<PathBuf>,
    out: PathBuf,
    form: PathBuf,
    target: PathBuf,
}

impl Plan {
    pub(crate) fn new(policy: Option<&Path>, out: Option<&Path>) -> Result<Self> {
        let mut plan = Self {
            policy: None,
            out: root()?.join("build"),
            form: root()?.join("www/pkg"),
            target: target_dir()?,
        };
        if let Some(file) = policy {
            let file = fs::canonicalize(file)
                .with_context(|| format!("cannot find the policy {}", file.display()))?;
            let stem = file.file_stem().unwrap_or_default().to_string_lossy();
            let name = format!("policy-{stem}");
            plan.out = plan.out.join(&name);
            plan.form = plan.out.join("form");
            // Apart from the normal build, or the two would undo each other's work every time.
            plan.target = plan.target.join("policies");
            plan.policy = Some(file);
        } else if let Some(file) = std::env::var_os(POLICY) {
            // Set by hand: the build script reads it; here it counts as an input.
            plan.policy = Some(file.into());
        }
        if let Some(out) = out {
            plan.out = std::path::absolute(out).context("cannot tell where --out is")?;
            plan.form = plan.out.join("form");
        }
        Ok(plan)
    }

    /// The folder of a built Worker; its entry is `index.js`.
    pub(crate) fn folder(&self, worker: Worker) -> PathBuf {
        self.out.join(worker.name())
    }

    /// The folder of the form module.
    pub(crate) fn form(&self) -> &Path {
        &self.form
    }

    /// The folder of the page: the origin's static assets.
    pub(crate) fn page(&self) -> PathBuf {
        self.out.join("www")
    }
}

/// The command.
pub(crate) fn build(args: &Args) -> Result<()> {
    let plan = Plan::new(args.policy.as_deref(), args.out.as_deref())?;
    let parts = if args.parts.is_empty() {
        &Part::ALL[..]
    } else {
        &args.parts
    };
    tools::install()?;
    keygen::create_dev_vars()?;
    let mut phases = Phases::new();
    for part in parts {
        match part {
            Part::Edge => worker(Worker::Edge, &plan, &mut phases)?,
            Part::Origin => worker(Worker::Origin, &plan, &mut phases)?,
            Part::Form => phases.quietly("form module", || form(&plan))?,
            Part::Page => phases.quietly("page", || page::build(&plan))?,
        }
    }
    phases.summary();
    Ok(())
}

fn worker(worker: Worker, plan: &Plan, phases: &mut Phases) -> Result<()> {
    phases.quietly(&format!("{worker} Worker"), || one(worker, plan))
}

/// Builds one Worker, unless it is up to date.
pub(crate) fn one(worker: Worker, plan: &Plan) -> Result<()> {
    let name = worker.name();
    let folder = plan.folder(worker);
    unless_made(name, &folder, &inputs(name, plan)?, || match worker {
        Worker::Edge => edge(plan, &folder),
        Worker::Origin => worker_build(Path::new("src/origin"), plan, &folder),
    })
}

/// Builds the benchmark's smallest Worker, unless it is up to date, and returns its folder.
pub(crate) fn hello(plan: &Plan) -> Result<PathBuf> {
    let source = Path::new("bench/hello");
    let folder = plan.out.join("bench/hello");
    let root = root()?;
    let mut files = vec![root.join("Cargo.toml"), root.join("Cargo.lock")];
    collect(&root.join(source), &[], &mut files)?;
    unless_made("hello", &folder, &digest(files)?, || {
        worker_build(source, plan, &folder)
    })?;
    Ok(folder)
}

/// Builds the benchmark's Worker with core alone, with the normal policy or another one.
pub(crate) fn inside(name: &str, policy: Option<&Path>) -> Result<()> {
    let mut plan = Plan::new(None, None)?;
    if let Some(policy) = policy {
        plan.policy = Some(policy.to_path_buf());
        // One for all of them: only core differs.
        plan.target = plan.target.join("bench-policies");
    }
    let source = Path::new("bench/inside");
    let mut files = Vec::new();
    collect(&root()?.join(source), &[], &mut files)?;
    let inputs = inputs(name, &plan)? + &digest(files)?;
    let folder = plan.out.join("bench").join(name);
    unless_made(name, &folder, &inputs, || {
        worker_build(source, &plan, &folder)
    })
}

/// Makes a Worker in a folder, unless it was made from the same inputs.
fn unless_made(
    name: &str,
    folder: &Path,
    inputs: &str,
    make: impl FnOnce() -> Result<()>,
) -> Result<()> {
    let _turn = tools::turn(&format!("build-{name}"))?;
    let stamp = folder.join(".built-from");
    if fs::read_to_string(&stamp).is_ok_and(|from| from == inputs) {
        say(format_args!("{name}: up to date"));
        return Ok(());
    }
    say(format_args!("{name}: building"));
    // A build that fails halfway must not look complete.
    let _ = fs::remove_file(&stamp);
    make()?;
    let entry = folder.join("index.js");
    if !entry.exists() {
        bail!("there is no {}", entry.display());
    }
    fs::write(&stamp, inputs).with_context(|| format!("cannot write {}", stamp.display()))
}

/// A Worker as worker-build makes it: Durable Objects need its entry.
fn worker_build(source: &Path, plan: &Plan, folder: &Path) -> Result<()> {
    let mut command = child::command(cargo_tool("worker-build")?)?;
    command
        .current_dir(root()?)
        .arg(source)
        .args(["--release", "--out-dir"])
        .arg(folder)
        .env("PATH", tools::search_path()?)
        .env("CARGO_TARGET_DIR", &plan.target)
        .env("WASM_BINDGEN_BIN", cargo_tool("wasm-bindgen")?)
        .env("WASM_OPT_BIN", npm_tool("wasm-opt")?)
        .env("ESBUILD_BIN", npm_tool("esbuild")?);
    if let Some(policy) = &plan.policy {
        command.env(POLICY, policy);
    }
    child::run(&mut command, &format!("the build of {}", source.display()))
}

/// The edge with an entry of its own, `entry.js`: the one that worker-build generates costs a
/// good part of what a request may take.
fn edge(plan: &Plan, folder: &Path) -> Result<()> {
    let parts = folder.join("parts");
    // What an earlier build left could be bundled again.
    let _ = fs::remove_dir_all(folder);
    let built = compile("patrol-edge", "release", plan)?;
    let mut bindgen = child::command(cargo_tool("wasm-bindgen")?)?;
    bindgen
        .args(["--target", "module", "--out-name", "index"])
        .arg("--no-typescript")
        // By these two a module that has crashed is started anew.
        .arg("--experimental-reset-state-function")
        .arg("--force-enable-abort-handler")
        .arg("--out-dir")
        .arg(&parts)
        .arg(built);
    child::run(&mut bindgen, "wasm-bindgen")?;
    let module = folder.join("index_bg.wasm");
    // The means by which a crash is noticed.
    let options = ["-O3", "--enable-exception-handling"];
    wasm_opt(&options, &parts.join("index_bg.wasm"), &module)?;

    // The runtime imports a module as it is, without the proposed `source`.
    let glue = parts.join("index.js");
    let made = fs::read_to_string(&glue).with_context(|| format!("no {}", glue.display()))?;
    let text = made.replacen("import source wasmModule", "import wasmModule", 1);
    if text == made {
        bail!("wasm-bindgen's glue imports the module in a way that is not known here");
    }
    fs::write(&glue, text).with_context(|| format!("cannot write {}", glue.display()))?;
    let entry = parts.join("entry.js");
    fs::copy(root()?.join("src/edge/entry.js"), &entry).context("cannot copy the entry")?;

    let mut esbuild = child::command(npm_tool("esbuild")?)?;
    esbuild
        .env("PATH", tools::search_path()?)
        .arg(&entry)
        .args([
            "--bundle",
            "--format=esm",
            "--minify",
            "--log-level=warning",
        ])
        .args(["--external:./index_bg.wasm", "--external:cloudflare:*"])
        .arg(format!("--outfile={}", folder.join("index.js").display()));
    child::run(&mut esbuild, "esbuild")?;
    fs::remove_dir_all(&parts).with_context(|| format!("cannot remove {}", parts.display()))?;
    let (raw, packed) = sizes(&[module, folder.join("index.js")])?;
    say(format_args!("edge: {raw} KB, {packed} KB with gzip"));
    Ok(())
}

/// Compiles a crate to WebAssembly and says where the module is.
fn compile(package: &str, profile: &str, plan: &Plan) -> Result<PathBuf> {
    let mut cargo = child::command("cargo")?;
    cargo
        .current_dir(root()?)
        .args(["build", "--quiet", "--package", package])
        .args(["--profile", profile, "--target", tools::WASM])
        .arg("--config")
        .arg(without_paths()?)
        // Lets the futures of wasm-bindgen be those of js-sys, as worker-build does.
        .env("WASM_BINDGEN_USE_JS_SYS", "1")
        .env("CARGO_TARGET_DIR", &plan.target);
    if let Some(policy) = &plan.policy {
        cargo.env(POLICY, policy);
    }
    child::run(&mut cargo, &format!("the build of {package}"))?;
    let name = format!("{}.wasm", package.replace('-', "_"));
    Ok(plan.target.join(tools::WASM).join(profile).join(name))
}

fn wasm_opt(options: &[&str], from: &Path, to: &Path) -> Result<()> {
    let mut opt = child::command(npm_tool("wasm-opt")?)?;
    opt.env("PATH", tools::search_path()?)
        .args(options)
        .args(FEATURES)
        .arg("-o")
        .args([to, from]);
    child::run(&mut opt, "wasm-opt")
}

/// What the Rust compiler itself emits for the target, and so what wasm-opt may: it knows more
/// than browsers and workerd do, as compact imports, which none of them loads without a flag.
const FEATURES: [&str; 6] = [
    "--enable-bulk-memory",
    "--enable-multivalue",
    "--enable-mutable-globals",
    "--enable-nontrapping-float-to-int",
    "--enable-reference-types",
    "--enable-sign-ext",
];

/// Builds the form module, unless it is up to date.
pub(crate) fn form(plan: &Plan) -> Result<()> {
    let _turn = tools::turn("build-form")?;
    let stamp = plan.form.join(".built-from");
    let inputs = inputs("form", plan)?;
    if fs::read_to_string(&stamp).is_ok_and(|from| from == inputs) {
        say("form: up to date");
        return Ok(());
    }
    say("form: building");
    // A build that fails halfway must not look complete.
    let _ = fs::remove_file(&stamp);
    let built = compile("patrol-form", "form", plan)?;
    let mut bindgen = child::command(cargo_tool("wasm-bindgen")?)?;
    bindgen
        .args(["--target", "web", "--out-name", "form", "--out-dir"])
        .arg(&plan.form)
        .arg(built);
    child::run(&mut bindgen, "wasm-bindgen")?;
    let (module, glue) = (plan.form.join("form_bg.wasm"), plan.form.join("form.js"));
    // What it is for is told by the features; the rest is about tools.
    let options = ["-Oz", "--strip-producers", "--strip-target-features"];
    wasm_opt(&options, &module, &module)?;
    // The comments are in form.d.ts too, where they are read.
    let mut esbuild = child::command(npm_tool("esbuild")?)?;
    esbuild
        .env("PATH", tools::search_path()?)
        .arg(&glue)
        .args(["--minify", "--format=esm", "--target=es2022"])
        .args(["--log-level=warning", "--allow-overwrite"])
        .arg(format!("--outfile={}", glue.display()));
    child::run(&mut esbuild, "esbuild")?;
    let (raw, packed) = sizes(&[module, glue])?;
    say(format_args!(
        "form: {raw} KB, {packed} KB as a browser loads it (gzip)"
    ));
    fs::write(&stamp, inputs).with_context(|| format!("cannot write {}", stamp.display()))
}

/// Fails when the form module is heavier than a page should have to load.
pub(crate) fn check_form(plan: &Plan) -> Result<()> {
    let files = ["form_bg.wasm", "form.js"].map(|name| plan.form.join(name));
    let (_, packed) = weigh(&files)?;
    if packed >= MAX_FORM {
        bail!("the form module has {packed} bytes as a browser loads it; {MAX_FORM} is too many");
    }
    Ok(())
}

/// Compressed, in bytes.
const MAX_FORM: usize = 60_000;

/// A setting of cargo by which the module names no folder of this machine: panics tell where in
/// the sources they come from. It is smaller, and the same wherever it is built.
fn without_paths() -> Result<String> {
    let mut folders = vec![root()?];
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let user = std::env::var_os("HOME").map(|home| Path::new(&home).join(".cargo"));
    if let Some(cargo) = home.or(user) {
        let registries = fs::read_dir(cargo.join("registry/src"))
            .into_iter()
            .flatten();
        folders.extend(registries.flatten().map(|entry| entry.path()));
    }
    let flags: Vec<String> = folders
        .iter()
        .map(|folder| format!("--remap-path-prefix={}=.", folder.display()))
        .collect();
    // A list of strings is written alike in Rust and in TOML.
    Ok(format!("target.{}.rustflags={flags:?}", tools::WASM))
}

/// The sizes of some files together, as they are and compressed, in KB (1000 bytes).
fn sizes(files: &[PathBuf]) -> Result<(String, String)> {
    let (raw, packed) = weigh(files)?;
    let kilobytes = |bytes: usize| format!("{}.{}", bytes / 1000, bytes / 100 % 10);
    Ok((kilobytes(raw), kilobytes(packed)))
}

/// The same in bytes.
fn weigh(files: &[PathBuf]) -> Result<(usize, usize)> {
    let (mut raw, mut packed) = (0, 0);
    for file in files {
        let bytes = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        raw += bytes.len();
        packed += miniz_oxide::deflate::compress_to_vec(&bytes, 9).len() + GZIP_FRAME;
    }
    Ok((raw, packed))
}

/// Bytes that gzip puts around the compressed data (RFC 1952, section 2.3).
const GZIP_FRAME: usize = 18;

/// A digest of everything that a built part depends on.
fn inputs(part: &str, plan: &Plan) -> Result<String> {
    let root = root()?;
    let mut files: Vec<PathBuf> = [
        "Cargo.toml",
        "Cargo.lock",
        "build.rs",
        "policy.toml",
        "package-lock.json",
    ]
    .iter()
    .map(|name| root.join(name))
    .filter(|path| path.exists())
    .collect();
    files.extend(plan.policy.clone());
    let others: Vec<PathBuf> = ["edge", "origin", "form"]
        .iter()
        .filter(|name| **name != part)
        .map(|name| root.join("src").join(name))
        .collect();
    collect(&root.join("src"), &others, &mut files)?;
    digest(files)
}

/// A digest of files, of the compiler and of its flags.
fn digest(mut files: Vec<PathBuf>) -> Result<String> {
    files.sort();
    let mut digest = Sha256::new();
    let compiler = child::first_line(Command::new("rustc").arg("--version")).unwrap_or_default();
    digest.update(compiler);
    digest.update(std::env::var("RUSTFLAGS").unwrap_or_default());
    for path in &files {
        let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        digest.update(path.as_os_str().as_encoded_bytes());
        digest.update(bytes.len().to_le_bytes());
        digest.update(bytes);
    }
    Ok(format!("{:x}", digest.finalize()))
}

/// All files below a folder, without some folders and what wrangler leaves there.
fn collect(folder: &Path, without: &[PathBuf], files: &mut Vec<PathBuf>) -> Result<()> {
    let context = || format!("cannot list {}", folder.display());
    for entry in fs::read_dir(folder).with_context(context)? {
        let path = entry.with_context(context)?.path();
        let hidden = path
            .file_name()
            .is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if hidden || without.contains(&path) {
            continue;
        }
        if path.is_dir() {
            collect(&path, without, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}
