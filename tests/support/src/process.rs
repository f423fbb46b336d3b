//! Child processes that end with this one: `xtask` supervises them.

use crate::workspace::root;
use std::{
    ffi::OsStr,
    fs,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
};

/// The xtask program next to the running one, built from the current sources: cargo builds it for
/// `cargo xtask test`, but not when only this package is tested.
///
/// # Panics
/// If it does not build.
pub fn xtask() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let running = std::env::current_exe().expect("the running program has a path");
        // Tests are in target/*/deps, programs in target/*.
        let folder = running
            .ancestors()
            .skip(1)
            .find(|folder| !folder.ends_with("deps"))
            .expect("the running program is in a folder");
        let release = folder.ends_with("release").then_some("--release");
        let status = Command::new("cargo")
            .args(["build", "--quiet", "--package", "xtask"])
            .args(release)
            .current_dir(root())
            .status();
        assert!(
            status.is_ok_and(|status| status.success()),
            "xtask does not build"
        );
        folder.join("xtask")
    })
}

/// A command that runs a program under `xtask keep`. It ends when its standard input is closed, at
/// the latest when this process ends. The caller must make standard input a pipe.
pub fn supervised(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(xtask());
    command
        .args(["supervise", "--"])
        .arg(program)
        .current_dir(root())
        // Ctrl-C is meant for the tests. It would end the supervisor first and orphan the program.
        .process_group(0)
        // Cargo sets it to the folder of the tests; xtask would take it for its own.
        .env_remove("CARGO_MANIFEST_DIR");
    command
}

/// Generates the secrets of an origin Worker, by name.
///
/// # Panics
/// If `xtask keygen` fails.
pub fn generate_secrets() -> Vec<(String, String)> {
    let output = Command::new(xtask())
        .arg("keygen")
        .output()
        .expect("cannot run xtask keygen");
    let lines = String::from_utf8(output.stdout).expect("xtask keygen prints text");
    lines
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

pub(crate) fn children(parent: u32) -> Vec<u32> {
    let Ok(tasks) = fs::read_dir(format!("/proc/{parent}/task")) else {
        return Vec::new();
    };
    tasks
        .flatten()
        .filter_map(|task| fs::read_to_string(task.path().join("children")).ok())
        .flat_map(|list| {
            list.split_whitespace()
                .filter_map(|pid| pid.parse().ok())
                .collect::<Vec<_>>()
        })
        .collect()
}

/// Whether the process runs. A zombie counts as dead: it only waits for its parent to read its exit
/// status.
pub(crate) fn is_alive(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| {
        !stat
            .rsplit(')')
            .next()
            .unwrap_or_default()
            .trim_start()
            .starts_with('Z')
    })
}

pub(crate) fn send_signal(name: &str, processes: &[u32]) {
    let _ = Command::new("kill")
        .arg(format!("-{name}"))
        .args(processes.iter().map(u32::to_string))
        .stderr(Stdio::null())
        .status();
}
