//! What the other commands need on the machine, checked and installed.
//!
//! The npm packages go into the checkout (`node_modules`), at the versions of the lock file. The
//! machine itself gets parts of Rust (the WebAssembly target, for `test` its linters) by rustup, and
//! for `test` and `bench` programs by the system's packages, which bring libraries and security
//! updates along. What is there already is recognised by asking it for its version, or by the
//! contents of the lock file it was installed from. A file lock makes concurrent commands wait in
//! turn.
//!
//! Left out: Rust and Node.js themselves, which belong to the machine's owner; a
//! message names what to install.

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};

use crate::child::{self, first_line};
use crate::console::{Phases, say};
use crate::{root, target_dir};

/// The compilation target of Workers.
pub(crate) const WASM: &str = "wasm32-unknown-unknown";

/// What only `test` needs besides.
pub(crate) fn install_linters() -> Result<()> {
    for (component, tool) in [("rustfmt", "fmt"), ("clippy", "clippy")] {
        if first_line(Command::new("cargo").args([tool, "--version"])).is_none() {
            let why = format!("`cargo {tool}` is part of the tests");
            installing(&format!("the Rust component {component}"), &why, || {
                rustup(&["component", "add", component])
            })?;
        }
    }
    Ok(())
}

/// The program that starts and drives Chromium. Debian's finds its own browser.
pub(crate) const BROWSER_DRIVER: &str = "chromedriver";

/// What only the browser tests need: Chromium and its driver.
pub(crate) fn install_browser() -> Result<()> {
    let runs = |program: &&str| first_line(Command::new(program).arg("--version")).is_some();
    // Other systems call it otherwise, and their driver knows.
    let browsers = ["chromium", "google-chrome", "chromium-browser"];
    system_packages(
        &["chromium", "chromium-driver"],
        "the page is tested in a browser",
        || runs(&BROWSER_DRIVER) && browsers.iter().any(runs),
    )
}

/// What only the benchmark needs: wrk, which loads a server with little load of its own.
pub(crate) fn install_load_generator() -> Result<()> {
    // It fails even when it only tells its version.
    let runs = || Command::new("wrk").arg("-v").output().is_ok();
    system_packages(&["wrk"], "it sends the benchmark's requests", runs)
}

/// Installs packages of the system, unless what they bring is there.
fn system_packages(names: &[&str], why: &str, are_there: impl Fn() -> bool) -> Result<()> {
    let _turn = turn("system-packages")?;
    if are_there() {
        return Ok(());
    }
    let what = format!("the system's {}", names.join(" and "));
    let by_hand = format!(
        "install it in the way of your system (Debian: `apt install {}`), then try again",
        names.join(" ")
    );
    if first_line(Command::new("apt-get").arg("--version")).is_none() {
        bail!("there is no `apt-get` to get {what} with ({why}): {by_hand}");
    }
    let root = first_line(Command::new("id").arg("-u")).as_deref() == Some("0");
    if !root && first_line(Command::new("sudo").arg("--version")).is_none() {
        bail!("only root can install {what} ({why}): {by_hand}");
    }
    let apt = |arguments: &[&str]| {
        let mut apt = if root {
            child::command("apt-get")?
        } else {
            let mut sudo = child::command("sudo")?;
            sudo.args(["--non-interactive", "--preserve-env=DEBIAN_FRONTEND"]);
            sudo.arg("apt-get");
            sudo
        };
        apt.args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
        child::run_quietly(apt, &format!("`apt-get {}`", arguments.join(" ")))
    };
    installing(&what, why, || {
        if !root {
            // Asks for a password where one is needed, which it cannot below a keeper, away from
            // the terminal. What comes of it is seen by the next line.
            let _ = Command::new("sudo").arg("--validate").status();
        }
        apt(&["update", "-qq"])?;
        let install = ["install", "-qq", "-y", "--no-install-recommends"];
        apt(&[&install, names].concat()).with_context(|| by_hand.clone())
    })?;
    if !are_there() {
        bail!("installing {what} went well, but does not help: {by_hand}");
    }
    Ok(())
}

/// Waits until no other xtask does the same work in this checkout; the turn ends
/// when the value is dropped.
pub(crate) fn turn(work: &str) -> Result<File> {
    let folder = target_dir()?.join("xtask");
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let path = folder.join(format!("{work}.lock"));
    let file = File::create(&path).with_context(|| format!("cannot create {}", path.display()))?;
    if file.try_lock().is_err() {
        say(format_args!("waiting for another xtask ({work})"));
        file.lock()
            .with_context(|| format!("cannot lock {}", path.display()))?;
    }
    Ok(file)
}

/// The program search path for all children: the npm packages first, as the Node
/// among them is one that wrangler accepts, whatever the machine's own is.
pub(crate) fn search_path() -> Result<OsString> {
    let inherited = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(npm_bin()?).chain(std::env::split_paths(&inherited));
    std::env::join_paths(folders).context("the path of the checkout cannot be part of PATH")
}

/// A program from an npm package.
pub(crate) fn npm_tool(name: &str) -> Result<PathBuf> {
    let path = npm_bin()?.join(name);
    if !path.exists() {
        bail!(
            "{} is missing although it was installed; remove its folder and try again",
            path.display()
        );
    }
    Ok(path)
}

fn npm_bin() -> Result<PathBuf> {
    Ok(root()?.join("node_modules/.bin"))
}

/// Rust's target for WebAssembly.
pub(crate) fn wasm_target() -> Result<()> {
    // Asked of the compiler, not of rustup: a distribution's Rust may have it too.
    let mut ask = Command::new("rustc");
    ask.args(["--print", "target-libdir", "--target", WASM]);
    let folder = first_line(&mut ask).context(
        "cannot run `rustc`: install Rust with rustup (https://rustup.rs), then try again",
    )?;
    if fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some()) {
        return Ok(());
    }
    let what = format!("the Rust target {WASM}");
    installing(&what, "Workers are WebAssembly modules", || {
        rustup(&["target", "add", WASM])
    })
}

fn rustup(arguments: &[&str]) -> Result<()> {
    if first_line(Command::new("rustup").arg("--version")).is_none() {
        bail!(
            "`rustup {}` is needed, but there is no rustup: install it (https://rustup.rs), \
             or add this part of Rust in the way your Rust was installed",
            arguments.join(" ")
        );
    }
    child::run(child::command("rustup")?.args(arguments), "rustup")
}

/// The packages of package-lock.json.
pub(crate) fn npm_packages(phases: &Phases) -> Result<()> {
    let _turn = turn("npm-packages")?;
    let root = root()?;
    let lock = fs::read(root.join("package-lock.json")).context("cannot read package-lock.json")?;
    let stamp = root.join("node_modules/.installed-from");
    if fs::read(&stamp).is_ok_and(|from| from == lock) {
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
    phases.step("npm packages", |_| {
        let mut npm = child::command("npm")?;
        npm.args(["ci", "--no-audit", "--no-fund", "--loglevel=error"])
            .current_dir(&root);
        child::run_quietly(npm, "`npm ci`")?;
        check_node(&root)?;
        fs::write(&stamp, &lock).with_context(|| format!("cannot write {}", stamp.display()))
    })
}

/// The Node among the packages is an optional one, as each platform has its own.
fn check_node(root: &Path) -> Result<()> {
    let node = root.join("node_modules/.bin/node");
    if first_line(Command::new(node).arg("--version")).is_none() {
        bail!(
            "npm has installed no Node.js that runs here: package.json lists those of Linux and \
             macOS as optional dependencies, which npm must not be told to omit"
        );
    }
    Ok(())
}

fn installing(what: &str, why: &str, work: impl FnOnce() -> Result<()>) -> Result<()> {
    say(format_args!("installing {what}: {why}"));
    let began = Instant::now();
    work().with_context(|| format!("could not install {what}"))?;
    say(format_args!(
        "installed in {:.0} s",
        began.elapsed().as_secs_f64()
    ));
    Ok(())
}
