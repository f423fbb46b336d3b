//! Points of the curve edwards25519, in the forms whose addition takes the least work.
//!
//! A [`Sum`] is kept in extended coordinates, and an [`Addend`] as the three numbers of it that an
//! addition uses: then that takes seven multiplications (Hisil, Wong, Carter and Dawson, "Twisted
//! Edwards Curves Revisited", section 3.1; RFC 8032, section 5.1.4). curve25519-dalek does the same
//! for its own tables, but what it hands out is points whose addition takes nine, and copies.
//!
//! The formulas hold for all points of the curve, equal ones and those of small order too, as -1
//! is a square in the field and `d` is none. So there is no case to be forgotten.
//!
//! Left out: secrets. Nothing here takes care that its time is the same for all points.

use super::field::{Loose, Tight};
use curve25519_dalek::EdwardsPoint;

/// `d` of the curve's equation `-x² + y² = 1 + d x² y²`: -121665/121666, little-endian.
const D: Tight = Tight::from_bytes([
    0xa3, 0x78, 0x59, 0x13, 0xca, 0x4d, 0xeb, 0x75, 0xab, 0xd8, 0x41, 0x41, 0x4d, 0x0a, 0x70, 0x00,
    0x98, 0xe8, 0x79, 0x77, 0x79, 0x40, 0xc7, 0x8c, 0x73, 0xfe, 0x6f, 0x2b, 0xee, 0x6c, 0x03, 0x52,
]);

/// A point as `x` and `y`.
struct Affine {
    x: Tight,
    y: Tight,
}

/// Only the library makes points, and all of them are on the curve: so there is a root.
impl From<&EdwardsPoint> for Affine {
    /// RFC 8032, section 5.1.3.
    fn from(point: &EdwardsPoint) -> Self {
        let encoded = point.compress().to_bytes();
        let y = Tight::from_bytes(encoded);
        let square = y.squared(1);
        // x² is u/v.
        let u = (&square - &Tight::ONE).tight();
        let v = (&(&square * &D) + &Tight::ONE).tight();
        let v_3 = &v.squared(1) * &v;
        let v_7 = &v_3.squared(1) * &v;
        let root = &(&u * &v_3) * &(&u * &v_7).near_root();
        let root = if &v * &root.squared(1) == u {
            root
        } else {
            &root * &Tight::root_of_minus_one()
        };
        let [.., highest] = encoded;
        let x = if root.is_odd() == (highest >> 7 == 1) {
            root
        } else {
            -&root
        };
        Self { x, y }
    }
}

/// A point that is added to sums.
#[derive(Clone, Copy)]
pub(super) struct Addend {
    y_plus_x: Loose,
    y_minus_x: Loose,
    /// `2 d x y`
    twisted: Loose,
}

impl Addend {
    /// The neutral element, `x = 0` and `y = 1`.
    const NEUTRAL: Self = Self {
        y_plus_x: Tight::ONE.loose(),
        y_minus_x: Tight::ONE.loose(),
        twisted: Tight::ZERO.loose(),
    };
}

impl From<Affine> for Addend {
    fn from(Affine { x, y }: Affine) -> Self {
        Self {
            y_plus_x: &y + &x,
            y_minus_x: &y - &x,
            twisted: (&(&x * &y).loose() * &(&D + &D)).loose(),
        }
    }
}

impl From<&EdwardsPoint> for Addend {
    fn from(point: &EdwardsPoint) -> Self {
        Affine::from(point).into()
    }
}

/// A sum of points: `x/z` and `y/z`, with `t/z` their product.
#[derive(Clone, Copy)]
pub(super) struct Sum {
    x: Tight,
    y: Tight,
    z: Tight,
    t: Tight,
}

impl Sum {
    /// Of no points: the neutral element.
    pub(super) const EMPTY: Self = Self {
        x: Tight::ZERO,
        y: Tight::ONE,
        z: Tight::ONE,
        t: Tight::ZERO,
    };

    pub(super) fn plus(&self, point: &Addend) -> Self {
        self.add(&point.y_plus_x, &point.y_minus_x, &point.twisted, false)
    }

    pub(super) fn minus(&self, point: &Addend) -> Self {
        self.add(&point.y_minus_x, &point.y_plus_x, &point.twisted, true)
    }

    /// The sign is for `twisted` only: of the negative point, whose `x` is negative, the other two
    /// are each other.
    #[inline(never)]
    fn add(&self, y_plus_x: &Loose, y_minus_x: &Loose, twisted: &Loose, negative: bool) -> Self {
        let plus = &(&self.y + &self.x) * y_plus_x;
        let minus = &(&self.y - &self.x) * y_minus_x;
        let twisted = &self.t.loose() * twisted;
        let twice = (&self.z + &self.z).tight();
        // The coordinates are two quotients: x by `over_x`, and y by `over_y`.
        let (x, y) = (&plus - &minus, &plus + &minus);
        let (more, less) = (&twice + &twisted, &twice - &twisted);
        let (over_x, over_y) = if negative { (less, more) } else { (more, less) };
        Self {
            x: &x * &over_y,
            y: &y * &over_x,
            z: &over_x * &over_y,
            t: &x * &y,
        }
    }

    fn affine(&self, inverse_of_z: &Tight) -> Affine {
        Affine {
            x: &self.x * inverse_of_z,
            y: &self.y * inverse_of_z,
        }
    }

    /// As a point to be added.
    pub(super) fn addend(&self) -> Addend {
        self.affine(&self.z.inverse()).into()
    }

    /// The same for many, with one inversion for all: the inverse of a product has in it those of
    /// its factors (Montgomery).
    pub(super) fn addends<const N: usize>(sums: &[Self; N]) -> [Addend; N] {
        let mut product = Tight::ONE;
        let before = sums.map(|sum| {
            let before = product;
            product = &product * &sum.z;
            before
        });
        let mut inverse = product.inverse();
        let mut addends = [Addend::NEUTRAL; N];
        for ((sum, before), addend) in sums.iter().zip(&before).zip(&mut addends).rev() {
            *addend = sum.affine(&(&inverse * before)).into();
            inverse = &inverse * &sum.z;
        }
        addends
    }

    /// As it is spelled (RFC 8032, section 5.1.2).
    pub(super) fn encoded(&self) -> [u8; 32] {
        let Affine { x, y } = self.affine(&self.z.inverse());
        let mut encoded = y.to_bytes();
        let [.., highest] = &mut encoded;
        *highest |= u8::from(x.is_odd()) << 7;
        encoded
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use curve25519_dalek::{
        Scalar,
        constants::{ED25519_BASEPOINT_POINT, EIGHT_TORSION},
    };

    #[test]
    fn d_is_the_quotient_that_it_is_said_to_be() {
        let product = &D * &Tight::small(121_666);
        assert!(product == -&Tight::small(121_665));
    }

    /// Points of small order, the same point twice, a point and its negative: what an addition
    /// may forget.
    #[test]
    fn all_points_are_added_as_the_library_does() {
        let some =
            [0_u8, 1, 2, 3, 200].map(|factor| ED25519_BASEPOINT_POINT * Scalar::from(factor));
        let points: Vec<_> = some
            .iter()
            .flat_map(|point| EIGHT_TORSION.map(|small| point + small))
            .flat_map(|point| [point, -point])
            .collect();
        for a in &points {
            let sum = Sum::EMPTY.plus(&a.into());
            assert_eq!(sum.encoded(), a.compress().0);
            for b in &points {
                assert_eq!(sum.plus(&b.into()).encoded(), (a + b).compress().0);
                assert_eq!(sum.minus(&b.into()).encoded(), (a - b).compress().0);
            }
        }
    }

    #[test]
    fn many_points_are_made_ready_as_one_is() {
        let unit = Addend::from(&ED25519_BASEPOINT_POINT);
        let mut sum = Sum::EMPTY;
        let sums = [(); 5].map(|()| {
            sum = sum.plus(&unit);
            sum
        });
        for (addend, sum) in Sum::addends(&sums).iter().zip(sums) {
            let other = sum.minus(addend);
            assert_eq!(other.encoded(), Sum::EMPTY.encoded());
        }
    }
}
