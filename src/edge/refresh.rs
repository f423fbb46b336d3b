//! Fetches what memory lacks, and tells what it has noted.
//!
//! What to ask, when, and whom to make wait is core's ([`patrol::authorize::validator`], [`patrol::revocation::single_flight`]);
//! here the questions go out. What goes wrong leaves memory as it was: the requests that needed
//! the answer are refused.
//!
//! No question belongs to a request: the runtime stops a request in the middle of an await when
//! its client goes away, and whoever waits for the answer would have lost it. What is given to
//! `waitUntil` goes on. Requests that wait look at memory again and again, each with a timer of
//! its own: the runtime forbids one request to wake another.

use crate::{
    isolate::{CachedIdentity, with_validator},
    keys, lists,
    runtime::Event,
    settings::Settings,
};
use patrol::{
    authorize::validator::{Resource, Validator},
    jose::status_list::{StatusListId, StatusReference},
    mode::RevocationMode,
    registry::{Usage, Used},
    revocation::{
        single_flight::{FETCH_TIMEOUT, Flight, SingleFlight, Step},
        usage::{self, BatchId},
    },
};
use patrol_platform::{
    call_registry, clock, now,
    patience::{in_time, look_again_until, to_its_end},
};
use std::{net::IpAddr, time::Duration};
use worker::{Delay, Env, Result, console_error};

/// Sees to it that something is asked for, and waits until that has ended.
pub(crate) async fn fetch(missing: Resource, step: Step, event: Event<'_>) {
    let flight = match step {
        Step::Proceed => None,
        Step::ProceedAndFetch => {
            ask_behind(missing, event);
            None
        }
        Step::Fetch => Some(ask_behind(missing, event)),
        Step::Wait => with_flights(missing, |flights| flights.flight(clock())).flatten(),
    };
    if let Some(flight) = flight {
        let has_ended = move |flights: &mut SingleFlight| flights.has_ended(flight, clock());
        let wait = look_again_until(move || with_flights(missing, has_ended).unwrap_or(true));
        to_its_end(event.context, wait).await;
    }
}

/// Asks for something, in nobody's name.
pub(crate) fn ask_behind(missing: Resource, event: Event<'_>) -> Flight {
    let flight = with_flights(missing, |flights| flights.begin(clock())).unwrap_or_default();
    let (env, settings) = (event.env.clone(), event.settings);
    event.context.wait_until(async move {
        let answered = ask(missing, &env, settings).await;
        with_flights(missing, |flights| flights.end(flight, clock(), answered));
    });
    flight
}

fn with_flights<R>(missing: Resource, act: impl FnOnce(&mut SingleFlight) -> R) -> Option<R> {
    with_validator(|memory| match missing {
        Resource::Keys => act(&mut memory.key_flights),
        Resource::List(id) => act(&mut memory.lists.entry(id, clock()).flights),
    })
}

/// Asks, and says whether there was an answer.
async fn ask(missing: Resource, env: &Env, settings: &'static Settings) -> bool {
    match missing {
        Resource::Keys => logged("keys", &capped(keys::fetch(env, settings)).await),
        Resource::List(id) => match settings.installation.mode {
            RevocationMode::Lease => {
                let usage = take_usage(id);
                let lease = capped(lists::lease(id, usage.clone(), env, settings));
                let answered = logged(&id.path(), &lease.await);
                if !answered {
                    put_back_usage(id, usage);
                }
                answered
            }
            RevocationMode::Kv { .. } => {
                let snapshot = capped(lists::snapshot(id, env, settings));
                logged(&id.path(), &snapshot.await)
            }
        },
    }
}

async fn capped<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    in_time(Duration::from_millis(FETCH_TIMEOUT), work).await
}

/// Says whether it went well, and the log why not.
pub(crate) fn logged<T>(what: &str, result: &Result<T>) -> bool {
    if let Err(error) = result {
        console_error!("edge: {what}: {error}");
    }
    result.is_ok()
}

fn take_usage(id: StatusListId) -> Vec<Usage> {
    with_validator(|memory| memory.lists.entry(id, clock()).usage.take()).unwrap_or_default()
}

fn put_back_usage(id: StatusListId, usage: Vec<Usage>) {
    with_validator(|memory| memory.lists.entry(id, clock()).usage.put_back(usage));
}

/// Notes a use. Given a round, [`tell_behind`] is to be called.
pub(crate) fn note_use(
    memory: &mut Validator<CachedIdentity>,
    used: StatusReference,
    address: impl FnOnce() -> Option<IpAddr>,
) -> Option<BatchId> {
    let entry = memory.lists.entry(used.list, clock());
    entry.usage.note(used.idx, now(), address)
}

/// Tells the uses of a list's tokens behind the answer to a request, in a while: unless a
/// renewal takes them along before.
pub(crate) fn tell_behind(id: StatusListId, batch: BatchId, event: Event<'_>) {
    let (env, installation) = (event.env.clone(), &event.settings.installation);
    let delay = Duration::from_millis(usage::flush_delay(event.settings.installation.mode));
    event.context.wait_until(async move {
        Delay::from(delay).await;
        let usage =
            with_validator(|memory| memory.lists.entry(id, clock()).usage.take_batch(batch));
        let usage = usage.unwrap_or_default();
        if usage.is_empty() {
            return;
        }
        let used = Used {
            list: id.list,
            usage,
        };
        let told = capped(call_registry(&env, installation, id.registry, &used)).await;
        if !logged(&id.path(), &told) {
            put_back_usage(id, used.usage);
        }
    });
}
