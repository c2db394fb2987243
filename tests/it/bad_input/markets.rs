//! Rows of `markets.parquet` that cannot be used: exit code 3.

use std::sync::Arc;

use arrow_array::types::{Float64Type, TimestampMicrosecondType};
use arrow_array::{Int32Array, Int64Array};

use super::world::{Table, World, micros};
use super::{Case, DATA, refused};

const NAMES: &[Case] = &[
    (
        "no ticker",
        |w| w.markets(|t| t.text("ticker", 2, None)),
        "[DIR]/data/markets.parquet, row 2: ticker is missing",
    ),
    (
        "empty ticker",
        |w| w.markets(|t| t.text("ticker", 2, Some(""))),
        "[DIR]/data/markets.parquet, row 2: ticker is missing",
    ),
    (
        "duplicate ticker",
        |w| w.markets(|t| t.text("ticker", 2, Some("KXTEST-24JAN-A"))),
        "[DIR]/data/markets.parquet, row 2: ticker KXTEST-24JAN-A is there twice",
    ),
    (
        "the same data set twice",
        |w| w.line("data = \"data\"", "data = [\"data\", \"data\"]"),
        "[DIR]/data/markets.parquet, row 1: ticker KXTEST-24JAN-A is there twice",
    ),
    (
        "no event",
        |w| w.markets(|t| t.text("event_ticker", 1, Some(""))),
        "[DIR]/data/markets.parquet, row 1: event_ticker is missing",
    ),
    (
        "no series",
        |w| w.markets(|t| t.text("series_ticker", 1, None)),
        "[DIR]/data/markets.parquet, row 1: series_ticker is missing",
    ),
    (
        "no market in the dates",
        |w| w.line("name = \"case\"", "name = \"case\"\nstart = 2030-01-01"),
        "[DIR]/data: no market of the data trades in the scenario's dates, series and categories",
    ),
    (
        "no market of the series",
        |w| w.line("interval = \"0s\"", "series = [\"KXFED\"]"),
        "[DIR]/data: no market of the data trades in the scenario's dates, series and categories",
    ),
];

const TIMES: &[Case] = &[
    (
        "no opening",
        |w| w.markets(|t| time(t, "open_time", 1, None)),
        "[DIR]/data/markets.parquet, row 1: open_time is missing",
    ),
    (
        "no close",
        |w| w.markets(|t| time(t, "close_time", 1, None)),
        "[DIR]/data/markets.parquet, row 1: close_time is missing",
    ),
    (
        "close at the opening",
        |w| w.markets(|t| time(t, "close_time", 2, Some("2024-01-01T00:00:00Z"))),
        "[DIR]/data/markets.parquet, row 2: close_time 2024-01-01T00:00:00Z is not after open_time 2024-01-01T00:00:00Z",
    ),
    (
        "settlement before the opening",
        |w| w.markets(|t| time(t, "settlement_time", 1, Some("2023-12-31T00:00:00Z"))),
        "[DIR]/data/markets.parquet, row 1: settlement_time is before open_time",
    ),
    (
        "beyond all years",
        |w| w.markets(|t| t.number::<TimestampMicrosecondType>("open_time", 1, Some(i64::MIN))),
        "[DIR]/data/markets.parquet, row 1: open_time is outside the years 1678-2262",
    ),
];

const RESULTS: &[Case] = &[
    (
        "no settlement_time",
        |w| w.markets(|t| time(t, "settlement_time", 1, None)),
        "[DIR]/data/markets.parquet, row 1: has a result but no settlement_time",
    ),
    (
        "unknown result",
        |w| w.markets(|t| t.text("result", 1, Some("void"))),
        "[DIR]/data/markets.parquet, row 1: result `void` is none of yes, no, scalar or empty",
    ),
    (
        "scalar without a value",
        |w| w.markets(|t| t.text("result", 1, Some("scalar")).price("settlement_value", 1, None)),
        "[DIR]/data/markets.parquet, row 1: result is scalar without a settlement_value",
    ),
    (
        "a value above a dollar",
        |w| w.markets(|t| t.price("settlement_value", 1, 10_001)),
        "[DIR]/data/markets.parquet, row 1: settlement_value = 10001 is not between 0 and 10000",
    ),
    (
        "a value below nothing",
        |w| w.markets(|t| t.price("settlement_value", 1, -1)),
        "[DIR]/data/markets.parquet, row 1: settlement_value = -1 is not between 0 and 10000",
    ),
    (
        "an exact value that is not the other one",
        |w| w.markets(|t| t.led_by("settlement_value_e6", Arc::new(Int32Array::from(vec![999_949, 0])))),
        "[DIR]/data/markets.parquet, row 1: settlement_value 10000 is not settlement_value_e6 999949 rounded to \
         ten-thousandths",
    ),
    (
        "an exact value above a dollar",
        |w| w.markets(|t| t.led_by("settlement_value_e6", Arc::new(Int32Array::from(vec![1_000_001, 0])))),
        "[DIR]/data/markets.parquet, row 1: settlement_value_e6 = 1000001 is not between 0 and 1000000",
    ),
    (
        "an exact value that does not fit",
        |w| w.markets(|t| t.led_by("settlement_value_e6", Arc::new(Int32Array::from(vec![999_950, 0])))),
        "[DIR]/data/markets.parquet, row 1: result yes does not fit settlement_value_e6 999950",
    ),
    (
        "exact values as i64",
        |w| w.markets(|t| t.led_by("settlement_value_e6", Arc::new(Int64Array::from(vec![1_000_000, 0])))),
        "[DIR]/data/markets.parquet: column settlement_value_e6 must be i32, is i64",
    ),
    (
        "a value that does not fit",
        |w| w.markets(|t| t.text("result", 1, Some("no"))),
        "[DIR]/data/markets.parquet, row 1: result no does not fit settlement_value 10000",
    ),
];

const TERMS: &[Case] = &[
    (
        "unknown strike_type",
        |w| w.markets(|t| t.text("strike_type", 1, Some("around"))),
        "[DIR]/data/markets.parquet, row 1: strike_type `around` is unknown",
    ),
    (
        "greater without floor_strike",
        |w| w.markets(|t| t.text("strike_type", 1, Some("greater"))),
        "[DIR]/data/markets.parquet, row 1: floor_strike is missing",
    ),
    (
        "between without cap_strike",
        |w| w.markets(|t| real(t.text("strike_type", 1, Some("between")), "floor_strike", 4.0)),
        "[DIR]/data/markets.parquet, row 1: cap_strike is missing",
    ),
    (
        "between upside down",
        |w| {
            w.markets(|t| {
                let t = t.text("strike_type", 1, Some("between"));
                real(real(t, "floor_strike", 4.5), "cap_strike", 4.25)
            });
        },
        "[DIR]/data/markets.parquet, row 1: floor_strike 4.50 is above cap_strike 4.25",
    ),
    (
        "a strike that is no number",
        |w| w.markets(|t| real(t.text("strike_type", 1, Some("greater")), "floor_strike", f64::NAN)),
        "[DIR]/data/markets.parquet, row 1: floor_strike: `NaN` is not a decimal number",
    ),
    (
        "no fee_type",
        |w| w.markets(|t| t.text("fee_type", 1, None)),
        "[DIR]/data/markets.parquet, row 1: fee_type is missing",
    ),
    (
        "unknown fee_type",
        |w| w.markets(|t| t.text("fee_type", 1, Some("flat"))),
        "[DIR]/data/markets.parquet, row 1: fee_type `flat` is no fee type protogen knows",
    ),
    (
        "no fee_multiplier",
        |w| w.markets(|t| t.number::<Float64Type>("fee_multiplier", 1, None)),
        "[DIR]/data/markets.parquet, row 1: fee_multiplier is missing",
    ),
    (
        "negative fee_multiplier",
        |w| w.markets(|t| real(t, "fee_multiplier", -1.0)),
        "[DIR]/data/markets.parquet, row 1: fee_multiplier: -1.00 is not between 0 and 4294",
    ),
    (
        "fee_multiplier too large",
        |w| w.markets(|t| real(t, "fee_multiplier", 5_000.0)),
        "[DIR]/data/markets.parquet, row 1: fee_multiplier: 5000.00 is not between 0 and 4294",
    ),
    (
        "fee_multiplier too fine",
        |w| w.markets(|t| real(t, "fee_multiplier", 1e-7)),
        "[DIR]/data/markets.parquet, row 1: fee_multiplier: `0.0000001` has more than 6 decimal places",
    ),
    (
        "price_ranges not JSON",
        |w| ranges(w, "0.01"),
        "[DIR]/data/markets.parquet, row 1: price_ranges is not as the exchange sends it: invalid type: floating point `0.01`, expected a sequence at line 1 column 4",
    ),
    (
        "price_ranges cut off",
        |w| ranges(w, r#"[{"start":"0","end":"1""#),
        "[DIR]/data/markets.parquet, row 1: price_ranges is not as the exchange sends it: EOF while parsing an object at line 1 column 23",
    ),
    (
        "price range without a step",
        |w| ranges(w, r#"[{"start":"0","end":"1"}]"#),
        "[DIR]/data/markets.parquet, row 1: price_ranges is not as the exchange sends it: missing field `step` at line 1 column 24",
    ),
    (
        "price range with step 0",
        |w| ranges(w, r#"[{"start":"0","end":"1","step":"0"}]"#),
        "[DIR]/data/markets.parquet, row 1: price range 0 has step 0",
    ),
    (
        "price range backwards",
        |w| ranges(w, r#"[{"start":"1","end":"0","step":"0.01"}]"#),
        "[DIR]/data/markets.parquet, row 1: price range 0 ends at 0.00 below its start 1.00",
    ),
    (
        "price range above a dollar",
        |w| ranges(w, r#"[{"start":"0","end":"100","step":"1"}]"#),
        "[DIR]/data/markets.parquet, row 1: price_ranges: 100 is not between 0 and 1 dollar",
    ),
    (
        "price range in words",
        |w| ranges(w, r#"[{"start":"zero","end":"1","step":"0.01"}]"#),
        "[DIR]/data/markets.parquet, row 1: price_ranges: `zero` is not a decimal number",
    ),
];

fn time(table: Table, name: &str, row: usize, at: Option<&str>) -> Table {
    table.number::<TimestampMicrosecondType>(name, row, at.map(micros))
}

fn real(table: Table, name: &str, value: f64) -> Table {
    table.number::<Float64Type>(name, 1, Some(value))
}

fn ranges(world: &World, json: &str) {
    world.markets(|table| table.text("price_ranges", 1, Some(json)));
}

#[test]
fn names() {
    refused(DATA, NAMES);
}

#[test]
fn times() {
    refused(DATA, TIMES);
}

#[test]
fn results() {
    refused(DATA, RESULTS);
}

#[test]
fn terms() {
    refused(DATA, TERMS);
}

/// `--lenient` is about snapshots: a market that is not understood is never guessed at.
#[test]
fn lenient_does_not_reach_markets() {
    refused(
        DATA,
        &[(
            "unknown result",
            |w| {
                w.args.push("--lenient".into());
                w.markets(|t| t.text("result", 1, Some("void")));
            },
            "[DIR]/data/markets.parquet, row 1: result `void` is none of yes, no, scalar or empty",
        )],
    );
}
