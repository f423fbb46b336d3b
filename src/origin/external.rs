//! Requests to other parties: providers, and whoever publishes keys.

use js_sys::{Array, Promise, Uint8Array};
use std::time::Duration;
use wasm_bindgen::{JsCast, prelude::wasm_bindgen};
use worker::wasm_bindgen_futures::JsFuture;

#[wasm_bindgen(module = "/external.js")]
extern "C" {
    #[wasm_bindgen(js_name = request)]
    fn send(
        url: &str,
        authorization: Option<&str>,
        form: Option<&str>,
        limit: usize,
        timeout: f64,
    ) -> Promise;
}

/// How long another party may take. A sign-in makes three requests.
const TIMEOUT: Duration = Duration::from_secs(5);

/// A response of another party.
pub(crate) struct ExternalResponse {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

/// Reads an address. `None` if there is no response in time, or one of more than `limit` bytes.
pub(crate) async fn get(url: &str, limit: usize) -> Option<ExternalResponse> {
    read(send(url, None, None, limit, timeout())).await
}

/// Posts a form.
pub(crate) async fn post(
    url: &str,
    authorization: Option<&str>,
    form: &str,
    limit: usize,
) -> Option<ExternalResponse> {
    read(send(url, authorization, Some(form), limit, timeout())).await
}

fn timeout() -> f64 {
    TIMEOUT.as_secs_f64() * 1_000.0
}

async fn read(sent: Promise) -> Option<ExternalResponse> {
    let response = JsFuture::from(sent).await.ok()?;
    let response: Array = response.dyn_into().ok()?;
    let body: Uint8Array = response.get(1).dyn_into().ok()?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a status has three digits"
    )]
    let status = response.get(0).as_f64()? as u16;
    Some(ExternalResponse {
        status,
        body: body.to_vec(),
    })
}
