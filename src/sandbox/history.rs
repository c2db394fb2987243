//! Candles of live markets, and the older half of the exchange: what lies before the cutoff is served below
//! `/historical` and nowhere else.

use serde_json::{Value, json};

use super::candles::{CandleNames, CandleQuery};
use super::exchange::SandboxExchange;
use super::markets::{market, trades_where};
use super::query::{Paging, Query};
use super::refused::ApiRefusal;
use super::state::ServedMarket;
use super::wire;

/// `GET /historical/cutoff`
pub(super) fn cutoff(exchange: &SandboxExchange) -> Value {
    let cutoff = wire::time(exchange.cutoff());
    json!({
        "market_settled_ts": cutoff, "trades_created_ts": cutoff, "orders_updated_ts": cutoff,
        "market_positions_last_updated_ts": cutoff,
    })
}

/// `GET /series/{series}/markets/{ticker}/candlesticks`
pub(super) fn candles(
    exchange: &SandboxExchange,
    of: (&str, &str),
    query: &Query,
) -> Result<Value, ApiRefusal> {
    let state = market(exchange, of.1).ok().filter(|state| *state.market.series_ticker == *of.0);
    let state = state.ok_or(ApiRefusal::NOT_FOUND)?;
    let asked = CandleQuery::read(query, "GetMarketCandlesticks", 1)?;
    Ok(json!({"ticker": of.1, "candlesticks": asked.candles(state, CandleNames::Live)}))
}

/// `GET /markets/candlesticks`; a market that is not live is left out.
pub(super) fn batch(exchange: &SandboxExchange, query: &Query) -> Result<Value, ApiRefusal> {
    let tickers: Vec<&str> = query
        .get("market_tickers")
        .ok_or_else(|| ApiRefusal::missing("market_tickers"))?
        .split(',')
        .collect();
    if tickers.len() > 100 {
        return Err(ApiRefusal::with(400, "invalid_parameters", "market_tickers: between 1 and 100"));
    }
    let count = i64::try_from(tickers.len()).unwrap_or(i64::MAX);
    let asked = CandleQuery::read(query, "BatchGetMarketCandlesticks", count)?;
    let of = |state: &ServedMarket| {
        json!({
            "market_ticker": state.market.ticker, "candlesticks": asked.candles(state, CandleNames::Live),
        })
    };
    let states = tickers.iter().filter_map(|ticker| market(exchange, ticker).ok());
    Ok(json!({"markets": states.map(of).collect::<Vec<_>>()}))
}

/// `GET /historical/markets`
pub(super) fn markets(exchange: &SandboxExchange, query: &Query) -> Result<Value, ApiRefusal> {
    let filters = ["tickers", "event_ticker", "series_ticker"];
    if filters.iter().filter(|name| query.get(name).is_some()).count() > 1 {
        let problem = "at most one of tickers, event_ticker, series_ticker";
        return Err(ApiRefusal::with(400, "invalid_parameters", problem));
    }
    let states = exchange.states().filter(|state| {
        let market = &state.market;
        exchange.is_historical(state)
            && query.lists("event_ticker", &market.event_ticker)
            && query.lists("series_ticker", &market.series_ticker)
            && query.lists("tickers", &market.ticker)
    });
    let paging = Paging::of("GetHistoricalMarkets");
    let (states, cursor) = query.page(paging, states.map(|state| (u64::from(state.market.id.0), state)))?;
    Ok(json!({"markets": states.into_iter().map(wire::market).collect::<Vec<_>>(), "cursor": cursor}))
}

fn old<'a>(exchange: &'a SandboxExchange, ticker: &str) -> Result<&'a ServedMarket, ApiRefusal> {
    let state = exchange.market_of(ticker).and_then(|market| exchange.state(market));
    state.filter(|state| exchange.is_historical(state)).ok_or(ApiRefusal::NOT_FOUND)
}

/// `GET /historical/markets/{ticker}`
pub(super) fn one(exchange: &SandboxExchange, ticker: &str) -> Result<Value, ApiRefusal> {
    Ok(json!({"market": wire::market(old(exchange, ticker)?)}))
}

/// `GET /historical/markets/{ticker}/candlesticks`
pub(super) fn old_candles(
    exchange: &SandboxExchange,
    ticker: &str,
    query: &Query,
) -> Result<Value, ApiRefusal> {
    let state = old(exchange, ticker)?;
    let asked = CandleQuery::read(query, "GetHistoricalMarketCandlesticks", 1)?;
    Ok(json!({"ticker": ticker, "candlesticks": asked.candles(state, CandleNames::Historical)}))
}

/// `GET /historical/trades`
pub(super) fn trades(exchange: &SandboxExchange, query: &Query) -> Result<Value, ApiRefusal> {
    trades_where(exchange, query, "GetHistoricalTrades", |at| at < exchange.cutoff())
}
