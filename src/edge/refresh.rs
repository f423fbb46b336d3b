//! Fetches what the validator needs, and reports the uses that it recorded.
//!
//! Core decides what to fetch, when, and who waits ([`patrol::authorize::validator`],
//! [`patrol::revocation::single_flight`]). This module runs the fetches. A failed one leaves the
//! validator as it was, and the requests that needed it are refused.
//!
//! No fetch belongs to a request. The runtime stops a request in the middle of an await when its
//! client disconnects, and every other request that waits would lose the answer. Work given to
//! `waitUntil` continues. Waiting requests poll, each with its own timer, because the runtime does
//! not let one request wake another.

use crate::{
    isolate::{EdgeValidator, with_validator},
    keys, lists,
    runtime::{EdgeContext, succeeded},
    settings::EdgeSettings,
};
use patrol::{
    authorize::validator::{Needs, Resource},
    jose::status_list::{StatusListId, StatusReference},
    registry::{Usage, Used},
    revocation::{
        freshness::FreshnessPolicy,
        single_flight::{FETCH_TIMEOUT, Flight, SingleFlight, Step},
        usage::BatchId,
    },
};
use patrol_platform::{
    call_registry, clock, now,
    timeout::{complete, continue_in_background, in_time, poll_until},
};
use std::{net::IpAddr, time::Duration};
use worker::{Delay, Env, Result};

/// Fetches a resource, or joins the fetch in flight, and waits until it has ended.
pub(crate) async fn fetch(Needs { resource, step }: Needs, context: EdgeContext<'_>) {
    let flight = match step {
        Step::Wait => with_flights(resource, |flights| flights.in_flight(clock())).flatten(),
        _ => Some(fetch_in_background(resource, context)),
    };
    if let Some(flight) = flight {
        let has_ended = move |flights: &mut SingleFlight| flights.has_ended(flight, clock());
        let wait = poll_until(move || with_flights(resource, has_ended).unwrap_or(true));
        complete(context.context, wait).await;
    }
}

/// Begins a fetch that belongs to no request.
pub(crate) fn fetch_in_background(resource: Resource, context: EdgeContext<'_>) -> Flight {
    let flight = with_flights(resource, |flights| flights.begin(clock())).unwrap_or_default();
    let (env, settings) = (context.env.clone(), context.settings);
    continue_in_background(context.context, async move {
        let answered = fetch_now(resource, &env, settings).await;
        with_flights(resource, |flights| flights.end(flight, clock(), answered));
    });
    flight
}

fn with_flights<R>(resource: Resource, act: impl FnOnce(&mut SingleFlight) -> R) -> Option<R> {
    with_validator(|validator| match resource {
        Resource::Keys => act(&mut validator.key_flights),
        Resource::List(id) => act(&mut validator.lists.entry(id, clock()).flights),
    })
}

/// Returns whether the fetch succeeded.
async fn fetch_now(resource: Resource, env: &Env, settings: &'static EdgeSettings) -> bool {
    match resource {
        Resource::Keys => succeeded("keys", &with_timeout(keys::fetch(env, settings)).await),
        Resource::List(id) => match settings.freshness {
            FreshnessPolicy::Lease { .. } => {
                let usage = take_usage(id);
                let lease = with_timeout(lists::lease(id, usage.clone(), env, settings));
                let answered = succeeded(&id.path(), &lease.await);
                if !answered {
                    put_back_usage(id, usage);
                }
                answered
            }
            FreshnessPolicy::Snapshot { .. } => {
                let snapshot = with_timeout(lists::snapshot(id, env, settings));
                succeeded(&id.path(), &snapshot.await)
            }
        },
    }
}

async fn with_timeout<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    in_time(Duration::from_millis(FETCH_TIMEOUT), work).await
}

fn take_usage(id: StatusListId) -> Vec<Usage> {
    with_validator(|validator| validator.lists.entry(id, clock()).usage.take()).unwrap_or_default()
}

fn put_back_usage(id: StatusListId, usage: Vec<Usage>) {
    with_validator(|validator| validator.lists.entry(id, clock()).usage.put_back(usage));
}

/// Records a use. If this returns a batch, call [`schedule_flush`].
pub(crate) fn record_use(
    validator: &mut EdgeValidator,
    used: StatusReference,
    address: impl FnOnce() -> Option<IpAddr>,
) -> Option<BatchId> {
    let entry = validator.lists.entry(used.list, clock());
    entry.usage.record(used.idx, now(), address)
}

/// Reports a batch of uses after a delay, unless a lease renewal carries it first.
pub(crate) fn schedule_flush(id: StatusListId, batch: BatchId, context: EdgeContext<'_>) {
    let (env, installation) = (context.env.clone(), &context.settings.installation);
    let delay = Duration::from_millis(context.settings.freshness.flush_delay());
    continue_in_background(context.context, async move {
        Delay::from(delay).await;
        let usage = with_validator(|validator| {
            let entry = validator.lists.entry(id, clock());
            entry.usage.take_batch(batch)
        });
        let usage = usage.unwrap_or_default();
        if usage.is_empty() {
            return;
        }
        let used = Used {
            list: id.list,
            usage,
        };
        let reported = with_timeout(call_registry(&env, installation, id.registry, &used)).await;
        if !succeeded(&id.path(), &reported) {
            put_back_usage(id, used.usage);
        }
    });
}
