//! Orders as they are asked for, answered, and read back.

use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use super::ApiErrorBody;
use crate::domain::{Action, Contracts, Money, Price, Side, TimeInForce, Timestamp};
use crate::kalshi::number;
use crate::kalshi::schema::{SchemaError, decode_json};

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
    pub const fn from_side_and_action(side: Side, action: Action) -> Self {
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
    /// What does not trade at once is cancelled.
    ImmediateOrCancel,
    /// Trades completely at once, or is cancelled without any trade.
    FillOrKill,
}

/// Which of two own orders gives way when they would trade with each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SelfTradePrevention {
    /// What is left of the incoming order (the taker) is cancelled; the resting one stays.
    TakerAtCross,
    /// The resting order (the maker) is cancelled; the incoming one goes on.
    Maker,
}

/// A new limit order, the body of `POST /portfolio/events/orders`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CreateOrder {
    /// Ticker of the market to trade in.
    pub ticker: String,
    /// Its name with us, at most 64 characters and without `.`; used once for ever, which is what makes
    /// sending it twice safe.
    pub client_order_id: String,
    /// Side of the YES book it trades for: buying NO is an ask.
    pub side: ApiBookSide,
    /// Contracts to trade, written as a text with two decimals: `10.00`.
    #[serde(serialize_with = "number::write_contracts")]
    pub count: Contracts,
    /// Limit, a price of YES: the most a bid pays, the least an ask takes.
    #[serde(serialize_with = "number::write_price")]
    pub price: Price,
    /// What becomes of the contracts that do not trade at once.
    pub time_in_force: WireTimeInForce,
    /// Which order gives way if it would trade with another one of ours.
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
    /// Whether the exchange shall cancel it when trading pauses.
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
            side: ApiBookSide::from_side_and_action(side, action),
            count,
            price: side.price_from_yes(limit),
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
    /// Ticker of the market the order rests in.
    pub ticker: String,
    /// Side of the YES book, as it was.
    pub side: ApiBookSide,
    /// The limit from then on, a price of YES; the present one to change only the size.
    #[serde(serialize_with = "number::write_price")]
    pub price: Price,
    /// What is filled already plus what shall rest.
    #[serde(serialize_with = "number::write_contracts")]
    pub count: Contracts,
    /// Client order id it has so far; `None` leaves the key out of the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_order_id: Option<String>,
    /// Its name with us from then on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated_client_order_id: Option<String>,
}

/// The answer to a new order.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct CreatedOrder {
    /// Identifier the exchange gave the order, a UUID; cancels and amendments name it.
    pub order_id: String,
    /// Client order id, the name we gave the order; `None` if the answer leaves it out.
    #[serde(default)]
    pub client_order_id: Option<String>,
    /// Contracts filled at once, as taker, before the exchange answered.
    #[serde(rename = "fill_count", deserialize_with = "number::contracts")]
    pub filled: Contracts,
    /// Contracts left resting in the book; zero if the order is filled or cancelled.
    #[serde(rename = "remaining_count", deserialize_with = "number::contracts")]
    pub remaining: Contracts,
    /// Average price of YES of what was filled.
    #[serde(default, deserialize_with = "number::optional_money")]
    pub average_fill_price: Option<Money>,
    /// Average fee of a contract of what was filled.
    #[serde(default, deserialize_with = "number::optional_money")]
    pub average_fee_paid: Option<Money>,
    /// When the exchange carried it out: `ts_ms`, Unix milliseconds by its clock.
    #[serde(rename = "ts_ms", deserialize_with = "number::millis")]
    pub at: Timestamp,
}

/// The answer to an amendment. What did not change may be left out.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Amended {
    /// Its name with the exchange, the same as before.
    pub order_id: String,
    /// Client order id, the name we gave the order; `None` if the answer leaves it out.
    #[serde(default)]
    pub client_order_id: Option<String>,
    /// Contracts left resting in the book afterwards; `None` if the answer leaves it out.
    #[serde(rename = "remaining_count", default, deserialize_with = "number::optional_contracts")]
    pub remaining: Option<Contracts>,
    /// Contracts that the amendment itself filled; `None` if the answer leaves it out.
    #[serde(rename = "fill_count", default, deserialize_with = "number::optional_contracts")]
    pub filled: Option<Contracts>,
    /// When the exchange carried it out: `ts_ms`, Unix milliseconds by its clock.
    #[serde(rename = "ts_ms", deserialize_with = "number::millis")]
    pub at: Timestamp,
}

/// The answer to a request that makes a resting order smaller.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Decreased {
    /// Identifier the exchange gave the order, a UUID.
    pub order_id: String,
    /// Contracts left resting in the book after the decrease.
    #[serde(rename = "remaining_count", deserialize_with = "number::contracts")]
    pub remaining: Contracts,
    /// When the exchange carried it out: `ts_ms`, Unix milliseconds by its clock.
    #[serde(rename = "ts_ms", deserialize_with = "number::millis")]
    pub at: Timestamp,
}

/// The answer to a request that cancels a resting order.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Cancelled {
    /// Identifier the exchange gave the order, a UUID.
    pub order_id: String,
    /// Client order id, the name we gave the order; `None` if the answer leaves it out.
    #[serde(default)]
    pub client_order_id: Option<String>,
    /// What was taken out of the book.
    #[serde(deserialize_with = "number::contracts")]
    pub reduced_by: Contracts,
    /// When the exchange carried it out: `ts_ms`, Unix milliseconds by its clock.
    #[serde(rename = "ts_ms", deserialize_with = "number::millis")]
    pub at: Timestamp,
}

/// The answer to one order or cancel of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchItem<T> {
    /// The order's name with the exchange; a refused order has none.
    pub order_id: Option<String>,
    /// Client order id, the name we gave the order; `None` if the answer leaves it out.
    pub client_order_id: Option<String>,
    /// What became of it: the answer of a single request, or why not.
    pub outcome: Result<T, ApiErrorBody>,
}

/// One order to cancel, an entry of a batch cancel request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CancelItem {
    /// The order's name with the exchange.
    pub order_id: String,
    /// Its market, without which it is looked for on the first matching engine only.
    pub market_ticker: String,
}

/// Whether an order rests, was cancelled or was filled (JSON `status`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApiOrderStatus {
    /// What is left of it rests in the order book.
    Resting,
    /// Gone before it was filled, perhaps in part.
    Canceled,
    /// Filled completely, so that nothing of it rests any more.
    Executed,
}

/// An order as the exchange has it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct ApiOrder {
    /// Identifier the exchange gave the order, a UUID; cancels and amendments name it.
    pub order_id: String,
    /// Its name with us; empty if it was not placed by a program.
    pub client_order_id: String,
    /// Ticker of the market it was placed in.
    pub ticker: String,
    /// Side of the YES book it trades for (JSON `book_side`).
    #[serde(rename = "book_side")]
    pub side: ApiBookSide,
    /// Whether it rests, was cancelled or was filled.
    pub status: ApiOrderStatus,
    /// Its limit, as a price of YES.
    #[serde(rename = "yes_price_dollars", deserialize_with = "number::price")]
    pub yes_price: Price,
    /// Contracts it is for in all, filled ones included; amending or decreasing it changes this.
    #[serde(rename = "initial_count_fp", deserialize_with = "number::contracts")]
    pub initial: Contracts,
    /// Contracts filled so far, as taker and as maker together.
    #[serde(rename = "fill_count_fp", deserialize_with = "number::contracts")]
    pub filled: Contracts,
    /// Contracts still resting in the book; zero once it is cancelled or filled.
    #[serde(rename = "remaining_count_fp", deserialize_with = "number::contracts")]
    pub remaining: Contracts,
    /// Taker fees: those of the fills in which it took resting orders.
    #[serde(rename = "taker_fees_dollars", deserialize_with = "number::money")]
    pub taker_fees: Money,
    /// Maker fees: those of the fills in which it was the resting order.
    #[serde(rename = "maker_fees_dollars", deserialize_with = "number::money")]
    pub maker_fees: Money,
    /// The order group that limits it.
    #[serde(default)]
    pub order_group_id: Option<String>,
    /// When it was placed (JSON `created_time`); `None` if the answer leaves it out.
    #[serde(rename = "created_time", default, deserialize_with = "number::optional_time")]
    pub created: Option<Timestamp>,
    /// When it last changed (JSON `last_update_time`); `None` if the answer leaves it out.
    #[serde(rename = "last_update_time", default, deserialize_with = "number::optional_time")]
    pub updated: Option<Timestamp>,
}

/// One trade of one of our orders.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct ApiFill {
    /// Identifier of the trade; the stream's `fill` message of the same trade has it too.
    pub trade_id: String,
    /// The order's name with the exchange.
    pub order_id: String,
    /// Ticker of the market it happened in.
    pub ticker: String,
    /// Side of the YES book our order was on (JSON `book_side`).
    #[serde(rename = "book_side")]
    pub side: ApiBookSide,
    /// Price of one contract, as a price of YES; NO traded at `1 − price`.
    #[serde(rename = "yes_price_dollars", deserialize_with = "number::price")]
    pub yes_price: Price,
    /// Contracts traded in this fill, in hundredths of a contract.
    #[serde(rename = "count_fp", deserialize_with = "number::contracts")]
    pub count: Contracts,
    /// Whether our order was the taker; if not, it was the resting order, the maker.
    pub is_taker: bool,
    /// The fee charged, rounding and rebates included.
    #[serde(rename = "fee_cost", deserialize_with = "number::money")]
    pub fee: Money,
    /// When it happened (JSON `created_time`); `None` if the answer leaves it out.
    #[serde(rename = "created_time", default, deserialize_with = "number::optional_time")]
    pub at: Option<Timestamp>,
}

/// The answer to a new order group.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct OrderGroupCreated {
    /// Identifier of the new group, a UUID, for [`CreateOrder::order_group_id`].
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
        let head: Head = decode_json("batch item", item.get().as_bytes()).map_err(problem)?;
        let outcome = match head.error {
            Some(error) => Err(error),
            None => Ok(decode_json("batch item", item.get().as_bytes()).map_err(problem)?),
        };
        Ok(Self { order_id: head.order_id, client_order_id: head.client_order_id, outcome })
    }
}

/// For `skip_serializing_if`, which hands over a reference.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde calls")]
const fn is_false(flag: &bool) -> bool {
    !*flag
}
