//! What stands in a book behind its best prices.

use serde::{Deserialize, Serialize};

use super::{Contracts, Price};

/// A price and the contracts on offer at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Level {
    /// Price in ten-thousandths of a dollar: of YES in a [`Depth`], of the order's side in what an order
    /// took.
    pub price: Price,
    /// Contracts at this price, summed over all orders, in hundredths of a contract.
    pub size: Contracts,
}

/// The levels of a YES book from the second on, best first; the first ones are the [`Quote`](super::Quote).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Depth {
    /// Bids below the best one, highest price first; empty where only the best is known.
    pub bids: Vec<Level>,
    /// Asks above the best one, lowest price first; empty where only the best is known.
    pub asks: Vec<Level>,
}
