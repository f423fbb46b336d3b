//! Whether what was built is still what its sources say.
//!
//! A stamp is a digest of every file that can matter, of the compiler and of its flags; dates of
//! files say nothing after a change of branch. Too many files count rather than too few: an extra
//! build costs seconds, a missed one an afternoon.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use anyhow::{Context as _, Result};
use sha2::{Digest as _, Sha256};

use crate::child::first_line;
use crate::plan::Plan;
use crate::root;

/// A file that says from what the things beside it were built.
pub(crate) struct Stamp {
    path: PathBuf,
    inputs: String,
}

impl Stamp {
    /// Of what is built into a folder from these files.
    pub(crate) fn new(folder: &Path, plan: &Plan, mut files: Vec<PathBuf>) -> Result<Self> {
        files.sort();
        let mut digest = Sha256::new();
        let compiler = first_line(Command::new("rustc").arg("--version")).unwrap_or_default();
        digest.update(compiler);
        digest.update(std::env::var("RUSTFLAGS").unwrap_or_default());
        digest.update(plan.profile.name());
        for path in &files {
            let bytes =
                fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
            digest.update(path.as_os_str().as_encoded_bytes());
            digest.update(bytes.len().to_le_bytes());
            digest.update(bytes);
        }
        Ok(Self {
            path: folder.join(".built-from"),
            inputs: format!("{:x}", digest.finalize()),
        })
    }

    pub(crate) fn is_current(&self) -> bool {
        fs::read_to_string(&self.path).is_ok_and(|from| from == self.inputs)
    }

    /// Before a build: one that fails halfway must not look complete.
    pub(crate) fn remove(&self) {
        let _ = fs::remove_file(&self.path);
    }

    /// After it.
    pub(crate) fn write(&self) -> Result<()> {
        fs::write(&self.path, &self.inputs)
            .with_context(|| format!("cannot write {}", self.path.display()))
    }
}

/// Everything that a module depends on: core, and its own folder in `src/`.
pub(crate) fn inputs(own: &str, plan: &Plan) -> Result<Vec<PathBuf>> {
    let root = root()?;
    let mut files: Vec<PathBuf> = [
        "Cargo.toml",
        "Cargo.lock",
        "policy.toml",
        "package-lock.json",
        "xtask/src/wasm.rs",
    ]
    .iter()
    .map(|name| root.join(name))
    .filter(|path| path.exists())
    .collect();
    files.extend(plan.policy.clone());
    let others: Vec<PathBuf> = ["edge", "origin", "form"]
        .iter()
        .filter(|name| **name != own)
        .map(|name| root.join("src").join(name))
        .collect();
    collect(&root.join("src"), &others, &mut files)?;
    Ok(files)
}

/// All files below a folder, without some folders and what wrangler leaves there.
pub(crate) fn collect(folder: &Path, without: &[PathBuf], files: &mut Vec<PathBuf>) -> Result<()> {
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

/// How the sources stand, cheaply: how many there are, and when one was last written.
#[derive(PartialEq, Eq)]
pub(crate) struct Snapshot(usize, Option<SystemTime>);

impl Snapshot {
    /// Of everything that the running system is built from.
    pub(crate) fn take(plan: &Plan) -> Result<Self> {
        let root = root()?;
        let mut files = vec![root.join("Cargo.toml"), root.join("policy.toml")];
        files.extend(plan.policy.clone());
        for folder in ["src", "www", "tests/upstream"] {
            collect(&root.join(folder), &[root.join("www/pkg")], &mut files)?;
        }
        let written = |path: &PathBuf| fs::metadata(path).and_then(|data| data.modified()).ok();
        Ok(Self(files.len(), files.iter().filter_map(written).max()))
    }
}
