//! How each oddity shows in the objects of markets and series, and in the message `created`.

use serde_json::{Map, Value, json};

use super::market_oddity::MarketOddity;

/// Optional fields of a market object that an oddity may leave out. Strikes are optional too, but what a market
/// without strikes pays on is another question.
const OPTIONAL_FIELDS: [&str; 12] = [
    "title",
    "subtitle",
    "expected_expiration_time",
    "expiration_time",
    "settlement_value_dollars",
    "settlement_ts",
    "early_close_condition",
    "exchange_index",
    "occurrence_datetime",
    "fee_waiver_expiration_time",
    "settlement_floor_dollars",
    "is_provisional",
];

/// Further optional fields that are null where a market has none of them.
const OPTIONAL_NULLS: [&str; 7] = [
    "floor_strike",
    "cap_strike",
    "functional_strike",
    "custom_strike",
    "mve_collection_ticker",
    "mve_selected_legs",
    "primary_participant_key",
];

/// Required prices of a market object.
const PRICE_FIELDS: [&str; 6] = [
    "yes_bid_dollars",
    "yes_ask_dollars",
    "no_bid_dollars",
    "no_ask_dollars",
    "last_price_dollars",
    "previous_price_dollars",
];

/// Length of the string that an unknown field has, in bytes.
const LONG_STRING: usize = 64 << 10;

/// A label of price levels that no schema has.
const UNKNOWN_LABEL: &str = "banded_milli_cent";

type JsonObject = Map<String, Value>;

fn replace_present_field(object: &mut JsonObject, name: &str, value: impl Into<Value>) {
    if let Some(field) = object.get_mut(name) {
        *field = value.into();
    }
}

fn remove_fields(object: &mut JsonObject, names: &[&str]) {
    names.iter().for_each(|name| drop(object.remove(*name)));
}

/// Makes the object of a market odd. That of a message has fewer fields: those that are there change.
pub(in crate::sandbox) fn edit_market(oddity: MarketOddity, market: &mut JsonObject) {
    let is_full = market.contains_key("market_type");
    match oddity {
        MarketOddity::YesSubTitleNull => replace_present_field(market, "yes_sub_title", Value::Null),
        MarketOddity::TitleMissing => remove_fields(market, &["title"]),
        MarketOddity::OptionalFieldsMissing => {
            let value = market.get("settlement_value_dollars").cloned();
            remove_fields(market, &OPTIONAL_FIELDS);
            if let Some(value) = value.filter(|_| market.get("result") == Some(&json!("scalar"))) {
                market.insert("settlement_value_dollars".to_owned(), value);
            }
        }
        MarketOddity::OptionalFieldsNull if is_full => insert_optional_nulls(market),
        MarketOddity::UnknownFields => insert_unknown_fields(market),
        MarketOddity::StructureLabelEmpty => replace_present_field(market, "price_level_structure", ""),
        MarketOddity::StructureLabelUnknown => {
            replace_present_field(market, "price_level_structure", UNKNOWN_LABEL);
        }
        MarketOddity::ExchangeIndexMissing => remove_fields(market, &["exchange_index"]),
        MarketOddity::StatusSuspended => replace_present_field(market, "status", "suspended"),
        MarketOddity::TypeRanged => replace_present_field(market, "market_type", "ranged"),
        MarketOddity::TypeScalar => replace_present_field(market, "market_type", "scalar"),
        MarketOddity::BoundsFloor => replace_present_field(market, "settlement_bounds_type", "floor"),
        MarketOddity::RangesNull => replace_present_field(market, "price_ranges", Value::Null),
        MarketOddity::RangesMissing => remove_fields(market, &["price_ranges"]),
        MarketOddity::StepTooFine => {
            if let Some(range) = market.get_mut("price_ranges").and_then(|ranges| ranges.get_mut(0)) {
                range["step"] = "0.000010".into();
            }
        }
        MarketOddity::StrikeHuge => replace_strike(market, &json!(38_000_000_000_000_i64)),
        MarketOddity::StrikeTiny => replace_strike(market, &json!(1e-7)),
        MarketOddity::ResultVoid => replace_present_field(market, "result", "void"),
        MarketOddity::PricesMissing => remove_fields(market, &PRICE_FIELDS),
        MarketOddity::DeterminedVoid if is_determined(market) => {
            market.insert("result".to_owned(), "void".into());
            remove_fields(market, &["settlement_value_dollars"]);
        }
        // These show in the messages of the market, its event or its series alone, or in what it pays.
        _ => {}
    }
}

fn is_determined(market: &JsonObject) -> bool {
    market.get("result").and_then(Value::as_str).is_some_and(|result| !result.is_empty())
}

fn insert_optional_nulls(market: &mut JsonObject) {
    let is_over = is_determined(market);
    for name in OPTIONAL_FIELDS.into_iter().filter(|name| !is_over || !name.starts_with("settlement_")) {
        market.insert(name.to_owned(), Value::Null);
    }
    for name in OPTIONAL_NULLS {
        market.entry(name).or_insert(Value::Null);
    }
}

fn insert_unknown_fields(market: &mut JsonObject) {
    market.insert(
        "x_details".to_owned(),
        json!({"kind": "future", "levels": [[1, 2.5], [], [null]], "of": {"a": {}}}),
    );
    market.insert("x_flags".to_owned(), json!([true, "two", 3, null, {"status": "active"}]));
    market.insert("x_notes".to_owned(), "é\"\\ ".repeat(LONG_STRING / 5).into());
}

/// Replaces the strike there is; a market without one gets a floor.
fn replace_strike(market: &mut JsonObject, strike: &Value) {
    let name = ["floor_strike", "cap_strike"].into_iter().find(|name| market.contains_key(*name));
    match name {
        Some(name) => replace_present_field(market, name, strike.clone()),
        None if market.contains_key("strike_type") => {
            market.insert("strike_type".to_owned(), "greater".into());
            market.insert("floor_strike".to_owned(), strike.clone());
        }
        None => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::key_order::write_json;

    fn edited(oddity: MarketOddity, result: &str) -> Value {
        let mut market = json!({
            "ticker": "A", "market_type": "binary", "title": "T", "yes_sub_title": "Y", "status": "active",
            "yes_bid_dollars": "0.4000", "result": result, "price_level_structure": "linear_cent",
            "price_ranges": [{"start": "0.0000", "end": "1.0000", "step": "0.0100"}], "exchange_index": 0,
            "settlement_bounds_type": "default", "strike_type": "greater", "floor_strike": 55,
            "settlement_value_dollars": "1.0000",
        });
        edit_market(oddity, market.as_object_mut().unwrap());
        market
    }

    #[test]
    fn every_oddity_of_the_object_shows_and_the_others_leave_it_alone() {
        let clean = edited(MarketOddity::Reopened, "");
        let shown = MarketOddity::OF_MARKETS
            .into_iter()
            .filter(|&oddity| edited(oddity, "yes") != edited(MarketOddity::Reopened, "yes"));
        assert_eq!(shown.count(), 20);
        assert_eq!(edited(MarketOddity::DeterminedVoid, ""), clean);
        assert_eq!(edited(MarketOddity::DeterminedVoid, "yes")["result"], "void");
        assert_eq!(edited(MarketOddity::OptionalFieldsNull, "yes")["settlement_value_dollars"], "1.0000");
        assert_eq!(edited(MarketOddity::OptionalFieldsMissing, "yes").get("settlement_value_dollars"), None);
        assert_eq!(
            edited(MarketOddity::OptionalFieldsMissing, "scalar")["settlement_value_dollars"],
            "1.0000"
        );
    }

    #[test]
    fn strikes_have_the_digits_asked_for() {
        let digits = |oddity| write_json(&edited(oddity, ""));
        assert!(digits(MarketOddity::StrikeHuge).contains(r#""floor_strike":38000000000000,"#));
        assert!(digits(MarketOddity::StrikeTiny).contains(r#""floor_strike":1e-07,"#));
    }
}
