//! Answers about markets, events and series that are not in the data, for clients that ask for them; each is counted.

use serde_json::{Value, json};

use crate::sandbox::exchange::sandbox_exchange::SandboxExchange;
use crate::sandbox::foreign::foreign_market::{
    foreign_event_object, foreign_market_object, foreign_series, foreign_series_object,
};
use crate::sandbox::query::Query;

/// The answer to a request for something foreign; `None` if it is for something else.
pub(in crate::sandbox) fn answer_foreign_request(
    exchange: &SandboxExchange,
    segments: &[&str],
    query: &Query,
) -> Option<Value> {
    let now = exchange.now();
    let (endpoint, body) = match segments {
        ["markets", ticker] if is_foreign_ticker(exchange, ticker) => {
            ("GET /markets/{ticker}", json!({"market": foreign_market_object(ticker, now)}))
        }
        ["markets", ticker, "orderbook"] if is_foreign_ticker(exchange, ticker) => {
            let empty = json!({"orderbook_fp": {"yes_dollars": [], "no_dollars": []}});
            ("GET /markets/{ticker}/orderbook", empty)
        }
        ["events", ticker] if is_foreign_ticker(exchange, ticker) => {
            ("GET /events/{ticker}", foreign_event_answer(exchange, ticker, query))
        }
        ["series", series] if is_foreign_ticker(exchange, series) => {
            ("GET /series/{ticker}", json!({"series": foreign_series_object(series, now)}))
        }
        _ => return None,
    };
    exchange.foreign_requests().count_request(endpoint);
    Some(body)
}

/// Adds the foreign markets that `GET /markets` asks for by their tickers; they are counted as one request.
pub(in crate::sandbox) fn append_foreign_markets(
    exchange: &SandboxExchange,
    query: &Query,
    answer: &mut Value,
) {
    let tickers = query.get("tickers").into_iter().flat_map(|list| list.split(','));
    let foreign: Vec<&str> = tickers.filter(|ticker| is_foreign_ticker(exchange, ticker)).collect();
    let other = ["event_ticker", "series_ticker"].into_iter().filter_map(|name| query.get(name));
    if foreign.is_empty() && !other.into_iter().any(|ticker| is_foreign_ticker(exchange, ticker)) {
        return;
    }
    exchange.foreign_requests().count_request("GET /markets");
    if let Some(markets) = answer["markets"].as_array_mut().filter(|_| query.get("cursor").is_none()) {
        markets.extend(foreign.into_iter().map(|ticker| foreign_market_object(ticker, exchange.now())));
    }
}

/// Whether a ticker is of a foreign series that the data does not have either.
fn is_foreign_ticker(exchange: &SandboxExchange, ticker: &str) -> bool {
    foreign_series(ticker).is_some_and(|series| !exchange.series.contains_key(series))
}

/// A foreign event with its one market: the team that its ticker begins with.
fn foreign_event_answer(exchange: &SandboxExchange, ticker: &str, query: &Query) -> Value {
    let series = foreign_series(ticker).unwrap_or_default();
    let mut event = foreign_event_object(ticker, series, exchange.now());
    // `26OCT21LALGSW`: the day takes seven letters, the team three.
    let team = ticker.rsplit('-').next().and_then(|part| part.get(7..10)).unwrap_or("X");
    let markets = json!([foreign_market_object(&format!("{ticker}-{team}"), exchange.now())]);
    if query.bool_param("exclude_markets") {
        return json!({"event": event});
    }
    if query.bool_param("with_nested_markets") {
        event["markets"] = markets;
        return json!({"event": event});
    }
    json!({"event": event, "markets": markets})
}
