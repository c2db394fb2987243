//! The account: money, positions, what was paid out, and how often it may ask.

use serde::Deserialize;

use super::MarketResult;
use crate::domain::{Contracts, Money, Timestamp};
use crate::kalshi::number;

/// Cash and portfolio value of the account, the answer of `GET /portfolio/balance`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Balance {
    /// What can be spent, over all matching engines. Whether resting orders are taken off already is not
    /// documented: use the lower of this and the own ledger.
    #[serde(rename = "balance_dollars", deserialize_with = "number::money")]
    pub available: Money,
    /// What the positions are worth, in whole cents.
    #[serde(deserialize_with = "number::cents")]
    pub portfolio_value: Money,
    /// Moment the amounts are as of, from `updated_ts` in whole Unix seconds.
    #[serde(rename = "updated_ts", deserialize_with = "number::seconds")]
    pub updated: Timestamp,
    /// By matching engine; an order can only spend the cash of its own.
    #[serde(rename = "balance_breakdown", default)]
    pub shards: Vec<ShardBalance>,
}

/// The cash of the account on one matching engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct ShardBalance {
    /// Its number; 0 has economics and weather.
    pub exchange_index: i64,
    /// Cash that orders on this matching engine can spend; dollars as text in the JSON key `balance`.
    #[serde(rename = "balance", deserialize_with = "number::money")]
    pub available: Money,
}

/// What is held of one market.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct MarketPosition {
    /// Ticker of the market the position is in, such as `KXHIGHNY-26NOV20-T55`.
    pub ticker: String,
    /// YES contracts; NO contracts are counted below zero.
    #[serde(rename = "position_fp", deserialize_with = "number::contracts")]
    pub position: Contracts,
    /// What was paid for it, without fees.
    #[serde(rename = "market_exposure_dollars", deserialize_with = "number::money")]
    pub exposure: Money,
    /// Profit or loss realized by reducing the position; a loss is negative.
    #[serde(rename = "realized_pnl_dollars", deserialize_with = "number::money")]
    pub realized_pnl: Money,
    /// Trading fees the account has paid in this market so far.
    #[serde(rename = "fees_paid_dollars", deserialize_with = "number::money")]
    pub fees_paid: Money,
}

/// What one settled market paid the account, an entry of `GET /portfolio/settlements`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct ApiSettlement {
    /// Ticker of the market that was settled.
    pub ticker: String,
    /// Ticker of the event that the market belongs to.
    pub event_ticker: String,
    /// Whether YES won, NO won, or each pays a part (JSON `market_result`).
    #[serde(rename = "market_result")]
    pub result: MarketResult,
    /// YES contracts the account held at settlement; zero if it held none.
    #[serde(rename = "yes_count_fp", deserialize_with = "number::contracts")]
    pub yes_count: Contracts,
    /// NO contracts the account held at settlement, counted above zero; zero if it held none.
    #[serde(rename = "no_count_fp", deserialize_with = "number::contracts")]
    pub no_count: Contracts,
    /// What it paid, in whole cents.
    #[serde(deserialize_with = "number::cents")]
    pub revenue: Money,
    /// What one YES contract paid, in whole cents.
    #[serde(default, deserialize_with = "number::optional_cents")]
    pub value: Option<Money>,
    /// When the market was settled (JSON `settled_time`, RFC 3339).
    #[serde(rename = "settled_time", deserialize_with = "number::time")]
    pub at: Timestamp,
    /// Trading fees of the whole position, from its first fill on, in dollars.
    #[serde(rename = "fee_cost", deserialize_with = "number::money")]
    pub fees: Money,
}

/// How often the account may ask: two buckets of tokens.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct AccountLimits {
    /// The exchange's name of the account's class.
    pub usage_tier: String,
    /// Bucket for requests that only read, such as market data and portfolio queries.
    pub read: RateLimit,
    /// For orders, amendments, cancels and order groups.
    pub write: RateLimit,
}

/// A token bucket: requests take tokens out, and it refills steadily up to its capacity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct RateLimit {
    /// Tokens that come in per second while the bucket is not full.
    pub refill_rate: u32,
    /// The most tokens the bucket holds, and so the largest burst.
    pub bucket_capacity: u32,
}

/// What each request costs in tokens.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct EndpointCosts {
    /// Tokens a request costs that no entry of [`endpoint_costs`](Self::endpoint_costs) matches.
    pub default_cost: u32,
    /// Requests whose cost differs from the default; the first entry that matches counts.
    pub endpoint_costs: Vec<EndpointCost>,
}

/// Token cost of the requests with one HTTP method and path.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct EndpointCost {
    /// HTTP method of the request, in capitals: `GET`, `POST`, …
    pub method: String,
    /// The whole path; a part like `:order_id` stands for anything.
    pub path: String,
    /// Tokens that one such request takes out of its bucket.
    pub cost: u32,
}
