//! Tokens whose signature was checked a while ago.
//!
//! Checking a signature is most of the work of judging a request, and its result for a given
//! text and key set never changes, so it is kept: under a keyed hash of the whole text. Times,
//! revocation and scopes are no part of it; they are judged on every request.
//!
//! A stranger who finds another text with the same hash would be taken for the token's owner.
//! SipHash-2-4 with 128 bits is made for this: without the key, which is random and never leaves
//! the isolate, a guess is right once in 2^128. The tokens themselves are not kept.
//!
//! Two generations bound the memory: a token goes into the young one; when that is full it
//! becomes the old one, and what was in the old one and not used since is forgotten.

use super::Token;
use siphasher::sip128::{Hasher128, SipHasher24};
use std::{collections::HashMap, fmt, hash::Hasher, rc::Rc};

/// The tokens of one generation: two of them are some 10 MiB.
pub const GENERATION: usize = 8_192;

/// A key for the hash, of 16 random bytes.
#[derive(Clone, Copy)]
pub struct CacheKey([u8; 16]);

impl CacheKey {
    /// Takes the bytes, which must be random.
    pub const fn new(random: [u8; 16]) -> Self {
        Self(random)
    }
}

impl fmt::Debug for CacheKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CacheKey(..)")
    }
}

/// A token, and what a caller keeps with it.
#[derive(Debug)]
pub struct Verified<T> {
    /// The token.
    pub token: Token,
    /// The caller's own.
    pub extra: T,
}

/// Verified tokens of one key set.
#[derive(Debug)]
pub struct TokenCache<T> {
    key: CacheKey,
    generation: usize,
    young: HashMap<u128, Rc<Verified<T>>>,
    old: HashMap<u128, Rc<Verified<T>>>,
}

impl<T: Default> TokenCache<T> {
    /// An empty cache for twice so many tokens as one `generation` has.
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

    /// The token of that text, or what `verify` makes of it.
    ///
    /// # Errors
    /// That of `verify`; it is not kept.
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

    /// Forgets every token: the keys that vouched for them have changed.
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
        policy::POLICY,
        time::Timestamp,
        token::Grant,
    };

    fn token(id: &str) -> Token {
        Token {
            id: id.parse().unwrap(),
            kid: "k".to_owned(),
            owner: "ada".parse().unwrap(),
            organizations: vec!["acme".parse().unwrap()],
            grant: Grant::new(None, &POLICY),
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
    fn a_text_is_verified_once_and_every_other_text_by_itself() {
        let mut cache = cache();
        let first = cache.get("a", |text| Ok::<_, ()>(token(text))).unwrap();
        let again = cache.get("a", |_| -> Result<_, ()> { unreachable!("known") });
        assert!(Rc::ptr_eq(&first, &again.unwrap()));
        let other = cache.get("b", |text| Ok::<_, ()>(token(text))).unwrap();
        assert_eq!(other.token.id.as_str(), "b");
    }

    #[test]
    fn what_is_refused_is_not_kept() {
        let mut cache = cache();
        assert_eq!(cache.get("a", |_| Err("no")).err(), Some("no"));
        assert!(cache.get("a", |text| Ok::<_, ()>(token(text))).is_ok());
    }

    #[test]
    fn what_is_used_stays_and_what_is_not_is_forgotten() {
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
    fn cleared_is_forgotten() {
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
    fn the_key_of_the_hash_prints_nothing() {
        assert_eq!(format!("{:?}", CacheKey::new([7; 16])), "CacheKey(..)");
    }
}
