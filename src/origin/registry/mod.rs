//! The Registry: a Durable Object that stores the accounts, sessions and tokens of a share of the
//! users.
//!
//! The runtime runs one object at a time, and each call does its work without an await, so each
//! call is a transaction. Concurrent calls cannot exceed the limit of active tokens, and a lease
//! carries everything that was committed before it. The runtime holds back every answer until the
//! writes before it are on disk.
//!
//! A revocation commits at once. Its answer waits until the leases that were granted before it have
//! ended. Other calls run in the meantime. An alarm does the rest: it writes signed lists to KV,
//! retires lists, and deletes old tokens. It survives a crash.
//!
//! The object takes its number from its name, which the runtime also passes to alarms. An object
//! that was addressed by an id without a name has none, and fails every call.

mod accounts;
mod audit;
mod creation;
mod listing;
mod quotas;
mod revocation;
mod schedule;
mod schema;
mod status_lists;
mod store;

use crate::{caching::LIST_VALIDITY, settings::OriginSettings};
use patrol::{
    account::AccountRecord,
    http::api::RevokeTarget,
    ids::{TokenId, UserId},
    issue::rules,
    jose::status_list::StatusListId,
    placement::{object_name, object_number},
    quota::{self, QuotaPolicy},
    registry::{
        AnyCall, Call, Credential, Effect, LeaseAnswer, LeaseRequest, ReadSignedList, ReadToken,
        Revoke, SessionEnded, SignedList, Usage,
    },
    revocation::lease::Grantor,
    session::Session,
    time::{Instant, Timestamp},
};
use patrol_platform::{STATUS, clock, now, policy::policy};
use revocation::Revocation;
use schedule::DueWork;
use status_lists::SignedSnapshot;
use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    time::Duration,
};
use store::Store;
use worker::{
    Delay, DurableObject, Env, Error, Request, Response, Result, State, console_error,
    durable_object,
};

/// How soon the alarm tries again after KV failed, in milliseconds.
const RETRY_DELAY: u64 = 5_000;

/// How many rows of a table one alarm deletes: more would hold up calls.
const MAX_DELETIONS: u64 = 1_000;

/// The Durable Object of one registry.
#[durable_object(alarm)]
#[derive(Debug)]
pub struct Registry {
    state: State,
    env: Env,
    /// The registry's number and its database. An error fails every call.
    opened: Result<(u16, Store)>,
    /// `None` until the first lease or revocation.
    grantor: RefCell<Option<Grantor>>,
    /// Whether this instance has planned the alarm since it started.
    is_alarm_planned: Cell<bool>,
    /// When the alarm is due, as far as this instance knows.
    alarm_at: Cell<Option<Instant>>,
    /// Whether this instance has recorded in KV that the registry exists.
    is_announced: Cell<bool>,
    /// The lists as they were last signed for the public.
    signed: RefCell<BTreeMap<u32, SignedSnapshot>>,
}

impl DurableObject for Registry {
    fn new(state: State, env: Env) -> Self {
        let opened = open(&state);
        Self {
            state,
            env,
            opened,
            grantor: RefCell::new(None),
            is_alarm_planned: Cell::new(false),
            alarm_at: Cell::new(None),
            is_announced: Cell::new(false),
            signed: RefCell::default(),
        }
    }

    async fn fetch(&self, mut request: Request) -> Result<Response> {
        let call: AnyCall = serde_json::from_str(&request.text().await?)?;
        let settings = OriginSettings::get(&self.env)?;
        let arrived = clock();
        let effect = call.effect();
        let handled = self.handle(call, settings)?;
        if effect != Effect::Nothing || !self.is_alarm_planned.get() {
            // No await since the writes: one transaction with them.
            self.plan_alarm(settings, Instant::default()).await?;
            self.is_alarm_planned.set(true);
        }
        let answer = match handled {
            Handled::Answered(answer) => answer,
            Handled::Revoked(Revocation {
                mut revoked,
                clear_at,
            }) => {
                if settings.installation.mode.waits_for_leases() {
                    wait_until(clear_at).await;
                    revoked.waited_ms = arrived.until(clock());
                }
                serde_json::to_string::<<Revoke as Call>::Answer>(&Ok(Ok(revoked)))?
            }
        };
        Response::ok(answer)
    }

    async fn alarm(&self) -> Result<Response> {
        let (registry, store) = self.opened()?;
        let settings = OriginSettings::get(&self.env)?;
        self.alarm_at.set(None);
        let mut not_before = Instant::default();
        for list in store.lists()? {
            let id = StatusListId {
                registry,
                list: list.list,
            };
            let result = match schedule::due_work(&list, clock(), settings) {
                Some(DueWork::Publish) => self.publish(store, id, settings).await,
                Some(DueWork::Retire) => self.retire(store, id).await,
                None => Ok(()),
            };
            // A failure must not fail the alarm: the runtime repeats a failed one only a few times.
            if let Err(error) = result {
                console_error!("registry {registry}: KV: {error}");
                not_before = clock().plus(RETRY_DELAY);
            }
        }
        let now = now();
        store.delete_tokens(rules::retention_start(now), now, MAX_DELETIONS)?;
        store.delete_sessions(now, MAX_DELETIONS)?;
        store.delete_audit_entries(audit::retention_start(now), MAX_DELETIONS)?;
        store.delete_full_buckets(now)?;
        self.plan_alarm(settings, not_before).await?;
        Response::empty()
    }
}

/// Opens the database of an object that has a registry's name.
fn open(state: &State) -> Result<(u16, Store)> {
    let number = state.id().name().and_then(|name| object_number(&name));
    let number = number
        .ok_or_else(|| Error::RustError("the object was not called by a registry's name".into()))?;
    Ok((number, Store::open(state.storage().sql())?))
}

async fn wait_until(time: Instant) {
    loop {
        match clock().until(time) {
            0 => return,
            millis => Delay::from(Duration::from_millis(millis)).await,
        }
    }
}

/// The outcome of a call.
enum Handled {
    /// The answer, as JSON.
    Answered(String),
    /// The answer may have to wait.
    Revoked(Revocation),
}

fn answer<C: Call>(_: &C, answer: &C::Answer) -> Result<Handled> {
    Ok(Handled::Answered(serde_json::to_string(answer)?))
}

/// Answers a call of a session, unless the session has ended.
fn answer_session<T, C: Call<Answer = std::result::Result<T, SessionEnded>>>(
    store: &Store,
    settings: &OriginSettings,
    call: &C,
    session: &Session,
    act: impl FnOnce(AccountRecord) -> Result<T>,
) -> Result<Handled> {
    let account = accounts::authenticate(store, session, settings, now())?;
    answer(
        call,
        &match account {
            Ok(account) => Ok(act(account)?),
            Err(ended) => Err(ended),
        },
    )
}

fn read_token(
    store: &Store,
    call: &ReadToken,
    settings: &OriginSettings,
) -> Result<<ReadToken as Call>::Answer> {
    if let Err(ended) = accounts::authorize(store, &call.owner, &call.credential, settings)? {
        return Ok(Err(ended));
    }
    record_own_use(store, &call.owner, &call.credential, &call.id)?;
    let row = store.token(&call.owner, &call.id)?;
    row.map(|row| row.into_record(now())).transpose().map(Ok)
}

impl Registry {
    fn opened(&self) -> Result<(u16, &Store)> {
        match &self.opened {
            Ok((number, store)) => Ok((*number, store)),
            Err(error) => Err(Error::RustError(format!("the registry: {error}"))),
        }
    }

    /// Handles one call without an await.
    fn handle(&self, call: AnyCall, settings: &OriginSettings) -> Result<Handled> {
        let (registry, store) = self.opened()?;
        match call {
            AnyCall::SignIn(call) => answer(&call, &accounts::sign_in(store, &call, now())?),
            AnyCall::SignOut(call) => answer(&call, &accounts::sign_out(store, &call, now())?),
            AnyCall::ReadAccount(call) => answer_session(store, settings, &call, &call.session, Ok),
            AnyCall::ListSessions(call) => {
                let session = &call.session;
                answer_session(store, settings, &call, session, |_| {
                    store.sessions(session, now())
                })
            }
            AnyCall::EndSession(call) => {
                answer_session(store, settings, &call, &call.session, |_| {
                    accounts::end_session(store, &call, now())
                })
            }
            AnyCall::ReadAudit(call) => {
                answer_session(store, settings, &call, &call.session, |account| {
                    store.audit_entries(&account.id, call.before, audit::PAGE_SIZE)
                })
            }
            AnyCall::Create(call) => {
                answer_session(store, settings, &call, &call.session, |account| {
                    let policy = policy()?;
                    let owner = account.account(policy);
                    creation::create(store, registry, &call, &owner, policy, settings)
                })
            }
            AnyCall::ListTokens(call) => {
                answer_session(store, settings, &call, &call.session, |account| {
                    listing::list(store, &account, &call.query, now())
                })
            }
            AnyCall::ReadToken(call) => answer(&call, &read_token(store, &call, settings)?),
            AnyCall::Revoke(call) => self.revoke(store, call, settings),
            AnyCall::LeaseRequest(call) => answer(&call, &self.lease(store, &call, settings)?),
            AnyCall::Used(call) => answer(&call, &record_usage(store, call.list, &call.usage)?),
            AnyCall::ReadSignedList(call) => {
                let ReadSignedList { list } = call;
                let id = StatusListId { registry, list };
                answer(&call, &self.signed_list(store, id, settings)?)
            }
            AnyCall::ReadListNumbers(call) => {
                let lists = store.lists()?;
                answer(&call, &lists.iter().map(|list| list.list).collect())
            }
        }
    }

    fn revoke(&self, store: &Store, call: Revoke, settings: &OriginSettings) -> Result<Handled> {
        if let Err(ended) = accounts::authorize(store, &call.owner, &call.credential, settings)? {
            return answer(&call, &Err(ended));
        }
        if let RevokeTarget::Ids(ids) = &call.target {
            for id in ids {
                record_own_use(store, &call.owner, &call.credential, id)?;
            }
        }
        if let Credential::Session(_) = call.credential {
            let (policy, quota) = (QuotaPolicy::Revocation, quota::REVOCATIONS);
            if let Err(exceeded) = quotas::take(store, &call.owner, policy, quota, now())? {
                return answer(&call, &Ok(Err(exceeded)));
            }
        }
        self.with_grantor(store, |grantor| {
            revocation::revoke(store, call, clock(), grantor).map(Handled::Revoked)
        })
    }

    /// A signed list. Signs it again if it has changed, or was signed some time ago.
    fn signed_list(
        &self,
        store: &Store,
        id: StatusListId,
        settings: &OriginSettings,
    ) -> Result<Option<SignedList>> {
        let max_age = LIST_VALIDITY.ttl / 2;
        let version = store.version(id.list)?;
        let cached = self.signed.borrow().get(&id.list).cloned();
        let cached = cached.filter(|cached| {
            Some(cached.version) == version && now().since(cached.signed_at) < max_age
        });
        let signed = match cached {
            Some(cached) => cached,
            None => match status_lists::sign(store, id, now(), settings)? {
                Some(signed) => signed,
                None => return Ok(None),
            },
        };
        self.signed.borrow_mut().insert(id.list, signed.clone());
        Ok(Some(SignedList {
            tag: format!("{}-{}", signed.version, signed.signed_at.seconds()),
            jwt: signed.jwt,
        }))
    }

    fn lease(
        &self,
        store: &Store,
        request: &LeaseRequest,
        settings: &OriginSettings,
    ) -> Result<Option<LeaseAnswer>> {
        let list = request.list;
        record_usage(store, list, &request.usage)?;
        let Some(version) = store.version(list)? else {
            return Ok(None);
        };
        let content = status_lists::content(store, list, version, request.since)?;
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

    /// Runs `act` with this instance's grantor. Creates it on first use, not earlier: it assumes
    /// that leases were granted until then.
    fn with_grantor<T>(
        &self,
        store: &Store,
        act: impl FnOnce(&mut Grantor) -> Result<T>,
    ) -> Result<T> {
        let mut current = self.grantor.borrow_mut();
        let grantor = match &mut *current {
            Some(grantor) => grantor,
            none => none.insert(Grantor::restarted(clock(), store.longest_lease()?)),
        };
        let result = act(grantor);
        if result.is_err() {
            // The grantor may assume that a length was stored when it was not.
            *current = None;
        }
        result
    }

    /// Sets the alarm for the next work that is due, but not before `not_before`.
    async fn plan_alarm(&self, settings: &OriginSettings, not_before: Instant) -> Result<()> {
        let (_, store) = self.opened()?;
        let Some(due) = schedule::next_due(store, clock(), settings)? else {
            return Ok(());
        };
        let due = due.max(not_before).max(clock());
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

    /// Signs a list and writes it to KV.
    async fn publish(
        &self,
        store: &Store,
        id: StatusListId,
        settings: &OriginSettings,
    ) -> Result<()> {
        let Some(signed) = status_lists::sign(store, id, now(), settings)? else {
            return Ok(());
        };
        let kv = self.env.kv(STATUS)?;
        kv.put(&id.path(), signed.jwt)?.execute().await?;
        if !self.is_announced.get() {
            // Shows callers that must not create a registry that this one exists.
            kv.put(&object_name(id.registry), "1")?.execute().await?;
            self.is_announced.set(true);
        }
        // A change during the write has a later version, and is published next.
        let kid = settings.signing_keys.first().id();
        store.set_published(id.list, signed.version, kid, signed.signed_at)
    }

    /// Removes a list from KV, and retires it.
    async fn retire(&self, store: &Store, id: StatusListId) -> Result<()> {
        self.env.kv(STATUS)?.delete(&id.path()).await?;
        store.retire_list(id.list, now())
    }
}

/// Records that a token asks about itself or revokes itself.
fn record_own_use(
    store: &Store,
    owner: &UserId,
    credential: &Credential,
    id: &TokenId,
) -> Result<()> {
    match credential {
        Credential::Token { address } => store.set_used_now(owner, id, now(), *address),
        Credential::Session(_) => Ok(()),
    }
}

/// Records uses of tokens. The edges' clocks may be ahead, so no use is later than now.
fn record_usage(store: &Store, list: u32, usage: &[Usage]) -> Result<()> {
    let now: Timestamp = now();
    for Usage { idx, at, address } in usage {
        store.set_last_used(list, *idx, now.min(*at), *address)?;
    }
    Ok(())
}
