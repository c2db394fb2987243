//! Orders as they are asked for, answered, and read back.

use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use super::ApiErrorBody;
use crate::domain::{Action, Contracts, Money, Price, Side, TimeInForce, Timestamp};
use crate::kalshi::number;
use crate::kalshi::schema::{SchemaError, decode};

/// The side of the one book there is, that of YES.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApiBookSide {
    /// Buys YES or sells NO.
    Bid,
    /// Sells YES or buys NO.
    Ask,
}

impl ApiBookSide {
    /// Where an order goes that buys or sells contracts of one side.
    #[must_use]
    pub const fn of(side: Side, action: Action) -> Self {
        match (side, action) {
            (Side::Yes, Action::Buy) | (Side::No, Action::Sell) => Self::Bid,
            (Side::Yes, Action::Sell) | (Side::No, Action::Buy) => Self::Ask,
        }
    }
}

/// How long an order lives, in the exchange's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WireTimeInForce {
    /// The rest stays in the book.
    GoodTillCanceled,
    /// The rest is cancelled.
    ImmediateOrCancel,
    /// All or nothing, at once.
    FillOrKill,
}

/// Which of two own orders gives way when they would trade with each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SelfTradePrevention {
    /// The incoming one.
    TakerAtCross,
    /// The resting one.
    Maker,
}

/// A new order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CreateOrder {
    /// The market.
    pub ticker: String,
    /// Its name with us, at most 64 characters and without `.`; used once for ever, which is what makes
    /// sending it twice safe.
    pub client_order_id: String,
    /// Side of the YES book.
    pub side: ApiBookSide,
    /// How many.
    #[serde(serialize_with = "number::write_contracts")]
    pub count: Contracts,
    /// Worst acceptable price of YES.
    #[serde(serialize_with = "number::write_price")]
    pub price: Price,
    /// How long it lives.
    pub time_in_force: WireTimeInForce,
    /// Who gives way against ourselves.
    pub self_trade_prevention_type: SelfTradePrevention,
    /// Cancelled at that second; only with good till cancelled.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "number::write_seconds")]
    pub expiration_time: Option<Timestamp>,
    /// Refused if it would trade at once.
    #[serde(skip_serializing_if = "is_false")]
    pub post_only: bool,
    /// Never more than the position held; only with immediate or cancel.
    #[serde(skip_serializing_if = "is_false")]
    pub reduce_only: bool,
    /// Cancelled when trading pauses.
    #[serde(skip_serializing_if = "is_false")]
    pub cancel_order_on_pause: bool,
    /// The order group that limits it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order_group_id: Option<String>,
}

impl CreateOrder {
    /// An order for contracts of one side, at a price of that side. Against ourselves the incoming order
    /// gives way; the options are off.
    #[must_use]
    pub fn new(
        ticker: impl Into<String>,
        client_order_id: impl Into<String>,
        (side, action): (Side, Action),
        count: Contracts,
        limit: Price,
        time_in_force: TimeInForce,
    ) -> Self {
        Self {
            ticker: ticker.into(),
            client_order_id: client_order_id.into(),
            side: ApiBookSide::of(side, action),
            count,
            price: side.price(limit),
            time_in_force: match time_in_force {
                TimeInForce::Ioc => WireTimeInForce::ImmediateOrCancel,
                TimeInForce::Gtc | TimeInForce::PostOnly => WireTimeInForce::GoodTillCanceled,
            },
            self_trade_prevention_type: SelfTradePrevention::TakerAtCross,
            expiration_time: None,
            post_only: time_in_force == TimeInForce::PostOnly,
            reduce_only: false,
            cancel_order_on_pause: false,
            order_group_id: None,
        }
    }
}

/// A change of a resting order's price or size.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AmendOrder {
    /// The market.
    pub ticker: String,
    /// Side of the YES book, as it was.
    pub side: ApiBookSide,
    /// The new price of YES.
    #[serde(serialize_with = "number::write_price")]
    pub price: Price,
    /// What is filled already plus what shall rest.
    #[serde(serialize_with = "number::write_contracts")]
    pub count: Contracts,
    /// Its name with us.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_order_id: Option<String>,
    /// Its name with us from then on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated_client_order_id: Option<String>,
}

/// The answer to a new order.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct CreatedOrder {
    /// Its name with the exchange.
    pub order_id: String,
    /// Its name with us.
    #[serde(default)]
    pub client_order_id: Option<String>,
    /// Filled at once.
    #[serde(rename = "fill_count", deserialize_with = "number::contracts")]
    pub filled: Contracts,
    /// Left resting.
    #[serde(rename = "remaining_count", deserialize_with = "number::contracts")]
    pub remaining: Contracts,
    /// Average price of YES of what was filled.
    #[serde(default, deserialize_with = "number::optional_money")]
    pub average_fill_price: Option<Money>,
    /// Average fee of a contract of what was filled.
    #[serde(default, deserialize_with = "number::optional_money")]
    pub average_fee_paid: Option<Money>,
    /// When, by the exchange's clock.
    #[serde(rename = "ts_ms", deserialize_with = "number::millis")]
    pub at: Timestamp,
}

/// The answer to an amendment. What did not change may be left out.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Amended {
    /// Its name with the exchange, the same as before.
    pub order_id: String,
    /// Its name with us.
    #[serde(default)]
    pub client_order_id: Option<String>,
    /// Left resting.
    #[serde(rename = "remaining_count", default, deserialize_with = "number::optional_contracts")]
    pub remaining: Option<Contracts>,
    /// Filled by the amendment.
    #[serde(rename = "fill_count", default, deserialize_with = "number::optional_contracts")]
    pub filled: Option<Contracts>,
    /// When, by the exchange's clock.
    #[serde(rename = "ts_ms", deserialize_with = "number::millis")]
    pub at: Timestamp,
}

/// The answer to a decrease.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Decreased {
    /// Its name with the exchange.
    pub order_id: String,
    /// Left resting.
    #[serde(rename = "remaining_count", deserialize_with = "number::contracts")]
    pub remaining: Contracts,
    /// When, by the exchange's clock.
    #[serde(rename = "ts_ms", deserialize_with = "number::millis")]
    pub at: Timestamp,
}

/// The answer to a cancel.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Cancelled {
    /// Its name with the exchange.
    pub order_id: String,
    /// Its name with us.
    #[serde(default)]
    pub client_order_id: Option<String>,
    /// What was taken out of the book.
    #[serde(deserialize_with = "number::contracts")]
    pub reduced_by: Contracts,
    /// When, by the exchange's clock.
    #[serde(rename = "ts_ms", deserialize_with = "number::millis")]
    pub at: Timestamp,
}

/// The answer to one order or cancel of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchItem<T> {
    /// The order's name with the exchange; a refused order has none.
    pub order_id: Option<String>,
    /// Its name with us.
    pub client_order_id: Option<String>,
    /// What became of it: the answer of a single request, or why not.
    pub outcome: Result<T, ApiErrorBody>,
}

/// One cancel of a batch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CancelItem {
    /// The order's name with the exchange.
    pub order_id: String,
    /// Its market, without which it is looked for on the first matching engine only.
    pub market_ticker: String,
}

/// Where a resting order stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApiOrderStatus {
    /// In the book.
    Resting,
    /// Gone before it was filled, perhaps in part.
    Canceled,
    /// Filled.
    Executed,
}

/// An order as the exchange has it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct ApiOrder {
    /// Its name with the exchange.
    pub order_id: String,
    /// Its name with us; empty if it was not placed by a program.
    pub client_order_id: String,
    /// The market.
    pub ticker: String,
    /// Side of the YES book.
    #[serde(rename = "book_side")]
    pub side: ApiBookSide,
    /// Where it stands.
    pub status: ApiOrderStatus,
    /// Its limit, as a price of YES.
    #[serde(rename = "yes_price_dollars", deserialize_with = "number::price")]
    pub yes_price: Price,
    /// Asked for.
    #[serde(rename = "initial_count_fp", deserialize_with = "number::contracts")]
    pub initial: Contracts,
    /// Filled.
    #[serde(rename = "fill_count_fp", deserialize_with = "number::contracts")]
    pub filled: Contracts,
    /// Still in the book.
    #[serde(rename = "remaining_count_fp", deserialize_with = "number::contracts")]
    pub remaining: Contracts,
    /// Fees of what it took.
    #[serde(rename = "taker_fees_dollars", deserialize_with = "number::money")]
    pub taker_fees: Money,
    /// Fees of what others took of it.
    #[serde(rename = "maker_fees_dollars", deserialize_with = "number::money")]
    pub maker_fees: Money,
    /// The order group that limits it.
    #[serde(default)]
    pub order_group_id: Option<String>,
    /// When it was placed.
    #[serde(rename = "created_time", default, deserialize_with = "number::optional_time")]
    pub created: Option<Timestamp>,
    /// When it last changed.
    #[serde(rename = "last_update_time", default, deserialize_with = "number::optional_time")]
    pub updated: Option<Timestamp>,
}

/// One trade of one of our orders.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct ApiFill {
    /// Its name.
    pub trade_id: String,
    /// The order's name with the exchange.
    pub order_id: String,
    /// The market.
    pub ticker: String,
    /// Side of the YES book.
    #[serde(rename = "book_side")]
    pub side: ApiBookSide,
    /// Price of YES.
    #[serde(rename = "yes_price_dollars", deserialize_with = "number::price")]
    pub yes_price: Price,
    /// How many.
    #[serde(rename = "count_fp", deserialize_with = "number::contracts")]
    pub count: Contracts,
    /// Whether we took.
    pub is_taker: bool,
    /// The fee charged, rounding and rebates included.
    #[serde(rename = "fee_cost", deserialize_with = "number::money")]
    pub fee: Money,
    /// When.
    #[serde(rename = "created_time", default, deserialize_with = "number::optional_time")]
    pub at: Option<Timestamp>,
}

/// The answer to a new order group.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct OrderGroupCreated {
    /// Its name.
    pub order_group_id: String,
}

/// An order group: a limit on what its orders may trade within 15 seconds.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct OrderGroup {
    /// Whether it still guards, that is, was not tripped.
    pub is_auto_cancel_enabled: bool,
    /// Its orders' names with the exchange.
    pub orders: Vec<String>,
    /// The limit, where it is told.
    #[serde(rename = "contracts_limit_fp", default, deserialize_with = "number::optional_contracts")]
    pub contracts_limit: Option<Contracts>,
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for BatchItem<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Head {
            order_id: Option<String>,
            client_order_id: Option<String>,
            error: Option<ApiErrorBody>,
        }
        let item = Box::<RawValue>::deserialize(deserializer)?;
        let problem = |error: SchemaError| D::Error::custom(error.problem);
        let head: Head = decode("batch item", item.get().as_bytes()).map_err(problem)?;
        let outcome = match head.error {
            Some(error) => Err(error),
            None => Ok(decode("batch item", item.get().as_bytes()).map_err(problem)?),
        };
        Ok(Self { order_id: head.order_id, client_order_id: head.client_order_id, outcome })
    }
}

/// For `skip_serializing_if`, which hands over a reference.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde calls")]
const fn is_false(flag: &bool) -> bool {
    !*flag
}
