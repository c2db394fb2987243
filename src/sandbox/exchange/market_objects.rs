//! The objects of markets, events and series, for REST and for the socket.

use serde_json::{Map, Value, json};

use crate::domain::{Contracts, Level, Price, PriceGrid, Side, Strike, Timestamp};

use super::state::{ExchangeEvent, SeriesState, ServedMarket, ShownBook};
use crate::sandbox::wire;

fn strike(strike: Strike, into: &mut Map<String, Value>) {
    let mut put = |kind: &str, floor: Option<i64>, cap: Option<i64>| {
        into.insert("strike_type".into(), kind.into());
        floor.map(|floor| into.insert("floor_strike".into(), wire::number(floor)));
        cap.map(|cap| into.insert("cap_strike".into(), wire::number(cap)));
    };
    match strike {
        Strike::Greater(floor) => put("greater", Some(floor.millionths()), None),
        Strike::GreaterOrEqual(floor) => put("greater_or_equal", Some(floor.millionths()), None),
        Strike::Less(cap) => put("less", None, Some(cap.millionths())),
        Strike::LessOrEqual(cap) => put("less_or_equal", None, Some(cap.millionths())),
        Strike::Between(floor, cap) => put("between", Some(floor.millionths()), Some(cap.millionths())),
        Strike::Other => put("custom", None, None),
    }
}

/// Label and bands of a grid. The grid shows its bands only through its serialized form.
fn grid(grid: &PriceGrid) -> (&'static str, Value) {
    let ticks = |value: &Value| {
        wire::price(
            value
                .as_u64()
                .and_then(|raw| u16::try_from(raw).ok())
                .and_then(Price::new)
                .expect("a band is made of prices"),
        )
    };
    let bands = serde_json::to_value(grid).expect("a grid has no keys that are not strings");
    let bands = bands["bands"].as_array().cloned().unwrap_or_default();
    let ranges: Vec<[String; 3]> =
        bands.iter().map(|band| [ticks(&band["start"]), ticks(&band["end"]), ticks(&band["step"])]).collect();
    let steps: Vec<&str> = ranges.iter().map(|range| range[2].as_str()).collect();
    let label = match steps.as_slice() {
        [] | ["0.0100"] => "linear_cent",
        ["0.0010"] => "deci_cent",
        ["0.0010", "0.0100", "0.0010"] => "tapered_deci_cent",
        _ => "",
    };
    let whole = [["0.0000", "1.0000", "0.0100"].map(str::to_owned)];
    let ranges = if ranges.is_empty() { &whole[..] } else { &ranges[..] };
    let range = |[start, end, step]: &[String; 3]| json!({"start": start, "end": end, "step": step});
    (label, ranges.iter().map(range).collect())
}

fn shown(level: Option<Level>, empty: Price) -> (Price, Contracts) {
    level.map_or((empty, Contracts::ZERO), |level| (level.price, level.size))
}

pub(in crate::sandbox) fn market(state: &ServedMarket) -> Value {
    let (market, quote) = (&state.market, &state.quote);
    let (bid, bid_size) = shown(state.book.bid(), Price::ZERO);
    let (ask, ask_size) = shown(state.book.ask(), Price::ONE);
    let volume = wire::count(quote.volume.unwrap_or_default());
    let (label, ranges) = grid(&market.grid);
    let mut body = json!({
        "ticker": market.ticker, "event_ticker": market.event_ticker, "market_type": "binary",
        "title": market.title, "subtitle": market.strike.to_string(),
        "yes_sub_title": market.strike.to_string(), "no_sub_title": market.strike.to_string(),
        "created_time": wire::time(market.open_time), "updated_time": wire::time(state.updated),
        "open_time": wire::time(market.open_time), "close_time": wire::time(state.close),
        "expected_expiration_time": wire::time(state.close), "expiration_time": wire::time(state.close),
        "latest_expiration_time": wire::time(state.close), "settlement_timer_seconds": 0,
        "status": state.status_name(), "notional_value_dollars": "1.0000",
        "yes_bid_dollars": wire::price(bid), "yes_bid_size_fp": wire::count(bid_size),
        "yes_ask_dollars": wire::price(ask), "yes_ask_size_fp": wire::count(ask_size),
        "no_bid_dollars": wire::price(ask.complement()), "no_ask_dollars": wire::price(bid.complement()),
        "last_price_dollars": wire::price(quote.last.unwrap_or(Price::ZERO)),
        "previous_yes_bid_dollars": "0.0000", "previous_yes_ask_dollars": "0.0000",
        "previous_price_dollars": "0.0000", "volume_fp": volume, "volume_24h_fp": "0.00",
        "open_interest_fp": "0.00", "result": state.result(), "can_close_early": true,
        "early_close_condition": "", "expiration_value": "", "rules_primary": market.title,
        "rules_secondary": "", "price_level_structure": label, "price_ranges": ranges,
        "settlement_bounds_type": "default", "exchange_index": 0,
    });
    strike(market.strike, body.as_object_mut().expect("a market is an object"));
    let settled = state.settled;
    wire::put(
        &mut body,
        [
            ("settlement_value_dollars", settled.map(|(value, _)| wire::price(value).into())),
            ("settlement_ts", settled.map(|(_, at)| wire::time(at).into())),
        ],
    );
    wire::put(&mut body, extensions(state));
    body
}

/// What the real exchange does not send: that only a midpoint is known, that bid and ask are assumed.
fn extensions(state: &ServedMarket) -> [(&'static str, Option<Value>); 2] {
    [
        ("mid_dollars", state.quote.recorded_mid.map(|mid| wire::price(mid).into())),
        ("quotes_assumed", state.quote.assumed.then_some(Value::Bool(true))),
    ]
}

pub(in crate::sandbox) fn ticker(state: &ServedMarket, now: Timestamp) -> Value {
    let quote = &state.quote;
    let (bid, bid_size) = shown(state.book.bid(), Price::ZERO);
    let (ask, ask_size) = shown(state.book.ask(), Price::ONE);
    let mut body = json!({
        "market_id": wire::uuid(wire::MARKET, u64::from(state.market.id.0)), "market_ticker": state.market.ticker,
        "price_dollars": wire::price(quote.last.unwrap_or(Price::ZERO)),
        "yes_bid_dollars": wire::price(bid), "yes_ask_dollars": wire::price(ask),
        "volume_fp": wire::count(quote.volume.unwrap_or_default()), "open_interest_fp": "0.00",
        "dollar_volume": 0, "dollar_open_interest": 0,
        "yes_bid_size_fp": wire::count(bid_size), "yes_ask_size_fp": wire::count(ask_size),
        "last_trade_size_fp": "0.00",
        "ts": wire::seconds(now), "ts_ms": wire::millis(now), "time": wire::millis_time(now),
    });
    wire::put(&mut body, extensions(state));
    body
}

/// `[[price, count]]` of a side's best `depth` levels, or of all for 0; the best last.
fn side(levels: &[Level], depth: usize, written: impl Fn(Price) -> Price) -> Vec<[String; 2]> {
    let shown = if depth == 0 { levels.len() } else { depth.min(levels.len()) };
    levels[..shown]
        .iter()
        .rev()
        .map(|level| [wire::price(written(level.price)), wire::count(level.size)])
        .collect()
}

pub(in crate::sandbox) fn order_book(state: &ServedMarket, depth: usize) -> Value {
    let ShownBook { bids, asks } = &state.book;
    json!({"yes_dollars": side(bids, depth, |yes| yes), "no_dollars": side(asks, depth, Price::complement)})
}

pub(in crate::sandbox) fn snapshot(state: &ServedMarket, use_yes_price: bool) -> Value {
    let yes = side(&state.book.bids, 0, |yes| yes);
    let no = side(&state.book.asks, 0, |ask| if use_yes_price { ask } else { ask.complement() });
    let mut body = json!({
        "market_ticker": state.market.ticker, "market_id": wire::uuid(wire::MARKET, u64::from(state.market.id.0)),
        "clock": state.clock,
    });
    let sides = [("yes_dollars_fp", yes), ("no_dollars_fp", no)];
    wire::put(&mut body, sides.map(|(key, side)| (key, (!side.is_empty()).then(|| json!(side)))));
    body
}

pub(in crate::sandbox) fn delta(
    state: &ServedMarket,
    side: Side,
    at: Price,
    by: i64,
    now: Timestamp,
) -> Value {
    json!({
        "market_ticker": state.market.ticker, "market_id": wire::uuid(wire::MARKET, u64::from(state.market.id.0)),
        "clock": state.clock, "price_dollars": wire::price(at),
        "delta_fp": wire::count(Contracts::from_hundredths(by)), "side": wire::side_name(side),
        "ts": wire::millis_time(now), "ts_ms": wire::millis(now),
    })
}

pub(in crate::sandbox) fn created(state: &ServedMarket) -> Value {
    let market = &state.market;
    let (label, ranges) = grid(&market.grid);
    let mut metadata = json!({
        "name": market.title, "title": market.title, "yes_sub_title": market.strike.to_string(),
        "no_sub_title": market.strike.to_string(), "rules_primary": market.title, "rules_secondary": "",
        "can_close_early": true, "event_ticker": market.event_ticker,
        "expected_expiration_ts": wire::seconds(state.close),
    });
    strike(market.strike, metadata.as_object_mut().expect("metadata are an object"));
    json!({
        "event_type": "created", "market_ticker": market.ticker, "exchange_index": 0,
        "open_ts": wire::seconds(market.open_time), "close_ts": wire::seconds(state.close),
        "price_level_structure": label, "price_ranges": ranges, "additional_metadata": metadata,
    })
}

pub(in crate::sandbox) fn series(series: &SeriesState) -> Value {
    json!({
        "ticker": series.ticker, "frequency": "custom", "title": series.ticker, "category": series.category,
        "categories": [series.category], "tags": Value::Null, "settlement_sources": Value::Null,
        "contract_url": "", "contract_terms_url": "", "fee_type": wire::fee_type(series.fees.fee_type),
        "fee_multiplier": wire::number(i64::from(series.fees.multiplier_ppm)), "additional_prohibitions": Value::Null,
        "last_updated_ts": wire::time(series.updated), "exchange_index": 0,
    })
}

pub(in crate::sandbox) fn event(event: &ExchangeEvent) -> Value {
    json!({
        "event_ticker": event.ticker, "series_ticker": event.series, "sub_title": "", "title": event.title,
        "collateral_return_type": "", "mutually_exclusive": false, "category": event.category,
        "strike_period": "", "settlement_sources": Value::Null, "product_metadata": {},
        "last_updated_ts": wire::time(event.updated), "exchange_index": 0,
    })
}

pub(in crate::sandbox) fn event_lifecycle(event: &ExchangeEvent) -> Value {
    json!({
        "event_ticker": event.ticker, "exchange_index": 0, "title": event.title, "subtitle": "",
        "collateral_return_type": "", "series_ticker": event.series,
    })
}
