//! Open connections: answers whether their tokens are still good, and fetches what that takes.
//!
//! `streams.js` holds the connections, because only JavaScript has their streams and sockets. It
//! asks here, by the token that opened the connection. Nothing of a connection is kept in Rust.

use crate::{
    authenticate::authenticate_token, identity::CachedIdentities, isolate::with_validator,
    runtime::EdgeContext, settings::EdgeSettings,
};
use js_sys::{Array, Promise};
use patrol::{
    authorize::{
        decision::Denial,
        stream::{
            CLOSE_DENIED, CLOSE_UNAVAILABLE, MAX_SOCKET_BACKLOG, MAX_STREAMS, PATIENCE, SHORT_BODY,
        },
        validator::{Attempted, Decision},
    },
    http::problem::ProblemCode,
};
use patrol_platform::{clock, now};
use std::cell::OnceCell;
use wasm_bindgen::{JsCast, JsValue, closure::Closure, prelude::wasm_bindgen};
use worker::{Context, Env, wasm_bindgen_futures::future_to_promise};

#[wasm_bindgen(module = "/streams.js")]
extern "C" {
    /// The rules that all watched connections share.
    #[derive(Clone)]
    pub(crate) type StreamRules;

    #[wasm_bindgen(js_name = streamRules)]
    fn stream_rules(
        ask: &Ask,
        fetch_and_ask: &FetchAndAsk,
        unavailable: &str,
        numbers: Vec<f64>,
    ) -> StreamRules;
}

type Ask = Closure<dyn Fn(String) -> JsValue>;
type FetchAndAsk = Closure<dyn Fn(String, JsValue, JsValue) -> Promise>;

thread_local! {
    static ASK: Ask = Closure::new(ask);
    static FETCH_AND_ASK: FetchAndAsk = Closure::new(fetch_and_ask);
    static RULES: OnceCell<StreamRules> = const { OnceCell::new() };
}

impl StreamRules {
    /// The rules of this isolate.
    pub(crate) fn get(settings: &EdgeSettings) -> Self {
        RULES.with(|rules| rules.get_or_init(|| Self::new(settings)).clone())
    }

    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    fn new(settings: &EdgeSettings) -> Self {
        let numbers = [
            CLOSE_DENIED.into(),
            CLOSE_UNAVAILABLE.into(),
            SHORT_BODY,
            MAX_STREAMS.into(),
            MAX_SOCKET_BACKLOG,
            PATIENCE,
            settings.stream_max_seconds * 1_000,
        ];
        let numbers = numbers.map(|number: u64| number as f64).to_vec();
        let unavailable = ProblemCode::RevocationUnavailable.as_str();
        ASK.with(|ask| FETCH_AND_ASK.with(|fetch| stream_rules(ask, fetch, unavailable, numbers)))
    }
}

/// Answers from what is cached. `undefined`: something must be fetched first.
#[expect(clippy::needless_pass_by_value, reason = "as JavaScript passes it")]
fn ask(authorization: String) -> JsValue {
    let decided = with_validator(|validator| {
        let attempted = &mut Attempted::default();
        validator.authenticate(now(), Some(&authorization), clock(), attempted)
    });
    match decided {
        Some(Ok(decision)) => verdict(&decision, decision.refresh.is_some()),
        Some(Err(_)) => JsValue::UNDEFINED,
        None => ProblemCode::RevocationUnavailable.as_str().into(),
    }
}

/// Fetches what an answer takes, or renews what it rests on.
fn fetch_and_ask(authorization: String, env: JsValue, context: JsValue) -> Promise {
    let (env, event) = (
        env.unchecked_into::<Env>(),
        Context::new(context.unchecked_into()),
    );
    future_to_promise(async move {
        let Some(settings) = EdgeSettings::known() else {
            return Ok(JsValue::UNDEFINED);
        };
        let context = EdgeContext {
            env: &env,
            context: &event,
            settings,
        };
        Ok(
            match authenticate_token(Some(&authorization), context).await {
                Some(decision) => verdict(&decision, false),
                None => ProblemCode::RevocationUnavailable.as_str().into(),
            },
        )
    })
}

/// Until when the token is good, when to ask again, and whether to fetch; or why it is not good.
#[expect(clippy::cast_precision_loss, reason = "a time")]
fn verdict(decision: &Decision<CachedIdentities>, must_fetch: bool) -> JsValue {
    let validity = match (&decision.result, &decision.token) {
        (Ok(_), Some(verified)) => {
            with_validator(|validator| validator.validity(&verified.token, clock()))
        }
        (Err(denial), _) => return code(denial),
        (Ok(_), None) => None,
    };
    let Some(validity) = validity else {
        return code(&Denial::RevocationUnavailable);
    };
    let [until, ask_at] =
        [validity.until, validity.renew_at].map(|time| JsValue::from(time.millis() as f64));
    Array::of3(&until, &ask_at, &must_fetch.into()).into()
}

fn code(denial: &Denial) -> JsValue {
    denial.code().as_str().into()
}
