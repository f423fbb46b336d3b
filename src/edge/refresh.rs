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
    isolate::with_validator,
    keys, lists,
    runtime::{EdgeContext, succeeded, with_timeout},
    settings::EdgeSettings,
};
use patrol::{
    authorize::validator::{FollowUp, Needs, Resource},
    jose::status_list::StatusListId,
    registry::Used,
    revocation::{
        freshness::FreshnessPolicy,
        single_flight::{Flight, SingleFlight, Step},
        usage::BatchId,
    },
};
use patrol_platform::{call_registry, clock, timeout::poll_until};
use std::time::Duration;
use worker::{Delay, Env};

/// Begins what a decision wants done behind the response.
pub(crate) fn follow_up(FollowUp { renew, report }: FollowUp, context: EdgeContext<'_>) {
    if let Some(resource) = renew {
        fetch_in_background(resource, context);
    }
    if let Some((list, batch)) = report {
        schedule_report(list, batch, context);
    }
}

/// Fetches a resource, or joins the fetch in flight, and waits until it has ended.
pub(crate) async fn fetch(needs: Needs, context: EdgeContext<'_>) {
    let resource = needs.resource;
    if let Some(flight) = begin(needs, context) {
        let has_ended = move |flights: &mut SingleFlight| flights.has_ended(flight, clock());
        let wait = poll_until(move || with_flights(resource, has_ended).unwrap_or(true));
        context.complete(wait).await;
    }
}

/// Begins to fetch a resource, or joins the fetch in flight.
pub(crate) fn begin(Needs { resource, step }: Needs, context: EdgeContext<'_>) -> Option<Flight> {
    match step {
        Step::Wait => with_flights(resource, |flights| flights.in_flight(clock())).flatten(),
        _ => Some(fetch_in_background(resource, context)),
    }
}

/// Begins a fetch that belongs to no request.
fn fetch_in_background(resource: Resource, context: EdgeContext<'_>) -> Flight {
    let flight = with_flights(resource, |flights| flights.begin(clock())).unwrap_or_default();
    let (env, settings) = (context.env.clone(), context.settings);
    context.in_background(async move {
        let answered = fetch_now(resource, &env, settings).await;
        with_flights(resource, |flights| flights.end(flight, clock(), answered));
    });
    flight
}

fn with_flights<R>(resource: Resource, act: impl FnOnce(&mut SingleFlight) -> R) -> Option<R> {
    with_validator(|validator| act(validator.flights(resource, clock())))
}

/// Returns whether the fetch succeeded.
async fn fetch_now(resource: Resource, env: &Env, settings: &'static EdgeSettings) -> bool {
    match resource {
        Resource::Keys => succeeded("keys", &with_timeout(keys::fetch(env, settings)).await),
        Resource::List(id) => {
            let fetched = match settings.freshness {
                FreshnessPolicy::Lease { .. } => lists::lease(id, env, settings).await,
                FreshnessPolicy::Snapshot { .. } => {
                    with_timeout(lists::snapshot(id, env, settings)).await
                }
            };
            succeeded(&id.path(), &fetched)
        }
    }
}

/// Reports a batch of uses after a delay, unless a lease renewal carries it first.
fn schedule_report(id: StatusListId, batch: BatchId, context: EdgeContext<'_>) {
    let (env, installation) = (context.env.clone(), &context.settings.installation);
    let delay = Duration::from_millis(context.settings.freshness.flush_delay());
    context.in_background(async move {
        Delay::from(delay).await;
        let usage = lists::with_entry(id, |entry| entry.take_batch(batch)).unwrap_or_default();
        if usage.is_empty() {
            return;
        }
        let used = Used {
            list: id.list,
            usage,
        };
        let reported = with_timeout(call_registry(&env, installation, id.registry, &used)).await;
        if !succeeded(&id.path(), &reported) {
            // Without a validator, there is nobody to report them.
            let _ = lists::with_entry(id, |entry| entry.put_back(used.usage));
        }
    });
}
