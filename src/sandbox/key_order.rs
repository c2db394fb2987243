//! The text of answers and frames, with the keys of each object in the order in which the exchange writes them.
//!
//! [`Value`] keeps keys sorted. The order is put back here, when a value is written: the kind of an object is known
//! by a key that only this kind has. Keys that an order does not know come last, sorted.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::LazyLock;

use serde_json::{Map, Value};

/// Keys that tell the kind of an object, and the order of this kind's keys, with a blank between them. The first
/// kind that fits holds.
const ORDERS_BY_KIND: &[(&str, &str)] = &[
    ("sending_ts_ms", "id type sid seq msg sending_ts_ms"),
    (
        "delta_fp",
        "market_ticker market_id clock price_dollars delta_fp side client_order_id subaccount ts ts_ms",
    ),
    (
        "dollar_volume",
        "market_id market_ticker price_dollars yes_bid_dollars yes_ask_dollars volume_fp open_interest_fp \
         dollar_volume dollar_open_interest yes_bid_size_fp yes_ask_size_fp last_trade_size_fp ts ts_ms time",
    ),
    (
        "market_type",
        "ticker event_ticker market_type title subtitle yes_sub_title no_sub_title created_time updated_time \
         open_time close_time expected_expiration_time expiration_time latest_expiration_time occurrence_datetime \
         settlement_timer_seconds status notional_value_dollars yes_bid_dollars yes_bid_size_fp yes_ask_dollars \
         yes_ask_size_fp no_bid_dollars no_ask_dollars last_price_dollars previous_yes_bid_dollars \
         previous_yes_ask_dollars previous_price_dollars volume_fp volume_24h_fp open_interest_fp result \
         can_close_early early_close_condition expiration_value rules_primary rules_secondary strike_type \
         price_level_structure price_ranges settlement_bounds_type exchange_index floor_strike cap_strike \
         settlement_value_dollars settlement_ts",
    ),
    ("clock", "market_ticker market_id clock yes_dollars_fp no_dollars_fp"),
    (
        "post_position_fp",
        "trade_id order_id client_order_id market_ticker exchange_index is_taker side action purchased_side \
         outcome_side book_side yes_price_dollars count_fp fee_cost post_position_fp ts ts_ms subaccount",
    ),
    (
        "fill_id",
        "fill_id trade_id order_id ticker market_ticker exchange_index side action outcome_side book_side count_fp \
         yes_price_dollars no_price_dollars is_taker fee_cost created_time ts subaccount_number",
    ),
    (
        "is_yes",
        "order_id user_id ticker exchange_index status side is_yes outcome_side book_side yes_price_dollars \
         fill_count_fp remaining_count_fp initial_count_fp taker_fill_cost_dollars maker_fill_cost_dollars \
         taker_fees_dollars maker_fees_dollars client_order_id self_trade_prevention_type created_time created_ts_ms \
         last_updated_ts_ms expiration_ts_ms order_group_id last_update_reason subaccount_number",
    ),
    (
        "last_update_time",
        "order_id user_id client_order_id ticker side action outcome_side book_side type status yes_price_dollars \
         no_price_dollars initial_count_fp fill_count_fp remaining_count_fp taker_fill_cost_dollars \
         maker_fill_cost_dollars taker_fees_dollars maker_fees_dollars created_time last_update_time expiration_time \
         self_trade_prevention_type order_group_id cancel_order_on_pause subaccount_number exchange_index",
    ),
    (
        "market_result",
        "ticker event_ticker exchange_index market_result yes_count_fp yes_total_cost_dollars no_count_fp \
         no_total_cost_dollars revenue value settled_time fee_cost",
    ),
    (
        "market_exposure_dollars",
        "ticker exchange_index total_traded_dollars position_fp market_exposure_dollars realized_pnl_dollars \
         fees_paid_dollars last_updated_ts",
    ),
    (
        "frequency",
        "ticker frequency title category categories tags settlement_sources contract_url contract_terms_url fee_type \
         fee_multiplier additional_prohibitions last_updated_ts exchange_index",
    ),
    (
        "sub_title",
        "event_ticker series_ticker sub_title title collateral_return_type mutually_exclusive category strike_date \
         strike_period settlement_sources product_metadata last_updated_ts exchange_index markets",
    ),
    (
        "collateral_return_type",
        "event_ticker exchange_index title subtitle collateral_return_type series_ticker strike_date strike_period",
    ),
    (
        "expected_expiration_ts",
        "name title yes_sub_title no_sub_title rules_primary rules_secondary can_close_early event_ticker \
         expected_expiration_ts strike_type floor_strike cap_strike",
    ),
    (
        "event_type",
        "event_type market_ticker is_deactivated exchange_index open_ts close_ts price_level_structure price_ranges \
         additional_metadata determination_ts result settlement_value settled_ts",
    ),
    (
        "fill_count",
        "order_id client_order_id fill_count remaining_count average_fill_price average_fee_paid ts_ms",
    ),
    (
        "position_cost_dollars",
        "user_id market_ticker position_fp position_cost_dollars realized_pnl_dollars fees_paid_dollars \
         position_fee_cost_dollars volume_fp subaccount",
    ),
    (
        "total_cost_shares_fp",
        "event_ticker total_cost_dollars total_cost_shares_fp event_exposure_dollars realized_pnl_dollars \
         fees_paid_dollars",
    ),
    (
        "is_block_trade ts_ms",
        "trade_id market_ticker yes_price_dollars no_price_dollars count_fp taker_side taker_outcome_side \
         taker_book_side is_block_trade ts ts_ms",
    ),
    (
        "is_block_trade",
        "trade_id ticker count_fp yes_price_dollars no_price_dollars taker_side taker_outcome_side taker_book_side \
         created_time is_block_trade",
    ),
    ("thursday", "start_time end_time monday tuesday wednesday friday saturday sunday thursday"),
];

/// The order of all kinds that are not told apart: they do not contradict each other.
const SMALL_OBJECT_ORDER: &str = "code message msg details id series_ticker fee_type fee_multiplier scheduled_ts event_ticker fee_type_override \
     fee_multiplier_override order_id client_order_id reduced_by error remaining_count ts_ms start end step ticker \
     market_ticker candlesticks end_period_ts yes_bid yes_ask price volume_fp open_interest_fp volume open_interest \
     open_dollars low_dollars high_dollars close_dollars mean_dollars previous_dollars min_dollars max_dollars open \
     low high close mean previous event markets events fills orders trades settlements market_positions \
     event_positions cursor yes_dollars no_dollars orderbook_fp channel sid method path cost default_cost \
     endpoint_costs usage_tier read write grants refill_rate bucket_capacity order_group_id subaccount exchange_index \
     balance balance_dollars portfolio_value updated_ts balance_breakdown description exchange_active trading_active \
     intra_exchange_transfers_active exchange_estimated_resume_time exchange_index_statuses standard_hours \
     maintenance_windows start_datetime end_datetime open_time close_time market_settled_ts trades_created_ts \
     orders_updated_ts market_positions_last_updated_ts";

/// Marks of a kind, and the place of each of its keys.
type KeyOrder = (Vec<&'static str>, BTreeMap<&'static str, usize>);

/// The orders taken apart, the one of small objects last: it has no marks, so that it fits every object.
static KEY_ORDERS: LazyLock<Vec<KeyOrder>> = LazyLock::new(|| {
    let all = ORDERS_BY_KIND.iter().chain([&("", SMALL_OBJECT_ORDER)]);
    all.map(|(marks, order)| {
        (marks.split_whitespace().collect(), order.split_whitespace().zip(0..).collect())
    })
    .collect()
});

/// Writes a value as JSON, with the keys of each object in the exchange's order.
pub(in crate::sandbox) fn write_json(value: &Value) -> String {
    let mut text = String::new();
    append_value(&mut text, value);
    text
}

fn append_value(text: &mut String, value: &Value) {
    match value {
        Value::Object(object) => append_object(text, object),
        Value::Array(items) => {
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                append_value(text, item);
            }
            text.push(']');
        }
        Value::Number(number) => append_number(text, &number.to_string()),
        leaf => _ = write!(text, "{leaf}"),
    }
}

/// A negative exponent gets two digits, `1e-07`, as most languages but Rust write it.
fn append_number(text: &mut String, digits: &str) {
    match digits.split_once("e-") {
        Some((mantissa, exponent)) => _ = write!(text, "{mantissa}e-{exponent:0>2}"),
        None => text.push_str(digits),
    }
}

fn append_object(text: &mut String, object: &Map<String, Value>) {
    let order = order_of_object(object);
    // What no order knows comes last, by name.
    let place = |name: &String| order.get(name.as_str()).copied().unwrap_or(usize::MAX);
    let mut fields: Vec<_> = object.iter().map(|(name, value)| (place(name), name, value)).collect();
    fields.sort_by_key(|&(place, ..)| place);
    text.push('{');
    for (index, (_, name, value)) in fields.into_iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        append_key(text, name);
        append_value(text, value);
    }
    text.push('}');
}

fn append_key(text: &mut String, name: &str) {
    let plain = name.bytes().all(|byte| byte == b'_' || byte.is_ascii_alphanumeric());
    if plain {
        let _ = write!(text, "\"{name}\":");
    } else {
        let _ = write!(text, "{}:", Value::from(name));
    }
}

fn order_of_object(object: &Map<String, Value>) -> &'static BTreeMap<&'static str, usize> {
    static NO_ORDER: BTreeMap<&str, usize> = BTreeMap::new();
    let fits = |(marks, _): &&KeyOrder| marks.iter().all(|mark| object.contains_key(*mark));
    KEY_ORDERS.iter().find(fits).map_or(&NO_ORDER, |(_, order)| order)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::json;

    use super::*;

    /// The text of a JSON file without the blanks between its parts.
    fn without_blanks(text: &str) -> String {
        let (mut quoted, mut escaped) = (false, false);
        let kept = text.chars().filter(|&letter| {
            let keep = quoted || !letter.is_whitespace();
            if letter == '"' && !escaped {
                quoted = !quoted;
            }
            escaped = quoted && letter == '\\' && !escaped;
            keep
        });
        kept.collect()
    }

    /// The order is the examples', object by object. Two files are not alike in one kind: the answers to an amend
    /// and to a create hold the same keys in different orders.
    #[test]
    fn every_example_is_written_as_it_was_read() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/kalshi");
        let mut seen = 0;
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let sent_by_client = name.contains("_request") || name.contains("_cmd_");
            if path.extension().is_none_or(|extension| extension != "json")
                || sent_by_client
                || name == "order_amend_response.json"
            {
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            let value: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(write_json(&value), without_blanks(&text), "{name}");
            seen += 1;
        }
        assert!(seen > 40, "{seen}");
    }

    #[test]
    fn what_no_order_knows_comes_last_and_small_numbers_have_two_digits() {
        let value = json!({"zebra": 1e-7, "a b": [], "msg": {"x": null}, "type": "t", "sending_ts_ms": 38_000_000_000_000_i64});
        assert_eq!(
            write_json(&value),
            r#"{"type":"t","msg":{"x":null},"sending_ts_ms":38000000000000,"a b":[],"zebra":1e-07}"#
        );
    }
}
