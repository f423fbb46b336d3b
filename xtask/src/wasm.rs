//! From a crate to a WebAssembly module with its JavaScript: cargo, wasm-bindgen (as a library),
//! wasm-opt and esbuild.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use wasm_bindgen_cli_support::Bindgen;

use crate::cargo;
use crate::child;
use crate::console::{Step, say};
use crate::plan::{POLICY, Plan, Profile};
use crate::stamp::Stamp;
use crate::tools::{self, npm_tool};
use crate::{root, target_dir};

/// A script that the runtime can run: a crate, and the JavaScript by which it is entered.
pub(crate) struct Script {
    /// For messages.
    pub(crate) name: String,
    pub(crate) package: &'static str,
    /// Below the root of the checkout.
    pub(crate) entry: &'static str,
    pub(crate) folder: PathBuf,
    pub(crate) stamp: Stamp,
}

/// The module that every entry imports: it starts one that has crashed anew.
const RESTART: &str = "src/platform/restart.js";

impl Script {
    /// Makes the script from the compiled crate.
    pub(crate) fn finish(&self, plan: &Plan) -> Result<()> {
        let parts = self.folder.join("parts");
        // What an earlier build left could be bundled again.
        let _ = fs::remove_dir_all(&parts);
        fs::create_dir_all(&parts).with_context(|| format!("cannot create {}", parts.display()))?;
        let mut bindgen = Bindgen::new();
        bindgen
            .input_path(compiled(self.package, plan.profile.name())?)
            .out_name("index")
            .typescript(false);
        bindgen.module(true)?;
        // By these two a module that has crashed is started anew.
        bindgen
            .reset_state_function(true)
            .force_enable_abort_handler(true);
        bindgen.generate(&parts).context("wasm-bindgen failed")?;

        // The runtime imports a module as it is, without the proposed `source`.
        let glue = parts.join("index.js");
        let made = fs::read_to_string(&glue).with_context(|| format!("no {}", glue.display()))?;
        let text = made.replacen("import source wasmModule", "import wasmModule", 1);
        if text == made {
            bail!("wasm-bindgen's glue imports the module in a way that is not known here");
        }
        fs::write(&glue, text).with_context(|| format!("cannot write {}", glue.display()))?;
        for (from, to) in [(self.entry, "entry.js"), (RESTART, "restart.js")] {
            fs::copy(root()?.join(from), parts.join(to))
                .with_context(|| format!("cannot copy {from}"))?;
        }

        let module = parts.join("index_bg.wasm");
        if plan.profile == Profile::Release {
            // The means by which a crash is noticed.
            optimize(&["-O3", "--enable-exception-handling"], &module, &module)?;
        }
        let bundle = parts.join("bundle.js");
        esbuild(&[
            &parts.join("entry.js").display().to_string(),
            "--bundle",
            "--format=esm",
            "--minify",
            "--external:./index_bg.wasm",
            "--external:cloudflare:*",
            &format!("--outfile={}", bundle.display()),
        ])?;
        // A runtime that watches the folder must never read half a file, nor one of two that do not
        // fit each other.
        let finished = [
            (module, self.folder.join("index_bg.wasm")),
            (bundle, self.folder.join("index.js")),
        ];
        for (from, to) in &finished {
            fs::rename(from, to).with_context(|| format!("cannot write {}", to.display()))?;
        }
        fs::remove_dir_all(&parts).with_context(|| format!("cannot remove {}", parts.display()))?;
        tell_size(&self.name, plan, &finished.map(|(_, to)| to))
    }
}

/// Makes the browser's module in the folder of the form from the compiled crate.
pub(crate) fn finish_form(package: &str, plan: &Plan) -> Result<()> {
    let folder = plan.form();
    bind_form(&compiled(package, form_profile(plan.profile))?, folder)?;
    let (module, glue) = (folder.join("form_bg.wasm"), folder.join("form.js"));
    if plan.profile == Profile::Release {
        // What it is for is told by the features; the rest is about tools.
        let options = ["-Oz", "--strip-producers", "--strip-target-features"];
        optimize(&options, &module, &module)?;
    }
    // The comments are in form.d.ts too, where they are read.
    esbuild(&[
        &glue.display().to_string(),
        "--minify",
        "--format=esm",
        "--target=es2022",
        "--allow-overwrite",
        &format!("--outfile={}", glue.display()),
    ])?;
    tell_size("form", plan, &[module, glue])
}

/// Runs wasm-bindgen on the browser's module.
fn bind_form(module: &Path, folder: &Path) -> Result<()> {
    let mut bindgen = Bindgen::new();
    bindgen
        .input_path(module)
        .out_name("form")
        .typescript(true)
        // `init()` finds the module beside its script.
        .omit_default_module_path(false);
    bindgen.web(true)?;
    bindgen.generate(folder).context("wasm-bindgen failed")
}

/// Writes the types of the browser's module, `form.d.ts`, into its folder, and nothing else of it:
/// checking the page's JavaScript needs no optimized module.
pub(crate) fn declare_form(package: &str, plan: &Plan, step: &Step) -> Result<()> {
    const TYPES: &str = "form.d.ts";
    compile(&[package], Profile::Dev.name(), plan, step)?;
    let scratch = target_dir()?.join("xtask/form-types");
    bind_form(&compiled(package, Profile::Dev.name())?, &scratch)?;
    let folder = plan.form();
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let types = folder.join(TYPES);
    fs::copy(scratch.join(TYPES), &types)
        .with_context(|| format!("cannot write {}", types.display()))?;
    Ok(())
}

/// People download the form, so the release has a profile of its own for it.
pub(crate) fn form_profile(profile: Profile) -> &'static str {
    match profile {
        Profile::Dev => "dev",
        Profile::Release => "form",
    }
}

/// Compiles crates to WebAssembly, together: the features of what they share are the same then,
/// whichever of them has changed.
pub(crate) fn compile(packages: &[&str], profile: &str, plan: &Plan, step: &Step) -> Result<()> {
    let mut cargo = cargo::command(&["build", "--profile", profile, "--target", tools::WASM])?;
    for package in packages {
        cargo.args(["--package", package]);
    }
    cargo
        .arg("--config")
        .arg(without_paths()?)
        // Lets the futures of wasm-bindgen be those of js-sys.
        .env("WASM_BINDGEN_USE_JS_SYS", "1");
    if let Some(policy) = &plan.policy {
        cargo.env(POLICY, policy);
    }
    cargo::build(
        cargo,
        &format!("the build of {}", packages.join(", ")),
        step,
    )
}

/// Where cargo puts a compiled crate.
fn compiled(package: &str, profile: &str) -> Result<PathBuf> {
    let folder = if profile == "dev" { "debug" } else { profile };
    let name = format!("{}.wasm", package.replace('-', "_"));
    Ok(target_dir()?.join(tools::WASM).join(folder).join(name))
}

fn optimize(options: &[&str], from: &Path, to: &Path) -> Result<()> {
    let mut opt = child::command(npm_tool("wasm-opt")?)?;
    opt.env("PATH", tools::search_path()?)
        .args(options)
        .args(FEATURES)
        .arg("-o")
        .args([to, from]);
    child::run_quietly(opt, "wasm-opt")
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

/// Runs esbuild in the checkout.
pub(crate) fn esbuild(arguments: &[&str]) -> Result<()> {
    let mut esbuild = child::command(npm_tool("esbuild")?)?;
    esbuild
        .env("PATH", tools::search_path()?)
        .current_dir(root()?)
        .arg("--log-level=warning")
        .args(arguments);
    child::run_quietly(esbuild, "esbuild")
}

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

/// Says what a released module weighs.
fn tell_size(name: &str, plan: &Plan, files: &[PathBuf]) -> Result<()> {
    if plan.profile == Profile::Release {
        let (raw, packed) = weigh(files)?;
        let kilobytes = |bytes: usize| format!("{}.{}", bytes / 1000, bytes / 100 % 10);
        let (raw, packed) = (kilobytes(raw), kilobytes(packed));
        say(format_args!("{name}: {raw} KB, {packed} KB with gzip"));
    }
    Ok(())
}

/// The sizes of some files together in bytes, as they are and compressed.
pub(crate) fn weigh(files: &[PathBuf]) -> Result<(usize, usize)> {
    /// Bytes that gzip puts around the compressed data (RFC 1952, section 2.3).
    const GZIP_FRAME: usize = 18;
    let (mut raw, mut packed) = (0, 0);
    for file in files {
        let bytes = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        raw += bytes.len();
        packed += miniz_oxide::deflate::compress_to_vec(&bytes, 9).len() + GZIP_FRAME;
    }
    Ok((raw, packed))
}
