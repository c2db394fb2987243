//! What the stream tells of foreign markets: each one's life from its event to its payout, many of them at a time,
//! so many messages by minute of the exchange's clock.

use serde_json::{Value, json};

use super::foreign_market::{foreign_event_ticker, foreign_market_ticker, foreign_series};
use crate::domain::{Span, Timestamp};
use crate::sandbox::faults::Faults;
use crate::sandbox::seeded_hash::{hash_name, pick_item};
use crate::sandbox::wire;

/// A message of the lifecycle channel about a foreign market or event.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::sandbox) struct ForeignMessage {
    /// Value of the frame's `type`.
    pub(in crate::sandbox) kind: &'static str,
    /// Value of the frame's `msg`.
    pub(in crate::sandbox) body: Value,
}

/// Messages in the life of one foreign market.
const LIFE: [&str; 10] = [
    "event_lifecycle",
    "created",
    "metadata_updated",
    "deactivated",
    "activated",
    "event_fee_update",
    "close_date_updated",
    "price_level_structure_updated",
    "determined",
    "settled",
];
/// By how many markets each next message of a life lies back.
const STRIDE: u64 = 7;

/// The messages that are due, by the exchange's clock; the same seed tells the same at the same moment.
#[derive(Debug)]
pub(in crate::sandbox) struct ForeignStream {
    seed: u64,
    per_minute: u32,
    /// Until when everything was told.
    told: Timestamp,
    /// Messages told so far.
    count: u64,
}

impl ForeignStream {
    /// A stream that begins after `start`.
    pub(in crate::sandbox) const fn from_faults(faults: &Faults, start: Timestamp) -> Self {
        Self { seed: faults.seed, per_minute: faults.foreign, told: start, count: 0 }
    }

    /// Whether it tells anything at all.
    pub(in crate::sandbox) const fn has_messages(&self) -> bool {
        self.per_minute > 0
    }

    /// Messages told so far.
    pub(in crate::sandbox) const fn message_count(&self) -> u64 {
        self.count
    }

    /// Number of the last message at or before a moment.
    fn number_at(&self, at: Timestamp) -> u64 {
        let passed = u128::try_from(at.nanos()).unwrap_or(0);
        let minute = Span::MINUTE.nanos().unsigned_abs();
        u64::try_from(passed * u128::from(self.per_minute) / u128::from(minute)).unwrap_or(u64::MAX)
    }

    /// What has become due until now; after a leap over more than a minute, only the messages of the last minute.
    pub(in crate::sandbox) fn due_messages(&mut self, now: Timestamp) -> Vec<ForeignMessage> {
        if !self.has_messages() || now <= self.told {
            return Vec::new();
        }
        let since = self.told.max(now - Span::MINUTE);
        self.told = now;
        let due = self.number_at(since)..self.number_at(now);
        self.count += due.end - due.start;
        due.map(|number| self.message_of(number + 1, now)).collect()
    }

    fn message_of(&self, number: u64, now: Timestamp) -> ForeignMessage {
        let steps = LIFE.len() as u64;
        let step = number % steps;
        let market = (number / steps).wrapping_sub(step * STRIDE);
        let ticker = foreign_market_ticker(self.seed, market);
        let variation = hash_name(self.seed, "foreign variation", &number.to_string());
        let seconds = wire::unix_seconds(now);
        match *pick_item(&LIFE, step) {
            "event_lifecycle" => {
                ForeignMessage { kind: "event_lifecycle", body: event_body(&ticker, variation, seconds) }
            }
            "event_fee_update" => {
                ForeignMessage { kind: "event_fee_update", body: fee_body(&ticker, variation) }
            }
            event_type => ForeignMessage {
                kind: "market_lifecycle_v2",
                body: market_body(event_type, &ticker, variation, seconds),
            },
        }
    }
}

fn event_body(ticker: &str, variation: u64, seconds: i64) -> Value {
    let event = foreign_event_ticker(ticker);
    let returned = *pick_item(&["MECNET", "DIRECNET", ""], variation);
    json!({
        "event_ticker": event, "exchange_index": 3, "title": "Game", "subtitle": "",
        "collateral_return_type": returned, "series_ticker": foreign_series(event), "strike_date": seconds + 86_400,
    })
}

fn fee_body(ticker: &str, variation: u64) -> Value {
    let types = [None, Some("quadratic"), Some("flat"), Some("margin_market_maker_program_fees")];
    let fee_type = *pick_item(&types, variation);
    json!({
        "event_ticker": foreign_event_ticker(ticker), "fee_type_override": fee_type,
        "fee_multiplier_override": fee_type.map(|_| json!(0.5)),
    })
}

fn market_body(event_type: &str, ticker: &str, variation: u64, seconds: i64) -> Value {
    let mut body = json!({"event_type": event_type, "market_ticker": ticker});
    match event_type {
        "created" => insert_created_fields(&mut body, ticker, variation, seconds),
        "metadata_updated" => {
            body["yes_sub_title"] = "Other".into();
            body["floor_strike"] = json!(38_000_000_000_000_i64);
        }
        "deactivated" => body["is_deactivated"] = true.into(),
        "activated" => body["is_deactivated"] = false.into(),
        "close_date_updated" => body["close_ts"] = (seconds + 7_200).into(),
        "price_level_structure_updated" => {
            body["price_level_structure"] = (*pick_item(&["tapered_deci_cent", ""], variation)).into();
            if variation.is_multiple_of(3) {
                body["price_ranges"] = json!([{"start": "0.0000", "end": "1.0000", "step": "0.0010"}]);
            }
        }
        "determined" => insert_result_fields(&mut body, variation, seconds),
        _ => body["settled_ts"] = seconds.into(),
    }
    body
}

fn insert_result_fields(body: &mut Value, variation: u64, seconds: i64) {
    let results = [
        ("yes", Some("1.0000")),
        ("no", Some("0.0000")),
        ("yes", None),
        ("scalar", Some("0.333333")),
        ("void", None),
    ];
    let (result, value) = *pick_item(&results, variation);
    body["determination_ts"] = seconds.into();
    body["result"] = result.into();
    if let Some(value) = value {
        body["settlement_value"] = value.into();
    }
}

/// As in the exchange's documentation, whose own example has no `price_ranges`; with them; and with less.
fn insert_created_fields(body: &mut Value, ticker: &str, variation: u64, seconds: i64) {
    let kind = variation % 6;
    if kind == 5 {
        // Only what the schema requires.
        return;
    }
    body["exchange_index"] = 3.into();
    body["open_ts"] = seconds.into();
    body["close_ts"] = (seconds + 86_400).into();
    body["additional_metadata"] = json!({
        "name": ticker, "title": "Winner?", "yes_sub_title": ticker, "no_sub_title": ticker,
        "rules_primary": "The winner.", "rules_secondary": "", "can_close_early": true,
        "event_ticker": foreign_event_ticker(ticker), "expected_expiration_ts": seconds + 90_000,
        "strike_type": "structured", "custom_strike": {"team": ticker},
    });
    body["price_level_structure"] = if kind == 2 { "" } else { "linear_cent" }.into();
    match kind {
        0 => {}
        3 => body["price_ranges"] = Value::Null,
        4 => {
            body["additional_metadata"]["yes_sub_title"] = Value::Null;
            body["x_unknown"] = json!({"nested": [[], {}]});
        }
        _ => body["price_ranges"] = json!([{"start": "0.0000", "end": "1.0000", "step": "0.0100"}]),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn stream(seed: u64) -> ForeignStream {
        let faults = Faults { seed, foreign: 1_000, ..Faults::default() };
        ForeignStream::from_faults(&faults, moment(0))
    }

    fn moment(seconds: i64) -> Timestamp {
        Timestamp::parse("2026-11-19T15:00:00Z").unwrap() + Span::SECOND.times(seconds)
    }

    #[test]
    fn as_many_as_asked_by_the_clock_and_never_more_than_those_of_a_minute() {
        let mut one = stream(7);
        assert_eq!(one.due_messages(moment(0)), []);
        assert_eq!(one.due_messages(moment(30)).len(), 500);
        assert_eq!(one.due_messages(moment(30)), []);
        assert_eq!(one.due_messages(moment(90)).len(), 1_000);
        assert_eq!(one.due_messages(moment(90_000)).len(), 1_000);
    }

    #[test]
    fn the_same_seed_tells_the_same_and_everything_is_told() {
        let told = |seed| stream(seed).due_messages(moment(60));
        assert_eq!(told(7), told(7));
        assert_ne!(told(7), told(8));
        let messages = told(7);
        let kinds: BTreeSet<_> =
            messages.iter().map(|told| told.body["event_type"].as_str().unwrap_or(told.kind)).collect();
        assert_eq!(kinds, LIFE.into_iter().collect());
        let text = format!("{messages:?}");
        for part in ["void", "0.333333", "\"flat\"", "margin_market_maker_program_fees", "x_unknown"] {
            assert!(text.contains(part), "{part}");
        }
        let without_ranges = messages
            .iter()
            .filter(|told| told.body["event_type"] == "created" && told.body.get("price_ranges").is_none());
        assert!(without_ranges.count() > 10);
    }
}
