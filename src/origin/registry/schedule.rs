//! When the alarm has something to do: write a list to KV, retire one, or delete old rows.

use super::store::{ListRow, Store};
use crate::settings::OriginSettings;
use patrol::{
    audit,
    issue::rules,
    jose::keys::KeySet,
    time::{DAY, Instant, Timestamp},
};
use worker::Result;

/// The least time between two writes of a list. KV accepts one write a second for each key, and the
/// time of the last write is stored in whole seconds.
const PUBLISH_DELAY: u64 = 2_000;

/// What the alarm does with a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DueWork {
    Publish,
    Retire,
}

pub(super) fn due_work(list: &ListRow, now: Instant, settings: &OriginSettings) -> Option<DueWork> {
    let is_due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
    if is_due(retires_at(list)) {
        Some(DueWork::Retire)
    } else if is_due(publishes_at(list, now, settings)) {
        Some(DueWork::Publish)
    } else {
        None
    }
}

/// When the next work is due.
pub(super) fn next_due(
    store: &Store,
    now: Instant,
    settings: &OriginSettings,
) -> Result<Option<Instant>> {
    let lists = store.lists()?;
    let due = lists
        .iter()
        .flat_map(|list| [publishes_at(list, now, settings), retires_at(list)]);
    let first_token = store.first_end()?;
    let deletable = [
        first_token.map(|token| rules::deletable_at(token.ends_at, token.expires_at)),
        store.first_session_end()?,
        store.first_audit_entry()?.map(audit::deletable_at),
    ];
    // Once a day, for all rows of the day before.
    let deletes_at = deletable.into_iter().flatten().min();
    let deletes_at =
        deletes_at.map(|at| instant(Timestamp::from_seconds(at.seconds().next_multiple_of(DAY))));
    Ok(due.chain([deletes_at]).flatten().min())
}

/// When KV should get the list. `None` if nothing is due until the list changes.
fn publishes_at(list: &ListRow, now: Instant, settings: &OriginSettings) -> Option<Instant> {
    let written_at = instant(list.published_at);
    if is_behind(list, settings.signing_keys.public()) {
        return Some(written_at.plus(PUBLISH_DELAY));
    }
    let interval = settings.installation.mode.republish_interval()?;
    let is_live = Timestamp::from_millis(now.millis()) < list.last_expiry;
    is_live.then(|| written_at.plus(interval * 1_000))
}

/// Whether KV lacks the current version, or has it with a signature that nobody can verify any
/// longer.
fn is_behind(list: &ListRow, keys: &KeySet) -> bool {
    let kid = list.published_kid.as_deref();
    list.published_version
        .is_none_or(|version| version < list.version)
        || kid.and_then(|kid| keys.find(kid)).is_none()
}

/// When nobody needs the list any longer: it issues no more indexes, and its last token has
/// expired.
fn retires_at(list: &ListRow) -> Option<Instant> {
    (list.newer > 0).then(|| instant(list.last_expiry))
}

fn instant(time: Timestamp) -> Instant {
    Instant::from_millis(time.seconds() * 1_000)
}
