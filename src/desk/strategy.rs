//! The seam for beliefs: a [`Strategy`] says what it thinks a market is worth, never what to do about it.

use std::sync::Arc;

use crate::domain::{Fact, Fraction, Market, Probability, Quote, Timestamp};

/// What a strategy may see of a market when it is asked.
#[derive(Clone, Copy, Debug)]
pub struct MarketView<'a> {
    /// Its definition. The result is not in it.
    pub market: &'a Market,
    /// Best bid and ask as last reported; a side that is empty or unknown is `None`.
    pub quote: &'a Quote,
    /// Last moment of trading as known now.
    pub close_time: Timestamp,
    /// The time of the scan: the stamp of the input that set it off, in nanoseconds UTC.
    pub now: Timestamp,
}

/// A strategy's belief in one market, with its confidence and its reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Estimate {
    /// Believed probability that the market pays YES, in parts per million.
    pub probability: Probability,
    /// How much of the Kelly stake this belief deserves: 0 none, 1 all.
    pub confidence: Fraction,
    /// Why, in words for the log.
    pub reason: Arc<str>,
}

/// Whether a fact can change a strategy's beliefs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Learned {
    /// It may; markets are looked at again.
    Used,
    /// It cannot; no market is looked at again because of it.
    Ignored,
}

/// A source of beliefs. What it knows it was told by [`learn`](Strategy::learn): it has no other access
/// to the world, so it cannot look ahead. Dyn-compatible, so strategies can be swapped between inputs.
pub trait Strategy: Send {
    /// Returns the name under which a scenario asks for it.
    fn name(&self) -> &str;

    /// Takes in a fact that became public, and says whether it can change a belief.
    fn learn(&mut self, fact: &Fact, published: Timestamp) -> Learned;

    /// What it believes of a market now; `None` if it has no view.
    fn evaluate(&mut self, market: &MarketView<'_>) -> Option<Estimate>;
}
