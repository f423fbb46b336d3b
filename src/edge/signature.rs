//! Signatures, verified by the runtime's own crypto library.
//!
//! Each key is imported once. Failed signatures are not stored, and signatures are verified one at
//! a time, so a flood of forged tokens costs only processor time, as it does with any verifier.

use patrol::jose::{VerifySignature, keys::PublicKey};
use std::cell::RefCell;
use wasm_bindgen::{JsValue, prelude::wasm_bindgen};

#[wasm_bindgen(module = "/signature.js")]
extern "C" {
    /// A `KeyObject`.
    #[derive(Clone)]
    type KeyObject;

    #[wasm_bindgen(catch, js_name = importKey)]
    fn import_key(x: &str) -> Result<KeyObject, JsValue>;

    #[wasm_bindgen(catch, js_name = verifySignature)]
    fn verify_signature(key: &KeyObject, message: &[u8], signature: &[u8])
    -> Result<bool, JsValue>;
}

/// The most imported keys to keep; an installation has one or two.
const MAX_KEYS: usize = 16;

thread_local! {
    static KEYS: RefCell<Vec<(PublicKey, KeyObject)>> = const { RefCell::new(Vec::new()) };
}

/// The runtime as a verifier.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RuntimeCrypto;

impl VerifySignature for RuntimeCrypto {
    fn verify(&self, key: &PublicKey, message: &[u8], signature: &[u8; 64]) -> bool {
        imported(key)
            .and_then(|key| verify_signature(&key, message, signature))
            .unwrap_or(false)
    }
}

fn imported(key: &PublicKey) -> Result<KeyObject, JsValue> {
    KEYS.with_borrow_mut(|keys| {
        if let Some((_, imported)) = keys.iter().find(|(known, _)| known == key) {
            return Ok(imported.clone());
        }
        let imported = import_key(&key.x())?;
        if keys.len() >= MAX_KEYS {
            keys.clear();
        }
        keys.push((key.clone(), imported.clone()));
        Ok(imported)
    })
}
