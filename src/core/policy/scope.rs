//! Sets of scopes.
//!
//! The policy names a scope `resource:action`. Here it is one bit, so that checking a token against a
//! route takes one `and` and one comparison. The policy owns the names and the order of the bits.

use std::sync::Arc;

/// Whether the text is a `scope` (RFC 6749, section 3.3): names of printable ASCII except `"` and
/// `\`, separated by single spaces.
pub fn is_scope(text: &str) -> bool {
    let in_names = |byte| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
    text.split(' ')
        .all(|name| !name.is_empty() && name.bytes().all(in_names))
}

/// A set of the policy's scopes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ScopeSet(u128);

impl ScopeSet {
    /// The empty set.
    pub const EMPTY: Self = Self(0);

    /// The set of the first `count` scopes (at most 128).
    pub const fn first(count: usize) -> Self {
        Self(if count < 128 {
            (1 << count) - 1
        } else {
            u128::MAX
        })
    }

    /// Creates a set of one scope, by its number in the policy (0 to 127).
    pub const fn of(index: usize) -> Self {
        Self(if index < 128 { 1 << index } else { 0 })
    }

    /// Whether every scope of `self` is in `other`.
    pub const fn is_subset_of(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }

    /// Whether the scope with this number is in the set.
    pub const fn contains(self, index: usize) -> bool {
        index < 128 && self.0 >> index & 1 == 1
    }

    /// Scopes in either set.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Scopes in both sets.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Scopes of `self` that are not in `other`.
    #[must_use]
    pub const fn difference(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether the set is empty.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The number of scopes in the set.
    pub const fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// The numbers of the scopes in the set, in ascending order.
    pub fn iter(self) -> impl Iterator<Item = usize> {
        (0..128).filter(move |index| self.contains(*index))
    }
}

/// What a route needs: all scopes of any one alternative. Clones share the alternatives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirement(Arc<[ScopeSet]>);

impl Requirement {
    /// Neither the list nor any alternative may be empty: [`Policy::new`](super::Policy::new)
    /// rejects that.
    pub fn new(alternatives: impl IntoIterator<Item = ScopeSet>) -> Self {
        Self(alternatives.into_iter().collect())
    }

    /// In the order of the policy.
    pub fn alternatives(&self) -> &[ScopeSet] {
        &self.0
    }

    /// Whether these scopes suffice. Without alternatives they never do.
    pub fn is_met_by(&self, held: ScopeSet) -> bool {
        self.0
            .iter()
            .any(|needed| !needed.is_empty() && needed.is_subset_of(held))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_scope_accepts_names_separated_by_single_spaces() {
        for (text, expected) in [
            ("uns:read", true),
            ("uns:read uns:publish", true),
            ("!#[]~ https://a.example/b?c", true),
            ("", false),
            (" uns:read", false),
            ("uns:read ", false),
            ("uns:read  uns:publish", false),
            ("uns:read\nuns:publish", false),
            ("uns:read\r", false),
            ("uns\0read", false),
            ("uns\tread", false),
            ("uns\"read", false),
            ("uns\\read", false),
            ("uns\u{7f}", false),
            ("unsé", false),
        ] {
            assert_eq!(is_scope(text), expected, "{text:?}");
        }
    }
}
