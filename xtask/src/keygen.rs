//! `cargo xtask keygen`: fresh secrets for the origin Worker.
//!
//! Both secrets are JSON Web Key Sets (RFC 7517) with one Ed25519 key (RFC 8037):
//! the first key signs, all verify, so that a key is replaced by putting a new one
//! in front. Seeds come from the system's random numbers. The edge needs neither:
//! it gets the public halves from the origin while it runs.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow};
use base64ct::{Base64UrlUnpadded, Encoding as _};
use ed25519_dalek::SigningKey;

use crate::console::say;
use crate::root;

/// Make fresh keys for signing tokens and sessions.
///
/// Prints two lines in the format of an env file, and where they go on standard error.
#[derive(clap::Args)]
#[command(after_help = SECRETS)]
pub(crate) struct Args {
    /// Write to a new file (mode 0600) instead of standard output.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

const SECRETS: &str = "\
In production both are secrets of the origin Worker; docs/DEPLOY.md tells how to replace them.
Either give the file to a deployment:
  npx wrangler deploy -c wrangler.origin.toml --secrets-file FILE
or each value by itself; paste what follows the = when asked:
  npx wrangler secret put SIGNING_KEYS -c wrangler.origin.toml
  npx wrangler secret put SESSION_KEYS -c wrangler.origin.toml
The edge holds public keys only, which it gets from the origin by itself.";

/// The command.
pub(crate) fn keygen(args: &Args) -> Result<()> {
    let keys = keys()?;
    match &args.out {
        None => say(keys.trim_end()),
        Some(path) => {
            if !create_secret(path, &keys)? {
                return Err(anyhow!(
                    "{} exists; keys are not overwritten",
                    path.display()
                ));
            }
        }
    }
    // Not among the keys, which may be on their way to a file.
    eprintln!("\n{SECRETS}");
    Ok(())
}

/// The two secrets as lines of a `.dev.vars` file.
pub(crate) fn keys() -> Result<String> {
    Ok(format!(
        "SIGNING_KEYS={}\nSESSION_KEYS={}\n",
        key_set()?,
        key_set()?
    ))
}

fn key_set() -> Result<String> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|error| anyhow!("no random numbers: {error}"))?;
    let public = SigningKey::from_bytes(&seed).verifying_key();
    let x = Base64UrlUnpadded::encode_string(public.as_bytes());
    let d = Base64UrlUnpadded::encode_string(&seed);
    Ok(format!(
        r#"{{"keys":[{{"kty":"OKP","crv":"Ed25519","x":"{x}","d":"{d}"}}]}}"#
    ))
}

/// The `.dev.vars` of plain `npx wrangler dev`, created once and then left to the developer. Both
/// Workers read it, because their configurations stand side by side. It replaces the production
/// values of those files with local ones.
pub(crate) fn create_dev_vars() -> Result<()> {
    let path = root()?.join(".dev.vars");
    if !path.exists() {
        let addresses = "PUBLIC_URL=http://127.0.0.1:8787\nUPSTREAM_URL=http://127.0.0.1:8788\n";
        create_secret(&path, &format!("{addresses}DEV_SIGN_IN=1\n{}", keys()?))?;
    }
    Ok(())
}

/// Creates a file that only its owner can read; false if it is there already.
pub(crate) fn create_secret(path: &Path, text: &str) -> Result<bool> {
    let context = || format!("cannot write {}", path.display());
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(context)?;
    }
    match OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
    {
        Ok(mut file) => {
            file.write_all(text.as_bytes()).with_context(context)?;
            Ok(true)
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error).with_context(context),
    }
}
