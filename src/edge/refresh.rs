//! Fetches what memory lacks, and tells what it has noted.
//!
//! What to ask, when, and whom to make wait is core's ([`patrol::memory`], [`patrol::renewal`]);
//! here the questions go out. What goes wrong leaves memory as it was: the requests that needed
//! the answer are refused.
//!
//! No question belongs to a request: the runtime stops a request in the middle of an await when
//! its client goes away, and whoever waits for the answer would have lost it. What is given to
//! `waitUntil` goes on. Requests that wait look at memory again and again, each with a timer of
//! its own: the runtime forbids one request to wake another.

use crate::{
    isolate::{Kept, with_memory},
    keys, lists,
    runtime::Event,
    settings::Settings,
};
use patrol::{
    memory::{Memory, Missing},
    registry::{Usage, Used},
    renewal::{PATIENCE, Question, Renewal, Step},
    revocation::Mode,
    status_list::StatusListId,
    token::StatusReference,
    usage::{self, Round},
};
use patrol_platform::{
    call_registry, clock, now,
    patience::{in_time, look_again_until, to_its_end},
};
use std::{net::IpAddr, time::Duration};
use worker::{Delay, Env, Result, console_error};

/// Sees to it that something is asked for, and waits until that has ended.
pub(crate) async fn fetch(missing: Missing, step: Step, event: Event<'_>) {
    let question = match step {
        Step::Judge => None,
        Step::JudgeAndAsk => {
            ask_behind(missing, event);
            None
        }
        Step::Ask => Some(ask_behind(missing, event)),
        Step::Wait => with_renewal(missing, |renewal| renewal.question(clock())).flatten(),
    };
    if let Some(question) = question {
        let is_over = move |renewal: &mut Renewal| renewal.is_over(question, clock());
        let wait = look_again_until(move || with_renewal(missing, is_over).unwrap_or(true));
        to_its_end(event.context, wait).await;
    }
}

/// Asks for something, in nobody's name.
pub(crate) fn ask_behind(missing: Missing, event: Event<'_>) -> Question {
    let question = with_renewal(missing, |renewal| renewal.begin(clock())).unwrap_or_default();
    let (env, settings) = (event.env.clone(), event.settings);
    event.context.wait_until(async move {
        let answered = ask(missing, &env, settings).await;
        with_renewal(missing, |renewal| renewal.end(question, clock(), answered));
    });
    question
}

fn with_renewal<R>(missing: Missing, act: impl FnOnce(&mut Renewal) -> R) -> Option<R> {
    with_memory(|memory| match missing {
        Missing::Keys => act(&mut memory.keys_renewal),
        Missing::List(id) => act(&mut memory.lists.entry(id, clock()).renewal),
    })
}

/// Asks, and says whether there was an answer.
async fn ask(missing: Missing, env: &Env, settings: &'static Settings) -> bool {
    match missing {
        Missing::Keys => logged("keys", &patient(keys::fetch(env, settings)).await),
        Missing::List(id) => match settings.installation.mode {
            Mode::Lease => {
                let usage = take_usage(id);
                let lease = patient(lists::lease(id, usage.clone(), env, settings));
                let answered = logged(&id.path(), &lease.await);
                if !answered {
                    put_back_usage(id, usage);
                }
                answered
            }
            Mode::Kv { .. } => {
                let snapshot = patient(lists::snapshot(id, env, settings));
                logged(&id.path(), &snapshot.await)
            }
        },
    }
}

async fn patient<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    in_time(Duration::from_millis(PATIENCE), work).await
}

/// Says whether it went well, and the log why not.
pub(crate) fn logged<T>(what: &str, result: &Result<T>) -> bool {
    if let Err(error) = result {
        console_error!("edge: {what}: {error}");
    }
    result.is_ok()
}

fn take_usage(id: StatusListId) -> Vec<Usage> {
    with_memory(|memory| memory.lists.entry(id, clock()).usage.take()).unwrap_or_default()
}

fn put_back_usage(id: StatusListId, usage: Vec<Usage>) {
    with_memory(|memory| memory.lists.entry(id, clock()).usage.put_back(usage));
}

/// Notes a use. Given a round, [`tell_behind`] is to be called.
pub(crate) fn note_use(
    memory: &mut Memory<Kept>,
    used: StatusReference,
    address: impl FnOnce() -> Option<IpAddr>,
) -> Option<Round> {
    let entry = memory.lists.entry(used.list, clock());
    entry.usage.note(used.idx, now(), address)
}

/// Tells the uses of a list's tokens behind the answer to a request, in a while: unless a
/// renewal takes them along before.
pub(crate) fn tell_behind(id: StatusListId, round: Round, event: Event<'_>) {
    let (env, installation) = (event.env.clone(), &event.settings.installation);
    let delay = Duration::from_millis(usage::tell_after(event.settings.installation.mode));
    event.context.wait_until(async move {
        Delay::from(delay).await;
        let usage = with_memory(|memory| memory.lists.entry(id, clock()).usage.take_of(round));
        let usage = usage.unwrap_or_default();
        if usage.is_empty() {
            return;
        }
        let used = Used {
            list: id.list,
            usage,
        };
        let told = patient(call_registry(&env, installation, id.registry, &used)).await;
        if !logged(&id.path(), &told) {
            put_back_usage(id, used.usage);
        }
    });
}
