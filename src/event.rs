//! Everything that can happen to the desk, and everything it can ask for.
//!
//! A run is a sequence of [`Stamped`] [`Input`]s. What the desk does is a function of them alone.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::domain::{
    Contracts, Depth, Fact, FeeSchedule, Market, MarketId, MarketStatus, Money, Order, OrderId, Price, Quote,
    SeriesId, SettlementValue, StrategyId, Timestamp,
};

/// A value with the moment it reached us. Inputs also get their place in the run, their sequence number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamped<T> {
    /// When it reached the desk, in nanoseconds UTC: the only time the desk knows.
    pub at: Timestamp,
    /// What reached it at that moment, such as an [`Input`].
    pub value: T,
}

/// What can happen to the desk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// Public market data: a listing, quote, change of status or settlement.
    Market(MarketEvent),
    /// A figure, forecast or calendar entry became public, such as a CPI print.
    Fact(Fact),
    /// The exchange answered about one of our orders.
    Venue(VenueEvent),
    /// An instruction of the owner or the session: a halt, its end, or other settings.
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
        /// Market whose book has these levels.
        market: MarketId,
        /// Levels from the second on, in YES prices; the best ones are in the quote.
        depth: Arc<Depth>,
    },
    /// A new snapshot of its best prices, last trade and volume; it may confirm the previous one unchanged.
    Quote {
        /// Market whose top of the book this is.
        market: MarketId,
        /// The new top of the book, which replaces the previous quote entirely.
        quote: Quote,
    },
    /// Its last quote no longer holds: messages were lost, the book is stale, or trading pauses. The next quote mends it.
    Gap {
        /// Market whose last quote no longer holds.
        market: MarketId,
    },
    /// It was halted, resumed or closed.
    Status {
        /// Market that changed its trading status.
        market: MarketId,
        /// Trading status that holds from this moment on.
        status: MarketStatus,
    },
    /// Its close moved, earlier or later.
    CloseTime {
        /// Market whose end of trading was moved.
        market: MarketId,
        /// New end of trading, in place of the listing's `close_time`.
        close: Timestamp,
    },
    /// The fees of a series changed, as a data set tells it; a live session lists its markets anew instead.
    Fees {
        /// Series whose markets all get the new schedule.
        series: SeriesId,
        /// Fee schedule that holds from this moment on.
        fees: FeeSchedule,
    },
    /// Its contracts were paid out, so that positions in it became cash.
    Settled {
        /// Market that settled, which ends its life.
        market: MarketId,
        /// What one YES contract paid; $1, $0, or between for a scalar settlement.
        value: SettlementValue,
    },
}

/// What the exchange says of one of our orders.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "venue", rename_all = "snake_case")]
pub enum VenueEvent {
    /// The order is in the exchange's hands.
    Accepted {
        /// Our number of the order that was accepted.
        order: OrderId,
        /// The exchange's own name for it, if it has one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        venue_id: Option<Arc<str>>,
    },
    /// Part or all of it traded.
    Filled(Fill),
    /// What was left of it is gone.
    Closed {
        /// Our number of the order that left the book.
        order: OrderId,
        /// Why the unfilled rest is gone; an order that filled completely gets no `Closed`.
        reason: CloseReason,
    },
    /// The order was not placed: no part of it rested or traded.
    Rejected {
        /// Our number of the order that was not placed.
        order: OrderId,
        /// Why it was not placed; only after [`RejectReason::Busy`] is it worth sending again.
        reason: RejectReason,
    },
    /// It says something of our account that no order of ours explains.
    Unexplained {
        /// What does not fit, in words for people; kept in the ledger and the reason of the halt that
        /// follows.
        detail: String,
    },
}

/// One trade of one of our orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fill {
    /// Our number of the order that traded.
    pub order: OrderId,
    /// Number of the trade, live a hash of the exchange's `trade_id`, simulated a counter; one trade counts
    /// once.
    pub trade: u64,
    /// Price of one contract, as a price of the order's side and not always of YES.
    pub price: Price,
    /// Contracts in this trade, in hundredths of a contract; may be fewer than ordered.
    pub contracts: Contracts,
    /// Fee charged for this trade, not included in `price`; simulated, after any rebate of rounding.
    pub fee: Money,
    /// Whether our order took a resting one; `false` if ours was the resting one.
    pub taker: bool,
}

/// Why an order left the book before it was filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CloseReason {
    /// An immediate-or-cancel order found nothing more on offer within its limit.
    NothingOnOffer,
    /// A resting order was cancelled at our request.
    Cancelled,
    /// The market closed or settled while the order rested (`CloseCancel` at the exchange).
    MarketClosed,
    /// The market was halted (`HaltCancel` at the exchange); simulated, it is cancelled when trading
    /// resumes.
    MarketHalted,
    /// The exchange cancelled it for another reason, or a paper run was restarted and lost it.
    ByExchange,
}

/// Why an order was not placed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RejectReason {
    /// The market is halted, closed, settled or unknown to the exchange.
    MarketNotTrading,
    /// Post-only, and it would have traded at once.
    WouldTake,
    /// The price is not on the market's grid.
    InvalidPrice,
    /// The account cannot pay for it (`insufficient_balance` at the exchange).
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
    /// The owner stops new positions, for every strategy, until a [`Control::Resume`].
    Halt {
        /// Why trading stops, in words for people; kept in the ledger.
        reason: String,
    },
    /// No new positions, for any strategy: the session with the exchange met something that it does not
    /// understand, or that says it is not who it should be.
    SessionHalt {
        /// What the session met, in words for people; kept in the ledger.
        reason: String,
    },
    /// Lift the halt of one strategy, or of all trading.
    Resume {
        /// `None` lifts the halt of all trading.
        strategy: Option<StrategyId>,
        /// Why trading may go on, in words for people; kept in the ledger.
        reason: String,
    },
    /// The account holds something in a market that is not ours: nothing is opened there.
    Unmanaged {
        /// Market in which nothing is opened from now on.
        market: MarketId,
        /// What the account holds there that our orders did not buy, in words for people.
        reason: String,
    },
    /// The session cannot understand a market: nothing is opened there until it is cleared. The desk's other
    /// markets go on.
    SetAside {
        /// Ticker of the market.
        ticker: Arc<str>,
        /// Its number; `None` if it was never listed, since it could not be read.
        market: Option<MarketId>,
        /// What cannot be understood, in words for people; kept in the ledger.
        reason: String,
    },
    /// A market that was set aside can be understood again, or was paid out.
    SetAsideCleared {
        /// Ticker of the market.
        ticker: Arc<str>,
        /// Its number; `None` if it was never listed.
        market: Option<MarketId>,
    },
    /// From here on other settings hold: those of a scenario, as resolved.
    Refit {
        /// The resolved scenario as TOML, from which settings and strategies are made anew.
        scenario: Arc<str>,
    },
}

/// What the desk asks of the exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum Command {
    /// Place a limit order; the answer is `Accepted` or `Rejected`.
    Submit(Order),
    /// Take back what is left of one.
    Cancel {
        /// Our number of the order to cancel.
        order: OrderId,
        /// Market whose book the order is in.
        market: MarketId,
    },
}
