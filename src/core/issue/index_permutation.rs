//! The order in which a status list's indexes are handed out.
//!
//! An index must be used only once and reveal nothing: neither an index nor the distance between
//! two may show when a token was created or how many exist (Token Status List, section 12.5, herd
//! privacy). A keyed permutation of a counter provides both with two numbers of state. Drawing at
//! random until a free index turns up would need to know every used index, and slow down as the
//! list fills.
//!
//! This is not a cipher. Tokens publish their indexes anyway; only the order is hidden.

use crate::jose::status_list::LIST_SIZE;
use sha2::{Digest, Sha256};

/// A permutation of `0..LIST_SIZE`: a small Feistel network with SHA-256 as its round function.
#[derive(Clone)]
pub struct IndexPermutation {
    key: u128,
}

impl IndexPermutation {
    /// Half of the 18 bits that the network permutes, twice the size of a list.
    const HALF: u32 = 9;
    const ROUNDS: u8 = 6;

    /// The permutation of a list; `key` is 128 random bits that never change.
    pub fn new(key: u128) -> Self {
        Self { key }
    }

    /// The index of the list's token number `count`, from 0. `None`: the list is full.
    pub fn nth(&self, count: u32) -> Option<u32> {
        if count >= LIST_SIZE {
            return None;
        }
        // Cycle walking: two steps on average. A cycle that starts inside the list returns to it.
        let mut index = self.permute(count);
        while index >= LIST_SIZE {
            index = self.permute(index);
        }
        Some(index)
    }

    fn permute(&self, value: u32) -> u32 {
        let mask = (1 << Self::HALF) - 1;
        let (mut left, mut right) = (value >> Self::HALF, value & mask);
        for round in 0..Self::ROUNDS {
            let digest = Sha256::new()
                .chain_update(self.key.to_be_bytes())
                .chain_update([round])
                .chain_update(right.to_be_bytes())
                .finalize();
            let mixed = u32::from_be_bytes([0, 0, digest[0], digest[1]]) & mask;
            (left, right) = (right, left ^ mixed);
        }
        left << Self::HALF | right
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn index_permutation_hands_out_every_index_once_in_no_order() {
        let permutation = IndexPermutation::new(9);
        let mut used = vec![false; LIST_SIZE as usize];
        for count in 0..LIST_SIZE {
            let index = permutation.nth(count).unwrap();
            assert!(!std::mem::replace(&mut used[index as usize], true));
        }
        assert_eq!(permutation.nth(LIST_SIZE), None);
        let first: Vec<_> = (0..4)
            .map(|count| permutation.nth(count).unwrap())
            .collect();
        assert!(first.windows(2).any(|pair| pair[0] > pair[1]), "{first:?}");
        assert_ne!(permutation.nth(0), IndexPermutation::new(8).nth(0));
    }
}
