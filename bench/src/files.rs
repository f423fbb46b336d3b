//! The files of a run, all in `target/bench`.

use anyhow::{Context as _, Result};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// The file name of every runtime configuration.
pub(crate) const CONFIG: &str = "config.capnp";

pub(crate) fn folder() -> PathBuf {
    patrol_support::root().join("target/bench")
}

pub(crate) fn create_folder(path: &Path) -> Result<()> {
    fs::create_dir_all(path).with_context(|| format!("cannot create {}", path.display()))
}

/// Creates an empty folder in place of an old one.
pub(crate) fn empty_folder(path: &Path) -> Result<()> {
    if path.exists() {
        fs::remove_dir_all(path).with_context(|| format!("cannot remove {}", path.display()))?;
    }
    create_folder(path)
}

pub(crate) fn write(path: &Path, content: impl AsRef<[u8]>) -> Result<()> {
    fs::write(path, content).with_context(|| format!("cannot write {}", path.display()))
}

/// Copies files of a built Worker.
pub(crate) fn copy(from: &Path, files: &[&str], to: &Path) -> Result<()> {
    create_folder(to)?;
    for file in files {
        let source = from.join(file);
        fs::copy(&source, to.join(file)).with_context(|| {
            format!(
                "cannot copy {}: `cargo xtask bench` builds it",
                source.display()
            )
        })?;
    }
    Ok(())
}
