//! Names and objects of foreign markets: games, matches and prices, each made from its number or its ticker.

use serde_json::{Value, json};

use crate::domain::{Span, Timestamp};
use crate::sandbox::seeded_hash::{hash_name, pick_item};
use crate::sandbox::wire;

/// Series of foreign markets, with their category.
const FOREIGN_SERIES: [(&str, &str); 6] = [
    ("KXNBAGAME", "Sports"),
    ("KXNFLGAME", "Sports"),
    ("KXNHLGAME", "Sports"),
    ("KXATPMATCH", "Sports"),
    ("KXEPLGAME", "Sports"),
    ("KXSPOTIFYGLOBALD", "Entertainment"),
];
const FOREIGN_TEAMS: [&str; 16] = [
    "LAL", "GSW", "BOS", "NYK", "MIA", "DEN", "PHX", "DAL", "CHI", "TOR", "SEA", "ATL", "MIN", "DET", "CLE",
    "HOU",
];
const MONTHS: [&str; 12] =
    ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];

/// Returns the series of a ticker if it is a foreign one; of a market, an event or the series itself.
pub(in crate::sandbox) fn foreign_series(ticker: &str) -> Option<&'static str> {
    let series = ticker.split('-').next()?;
    FOREIGN_SERIES.into_iter().map(|(name, _)| name).find(|name| *name == series)
}

/// The event of a foreign market: its ticker without the last part.
pub(in crate::sandbox) fn foreign_event_ticker(market: &str) -> &str {
    market.rsplit_once('-').map_or(market, |(event, _)| event)
}

/// The ticker of a foreign market, such as `KXNBAGAME-26OCT21LALGSW-LAL`: the same for the same seed and number.
pub(in crate::sandbox) fn foreign_market_ticker(seed: u64, number: u64) -> String {
    let draw = |purpose: &str| hash_name(seed, purpose, &number.to_string());
    let (series, _) = pick_item(&FOREIGN_SERIES, draw("foreign series"));
    let teams = FOREIGN_TEAMS.len() as u64;
    let home = draw("foreign home") % teams;
    // Another team than the one at home.
    let away = home + 1 + draw("foreign away") % (teams - 1);
    let (home, away) = (pick_item(&FOREIGN_TEAMS, home), pick_item(&FOREIGN_TEAMS, away));
    let (month, day) = (pick_item(&MONTHS, draw("foreign month")), 1 + draw("foreign day") % 28);
    format!("{series}-26{month}{day:02}{home}{away}-{home}")
}

/// `GET /markets/{ticker}` of a foreign market, as its exchange would answer: open for a day, on whole cents.
pub(in crate::sandbox) fn foreign_market_object(ticker: &str, now: Timestamp) -> Value {
    let (opened, closes) = (now - Span::DAY, now + Span::DAY);
    let mut body = json!({
        "ticker": ticker, "event_ticker": foreign_event_ticker(ticker), "market_type": "binary",
        "title": "Winner?", "subtitle": "", "yes_sub_title": ticker, "no_sub_title": ticker,
        "created_time": wire::micros_time(opened), "updated_time": wire::micros_time(opened),
        "open_time": wire::micros_time(opened), "close_time": wire::micros_time(closes),
        "expected_expiration_time": wire::micros_time(closes), "expiration_time": wire::micros_time(closes),
        "latest_expiration_time": wire::micros_time(closes), "settlement_timer_seconds": 300,
        "status": "active", "notional_value_dollars": "1.0000",
        "yes_bid_dollars": "0.5200", "yes_bid_size_fp": "310.00", "yes_ask_dollars": "0.5300",
        "yes_ask_size_fp": "120.00", "no_bid_dollars": "0.4700", "no_ask_dollars": "0.4800",
        "last_price_dollars": "0.5200", "previous_yes_bid_dollars": "0.0000", "previous_yes_ask_dollars": "0.0000",
        "previous_price_dollars": "0.0000", "volume_fp": "1520.33", "volume_24h_fp": "1520.33",
        "open_interest_fp": "1104.00", "result": "", "can_close_early": true, "early_close_condition": "",
        "expiration_value": "", "rules_primary": "The winner.", "rules_secondary": "",
    });
    body["strike_type"] = "structured".into();
    body["custom_strike"] = json!({"team": ticker});
    body["price_level_structure"] = "linear_cent".into();
    body["price_ranges"] = json!([{"start": "0.0000", "end": "1.0000", "step": "0.0100"}]);
    body["settlement_bounds_type"] = "default".into();
    body["exchange_index"] = 3.into();
    body
}

/// The event object of a foreign event, without its markets.
pub(in crate::sandbox) fn foreign_event_object(ticker: &str, series: &str, now: Timestamp) -> Value {
    json!({
        "event_ticker": ticker, "series_ticker": series, "sub_title": "", "title": "Game",
        "collateral_return_type": "MECNET", "mutually_exclusive": true, "category": foreign_category(series),
        "strike_date": wire::micros_time(now + Span::DAY), "settlement_sources": Value::Null,
        "product_metadata": {}, "last_updated_ts": wire::micros_time(now), "exchange_index": 3,
    })
}

/// The object of a foreign series, at the exchange's usual fees.
pub(in crate::sandbox) fn foreign_series_object(series: &str, now: Timestamp) -> Value {
    let category = foreign_category(series);
    json!({
        "ticker": series, "frequency": "custom", "title": series, "category": category, "categories": [category],
        "tags": Value::Null, "settlement_sources": Value::Null, "contract_url": "", "contract_terms_url": "",
        "fee_type": "quadratic", "fee_multiplier": 1, "additional_prohibitions": Value::Null,
        "last_updated_ts": wire::micros_time(now), "exchange_index": 3,
    })
}

fn foreign_category(series: &str) -> &'static str {
    FOREIGN_SERIES.into_iter().find(|(name, _)| *name == series).map_or("", |(_, category)| category)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tickers_are_like_those_of_games_and_known_again() {
        let ticker = foreign_market_ticker(7, 12);
        assert_eq!(ticker, foreign_market_ticker(7, 12));
        assert_ne!(ticker, foreign_market_ticker(7, 13));
        let series = foreign_series(&ticker).unwrap();
        assert!(foreign_event_ticker(&ticker).starts_with(series), "{ticker}");
        assert_eq!(ticker.split('-').count(), 3);
        assert_eq!(foreign_series("KXHIGHNY-26NOV20-T55"), None);
    }
}
