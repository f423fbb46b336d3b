//! The policy of this Worker, read once per isolate.
//!
//! It is a text module beside the Wasm module, so that it can be exchanged without a build. A module
//! that is revived after a crash has an empty memory, and reads it again.

use patrol::policy::{self, Policy, membership::MembershipRules};
use std::sync::OnceLock;
use wasm_bindgen::prelude::wasm_bindgen;
use worker::{Error, Result, console_error};

#[wasm_bindgen(raw_module = "./policy.json")]
extern "C" {
    #[wasm_bindgen(thread_local_v2, js_name = default)]
    static TEXT: String;
}

static POLICY: OnceLock<Option<Policy>> = OnceLock::new();

/// Returns the policy.
///
/// # Errors
/// The policy is wrong. The log names the mistake, once.
pub fn policy() -> Result<&'static Policy> {
    let read = || {
        let policy = Policy::from_json(&TEXT.with(String::clone));
        policy
            .inspect_err(|error| console_error!("policy.json: {error}"))
            .ok()
    };
    let policy = POLICY.get_or_init(read).as_ref();
    policy.ok_or_else(|| Error::RustError("policy.json is wrong".to_owned()))
}

/// Returns the policy's rules for the claims of providers. Only the origin needs them.
///
/// # Errors
/// The rules are wrong. The log names the mistake, once.
pub fn membership_rules() -> Result<&'static MembershipRules> {
    static RULES: OnceLock<Option<MembershipRules>> = OnceLock::new();
    let policy = policy()?;
    let read = || {
        let rules = MembershipRules::from_json(&TEXT.with(String::clone), policy);
        rules
            .inspect_err(|error| console_error!("policy.json: {error}"))
            .ok()
    };
    let rules = RULES.get_or_init(read).as_ref();
    rules.ok_or_else(|| Error::RustError("policy.json is wrong".to_owned()))
}

/// The hash of the policy: [`patrol::policy::hash`].
pub fn policy_hash() -> &'static str {
    static HASH: OnceLock<String> = OnceLock::new();
    HASH.get_or_init(|| policy::hash(&TEXT.with(String::clone)))
}

/// Reads the policy while the isolate starts, when no request waits.
#[wasm_bindgen(start, private)]
fn start() {
    let _ = policy();
}
