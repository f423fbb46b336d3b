//! Everything an edge has cached, and whether that is enough to decide on a request.
//!
//! [`Validator::check`] follows a fixed order: header, keys, token, status, decision. Only a public
//! route is looked for first, as it needs none of them. It does no I/O. Usually everything is
//! cached, and the result is a decision. Otherwise it names the one resource that it [`Needs`]; the
//! edge fetches that and checks again. A request waits at most twice for a resource that cannot be
//! fetched. After that it is refused.

use super::{
    credentials::CredentialsError,
    decision::{self, AccessRequest, Denial, Permit},
};
use crate::{
    jose::{
        VerifySignature,
        keys::KeySet,
        status_list::{StatusListId, StatusReference},
    },
    policy::{Access, Match, Policy},
    revocation::{
        freshness::{Freshness, FreshnessPolicy, Validity},
        known_list::StatusCheck,
        known_lists::{KnownLists, ListEntry},
        single_flight::{MAX_ATTEMPTS, RETRY_BACKOFF, SingleFlight, Step},
        usage::BatchId,
    },
    routes::Paths,
    time::{Instant, Timestamp},
    token::{
        Token, TokenError, Verifier,
        cache::{CacheKey, GENERATION, TokenCache, Verified},
    },
};
use std::{borrow::Cow, net::IpAddr, rc::Rc};

/// The key set as an edge knows it.
#[derive(Debug)]
struct KnownKeys {
    verifier: Verifier,
    fetched_at: Instant,
}

/// Everything an edge caches. `T` is what the edge stores with each verified token, `S` verifies
/// signatures.
#[derive(Debug)]
pub struct Validator<T, S> {
    paths: Paths,
    registries: u16,
    freshness: FreshnessPolicy,
    policy: &'static Policy,
    signatures: S,
    keys: Option<KnownKeys>,
    key_flights: SingleFlight,
    tokens: TokenCache<T>,
    lists: KnownLists,
}

/// The fetches that one request has already waited for.
#[derive(Debug, Clone, Copy, Default)]
pub struct Attempted {
    keys: Attempts,
    /// The fetch time of the key set that lacked the token's key.
    keys_newer_than: Option<Instant>,
    newer_keys: Attempts,
    list: Attempts,
}

#[derive(Debug, Clone, Copy, Default)]
struct Attempts(u8);

impl Attempts {
    /// Counts one more attempt. Returns `false` after [`MAX_ATTEMPTS`].
    fn next(&mut self) -> bool {
        let is_allowed = self.0 < MAX_ATTEMPTS;
        self.0 += u8::from(is_allowed);
        is_allowed
    }

    /// What a step means for a request: to wait once more, to have the resource fetched behind it,
    /// or nothing.
    fn take(&mut self, step: Step, resource: Resource) -> Result<Option<Resource>, Needs> {
        match step {
            Step::Fetch | Step::Wait if self.next() => Err(Needs { resource, step }),
            Step::ProceedAndFetch => Ok(Some(resource)),
            _ => Ok(None),
        }
    }
}

/// Something that an edge fetches and keeps fresh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resource {
    /// The key set.
    Keys,
    /// A lease on a list, or a snapshot of it.
    List(StatusListId),
}

/// What a decision still needs: fetch it, or wait for the fetch in flight, and check again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Needs {
    /// The resource to fetch or wait for.
    pub resource: Resource,
    /// [`Step::Fetch`] or [`Step::Wait`].
    pub step: Step,
}

/// What is known of a token whose signature is valid.
struct Known<T> {
    verified: Rc<Verified<T>>,
    status: StatusCheck,
    /// A resource to fetch behind the response.
    renew: Option<Resource>,
}

/// Why a check ends before the status of a token is known.
enum Stop {
    Needs(Needs),
    Denied(Denial),
}

impl From<Needs> for Stop {
    fn from(needs: Needs) -> Self {
        Self::Needs(needs)
    }
}

impl<E: Into<Denial>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Denied(error.into())
    }
}

/// The decision on a request.
#[derive(Debug)]
pub struct Decision<T> {
    /// The token, if its signature is valid. A public route needs none.
    pub token: Option<Rc<Verified<T>>>,
    /// Whether the request may proceed.
    pub result: Result<Allowed, Denial>,
    /// What to do behind the response.
    pub follow_up: FollowUp,
}

/// What an edge does behind a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FollowUp {
    /// A resource to fetch.
    pub renew: Option<Resource>,
    /// Uses to report after a while: [`ListEntry::take_batch`].
    pub report: Option<(StatusListId, BatchId)>,
}

/// An allowed request.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Allowed {
    /// The path by which it goes on, if that is not the path as sent.
    pub normal_path: Option<String>,
    /// The index, among the token's, of the organization that the request acts in.
    pub organization: Option<usize>,
}

impl<T: Default, S: VerifySignature> Validator<T, S> {
    /// Creates a validator that knows nothing yet. `registries` is the setting `REGISTRIES`.
    pub fn new(
        paths: Paths,
        registries: u16,
        freshness: FreshnessPolicy,
        policy: &'static Policy,
        key: CacheKey,
        signatures: S,
    ) -> Self {
        Self {
            paths,
            registries,
            freshness,
            policy,
            signatures,
            keys: None,
            key_flights: SingleFlight::default(),
            tokens: TokenCache::new(key, GENERATION),
            lists: KnownLists::default(),
        }
    }

    /// The known key set.
    pub fn keys(&self) -> Option<&KeySet> {
        self.keys.as_ref().map(|keys| keys.verifier.keys())
    }

    /// The signature verifier.
    pub fn signatures(&self) -> &S {
        &self.signatures
    }

    /// A list's entry, which is added if needed.
    pub fn list(&mut self, id: StatusListId, now: Instant) -> &mut ListEntry {
        self.lists.entry(id, now)
    }

    /// Replaces the key set. `fetched_at` is the clock's reading before the request for it was
    /// sent.
    pub fn set_keys(&mut self, fetched_at: Instant, keys: KeySet) {
        match &mut self.keys {
            Some(known) if *known.verifier.keys() == keys => known.fetched_at = fetched_at,
            known => {
                // No cached token outlives the key that vouched for it.
                self.tokens.clear();
                let verifier =
                    Verifier::new(self.paths.clone(), self.registries, keys, self.policy);
                *known = Some(KnownKeys {
                    verifier,
                    fetched_at,
                });
            }
        }
    }

    /// The fetches of a resource: [`SingleFlight::begin`] and [`SingleFlight::end`] one when it
    /// begins and ends.
    pub fn flights(&mut self, resource: Resource, now: Instant) -> &mut SingleFlight {
        match resource {
            Resource::Keys => &mut self.key_flights,
            Resource::List(id) => &mut self.lists.entry(id, now).flights,
        }
    }

    /// Decides on a request with the cached data, and records the token's use. `clock` is a reading
    /// taken when the request arrived or later; `attempted` records what it has waited for so far.
    /// `address` gives the client's address if the use is new.
    ///
    /// # Errors
    /// [`Needs`] if something must be fetched first.
    pub fn check(
        &mut self,
        request: &AccessRequest<'_>,
        credentials: Result<&str, CredentialsError>,
        clock: Instant,
        attempted: &mut Attempted,
        address: impl FnOnce() -> Option<IpAddr>,
    ) -> Result<Decision<T>, Needs> {
        let mut decision =
            self.decide(request.now, Some(request), credentials, clock, attempted)?;
        let denial = decision.result.as_ref().err();
        if let Some(verified) = &decision.token
            && denial.is_none_or(Denial::is_authenticated)
        {
            let StatusReference { list, idx } = verified.token.status;
            let entry = self.lists.entry(list, clock);
            let batch = entry.record_use(idx, request.now, address);
            decision.follow_up.report = batch.map(|batch| (list, batch));
        }
        Ok(decision)
    }

    /// Decides on a token alone, regardless of the request. Records no use.
    ///
    /// # Errors
    /// As for [`Self::check`].
    pub fn authenticate(
        &mut self,
        now: Timestamp,
        credentials: Result<&str, CredentialsError>,
        clock: Instant,
        attempted: &mut Attempted,
    ) -> Result<Decision<T>, Needs> {
        self.decide(now, None, credentials, clock, attempted)
    }

    /// Until when the token of a decision stays what it was found to be. `clock` is as for
    /// [`Self::authenticate`].
    pub fn validity(&mut self, token: &Token, clock: Instant) -> Validity {
        let end = Instant::from_millis(token.expires_at.seconds().saturating_mul(1_000));
        let keys = self.keys.as_ref();
        let keys = keys.and_then(|keys| self.freshness.validity_of_keys(keys.fetched_at));
        let entry = self.lists.entry(token.status.list, clock);
        let list = entry.known.validity(self.freshness);
        keys.map_or(list, |keys| keys.and(list)).ending_at(end)
    }

    fn decide(
        &mut self,
        now: Timestamp,
        request: Option<&AccessRequest<'_>>,
        credentials: Result<&str, CredentialsError>,
        clock: Instant,
        attempted: &mut Attempted,
    ) -> Result<Decision<T>, Needs> {
        let target = request.map(|request| (request, decision::route(request, self.policy)));
        if let Some((_, Ok(found))) = &target
            && found.route.access == Access::Public
        {
            return Ok(decided(Ok(publicly_allowed(found))));
        }
        let known = match self.look_up(now, credentials, clock, attempted) {
            Ok(known) => known,
            Err(Stop::Needs(needs)) => return Err(needs),
            Err(Stop::Denied(denial)) => return Ok(decided(Err(denial))),
        };
        let (token, status) = (&known.verified.token, known.status);
        let result = match target {
            Some((request, found)) => {
                decision::authorize(request, token, status, found, self.policy).map(allowed)
            }
            None => decision::authenticate(token, status, now).map(|()| Allowed::default()),
        };
        Ok(Decision {
            token: Some(known.verified),
            result,
            follow_up: FollowUp {
                renew: known.renew,
                report: None,
            },
        })
    }

    /// Looks up the token and its status.
    fn look_up(
        &mut self,
        now: Timestamp,
        credentials: Result<&str, CredentialsError>,
        clock: Instant,
        attempted: &mut Attempted,
    ) -> Result<Known<T>, Stop> {
        let text = credentials?;
        let renew_keys = attempted.keys.take(self.keys_step(clock), Resource::Keys)?;
        let verified = self.verify(text, clock, attempted)?;
        let (status, renew_list) = match decision::check_times(&verified.token, now) {
            Ok(()) => self.status(&verified.token, clock, attempted)?,
            // An expired token needs no status.
            Err(_) => (StatusCheck::Unavailable, None),
        };
        Ok(Known {
            verified,
            status,
            // One at a time: a list that gets no fresher must not delay the keys.
            renew: renew_keys.or(renew_list),
        })
    }

    fn keys_freshness(&self, now: Instant) -> Freshness {
        self.keys.as_ref().map_or(Freshness::Stale, |keys| {
            self.freshness.of_keys(keys.fetched_at, now)
        })
    }

    fn keys_step(&self, now: Instant) -> Step {
        let freshness = self.keys_freshness(now);
        self.key_flights.step(freshness, now, RETRY_BACKOFF)
    }

    /// Checks form, signature, issuer and audience.
    fn verify(
        &mut self,
        text: &str,
        clock: Instant,
        attempted: &mut Attempted,
    ) -> Result<Rc<Verified<T>>, Stop> {
        let is_usable = self.keys_freshness(clock) != Freshness::Stale;
        let keys = self.keys.as_ref().filter(|_| is_usable);
        let keys = keys.ok_or(Denial::RevocationUnavailable)?;
        let verify = |text: &str| keys.verifier.verify(text, &self.signatures);
        let fetched_at = keys.fetched_at;
        match self.tokens.get(text, verify) {
            Ok(verified) => Ok(verified),
            Err(TokenError::UnknownKey) => Err(self.without_key(fetched_at, clock, attempted)),
            Err(error) => Err(error.into()),
        }
    }

    /// Decides on a token whose key is not in the set of `fetched_at`.
    fn without_key(&self, fetched_at: Instant, clock: Instant, attempted: &mut Attempted) -> Stop {
        // Anyone can send such a token, so it causes at most one fetch a second.
        let is_recent = fetched_at.age(clock).is_some_and(|age| age < RETRY_BACKOFF);
        let is_newer = attempted
            .keys_newer_than
            .is_some_and(|before| before != fetched_at);
        if is_recent || is_newer {
            return TokenError::UnknownKey.into();
        }
        let flights = &self.key_flights;
        let step = flights.step(Freshness::Stale, clock, RETRY_BACKOFF);
        match attempted.newer_keys.take(step, Resource::Keys) {
            Err(needs) => {
                attempted.keys_newer_than = Some(fetched_at);
                needs.into()
            }
            // A newer set may have the key.
            Ok(_) => Denial::RevocationUnavailable.into(),
        }
    }

    /// Looks up a token's status, and whether its list should be renewed.
    fn status(
        &mut self,
        token: &Token,
        clock: Instant,
        attempted: &mut Attempted,
    ) -> Result<(StatusCheck, Option<Resource>), Needs> {
        let id = token.status.list;
        let resource = Resource::List(id);
        let entry = self.lists.entry(id, clock);
        let step = entry.step(self.freshness, clock);
        let renew = attempted.list.take(step, resource)?;
        let status = entry.check(token, self.freshness, clock);
        // A lease older than the key set may lack a key because the key is new. The edge requests
        // another lease. A key that a newer lease lacks has been retired.
        let keys = self.keys.as_ref();
        let is_older = |keys: &KnownKeys| entry.known.is_from_before(keys.fetched_at);
        if status == StatusCheck::KeyRetired && keys.is_some_and(is_older) {
            attempted.list.take(entry.step_of_stale(clock), resource)?;
            return Ok((StatusCheck::Unavailable, renew));
        }
        Ok((status, renew))
    }
}

/// A decision without a token.
fn decided<T>(result: Result<Allowed, Denial>) -> Decision<T> {
    Decision {
        token: None,
        result,
        follow_up: FollowUp::default(),
    }
}

fn publicly_allowed(found: &Match<'_, '_>) -> Allowed {
    Allowed {
        normal_path: changed(found.path.clone()),
        organization: None,
    }
}

fn allowed(permit: Permit<'_, '_>) -> Allowed {
    let organizations = &permit.token.organizations;
    let position = |named| organizations.iter().position(|id| id == named);
    Allowed {
        organization: permit.organization.and_then(position),
        normal_path: changed(permit.path),
    }
}

/// The path, if it is not the one as sent.
fn changed(path: Cow<'_, str>) -> Option<String> {
    match path {
        Cow::Borrowed(_) => None,
        Cow::Owned(normal) => Some(normal),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        authorize::decision::Forwarder,
        jose::{
            jws::ParseError,
            signing::{Dalek, SigningKeys},
            status_list::{Snapshot, Status, StatusList, VerifiedList},
        },
        mode::RevocationMode,
        policy::tests::policy,
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

    /// A token that reads pipelines in acme, at index 7.
    fn token(seed: u8, exp: Timestamp) -> String {
        let claims: Claims = serde_json::from_value(serde_json::json!({
            "iss": ISSUER, "aud": ISSUER, "sub": "ada", "org": ["globex", "acme"], "jti": "id",
            "iat": NOW.seconds() - 60, "exp": exp.seconds(),
            "scope": "pipelines:read",
            "status": { "status_list": { "idx": 7, "uri": LIST.uri(&paths()) } },
        }))
        .unwrap();
        let token = claims::issue(&claims, keys(seed).first()).unwrap();
        token.reveal().to_owned()
    }

    fn good() -> String {
        token(1, NOW.plus(60))
    }

    fn paths() -> Paths {
        Paths::new(ISSUER, None, None).unwrap()
    }

    fn validator(mode: RevocationMode) -> Validator<(), Dalek> {
        let freshness = FreshnessPolicy::new(mode, 0);
        let key = CacheKey::new([9; 16]);
        Validator::new(paths(), 16, freshness, policy(), key, Dalek)
    }

    fn lease(validator: &mut Validator<(), Dalek>, revoked: &[u32]) {
        lease_naming(validator, revoked, CLOCK, &[1]);
    }

    fn lease_naming(
        validator: &mut Validator<(), Dalek>,
        revoked: &[u32],
        requested_at: Instant,
        seeds: &[u8],
    ) {
        let mut list = StatusList::all_valid();
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
        let entry = validator.list(LIST, requested_at);
        entry.receive_lease(requested_at, Some(&answer)).unwrap();
    }

    /// A validator with the keys of the first seed and a lease on a list that revokes these
    /// indexes.
    fn complete(revoked: &[u32]) -> Validator<(), Dalek> {
        let mut validator = validator(LEASE);
        validator.set_keys(CLOCK, keys(1).public().clone());
        lease(&mut validator, revoked);
        validator
    }

    /// A validator in KV mode with the keys of the first seed and a list that revokes nothing, which
    /// was signed ten seconds ago.
    fn with_snapshot() -> Validator<(), Dalek> {
        let mut validator = validator(KV);
        validator.set_keys(CLOCK, keys(1).public().clone());
        let snapshot = VerifiedList {
            snapshot: Snapshot {
                list: StatusList::all_valid(),
                version: 1,
            },
            signed_at: Timestamp::from_seconds(NOW.seconds() - 10),
        };
        validator.list(LIST, CLOCK).receive_snapshot(&snapshot);
        validator
    }

    fn request(path: &'static str) -> AccessRequest<'static> {
        AccessRequest {
            method: "GET",
            path,
            organization: Some("acme"),
            now: NOW,
            forwarder: Forwarder::Edge,
        }
    }

    const PIPELINES: &str = "/api/v1/engine/pipelines";

    fn check(
        validator: &mut Validator<(), Dalek>,
        text: &str,
        attempted: &mut Attempted,
    ) -> Result<Decision<()>, Needs> {
        validator.check(&request(PIPELINES), Ok(text), CLOCK, attempted, || None)
    }

    fn needs(check: &Result<Decision<()>, Needs>) -> Option<(Resource, Step)> {
        check
            .as_ref()
            .err()
            .map(|needs| (needs.resource, needs.step))
    }

    #[test]
    fn validator_decides_from_memory_while_keys_and_lease_are_fresh() {
        let mut validator = complete(&[]);
        let found = check(&mut validator, &good(), &mut Attempted::default()).unwrap();
        let allowed = Allowed {
            normal_path: None,
            organization: Some(1),
        };
        assert_eq!(found.result, Ok(allowed));
        assert_eq!(found.follow_up.renew, None);
        let mut validator = complete(&[7]);
        let found = check(&mut validator, &good(), &mut Attempted::default()).unwrap();
        assert_eq!(found.result, Err(Denial::TokenRevoked));
        assert!(found.token.is_some(), "for the log");
    }

    #[test]
    fn validity_ends_with_the_lease_and_with_the_token() {
        let validity = |validator: &mut Validator<(), Dalek>, expires_in| {
            let text = token(1, NOW.plus(expires_in));
            let found = check(validator, &text, &mut Attempted::default()).unwrap();
            validator.validity(&found.token.unwrap().token, CLOCK)
        };
        let by_lease = validity(&mut complete(&[]), 60);
        assert!(by_lease.until > CLOCK && by_lease.until <= CLOCK.plus(1_000));
        assert!(by_lease.renew_at < by_lease.until);
        let validator = &mut with_snapshot();
        let by_age = validity(validator, 600);
        assert_eq!(by_age.until, CLOCK.plus(110_000), "the stated age");
        let by_token = validity(validator, 5);
        assert_eq!(by_token.until, CLOCK.plus(5_000), "the second of `exp`");
        assert!(by_token.renew_at <= by_token.until);
    }

    #[test]
    fn validator_requests_each_resource_once() {
        let mut validator = validator(LEASE);
        let attempted = &mut Attempted::default();
        let first = check(&mut validator, &good(), attempted);
        assert_eq!(needs(&first), Some((Resource::Keys, Step::Fetch)));
        let _ = validator.flights(Resource::Keys, CLOCK).begin(CLOCK);
        let other = check(&mut validator, &good(), &mut Attempted::default());
        assert_eq!(needs(&other), Some((Resource::Keys, Step::Wait)));
        validator.set_keys(CLOCK, keys(1).public().clone());
        let second = check(&mut validator, &good(), attempted);
        assert_eq!(needs(&second), Some((Resource::List(LIST), Step::Fetch)));
        lease(&mut validator, &[]);
        assert!(
            check(&mut validator, &good(), attempted)
                .unwrap()
                .result
                .is_ok()
        );
    }

    #[test]
    fn validator_refuses_a_request_that_waited_twice() {
        for with_keys in [false, true] {
            let mut validator = validator(LEASE);
            let attempted = &mut Attempted::default();
            if with_keys {
                validator.set_keys(CLOCK, keys(1).public().clone());
            }
            for _ in 0..MAX_ATTEMPTS {
                assert!(needs(&check(&mut validator, &good(), attempted)).is_some());
            }
            let found = check(&mut validator, &good(), attempted).unwrap();
            assert_eq!(found.result, Err(Denial::RevocationUnavailable));
            assert_eq!(found.follow_up, FollowUp::default());
        }
    }

    #[test]
    fn validator_fetches_nothing_for_a_hopeless_token() {
        let mut validator = validator(LEASE);
        validator.set_keys(CLOCK, keys(1).public().clone());
        let good = good();
        let (signed, signature) = good.rsplit_once('.').unwrap();
        let other = if signature.starts_with('A') { 'B' } else { 'A' };
        let forged = format!("{signed}.{other}{}", &signature[1..]);
        let expired = token(1, NOW);
        for (header, denial) in [
            ("x.y.z", TokenError::Form(ParseError::NotCompact).into()),
            (&*forged, Denial::SignatureInvalid),
            (&*expired, Denial::TokenExpired),
        ] {
            let found = check(&mut validator, header, &mut Attempted::default()).unwrap();
            assert_eq!(found.result, Err(denial));
            assert_eq!(found.follow_up, FollowUp::default());
        }
    }

    #[test]
    fn validator_fetches_keys_for_an_unknown_key_once_a_second() {
        let mut validator = complete(&[]);
        let unknown = token(2, NOW.plus(60));
        let soon = check(&mut validator, &unknown, &mut Attempted::default()).unwrap();
        assert_eq!(soon.result, Err(Denial::SignatureInvalid));
        let later = CLOCK.plus(RETRY_BACKOFF);
        let attempted = &mut Attempted::default();
        let first = validator.check(&request(PIPELINES), Ok(&unknown), later, attempted, || None);
        assert_eq!(needs(&first), Some((Resource::Keys, Step::Fetch)));
        validator.set_keys(later, keys(1).public().clone());
        let again = validator
            .check(&request(PIPELINES), Ok(&unknown), later, attempted, || None)
            .unwrap();
        assert_eq!(again.result, Err(Denial::SignatureInvalid));
    }

    #[test]
    fn validator_rejects_an_unknown_key_only_by_a_newer_set() {
        let later = CLOCK.plus(RETRY_BACKOFF);
        let unknown = token(2, NOW.plus(60));
        let check = |validator: &mut Validator<(), Dalek>, attempted: &mut Attempted| {
            validator.check(&request(PIPELINES), Ok(&unknown), later, attempted, || None)
        };
        for (answered, denial) in [
            (false, Denial::RevocationUnavailable),
            (true, Denial::SignatureInvalid),
        ] {
            let mut validator = complete(&[]);
            let (first, second) = (&mut Attempted::default(), &mut Attempted::default());
            for _ in 0..if answered { 1 } else { MAX_ATTEMPTS } {
                let asks = check(&mut validator, first);
                assert_eq!(needs(&asks), Some((Resource::Keys, Step::Fetch)));
                let flight = validator.flights(Resource::Keys, later).begin(later);
                let waits = check(&mut validator, second);
                assert_eq!(needs(&waits), Some((Resource::Keys, Step::Wait)));
                if answered {
                    validator.set_keys(later, keys(1).public().clone());
                }
                validator
                    .flights(Resource::Keys, later)
                    .end(flight, later, answered);
            }
            for attempted in [first, second, &mut Attempted::default()] {
                let found = check(&mut validator, attempted).unwrap();
                assert_eq!(found.result, Err(denial.clone()), "{answered}");
            }
        }
    }

    #[test]
    fn validator_renews_a_lease_older_than_the_key_set_once() {
        let later = CLOCK.plus(100);
        let after = later.plus(100);
        let check = |validator: &mut Validator<(), Dalek>, attempted: &mut Attempted| {
            validator.check(&request(PIPELINES), Ok(&good()), after, attempted, || None)
        };
        for (renewed, expected) in [
            (Some(&[2, 1][..]), None),
            (Some(&[2]), Some(Denial::SignatureInvalid)),
            (None, Some(Denial::RevocationUnavailable)),
        ] {
            let mut validator = validator(LEASE);
            lease_naming(&mut validator, &[], CLOCK, &[2]);
            validator.set_keys(later, keys(1).public().clone());
            let attempted = &mut Attempted::default();
            let attempts = if renewed.is_some() { 1 } else { MAX_ATTEMPTS };
            for _ in 0..attempts {
                let first = check(&mut validator, attempted);
                assert_eq!(needs(&first), Some((Resource::List(LIST), Step::Fetch)));
                let list = Resource::List(LIST);
                let flight = validator.flights(list, after).begin(after);
                if let Some(seeds) = renewed {
                    lease_naming(&mut validator, &[], after, seeds);
                }
                validator
                    .flights(list, after)
                    .end(flight, after, renewed.is_some());
            }
            for attempted in [attempted, &mut Attempted::default()] {
                let found = check(&mut validator, attempted).unwrap();
                assert_eq!(found.result.err(), expected, "{renewed:?}");
            }
        }
    }

    #[test]
    fn validator_keeps_cached_tokens_when_the_keys_are_unchanged() {
        let mut validator = complete(&[]);
        let key = |validator: &Validator<(), Dalek>| {
            let id = keys(1).first().id().as_str().to_owned();
            std::ptr::from_ref(validator.keys().unwrap().find(&id).unwrap())
        };
        let before = key(&validator);
        let later = CLOCK.plus(500);
        validator.set_keys(later, keys(1).public().clone());
        assert_eq!(key(&validator), before);
        assert_eq!(validator.keys.unwrap().fetched_at, later);
    }

    #[test]
    fn validator_drops_cached_tokens_with_their_key() {
        let mut validator = complete(&[]);
        let good = good();
        let found = check(&mut validator, &good, &mut Attempted::default());
        assert!(found.unwrap().result.is_ok());
        validator.set_keys(CLOCK, keys(2).public().clone());
        let found = check(&mut validator, &good, &mut Attempted::default()).unwrap();
        assert_eq!(found.result, Err(Denial::SignatureInvalid));
    }

    #[test]
    fn validator_renews_aging_keys_and_rejects_stale_ones_in_kv_mode() {
        let mut validator = validator(KV);
        validator.set_keys(CLOCK, keys(1).public().clone());
        for (age, expected) in [
            (9_999, Step::Proceed),
            (10_000, Step::ProceedAndFetch),
            (119_999, Step::ProceedAndFetch),
            (120_000, Step::Fetch),
        ] {
            assert_eq!(validator.keys_step(CLOCK.plus(age)), expected, "{age}");
        }
        let back = Instant::from_millis(CLOCK.millis() - 1_000);
        assert_eq!(
            validator.keys_step(back),
            Step::Fetch,
            "the clock was set back"
        );
        let attempted = &mut Attempted {
            keys: Attempts(MAX_ATTEMPTS),
            ..Attempted::default()
        };
        let late = CLOCK.plus(120_000);
        let found = validator
            .check(&request(PIPELINES), Ok(&good()), late, attempted, || None)
            .unwrap();
        assert_eq!(found.result, Err(Denial::RevocationUnavailable));
    }

    #[test]
    fn validator_renews_keys_before_lists_in_kv_mode() {
        let mut validator = with_snapshot();
        let old = CLOCK.plus(50_000);
        for expected in [Some(Resource::Keys), Some(Resource::List(LIST)), None] {
            let attempted = &mut Attempted::default();
            let found = validator
                .check(&request(PIPELINES), Ok(&good()), old, attempted, || None)
                .unwrap();
            assert!(found.result.is_ok());
            assert_eq!(found.follow_up.renew, expected);
            if let Some(resource) = expected {
                validator.flights(resource, old).begin(old);
            }
        }
    }

    #[test]
    fn validator_records_a_use_once_a_minute_and_only_of_a_good_token() {
        let address = "192.0.2.1".parse::<IpAddr>().unwrap();
        for (path, revoked, expected) in [
            (PIPELINES, &[][..], 1),
            ("/api/v1/secrets", &[], 1),
            (PIPELINES, &[7], 0),
        ] {
            let mut validator = complete(revoked);
            let mut batch = None;
            for is_first in [true, false] {
                let found = validator.check(
                    &request(path),
                    Ok(&good()),
                    CLOCK,
                    &mut Attempted::default(),
                    || Some(address),
                );
                let report = found.unwrap().follow_up.report;
                assert_eq!(report.is_some(), is_first && expected > 0, "{path}");
                batch = batch.or(report);
            }
            let uses = batch.map(|(list, batch)| validator.list(list, CLOCK).take_batch(batch));
            let uses = uses.unwrap_or_default();
            assert_eq!(uses.len(), expected, "{path}, revoked: {revoked:?}");
            for used in uses {
                assert_eq!((used.idx, used.address), (7, Some(address)));
            }
        }
    }

    #[test]
    fn validator_lets_a_public_request_pass_without_a_token() {
        let text = include_str!("../../../policy.toml");
        let text = format!("{text}\n\"GET /docs/{{page}}\" = {{ public = true }}\n");
        let json = patrol_policy::to_json(&text).unwrap();
        // It knows no keys and no list.
        let mut validator = validator(LEASE);
        validator.policy = Box::leak(Box::new(Policy::from_json(&json).unwrap()));
        let missing = CredentialsError::Missing;
        for credentials in [Err(missing), Ok("x"), Ok(&*good())] {
            let attempted = &mut Attempted::default();
            let found =
                validator.check(&request("/docs/%61"), credentials, CLOCK, attempted, || {
                    None
                });
            let found = found.unwrap();
            let allowed = Allowed {
                normal_path: Some("/docs/a".to_owned()),
                organization: None,
            };
            assert_eq!(found.result, Ok(allowed));
            assert!(found.token.is_none());
            assert_eq!(found.follow_up, FollowUp::default());
        }
        let attempted = &mut Attempted::default();
        let found = validator.check(&request("/docs"), Err(missing), CLOCK, attempted, || None);
        assert_eq!(found.unwrap().result, Err(missing.into()));
    }

    #[test]
    fn validator_rejects_a_list_of_another_registry_without_a_fetch() {
        for registries in [3, 15] {
            let mut validator = validator(LEASE);
            validator.registries = registries;
            validator.set_keys(CLOCK, keys(1).public().clone());
            let found = check(&mut validator, &good(), &mut Attempted::default()).unwrap();
            assert_eq!(found.result, Err(TokenError::List.into()), "{registries}");
        }
    }

    #[test]
    fn validator_authenticates_a_token_whatever_it_may_do() {
        let (good, expired, forged) = (good(), token(1, NOW), token(2, NOW.plus(60)));
        let allowed = Allowed {
            normal_path: None,
            organization: None,
        };
        for (text, revoked, expected) in [
            (&good, &[][..], Ok(allowed)),
            (&good, &[7], Err(Denial::TokenRevoked)),
            (&expired, &[], Err(Denial::TokenExpired)),
            (&forged, &[], Err(Denial::SignatureInvalid)),
        ] {
            let mut validator = complete(revoked);
            let attempted = &mut Attempted::default();
            let found = validator
                .authenticate(NOW, Ok(text), CLOCK, attempted)
                .unwrap();
            assert_eq!(found.result, expected);
        }
    }

    #[test]
    fn validator_remembers_for_a_while_that_a_list_is_absent() {
        let mut validator = validator(LEASE);
        validator.set_keys(CLOCK, keys(1).public().clone());
        let attempted = &mut Attempted::default();
        assert!(needs(&check(&mut validator, &good(), attempted)).is_some());
        let list = Resource::List(LIST);
        let flight = validator.flights(list, CLOCK).begin(CLOCK);
        let entry = validator.list(LIST, CLOCK);
        entry.receive_lease(CLOCK, None).unwrap();
        validator.flights(list, CLOCK).end(flight, CLOCK, true);
        let refused = Err(TokenError::List.into());
        for attempted in [attempted, &mut Attempted::default()] {
            let found = check(&mut validator, &good(), attempted).unwrap();
            assert_eq!(found.result, refused);
            assert_eq!(found.follow_up, FollowUp::default());
        }
        let later = CLOCK.plus(ABSENT_FOR);
        let again = &mut Attempted::default();
        let again = validator.check(&request(PIPELINES), Ok(&good()), later, again, || None);
        assert_eq!(needs(&again), Some((Resource::List(LIST), Step::Fetch)));
        lease(&mut validator, &[]);
        let found = check(&mut validator, &good(), &mut Attempted::default()).unwrap();
        assert!(found.result.is_ok(), "it is there now");
    }
}
