//! `ExecutionEngine`, deliberately dumb: turns what was approved into orders and follows them.
//!
//! It sends, sends again what the exchange was too busy to take, and notices partial fills. It decides
//! nothing: price, size and side come with [`Approved`]. A trade counts once, whoever reports it first.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::{
    Action, Contracts, Market, MarketId, Money, Order, OrderId, Price, Quote, Side, Span, StrategyId,
    TimeInForce, Timestamp,
};
use crate::event::{Command, Fill};

use super::decision::ExitReason;
use super::positions::Conviction;
use super::risk::Approved;

/// The scenario's `[execution]`, as far as the desk uses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExecutionSettings {
    /// How long entry orders live. Exits are always immediate-or-cancel.
    pub time_in_force: TimeInForce,
    /// How much worse than the quote an order may trade.
    pub max_slippage: Price,
    /// How often an order the exchange was too busy to take is sent again.
    pub retries: u32,
}

impl ExecutionSettings {
    /// First pause before sending again; doubles every time.
    const BACKOFF: Span = Span::MILLISECOND.times(250);

    /// Limit of an order to buy `side`: the quote plus slippage; a post-only order joins the bid.
    #[must_use]
    pub fn entry_limit(&self, market: &Market, quote: &Quote, side: Side) -> Option<Price> {
        match self.time_in_force {
            TimeInForce::PostOnly => market.grid.floor_on(side, quote.bid_of(side)?),
            TimeInForce::Ioc | TimeInForce::Gtc => {
                market.grid.floor_on(side, quote.ask_of(side)?.raised_by(self.max_slippage))
            }
        }
    }

    /// Limit of an order to sell `side`: the quote minus slippage.
    #[must_use]
    pub fn exit_limit(&self, market: &Market, quote: &Quote, side: Side) -> Option<Price> {
        market.grid.ceil_on(side, quote.bid_of(side)?.lowered_by(self.max_slippage))
    }
}

/// Whether an order enters or leaves a position, with the belief or the exit reason behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To open or add, with what was believed.
    Enter(Conviction),
    /// To sell what is held, with the reason: an inverted edge or the time stop.
    Exit(ExitReason),
}

/// An order on its way or in the book.
#[derive(Clone, Debug)]
pub struct OpenOrder {
    /// The limit order as submitted; a resend repeats it unchanged under the same id.
    pub order: Order,
    /// The strategy whose belief it trades on, or, for a sale, that owns the position.
    pub strategy: StrategyId,
    /// Whether it enters a position or leaves one, with the belief or the reason.
    pub purpose: Purpose,
    /// Cash still set aside for it.
    pub reserved: Money,
    /// Contracts of it that have traded so far.
    pub filled: Contracts,
    cancelling: bool,
    resends: u32,
    resend_at: Option<Timestamp>,
}

impl OpenOrder {
    /// Whether the rest of it was asked back.
    #[must_use]
    pub const fn is_cancelling(&self) -> bool {
        self.cancelling
    }
}

/// What a fill turned out to be.
#[derive(Debug)]
pub enum Matched {
    /// Of this order, which is over if `complete`. `reserved` was set aside for it and is used up.
    Order {
        /// The order as it was placed.
        order: Order,
        /// The strategy whose belief it trades on, or, for a sale, that owns the position.
        strategy: StrategyId,
        /// Whether the fill adds to a position or reduces one, with the belief or the reason.
        purpose: Purpose,
        /// Cash set aside that this fill uses.
        reserved: Money,
        /// The order's remains if this fill ended it.
        complete: Option<OpenOrder>,
    },
    /// A fill with this trade number was reported before; it is not booked again.
    Duplicate,
    /// Of no order of ours, or more than was ordered.
    Unknown,
}

/// All open orders, at most one a market.
#[derive(Debug)]
pub struct ExecutionEngine {
    settings: ExecutionSettings,
    next: u64,
    open: BTreeMap<OrderId, OpenOrder>,
    markets: BTreeMap<MarketId, OrderId>,
    trades_seen: BTreeSet<u64>,
    resend_due: Option<Timestamp>,
}

impl ExecutionEngine {
    /// Starts without open orders; the first one submitted gets the number 1.
    #[must_use]
    pub const fn new(settings: ExecutionSettings) -> Self {
        Self {
            settings,
            next: 1,
            open: BTreeMap::new(),
            markets: BTreeMap::new(),
            trades_seen: BTreeSet::new(),
            resend_due: None,
        }
    }

    /// From here on orders are made otherwise.
    pub const fn reconfigure(&mut self, settings: ExecutionSettings) {
        self.settings = settings;
    }

    /// Returns the settings that new orders are made with.
    #[must_use]
    pub const fn settings(&self) -> &ExecutionSettings {
        &self.settings
    }

    /// Returns an order that has not ended; `None` if it is over or unknown.
    #[must_use]
    pub fn get(&self, order: OrderId) -> Option<&OpenOrder> {
        self.open.get(&order)
    }

    /// The open order of a market.
    #[must_use]
    pub fn in_market(&self, market: MarketId) -> Option<&OpenOrder> {
        self.open.get(self.markets.get(&market)?)
    }

    /// Returns whether no order is on its way or in the book.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.open.is_empty()
    }

    /// Iterates over the orders that have not ended, in the order they were submitted.
    pub fn iter(&self) -> impl Iterator<Item = &OpenOrder> {
        self.open.values()
    }

    /// Makes an order of what the risk manager approved, appends it to `commands` and follows it until it
    /// ends.
    pub fn submit_order(
        &mut self,
        market: MarketId,
        strategy: StrategyId,
        approved: &Approved,
        purpose: Purpose,
        commands: &mut Vec<Command>,
    ) -> Order {
        let id = OrderId(self.next);
        self.next += 1;
        let time_in_force = match approved.action() {
            Action::Buy => self.settings.time_in_force,
            Action::Sell => TimeInForce::Ioc,
        };
        let order = Order {
            id,
            market,
            side: approved.side(),
            action: approved.action(),
            contracts: approved.contracts(),
            limit: approved.limit_price(),
            time_in_force,
        };
        let previous = self.markets.insert(market, id);
        assert!(previous.is_none(), "one open order a market");
        self.open.insert(
            id,
            OpenOrder {
                order,
                strategy,
                purpose,
                reserved: approved.cash_to_reserve(),
                filled: Contracts::ZERO,
                cancelling: false,
                resends: 0,
                resend_at: None,
            },
        );
        commands.push(Command::Submit(order));
        order
    }

    /// Asks for the rest of a market's order back, once. One that waits to be sent again is nowhere: it is
    /// over, and its remains are handed over.
    pub fn cancel_in_market(&mut self, market: MarketId, commands: &mut Vec<Command>) -> Option<OpenOrder> {
        let order = self.open.get_mut(self.markets.get(&market)?)?;
        if order.resend_at.is_some() {
            let id = order.order.id;
            return self.close_order(id);
        }
        if !std::mem::replace(&mut order.cancelling, true) {
            commands.push(Command::Cancel { order: order.order.id, market });
        }
        None
    }

    /// Matches a fill with its order.
    pub fn match_fill(&mut self, fill: &Fill) -> Matched {
        if !self.trades_seen.insert(fill.trade) {
            return Matched::Duplicate;
        }
        let Some(open) = self.open.get_mut(&fill.order) else {
            return Matched::Unknown;
        };
        if !fill.contracts.is_positive() || fill.contracts > open.order.contracts - open.filled {
            return Matched::Unknown;
        }
        open.filled += fill.contracts;
        let spent = match open.order.action {
            Action::Buy => fill.price * fill.contracts + fill.fee,
            Action::Sell => Money::ZERO,
        };
        let reserved = spent.min(open.reserved);
        open.reserved -= reserved;
        let (order, strategy, purpose) = (open.order, open.strategy, open.purpose);
        let complete = if open.filled == order.contracts { self.close_order(order.id) } else { None };
        Matched::Order { order, strategy, purpose, reserved, complete }
    }

    /// An order is over; hands over its remains.
    pub fn close_order(&mut self, order: OrderId) -> Option<OpenOrder> {
        let open = self.open.remove(&order)?;
        self.markets.remove(&open.order.market);
        self.update_resend_due();
        Some(open)
    }

    /// The exchange was too busy for an order. Returns whether it will be sent again.
    pub fn schedule_resend(&mut self, order: OrderId, now: Timestamp) -> bool {
        let Some(open) = self.open.get_mut(&order) else {
            return false;
        };
        if open.resends >= self.settings.retries || open.cancelling {
            return false;
        }
        let pause = ExecutionSettings::BACKOFF.times(1 << open.resends.min(16));
        open.resends += 1;
        open.resend_at = Some(now + pause);
        self.update_resend_due();
        true
    }

    /// When an order is to be sent again.
    #[must_use]
    pub const fn resend_due(&self) -> Option<Timestamp> {
        self.resend_due
    }

    /// Sends what is due again, under the same id.
    #[inline]
    pub fn resend_due_orders(&mut self, now: Timestamp, commands: &mut Vec<Command>) {
        if self.resend_due.is_none_or(|due| due > now) {
            return;
        }
        for open in self.open.values_mut() {
            if open.resend_at.is_some_and(|at| at <= now) {
                open.resend_at = None;
                commands.push(Command::Submit(open.order));
            }
        }
        self.update_resend_due();
    }

    fn update_resend_due(&mut self) {
        self.resend_due = self.open.values().filter_map(|open| open.resend_at).min();
    }
}
