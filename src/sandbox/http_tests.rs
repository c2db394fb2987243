//! The exchange over real sockets on 127.0.0.1: bodies against the examples, errors, streams, faults.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};

use crate::domain::Span;

use super::accounts::auth::Keys;
use super::accounts::limits::Tier;
use super::client_tests::{Client, QUIET, start};
use super::core_tests::{at, exchange, quote};
use super::faults::Faults;
use super::wire::unix_millis;
use super::{ServeSettings, Speed, serve_exchange};

const TICKER: &str = "KXHIGHNY-26NOV20-T55";

fn example(name: &str) -> Value {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/kalshi");
    let text = std::fs::read_to_string(folder.join(name)).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// The same keys as the example, but for those that may be there or not; and the same kind of every value.
fn assert_like(ours: &Value, name: &str, path: &str, optional: &[&str]) {
    let example = example(name);
    let theirs = example.pointer(path).unwrap();
    let keys = |value: &Value| {
        let keys = value.as_object().unwrap().keys().cloned();
        keys.filter(|key| !optional.contains(&key.as_str())).collect::<BTreeSet<_>>()
    };
    assert_eq!(keys(ours), keys(theirs), "{name}");
    for (key, value) in theirs.as_object().unwrap() {
        let Some(mine) = ours.get(key).filter(|_| !optional.contains(&key.as_str())) else { continue };
        let places =
            |value: &Value| value.as_str().and_then(|text| text.split_once('.')).map(|(_, part)| part.len());
        let same = std::mem::discriminant(mine) == std::mem::discriminant(value) || mine.is_null();
        let number = value.as_str().is_some_and(|text| text.parse::<f64>().is_ok());
        assert!(
            same && (!number || places(mine) == places(value)),
            "{name}: {key}: {mine} is not like {value}"
        );
    }
}

fn bid(count: &str, price: &str, name: &str) -> Value {
    json!({
        "ticker": TICKER, "client_order_id": name, "side": "bid", "count": count, "price": price,
        "time_in_force": "good_till_canceled", "self_trade_prevention_type": "taker_at_cross",
    })
}

async fn open_market(settings: ServeSettings) -> Client {
    let quotes = [quote(1, 42, 44, Some(4)), quote(2, 43, 44, Some(4)), quote(3, 40, 41, None)];
    let client = start(exchange("100", &quotes), settings).await;
    client.advance(unix_millis(at(1))).await;
    client
}

const ORDERS: &str = "/portfolio/events/orders";

#[tokio::test]
async fn public_bodies_are_those_of_the_examples() {
    let client = open_market(QUIET).await;
    let market = client.get(&format!("/markets/{TICKER}")).await;
    assert_like(&market["market"], "market_get.json", "/market", &["occurrence_datetime"]);
    assert_eq!(market["market"]["floor_strike"], 55);
    assert_eq!(market["market"]["price_ranges"], example("market_get.json")["market"]["price_ranges"]);
    let page = client.get("/markets?limit=1&status=open&mve_filter=exclude").await;
    assert_like(&page, "markets_page.json", "", &[]);
    let next = client.get(&format!("/markets?cursor={}", page["cursor"].as_str().unwrap())).await;
    assert_eq!(
        (next["markets"][0]["ticker"].as_str(), next["cursor"].as_str()),
        (Some("KXHIGHNY-26NOV20-T56"), Some(""))
    );
    let garbage = client.get("/markets?cursor=garbage").await;
    assert_eq!(garbage["markets"].as_array().unwrap().len(), 2);
    let event = client.get("/events/KXHIGHNY-26NOV20").await;
    assert_like(&event["event"], "event_get.json", "/event", &["strike_date", "strike_period"]);
    assert_eq!(event["markets"].as_array().unwrap().len(), 2);
    let events = client.get("/events?with_nested_markets=true&status=open").await;
    assert_eq!(events["events"][0]["markets"].as_array().unwrap().len(), 2);
    let series = client.get("/series/KXHIGHNY").await;
    assert_like(&series["series"], "series_get.json", "/series", &[]);
    let book = client.get(&format!("/markets/{TICKER}/orderbook?depth=1")).await;
    assert_eq!(
        book,
        json!({"orderbook_fp": {"yes_dollars": [["0.4200", "4.00"]], "no_dollars": [["0.5600", "4.00"]]}})
    );
    let books =
        client.get(&format!("/markets/orderbooks?tickers={TICKER}&tickers=KXHIGHNY-26NOV20-T56")).await;
    assert_eq!(books["orderbooks"][1]["orderbook_fp"], example("orderbook_empty.json")["orderbook_fp"]);
    assert_like(&client.get("/exchange/status").await, "exchange_status.json", "", &[]);
    let schedule = client.get("/exchange/schedule").await;
    assert_like(
        &schedule["schedule"]["standard_hours"][0],
        "exchange_schedule.json",
        "/schedule/standard_hours/0",
        &[],
    );
    assert_like(&client.get("/account/limits").await, "account_limits.json", "", &[]);
    assert_like(&client.get("/account/endpoint_costs").await, "account_endpoint_costs.json", "", &[]);
    let (status, body) = client.api("GET", "/markets?limit=1001", &Value::Null).await;
    assert_eq!((status, body), (400, example("error_msg_400_param_validation.json")));
}

/// Quotes: 0.42/0.44 after a minute, volume 1; 0.43/0.44 after two, volume 2; 0.40/0.41 after three, volume 3.
#[tokio::test]
async fn candles_show_what_was_and_nothing_of_the_future() {
    let client = open_market(QUIET).await;
    client.advance(unix_millis(at(2))).await;
    let second = |minute| at(minute).nanos() / 1_000_000_000;
    let span = format!("start_ts={}&end_ts={}", second(0), second(60));
    let path = format!("/series/KXHIGHNY/markets/{TICKER}/candlesticks?{span}&period_interval=");
    let minutes = client.get(&format!("{path}1")).await;
    assert_like(&minutes, "candlesticks.json", "", &[]);
    let candle = &minutes["candlesticks"][1];
    assert_like(candle, "candlesticks.json", "/candlesticks/0", &[]);
    for part in ["yes_bid", "yes_ask", "price"] {
        assert_like(&candle[part], "candlesticks.json", &format!("/candlesticks/0/{part}"), &[]);
    }
    assert_eq!(minutes["candlesticks"].as_array().unwrap().len(), 2);
    assert_eq!((&candle["end_period_ts"], &candle["volume_fp"]), (&second(2).into(), &json!("1.00")));
    let bid = json!({"open_dollars": "0.4200", "low_dollars": "0.4200", "high_dollars": "0.4300", "close_dollars": "0.4300"});
    assert_eq!(candle["yes_bid"], bid);
    // The hour is under way: it has seen two of the three quotes.
    let hours = client.get(&format!("{path}60")).await["candlesticks"].clone();
    assert_eq!(
        (&hours[0]["end_period_ts"], &hours[0]["yes_bid"]["close_dollars"]),
        (&second(60).into(), &json!("0.4300"))
    );
    let batch = client
        .get(&format!("/markets/candlesticks?market_tickers={TICKER},X&{span}&period_interval=1"))
        .await;
    assert_like(&batch["markets"][0], "candlesticks_batch.json", "/markets/0", &[]);
    assert_eq!(batch["markets"], json!([{"market_ticker": TICKER, "candlesticks": minutes["candlesticks"]}]));
    // One that carries the last values to the first boundary.
    let late = format!("start_ts={}&end_ts={}&period_interval=1", second(5), second(6));
    let path =
        format!("/series/KXHIGHNY/markets/{TICKER}/candlesticks?{late}&include_latest_before_start=true");
    let carried = client.get(&path).await["candlesticks"].clone();
    assert_eq!((&carried[0]["end_period_ts"], &carried[0]["volume_fp"]), (&second(5).into(), &json!("0.00")));
    assert_eq!(carried[0]["price"]["previous_dollars"], "0.4400");
    let long = "start_ts=0&end_ts=400000&period_interval=1";
    let long = format!("/markets/candlesticks?market_tickers={TICKER}&{long}");
    assert_eq!(client.api("GET", &long, &Value::Null).await.0, 400);
}

#[tokio::test]
async fn what_is_over_for_long_is_history_and_nowhere_else() {
    let quotes = [quote(1, 42, 44, Some(4))];
    let exchange = exchange("100", &quotes).with_live_window(Some(Span::HOUR));
    let client = start(exchange, QUIET).await;
    client.advance(unix_millis(at(150))).await;
    let listed = async |path: &str| client.get(path).await["markets"].as_array().unwrap().len();
    let (live, old) = ("/markets?series_ticker=KXHIGHNY", "/historical/markets?series_ticker=KXHIGHNY");
    assert_eq!((listed(live).await, listed(old).await), (2, 0));
    client.advance(unix_millis(at(300))).await;
    // The other market has no result.
    assert_eq!((listed(live).await, listed(old).await), (1, 1));
    assert_like(&client.get("/historical/cutoff").await, "historical_cutoff.json", "", &[]);
    let market = client.get(&format!("/historical/markets/{TICKER}")).await;
    assert_eq!(market["market"]["status"], "finalized");
    assert_eq!(client.api("GET", &format!("/markets/{TICKER}"), &Value::Null).await.0, 404);
    let span = format!("start_ts=0&end_ts={}&period_interval=1440", at(3_000).nanos() / 1_000_000_000);
    let span = span.replace("start_ts=0", &format!("start_ts={}", at(0).nanos() / 1_000_000_000));
    let candles = client.get(&format!("/historical/markets/{TICKER}/candlesticks?{span}")).await;
    assert_like(&candles, "candlesticks_historical.json", "", &[]);
    for part in ["", "/yes_bid", "/yes_ask", "/price"] {
        let ours = candles.pointer(&format!("/candlesticks/0{part}")).unwrap();
        assert_like(ours, "candlesticks_historical.json", &format!("/candlesticks/0{part}"), &[]);
    }
    let gone = client.get(&format!("/markets/candlesticks?market_tickers={TICKER}&{span}")).await;
    assert_eq!(gone, json!({"markets": []}));
    let event = client.get("/events/KXHIGHNY-26NOV20").await;
    assert_eq!(event["event"]["event_ticker"], "KXHIGHNY-26NOV20");
    let markets: Vec<_> =
        event["markets"].as_array().unwrap().iter().map(|market| &market["ticker"]).collect();
    assert_eq!(markets, ["KXHIGHNY-26NOV20-T56"]);
}

#[tokio::test]
async fn an_order_from_create_to_cancel() {
    let client = open_market(QUIET).await;
    let (status, placed) = client.api("POST", ORDERS, &bid("10.00", "0.4400", "a")).await;
    assert_eq!(status, 201);
    assert_like(&placed, "order_create_response_partial.json", "", &[]);
    assert_eq!(placed["average_fill_price"], "0.4400");
    assert_eq!(
        (placed["fill_count"].as_str(), placed["remaining_count"].as_str()),
        (Some("4.00"), Some("6.00"))
    );
    let id = placed["order_id"].as_str().unwrap();
    let order = client.get(&format!("/portfolio/orders/{id}")).await;
    assert_like(&order["order"], "order_get.json", "/order", &[]);
    // as in the example: 4 @ 0.44 as taker cost 1.76 and a fee of 0.069
    for key in ["taker_fill_cost_dollars", "taker_fees_dollars", "remaining_count_fp", "yes_price_dollars"] {
        assert_eq!(order["order"][key], example("order_get.json")["order"][key], "{key}");
    }
    let orders = client.get(&format!("/portfolio/orders?ticker={TICKER}&status=resting")).await;
    assert_eq!(orders["orders"][0], order["order"]);
    let fills = client.get(&format!("/portfolio/fills?order_id={id}")).await;
    assert_like(&fills["fills"][0], "fills_page.json", "/fills/0", &[]);
    let positions = client.get("/portfolio/positions").await;
    assert_like(&positions["market_positions"][0], "positions_page.json", "/market_positions/0", &[]);
    assert_like(&positions["event_positions"][0], "positions_page.json", "/event_positions/0", &[]);
    let balance = client.get("/portfolio/balance").await;
    assert_like(&balance, "balance.json", "", &[]);
    // 100 − 1.76 − 0.069 − 6 × 0.44 − fee 0.1035 − 5 × 0.0001 for five more fills
    assert_eq!(balance["balance_dollars"], "95.4270");
    let trades = client.get("/markets/trades?limit=5").await;
    assert_like(&trades["trades"][0], "trades_page.json", "/trades/0", &[]);
    let decreased =
        client.api("POST", &format!("{ORDERS}/{id}/decrease"), &json!({"reduce_by": "2.00"})).await;
    assert_like(&decreased.1, "order_decrease_response.json", "", &[]);
    let amend = json!({"ticker": TICKER, "side": "bid", "price": "0.4300", "count": "8.00", "updated_client_order_id": "b"});
    let amended = client.api("POST", &format!("{ORDERS}/{id}/amend"), &amend).await.1;
    assert_like(&amended, "order_amend_response.json", "", &[]);
    assert_eq!(
        (amended["remaining_count"].as_str(), amended["fill_count"].as_str()),
        (Some("4.00"), Some("0.00"))
    );
    let canceled = client.api("DELETE", &format!("{ORDERS}/{id}?market_ticker={TICKER}"), &Value::Null).await;
    assert_like(&canceled.1, "order_cancel_response.json", "", &[]);
    let again = client.api("DELETE", &format!("{ORDERS}/{id}"), &Value::Null).await;
    assert_eq!(again, (404, example("error_nested_404_not_found.json")));
    client.advance(unix_millis(at(200))).await;
    let settlements = client.get("/portfolio/settlements").await;
    assert_like(&settlements["settlements"][0], "settlements_page.json", "/settlements/0", &[]);
    assert_eq!(settlements["settlements"][0]["revenue"], 400);
    let market = client.get(&format!("/markets/{TICKER}")).await;
    assert_like(
        &market["market"],
        "market_get_finalized.json",
        "/market",
        &["cap_strike", "occurrence_datetime", "expiration_value"],
    );
    assert_eq!(client.get("/portfolio/positions").await["market_positions"], json!([]));
}

#[tokio::test]
async fn batches_groups_and_cancel_all() {
    let client = open_market(QUIET).await;
    let orders = json!({"orders": [bid("1.00", "0.1000", "a"), bid("9000", "0.4000", "b")]});
    let (status, batch) = client.api("POST", &format!("{ORDERS}/batched"), &orders).await;
    let expected = example("orders_batch_create_response.json");
    assert_eq!((status, &batch["orders"][1]["error"]), (201, &expected["orders"][1]["error"]));
    let id = batch["orders"][0]["order_id"].clone();
    let cancels = json!({"orders": [{"order_id": id}, {"order_id": "00000000-0000-4000-8000-000000000000"}]});
    let (_, canceled) = client.api("DELETE", &format!("{ORDERS}/batched"), &cancels).await;
    let expected = example("orders_batch_cancel_response.json");
    assert_eq!(
        (&canceled["orders"][1], &canceled["orders"][0]["reduced_by"]),
        (&expected["orders"][1], &json!("1.00"))
    );
    let group = client.api("POST", "/portfolio/order_groups/create", &json!({"contracts_limit": 5})).await;
    assert_like(&group.1, "order_group_create_response.json", "", &[]);
    let group = group.1["order_group_id"].clone();
    let mut grouped = bid("1.00", "0.1000", "c");
    grouped["order_group_id"] = group.clone();
    assert_eq!(client.api("POST", ORDERS, &grouped).await.0, 201);
    let path = format!("/portfolio/order_groups/{}", group.as_str().unwrap());
    assert_eq!(client.get(&path).await["orders"].as_array().unwrap().len(), 1);
    assert_eq!(client.api("PUT", &format!("{path}/trigger"), &json!({})).await.0, 200);
    assert_eq!(client.get("/portfolio/orders?status=resting").await["orders"], json!([]));
    client.api("POST", ORDERS, &bid("1.00", "0.1000", "d")).await;
    assert_eq!(client.api("DELETE", ORDERS, &Value::Null).await, (204, Value::Null));
    assert_eq!(client.get("/portfolio/orders?status=resting").await["orders"], json!([]));
}

#[tokio::test]
async fn errors_have_the_four_shapes() {
    let client = open_market(QUIET).await;
    let path = "/trade-api/v2/portfolio/balance";
    let mut headers = client.headers("GET", path);
    headers[2].1 = client.headers("GET", "/other")[2].1.clone();
    let wrong = client.send("GET", path, &headers, "").await.unwrap();
    assert_eq!(wrong, (401, example("error_nested_401_bad_signature.json")));
    let unsigned = client.send("GET", path, &[], "").await.unwrap();
    assert_eq!(unsigned.0, 401);
    assert_eq!(client.send("GET", "/trade-api/v2/markets", &[], "").await.unwrap().0, 200);
    let mut typed = bid("1", "0.4000", "a");
    typed["count"] = json!(10);
    let wrong = client.api("POST", ORDERS, &typed).await;
    assert_eq!(wrong, (400, example("error_flat_400_bad_request.json")));
    let old = client.api("POST", "/portfolio/orders", &typed).await;
    assert_eq!(old, (410, example("error_nested_410_v1_orders.json")));
    let mut post = bid("1.00", "0.4400", "p");
    post["post_only"] = true.into();
    assert_eq!(
        client.api("POST", ORDERS, &post).await,
        (400, example("error_nested_400_post_only_cross.json"))
    );
    client.api("POST", ORDERS, &bid("1.00", "0.4000", "a")).await;
    let twice = client.api("POST", ORDERS, &bid("1.00", "0.4000", "a")).await;
    assert_eq!(twice, (409, example("error_nested_409_duplicate_client_order_id.json")));
    for (price, name, code) in [("0.4050", "b", "invalid_price"), ("0.40", "a.b", "invalid_parameters")] {
        let (status, body) = client.api("POST", ORDERS, &bid("1", price, name)).await;
        assert_eq!((status, body["error"]["code"].as_str()), (400, Some(code)));
    }
    client.sandbox("/sandbox/control", &json!({"pause": true})).await;
    let (status, body) = client.api("POST", ORDERS, &bid("1", "0.40", "c")).await;
    assert_eq!(
        (status, body),
        (409, json!({"error": {"code": "trading_is_paused", "message": "trading is paused"}}))
    );
    assert_eq!(client.get("/exchange/status").await["trading_active"], false);
}

#[tokio::test]
async fn sockets_get_snapshots_deltas_tickers_and_own_trades() {
    let client = open_market(QUIET).await;
    let mut socket = client.socket().await;
    socket
        .say(json!({"id": 1, "cmd": "subscribe", "params": {
        "channels": ["orderbook_delta", "ticker"], "market_tickers": [TICKER], "use_yes_price": false}}))
        .await;
    let subscribed = socket.hear().await.unwrap();
    assert_like(&subscribed, "ws_subscribed.json", "", &[]);
    let snapshot = socket.hear().await.unwrap();
    assert_like(&snapshot["msg"], "ws_orderbook_snapshot.json", "/msg", &[]);
    assert_eq!(
        (&snapshot["seq"], &snapshot["msg"]["no_dollars_fp"]),
        (&json!(1), &json!([["0.5600", "4.00"]]))
    );
    socket.hear().await.unwrap();
    socket.say(json!({"id": 2, "cmd": "subscribe", "params": {"channels": ["fill", "user_orders", "market_positions"]}})).await;
    socket
        .say(json!({"id": 3, "cmd": "subscribe", "params": {"channels": ["market_lifecycle_v2", "trade"]}}))
        .await;
    for sid in 3..=7 {
        assert_eq!(socket.hear().await.unwrap()["msg"]["sid"], sid);
    }
    let (heard, clock) = socket.advance(Some(unix_millis(at(9)))).await;
    assert_eq!(clock, json!({"now_ts_ms": unix_millis(at(2)), "end": false}));
    let kinds: Vec<_> = heard.iter().map(|message| message["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["orderbook_delta", "orderbook_delta", "ticker"]);
    assert_like(&heard[0]["msg"], "ws_orderbook_delta.json", "/msg", &[]);
    assert_eq!(
        (&heard[0]["msg"]["delta_fp"], &heard[1]["msg"]["price_dollars"]),
        (&json!("-4.00"), &json!("0.4300"))
    );
    assert_eq!((&heard[0]["msg"]["clock"], &heard[1]["seq"]), (&heard[1]["msg"]["clock"], &json!(3)));
    assert_like(&heard[2]["msg"], "ws_ticker.json", "/msg", &[]);
    assert_eq!(heard[2]["sending_ts_ms"], unix_millis(at(2)));
    client.api("POST", ORDERS, &bid("1.00", "0.4400", "a")).await;
    let own = [
        ("user_order", "ws_user_order.json"),
        ("trade", "ws_trade.json"),
        ("fill", "ws_fill.json"),
        ("user_order", "ws_user_order.json"),
        ("market_position", "ws_market_position.json"),
    ];
    for (kind, name) in own {
        let message = socket.hear().await.unwrap();
        assert_eq!(message["type"], kind);
        assert_like(&message["msg"], name, "/msg", &["last_update_reason"]);
    }
    client.advance(unix_millis(at(150))).await;
    let (heard, clock) = socket.advance(None).await;
    assert_eq!(clock, json!({"now_ts_ms": unix_millis(at(160)), "end": true}));
    let lives: Vec<&Value> =
        heard.iter().filter(|message| message["type"] == "market_lifecycle_v2").collect();
    assert_like(&lives[0]["msg"], "ws_lifecycle_determined.json", "/msg", &[]);
    assert_like(&lives[1]["msg"], "ws_lifecycle_settled.json", "/msg", &[]);
    assert_eq!(lives[0]["msg"]["result"], "yes");
}

#[tokio::test]
async fn subscriptions_are_kept_and_errors_have_codes() {
    let client = open_market(QUIET).await;
    let mut socket = client.socket().await;
    let mut ask = async |command: Value| {
        socket.say(command).await;
        socket.hear().await.unwrap()
    };
    let code = |answer: Value| answer["msg"]["code"].as_u64().unwrap();
    assert_eq!(code(ask(json!({"id": 1, "cmd": "dance"})).await), 5);
    assert_eq!(code(ask(json!({"id": 1, "cmd": "subscribe"})).await), 2);
    assert_eq!(code(ask(json!({"id": 1, "cmd": "subscribe", "params": {"channels": ["x"]}})).await), 8);
    assert_eq!(
        code(ask(json!({"id": 1, "cmd": "subscribe", "params": {"channels": ["orderbook_delta"]}})).await),
        14
    );
    assert_eq!(code(ask(json!({"id": 1, "cmd": "unsubscribe", "params": {"sids": [9]}})).await), 7);
    ask(json!({"id": 1, "cmd": "subscribe", "params": {"channels": ["orderbook_delta"], "market_ticker": TICKER, "use_yes_price": true}})).await;
    let list = ask(json!({"id": 7, "cmd": "list_subscriptions"})).await;
    assert_eq!(list["msg"]["yes_dollars_fp"], json!([["0.4200", "4.00"]])); // the snapshot was on its way
    assert_eq!(list["msg"]["no_dollars_fp"], json!([["0.4400", "4.00"]])); // YES prices as asked
    let update = |action: &str| json!({"id": 4, "cmd": "update_subscription", "params": {"sid": 1, "action": action, "market_tickers": ["KXHIGHNY-26NOV20-T56"]}});
    let list = ask(update("add_markets")).await;
    assert_like(&list, "ws_list_ok.json", "", &[]);
    let added = socket_answer(&mut ask, &update("get_snapshot")).await;
    assert_like(&added, "ws_ok.json", "", &[]);
    assert_eq!((&added["seq"], added["msg"]["market_tickers"].as_array().unwrap().len()), (&json!(2), 2));
    let snapshot = ask(json!({"id": 8, "cmd": "unsubscribe", "params": {"sids": [1]}})).await;
    assert_eq!((&snapshot["type"], &snapshot["seq"]), (&json!("orderbook_snapshot"), &json!(3)));
    let again = ask(json!({"id": 9, "cmd": "list_subscriptions"})).await;
    assert_eq!(
        (&again["type"], &again["id"], &again["seq"]),
        (&json!("orderbook_snapshot"), &json!(4), &json!(4))
    );
    let gone = ask(json!({"id": 10, "cmd": "list_subscriptions"})).await;
    assert_like(&gone, "ws_unsubscribed.json", "", &[]);
    client.sandbox("/sandbox/control", &json!({"drop_sockets": true})).await;
    while socket.hear().await.is_some() {}
}

async fn socket_answer(ask: &mut impl AsyncFnMut(Value) -> Value, command: &Value) -> Value {
    ask(command.clone()).await
}

#[tokio::test]
async fn requests_over_the_budget_are_refused() {
    let client = open_market(ServeSettings { tier: Some(Tier::Basic), ..QUIET }).await;
    let mut limited = 0;
    for number in 0..14 {
        let (status, body) = client.api("POST", ORDERS, &bid("0.01", "0.1000", &number.to_string())).await;
        if status == 429 {
            assert_eq!(body, example("error_string_429.json"));
            limited += 1;
        }
    }
    assert!((1..=4).contains(&limited), "{limited}");
}

#[tokio::test]
async fn faults_leave_orders_in_doubt_but_never_double() {
    let faults =
        Faults::parse("seed=3,drop_ack=0.2,http_500=0.2,reset=0.1,rate_limit=0.1,latency=0ms..1ms").unwrap();
    let client = open_market(ServeSettings { faults, ..QUIET }).await;
    let (mut lost, mut failed) = (0, 0);
    for number in 0..30 {
        let order = bid("0.01", "0.1000", &format!("n{number}"));
        // until the exchange says that it has it: a conflict says so too
        loop {
            match client.try_api("POST", ORDERS, &order).await {
                Some((201 | 409, _)) => break,
                Some((500 | 429, _)) => failed += 1,
                None => lost += 1,
                other => panic!("{other:?}"),
            }
        }
    }
    assert!(lost > 3 && failed > 3, "{lost} lost, {failed} failed");
    let path = "/sandbox/account";
    let account = client.send("GET", path, &client.headers("GET", path), "").await.unwrap().1;
    assert_eq!(account["open_orders"].as_array().unwrap().len(), 30);
}

#[tokio::test]
async fn messages_are_lost_doubled_and_sockets_dropped_on_purpose() {
    let faults = Faults::parse("seed=5,ws_gap=0.3,duplicate=0.3").unwrap();
    let client = open_market(ServeSettings { faults, ..QUIET }).await;
    let mut socket = client.socket().await;
    socket.say(json!({"id": 1, "cmd": "subscribe", "params": {"channels": ["orderbook_delta"], "market_ticker": TICKER}})).await;
    let mut numbers = Vec::new();
    loop {
        let (heard, clock) = socket.advance(Some(unix_millis(at(50)))).await;
        numbers.extend(heard.iter().filter_map(|message| message["seq"].as_u64()));
        if clock["now_ts_ms"] == unix_millis(at(50)) {
            break;
        }
    }
    let distinct: BTreeSet<u64> = numbers.iter().copied().collect();
    let last = *distinct.last().unwrap();
    assert!((distinct.len() as u64) < last || numbers.len() > distinct.len(), "{numbers:?}");
}

#[tokio::test]
async fn a_dropped_socket_ends() {
    let faults = Faults::parse("ws_drop=1").unwrap();
    let client = open_market(ServeSettings { faults, ..QUIET }).await;
    let mut socket = client.socket().await;
    socket.say(json!({"id": 1, "cmd": "subscribe", "params": {"channels": ["ticker"]}})).await;
    assert_eq!(socket.hear().await.unwrap()["type"], "subscribed");
    client.advance(unix_millis(at(9))).await;
    assert_eq!(socket.hear().await, None);
}

#[tokio::test]
async fn a_running_clock_moves_by_itself() {
    let quotes = [quote(1, 42, 44, Some(4)), quote(2, 43, 44, Some(4))];
    let settings = ServeSettings { speed: Speed::Times(600), start: Some(at(0)), ..QUIET };
    let client = start(exchange("100", &quotes), settings).await;
    let mut socket = client.socket().await;
    socket.say(json!({"id": 1, "cmd": "subscribe", "params": {"channels": ["ticker"]}})).await;
    let mut tickers = 0;
    while tickers < 2 {
        let (heard, _) = socket.advance(Some(unix_millis(at(90)))).await;
        tickers += heard.iter().filter(|message| message["type"] == "ticker").count();
    }
    let (_, clock) = socket.advance(None).await;
    assert!(clock["now_ts_ms"].as_i64().unwrap() >= unix_millis(at(2)));
}

/// Needs `kalshi-python-sync` (see the script), in the Python named by `PYTHON` or the first one found.
#[tokio::test]
#[ignore = "needs the official Python client"]
#[expect(clippy::disallowed_methods, reason = "where Python is, only the caller knows")]
async fn the_official_python_client_trades_here() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/official_client.py");
    let python = std::env::var("PYTHON").unwrap_or_else(|_| "python3".into());
    let run = async |arguments: Vec<String>| {
        let (python, script) = (python.clone(), script.clone());
        let run = move || std::process::Command::new(python).arg(script).args(arguments).output().unwrap();
        let output = tokio::task::spawn_blocking(run).await.unwrap();
        println!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success());
    };
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    run(vec!["keygen".into(), path("rsa.pem"), path("rsa.pub.pem")]).await;
    let mut keys = Keys::default();
    let ed25519 = keys.generate_key_file(&folder.path().join("ed25519.pem")).unwrap();
    keys.register_public_key("rsa", &std::fs::read_to_string(path("rsa.pub.pem")).unwrap()).unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let exchange = exchange("100", &[quote(1, 42, 44, Some(4))]);
    let settings = ServeSettings { start: Some(at(1)), ..QUIET };
    tokio::spawn(serve_exchange(listener, exchange, keys, settings, std::future::pending()));
    for (key, file) in [("rsa", "rsa.pem"), (ed25519.as_str(), "ed25519.pem")] {
        run(vec!["run".into(), url.clone(), key.into(), path(file)]).await;
    }
}
