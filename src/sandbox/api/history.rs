//! Candles of live markets, and the older half of the exchange: what lies before the cutoff is served below
//! `/historical` and nowhere else.

use serde_json::{Value, json};

use crate::domain::Timestamp;

use crate::sandbox::exchange::account_objects;
use crate::sandbox::exchange::candles::{CandleNames, CandleQuery};
use crate::sandbox::exchange::market_objects;
use crate::sandbox::exchange::sandbox_exchange::SandboxExchange;
use crate::sandbox::exchange::state::ServedMarket;
use crate::sandbox::query::{Paging, Query};
use crate::sandbox::refused::ApiRefusal;
use crate::sandbox::wire;

/// Answers `GET /historical/cutoff`: the time before which settled markets and trades are history.
pub(in crate::sandbox) fn get_historical_cutoff(exchange: &SandboxExchange) -> Value {
    let cutoff = wire::micros_time(exchange.history_cutoff());
    json!({
        "market_settled_ts": cutoff, "trades_created_ts": cutoff, "orders_updated_ts": cutoff,
        "market_positions_last_updated_ts": cutoff,
    })
}

/// Answers `GET /series/{series}/markets/{ticker}/candlesticks` for a live market of that series; else 404.
pub(in crate::sandbox) fn get_market_candlesticks(
    exchange: &SandboxExchange,
    of: (&str, &str),
    query: &Query,
) -> Result<Value, ApiRefusal> {
    let state = live_market(exchange, of.1).ok().filter(|state| *state.market.series_ticker == *of.0);
    let state = state.ok_or(ApiRefusal::NOT_FOUND)?;
    let asked = CandleQuery::from_query(query, "GetMarketCandlesticks", 1)?;
    Ok(json!({"ticker": of.1, "candlesticks": asked.candle_objects(state, CandleNames::Live)}))
}

/// `GET /markets/candlesticks`; a market that is not live is left out.
pub(in crate::sandbox) fn get_candlesticks_batch(
    exchange: &SandboxExchange,
    query: &Query,
) -> Result<Value, ApiRefusal> {
    let tickers: Vec<&str> = query
        .get("market_tickers")
        .ok_or_else(|| ApiRefusal::missing_field("market_tickers"))?
        .split(',')
        .collect();
    if tickers.len() > 100 {
        return Err(ApiRefusal::with_details(400, "invalid_parameters", "market_tickers: between 1 and 100"));
    }
    let count = i64::try_from(tickers.len()).unwrap_or(i64::MAX);
    let asked = CandleQuery::from_query(query, "BatchGetMarketCandlesticks", count)?;
    let of = |state: &ServedMarket| {
        json!({
            "market_ticker": state.market.ticker, "candlesticks": asked.candle_objects(state, CandleNames::Live),
        })
    };
    let states = tickers.iter().filter_map(|ticker| live_market(exchange, ticker).ok());
    Ok(json!({"markets": states.map(of).collect::<Vec<_>>()}))
}

/// Answers `GET /historical/markets`: one page of the markets settled before the cutoff.
pub(in crate::sandbox) fn get_historical_markets(
    exchange: &SandboxExchange,
    query: &Query,
) -> Result<Value, ApiRefusal> {
    let filters = ["tickers", "event_ticker", "series_ticker"];
    if filters.iter().filter(|name| query.get(name).is_some()).count() > 1 {
        let problem = "at most one of tickers, event_ticker, series_ticker";
        return Err(ApiRefusal::with_details(400, "invalid_parameters", problem));
    }
    let states = exchange.market_states().filter(|state| {
        let market = &state.market;
        exchange.is_historical(state)
            && query.filter_allows("event_ticker", &market.event_ticker)
            && query.filter_allows("series_ticker", &market.series_ticker)
            && query.filter_allows("tickers", &market.ticker)
    });
    let paging = Paging::for_endpoint("GetHistoricalMarkets");
    let (states, cursor) =
        query.paginate_items(paging, states.map(|state| (u64::from(state.market.id.0), state)))?;
    Ok(
        json!({"markets": states.into_iter().map(market_objects::market_object).collect::<Vec<_>>(), "cursor": cursor}),
    )
}

fn historical_market<'a>(
    exchange: &'a SandboxExchange,
    ticker: &str,
) -> Result<&'a ServedMarket, ApiRefusal> {
    let state = exchange.market_of(ticker).and_then(|market| exchange.market_state(market));
    state.filter(|state| exchange.is_historical(state)).ok_or(ApiRefusal::NOT_FOUND)
}

/// Answers `GET /historical/markets/{ticker}`; 404 unless the market was settled before the cutoff.
pub(in crate::sandbox) fn get_historical_market(
    exchange: &SandboxExchange,
    ticker: &str,
) -> Result<Value, ApiRefusal> {
    Ok(json!({"market": market_objects::market_object(historical_market(exchange, ticker)?)}))
}

/// Answers `GET /historical/markets/{ticker}/candlesticks` for a market settled before the cutoff.
pub(in crate::sandbox) fn old_candles(
    exchange: &SandboxExchange,
    ticker: &str,
    query: &Query,
) -> Result<Value, ApiRefusal> {
    let state = historical_market(exchange, ticker)?;
    let asked = CandleQuery::from_query(query, "GetHistoricalMarketCandlesticks", 1)?;
    Ok(json!({"ticker": ticker, "candlesticks": asked.candle_objects(state, CandleNames::Historical)}))
}

/// Answers `GET /historical/trades`: one page of trades from before the cutoff, the newest first.
pub(in crate::sandbox) fn get_historical_trades(
    exchange: &SandboxExchange,
    query: &Query,
) -> Result<Value, ApiRefusal> {
    trades_where(exchange, query, "GetHistoricalTrades", |at| at < exchange.history_cutoff())
}

/// A market of the live half of the exchange.
pub(in crate::sandbox) fn live_market<'a>(
    exchange: &'a SandboxExchange,
    ticker: &str,
) -> Result<&'a ServedMarket, ApiRefusal> {
    let market = exchange.market_of(ticker).and_then(|market| exchange.market_state(market));
    market.filter(|state| !exchange.is_historical(state)).ok_or(ApiRefusal::NOT_FOUND)
}

/// The trades of the half of the exchange in which a trade of a time is.
pub(in crate::sandbox) fn trades_where(
    exchange: &SandboxExchange,
    query: &Query,
    endpoint: &'static str,
    here: impl Fn(Timestamp) -> bool,
) -> Result<Value, ApiRefusal> {
    let paging = Paging::newest_first(endpoint);
    let within = query.time_range_filter(["min_ts", "max_ts"], paging.endpoint)?;
    let blocks_only = query.bool_param("is_block_trade");
    let trades = exchange.trades.iter().rev().filter(|trade| {
        !blocks_only
            && here(trade.at)
            && query.filter_allows("ticker", exchange.market_ticker(trade.market))
            && within(trade.at)
    });
    let (trades, cursor) = query.paginate_items(paging, trades.map(|trade| (trade.trade, trade)))?;
    let bodies: Vec<Value> =
        trades.into_iter().map(|trade| account_objects::trade_object(exchange, trade, false)).collect();
    Ok(json!({"trades": bodies, "cursor": cursor}))
}
