//! The processor time that an isolate's first token takes beyond a later one.
//!
//! Every sample is a new process of the edge, which first gets a token of an unknown key and so
//! fetches the key set. Two series follow, each in its own processes:
//!
//! - Tokens with a false signature. The first of them takes longer, because the edge prepares the
//!   key. They are denied as soon as the signature is checked, so hardly any other code runs.
//! - Valid tokens, each from a different status list, so each of them fetches a lease. The first of
//!   them takes longer also because the engine compiles the code that runs for the first time.
//!
//! Times are those of the thread that runs the isolate, read while it is idle. Other threads of the
//! process optimize code in the background, at no particular token.

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
        signing::SigningKeys,
        status_list::{StatusListId, StatusReference},
    },
    time::Timestamp,
};
use serde::Serialize;
use std::{fs, time::Duration};

#[derive(Debug, Serialize)]
pub(crate) struct FirstToken {
    /// Tokens with a false signature.
    pub(crate) signature_check: Times,
    pub(crate) valid: Times,
}

/// Processor times in milliseconds.
#[derive(Debug, Serialize)]
pub(crate) struct Times {
    first: Spread,
    later: Spread,
    pub(crate) difference: Spread,
}

/// Tokens after the first in each process.
const LATER: usize = 5;

pub(crate) async fn measure(system: &System, plan: &Plan) -> Result<FirstToken> {
    println!(
        "measuring an isolate's first token: 2 series of {} new processes",
        plan.first_token_samples
    );
    let file = tokens::file(Workload::Lists, Contestant::Patrol.token_format());
    let text =
        fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let valid: Vec<String> = text.lines().take(LATER + 1).map(str::to_owned).collect();
    let forged: Vec<String> = valid.iter().map(|token| forge(token)).collect();
    Ok(FirstToken {
        signature_check: series(system, plan, &forged, 401).await?,
        valid: series(system, plan, &valid, 200).await?,
    })
}

/// Sends the tokens to each of some new processes. `expected` is the status of each response.
async fn series(system: &System, plan: &Plan, tokens: &[String], expected: u16) -> Result<Times> {
    let (mut first, mut later) = (Vec::new(), Vec::new());
    for _ in 0..plan.first_token_samples {
        let times = sample(system, tokens, expected).await?;
        let (&one, others) = times.split_first().context("no tokens")?;
        first.push(one);
        later.push(
            Spread::of(others.iter().copied())
                .context("no tokens")?
                .median,
        );
    }
    let difference = first.iter().zip(&later).map(|(first, later)| first - later);
    Ok(Times {
        difference: Spread::of(difference).context("no samples")?,
        first: Spread::of(first).context("no samples")?,
        later: Spread::of(later).context("no samples")?,
    })
}

/// The time of each token in one new process.
async fn sample(system: &System, tokens: &[String], expected: u16) -> Result<Vec<f64>> {
    let running = Running::start(Contestant::Patrol, Workload::Lists, system).await?;
    let clock = CpuClock::of(&running.process)?;
    let client = reqwest::Client::new();
    let url = format!(
        "http://127.0.0.1:{}{}",
        running.port(),
        Workload::Lists.path()
    );
    if request(&client, &url, &token_of_an_unknown_key()?).await? != 401 {
        bail!("the edge accepted a token of an unknown key");
    }
    let mut times = Vec::new();
    let mut before = when_idle(&clock).await?;
    for token in tokens {
        let status = request(&client, &url, token).await?;
        if status != expected {
            bail!("the edge responded to a token with {status} instead of {expected}");
        }
        let after = when_idle(&clock).await?;
        times.push(after.saturating_sub(before).as_secs_f64() * 1e3);
        before = after;
    }
    Ok(times)
}

/// The processor time of the main thread once it stops growing.
async fn when_idle(clock: &CpuClock) -> Result<Duration> {
    const PAUSE: Duration = Duration::from_millis(20);
    /// Timers may keep a process from ever being idle.
    const ATTEMPTS: u32 = 20;
    let mut before = clock.main_thread()?;
    for _ in 0..ATTEMPTS {
        tokio::time::sleep(PAUSE).await;
        let now = clock.main_thread()?;
        if now == before {
            break;
        }
        before = now;
    }
    Ok(before)
}

/// The token with another signature of the same form.
fn forge(token: &str) -> String {
    let (message, signature) = token.rsplit_once('.').unwrap_or((token, ""));
    // The first letters belong to the point R, so the number S stays in its range.
    let (first, rest) = signature.split_at_checked(1).unwrap_or_default();
    let other = if first == "A" { "B" } else { "A" };
    format!("{message}.{other}{rest}")
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
