//! Everything random in a session, from its seed.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use protogen::domain::Span;

/// Seeded chance.
pub struct Dice(ChaCha8Rng);

impl Dice {
    /// Dice of a seed; each `purpose` has its own, so that one does not disturb another.
    pub fn new(seed: u64, purpose: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed.wrapping_mul(1_000_003).wrapping_add(purpose)))
    }

    /// A number from `least` to `most`.
    pub fn range(&mut self, least: u64, most: u64) -> u64 {
        self.0.random_range(least..=most)
    }

    /// Whether something of `per_mille` happens.
    pub fn chance(&mut self, per_mille: u64) -> bool {
        self.range(0, 999) < per_mille
    }

    /// A span in whole milliseconds.
    pub fn millis(&mut self, least: i64, most: i64) -> Span {
        Span::MILLISECOND.times(self.0.random_range(least..=most))
    }

    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.0.random_range(0..from.len())]
    }
}
