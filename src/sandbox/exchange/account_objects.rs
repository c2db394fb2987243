//! The objects of a member: orders, fills, positions, settlements, for REST and for the socket.

use serde_json::{Value, json};

use crate::domain::{Contracts, Money, Timestamp};

use super::sandbox_exchange::SandboxExchange;
use crate::sandbox::accounts::member_account::{
    BookSide, FillRecord, MemberAccount, MemberPosition, OrderRecord, SettlementRecord,
};
use crate::sandbox::wire;

/// What an order brought since `before`: the answer to a create or an amend.
pub(in crate::sandbox) fn placement_response(
    order: &OrderRecord,
    before: Option<&OrderRecord>,
    now: Timestamp,
) -> Value {
    let sums = |order: &OrderRecord| (order.filled, order.traded_value, order.fees_paid());
    let (filled, value, fees) = before.map(sums).unwrap_or_default();
    let filled = order.filled - filled;
    let mut body = json!({
        "order_id": wire::format_uuid(wire::ORDER, order.id.0), "fill_count": wire::format_contracts(filled),
        "remaining_count": wire::format_contracts(order.remaining), "ts_ms": wire::unix_millis(now),
    });
    let average = |money: Money| {
        // Money is in 1e-6 $, contracts in 1e-2, the average in 1e-4 $, rounded to the nearest.
        let (money, contracts) = (money.micros(), filled.hundredths());
        (contracts > 0).then(|| {
            Value::from(wire::format_fixed_decimal((2 * money + contracts).div_euclid(2 * contracts), 4, 4))
        })
    };
    wire::insert_present_fields(
        &mut body,
        [
            ("client_order_id", order.client_order_id.clone().map(Value::from)),
            ("average_fill_price", average(order.traded_value - value)),
            ("average_fee_paid", average(order.fees_paid() - fees)),
        ],
    );
    body
}

pub(in crate::sandbox) fn cancel_response(order: &OrderRecord, reduced: Contracts, now: Timestamp) -> Value {
    let mut body = json!({
        "order_id": wire::format_uuid(wire::ORDER, order.id.0), "reduced_by": wire::format_contracts(reduced), "ts_ms": wire::unix_millis(now),
    });
    wire::insert_present_fields(
        &mut body,
        [("client_order_id", order.client_order_id.clone().map(Value::from))],
    );
    body
}

fn expiration_time(order: &OrderRecord) -> Option<Timestamp> {
    Some(Timestamp::from_nanos(order.expiration?.saturating_mul(1_000_000_000)))
}

pub(in crate::sandbox) fn order_object(
    exchange: &SandboxExchange,
    user: usize,
    order: &OrderRecord,
) -> Value {
    let outcome = wire::side_name(order.side.outcome_side());
    let mut body = json!({
        "order_id": wire::format_uuid(wire::ORDER, order.id.0), "user_id": wire::format_uuid(wire::USER, user as u64),
        "client_order_id": order.client_order_id.as_deref().unwrap_or_default(),
        "ticker": exchange.market_ticker(order.market), "side": outcome, "action": "buy",
        "outcome_side": outcome, "book_side": wire::book_side(order.side), "type": "limit",
        "status": wire::status_of(order), "yes_price_dollars": wire::format_price(order.price),
        "no_price_dollars": wire::format_price(order.price.complement()), "initial_count_fp": wire::format_contracts(order.initial),
        "fill_count_fp": wire::format_contracts(order.filled), "remaining_count_fp": wire::format_contracts(order.remaining),
        "taker_fill_cost_dollars": wire::format_cost(order.cost[0]), "maker_fill_cost_dollars": wire::format_cost(order.cost[1]),
        "taker_fees_dollars": wire::format_cost(order.fees[0]), "maker_fees_dollars": wire::format_cost(order.fees[1]),
        "created_time": wire::micros_time(order.created), "last_update_time": wire::micros_time(order.updated),
        "self_trade_prevention_type": order.self_trade, "subaccount_number": 0,
        "exchange_index": exchange.shard_of(order.market),
    });
    wire::insert_present_fields(
        &mut body,
        [
            ("expiration_time", expiration_time(order).map(|at| wire::micros_time(at).into())),
            ("order_group_id", order.group.map(|group| wire::format_uuid(wire::GROUP, group).into())),
            ("cancel_order_on_pause", order.cancel_on_pause.then_some(Value::Bool(true))),
        ],
    );
    body
}

pub(in crate::sandbox) fn user_order(
    exchange: &SandboxExchange,
    user: usize,
    order: &OrderRecord,
    reason: Option<&str>,
) -> Value {
    let outcome = wire::side_name(order.side.outcome_side());
    let mut body = json!({
        "order_id": wire::format_uuid(wire::ORDER, order.id.0), "user_id": wire::format_uuid(wire::USER, user as u64),
        "ticker": exchange.market_ticker(order.market), "exchange_index": exchange.shard_of(order.market),
        "status": wire::status_of(order),
        "side": outcome, "is_yes": order.side == BookSide::Bid, "outcome_side": outcome,
        "book_side": wire::book_side(order.side), "yes_price_dollars": wire::format_price(order.price),
        "fill_count_fp": wire::format_contracts(order.filled), "remaining_count_fp": wire::format_contracts(order.remaining),
        "initial_count_fp": wire::format_contracts(order.initial), "taker_fill_cost_dollars": wire::format_cost(order.cost[0]),
        "maker_fill_cost_dollars": wire::format_cost(order.cost[1]), "taker_fees_dollars": wire::format_cost(order.fees[0]),
        "maker_fees_dollars": wire::format_cost(order.fees[1]),
        "client_order_id": order.client_order_id.as_deref().unwrap_or_default(),
        "self_trade_prevention_type": order.self_trade, "created_time": wire::millis_time(order.created),
        "created_ts_ms": wire::unix_millis(order.created), "last_updated_ts_ms": wire::unix_millis(order.updated),
        "subaccount_number": 0,
    });
    wire::insert_present_fields(
        &mut body,
        [
            ("expiration_ts_ms", expiration_time(order).map(|at| wire::unix_millis(at).into())),
            ("order_group_id", order.group.map(|group| wire::format_uuid(wire::GROUP, group).into())),
            ("last_update_reason", reason.map(Value::from)),
        ],
    );
    body
}

pub(in crate::sandbox) fn fill_object(exchange: &SandboxExchange, fill: &FillRecord) -> Value {
    let (ticker, outcome) = (exchange.market_ticker(fill.market), wire::side_name(fill.side.outcome_side()));
    json!({
        "fill_id": wire::format_uuid(wire::TRADE, fill.trade), "trade_id": wire::format_uuid(wire::TRADE, fill.trade),
        "order_id": wire::format_uuid(wire::ORDER, fill.order.0), "ticker": ticker, "market_ticker": ticker,
        "exchange_index": exchange.shard_of(fill.market), "side": outcome, "action": "buy", "outcome_side": outcome,
        "book_side": wire::book_side(fill.side), "count_fp": wire::format_contracts(fill.contracts),
        "yes_price_dollars": wire::format_price(fill.price), "no_price_dollars": wire::format_price(fill.price.complement()),
        "is_taker": fill.taker, "fee_cost": wire::format_cost(fill.fee), "created_time": wire::micros_time(fill.at),
        "ts": wire::unix_seconds(fill.at), "subaccount_number": 0,
    })
}

pub(in crate::sandbox) fn fill_message(
    exchange: &SandboxExchange,
    fill: &FillRecord,
    order: Option<&OrderRecord>,
    position: &MemberPosition,
) -> Value {
    let outcome = wire::side_name(fill.side.outcome_side());
    let mut body = json!({
        "trade_id": wire::format_uuid(wire::TRADE, fill.trade), "order_id": wire::format_uuid(wire::ORDER, fill.order.0),
        "market_ticker": exchange.market_ticker(fill.market), "exchange_index": exchange.shard_of(fill.market),
        "is_taker": fill.taker,
        "side": outcome, "action": "buy", "purchased_side": outcome, "outcome_side": outcome,
        "book_side": wire::book_side(fill.side), "yes_price_dollars": wire::format_price(fill.price),
        "count_fp": wire::format_contracts(fill.contracts), "fee_cost": wire::format_cost(fill.fee),
        "post_position_fp": wire::format_contracts(Contracts::from_hundredths(position.signed)),
        "ts": wire::unix_seconds(fill.at), "ts_ms": wire::unix_millis(fill.at), "subaccount": 0,
    });
    let client = order.and_then(|order| order.client_order_id.clone());
    wire::insert_present_fields(&mut body, [("client_order_id", client.map(Value::from))]);
    body
}

/// A trade as the public sees it: on REST with a time, on sockets with stamps.
pub(in crate::sandbox) fn trade_object(
    exchange: &SandboxExchange,
    fill: &FillRecord,
    on_socket: bool,
) -> Value {
    // Seen from the taker; where the account was the maker, the taker was on the other side.
    let bid = (fill.side == BookSide::Bid) == fill.taker;
    let (outcome, side) = if bid { ("yes", "bid") } else { ("no", "ask") };
    let mut body = json!({
        "trade_id": wire::format_uuid(wire::TRADE, fill.trade), "count_fp": wire::format_contracts(fill.contracts),
        "yes_price_dollars": wire::format_price(fill.price), "no_price_dollars": wire::format_price(fill.price.complement()),
        "taker_side": outcome, "taker_outcome_side": outcome, "taker_book_side": side,
        "is_block_trade": false,
    });
    let ticker = || Value::from(exchange.market_ticker(fill.market));
    wire::insert_present_fields(
        &mut body,
        [
            ("market_ticker", on_socket.then(ticker)),
            ("ticker", (!on_socket).then(ticker)),
            ("ts", on_socket.then(|| wire::unix_seconds(fill.at).into())),
            ("ts_ms", on_socket.then(|| wire::unix_millis(fill.at).into())),
            ("created_time", (!on_socket).then(|| wire::micros_time(fill.at).into())),
        ],
    );
    body
}

pub(in crate::sandbox) fn position_object(
    ticker: &str,
    position: &MemberPosition,
    opened: Timestamp,
) -> Value {
    json!({
        "ticker": ticker, "exchange_index": 0, "total_traded_dollars": wire::format_cost(position.traded),
        "position_fp": wire::format_contracts(Contracts::from_hundredths(position.signed)),
        "market_exposure_dollars": wire::format_cost(position.cost), "realized_pnl_dollars": wire::format_cost(position.realized),
        "fees_paid_dollars": wire::format_cost(position.fees),
        "last_updated_ts": wire::micros_time(position.updated.unwrap_or(opened)),
    })
}

pub(in crate::sandbox) fn position_message(ticker: &str, user: usize, position: &MemberPosition) -> Value {
    json!({
        "user_id": wire::format_uuid(wire::USER, user as u64), "market_ticker": ticker,
        "position_fp": wire::format_contracts(Contracts::from_hundredths(position.signed)),
        "position_cost_dollars": wire::format_balance(position.cost), "realized_pnl_dollars": wire::format_balance(position.realized),
        "fees_paid_dollars": wire::format_balance(position.fees), "position_fee_cost_dollars": wire::format_balance(position.fees),
        "volume_fp": wire::format_contracts(position.volume), "subaccount": 0,
    })
}

pub(in crate::sandbox) fn settlement_object(exchange: &SandboxExchange, record: &SettlementRecord) -> Value {
    let held = Contracts::from_hundredths(record.signed.abs());
    let part =
        |of_yes: bool| if of_yes == (record.signed > 0) { (held, record.cost) } else { Default::default() };
    let ((yes, yes_cost), (no, no_cost)) = (part(true), part(false));
    json!({
        "ticker": exchange.market_ticker(record.market), "event_ticker": exchange.event_ticker(record.market),
        "exchange_index": exchange.shard_of(record.market), "market_result": wire::result_of(record.value),
        "yes_count_fp": wire::format_contracts(yes), "yes_total_cost_dollars": wire::format_cost(yes_cost),
        "no_count_fp": wire::format_contracts(no), "no_total_cost_dollars": wire::format_cost(no_cost),
        "revenue": record.revenue.micros() / 10_000, "value": record.value.in_micros() / 10_000,
        "settled_time": wire::micros_time(record.at), "fee_cost": wire::format_cost(record.fees),
    })
}

pub(in crate::sandbox) fn account_object(
    exchange: &SandboxExchange,
    user: usize,
    account: &MemberAccount,
    locked: Money,
) -> Value {
    let positions = account.positions.iter();
    json!({
        "key_id": account.key_id, "now_ts_ms": wire::unix_millis(exchange.now()), "cash": wire::format_cost(account.cash),
        "locked": wire::format_cost(locked), "funded": wire::format_cost(account.funded),
        "positions": positions.map(|(&market, held)| {
            position_object(exchange.market_ticker(market), held, exchange.now())
        }).collect::<Vec<_>>(),
        "open_orders": account.open_orders().map(|open| order_object(exchange, user, open)).collect::<Vec<_>>(),
        "orders": account.orders.len(),
        "fills": account.fills.iter().map(|done| fill_object(exchange, done)).collect::<Vec<_>>(),
        "settlements": account.settlements.iter().map(|paid| settlement_object(exchange, paid)).collect::<Vec<_>>(),
    })
}
