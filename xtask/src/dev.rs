//! `cargo xtask dev`: the whole system on this machine, ready to be tried.
//!
//! Installs, builds, starts, says what can be done now, and stops everything on Ctrl-C. What is
//! saved in the meantime is built at once, and the runtime loads it by itself. Tests start this
//! same command: the line `ready URL` is for them.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use crate::build::{self, Part};
use crate::console::{Phases, say};
use crate::keygen;
use crate::plan::{Plan, Profile};
use crate::root;
use crate::stack::{Options, Stack, Until};
use crate::stamp::Snapshot;

/// Start the edge, the origin and a sample upstream on this machine.
///
/// One address serves everything: the edge, which passes the origin's paths on. All
/// state is kept in one folder and is there again at the next start; remove the folder
/// to start afresh. A change of the sources is built and loaded while it runs. Ctrl-C stops
/// everything.
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

    /// Run the Workers as they are deployed, optimized: they take longer to build.
    #[arg(long)]
    release: bool,

    /// Leave changes of the sources alone.
    #[arg(long)]
    no_watch: bool,

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
    let profile = if args.release {
        Profile::Release
    } else {
        Profile::Dev
    };
    let plan = Plan::new(profile, args.policy.as_deref(), None)?;
    let state = root()?.join(&args.state);
    let phases = Phases::new();
    keygen::create_dev_vars()?;
    build::make(&Part::ALL, &plan, &phases)?;
    let options = Options {
        port: args.port,
        state: &state,
        plan: &plan,
        vars: &args.vars,
    };
    let (mut stack, until) = phases.step("start of the runtime", |_| {
        let mut stack = Stack::start(&options)?;
        let until = stack
            .wait_until_ready()
            .context("the system did not start")?;
        Ok((stack, until))
    })?;
    if until == Until::Ready {
        phases.summary();
        explain(args.port);
        let mut sources = Sources::new(&plan);
        stack.wait_for_stop(|| {
            if !args.no_watch {
                sources.build_changes();
            }
        })?;
        say("stopping");
    }
    stack.stop();
    Ok(())
}

/// The sources of a running system.
struct Sources<'a> {
    plan: &'a Plan,
    /// None when they could not be read, as in the midst of a change of branch.
    built: Option<Snapshot>,
    looked: Instant,
}

impl<'a> Sources<'a> {
    /// How often to look for a change.
    const EVERY: Duration = Duration::from_millis(300);

    fn new(plan: &'a Plan) -> Self {
        Self {
            plan,
            built: Snapshot::take(plan).ok(),
            looked: Instant::now(),
        }
    }

    /// Builds what has changed. A mistake is told, and what runs goes on.
    fn build_changes(&mut self) {
        if self.looked.elapsed() < Self::EVERY {
            return;
        }
        let now = Snapshot::take(self.plan).ok();
        if now.is_some() && now != self.built {
            self.built = now;
            let phases = Phases::new();
            match build::make(&Part::ALL, self.plan, &phases) {
                Ok(()) => phases.summary(),
                Err(error) => say(format_args!("{error:#}; what ran before still runs")),
            }
        }
        self.looked = Instant::now();
    }
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
