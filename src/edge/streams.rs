//! Open connections: answers whether their tokens are still good.
//!
//! `streams.js` holds the connections, because only JavaScript has their streams and sockets. It
//! asks here, by the token that opened the connection. Nothing of a connection is kept in Rust, and
//! no future waits for one: what an answer lacks is fetched behind the question, for all that ask.

use crate::{
    identity::CachedIdentities, incoming::token_of, isolate::with_validator, refresh,
    runtime::EdgeContext, settings::EdgeSettings,
};
use js_sys::Array;
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
use web_sys::Request;

#[wasm_bindgen(module = "/streams.js")]
extern "C" {
    /// The rules that all watched connections share.
    #[derive(Clone)]
    pub(crate) type StreamRules;

    #[wasm_bindgen(js_name = streamRules)]
    fn stream_rules(
        token_of: &TokenOf,
        ask: &Ask,
        unavailable: &str,
        numbers: Vec<f64>,
    ) -> StreamRules;
}

/// The token of a request that was allowed.
type TokenOf = Closure<dyn Fn(Request) -> Option<String>>;

/// Answers by token, bindings and event.
type Ask = Closure<dyn Fn(String, JsValue, JsValue) -> JsValue>;

thread_local! {
    static TOKEN_OF: TokenOf = Closure::new(|request: Request| token_of(&request));
    static ASK: Ask = Closure::new(ask);
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
        TOKEN_OF.with(|token_of| ASK.with(|ask| stream_rules(token_of, ask, unavailable, numbers)))
    }
}

/// Answers from what is cached, and begins to renew it if it ages. `undefined`: something has to be
/// fetched first, which has begun.
#[expect(clippy::needless_pass_by_value, reason = "as JavaScript passes it")]
fn ask(token: String, env: JsValue, event: JsValue) -> JsValue {
    let decided = with_validator(|validator| {
        let attempted = &mut Attempted::default();
        validator.authenticate(now(), Ok(&token), clock(), attempted)
    });
    let (Some(decided), Some(settings)) = (decided, EdgeSettings::known()) else {
        return code(&Denial::RevocationUnavailable);
    };
    let context = EdgeContext {
        env: env.unchecked_ref(),
        event: event.unchecked_ref(),
        settings,
    };
    match decided {
        Ok(decision) => {
            refresh::follow_up(decision.follow_up, context);
            verdict(&decision)
        }
        Err(needs) => {
            refresh::begin(needs, context);
            JsValue::UNDEFINED
        }
    }
}

/// Until when the token is good, and when to ask again; or why it is not good.
#[expect(clippy::cast_precision_loss, reason = "a time")]
fn verdict(decision: &Decision<CachedIdentities>) -> JsValue {
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
    [validity.until, validity.renew_at]
        .map(|time| JsValue::from(time.millis() as f64))
        .into_iter()
        .collect::<Array>()
        .into()
}

fn code(denial: &Denial) -> JsValue {
    denial.code().as_str().into()
}
