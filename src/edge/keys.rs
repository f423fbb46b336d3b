//! The public keys, as this isolate knows them.
//!
//! They come from the origin's key set. A key that was removed needs no question here: every
//! lease names the keys in use, and the others are dead. A token with an unknown key asks for
//! the set again, so that a new key works at once, but not more than once a second: anyone can
//! send such a token. Where there are no leases, the set itself must be fresh.

use crate::{
    runtime::{Fetcher, in_time, look_again_until},
    settings::Settings,
};
use patrol::{
    keys::KeySet,
    lease::{Instant, Need},
    policy::POLICY,
    renewal::{PATIENCE, PAUSE, Renewal, Step},
    revocation::Mode,
    surface,
    token::Verifier,
};
use patrol_platform::clock;
use std::{cell::RefCell, rc::Rc, time::Duration};
use wasm_bindgen_futures::JsFuture;
use web_sys::Request;
use worker::{Env, Error, Result, console_error};

/// The age at which keys are asked for again behind a request, in milliseconds.
const RENEW_AT: u64 = 10_000;

struct Known {
    verifier: Rc<Verifier>,
    since: Instant,
}

#[derive(Default)]
struct State {
    known: Option<Known>,
    renewal: Renewal,
}

thread_local! {
    static STATE: RefCell<State> = RefCell::default();
}

impl State {
    /// What a request needs that is content with the keys as they are.
    fn need(&self, mode: Mode, now: Instant) -> Need {
        match (&self.known, mode) {
            (None, _) => Need::RenewFirst,
            (Some(_), Mode::Lease) => Need::Nothing,
            (Some(known), Mode::Kv { max_age }) => match known.since.until(now) {
                age if age >= max_age * 1_000 => Need::RenewFirst,
                age if age >= RENEW_AT => Need::RenewSoon,
                _ => Need::Nothing,
            },
        }
    }

    fn verifier(&self) -> Option<Rc<Verifier>> {
        self.known.as_ref().map(|known| known.verifier.clone())
    }
}

/// A verifier with the keys in use.
pub(crate) async fn verifier(env: &Env, settings: &Settings) -> Result<Rc<Verifier>> {
    let mode = settings.installation.mode;
    let (need, known) = STATE.with_borrow(|state| (state.need(mode, clock()), state.verifier()));
    match (need, known) {
        (Need::Nothing, Some(verifier)) => return Ok(verifier),
        (Need::RenewSoon, Some(verifier)) => {
            // One request waits for the newer set; the others go on.
            if fetch_as_told(need, env, settings).await {
                return STATE
                    .with_borrow(State::verifier)
                    .ok_or_else(|| Error::RustError("no keys".to_owned()));
            }
            return Ok(verifier);
        }
        _ => {
            fetch_as_told(Need::RenewFirst, env, settings).await;
        }
    }
    STATE
        .with_borrow(|state| match state.need(mode, clock()) {
            Need::RenewFirst => None,
            _ => state.verifier(),
        })
        .ok_or_else(|| Error::RustError("the key set cannot be had".to_owned()))
}

/// A verifier with newer keys than `old`, if there can be any: for a token whose key is not
/// among the old ones.
pub(crate) async fn newer(
    old: &Rc<Verifier>,
    env: &Env,
    settings: &Settings,
) -> Option<Rc<Verifier>> {
    let fresh = STATE.with_borrow(|state| {
        let known = state.known.as_ref()?;
        Some(known.since.until(clock()) < PAUSE)
    });
    if fresh != Some(true) {
        fetch_as_told(Need::RenewFirst, env, settings).await;
    }
    let verifier = STATE.with_borrow(State::verifier)?;
    (verifier.keys() != old.keys()).then_some(verifier)
}

/// Asks for the key set, or waits for the answer to another request's question. Says whether a
/// set came.
async fn fetch_as_told(need: Need, env: &Env, settings: &Settings) -> bool {
    let step = STATE.with_borrow_mut(|state| {
        let step = state.renewal.step(need, clock(), PAUSE);
        if matches!(step, Step::Ask | Step::JudgeAndAsk) {
            state.renewal.begin(clock());
        }
        step
    });
    match step {
        Step::Judge => return false,
        Step::Wait => {
            let ended = || STATE.with_borrow(|state| !state.renewal.is_asked(clock()));
            look_again_until(ended).await;
            return true;
        }
        Step::Ask | Step::JudgeAndAsk => {}
    }
    let since = clock();
    let loaded = in_time(Duration::from_millis(PATIENCE), load(env, settings)).await;
    STATE.with_borrow_mut(|state| {
        state.renewal.end(clock(), loaded.is_ok());
        match loaded {
            Ok(verifier) => {
                let verifier = Rc::new(verifier);
                state.known = Some(Known { verifier, since });
                true
            }
            Err(error) => {
                console_error!("edge: keys: {error}");
                false
            }
        }
    })
}

async fn load(env: &Env, settings: &Settings) -> Result<Verifier> {
    let issuer = settings.installation.public_url.clone();
    let request = Request::new_with_str(&format!("{issuer}{}", surface::JWKS))?;
    let response = Fetcher::binding(env, "ORIGIN")?.send(&request).await?;
    if !response.ok() {
        return Err(Error::RustError(format!(
            "the key set answered {}",
            response.status()
        )));
    }
    let text = JsFuture::from(response.text()?)
        .await?
        .as_string()
        .unwrap_or_default();
    let keys = KeySet::from_jwks(&text).map_err(|error| Error::RustError(error.to_string()))?;
    Ok(Verifier::new(issuer, keys, &POLICY))
}
