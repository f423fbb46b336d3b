//! Numbers modulo `2^255 - 19`, the field of the curve (RFC 8032, section 5.1).
//!
//! The arithmetic is fiat-crypto's, which is generated together with its proof. What stands here
//! is how it is written, and what it leaves out: powers. A number is ten limbs, and its two types
//! say how full they may be, so that none can overflow: what was multiplied is [`Tight`] and may be
//! added; what was added is [`Loose`] and may be multiplied.
//!
//! What is long and called from many places is kept out of line: the module gets smaller by it.

use fiat_crypto::curve25519_32 as fiat;
use std::ops::{Add, Mul, Neg, Sub};

/// A number that may be added and multiplied.
#[derive(Clone, Copy)]
pub(super) struct Tight(fiat::fiat_25519_tight_field_element);

/// A number that may be multiplied.
#[derive(Clone, Copy)]
pub(super) struct Loose(fiat::fiat_25519_loose_field_element);

impl Tight {
    pub(super) const ZERO: Self = Self::small(0);
    pub(super) const ONE: Self = Self::small(1);

    /// What the library writes.
    fn written(by: impl FnOnce(&mut fiat::fiat_25519_tight_field_element)) -> Self {
        let mut number = Self::ZERO;
        by(&mut number.0);
        number
    }

    /// A number below 2^26, which is all in the lowest limb.
    pub(super) const fn small(number: u32) -> Self {
        let limbs = [number, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        Self(fiat::fiat_25519_tight_field_element(limbs))
    }

    /// Little-endian; the highest bit is not looked at.
    pub(super) const fn from_bytes(mut bytes: [u8; 32]) -> Self {
        let [.., highest] = &mut bytes;
        *highest &= 0x7f;
        let mut number = Self::ZERO;
        fiat::fiat_25519_from_bytes(&mut number.0, &bytes);
        number
    }

    /// Little-endian and less than the modulus: the same for all spellings of a number.
    pub(super) fn to_bytes(self) -> [u8; 32] {
        let mut bytes = [0; 32];
        fiat::fiat_25519_to_bytes(&mut bytes, &self.0);
        bytes
    }

    /// The lowest bit of its one spelling below the modulus.
    pub(super) fn is_odd(self) -> bool {
        let [lowest, ..] = self.to_bytes();
        lowest & 1 == 1
    }

    pub(super) const fn loose(&self) -> Loose {
        let mut number = Loose::UNSET;
        fiat::fiat_25519_relax(&mut number.0, &self.0);
        number
    }

    /// To the power of 2, so many times.
    #[inline(never)]
    pub(super) fn squared(&self, times: usize) -> Self {
        (0..times).fold(*self, |number, _| {
            Self::written(|square| fiat::fiat_25519_carry_square(square, &number.loose().0))
        })
    }

    /// To the powers of `2^250 - 1` and of 11, from which the others are near.
    fn powers(&self) -> (Self, Self) {
        let power_2 = self.squared(1);
        let power_9 = self * &power_2.squared(2);
        let power_11 = &power_2 * &power_9;
        // Now of 2^n - 1: as many ones, in the base 2.
        let ones_5 = &power_9 * &power_11.squared(1);
        let ones_10 = &ones_5 * &ones_5.squared(5);
        let ones_20 = &ones_10 * &ones_10.squared(10);
        let ones_40 = &ones_20 * &ones_20.squared(20);
        let ones_50 = &ones_10 * &ones_40.squared(10);
        let ones_100 = &ones_50 * &ones_50.squared(50);
        let ones_200 = &ones_100 * &ones_100.squared(100);
        (&ones_50 * &ones_200.squared(50), power_11)
    }

    /// To the power of `p - 2`: 1 divided by it (Fermat). 0 for 0.
    pub(super) fn inverse(&self) -> Self {
        let (ones_250, power_11) = self.powers();
        &ones_250.squared(5) * &power_11
    }

    /// To the power of `(p - 5) / 8`, by which square roots are found (RFC 8032, section 5.1.3).
    pub(super) fn near_root(&self) -> Self {
        let (ones_250, _) = self.powers();
        &ones_250.squared(2) * self
    }

    /// A root of -1: 2 to the power of `(p - 1) / 4`.
    pub(super) fn root_of_minus_one() -> Self {
        let (ones_250, _) = Self::small(2).powers();
        &ones_250.squared(3) * &Self::small(8)
    }
}

impl Loose {
    const UNSET: Self = Self(fiat::fiat_25519_loose_field_element([0; 10]));

    /// What the library writes.
    fn written(by: impl FnOnce(&mut fiat::fiat_25519_loose_field_element)) -> Self {
        let mut number = Self::UNSET;
        by(&mut number.0);
        number
    }

    pub(super) fn tight(&self) -> Tight {
        Tight::written(|number| fiat::fiat_25519_carry(number, &self.0))
    }
}

impl PartialEq for Tight {
    fn eq(&self, other: &Self) -> bool {
        self.to_bytes() == other.to_bytes()
    }
}

impl Add for &Tight {
    type Output = Loose;

    fn add(self, other: Self) -> Loose {
        Loose::written(|sum| fiat::fiat_25519_add(sum, &self.0, &other.0))
    }
}

impl Sub for &Tight {
    type Output = Loose;

    fn sub(self, other: Self) -> Loose {
        Loose::written(|difference| fiat::fiat_25519_sub(difference, &self.0, &other.0))
    }
}

impl Neg for &Tight {
    type Output = Tight;

    fn neg(self) -> Tight {
        (&Tight::ZERO - self).tight()
    }
}

impl Mul for &Loose {
    type Output = Tight;

    #[inline(never)]
    fn mul(self, other: Self) -> Tight {
        Tight::written(|product| fiat::fiat_25519_carry_mul(product, &self.0, &other.0))
    }
}

impl Mul for &Tight {
    type Output = Tight;

    #[inline(never)]
    fn mul(self, other: Self) -> Tight {
        &self.loose() * &other.loose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_are_what_they_are_for() {
        for number in [1, 2, 3, 0xffff].map(Tight::small) {
            assert!(&number * &number.inverse() == Tight::ONE);
            // To the power of (p - 1) / 4, which is a fourth root of 1.
            let root = &number.near_root().squared(1) * &number;
            assert!(root.squared(2) == Tight::ONE);
        }
        assert!(Tight::ZERO.inverse() == Tight::ZERO);
        assert!(Tight::root_of_minus_one().squared(1) == -&Tight::ONE);
    }

    #[test]
    fn a_number_has_one_spelling() {
        let mut modulus = [0xff; 32];
        modulus[0] = 0xed;
        modulus[31] = 0x7f;
        assert!(Tight::from_bytes(modulus) == Tight::ZERO);
        assert!(Tight::from_bytes([0xff; 32]) == Tight::small(18));
        assert!((-&Tight::ONE).to_bytes()[0] == 0xec);
        assert!(!(-&Tight::ONE).is_odd() && Tight::ONE.is_odd());
    }
}
