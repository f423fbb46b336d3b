//! What an edge remembers, and how far that is enough to judge a request.
//!
//! [`Validator::judge`] goes through the fixed order: header, signature, times, revocation, route,
//! organization, scopes. It does no I/O. Mostly memory is enough and the answer is a verdict;
//! else it names the one thing that is missing, the edge fetches that, and asks once more. For a
//! thing that could not be fetched one request waits twice at most: then the verdict is given
//! without it, and is a refusal.

use crate::{
    authorize::{
        bearer,
        decision::{self, AccessRequest, Denial, Permit},
    },
    jose::{
        keys::KeySet,
        status_list::{StatusListId, StatusReference},
    },
    mode::RevocationMode,
    policy::Policy,
    revocation::{
        known_list::{FreshnessPolicy, KnownLists, StatusCheck},
        lease::Freshness,
        single_flight::{MAX_ATTEMPTS, RETRY_BACKOFF, SingleFlight, Step},
    },
    time::{Instant, Timestamp},
    token::{
        Token, TokenError, Verifier,
        cache::{CacheKey, GENERATION, TokenCache, Verified},
    },
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

impl Keys {
    fn need(&self, mode: RevocationMode, now: Instant) -> Freshness {
        let RevocationMode::Kv { max_age } = mode else {
            return Freshness::Fresh;
        };
        match self.asked_at.age(now) {
            Some(age) if age < RENEW_KEYS_AT.min(max_age * 1_000) => Freshness::Fresh,
            Some(age) if age < max_age * 1_000 => Freshness::Aging,
            _ => Freshness::Stale,
        }
    }
}

/// All that an edge remembers. `T` is what the edge keeps with each verified token.
#[derive(Debug)]
pub struct Validator<T> {
    issuer: String,
    registries: u16,
    freshness: FreshnessPolicy,
    policy: &'static Policy,
    keys: Option<Keys>,
    /// Who asks for keys.
    pub key_flights: SingleFlight,
    tokens: TokenCache<T>,
    /// The status lists.
    pub lists: KnownLists,
}

/// What one request has waited for already.
#[derive(Debug, Clone, Copy, Default)]
pub struct Attempted {
    keys: Attempts,
    /// For newer keys than those that were asked for then.
    keys_after: Option<Instant>,
    newer_keys: Attempts,
    list: Attempts,
}

/// How often.
#[derive(Debug, Clone, Copy, Default)]
struct Attempts(u8);

impl Attempts {
    /// Goes on to the next, if there may be one.
    fn next(&mut self) -> bool {
        let may = self.0 < MAX_ATTEMPTS;
        self.0 += u8::from(may);
        may
    }
}

/// Something that is not in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resource {
    /// The key set.
    Keys,
    /// A lease on a list, or a snapshot of it.
    List(StatusListId),
}

/// How far memory was enough.
#[derive(Debug)]
pub enum Check<T> {
    /// Ask for this, or wait for what was asked already, and judge again.
    Needs(Resource, Step),
    /// It was enough.
    Decided(Decision<T>),
}

/// The verdict on a request.
#[derive(Debug)]
pub struct Decision<T> {
    /// The token, once its signature was right.
    pub token: Option<Rc<Verified<T>>>,
    /// May the request go on?
    pub result: Result<Allowed, Denial>,
    /// To be asked for behind the answer.
    pub behind: Option<Resource>,
    /// A use that is to be noted: [`UsageLog::note`](crate::revocation::usage::UsageLog::note).
    pub used: Option<StatusReference>,
}

/// What a request was allowed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowed {
    /// Which of the token's organizations it acts in, where it names one.
    pub organization: Option<usize>,
}

impl<T: Default> Validator<T> {
    /// Knows nothing. `issuer` is the public address, `registries` how many there are.
    pub fn new(
        issuer: String,
        registries: u16,
        freshness: FreshnessPolicy,
        policy: &'static Policy,
        key: CacheKey,
    ) -> Self {
        Self {
            issuer,
            registries,
            freshness,
            policy,
            keys: None,
            key_flights: SingleFlight::default(),
            tokens: TokenCache::new(key, GENERATION),
            lists: KnownLists::default(),
        }
    }

    /// What the edge is content with.
    pub fn freshness(&self) -> FreshnessPolicy {
        self.freshness
    }

    /// The keys in use.
    pub fn keys(&self) -> Option<&KeySet> {
        self.keys.as_ref().map(|keys| keys.verifier.keys())
    }

    /// Takes a key set. `asked_at` is the reading of the clock from before the question.
    pub fn learn_keys(&mut self, asked_at: Instant, keys: KeySet) {
        match &mut self.keys {
            // The same keys keep what was prepared for them.
            Some(known) if *known.verifier.keys() == keys => known.asked_at = asked_at,
            known => {
                // No entry outlives the key that vouched for it.
                self.tokens.clear();
                let verifier =
                    Verifier::new(self.issuer.clone(), self.registries, keys, self.policy);
                *known = Some(Keys { verifier, asked_at });
            }
        }
    }

    /// What a request does about the keys.
    fn keys_step(&self, now: Instant) -> Step {
        let keys = self.keys.as_ref();
        let need = keys.map_or(Freshness::Stale, |keys| keys.need(self.freshness.mode, now));
        self.key_flights.step(need, now, RETRY_BACKOFF)
    }

    /// What becomes of a token by a key that the set of `asked_at` lacks.
    fn judge_unknown_key(
        &self,
        asked_at: Instant,
        clock: Instant,
        asked: &mut Attempted,
    ) -> Check<T> {
        // Anyone can send such a token, so it asks once a second.
        let is_fresh = asked_at.age(clock).is_some_and(|age| age < RETRY_BACKOFF);
        let came_after = asked.keys_after.is_some_and(|before| before != asked_at);
        if is_fresh || came_after {
            return refused(TokenError::UnknownKey.into());
        }
        match self
            .key_flights
            .step(Freshness::Stale, clock, RETRY_BACKOFF)
        {
            step @ (Step::Fetch | Step::Wait) if asked.newer_keys.next() => {
                asked.keys_after = Some(asked_at);
                Check::Needs(Resource::Keys, step)
            }
            // A newer set may have it.
            _ => refused(Denial::RevocationUnavailable),
        }
    }

    /// Judges a request by what is known. `clock` is a reading from when the request arrived or
    /// later, `asked` what it has asked for before.
    pub fn judge(
        &mut self,
        request: &AccessRequest<'_>,
        authorization: Option<&str>,
        clock: Instant,
        asked: &mut Attempted,
    ) -> Check<T> {
        let policy = self.policy;
        let authorize = |token: &Token, revocation| {
            let permit = decision::authorize(request, token, revocation, policy)?;
            let organization = position(&permit);
            Ok(Allowed { organization })
        };
        self.judge_by(request.now, authorization, clock, asked, authorize)
    }

    /// Judges the token of a request alone, as [`Self::judge`] does.
    pub fn authenticate(
        &mut self,
        now: Timestamp,
        authorization: Option<&str>,
        clock: Instant,
        asked: &mut Attempted,
    ) -> Check<T> {
        let authenticate = |token: &Token, revocation| {
            decision::authenticate(token, revocation, now)?;
            Ok(Allowed { organization: None })
        };
        self.judge_by(now, authorization, clock, asked, authenticate)
    }

    fn judge_by(
        &mut self,
        now: Timestamp,
        authorization: Option<&str>,
        clock: Instant,
        asked: &mut Attempted,
        judge: impl FnOnce(&Token, StatusCheck) -> Result<Allowed, Denial>,
    ) -> Check<T> {
        let mut behind = None;

        // 1. The header.
        let text = match bearer::parse(authorization) {
            Ok(text) => text,
            Err(error) => return refused(error.into()),
        };

        // 2. Form, signature, issuer, audience.
        match self.keys_step(clock) {
            step @ (Step::Fetch | Step::Wait) if asked.keys.next() => {
                return Check::Needs(Resource::Keys, step);
            }
            Step::ProceedAndFetch => behind = Some(Resource::Keys),
            _ => {}
        }
        let mode = self.freshness.mode;
        let believed = |keys: &&Keys| keys.need(mode, clock) != Freshness::Stale;
        let Some(keys) = self.keys.as_ref().filter(believed) else {
            return refused(Denial::RevocationUnavailable);
        };
        let keys_asked_at = keys.asked_at;
        let verified = match self.tokens.get(text, |text| keys.verifier.verify(text)) {
            Ok(verified) => verified,
            Err(TokenError::UnknownKey) => {
                return self.judge_unknown_key(keys_asked_at, clock, asked);
            }
            Err(error) => return refused(error.into()),
        };

        // 3. Its status; a token whose time is over needs none.
        let token = &verified.token;
        let mut revocation = StatusCheck::Unavailable;
        let mut news = false;
        let StatusReference { list: id, idx } = token.status;
        if decision::check_times(token, now).is_ok() {
            let entry = self.lists.entry(id, clock);
            match entry.step(self.freshness, clock) {
                step @ (Step::Fetch | Step::Wait) if asked.list.next() => {
                    return Check::Needs(Resource::List(id), step);
                }
                // One thing at a time: a list that gets no fresher must not hold up the keys.
                Step::ProceedAndFetch => behind = behind.or(Some(Resource::List(id))),
                _ => {}
            }
            revocation = entry.judge(token, self.freshness, clock);
            // A lease that is older than the key set may lack a key because that is new. Once
            // more is asked; a key that a newer lease lacks is dead.
            if revocation == StatusCheck::KeyRetired && entry.known.is_from_before(keys_asked_at) {
                match entry.flights.step(Freshness::Stale, clock, 0) {
                    step @ (Step::Fetch | Step::Wait) if asked.list.next() => {
                        return Check::Needs(Resource::List(id), step);
                    }
                    _ => revocation = StatusCheck::Unavailable,
                }
            }
            news = entry.usage.would_record(idx, now);
        }

        // 4. The verdict.
        let result = judge(token, revocation);
        let authenticated = result.as_ref().err().is_none_or(Denial::is_authenticated);
        Check::Decided(Decision {
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

fn refused<T>(denial: Denial) -> Check<T> {
    Check::Decided(Decision {
        token: None,
        result: Err(denial),
        behind: None,
        used: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        jose::{
            keys::SigningKeys,
            status_list::{Snapshot, Status, StatusList, VerifiedList},
        },
        policy::POLICY,
        registry::{LeaseAnswer, ListContent},
        revocation::known_list::ABSENT_FOR,
        token::claims::{self, Claims},
    };

    const ISSUER: &str = "https://patrol.test";
    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);
    const CLOCK: Instant = Instant::from_millis(1_800_000_000_000);
    const LEASE: RevocationMode = RevocationMode::Lease;
    const KV: RevocationMode = RevocationMode::Kv { max_age: 120 };
    /// In ada's registry.
    const LIST: StatusListId = StatusListId {
        registry: 14,
        list: 0,
    };

    fn keys(seed: u8) -> SigningKeys {
        SigningKeys::from_jwks(&SigningKeys::generate(&[seed; 32])).unwrap()
    }

    /// The header with a token that reads pipelines in acme, for the place 7.
    fn header(seed: u8, exp: Timestamp) -> String {
        let claims: Claims = serde_json::from_value(serde_json::json!({
            "iss": ISSUER, "aud": ISSUER, "sub": "ada", "org": ["globex", "acme"], "jti": "id",
            "iat": NOW.seconds() - 60, "exp": exp.seconds(),
            "scope": "pipelines:read",
            "status": { "status_list": { "idx": 7, "uri": LIST.uri(ISSUER) } },
        }))
        .unwrap();
        let token = claims::issue(&claims, keys(seed).first()).unwrap();
        format!("Bearer {}", token.reveal())
    }

    fn good() -> String {
        header(1, NOW.plus(60))
    }

    fn memory(mode: RevocationMode) -> Validator<()> {
        let freshness = FreshnessPolicy {
            mode,
            stale_grace_ms: 0,
        };
        let key = CacheKey::new([9; 16]);
        Validator::new(ISSUER.to_owned(), 16, freshness, &POLICY, key)
    }

    fn lease(memory: &mut Validator<()>, revoked: &[u32]) {
        lease_naming(memory, revoked, CLOCK, &[1]);
    }

    fn lease_naming(memory: &mut Validator<()>, revoked: &[u32], asked_at: Instant, seeds: &[u8]) {
        let mut list = StatusList::ours();
        for idx in revoked {
            list.set(*idx, Status::Invalid);
        }
        let kid = |seed: &u8| keys(*seed).first().id().as_str().to_owned();
        let answer = LeaseAnswer {
            version: 1,
            content: ListContent::Whole(list.encode()),
            length: 1_000,
            kids: seeds.iter().map(kid).collect(),
        };
        let known = &mut memory.lists.entry(LIST, asked_at).known;
        known.receive(asked_at, &answer).unwrap();
    }

    /// With the keys of the first seed, and a lease on a list that revokes these.
    fn complete(revoked: &[u32]) -> Validator<()> {
        let mut memory = memory(LEASE);
        memory.learn_keys(CLOCK, keys(1).public().clone());
        lease(&mut memory, revoked);
        memory
    }

    fn request(path: &'static str) -> AccessRequest<'static> {
        AccessRequest {
            method: "GET",
            path,
            organization: Some("acme"),
            now: NOW,
        }
    }

    const PIPELINES: &str = "/api/v1/engine/pipelines";

    fn judge(memory: &mut Validator<()>, header: &str, asked: &mut Attempted) -> Check<()> {
        memory.judge(&request(PIPELINES), Some(header), CLOCK, asked)
    }

    fn verdict(judgement: Check<()>) -> Decision<()> {
        match judgement {
            Check::Decided(verdict) => verdict,
            Check::Needs(missing, step) => panic!("{missing:?} {step:?}"),
        }
    }

    fn missing(judgement: &Check<()>) -> Option<(Resource, Step)> {
        match judgement {
            Check::Needs(missing, step) => Some((*missing, *step)),
            Check::Decided(_) => None,
        }
    }

    #[test]
    fn a_request_is_judged_from_memory_while_keys_and_lease_are_good() {
        let mut memory = complete(&[]);
        let found = verdict(judge(&mut memory, &good(), &mut Attempted::default()));
        let organization = Some(1);
        assert_eq!(found.result, Ok(Allowed { organization }));
        assert_eq!(found.behind, None);
        let mut memory = complete(&[7]);
        let found = verdict(judge(&mut memory, &good(), &mut Attempted::default()));
        assert_eq!(found.result, Err(Denial::TokenRevoked));
        assert!(found.token.is_some(), "for the log");
    }

    #[test]
    fn what_is_missing_is_named_once_by_each_request() {
        let mut memory = memory(LEASE);
        let asked = &mut Attempted::default();
        let first = judge(&mut memory, &good(), asked);
        assert_eq!(missing(&first), Some((Resource::Keys, Step::Fetch)));
        let _ = memory.key_flights.begin(CLOCK);
        let other = judge(&mut memory, &good(), &mut Attempted::default());
        assert_eq!(missing(&other), Some((Resource::Keys, Step::Wait)));
        memory.learn_keys(CLOCK, keys(1).public().clone());
        let second = judge(&mut memory, &good(), asked);
        assert_eq!(missing(&second), Some((Resource::List(LIST), Step::Fetch)));
        lease(&mut memory, &[]);
        assert!(verdict(judge(&mut memory, &good(), asked)).result.is_ok());
    }

    #[test]
    fn what_cannot_be_had_refuses_the_request_that_waited_twice() {
        for with_keys in [false, true] {
            let mut memory = memory(LEASE);
            let asked = &mut Attempted::default();
            if with_keys {
                memory.learn_keys(CLOCK, keys(1).public().clone());
            }
            for _ in 0..MAX_ATTEMPTS {
                assert!(missing(&judge(&mut memory, &good(), asked)).is_some());
            }
            let found = verdict(judge(&mut memory, &good(), asked));
            assert_eq!(found.result, Err(Denial::RevocationUnavailable));
            assert_eq!(found.used, None);
        }
    }

    #[test]
    fn nothing_is_asked_for_a_token_that_cannot_pass() {
        let mut memory = memory(LEASE);
        memory.learn_keys(CLOCK, keys(1).public().clone());
        let good = good();
        let (signed, signature) = good.rsplit_once('.').unwrap();
        let other = if signature.starts_with('A') { 'B' } else { 'A' };
        let forged = format!("{signed}.{other}{}", &signature[1..]);
        let expired = header(1, NOW);
        for (header, denial) in [
            ("Basic x", Denial::TokenMissing),
            (&*forged, Denial::SignatureInvalid),
            (&*expired, Denial::TokenExpired),
        ] {
            let found = verdict(judge(&mut memory, header, &mut Attempted::default()));
            assert_eq!(found.result, Err(denial));
            assert_eq!((found.behind, found.used), (None, None));
        }
    }

    #[test]
    fn an_unknown_key_asks_for_the_key_set_once_a_second() {
        let mut memory = complete(&[]);
        let unknown = header(2, NOW.plus(60));
        let soon = verdict(judge(&mut memory, &unknown, &mut Attempted::default()));
        assert_eq!(soon.result, Err(Denial::SignatureInvalid));
        let later = CLOCK.plus(RETRY_BACKOFF);
        let asked = &mut Attempted::default();
        let first = memory.judge(&request(PIPELINES), Some(&unknown), later, asked);
        assert_eq!(missing(&first), Some((Resource::Keys, Step::Fetch)));
        memory.learn_keys(later, keys(1).public().clone());
        let again = verdict(memory.judge(&request(PIPELINES), Some(&unknown), later, asked));
        assert_eq!(again.result, Err(Denial::SignatureInvalid));
    }

    #[test]
    fn an_unknown_key_is_refused_as_unknown_only_by_a_set_that_is_new() {
        let later = CLOCK.plus(RETRY_BACKOFF);
        let unknown = header(2, NOW.plus(60));
        let judge = |memory: &mut Validator<()>, asked: &mut Attempted| {
            memory.judge(&request(PIPELINES), Some(&unknown), later, asked)
        };
        for (answered, denial) in [
            (false, Denial::RevocationUnavailable),
            (true, Denial::SignatureInvalid),
        ] {
            let mut memory = complete(&[]);
            let (first, second) = (&mut Attempted::default(), &mut Attempted::default());
            for _ in 0..if answered { 1 } else { MAX_ATTEMPTS } {
                let asks = judge(&mut memory, first);
                assert_eq!(missing(&asks), Some((Resource::Keys, Step::Fetch)));
                let flight = memory.key_flights.begin(later);
                let waits = judge(&mut memory, second);
                assert_eq!(missing(&waits), Some((Resource::Keys, Step::Wait)));
                if answered {
                    memory.learn_keys(later, keys(1).public().clone());
                }
                memory.key_flights.end(flight, later, answered);
            }
            for asked in [first, second, &mut Attempted::default()] {
                let found = verdict(judge(&mut memory, asked));
                assert_eq!(found.result, Err(denial), "{answered}");
            }
        }
    }

    #[test]
    fn a_new_key_is_asked_about_once_where_the_lease_is_older_than_the_key_set() {
        let later = CLOCK.plus(100);
        let after = later.plus(100);
        let judge = |memory: &mut Validator<()>, asked: &mut Attempted| {
            memory.judge(&request(PIPELINES), Some(&good()), after, asked)
        };
        for (renewed, expected) in [
            (Some(&[2, 1][..]), None),
            (Some(&[2]), Some(Denial::SignatureInvalid)),
            (None, Some(Denial::RevocationUnavailable)),
        ] {
            let mut memory = memory(LEASE);
            lease_naming(&mut memory, &[], CLOCK, &[2]);
            memory.learn_keys(later, keys(1).public().clone());
            let asked = &mut Attempted::default();
            let attempts = if renewed.is_some() { 1 } else { MAX_ATTEMPTS };
            for _ in 0..attempts {
                let first = judge(&mut memory, asked);
                assert_eq!(missing(&first), Some((Resource::List(LIST), Step::Fetch)));
                let flight = memory.lists.entry(LIST, after).flights.begin(after);
                if let Some(seeds) = renewed {
                    lease_naming(&mut memory, &[], after, seeds);
                }
                let flights = &mut memory.lists.entry(LIST, after).flights;
                flights.end(flight, after, renewed.is_some());
            }
            for asked in [asked, &mut Attempted::default()] {
                let found = verdict(judge(&mut memory, asked));
                assert_eq!(found.result.err(), expected, "{renewed:?}");
            }
        }
    }

    #[test]
    fn the_same_keys_again_keep_what_was_prepared_for_them() {
        let mut memory = complete(&[]);
        let key = |memory: &Validator<()>| {
            let id = keys(1).first().id().as_str().to_owned();
            std::ptr::from_ref(memory.keys().unwrap().find(&id).unwrap())
        };
        let before = key(&memory);
        let later = CLOCK.plus(500);
        memory.learn_keys(later, keys(1).public().clone());
        assert_eq!(key(&memory), before);
        assert_eq!(memory.keys.unwrap().asked_at, later);
    }

    #[test]
    fn a_verified_token_does_not_outlive_its_key() {
        let mut memory = complete(&[]);
        let good = good();
        let found = judge(&mut memory, &good, &mut Attempted::default());
        assert!(verdict(found).result.is_ok());
        memory.learn_keys(CLOCK, keys(2).public().clone());
        let found = verdict(judge(&mut memory, &good, &mut Attempted::default()));
        assert_eq!(found.result, Err(Denial::SignatureInvalid));
    }

    #[test]
    fn without_leases_old_keys_are_renewed_and_older_ones_are_not_believed() {
        let mut memory = memory(KV);
        memory.learn_keys(CLOCK, keys(1).public().clone());
        for (age, expected) in [
            (9_999, Step::Proceed),
            (10_000, Step::ProceedAndFetch),
            (119_999, Step::ProceedAndFetch),
            (120_000, Step::Fetch),
        ] {
            assert_eq!(memory.keys_step(CLOCK.plus(age)), expected, "{age}");
        }
        let back = Instant::from_millis(CLOCK.millis() - 1_000);
        assert_eq!(
            memory.keys_step(back),
            Step::Fetch,
            "the clock was set back"
        );
        let asked = &mut Attempted {
            keys: Attempts(MAX_ATTEMPTS),
            ..Attempted::default()
        };
        let late = CLOCK.plus(120_000);
        let found = verdict(memory.judge(&request(PIPELINES), Some(&good()), late, asked));
        assert_eq!(found.result, Err(Denial::RevocationUnavailable));
    }

    #[test]
    fn without_leases_keys_are_asked_for_before_a_list_and_neither_is_left_out() {
        let mut memory = memory(KV);
        memory.learn_keys(CLOCK, keys(1).public().clone());
        let snapshot = VerifiedList {
            snapshot: Snapshot {
                list: StatusList::ours(),
                version: 1,
            },
            signed_at: NOW,
        };
        memory.lists.entry(LIST, CLOCK).known.learn(&snapshot);
        let old = CLOCK.plus(50_000);
        for expected in [Some(Resource::Keys), Some(Resource::List(LIST)), None] {
            let asked = &mut Attempted::default();
            let found = verdict(memory.judge(&request(PIPELINES), Some(&good()), old, asked));
            assert!(found.result.is_ok());
            assert_eq!(found.behind, expected);
            match found.behind {
                Some(Resource::Keys) => _ = memory.key_flights.begin(old),
                Some(Resource::List(id)) => _ = memory.lists.entry(id, old).flights.begin(old),
                None => {}
            }
        }
    }

    #[test]
    fn a_use_is_to_be_noted_once_a_minute_and_only_of_a_good_token() {
        let mut memory = complete(&[]);
        let good = good();
        let found = verdict(judge(&mut memory, &good, &mut Attempted::default()));
        let used = found.used.expect("news");
        memory
            .lists
            .entry(used.list, CLOCK)
            .usage
            .note(used.idx, NOW, || None);
        let again = verdict(judge(&mut memory, &good, &mut Attempted::default()));
        assert_eq!(again.used, None);
        let mut memory = complete(&[]);
        let elsewhere = memory.judge(
            &request("/api/v1/secrets"),
            Some(&good),
            CLOCK,
            &mut Attempted::default(),
        );
        let found = verdict(elsewhere);
        assert_eq!(found.result, Err(Denial::RouteUnknown));
        assert!(found.used.is_some(), "it authenticated");
        let mut memory = complete(&[7]);
        let found = verdict(judge(&mut memory, &good, &mut Attempted::default()));
        assert_eq!(found.used, None, "a revoked one did not");
    }

    #[test]
    fn a_token_of_another_registry_than_its_owners_is_refused_and_not_asked_about() {
        for registries in [3, 15] {
            let mut memory = memory(LEASE);
            memory.registries = registries;
            memory.learn_keys(CLOCK, keys(1).public().clone());
            let found = verdict(judge(&mut memory, &good(), &mut Attempted::default()));
            assert_eq!(found.result, Err(TokenError::List.into()), "{registries}");
        }
    }

    #[test]
    fn a_token_by_itself_is_judged_whatever_it_may_do() {
        let (good, expired, forged) = (good(), header(1, NOW), header(2, NOW.plus(60)));
        for (header, revoked, expected) in [
            (&good, &[][..], Ok(Allowed { organization: None })),
            (&good, &[7], Err(Denial::TokenRevoked)),
            (&expired, &[], Err(Denial::TokenExpired)),
            (&forged, &[], Err(Denial::SignatureInvalid)),
        ] {
            let mut memory = complete(revoked);
            let asked = &mut Attempted::default();
            let found = verdict(memory.authenticate(NOW, Some(header), CLOCK, asked));
            assert_eq!(found.result, expected);
        }
    }

    #[test]
    fn a_list_that_its_registry_does_not_have_is_asked_about_once_in_a_while() {
        let mut memory = memory(LEASE);
        memory.learn_keys(CLOCK, keys(1).public().clone());
        let asked = &mut Attempted::default();
        assert!(missing(&judge(&mut memory, &good(), asked)).is_some());
        let entry = memory.lists.entry(LIST, CLOCK);
        let flight = entry.flights.begin(CLOCK);
        entry.known.mark_absent(CLOCK);
        entry.flights.end(flight, CLOCK, true);
        let refused = Err(TokenError::List.into());
        for asked in [asked, &mut Attempted::default()] {
            let found = verdict(judge(&mut memory, &good(), asked));
            assert_eq!((found.result, found.behind), (refused, None));
            assert_eq!(found.used, None);
        }
        let later = CLOCK.plus(ABSENT_FOR);
        let again = &mut Attempted::default();
        let again = memory.judge(&request(PIPELINES), Some(&good()), later, again);
        assert_eq!(missing(&again), Some((Resource::List(LIST), Step::Fetch)));
        lease(&mut memory, &[]);
        let found = verdict(judge(&mut memory, &good(), &mut Attempted::default()));
        assert!(found.result.is_ok(), "it is there now");
    }
}
