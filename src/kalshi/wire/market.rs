//! Markets, their books and their trades.

use serde::{Deserialize, Deserializer};

use super::ApiBookSide;
use crate::domain::price::Band;
use crate::domain::{Contracts, Decimal6, MarketStatus, Money, Price, PriceGrid, Quote, Strike, Timestamp};
use crate::kalshi::number::{self, Levels};
use crate::kalshi::schema::SchemaError;

/// A market.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct ApiMarket {
    /// Its name.
    pub ticker: String,
    /// Its event's name.
    pub event_ticker: String,
    /// Whether it pays all or nothing.
    pub market_type: MarketType,
    /// The question; deprecated, so it may be absent.
    #[serde(default)]
    pub title: Option<String>,
    /// What YES means, for people.
    pub yes_sub_title: String,
    /// Where it is in its life.
    pub status: ApiMarketStatus,
    /// First moment of trading.
    #[serde(deserialize_with = "number::time")]
    pub open_time: Timestamp,
    /// Last moment of trading; it may be pulled in if [`can_close_early`](Self::can_close_early).
    #[serde(deserialize_with = "number::time")]
    pub close_time: Timestamp,
    /// The latest its result can come.
    #[serde(deserialize_with = "number::time")]
    pub latest_expiration_time: Timestamp,
    /// When it was paid out.
    #[serde(default, deserialize_with = "number::optional_time")]
    pub settlement_ts: Option<Timestamp>,
    /// Best YES bid; `None` if nobody bids.
    #[serde(rename = "yes_bid_dollars", deserialize_with = "quoted")]
    pub yes_bid: Option<Price>,
    /// Best YES ask; `None` if nobody asks.
    #[serde(rename = "yes_ask_dollars", deserialize_with = "quoted")]
    pub yes_ask: Option<Price>,
    /// Contracts at the bid.
    #[serde(rename = "yes_bid_size_fp", deserialize_with = "number::contracts")]
    pub yes_bid_size: Contracts,
    /// Contracts at the ask.
    #[serde(rename = "yes_ask_size_fp", deserialize_with = "number::contracts")]
    pub yes_ask_size: Contracts,
    /// Price of the last trade; `None` if it never traded.
    #[serde(rename = "last_price_dollars", deserialize_with = "quoted")]
    pub last: Option<Price>,
    /// Contracts traded in its life.
    #[serde(rename = "volume_fp", deserialize_with = "number::contracts")]
    pub volume: Contracts,
    /// Contracts held.
    #[serde(rename = "open_interest_fp", deserialize_with = "number::contracts")]
    pub open_interest: Contracts,
    /// How it ended; `None` until determined.
    #[serde(deserialize_with = "result")]
    pub result: Option<MarketResult>,
    /// What a YES contract pays, once determined.
    #[serde(rename = "settlement_value_dollars", default, deserialize_with = "number::optional_money")]
    pub settlement_value: Option<Money>,
    /// How the value asked about is compared; see [`strike`](Self::strike).
    #[serde(default)]
    pub strike_type: Option<String>,
    /// The lower bound of the comparison.
    #[serde(default, deserialize_with = "number::optional_decimal")]
    pub floor_strike: Option<Decimal6>,
    /// The upper bound of the comparison.
    #[serde(default, deserialize_with = "number::optional_decimal")]
    pub cap_strike: Option<Decimal6>,
    /// Valid prices.
    #[serde(rename = "price_ranges", deserialize_with = "price_grid")]
    pub grid: PriceGrid,
    /// The matching engine it trades on.
    #[serde(default)]
    pub exchange_index: Option<i64>,
    /// Until then no fee is charged.
    #[serde(rename = "fee_waiver_expiration_time", default, deserialize_with = "number::optional_time")]
    pub fee_waiver_until: Option<Timestamp>,
    /// Whether its close may be pulled in.
    pub can_close_early: bool,
    /// The midpoint of a quote of which nothing else was recorded. Only our sandbox sends it, when it
    /// plays back data that has nothing else.
    #[serde(rename = "mid_dollars", default, deserialize_with = "number::optional_price")]
    pub mid: Option<Price>,
}

impl ApiMarket {
    /// When it pays YES.
    ///
    /// # Errors
    /// When the bound that the comparison needs is not there.
    pub fn strike(&self) -> Result<Strike, SchemaError> {
        let kind = self.strike_type.as_deref().unwrap_or_default();
        let bound = |name: &str, value: Option<Decimal6>| {
            value.ok_or_else(|| SchemaError {
                endpoint: format!("market {}", self.ticker),
                problem: format!("{name} is missing, though strike_type is `{kind}`"),
            })
        };
        let floor = || bound("floor_strike", self.floor_strike);
        let cap = || bound("cap_strike", self.cap_strike);
        Ok(match kind {
            "greater" => Strike::Greater(floor()?),
            "greater_or_equal" => Strike::GreaterOrEqual(floor()?),
            "less" => Strike::Less(cap()?),
            "less_or_equal" => Strike::LessOrEqual(cap()?),
            "between" => Strike::Between(floor()?, cap()?),
            // Functional, custom, structured, and what may be invented: no model prices those.
            _ => Strike::Other,
        })
    }

    /// The top of its book; a side without contracts is empty.
    #[must_use]
    pub fn quote(&self) -> Quote {
        let bid = self.yes_bid.filter(|_| self.yes_bid_size.is_positive());
        let ask = self.yes_ask.filter(|_| self.yes_ask_size.is_positive());
        Quote {
            bid,
            ask,
            recorded_mid: self.mid,
            last: self.last,
            assumed: false,
            bid_size: bid.map(|_| self.yes_bid_size),
            ask_size: ask.map(|_| self.yes_ask_size),
            volume: Some(self.volume),
        }
    }

    /// [`settlement_value`](Self::settlement_value) as a price; `None` too if it is finer than $0.0001.
    #[must_use]
    pub fn settlement_price(&self) -> Option<Price> {
        let micros = self.settlement_value?.micros();
        if micros % 100 == 0 { Price::new(u16::try_from(micros / 100).ok()?) } else { None }
    }
}

/// Whether a market pays all or nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MarketType {
    /// $1 or $0.
    Binary,
    /// Anything between.
    Scalar,
}

/// Where a market is in its life, in the exchange's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApiMarketStatus {
    /// Before its opening.
    Initialized,
    /// Trading.
    Active,
    /// Halted; may come back.
    Inactive,
    /// Past its close, no result yet.
    Closed,
    /// The result is known; a timer runs.
    Determined,
    /// The result is challenged.
    Disputed,
    /// The result was changed.
    Amended,
    /// Paid out; final.
    Finalized,
}

impl ApiMarketStatus {
    /// The same in the domain's words. A market that has not opened is halted: it may come.
    #[must_use]
    pub const fn in_domain(self) -> MarketStatus {
        match self {
            Self::Active => MarketStatus::Active,
            Self::Initialized | Self::Inactive => MarketStatus::Halted,
            Self::Closed | Self::Determined | Self::Disputed | Self::Amended => MarketStatus::Closed,
            Self::Finalized => MarketStatus::Settled,
        }
    }
}

/// How a market ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MarketResult {
    /// YES pays $1.
    Yes,
    /// NO pays $1.
    No,
    /// Both pay a part.
    Scalar,
}

/// A market's book: bids of both sides, best last. NO prices are prices of NO.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct ApiOrderBook {
    /// Bids for YES.
    #[serde(rename = "yes_dollars", deserialize_with = "number::levels")]
    pub yes_bids: Levels,
    /// Bids for NO; an ask for YES at `1 − price`.
    #[serde(rename = "no_dollars", deserialize_with = "number::levels")]
    pub no_bids: Levels,
}

/// A trade between any two members.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct ApiTrade {
    /// Its name.
    pub trade_id: String,
    /// The market.
    pub ticker: String,
    /// How many.
    #[serde(rename = "count_fp", deserialize_with = "number::contracts")]
    pub count: Contracts,
    /// Price of YES.
    #[serde(rename = "yes_price_dollars", deserialize_with = "number::price")]
    pub yes_price: Price,
    /// Which side of the book the taker was on.
    pub taker_book_side: ApiBookSide,
    /// When.
    #[serde(rename = "created_time", deserialize_with = "number::time")]
    pub at: Timestamp,
    /// Whether it was agreed outside the book.
    pub is_block_trade: bool,
}

/// A best price: $0 and $1 are no prices but say that there is none.
fn quoted<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Price>, D::Error> {
    number::price(deserializer).map(|price| Some(price).filter(|&price| is_quote(price)))
}

/// The same where it may be `null`.
pub(super) fn optional_quoted<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Price>, D::Error> {
    Ok(number::optional_price(deserializer)?.filter(|&price| is_quote(price)))
}

fn is_quote(price: Price) -> bool {
    price > Price::ZERO && price < Price::ONE
}

fn result<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<MarketResult>, D::Error> {
    match &*String::deserialize(deserializer)? {
        "" => Ok(None),
        "yes" => Ok(Some(MarketResult::Yes)),
        "no" => Ok(Some(MarketResult::No)),
        "scalar" => Ok(Some(MarketResult::Scalar)),
        other => Err(serde::de::Error::custom(format!("`{other}` is not a result: yes, no or scalar"))),
    }
}

fn price_grid<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PriceGrid, D::Error> {
    #[derive(Deserialize)]
    struct ApiPriceRange {
        #[serde(deserialize_with = "number::price")]
        start: Price,
        #[serde(deserialize_with = "number::price")]
        end: Price,
        #[serde(deserialize_with = "number::price")]
        step: Price,
    }
    let ranges = Vec::<ApiPriceRange>::deserialize(deserializer)?;
    let bands = ranges.into_iter().map(|ApiPriceRange { start, end, step }| Band { start, end, step });
    PriceGrid::new(bands.collect()).map_err(serde::de::Error::custom)
}
