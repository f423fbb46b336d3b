//! What other issuers publish, and the JWTs that they sign.
//!
//! Descriptions and keys are kept for some minutes. A JWT whose key is missing causes one more fetch,
//! because issuers rotate their keys; how often, [`patrol::sign_in::fetched`] says.

use crate::{
    external::{self, ExternalResponse},
    foreign_signature::RuntimeCrypto,
};
use patrol::{
    jose::foreign::{JwkSet, MAX_JWK_SET, ParseError, Unverified, Verified, VerifyError},
    revocation::single_flight::RETRY_BACKOFF,
    sign_in::{
        discovery::{self, Discovery, DiscoveryError},
        fetched::Fetched,
        provider::Provider,
    },
    time::Instant,
};
use patrol_platform::{clock, now, timeout::poll_until};
use std::{cell::RefCell, collections::BTreeMap, thread::LocalKey};

thread_local! {
    /// By the provider's name.
    static DISCOVERIES: Published<Discovery> = Published::default();
    /// By issuer and address.
    static JWK_SETS: Published<JwkSet> = Published::default();
}

/// How long after a fetch began it is lost, in milliseconds: longer than one may take.
const LOST_AFTER: u64 = 10_000;

/// What was fetched, by name, with fetches in flight and recent failures.
struct Published<T> {
    kept: RefCell<BTreeMap<String, Fetched<T>>>,
    in_flight: RefCell<BTreeMap<String, Instant>>,
    failed: RefCell<BTreeMap<String, (Instant, IssuerError)>>,
}

impl<T> Default for Published<T> {
    fn default() -> Self {
        Self {
            kept: RefCell::default(),
            in_flight: RefCell::default(),
            failed: RefCell::default(),
        }
    }
}

impl<T> Published<T> {
    fn is_in_flight(&self, name: &str) -> bool {
        let in_flight = self.in_flight.borrow();
        in_flight
            .get(name)
            .is_some_and(|began| is_recent(*began, LOST_AFTER))
    }

    /// Why a fetch has just failed.
    fn failure(&self, name: &str) -> Option<IssuerError> {
        let failed = self.failed.borrow();
        let (at, error) = failed.get(name)?;
        is_recent(*at, RETRY_BACKOFF).then(|| error.clone())
    }
}

fn is_recent(then: Instant, time: u64) -> bool {
    then.age(clock()).is_some_and(|age| age < time)
}

/// Why an issuer cannot be used.
#[derive(Clone)]
pub(crate) enum IssuerError {
    /// It does not respond, or not with 200.
    Unreachable(String),
    Discovery(DiscoveryError),
    /// Its keys are no JWK Set.
    JwkSet(String),
}

/// Why a JWT is not accepted.
pub(crate) enum JwtError {
    Issuer(IssuerError),
    Parse(ParseError),
    Verify(VerifyError),
}

/// Returns a provider's description.
pub(crate) async fn discovery(provider: &Provider) -> Result<Discovery, IssuerError> {
    let url = discovery::url(&provider.issuer);
    let fetched = fetched(
        &DISCOVERIES,
        &provider.name,
        &url,
        |kept| kept.is_current(now()),
        async || {
            let body = get(&url, discovery::MAX_LENGTH).await?;
            Discovery::read(&body, provider).map_err(IssuerError::Discovery)
        },
    );
    Ok(fetched.await?.value)
}

/// Verifies a JWT by the keys that its issuer publishes.
pub(crate) async fn verify(text: &str, issuer: &str, keys_url: &str) -> Result<Verified, JwtError> {
    let jwt = Unverified::parse(text).map_err(JwtError::Parse)?;
    let current = |kept: &Fetched<JwkSet>| kept.is_current(now());
    let keys = keys(issuer, keys_url, current).await?;
    match jwt.verify(&keys.value, &RuntimeCrypto).await {
        Err(error) if error.may_need_newer_keys() && keys.may_be_renewed(now()) => {
            let newer = |kept: &Fetched<JwkSet>| !kept.may_be_renewed(now());
            match self::keys(issuer, keys_url, newer).await {
                Ok(keys) => jwt.verify(&keys.value, &RuntimeCrypto).await,
                // Its keys are still current.
                Err(_) => Err(error),
            }
        }
        verified => verified,
    }
    .map_err(JwtError::Verify)
}

async fn keys(
    issuer: &str,
    url: &str,
    is_good: impl Fn(&Fetched<JwkSet>) -> bool,
) -> Result<Fetched<JwkSet>, JwtError> {
    // Two issuers may share an address, but not a set: it verifies only what its issuer signs.
    let name = format!("{issuer} {url}");
    let fetched = fetched(&JWK_SETS, &name, url, is_good, async || {
        let body = get(url, MAX_JWK_SET).await?;
        JwkSet::read(&body, issuer).map_err(|_| IssuerError::JwkSet(url.to_owned()))
    });
    fetched.await.map_err(JwtError::Issuer)
}

/// Returns what is kept, if it is good, or else fetches it. Anyone can cause that, so there is one
/// fetch at a time, all who need it wait for it, and none begins right after a failure.
async fn fetched<T: Clone>(
    published: &'static LocalKey<Published<T>>,
    name: &str,
    url: &str,
    is_good: impl Fn(&Fetched<T>) -> bool,
    fetch: impl AsyncFnOnce() -> Result<T, IssuerError>,
) -> Result<Fetched<T>, IssuerError> {
    let kept = || {
        let kept = published.with(|all| all.kept.borrow().get(name).cloned());
        kept.filter(&is_good)
    };
    if let Some(kept) = kept() {
        return Ok(kept);
    }
    if let Some(error) = published.with(|all| all.failure(name)) {
        return Err(error);
    }
    let Some(flight) = Flight::begin(published, name) else {
        let has_landed = || published.with(|all| !all.is_in_flight(name));
        while !has_landed() {
            poll_until(has_landed).await;
        }
        let failure = || published.with(|all| all.failure(name));
        let unreachable = || IssuerError::Unreachable(url.to_owned());
        return kept().ok_or_else(|| failure().unwrap_or_else(unreachable));
    };
    let at = now();
    let value = fetch().await.inspect_err(|error| flight.fail(error))?;
    let fetched = Fetched { value, at };
    flight.land(fetched.clone());
    Ok(fetched)
}

/// A fetch that others wait for until this is dropped.
struct Flight<T: 'static> {
    published: &'static LocalKey<Published<T>>,
    name: String,
}

impl<T> Flight<T> {
    /// `None`: another is in flight.
    fn begin(published: &'static LocalKey<Published<T>>, name: &str) -> Option<Self> {
        published.with(|all| {
            if all.is_in_flight(name) {
                return None;
            }
            let name = name.to_owned();
            all.in_flight.borrow_mut().insert(name.clone(), clock());
            Some(Self { published, name })
        })
    }

    fn fail(&self, error: &IssuerError) {
        self.published.with(|all| {
            let mut failed = all.failed.borrow_mut();
            failed.insert(self.name.clone(), (clock(), error.clone()));
        });
    }

    fn land(&self, fetched: Fetched<T>) {
        self.published.with(|all| {
            let mut kept = all.kept.borrow_mut();
            kept.insert(self.name.clone(), fetched);
        });
    }
}

impl<T> Drop for Flight<T> {
    fn drop(&mut self) {
        self.published
            .with(|all| all.in_flight.borrow_mut().remove(&self.name));
    }
}

async fn get(url: &str, limit: usize) -> Result<Vec<u8>, IssuerError> {
    match external::get(url, limit).await {
        Some(ExternalResponse { status: 200, body }) => Ok(body),
        _ => Err(IssuerError::Unreachable(url.to_owned())),
    }
}
