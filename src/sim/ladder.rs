//! What is on offer level by level, where the data show more of a book than its best prices.

use crate::domain::{Action, Contracts, Depth, Fraction, Level, Money, Order, Price, Quote, Side};

/// What is left for us of a snapshot's levels, best first, in YES prices.
#[derive(Debug, Default)]
pub(super) struct Ladder {
    bids: Vec<Level>,
    asks: Vec<Level>,
}

impl Ladder {
    /// Our share of what each level of a snapshot shows, in whole contracts. A side whose best size is not
    /// known has no levels.
    pub(super) fn new(quote: &Quote, depth: &Depth, participation: Fraction) -> Self {
        let side = |price: Option<Price>, size: Option<Contracts>, behind: &[Level]| {
            let best = price.zip(size).map(|(price, size)| Level { price, size });
            let levels = best.iter().chain(behind);
            levels
                .map(|level| Level { size: whole_contracts_portion(level.size, participation), ..*level })
                .collect()
        };
        Self {
            bids: side(quote.bid, quote.bid_size, &depth.bids),
            asks: side(quote.ask, quote.ask_size, &depth.asks),
        }
    }

    /// What an order meets; `None` where that side shows no levels.
    pub(super) fn levels_for_order(&mut self, order: &Order) -> Option<&mut [Level]> {
        let side = if takes_yes_ask(order) { &mut self.asks } else { &mut self.bids };
        (!side.is_empty()).then_some(side)
    }
}

/// Takes an order's contracts from levels, best first, as far as its limit goes. What was taken is gone from
/// them; it is returned by level, in prices of the order's side.
pub(super) fn take_from_levels(levels: &mut [Level], order: &Order) -> Vec<Level> {
    let mut left = order.contracts;
    let mut taken = Vec::new();
    for level in levels {
        let price = order.side.price_from_yes(level.price);
        let within = match order.action {
            Action::Buy => price <= order.limit,
            Action::Sell => price >= order.limit,
        };
        if !within || left.is_zero() {
            break;
        }
        let size = left.min(level.size);
        if size.is_positive() {
            level.size -= size;
            left -= size;
            taken.push(Level { price, size });
        }
    }
    taken
}

/// Whether an order trades against the asks of YES: it buys YES or sells NO.
pub(super) fn takes_yes_ask(order: &Order) -> bool {
    (order.side == Side::Yes) == (order.action == Action::Buy)
}

/// A part of some contracts, in whole contracts.
pub(super) fn whole_contracts_portion(contracts: Contracts, participation: Fraction) -> Contracts {
    let part = Money::from_micros(contracts.hundredths()).portion(participation);
    Contracts::from_hundredths(part.micros()).floor_whole()
}
