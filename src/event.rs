//! Everything that can happen to the desk, and everything it can ask for.
//!
//! A run is a sequence of [`Stamped`] [`Input`]s. What the desk does is a function of them alone.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::domain::{
    Contracts, Depth, Fact, FeeSchedule, Market, MarketId, MarketStatus, Money, Order, OrderId, Price, Quote,
    SeriesId, StrategyId, Timestamp,
};

/// A value with the moment it reached us. Inputs also get their place in the run, their sequence number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamped<T> {
    /// When it reached us.
    pub at: Timestamp,
    /// What.
    pub value: T,
}

/// What can happen to the desk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// The market moved.
    Market(MarketEvent),
    /// Something became public.
    Fact(Fact),
    /// The exchange answered about one of our orders.
    Venue(VenueEvent),
    /// The owner or the session steered.
    Control(Control),
    /// A moment the desk asked to be woken at.
    Wake,
}

/// What the exchange says of a market.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "market_event", rename_all = "snake_case")]
pub enum MarketEvent {
    /// A market became known, or its definition changed.
    Listed(Arc<Market>),
    /// What stands behind the best prices of its next quote, which has the same moment. Only a simulated
    /// exchange uses it.
    Depth {
        /// The market.
        market: MarketId,
        /// Its further levels.
        depth: Arc<Depth>,
    },
    /// Its best prices changed.
    Quote {
        /// The market.
        market: MarketId,
        /// The new top of the book.
        quote: Quote,
    },
    /// Its book can no longer be relied on (a gap); the next quote mends it.
    Gap {
        /// The market.
        market: MarketId,
    },
    /// It was halted, resumed or closed.
    Status {
        /// The market.
        market: MarketId,
        /// Its new status.
        status: MarketStatus,
    },
    /// Its close moved, earlier or later.
    CloseTime {
        /// The market.
        market: MarketId,
        /// The new close.
        close: Timestamp,
    },
    /// The fees of a series changed.
    Fees {
        /// The series.
        series: SeriesId,
        /// Valid from now on.
        fees: FeeSchedule,
    },
    /// It was paid out.
    Settled {
        /// The market.
        market: MarketId,
        /// What one YES contract paid; $1, $0, or between for a scalar settlement.
        value: Price,
    },
}

/// What the exchange says of one of our orders.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "venue", rename_all = "snake_case")]
pub enum VenueEvent {
    /// The order is in the exchange's hands.
    Accepted {
        /// The order.
        order: OrderId,
        /// The exchange's own name for it, if it has one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        venue_id: Option<Arc<str>>,
    },
    /// Part or all of it traded.
    Filled(Fill),
    /// What was left of it is gone.
    Closed {
        /// The order.
        order: OrderId,
        /// Why.
        reason: CloseReason,
    },
    /// It was never placed.
    Rejected {
        /// The order.
        order: OrderId,
        /// The exchange's reason.
        reason: RejectReason,
    },
    /// It says something of our account that no order of ours explains.
    Unexplained {
        /// In words.
        detail: String,
    },
}

/// One trade of one of our orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fill {
    /// The order.
    pub order: OrderId,
    /// The exchange's number of the trade; one trade counts once.
    pub trade: u64,
    /// Price of the order's side.
    pub price: Price,
    /// How many.
    pub contracts: Contracts,
    /// Fee charged.
    pub fee: Money,
    /// Whether we took.
    pub taker: bool,
}

/// Why an order left the book before it was filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CloseReason {
    /// Immediate-or-cancel: nothing more was on offer.
    NothingOnOffer,
    /// We cancelled it.
    Cancelled,
    /// The market closed.
    MarketClosed,
    /// The market was halted and came back.
    MarketHalted,
    /// The exchange took it back for another reason.
    ByExchange,
}

/// Why an order was not placed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RejectReason {
    /// The market is halted, closed or settled.
    MarketNotTrading,
    /// Post-only, and it would have traded at once.
    WouldTake,
    /// The price is not on the market's grid.
    InvalidPrice,
    /// The account cannot pay for it.
    InsufficientFunds,
    /// The exchange refuses it for another reason.
    Refused,
    /// It never reached the exchange and will not be sent again.
    NeverSent,
    /// The exchange was busy or away and certainly did not place it; worth sending again.
    Busy,
}

/// What a running desk is told by its owner, or by its session with the exchange.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "control", rename_all = "snake_case")]
pub enum Control {
    /// No new positions, for any strategy.
    Halt {
        /// Kept in the ledger.
        reason: String,
    },
    /// No new positions, for any strategy: the session with the exchange met something that it does not
    /// understand, or that says it is not who it should be.
    SessionHalt {
        /// Kept in the ledger.
        reason: String,
    },
    /// Lift the halt of one strategy, or of all trading.
    Resume {
        /// `None` lifts the halt of all trading.
        strategy: Option<StrategyId>,
        /// Kept in the ledger.
        reason: String,
    },
    /// The account holds something in a market that is not ours: nothing is opened there.
    Unmanaged {
        /// The market.
        market: MarketId,
        /// What was found.
        reason: String,
    },
    /// From here on other settings hold: those of a scenario, as resolved.
    Refit {
        /// The scenario as TOML.
        scenario: Arc<str>,
    },
}

/// What the desk asks of the exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum Command {
    /// Place an order.
    Submit(Order),
    /// Take back what is left of one.
    Cancel {
        /// The order.
        order: OrderId,
        /// Its market.
        market: MarketId,
    },
}
