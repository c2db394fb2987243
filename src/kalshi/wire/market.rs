//! Markets, their books and their trades.

use serde::{Deserialize, Deserializer};

use super::ApiBookSide;
use crate::domain::price::Band;
use crate::domain::{
    Contracts, Decimal6, MarketStatus, Money, Price, PriceGrid, Quote, SettlementValue, Strike, Timestamp,
};
use crate::kalshi::number::{self, Levels};
use crate::kalshi::schema::SchemaError;

/// One market as the REST API describes it: the contracts YES and NO on one question.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct ApiMarket {
    /// Ticker of the market, unique on the exchange: `KXHIGHNY-26NOV20-T55`.
    pub ticker: String,
    /// Ticker of the event the market belongs to: `KXHIGHNY-26NOV20`.
    pub event_ticker: String,
    /// Whether it pays all or nothing.
    pub market_type: MarketType,
    /// The question; deprecated, so it may be absent.
    #[serde(default)]
    pub title: Option<String>,
    /// What YES means, in words for people: `56° or above`; `None` if it is not said.
    #[serde(default)]
    pub yes_sub_title: Option<String>,
    /// Where it is in its life.
    pub status: ApiMarketStatus,
    /// First moment of trading.
    #[serde(deserialize_with = "number::time")]
    pub open_time: Timestamp,
    /// Last moment of trading; it may be pulled in.
    #[serde(deserialize_with = "number::time")]
    pub close_time: Timestamp,
    /// When it was paid out; `None` while it is not settled.
    #[serde(default, deserialize_with = "number::optional_time")]
    pub settlement_ts: Option<Timestamp>,
    /// Best YES bid; `None` if nobody bids.
    #[serde(rename = "yes_bid_dollars", deserialize_with = "best_price")]
    pub yes_bid: Option<Price>,
    /// Best YES ask; `None` if nobody asks.
    #[serde(rename = "yes_ask_dollars", deserialize_with = "best_price")]
    pub yes_ask: Option<Price>,
    /// Contracts that rest at the best YES bid; zero if nobody bids.
    #[serde(rename = "yes_bid_size_fp", deserialize_with = "number::contracts")]
    pub yes_bid_size: Contracts,
    /// Contracts on offer at the best YES ask; zero if nobody asks.
    #[serde(rename = "yes_ask_size_fp", deserialize_with = "number::contracts")]
    pub yes_ask_size: Contracts,
    /// Price of the last trade; `None` if it never traded.
    #[serde(rename = "last_price_dollars", deserialize_with = "best_price")]
    pub last: Option<Price>,
    /// Contracts traded since the market opened (JSON `volume_fp`).
    #[serde(rename = "volume_fp", deserialize_with = "number::contracts")]
    pub volume: Contracts,
    /// Open interest: contracts that members hold at present.
    #[serde(rename = "open_interest_fp", deserialize_with = "number::contracts")]
    pub open_interest: Contracts,
    /// How it ended; `None` until determined.
    #[serde(deserialize_with = "market_result")]
    pub result: Option<MarketResult>,
    /// What a YES contract pays, once determined, as it was sent; see [`settlement_value`](Self::settlement_value).
    #[serde(rename = "settlement_value_dollars", default, deserialize_with = "number::optional_money")]
    pub settlement_money: Option<Money>,
    /// How the value asked about is compared; see [`strike`](Self::strike).
    #[serde(default)]
    pub strike_type: Option<String>,
    /// The lower bound of the comparison.
    #[serde(default, deserialize_with = "number::optional_decimal")]
    pub floor_strike: Option<Decimal6>,
    /// The upper bound of the comparison.
    #[serde(default, deserialize_with = "number::optional_decimal")]
    pub cap_strike: Option<Decimal6>,
    /// Limit prices that orders in this market may carry, from the bands in `price_ranges`.
    #[serde(rename = "price_ranges", deserialize_with = "price_grid")]
    pub grid: PriceGrid,
    /// The matching engine it trades on.
    #[serde(default)]
    pub exchange_index: Option<i64>,
    /// Until then no fee is charged.
    #[serde(rename = "fee_waiver_expiration_time", default, deserialize_with = "number::optional_time")]
    pub fee_waiver_until: Option<Timestamp>,
    /// How what it pays may be bound before it is over: `default`, or `floor` where YES may be paid in part before;
    /// `None` if it is not said.
    #[serde(default)]
    pub settlement_bounds_type: Option<String>,
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

    /// Why no strategy can price it, though it can be read; `None` if one may.
    #[must_use]
    pub fn unpriceable_reason(&self) -> Option<String> {
        let bounds = self.settlement_bounds_type.as_deref().unwrap_or("default");
        match self.market_type {
            MarketType::Scalar => Some(
                "market_type is scalar: it may pay an amount between $0 and $1, which no strategy prices"
                    .into(),
            ),
            MarketType::Binary if !matches!(bounds, "default" | "") => Some(format!(
                "settlement_bounds_type is {bounds}: a part may be paid before the end, which no strategy prices"
            )),
            MarketType::Binary => None,
        }
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

    /// What a YES contract pays, exactly; `None` if that is not said, or is not between $0 and $1.
    #[must_use]
    pub fn settlement_value(&self) -> Option<SettlementValue> {
        SettlementValue::from_micros(self.settlement_money?.micros())
    }
}

/// Whether a market pays all or nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MarketType {
    /// A YES contract pays either $1 or nothing.
    Binary,
    /// A YES contract may also pay an amount between $0 and $1.
    Scalar,
}

/// Where a market is in its life, in the exchange's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApiMarketStatus {
    /// Listed, but not yet open for trading.
    Initialized,
    /// Open: orders are taken and matched.
    Active,
    /// Halted by the exchange; trading may resume later.
    Inactive,
    /// Past its close, no result yet.
    Closed,
    /// The result is known; a timer runs.
    Determined,
    /// The result is challenged, so that nothing is paid out yet.
    Disputed,
    /// The result was corrected after it had been determined; not paid out yet.
    Amended,
    /// Settled: positions were paid out and the result is final.
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

/// How a market was decided, the exchange's words for which side pays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MarketResult {
    /// YES won: a YES contract pays $1 and a NO contract nothing.
    Yes,
    /// NO won: a NO contract pays $1 and a YES contract nothing.
    No,
    /// YES pays a settlement value between $0 and $1, and NO pays the rest of the $1.
    Scalar,
}

/// A market's book: bids of both sides, best last. NO prices are prices of NO.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct ApiOrderBook {
    /// Bids for YES: one pair of price and contracts for each level.
    #[serde(rename = "yes_dollars", deserialize_with = "number::levels")]
    pub yes_bids: Levels,
    /// Bids for NO; an ask for YES at `1 − price`.
    #[serde(rename = "no_dollars", deserialize_with = "number::levels")]
    pub no_bids: Levels,
}

/// A trade between any two members.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct ApiTrade {
    /// Identifier the exchange gave the trade, a UUID.
    pub trade_id: String,
    /// Ticker of the market it happened in.
    pub ticker: String,
    /// Contracts that changed hands, in hundredths of a contract.
    #[serde(rename = "count_fp", deserialize_with = "number::contracts")]
    pub count: Contracts,
    /// Price of one contract, as a price of YES; NO traded at `1 − price`.
    #[serde(rename = "yes_price_dollars", deserialize_with = "number::price")]
    pub yes_price: Price,
    /// Which side of the book the taker was on.
    pub taker_book_side: ApiBookSide,
    /// When the trade happened (JSON `created_time`, RFC 3339).
    #[serde(rename = "created_time", deserialize_with = "number::time")]
    pub at: Timestamp,
    /// Whether it was agreed outside the book.
    pub is_block_trade: bool,
}

/// A best price: $0 and $1 are no prices but say that there is none.
fn best_price<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Price>, D::Error> {
    number::price(deserializer).map(|price| Some(price).filter(|&price| is_quote(price)))
}

/// Reads a best price as `best_price` does; `null` is `None` too.
pub(super) fn optional_quoted<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Price>, D::Error> {
    Ok(number::optional_price(deserializer)?.filter(|&price| is_quote(price)))
}

fn is_quote(price: Price) -> bool {
    price > Price::ZERO && price < Price::ONE
}

fn market_result<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<MarketResult>, D::Error> {
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
