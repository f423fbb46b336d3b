//! `cargo xtask policy`: from `policy.toml` to the `policy.json` beside the built Workers.
//!
//! A change of the policy needs no compiler: `cargo xtask dev` and the `[build]` commands of
//! wrangler write the file again, and the runtime loads it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::console::say;
use crate::paths::root;

/// Check the policy and write policy.json, which the Workers read when they start.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The policy.
    #[arg(value_name = "FILE", default_value = DEFAULT)]
    policy: PathBuf,

    /// Where to write it [default: into build/edge/ and build/origin/].
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// The policy's name in the root of the checkout.
const DEFAULT: &str = "policy.toml";

/// The policy's name beside the modules of a Worker.
pub(crate) const MODULE: &str = "policy.json";

pub(crate) fn policy(args: &Args) -> Result<()> {
    let json = to_json(&args.policy)?;
    let root = root()?;
    let files = match &args.out {
        Some(file) => vec![file.clone()],
        None => ["edge", "origin"]
            .map(|worker| root.join("build").join(worker).join(MODULE))
            .to_vec(),
    };
    for file in files {
        write(&file, &json)?;
        let file = file.strip_prefix(&root).unwrap_or(&file);
        say(format_args!("wrote {}", file.display()));
    }
    Ok(())
}

/// The policy of the checkout.
pub(crate) fn default_file() -> Result<PathBuf> {
    Ok(root()?.join(DEFAULT))
}

/// Checks a policy and translates it. An error names the file, the line and what to write.
pub(crate) fn to_json(file: &Path) -> Result<String> {
    let text =
        fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    patrol_policy::to_json(&text).map_err(|error| anyhow::anyhow!("{}, {error}", file.display()))
}

/// Writes a file if its content changes. A runtime that watches it never reads half of it.
pub(crate) fn write(file: &Path, content: impl AsRef<[u8]>) -> Result<()> {
    let content = content.as_ref();
    if fs::read(file).is_ok_and(|existing| existing == content) {
        return Ok(());
    }
    let failure = || format!("cannot write {}", file.display());
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder).with_context(failure)?;
    }
    let new = file.with_extension("new");
    fs::write(&new, content).with_context(failure)?;
    fs::rename(&new, file).with_context(failure)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistake_names_the_file_the_line_and_the_fix() {
        let file = std::env::temp_dir().join("patrol-wrong-policy.toml");
        let text = fs::read_to_string(default_file().expect("a root")).expect("a policy");
        let lines = text.lines().count();
        fs::write(&file, text + "\"GET /x\" = [\"models:fly\"]\n").expect("cannot write");
        let error = to_json(&file).expect_err("a mistake").to_string();
        let expected = format!("line {}: no group has a scope \"models:fly\"", lines + 1);
        assert!(error.contains("patrol-wrong-policy.toml, "), "{error}");
        assert!(error.ends_with(&expected), "{error}");
    }
}
