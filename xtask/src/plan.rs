//! Which variant of the Workers and of the page is built, and where it goes.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::root;

/// The variable by which the core's build script learns of another policy file.
pub(crate) const POLICY: &str = "PATROL_POLICY";

/// One of the Workers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Worker {
    /// Validates every request; public keys only.
    Edge,
    /// Signs tokens and keeps the registry.
    Origin,
}

impl Worker {
    /// The name of its folders, in src/ and in what is built.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Edge => "edge",
            Self::Origin => "origin",
        }
    }

    /// Its wrangler configuration in the checkout.
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

/// How the modules are compiled.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    /// Quick to build: what `cargo xtask dev` runs.
    Dev,
    /// Optimized: what is deployed, tested and measured.
    Release,
}

impl Profile {
    /// A profile of Cargo.toml.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Dev => "dev",
            Self::Release => "release",
        }
    }
}

/// What to build, and where to.
pub(crate) struct Plan {
    pub(crate) profile: Profile,
    pub(crate) policy: Option<PathBuf>,
    out: PathBuf,
    form: PathBuf,
}

impl Plan {
    /// What is shipped.
    pub(crate) fn release() -> Result<Self> {
        Self::new(Profile::Release, None, None)
    }

    pub(crate) fn new(profile: Profile, policy: Option<&Path>, out: Option<&Path>) -> Result<Self> {
        let root = root()?;
        let mut plan = Self {
            profile,
            policy: None,
            out: root.join("build"),
            form: root.join("www/pkg"),
        };
        if profile == Profile::Dev {
            plan.out.push("dev");
            plan.form = plan.out.join("form");
        }
        if let Some(file) = policy {
            let file = fs::canonicalize(file)
                .with_context(|| format!("cannot find the policy {}", file.display()))?;
            let stem = file.file_stem().unwrap_or_default().to_string_lossy();
            plan.out.push(format!("policy-{stem}"));
            plan.form = plan.out.join("form");
            plan.policy = Some(file);
        } else if let Some(file) = std::env::var_os(POLICY) {
            // Set by hand: the build script reads it; here it counts as an input.
            plan.policy = Some(file.into());
        }
        if let Some(out) = out {
            plan.out = std::path::absolute(out).context("cannot tell where --out is")?;
            plan.form = plan.out.join("form");
        }
        Ok(plan)
    }

    /// The folder of a built script, `index.js` and `index_bg.wasm`.
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
