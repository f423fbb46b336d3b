//! An edge's copy of a status list, and whether the edge may act on it.
//!
//! The entries and the [lease](super::lease) on them belong together: without a lease the entries
//! only say what was once true. A known revocation is never forgotten, regardless of what arrives
//! later and in which order.

use super::{
    freshness::{Freshness, FreshnessPolicy, Validity},
    lease::{Holder, LeaseOutcome},
};
use crate::{
    jose::status_list::{Bits, Status, StatusList, VerifiedList},
    mode::heartbeat,
    registry::{LeaseAnswer, ListContent},
    time::{Instant, Timestamp},
    token::Token,
};

/// How far in the future a snapshot may be dated, in seconds. This covers two machines' clocks,
/// each read in whole seconds. A clock that is further off cannot be trusted to measure ages.
const MAX_SKEW: u64 = 5;

/// How long an edge remembers that a registry lacks a list, in milliseconds. A token that names
/// such a list was issued from another state of the registry's storage.
pub const ABSENT_FOR: u64 = 10_000;

/// The result of looking up a token's status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusCheck {
    /// The status, fresh enough to act on.
    Known(Status),
    /// The key that signed the token is no longer in use.
    KeyRetired,
    /// The registry has no such list.
    NoSuchList,
    /// The status cannot be known now.
    Unavailable,
}

/// An edge's copy of one list.
#[derive(Debug, Clone)]
pub struct KnownList {
    entries: StatusList,
    holder: Holder,
    /// Thumbprints of the keys in use, from the newest lease.
    kids: Vec<String>,
    /// When the newest snapshot was signed.
    signed_at: Timestamp,
    /// When the edge requested this list and the registry did not have it.
    absent_at: Option<Instant>,
}

impl Default for KnownList {
    fn default() -> Self {
        Self {
            entries: StatusList::all_valid(),
            holder: Holder::default(),
            kids: Vec::new(),
            signed_at: Timestamp::default(),
            absent_at: None,
        }
    }
}

/// The answer was rejected, and nothing of it was applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeaseRejected;

impl KnownList {
    /// Drops data that is dated too far in the future, so that better data can replace it.
    pub(super) fn discard_future(&mut self, now: Instant) {
        if self.holder.is_ahead(now) {
            self.forget_lease();
        }
        if self.snapshot_age(second(now)).is_none() {
            self.signed_at = Timestamp::default();
        }
    }

    /// Drops the lease. What it brought stays known.
    pub(super) fn forget_lease(&mut self) {
        self.holder.forget_lease();
    }

    /// The known version, to request the changes since.
    pub fn version(&self) -> Option<u64> {
        self.holder.version()
    }

    /// Whether the list may be used, and whether to renew it.
    pub fn freshness(&self, policy: FreshnessPolicy, now: Instant) -> Freshness {
        match policy {
            FreshnessPolicy::Lease { .. } if self.is_absent(now) => Freshness::Fresh,
            FreshnessPolicy::Lease { .. } => self.holder.freshness(now),
            FreshnessPolicy::Snapshot { max_age } => self.snapshot_freshness(now, max_age),
        }
    }

    /// Until when the list may be used.
    pub fn validity(&self, policy: FreshnessPolicy) -> Validity {
        match policy {
            FreshnessPolicy::Lease { stale_grace_ms } => self.holder.validity(stale_grace_ms),
            FreshnessPolicy::Snapshot { max_age } => {
                let after = |age| first(self.signed_at.plus(age));
                Validity {
                    until: after(max_age),
                    renew_at: after(2 * heartbeat(max_age)),
                }
            }
        }
    }

    fn snapshot_freshness(&self, now: Instant, max_age: u64) -> Freshness {
        match self.snapshot_age(second(now)).filter(|age| *age < max_age) {
            None => Freshness::Stale,
            Some(age) if age >= 2 * heartbeat(max_age) => Freshness::Aging,
            Some(_) => Freshness::Fresh,
        }
    }

    /// Seconds since the newest snapshot was signed. `None`: it is dated in the future.
    fn snapshot_age(&self, now: Timestamp) -> Option<u64> {
        (self.signed_at <= now.plus(MAX_SKEW)).then(|| now.since(self.signed_at))
    }

    fn is_absent(&self, now: Instant) -> bool {
        let age = self.absent_at.and_then(|at| at.age(now));
        age.is_some_and(|age| age < ABSENT_FOR)
    }

    /// Applies a signed snapshot. It brings no lease.
    pub fn apply_snapshot(&mut self, signed: &VerifiedList) {
        self.signed_at = self.signed_at.max(signed.signed_at);
        let is_newer = self.holder.learn(signed.snapshot.version);
        self.entries.merge(&signed.snapshot.list, is_newer);
    }

    /// Applies the answer to a lease request. `requested_at` is the clock's reading before the
    /// request was sent.
    ///
    /// # Errors
    /// [`LeaseRejected`] if the answer builds on an unknown version or its list cannot be decoded.
    pub fn apply_lease(
        &mut self,
        requested_at: Instant,
        answer: &LeaseAnswer,
    ) -> Result<(), LeaseRejected> {
        let whole = match &answer.content {
            ListContent::Whole(lst) => {
                Some(StatusList::decode_full_size(Bits::Two, lst).ok_or(LeaseRejected)?)
            }
            ListContent::Changes { .. } => None,
        };
        let outcome = self.holder.receive(
            requested_at,
            answer.content.since(),
            answer.version,
            answer.length,
        );
        match (outcome, &answer.content) {
            (LeaseOutcome::Rejected, _) => return Err(LeaseRejected),
            (LeaseOutcome::Apply, ListContent::Changes { changes, .. }) => {
                for (idx, status) in changes {
                    self.set(*idx, *status);
                }
            }
            (LeaseOutcome::Apply, ListContent::Whole(_)) => {
                if let Some(list) = whole {
                    self.entries.merge(&list, true);
                }
            }
            (LeaseOutcome::Older, _) => {}
        }
        self.absent_at = None;
        // A late answer must not bring a removed key back.
        if self.holder.is_newest(requested_at, answer.length) {
            self.kids.clone_from(&answer.kids);
        }
        Ok(())
    }

    /// Applies the answer that the registry has no such list.
    pub fn mark_absent(&mut self, requested_at: Instant) {
        self.absent_at = Some(requested_at);
    }

    /// Whether the lease was requested before `then`, so that it cannot name a newer key.
    pub fn is_from_before(&self, then: Instant) -> bool {
        self.holder.is_from_before(then)
    }

    /// Looks up a token's status.
    pub fn check(&self, token: &Token, policy: FreshnessPolicy, now: Instant) -> StatusCheck {
        match policy {
            FreshnessPolicy::Lease { stale_grace_ms } => {
                if self.is_absent(now) {
                    StatusCheck::NoSuchList
                } else if !self.holder.is_valid(now, stale_grace_ms) {
                    StatusCheck::Unavailable
                } else if !self.kids.contains(&token.kid) {
                    StatusCheck::KeyRetired
                } else {
                    self.status(token.status.idx)
                }
            }
            FreshnessPolicy::Snapshot { max_age } => match self.snapshot_freshness(now, max_age) {
                Freshness::Stale => StatusCheck::Unavailable,
                Freshness::Aging | Freshness::Fresh => self.status(token.status.idx),
            },
        }
    }

    fn status(&self, idx: u32) -> StatusCheck {
        self.entries
            .get(idx)
            .map_or(StatusCheck::Unavailable, StatusCheck::Known)
    }

    fn set(&mut self, idx: u32, status: Status) {
        // INVALID is permanent (Token Status List, section 7.1).
        if self.entries.get(idx) != Some(Status::Invalid) {
            self.entries.set(idx, status);
        }
    }
}

/// The second that a reading falls in: an edge's clock shows the time of day, which dates
/// snapshots.
pub(super) fn second(now: Instant) -> Timestamp {
    Timestamp::from_millis(now.millis())
}

/// The first reading in a second.
fn first(second: Timestamp) -> Instant {
    Instant::from_millis(second.seconds().saturating_mul(1_000))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::{
        jose::status_list::{Snapshot, StatusListId, StatusReference},
        policy::tests::policy,
        token::Grant,
    };

    const KNOWN_KEY: &str = "key-1";
    pub(in crate::revocation) const LEASE: FreshnessPolicy =
        FreshnessPolicy::Lease { stale_grace_ms: 0 };
    pub(in crate::revocation) const SNAPSHOT: FreshnessPolicy =
        FreshnessPolicy::Snapshot { max_age: 120 };

    pub(in crate::revocation) fn grace(stale_grace_ms: u64) -> FreshnessPolicy {
        FreshnessPolicy::Lease { stale_grace_ms }
    }

    fn start_of(second: Timestamp) -> Instant {
        Instant::from_millis(second.seconds() * 1_000)
    }

    pub(in crate::revocation) fn token(idx: u32) -> Token {
        Token {
            id: "t".parse().unwrap(),
            kid: KNOWN_KEY.to_owned(),
            owner: "ada".parse().unwrap(),
            organizations: vec!["acme".parse().unwrap()],
            grant: Grant::new(None, policy()),
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

    pub(in crate::revocation) fn changes(
        since: u64,
        version: u64,
        changes: &[(u32, Status)],
    ) -> LeaseAnswer {
        answer(
            version,
            ListContent::Changes {
                since,
                changes: changes.to_vec(),
            },
        )
    }

    pub(in crate::revocation) fn whole(version: u64, revoked: &[u32]) -> LeaseAnswer {
        let mut list = StatusList::all_valid();
        for idx in revoked {
            list.set(*idx, Status::Invalid);
        }
        answer(version, ListContent::Whole(list.encode()))
    }

    pub(in crate::revocation) fn signed(
        list: StatusList,
        version: u64,
        signed_at: Timestamp,
    ) -> VerifiedList {
        VerifiedList {
            snapshot: Snapshot { list, version },
            signed_at,
        }
    }

    pub(in crate::revocation) const NOW: Instant = Instant::from_millis(5_000);
    pub(in crate::revocation) const VALID: StatusCheck = StatusCheck::Known(Status::Valid);
    const REVOKED: StatusCheck = StatusCheck::Known(Status::Invalid);

    #[test]
    fn known_list_answers_from_memory_under_a_lease() {
        let mut list = KnownList::default();
        assert_eq!(list.check(&token(1), LEASE, NOW), StatusCheck::Unavailable);
        list.apply_lease(NOW, &whole(3, &[1])).unwrap();
        assert_eq!(list.check(&token(1), LEASE, NOW), REVOKED);
        assert_eq!(list.check(&token(2), LEASE, NOW), VALID);
        assert_eq!(
            list.check(&token(2), LEASE, NOW.plus(899)),
            StatusCheck::Unavailable
        );
        assert_eq!(
            list.check(&token(2), grace(500), NOW.plus(899)),
            VALID,
            "stale grace"
        );
        list.apply_lease(NOW.plus(500), &changes(3, 4, &[(2, Status::Invalid)]))
            .unwrap();
        assert_eq!(list.check(&token(2), LEASE, NOW.plus(1_000)), REVOKED);
    }

    #[test]
    fn known_list_never_forgets_a_revocation() {
        let mut list = KnownList::default();
        list.apply_lease(NOW, &whole(3, &[1])).unwrap();
        list.apply_lease(NOW, &whole(2, &[7])).unwrap();
        list.apply_lease(NOW, &changes(2, 4, &[(1, Status::Valid)]))
            .unwrap();
        list.apply_snapshot(&signed(
            StatusList::all_valid(),
            9,
            Timestamp::from_seconds(9),
        ));
        for idx in [1, 7] {
            assert_eq!(list.check(&token(idx), LEASE, NOW), REVOKED, "{idx}");
        }
        assert_eq!(list.version(), Some(9));
    }

    #[test]
    fn known_list_follows_a_restored_registry_and_keeps_revocations() {
        let mut list = KnownList::default();
        list.apply_lease(NOW, &whole(10, &[1])).unwrap();
        list.apply_lease(NOW.plus(500), &whole(9, &[])).unwrap();
        assert_eq!(
            list.version(),
            Some(9),
            "or the next change would be skipped"
        );
        list.apply_lease(NOW.plus(600), &changes(9, 10, &[(2, Status::Invalid)]))
            .unwrap();
        for idx in [1, 2] {
            assert_eq!(
                list.check(&token(idx), LEASE, NOW.plus(600)),
                REVOKED,
                "{idx}"
            );
        }
    }

    #[test]
    fn known_list_lifts_a_suspension_by_a_newer_version_only() {
        let mut list = KnownList::default();
        list.apply_lease(NOW, &whole(1, &[])).unwrap();
        list.apply_lease(NOW, &changes(1, 5, &[(4, Status::Suspended)]))
            .unwrap();
        list.apply_lease(NOW, &changes(1, 3, &[(4, Status::Valid)]))
            .unwrap();
        assert_eq!(
            list.check(&token(4), LEASE, NOW),
            StatusCheck::Known(Status::Suspended)
        );
        list.apply_lease(NOW, &changes(5, 6, &[(4, Status::Valid)]))
            .unwrap();
        assert_eq!(list.check(&token(4), LEASE, NOW), VALID);
    }

    #[test]
    fn known_list_rejects_a_removed_key_after_the_next_renewal() {
        let mut list = KnownList::default();
        list.apply_lease(NOW, &whole(1, &[])).unwrap();
        let mut next = changes(1, 1, &[]);
        next.kids = vec!["key-2".to_owned()];
        list.apply_lease(NOW, &next).unwrap();
        assert_eq!(list.check(&token(1), LEASE, NOW), StatusCheck::KeyRetired);
    }

    #[test]
    fn known_list_ignores_keys_of_an_older_answer() {
        let mut list = KnownList::default();
        list.apply_lease(NOW, &whole(1, &[])).unwrap();
        let late = changes(1, 1, &[]);
        let mut next = changes(1, 1, &[]);
        next.kids = vec!["key-2".to_owned()];
        list.apply_lease(NOW.plus(200), &next).unwrap();
        list.apply_lease(NOW.plus(100), &late).unwrap();
        let found = list.check(&token(1), LEASE, NOW.plus(200));
        assert_eq!(found, StatusCheck::KeyRetired);
    }

    #[test]
    fn known_list_is_unchanged_by_a_rejected_answer() {
        let mut list = KnownList::default();
        for bad in [
            changes(1, 2, &[]),
            answer(1, ListContent::Whole("!".to_owned())),
            answer(
                1,
                ListContent::Whole(StatusList::new(Bits::Two, 4).encode()),
            ),
        ] {
            assert_eq!(list.apply_lease(NOW, &bad), Err(LeaseRejected));
            assert_eq!(list.check(&token(1), LEASE, NOW), StatusCheck::Unavailable);
            assert_eq!(list.version(), None);
        }
    }

    #[test]
    fn known_list_trusts_a_snapshot_up_to_its_maximum_age() {
        let mut list = KnownList::default();
        let mut bits = StatusList::all_valid();
        bits.set(1, Status::Invalid);
        let at = Timestamp::from_seconds(10_000);
        list.apply_snapshot(&signed(bits, 2, at));
        let older = Timestamp::from_seconds(9_000);
        list.apply_snapshot(&signed(StatusList::all_valid(), 1, older));
        for (age, expected) in [
            (0, REVOKED),
            (119, REVOKED),
            (120, StatusCheck::Unavailable),
        ] {
            assert_eq!(
                list.check(&token(1), SNAPSHOT, start_of(at.plus(age))),
                expected,
                "{age}"
            );
        }
        assert_eq!(list.check(&token(2), SNAPSHOT, start_of(at)), VALID);
        for (behind, freshness, expected) in [
            (MAX_SKEW, Freshness::Fresh, VALID),
            (MAX_SKEW + 1, Freshness::Stale, StatusCheck::Unavailable),
            (9_000, Freshness::Stale, StatusCheck::Unavailable),
        ] {
            let early = Timestamp::from_seconds(at.seconds() - behind);
            let found = list.check(&token(2), SNAPSHOT, start_of(early));
            assert_eq!(found, expected, "signed {behind} s ahead");
            assert_eq!(
                list.freshness(SNAPSHOT, start_of(early)),
                freshness,
                "{behind}"
            );
        }
        for (age, expected) in [
            (39, Freshness::Fresh),
            (40, Freshness::Aging),
            (119, Freshness::Aging),
            (120, Freshness::Stale),
        ] {
            assert_eq!(
                list.freshness(SNAPSHOT, start_of(at.plus(age))),
                expected,
                "{age}"
            );
        }
    }
}
