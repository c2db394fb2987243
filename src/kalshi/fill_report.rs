//! A trade of one of our orders as the exchange reports it, and whether it can have been.

use std::sync::Arc;

use crate::domain::{Action, Contracts, MarketId, Money, Order, Price, Side};

/// By how much the exchange may round a fee up: a cent, for members through a broker.
const ROUNDING: Money = Money::from_micros(10_000);

/// One trade as the exchange reports it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FillReport {
    /// The exchange's name for the trade.
    pub trade_id: Arc<str>,
    /// The exchange's name for the order.
    pub venue_id: Arc<str>,
    /// The market it names; `None` if that is none we know.
    pub market: Option<MarketId>,
    /// What was gained by it: YES by buying YES or selling NO.
    pub gained: Side,
    /// Price of YES at which it was traded, also where the order is for NO.
    pub yes_price: Price,
    /// Contracts traded; a report of none, or of more than the order is for, is not believed.
    pub contracts: Contracts,
    /// Fee charged for this one trade, from JSON `fee_cost` in dollars.
    pub fee: Money,
    /// Whether our order took a resting one; `false` if ours rested in the book, as the maker's.
    pub taker: bool,
}

impl FillReport {
    /// Why no trade of `order` can have been like this; `None` if one can.
    ///
    /// A trade is of the order (`venue_id`, where its name is known), its market and its side, of some contracts, at the
    /// order's limit or better, and its fee is neither negative nor more than what the contracts can pay (a dollar each)
    /// and the cent by which the exchange may round up.
    pub(super) fn contradiction_with_order(&self, order: &Order, venue_id: Option<&str>) -> Option<String> {
        if venue_id.is_some_and(|venue_id| venue_id != &*self.venue_id) {
            return Some(format!("it is of the order {}", self.venue_id));
        }
        if self.market != Some(order.market) {
            return Some("it is of another market".to_owned());
        }
        let gains_yes = (order.side == Side::Yes) == (order.action == Action::Buy);
        if (self.gained == Side::Yes) != gains_yes {
            return Some(format!("its side is the other one: it gained {}", self.gained));
        }
        let price = order.side.price_from_yes(self.yes_price);
        let beyond_limit = match order.action {
            Action::Buy => price > order.limit,
            Action::Sell => price < order.limit,
        };
        if !self.contracts.is_positive() || self.contracts > order.contracts {
            return Some(format!("an order of {} cannot trade {}", order.contracts, self.contracts));
        }
        if beyond_limit {
            return Some(format!("its price of {price} is beyond the order's limit of {}", order.limit));
        }
        let highest = Price::ONE * self.contracts + ROUNDING;
        (self.fee < Money::ZERO || self.fee > highest)
            .then(|| format!("no trade of {} contracts costs a fee of {}", self.contracts, self.fee))
    }
}

/// The number a trade has in our books: 63 bits of the hash of its name.
#[must_use]
pub fn trade_number(trade_id: &str) -> u64 {
    let hash = blake3::hash(trade_id.as_bytes());
    let first: [u8; 8] = hash.as_bytes()[..8].try_into().expect("a hash is longer than eight bytes");
    u64::from_le_bytes(first) >> 1
}
