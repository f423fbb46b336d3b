//! Verified tokens.
//!
//! Verifying the signature is most of the work of a request. For the same text and key set its
//! result never changes, so it is cached under a keyed hash of the whole text. Times, revocation
//! and scopes are not cached; every request decides them anew.
//!
//! An attacker who found another text with the same hash could act as the token's owner.
//! SipHash-2-4 with 128 bits prevents that: without the key, which is random and never leaves the
//! isolate, a guess succeeds once in 2^128. The tokens themselves are not stored.
//!
//! Two generations bound the memory. A token enters the young generation. When that is full it
//! becomes the old one, and tokens of the previous old one that were not used since are dropped.

use super::Token;
use siphasher::sip128::{Hasher128, SipHasher24};
use std::{collections::HashMap, fmt, hash::Hasher, rc::Rc};

/// The tokens of one generation. Two generations take about 10 MiB.
pub const GENERATION: usize = 8_192;

/// The key of the hash.
#[derive(Clone, Copy)]
pub struct CacheKey([u8; 16]);

impl CacheKey {
    /// The bytes must be random.
    pub const fn new(random: [u8; 16]) -> Self {
        Self(random)
    }
}

impl fmt::Debug for CacheKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CacheKey(..)")
    }
}

/// A token, and what the caller stores with it.
#[derive(Debug)]
pub struct Verified<T> {
    /// Its signature, issuer and audience have been verified.
    pub token: Token,
    /// The caller's own data, empty at first.
    pub extra: T,
}

/// The verified tokens of one key set.
#[derive(Debug)]
pub struct TokenCache<T> {
    key: CacheKey,
    generation: usize,
    young: HashMap<u128, Rc<Verified<T>>>,
    old: HashMap<u128, Rc<Verified<T>>>,
}

impl<T: Default> TokenCache<T> {
    /// An empty cache for up to twice `generation` tokens.
    pub fn new(key: CacheKey, generation: usize) -> Self {
        Self {
            key,
            generation,
            young: HashMap::new(),
            old: HashMap::new(),
        }
    }

    fn hash(&self, text: &str) -> u128 {
        let mut hasher = SipHasher24::new_with_key(&self.key.0);
        hasher.write(text.as_bytes());
        hasher.finish128().as_u128()
    }

    /// Returns the token of that text, from the cache or from `verify`.
    ///
    /// # Errors
    /// Returns the error of `verify`. Errors are not cached.
    pub fn get<E>(
        &mut self,
        text: &str,
        verify: impl FnOnce(&str) -> Result<Token, E>,
    ) -> Result<Rc<Verified<T>>, E> {
        let hash = self.hash(text);
        if let Some(known) = self.young.get(&hash) {
            return Ok(Rc::clone(known));
        }
        let found = match self.old.remove(&hash) {
            Some(known) => known,
            None => Rc::new(Verified {
                token: verify(text)?,
                extra: T::default(),
            }),
        };
        if self.young.len() >= self.generation {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(hash, Rc::clone(&found));
        Ok(found)
    }

    /// Drops every token, because the key set has changed.
    pub fn clear(&mut self) {
        self.young.clear();
        self.old.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        jose::status_list::{StatusListId, StatusReference},
        policy::tests::policy,
        time::Timestamp,
        token::Grant,
    };

    fn token(id: &str) -> Token {
        Token {
            id: id.parse().unwrap(),
            kid: "k".to_owned(),
            owner: "ada".parse().unwrap(),
            organizations: vec!["acme".parse().unwrap()],
            grant: Grant::new(None, policy()),
            status: StatusReference {
                list: StatusListId {
                    registry: 0,
                    list: 0,
                },
                idx: 0,
            },
            not_before: None,
            expires_at: Timestamp::MAX,
        }
    }

    fn cache() -> TokenCache<()> {
        TokenCache::new(CacheKey::new([7; 16]), 2)
    }

    #[test]
    fn cache_verifies_each_text_once() {
        let mut cache = cache();
        let first = cache.get("a", |text| Ok::<_, ()>(token(text))).unwrap();
        let again = cache.get("a", |_| -> Result<_, ()> { unreachable!("known") });
        assert!(Rc::ptr_eq(&first, &again.unwrap()));
        let other = cache.get("b", |text| Ok::<_, ()>(token(text))).unwrap();
        assert_eq!(other.token.id.as_str(), "b");
    }

    #[test]
    fn cache_stores_no_error() {
        let mut cache = cache();
        assert_eq!(cache.get("a", |_| Err("no")).err(), Some("no"));
        assert!(cache.get("a", |text| Ok::<_, ()>(token(text))).is_ok());
    }

    #[test]
    fn cache_drops_the_tokens_not_used_lately() {
        let mut cache = cache();
        for text in ["a", "b", "c", "a", "d", "a", "e"] {
            cache.get(text, |text| Ok::<_, ()>(token(text))).unwrap();
        }
        assert!(cache.young.len() <= 2 && cache.old.len() <= 2);
        let mut known = |text| cache.get(text, |_| Err(())).is_ok();
        assert!(known("a") && known("e"));
        assert!(!known("b"));
    }

    #[test]
    fn cache_is_empty_after_clear() {
        let mut cache = cache();
        for text in ["a", "b", "c"] {
            cache.get(text, |text| Ok::<_, ()>(token(text))).unwrap();
        }
        cache.clear();
        for text in ["a", "b", "c"] {
            assert!(cache.get(text, |_| Err(())).is_err());
        }
    }

    #[test]
    fn cache_key_prints_nothing() {
        assert_eq!(format!("{:?}", CacheKey::new([7; 16])), "CacheKey(..)");
    }
}
