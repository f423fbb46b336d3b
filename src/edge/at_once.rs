//! Forward-auth, answered without a promise.
//!
//! Nearly every request finds in memory all that it needs. For these the entry (`entry.js`)
//! calls in here directly and gets the answer. What answers are made of is made once, for a token
//! or for a kind of refusal; an answer without a body is never used up, so it is itself kept.
//! Whatever is not quite that gives nothing, and goes the way that every request can go.

use crate::{
    isolate::with_memory,
    judge::{Client, Judgement},
    refresh, refuse, runtime,
};
use patrol::{
    memory::{self, Asked},
    surface,
    time::Timestamp,
    verdict::Request,
};
use patrol_platform::clock;
use wasm_bindgen::prelude::wasm_bindgen;
use web_sys::{Headers, Response};

/// The path that [`authorize_at_once`] is for.
#[wasm_bindgen(js_name = authorizePath)]
#[must_use]
pub fn authorize_path() -> String {
    surface::AUTHORIZE.to_owned()
}

/// Judges the request that another proxy holds. `lines` are its method, its path, and as far as
/// they are there the headers `Authorization` and `X-Organization-ID`; `headers` is all of them.
/// Undefined: the request is to be judged by `fetch`.
#[wasm_bindgen(js_name = authorizeAtOnce)]
#[must_use]
pub fn authorize_at_once(lines: &[u8], headers: &Headers) -> Option<Response> {
    let mut lines = str::from_utf8(lines).ok()?.split('\n');
    let method = lines.next()?;
    let (path, _) = surface::split(lines.next()?);
    let authorization = lines.next();
    let organization = lines.next();
    let clock = clock();
    let asked = Request {
        method,
        path,
        organization,
        now: Timestamp::from_millis(clock.millis()),
    };
    let verdict = with_memory(|memory| {
        let judged = memory.judge(&asked, authorization, clock, &mut Asked::default());
        let memory::Judgement::Complete(verdict) = judged else {
            return None;
        };
        if verdict.behind.is_some() {
            return None;
        }
        if let Some(used) = verdict.used {
            let entry = memory.lists.entry(used.list, clock);
            // The first that waits needs somebody who sees to it.
            if entry.usage.is_empty() {
                return None;
            }
            refresh::note_use(memory, used, || Client::BehindProxy.address(headers));
        }
        Some(verdict)
    })??;
    let answer = match Judgement::from(verdict) {
        Judgement::Allow(identity) => identity.answer(|| {
            let response = runtime::empty(204)?;
            identity.set_on(&response.headers())?;
            Ok(response)
        }),
        Judgement::Deny(refusal) => refuse::denial(&refusal, &asked),
    };
    answer.ok()
}
