//! Draws numbers by Zipf's law with exponent 1: the n-th is drawn 1/n as often as the first.
//!
//! That is how requests usually spread over tokens: a few are used all the time, most hardly ever.
//! The sequence is the same in every run, so contestants and runs can be compared.

pub(crate) struct Zipf {
    /// The sums of 1/n up to each number.
    cumulative: Vec<f64>,
    state: u64,
}

impl Zipf {
    /// Draws from 0 to `count` - 1.
    pub(crate) fn new(count: u32) -> Self {
        let mut sum = 0.0;
        let cumulative = (1..=count).map(|number| {
            sum += 1.0 / f64::from(number);
            sum
        });
        Self {
            cumulative: cumulative.collect(),
            state: 1,
        }
    }

    pub(crate) fn draw(&mut self) -> u32 {
        let sum = self.cumulative.last().copied().unwrap_or_default();
        let at = self.uniform() * sum;
        let drawn = self.cumulative.partition_point(|&bound| bound <= at);
        u32::try_from(drawn.min(self.cumulative.len() - 1)).unwrap_or_default()
    }

    /// The next number from 0 to 1 of the generator `SplitMix64` (Steele, Lea, Flood 2014).
    fn uniform(&mut self) -> f64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        f64::from(u32::try_from(mixed >> 32).unwrap_or_default()) / f64::from(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zipf_draws_the_first_number_twice_as_often_as_the_second() {
        let mut zipf = Zipf::new(100_000);
        let mut counts = [0_u32; 2];
        for _ in 0..100_000 {
            if let Some(count) = counts.get_mut(zipf.draw() as usize) {
                *count += 1;
            }
        }
        // The sum of 1/n up to 100,000 is 12.09.
        assert!((8_000..8_550).contains(&counts[0]), "{counts:?}");
        assert!((3_950..4_320).contains(&counts[1]), "{counts:?}");
    }

    #[test]
    fn zipf_stays_in_its_range() {
        let mut zipf = Zipf::new(3);
        assert!((0..10_000).all(|_| zipf.draw() < 3));
    }
}
