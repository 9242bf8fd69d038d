//! Numbers by chance, the same ones of one seed.

use std::hash::{BuildHasher as _, RandomState};

/// SplitMix64 (Steele, Lea, Flood 2014).
pub(crate) struct Draw(u64);

impl Draw {
    /// From `GLOED_SEED`, or a seed that nobody can foresee; printed.
    pub(crate) fn fresh(what: &str) -> Self {
        let given = std::env::var("GLOED_SEED").ok().map(|seed| seed.parse().unwrap());
        let seed = given.unwrap_or_else(|| RandomState::new().hash_one(0));
        println!("{what}: GLOED_SEED={seed}");
        Self(seed)
    }

    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Above 0 and below 1.
    pub(crate) fn share(&mut self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "53 bits, exact")]
        let bits = (self.bits() >> 11) as f64;
        (bits + 0.5) / 9_007_199_254_740_992.0
    }

    /// One of them.
    pub(crate) fn one<T: Copy>(&mut self, of: &[T]) -> T {
        let count = u64::try_from(of.len()).unwrap();
        of[usize::try_from(self.bits() % count).unwrap()]
    }

    /// How many of so many come to something, each with this chance; by the gaps between them, so that rare ones are quick.
    pub(crate) fn of_many(&mut self, many: u64, chance: f64) -> u64 {
        let (mut left, mut found) = (many, 0);
        loop {
            let gap = (self.share().ln() / (1.0 - chance).ln()).floor();
            #[expect(clippy::cast_precision_loss, reason = "counts of visitors")]
            if gap >= left as f64 {
                return found;
            }
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "0 or more, and less than left"
            )]
            let gap = gap as u64;
            left -= gap + 1;
            found += 1;
        }
    }

    /// Around 0 with a spread of 1.
    pub(crate) fn normal(&mut self) -> f64 {
        (-2.0 * self.share().ln()).sqrt() * (std::f64::consts::TAU * self.share()).cos()
    }
}
