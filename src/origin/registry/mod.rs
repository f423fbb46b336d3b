//! The Registry: one Durable Object for a share of the users, and the truth about their tokens.
//!
//! Each call is one synchronous step between two awaits, and the object runs one at a time, so
//! each is a transaction: the limit of active tokens cannot be overrun by callers that come at
//! once. The runtime holds every answer back until what was written is on disk. Signed lists go
//! to KV from an alarm, which survives a crash: at most one write a second for each list.

mod schema;
mod store;

use crate::{publish, settings::Settings};
use patrol::{
    registry::{Call, Message, Reply},
    status_list::{self, StatusListId},
};
use patrol_platform::{STATUS, now};
use std::time::Duration;
use store::Store;
use worker::{DurableObject, Env, Error, Request, Response, Result, State, durable_object};

/// KV takes one write a second for each key.
const PUBLISH_DELAY: Duration = Duration::from_secs(1);

/// The object.
#[durable_object(alarm)]
#[derive(Debug)]
pub struct Registry {
    state: State,
    env: Env,
    store: Result<Store>,
}

impl DurableObject for Registry {
    fn new(state: State, env: Env) -> Self {
        let store = Store::open(state.storage().sql());
        Self { state, env, store }
    }

    async fn fetch(&self, mut request: Request) -> Result<Response> {
        let message: Message = serde_json::from_str(&request.text().await?)?;
        let store = self.store()?;
        store.remember_number(message.registry)?;
        let reply = self.handle(store, message)?;
        if store.has_unpublished()? && self.state.storage().get_alarm().await?.is_none() {
            self.state.storage().set_alarm(PUBLISH_DELAY).await?;
        }
        Response::ok(serde_json::to_string(&reply)?)
    }

    async fn alarm(&self) -> Result<Response> {
        let store = self.store()?;
        let Some(registry) = store.number()? else {
            return Response::empty();
        };
        let settings = Settings::get(&self.env)?;
        let kv = self.env.kv(STATUS)?;
        for (list, version) in store.unpublished()? {
            let id = StatusListId { registry, list };
            let signed = signed_list(store, id, settings)?;
            kv.put(&id.path(), signed)?.execute().await?;
            // What changed during the write has a newer version, and gets its own.
            store.mark_published(list, version)?;
        }
        if store.has_unpublished()? {
            self.state.storage().set_alarm(PUBLISH_DELAY).await?;
        }
        Response::empty()
    }
}

impl Registry {
    fn store(&self) -> Result<&Store> {
        self.store
            .as_ref()
            .map_err(|error| Error::RustError(format!("the registry's storage: {error}")))
    }

    /// One call, from start to end without an await.
    fn handle(&self, store: &Store, message: Message) -> Result<Reply> {
        let registry = message.registry;
        match message.call {
            Call::Create(create) => store.create(registry, &create),
            Call::List { owner } => store.list(&owner, now()).map(Reply::List),
            Call::Read { owner, id } => {
                let found = store.read(&owner, &id, now())?;
                Ok(found.map_or(Reply::NotFound, Reply::Record))
            }
            Call::Revoke { owner, id } => {
                let found = store.revoke(&owner, &id, now())?;
                Ok(found.map_or(Reply::NotFound, Reply::Revoked))
            }
            Call::Status(reference) => {
                let status = store.status(reference.list.list, reference.idx)?;
                Ok(status.map_or(Reply::NotFound, Reply::Status))
            }
            Call::SignedList { list } => {
                let id = StatusListId { registry, list };
                if !store.has_list(list)? {
                    return Ok(Reply::NotFound);
                }
                signed_list(store, id, Settings::get(&self.env)?).map(Reply::SignedList)
            }
        }
    }
}

fn signed_list(store: &Store, id: StatusListId, settings: &Settings) -> Result<String> {
    let snapshot = store.snapshot(id.list)?;
    let uri = id.uri(&settings.installation.public_url);
    let key = settings.signing_keys.first();
    status_list::sign(&snapshot, uri, now(), publish::VALIDITY, key)
        .map_err(|error| Error::RustError(error.to_string()))
}
