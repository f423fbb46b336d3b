//! Fingerprints tell whether a build is up to date with its sources.
//!
//! A fingerprint is a digest of every file that can matter, the compiler and its flags. File times
//! are ignored: they mean nothing after a change of branch. Better too many files than too few: an
//! extra build costs seconds, a missed one an afternoon.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use sha2::{Digest as _, Sha256};

use crate::paths::root;
use crate::process::first_line;
use crate::variant::Variant;

/// The digest of a build's inputs, stored in a file next to its outputs.
pub(crate) struct Fingerprint {
    path: PathBuf,
    digest: String,
}

impl Fingerprint {
    /// The fingerprint of what is built from `files` into `folder`.
    pub(crate) fn new(folder: &Path, variant: &Variant, mut files: Vec<PathBuf>) -> Result<Self> {
        files.sort();
        let mut digest = Sha256::new();
        let compiler = first_line(Command::new("rustc").arg("--version")).unwrap_or_default();
        digest.update(compiler);
        digest.update(std::env::var("RUSTFLAGS").unwrap_or_default());
        digest.update(variant.profile.name());
        for path in &files {
            let bytes =
                fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
            digest.update(path.as_os_str().as_encoded_bytes());
            digest.update(bytes.len().to_le_bytes());
            digest.update(bytes);
        }
        Ok(Self {
            path: folder.join(".built-from"),
            digest: format!("{:x}", digest.finalize()),
        })
    }

    pub(crate) fn is_current(&self) -> bool {
        fs::read_to_string(&self.path).is_ok_and(|stored| stored == self.digest)
    }

    /// Call this before a build: one that fails halfway must not look complete.
    pub(crate) fn remove(&self) {
        let _ = fs::remove_file(&self.path);
    }

    pub(crate) fn write(&self) -> Result<()> {
        fs::write(&self.path, &self.digest)
            .with_context(|| format!("cannot write {}", self.path.display()))
    }
}

/// Everything a module is built from: core, and its own folder in `src/`.
pub(crate) fn inputs(module: &str) -> Result<Vec<PathBuf>> {
    let root = root()?;
    let mut files: Vec<PathBuf> = [
        "Cargo.toml",
        "Cargo.lock",
        "package-lock.json",
        "xtask/src/wasm.rs",
    ]
    .iter()
    .map(|name| root.join(name))
    .filter(|path| path.exists())
    .collect();
    let others: Vec<PathBuf> = ["edge", "origin", "form", "policy"]
        .iter()
        .filter(|name| **name != module)
        .map(|name| root.join("src").join(name))
        .collect();
    collect(&root.join("src"), &others, &mut files)?;
    Ok(files)
}

/// Adds all files below a folder, except hidden ones (wrangler's) and the `excluded` folders.
pub(crate) fn collect(folder: &Path, excluded: &[PathBuf], files: &mut Vec<PathBuf>) -> Result<()> {
    let context = || format!("cannot list {}", folder.display());
    for entry in fs::read_dir(folder).with_context(context)? {
        let path = entry.with_context(context)?.path();
        let hidden = path
            .file_name()
            .is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if hidden || excluded.contains(&path) {
            continue;
        }
        if path.is_dir() {
            collect(&path, excluded, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}
