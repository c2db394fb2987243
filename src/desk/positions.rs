//! `PositionTracker`: what is held, what it is worth, and when it should go.
//!
//! One position a market, owned by one strategy, on one side. Mark = midpoint of the market's latest
//! two-sided quote, else the entry price. Exits, asked before new entries: resolved; edge inverted
//! (selling now, after the fee, pays more than the current belief in the side by `inversion` or more);
//! time stop (held for `max_holding` or longer).

use std::collections::BTreeSet;

use crate::domain::{
    Contracts, Fraction, MarketId, Money, Price, Probability, SettlementValue, Side, Span, StrategyId,
    Timestamp,
};
use crate::event::Fill;

use super::decision::{ExitReason, Trade};
use super::market_state::MarketState;
use super::opportunity::Edge;
use super::risk::Holding;

/// When an open position is sold before settlement: the scenario's `[exits]` table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExitSettings {
    /// How much more than the belief selling must pay.
    pub inversion: Fraction,
    /// Longest time a position is held.
    pub max_holding: Span,
}

/// What was believed when a position was ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conviction {
    /// Believed probability that the side bought wins and pays $1.
    pub belief: Probability,
    /// The side's market price: the mid, or the executable price where one side was missing.
    pub market_price: Probability,
}

/// Whose purchase, of which side, with which belief.
#[derive(Clone, Copy, Debug)]
pub struct EntryContext {
    /// The strategy that bought and owns the position.
    pub strategy: StrategyId,
    /// The side bought; the same as that of a position already open in the market.
    pub side: Side,
    /// Belief and market price when the order was sent; a position keeps those of its first purchase.
    pub conviction: Conviction,
}

/// Contracts that leave a position, and what they bring.
#[derive(Clone, Copy, Debug)]
struct Leaving {
    contracts: Contracts,
    proceeds: Money,
    fee: Money,
    reason: ExitReason,
}

/// Contracts of one side of one market, owned by one strategy from first purchase to last sale.
#[derive(Clone, Debug)]
pub struct Position {
    /// The strategy that owns the position, the only one that may add to it.
    pub strategy: StrategyId,
    /// The side held, YES or NO; a position never has both.
    pub side: Side,
    /// Contracts held now: those bought less those sold.
    pub contracts: Contracts,
    /// What the contracts held now cost to buy, without fees.
    pub cost: Money,
    /// Fees paid for buying the contracts held now.
    pub entry_fees: Money,
    /// When the first purchase was booked, in nanoseconds UTC; the time stop counts from here.
    pub opened_at: Timestamp,
    /// What was believed at the first entry.
    pub conviction: Conviction,
    bought: Contracts,
    spent: Money,
    proceeds: Money,
    fees: Money,
    value: Money,
    exit_reason: ExitReason,
}

impl Position {
    /// Cost with fees: what it counts towards exposure.
    #[must_use]
    pub fn at_stake(&self) -> Money {
        self.cost + self.entry_fees
    }

    /// What the risk gates need of it.
    #[must_use]
    pub const fn risk_holding(&self) -> Holding {
        Holding { strategy: self.strategy, side: self.side, contracts: self.contracts }
    }
}

/// What a reduction of a position released.
#[derive(Debug)]
pub struct Reduction {
    /// Cost of what went, without fees.
    pub basis: Money,
    /// How much less is at stake.
    pub at_stake: Money,
    /// The whole trade, if nothing is left.
    pub trade: Option<Trade>,
}

/// All open positions, at most one a market, with their worth and the earliest time stop.
#[derive(Debug)]
pub struct PositionTracker {
    settings: ExitSettings,
    /// Indexed by [`MarketId`]; `None` where nothing is held.
    positions: Vec<Option<Box<Position>>>,
    open: BTreeSet<MarketId>,
    marked: Money,
    time_stop: Option<Timestamp>,
}

impl PositionTracker {
    /// Starts without positions; those to come are sold by the rules of `settings`.
    #[must_use]
    pub const fn new(settings: ExitSettings) -> Self {
        Self { settings, positions: Vec::new(), open: BTreeSet::new(), marked: Money::ZERO, time_stop: None }
    }

    /// Returns the rules by which positions are sold before settlement.
    #[must_use]
    pub const fn settings(&self) -> &ExitSettings {
        &self.settings
    }

    /// From here on positions are closed by other rules.
    pub fn reconfigure(&mut self, settings: ExitSettings) {
        self.settings = settings;
        self.schedule_stop();
    }

    /// Returns the open position in a market; `None` if nothing is held there.
    #[must_use]
    pub fn get(&self, market: MarketId) -> Option<&Position> {
        self.positions.get(market.index())?.as_deref()
    }

    /// All open positions in market order.
    pub fn iter(&self) -> impl Iterator<Item = (MarketId, &Position)> {
        self.open.iter().filter_map(|&market| Some((market, self.get(market)?)))
    }

    /// Worth of all positions at their marks.
    #[must_use]
    pub const fn marked_value(&self) -> Money {
        self.marked
    }

    /// The first moment at which a position will have been held too long.
    #[must_use]
    pub const fn time_stop(&self) -> Option<Timestamp> {
        self.time_stop
    }

    /// Books a purchase. Returns whether it opened the position.
    pub fn apply_purchase(
        &mut self,
        at: Timestamp,
        book: &MarketState,
        entry: EntryContext,
        fill: &Fill,
    ) -> bool {
        let EntryContext { strategy, side, conviction } = entry;
        let market = book.market.id;
        let cost = fill.price * fill.contracts;
        let index = market.index();
        if self.positions.len() <= index {
            self.positions.resize_with(index + 1, || None);
        }
        let opened = self.open.insert(market);
        let position = self.positions[index].get_or_insert_with(|| {
            Box::new(Position {
                strategy,
                side,
                contracts: Contracts::ZERO,
                cost: Money::ZERO,
                entry_fees: Money::ZERO,
                opened_at: at,
                conviction,
                bought: Contracts::ZERO,
                spent: Money::ZERO,
                proceeds: Money::ZERO,
                fees: Money::ZERO,
                value: Money::ZERO,
                exit_reason: ExitReason::Resolved,
            })
        });
        assert!(position.strategy == strategy, "a position has one owner");
        assert!(position.side == side, "a position is on one side");
        position.contracts += fill.contracts;
        position.bought += fill.contracts;
        position.cost += cost;
        position.spent += cost;
        position.entry_fees += fill.fee;
        position.fees += fill.fee;
        if opened {
            self.schedule_stop();
        }
        self.mark_position(market, book.twice_mid);
        opened
    }

    /// Books a sale of some or all contracts held, and returns what left the position.
    pub fn apply_sale(
        &mut self,
        at: Timestamp,
        book: &MarketState,
        fill: &Fill,
        reason: ExitReason,
    ) -> Reduction {
        let (contracts, fee) = (fill.contracts, fill.fee);
        self.reduce_position(at, book, Leaving { contracts, proceeds: fill.price * contracts, fee, reason })
    }

    /// Books a settlement; `None` if nothing was held. `value` is what YES paid; a part of
    /// a millionth of a dollar is not paid.
    pub fn apply_settlement(
        &mut self,
        at: Timestamp,
        book: &MarketState,
        value: SettlementValue,
    ) -> Option<(Money, Reduction)> {
        let position = self.get(book.market.id)?;
        let (contracts, paid) = (position.contracts, position.side.payout_from_yes(value));
        let proceeds = paid * contracts;
        let leaving = Leaving { contracts, proceeds, fee: Money::ZERO, reason: ExitReason::Resolved };
        Some((proceeds, self.reduce_position(at, book, leaving)))
    }

    fn reduce_position(&mut self, at: Timestamp, book: &MarketState, leaving: Leaving) -> Reduction {
        let Leaving { contracts, proceeds, fee, reason } = leaving;
        let market = book.market.id;
        let held = self.positions.get_mut(market.index()).and_then(Option::as_mut);
        let position = held.expect("only what is held is sold");
        assert!(contracts <= position.contracts, "no more is sold than is held");
        let share =
            |whole: Money| whole.mul_div_floor(contracts.hundredths(), position.contracts.hundredths());
        let (basis, entry_fees) = (share(position.cost), share(position.entry_fees));
        position.contracts -= contracts;
        position.cost -= basis;
        position.entry_fees -= entry_fees;
        position.proceeds += proceeds;
        position.fees += fee;
        position.exit_reason = reason;
        let emptied = position.contracts.is_zero();
        self.mark_position(market, book.twice_mid);
        let trade = emptied.then(|| self.remove_position(at, market));
        Reduction { basis, at_stake: basis + entry_fees, trade }
    }

    fn remove_position(&mut self, at: Timestamp, market: MarketId) -> Trade {
        let position = self.positions[market.index()].take().expect("an emptied position was open");
        self.open.remove(&market);
        self.schedule_stop();
        Trade {
            strategy: position.strategy,
            market,
            side: position.side,
            opened_at: position.opened_at,
            closed_at: at,
            contracts: position.bought,
            cost: position.spent,
            proceeds: position.proceeds,
            fees: position.fees,
            pnl: position.proceeds - position.spent - position.fees,
            exit_reason: position.exit_reason,
            belief: position.conviction.belief,
            market_price: position.conviction.market_price,
        }
    }

    fn schedule_stop(&mut self) {
        let limit = self.settings.max_holding;
        self.time_stop = self.iter().map(|(_, position)| position.opened_at + limit).min();
    }

    /// Values the position of a market anew, by bid plus ask of its latest two-sided quote. Returns whether there
    /// is one.
    #[inline]
    pub fn mark_position(&mut self, market: MarketId, twice_mid: Option<u16>) -> bool {
        let Some(Some(position)) = self.positions.get_mut(market.index()) else {
            return false;
        };
        let value = match twice_mid {
            None => position.cost,
            Some(twice) => {
                let twice = match position.side {
                    Side::Yes => i64::from(twice),
                    Side::No => 2 * i64::from(Price::ONE.get()) - i64::from(twice),
                };
                Money::half_of_micros(position.contracts.hundredths() * twice)
            }
        };
        self.marked += value - position.value;
        position.value = value;
        true
    }

    /// Whether the position in `book` should be sold because its edge turned against it.
    #[must_use]
    pub fn is_edge_inverted(&self, book: &MarketState, belief_in_yes: Probability) -> bool {
        let Some(position) = self.get(book.market.id) else {
            return false;
        };
        let Some(bid) = book.quote.bid_of(position.side) else {
            return false;
        };
        let belief = position.side.probability_from_yes(belief_in_yes);
        Edge::of_selling(book.fees.unit_proceeds(bid), belief).is_at_least(self.settings.inversion)
    }

    /// Markets whose positions have been held too long.
    pub fn overdue_markets(&self, now: Timestamp) -> impl Iterator<Item = MarketId> {
        let limit = self.settings.max_holding;
        self.iter()
            .filter(move |(_, position)| now.since(position.opened_at) >= limit)
            .map(|(market, _)| market)
    }
}
