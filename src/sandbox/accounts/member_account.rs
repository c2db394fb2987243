//! An account: cash, signed positions, orders, fills, settlements. Money is neither made nor lost here:
//! [`MemberAccount::is_conserved`] holds after every movement.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::{Contracts, MarketId, Money, OrderId, Price, SettlementValue, Side, Timestamp};

use super::order_group::OrderGroupState;

/// One cent, in millionths of a dollar.
const CENT: i64 = 10_000;

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
    pub const fn outcome_side(self) -> Side {
        match self {
            Self::Bid => Side::Yes,
            Self::Ask => Side::No,
        }
    }

    /// What a trade on this side adds to the signed position.
    const fn signed_hundredths(self, contracts: Contracts) -> i64 {
        match self {
            Self::Bid => contracts.hundredths(),
            Self::Ask => -contracts.hundredths(),
        }
    }
}

/// Where an order is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderStatus {
    /// Contracts are left, and the order waits in the order book: `resting` in JSON.
    Resting,
    /// Over before all of it traded: cancelled, expired, or ended by the exchange; `canceled` in JSON.
    Canceled,
    /// All of its contracts traded: `executed` in JSON.
    Executed,
}

/// An order and what became of it. Prices are YES prices.
#[derive(Clone, Debug)]
pub struct OrderRecord {
    /// Number of the order, counted from 1 across all accounts; `order_id` in JSON is made of it.
    pub id: OrderId,
    /// The client's own id of the order, as last amended; `None` if it gave none.
    pub client_order_id: Option<String>,
    /// Market whose YES book the order is for.
    pub market: MarketId,
    /// Side of the YES book it is on; an amend cannot change it.
    pub side: BookSide,
    /// Limit price of YES, also for an ask; an amend may change it.
    pub price: Price,
    /// Contracts asked for, filled ones included; changed by amend and decrease, capped by `reduce_only`.
    pub initial: Contracts,
    /// Contracts traded so far, as taker and as maker together.
    pub filled: Contracts,
    /// In the book; none after a cancel.
    pub remaining: Contracts,
    /// Whether it still rests in the order book, or how it ended.
    pub status: OrderStatus,
    /// Sum of YES price × contracts over its fills.
    pub traded_value: Money,
    /// What its fills as taker and as maker cost, at prices of its outcome.
    pub cost: [Money; 2],
    /// Fees charged to its fills as taker and as maker, in this order.
    pub fees: [Money; 2],
    /// Exchange time at which the order was placed.
    pub created: Timestamp,
    /// Exchange time of its last fill, amend, decrease or end; at first that of placing.
    pub updated: Timestamp,
    /// When it is cancelled by itself, in Unix seconds; `None` = it does not expire.
    pub expiration: Option<i64>,
    /// Self-trade prevention among own orders: `taker_at_cross` ends this one, `maker` the resting ones.
    pub self_trade: &'static str,
    /// Number of the order group it belongs to; `None` = in no group.
    pub group: Option<u64>,
    /// Whether the beginning of a trading or exchange pause cancels it.
    pub cancel_on_pause: bool,
}

impl OrderRecord {
    /// Returns the fees charged to all of its fills, as taker and as maker.
    #[must_use]
    pub fn fees_paid(&self) -> Money {
        self.fees[0] + self.fees[1]
    }
}

/// One fill of an order of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FillRecord {
    /// Number of the trade, counted from 1 across all accounts; `trade_id` and `fill_id` are made of it.
    pub trade: u64,
    /// Number of the account's order that traded.
    pub order: OrderId,
    /// Market in which the order traded.
    pub market: MarketId,
    /// Side of the YES book the order was on: a bid bought YES, an ask sold it.
    pub side: BookSide,
    /// Contracts traded in this fill: `count_fp` in JSON.
    pub contracts: Contracts,
    /// Price of one YES contract, also for an ask: `yes_price_dollars` in JSON.
    pub price: Price,
    /// Whether the order was the taker; else it rested in the order book as maker.
    pub taker: bool,
    /// Fee for this fill, rounding and its rebate included: `fee_cost` in JSON.
    pub fee: Money,
    /// Exchange time at which it traded.
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
    /// Sum of the fees of all fills in this market, and of its settlement.
    pub fees: Money,
    /// Contracts traded in all fills, bids and asks alike; it never falls.
    pub volume: Contracts,
    /// Exchange time of the last fill or payout; `None` if the account never traded here.
    pub updated: Option<Timestamp>,
    /// Whether its market was settled and the position paid out; `signed` and `cost` are zero then.
    pub settled: bool,
}

impl MemberPosition {
    /// Returns the number of contracts held, be they YES or NO.
    #[must_use]
    pub const fn contracts_held(&self) -> Contracts {
        Contracts::from_hundredths(self.signed.abs())
    }
}

/// The payout of one position when its market was settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SettlementRecord {
    /// Market whose settlement paid the position.
    pub market: MarketId,
    /// What one YES contract paid: $1, $0, or between for a scalar settlement.
    pub value: SettlementValue,
    /// The position that was paid, in hundredths of a contract; negative = NO.
    pub signed: i64,
    /// What the contracts held at settlement were bought for, without fees.
    pub cost: Money,
    /// Cash paid for the contracts held, in whole cents; zero if their side lost.
    pub revenue: Money,
    /// Fees of all fills in this market, which were charged before, and what was cut off the payout.
    pub fees: Money,
    /// Exchange time of the settlement, which is that of the payout.
    pub at: Timestamp,
}

/// An account and everything it did.
#[derive(Debug)]
pub struct MemberAccount {
    /// The key that signs for it.
    pub key_id: String,
    /// Cash the account was opened with: the bankroll of the sandbox's settings.
    pub funded: Money,
    /// Cash, of which a part may be locked behind open orders.
    pub cash: Money,
    /// Positions in all markets the account ever traded, settled ones included.
    pub positions: BTreeMap<MarketId, MemberPosition>,
    /// All orders the exchange accepted, open or over, by number.
    pub orders: BTreeMap<OrderId, OrderRecord>,
    /// Numbers of the orders that rest in the order book.
    pub open: BTreeSet<OrderId>,
    /// All fills of the account's orders, the oldest first.
    pub fills: Vec<FillRecord>,
    /// Payouts of positions that were not empty, the oldest first.
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

    /// Returns the orders that rest in the order book, by rising number.
    pub fn open_orders(&self) -> impl Iterator<Item = &OrderRecord> {
        self.open.iter().filter_map(|id| self.orders.get(id))
    }

    /// Returns the position in a market; an empty one if the account never traded it.
    #[must_use]
    pub fn position(&self, market: MarketId) -> MemberPosition {
        self.positions.get(&market).copied().unwrap_or_default()
    }

    /// Books a trade: what reduces the position is sold, the rest is bought.
    pub(in crate::sandbox) fn apply_fill(&mut self, fill: FillRecord) {
        let FillRecord { side, price, contracts, fee, .. } = fill;
        let position = self.positions.entry(fill.market).or_default();
        let (held, change) = (position.signed, side.signed_hundredths(contracts));
        let closed = if held.signum() * change.signum() < 0 { held.abs().min(change.abs()) } else { 0 };
        let opened = contracts - Contracts::from_hundredths(closed);
        let own_price = side.outcome_side().price_from_yes(price);
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

    /// Pays a position out; whether there was one. Whole cents are paid, and what is cut off is a fee: so says
    /// <https://docs.kalshi.com/getting_started/market_settlement> of scalar settlements.
    pub(in crate::sandbox) fn settle_position(
        &mut self,
        at: Timestamp,
        market: MarketId,
        value: SettlementValue,
    ) -> bool {
        let Some(position) = self.positions.get_mut(&market).filter(|position| !position.settled) else {
            return false;
        };
        let side = if position.signed < 0 { Side::No } else { Side::Yes };
        let exact = side.payout_from_yes(value) * position.contracts_held();
        let revenue = exact - Money::from_micros(exact.micros().rem_euclid(CENT));
        position.fees += exact - revenue;
        let (signed, cost, fees) = (position.signed, position.cost, position.fees);
        self.cash += revenue;
        position.realized += exact - cost;
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
