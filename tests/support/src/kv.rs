//! The KV namespace, as far as the Workers use it, with the faults that KV may have.
//!
//! The runtime turns operations into HTTP requests to a service (`GET`, `PUT`, `DELETE` of
//! `/<key>`), which is this server. KV promises little, and this one keeps no more than that:
//! a write can be seen late, the absence of a key is remembered, an old value may come back.
//!
//! Left out: lists of keys, expiration, and values of more than a few megabytes.

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

/// How the namespace behaves towards those who read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KvFault {
    /// A write is seen at once.
    Prompt,
    /// A write is seen that much later; until then the one before is, or nothing.
    Late(Duration),
    /// The very first value of each key.
    Oldest,
    /// Nothing is there.
    Empty,
    /// The value is cut in the middle.
    Torn,
    /// Every read fails.
    Failing,
    /// No read is answered.
    Silent,
}

/// The header of a value's metadata, in requests and answers.
const METADATA: &str = "CF-KV-Metadata";

struct Version {
    written: Instant,
    /// None: deleted.
    value: Option<(Bytes, Option<HeaderValue>)>,
}

struct Store {
    mood: KvFault,
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
    /// An empty namespace.
    ///
    /// # Panics
    /// When there is no free port.
    pub async fn open() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0))
            .await
            .expect("a free port");
        let kv = Self {
            address: listener.local_addr().expect("an address"),
            store: Arc::new(Mutex::new(Store {
                mood: KvFault::Prompt,
                keys: BTreeMap::new(),
                reads: 0,
                writes: 0,
            })),
        };
        let router = Router::new().fallback(answer).with_state(kv.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        kv
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes the mood.
    pub fn set(&self, mood: KvFault) {
        self.store().mood = mood;
    }

    /// How often it was read and written.
    pub fn counts(&self) -> (u64, u64) {
        let store = self.store();
        (store.reads, store.writes)
    }

    /// How often keys that begin so were written.
    pub fn writes_below(&self, prefix: &str) -> usize {
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
        let newest = |delay: Duration| {
            let seen = |version: &&Version| version.written.elapsed() >= delay;
            versions.iter().rev().find(seen)
        };
        let version = match store.mood {
            KvFault::Prompt | KvFault::Torn => newest(Duration::ZERO),
            KvFault::Late(delay) => newest(delay),
            KvFault::Oldest => versions.first(),
            KvFault::Empty => None,
            KvFault::Failing => return Read::Fails,
            KvFault::Silent => return Read::Hangs,
        };
        let Some((value, metadata)) = version.and_then(|version| version.value.clone()) else {
            return Read::Nothing;
        };
        let length = match store.mood {
            KvFault::Torn => value.len() / 2,
            _ => value.len(),
        };
        Read::Value(value.slice(..length), metadata)
    }
}

enum Read {
    Value(Bytes, Option<HeaderValue>),
    Nothing,
    Fails,
    Hangs,
}

async fn answer(
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
            Read::Nothing => StatusCode::NOT_FOUND.into_response(),
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
