//! The Registry: one Durable Object for a share of the users, and the truth about their tokens.
//!
//! Each call is one synchronous step between two awaits, and the object runs one at a time, so
//! each is a transaction: the limit of active tokens cannot be overrun by callers that come at
//! once, and a lease carries all that was committed before it. The runtime holds every answer
//! back until what was written is on disk.
//!
//! A revocation is committed in its step and answered when the leases that were out then are
//! over; other calls go on in the meantime. An alarm, which survives a crash, does what nobody
//! waits for: it writes signed lists to KV, retires lists that nobody needs any more, and forgets
//! tokens that ended long ago.

mod schema;
mod store;

use crate::{publish, settings::Settings};
use patrol::{
    jose::status_list::{self, StatusListId},
    mode::{self, RevocationMode},
    placement::object_name,
    quota::{self, QuotaPolicy},
    registry::{
        AnyCall, Call, LeaseAnswer, LeaseRequest, Message, ReadSignedList, Revoke, Revoked,
        Revoker, SignedList,
    },
    revocation::lease::Grantor,
    time::{DAY, Instant, Timestamp},
};
use patrol_platform::{STATUS, clock, now};
use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    time::Duration,
};
use store::{Published, Store};
use worker::{
    Delay, DurableObject, Env, Error, Request, Response, Result, State, console_error,
    durable_object,
};

/// KV takes one write a second for each key; the last one is known to the second.
const PUBLISH_DELAY: u64 = 2_000;

/// How soon the alarm tries again when KV does not answer well, in milliseconds.
const RETRY_DELAY: u64 = 5_000;

/// The object.
#[durable_object(alarm)]
#[derive(Debug)]
pub struct Registry {
    state: State,
    env: Env,
    store: Result<Store>,
    /// None until the first call.
    grantor: RefCell<Option<Grantor>>,
    /// When the alarm is due, as far as this start of the object has set it.
    alarm_at: Cell<Option<Instant>>,
    /// The number, once it is written down.
    number: Cell<Option<u16>>,
    /// KV was told that this registry exists, by this start of the object.
    announced: Cell<bool>,
    /// Lists as they were last signed for the public.
    signed: RefCell<BTreeMap<u32, Signed>>,
}

/// A list as it was signed.
#[derive(Debug, Clone)]
struct Signed {
    version: u64,
    at: Timestamp,
    jwt: String,
}

impl DurableObject for Registry {
    fn new(state: State, env: Env) -> Self {
        let store = Store::open(state.storage().sql());
        Self {
            state,
            env,
            store,
            grantor: RefCell::new(None),
            alarm_at: Cell::new(None),
            number: Cell::new(None),
            announced: Cell::new(false),
            signed: RefCell::default(),
        }
    }

    async fn fetch(&self, mut request: Request) -> Result<Response> {
        let message: Message = serde_json::from_str(&request.text().await?)?;
        let settings = Settings::get(&self.env)?;
        let arrived = clock();
        let starts = self.number.get().is_none();
        let changes = message.call.changes_lists();
        let handled = self.handle(message, settings)?;
        if starts || changes {
            // No await since the writes: one transaction with them.
            self.plan_alarm(settings, Instant::default()).await?;
        }
        let answer = match handled {
            Handled::Answered(answer) => answer,
            Handled::Revoked(mut revoked, wait) => {
                if settings.installation.mode == RevocationMode::Lease {
                    wait_until(wait).await;
                    revoked.waited_ms = arrived.until(clock());
                }
                serde_json::to_string::<<Revoke as Call>::Answer>(&Ok(revoked))?
            }
        };
        Response::ok(answer)
    }

    async fn alarm(&self) -> Result<Response> {
        let store = self.store()?;
        let Some(registry) = store.number()? else {
            return Response::empty();
        };
        let settings = Settings::get(&self.env)?;
        self.alarm_at.set(None);
        let mut not_before = Instant::default();
        for list in store.lists()? {
            let id = StatusListId {
                registry,
                list: list.list,
            };
            let retired = list.retires_at().is_some_and(|at| at <= now());
            if !retired
                && publish_at(&list, settings).is_none_or(|at| Instant::from_millis(at) > clock())
            {
                continue;
            }
            // A failure must not end the alarm: the runtime repeats one a few times only.
            if let Err(error) = self.publish(store, id, &list, retired, settings).await {
                console_error!("registry {registry}: KV: {error}");
                not_before = clock().plus(RETRY_DELAY);
            }
        }
        store.forget(now())?;
        self.plan_alarm(settings, not_before).await?;
        Response::empty()
    }
}

/// Tokens are forgotten at the beginning of a day, all of the day before at once.
fn next_day(time: Timestamp) -> Timestamp {
    Timestamp::from_seconds(time.seconds().next_multiple_of(DAY))
}

/// Waits until the clock shows that time.
async fn wait_until(time: Instant) {
    loop {
        match clock().until(time) {
            0 => return,
            millis => Delay::from(Duration::from_millis(millis)).await,
        }
    }
}

/// When KV should get the list, in milliseconds; None: not before something changes.
fn publish_at(list: &Published, settings: &Settings) -> Option<u64> {
    if list.is_behind(settings.signing_keys.public()) {
        return Some(list.in_kv_since.seconds() * 1_000 + PUBLISH_DELAY);
    }
    match settings.installation.mode {
        RevocationMode::Kv { max_age } if list.is_live(now()) => {
            Some((list.in_kv_since.seconds() + mode::heartbeat(max_age)) * 1_000)
        }
        _ => None,
    }
}

/// What became of a call.
enum Handled {
    /// The answer, as JSON.
    Answered(String),
    /// Tokens have ended; the answer has to wait until then.
    Revoked(Revoked, Instant),
}

fn answer<C: Call>(_: &C, answer: &C::Answer) -> Result<Handled> {
    Ok(Handled::Answered(serde_json::to_string(answer)?))
}

impl Registry {
    fn store(&self) -> Result<&Store> {
        self.store
            .as_ref()
            .map_err(|error| Error::RustError(format!("the registry's storage: {error}")))
    }

    /// One call, from start to end without an await.
    fn handle(&self, message: Message, settings: &Settings) -> Result<Handled> {
        let store = self.store()?;
        let registry = message.registry;
        if self.number.get() != Some(registry) {
            store.remember_number(registry)?;
            self.number.set(Some(registry));
        }
        match message.call {
            AnyCall::Create(call) => {
                answer(&call, &store.create(registry, &call, settings.creations)?)
            }
            AnyCall::List(call) => answer(&call, &store.list(&call.owner, now())?),
            AnyCall::Read(call) => answer(&call, &store.read(&call.owner, &call.id, now())?),
            AnyCall::Revoke(call) => self.revoke(store, call),
            AnyCall::LeaseRequest(call) => answer(&call, &self.lease(store, &call, settings)?),
            AnyCall::Used(call) => answer(&call, &store.note(call.list, &call.usage, now())?),
            AnyCall::ReadSignedList(call) => {
                let ReadSignedList { list } = call;
                let id = StatusListId { registry, list };
                answer(&call, &self.signed_list(store, id, settings)?)
            }
            AnyCall::ListNumbers(call) => {
                let lists = store.lists()?;
                answer(&call, &lists.iter().map(|list| list.list).collect())
            }
        }
    }

    fn revoke(&self, store: &Store, call: Revoke) -> Result<Handled> {
        if call.by == Revoker::Owner {
            let quota = quota::REVOCATIONS;
            let taken = store.take(&call.owner, QuotaPolicy::Revocation, quota, now())?;
            if let Err(exceeded) = taken {
                return answer(&call, &Err(exceeded));
            }
        }
        self.with_grantor(store, |grantor| {
            let (revoked, wait) = store.revoke(&call.owner, call.which, clock(), grantor)?;
            Ok(Handled::Revoked(revoked, wait))
        })
    }

    /// A list, signed anew if it has changed or was signed some time ago.
    fn signed_list(
        &self,
        store: &Store,
        id: StatusListId,
        settings: &Settings,
    ) -> Result<Option<SignedList>> {
        let fresh = publish::VALIDITY.ttl / 2;
        let version = store.version(id.list)?;
        let kept = self.signed.borrow().get(&id.list).cloned();
        let kept =
            kept.filter(|kept| Some(kept.version) == version && now().since(kept.at) < fresh);
        let signed = match kept {
            Some(kept) => kept,
            None => match sign(store, id, settings)? {
                Some(signed) => signed,
                None => return Ok(None),
            },
        };
        self.signed.borrow_mut().insert(id.list, signed.clone());
        Ok(Some(SignedList {
            tag: format!("{}-{}", signed.version, signed.at.seconds()),
            jwt: signed.jwt,
        }))
    }

    fn lease(
        &self,
        store: &Store,
        request: &LeaseRequest,
        settings: &Settings,
    ) -> Result<Option<LeaseAnswer>> {
        let list = request.list;
        store.note(list, &request.usage, now())?;
        let Some(version) = store.version(list)? else {
            return Ok(None);
        };
        let content = store.content(list, version, request.since)?;
        let length = settings.lease_length;
        self.with_grantor(store, |grantor| {
            match grantor.grant(list, clock(), length) {
                Some(longest) => store.set_longest_lease(longest),
                None => Ok(()),
            }
        })?;
        let kids = settings.signing_keys.public().ids();
        Ok(Some(LeaseAnswer {
            version,
            content,
            length,
            kids: kids.map(|kid| kid.as_str().to_owned()).collect(),
        }))
    }

    /// The grantor of this start of the object, made when it is first needed: later is safer.
    fn with_grantor<T>(
        &self,
        store: &Store,
        act: impl FnOnce(&mut Grantor) -> Result<T>,
    ) -> Result<T> {
        let mut kept = self.grantor.borrow_mut();
        let grantor = match &mut *kept {
            Some(grantor) => grantor,
            empty => empty.insert(Grantor::restarted(clock(), store.longest_lease()?)),
        };
        let result = act(grantor);
        if result.is_err() {
            // It may believe that a length was written down which was not.
            *kept = None;
        }
        result
    }

    /// Sets the alarm for what is due next.
    async fn plan_alarm(&self, settings: &Settings, not_before: Instant) -> Result<()> {
        let store = self.store()?;
        let lists = store.lists()?;
        let due = lists.iter().flat_map(|list| {
            let retires = list.retires_at().map(|at| at.seconds() * 1_000);
            [publish_at(list, settings), retires]
        });
        let forgets = store.forgets_at()?.map(|at| next_day(at).seconds() * 1_000);
        let Some(due) = due.chain([forgets]).flatten().min() else {
            return Ok(());
        };
        let due = Instant::from_millis(due).max(not_before).max(clock());
        if self.alarm_at.get().is_some_and(|at| at <= due) {
            return Ok(());
        }
        self.alarm_at.set(Some(due));
        let delay = Duration::from_millis(clock().until(due));
        let set = self.state.storage().set_alarm(delay).await;
        if set.is_err() {
            self.alarm_at.set(None);
        }
        set
    }

    /// Brings a list in KV up to date: the list signed now or, once it is retired, nothing.
    async fn publish(
        &self,
        store: &Store,
        id: StatusListId,
        list: &Published,
        retired: bool,
        settings: &Settings,
    ) -> Result<()> {
        let kv = self.env.kv(STATUS)?;
        if retired {
            kv.delete(&id.path()).await?;
            return store.retire(id.list, now());
        }
        let Some(signed) = sign(store, id, settings)? else {
            return Ok(());
        };
        kv.put(&id.path(), signed.jwt)?.execute().await?;
        if !self.announced.get() {
            // Who must not make a registry looks here whether there is one.
            kv.put(&object_name(id.registry), "1")?.execute().await?;
            self.announced.set(true);
        }
        // What changed during the write has a newer version, and gets its own.
        let kid = settings.signing_keys.first().id();
        store.mark_published(list.list, signed.version, kid, signed.at)
    }
}

/// Signs a list as it is now; None: there is no such list.
fn sign(store: &Store, id: StatusListId, settings: &Settings) -> Result<Option<Signed>> {
    let Some(snapshot) = store.snapshot(id.list)? else {
        return Ok(None);
    };
    let at = now();
    let issuer = &settings.installation.public_url;
    let key = settings.signing_keys.first();
    let jwt = status_list::sign(&snapshot, id, issuer, at, publish::VALIDITY, key)
        .map_err(|error| Error::RustError(error.to_string()))?;
    Ok(Some(Signed {
        version: snapshot.version,
        at,
        jwt,
    }))
}
