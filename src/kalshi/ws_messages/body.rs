//! What the messages of each channel say, in the domain's integers.
//!
//! Only fields that something here reads are decoded; the rest, and whatever the exchange adds, is
//! skipped. A field that may be absent is absent in its documentation too.

use std::fmt;
use std::sync::Arc;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer};

use crate::domain::{Contracts, Money, Price, SettlementValue, Side, Timestamp};
use crate::kalshi::number::{self, Levels};

/// The whole book of one market: bids for YES and bids for NO, each at prices of its own side.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct BookSnapshot {
    /// Ticker of the market whose book this is.
    #[serde(rename = "market_ticker", deserialize_with = "name")]
    pub ticker: Arc<str>,
    /// The market's clock; everything up to it is contained.
    #[serde(default)]
    pub clock: Option<u64>,
    /// Bids for YES. The exchange leaves out a side that is empty.
    #[serde(rename = "yes_dollars_fp", default, deserialize_with = "number::levels")]
    pub yes: Levels,
    /// Bids for NO, at prices of NO; empty if the exchange leaves the side out. In the JSON they are at prices of YES,
    /// since the subscription asks for `use_yes_price`.
    #[serde(rename = "no_dollars_fp", default, deserialize_with = "no_levels")]
    pub no: Levels,
}

/// A change of one level of a book.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "BookDeltaBody")]
pub struct BookDelta {
    /// Ticker of the market whose book changed.
    pub ticker: Arc<str>,
    /// The market's clock; several changes may share one.
    pub clock: Option<u64>,
    /// Side whose bids the level belongs to, YES or NO.
    pub side: Side,
    /// The level, a price of that side. In the JSON it is a price of YES on either side, since the subscription asks
    /// for `use_yes_price`.
    pub price: Price,
    /// Contracts added to the level; negative where they were taken or withdrawn.
    pub change: Contracts,
    /// When it changed: `ts_ms`, Unix milliseconds by the exchange's clock; `None` if not sent.
    pub at: Option<Timestamp>,
}

/// A delta as it is sent.
#[derive(Deserialize)]
struct BookDeltaBody {
    #[serde(deserialize_with = "name")]
    market_ticker: Arc<str>,
    #[serde(default)]
    clock: Option<u64>,
    side: Side,
    #[serde(deserialize_with = "number::price")]
    price_dollars: Price,
    #[serde(deserialize_with = "number::contracts")]
    delta_fp: Contracts,
    #[serde(default, deserialize_with = "number::optional_millis")]
    ts_ms: Option<Timestamp>,
}

impl From<BookDeltaBody> for BookDelta {
    fn from(body: BookDeltaBody) -> Self {
        let BookDeltaBody { market_ticker: ticker, clock, side, price_dollars, delta_fp: change, ts_ms: at } =
            body;
        let price = match side {
            Side::Yes => price_dollars,
            Side::No => price_dollars.complement(),
        };
        Self { ticker, clock, side, price, change, at }
    }
}

/// A message of the order book channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BookFrame {
    /// All levels of a market's book, to replace what was known of it.
    Snapshot(BookSnapshot),
    /// A change of one level, to be applied to the book.
    Delta(BookDelta),
}

impl BookFrame {
    /// Returns the ticker of the market the message is about.
    #[must_use]
    pub const fn ticker(&self) -> &Arc<str> {
        match self {
            Self::Snapshot(snapshot) => &snapshot.ticker,
            Self::Delta(delta) => &delta.ticker,
        }
    }

    /// Returns the market's clock, which orders snapshots and deltas; `None` if not sent.
    #[must_use]
    pub const fn market_clock(&self) -> Option<u64> {
        match self {
            Self::Snapshot(snapshot) => snapshot.clock,
            Self::Delta(delta) => delta.clock,
        }
    }

    /// Returns when a delta happened by the exchange's clock; `None` for a snapshot, or if not sent.
    #[must_use]
    pub const fn exchange_time(&self) -> Option<Timestamp> {
        match self {
            Self::Snapshot(_) => None,
            Self::Delta(delta) => delta.at,
        }
    }
}

/// The best prices of a market and what traded in it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Ticker {
    /// Ticker of the market the prices are of.
    #[serde(rename = "market_ticker", deserialize_with = "name")]
    pub ticker: Arc<str>,
    /// Price of the last trade; `None` = never traded.
    #[serde(rename = "price_dollars", deserialize_with = "quoted_price")]
    pub last: Option<Price>,
    /// Best YES bid; `None` = nobody bids.
    #[serde(rename = "yes_bid_dollars", deserialize_with = "quoted_price")]
    pub bid: Option<Price>,
    /// Best YES ask; `None` = nobody offers.
    #[serde(rename = "yes_ask_dollars", deserialize_with = "quoted_price")]
    pub ask: Option<Price>,
    /// Contracts that rest at the best YES bid.
    #[serde(rename = "yes_bid_size_fp", deserialize_with = "number::contracts")]
    pub bid_size: Contracts,
    /// Contracts on offer at the best YES ask.
    #[serde(rename = "yes_ask_size_fp", deserialize_with = "number::contracts")]
    pub ask_size: Contracts,
    /// Contracts traded in the market's life.
    #[serde(rename = "volume_fp", deserialize_with = "number::contracts")]
    pub volume: Contracts,
    /// Open interest: contracts that members hold at present.
    #[serde(rename = "open_interest_fp", deserialize_with = "number::contracts")]
    pub open_interest: Contracts,
    /// When this was so: `ts_ms`, Unix milliseconds by the exchange's clock.
    #[serde(rename = "ts_ms", deserialize_with = "number::millis")]
    pub at: Timestamp,
    /// The midpoint where a data set knows nothing else. Only our own stand-in sends it.
    #[serde(rename = "mid_dollars", default, deserialize_with = "number::optional_price")]
    pub mid: Option<Price>,
}

/// A public trade between any two members, from the channel `trade`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct TradeMessage {
    /// Identifier the exchange gave the trade, a UUID (JSON `trade_id`).
    #[serde(rename = "trade_id")]
    pub id: String,
    /// Ticker of the market it happened in.
    #[serde(rename = "market_ticker", deserialize_with = "name")]
    pub ticker: Arc<str>,
    /// Price of one contract, as a price of YES; NO traded at `1 − price`.
    #[serde(rename = "yes_price_dollars", deserialize_with = "number::price")]
    pub yes_price: Price,
    /// Contracts that changed hands, in hundredths of a contract.
    #[serde(rename = "count_fp", deserialize_with = "number::contracts")]
    pub contracts: Contracts,
    /// What the taker gained by it: YES by buying YES or selling NO.
    #[serde(rename = "taker_outcome_side")]
    pub taker: Side,
    /// Whether it was agreed outside the book.
    #[serde(rename = "is_block_trade")]
    pub block: bool,
    /// When it happened: `ts_ms`, Unix milliseconds by the exchange's clock.
    #[serde(rename = "ts_ms", deserialize_with = "number::millis")]
    pub at: Timestamp,
}

/// A trade of one of our orders.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct FillMessage {
    /// The exchange's name of the trade; one trade counts once.
    pub trade_id: String,
    /// The exchange's name of the order.
    pub order_id: String,
    /// Our name of the order; orders placed by hand may have none.
    #[serde(default)]
    pub client_order_id: Option<String>,
    /// Ticker of the market it happened in.
    #[serde(rename = "market_ticker", deserialize_with = "name")]
    pub ticker: Arc<str>,
    /// Whether our order was the taker; if not, it was the resting order, the maker.
    pub is_taker: bool,
    /// What we gained by it: YES by buying YES or selling NO.
    pub outcome_side: Side,
    /// Price of one contract, as a price of YES; NO traded at `1 − price`.
    #[serde(rename = "yes_price_dollars", deserialize_with = "number::price")]
    pub yes_price: Price,
    /// Contracts traded in this fill, in hundredths of a contract.
    #[serde(rename = "count_fp", deserialize_with = "number::contracts")]
    pub contracts: Contracts,
    /// Fee we were charged for this fill (JSON `fee_cost`, dollars as text).
    #[serde(rename = "fee_cost", deserialize_with = "number::money")]
    pub fee: Money,
    /// Our position after it: positive YES, negative NO.
    #[serde(rename = "post_position_fp", deserialize_with = "number::contracts")]
    pub position: Contracts,
    /// When it happened: `ts_ms`, Unix milliseconds by the exchange's clock.
    #[serde(rename = "ts_ms", deserialize_with = "number::millis")]
    pub at: Timestamp,
}

/// Where an order of ours is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UserOrderStatus {
    /// What is left of it rests in the order book.
    Resting,
    /// Cancelled before it was filled completely; part of it may be filled.
    Canceled,
    /// Filled completely, so that nothing of it rests any more.
    Executed,
    /// The exchange sent `unknown`: the message says nothing about the order's state.
    Unknown,
}

/// An order of ours after a change.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct UserOrder {
    /// Identifier the exchange gave the order, a UUID.
    pub order_id: String,
    /// Client order id, the name we gave the order; empty if it was not placed by a program.
    pub client_order_id: String,
    /// Ticker of the market the order is in.
    #[serde(deserialize_with = "name")]
    pub ticker: Arc<str>,
    /// Whether it rests, was cancelled or was filled.
    pub status: UserOrderStatus,
    /// What it would gain: YES by buying YES or selling NO.
    pub outcome_side: Side,
    /// Limit of the order, as a price of YES even if it is for NO.
    #[serde(rename = "yes_price_dollars", deserialize_with = "number::price")]
    pub yes_price: Price,
    /// Contracts it is for in all, filled ones included.
    #[serde(rename = "initial_count_fp", deserialize_with = "number::contracts")]
    pub initial: Contracts,
    /// Contracts filled so far, as taker and as maker together.
    #[serde(rename = "fill_count_fp", deserialize_with = "number::contracts")]
    pub filled: Contracts,
    /// Contracts still resting in the book; zero once it is cancelled or filled.
    #[serde(rename = "remaining_count_fp", deserialize_with = "number::contracts")]
    pub remaining: Contracts,
    /// Fees of the trades in which it took.
    #[serde(rename = "taker_fees_dollars", deserialize_with = "number::money")]
    pub taker_fees: Money,
    /// Fees of the trades in which it rested.
    #[serde(rename = "maker_fees_dollars", deserialize_with = "number::money")]
    pub maker_fees: Money,
    /// Identifier of the order group that limits it; `None` if it is in none.
    #[serde(default)]
    pub order_group_id: Option<String>,
    /// Why it changed, in the exchange's words: `Trade`, `CloseCancel`, `HaltCancel`, …; `None` if not sent.
    #[serde(rename = "last_update_reason", default)]
    pub reason: Option<String>,
    /// When it changed, in Unix milliseconds by the exchange's clock; `None` if not sent.
    #[serde(rename = "last_updated_ts_ms", default, deserialize_with = "number::optional_millis")]
    pub at: Option<Timestamp>,
}

/// A position of ours after a change.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct PositionMessage {
    /// Ticker of the market the position is in.
    #[serde(rename = "market_ticker", deserialize_with = "name")]
    pub ticker: Arc<str>,
    /// Contracts we hold after the change: positive YES, negative NO, zero none.
    #[serde(rename = "position_fp", deserialize_with = "number::contracts")]
    pub position: Contracts,
    /// What the contracts held cost us, without fees (JSON `position_cost_dollars`).
    #[serde(rename = "position_cost_dollars", deserialize_with = "number::money")]
    pub cost: Money,
    /// Profit and loss of what was closed.
    #[serde(rename = "realized_pnl_dollars", deserialize_with = "number::money")]
    pub realized: Money,
    /// All fees paid in this market.
    #[serde(rename = "fees_paid_dollars", deserialize_with = "number::money")]
    pub fees_paid: Money,
}

/// A turn in the life of a market.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lifecycle {
    /// Ticker of the market the turn happened to.
    pub ticker: Arc<str>,
    /// What happened, from `event_type` and the fields that go with it.
    pub turn: Turn,
}

/// What can happen to a market. Opening and closing on time are not announced. Only what the client acts upon is
/// read: the stream tells of every market of the exchange, and details that are missing are read by REST.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Turn {
    /// The exchange listed it.
    Created {
        /// Ticker of the event it belongs to; `None` if the message does not say.
        event: Option<Arc<str>>,
    },
    /// It came back after a halt; its resting orders are gone.
    Activated,
    /// The exchange halted trading in it; it may come back.
    Deactivated,
    /// Its close moved, earlier or later.
    CloseDateUpdated {
        /// Last moment of trading from now on, from `close_ts` in Unix seconds.
        close: Timestamp,
    },
    /// Its result is known; what it pays is not paid out yet.
    Determined {
        /// What one YES contract will pay; `None` if that is not said, or cannot be read: less than $0, more than
        /// $1, or finer than $0.000001.
        value: Option<SettlementValue>,
    },
    /// It was settled: the value it was determined to have was paid out.
    Settled,
    /// Its definition changed (price grid, strike, texts), or something that cannot be read happened to it: it has
    /// to be read again.
    Redefined,
}

/// An event that the exchange has listed, from a message of type `event_lifecycle`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct EventLifecycle {
    /// Ticker of the event, never empty: `KXHIGHNY-26NOV21`.
    #[serde(deserialize_with = "name")]
    pub event_ticker: Arc<str>,
    /// Ticker of the series the event belongs to: `KXHIGHNY`.
    #[serde(deserialize_with = "name")]
    pub series_ticker: Arc<str>,
}

/// The fees of one event changed. Which fees hold is read by REST, like those of its series.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct EventFeeUpdate {
    /// Ticker of the event whose fees changed.
    #[serde(deserialize_with = "name")]
    pub event_ticker: Arc<str>,
}

/// The clock of our own stand-in for the exchange, after all messages up to that moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct SandboxClockMessage {
    /// Time on the sandbox's clock, from `now_ts_ms` in Unix milliseconds.
    #[serde(rename = "now_ts_ms", deserialize_with = "number::millis")]
    pub now: Timestamp,
    /// Whether nothing can happen any more.
    pub end: bool,
}

struct Name;

impl Visitor<'_> for Name {
    type Value = Arc<str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name as a string")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Arc<str>, E> {
        if text.is_empty() { Err(E::custom("an empty name")) } else { Ok(text.into()) }
    }
}

/// A ticker; unlike serde's own way to an `Arc<str>` without a copy in between.
pub(super) fn name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Arc<str>, D::Error> {
    deserializer.deserialize_str(Name)
}

/// A price that somebody asks or paid: the exchange writes $0 or $1 where nobody does.
fn quoted_price<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Price>, D::Error> {
    let price = number::price(deserializer)?;
    Ok((price != Price::ZERO && price != Price::ONE).then_some(price))
}

/// Reads the bids for NO, which the subscription asks for at prices of YES, as prices of NO.
fn no_levels<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Levels, D::Error> {
    let levels = number::levels(deserializer)?;
    Ok(levels.into_iter().map(|(price, contracts)| (price.complement(), contracts)).collect())
}
