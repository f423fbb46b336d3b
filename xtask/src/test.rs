//! `cargo xtask test`: every check there is, the quick ones first.
//!
//! The Workers are linted for the target that they run on. Their crates are left out
//! of the native steps: they only compile for that target. The end-to-end tests start
//! `cargo xtask dev` themselves; building the Workers before them keeps the time and
//! the errors of the build out of the tests. The form is tested twice: its state machines
//! natively, and how JavaScript reaches them in Chromium.

use anyhow::Result;

use crate::bench;
use crate::build::{self, Plan, Worker};
use crate::child;
use crate::page;
use crate::prove;
use crate::report::{Phases, say};
use crate::root;
use crate::tools;

/// Check everything: format, lints, native tests, end-to-end and browser tests, the proof and the
/// benchmark in short.
///
/// Stops at the first step that fails. Chromium and wrk come from the system's packages: installing
/// them needs root or sudo.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Leave out the tests that need the running system or a browser.
    #[arg(long)]
    quick: bool,

    /// Run only the tests whose names contain this.
    filter: Option<String>,
}

/// The crates that only compile for the runtime's target.
const WORKERS: [&str; 4] = [
    "patrol-edge",
    "patrol-origin",
    "patrol-bench-hello",
    "patrol-bench-inside",
];
/// The browser's module: WebAssembly too, but its state machines are tested natively.
const FORM: &str = "patrol-form";
/// Its tests that are WebAssembly themselves.
const BOUNDARY: &str = "boundary";
/// The tests that need the running system.
const END_TO_END: &str = "patrol-e2e";
/// Those of the page in the browser, which need it too.
const BROWSER: &str = "patrol-browser";

/// The command.
pub(crate) fn test(args: &Args) -> Result<()> {
    let mut phases = Phases::new();
    phases.quietly("tools", || {
        tools::install()?;
        tools::install_linters()?;
        if args.quick {
            return Ok(());
        }
        tools::install_browser()?;
        if args.filter.is_some() {
            return Ok(());
        }
        // Asked for now, and not after all the tests, as it may need a password.
        tools::install_load_generator()
    })?;
    let done = steps(args, &mut phases);
    phases.summary();
    done?;
    say("all good");
    Ok(())
}

fn steps(args: &Args, phases: &mut Phases) -> Result<()> {
    let exclude = WORKERS.iter().flat_map(|name| ["--exclude", name]);
    let wasm = WORKERS
        .iter()
        .chain([&FORM])
        .flat_map(|name| ["--package", name]);
    let filter: Vec<&str> = args.filter.as_deref().into_iter().collect();
    let deny = ["--", "-D", "warnings"];

    phases.run("format", || cargo(&["fmt", "--all", "--check"]))?;
    phases.run("lints, native", || {
        let mut list = vec!["clippy", "--workspace", "--all-targets"];
        list.extend(exclude.clone());
        list.extend(deny);
        cargo(&list)
    })?;
    phases.run("lints, WebAssembly", || {
        let mut list = vec!["clippy", "--target", tools::WASM];
        list.extend(wasm);
        list.extend(deny);
        cargo(&list)?;
        let mut list = vec!["clippy", "--target", tools::WASM];
        list.extend(["--package", FORM, "--test", BOUNDARY]);
        list.extend(deny);
        cargo(&list)
    })?;
    phases.run("native tests", || {
        let mut list = vec!["test", "--workspace", "--exclude", END_TO_END];
        list.extend(["--exclude", BROWSER]);
        list.extend(exclude);
        list.extend(&filter);
        cargo(&list)
    })?;
    if args.quick {
        return Ok(());
    }
    let plan = Plan::new(None, None)?;
    for worker in Worker::ALL {
        phases.run(&format!("{worker} Worker"), || build::one(worker, &plan))?;
    }
    phases.run("page", || page::build(&plan))?;
    phases.run("form in the browser", || {
        build::check_form(&plan)?;
        let mut list = vec!["test", "--target", tools::WASM];
        list.extend(["--package", FORM, "--test", BOUNDARY]);
        list.extend(&filter);
        cargo(&list)
    })?;
    phases.run("end-to-end tests", || {
        let mut list = vec!["test", "--package", END_TO_END];
        list.extend(&filter);
        cargo(&list)
    })?;
    phases.run("browser tests", || {
        let mut list = vec!["test", "--package", BROWSER];
        list.extend(&filter);
        cargo(&list)
    })?;
    if args.filter.is_some() {
        return Ok(());
    }
    phases.run("proof of revocation, in short", || {
        prove::run(&["--quick".into()])
    })?;
    // It judges nothing: it shows that the benchmark still runs.
    phases.run("benchmark, a short round", bench::quick)
}

fn cargo(arguments: &[&str]) -> Result<()> {
    let mut cargo = child::command("cargo")?;
    // The npm packages come first for tests that run one of their programs.
    cargo
        .args(arguments)
        .current_dir(root()?)
        .env("PATH", tools::search_path()?)
        // WebAssembly runs in a browser; src/form/webdriver.json says how that starts.
        .env(
            "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER",
            tools::cargo_tool("wasm-bindgen-test-runner")?,
        )
        .env("CHROMEDRIVER", tools::BROWSER_DRIVER);
    child::run(&mut cargo, &format!("`cargo {}`", arguments.join(" ")))
}
