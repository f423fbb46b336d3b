//! Installs the tools that the other commands need.
//!
//! npm packages go into the checkout (`node_modules`), at the versions of the lock file, and Python
//! packages too (`build/python`), at those of `tests/e2e/requirements.txt`. rustup adds the WebAssembly target and, for `test`, the linters. The system's package manager adds the
//! programs for `test` and `bench`, with their libraries and security updates. A tool counts as
//! installed if it prints its version; packages, if they come from the current lock file.
//! A file lock makes concurrent commands wait for each other.
//!
//! Left out: Rust and Node.js, which belong to the owner of the machine; a message names what to
//! install.

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};

use crate::console::{Timings, say};
use crate::paths::{root, target_dir};
use crate::process::{self, first_line};

/// The compilation target of Workers.
pub(crate) const WASM: &str = "wasm32-unknown-unknown";

pub(crate) fn install_linters() -> Result<()> {
    for (component, tool) in [("rustfmt", "fmt"), ("clippy", "clippy")] {
        if first_line(Command::new("cargo").args([tool, "--version"])).is_none() {
            let why = format!("the checks run `cargo {tool}`");
            install(&format!("the Rust component {component}"), &why, || {
                rustup(&["component", "add", component])
            })?;
        }
    }
    Ok(())
}

/// Starts and drives Chromium. Debian's version finds Debian's browser.
pub(crate) const BROWSER_DRIVER: &str = "chromedriver";

/// Installs Chromium and its driver, for the browser tests.
pub(crate) fn install_browser() -> Result<()> {
    let runs = |program: &&str| first_line(Command::new(program).arg("--version")).is_some();
    // The browser has other names on other systems.
    let browsers = ["chromium", "google-chrome", "chromium-browser"];
    system_packages(
        &["chromium", "chromium-driver"],
        "the browser tests drive the page in Chromium",
        || runs(&BROWSER_DRIVER) && browsers.iter().any(runs),
    )
}

/// Installs wrk, for the benchmark: it generates much load with little processor time.
pub(crate) fn install_load_generator() -> Result<()> {
    // wrk exits with an error even after `-v`.
    let runs = || Command::new("wrk").arg("-v").output().is_ok();
    system_packages(&["wrk"], "the benchmark sends its requests with wrk", runs)
}

/// Installs detect-secrets, with which the end-to-end tests find leaked tokens.
pub(crate) fn install_scanner() -> Result<()> {
    let root = root()?;
    let requirements = root.join("tests/e2e/requirements.txt");
    let wanted = fs::read(&requirements)
        .with_context(|| format!("cannot read {}", requirements.display()))?;
    let folder = root.join("build/python");
    let installed_from = folder.join("installed-from.txt");
    let _lock = lock("python-packages")?;
    if fs::read(&installed_from).is_ok_and(|from| from == wanted) {
        return Ok(());
    }
    let why = "the end-to-end tests scan files for tokens with detect-secrets";
    let pip = ["-m", "pip"];
    system_packages(&["python3", "python3-pip"], why, || {
        first_line(Command::new("python3").args(pip).arg("--version")).is_some()
    })?;
    install("Python packages", why, || {
        if folder.exists() {
            fs::remove_dir_all(&folder)
                .with_context(|| format!("cannot remove {}", folder.display()))?;
        }
        let mut install = process::command("python3")?;
        install
            .args(pip)
            .args(["install", "--quiet", "--no-deps", "--no-input", "--target"])
            .arg(&folder)
            .arg("--requirement")
            .arg(&requirements);
        process::run_quietly(install, "`pip install`")
    })?;
    fs::write(&installed_from, &wanted)
        .with_context(|| format!("cannot write {}", installed_from.display()))
}

/// Installs system packages unless `is_installed`.
fn system_packages(names: &[&str], why: &str, is_installed: impl Fn() -> bool) -> Result<()> {
    let _lock = lock("system-packages")?;
    if is_installed() {
        return Ok(());
    }
    let what = format!("the system packages {}", names.join(" and "));
    let by_hand = format!(
        "install it with your system's package manager (Debian: `apt install {}`), then try again",
        names.join(" ")
    );
    if first_line(Command::new("apt-get").arg("--version")).is_none() {
        bail!("{why}, but there is no `apt-get` to install {what}: {by_hand}");
    }
    let root = first_line(Command::new("id").arg("-u")).as_deref() == Some("0");
    if !root && first_line(Command::new("sudo").arg("--version")).is_none() {
        bail!("{why}, but only root can install {what} and there is no `sudo`: {by_hand}");
    }
    let apt = |arguments: &[&str]| {
        let mut apt = if root {
            process::command("apt-get")?
        } else {
            let mut sudo = process::command("sudo")?;
            sudo.args(["--non-interactive", "--preserve-env=DEBIAN_FRONTEND"]);
            sudo.arg("apt-get");
            sudo
        };
        apt.args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
        process::run_quietly(apt, &format!("`apt-get {}`", arguments.join(" ")))
    };
    install(&what, why, || {
        if !root {
            // Asks for a password if one is needed: under a supervisor, away from the terminal,
            // sudo cannot. If this fails, the next line reports it.
            let _ = Command::new("sudo").arg("--validate").status();
        }
        apt(&["update", "-qq"])?;
        let install = ["install", "-qq", "-y", "--no-install-recommends"];
        apt(&[&install, names].concat()).with_context(|| by_hand.clone())
    })?;
    if !is_installed() {
        bail!("{what} were installed, but do not run: {by_hand}");
    }
    Ok(())
}

/// Waits until no other xtask does the same work in this checkout. Dropping the file unlocks it.
pub(crate) fn lock(work: &str) -> Result<File> {
    let folder = target_dir()?.join("xtask");
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let path = folder.join(format!("{work}.lock"));
    let file = File::create(&path).with_context(|| format!("cannot create {}", path.display()))?;
    if file.try_lock().is_err() {
        say(format_args!(
            "waiting: another xtask in this checkout is busy with `{work}`"
        ));
        file.lock()
            .with_context(|| format!("cannot lock {}", path.display()))?;
    }
    Ok(file)
}

/// `PATH` for child processes. The npm packages come first: they include a Node.js that wrangler
/// accepts, whatever version the machine has.
pub(crate) fn search_path() -> Result<OsString> {
    let inherited = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(npm_bin()?).chain(std::env::split_paths(&inherited));
    std::env::join_paths(folders)
        .context("the path of the checkout contains a character that PATH does not allow")
}

/// The path of a program from an npm package.
pub(crate) fn npm_tool(name: &str) -> Result<PathBuf> {
    let path = npm_bin()?.join(name);
    if !path.exists() {
        bail!(
            "{} is missing; delete node_modules and try again",
            path.display()
        );
    }
    Ok(path)
}

fn npm_bin() -> Result<PathBuf> {
    Ok(root()?.join("node_modules/.bin"))
}

pub(crate) fn install_wasm_target() -> Result<()> {
    // Ask the compiler, not rustup: a distribution's Rust may have the target too.
    let mut ask = Command::new("rustc");
    ask.args(["--print", "target-libdir", "--target", WASM]);
    let folder = first_line(&mut ask).context(
        "cannot run `rustc`; install Rust with rustup (https://rustup.rs), then try again",
    )?;
    if fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some()) {
        return Ok(());
    }
    let what = format!("the Rust target {WASM}");
    install(&what, "Workers are compiled to WebAssembly", || {
        rustup(&["target", "add", WASM])
    })
}

fn rustup(arguments: &[&str]) -> Result<()> {
    if first_line(Command::new("rustup").arg("--version")).is_none() {
        bail!(
            "cannot run `rustup {}`: install rustup (https://rustup.rs), or add this component \
             with the tool that installed your Rust",
            arguments.join(" ")
        );
    }
    process::run(process::command("rustup")?.args(arguments), "rustup")
}

/// Installs the packages of package-lock.json.
pub(crate) fn install_npm_packages(timings: &Timings) -> Result<()> {
    let _lock = lock("npm-packages")?;
    let root = root()?;
    let lock = fs::read(root.join("package-lock.json")).context("cannot read package-lock.json")?;
    let installed_from = root.join("node_modules/.installed-from");
    if fs::read(&installed_from).is_ok_and(|from| from == lock) {
        return Ok(());
    }
    for tool in ["node", "npm"] {
        if first_line(Command::new(tool).arg("--version")).is_none() {
            bail!(
                "cannot run `{tool}`: install Node.js 20 or newer with npm \
                 (Debian: `apt install nodejs npm`), then try again"
            );
        }
    }
    timings.step("installing npm packages", |_| {
        let mut npm = process::command("npm")?;
        npm.args(["ci", "--no-audit", "--no-fund", "--loglevel=error"])
            .current_dir(&root);
        process::run_quietly(npm, "`npm ci`")?;
        check_node(&root)?;
        fs::write(&installed_from, &lock)
            .with_context(|| format!("cannot write {}", installed_from.display()))
    })
}

/// Node.js is an optional package: each platform has its own.
fn check_node(root: &Path) -> Result<()> {
    let node = root.join("node_modules/.bin/node");
    if first_line(Command::new(node).arg("--version")).is_none() {
        bail!(
            "npm installed no Node.js that runs here: package.json lists it for Linux and macOS as \
             an optional dependency; do not tell npm to omit those"
        );
    }
    Ok(())
}

fn install(what: &str, why: &str, work: impl FnOnce() -> Result<()>) -> Result<()> {
    say(format_args!("installing {what}, because {why}"));
    let started = Instant::now();
    work().with_context(|| format!("could not install {what}"))?;
    say(format_args!(
        "installed {what} in {:.0} s",
        started.elapsed().as_secs_f64()
    ));
    Ok(())
}
