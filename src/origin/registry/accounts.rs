//! Accounts and sessions: who may call, and what is recorded of it.

use super::{
    audit, quotas,
    store::{NewAuditEntry, Store, StoredAccount},
};
use crate::settings::OriginSettings;
use patrol::{
    account::{AccountRecord, ExternalIdentity},
    audit::{Action, ActorKind, Outcome},
    ids::UserId,
    quota::{self, QuotaPolicy},
    registry::{Credential, EndSession, SessionEnded, SignIn, SignInRefusal, SignOut},
    session::{self, Session},
    time::Timestamp,
};
use patrol_platform::now;
use std::net::IpAddr;
use worker::Result;

/// Returns the account of a session. Everything that a session may do passes here, in the
/// transaction of what it does.
pub(super) fn authenticate(
    store: &Store,
    session: &Session,
    settings: &OriginSettings,
    now: Timestamp,
) -> Result<std::result::Result<AccountRecord, SessionEnded>> {
    let Some(row) = store.account_of_session(session, now)? else {
        return Ok(Err(SessionEnded));
    };
    let account = row.into_record()?;
    if settings.trusts(&account.identity) {
        Ok(Ok(account))
    } else {
        Ok(Err(SessionEnded))
    }
}

/// Checks what a call about an existing token rests on.
pub(super) fn authorize(
    store: &Store,
    owner: &UserId,
    credential: &Credential,
    settings: &OriginSettings,
) -> Result<std::result::Result<(), SessionEnded>> {
    let Credential::Session(id) = credential else {
        return Ok(Ok(()));
    };
    let session = Session {
        user: owner.clone(),
        id: id.clone(),
    };
    let account = authenticate(store, &session, settings, now())?;
    Ok(account.map(|_| ()))
}

/// Stores an account as its front describes it, and begins a session.
pub(super) fn sign_in(
    store: &Store,
    call: &SignIn,
    now: Timestamp,
) -> Result<std::result::Result<(), SignInRefusal>> {
    let user = &call.account.id;
    if let Some(assertion) = &call.assertion
        && (assertion.remember_until <= now || store.has_assertion(assertion)?)
    {
        return Ok(Err(SignInRefusal::Replayed));
    }
    if let Err(exceeded) = quotas::take(store, user, QuotaPolicy::SignIn, quota::SIGN_INS, now)? {
        return Ok(Err(SignInRefusal::Rate(exceeded)));
    }
    let mut entry = NewAuditEntry {
        at: now,
        user,
        actor: ActorKind::User,
        action: Action::SignIn,
        session: Some(&call.session),
        token: None,
        address: call.client.address,
        outcome: Outcome::Done,
    };
    if store.is_disabled(user)? {
        entry.outcome = Outcome::AccountDisabled;
        audit::append(store, &entry)?;
        return Ok(Err(SignInRefusal::AccountDisabled));
    }
    if let Some(assertion) = &call.assertion {
        // Those of other users too: the table stays small.
        store.delete_assertions(now)?;
        store.insert_assertion(assertion)?;
    }
    store.set_account(&call.account, now)?;
    let session = Session {
        user: user.clone(),
        id: call.session.clone(),
    };
    store.insert_session(&session, now, call.expires_at, &call.client)?;
    audit::append(store, &entry)?;
    for oldest in &store.keep_newest_sessions(user, session::MAX_SESSIONS)? {
        entry.action = Action::SessionEnd;
        entry.session = Some(oldest);
        audit::append(store, &entry)?;
    }
    Ok(Ok(()))
}

/// Ends the session that calls. Returns who vouched for its user.
pub(super) fn sign_out(
    store: &Store,
    call: &SignOut,
    now: Timestamp,
) -> Result<Option<ExternalIdentity>> {
    let row = store.account_of_session(&call.session, now)?;
    let account = row.map(StoredAccount::into_record).transpose()?;
    let (session, address) = (&call.session, call.client.address);
    end(store, session, Action::SignOut, address, now)?;
    Ok(account.map(|account| account.identity))
}

/// Ends a session of the user who calls. Returns whether there was one.
pub(super) fn end_session(store: &Store, call: &EndSession, now: Timestamp) -> Result<bool> {
    let session = Session {
        user: call.session.user.clone(),
        id: call.id.clone(),
    };
    end(
        store,
        &session,
        Action::SessionEnd,
        call.client.address,
        now,
    )
}

fn end(
    store: &Store,
    session: &Session,
    action: Action,
    address: Option<IpAddr>,
    now: Timestamp,
) -> Result<bool> {
    let existed = store.delete_session(session)?;
    if existed {
        audit::append(
            store,
            &NewAuditEntry {
                at: now,
                user: &session.user,
                actor: ActorKind::User,
                action,
                session: Some(&session.id),
                token: None,
                address,
                outcome: Outcome::Done,
            },
        )?;
    }
    Ok(existed)
}
