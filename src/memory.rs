//! What an edge remembers, and how far that is enough to judge a request.
//!
//! [`Memory::judge`] goes through the fixed order: header, signature, times, revocation, route,
//! organization, scopes. It does no I/O. Mostly memory is enough and the answer is a verdict;
//! else it names the one thing that is missing, the edge fetches that, and asks once more. A
//! thing that could not be fetched is not asked for twice by one request: then the verdict is
//! given without it, and is a refusal.

use crate::{
    bearer,
    keys::KeySet,
    lease::{Instant, Need},
    policy::Policy,
    renewal::{PAUSE, Renewal, Step},
    revocation::{Freshness, Lists, Mode},
    status_list::StatusListId,
    token::{
        StatusReference, TokenError, Verifier,
        cache::{Cache, CacheKey, GENERATION, Verified},
    },
    verdict::{self, Denial, Permit, Request, Revocation},
};
use std::rc::Rc;

/// The age at which keys are asked for again behind a request where no lease vouches for them,
/// in milliseconds.
const RENEW_KEYS_AT: u64 = 10_000;

/// The key set, as an edge knows it.
///
/// A key that was removed needs no question: every lease names the keys in use, and the others
/// are dead. Where there are no leases the set must be fresh.
#[derive(Debug)]
struct Keys {
    verifier: Verifier,
    asked_at: Instant,
}

/// All that an edge remembers. `T` is what the edge keeps with each verified token.
#[derive(Debug)]
pub struct Memory<T> {
    issuer: String,
    registries: u16,
    freshness: Freshness,
    policy: &'static Policy,
    keys: Option<Keys>,
    /// Who asks for keys.
    pub keys_renewal: Renewal,
    tokens: Cache<T>,
    /// The status lists.
    pub lists: Lists,
}

/// What one request has asked for already.
#[derive(Debug, Clone, Copy, Default)]
pub struct Asked {
    keys: bool,
    newer_keys: bool,
    list: bool,
}

/// Something that is not in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// The key set.
    Keys,
    /// A lease on a list, or a snapshot of it.
    List(StatusListId),
}

/// How far memory was enough.
#[derive(Debug)]
pub enum Judgement<T> {
    /// Fetch this, or wait for another request that does, and judge again.
    Incomplete(Missing, Step),
    /// It was enough.
    Complete(Verdict<T>),
}

/// The verdict on a request.
#[derive(Debug)]
pub struct Verdict<T> {
    /// The token, once its signature was right.
    pub token: Option<Rc<Verified<T>>>,
    /// May the request go on, and by which route?
    pub result: Result<Allowed, Denial>,
    /// To be asked for behind the answer.
    pub behind: Option<Missing>,
    /// A use that is to be noted: [`Memory::note_use`].
    pub used: Option<StatusReference>,
}

/// What a request was allowed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowed {
    /// Which of the token's organizations it acts in, where it names one.
    pub organization: Option<usize>,
}

impl<T: Default> Memory<T> {
    /// Knows nothing. `issuer` is the public address, `registries` how many there are.
    pub fn new(
        issuer: String,
        registries: u16,
        freshness: Freshness,
        policy: &'static Policy,
        key: CacheKey,
    ) -> Self {
        Self {
            issuer,
            registries,
            freshness,
            policy,
            keys: None,
            keys_renewal: Renewal::default(),
            tokens: Cache::new(key, GENERATION),
            lists: Lists::default(),
        }
    }

    /// What the edge is content with.
    pub fn freshness(&self) -> Freshness {
        self.freshness
    }

    /// The keys in use.
    pub fn keys(&self) -> Option<&KeySet> {
        self.keys.as_ref().map(|keys| keys.verifier.keys())
    }

    /// Takes a key set. `asked_at` is the reading of the clock from before the question.
    pub fn learn_keys(&mut self, asked_at: Instant, keys: KeySet) {
        // No entry outlives the key that vouched for it.
        if self.keys() != Some(&keys) {
            self.tokens.clear();
        }
        let verifier = Verifier::new(self.issuer.clone(), keys, self.policy);
        self.keys = Some(Keys { verifier, asked_at });
    }

    /// What a request does about the keys: in general, or for a token by an unknown one.
    fn keys_step(&self, for_an_unknown: bool, now: Instant) -> Step {
        let need = match (&self.keys, self.freshness.mode) {
            (None, _) => Need::RenewFirst,
            // Anyone can send such a token, so it asks once a second.
            (Some(keys), _) if for_an_unknown => match keys.asked_at.until(now) {
                age if age < PAUSE => Need::Nothing,
                _ => Need::RenewFirst,
            },
            (Some(_), Mode::Lease) => Need::Nothing,
            (Some(keys), Mode::Kv { max_age }) => match keys.asked_at.until(now) {
                age if age >= max_age * 1_000 => Need::RenewFirst,
                age if age >= RENEW_KEYS_AT => Need::RenewSoon,
                _ => Need::Nothing,
            },
        };
        self.keys_renewal.step(need, now, PAUSE)
    }

    /// Judges a request by what is known. `clock` is a reading from when the request arrived or
    /// later, `asked` what it has asked for before.
    pub fn judge(
        &mut self,
        request: &Request<'_>,
        authorization: Option<&str>,
        clock: Instant,
        asked: &mut Asked,
    ) -> Judgement<T> {
        let mut behind = None;

        // 1. The header.
        let text = match bearer::parse(authorization) {
            Ok(text) => text,
            Err(error) => return refused(error.into()),
        };

        // 2. Form, signature, issuer, audience.
        match self.keys_step(false, clock) {
            step @ (Step::Ask | Step::Wait) if !asked.keys => {
                asked.keys = true;
                return Judgement::Incomplete(Missing::Keys, step);
            }
            Step::JudgeAndAsk => behind = Some(Missing::Keys),
            _ => {}
        }
        let keys = self.keys.as_ref().filter(|keys| match self.freshness.mode {
            Mode::Lease => true,
            Mode::Kv { max_age } => keys.asked_at.until(clock) < max_age * 1_000,
        });
        let Some(Keys { verifier, .. }) = keys else {
            return refused(Denial::RevocationUnavailable);
        };
        let verified = match self.tokens.get(text, |text| verifier.verify(text)) {
            Ok(verified) => verified,
            Err(TokenError::Key) if !asked.newer_keys => {
                asked.newer_keys = true;
                return match self.keys_step(true, clock) {
                    step @ (Step::Ask | Step::Wait) => Judgement::Incomplete(Missing::Keys, step),
                    Step::Judge | Step::JudgeAndAsk => refused(TokenError::Key.into()),
                };
            }
            Err(error) => return refused(error.into()),
        };

        // 3. Its status; a token whose time is over needs none.
        let token = &verified.token;
        let mut revocation = Revocation::Unavailable;
        let mut news = false;
        let StatusReference { list: id, idx } = token.status;
        if verdict::check_times(token, request.now).is_ok() && id.registry < self.registries {
            let entry = self.lists.entry(id, clock);
            match entry.step(self.freshness, clock) {
                step @ (Step::Ask | Step::Wait) if !asked.list => {
                    asked.list = true;
                    return Judgement::Incomplete(Missing::List(id), step);
                }
                Step::JudgeAndAsk => behind = Some(Missing::List(id)),
                _ => {}
            }
            revocation = entry.judge(token, self.freshness, clock);
            news = entry.usage.is_news(idx, request.now);
        }

        // 4. The verdict.
        let result = verdict::authorize(request, token, revocation, self.policy);
        let authenticated = result.as_ref().err().is_none_or(Denial::is_authenticated);
        let result = result.map(|permit| Allowed {
            organization: position(&permit),
        });
        Judgement::Complete(Verdict {
            used: (news && authenticated).then_some(token.status),
            token: Some(verified),
            result,
            behind,
        })
    }
}

/// Which of the token's organizations was named.
fn position(permit: &Permit<'_>) -> Option<usize> {
    let named = permit.organization?;
    permit.token.organizations.iter().position(|id| id == named)
}

fn refused<T>(denial: Denial) -> Judgement<T> {
    Judgement::Complete(Verdict {
        token: None,
        result: Err(denial),
        behind: None,
        used: None,
    })
}
