//! What an edge knows of one status list, and whether it may act on it.
//!
//! The bits and the [`lease`](crate::lease) on them belong together: bits without a lease are
//! only what was true once. A revocation that was ever heard of is never forgotten, whatever
//! comes later and in whatever order.

use crate::{
    lease::{Effect, Holder, Instant, Need},
    registry::{Content, LeaseAnswer},
    renewal::{Renewal, Step},
    status_list::{Bits, Signed, Status, StatusList, StatusListId},
    time::Timestamp,
    token::Token,
    usage::UsageLog,
    verdict::Revocation,
};
use std::{collections::HashMap, ops::RangeInclusive};

/// How an edge knows of revocations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// By leases: a revocation holds everywhere when its call returns.
    Lease,
    /// By signed snapshots in KV alone, of at most an age: a revocation holds everywhere when
    /// that age has passed.
    Kv {
        /// In seconds; one of [`MAX_AGES`].
        max_age: u64,
    },
}

/// The ages that a snapshot may have, in seconds. KV may take 60 seconds and more to show a new
/// value, so the lower ones refuse good tokens there.
pub const MAX_AGES: RangeInclusive<u64> = 10..=900;

/// The usual age, in seconds.
pub const DEFAULT_MAX_AGE: u64 = 120;

impl Mode {
    /// Reads `REVOCATION_MODE` and `KV_MAX_AGE_SECONDS`; None: not set.
    ///
    /// # Errors
    /// Which setting is wrong, and what it must be.
    pub fn from_settings(mode: Option<&str>, max_age: Option<&str>) -> Result<Self, String> {
        let max_age = match max_age {
            None => DEFAULT_MAX_AGE,
            Some(text) => text
                .parse()
                .ok()
                .filter(|age| MAX_AGES.contains(age))
                .ok_or_else(|| {
                    let (least, most) = (MAX_AGES.start(), MAX_AGES.end());
                    format!("KV_MAX_AGE_SECONDS must be a number from {least} to {most}")
                })?,
        };
        match mode {
            None | Some("lease") => Ok(Self::Lease),
            Some("kv") => Ok(Self::Kv { max_age }),
            Some(_) => Err("REVOCATION_MODE must be `lease` or `kv`".to_owned()),
        }
    }
}

/// How far a snapshot may seem to come from the future, in seconds: clocks of two machines, each
/// read in whole seconds. From further ahead it is by a clock that cannot be trusted with ages.
const MAX_SKEW: u64 = 5;

/// How often a list is signed again where edges live on snapshots, in seconds: several times
/// before one is too old, as KV is slow to show a new value.
pub const fn heartbeat(max_age: u64) -> u64 {
    max_age / 6
}

/// For how long an edge believes that a registry has no list of a number, in milliseconds. A token
/// that names one is of an older state of the registry's storage.
pub const ABSENT_FOR: u64 = 10_000;

/// One list as an edge knows it.
#[derive(Debug, Clone)]
pub struct KnownList {
    bits: StatusList,
    holder: Holder,
    /// Thumbprints of the keys that are in use, as of the last answer.
    kids: Vec<String>,
    /// When the newest signed snapshot was signed.
    signed_at: Timestamp,
    /// When the registry was asked that has no such list.
    absent_at: Option<Instant>,
}

impl Default for KnownList {
    fn default() -> Self {
        Self {
            bits: StatusList::ours(),
            holder: Holder::default(),
            kids: Vec::new(),
            signed_at: Timestamp::default(),
            absent_at: None,
        }
    }
}

/// The answer cannot be used; nothing was taken from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unusable;

impl KnownList {
    /// Forgets what is dated further ahead than it can be, so that better can take its place.
    fn forget_what_is_ahead(&mut self, now: Instant) {
        if self.holder.is_ahead(now) {
            self.holder.forget_lease();
        }
        if self.age_of_snapshot(second(now)).is_none() {
            self.signed_at = Timestamp::default();
        }
    }

    /// The version to ask the changes since.
    pub fn version(&self) -> Option<u64> {
        self.holder.version()
    }

    /// What to do before judging by this list.
    pub fn need(&self, now: Instant) -> Need {
        if self.is_absent(now) {
            Need::Nothing
        } else {
            self.holder.need(now)
        }
    }

    /// Takes the answer that the registry has no such list. `asked_at` as for [`Self::receive`].
    pub fn receive_none(&mut self, asked_at: Instant) {
        self.absent_at = Some(asked_at);
    }

    fn is_absent(&self, now: Instant) -> bool {
        let age = self.absent_at.and_then(|asked_at| asked_at.age(now));
        age.is_some_and(|age| age < ABSENT_FOR)
    }

    /// Takes a snapshot that was signed at a time. Snapshots bring no lease.
    pub fn learn(&mut self, signed: &Signed) {
        self.signed_at = self.signed_at.max(signed.signed_at);
        let news = self.holder.learn(signed.snapshot.version);
        self.bits.merge(&signed.snapshot.list, news);
    }

    /// Takes the answer to a request for a lease. `asked_at` is the reading of the clock from
    /// before the request was sent.
    ///
    /// # Errors
    /// [`Unusable`]: it builds on what is not known, or its list cannot be read.
    pub fn receive(&mut self, asked_at: Instant, answer: &LeaseAnswer) -> Result<(), Unusable> {
        let whole = match &answer.content {
            Content::Whole(lst) => Some(StatusList::decode_ours(Bits::Two, lst).ok_or(Unusable)?),
            Content::Changes { .. } => None,
        };
        let effect = self.holder.receive(
            asked_at,
            answer.content.since(),
            answer.version,
            answer.length,
        );
        match (effect, &answer.content) {
            (Effect::Refused, _) => return Err(Unusable),
            (Effect::Apply, Content::Changes { changes, .. }) => {
                for (idx, status) in changes {
                    self.set(*idx, *status);
                }
            }
            (Effect::Apply, Content::Whole(_)) => {
                if let Some(list) = whole {
                    self.bits.merge(&list, true);
                }
            }
            (Effect::Known, _) => {}
        }
        self.absent_at = None;
        // An answer that comes late does not bring a removed key back.
        if self.holder.is_newest(asked_at, answer.length) {
            self.kids.clone_from(&answer.kids);
        }
        Ok(())
    }

    /// The status of a token by the lease, with `grace` milliseconds more than it says.
    pub fn judge(&self, token: &Token, now: Instant, grace: u64) -> Revocation {
        if self.is_absent(now) {
            return Revocation::NoSuchList;
        }
        if !self.holder.is_valid(now, grace) {
            return Revocation::Unavailable;
        }
        if !self.kids.contains(&token.kid) {
            return Revocation::KeyRetired;
        }
        self.status(token.status.idx)
    }

    /// Seconds since the newest snapshot was signed; None if that lies ahead.
    fn age_of_snapshot(&self, now: Timestamp) -> Option<u64> {
        (self.signed_at <= now.plus(MAX_SKEW)).then(|| now.since(self.signed_at))
    }

    /// Was the lease asked for before that? Then it cannot name a key that is newer.
    pub fn is_from_before(&self, then: Instant) -> bool {
        self.holder.is_from_before(then)
    }

    /// What to do before judging by the newest snapshot alone.
    pub fn need_of_snapshot(&self, now: Timestamp, max_age: u64) -> Need {
        match self.age_of_snapshot(now).filter(|age| *age < max_age) {
            None => Need::RenewFirst,
            Some(age) if age >= 2 * heartbeat(max_age) => Need::RenewSoon,
            Some(_) => Need::Nothing,
        }
    }

    /// The status of a token by the newest snapshot alone, which must be at most `max_age`
    /// seconds old: what is left where no registry is asked.
    pub fn judge_by_snapshot(&self, token: &Token, now: Timestamp, max_age: u64) -> Revocation {
        match self.need_of_snapshot(now, max_age) {
            Need::RenewFirst => Revocation::Unavailable,
            Need::RenewSoon | Need::Nothing => self.status(token.status.idx),
        }
    }

    fn status(&self, idx: u32) -> Revocation {
        self.bits
            .get(idx)
            .map_or(Revocation::Unavailable, Revocation::Known)
    }

    fn set(&mut self, idx: u32, status: Status) {
        // Revoked is for good (Token Status List, section 7.1).
        if self.bits.get(idx) != Some(Status::Invalid) {
            self.bits.set(idx, status);
        }
    }
}

/// What an edge is content with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Freshness {
    /// Leases or snapshots.
    pub mode: Mode,
    /// For how many milliseconds after its end a lease still counts: 0 where the promise is kept.
    pub stale_grace_ms: u64,
}

/// One list in the memory of an edge, with all that belongs to it.
#[derive(Debug, Clone, Default)]
pub struct Entry {
    /// What it says, and until when.
    pub known: KnownList,
    /// Who asks for more.
    pub renewal: Renewal,
    /// Whose uses are to be told.
    pub usage: UsageLog,
    /// Number of the last use among all.
    used: u64,
}

impl Entry {
    /// Forgets what was counted by a clock that cannot be trusted.
    fn distrust(&mut self) {
        self.known.holder.forget_lease();
        self.renewal.forget_times();
    }

    /// What a request does before it is judged by the list.
    pub fn step(&self, freshness: Freshness, now: Instant) -> Step {
        match freshness.mode {
            Mode::Lease => self.renewal.step(self.known.need(now), now, 0),
            Mode::Kv { max_age } => {
                let need = self.known.need_of_snapshot(second(now), max_age);
                // KV rarely has something newer at once.
                self.renewal.step(need, now, heartbeat(max_age) * 250)
            }
        }
    }

    /// The status of a token, by what is known.
    pub fn judge(&self, token: &Token, freshness: Freshness, now: Instant) -> Revocation {
        match freshness.mode {
            Mode::Lease => self.known.judge(token, now, freshness.stale_grace_ms),
            Mode::Kv { max_age } => self.known.judge_by_snapshot(token, second(now), max_age),
        }
    }
}

/// An edge's clock shows the time of day: in whole seconds it is what signed lists are dated by.
fn second(now: Instant) -> Timestamp {
    Timestamp::from_millis(now.millis())
}

/// The most lists that an edge keeps: 16 MiB.
pub const MAX_LISTS: usize = 512;

/// All lists that an edge has seen; those that were not used for the longest time are forgotten.
#[derive(Debug, Clone, Default)]
pub struct Lists {
    entries: HashMap<StatusListId, Entry>,
    latest: Instant,
    uses: u64,
}

impl Lists {
    /// A list, known or not, and the one place to get at it. A clock that was set back would
    /// lengthen every lease, so all leases end then; one that was under way ends when it is seen.
    pub fn entry(&mut self, id: StatusListId, now: Instant) -> &mut Entry {
        if self.latest.age(now).is_none() {
            self.entries.values_mut().for_each(Entry::distrust);
            self.latest = now;
        }
        self.latest = self.latest.max(now);
        self.uses += 1;
        if self.entries.len() >= MAX_LISTS && !self.entries.contains_key(&id) {
            let oldest = self.entries.iter().min_by_key(|(_, entry)| entry.used);
            if let Some(oldest) = oldest.map(|(id, _)| *id) {
                self.entries.remove(&oldest);
            }
        }
        let entry = self.entries.entry(id).or_default();
        entry.known.forget_what_is_ahead(now);
        entry.used = self.uses;
        entry
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        policy::POLICY,
        renewal::MAX_TRIES,
        status_list::{Snapshot, StatusListId},
        token::{Grant, StatusReference},
    };

    const KNOWN_KEY: &str = "key-1";

    fn token(idx: u32) -> Token {
        Token {
            id: "t".parse().unwrap(),
            kid: KNOWN_KEY.to_owned(),
            owner: "ada".parse().unwrap(),
            organizations: vec!["acme".parse().unwrap()],
            grant: Grant::new(None, &POLICY),
            status: StatusReference {
                list: StatusListId {
                    registry: 0,
                    list: 0,
                },
                idx,
            },
            not_before: None,
            expires_at: Timestamp::MAX,
        }
    }

    fn answer(version: u64, content: Content) -> LeaseAnswer {
        LeaseAnswer {
            version,
            content,
            length: 1_000,
            kids: vec![KNOWN_KEY.to_owned()],
        }
    }

    fn changes(since: u64, version: u64, changes: &[(u32, Status)]) -> LeaseAnswer {
        answer(
            version,
            Content::Changes {
                since,
                changes: changes.to_vec(),
            },
        )
    }

    fn whole(version: u64, revoked: &[u32]) -> LeaseAnswer {
        let mut list = StatusList::ours();
        for idx in revoked {
            list.set(*idx, Status::Invalid);
        }
        answer(version, Content::Whole(list.encode()))
    }

    fn signed(list: StatusList, version: u64, signed_at: Timestamp) -> Signed {
        Signed {
            snapshot: Snapshot { list, version },
            signed_at,
        }
    }

    const NOW: Instant = Instant::from_millis(5_000);
    const VALID: Revocation = Revocation::Known(Status::Valid);
    const REVOKED: Revocation = Revocation::Known(Status::Invalid);

    #[test]
    fn a_token_is_judged_from_memory_while_the_lease_holds() {
        let mut list = KnownList::default();
        assert_eq!(list.judge(&token(1), NOW, 0), Revocation::Unavailable);
        list.receive(NOW, &whole(3, &[1])).unwrap();
        assert_eq!(list.judge(&token(1), NOW, 0), REVOKED);
        assert_eq!(list.judge(&token(2), NOW, 0), VALID);
        assert_eq!(
            list.judge(&token(2), NOW.plus(899), 0),
            Revocation::Unavailable
        );
        assert_eq!(
            list.judge(&token(2), NOW.plus(899), 500),
            VALID,
            "stale grace"
        );
        list.receive(NOW.plus(500), &changes(3, 4, &[(2, Status::Invalid)]))
            .unwrap();
        assert_eq!(list.judge(&token(2), NOW.plus(1_000), 0), REVOKED);
    }

    #[test]
    fn a_revocation_is_never_forgotten() {
        let mut list = KnownList::default();
        list.receive(NOW, &whole(3, &[1])).unwrap();
        list.receive(NOW, &whole(2, &[7])).unwrap();
        list.receive(NOW, &changes(2, 4, &[(1, Status::Valid)]))
            .unwrap();
        list.learn(&signed(StatusList::ours(), 9, Timestamp::from_seconds(9)));
        for idx in [1, 7] {
            assert_eq!(list.judge(&token(idx), NOW, 0), REVOKED, "{idx}");
        }
        assert_eq!(list.version(), Some(9));
    }

    #[test]
    fn after_a_restore_of_the_registry_new_revocations_are_taken_and_old_ones_kept() {
        let mut list = KnownList::default();
        list.receive(NOW, &whole(10, &[1])).unwrap();
        list.receive(NOW.plus(500), &whole(9, &[])).unwrap();
        assert_eq!(list.version(), Some(9), "or the next change were skipped");
        list.receive(NOW.plus(600), &changes(9, 10, &[(2, Status::Invalid)]))
            .unwrap();
        for idx in [1, 2] {
            assert_eq!(list.judge(&token(idx), NOW.plus(600), 0), REVOKED, "{idx}");
        }
    }

    #[test]
    fn a_suspension_ends_by_a_newer_version_only() {
        let mut list = KnownList::default();
        list.receive(NOW, &whole(1, &[])).unwrap();
        list.receive(NOW, &changes(1, 5, &[(4, Status::Suspended)]))
            .unwrap();
        list.receive(NOW, &changes(1, 3, &[(4, Status::Valid)]))
            .unwrap();
        assert_eq!(
            list.judge(&token(4), NOW, 0),
            Revocation::Known(Status::Suspended)
        );
        list.receive(NOW, &changes(5, 6, &[(4, Status::Valid)]))
            .unwrap();
        assert_eq!(list.judge(&token(4), NOW, 0), VALID);
    }

    #[test]
    fn a_removed_key_dies_with_the_next_renewal() {
        let mut list = KnownList::default();
        list.receive(NOW, &whole(1, &[])).unwrap();
        let mut next = changes(1, 1, &[]);
        next.kids = vec!["key-2".to_owned()];
        list.receive(NOW, &next).unwrap();
        assert_eq!(list.judge(&token(1), NOW, 0), Revocation::KeyRetired);
    }

    #[test]
    fn a_removed_key_does_not_come_back_with_an_older_answer() {
        let mut list = KnownList::default();
        list.receive(NOW, &whole(1, &[])).unwrap();
        let late = changes(1, 1, &[]);
        let mut next = changes(1, 1, &[]);
        next.kids = vec!["key-2".to_owned()];
        list.receive(NOW.plus(200), &next).unwrap();
        list.receive(NOW.plus(100), &late).unwrap();
        let found = list.judge(&token(1), NOW.plus(200), 0);
        assert_eq!(found, Revocation::KeyRetired);
    }

    #[test]
    fn an_answer_that_cannot_be_used_changes_nothing() {
        let mut list = KnownList::default();
        for bad in [
            changes(1, 2, &[]),
            answer(1, Content::Whole("!".to_owned())),
            answer(1, Content::Whole(StatusList::new(Bits::Two, 4).encode())),
        ] {
            assert_eq!(list.receive(NOW, &bad), Err(Unusable));
            assert_eq!(list.judge(&token(1), NOW, 0), Revocation::Unavailable);
            assert_eq!(list.version(), None);
        }
    }

    #[test]
    fn without_a_registry_a_snapshot_counts_until_its_age_is_reached() {
        let mut list = KnownList::default();
        let mut bits = StatusList::ours();
        bits.set(1, Status::Invalid);
        let at = Timestamp::from_seconds(10_000);
        list.learn(&signed(bits, 2, at));
        let older = Timestamp::from_seconds(9_000);
        list.learn(&signed(StatusList::ours(), 1, older));
        for (age, expected) in [(0, REVOKED), (119, REVOKED), (120, Revocation::Unavailable)] {
            assert_eq!(
                list.judge_by_snapshot(&token(1), at.plus(age), 120),
                expected,
                "{age}"
            );
        }
        assert_eq!(list.judge_by_snapshot(&token(2), at, 120), VALID);
        for (behind, need, expected) in [
            (MAX_SKEW, Need::Nothing, VALID),
            (MAX_SKEW + 1, Need::RenewFirst, Revocation::Unavailable),
            (9_000, Need::RenewFirst, Revocation::Unavailable),
        ] {
            let early = Timestamp::from_seconds(at.seconds() - behind);
            let found = list.judge_by_snapshot(&token(2), early, 120);
            assert_eq!(found, expected, "signed {behind} s ahead");
            assert_eq!(list.need_of_snapshot(early, 120), need, "{behind}");
        }
        for (age, expected) in [
            (39, Need::Nothing),
            (40, Need::RenewSoon),
            (119, Need::RenewSoon),
            (120, Need::RenewFirst),
        ] {
            assert_eq!(list.need_of_snapshot(at.plus(age), 120), expected, "{age}");
        }
    }

    #[test]
    fn a_clock_that_was_set_back_ends_every_lease() {
        let list = |list| StatusListId { registry: 0, list };
        let mut lists = Lists::default();
        for id in [list(0), list(1)] {
            let known = &mut lists.entry(id, NOW).known;
            known.receive(NOW, &whole(1, &[])).unwrap();
        }
        let later = NOW.plus(500);
        assert_eq!(lists.entry(list(0), later).known.need(later), Need::Nothing);
        let disordered = NOW.plus(495);
        let known = &lists.entry(list(0), disordered).known;
        assert_eq!(known.need(disordered), Need::Nothing);
        let back = NOW.plus(494);
        for id in [list(0), list(1)] {
            assert_eq!(lists.entry(id, back).known.need(back), Need::RenewFirst);
        }
    }

    #[test]
    fn a_clock_that_is_set_back_under_way_gives_no_long_lease_and_costs_one_renewal() {
        let id = token(1).status.list;
        let mut lists = Lists::default();
        lists.entry(id, NOW).renewal.begin(NOW);
        // The answer to what was asked at NOW comes when the clock shows this.
        let back = Instant::from_millis(1_000);
        let entry = lists.entry(id, back);
        entry.known.receive(NOW, &whole(1, &[])).unwrap();
        assert_eq!(entry.known.need(back), Need::RenewFirst);
        let found = entry.known.judge(&token(1), back, 10_000);
        assert_eq!(found, Revocation::Unavailable);
        let known = &mut lists.entry(id, back).known;
        known.receive(back, &changes(1, 1, &[])).unwrap();
        assert_eq!(lists.entry(id, back).known.judge(&token(1), back, 0), VALID);
    }

    #[test]
    fn a_clock_that_was_set_back_stops_no_renewal() {
        let id = token(1).status.list;
        let mut lists = Lists::default();
        for _ in 0..MAX_TRIES {
            let renewal = &mut lists.entry(id, NOW).renewal;
            let question = renewal.begin(NOW);
            renewal.end(question, NOW, false);
        }
        let freshness = Freshness {
            mode: Mode::Lease,
            stale_grace_ms: 0,
        };
        for (after, expected) in [(0, Step::Judge), (500, Step::Judge), (100, Step::Ask)] {
            let now = NOW.plus(after);
            let step = lists.entry(id, now).step(freshness, now);
            assert_eq!(step, expected, "{after}");
        }
    }

    #[test]
    fn a_snapshot_from_ahead_gives_way_to_one_of_now() {
        let id = token(1).status.list;
        let mut lists = Lists::default();
        let ahead = second(NOW.plus(60_000));
        let known = &mut lists.entry(id, NOW).known;
        known.learn(&signed(StatusList::ours(), 1, ahead));
        let known = &mut lists.entry(id, NOW).known;
        known.learn(&signed(StatusList::ours(), 1, second(NOW)));
        assert_eq!(known.judge_by_snapshot(&token(1), second(NOW), 120), VALID);
    }

    #[test]
    fn an_edge_keeps_the_lists_that_it_uses_within_bounds() {
        let mut lists = Lists::default();
        let id = |list| StatusListId { registry: 0, list };
        let most = u32::try_from(MAX_LISTS).unwrap();
        for number in 0..most {
            lists.entry(id(number), NOW).renewal.begin(NOW);
        }
        lists.entry(id(0), NOW);
        lists.entry(id(most), NOW);
        assert_eq!(lists.entries.len(), MAX_LISTS);
        assert!(lists.entries.contains_key(&id(0)), "used a moment ago");
        assert!(!lists.entries.contains_key(&id(1)), "the oldest");
    }

    #[test]
    fn a_wrong_setting_is_named() {
        for (mode, max_age, expected) in [
            (None, None, Ok(Mode::Lease)),
            (Some("lease"), Some("10"), Ok(Mode::Lease)),
            (Some("kv"), None, Ok(Mode::Kv { max_age: 120 })),
            (Some("kv"), Some("900"), Ok(Mode::Kv { max_age: 900 })),
            (Some("KV"), None, Err("REVOCATION_MODE")),
            (Some("kv"), Some("9"), Err("KV_MAX_AGE_SECONDS")),
            (None, Some("a minute"), Err("KV_MAX_AGE_SECONDS")),
        ] {
            let found = Mode::from_settings(mode, max_age);
            match expected {
                Ok(_) => assert_eq!(
                    found.as_ref(),
                    expected.as_ref().map_err(|_| unreachable!())
                ),
                Err(name) => assert!(found.unwrap_err().starts_with(name)),
            }
        }
    }
}
