//! `cargo xtask dev`: the whole system on this machine, ready to be tried.
//!
//! Installs, builds, starts, says what can be done now, and stops everything on
//! Ctrl-C. Tests start this same command: the line `ready URL` is for them.
//!
//! Left out: building again when a source changes. `npx wrangler dev` watches the
//! sources by itself, see the `[build]` sections of the two wrangler.toml.

use std::path::PathBuf;

use anyhow::{Context as _, Result};

use crate::build::{self, Plan, Worker};
use crate::child;
use crate::keygen;
use crate::page;
use crate::report::{Phases, say};
use crate::root;
use crate::stack::{Options, Stack, Until};
use crate::tools;

/// Start the edge, the origin and a sample upstream on this machine.
///
/// One address serves everything: the edge, which passes the origin's paths on. All
/// state is kept in one folder and is there again at the next start; remove the folder
/// to start afresh. Ctrl-C stops everything.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The port of the edge; the sample upstream takes the next one.
    #[arg(long, default_value_t = 8787)]
    port: u16,

    /// Where state, keys and logs are kept.
    #[arg(long, value_name = "DIR", default_value = ".wrangler/patrol")]
    state: PathBuf,

    /// Run with this policy instead of policy.toml.
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,

    /// Show everything that the programs say.
    #[arg(long, short)]
    verbose: bool,

    /// Set a variable of both Workers.
    #[arg(long = "var", value_name = "KEY=VALUE", value_parser = variable, hide = true)]
    vars: Vec<(String, String)>,
}

fn variable(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected KEY=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// The command.
pub(crate) fn dev(args: &Args) -> Result<()> {
    let plan = Plan::new(args.policy.as_deref(), None)?;
    let state = root()?.join(&args.state);
    let mut phases = Phases::new();
    phases.quietly("tools", tools::install)?;
    keygen::create_dev_vars()?;
    for worker in Worker::ALL {
        phases.quietly(&format!("{worker} Worker"), || build::one(worker, &plan))?;
    }
    phases.quietly("page", || page::build(&plan))?;
    phases.quietly("sample upstream", || {
        let mut cargo = child::command("cargo")?;
        cargo
            .args(["build", "--quiet", "--package", "patrol-upstream"])
            .current_dir(root()?);
        child::run(&mut cargo, "the build of the sample upstream")
    })?;
    let options = Options {
        port: args.port,
        state: &state,
        plan: &plan,
        vars: &args.vars,
        verbose: args.verbose,
    };
    let (mut stack, until) = phases.quietly("start of the runtime", || {
        let mut stack = Stack::start(&options)?;
        let until = stack
            .wait_until_ready()
            .context("the system did not start")?;
        Ok((stack, until))
    })?;
    if until == Until::Ready {
        phases.summary();
        explain(args.port);
        stack.wait_for_stop()?;
        say("stopping");
    }
    stack.stop();
    Ok(())
}

fn explain(port: u16) {
    let url = format!("http://127.0.0.1:{port}");
    say(format_args!(
        r#"
Patrol runs at {url} (Ctrl-C stops it)
  page          {url}/
  sample API    {url}/api/v1/engine/pipelines and more, see policy.toml
  key set       {url}/.well-known/jwks.json

Users         ada   admin in acme, viewer in globex
              vic   viewer in acme
              otto  operator in acme

Sign in:
  curl -c patrol.cookies -X POST {url}/auth/dev -H 'Content-Type: application/json' -d '{{"user":"ada"}}'
Create a token:
  curl -b patrol.cookies -X POST {url}/api/v1/tokens -H 'Content-Type: application/json' -d '{{"name":"First token","expires_in_days":30,"organizations":["acme"],"scopes":["pipelines:read"]}}'
Use it:
  curl {url}/api/v1/engine/pipelines -H 'Authorization: Bearer TOKEN' -H 'X-Organization-ID: acme'
Revoke it:
  curl -b patrol.cookies -X DELETE {url}/api/v1/tokens/ID

ready {url}"#
    ));
}
