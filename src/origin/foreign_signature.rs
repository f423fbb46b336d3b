//! Signatures of other parties, and Patrol's own for them, by WebCrypto.
//!
//! Core says what is to be verified ([`patrol::jose::foreign`]); the arithmetic is the runtime's. Keys
//! are imported each time: signing in is rare, and an import costs less than the fetch before it.

use js_sys::{Promise, Uint8Array};
use patrol::{
    jose::foreign::{SignatureCheck, VerifyForeignSignature},
    sign_in::client::{ClientKey, SignWithClientKey},
};
use std::collections::BTreeMap;
use wasm_bindgen::{JsCast, prelude::wasm_bindgen};
use worker::wasm_bindgen_futures::JsFuture;

#[wasm_bindgen(module = "/foreign_signature.js")]
extern "C" {
    #[wasm_bindgen(js_name = verifyForeign)]
    fn verify_foreign(
        algorithm: &str,
        jwk: &str,
        message: Uint8Array,
        signature: Uint8Array,
    ) -> Promise;

    #[wasm_bindgen(js_name = signForeign)]
    fn sign_foreign(algorithm: &str, jwk: &str, message: Uint8Array) -> Promise;
}

/// The runtime as a verifier and signer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RuntimeCrypto;

impl VerifyForeignSignature for RuntimeCrypto {
    async fn verify(&self, check: SignatureCheck<'_>) -> bool {
        let Some(jwk) = json(check.jwk()) else {
            return false;
        };
        let algorithm = check.algorithm().as_str();
        // Copies: this module's memory can move while the promise is pending.
        let (message, signature) = (check.message().into(), check.signature().into());
        let verified = JsFuture::from(verify_foreign(algorithm, &jwk, message, signature)).await;
        // Not merely truthy: an error is not a verdict.
        verified.is_ok_and(|verified| verified.as_bool() == Some(true))
    }
}

impl SignWithClientKey for RuntimeCrypto {
    async fn sign(&self, key: &ClientKey, message: &[u8]) -> Option<Vec<u8>> {
        let jwk = json(key.jwk())?;
        let signed = sign_foreign(key.algorithm().as_str(), &jwk, message.into());
        let signature = JsFuture::from(signed).await.ok()?;
        Some(signature.dyn_into::<Uint8Array>().ok()?.to_vec())
    }
}

/// A JWK as JSON.
fn json<'a>(members: impl Iterator<Item = (&'static str, &'a str)>) -> Option<String> {
    serde_json::to_string(&members.collect::<BTreeMap<_, _>>()).ok()
}
