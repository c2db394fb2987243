//! Every example of the exchange's messages, whole, with fields missing, with fields of another type,
//! and cut or altered at random.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::domain::{Contracts, Decimal6, FeeType, Money, Side};

fn example(name: &str) -> String {
    let file = format!("{}/tests/fixtures/kalshi/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let value: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    value.to_string()
}

fn frame(name: &str) -> Frame {
    Message::parse(&example(name)).unwrap().frame
}

fn price(ten_thousandths: u16) -> Price {
    Price::new(ten_thousandths).unwrap()
}

fn whole(contracts: i64) -> Contracts {
    Contracts::whole(contracts)
}

fn ms(millis: i64) -> Timestamp {
    number::from_millis(millis).unwrap()
}

const DATA: [&str; 14] = [
    "ws_orderbook_snapshot",
    "ws_orderbook_snapshot_one_sided",
    "ws_orderbook_delta",
    "ws_orderbook_delta_own",
    "ws_ticker",
    "ws_trade",
    "ws_fill",
    "ws_user_order",
    "ws_market_position",
    "ws_lifecycle_created",
    "ws_lifecycle_determined",
    "ws_lifecycle_settled",
    "ws_event_lifecycle",
    "ws_subscribed",
];

#[test]
fn books_are_exact() {
    let message = Message::parse(&example("ws_orderbook_snapshot")).unwrap();
    assert_eq!((message.sid, message.seq, message.sent), (Some(1), Some(1), Some(ms(1_795_103_600_234))));
    let Frame::Book(BookFrame::Snapshot(book)) = message.frame else { panic!("no snapshot") };
    assert_eq!((&*book.ticker, book.clock), ("KXHIGHNY-26NOV20-T55", Some(4_182_057)));
    assert_eq!(book.yes, [(price(4_100), Contracts::from_hundredths(750)), (price(4_200), whole(13))]);
    assert_eq!(book.no, [(price(5_500), whole(20)), (price(5_600), whole(4))]);
    let Frame::Book(BookFrame::Snapshot(book)) = frame("ws_orderbook_snapshot_one_sided") else {
        panic!("no snapshot")
    };
    assert_eq!((book.yes.len(), book.no), (0, vec![(price(9_700), whole(250))]));
    let Frame::Book(BookFrame::Delta(delta)) = frame("ws_orderbook_delta") else { panic!("no delta") };
    assert_eq!((delta.side, delta.price, delta.change), (Side::No, price(5_600), whole(-4)));
    assert_eq!((delta.clock, delta.at), (Some(4_182_061), Some(ms(1_795_103_600_164))));
}

#[test]
fn prices_trades_and_our_own_are_exact() {
    let Frame::Ticker(ticker) = frame("ws_ticker") else { panic!("no ticker") };
    assert_eq!((ticker.bid, ticker.ask, ticker.last), (Some(price(4_400)), Some(price(4_500)), ticker.bid));
    assert_eq!((ticker.volume, ticker.mid), (Contracts::from_hundredths(152_433), None));
    let Frame::Trade(trade) = frame("ws_trade") else { panic!("no trade") };
    assert_eq!((trade.yes_price, trade.contracts, trade.taker), (price(4_400), whole(4), Side::Yes));
    assert!(!trade.block);
    let Frame::Fill(fill) = frame("ws_fill") else { panic!("no fill") };
    assert_eq!((fill.fee, fill.contracts, fill.position), (Money::from_micros(69_000), whole(4), whole(4)));
    assert!(fill.is_taker && fill.outcome_side == Side::Yes);
    assert_eq!(fill.client_order_id.as_deref(), Some("2b8394e0-515e-4b89-b624-f34067756855"));
    let Frame::UserOrder(order) = frame("ws_user_order") else { panic!("no order") };
    assert_eq!((order.status, order.remaining), (UserOrderStatus::Resting, whole(6)));
    assert_eq!((order.reason.as_deref(), order.at), (Some("Trade"), Some(ms(1_795_103_600_164))));
    let Frame::Position(position) = frame("ws_market_position") else { panic!("no position") };
    assert_eq!((position.position, position.cost), (whole(4), Money::from_micros(1_760_000)));
}

#[test]
fn an_empty_side_has_no_price() {
    let mut ticker: Value = serde_json::from_str(&example("ws_ticker")).unwrap();
    for (field, value) in [("yes_bid", "0.0000"), ("yes_ask", "1.0000"), ("price", "0.0000")] {
        ticker["msg"][format!("{field}_dollars")] = json!(value);
    }
    ticker["msg"]["mid_dollars"] = json!("0.3025");
    let Frame::Ticker(ticker) = Message::parse(&ticker.to_string()).unwrap().frame else { panic!() };
    assert_eq!((ticker.bid, ticker.ask, ticker.last), (None, None, None));
    assert_eq!(ticker.mid, Some(price(3_025)));
}

#[test]
fn the_life_of_a_market() {
    let turn = |name| match frame(name) {
        Frame::Lifecycle(Lifecycle { turn, ticker }) if &*ticker == "KXHIGHNY-26NOV20-T55" => turn,
        other => panic!("{other:?}"),
    };
    let Turn::Created(created) = turn("ws_lifecycle_created") else { panic!("not created") };
    assert_eq!((&*created.about.event_ticker, created.close), ("KXHIGHNY-26NOV20", ms(1_795_237_140_000)));
    assert!(created.grid.contains(price(4_400)) && !created.grid.contains(price(4_410)));
    let determined =
        Turn::Determined { at: ms(1_795_269_780_000), outcome: OutcomeMessage::Yes, value: Price::ONE };
    assert_eq!(turn("ws_lifecycle_determined"), determined);
    assert_eq!(turn("ws_lifecycle_settled"), Turn::Settled { at: ms(1_795_273_380_000) });
    let told = |msg: Value| {
        let text = json!({"type": "market_lifecycle_v2", "sid": 7, "seq": 9, "msg": msg}).to_string();
        Message::parse(&text).map(|message| message.frame).map_err(|error| error.to_string())
    };
    let of = |turn| Ok(Frame::Lifecycle(Lifecycle { ticker: "T".into(), turn }));
    let msg = json!({"event_type": "close_date_updated", "market_ticker": "T", "close_ts": 1});
    assert_eq!(told(msg), of(Turn::CloseDateUpdated { close: ms(1_000) }));
    let msg = json!({"event_type": "deactivated", "market_ticker": "T", "is_deactivated": true});
    assert_eq!(told(msg), of(Turn::Deactivated));
    assert_eq!(told(json!({"event_type": "activated", "market_ticker": "T"})), of(Turn::Activated));
    assert_eq!(told(json!({"event_type": "metadata_updated", "market_ticker": "T"})), of(Turn::Metadata));
    let msg =
        json!({"event_type": "price_level_structure_updated", "market_ticker": "T", "price_ranges": []});
    assert_eq!(told(msg), of(Turn::PriceLevels(PriceGrid::whole_cents())));
    let new = told(json!({"event_type": "renamed", "market_ticker": "T"}));
    assert_eq!(new, Ok(Frame::Other { kind: "market_lifecycle_v2 renamed".into() }));
    let wrong = told(json!({"event_type": "close_date_updated", "market_ticker": "T"})).unwrap_err();
    assert!(wrong.contains("close_date_updated") && wrong.contains("`close_ts`"), "{wrong}");
}

#[test]
fn events_and_their_fees() {
    let Frame::EventLifecycle(event) = frame("ws_event_lifecycle") else { panic!("no event") };
    assert_eq!((&*event.event_ticker, &*event.series_ticker), ("KXHIGHNY-26NOV21", "KXHIGHNY"));
    let told = |kind: Value, multiplier: Value| {
        let msg =
            json!({"event_ticker": "E", "fee_type_override": kind, "fee_multiplier_override": multiplier});
        let text = json!({"type": "event_fee_update", "sid": 7, "seq": 9, "msg": msg}).to_string();
        Message::parse(&text).map(|message| message.frame)
    };
    let Frame::EventFeeUpdate(none) = told(Value::Null, Value::Null).unwrap() else { panic!() };
    assert_eq!((none.fee_type, none.multiplier), (None, None));
    let Frame::EventFeeUpdate(half) = told(json!("quadratic"), json!(0.5)).unwrap() else { panic!() };
    assert_eq!(
        (half.fee_type, half.multiplier),
        (Some(FeeType::Quadratic), Some(Decimal6::from_millionths(500_000)))
    );
    let wrong = told(json!("cubic"), Value::Null).unwrap_err().to_string();
    assert!(wrong.contains("fee_type_override") && wrong.contains("`cubic`"), "{wrong}");
}

#[test]
fn answers_to_commands() {
    let subscribed = Frame::Subscribed { id: 1, channel: "orderbook_delta".into(), sid: 1 };
    assert_eq!(frame("ws_subscribed"), subscribed);
    let ok = Message::parse(&example("ws_ok")).unwrap();
    assert_eq!((ok.sid, ok.seq, ok.frame), (Some(1), Some(7), Frame::Ok { id: Some(4) }));
    assert_eq!(frame("ws_list_ok"), Frame::Ok { id: Some(7) });
    assert_eq!(frame("ws_unsubscribed"), Frame::Unsubscribed { id: Some(6) });
    let refusal =
        Refusal { id: Some(8), code: 8, message: "Unknown channel name".into(), tickers: Vec::new() };
    assert_eq!(frame("ws_error"), Frame::Error(refusal));
    let clock = r#"{"type":"sandbox_clock","msg":{"now_ts_ms":1500,"end":false}}"#;
    let clock = Message::parse(clock).unwrap().frame;
    assert_eq!(clock, Frame::SandboxClock(SandboxClockMessage { now: ms(1_500), end: false }));
}

#[test]
fn the_type_is_found_wherever_it_stands() {
    let late = r#"{"seq":4,"msg":{"type":"fill"},"sid":3,"type":"order_group_updates"}"#;
    let message = Message::parse(late).unwrap();
    assert_eq!((message.sid, message.seq), (Some(3), Some(4)));
    assert_eq!(message.frame, Frame::Other { kind: "order_group_updates".into() });
    let spaced = "{ \"type\" : \"sandbox_clock\",\n\"msg\":{\"now_ts_ms\":1,\"end\":true}}\n";
    assert!(matches!(Message::parse(spaced).unwrap().frame, Frame::SandboxClock(_)));
    for garbage in ["", "x", "{}", "[]", "null", r#"{"type":5}"#, r#"{"type":"ticker""#, "\u{0}"] {
        assert!(Message::parse(garbage).is_err(), "{garbage:?} was accepted");
    }
}

/// All fields of an object, as paths, those of nested objects too.
fn fields(value: &Value, path: &str, found: &mut Vec<String>) {
    for (key, inner) in value.as_object().into_iter().flatten() {
        found.push(format!("{path}/{key}"));
        fields(inner, &format!("{path}/{key}"), found);
    }
}

fn without(value: &Value, path: &str) -> String {
    let mut value = value.clone();
    let (parent, key) = path.rsplit_once('/').unwrap();
    value.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(key);
    value.to_string()
}

fn retyped(value: &Value, path: &str) -> String {
    let mut value = value.clone();
    let field = value.pointer_mut(path).unwrap();
    *field = if field.is_number() { json!("x") } else { json!(0.5) };
    value.to_string()
}

/// The fields of an example whose removal is an error.
fn required(name: &str) -> Vec<String> {
    let value: Value = serde_json::from_str(&example(name)).unwrap();
    let mut all = Vec::new();
    fields(&value, "", &mut all);
    all.retain(|path| Message::parse(&without(&value, path)).is_err());
    all
}

#[test]
fn what_is_missing_or_of_another_type_is_named() {
    for name in DATA {
        let value: Value = serde_json::from_str(&example(name)).unwrap();
        let mut all = Vec::new();
        fields(&value, "", &mut all);
        let mut named = 0;
        for path in &all {
            let key = path.rsplit('/').next().unwrap();
            if let Err(error) = Message::parse(&without(&value, path)) {
                assert!(error.to_string().contains(&format!("`{key}`")), "{name} without {path}: {error}");
                assert!(error.endpoint.starts_with("WebSocket "), "{error}");
            }
            if let Err(error) = Message::parse(&retyped(&value, path)) {
                assert!(error.to_string().contains(key) || key == "type", "{name} {path}: {error}");
                named += 1;
            }
        }
        assert!(named >= 3, "{name}: only {named} fields are read");
    }
}

#[test]
fn what_trading_needs_is_required() {
    let expect = |name: &str, keys: &[&str]| {
        let mut required: Vec<String> = required(name)
            .iter()
            .map(|path| path.trim_start_matches("/msg").trim_start_matches('/').to_owned())
            .filter(|key| !key.is_empty())
            .collect();
        required.sort();
        let mut keys: Vec<&str> = keys.iter().copied().chain(["type", "sid"]).collect();
        keys.sort_unstable();
        assert_eq!(required, keys, "{name}");
    };
    expect("ws_orderbook_snapshot", &["market_ticker", "seq"]);
    expect("ws_orderbook_delta", &["delta_fp", "market_ticker", "price_dollars", "seq", "side"]);
    let sizes = ["open_interest_fp", "volume_fp", "yes_ask_size_fp", "yes_bid_size_fp"];
    let prices = ["market_ticker", "price_dollars", "ts_ms", "yes_ask_dollars", "yes_bid_dollars"];
    expect("ws_ticker", &[&sizes[..], &prices].concat());
    let trade = ["count_fp", "is_block_trade", "market_ticker", "taker_outcome_side", "trade_id", "ts_ms"];
    expect("ws_trade", &[&trade[..], &["yes_price_dollars"]].concat());
    let fill = ["count_fp", "fee_cost", "is_taker", "market_ticker", "order_id", "outcome_side"];
    let rest = ["post_position_fp", "trade_id", "ts_ms", "yes_price_dollars"];
    expect("ws_fill", &[&fill[..], &rest].concat());
    let order = ["client_order_id", "fill_count_fp", "initial_count_fp", "maker_fees_dollars", "order_id"];
    let rest = ["outcome_side", "remaining_count_fp", "status", "taker_fees_dollars", "ticker"];
    expect("ws_user_order", &[&order[..], &rest, &["yes_price_dollars"]].concat());
    let position = ["fees_paid_dollars", "market_ticker", "position_cost_dollars", "position_fp"];
    expect("ws_market_position", &[&position[..], &["realized_pnl_dollars"]].concat());
    let determined = ["determination_ts", "event_type", "market_ticker", "result", "settlement_value"];
    expect("ws_lifecycle_determined", &determined);
    expect("ws_lifecycle_settled", &["event_type", "market_ticker", "settled_ts"]);
}

/// An example with some bytes replaced.
fn altered() -> impl Strategy<Value = String> {
    let cuts = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4);
    (prop::sample::select(&DATA[..]), cuts).prop_map(|(name, cuts)| {
        let mut bytes = example(name).into_bytes();
        for (place, byte) in cuts {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(text in altered(), noise in any::<String>()) {
        for text in [text, noise] {
            let _read = Message::parse(&text);
            let _head = Head::from_json(&text);
        }
    }
}
