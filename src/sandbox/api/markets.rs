//! What everybody may read: status, series, events, markets, books, trades.

use serde_json::{Value, json};

use crate::domain::MarketStatus;

use super::app::Core;
use super::foreign_answers::{answer_foreign_request, append_foreign_markets};
use super::history::{self, live_market, trades_where};
use super::odd_answers::refuse_missing_event;
use super::request::{Answered, RestAnswer};
use crate::sandbox::exchange::market_objects;
use crate::sandbox::exchange::sandbox_exchange::SandboxExchange;
use crate::sandbox::exchange::state::{ExchangeEvent, ServedMarket};
use crate::sandbox::query::{Paging, Query};
use crate::sandbox::refused::ApiRefusal;
use crate::sandbox::wire;

/// The answer to a public request; segments of the path below the prefix.
pub(in crate::sandbox) fn route_public_request(
    core: &Core,
    method: &str,
    segments: &[&str],
    query: &Query,
) -> Answered {
    if method != "GET" {
        return Err(ApiRefusal::NOT_FOUND);
    }
    let exchange = &core.exchange;
    if core.foreign.has_messages()
        && let Some(body) = answer_foreign_request(exchange, segments, query)
    {
        return Ok(RestAnswer::ok(body));
    }
    let body = match segments {
        ["exchange", "status"] => get_exchange_status(exchange),
        ["exchange", "schedule"] => get_exchange_schedule(exchange),
        ["exchange", "user_data_timestamp"] => json!({"as_of_time": wire::micros_time(exchange.now())}),
        ["series"] => get_series_list(exchange, query),
        ["series", "fee_changes"] => fee_changes(exchange, query),
        ["series", ticker] => {
            let series = exchange.series.get(*ticker).ok_or(ApiRefusal::NOT_FOUND)?;
            json!({"series": market_objects::series_object(series)})
        }
        ["series", series, "markets", ticker, "candlesticks"] => {
            history::get_market_candlesticks(exchange, (series, ticker), query)?
        }
        ["historical", "cutoff"] => history::get_historical_cutoff(exchange),
        ["historical", "markets"] => history::get_historical_markets(exchange, query)?,
        ["historical", "markets", ticker] => history::get_historical_market(exchange, ticker)?,
        ["historical", "markets", ticker, "candlesticks"] => history::old_candles(exchange, ticker, query)?,
        ["historical", "trades"] => history::get_historical_trades(exchange, query)?,
        ["events"] => get_events(exchange, query)?,
        ["events", "fee_changes"] => json!({"event_fee_changes": [], "cursor": ""}),
        ["events", ticker] => get_event(exchange, ticker, query)?,
        ["markets"] => get_markets_with_foreign(core, query)?,
        ["markets", "trades"] => get_trades(exchange, query)?,
        ["markets", "candlesticks"] => history::get_candlesticks_batch(exchange, query)?,
        ["markets", "orderbooks"] => order_books(exchange, query)?,
        ["markets", ticker] => {
            json!({"market": market_objects::market_object(live_market(exchange, ticker)?)})
        }
        ["markets", ticker, "orderbook"] => order_book(exchange, ticker, query)?,
        ["account", "endpoint_costs"] => json!({"default_cost": 10, "endpoint_costs": [
            {"method": "DELETE", "path": "/trade-api/v2/portfolio/events/orders/:order_id", "cost": 2},
            {"method": "DELETE", "path": "/trade-api/v2/portfolio/events/orders", "cost": 2},
            {"method": "DELETE", "path": "/trade-api/v2/portfolio/events/orders/batched", "cost": 2},
            {"method": "GET", "path": "/trade-api/v2/portfolio/orders/:order_id", "cost": 2},
        ]}),
        _ => return Err(ApiRefusal::NOT_FOUND),
    };
    Ok(RestAnswer::ok(body))
}

fn get_exchange_status(exchange: &SandboxExchange) -> Value {
    let active = !exchange.all_paused;
    let trading = active && !exchange.trading_paused;
    json!({
        "exchange_active": active, "trading_active": trading, "intra_exchange_transfers_active": active,
        "exchange_index_statuses": [{
            "exchange_index": 0, "description": "Default", "exchange_active": active,
            "trading_active": trading, "intra_exchange_transfers_active": active,
        }],
    })
}

fn get_exchange_schedule(exchange: &SandboxExchange) -> Value {
    let year = exchange.now().year_month().0;
    let always = json!([{"open_time": "00:00", "close_time": "00:00"}]);
    json!({"schedule": {
        "standard_hours": [{
            "start_time": format!("{year}-01-01T05:00:00Z"), "end_time": format!("{}-01-01T05:00:00Z", year + 1),
            "monday": always, "tuesday": always, "wednesday": always, "thursday": always,
            "friday": always, "saturday": always, "sunday": always,
        }],
        "maintenance_windows": [],
    }})
}

fn get_series_list(exchange: &SandboxExchange, query: &Query) -> Value {
    let fits = exchange.series.values().filter(|series| query.filter_allows("category", &series.category));
    json!({"series": fits.map(market_objects::series_object).collect::<Vec<_>>()})
}

fn fee_changes(exchange: &SandboxExchange, query: &Query) -> Value {
    // All changes the data knows of are past when they are known.
    let shown = query.bool_param("show_historical");
    let changes = (1..).zip(&exchange.fee_changes).filter(|_| shown);
    let changes = changes.filter(|(_, (ticker, ..))| query.filter_allows("series_ticker", ticker));
    let body = |(number, (ticker, fees, at)): (u64, &(_, crate::domain::FeeSchedule, _))| {
        let ticker: &std::sync::Arc<str> = ticker;
        json!({
            "id": wire::format_uuid(wire::FEE_CHANGE, number), "series_ticker": ticker,
            "fee_type": wire::fee_type(fees.fee_type),
            "fee_multiplier": wire::json_number(i64::from(fees.multiplier_ppm)), "scheduled_ts": wire::micros_time(*at),
        })
    };
    json!({"series_fee_change_arr": changes.map(body).collect::<Vec<_>>()})
}

/// The filter's name of a status.
const fn filter_name(status: MarketStatus) -> &'static str {
    match status {
        MarketStatus::Active => "open",
        MarketStatus::Halted => "paused",
        MarketStatus::Closed => "closed",
        MarketStatus::Settled => "settled",
    }
}

fn status_filter(query: &Query) -> Result<impl Fn(&ServedMarket) -> bool, ApiRefusal> {
    let wanted = query.get("status");
    if wanted.is_some_and(|wanted| !["unopened", "open", "paused", "closed", "settled"].contains(&wanted)) {
        return Err(ApiRefusal::without_details(400, "invalid_status_filter"));
    }
    let wanted = wanted.map(str::to_owned);
    Ok(move |state: &ServedMarket| wanted.as_ref().is_none_or(|wanted| filter_name(state.status) == wanted))
}

fn markets_of<'a>(exchange: &'a SandboxExchange, event: &'a ExchangeEvent) -> Vec<&'a ServedMarket> {
    event.markets.iter().filter_map(|&market| exchange.market_state(market)).collect()
}

/// Its markets that are shown with it; an event itself is listed for ever.
fn nested_markets(exchange: &SandboxExchange, event: &ExchangeEvent) -> Value {
    let states = markets_of(exchange, event).into_iter().filter(|state| !exchange.is_historical(state));
    states.map(market_objects::market_object).collect()
}

fn get_events(exchange: &SandboxExchange, query: &Query) -> Result<Value, ApiRefusal> {
    let paging = Paging { default: 200, most: 200, ..Paging::for_endpoint("GetEvents") };
    let (fits, with_markets) = (status_filter(query)?, query.bool_param("with_nested_markets"));
    let closes = query.time_range_filter(["min_close_ts", "max_close_ts"], paging.endpoint)?;
    let events = (1..).zip(exchange.events.values()).filter(|(_, event)| {
        query.filter_allows("series_ticker", &event.series)
            && query.filter_allows("tickers", &event.ticker)
            && markets_of(exchange, event).into_iter().any(|state| fits(state) && closes(state.close))
    });
    let (events, cursor) = query.paginate_items(paging, events)?;
    let body = |event: &ExchangeEvent| {
        let mut body = market_objects::event_object(event);
        if with_markets {
            body["markets"] = nested_markets(exchange, event);
        }
        body
    };
    Ok(json!({"events": events.into_iter().map(body).collect::<Vec<_>>(), "cursor": cursor}))
}

fn get_event(exchange: &SandboxExchange, ticker: &str, query: &Query) -> Result<Value, ApiRefusal> {
    let event = exchange.events.get(ticker).ok_or(ApiRefusal::NOT_FOUND)?;
    refuse_missing_event(exchange, ticker)?;
    let (inside, without) = (query.bool_param("with_nested_markets"), query.bool_param("exclude_markets"));
    let markets = nested_markets(exchange, event);
    let mut body = json!({"event": market_objects::event_object(event)});
    match (inside, without) {
        (true, true) => {
            let details = "with_nested_markets and exclude_markets exclude each other";
            return Err(ApiRefusal::with_details(400, "invalid_parameters", details));
        }
        (true, false) => body["event"]["markets"] = markets,
        (false, false) => body["markets"] = markets,
        (false, true) => {}
    }
    Ok(body)
}

fn get_markets(exchange: &SandboxExchange, query: &Query) -> Result<Value, ApiRefusal> {
    let paging = Paging::for_endpoint("GetMarkets");
    let fits = status_filter(query)?;
    let created = query.time_range_filter(["min_created_ts", "max_created_ts"], paging.endpoint)?;
    let closes = query.time_range_filter(["min_close_ts", "max_close_ts"], paging.endpoint)?;
    let settled = query.time_range_filter(["min_settled_ts", "max_settled_ts"], paging.endpoint)?;
    let asks_settled = query.get("min_settled_ts").or(query.get("max_settled_ts")).is_some();
    let updated = query.time_range_filter(["min_updated_ts", "max_updated_ts"], paging.endpoint)?;
    let combos_only = query.get("mve_filter") == Some("only");
    let markets = exchange.market_states().filter(|state| {
        let market = &state.market;
        !combos_only
            && !exchange.is_historical(state)
            && query.filter_allows("event_ticker", &market.event_ticker)
            && query.filter_allows("series_ticker", &market.series_ticker)
            && query.filter_allows("tickers", &market.ticker)
            && fits(state)
            && created(market.open_time)
            && closes(state.close)
            && state.settled.map_or(!asks_settled, |(_, at)| settled(at))
            && updated(state.updated)
    });
    let (markets, cursor) =
        query.paginate_items(paging, markets.map(|state| (u64::from(state.market.id.0), state)))?;
    Ok(
        json!({"markets": markets.into_iter().map(market_objects::market_object).collect::<Vec<_>>(), "cursor": cursor}),
    )
}

fn get_markets_with_foreign(core: &Core, query: &Query) -> Result<Value, ApiRefusal> {
    let mut body = get_markets(&core.exchange, query)?;
    if core.foreign.has_messages() {
        append_foreign_markets(&core.exchange, query, &mut body);
    }
    Ok(body)
}

fn order_book(exchange: &SandboxExchange, ticker: &str, query: &Query) -> Result<Value, ApiRefusal> {
    let state = live_market(exchange, ticker)?;
    if matches!(state.status, MarketStatus::Closed | MarketStatus::Settled) {
        return Err(ApiRefusal::NOT_FOUND);
    }
    let depth = query.integer_param("depth", "GetMarketOrderbook")?.unwrap_or(0);
    let depth = usize::try_from(depth).ok().filter(|depth| *depth <= 100);
    let refused = || ApiRefusal::with_details(400, "invalid_parameters", "depth: between 0 and 100");
    Ok(json!({"orderbook_fp": market_objects::order_book(state, depth.ok_or_else(refused)?)}))
}

fn order_books(exchange: &SandboxExchange, query: &Query) -> Result<Value, ApiRefusal> {
    let book = |ticker: &str| {
        let state = live_market(exchange, ticker)?;
        Ok(json!({"ticker": ticker, "orderbook_fp": market_objects::order_book(state, 0)}))
    };
    let books: Vec<Value> = query.all_values("tickers").take(101).map(book).collect::<Result<_, _>>()?;
    if books.is_empty() || books.len() > 100 {
        return Err(ApiRefusal::with_details(400, "invalid_parameters", "tickers: between 1 and 100"));
    }
    Ok(json!({"orderbooks": books}))
}

fn get_trades(exchange: &SandboxExchange, query: &Query) -> Result<Value, ApiRefusal> {
    trades_where(exchange, query, "GetTrades", |at| at >= exchange.history_cutoff())
}
