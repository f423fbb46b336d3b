//! `cargo xtask test`: every check there is, the quick ones first.
//!
//! All native tests are compiled by one call of cargo, so that what they share is compiled once,
//! and run from here. The Workers are linted for the target that they run on; their crates are left
//! out of the native steps, as they only compile for that target. The form is tested twice: its
//! state machines natively, and how JavaScript reaches them in Chromium. The proof and the benchmark
//! run last, in short, and only when what they run on has changed since they passed.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::bench;
use crate::build::{self, Part};
use crate::cargo;
use crate::child;
use crate::console::{Phases, say};
use crate::plan::Plan;
use crate::prove;
use crate::root;
use crate::stamp::{self, Stamp};
use crate::target_dir;
use crate::tools;

/// Check everything: format, lints, native tests, end-to-end and browser tests, the proof and the
/// benchmark in short.
///
/// Stops at the first step that fails. Chromium and wrk come from the system's packages: installing
/// them needs root or sudo.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Leave out what needs the running system or a browser.
    #[arg(long)]
    quick: bool,

    /// Run the proof and the benchmark even if nothing that they run on has changed; so it is when
    /// the variable CI is set.
    #[arg(long)]
    all: bool,

    /// Run only the tests whose names contain this: no lints, and only the builds that they need.
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
/// Compiled with its own dependencies alone, as it is for every command.
const XTASK: &str = "xtask";

/// The command.
pub(crate) fn test(args: &Args) -> Result<()> {
    let phases = Phases::new();
    let done = match &args.filter {
        Some(name) => by_name(name, &phases),
        None => everything(args, &phases),
    };
    phases.summary();
    done?;
    say("all good");
    Ok(())
}

fn everything(args: &Args, phases: &Phases) -> Result<()> {
    if !args.quick {
        // Asked for now, and not after all the tests, as they may need a password.
        tools::install_browser()?;
        tools::install_load_generator()?;
    }
    tools::install_linters()?;
    tools::wasm_target()?;
    lint(phases)?;
    let tests = phases.step("compile the tests", Tests::compile)?;
    if args.quick {
        return phases.run("native tests", || tests.run(Kind::Native, None));
    }
    let plan = Plan::release()?;
    build::make(&Part::ALL, &plan, phases)?;
    build::check_form(&plan)?;
    phases.run("native tests", || tests.run(Kind::Native, None))?;
    phases.run("end-to-end tests", || tests.run(Kind::EndToEnd, None))?;
    phases.run("browser tests", || tests.run(Kind::Browser, None))?;

    let always = args.all || std::env::var_os("CI").is_some();
    unless_passed("tests/prove", always, &plan, || {
        phases.run("proof of revocation, in short", || {
            prove::run(&["--quick".into()])
        })
    })?;
    // It judges nothing: it shows that the benchmark still runs.
    unless_passed("bench", always, &plan, || bench::quick(phases))
}

/// Runs the tests whose names contain a text.
fn by_name(name: &str, phases: &Phases) -> Result<()> {
    let tests = phases.step("compile the tests", Tests::compile)?;
    let kinds: Vec<Kind> = Kind::ALL
        .into_iter()
        .filter(|kind| tests.any(*kind, name))
        .collect();
    if kinds.is_empty() {
        bail!("no test has `{name}` in its name");
    }
    if kinds.contains(&Kind::Browser) {
        tools::install_browser()?;
    }
    if kinds.iter().any(|kind| *kind != Kind::Native) {
        build::make(&Part::ALL, &Plan::release()?, phases)?;
    }
    for kind in kinds {
        phases.run(kind.name(), || tests.run(kind, Some(name)))?;
    }
    Ok(())
}

fn lint(phases: &Phases) -> Result<()> {
    phases.step("format", |_| {
        child::run_quietly(cargo::command(&["fmt", "--all", "--check"])?, "`cargo fmt`")
    })?;
    let deny = ["--", "-D", "warnings"];
    phases.step("lints, native", |step| {
        let mut list = vec!["clippy", "--workspace", "--all-targets"];
        list.extend(WORKERS.iter().flat_map(|name| ["--exclude", name]));
        list.extend(deny);
        cargo::build(cargo::command(&list)?, "`cargo clippy`", step)
    })?;
    phases.step("lints, WebAssembly", |step| {
        let mut list = vec!["clippy", "--target", tools::WASM];
        list.extend(WORKERS.iter().flat_map(|name| ["--package", name]));
        list.extend(["--package", FORM]);
        list.extend(deny);
        cargo::build(cargo::command(&list)?, "`cargo clippy`", step)
    })?;
    build::check_page(&Plan::release()?, phases)
}

/// What a test needs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Nothing.
    Native,
    /// The built Workers, and the runtime.
    EndToEnd,
    /// A browser besides.
    Browser,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Native, Self::EndToEnd, Self::Browser];

    /// By the package and the target: integration tests of these packages use the system, their
    /// unit tests do not.
    fn of(package: &str, is_integration: bool) -> Self {
        match package {
            "patrol-e2e" if is_integration => Self::EndToEnd,
            "patrol-browser" if is_integration => Self::Browser,
            _ => Self::Native,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Native => "native tests",
            Self::EndToEnd => "end-to-end tests",
            Self::Browser => "browser tests",
        }
    }
}

/// A compiled test program.
struct Program {
    kind: Kind,
    /// For messages.
    name: String,
    path: PathBuf,
    /// The package's folder, where tests run.
    folder: PathBuf,
}

/// All native test programs.
struct Tests(Vec<Program>);

impl Tests {
    fn compile(step: &crate::console::Step) -> Result<Self> {
        let mut list = vec!["test", "--workspace", "--exclude", XTASK];
        list.extend(WORKERS.iter().flat_map(|name| ["--exclude", name]));
        let mut programs = Vec::new();
        for list in [list, vec!["test", "--package", XTASK]] {
            let mut cargo = cargo::command(&list)?;
            cargo.args(["--no-run", "--message-format", "json-render-diagnostics"]);
            cargo::build_and_hear(cargo, "the build of the tests", step, |line| {
                if let Some(program) = Program::of(line) {
                    programs.push(program);
                }
            })?;
        }
        if programs.is_empty() {
            bail!("cargo has built no tests");
        }
        Ok(Self(programs))
    }

    fn run(&self, kind: Kind, filter: Option<&str>) -> Result<()> {
        for program in self.0.iter().filter(|program| program.kind == kind) {
            let listed = filter.is_none_or(|name| program.lists(name));
            if listed {
                say(format_args!("   {}", program.name));
                let mut test = child::command(&program.path)?;
                test.args(filter)
                    .current_dir(&program.folder)
                    // The npm packages come first for tests that run one of their programs.
                    .env("PATH", tools::search_path()?)
                    .env_remove("CARGO_MANIFEST_DIR");
                child::run(&mut test, &program.name)?;
            }
        }
        Ok(())
    }

    /// Whether a test of that kind has a name with this in it.
    fn any(&self, kind: Kind, name: &str) -> bool {
        let mut programs = self.0.iter().filter(|program| program.kind == kind);
        programs.any(|program| program.lists(name))
    }
}

impl Program {
    /// What a message of cargo says of a test program, if it is about one.
    fn of(message: &str) -> Option<Self> {
        let message: Value = serde_json::from_str(message).ok()?;
        if message["profile"]["test"] != true {
            return None;
        }
        let path = message["executable"].as_str()?.into();
        let manifest = PathBuf::from(message["manifest_path"].as_str()?);
        let folder = manifest.parent()?.to_path_buf();
        // path+file:///checkout/src/form#patrol-form@0.1.0, or …/xtask#0.1.0
        let (place, package) = message["package_id"].as_str()?.rsplit_once('#')?;
        let package = match package.split_once('@') {
            Some((name, _)) => name,
            None => place.rsplit('/').next()?,
        };
        let target = message["target"]["name"].as_str()?;
        let is_integration = message["target"]["kind"][0] == "test";
        Some(Self {
            kind: Kind::of(package, is_integration),
            name: format!("{package}: {target}"),
            path,
            folder,
        })
    }

    fn lists(&self, name: &str) -> bool {
        let listed = Command::new(&self.path)
            .args([name, "--list", "--format", "terse"])
            .output();
        listed.is_ok_and(|output| output.stdout.windows(6).any(|part| part == b": test"))
    }
}

/// Does something unless it went well before, with the same modules and the same sources.
fn unless_passed(
    sources: &str,
    always: bool,
    plan: &Plan,
    work: impl FnOnce() -> Result<()>,
) -> Result<()> {
    let mut files = vec![root()?.join("Cargo.lock")];
    stamp::collect(&root()?.join(sources), &[], &mut files)?;
    for folder in [
        plan.folder("edge"),
        plan.folder("origin"),
        plan.form().into(),
    ] {
        stamp::collect(&folder, &[], &mut files)?;
    }
    let folder = target_dir()?.join("xtask").join(sources.replace('/', "-"));
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("cannot create {}", folder.display()))?;
    let stamp = Stamp::new(&folder, plan, files)?;
    if !always && stamp.is_current() {
        say(format_args!(
            "== {sources}: passed before, and nothing in it has changed"
        ));
        return Ok(());
    }
    stamp.remove();
    work()?;
    stamp.write()
}
