//! The folders every command needs: the checkout and cargo's target folder.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

/// The root of the checkout.
///
/// Under `cargo run`, cargo names the package's folder. When the executable runs alone, the
/// checkout around the current folder counts, not the one noted at compile time: two checkouts
/// may share a target folder.
pub(crate) fn root() -> Result<PathBuf> {
    let is_root = |folder: &Path| folder.join("xtask/Cargo.toml").exists();
    if let Some(package) = std::env::var_os("CARGO_MANIFEST_DIR")
        && let Some(root) = Path::new(&package).parent()
        && is_root(root)
    {
        return Ok(root.to_path_buf());
    }
    let here = std::env::current_dir().context("cannot read the current folder")?;
    here.ancestors()
        .find(|folder| is_root(folder))
        .map(Path::to_path_buf)
        .context("run this inside a checkout of Patrol")
}

/// Cargo's target folder.
pub(crate) fn target_dir() -> Result<PathBuf> {
    let root = root()?;
    Ok(std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| root.join("target"), |dir| root.join(dir)))
}
