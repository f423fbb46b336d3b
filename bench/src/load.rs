//! Loads a contestant for a turn, and checks that it did the work that is measured.

use crate::{
    launch::Running,
    tokens,
    workload::{Contestant, Workload},
    wrk::{Output, Run, wrk},
};
use anyhow::{Context as _, Result, bail};

/// The script and its name.
const SCRIPT: (&str, &str) = ("load.lua", include_str!("load.lua"));

/// By then every contestant has served the requests of an isolate.
const LIMITED_TURN_SECONDS: u32 = 60;

/// One turn of a workload. `turn` counts within the round: each uses its own tokens where the
/// workload needs that.
pub(crate) fn run_turn(
    running: &Running,
    workload: Workload,
    turn: u32,
    seconds: u32,
) -> Result<Run> {
    let limit = workload.requests_per_turn();
    let seconds = limit.map_or(seconds, |_| LIMITED_TURN_SECONDS);
    let skip = workload.tokens_used_per_turn() * turn;
    run(running, workload, workload.path(), skip, limit, seconds)
}

/// Load before the first turn of a workload.
pub(crate) fn warm_up(running: &Running, workload: Workload, seconds: u32) -> Result<()> {
    run(
        running,
        workload.warm_up(),
        workload.path(),
        0,
        None,
        seconds,
    )?;
    Ok(())
}

/// Sends the first request to an edge, which fetches its key set and a lease.
pub(crate) async fn first_request(running: &Running, workload: Workload) -> Result<()> {
    let file = tokens::file(workload.warm_up(), running.contestant.token_format());
    let text = std::fs::read_to_string(&file)
        .with_context(|| format!("cannot read {}", file.display()))?;
    let token = text.lines().next().context("no token")?;
    let url = format!("http://127.0.0.1:{}{}", running.port(), workload.path());
    let status = request(&reqwest::Client::new(), &url, token).await?;
    if status != 200 {
        bail!(
            "{}: the first request got {status}",
            running.contestant.name()
        );
    }
    Ok(())
}

/// The status of one request, with the same headers as those of `load.lua`.
pub(crate) async fn request(client: &reqwest::Client, url: &str, token: &str) -> Result<u16> {
    let request = client
        .get(url)
        .bearer_auth(token)
        .header("X-Organization-ID", "acme")
        .header("X-Forwarded-Method", "GET")
        .header("X-Forwarded-Uri", "/api/v1/engine/pipelines")
        .header("X-Forwarded-For", "203.0.113.7");
    Ok(request.send().await?.status().as_u16())
}

fn run(
    running: &Running,
    tokens_of: Workload,
    path: &str,
    skip: u32,
    limit: Option<u32>,
    seconds: u32,
) -> Result<Run> {
    let contestant = running.contestant;
    let tokens = tokens::file(tokens_of, contestant.token_format());
    let (tokens, skip) = (tokens.to_string_lossy(), skip.to_string());
    let limit_argument = limit.unwrap_or_default().to_string();
    let arguments = [&tokens, skip.as_str(), path, &limit_argument];
    let (output, cpu) = wrk(
        SCRIPT,
        running.port(),
        &arguments,
        seconds,
        &running.process,
    )?;
    check(contestant, tokens_of, limit, &output)?;
    Ok(Run::new(&output, cpu))
}

/// How far the share of denials may be off: requests in flight at the end do not count.
const TOLERANCE: f64 = 0.01;

fn check(
    contestant: Contestant,
    tokens_of: Workload,
    limit: Option<u32>,
    output: &Output,
) -> Result<()> {
    let (name, workload) = (contestant.name(), tokens_of.name());
    let (denied, expected) = (
        output.denied / output.requests,
        contestant.share_denied(tokens_of),
    );
    // Without any request the share is NaN, and this fails too.
    let is_expected = (denied - expected).abs() <= TOLERANCE;
    if !is_expected || output.lost > 0.0 {
        bail!(
            "{name} is wrong at {workload}: of {} requests it denied {denied:.3} instead of \
             {expected}, and {} got no response",
            output.requests,
            output.lost
        );
    }
    if limit.is_some_and(|limit| output.requests < f64::from(limit)) {
        bail!(
            "{name} is too slow at {workload}: {} requests in a minute",
            output.requests
        );
    }
    Ok(())
}
