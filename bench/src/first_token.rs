//! The processor time that an isolate's first token takes beyond a later one.
//!
//! Every sample is a new process of the edge. A token with an unknown key makes it fetch the key
//! set. Then come valid tokens, each of another list, so each of them fetches a lease. The first
//! of them takes longer than the others, because it prepares the key and runs some code for the
//! first time. Times are those of the whole process, read while it is idle.

use crate::{
    launch::Running,
    load::request,
    plan::Plan,
    stats::Spread,
    system::System,
    tokens::{self, LISTS},
    workload::{Contestant, Workload},
    wrk::CpuClock,
};
use anyhow::{Context as _, Result, bail};
use patrol::{
    jose::{
        keys::SigningKeys,
        status_list::{StatusListId, StatusReference},
    },
    time::Timestamp,
};
use serde::Serialize;
use std::{fs, time::Duration};

/// Processor times in milliseconds.
#[derive(Debug, Serialize)]
pub(crate) struct FirstToken {
    pub(crate) first: Spread,
    pub(crate) later: Spread,
    pub(crate) difference: Spread,
}

/// Valid tokens after the first in each process.
const LATER: usize = 5;

pub(crate) async fn measure(system: &System, plan: &Plan) -> Result<FirstToken> {
    println!(
        "measuring an isolate's first token: {} new processes",
        plan.first_token_samples
    );
    let unknown = token_of_an_unknown_key()?;
    let file = tokens::file(Workload::Lists, Contestant::Patrol.token_format());
    let text =
        fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let tokens: Vec<&str> = text.lines().take(LATER + 1).collect();
    let (mut first, mut later) = (Vec::new(), Vec::new());
    for _ in 0..plan.first_token_samples {
        let times = sample(system, &unknown, &tokens).await?;
        let (&one, others) = times.split_first().context("no tokens")?;
        first.push(one);
        later.push(
            Spread::of(others.iter().copied())
                .context("no later tokens")?
                .median,
        );
    }
    let difference = first.iter().zip(&later).map(|(first, later)| first - later);
    Ok(FirstToken {
        difference: Spread::of(difference).context("no samples")?,
        first: Spread::of(first).context("no samples")?,
        later: Spread::of(later).context("no samples")?,
    })
}

/// The time of each token in one new process.
async fn sample(system: &System, unknown: &str, tokens: &[&str]) -> Result<Vec<f64>> {
    let running = Running::start(Contestant::Patrol, Workload::Lists, system).await?;
    let clock = CpuClock::of(&running.process)?;
    let client = reqwest::Client::new();
    let url = format!(
        "http://127.0.0.1:{}{}",
        running.port(),
        Workload::Lists.path()
    );
    if request(&client, &url, unknown).await? != 401 {
        bail!("the edge accepted a token of an unknown key");
    }
    let mut times = Vec::new();
    let mut before = when_idle(&clock).await?;
    for token in tokens {
        let status = request(&client, &url, token).await?;
        if status != 204 {
            bail!("the edge denied a valid token with {status}");
        }
        let after = when_idle(&clock).await?;
        times.push((after - before).as_secs_f64() * 1e3);
        before = after;
    }
    Ok(times)
}

/// The processor time of a process once it stops growing.
async fn when_idle(clock: &CpuClock) -> Result<Duration> {
    const PAUSE: Duration = Duration::from_millis(20);
    /// Timers may keep a process from ever being idle.
    const ATTEMPTS: u32 = 20;
    let mut before = clock.read()?;
    for _ in 0..ATTEMPTS {
        tokio::time::sleep(PAUSE).await;
        let now = clock.read()?;
        if now == before {
            break;
        }
        before = now;
    }
    Ok(before)
}

fn token_of_an_unknown_key() -> Result<String> {
    let keys = SigningKeys::from_jwks(&SigningKeys::generate(&[9; 32])).context("no keys")?;
    let status = StatusReference {
        list: StatusListId {
            registry: LISTS - 1,
            list: 0,
        },
        idx: 0,
    };
    let now = Timestamp::from_seconds(patrol_support::now());
    tokens::valid(&keys, 0, status, now)
}
