//! `cargo xtask dev`: the whole system on this machine.
//!
//! Installs, builds, starts, prints what to try, and stops everything on Ctrl-C. Saved changes are
//! built at once, and the runtime reloads them. End-to-end tests run this same command and wait
//! for the line `ready URL`.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context as _, Result};

use crate::build::{self, Part};
use crate::console::{Timings, say};
use crate::fingerprint;
use crate::keygen;
use crate::local_system::{LocalSystem, Options, Startup, prefix, public_url};
use crate::paths::root;
use crate::policy;
use crate::variant::{Profile, Variant, Worker};

/// Start the edge, the origin and a sample upstream API on this machine.
///
/// One address serves everything: the edge, which forwards the origin's paths. Patrol's own paths are
/// below one prefix, and for this example also at the root. All state is stored
/// in one folder and survives a restart; delete the folder to start afresh. Saved changes are
/// built and reloaded. Ctrl-C stops everything.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Port of the edge; the sample upstream API takes the next one.
    #[arg(long, default_value_t = 8787)]
    port: u16,

    /// Folder for state, keys and logs.
    #[arg(long, value_name = "DIR", default_value = ".wrangler/patrol")]
    state: PathBuf,

    /// Use this policy instead of policy.toml.
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,

    /// Run the optimized Workers, as deployed; they take longer to build.
    #[arg(long)]
    release: bool,

    /// Do not rebuild when sources change.
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

pub(crate) fn dev(args: &Args) -> Result<()> {
    let profile = if args.release {
        Profile::Release
    } else {
        Profile::Dev
    };
    let variant = Variant::new(profile, None)?;
    let state = root()?.join(&args.state);
    let policy = match &args.policy {
        // Cargo may have started this program elsewhere than its user.
        Some(file) => fs::canonicalize(file)
            .with_context(|| format!("cannot find the policy {}", file.display()))?,
        None => policy::default_file()?,
    };
    let workers = Workers {
        variant: &variant,
        policy: &policy,
        folder: state.join("workers"),
    };
    let timings = Timings::new();
    keygen::create_dev_vars()?;
    workers.build(&timings)?;
    let options = Options {
        port: args.port,
        state: &state,
        workers: &workers.folder,
        page: &variant.page(),
        vars: &args.vars,
    };
    let (mut system, startup) = timings.step("starting wrangler and the sample API", |_| {
        let mut system = LocalSystem::start(&options)?;
        let startup = system
            .wait_until_ready()
            .context("the system did not start")?;
        Ok((system, startup))
    })?;
    if startup == Startup::Ready {
        timings.print_summary();
        print_instructions(&public_url(args.port), prefix(&args.vars));
        let mut watcher = Watcher::new(&workers);
        system.run_until_stopped(|| {
            if !args.no_watch {
                watcher.build_changes();
            }
        })?;
        say("stopping wrangler and the sample API");
    }
    system.stop();
    Ok(())
}

/// The Workers that run: copies of the built ones, with a policy of their own. So a build in the
/// same checkout does not change them.
struct Workers<'a> {
    variant: &'a Variant,
    policy: &'a Path,
    folder: PathBuf,
}

impl Workers<'_> {
    /// Builds and copies what has changed.
    fn build(&self, timings: &Timings) -> Result<()> {
        // A mistake in the policy should not wait for the compiler.
        policy::to_json(self.policy)?;
        build::build_parts(&Part::ALL, self.variant, timings)?;
        for worker in [Worker::Edge, Worker::Origin] {
            let folder = self.folder.join(worker.name());
            for name in ["index_bg.wasm", "index.js"] {
                let built = self.variant.folder(worker.name()).join(name);
                let content =
                    fs::read(&built).with_context(|| format!("cannot read {}", built.display()))?;
                policy::write(&folder.join(name), content)?;
            }
        }
        self.write_policy()
    }

    /// Gives the Workers the policy as it is now.
    fn write_policy(&self) -> Result<()> {
        let json = policy::to_json(self.policy)?;
        for worker in [Worker::Edge, Worker::Origin] {
            let file = self.folder.join(worker.name()).join(policy::MODULE);
            policy::write(&file, &json)?;
        }
        Ok(())
    }
}

/// Rebuilds a running system when its sources change.
struct Watcher<'a> {
    workers: &'a Workers<'a>,
    /// `None` if the sources could not be read, for example during a change of branch.
    sources: Option<SourceState>,
    policy: Option<SystemTime>,
    checked: Instant,
}

impl<'a> Watcher<'a> {
    const INTERVAL: Duration = Duration::from_millis(300);

    fn new(workers: &'a Workers<'a>) -> Self {
        Self {
            workers,
            sources: SourceState::read().ok(),
            policy: modified(workers.policy),
            checked: Instant::now(),
        }
    }

    /// Builds what has changed. After a failure the system keeps running as it was.
    fn build_changes(&mut self) {
        if self.checked.elapsed() < Self::INTERVAL {
            return;
        }
        let policy = modified(self.workers.policy);
        if policy.is_some() && policy != self.policy {
            self.policy = policy;
            match self.workers.write_policy() {
                Ok(()) => say("the policy has changed: loading it"),
                Err(error) => say(format_args!(
                    "{error:#}; the previous policy is still in force"
                )),
            }
        }
        let sources = SourceState::read().ok();
        if sources.is_some() && sources != self.sources {
            self.sources = sources;
            say("a source file has changed: building");
            let timings = Timings::new();
            match self.workers.build(&timings) {
                Ok(()) => timings.print_summary(),
                Err(error) => say(format_args!(
                    "{error:#}; the previous build is still running"
                )),
            }
        }
        self.checked = Instant::now();
    }
}

/// A cheap sign that sources have changed: their number and the time of the last write.
#[derive(PartialEq, Eq)]
struct SourceState(usize, Option<SystemTime>);

impl SourceState {
    fn read() -> Result<Self> {
        let root = root()?;
        let mut files = vec![root.join("Cargo.toml")];
        for folder in ["src", "www", "tests/upstream"] {
            fingerprint::collect(&root.join(folder), &[root.join("www/pkg")], &mut files)?;
        }
        let last = files.iter().filter_map(|path| modified(path)).max();
        Ok(Self(files.len(), last))
    }
}

fn modified(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|data| data.modified()).ok()
}

fn print_instructions(url: &str, prefix: &str) {
    say(format_args!(
        r#"
Patrol runs at {url} (Ctrl-C stops it)
  page          {url}/, also at {url}{prefix}ui/
  sample API    {url}/api/v1/engine/pipelines and more, see policy.toml
  key set       {url}{prefix}jwks.json

Users         ada   admin in acme, viewer in globex
              vic   viewer in acme
              otto  operator in acme

Sign in:
  curl -c patrol.cookies -X POST {url}{prefix}auth/dev -H 'Content-Type: application/json' -d '{{"user":"ada"}}'
Create a token:
  curl -b patrol.cookies -X POST {url}{prefix}api/v1/tokens -H 'Content-Type: application/json' -d '{{"name":"First token","expires_in_days":30,"organizations":["acme"],"scopes":["pipelines:read"]}}'
Use it:
  curl {url}/api/v1/engine/pipelines -H 'Authorization: Bearer TOKEN' -H 'X-Organization-ID: acme'
Revoke it:
  curl -b patrol.cookies -X DELETE {url}{prefix}api/v1/tokens/ID

ready {url}"#
    ));
}
