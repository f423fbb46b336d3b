//! `cargo xtask test`: all checks, quick ones first. `cargo xtask lint`: format and lints alone.
//!
//! One cargo call compiles all native tests, so shared dependencies are compiled once; this module
//! then runs the programs. The Workers only compile for WebAssembly: they are linted for that
//! target and left out of the native steps. The form is tested twice: its state machines natively,
//! and its JavaScript interface in Chromium. The proof and the benchmark run last, in short form,
//! and only if what they measure has changed since they passed.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::bench;
use crate::build::{self, Part};
use crate::cargo;
use crate::console::{Progress, Timings, say};
use crate::fingerprint::{self, Fingerprint};
use crate::paths::{root, target_dir};
use crate::process;
use crate::prove;
use crate::tools;
use crate::variant::Variant;

/// Check everything: format, lints, native and end-to-end tests, those of proxies and in a browser,
/// and short runs of the proof and the benchmark.
///
/// Stops at the first failure. Chromium, wrk and two proxies are system packages; installing them needs
/// root or sudo.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Run format, lints and native tests only: nothing that needs the runtime or a browser.
    #[arg(long, conflicts_with_all = ["filter", "package", "all"])]
    quick: bool,

    /// Run the proof and the benchmark even if nothing they measure has changed. Implied if the
    /// variable CI is set.
    #[arg(long)]
    all: bool,

    /// Compile and run the tests of this package only.
    #[arg(long, short, value_name = "PACKAGE")]
    package: Option<String>,

    /// Run only tests whose names contain this: no lints, and only the builds they need.
    #[arg(value_name = "NAME")]
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
/// Compiled in a separate call, with the same features as for every other command.
const XTASK: &str = "xtask";

pub(crate) fn test(args: &Args) -> Result<()> {
    let timings = Timings::new();
    let is_selection = args.filter.is_some() || args.package.is_some();
    let result = if is_selection {
        selected_tests(args.package.as_deref(), args.filter.as_deref(), &timings)
    } else {
        all_checks(args, &timings)
    };
    timings.print_summary();
    result?;
    say(if is_selection {
        "the selected tests passed"
    } else {
        "all checks passed"
    });
    Ok(())
}

/// `cargo xtask lint`
pub(crate) fn lint() -> Result<()> {
    let timings = Timings::new();
    let result = lint_all(&timings);
    timings.print_summary();
    result?;
    say("format and lints passed");
    Ok(())
}

fn all_checks(args: &Args, timings: &Timings) -> Result<()> {
    if !args.quick {
        // First, because they may ask for a password.
        tools::install_browser()?;
        tools::install_clients()?;
        tools::install_load_generator()?;
        tools::install_scanner(timings)?;
        tools::install_proxies(timings)?;
    }
    lint_all(timings)?;
    let tests = compile_tests(None, timings)?;
    if args.quick {
        return timings.section("native tests", || tests.run(Kind::Native, None));
    }
    let variant = Variant::release()?;
    build::build_parts(&Part::ALL, &variant, timings)?;
    build::check_form_size(&variant)?;
    timings.section("native tests", || tests.run(Kind::Native, None))?;
    timings.section("end-to-end tests", || tests.run(Kind::EndToEnd, None))?;
    timings.section("tests of proxies", || tests.run(Kind::Proxies, None))?;
    timings.section("browser tests", || tests.run(Kind::Browser, None))?;

    let always = args.all || std::env::var_os("CI").is_some();
    unless_passed("tests/prove", always, &variant, || {
        timings.section("proof of revocation, short", || {
            prove::run(&["--quick".into()])
        })
    })?;
    // A short round checks no goals, only that the benchmark still runs.
    unless_passed("bench", always, &variant, || bench::quick(timings))
}

/// Runs the tests of one package, or those whose names contain `name`, or both.
fn selected_tests(package: Option<&str>, name: Option<&str>, timings: &Timings) -> Result<()> {
    let tests = compile_tests(package, timings)?;
    let kinds: Vec<Kind> = Kind::ALL
        .into_iter()
        .filter(|kind| tests.contains(*kind, name))
        .collect();
    if kinds.is_empty() {
        bail!(
            "no test has `{}` in its name; `cargo test --package PACKAGE -- --list` lists the tests",
            name.unwrap_or_default()
        );
    }
    if kinds.contains(&Kind::Browser) {
        tools::install_browser()?;
    }
    if kinds.contains(&Kind::EndToEnd) {
        tools::install_clients()?;
        tools::install_scanner(timings)?;
    }
    if kinds.contains(&Kind::Proxies) {
        tools::install_proxies(timings)?;
    }
    if kinds.iter().any(|kind| *kind != Kind::Native) {
        build::build_parts(&Part::ALL, &Variant::release()?, timings)?;
    }
    for kind in kinds {
        timings.section(kind.name(), || tests.run(kind, name))?;
    }
    Ok(())
}

fn lint_all(timings: &Timings) -> Result<()> {
    tools::install_linters()?;
    tools::install_wasm_target()?;
    timings.step("checking the format", |_| {
        process::run_quietly(cargo::command(&["fmt", "--all", "--check"])?, "`cargo fmt`")
    })?;
    let deny = ["--", "-D", "warnings"];
    timings.step("linting native code", |progress| {
        let mut list = vec!["clippy", "--workspace", "--all-targets"];
        list.extend(WORKERS.iter().flat_map(|name| ["--exclude", name]));
        list.extend(deny);
        cargo::build(cargo::command(&list)?, "`cargo clippy`", progress)
    })?;
    timings.step("linting WebAssembly code", |progress| {
        let mut list = vec!["clippy", "--target", tools::WASM];
        list.extend(WORKERS.iter().flat_map(|name| ["--package", name]));
        list.extend(["--package", FORM]);
        list.extend(deny);
        cargo::build(cargo::command(&list)?, "`cargo clippy`", progress)
    })?;
    build::check_javascript(&Variant::release()?, timings)
}

/// Test programs, by what they need.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Nothing.
    Native,
    /// The built Workers and the runtime.
    EndToEnd,
    /// The same and the proxies of `deploy/proxies`.
    Proxies,
    /// The built Workers, the runtime and a browser.
    Browser,
}

impl Kind {
    const ALL: [Self; 4] = [Self::Native, Self::EndToEnd, Self::Proxies, Self::Browser];

    /// Integration tests of three packages use the running system; their unit tests do not.
    fn of(package: &str, is_integration: bool) -> Self {
        match package {
            "patrol-e2e" if is_integration => Self::EndToEnd,
            "patrol-proxies" if is_integration => Self::Proxies,
            "patrol-browser" if is_integration => Self::Browser,
            _ => Self::Native,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Native => "native tests",
            Self::EndToEnd => "end-to-end tests",
            Self::Proxies => "tests of proxies",
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
    /// The package's folder: the working directory of its tests.
    folder: PathBuf,
}

/// Compiled test programs.
struct Tests(Vec<Program>);

fn compile_tests(package: Option<&str>, timings: &Timings) -> Result<Tests> {
    timings.step("compiling the tests", |progress| {
        Tests::compile(package, progress)
    })
}

impl Tests {
    /// Compiles the tests of one package, or all native tests.
    fn compile(package: Option<&str>, progress: &Progress) -> Result<Self> {
        let commands = match package {
            Some(name) if WORKERS.contains(&name) => bail!(
                "{name} has no native tests: it compiles for WebAssembly only, and tests/e2e tests it"
            ),
            Some(name) => vec![vec!["test", "--package", name]],
            None => {
                let mut all = vec!["test", "--workspace", "--exclude", XTASK];
                all.extend(WORKERS.iter().flat_map(|name| ["--exclude", name]));
                vec![all, vec!["test", "--package", XTASK]]
            }
        };
        let mut programs = Vec::new();
        for arguments in commands {
            let mut cargo = cargo::command(&arguments)?;
            cargo.args(["--no-run", "--message-format", "json-render-diagnostics"]);
            cargo::build_with_messages(cargo, "compiling the tests", progress, |message| {
                programs.extend(Program::from_message(message));
            })?;
        }
        if programs.is_empty() {
            bail!("cargo built no test programs");
        }
        Ok(Self(programs))
    }

    fn run(&self, kind: Kind, filter: Option<&str>) -> Result<()> {
        for program in self.0.iter().filter(|program| program.kind == kind) {
            if program.contains(filter) {
                say(format_args!("   {}", program.name));
                let mut test = process::command(&program.path)?;
                test.args(filter)
                    .current_dir(&program.folder)
                    // Some tests run programs of npm packages.
                    .env("PATH", tools::search_path()?)
                    .env_remove("CARGO_MANIFEST_DIR");
                process::run(&mut test, &program.name)?;
            }
        }
        Ok(())
    }

    /// Whether a test of this kind has `name` in its name.
    fn contains(&self, kind: Kind, name: Option<&str>) -> bool {
        let mut programs = self.0.iter().filter(|program| program.kind == kind);
        programs.any(|program| program.contains(name))
    }
}

impl Program {
    /// Reads cargo's JSON message about a compiled test program.
    fn from_message(message: &str) -> Option<Self> {
        let message: Value = serde_json::from_str(message).ok()?;
        if message["profile"]["test"] != true {
            return None;
        }
        let path = message["executable"].as_str()?.into();
        let manifest = PathBuf::from(message["manifest_path"].as_str()?);
        let folder = manifest.parent()?.to_path_buf();
        // path+file:///checkout/src/form#patrol-form@0.1.0, or …/xtask#0.1.0
        let (source, package) = message["package_id"].as_str()?.rsplit_once('#')?;
        let package = match package.split_once('@') {
            Some((name, _)) => name,
            None => source.rsplit('/').next()?,
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

    /// Whether one of its tests has `name` in its name.
    fn contains(&self, name: Option<&str>) -> bool {
        let Some(name) = name else {
            return true;
        };
        let listed = Command::new(&self.path)
            .args([name, "--list", "--format", "terse"])
            .output();
        listed.is_ok_and(|output| output.stdout.windows(6).any(|part| part == b": test"))
    }
}

/// Runs `work` unless it passed before with the same modules and the same sources.
fn unless_passed(
    sources: &str,
    always: bool,
    variant: &Variant,
    work: impl FnOnce() -> Result<()>,
) -> Result<()> {
    let mut files = vec![root()?.join("Cargo.lock")];
    fingerprint::collect(&root()?.join(sources), &[], &mut files)?;
    for folder in [
        variant.folder("edge"),
        variant.folder("origin"),
        variant.form().into(),
    ] {
        fingerprint::collect(&folder, &[], &mut files)?;
    }
    let folder = target_dir()?.join("xtask").join(sources.replace('/', "-"));
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("cannot create {}", folder.display()))?;
    let fingerprint = Fingerprint::new(&folder, variant, files)?;
    if !always && fingerprint.is_current() {
        say(format_args!(
            "== {sources}: skipped, because it passed and nothing it measures has changed; --all runs it"
        ));
        return Ok(());
    }
    fingerprint.remove();
    work()?;
    fingerprint.write()
}
