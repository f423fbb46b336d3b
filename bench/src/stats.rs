//! Medians and the spread around them.

use serde::Serialize;

/// The median of some numbers, and the range of the middle half.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    /// The lower quartile.
    pub(crate) low: f64,
    /// The upper quartile.
    pub(crate) high: f64,
}

impl Spread {
    /// `None` if there are no numbers.
    pub(crate) fn of(numbers: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut numbers: Vec<f64> = numbers.into_iter().collect();
        numbers.sort_by(f64::total_cmp);
        let last = numbers.len().checked_sub(1)?;
        // A quartile that falls between two numbers is their midpoint.
        let quartile = |count: usize| {
            let (below, above) = (count * last / 4, (count * last).div_ceil(4));
            Some(f64::midpoint(*numbers.get(below)?, *numbers.get(above)?))
        };
        Some(Self {
            median: quartile(2)?,
            low: quartile(1)?,
            high: quartile(3)?,
        })
    }

    /// A number without spread, such as a size.
    pub(crate) fn exact(number: f64) -> Self {
        Self {
            median: number,
            low: number,
            high: number,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spread_is_the_median_and_the_quartiles() {
        let spread = Spread::of([5.0, 1.0, 2.0, 4.0, 3.0]).expect("numbers");
        assert_eq!((spread.low, spread.median, spread.high), (2.0, 3.0, 4.0));
        let spread = Spread::of([1.0, 2.0]).expect("numbers");
        assert_eq!((spread.low, spread.median, spread.high), (1.5, 1.5, 1.5));
        assert!(Spread::of([]).is_none());
    }
}
