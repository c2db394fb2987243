//! What has to be assumed about an exchange: how long an order travels, and how much of it fills.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::domain::{FeeRounding, Fraction, Span};

/// How much an arriving order can take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FillModel {
    /// What the top of the book displays; where the size is unknown, a share of what traded since the
    /// previous snapshot.
    TopOfBook,
    /// Our share of every level within the limit; where the data have no further levels, the top of the book.
    Book,
    /// All of it, at the top of the book: the upper bound, for measuring what liquidity costs.
    Unlimited,
}

/// How long a command travels to the exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LatencyModel {
    /// Every command takes exactly this long to arrive.
    Fixed(Span),
    /// Evenly distributed, drawn from the scenario's seed.
    Uniform {
        /// Shortest travel time, inclusive; not above `most`.
        least: Span,
        /// Longest travel time, inclusive; not below `least`.
        most: Span,
    },
}

impl LatencyModel {
    /// Draws the next command's travel time, to the nanosecond.
    pub(super) fn draw_latency(self, random: &mut ChaCha8Rng) -> Span {
        match self {
            Self::Fixed(span) => span,
            Self::Uniform { least, most } => {
                let nanos = random.random_range(least.nanos()..=most.nanos());
                Span::from_nanos(nanos).unwrap_or(least)
            }
        }
    }
}

/// The scenario's `[simulation]`, with the fee rounding of `[account]` and the seed of `[scenario]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SimSettings {
    /// How much an order can trade against (`simulation.fill`).
    pub fill: FillModel,
    /// How long a command travels to the exchange (`simulation.latency`).
    pub latency: LatencyModel,
    /// Share that is ours to take: of the traded volume where sizes are unknown, of each level of a book.
    pub participation: Fraction,
    /// How a fill's fee is rounded for this account (`account.fee_rounding`).
    pub fee_rounding: FeeRounding,
    /// Seed of the latency model (`scenario.seed`); the same seed draws the same travel times.
    pub seed: u64,
}
