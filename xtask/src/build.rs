//! `cargo xtask build`: the Workers, from Rust to what wrangler takes, and the page with its form
//! module, from Rust to what a browser takes.
//!
//! Parts that are up to date are skipped (`fingerprint`). The rest is compiled first, in as few
//! cargo calls as there are sets of flags, while npm installs the tools for the later steps.

use std::path::PathBuf;
use std::thread::{self, ScopedJoinHandle};

use anyhow::{Result, bail};
use clap::ValueEnum;

use crate::console::Timings;
use crate::fingerprint::{self, Fingerprint};
use crate::keygen;
use crate::page;
use crate::paths::root;
use crate::policy;
use crate::process;
use crate::tools;
use crate::variant::{Profile, Variant, Worker};
use crate::wasm::{self, Script};

/// Build the Workers and the page into build/, and the form module into www/pkg/.
///
/// Skips what is up to date. The `[build]` commands of both wrangler files run this.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// What to build [default: everything].
    #[arg(value_enum)]
    parts: Vec<Part>,

    /// Output folder; each part gets a subfolder [default: build; the form: www/pkg].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// The Worker that validates every request.
    Edge,
    /// The Worker that signs tokens and holds the registry.
    Origin,
    /// The browser module behind the creation form and the token list.
    Form,
    /// The page, with the form module, as the origin serves it.
    Page,
}

impl Part {
    pub(crate) const ALL: [Self; 4] = [Self::Edge, Self::Origin, Self::Form, Self::Page];
}

pub(crate) fn build(args: &Args) -> Result<()> {
    let variant = Variant::new(Profile::Release, args.out.as_deref())?;
    let parts = if args.parts.is_empty() {
        &Part::ALL[..]
    } else {
        &args.parts
    };
    let timings = Timings::new();
    keygen::create_dev_vars()?;
    build_parts(parts, &variant, &timings)?;
    timings.print_summary();
    Ok(())
}

/// Builds parts that are out of date, with the policy of the checkout beside the Workers, and
/// installs the tools this needs.
pub(crate) fn build_parts(parts: &[Part], variant: &Variant, timings: &Timings) -> Result<()> {
    // A mistake in the policy should not wait for the compiler.
    let policy = policy::to_json(&policy::default_file()?)?;
    let page = parts.contains(&Part::Page);
    let form = page || parts.contains(&Part::Form);
    let mut scripts = Vec::new();
    for (part, worker) in [(Part::Edge, Worker::Edge), (Part::Origin, Worker::Origin)] {
        if parts.contains(&part) {
            scripts.push(script(worker, variant)?);
        }
    }
    let form_fingerprint = Fingerprint::new(variant.form(), variant, fingerprint::inputs("form")?)?;

    let _lock = tools::lock("build")?;
    for script in &scripts {
        policy::write(&script.folder.join(policy::MODULE), &policy)?;
    }
    scripts.retain(|script| !script.fingerprint.is_current());
    let form_is_stale = form && !form_fingerprint.is_current();
    with_npm_packages(timings, || {
        if variant.profile == Profile::Dev {
            if form_is_stale || !scripts.is_empty() {
                timings.step("compiling the Workers and the form", |progress| {
                    wasm::compile(&[EDGE, ORIGIN, FORM], "dev", progress)
                })?;
            }
        } else {
            if !scripts.is_empty() {
                timings.step("compiling the Workers", |progress| {
                    wasm::compile(&[EDGE, ORIGIN], "release", progress)
                })?;
            }
            if form_is_stale {
                timings.step("compiling the form", |progress| {
                    let profile = wasm::form_profile(variant.profile);
                    wasm::compile(&[FORM], profile, progress)
                })?;
            }
        }
        Ok(())
    })?;
    timings.step("bundling JavaScript", |_| {
        let form = || {
            form_fingerprint.remove();
            wasm::finish_form(FORM, variant)?;
            form_fingerprint.write()
        };
        thread::scope(|scope| {
            let mut running: Vec<_> = scripts
                .iter()
                .map(|script| scope.spawn(|| finish(script, variant)))
                .collect();
            if form_is_stale {
                running.push(scope.spawn(form));
            }
            running.into_iter().try_for_each(join)
        })?;
        if page { page::build(variant) } else { Ok(()) }
    })
}

/// Waits for a thread; passes on its panic.
fn join<T>(thread: ScopedJoinHandle<'_, T>) -> T {
    thread
        .join()
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// Installs the npm packages while `compile` runs.
fn with_npm_packages(timings: &Timings, compile: impl FnOnce() -> Result<()>) -> Result<()> {
    tools::install_wasm_target()?;
    thread::scope(|scope| {
        let packages = scope.spawn(|| tools::install_npm_packages(timings));
        let compiled = compile();
        compiled.and(join(packages))
    })
}

const EDGE: &str = "patrol-edge";
const ORIGIN: &str = "patrol-origin";
const FORM: &str = "patrol-form";

fn script(worker: Worker, variant: &Variant) -> Result<Script> {
    let (package, entry) = match worker {
        Worker::Edge => (EDGE, "src/edge/entry.js"),
        Worker::Origin => (ORIGIN, "src/origin/entry.js"),
    };
    let name = worker.name();
    let folder = variant.folder(name);
    Ok(Script {
        name: name.to_owned(),
        package,
        entry,
        fingerprint: Fingerprint::new(&folder, variant, fingerprint::inputs(name)?)?,
        folder,
    })
}

fn finish(script: &Script, variant: &Variant) -> Result<()> {
    script.fingerprint.remove();
    script.finish(variant)?;
    script.fingerprint.write()
}

/// Builds one of the benchmark's own Workers from `bench/`.
pub(crate) fn bench(name: &str, package: &'static str, timings: &Timings) -> Result<PathBuf> {
    let variant = Variant::release()?;
    let source = package.replacen("patrol-", "", 1).replacen('-', "/", 1);
    let mut files = fingerprint::inputs(name)?;
    fingerprint::collect(&root()?.join(source), &[], &mut files)?;
    let folder = variant.folder("bench").join(name);
    let script = Script {
        name: name.to_owned(),
        package,
        entry: "src/platform/entry.js",
        fingerprint: Fingerprint::new(&folder, &variant, files)?,
        folder,
    };
    let _lock = tools::lock("build")?;
    if !script.fingerprint.is_current() {
        timings.step(
            &format!("building the benchmark's Worker `{name}`"),
            |progress| {
                wasm::compile(&[package], "release", progress)?;
                finish(&script, &variant)
            },
        )?;
    }
    Ok(script.folder)
}

/// Checks the JavaScript and styles: types, lints and format. The types of the form module come from
/// its Rust code.
pub(crate) fn check_javascript(variant: &Variant, timings: &Timings) -> Result<()> {
    tools::install_npm_packages(timings)?;
    timings.step("checking JavaScript", |progress| {
        let _lock = tools::lock("build")?;
        wasm::declare_form(FORM, variant, progress)?;
        for (tool, arguments) in [
            ("tsc", &["--noEmit"][..]),
            ("eslint", &["--max-warnings=0", "."]),
            ("prettier", &["--check", "--log-level=warn", "."]),
        ] {
            let mut command = process::command(tools::npm_tool(tool)?)?;
            command
                .env("PATH", tools::search_path()?)
                .current_dir(root()?)
                .args(arguments);
            process::run_quietly(command, tool)?;
        }
        Ok(())
    })
}

/// Fails if the form module is larger than a page should have to load.
pub(crate) fn check_form_size(variant: &Variant) -> Result<()> {
    /// In bytes, with gzip.
    const MAX: usize = 60_000;
    let files = ["form_bg.wasm", "form.js"].map(|name| variant.form().join(name));
    let (_, compressed) = wasm::sizes(&files)?;
    if compressed >= MAX {
        bail!("the form module takes {compressed} bytes with gzip; the limit is {MAX}");
    }
    Ok(())
}
