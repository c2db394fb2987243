//! Numbers, times, ids and names as the exchange writes them in JSON.

use serde_json::{Value, json};

use crate::domain::{Contracts, FeeType, Money, OrderId, Price, SettlementValue, Side, Timestamp};
use crate::sandbox::accounts::member_account::{BookSide, OrderRecord, OrderStatus};

/// Kind of an order's [`format_uuid`], its first eight digits; those below are of other things.
pub(in crate::sandbox) const ORDER: u32 = 0x0a00_0001;
pub(in crate::sandbox) const TRADE: u32 = 0x0a00_0002;
pub(in crate::sandbox) const GROUP: u32 = 0x0a00_0003;
pub(in crate::sandbox) const MARKET: u32 = 0x0a00_0004;
pub(in crate::sandbox) const USER: u32 = 0x0a00_0005;
pub(in crate::sandbox) const FEE_CHANGE: u32 = 0x0a00_0006;

/// An id in the form the exchange has, the same in every run.
pub(in crate::sandbox) fn format_uuid(kind: u32, number: u64) -> String {
    format!("{kind:08x}-0000-4000-8000-{number:012x}")
}

/// The number in a [`format_uuid`] of this kind.
pub(in crate::sandbox) fn number_of(kind: u32, id: &str) -> Option<u64> {
    let number = u64::from_str_radix(id.get(24..)?, 16).ok()?;
    (format_uuid(kind, number) == id).then_some(number)
}

/// An integer of `10^-scale` units with exactly `places` decimals, the rest cut off.
pub(in crate::sandbox) fn format_fixed_decimal(value: i64, scale: u32, places: u32) -> String {
    let cut = value / 10_i64.pow(scale - places);
    let unit = 10_u64.pow(places);
    let (whole, part) = (cut.unsigned_abs() / unit, cut.unsigned_abs() % unit);
    let sign = if cut < 0 { "-" } else { "" };
    format!("{sign}{whole}.{part:0width$}", width = places as usize)
}

pub(in crate::sandbox) fn format_price(price: Price) -> String {
    format_fixed_decimal(i64::from(price.get()), 4, 4)
}

pub(in crate::sandbox) fn format_contracts(contracts: Contracts) -> String {
    format_fixed_decimal(contracts.hundredths(), 2, 2)
}

/// Formats what a contract pays, in dollars: with four decimals as a price, with six where it has more.
pub(in crate::sandbox) fn format_settlement(value: SettlementValue) -> String {
    format_fixed_decimal(value.in_micros().into(), 6, if value.is_finer_than_price() { 6 } else { 4 })
}

/// Formats a cost or a fee in dollars with six decimals.
pub(in crate::sandbox) fn format_cost(money: Money) -> String {
    format_fixed_decimal(money.micros(), 6, 6)
}

/// Formats a balance in dollars with four decimals, the rest cut off.
pub(in crate::sandbox) fn format_balance(money: Money) -> String {
    format_fixed_decimal(money.micros(), 6, 4)
}

pub(in crate::sandbox) const fn unix_seconds(at: Timestamp) -> i64 {
    at.nanos().div_euclid(1_000_000_000)
}

pub(in crate::sandbox) const fn unix_millis(at: Timestamp) -> i64 {
    at.nanos().div_euclid(1_000_000)
}

/// Formats a moment as RFC 3339 in UTC, cut off to microseconds.
pub(in crate::sandbox) fn micros_time(at: Timestamp) -> String {
    Timestamp::from_nanos(at.nanos().div_euclid(1_000) * 1_000).to_string()
}

pub(in crate::sandbox) fn millis_time(at: Timestamp) -> String {
    at.floor_millis().to_string()
}

pub(in crate::sandbox) const fn side_name(side: Side) -> &'static str {
    match side {
        Side::Yes => "yes",
        Side::No => "no",
    }
}

pub(in crate::sandbox) const fn book_side(side: BookSide) -> &'static str {
    match side {
        BookSide::Bid => "bid",
        BookSide::Ask => "ask",
    }
}

pub(in crate::sandbox) const fn status_of(order: &OrderRecord) -> &'static str {
    match order.status {
        OrderStatus::Resting => "resting",
        OrderStatus::Canceled => "canceled",
        OrderStatus::Executed => "executed",
    }
}

pub(in crate::sandbox) const fn fee_type(fee_type: FeeType) -> &'static str {
    match fee_type {
        FeeType::Quadratic => "quadratic",
        FeeType::QuadraticWithMakerFees => "quadratic_with_maker_fees",
        FeeType::QuadraticWithComboMakerFees => "quadratic_with_combo_maker_fees",
    }
}

/// A JSON number from an integer of millionths: `3.75`, and `55` where it is whole.
pub(in crate::sandbox) fn json_number(millionths: i64) -> Value {
    if millionths % 1_000_000 == 0 {
        return json!(millionths / 1_000_000);
    }
    serde_json::from_str(&format_fixed_decimal(millionths, 6, 6)).expect("a decimal is a JSON number")
}

pub(in crate::sandbox) const fn result_of(value: SettlementValue) -> &'static str {
    match value {
        SettlementValue::ZERO => "no",
        SettlementValue::ONE => "yes",
        _ => "scalar",
    }
}

/// The number of an order in its wire form.
pub(in crate::sandbox) fn order_id(text: &str) -> Option<OrderId> {
    number_of(ORDER, text).map(OrderId)
}

/// Inserts the pairs of an object that are there.
pub(in crate::sandbox) fn insert_present_fields(
    into: &mut Value,
    pairs: impl IntoIterator<Item = (&'static str, Option<Value>)>,
) {
    let object = into.as_object_mut().expect("only objects get fields");
    for (name, value) in pairs {
        value.map(|value| object.insert(name.to_owned(), value));
    }
}
