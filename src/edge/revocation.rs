//! Is a token revoked? Answered from memory while a lease holds.
//!
//! What is known, when to ask and whom to make wait is core's ([`patrol::revocation`],
//! [`patrol::renewal`]); this module carries the questions: to KV for a list that was never
//! seen, to the registry for a lease, and to the registry again for uses that no renewal took
//! along. What goes wrong leaves the list as it was, and the token's status unavailable when
//! the lease is over.
//!
//! Requests that wait look at the list again and again, each with a timer of its own: an answer
//! belongs to the request that asked, and the runtime forbids one request to wake another.

use crate::{
    keys,
    runtime::{Event, in_time, look_again_until},
    settings::Settings,
};
use patrol::{
    registry::{Call, LeaseRequest, Reply, Usage},
    renewal::{PATIENCE, Step},
    revocation::{Entry, Lists, Mode},
    status_list::{self, StatusListId},
    token::Token,
    usage,
    verdict::Revocation,
};
use patrol_platform::{STATUS, call_registry, clock};
use std::{cell::RefCell, net::IpAddr, time::Duration};
use worker::{Delay, Env, Error, Result, console_error};

/// How long KV may take: a whole list from the registry is not much slower.
const KV_PATIENCE: Duration = Duration::from_millis(500);

/// The longest that KV's own cache near the edge may keep a value, in seconds: its least.
const KV_CACHE_SECONDS: u64 = 30;

thread_local! {
    static LISTS: RefCell<Lists> = RefCell::default();
}

fn with_entry<T>(id: StatusListId, act: impl FnOnce(&mut Entry) -> T) -> T {
    LISTS.with_borrow_mut(|lists| act(lists.entry(id, clock())))
}

/// The status of a token, as of now or, within the lease, of a moment ago.
pub(crate) async fn status(token: &Token, event: Event<'_>) -> Revocation {
    let settings = event.settings;
    let id = token.status.list;
    if id.registry >= settings.installation.registries {
        return Revocation::Unavailable;
    }
    let judge = |entry: &Entry| entry.judge(token, settings.freshness(), clock());
    let (step, now_known) = with_entry(id, |entry| {
        let step = entry.step(settings.freshness(), clock());
        if matches!(step, Step::Ask | Step::JudgeAndAsk) {
            entry.renewal.begin(clock());
        }
        (step, judge(entry))
    });
    match step {
        Step::Judge => return now_known,
        Step::JudgeAndAsk => {
            let env = event.env.clone();
            event
                .context
                .wait_until(async move { ask(id, &env, settings).await });
            return now_known;
        }
        Step::Ask => ask(id, event.env, settings).await,
        Step::Wait => {
            look_again_until(|| with_entry(id, |entry| !entry.renewal.is_asked(clock()))).await;
        }
    }
    with_entry(id, |entry| judge(entry))
}

/// Asks for what the mode lives on, with what there is to tell.
async fn ask(id: StatusListId, env: &Env, settings: &'static Settings) {
    let answered = match settings.installation.mode {
        Mode::Lease => {
            let usage = with_entry(id, |entry| entry.usage.take());
            let lease = in_time(
                Duration::from_millis(PATIENCE),
                lease(id, usage.clone(), env, settings),
            );
            let answered = logged(id, &lease.await);
            if !answered {
                with_entry(id, |entry| entry.usage.put_back(usage));
            }
            answered
        }
        Mode::Kv { .. } => {
            let snapshot = in_time(Duration::from_millis(PATIENCE), snapshot(id, env, settings));
            logged(id, &snapshot.await)
        }
    };
    with_entry(id, |entry| entry.renewal.end(clock(), answered));
}

fn logged(id: StatusListId, result: &Result<()>) -> bool {
    if let Err(error) = result {
        console_error!("edge: {}: {error}", id.path());
    }
    result.is_ok()
}

/// A lease from the registry; for a list that was never seen, KV is asked first, which is near.
async fn lease(
    id: StatusListId,
    usage: Vec<Usage>,
    env: &Env,
    settings: &'static Settings,
) -> Result<()> {
    if with_entry(id, |entry| entry.known.version()).is_none() {
        // The registry has all of it anyway.
        logged(id, &in_time(KV_PATIENCE, snapshot(id, env, settings)).await);
    }
    let call = Call::Lease(LeaseRequest {
        list: id.list,
        since: with_entry(id, |entry| entry.known.version()),
        usage,
    });
    // The lease counts from before the question.
    let asked_at = clock();
    match call_registry(env, id.registry, call).await? {
        Reply::Lease(answer) => with_entry(id, |entry| entry.known.receive(asked_at, &answer))
            .map_err(|_| Error::RustError("the lease does not fit what is known".to_owned())),
        Reply::NotFound => Err(Error::RustError("the registry has no such list".to_owned())),
        _ => Err(Error::RustError("an unexpected reply to lease".to_owned())),
    }
}

/// The snapshot in KV, if there is one.
async fn snapshot(id: StatusListId, env: &Env, settings: &'static Settings) -> Result<()> {
    let kv = env.kv(STATUS)?;
    let text = kv
        .get(&id.path())
        .cache_ttl(KV_CACHE_SECONDS)
        .text()
        .await?;
    let Some(text) = text else {
        return Ok(());
    };
    let verifier = keys::verifier(env, settings).await?;
    let issuer = &settings.installation.public_url;
    let signed = status_list::verify(&text, id, issuer, verifier.keys())
        .map_err(|error| Error::RustError(format!("the snapshot in KV: {error:?}")))?;
    with_entry(id, |entry| entry.known.learn(&signed));
    Ok(())
}

/// Notes that a token was used, to be told with the next renewal or, without one, by itself.
pub(crate) fn note_use(token: &Token, event: Event<'_>, address: impl FnOnce() -> Option<IpAddr>) {
    let id = token.status.list;
    let now = patrol_platform::now();
    let first = with_entry(id, |entry| entry.usage.note(token.status.idx, now, address));
    if !first {
        return;
    }
    let env = event.env.clone();
    let delay = Duration::from_millis(usage::tell_after(event.settings.installation.mode));
    event.context.wait_until(async move {
        Delay::from(delay).await;
        let usage = with_entry(id, |entry| entry.usage.take());
        if usage.is_empty() {
            return;
        }
        let call = Call::Used {
            list: id.list,
            usage: usage.clone(),
        };
        let told = in_time(
            Duration::from_millis(PATIENCE),
            call_registry(&env, id.registry, call),
        );
        if !logged(id, &told.await.map(|_| ())) {
            with_entry(id, |entry| entry.usage.put_back(usage));
        }
    });
}
