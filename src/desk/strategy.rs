//! The seam for beliefs: a [`Strategy`] says what it thinks a market is worth, never what to do about it.

use std::sync::Arc;

use crate::domain::{Fact, Fraction, Market, Probability, Quote, Timestamp};

/// What a strategy may see of a market when it is asked.
#[derive(Clone, Copy, Debug)]
pub struct MarketView<'a> {
    /// Its definition. The result is not in it.
    pub market: &'a Market,
    /// Its latest quote.
    pub quote: &'a Quote,
    /// Last moment of trading as known now.
    pub close_time: Timestamp,
    /// Now.
    pub now: Timestamp,
}

/// A belief with its justification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Estimate {
    /// That the market pays YES.
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
    /// It cannot.
    Ignored,
}

/// A source of beliefs. What it knows it was told by [`learn`](Strategy::learn): it has no other access
/// to the world, so it cannot look ahead. Dyn-compatible, so strategies can be swapped between inputs.
pub trait Strategy: Send {
    /// Its registered name.
    fn name(&self) -> &str;

    /// A fact became public.
    fn learn(&mut self, fact: &Fact, published: Timestamp) -> Learned;

    /// What it believes of a market now; `None` if it has no view.
    fn evaluate(&mut self, market: &MarketView<'_>) -> Option<Estimate>;
}
