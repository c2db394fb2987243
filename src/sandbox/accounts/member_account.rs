//! An account: cash, signed positions, orders, fills, settlements. Money is neither made nor lost here:
//! [`MemberAccount::is_conserved`] holds after every movement.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::{Contracts, MarketId, Money, OrderId, Price, Side, Timestamp};

use super::order_group::OrderGroupState;

/// A side of the one YES book.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BookSide {
    /// Buys YES, or sells NO.
    Bid,
    /// Sells YES, or buys NO.
    Ask,
}

impl BookSide {
    /// The outcome whose holder gains from it.
    #[must_use]
    pub const fn outcome(self) -> Side {
        match self {
            Self::Bid => Side::Yes,
            Self::Ask => Side::No,
        }
    }

    /// What a trade on this side adds to the signed position.
    const fn signed(self, contracts: Contracts) -> i64 {
        match self {
            Self::Bid => contracts.hundredths(),
            Self::Ask => -contracts.hundredths(),
        }
    }
}

/// Where an order is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderStatus {
    /// In the book.
    Resting,
    /// Gone before it was filled.
    Canceled,
    /// Filled.
    Executed,
}

/// An order and what became of it. Prices are YES prices.
#[derive(Clone, Debug)]
pub struct OrderRecord {
    /// The exchange's number.
    pub id: OrderId,
    /// The client's name of it.
    pub client_order_id: Option<String>,
    /// Its market.
    pub market: MarketId,
    /// Bid or ask.
    pub side: BookSide,
    /// Limit.
    pub price: Price,
    /// Asked for.
    pub initial: Contracts,
    /// Traded.
    pub filled: Contracts,
    /// In the book; none after a cancel.
    pub remaining: Contracts,
    /// Where it is.
    pub status: OrderStatus,
    /// Sum of YES price × contracts over its fills.
    pub traded_value: Money,
    /// What its fills as taker and as maker cost, at prices of its outcome.
    pub cost: [Money; 2],
    /// What they were charged.
    pub fees: [Money; 2],
    /// When it came.
    pub created: Timestamp,
    /// When it last changed.
    pub updated: Timestamp,
    /// Unix seconds.
    pub expiration: Option<i64>,
    /// `taker_at_cross` or `maker`.
    pub self_trade: &'static str,
    /// Its group.
    pub group: Option<u64>,
    /// Whether a pause cancels it.
    pub cancel_on_pause: bool,
}

impl OrderRecord {
    /// All fees it was charged.
    #[must_use]
    pub fn fees_paid(&self) -> Money {
        self.fees[0] + self.fees[1]
    }
}

/// One trade of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FillRecord {
    /// Number of the trade.
    pub trade: u64,
    /// The order.
    pub order: OrderId,
    /// Its market.
    pub market: MarketId,
    /// Bid or ask.
    pub side: BookSide,
    /// How many.
    pub contracts: Contracts,
    /// YES price.
    pub price: Price,
    /// Whether it took.
    pub taker: bool,
    /// Charged.
    pub fee: Money,
    /// When.
    pub at: Timestamp,
}

/// What an account has or had in a market.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemberPosition {
    /// Hundredths of a contract; negative = NO.
    pub signed: i64,
    /// What the contracts held now were bought for, without fees.
    pub cost: Money,
    /// Cost of all trades, at prices of their outcome.
    pub traded: Money,
    /// Gained by closing and by settlement, without fees.
    pub realized: Money,
    /// Charged.
    pub fees: Money,
    /// Contracts traded.
    pub volume: Contracts,
    /// Last change.
    pub updated: Option<Timestamp>,
    /// Whether it was paid out.
    pub settled: bool,
}

impl MemberPosition {
    /// Contracts held, whatever the side.
    #[must_use]
    pub const fn held(&self) -> Contracts {
        Contracts::from_hundredths(self.signed.abs())
    }
}

/// One payout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SettlementRecord {
    /// The market.
    pub market: MarketId,
    /// What YES paid.
    pub value: Price,
    /// The position that was paid; negative = NO.
    pub signed: i64,
    /// What it had cost.
    pub cost: Money,
    /// What it brought.
    pub revenue: Money,
    /// Fees of the whole position.
    pub fees: Money,
    /// When.
    pub at: Timestamp,
}

/// An account and everything it did.
#[derive(Debug)]
pub struct MemberAccount {
    /// The key that signs for it.
    pub key_id: String,
    /// What it began with.
    pub funded: Money,
    /// Cash, of which a part may be locked behind open orders.
    pub cash: Money,
    /// By market.
    pub positions: BTreeMap<MarketId, MemberPosition>,
    /// All orders there ever were.
    pub orders: BTreeMap<OrderId, OrderRecord>,
    /// Those in the book.
    pub open: BTreeSet<OrderId>,
    /// In order of time.
    pub fills: Vec<FillRecord>,
    /// In order of time.
    pub settlements: Vec<SettlementRecord>,
    /// Client ids that can never be used again.
    pub spent: BTreeSet<String>,
    pub(in crate::sandbox) groups: BTreeMap<u64, OrderGroupState>,
}

impl MemberAccount {
    pub(in crate::sandbox) const fn new(key_id: String, funded: Money) -> Self {
        Self {
            key_id,
            funded,
            cash: funded,
            positions: BTreeMap::new(),
            orders: BTreeMap::new(),
            open: BTreeSet::new(),
            fills: Vec::new(),
            settlements: Vec::new(),
            spent: BTreeSet::new(),
            groups: BTreeMap::new(),
        }
    }

    /// The orders in the book.
    pub fn open_orders(&self) -> impl Iterator<Item = &OrderRecord> {
        self.open.iter().filter_map(|id| self.orders.get(id))
    }

    /// The position in a market.
    #[must_use]
    pub fn position(&self, market: MarketId) -> MemberPosition {
        self.positions.get(&market).copied().unwrap_or_default()
    }

    /// Books a trade: what reduces the position is sold, the rest is bought.
    pub(in crate::sandbox) fn book(&mut self, fill: FillRecord) {
        let FillRecord { side, price, contracts, fee, .. } = fill;
        let position = self.positions.entry(fill.market).or_default();
        let (held, change) = (position.signed, side.signed(contracts));
        let closed = if held.signum() * change.signum() < 0 { held.abs().min(change.abs()) } else { 0 };
        let opened = contracts - Contracts::from_hundredths(closed);
        let own_price = side.outcome().price(price);
        if closed > 0 {
            let proceeds = own_price.complement() * Contracts::from_hundredths(closed);
            let cost = position.cost.mul_div_floor(closed, held.abs());
            position.cost -= cost;
            position.realized += proceeds - cost;
            self.cash += proceeds;
        }
        position.cost += own_price * opened;
        self.cash -= own_price * opened + fee;
        position.signed += change;
        position.traded += own_price * contracts;
        position.fees += fee;
        position.volume += contracts;
        position.updated = Some(fill.at);
        if let Some(order) = self.orders.get_mut(&fill.order) {
            let role = usize::from(!fill.taker);
            order.filled += contracts;
            order.remaining -= contracts;
            order.traded_value += price * contracts;
            order.cost[role] += own_price * contracts;
            order.fees[role] += fee;
            order.updated = fill.at;
            if order.remaining.is_zero() {
                order.status = OrderStatus::Executed;
                self.open.remove(&order.id);
            }
        }
        self.fills.push(fill);
        assert!(self.is_conserved(), "a trade neither makes nor loses money");
    }

    /// Pays a position out; whether there was one.
    pub(in crate::sandbox) fn settle(&mut self, at: Timestamp, market: MarketId, value: Price) -> bool {
        let Some(position) = self.positions.get_mut(&market).filter(|position| !position.settled) else {
            return false;
        };
        let side = if position.signed < 0 { Side::No } else { Side::Yes };
        let revenue = side.price(value) * position.held();
        let (signed, cost, fees) = (position.signed, position.cost, position.fees);
        self.cash += revenue;
        position.realized += revenue - cost;
        (position.cost, position.signed) = (Money::ZERO, 0);
        (position.settled, position.updated) = (true, Some(at));
        if signed != 0 {
            self.settlements.push(SettlementRecord { market, value, signed, cost, revenue, fees, at });
        }
        assert!(self.is_conserved(), "a payout neither makes nor loses money");
        true
    }

    /// Whether cash and positions at cost are what was put in, gained and charged.
    #[must_use]
    pub fn is_conserved(&self) -> bool {
        let sum = |part: fn(&MemberPosition) -> Money| self.positions.values().map(part).sum::<Money>();
        self.cash + sum(|position| position.cost)
            == self.funded + sum(|position| position.realized) - sum(|position| position.fees)
    }
}
