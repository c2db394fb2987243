//! Every endpoint: what is asked for, word by word, and that its example answer comes through.

use serde_json::Value;

use super::*;
use crate::kalshi::wire::{AmendOrder, ApiBookSide, ApiOrderStatus, CancelItem};

const T55: &str = "KXHIGHNY-26NOV20-T55";
const ORDER: &str = "97ec18b7-10d3-4557-9de0-8598aad625f0";

/// Answers with a fixture, and checks that exactly `line` was asked for.
macro_rules! asks {
    ($line:expr, $status:literal $fixture:expr, |$rest:ident| $call:expr) => {{
        let (client, mock) = mock([reply($status, fixture($fixture))]).await;
        let $rest = &client;
        let answer = $call.await.unwrap_or_else(|error| panic!("{}: {error}", $line));
        let line = $line.to_owned();
        let (method, path) = line.split_once(' ').unwrap();
        assert_eq!(mock.lines(), [format!("{method} /trade-api/v2{path}")]);
        let body = lock_ignoring_poison(&mock.asked)[0].body.clone();
        (answer, serde_json::from_str::<Value>(&body).unwrap_or_default())
    }};
}

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn value(name: &str) -> Value {
    serde_json::from_str(&fixture(name)).unwrap()
}

#[tokio::test]
async fn the_exchange_its_series_and_events() {
    asks!("GET /exchange/status", 200 "exchange_status", |rest| rest.exchange_status());
    asks!("GET /exchange/schedule", 200 "exchange_schedule", |rest| rest.exchange_schedule());
    asks!("GET /historical/cutoff", 200 "historical_cutoff", |rest| rest.historical_cutoff());
    asks!("GET /series/KXHIGHNY", 200 "series_get", |rest| rest.series("KXHIGHNY"));
    let category = "GET /series?category=Climate+and+Weather";
    asks!(category, 200 "series_list", |rest| rest.series_list("Climate and Weather"));
    let changes = "GET /series/fee_changes?series_ticker=KXCPI";
    asks!(changes, 200 "series_fee_changes", |rest| rest.series_fee_changes(Some("KXCPI")));
    let (event, _) =
        asks!("GET /events/KXHIGHNY-26NOV20", 200 "event_get", |rest| rest.event("KXHIGHNY-26NOV20"));
    assert_eq!(event.markets.items.len(), 3);
    let filter = EventFilter {
        series_ticker: Some("KXHIGHNY".into()),
        status: Some(StatusFilter::Open),
        with_markets: true,
    };
    let line = "GET /events?limit=200&series_ticker=KXHIGHNY&status=open&with_nested_markets=true";
    let body = fixture("events_page_nested").replace(&cursor_of("events_page_nested"), "");
    let (rest, mock) = mock([reply(200, body)]).await;
    assert_eq!(rest.events(&filter).await.unwrap().items[0].markets.items.len(), 3);
    assert_eq!(mock.lines(), [line.replace("GET ", "GET /trade-api/v2")]);
    let empty = r#"{"event_fee_changes": [], "cursor": ""}"#;
    let (rest, mock) = super::mock([reply(200, empty)]).await;
    assert!(rest.event_fee_changes("E").await.unwrap().is_empty());
    assert_eq!(mock.lines(), ["GET /trade-api/v2/events/fee_changes?event_ticker=E&limit=200"]);
}

#[tokio::test]
async fn what_was() {
    let span = CandleSpan { from: 1, until: 7_200, minutes: 60 };
    let line = "GET /markets/candlesticks?start_ts=1&end_ts=7200&period_interval=60&market_tickers=A%2CB";
    asks!(line, 200 "candlesticks_batch", |rest| rest.live_candles(&["A", "B"], span));
    let old = "KXHIGHNY-26JUL01-T85";
    let line =
        format!("GET /historical/markets/{old}/candlesticks?start_ts=1&end_ts=7200&period_interval=60");
    asks!(line, 200 "candlesticks_historical", |rest| rest.historical_candles(old, span));
    let (rest, _) = mock([reply(200, fixture("candlesticks_historical"))]).await;
    let other = rest.historical_candles("T", span).await.unwrap_err().to_string();
    assert!(other.contains("ticker: it is KXHIGHNY-26JUL01-T85, not T"), "{other}");
    let filter = MarketFilter { event_ticker: Some("E".into()), ..MarketFilter::default() };
    let line = "GET /historical/markets?limit=1000&mve_filter=exclude&event_ticker=E&cursor=c";
    asks!(line, 200 "markets_page", |rest| rest.historical_markets_page(&filter, Some("c")));
    asks!("GET /historical/markets/T", 200 "market_get_finalized", |rest| rest.historical_market("T"));
    let since = Some(at("1970-01-01T00:01:40Z"));
    let filter = MarketFilter { closing_since: since, ..MarketFilter::default() };
    let line = "GET /markets?limit=1000&mve_filter=exclude&min_close_ts=100";
    asks!(line, 200 "markets_page", |rest| rest.markets_page(&filter, None));
    let line = "GET /events?limit=200&series_ticker=S&min_close_ts=100";
    asks!(line, 200 "events_page_nested", |rest| rest.events_page("S", since, None));
    for (half, path) in [(Half::Live, "markets"), (Half::Historical, "historical")] {
        let line = format!("GET /{path}/trades?limit=1000&ticker=T&min_ts=1&max_ts=2");
        let ((trades, next), _) =
            asks!(line, 200 "trades_page", |rest| rest.trades_page(half, "T", (1, 2), None));
        assert_eq!((trades.items.len(), next), (2, Some(cursor_of("trades_page"))));
    }
    let line = "GET /series/fee_changes?series_ticker=KXCPI&show_historical=true";
    asks!(line, 200 "series_fee_changes", |rest| rest.all_fee_changes("KXCPI"));
    let (rest, _) = mock([reply(200, r#"{"as_of_time": "2026-11-19T15:53:20Z"}"#)]).await;
    assert_eq!(rest.as_of().await.unwrap(), at("2026-11-19T15:53:20Z"));
}

fn cursor_of(name: &str) -> String {
    value(name)["cursor"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn markets_books_and_trades() {
    let filter = MarketFilter {
        series_ticker: Some("KXHIGHNY".into()),
        status: Some(StatusFilter::Open),
        ..MarketFilter::default()
    };
    let line = "GET /markets?limit=1000&mve_filter=exclude&series_ticker=KXHIGHNY&status=open";
    asks!(line, 200 "markets_last_page", |rest| rest.markets(&filter));
    let ((markets, next), _) = asks!(line, 200 "markets_page", |rest| rest.markets_page(&filter, None));
    assert_eq!((markets.items.len(), next), (3, Some(cursor_of("markets_page"))));
    let line = format!("{line}&cursor=abc");
    let ((_, next), _) = asks!(line, 200 "markets_last_page", |rest| rest.markets_page(&filter, Some("abc")));
    assert_eq!(next, None);
    asks!(format!("GET /markets/{T55}"), 200 "market_get", |rest| rest.market(T55));
    let line = format!("GET /markets/{T55}/orderbook?depth=5");
    asks!(line, 200 "orderbook", |rest| rest.order_book(T55, 5));
    let tickers = [T55.to_owned(), "B".to_owned()];
    let line = format!("GET /markets/orderbooks?tickers={T55}&tickers=B");
    let (books, _) = asks!(line, 200 "orderbooks_batch", |rest| rest.order_books(&tickers));
    assert_eq!((books.len(), &*books[0].0), (2, T55));

    let page = reply(200, r#"{"markets": [], "cursor": ""}"#);
    let (rest, mock) = mock([page.clone(), page]).await;
    let tickers: Vec<String> = (0..150).map(|number| format!("T{number}")).collect();
    let filter = MarketFilter { tickers, ..MarketFilter::default() };
    rest.markets(&filter).await.unwrap();
    let listed = |line: &String| line.matches('T').count() - 1; // one is that of GET
    assert_eq!(mock.lines().iter().map(listed).collect::<Vec<_>>(), [100, 50]);

    let page = reply(200, r#"{"trades": [], "cursor": ""}"#);
    let (rest, mock) = super::mock([page]).await;
    let (from, until) = (Some(at("2026-11-19T15:53:20Z")), Some(at("2026-11-19T16:00:00Z")));
    rest.trades("T", from, until).await.unwrap();
    let line = "GET /trade-api/v2/markets/trades?limit=1000&ticker=T&min_ts=1795103600&max_ts=1795104000";
    assert_eq!(mock.lines(), [line]);
}

#[tokio::test]
async fn orders_are_placed_changed_and_taken_back() {
    let orders = "/portfolio/events/orders";
    let new = CreateOrder {
        client_order_id: "2b8394e0-515e-4b89-b624-f34067756855".into(),
        ticker: T55.into(),
        count: Contracts::whole(10),
        ..order("")
    };
    let line = format!("POST {orders}");
    let (_, body) = asks!(line, 201 "order_create_response_partial", |rest| rest.create_order(&new));
    assert_eq!((&body["price"], &body["count"]), (&Value::from("0.4400"), &Value::from("10.00")));

    let change = AmendOrder {
        ticker: T55.into(),
        side: ApiBookSide::Bid,
        price: Price::new(4_300).unwrap(),
        count: Contracts::whole(8),
        client_order_id: Some("2b8394e0-515e-4b89-b624-f34067756855".into()),
        updated_client_order_id: Some("bd0f0cf1-0f21-4d61-9a6b-0e4f1d0d8d19".into()),
    };
    let line = format!("POST {orders}/{ORDER}/amend");
    let (_, body) = asks!(line, 200 "order_amend_response", |rest| rest.amend_order(ORDER, &change));
    assert_eq!(body, value("order_amend_request"));

    let line = format!("POST {orders}/{ORDER}/decrease");
    let by = Decrease::By(Contracts::whole(2));
    let (_, body) = asks!(line, 200 "order_decrease_response", |rest| rest.decrease_order(ORDER, T55, by));
    assert_eq!(body, value("order_decrease_request"));
    let to = Decrease::To(Contracts::whole(4));
    let (_, body) = asks!(line, 200 "order_decrease_response", |rest| rest.decrease_order(ORDER, T55, to));
    assert_eq!(body["reduce_to"], "4.00");

    let line = format!("DELETE {orders}/{ORDER}?market_ticker={T55}");
    asks!(line, 200 "order_cancel_response", |rest| rest.cancel_order(ORDER, T55));
    let (rest, mock) = mock([reply(204, "")]).await;
    rest.cancel_all().await.unwrap();
    assert_eq!(mock.lines(), ["DELETE /trade-api/v2/portfolio/events/orders"]);
}

#[tokio::test]
async fn batches_have_an_outcome_for_each_order() {
    let line = "POST /portfolio/events/orders/batched";
    let first = CreateOrder {
        client_order_id: "11111111-1111-4111-8111-111111111111".into(),
        ticker: T55.into(),
        price: Price::new(1_000).unwrap(),
        ..order("")
    };
    let both = [first.clone(), CreateOrder { client_order_id: "2".into(), ..first.clone() }];
    let (items, body) = asks!(line, 201 "orders_batch_create_response", |rest| rest.batch_create(&both));
    assert!(items[0].outcome.is_ok() && items[1].outcome.is_err());
    assert_eq!(body["orders"][0], value("orders_batch_create_request")["orders"][0]);

    let item = CancelItem { order_id: ORDER.into(), market_ticker: T55.into() };
    let both = [item.clone(), item];
    let line = "DELETE /portfolio/events/orders/batched";
    let (items, body) = asks!(line, 200 "orders_batch_cancel_response", |rest| rest.batch_cancel(&both));
    assert!(items[0].outcome.is_ok() && items[1].outcome.is_err());
    assert_eq!(body["orders"][0], value("orders_batch_cancel_request")["orders"][0]);

    let (rest, _) = mock([reply(201, fixture("orders_batch_create_response"))]).await;
    let error = rest.batch_create(&[first]).await.unwrap_err();
    assert!(matches!(&error, ApiError::Unknown(text) if text.contains("2 answers to 1 orders")), "{error}");
}

#[tokio::test]
async fn order_groups() {
    let groups = "/portfolio/order_groups";
    let line = format!("POST {groups}/create");
    let limit = Contracts::whole(150);
    let (id, body) = asks!(line, 201 "order_group_create_response", |rest| rest.create_order_group(limit));
    assert_eq!(id, "a4f1f1f0-6a3c-4c0d-9b2e-0c4ab1d1a9e3");
    assert_eq!(body["contracts_limit_fp"], value("order_group_create_request")["contracts_limit_fp"]);
    let group = r#"{"is_auto_cancel_enabled": true, "orders": ["o"], "contracts_limit_fp": "150.00"}"#;
    let (rest, mock) = mock([reply(200, group), reply(200, "{}"), reply(200, "{}"), reply(200, "{}")]).await;
    let group = rest.order_group(&id).await.unwrap();
    assert!(group.is_auto_cancel_enabled && group.contracts_limit == Some(limit) && group.orders == ["o"]);
    rest.reset_order_group(&id).await.unwrap();
    rest.trigger_order_group(&id).await.unwrap();
    rest.delete_order_group(&id).await.unwrap();
    let one = format!("/trade-api/v2{groups}/{id}");
    let lines = [
        format!("GET {one}"),
        format!("PUT {one}/reset"),
        format!("PUT {one}/trigger"),
        format!("DELETE {one}"),
    ];
    assert_eq!(mock.lines(), lines);
}

#[tokio::test]
async fn the_account() {
    let filter = OrderFilter {
        ticker: Some(T55.into()),
        status: Some(ApiOrderStatus::Resting),
        since: Some(at("2026-11-19T15:53:20.9Z")),
    };
    let line = format!("GET /portfolio/orders?limit=1000&ticker={T55}&status=resting&min_ts=1795103600");
    asks!(line, 200 "orders_page", |rest| rest.orders(&filter));
    asks!(format!("GET /portfolio/orders/{ORDER}"), 200 "order_get", |rest| rest.order(ORDER));
    let filter = FillFilter { order_id: Some(ORDER.into()), ..FillFilter::default() };
    let line = format!("GET /portfolio/fills?limit=1000&order_id={ORDER}");
    asks!(line, 200 "fills_page", |rest| rest.fills(&filter));
    asks!("GET /portfolio/positions?limit=1000", 200 "positions_page", |rest| rest.positions());
    let line = "GET /portfolio/settlements?limit=200&min_ts=1795103600";
    asks!(line, 200 "settlements_page", |rest| rest.settlements(Some(at("2026-11-19T15:53:20Z"))));
    asks!("GET /portfolio/balance", 200 "balance", |rest| rest.balance());
    asks!("GET /account/limits", 200 "account_limits", |rest| rest.account_limits());
    asks!("GET /account/endpoint_costs", 200 "account_endpoint_costs", |rest| rest.endpoint_costs());
    let (rest, _) =
        mock([reply(200, fixture("account_limits")), reply(200, fixture("account_endpoint_costs"))]).await;
    assert_eq!(rest.learn_limits().await.unwrap().usage_tier, "basic");
    let path = format!("/trade-api/v2/portfolio/orders/{ORDER}");
    assert_eq!(rest.lock_gate().limits.request_cost("GET", &path), 2);
}

#[tokio::test]
async fn an_id_cannot_reach_another_path() {
    let (rest, mock) = mock([]).await;
    for id in ["", "..", "a/b", "a?b", "a b", "a%2f", "ä"] {
        let error = rest.cancel_order(id, T55).await.unwrap_err();
        assert!(matches!(&error, ApiError::NotSent(text) if text.contains("not a ticker")), "{id}: {error}");
    }
    assert!(mock.lines().is_empty());
}

#[tokio::test]
async fn a_sandbox_moves_its_clock_and_nothing_else_does() {
    let (rest, mock) = mock([reply(200, r#"{"now_ts_ms": 1795103600000, "end": false}"#)]).await;
    let clock = rest.sandbox_advance(at("2026-11-19T15:53:20Z")).await.unwrap();
    assert_eq!(clock, SandboxClock { now: at("2026-11-19T15:53:20Z"), end: false });
    assert_eq!(mock.lines(), ["POST /sandbox/clock"]);
    assert_eq!(lock_ignoring_poison(&mock.asked)[0].body, r#"{"until_ts_ms":1795103600000}"#);
    assert!(!lock_ignoring_poison(&mock.asked)[0].headers.contains_key("kalshi-access-key"));
    let rest = Rest::new(&Environment::Demo, None).unwrap();
    assert!(matches!(rest.sandbox_advance(at("2026-11-19T15:53:20Z")).await, Err(ApiError::NotSent(_))));
}
