//! What stands in a book behind its best prices.

use serde::{Deserialize, Serialize};

use super::{Contracts, Price};

/// A price and the contracts on offer at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Level {
    /// The price.
    pub price: Price,
    /// How many contracts.
    pub size: Contracts,
}

/// The levels of a YES book from the second on, best first; the first ones are the [`Quote`](super::Quote).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Depth {
    /// Wanted below the best bid.
    pub bids: Vec<Level>,
    /// On offer above the best ask.
    pub asks: Vec<Level>,
}
