//! What an edge knows of one status list, and whether it may act on it.
//!
//! The bits and the [`lease`](crate::revocation::lease) on them belong together: bits without a lease are
//! only what was true once. A revocation that was ever heard of is never forgotten, whatever
//! comes later and in whatever order.

use crate::{
    jose::status_list::{Bits, Status, StatusList, StatusListId, VerifiedList},
    mode::{RevocationMode, heartbeat},
    registry::{LeaseAnswer, ListContent},
    revocation::{
        lease::{Freshness, Holder, LeaseOutcome},
        single_flight::{SingleFlight, Step},
        usage::UsageLog,
    },
    time::{Instant, Timestamp},
    token::Token,
};
use std::collections::HashMap;

/// How far a snapshot may seem to come from the future, in seconds: clocks of two machines, each
/// read in whole seconds. From further ahead it is by a clock that cannot be trusted with ages.
const MAX_SKEW: u64 = 5;

/// For how long an edge believes that a registry has no list of a number, in milliseconds. A token
/// that names one is of an older state of the registry's storage.
pub const ABSENT_FOR: u64 = 10_000;

/// What is known of the token's status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusCheck {
    /// The status, fresh enough to act on.
    Known(Status),
    /// The key that signed the token is no longer in use.
    KeyRetired,
    /// The registry has no such list.
    NoSuchList,
    /// Nobody could tell.
    Unavailable,
}

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
pub struct LeaseRejected;

impl KnownList {
    /// Forgets what is dated further ahead than it can be, so that better can take its place.
    fn discard_future(&mut self, now: Instant) {
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
    pub fn need(&self, now: Instant) -> Freshness {
        if self.is_absent(now) {
            Freshness::Fresh
        } else {
            self.holder.need(now)
        }
    }

    /// Takes the answer that the registry has no such list. `asked_at` as for [`Self::receive`].
    pub fn mark_absent(&mut self, asked_at: Instant) {
        self.absent_at = Some(asked_at);
    }

    fn is_absent(&self, now: Instant) -> bool {
        let age = self.absent_at.and_then(|asked_at| asked_at.age(now));
        age.is_some_and(|age| age < ABSENT_FOR)
    }

    /// Takes a snapshot that was signed at a time. Snapshots bring no lease.
    pub fn learn(&mut self, signed: &VerifiedList) {
        self.signed_at = self.signed_at.max(signed.signed_at);
        let news = self.holder.learn(signed.snapshot.version);
        self.bits.merge(&signed.snapshot.list, news);
    }

    /// Takes the answer to a request for a lease. `asked_at` is the reading of the clock from
    /// before the request was sent.
    ///
    /// # Errors
    /// [`LeaseRejected`]: it builds on what is not known, or its list cannot be read.
    pub fn receive(
        &mut self,
        asked_at: Instant,
        answer: &LeaseAnswer,
    ) -> Result<(), LeaseRejected> {
        let whole = match &answer.content {
            ListContent::Whole(lst) => {
                Some(StatusList::decode_ours(Bits::Two, lst).ok_or(LeaseRejected)?)
            }
            ListContent::Changes { .. } => None,
        };
        let effect = self.holder.receive(
            asked_at,
            answer.content.since(),
            answer.version,
            answer.length,
        );
        match (effect, &answer.content) {
            (LeaseOutcome::Refused, _) => return Err(LeaseRejected),
            (LeaseOutcome::Apply, ListContent::Changes { changes, .. }) => {
                for (idx, status) in changes {
                    self.set(*idx, *status);
                }
            }
            (LeaseOutcome::Apply, ListContent::Whole(_)) => {
                if let Some(list) = whole {
                    self.bits.merge(&list, true);
                }
            }
            (LeaseOutcome::Known, _) => {}
        }
        self.absent_at = None;
        // An answer that comes late does not bring a removed key back.
        if self.holder.is_newest(asked_at, answer.length) {
            self.kids.clone_from(&answer.kids);
        }
        Ok(())
    }

    /// The status of a token by the lease, with `grace` milliseconds more than it says.
    pub fn judge(&self, token: &Token, now: Instant, grace: u64) -> StatusCheck {
        if self.is_absent(now) {
            return StatusCheck::NoSuchList;
        }
        if !self.holder.is_valid(now, grace) {
            return StatusCheck::Unavailable;
        }
        if !self.kids.contains(&token.kid) {
            return StatusCheck::KeyRetired;
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
    pub fn snapshot_freshness(&self, now: Timestamp, max_age: u64) -> Freshness {
        match self.age_of_snapshot(now).filter(|age| *age < max_age) {
            None => Freshness::Stale,
            Some(age) if age >= 2 * heartbeat(max_age) => Freshness::Aging,
            Some(_) => Freshness::Fresh,
        }
    }

    /// The status of a token by the newest snapshot alone, which must be at most `max_age`
    /// seconds old: what is left where no registry is asked.
    pub fn check_snapshot(&self, token: &Token, now: Timestamp, max_age: u64) -> StatusCheck {
        match self.snapshot_freshness(now, max_age) {
            Freshness::Stale => StatusCheck::Unavailable,
            Freshness::Aging | Freshness::Fresh => self.status(token.status.idx),
        }
    }

    fn status(&self, idx: u32) -> StatusCheck {
        self.bits
            .get(idx)
            .map_or(StatusCheck::Unavailable, StatusCheck::Known)
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
pub struct FreshnessPolicy {
    /// Leases or snapshots.
    pub mode: RevocationMode,
    /// For how many milliseconds after its end a lease still counts: 0 where the promise is kept.
    pub stale_grace_ms: u64,
}

/// One list in the memory of an edge, with all that belongs to it.
#[derive(Debug, Clone, Default)]
pub struct ListEntry {
    /// What it says, and until when.
    pub known: KnownList,
    /// Who asks for more.
    pub flights: SingleFlight,
    /// Whose uses are to be told.
    pub usage: UsageLog,
    /// Number of the last use among all.
    used: u64,
}

impl ListEntry {
    /// Forgets what was counted by a clock that cannot be trusted.
    fn distrust(&mut self) {
        self.known.holder.forget_lease();
        self.flights.reset();
    }

    /// What a request does before it is judged by the list.
    pub fn step(&self, freshness: FreshnessPolicy, now: Instant) -> Step {
        match freshness.mode {
            RevocationMode::Lease => self.flights.step(self.known.need(now), now, 0),
            RevocationMode::Kv { max_age } => {
                let need = self.known.snapshot_freshness(second(now), max_age);
                // KV rarely has something newer at once.
                self.flights.step(need, now, heartbeat(max_age) * 250)
            }
        }
    }

    /// The status of a token, by what is known.
    pub fn judge(&self, token: &Token, freshness: FreshnessPolicy, now: Instant) -> StatusCheck {
        match freshness.mode {
            RevocationMode::Lease => self.known.judge(token, now, freshness.stale_grace_ms),
            RevocationMode::Kv { max_age } => {
                self.known.check_snapshot(token, second(now), max_age)
            }
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
pub struct KnownLists {
    entries: HashMap<StatusListId, ListEntry>,
    latest: Instant,
    uses: u64,
}

impl KnownLists {
    /// A list, known or not, and the one place to get at it. A clock that was set back would
    /// lengthen every lease, so all leases end then; one that was under way ends when it is seen.
    pub fn entry(&mut self, id: StatusListId, now: Instant) -> &mut ListEntry {
        if self.latest.age(now).is_none() {
            self.entries.values_mut().for_each(ListEntry::distrust);
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
        entry.known.discard_future(now);
        entry.used = self.uses;
        entry
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        jose::status_list::{Snapshot, StatusListId, StatusReference},
        policy::POLICY,
        revocation::single_flight::MAX_ATTEMPTS,
        token::Grant,
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

    fn answer(version: u64, content: ListContent) -> LeaseAnswer {
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
            ListContent::Changes {
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
        answer(version, ListContent::Whole(list.encode()))
    }

    fn signed(list: StatusList, version: u64, signed_at: Timestamp) -> VerifiedList {
        VerifiedList {
            snapshot: Snapshot { list, version },
            signed_at,
        }
    }

    const NOW: Instant = Instant::from_millis(5_000);
    const VALID: StatusCheck = StatusCheck::Known(Status::Valid);
    const REVOKED: StatusCheck = StatusCheck::Known(Status::Invalid);

    #[test]
    fn a_token_is_judged_from_memory_while_the_lease_holds() {
        let mut list = KnownList::default();
        assert_eq!(list.judge(&token(1), NOW, 0), StatusCheck::Unavailable);
        list.receive(NOW, &whole(3, &[1])).unwrap();
        assert_eq!(list.judge(&token(1), NOW, 0), REVOKED);
        assert_eq!(list.judge(&token(2), NOW, 0), VALID);
        assert_eq!(
            list.judge(&token(2), NOW.plus(899), 0),
            StatusCheck::Unavailable
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
            StatusCheck::Known(Status::Suspended)
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
        assert_eq!(list.judge(&token(1), NOW, 0), StatusCheck::KeyRetired);
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
        assert_eq!(found, StatusCheck::KeyRetired);
    }

    #[test]
    fn an_answer_that_cannot_be_used_changes_nothing() {
        let mut list = KnownList::default();
        for bad in [
            changes(1, 2, &[]),
            answer(1, ListContent::Whole("!".to_owned())),
            answer(
                1,
                ListContent::Whole(StatusList::new(Bits::Two, 4).encode()),
            ),
        ] {
            assert_eq!(list.receive(NOW, &bad), Err(LeaseRejected));
            assert_eq!(list.judge(&token(1), NOW, 0), StatusCheck::Unavailable);
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
        for (age, expected) in [
            (0, REVOKED),
            (119, REVOKED),
            (120, StatusCheck::Unavailable),
        ] {
            assert_eq!(
                list.check_snapshot(&token(1), at.plus(age), 120),
                expected,
                "{age}"
            );
        }
        assert_eq!(list.check_snapshot(&token(2), at, 120), VALID);
        for (behind, need, expected) in [
            (MAX_SKEW, Freshness::Fresh, VALID),
            (MAX_SKEW + 1, Freshness::Stale, StatusCheck::Unavailable),
            (9_000, Freshness::Stale, StatusCheck::Unavailable),
        ] {
            let early = Timestamp::from_seconds(at.seconds() - behind);
            let found = list.check_snapshot(&token(2), early, 120);
            assert_eq!(found, expected, "signed {behind} s ahead");
            assert_eq!(list.snapshot_freshness(early, 120), need, "{behind}");
        }
        for (age, expected) in [
            (39, Freshness::Fresh),
            (40, Freshness::Aging),
            (119, Freshness::Aging),
            (120, Freshness::Stale),
        ] {
            assert_eq!(
                list.snapshot_freshness(at.plus(age), 120),
                expected,
                "{age}"
            );
        }
    }

    #[test]
    fn a_clock_that_was_set_back_ends_every_lease() {
        let list = |list| StatusListId { registry: 0, list };
        let mut lists = KnownLists::default();
        for id in [list(0), list(1)] {
            let known = &mut lists.entry(id, NOW).known;
            known.receive(NOW, &whole(1, &[])).unwrap();
        }
        let later = NOW.plus(500);
        assert_eq!(
            lists.entry(list(0), later).known.need(later),
            Freshness::Fresh
        );
        let disordered = NOW.plus(495);
        let known = &lists.entry(list(0), disordered).known;
        assert_eq!(known.need(disordered), Freshness::Fresh);
        let back = NOW.plus(494);
        for id in [list(0), list(1)] {
            assert_eq!(lists.entry(id, back).known.need(back), Freshness::Stale);
        }
    }

    #[test]
    fn a_clock_that_is_set_back_under_way_gives_no_long_lease_and_costs_one_renewal() {
        let id = token(1).status.list;
        let mut lists = KnownLists::default();
        lists.entry(id, NOW).flights.begin(NOW);
        // The answer to what was asked at NOW comes when the clock shows this.
        let back = Instant::from_millis(1_000);
        let entry = lists.entry(id, back);
        entry.known.receive(NOW, &whole(1, &[])).unwrap();
        assert_eq!(entry.known.need(back), Freshness::Stale);
        let found = entry.known.judge(&token(1), back, 10_000);
        assert_eq!(found, StatusCheck::Unavailable);
        let known = &mut lists.entry(id, back).known;
        known.receive(back, &changes(1, 1, &[])).unwrap();
        assert_eq!(lists.entry(id, back).known.judge(&token(1), back, 0), VALID);
    }

    #[test]
    fn a_clock_that_was_set_back_stops_no_renewal() {
        let id = token(1).status.list;
        let mut lists = KnownLists::default();
        for _ in 0..MAX_ATTEMPTS {
            let flights = &mut lists.entry(id, NOW).flights;
            let flight = flights.begin(NOW);
            flights.end(flight, NOW, false);
        }
        let freshness = FreshnessPolicy {
            mode: RevocationMode::Lease,
            stale_grace_ms: 0,
        };
        for (after, expected) in [(0, Step::Proceed), (500, Step::Proceed), (100, Step::Fetch)] {
            let now = NOW.plus(after);
            let step = lists.entry(id, now).step(freshness, now);
            assert_eq!(step, expected, "{after}");
        }
    }

    #[test]
    fn a_snapshot_from_ahead_gives_way_to_one_of_now() {
        let id = token(1).status.list;
        let mut lists = KnownLists::default();
        let ahead = second(NOW.plus(60_000));
        let known = &mut lists.entry(id, NOW).known;
        known.learn(&signed(StatusList::ours(), 1, ahead));
        let known = &mut lists.entry(id, NOW).known;
        known.learn(&signed(StatusList::ours(), 1, second(NOW)));
        assert_eq!(known.check_snapshot(&token(1), second(NOW), 120), VALID);
    }

    #[test]
    fn an_edge_keeps_the_lists_that_it_uses_within_bounds() {
        let mut lists = KnownLists::default();
        let id = |list| StatusListId { registry: 0, list };
        let most = u32::try_from(MAX_LISTS).unwrap();
        for number in 0..most {
            lists.entry(id(number), NOW).flights.begin(NOW);
        }
        lists.entry(id(0), NOW);
        lists.entry(id(most), NOW);
        assert_eq!(lists.entries.len(), MAX_LISTS);
        assert!(lists.entries.contains_key(&id(0)), "used a moment ago");
        assert!(!lists.entries.contains_key(&id(1)), "the oldest");
    }
}
