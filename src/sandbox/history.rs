//! Candles of live markets, and the older half of the exchange: what lies before the cutoff is served below
//! `/historical` and nowhere else.

use serde_json::{Value, json};

use super::candles::{Asked, Names};
use super::exchange::Exchange;
use super::markets::{market, trades_where};
use super::query::{Paging, Query};
use super::refused::Refused;
use super::state::MarketState;
use super::wire;

/// `GET /historical/cutoff`
pub(super) fn cutoff(exchange: &Exchange) -> Value {
    let cutoff = wire::time(exchange.cutoff());
    json!({
        "market_settled_ts": cutoff, "trades_created_ts": cutoff, "orders_updated_ts": cutoff,
        "market_positions_last_updated_ts": cutoff,
    })
}

/// `GET /series/{series}/markets/{ticker}/candlesticks`
pub(super) fn candles(exchange: &Exchange, of: (&str, &str), query: &Query) -> Result<Value, Refused> {
    let state = market(exchange, of.1).ok().filter(|state| *state.market.series_ticker == *of.0);
    let state = state.ok_or(Refused::NOT_FOUND)?;
    let asked = Asked::read(query, "GetMarketCandlesticks", 1)?;
    Ok(json!({"ticker": of.1, "candlesticks": asked.candles(state, Names::Live)}))
}

/// `GET /markets/candlesticks`; a market that is not live is left out.
pub(super) fn batch(exchange: &Exchange, query: &Query) -> Result<Value, Refused> {
    let tickers: Vec<&str> =
        query.get("market_tickers").ok_or_else(|| Refused::missing("market_tickers"))?.split(',').collect();
    if tickers.len() > 100 {
        return Err(Refused::with(400, "invalid_parameters", "market_tickers: between 1 and 100"));
    }
    let count = i64::try_from(tickers.len()).unwrap_or(i64::MAX);
    let asked = Asked::read(query, "BatchGetMarketCandlesticks", count)?;
    let of = |state: &MarketState| {
        json!({
            "market_ticker": state.market.ticker, "candlesticks": asked.candles(state, Names::Live),
        })
    };
    let states = tickers.iter().filter_map(|ticker| market(exchange, ticker).ok());
    Ok(json!({"markets": states.map(of).collect::<Vec<_>>()}))
}

/// `GET /historical/markets`
pub(super) fn markets(exchange: &Exchange, query: &Query) -> Result<Value, Refused> {
    let filters = ["tickers", "event_ticker", "series_ticker"];
    if filters.iter().filter(|name| query.get(name).is_some()).count() > 1 {
        let problem = "at most one of tickers, event_ticker, series_ticker";
        return Err(Refused::with(400, "invalid_parameters", problem));
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

fn old<'a>(exchange: &'a Exchange, ticker: &str) -> Result<&'a MarketState, Refused> {
    let state = exchange.market_of(ticker).and_then(|market| exchange.state(market));
    state.filter(|state| exchange.is_historical(state)).ok_or(Refused::NOT_FOUND)
}

/// `GET /historical/markets/{ticker}`
pub(super) fn one(exchange: &Exchange, ticker: &str) -> Result<Value, Refused> {
    Ok(json!({"market": wire::market(old(exchange, ticker)?)}))
}

/// `GET /historical/markets/{ticker}/candlesticks`
pub(super) fn old_candles(exchange: &Exchange, ticker: &str, query: &Query) -> Result<Value, Refused> {
    let state = old(exchange, ticker)?;
    let asked = Asked::read(query, "GetHistoricalMarketCandlesticks", 1)?;
    Ok(json!({"ticker": ticker, "candlesticks": asked.candles(state, Names::Historical)}))
}

/// `GET /historical/trades`
pub(super) fn trades(exchange: &Exchange, query: &Query) -> Result<Value, Refused> {
    trades_where(exchange, query, "GetHistoricalTrades", |at| at < exchange.cutoff())
}
