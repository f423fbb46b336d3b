//! The variants of a build, and the folders each goes to.

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::paths::root;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Worker {
    /// Validates requests; holds public keys only.
    Edge,
    /// Signs tokens and holds the registry.
    Origin,
}

impl Worker {
    /// The name of its folder in src/ and in build/.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Edge => "edge",
            Self::Origin => "origin",
        }
    }

    /// Its wrangler configuration, relative to the root.
    pub(crate) fn config(self) -> &'static str {
        match self {
            Self::Edge => "wrangler.toml",
            Self::Origin => "wrangler.origin.toml",
        }
    }
}

impl fmt::Display for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    /// Fast to build: what `cargo xtask dev` runs.
    Dev,
    /// Optimized: what is deployed, tested and measured.
    Release,
}

impl Profile {
    /// The profile's name in Cargo.toml.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Dev => "dev",
            Self::Release => "release",
        }
    }
}

/// How to build, and where to put the result.
pub(crate) struct Variant {
    pub(crate) profile: Profile,
    out: PathBuf,
    form: PathBuf,
}

impl Variant {
    /// The build that is shipped.
    pub(crate) fn release() -> Result<Self> {
        Self::new(Profile::Release, None)
    }

    pub(crate) fn new(profile: Profile, out: Option<&Path>) -> Result<Self> {
        let root = root()?;
        let mut variant = Self {
            profile,
            out: root.join("build"),
            form: root.join("www/pkg"),
        };
        if profile == Profile::Dev {
            variant.out.push("dev");
            variant.form = variant.out.join("form");
        }
        if let Some(out) = out {
            variant.out = std::path::absolute(out).context("cannot resolve --out")?;
            variant.form = variant.out.join("form");
        }
        Ok(variant)
    }

    /// The folder of a built Worker: `index.js` and `index_bg.wasm`.
    pub(crate) fn folder(&self, name: &str) -> PathBuf {
        self.out.join(name)
    }

    /// The folder of the form module.
    pub(crate) fn form(&self) -> &Path {
        &self.form
    }

    /// The folder of the page: the origin's static assets.
    pub(crate) fn page(&self) -> PathBuf {
        self.out.join("www")
    }
}
