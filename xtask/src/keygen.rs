//! `cargo xtask keygen`: new secrets for the origin Worker.
//!
//! Each secret is a JSON Web Key Set (RFC 7517) with one Ed25519 key (RFC 8037). The first key
//! signs and all keys verify, so a key is rotated by putting a new one in front. Seeds come from
//! the operating system's random number generator. The edge needs neither secret: it fetches the
//! public keys from the origin at run time.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow};
use base64ct::{Base64UrlUnpadded, Encoding as _};
use ed25519_dalek::SigningKey;

use crate::console::say;
use crate::paths::root;

/// Generate new keys for signing tokens and sessions.
///
/// Prints two lines in env file format; instructions go to standard error.
#[derive(clap::Args)]
#[command(after_help = SECRETS)]
pub(crate) struct Args {
    /// Write the keys to a new file (mode 0600) instead of standard output.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

const SECRETS: &str = "\
In production both are secrets of the origin Worker. docs/DEPLOY.md explains how to rotate them.
Either deploy with the file:
  npx wrangler deploy -c wrangler.origin.toml --secrets-file FILE
or set each secret; paste the text after the = when asked:
  npx wrangler secret put SIGNING_KEYS -c wrangler.origin.toml
  npx wrangler secret put SESSION_KEYS -c wrangler.origin.toml
The edge needs no secret: it fetches the public keys from the origin.";

pub(crate) fn keygen(args: &Args) -> Result<()> {
    let keys = keys()?;
    match &args.out {
        None => say(keys.trim_end()),
        Some(path) => {
            if !create_secret(path, &keys)? {
                return Err(anyhow!(
                    "{} already exists, and keys are never overwritten; choose another file",
                    path.display()
                ));
            }
        }
    }
    // Standard output may be redirected to a file.
    eprintln!("\n{SECRETS}");
    Ok(())
}

/// Two new secrets, as lines of a `.dev.vars` file.
pub(crate) fn keys() -> Result<String> {
    Ok(format!(
        "SIGNING_KEYS={}\nSESSION_KEYS={}\n",
        key_set()?,
        key_set()?
    ))
}

fn key_set() -> Result<String> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed)
        .map_err(|error| anyhow!("cannot get random numbers from the operating system: {error}"))?;
    let public = SigningKey::from_bytes(&seed).verifying_key();
    let x = Base64UrlUnpadded::encode_string(public.as_bytes());
    let d = Base64UrlUnpadded::encode_string(&seed);
    Ok(format!(
        r#"{{"keys":[{{"kty":"OKP","crv":"Ed25519","x":"{x}","d":"{d}"}}]}}"#
    ))
}

/// Creates the `.dev.vars` of plain `npx wrangler dev`, unless it exists. Both Workers read it,
/// because their configurations are in the same folder. It overrides production values with local
/// ones.
pub(crate) fn create_dev_vars() -> Result<()> {
    let path = root()?.join(".dev.vars");
    if !path.exists() {
        let addresses = "PUBLIC_URL=http://127.0.0.1:8787\nUPSTREAM_URL=http://127.0.0.1:8788\n";
        create_secret(&path, &format!("{addresses}DEV_SIGN_IN=1\n{}", keys()?))?;
    }
    Ok(())
}

/// Creates a file that only its owner can read. Returns false if it already exists.
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
