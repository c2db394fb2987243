//! The bodies of the exchange: every object of REST and WebSocket, with its numbers as the exchange writes them.

use serde_json::{Map, Value, json};

use crate::domain::{Contracts, FeeType, Level, Money, OrderId, Price, PriceGrid, Side, Strike, Timestamp};

use super::accounts::{
    BookSide, FillRecord, MemberAccount, MemberPosition, OrderRecord, OrderStatus, SettlementRecord,
};
use super::exchange::SandboxExchange;
use super::state::{ExchangeEvent, SeriesState, ServedMarket, ShownBook};

/// What a [`uuid`] numbers.
pub(super) const ORDER: u32 = 0x0a00_0001;
pub(super) const TRADE: u32 = 0x0a00_0002;
pub(super) const GROUP: u32 = 0x0a00_0003;
pub(super) const MARKET: u32 = 0x0a00_0004;
pub(super) const USER: u32 = 0x0a00_0005;
pub(super) const FEE_CHANGE: u32 = 0x0a00_0006;

/// An id in the form the exchange has, the same in every run.
pub(super) fn uuid(kind: u32, number: u64) -> String {
    format!("{kind:08x}-0000-4000-8000-{number:012x}")
}

/// The number in a [`uuid`] of this kind.
pub(super) fn number_of(kind: u32, id: &str) -> Option<u64> {
    let number = u64::from_str_radix(id.get(24..)?, 16).ok()?;
    (uuid(kind, number) == id).then_some(number)
}

/// An integer of `10^-scale` units with exactly `places` decimals, the rest cut off.
fn fixed(value: i64, scale: u32, places: u32) -> String {
    let cut = value / 10_i64.pow(scale - places);
    let unit = 10_u64.pow(places);
    let (whole, part) = (cut.unsigned_abs() / unit, cut.unsigned_abs() % unit);
    let sign = if cut < 0 { "-" } else { "" };
    format!("{sign}{whole}.{part:0width$}", width = places as usize)
}

pub(super) fn price(price: Price) -> String {
    fixed(i64::from(price.get()), 4, 4)
}

pub(super) fn count(contracts: Contracts) -> String {
    fixed(contracts.hundredths(), 2, 2)
}

/// Costs and fees have six places.
pub(super) fn cost(money: Money) -> String {
    fixed(money.micros(), 6, 6)
}

/// Balances have four.
pub(super) fn balance(money: Money) -> String {
    fixed(money.micros(), 6, 4)
}

pub(super) const fn seconds(at: Timestamp) -> i64 {
    at.nanos().div_euclid(1_000_000_000)
}

pub(super) const fn millis(at: Timestamp) -> i64 {
    at.nanos().div_euclid(1_000_000)
}

/// RFC 3339 in microseconds.
pub(super) fn time(at: Timestamp) -> String {
    Timestamp::from_nanos(at.nanos().div_euclid(1_000) * 1_000).to_string()
}

fn millis_time(at: Timestamp) -> String {
    at.floor_millis().to_string()
}

pub(super) const fn side_name(side: Side) -> &'static str {
    match side {
        Side::Yes => "yes",
        Side::No => "no",
    }
}

pub(super) const fn book_side(side: BookSide) -> &'static str {
    match side {
        BookSide::Bid => "bid",
        BookSide::Ask => "ask",
    }
}

const fn status_of(order: &OrderRecord) -> &'static str {
    match order.status {
        OrderStatus::Resting => "resting",
        OrderStatus::Canceled => "canceled",
        OrderStatus::Executed => "executed",
    }
}

pub(super) const fn fee_type(fee_type: FeeType) -> &'static str {
    match fee_type {
        FeeType::Quadratic => "quadratic",
        FeeType::QuadraticWithMakerFees => "quadratic_with_maker_fees",
        FeeType::QuadraticWithComboMakerFees => "quadratic_with_combo_maker_fees",
    }
}

/// A JSON number from an integer of millionths: `3.75`, and `55` where it is whole.
pub(super) fn number(millionths: i64) -> Value {
    if millionths % 1_000_000 == 0 {
        return json!(millionths / 1_000_000);
    }
    serde_json::from_str(&fixed(millionths, 6, 6)).expect("a decimal is a JSON number")
}

fn strike(strike: Strike, into: &mut Map<String, Value>) {
    let mut put = |kind: &str, floor: Option<i64>, cap: Option<i64>| {
        into.insert("strike_type".into(), kind.into());
        floor.map(|floor| into.insert("floor_strike".into(), number(floor)));
        cap.map(|cap| into.insert("cap_strike".into(), number(cap)));
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
        price(
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

/// Inserts the pairs of an object that are there.
fn put(into: &mut Value, pairs: impl IntoIterator<Item = (&'static str, Option<Value>)>) {
    let object = into.as_object_mut().expect("only objects get fields");
    for (name, value) in pairs {
        value.map(|value| object.insert(name.to_owned(), value));
    }
}

fn shown(level: Option<Level>, empty: Price) -> (Price, Contracts) {
    level.map_or((empty, Contracts::ZERO), |level| (level.price, level.size))
}

pub(super) fn market(state: &ServedMarket) -> Value {
    let (market, quote) = (&state.market, &state.quote);
    let (bid, bid_size) = shown(state.book.bid(), Price::ZERO);
    let (ask, ask_size) = shown(state.book.ask(), Price::ONE);
    let volume = count(quote.volume.unwrap_or_default());
    let (label, ranges) = grid(&market.grid);
    let mut body = json!({
        "ticker": market.ticker, "event_ticker": market.event_ticker, "market_type": "binary",
        "title": market.title, "subtitle": market.strike.to_string(),
        "yes_sub_title": market.strike.to_string(), "no_sub_title": market.strike.to_string(),
        "created_time": time(market.open_time), "updated_time": time(state.updated),
        "open_time": time(market.open_time), "close_time": time(state.close),
        "expected_expiration_time": time(state.close), "expiration_time": time(state.close),
        "latest_expiration_time": time(state.close), "settlement_timer_seconds": 0,
        "status": state.status_name(), "notional_value_dollars": "1.0000",
        "yes_bid_dollars": price(bid), "yes_bid_size_fp": count(bid_size),
        "yes_ask_dollars": price(ask), "yes_ask_size_fp": count(ask_size),
        "no_bid_dollars": price(ask.complement()), "no_ask_dollars": price(bid.complement()),
        "last_price_dollars": price(quote.last.unwrap_or(Price::ZERO)),
        "previous_yes_bid_dollars": "0.0000", "previous_yes_ask_dollars": "0.0000",
        "previous_price_dollars": "0.0000", "volume_fp": volume, "volume_24h_fp": "0.00",
        "open_interest_fp": "0.00", "result": state.result(), "can_close_early": true,
        "early_close_condition": "", "expiration_value": "", "rules_primary": market.title,
        "rules_secondary": "", "price_level_structure": label, "price_ranges": ranges,
        "settlement_bounds_type": "default", "exchange_index": 0,
    });
    strike(market.strike, body.as_object_mut().expect("a market is an object"));
    let settled = state.settled;
    put(
        &mut body,
        [
            ("settlement_value_dollars", settled.map(|(value, _)| price(value).into())),
            ("settlement_ts", settled.map(|(_, at)| time(at).into())),
        ],
    );
    put(&mut body, extensions(state));
    body
}

/// What the real exchange does not send: that only a midpoint is known, that bid and ask are assumed.
fn extensions(state: &ServedMarket) -> [(&'static str, Option<Value>); 2] {
    [
        ("mid_dollars", state.quote.recorded_mid.map(|mid| price(mid).into())),
        ("quotes_assumed", state.quote.assumed.then_some(Value::Bool(true))),
    ]
}

pub(super) fn ticker(state: &ServedMarket, now: Timestamp) -> Value {
    let quote = &state.quote;
    let (bid, bid_size) = shown(state.book.bid(), Price::ZERO);
    let (ask, ask_size) = shown(state.book.ask(), Price::ONE);
    let mut body = json!({
        "market_id": uuid(MARKET, u64::from(state.market.id.0)), "market_ticker": state.market.ticker,
        "price_dollars": price(quote.last.unwrap_or(Price::ZERO)),
        "yes_bid_dollars": price(bid), "yes_ask_dollars": price(ask),
        "volume_fp": count(quote.volume.unwrap_or_default()), "open_interest_fp": "0.00",
        "dollar_volume": 0, "dollar_open_interest": 0,
        "yes_bid_size_fp": count(bid_size), "yes_ask_size_fp": count(ask_size),
        "last_trade_size_fp": "0.00",
        "ts": seconds(now), "ts_ms": millis(now), "time": millis_time(now),
    });
    put(&mut body, extensions(state));
    body
}

/// `[[price, count]]` of a side's best `depth` levels, or of all for 0; the best last.
fn side(levels: &[Level], depth: usize, written: impl Fn(Price) -> Price) -> Vec<[String; 2]> {
    let shown = if depth == 0 { levels.len() } else { depth.min(levels.len()) };
    levels[..shown].iter().rev().map(|level| [price(written(level.price)), count(level.size)]).collect()
}

pub(super) fn order_book(state: &ServedMarket, depth: usize) -> Value {
    let ShownBook { bids, asks } = &state.book;
    json!({"yes_dollars": side(bids, depth, |yes| yes), "no_dollars": side(asks, depth, Price::complement)})
}

pub(super) fn snapshot(state: &ServedMarket, use_yes_price: bool) -> Value {
    let yes = side(&state.book.bids, 0, |yes| yes);
    let no = side(&state.book.asks, 0, |ask| if use_yes_price { ask } else { ask.complement() });
    let mut body = json!({
        "market_ticker": state.market.ticker, "market_id": uuid(MARKET, u64::from(state.market.id.0)),
        "clock": state.clock,
    });
    let sides = [("yes_dollars_fp", yes), ("no_dollars_fp", no)];
    put(&mut body, sides.map(|(key, side)| (key, (!side.is_empty()).then(|| json!(side)))));
    body
}

pub(super) fn delta(state: &ServedMarket, side: Side, at: Price, by: i64, now: Timestamp) -> Value {
    json!({
        "market_ticker": state.market.ticker, "market_id": uuid(MARKET, u64::from(state.market.id.0)),
        "clock": state.clock, "price_dollars": price(at),
        "delta_fp": count(Contracts::from_hundredths(by)), "side": side_name(side),
        "ts": millis_time(now), "ts_ms": millis(now),
    })
}

pub(super) fn created(state: &ServedMarket) -> Value {
    let market = &state.market;
    let (label, ranges) = grid(&market.grid);
    let mut metadata = json!({
        "name": market.title, "title": market.title, "yes_sub_title": market.strike.to_string(),
        "no_sub_title": market.strike.to_string(), "rules_primary": market.title, "rules_secondary": "",
        "can_close_early": true, "event_ticker": market.event_ticker,
        "expected_expiration_ts": seconds(state.close),
    });
    strike(market.strike, metadata.as_object_mut().expect("metadata are an object"));
    json!({
        "event_type": "created", "market_ticker": market.ticker, "exchange_index": 0,
        "open_ts": seconds(market.open_time), "close_ts": seconds(state.close),
        "price_level_structure": label, "price_ranges": ranges, "additional_metadata": metadata,
    })
}

pub(super) fn series(series: &SeriesState) -> Value {
    json!({
        "ticker": series.ticker, "frequency": "custom", "title": series.ticker, "category": series.category,
        "categories": [series.category], "tags": Value::Null, "settlement_sources": Value::Null,
        "contract_url": "", "contract_terms_url": "", "fee_type": fee_type(series.fees.fee_type),
        "fee_multiplier": number(i64::from(series.fees.multiplier_ppm)), "additional_prohibitions": Value::Null,
        "last_updated_ts": time(series.updated), "exchange_index": 0,
    })
}

pub(super) fn event(event: &ExchangeEvent) -> Value {
    json!({
        "event_ticker": event.ticker, "series_ticker": event.series, "sub_title": "", "title": event.title,
        "collateral_return_type": "", "mutually_exclusive": false, "category": event.category,
        "strike_period": "", "settlement_sources": Value::Null, "product_metadata": {},
        "last_updated_ts": time(event.updated), "exchange_index": 0,
    })
}

pub(super) fn event_lifecycle(event: &ExchangeEvent) -> Value {
    json!({
        "event_ticker": event.ticker, "exchange_index": 0, "title": event.title, "subtitle": "",
        "collateral_return_type": "", "series_ticker": event.series,
    })
}

/// What an order brought since `before`: the answer to a create or an amend.
pub(super) fn placed(order: &OrderRecord, before: Option<&OrderRecord>, now: Timestamp) -> Value {
    let sums = |order: &OrderRecord| (order.filled, order.traded_value, order.fees_paid());
    let (filled, value, fees) = before.map(sums).unwrap_or_default();
    let filled = order.filled - filled;
    let mut body = json!({
        "order_id": uuid(ORDER, order.id.0), "fill_count": count(filled),
        "remaining_count": count(order.remaining), "ts_ms": millis(now),
    });
    let average = |money: Money| {
        // Money is in 1e-6 $, contracts in 1e-2, the average in 1e-4 $, rounded to the nearest.
        let (money, contracts) = (money.micros(), filled.hundredths());
        (contracts > 0).then(|| Value::from(fixed((2 * money + contracts).div_euclid(2 * contracts), 4, 4)))
    };
    put(
        &mut body,
        [
            ("client_order_id", order.client_order_id.clone().map(Value::from)),
            ("average_fill_price", average(order.traded_value - value)),
            ("average_fee_paid", average(order.fees_paid() - fees)),
        ],
    );
    body
}

pub(super) fn canceled(order: &OrderRecord, reduced: Contracts, now: Timestamp) -> Value {
    let mut body = json!({
        "order_id": uuid(ORDER, order.id.0), "reduced_by": count(reduced), "ts_ms": millis(now),
    });
    put(&mut body, [("client_order_id", order.client_order_id.clone().map(Value::from))]);
    body
}

fn expiration(order: &OrderRecord) -> Option<Timestamp> {
    Some(Timestamp::from_nanos(order.expiration?.saturating_mul(1_000_000_000)))
}

pub(super) fn order(exchange: &SandboxExchange, user: usize, order: &OrderRecord) -> Value {
    let outcome = side_name(order.side.outcome());
    let mut body = json!({
        "order_id": uuid(ORDER, order.id.0), "user_id": uuid(USER, user as u64),
        "client_order_id": order.client_order_id.as_deref().unwrap_or_default(),
        "ticker": exchange.ticker(order.market), "side": outcome, "action": "buy",
        "outcome_side": outcome, "book_side": book_side(order.side), "type": "limit",
        "status": status_of(order), "yes_price_dollars": price(order.price),
        "no_price_dollars": price(order.price.complement()), "initial_count_fp": count(order.initial),
        "fill_count_fp": count(order.filled), "remaining_count_fp": count(order.remaining),
        "taker_fill_cost_dollars": cost(order.cost[0]), "maker_fill_cost_dollars": cost(order.cost[1]),
        "taker_fees_dollars": cost(order.fees[0]), "maker_fees_dollars": cost(order.fees[1]),
        "created_time": time(order.created), "last_update_time": time(order.updated),
        "self_trade_prevention_type": order.self_trade, "subaccount_number": 0, "exchange_index": 0,
    });
    put(
        &mut body,
        [
            ("expiration_time", expiration(order).map(|at| time(at).into())),
            ("order_group_id", order.group.map(|group| uuid(GROUP, group).into())),
            ("cancel_order_on_pause", order.cancel_on_pause.then_some(Value::Bool(true))),
        ],
    );
    body
}

pub(super) fn user_order(
    exchange: &SandboxExchange,
    user: usize,
    order: &OrderRecord,
    reason: Option<&str>,
) -> Value {
    let outcome = side_name(order.side.outcome());
    let mut body = json!({
        "order_id": uuid(ORDER, order.id.0), "user_id": uuid(USER, user as u64),
        "ticker": exchange.ticker(order.market), "exchange_index": 0, "status": status_of(order),
        "side": outcome, "is_yes": order.side == BookSide::Bid, "outcome_side": outcome,
        "book_side": book_side(order.side), "yes_price_dollars": price(order.price),
        "fill_count_fp": count(order.filled), "remaining_count_fp": count(order.remaining),
        "initial_count_fp": count(order.initial), "taker_fill_cost_dollars": cost(order.cost[0]),
        "maker_fill_cost_dollars": cost(order.cost[1]), "taker_fees_dollars": cost(order.fees[0]),
        "maker_fees_dollars": cost(order.fees[1]),
        "client_order_id": order.client_order_id.as_deref().unwrap_or_default(),
        "self_trade_prevention_type": order.self_trade, "created_time": millis_time(order.created),
        "created_ts_ms": millis(order.created), "last_updated_ts_ms": millis(order.updated),
        "subaccount_number": 0,
    });
    put(
        &mut body,
        [
            ("expiration_ts_ms", expiration(order).map(|at| millis(at).into())),
            ("order_group_id", order.group.map(|group| uuid(GROUP, group).into())),
            ("last_update_reason", reason.map(Value::from)),
        ],
    );
    body
}

pub(super) fn fill(exchange: &SandboxExchange, fill: &FillRecord) -> Value {
    let (ticker, outcome) = (exchange.ticker(fill.market), side_name(fill.side.outcome()));
    json!({
        "fill_id": uuid(TRADE, fill.trade), "trade_id": uuid(TRADE, fill.trade),
        "order_id": uuid(ORDER, fill.order.0), "ticker": ticker, "market_ticker": ticker,
        "exchange_index": 0, "side": outcome, "action": "buy", "outcome_side": outcome,
        "book_side": book_side(fill.side), "count_fp": count(fill.contracts),
        "yes_price_dollars": price(fill.price), "no_price_dollars": price(fill.price.complement()),
        "is_taker": fill.taker, "fee_cost": cost(fill.fee), "created_time": time(fill.at),
        "ts": seconds(fill.at), "subaccount_number": 0,
    })
}

pub(super) fn fill_message(
    exchange: &SandboxExchange,
    fill: &FillRecord,
    order: Option<&OrderRecord>,
    position: &MemberPosition,
) -> Value {
    let outcome = side_name(fill.side.outcome());
    let mut body = json!({
        "trade_id": uuid(TRADE, fill.trade), "order_id": uuid(ORDER, fill.order.0),
        "market_ticker": exchange.ticker(fill.market), "exchange_index": 0, "is_taker": fill.taker,
        "side": outcome, "action": "buy", "purchased_side": outcome, "outcome_side": outcome,
        "book_side": book_side(fill.side), "yes_price_dollars": price(fill.price),
        "count_fp": count(fill.contracts), "fee_cost": cost(fill.fee),
        "post_position_fp": count(Contracts::from_hundredths(position.signed)),
        "ts": seconds(fill.at), "ts_ms": millis(fill.at), "subaccount": 0,
    });
    let client = order.and_then(|order| order.client_order_id.clone());
    put(&mut body, [("client_order_id", client.map(Value::from))]);
    body
}

/// A trade as the public sees it: on REST with a time, on sockets with stamps.
pub(super) fn trade(exchange: &SandboxExchange, fill: &FillRecord, on_socket: bool) -> Value {
    // Seen from the taker; where the account was the maker, the taker was on the other side.
    let bid = (fill.side == BookSide::Bid) == fill.taker;
    let (outcome, side) = if bid { ("yes", "bid") } else { ("no", "ask") };
    let mut body = json!({
        "trade_id": uuid(TRADE, fill.trade), "count_fp": count(fill.contracts),
        "yes_price_dollars": price(fill.price), "no_price_dollars": price(fill.price.complement()),
        "taker_side": outcome, "taker_outcome_side": outcome, "taker_book_side": side,
        "is_block_trade": false,
    });
    let ticker = || Value::from(exchange.ticker(fill.market));
    put(
        &mut body,
        [
            ("market_ticker", on_socket.then(ticker)),
            ("ticker", (!on_socket).then(ticker)),
            ("ts", on_socket.then(|| seconds(fill.at).into())),
            ("ts_ms", on_socket.then(|| millis(fill.at).into())),
            ("created_time", (!on_socket).then(|| time(fill.at).into())),
        ],
    );
    body
}

pub(super) fn position(ticker: &str, position: &MemberPosition, opened: Timestamp) -> Value {
    json!({
        "ticker": ticker, "exchange_index": 0, "total_traded_dollars": cost(position.traded),
        "position_fp": count(Contracts::from_hundredths(position.signed)),
        "market_exposure_dollars": cost(position.cost), "realized_pnl_dollars": cost(position.realized),
        "fees_paid_dollars": cost(position.fees),
        "last_updated_ts": time(position.updated.unwrap_or(opened)),
    })
}

pub(super) fn position_message(ticker: &str, user: usize, position: &MemberPosition) -> Value {
    json!({
        "user_id": uuid(USER, user as u64), "market_ticker": ticker,
        "position_fp": count(Contracts::from_hundredths(position.signed)),
        "position_cost_dollars": balance(position.cost), "realized_pnl_dollars": balance(position.realized),
        "fees_paid_dollars": balance(position.fees), "position_fee_cost_dollars": balance(position.fees),
        "volume_fp": count(position.volume), "subaccount": 0,
    })
}

pub(super) const fn result_of(value: Price) -> &'static str {
    match value.get() {
        0 => "no",
        10_000 => "yes",
        _ => "scalar",
    }
}

pub(super) fn settlement(exchange: &SandboxExchange, record: &SettlementRecord) -> Value {
    let held = Contracts::from_hundredths(record.signed.abs());
    let part =
        |of_yes: bool| if of_yes == (record.signed > 0) { (held, record.cost) } else { Default::default() };
    let ((yes, yes_cost), (no, no_cost)) = (part(true), part(false));
    json!({
        "ticker": exchange.ticker(record.market), "event_ticker": exchange.event_ticker(record.market),
        "exchange_index": 0, "market_result": result_of(record.value),
        "yes_count_fp": count(yes), "yes_total_cost_dollars": cost(yes_cost),
        "no_count_fp": count(no), "no_total_cost_dollars": cost(no_cost),
        "revenue": record.revenue.micros() / 10_000, "value": record.value.get() / 100,
        "settled_time": time(record.at), "fee_cost": cost(record.fees),
    })
}

pub(super) fn account(
    exchange: &SandboxExchange,
    user: usize,
    account: &MemberAccount,
    locked: Money,
) -> Value {
    let positions = account.positions.iter();
    json!({
        "key_id": account.key_id, "now_ts_ms": millis(exchange.now()), "cash": cost(account.cash),
        "locked": cost(locked), "funded": cost(account.funded),
        "positions": positions.map(|(&market, held)| {
            position(exchange.ticker(market), held, exchange.now())
        }).collect::<Vec<_>>(),
        "open_orders": account.open_orders().map(|open| order(exchange, user, open)).collect::<Vec<_>>(),
        "orders": account.orders.len(),
        "fills": account.fills.iter().map(|done| fill(exchange, done)).collect::<Vec<_>>(),
        "settlements": account.settlements.iter().map(|paid| settlement(exchange, paid)).collect::<Vec<_>>(),
    })
}

/// The number of an order in its wire form.
pub(super) fn order_id(text: &str) -> Option<OrderId> {
    number_of(ORDER, text).map(OrderId)
}
