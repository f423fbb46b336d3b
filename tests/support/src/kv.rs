//! The KV namespace of the tests, with the faults that KV may have.
//!
//! The runtime turns KV operations into HTTP requests (`GET`, `PUT`, `DELETE` of `/<key>`) to a
//! service, which is this server. KV is eventually consistent, and so is this: writes can become
//! visible late, and an old value or an absent key can come back.
//!
//! Left out, as the Workers do not use them: lists of keys and expiration.

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, HeaderValue, Method, StatusCode, Uri},
    response::{IntoResponse, Response},
};
use percent_encoding::percent_decode_str;
use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{net::TcpListener, time::Instant};

/// The fault of reads. Writes always succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KvFault {
    /// Reads return the latest write.
    None,
    /// A write becomes visible after this time; until then reads return the one before.
    Delayed(Duration),
    /// Reads return the first value ever written.
    Oldest,
    /// Reads find no key.
    Missing,
    /// Reads return the first half of the value.
    Truncated,
    /// Reads fail with status 500.
    Failing,
    /// Reads never get a response.
    Hanging,
}

/// Carries a value's metadata in requests and responses.
const METADATA: &str = "CF-KV-Metadata";

struct Version {
    written: Instant,
    /// `None` if the key was deleted.
    value: Option<(Bytes, Option<HeaderValue>)>,
}

struct Store {
    fault: KvFault,
    keys: BTreeMap<String, Vec<Version>>,
    reads: u64,
    writes: u64,
}

/// A running namespace.
#[derive(Clone)]
pub struct Kv {
    address: SocketAddr,
    store: Arc<Mutex<Store>>,
}

impl Kv {
    /// Starts a server with an empty namespace.
    ///
    /// # Panics
    /// If no port is free.
    pub async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0))
            .await
            .expect("no port is free");
        let kv = Self {
            address: listener.local_addr().expect("no address"),
            store: Arc::new(Mutex::new(Store {
                fault: KvFault::None,
                keys: BTreeMap::new(),
                reads: 0,
                writes: 0,
            })),
        };
        let router = Router::new().fallback(respond).with_state(kv.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        kv
    }

    /// The address that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes what is wrong from now on.
    pub fn set_fault(&self, fault: KvFault) {
        self.store().fault = fault;
    }

    /// The numbers of reads and of writes.
    pub fn counts(&self) -> (u64, u64) {
        let store = self.store();
        (store.reads, store.writes)
    }

    /// The number of writes to keys with this prefix.
    pub fn count_writes(&self, prefix: &str) -> usize {
        let store = self.store();
        let keys = store.keys.iter();
        keys.filter(|(key, _)| key.starts_with(prefix))
            .map(|(_, versions)| versions.len())
            .sum()
    }

    fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, key: &str, value: Option<(Bytes, Option<HeaderValue>)>) {
        let written = Instant::now();
        let mut store = self.store();
        store.writes += 1;
        let versions = store.keys.entry(key.to_owned()).or_default();
        versions.push(Version { written, value });
    }

    fn read(&self, key: &str) -> Read {
        let mut store = self.store();
        store.reads += 1;
        let versions = store.keys.get(key).map_or(&[][..], Vec::as_slice);
        let latest = |delay: Duration| {
            let is_visible = |version: &&Version| version.written.elapsed() >= delay;
            versions.iter().rev().find(is_visible)
        };
        let version = match store.fault {
            KvFault::None | KvFault::Truncated => latest(Duration::ZERO),
            KvFault::Delayed(delay) => latest(delay),
            KvFault::Oldest => versions.first(),
            KvFault::Missing => None,
            KvFault::Failing => return Read::Fails,
            KvFault::Hanging => return Read::Hangs,
        };
        let Some((value, metadata)) = version.and_then(|version| version.value.clone()) else {
            return Read::Missing;
        };
        let length = match store.fault {
            KvFault::Truncated => value.len() / 2,
            _ => value.len(),
        };
        Read::Value(value.slice(..length), metadata)
    }
}

enum Read {
    Value(Bytes, Option<HeaderValue>),
    Missing,
    Fails,
    Hangs,
}

async fn respond(
    State(kv): State<Kv>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let key = percent_decode_str(uri.path().trim_start_matches('/')).decode_utf8_lossy();
    match method {
        Method::GET => match kv.read(&key) {
            Read::Value(value, metadata) => {
                let mut response = value.into_response();
                if let Some(metadata) = metadata {
                    response.headers_mut().insert(METADATA, metadata);
                }
                response
            }
            Read::Missing => StatusCode::NOT_FOUND.into_response(),
            Read::Fails => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
            Read::Hangs => std::future::pending().await,
        },
        Method::PUT => {
            kv.write(&key, Some((body, headers.get(METADATA).cloned())));
            StatusCode::OK.into_response()
        }
        Method::DELETE => {
            kv.write(&key, None);
            StatusCode::OK.into_response()
        }
        _ => StatusCode::NOT_IMPLEMENTED.into_response(),
    }
}
