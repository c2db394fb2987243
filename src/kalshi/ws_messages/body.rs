//! What the messages of each channel say, in the domain's integers.
//!
//! Only fields that something here reads are decoded; the rest, and whatever the exchange adds, is
//! skipped. A field that may be absent is absent in its documentation too.

use std::fmt;
use std::sync::Arc;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer};

use crate::domain::price::Band;
use crate::domain::{Contracts, Decimal6, FeeType, Money, Price, PriceGrid, Side, Timestamp};
use crate::kalshi::number::{self, Levels};

/// The whole book of one market: bids for YES and bids for NO, each at prices of its own side.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct BookSnapshot {
    /// The market.
    #[serde(rename = "market_ticker", deserialize_with = "name")]
    pub ticker: Arc<str>,
    /// The market's clock; everything up to it is contained.
    #[serde(default)]
    pub clock: Option<u64>,
    /// Bids for YES. The exchange leaves out a side that is empty.
    #[serde(rename = "yes_dollars_fp", default, deserialize_with = "number::levels")]
    pub yes: Levels,
    /// Bids for NO.
    #[serde(rename = "no_dollars_fp", default, deserialize_with = "number::levels")]
    pub no: Levels,
}

/// A change of one level of a book.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct BookDelta {
    /// The market.
    #[serde(rename = "market_ticker", deserialize_with = "name")]
    pub ticker: Arc<str>,
    /// The market's clock; several changes may share one.
    #[serde(default)]
    pub clock: Option<u64>,
    /// Whose bids.
    pub side: Side,
    /// The level, a price of that side.
    #[serde(rename = "price_dollars", deserialize_with = "number::price")]
    pub price: Price,
    /// How much more, or less.
    #[serde(rename = "delta_fp", deserialize_with = "number::contracts")]
    pub change: Contracts,
    /// When, by the exchange's clock.
    #[serde(rename = "ts_ms", default, deserialize_with = "number::optional_millis")]
    pub at: Option<Timestamp>,
}

/// A message of the order book channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BookFrame {
    /// The whole book.
    Snapshot(BookSnapshot),
    /// A change of it.
    Delta(BookDelta),
}

impl BookFrame {
    /// The market.
    #[must_use]
    pub const fn ticker(&self) -> &Arc<str> {
        match self {
            Self::Snapshot(snapshot) => &snapshot.ticker,
            Self::Delta(delta) => &delta.ticker,
        }
    }

    /// The market's clock, if sent.
    #[must_use]
    pub const fn clock(&self) -> Option<u64> {
        match self {
            Self::Snapshot(snapshot) => snapshot.clock,
            Self::Delta(delta) => delta.clock,
        }
    }

    /// When, by the exchange's clock, if sent.
    #[must_use]
    pub const fn at(&self) -> Option<Timestamp> {
        match self {
            Self::Snapshot(_) => None,
            Self::Delta(delta) => delta.at,
        }
    }
}

/// The best prices of a market and what traded in it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Ticker {
    /// The market.
    #[serde(rename = "market_ticker", deserialize_with = "name")]
    pub ticker: Arc<str>,
    /// Price of the last trade; `None` = never traded.
    #[serde(rename = "price_dollars", deserialize_with = "priced")]
    pub last: Option<Price>,
    /// Best YES bid; `None` = nobody bids.
    #[serde(rename = "yes_bid_dollars", deserialize_with = "priced")]
    pub bid: Option<Price>,
    /// Best YES ask; `None` = nobody offers.
    #[serde(rename = "yes_ask_dollars", deserialize_with = "priced")]
    pub ask: Option<Price>,
    /// Contracts at the bid.
    #[serde(rename = "yes_bid_size_fp", deserialize_with = "number::contracts")]
    pub bid_size: Contracts,
    /// Contracts at the ask.
    #[serde(rename = "yes_ask_size_fp", deserialize_with = "number::contracts")]
    pub ask_size: Contracts,
    /// Contracts traded in the market's life.
    #[serde(rename = "volume_fp", deserialize_with = "number::contracts")]
    pub volume: Contracts,
    /// Contracts held by somebody.
    #[serde(rename = "open_interest_fp", deserialize_with = "number::contracts")]
    pub open_interest: Contracts,
    /// When, by the exchange's clock.
    #[serde(rename = "ts_ms", deserialize_with = "number::millis")]
    pub at: Timestamp,
    /// The midpoint where a data set knows nothing else. Only our own stand-in sends it.
    #[serde(rename = "mid_dollars", default, deserialize_with = "number::optional_price")]
    pub mid: Option<Price>,
}

/// A trade of anybody's.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct TradeMessage {
    /// The exchange's name of it.
    #[serde(rename = "trade_id")]
    pub id: String,
    /// The market.
    #[serde(rename = "market_ticker", deserialize_with = "name")]
    pub ticker: Arc<str>,
    /// Its price, of YES.
    #[serde(rename = "yes_price_dollars", deserialize_with = "number::price")]
    pub yes_price: Price,
    /// How many.
    #[serde(rename = "count_fp", deserialize_with = "number::contracts")]
    pub contracts: Contracts,
    /// What the taker gained by it: YES by buying YES or selling NO.
    #[serde(rename = "taker_outcome_side")]
    pub taker: Side,
    /// Whether it was agreed outside the book.
    #[serde(rename = "is_block_trade")]
    pub block: bool,
    /// When, by the exchange's clock.
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
    /// The market.
    #[serde(rename = "market_ticker", deserialize_with = "name")]
    pub ticker: Arc<str>,
    /// Whether we took.
    pub is_taker: bool,
    /// What we gained by it: YES by buying YES or selling NO.
    pub outcome_side: Side,
    /// Its price, of YES.
    #[serde(rename = "yes_price_dollars", deserialize_with = "number::price")]
    pub yes_price: Price,
    /// How many.
    #[serde(rename = "count_fp", deserialize_with = "number::contracts")]
    pub contracts: Contracts,
    /// Fee charged.
    #[serde(rename = "fee_cost", deserialize_with = "number::money")]
    pub fee: Money,
    /// Our position after it: positive YES, negative NO.
    #[serde(rename = "post_position_fp", deserialize_with = "number::contracts")]
    pub position: Contracts,
    /// When, by the exchange's clock.
    #[serde(rename = "ts_ms", deserialize_with = "number::millis")]
    pub at: Timestamp,
}

/// Where an order of ours is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UserOrderStatus {
    /// In the book.
    Resting,
    /// Gone before it was filled.
    Canceled,
    /// Filled.
    Executed,
    /// The exchange does not know.
    Unknown,
}

/// An order of ours after a change.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct UserOrder {
    /// The exchange's name of it.
    pub order_id: String,
    /// Our name of it.
    pub client_order_id: String,
    /// The market.
    #[serde(deserialize_with = "name")]
    pub ticker: Arc<str>,
    /// Where it is in its life.
    pub status: UserOrderStatus,
    /// What it would gain: YES by buying YES or selling NO.
    pub outcome_side: Side,
    /// Its limit, of YES.
    #[serde(rename = "yes_price_dollars", deserialize_with = "number::price")]
    pub yes_price: Price,
    /// How many it asked for.
    #[serde(rename = "initial_count_fp", deserialize_with = "number::contracts")]
    pub initial: Contracts,
    /// How many it got.
    #[serde(rename = "fill_count_fp", deserialize_with = "number::contracts")]
    pub filled: Contracts,
    /// How many still rest.
    #[serde(rename = "remaining_count_fp", deserialize_with = "number::contracts")]
    pub remaining: Contracts,
    /// Fees of the trades in which it took.
    #[serde(rename = "taker_fees_dollars", deserialize_with = "number::money")]
    pub taker_fees: Money,
    /// Fees of the trades in which it rested.
    #[serde(rename = "maker_fees_dollars", deserialize_with = "number::money")]
    pub maker_fees: Money,
    /// The group it belongs to.
    #[serde(default)]
    pub order_group_id: Option<String>,
    /// Why it changed, in the exchange's words: `TradeMessage`, `CloseCancel`, `HaltCancel`, …
    #[serde(rename = "last_update_reason", default)]
    pub reason: Option<String>,
    /// When, by the exchange's clock.
    #[serde(rename = "last_updated_ts_ms", default, deserialize_with = "number::optional_millis")]
    pub at: Option<Timestamp>,
}

/// A position of ours after a change.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct PositionMessage {
    /// The market.
    #[serde(rename = "market_ticker", deserialize_with = "name")]
    pub ticker: Arc<str>,
    /// Contracts: positive YES, negative NO.
    #[serde(rename = "position_fp", deserialize_with = "number::contracts")]
    pub position: Contracts,
    /// What it cost, without fees.
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
    /// The market.
    pub ticker: Arc<str>,
    /// Which.
    pub turn: Turn,
}

/// How a market was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutcomeMessage {
    /// YES pays $1.
    Yes,
    /// NO pays $1.
    No,
    /// YES pays the settlement value.
    Scalar,
}

/// What can happen to a market. Opening and closing on time are not announced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Turn {
    /// It was listed.
    Created(CreatedMarket),
    /// It came back after a halt; its resting orders are gone.
    Activated,
    /// It was halted.
    Deactivated,
    /// Its close moved, earlier or later.
    CloseDateUpdated {
        /// The new close.
        close: Timestamp,
    },
    /// Its result is known.
    Determined {
        /// Since when.
        at: Timestamp,
        /// The result.
        outcome: OutcomeMessage,
        /// What one YES contract will pay.
        value: Price,
    },
    /// It was paid out.
    Settled {
        /// When.
        at: Timestamp,
    },
    /// It is quoted on another grid; resting orders stay.
    PriceLevels(PriceGrid),
    /// Its strike or its texts changed: read it again.
    Metadata,
}

/// A market that was listed. Everything else about it is read by REST.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct CreatedMarket {
    /// First moment of trading.
    #[serde(rename = "open_ts", deserialize_with = "number::seconds")]
    pub open: Timestamp,
    /// Last moment of trading.
    #[serde(rename = "close_ts", deserialize_with = "number::seconds")]
    pub close: Timestamp,
    /// Valid prices.
    #[serde(rename = "price_ranges", deserialize_with = "grid")]
    pub grid: PriceGrid,
    /// Its texts and its event.
    #[serde(rename = "additional_metadata")]
    pub about: MarketMetadata,
}

/// Texts of a listed market, and the event it belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct MarketMetadata {
    /// The event.
    #[serde(deserialize_with = "name")]
    pub event_ticker: Arc<str>,
    /// The question.
    pub title: String,
}

/// An event that was listed.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct EventLifecycle {
    /// The event.
    #[serde(deserialize_with = "name")]
    pub event_ticker: Arc<str>,
    /// Its series.
    #[serde(deserialize_with = "name")]
    pub series_ticker: Arc<str>,
}

/// The fees of one event, where they are not those of its series.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct EventFeeUpdate {
    /// The event.
    #[serde(deserialize_with = "name")]
    pub event_ticker: Arc<str>,
    /// Its formula; `None` = that of the series.
    #[serde(rename = "fee_type_override", deserialize_with = "fee_type")]
    pub fee_type: Option<FeeType>,
    /// Its multiplier; `None` = that of the series.
    #[serde(rename = "fee_multiplier_override", deserialize_with = "number::optional_decimal")]
    pub multiplier: Option<Decimal6>,
}

/// The clock of our own stand-in for the exchange, after all messages up to that moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct SandboxClockMessage {
    /// Its present moment.
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
fn priced<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Price>, D::Error> {
    let price = number::price(deserializer)?;
    Ok((price != Price::ZERO && price != Price::ONE).then_some(price))
}

fn fee_type<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<FeeType>, D::Error> {
    let name = Option::<String>::deserialize(deserializer)?;
    let known = |name: String| {
        FeeType::from_name(&name).ok_or_else(|| D::Error::custom(format!("`{name}` is no known fee type")))
    };
    name.map(known).transpose()
}

/// The bands of a price grid.
pub(super) fn grid<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PriceGrid, D::Error> {
    #[derive(Deserialize)]
    struct PriceRangeMessage {
        #[serde(deserialize_with = "number::price")]
        start: Price,
        #[serde(deserialize_with = "number::price")]
        end: Price,
        #[serde(deserialize_with = "number::price")]
        step: Price,
    }
    let ranges = Vec::<PriceRangeMessage>::deserialize(deserializer)?;
    let band = |range: PriceRangeMessage| Band { start: range.start, end: range.end, step: range.step };
    PriceGrid::new(ranges.into_iter().map(band).collect()).map_err(D::Error::custom)
}
