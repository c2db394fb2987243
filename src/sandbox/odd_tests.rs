//! Odd markets, odd pages and foreign messages over real sockets, and the order of keys in frames.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::domain::{EventId, Market, MarketId, MarketStatus, SeriesId, SettlementValue};
use crate::event::{Input, MarketEvent, Stamped};

use super::ServeSettings;
use super::client_tests::{Client, QUIET, Socket, start};
use super::core_tests::{Given, at, market, quote, settings};
use super::exchange::sandbox_exchange::SandboxExchange;
use super::faults::Faults;
use super::odd::market_oddity::MarketOddity;
use super::odd::odd_markets::OddMarkets;
use super::wire::unix_millis;

const ALL_ODD: &str = "odd=1,seed=3";
const MARKETS: u32 = 900;

fn odd_market(number: u32) -> Market {
    let (series, event) = (number / 40, number / 6);
    Market {
        event: EventId(event),
        series: SeriesId(series),
        ticker: format!("KXOWN{series}-E{event}-T{number}").into(),
        event_ticker: format!("KXOWN{series}-E{event}").into(),
        series_ticker: format!("KXOWN{series}").into(),
        ..market(number)
    }
}

/// Many markets of many events and series, closed after 100 minutes and paid an hour later.
fn many_markets() -> SandboxExchange {
    let event = |minute, event| Stamped { at: at(minute), value: Input::Market(event) };
    let ids = || (0..MARKETS).map(MarketId);
    let closed = |market| event(100, MarketEvent::Status { market, status: MarketStatus::Closed });
    let paid = |market| event(160, MarketEvent::Settled { market, value: SettlementValue::ONE });
    let mut inputs: VecDeque<_> =
        (0..MARKETS).map(|number| event(0, MarketEvent::Listed(Arc::new(odd_market(number))))).collect();
    inputs.extend(ids().map(closed));
    inputs.extend(ids().map(paid));
    SandboxExchange::new(Box::new(Given(inputs)), settings("100")).unwrap()
}

async fn serve_odd(faults: &str) -> Client {
    start(many_markets(), ServeSettings { faults: Faults::parse(faults).unwrap(), ..QUIET }).await
}

/// All items of a list, read page by page as a good client does: each counts once.
async fn read_pages(client: &Client, path: &str, name: &str) -> BTreeMap<String, Value> {
    let (mut found, mut cursor, mut pages) = (BTreeMap::new(), String::new(), 0);
    loop {
        let page = client.get(&format!("{path}{cursor}")).await;
        for item in page[name].as_array().into_iter().flatten() {
            found.insert(item["ticker"].as_str().unwrap().to_owned(), item.clone());
        }
        pages += 1;
        assert!(pages < 2_000, "reading goes on for ever");
        match page["cursor"].as_str() {
            None | Some("") => return found,
            Some(next) => cursor = format!("&cursor={next}"),
        }
    }
}

async fn subscribed_lifecycle(client: &Client) -> Socket {
    let mut socket = client.socket().await;
    let params = json!({"channels": ["market_lifecycle_v2"]});
    socket.say(json!({"id": 1, "cmd": "subscribe", "params": params})).await;
    assert_eq!(socket.hear().await.unwrap()["type"], "subscribed");
    socket
}

async fn advance_to(socket: &mut Socket, minute: i64) -> Vec<Value> {
    let mut heard = Vec::new();
    loop {
        let (more, clock) = socket.advance(Some(unix_millis(at(minute)))).await;
        heard.extend(more);
        if clock["now_ts_ms"] == unix_millis(at(minute)) {
            return heard;
        }
    }
}

/// What a client sees of one market in its whole life.
struct SeenMarket {
    open: Value,
    settled: Value,
    /// `msg` of its own messages, and of those of its event.
    messages: Vec<Value>,
    event_status: u16,
    series: Value,
}

impl SeenMarket {
    fn message(&self, event_type: &str) -> &Value {
        self.messages.iter().find(|message| message["event_type"] == event_type).unwrap_or(&Value::Null)
    }

    fn results(&self) -> Vec<&str> {
        let determined = self.messages.iter().filter(|message| message["event_type"] == "determined");
        determined.map(|message| message["result"].as_str().unwrap()).collect()
    }

    fn shows_oddity(&self, oddity: MarketOddity) -> bool {
        let (open, created) = (&self.open, self.message("created"));
        let fees =
            |fee_type: &str| self.messages.iter().any(|message| message["fee_type_override"] == fee_type);
        let is_missing = |value: &Value, name: &str| value.get(name).is_none();
        match oddity {
            MarketOddity::YesSubTitleNull => {
                open["yes_sub_title"].is_null() && created["additional_metadata"]["yes_sub_title"].is_null()
            }
            MarketOddity::TitleMissing => is_missing(open, "title"),
            MarketOddity::OptionalFieldsMissing => {
                is_missing(open, "subtitle")
                    && is_missing(open, "exchange_index")
                    && is_missing(open, "title")
            }
            MarketOddity::OptionalFieldsNull => open.get("subtitle") == Some(&Value::Null),
            MarketOddity::UnknownFields => open["x_notes"].as_str().unwrap().len() > 60_000,
            MarketOddity::StructureLabelEmpty => open["price_level_structure"] == "",
            MarketOddity::StructureLabelUnknown => open["price_level_structure"] == "banded_milli_cent",
            MarketOddity::ExchangeIndexMissing => is_missing(open, "exchange_index"),
            MarketOddity::StatusSuspended => open["status"] == "suspended",
            MarketOddity::TypeRanged => open["market_type"] == "ranged",
            MarketOddity::TypeScalar => open["market_type"] == "scalar",
            MarketOddity::BoundsFloor => open["settlement_bounds_type"] == "floor",
            MarketOddity::RangesNull => open["price_ranges"].is_null() && created["price_ranges"].is_null(),
            MarketOddity::RangesMissing => is_missing(open, "price_ranges"),
            MarketOddity::StepTooFine => open["price_ranges"][0]["step"] == "0.000010",
            MarketOddity::StrikeHuge => open["floor_strike"] == 38_000_000_000_000_i64,
            MarketOddity::StrikeTiny => open["floor_strike"] == 1e-7,
            MarketOddity::ResultVoid => open["result"] == "void" && self.results() == ["void"],
            MarketOddity::PricesMissing => is_missing(open, "yes_bid_dollars"),
            MarketOddity::EventMissing => self.event_status == 404,
            MarketOddity::EventFeeFlat => fees("flat"),
            MarketOddity::EventFeeMargin => fees("margin_market_maker_program_fees"),
            MarketOddity::SeriesFeeFlat => self.series["fee_type"] == "flat",
            MarketOddity::CreatedWithoutRanges => is_missing(created, "price_ranges"),
            MarketOddity::CreatedStructureEmpty => created["price_level_structure"] == "",
            MarketOddity::StructureUpdatedWithoutRanges => {
                is_missing(self.message("price_level_structure_updated"), "price_ranges")
                    && !self.message("price_level_structure_updated").is_null()
            }
            MarketOddity::UnknownEventType => !self.message("auction_started").is_null(),
            MarketOddity::Reopened => {
                let close = at(103).nanos() / 1_000_000_000;
                self.message("close_date_updated")["close_ts"] == close
                    && !self.message("activated").is_null()
            }
            MarketOddity::DeterminedWithoutValue => {
                is_missing(self.message("determined"), "settlement_value")
            }
            MarketOddity::Disputed => self.results() == ["no", "yes"],
            MarketOddity::DeterminedSixDecimals => {
                self.message("determined")["settlement_value"] == "0.333333"
                    && self.settled["settlement_value_dollars"] == "0.333333"
            }
            MarketOddity::DeterminedVoid => {
                self.results() == ["void"] && self.settled["result"] == "void" && open["result"] == ""
            }
        }
    }
}

#[tokio::test]
async fn every_oddity_is_sent_and_listed_by_its_name() {
    let client = serve_odd(ALL_ODD).await;
    let mut socket = subscribed_lifecycle(&client).await;
    let mut heard = advance_to(&mut socket, 1).await;
    let open = read_pages(&client, "/markets?limit=100", "markets").await;
    heard.extend(advance_to(&mut socket, 200).await);
    let settled = read_pages(&client, "/markets?limit=100", "markets").await;
    let (status, odd) = client.send("GET", "/sandbox/odd", &[], "").await.unwrap();
    assert_eq!((status, odd["foreign_requests"].as_u64()), (200, Some(0)));
    let choice = OddMarkets::from_faults(&Faults::parse(ALL_ODD).unwrap());
    let mut shown = BTreeSet::new();
    for number in 0..MARKETS {
        let market = odd_market(number);
        let oddity = choice.market_oddity(&market).unwrap();
        let listed = &odd["odd"][number as usize];
        assert_eq!(
            (listed["ticker"].as_str(), listed["oddity"].as_str()),
            (Some(&*market.ticker), Some(oddity.oddity_name()))
        );
        if !shown.insert(oddity) {
            continue;
        }
        let event = format!("/events/{}", market.event_ticker);
        let messages = heard.iter().map(|frame| &frame["msg"]);
        let seen = SeenMarket {
            open: open[&*market.ticker].clone(),
            settled: settled[&*market.ticker].clone(),
            messages: messages
                .filter(|msg| {
                    msg["market_ticker"] == *market.ticker
                        || (msg.get("market_ticker").is_none() && msg["event_ticker"] == *market.event_ticker)
                })
                .cloned()
                .collect(),
            event_status: client.api("GET", &event, &Value::Null).await.0,
            series: client.get(&format!("/series/{}", market.series_ticker)).await["series"].clone(),
        };
        assert!(seen.shows_oddity(oddity), "{}: {:#?}", oddity.oddity_name(), seen.messages);
        assert_eq!(seen.settled["ticker"], *market.ticker);
    }
    assert_eq!(shown.len(), 32, "{shown:?}");
}

#[tokio::test]
async fn odd_pages_lose_nothing_and_markets_that_are_not_odd_are_as_ever() {
    let faults = "odd=0.2,seed=5";
    let (odd, clean) = (serve_odd(faults).await, serve_odd("").await);
    for client in [&odd, &clean] {
        client.advance(unix_millis(at(1))).await;
    }
    let choice = OddMarkets::from_faults(&Faults::parse(faults).unwrap());
    for limit in [2, 7, 100] {
        let path = format!("/markets?limit={limit}");
        let (theirs, ours) =
            (read_pages(&clean, &path, "markets").await, read_pages(&odd, &path, "markets").await);
        assert!(theirs.keys().eq(ours.keys()));
        for number in 0..MARKETS {
            let market = odd_market(number);
            if choice.market_oddity(&market).is_none() {
                assert_eq!(ours[&*market.ticker], theirs[&*market.ticker]);
            }
        }
    }
    let everything =
        |page: &Value| page["markets"].is_null() || page.get("cursor").is_none_or(Value::is_null);
    let mut odd_ends = 0;
    for _ in 0..100 {
        let page = odd.get("/markets?limit=1000&event_ticker=NONE").await;
        odd_ends += u32::from(everything(&page));
    }
    assert!(odd_ends > 3, "{odd_ends}");
}

#[tokio::test]
async fn the_same_seed_sends_the_same_bytes() {
    let run = async |faults: &str| {
        let client = serve_odd(faults).await;
        let mut socket = subscribed_lifecycle(&client).await;
        let mut text = String::new();
        for minute in [1, 50, 101, 102, 170] {
            let until = json!({"until_ts_ms": unix_millis(at(minute))});
            socket.say(json!({"id": 9, "cmd": "sandbox_advance", "params": until})).await;
            loop {
                let frame = socket.hear_text().await.unwrap();
                text += &frame;
                if frame.contains("sandbox_clock") {
                    break;
                }
            }
            text += &client.get("/markets?limit=50").await.to_string();
        }
        text
    };
    let faults = "odd=0.3,foreign=100/min,seed=7";
    let once = run(faults).await;
    assert_eq!(once, run(faults).await);
    assert_ne!(once, run("odd=0.3,foreign=100/min,seed=8").await);
}

#[tokio::test]
async fn foreign_markets_are_told_and_answered_and_requests_for_them_counted() {
    let exchange = many_markets();
    let requests = exchange.foreign_requests();
    let faults = Faults::parse("foreign=1000/min,seed=7").unwrap();
    let client = start(exchange, ServeSettings { faults, ..QUIET }).await;
    let mut socket = subscribed_lifecycle(&client).await;
    let heard = advance_to(&mut socket, 60).await;
    let foreign: Vec<&Value> = heard.iter().filter(|frame| !frame.to_string().contains("KXOWN")).collect();
    assert_eq!(foreign.len(), 1_000, "an hour is told as its last minute");
    let numbers: Vec<_> = heard.iter().map(|frame| frame["seq"].as_u64().unwrap()).collect();
    assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1));
    let market = foreign.iter().find_map(|frame| frame["msg"]["market_ticker"].as_str()).unwrap();
    assert_eq!(requests.total_requests(), 0);
    let answer = client.get(&format!("/markets/{market}")).await["market"].clone();
    assert_eq!((&answer["ticker"], &answer["status"]), (&json!(market), &json!("active")));
    let event = client.get(&format!("/events/{}", answer["event_ticker"].as_str().unwrap())).await;
    assert_eq!(event["markets"][0]["event_ticker"], answer["event_ticker"]);
    let series = event["event"]["series_ticker"].as_str().unwrap();
    assert_eq!(client.get(&format!("/series/{series}")).await["series"]["ticker"], series);
    let page = client.get(&format!("/markets?tickers={market},KXOWN0-E0-T0")).await;
    assert_eq!(page["markets"].as_array().unwrap().len(), 2);
    client.get("/markets/KXOWN0-E0-T0").await;
    let counts = requests.counts_by_endpoint();
    let expected = ["GET /events/{ticker}", "GET /markets", "GET /markets/{ticker}", "GET /series/{ticker}"];
    assert_eq!(counts, expected.into_iter().map(|endpoint| (endpoint, 1)).collect());
    let odd = client.send("GET", "/sandbox/odd", &[], "").await.unwrap().1;
    assert_eq!((&odd["foreign_requests"], &odd["odd"]), (&json!(4), &json!([])));
}

/// Keys of a frame and of its `msg`, in the order in which they are written in a text.
fn keys_as_written(text: &str, value: &Value) -> Vec<String> {
    let msg = value["msg"].as_object().into_iter().flat_map(|msg| msg.keys());
    let mut keys: Vec<String> =
        value.as_object().unwrap().keys().chain(msg).cloned().collect::<BTreeSet<_>>().into_iter().collect();
    keys.sort_by_key(|key| text.find(&format!("\"{key}\":")));
    keys
}

/// A frame that begins with its type is read by the client's fast way.
#[tokio::test]
async fn frames_of_every_channel_begin_with_their_type_and_are_in_the_order_of_the_examples() {
    let quotes = [quote(1, 42, 44, Some(4)), quote(2, 43, 44, Some(4))];
    let exchange = super::core_tests::exchange("100", &quotes);
    let client = start(exchange, QUIET).await;
    let mut socket = client.socket().await;
    let ticker = "KXHIGHNY-26NOV20-T55";
    let channels =
        json!(["market_lifecycle_v2", "ticker", "trade", "fill", "user_orders", "market_positions"]);
    socket.say(json!({"id": 1, "cmd": "subscribe", "params": {"channels": channels}})).await;
    let mut texts = advance_texts(&mut socket, 1).await;
    let book = json!({"channels": ["orderbook_delta"], "market_ticker": ticker});
    socket.say(json!({"id": 2, "cmd": "subscribe", "params": book})).await;
    let order = json!({
        "ticker": ticker, "client_order_id": "a", "side": "bid", "count": "2.00", "price": "0.4400",
        "time_in_force": "good_till_canceled", "self_trade_prevention_type": "taker_at_cross",
    });
    assert_eq!(client.api("POST", "/portfolio/events/orders", &order).await.0, 201);
    for minute in [2, 100, 170] {
        texts.extend(advance_texts(&mut socket, minute).await);
    }
    let examples = [
        ("ticker", "\"type\":\"ticker\""),
        ("trade", "\"type\":\"trade\""),
        ("fill", "\"type\":\"fill\""),
        ("user_order", "\"type\":\"user_order\""),
        ("market_position", "\"type\":\"market_position\""),
        ("orderbook_snapshot", "\"type\":\"orderbook_snapshot\""),
        ("orderbook_delta", "\"type\":\"orderbook_delta\""),
        ("event_lifecycle", "\"type\":\"event_lifecycle\""),
        ("lifecycle_created", "\"event_type\":\"created\""),
        ("lifecycle_determined", "\"event_type\":\"determined\""),
        ("lifecycle_settled", "\"event_type\":\"settled\""),
        ("subscribed", "\"type\":\"subscribed\""),
    ];
    for (name, mark) in examples {
        let of_kind: Vec<&String> = texts.iter().filter(|text| text.contains(mark)).collect();
        assert!(!of_kind.is_empty(), "no {name}: {texts:#?}");
        of_kind.into_iter().for_each(|text| assert_order_of_example(name, text));
    }
}

/// What is told until a minute, as it was sent; each but the answers to commands begins with its type.
async fn advance_texts(socket: &mut Socket, minute: i64) -> Vec<String> {
    let (until, mut texts) = (unix_millis(at(minute)), Vec::new());
    loop {
        socket.say(json!({"id": 9, "cmd": "sandbox_advance", "params": {"until_ts_ms": until}})).await;
        let clock = loop {
            let text = socket.hear_text().await.unwrap();
            if text.contains("sandbox_clock") {
                break text;
            }
            assert!(text.starts_with("{\"type\":\"") || text.starts_with("{\"id\":"), "{text}");
            assert_eq!(text.starts_with("{\"id\":"), text.contains("\"subscribed\""), "{text}");
            texts.push(text);
        };
        if clock.contains(&format!("\"now_ts_ms\":{until}")) {
            return texts;
        }
    }
}

/// The keys that both have stand in the same order.
fn assert_order_of_example(name: &str, text: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/kalshi");
    let example = std::fs::read_to_string(folder.join(format!("ws_{name}.json"))).unwrap();
    let theirs = keys_as_written(&example, &serde_json::from_str(&example).unwrap());
    let ours = keys_as_written(text, &serde_json::from_str(text).unwrap());
    let common = |keys: &[String], others: &[String]| {
        keys.iter().filter(|key| others.contains(key)).cloned().collect::<Vec<_>>()
    };
    assert_eq!(common(&ours, &theirs), common(&theirs, &ours), "{name}");
}

/// A market that is opened again takes orders again, and is closed at its new close.
#[tokio::test]
async fn a_reopened_market_is_open_again_for_two_minutes() {
    let client = serve_odd(ALL_ODD).await;
    let choice = OddMarkets::from_faults(&Faults::parse(ALL_ODD).unwrap());
    let reopened = (0..MARKETS)
        .map(odd_market)
        .find(|market| choice.market_oddity(market) == Some(MarketOddity::Reopened))
        .unwrap();
    let path = format!("/markets/{}", reopened.ticker);
    let mut status = Vec::new();
    for minute in [99, 100, 101, 103, 161] {
        client.advance(unix_millis(at(minute))).await;
        status.push(client.get(&path).await["market"]["status"].as_str().unwrap().to_owned());
    }
    assert_eq!(status, ["active", "closed", "active", "closed", "finalized"]);
}
