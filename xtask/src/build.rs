//! `cargo xtask build`: the Workers, from Rust to what wrangler takes, and the form, from
//! Rust to what a browser takes, with the page around it.
//!
//! What is up to date is left alone (`stamp`). The rest is compiled first, in as few calls of
//! cargo as there are sets of flags, while npm installs the programs that come after it.

use std::path::PathBuf;
use std::thread::{self, ScopedJoinHandle};

use anyhow::{Result, bail};
use clap::ValueEnum;

use crate::child;
use crate::console::Phases;
use crate::keygen;
use crate::page;
use crate::plan::{Plan, Profile, Worker};
use crate::root;
use crate::stamp::{self, Stamp};
use crate::tools;
use crate::wasm::{self, Script};

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
pub(crate) enum Part {
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
    pub(crate) const ALL: [Self; 4] = [Self::Edge, Self::Origin, Self::Form, Self::Page];
}

/// The command.
pub(crate) fn build(args: &Args) -> Result<()> {
    let plan = Plan::new(
        Profile::Release,
        args.policy.as_deref(),
        args.out.as_deref(),
    )?;
    let parts = if args.parts.is_empty() {
        &Part::ALL[..]
    } else {
        &args.parts
    };
    let phases = Phases::new();
    keygen::create_dev_vars()?;
    make(parts, &plan, &phases)?;
    phases.summary();
    Ok(())
}

/// Builds parts, with the tools that they need.
pub(crate) fn make(parts: &[Part], plan: &Plan, phases: &Phases) -> Result<()> {
    let page = parts.contains(&Part::Page);
    let form = page || parts.contains(&Part::Form);
    let mut scripts = Vec::new();
    for (part, worker) in [(Part::Edge, Worker::Edge), (Part::Origin, Worker::Origin)] {
        if parts.contains(&part) {
            scripts.push(script(worker, plan)?);
        }
    }
    let form_stamp = Stamp::new(plan.form(), plan, stamp::inputs("form", plan)?)?;

    let _turn = tools::turn("build")?;
    scripts.retain(|script| !script.stamp.is_current());
    let form_is_stale = form && !form_stamp.is_current();
    with_tools(phases, || {
        if plan.profile == Profile::Dev {
            if form_is_stale || !scripts.is_empty() {
                phases.step("Workers and form", |step| {
                    wasm::compile(&[EDGE, ORIGIN, FORM], "dev", plan, step)
                })?;
            }
        } else {
            if !scripts.is_empty() {
                phases.step("Workers", |step| {
                    wasm::compile(&[EDGE, ORIGIN], "release", plan, step)
                })?;
            }
            if form_is_stale {
                phases.step("form", |step| {
                    let profile = wasm::form_profile(plan.profile);
                    wasm::compile(&[FORM], profile, plan, step)
                })?;
            }
        }
        Ok(())
    })?;
    phases.step("JavaScript", |_| {
        let form = || {
            form_stamp.remove();
            wasm::finish_form(FORM, plan)?;
            form_stamp.write()
        };
        thread::scope(|scope| {
            let mut running: Vec<_> = scripts
                .iter()
                .map(|script| scope.spawn(|| finish(script, plan)))
                .collect();
            if form_is_stale {
                running.push(scope.spawn(form));
            }
            running.into_iter().try_for_each(joined)
        })?;
        if page { page::build(plan) } else { Ok(()) }
    })
}

/// What a thread has come to; its panic is ours.
fn joined<T>(thread: ScopedJoinHandle<'_, T>) -> T {
    thread
        .join()
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// Installs the tools while something is compiled.
fn with_tools(phases: &Phases, compile: impl FnOnce() -> Result<()>) -> Result<()> {
    tools::wasm_target()?;
    thread::scope(|scope| {
        let packages = scope.spawn(|| tools::npm_packages(phases));
        let compiled = compile();
        compiled.and(joined(packages))
    })
}

const EDGE: &str = "patrol-edge";
const ORIGIN: &str = "patrol-origin";
const FORM: &str = "patrol-form";

fn script(worker: Worker, plan: &Plan) -> Result<Script> {
    let (package, entry) = match worker {
        Worker::Edge => (EDGE, "src/edge/entry.js"),
        Worker::Origin => (ORIGIN, "src/origin/entry.js"),
    };
    let name = worker.name();
    let folder = plan.folder(name);
    Ok(Script {
        name: name.to_owned(),
        package,
        entry,
        stamp: Stamp::new(&folder, plan, stamp::inputs(name, plan)?)?,
        folder,
    })
}

fn finish(script: &Script, plan: &Plan) -> Result<()> {
    script.stamp.remove();
    script.finish(plan)?;
    script.stamp.write()
}

/// One of the benchmark's own Workers, below `bench/`; `name` tells variants apart.
pub(crate) fn bench(
    name: &str,
    package: &'static str,
    policy: Option<&std::path::Path>,
    phases: &Phases,
) -> Result<PathBuf> {
    let mut plan = Plan::release()?;
    plan.policy = policy.map(PathBuf::from).or(plan.policy);
    let source = package.replacen("patrol-", "", 1).replacen('-', "/", 1);
    let mut files = stamp::inputs(name, &plan)?;
    stamp::collect(&root()?.join(source), &[], &mut files)?;
    let folder = plan.folder("bench").join(name);
    let script = Script {
        name: name.to_owned(),
        package,
        entry: "src/platform/entry.js",
        stamp: Stamp::new(&folder, &plan, files)?,
        folder,
    };
    let _turn = tools::turn("build")?;
    if !script.stamp.is_current() {
        phases.step(name, |step| {
            wasm::compile(&[package], "release", &plan, step)?;
            finish(&script, &plan)
        })?;
    }
    Ok(script.folder)
}

/// Checks the page's JavaScript and styles: types, lints and format. The types of the form module
/// come from its Rust code.
pub(crate) fn check_page(plan: &Plan, phases: &Phases) -> Result<()> {
    tools::npm_packages(phases)?;
    phases.step("lints, JavaScript", |step| {
        let _turn = tools::turn("build")?;
        wasm::declare_form(FORM, plan, step)?;
        for (tool, arguments) in [
            ("tsc", &["--noEmit"][..]),
            ("eslint", &["--max-warnings=0", "."]),
            ("prettier", &["--check", "--log-level=warn", "."]),
        ] {
            let mut command = child::command(tools::npm_tool(tool)?)?;
            command
                .env("PATH", tools::search_path()?)
                .current_dir(root()?)
                .args(arguments);
            child::run_quietly(command, tool)?;
        }
        Ok(())
    })
}

/// Fails when the form module is heavier than a page should have to load.
pub(crate) fn check_form(plan: &Plan) -> Result<()> {
    /// Compressed, in bytes.
    const MAX: usize = 60_000;
    let files = ["form_bg.wasm", "form.js"].map(|name| plan.form().join(name));
    let (_, packed) = wasm::weigh(&files)?;
    if packed >= MAX {
        bail!("the form module has {packed} bytes as a browser loads it; {MAX} is too many");
    }
    Ok(())
}
