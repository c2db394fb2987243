//! The account: money, positions, what was paid out, and how often it may ask.

use serde::Deserialize;

use super::MarketResult;
use crate::domain::{Contracts, Money, Timestamp};
use crate::kalshi::number;

/// The cash of the account.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Balance {
    /// What can be spent, over all matching engines. Whether resting orders are taken off already is not
    /// documented: use the lower of this and the own ledger.
    #[serde(rename = "balance_dollars", deserialize_with = "number::money")]
    pub available: Money,
    /// What the positions are worth, in whole cents.
    #[serde(deserialize_with = "number::cents")]
    pub portfolio_value: Money,
    /// As of.
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
    /// The cash there.
    #[serde(rename = "balance", deserialize_with = "number::money")]
    pub available: Money,
}

/// What is held of one market.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct MarketPosition {
    /// The market.
    pub ticker: String,
    /// YES contracts; NO contracts are counted below zero.
    #[serde(rename = "position_fp", deserialize_with = "number::contracts")]
    pub position: Contracts,
    /// What was paid for it, without fees.
    #[serde(rename = "market_exposure_dollars", deserialize_with = "number::money")]
    pub exposure: Money,
    /// What reducing it has brought.
    #[serde(rename = "realized_pnl_dollars", deserialize_with = "number::money")]
    pub realized_pnl: Money,
    /// Fees paid in this market.
    #[serde(rename = "fees_paid_dollars", deserialize_with = "number::money")]
    pub fees_paid: Money,
}

/// What a settled market paid.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct ApiSettlement {
    /// The market.
    pub ticker: String,
    /// Its event.
    pub event_ticker: String,
    /// How it ended.
    #[serde(rename = "market_result")]
    pub result: MarketResult,
    /// YES contracts held.
    #[serde(rename = "yes_count_fp", deserialize_with = "number::contracts")]
    pub yes_count: Contracts,
    /// NO contracts held.
    #[serde(rename = "no_count_fp", deserialize_with = "number::contracts")]
    pub no_count: Contracts,
    /// What it paid, in whole cents.
    #[serde(deserialize_with = "number::cents")]
    pub revenue: Money,
    /// What one YES contract paid, in whole cents.
    #[serde(default, deserialize_with = "number::optional_cents")]
    pub value: Option<Money>,
    /// When.
    #[serde(rename = "settled_time", deserialize_with = "number::time")]
    pub at: Timestamp,
    /// Fees of the whole position.
    #[serde(rename = "fee_cost", deserialize_with = "number::money")]
    pub fees: Money,
}

/// How often the account may ask: two buckets of tokens.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct AccountLimits {
    /// The exchange's name of the account's class.
    pub usage_tier: String,
    /// For everything that only reads.
    pub read: RateLimit,
    /// For orders, amendments, cancels and order groups.
    pub write: RateLimit,
}

/// One bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct RateLimit {
    /// Tokens a second.
    pub refill_rate: u32,
    /// The most it holds.
    pub bucket_capacity: u32,
}

/// What each request costs in tokens.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct EndpointCosts {
    /// Where no line below fits.
    pub default_cost: u32,
    /// The exceptions.
    pub endpoint_costs: Vec<EndpointCost>,
}

/// What one request costs.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct EndpointCost {
    /// `GET`, `POST`, …
    pub method: String,
    /// The whole path; a part like `:order_id` stands for anything.
    pub path: String,
    /// In tokens.
    pub cost: u32,
}
