//! What an edge knows of one status list, and whether it may act on it.
//!
//! The bits and the [`lease`](crate::lease) on them belong together: bits without a lease are
//! only what was true once. A revocation that was ever heard of is never forgotten, whatever
//! comes later and in whatever order.

use crate::{
    lease::{Effect, Holder, Instant, Need},
    registry::{Content, LeaseAnswer},
    status_list::{Bits, LIST_SIZE, Status, StatusList},
    time::Timestamp,
    token::Token,
    verdict::Revocation,
};

/// One list as an edge knows it.
#[derive(Debug, Clone)]
pub struct KnownList {
    bits: StatusList,
    holder: Holder,
    /// Thumbprints of the keys that are in use, as of the last answer.
    kids: Vec<String>,
    /// When the newest signed snapshot was signed.
    signed_at: Timestamp,
}

impl Default for KnownList {
    fn default() -> Self {
        Self {
            bits: StatusList::ours(),
            holder: Holder::default(),
            kids: Vec::new(),
            signed_at: Timestamp::default(),
        }
    }
}

/// The answer cannot be used; nothing was taken from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unusable;

impl KnownList {
    /// The version to ask the changes since.
    pub fn version(&self) -> Option<u64> {
        self.holder.version()
    }

    /// What to do before judging by this list.
    pub fn need(&self, now: Instant) -> Need {
        self.holder.need(now)
    }

    /// Takes a snapshot that was signed at a time. Snapshots bring no lease.
    pub fn learn(&mut self, snapshot: &StatusList, version: u64, signed_at: Timestamp) {
        self.signed_at = self.signed_at.max(signed_at);
        let news = self.holder.learn(version);
        self.merge(snapshot, news);
    }

    /// Takes the answer to a request for a lease. `asked_at` is the reading of the clock from
    /// before the request was sent.
    ///
    /// # Errors
    /// [`Unusable`]: it builds on what is not known, or its list cannot be read.
    pub fn receive(&mut self, asked_at: Instant, answer: &LeaseAnswer) -> Result<(), Unusable> {
        let whole = match &answer.content {
            Content::Whole(lst) => Some(read(lst)?),
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
                    self.merge(&list, true);
                }
            }
            (Effect::Known, _) => {}
        }
        self.kids.clone_from(&answer.kids);
        Ok(())
    }

    /// The status of a token by the lease, with `grace` milliseconds more than it says.
    pub fn judge(&self, token: &Token, now: Instant, grace: u64) -> Revocation {
        if !self.holder.is_valid(now, grace) {
            return Revocation::Unavailable;
        }
        if !self.kids.contains(&token.kid) {
            return Revocation::KeyRetired;
        }
        self.status(token.status.idx)
    }

    /// The status of a token by the newest snapshot alone, which must be at most `max_age`
    /// seconds old: what is left where no registry is asked.
    pub fn judge_by_snapshot(&self, token: &Token, now: Timestamp, max_age: u64) -> Revocation {
        // A snapshot from the future is by a clock that cannot be trusted with ages.
        if now.since(self.signed_at) >= max_age || self.signed_at > now.plus(max_age) {
            return Revocation::Unavailable;
        }
        self.status(token.status.idx)
    }

    fn status(&self, idx: u32) -> Revocation {
        self.bits
            .get(idx)
            .map_or(Revocation::Unavailable, Revocation::Known)
    }

    /// Takes over a list: all of it if it is newer, else only what it revokes.
    fn merge(&mut self, list: &StatusList, newer: bool) {
        for idx in 0..LIST_SIZE {
            match list.get(idx) {
                Some(Status::Invalid) => self.set(idx, Status::Invalid),
                Some(status) if newer => self.set(idx, status),
                _ => {}
            }
        }
    }

    fn set(&mut self, idx: u32, status: Status) {
        // Revoked is for good (Token Status List, section 7.1).
        if self.bits.get(idx) != Some(Status::Invalid) {
            self.bits.set(idx, status);
        }
    }
}

/// A list of our shape: another one would say nothing about some of our tokens.
fn read(packed: &str) -> Result<StatusList, Unusable> {
    let size = StatusList::ours().len();
    let list = StatusList::decode(Bits::Two, packed, size).map_err(|_| Unusable)?;
    if list.len() == size {
        Ok(list)
    } else {
        Err(Unusable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        policy::POLICY,
        status_list::StatusListId,
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
            not_before: Timestamp::default(),
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
        list.receive(NOW, &changes(3, 4, &[(1, Status::Valid)]))
            .unwrap();
        list.learn(&StatusList::ours(), 9, Timestamp::from_seconds(9));
        for idx in [1, 7] {
            assert_eq!(list.judge(&token(idx), NOW, 0), REVOKED, "{idx}");
        }
        assert_eq!(list.version(), Some(9));
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
        let signed = Timestamp::from_seconds(10_000);
        list.learn(&bits, 2, signed);
        list.learn(&StatusList::ours(), 1, Timestamp::from_seconds(9_000));
        for (age, expected) in [(0, REVOKED), (119, REVOKED), (120, Revocation::Unavailable)] {
            assert_eq!(
                list.judge_by_snapshot(&token(1), signed.plus(age), 120),
                expected,
                "{age}"
            );
        }
        assert_eq!(list.judge_by_snapshot(&token(2), signed, 120), VALID);
        let early = Timestamp::from_seconds(1_000);
        assert_eq!(
            list.judge_by_snapshot(&token(2), early, 120),
            Revocation::Unavailable
        );
    }
}
