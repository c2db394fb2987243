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
    /// Always the same.
    Fixed(Span),
    /// Evenly distributed, drawn from the scenario's seed.
    Uniform {
        /// Shortest.
        least: Span,
        /// Longest.
        most: Span,
    },
}

impl LatencyModel {
    /// The next command's travel time.
    pub(super) fn draw(self, random: &mut ChaCha8Rng) -> Span {
        match self {
            Self::Fixed(span) => span,
            Self::Uniform { least, most } => {
                let nanos = random.random_range(least.nanos()..=most.nanos());
                Span::from_nanos(nanos).unwrap_or(least)
            }
        }
    }
}

/// The scenario's `[simulation]`, with the latency of `[execution]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SimSettings {
    /// Fill model.
    pub fill: FillModel,
    /// Latency model.
    pub latency: LatencyModel,
    /// Share that is ours to take: of the traded volume where sizes are unknown, of each level of a book.
    pub participation: Fraction,
    /// How fees round.
    pub fee_rounding: FeeRounding,
    /// Seed of the latency model.
    pub seed: u64,
}
