//! Sets of scopes.
//!
//! A scope is a name `resource:action` in the policy; here it is one bit, so that
//! "does this token hold what the route needs" is one `and` and one comparison.
//! The names belong to [`crate::policy`], which owns the order of the bits.

/// Is the text a `scope` (RFC 6749, section 3.3): names of printable ASCII but `"` and `\`, one
/// space between two of them?
pub fn is_scope(text: &str) -> bool {
    let in_names = |byte| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
    text.split(' ')
        .all(|name| !name.is_empty() && name.bytes().all(in_names))
}

/// A set of the policy's scopes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ScopeSet(u128);

impl ScopeSet {
    /// No scopes.
    pub const EMPTY: Self = Self(0);

    /// The set with these bits; bit `n` is the policy's scope number `n`.
    pub const fn from_bits(bits: u128) -> Self {
        Self(bits)
    }

    /// The set of one scope, by its number in the policy (0 to 127).
    pub const fn of(index: usize) -> Self {
        Self(if index < 128 { 1 << index } else { 0 })
    }

    /// Is every scope of `self` in `other`?
    pub const fn is_subset_of(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }

    /// Is the scope with this number in the set?
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

    /// Is the set empty?
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// How many scopes are in the set.
    pub const fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// The numbers of the scopes in the set, rising.
    pub fn iter(self) -> impl Iterator<Item = usize> {
        (0..128).filter(move |index| self.contains(*index))
    }
}

/// What a route asks for: any one of the alternatives, each a set that must be held whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Requirement {
    /// Never empty, and no alternative is empty: the policy's compiler sees to it.
    pub alternatives: &'static [ScopeSet],
}

impl Requirement {
    /// Do these scopes suffice? No alternatives: no.
    pub fn is_met_by(self, held: ScopeSet) -> bool {
        self.alternatives
            .iter()
            .any(|needed| !needed.is_empty() && needed.is_subset_of(held))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_is_names_between_single_spaces() {
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
