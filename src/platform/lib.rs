//! The platform, as both Workers use it: the clock, settings, other Workers, calls to a Registry.
//!
//! This crate only translates. A failed call is an error; the caller decides what that means.

#![forbid(unsafe_code)]
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

pub mod policy;
pub mod timeout;

use js_sys::{JSON, Promise, Reflect};
use patrol::{
    authorize::forwarding::AddressHeader,
    mode::RevocationMode,
    placement::{self, object_name},
    registry::Call,
    routes::{PUBLIC_URL_RULE, Paths},
    session::is_loopback,
    time::{Instant, Timestamp},
};
use std::{ops::RangeInclusive, sync::OnceLock};
use wasm_bindgen::{JsCast, JsValue, prelude::wasm_bindgen};
use web_sys::{Request, RequestInit, Response, Url};
use worker::{Env, Error, Result};

/// The binding of the Registry class.
pub const REGISTRY: &str = "REGISTRY";

/// The binding of the KV namespace with the signed status lists.
pub const STATUS: &str = "STATUS";

/// The current time. In Workers the clock stops between two I/O operations.
pub fn now() -> Timestamp {
    Timestamp::from_millis(millis())
}

/// The same clock, in milliseconds.
pub fn clock() -> Instant {
    Instant::from_millis(millis())
}

/// `Date.now()`, without the object that `worker::Date` creates.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a whole number from 1970 on"
)]
fn millis() -> u64 {
    js_sys::Date::now() as u64
}

/// Reads a required setting.
///
/// # Errors
/// Names the setting if it is missing.
pub fn setting(env: &Env, name: &str) -> Result<String> {
    optional_setting(env, name)
        .ok_or_else(|| Error::RustError(format!("the setting {name} is missing")))
}

/// Whether there is a binding of that name.
pub fn is_bound(env: &Env, name: &str) -> bool {
    Reflect::get(env, &name.into()).is_ok_and(|value| value.is_object())
}

/// Reads an optional setting. An empty one is absent. A value that is not text, such as a number
/// without quotes, counts as its JSON text, so that no setting is ignored.
pub fn optional_setting(env: &Env, name: &str) -> Option<String> {
    let value = Reflect::get(env, &name.into()).ok()?;
    if value.is_undefined() || value.is_null() {
        return None;
    }
    let text = value.as_string().or_else(|| {
        let text = JSON::stringify(&value).ok()?;
        text.as_string()
    });
    text.filter(|text| !text.is_empty())
}

/// Reads an optional setting that is the address of a server, perhaps with a path. A trailing slash is
/// removed.
///
/// # Errors
/// Names the setting and says what it must be.
pub fn address_setting(env: &Env, name: &str) -> Result<Option<String>> {
    let Some(text) = optional_setting(env, name) else {
        return Ok(None);
    };
    let good = Url::new(&text).is_ok_and(|url| {
        matches!(&*url.protocol(), "http:" | "https:")
            && url.search().is_empty()
            && url.hash().is_empty()
    });
    if good {
        return Ok(Some(text.trim_end_matches('/').to_owned()));
    }
    Err(Error::RustError(format!(
        "{name} must be an address like https://api.example.com, without a query"
    )))
}

/// Reads an optional setting that is a number in a range.
///
/// # Errors
/// Names the setting and says what it must be.
pub fn number_setting(env: &Env, name: &str, range: RangeInclusive<u64>) -> Result<Option<u64>> {
    let Some(text) = optional_setting(env, name) else {
        return Ok(None);
    };
    let number = text.parse().ok().filter(|number| range.contains(number));
    let (least, most) = (range.start(), range.end());
    let wrong = || Error::RustError(format!("{name} must be a number from {least} to {most}"));
    number.ok_or_else(wrong).map(Some)
}

/// Reads an optional setting that is on or off.
///
/// # Errors
/// Names the setting and says what it must be.
pub fn flag_setting(env: &Env, name: &str) -> Result<bool> {
    match optional_setting(env, name).as_deref() {
        None | Some("false" | "0") => Ok(false),
        Some("true" | "1") => Ok(true),
        Some(_) => Err(Error::RustError(format!(
            "{name} must be `true` or `false`"
        ))),
    }
}

/// Reads something once per isolate, on its first request. After an error the next request tries
/// again.
///
/// # Errors
/// Returns the error of `read`.
pub fn once<T>(cell: &'static OnceLock<T>, read: impl FnOnce() -> Result<T>) -> Result<&'static T> {
    match cell.get() {
        Some(value) => Ok(value),
        None => read().map(|value| cell.get_or_init(|| value)),
    }
}

/// The settings that both Workers share.
#[derive(Debug, Clone)]
pub struct Installation {
    /// `PUBLIC_URL`, `PATROL_PREFIX` and `ROOT_PATHS`.
    pub paths: Paths,
    /// `REGISTRIES`: the number of registries, which never changes.
    pub registries: u16,
    /// `REVOCATION_MODE` and `KV_MAX_AGE_SECONDS`.
    pub mode: RevocationMode,
    /// `REGISTRY_LOCATION`: where new registries are created. `None`: near the first caller.
    pub registry_location: Option<&'static str>,
    /// `CLIENT_ADDRESS_HEADER`: the header that holds the client's address.
    pub client_address_header: AddressHeader,
}

impl Installation {
    /// Reads and checks the settings.
    ///
    /// # Errors
    /// Names the setting and says what it must be.
    pub fn from_env(env: &Env) -> Result<Self> {
        let invalid = |message: &str| Error::RustError(message.to_owned());
        let public_url = setting(env, "PUBLIC_URL")?;
        let prefix = optional_setting(env, "PATROL_PREFIX");
        let root_paths = optional_setting(env, "ROOT_PATHS");
        let paths =
            Paths::new(&public_url, prefix.as_deref(), root_paths.as_deref()).map_err(invalid)?;
        if !is_origin(paths.origin()) {
            return Err(invalid(PUBLIC_URL_RULE));
        }
        let registries = setting(env, "REGISTRIES")?
            .parse()
            .ok()
            .filter(|count| *count > 0)
            .ok_or_else(|| {
                Error::RustError("REGISTRIES must be a number from 1 to 65535".to_owned())
            })?;
        let mode = RevocationMode::from_settings(
            optional_setting(env, "REVOCATION_MODE").as_deref(),
            optional_setting(env, "KV_MAX_AGE_SECONDS").as_deref(),
        )
        .map_err(Error::RustError)?;
        let registry_location = optional_setting(env, "REGISTRY_LOCATION")
            .map(|text| placement::location(&text))
            .transpose()
            .map_err(Error::RustError)?;
        let address_header = optional_setting(env, "CLIENT_ADDRESS_HEADER");
        let client_address_header =
            AddressHeader::from_setting(address_header.as_deref()).map_err(invalid)?;
        Ok(Self {
            paths,
            registries,
            mode,
            registry_location,
            client_address_header,
        })
    }
}

/// Whether the text is an origin as browsers write it (HTML, section 7.1.1), because their `Origin`
/// header is compared with it. Without TLS anyone could read a session in transit.
pub fn is_origin(text: &str) -> bool {
    Url::new(text).is_ok_and(|url| {
        let safe = match &*url.protocol() {
            "https:" => true,
            "http:" => is_loopback(&url.hostname()),
            _ => false,
        };
        safe && url.origin() == text
    })
}

#[wasm_bindgen]
extern "C" {
    /// An object with a method `fetch`: a service binding, a Durable Object, the global object.
    pub type Fetcher;

    /// Starts sending a request.
    ///
    /// # Errors
    /// Fails if the runtime rejects the request.
    #[wasm_bindgen(method, catch)]
    pub fn fetch(this: &Fetcher, request: &Request) -> std::result::Result<Promise, JsValue>;
}

impl Fetcher {
    /// Returns a service binding.
    ///
    /// # Errors
    /// Fails if there is no binding of that name.
    pub fn binding(env: &Env, name: &str) -> Result<Self> {
        env.service(name).map(worker::Fetcher::into_rpc)
    }

    /// Returns the global `fetch`, which reaches the network.
    pub fn network() -> Self {
        js_sys::global().unchecked_into()
    }

    /// Sends a request and waits for the response's head.
    ///
    /// # Errors
    /// Fails if there is no response.
    pub async fn send(&self, request: &Request) -> Result<Response> {
        let response = timeout::settled(&self.fetch(request)?).await?;
        response
            .dyn_into()
            .map_err(|_| Error::RustError("fetch returned no response".to_owned()))
    }

    /// Sends a request and reads the whole response, which must be 200. `what` names the other side in
    /// errors.
    ///
    /// # Errors
    /// Fails if there is no response, or it has another status.
    pub async fn read(&self, request: &Request, what: &str) -> Result<String> {
        read(self.send(request).await?, what).await
    }
}

/// Reads a whole response, which must be 200. `what` names the other side in errors.
///
/// # Errors
/// Fails if the response has another status, or ends early.
pub async fn read(response: Response, what: &str) -> Result<String> {
    if response.status() != 200 {
        let status = response.status();
        return Err(Error::RustError(format!("{what} answered {status}")));
    }
    body_of(response).await
}

/// Reads the whole body of a response.
///
/// # Errors
/// Fails if it ends early.
pub async fn body_of(response: Response) -> Result<String> {
    let text = timeout::settled(&response.text()?).await?;
    Ok(text.as_string().unwrap_or_default())
}

/// Calls a registry. The first call creates it, permanently.
///
/// # Errors
/// Fails if the registry cannot be reached or sends an unexpected answer.
pub async fn call_registry<C: Call>(
    env: &Env,
    installation: &Installation,
    registry: u16,
    call: &C,
) -> Result<C::Answer> {
    let message = call.to_json()?;
    let location = installation.registry_location;
    let answer = send(env, &object_name(registry), location, message).await?;
    // Like all JSON in core, from bytes: a reader of text would be more code.
    Ok(serde_json::from_slice(answer.as_bytes())?)
}

async fn send(
    env: &Env,
    registry: &str,
    location: Option<&str>,
    message: String,
) -> Result<String> {
    let init = RequestInit::new();
    init.set_method("POST");
    init.set_body(&message.into());
    let request = Request::new_with_str_and_init("https://registry/", &init)?;
    let objects = env.durable_object(REGISTRY)?;
    let stub = match location {
        Some(location) => objects.get_by_name_with_location_hint(registry, location),
        None => objects.get_by_name(registry),
    }?;
    stub.into_rpc::<Fetcher>().read(&request, registry).await
}
