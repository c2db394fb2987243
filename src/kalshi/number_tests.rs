//! Numbers of the exchange, exactly or not at all, and errors that name the field.

use proptest::prelude::*;

use crate::kalshi::schema::decode_json;

use super::*;

#[derive(Debug, Deserialize)]
struct Outer {
    market: Inner,
}

#[derive(Debug, Deserialize)]
struct Inner {
    #[serde(deserialize_with = "price")]
    bid: Price,
    #[serde(deserialize_with = "contracts")]
    size: Contracts,
    #[serde(deserialize_with = "time")]
    at: Timestamp,
    #[serde(deserialize_with = "decimal")]
    multiplier: Decimal6,
    #[serde(default, deserialize_with = "optional_money")]
    fee: Option<Money>,
    #[serde(default, deserialize_with = "optional_decimal")]
    strike: Option<Decimal6>,
    #[serde(default, deserialize_with = "optional_cents")]
    revenue: Option<Money>,
    #[serde(default, deserialize_with = "levels")]
    levels: Levels,
}

const GOOD: &str = r#"{"market": {"bid": "0.5600", "size": "13.07", "at": "2026-06-11T06:29:47.42784Z",
    "multiplier": 0.5, "fee": "0.017500", "strike": 84.5, "revenue": 2600,
    "levels": [["0.4000", "120.00"], ["0.4100", "7.50"]], "unknown": [1]}}"#;

#[test]
fn reads_every_kind_exactly() {
    let Outer { market } = decode_json("GET /x", GOOD.as_bytes()).unwrap();
    assert_eq!(market.bid.get(), 5_600);
    assert_eq!(market.size.hundredths(), 1_307);
    assert_eq!(market.at.to_string(), "2026-06-11T06:29:47.42784Z");
    assert_eq!(market.multiplier.millionths(), 500_000);
    assert_eq!(market.fee, Some(Money::from_micros(17_500)));
    assert_eq!(market.strike, Decimal6::parse("84.5").ok());
    assert_eq!(market.revenue, Money::parse("26").ok());
    assert_eq!(market.levels.last(), Some(&(Price::new(4_100).unwrap(), Contracts::from_hundredths(750))));
    assert_eq!(contracts_text(market.size), "13.07");
    assert_eq!(price_text(market.bid), "0.5600");
}

#[test]
fn optional_fields_may_be_absent_or_null() {
    for text in [
        r#"{"market":{"bid":"0","size":"1","at":"2026-01-01T00:00:00Z","multiplier":1}}"#,
        r#"{"market":{"bid":"1","size":"1","at":"2026-01-01T00:00:00Z","multiplier":1,
            "fee":null,"strike":null,"revenue":null}}"#,
    ] {
        let Outer { market } = decode_json("GET /x", text.as_bytes()).unwrap();
        assert_eq!((market.fee, market.strike, market.revenue), (None, None, None));
    }
}

#[test]
fn an_error_names_message_and_field() {
    for (from, to, says) in [
        (r#""bid": "0.5600""#, r#""bid": 0.56"#, "market.bid: invalid type: floating point `0.56`"),
        (r#""bid": "0.5600""#, r#""bid": "0.56001""#, "market.bid: `0.56001` has more than 4 decimal places"),
        (r#""bid": "0.5600""#, r#""bid": "1.0001""#, "market.bid: `1.0001` is not a price between $0 and $1"),
        (r#""bid": "0.5600""#, r#""bid": "-0.01""#, "market.bid: `-0.01` is not a price"),
        (r#""bid": "0.5600""#, r#""bid": null"#, "market.bid: invalid type: null"),
        (r#""bid""#, r#""price""#, "missing field `bid`"),
        (r#""13.07""#, r#""13.075""#, "market.size: `13.075` has more than 2 decimal places"),
        ("47.42784Z", "47.42784", "market.at: `2026-06-11T06:29:47.42784` is not a time"),
        (r#""multiplier": 0.5"#, r#""multiplier": "0.5""#, "market.multiplier: `\"0.5\"` is not a decimal"),
        (r#""fee": "0.017500""#, r#""fee": 0.0175"#, "market.fee: invalid type"),
        (r#""strike": 84.5"#, r#""strike": "84.5""#, "market.strike: `\"84.5\"` is not a decimal"),
        (r#""revenue": 2600"#, r#""revenue": "26""#, "market.revenue: invalid type"),
        (r#"["0.4100", "7.50"]"#, r#"["0.4100"]"#, "market.levels[1]"),
        (r#""7.50""#, "7.5", "market.levels[1][1]: invalid type"),
    ] {
        assert!(GOOD.contains(from), "{from}");
        let error = decode_json::<Outer>("GET /x", GOOD.replace(from, to).as_bytes()).unwrap_err();
        assert_eq!(error.endpoint, "GET /x");
        assert!(error.problem.contains(says), "{} does not say {says}", error.problem);
    }
    let error = decode_json::<Outer>("GET /x", b"<html>").unwrap_err().to_string();
    assert!(error.starts_with("GET /x: ") && error.contains("changelog"), "{error}");
}

#[test]
fn unix_times_stay_within_what_can_be_held() {
    assert_eq!(from_seconds(1_795_103_600).map(seconds_of), Ok(1_795_103_600));
    assert_eq!(from_millis(1_795_103_600_123).unwrap().to_string(), "2026-11-19T15:53:20.123Z");
    assert!(from_seconds(i64::MAX).is_err() && from_millis(i64::MIN).is_err());
}

proptest! {
    #[test]
    fn prices_and_counts_round_trip(raw in 0u16..=10_000, hundredths in -1_000_000_000i64..1_000_000_000) {
        let price = Price::new(raw).unwrap();
        prop_assert_eq!(parse_price(&price_text(price)), Ok(price));
        let contracts = Contracts::from_hundredths(hundredths);
        prop_assert_eq!(parse_contracts(&contracts_text(contracts)), Ok(contracts));
    }
}

#[test]
fn more_than_there_can_be_is_an_error_where_it_is_read() {
    assert_eq!(parse_contracts("-100000000000.00").unwrap().hundredths(), -10_000_000_000_000);
    assert_eq!(parse_money("1000000000000").unwrap(), MOST_MONEY);
    for large in ["100000000000.01", "-100000000000.01", "92233720368547758.07"] {
        assert!(parse_contracts(large).unwrap_err().contains("more contracts than there can be"), "{large}");
    }
    for large in ["1000000000000.000001", "-9223372036854.775807"] {
        assert!(parse_money(large).unwrap_err().contains("more money than there can be"), "{large}");
    }
    let cents =
        |cents: i64| decode_json::<Outer>("GET /x", GOOD.replace("2600", &cents.to_string()).as_bytes());
    assert!(
        cents(100_000_000_000_000).is_ok() && cents(100_000_000_000_001).is_err() && cents(i64::MIN).is_err()
    );
    // The worst that can come of two claims fits.
    let _ = MOST_MONEY + MOST_MONEY;
    let _ = Price::ONE * MOST_CONTRACTS;
}
