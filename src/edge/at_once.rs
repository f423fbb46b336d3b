//! Forward-auth, answered without a promise.
//!
//! Nearly every request finds in memory all that it needs. For these the entry (`entry.js`)
//! calls in here directly, and gets what to answer with: objects that were made once, for a
//! token or for a kind of refusal. Whatever is not quite that gives nothing, and goes the way
//! that every request can go.

use crate::{
    isolate::with_memory,
    judge::{Judgement, last_address},
    refresh, refuse,
};
use js_sys::{Object, Reflect};
use patrol::{
    memory::{self, Asked},
    surface,
    verdict::{Denial, Request},
};
use patrol_platform::{clock, now};
use std::cell::RefCell;
use wasm_bindgen::{JsValue, prelude::wasm_bindgen};
use web_sys::{Headers, ResponseInit};
use worker::Result;

/// The path that [`authorize_at_once`] is for.
#[wasm_bindgen(js_name = authorizePath)]
#[must_use]
pub fn authorize_path() -> String {
    surface::AUTHORIZE.to_owned()
}

/// Judges the request that another proxy holds. The arguments are headers as they came. Gives
/// `{ body, init }` for the answer, or undefined: then the request is to be judged by `fetch`.
#[wasm_bindgen(js_name = authorizeAtOnce)]
#[must_use]
#[expect(clippy::needless_pass_by_value, reason = "so it comes from JavaScript")]
pub fn authorize_at_once(
    method: &str,
    uri: &str,
    authorization: Option<String>,
    organization: Option<String>,
    address: Option<String>,
) -> JsValue {
    let (path, _) = surface::split(uri);
    let asked = Request {
        method,
        path,
        organization: organization.as_deref(),
        now: now(),
    };
    let outcome = with_memory(|memory| {
        let authorization = authorization.as_deref();
        let judged = memory.judge(&asked, authorization, clock(), &mut Asked::default());
        let memory::Judgement::Complete(verdict) = judged else {
            return None;
        };
        if verdict.behind.is_some() {
            return None;
        }
        if let Some(used) = verdict.used {
            let entry = memory.lists.entry(used.list, clock());
            // The first that waits needs somebody who sees to it.
            if entry.usage.is_empty() {
                return None;
            }
            refresh::note_use(memory, used, || last_address(address.as_deref()?));
        }
        Some(verdict)
    });
    let Some(verdict) = outcome.flatten() else {
        return JsValue::UNDEFINED;
    };
    let answer = match Judgement::from((verdict, &asked)) {
        Judgement::Allow(identity) => identity.answer(|| {
            let headers = Headers::new()?;
            identity.set_on(&headers)?;
            answer(&JsValue::NULL, 204, &headers)
        }),
        Judgement::Deny(refusal) => {
            refuse::log(&refusal);
            denied(&refusal.denial)
        }
    };
    answer.unwrap_or(JsValue::UNDEFINED)
}

/// The most refusals that are kept; there are not more kinds of them.
const MAX_DENIALS: usize = 256;

thread_local! {
    static DENIALS: RefCell<Vec<(Denial, JsValue)>> = const { RefCell::new(Vec::new()) };
}

fn denied(denial: &Denial) -> Result<JsValue> {
    DENIALS.with_borrow_mut(|denials| {
        if let Some((_, answer)) = denials.iter().find(|(known, _)| known == denial) {
            return Ok(answer.clone());
        }
        let (body, headers) = refuse::parts(denial)?;
        let answer = answer(&body.into(), denial.status(), &headers)?;
        if denials.len() < MAX_DENIALS {
            denials.push((*denial, answer.clone()));
        }
        Ok(answer)
    })
}

fn answer(body: &JsValue, status: u16, headers: &Headers) -> Result<JsValue> {
    let init = ResponseInit::new();
    init.set_status(status);
    init.set_headers(headers);
    let answer = Object::new();
    Reflect::set(&answer, &"body".into(), body)?;
    Reflect::set(&answer, &"init".into(), &init)?;
    Ok(answer.into())
}
