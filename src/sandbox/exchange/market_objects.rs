//! The objects of markets, events and series, for REST and for the socket.

use serde_json::{Map, Value, json};

use crate::domain::{Contracts, Level, Price, PriceGrid, Side, Strike, Timestamp};

use super::state::{ExchangeEvent, SeriesState, ServedMarket, ShownBook};
use crate::sandbox::wire;

fn insert_strike_fields(strike: Strike, into: &mut Map<String, Value>) {
    let mut put = |kind: &str, floor: Option<i64>, cap: Option<i64>| {
        into.insert("strike_type".into(), kind.into());
        floor.map(|floor| into.insert("floor_strike".into(), wire::json_number(floor)));
        cap.map(|cap| into.insert("cap_strike".into(), wire::json_number(cap)));
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
fn grid_label_and_ranges(grid: &PriceGrid) -> (&'static str, Value) {
    let ticks = |value: &Value| {
        wire::format_price(
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

fn level_or_empty(level: Option<Level>, empty: Price) -> (Price, Contracts) {
    level.map_or((empty, Contracts::ZERO), |level| (level.price, level.size))
}

pub(in crate::sandbox) fn market_object(state: &ServedMarket) -> Value {
    let (market, quote) = (&state.market, &state.quote);
    let (bid, bid_size) = level_or_empty(state.book.best_bid(), Price::ZERO);
    let (ask, ask_size) = level_or_empty(state.book.best_ask(), Price::ONE);
    let volume = wire::format_contracts(quote.volume.unwrap_or_default());
    let (label, ranges) = grid_label_and_ranges(&market.grid);
    let mut body = json!({
        "ticker": market.ticker, "event_ticker": market.event_ticker, "market_type": "binary",
        "title": market.title, "subtitle": market.strike.to_string(),
        "yes_sub_title": market.strike.to_string(), "no_sub_title": market.strike.to_string(),
        "created_time": wire::micros_time(market.open_time), "updated_time": wire::micros_time(state.updated),
        "open_time": wire::micros_time(market.open_time), "close_time": wire::micros_time(state.close),
        "expected_expiration_time": wire::micros_time(state.close), "expiration_time": wire::micros_time(state.close),
        "latest_expiration_time": wire::micros_time(state.close), "settlement_timer_seconds": 0,
        "status": state.status_name(), "notional_value_dollars": "1.0000",
        "yes_bid_dollars": wire::format_price(bid), "yes_bid_size_fp": wire::format_contracts(bid_size),
        "yes_ask_dollars": wire::format_price(ask), "yes_ask_size_fp": wire::format_contracts(ask_size),
        "no_bid_dollars": wire::format_price(ask.complement()), "no_ask_dollars": wire::format_price(bid.complement()),
        "last_price_dollars": wire::format_price(quote.last.unwrap_or(Price::ZERO)),
        "previous_yes_bid_dollars": "0.0000", "previous_yes_ask_dollars": "0.0000",
        "previous_price_dollars": "0.0000", "volume_fp": volume, "volume_24h_fp": "0.00",
        "open_interest_fp": "0.00", "result": state.result_name(), "can_close_early": true,
        "early_close_condition": "", "expiration_value": "", "rules_primary": market.title,
        "rules_secondary": "", "price_level_structure": label, "price_ranges": ranges,
        "settlement_bounds_type": "default", "exchange_index": state.shard,
    });
    insert_strike_fields(market.strike, body.as_object_mut().expect("a market is an object"));
    let settled = state.settled;
    wire::insert_present_fields(
        &mut body,
        [
            (
                "settlement_value_dollars",
                state.shown_result().map(|value| wire::format_settlement(value).into()),
            ),
            ("settlement_ts", settled.map(|(_, at)| wire::micros_time(at).into())),
        ],
    );
    wire::insert_present_fields(&mut body, sandbox_extension_fields(state));
    body
}

/// What the real exchange does not send: that only a midpoint is known, that bid and ask are assumed.
fn sandbox_extension_fields(state: &ServedMarket) -> [(&'static str, Option<Value>); 2] {
    [
        ("mid_dollars", state.quote.recorded_mid.map(|mid| wire::format_price(mid).into())),
        ("quotes_assumed", state.quote.assumed.then_some(Value::Bool(true))),
    ]
}

pub(in crate::sandbox) fn ticker_message(state: &ServedMarket, now: Timestamp) -> Value {
    let quote = &state.quote;
    let (bid, bid_size) = level_or_empty(state.book.best_bid(), Price::ZERO);
    let (ask, ask_size) = level_or_empty(state.book.best_ask(), Price::ONE);
    let mut body = json!({
        "market_id": wire::format_uuid(wire::MARKET, u64::from(state.market.id.0)), "market_ticker": state.market.ticker,
        "price_dollars": wire::format_price(quote.last.unwrap_or(Price::ZERO)),
        "yes_bid_dollars": wire::format_price(bid), "yes_ask_dollars": wire::format_price(ask),
        "volume_fp": wire::format_contracts(quote.volume.unwrap_or_default()), "open_interest_fp": "0.00",
        "dollar_volume": 0, "dollar_open_interest": 0,
        "yes_bid_size_fp": wire::format_contracts(bid_size), "yes_ask_size_fp": wire::format_contracts(ask_size),
        "last_trade_size_fp": "0.00",
        "ts": wire::unix_seconds(now), "ts_ms": wire::unix_millis(now), "time": wire::millis_time(now),
    });
    wire::insert_present_fields(&mut body, sandbox_extension_fields(state));
    body
}

/// `[[price, count]]` of a side's best `depth` levels, or of all for 0; the best last.
fn book_side_levels(levels: &[Level], depth: usize, written: impl Fn(Price) -> Price) -> Vec<[String; 2]> {
    let shown = if depth == 0 { levels.len() } else { depth.min(levels.len()) };
    levels[..shown]
        .iter()
        .rev()
        .map(|level| [wire::format_price(written(level.price)), wire::format_contracts(level.size)])
        .collect()
}

pub(in crate::sandbox) fn order_book(state: &ServedMarket, depth: usize) -> Value {
    let ShownBook { bids, asks } = &state.book;
    json!({"yes_dollars": book_side_levels(bids, depth, |yes| yes), "no_dollars": book_side_levels(asks, depth, Price::complement)})
}

pub(in crate::sandbox) fn book_snapshot_message(state: &ServedMarket, use_yes_price: bool) -> Value {
    let yes = book_side_levels(&state.book.bids, 0, |yes| yes);
    let no = book_side_levels(&state.book.asks, 0, |ask| if use_yes_price { ask } else { ask.complement() });
    let mut body = json!({
        "market_ticker": state.market.ticker, "market_id": wire::format_uuid(wire::MARKET, u64::from(state.market.id.0)),
        "clock": state.clock,
    });
    let sides = [("yes_dollars_fp", yes), ("no_dollars_fp", no)];
    wire::insert_present_fields(
        &mut body,
        sides.map(|(key, side)| (key, (!side.is_empty()).then(|| json!(side)))),
    );
    body
}

pub(in crate::sandbox) fn book_delta_message(
    state: &ServedMarket,
    side: Side,
    at: Price,
    by: i64,
    now: Timestamp,
) -> Value {
    json!({
        "market_ticker": state.market.ticker, "market_id": wire::format_uuid(wire::MARKET, u64::from(state.market.id.0)),
        "clock": state.clock, "price_dollars": wire::format_price(at),
        "delta_fp": wire::format_contracts(Contracts::from_hundredths(by)), "side": wire::side_name(side),
        "ts": wire::millis_time(now), "ts_ms": wire::unix_millis(now),
    })
}

pub(in crate::sandbox) fn market_created_message(state: &ServedMarket) -> Value {
    let market = &state.market;
    let (label, ranges) = grid_label_and_ranges(&market.grid);
    let mut metadata = json!({
        "name": market.title, "title": market.title, "yes_sub_title": market.strike.to_string(),
        "no_sub_title": market.strike.to_string(), "rules_primary": market.title, "rules_secondary": "",
        "can_close_early": true, "event_ticker": market.event_ticker,
        "expected_expiration_ts": wire::unix_seconds(state.close),
    });
    insert_strike_fields(market.strike, metadata.as_object_mut().expect("metadata are an object"));
    json!({
        "event_type": "created", "market_ticker": market.ticker, "exchange_index": state.shard,
        "open_ts": wire::unix_seconds(market.open_time), "close_ts": wire::unix_seconds(state.close),
        "price_level_structure": label, "price_ranges": ranges, "additional_metadata": metadata,
    })
}

pub(in crate::sandbox) fn series_object(series: &SeriesState) -> Value {
    json!({
        "ticker": series.ticker, "frequency": "custom", "title": series.ticker, "category": series.category,
        "categories": [series.category], "tags": Value::Null, "settlement_sources": Value::Null,
        "contract_url": "", "contract_terms_url": "", "fee_type": wire::fee_type(series.fees.fee_type),
        "fee_multiplier": wire::json_number(i64::from(series.fees.multiplier_ppm)), "additional_prohibitions": Value::Null,
        "last_updated_ts": wire::micros_time(series.updated), "exchange_index": series.shard,
    })
}

pub(in crate::sandbox) fn event_object(event: &ExchangeEvent) -> Value {
    json!({
        "event_ticker": event.ticker, "series_ticker": event.series, "sub_title": "", "title": event.title,
        "collateral_return_type": "", "mutually_exclusive": false, "category": event.category,
        "strike_period": "", "settlement_sources": Value::Null, "product_metadata": {},
        "last_updated_ts": wire::micros_time(event.updated), "exchange_index": event.shard,
    })
}

pub(in crate::sandbox) fn event_lifecycle(event: &ExchangeEvent) -> Value {
    json!({
        "event_ticker": event.ticker, "exchange_index": event.shard, "title": event.title, "subtitle": "",
        "collateral_return_type": "", "series_ticker": event.series,
    })
}
