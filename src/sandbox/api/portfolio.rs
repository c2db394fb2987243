//! What an account may read of itself: balance, orders, fills, positions, settlements, groups, limits.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::domain::{Contracts, Money, Side};

use super::app::Core;
use super::request::{Answered, RestAnswer};
use crate::sandbox::accounts::limits::Tier;
use crate::sandbox::accounts::member_account::{MemberAccount, MemberPosition, OrderStatus};
use crate::sandbox::exchange::account_objects;
use crate::sandbox::exchange::sandbox_exchange::SandboxExchange;
use crate::sandbox::query::{Paging, Query};
use crate::sandbox::refused::ApiRefusal;
use crate::sandbox::wire;

/// The answer to a signed `GET`; segments of the path below the prefix.
pub(in crate::sandbox) fn route_account_get(
    core: &Core,
    account: usize,
    segments: &[&str],
    query: &Query,
) -> Answered {
    let exchange = &core.exchange;
    let own = &exchange.accounts[account];
    let body = match segments {
        ["account", "limits"] => core.tier.unwrap_or(Tier::Prestige).limits_object(),
        ["portfolio", "balance"] => get_balance(exchange, account),
        ["portfolio", "orders"] => get_orders(exchange, account, query)?,
        ["portfolio", "orders", id] => {
            let order = wire::order_id(id).and_then(|id| own.orders.get(&id)).ok_or(ApiRefusal::NOT_FOUND)?;
            json!({"order": account_objects::order_object(exchange, account, order)})
        }
        ["portfolio", "orders", id, "queue_position"] => {
            let order = wire::order_id(id).filter(|id| own.open.contains(id));
            order.map(|_| json!({"queue_position_fp": "0.00"})).ok_or(ApiRefusal::NOT_FOUND)?
        }
        ["portfolio", "fills"] => get_fills(exchange, own, query)?,
        ["portfolio", "positions"] => get_positions(exchange, own, query)?,
        ["portfolio", "settlements"] => get_settlements(exchange, own, query)?,
        ["portfolio", "summary", "total_resting_order_value"] => {
            let locked = exchange.locked_cash(account);
            json!({
                "total_resting_order_value": locked.micros() / 10_000,
                "resting_order_value_breakdown": [{"exchange_index": 0, "balance": wire::format_balance(locked)}],
            })
        }
        ["portfolio", "order_groups"] => json!({"order_groups": exchange.group_bodies(account)}),
        ["portfolio", "order_groups", id] => {
            let id = wire::number_of(wire::GROUP, id).ok_or(ApiRefusal::NOT_FOUND)?;
            exchange.group_body(account, id)?
        }
        _ => return Err(ApiRefusal::NOT_FOUND),
    };
    Ok(RestAnswer::ok(body))
}

/// What positions would fetch at the bid of their side.
fn portfolio_value(exchange: &SandboxExchange, account: &MemberAccount) -> Money {
    let held = account.positions.iter().filter(|(_, position)| position.signed != 0);
    let value = held.filter_map(|(&market, position)| {
        let side = if position.signed < 0 { Side::No } else { Side::Yes };
        Some(exchange.market_state(market)?.quote.bid_of(side)? * position.contracts_held())
    });
    value.sum()
}

fn get_balance(exchange: &SandboxExchange, account: usize) -> Value {
    // What resting orders lock is taken off, since the field is called available.
    let available = exchange.available_cash(account);
    let value = portfolio_value(exchange, &exchange.accounts[account]);
    let dollars = wire::format_balance(available);
    json!({
        "balance": available.micros() / 10_000, "balance_dollars": dollars,
        "portfolio_value": value.micros() / 10_000, "updated_ts": wire::unix_seconds(exchange.now()),
        "balance_breakdown": [{"exchange_index": 0, "balance": dollars}],
    })
}

fn get_orders(exchange: &SandboxExchange, account: usize, query: &Query) -> Result<Value, ApiRefusal> {
    let paging = Paging::newest_first("GetOrders");
    let within = query.time_range_filter(["min_ts", "max_ts"], paging.endpoint)?;
    let wanted = match query.get("status") {
        None => None,
        Some("resting") => Some(OrderStatus::Resting),
        Some("canceled") => Some(OrderStatus::Canceled),
        Some("executed") => Some(OrderStatus::Executed),
        Some(_) => return Err(ApiRefusal::without_details(400, "invalid_status_filter")),
    };
    let orders = exchange.accounts[account].orders.values().rev().filter(|order| {
        wanted.is_none_or(|wanted| order.status == wanted)
            && query.filter_allows("ticker", exchange.market_ticker(order.market))
            && query.filter_allows("event_ticker", exchange.event_ticker(order.market))
            && within(order.created)
    });
    let (orders, cursor) = query.paginate_items(paging, orders.map(|order| (order.id.0, order)))?;
    let bodies: Vec<Value> =
        orders.into_iter().map(|order| account_objects::order_object(exchange, account, order)).collect();
    Ok(json!({"orders": bodies, "cursor": cursor}))
}

fn get_fills(
    exchange: &SandboxExchange,
    account: &MemberAccount,
    query: &Query,
) -> Result<Value, ApiRefusal> {
    let paging = Paging::newest_first("GetFills");
    let within = query.time_range_filter(["min_ts", "max_ts"], paging.endpoint)?;
    let fills = account.fills.iter().rev().filter(|fill| {
        query.filter_allows("ticker", exchange.market_ticker(fill.market))
            && query.filter_allows("order_id", &wire::format_uuid(wire::ORDER, fill.order.0))
            && within(fill.at)
    });
    let (fills, cursor) = query.paginate_items(paging, fills.map(|fill| (fill.trade, fill)))?;
    let bodies: Vec<Value> =
        fills.into_iter().map(|fill| account_objects::fill_object(exchange, fill)).collect();
    Ok(json!({"fills": bodies, "cursor": cursor}))
}

fn get_positions(
    exchange: &SandboxExchange,
    account: &MemberAccount,
    query: &Query,
) -> Result<Value, ApiRefusal> {
    let paging = Paging::for_endpoint("GetPositions");
    let settled = query.get("settlement_status").unwrap_or("unsettled");
    if !["unsettled", "settled", "all"].contains(&settled) {
        return Err(ApiRefusal::with_details(
            400,
            "invalid_parameters",
            "settlement_status: unsettled, settled or all",
        ));
    }
    let counts = |position: &MemberPosition| match query.get("count_filter") {
        None => true,
        Some(filter) => filter.split(',').any(|part| match part {
            "position" => position.signed != 0,
            _ => position.volume.is_positive(),
        }),
    };
    let positions = account.positions.iter().filter(|&(&market, position)| {
        (settled == "all" || position.settled == (settled == "settled"))
            && counts(position)
            && query.filter_allows("ticker", exchange.market_ticker(market))
            && query.filter_allows("event_ticker", exchange.event_ticker(market))
    });
    let numbered = positions.map(|(&market, position)| (u64::from(market.0), (market, position)));
    let (positions, cursor) = query.paginate_items(paging, numbered)?;
    let mut events: BTreeMap<&str, (MemberPosition, Contracts)> = BTreeMap::new();
    for (market, position) in &positions {
        let (sum, held) = events.entry(exchange.event_ticker(*market)).or_default();
        sum.traded += position.traded;
        sum.cost += position.cost;
        sum.realized += position.realized;
        sum.fees += position.fees;
        *held += position.contracts_held();
    }
    let event = |(ticker, (sum, held)): (&str, (MemberPosition, Contracts))| {
        json!({
            "event_ticker": ticker, "total_cost_dollars": wire::format_cost(sum.traded),
            "total_cost_shares_fp": wire::format_contracts(held), "event_exposure_dollars": wire::format_cost(sum.cost),
            "realized_pnl_dollars": wire::format_cost(sum.realized), "fees_paid_dollars": wire::format_cost(sum.fees),
        })
    };
    let market = |(market, position)| {
        account_objects::position_object(exchange.market_ticker(market), position, exchange.now())
    };
    Ok(json!({
        "market_positions": positions.into_iter().map(market).collect::<Vec<_>>(),
        "event_positions": events.into_iter().map(event).collect::<Vec<_>>(), "cursor": cursor,
    }))
}

fn get_settlements(
    exchange: &SandboxExchange,
    account: &MemberAccount,
    query: &Query,
) -> Result<Value, ApiRefusal> {
    let paging = Paging::newest_first("GetSettlements");
    let within = query.time_range_filter(["min_ts", "max_ts"], paging.endpoint)?;
    let settlements = account.settlements.iter().enumerate().rev().map(|(index, paid)| (index as u64, paid));
    let settlements = settlements.filter(|(_, paid)| {
        query.filter_allows("ticker", exchange.market_ticker(paid.market))
            && query.filter_allows("event_ticker", exchange.event_ticker(paid.market))
            && within(paid.at)
    });
    let (settlements, cursor) = query.paginate_items(paging, settlements)?;
    let bodies: Vec<Value> =
        settlements.into_iter().map(|paid| account_objects::settlement_object(exchange, paid)).collect();
    Ok(json!({"settlements": bodies, "cursor": cursor}))
}
