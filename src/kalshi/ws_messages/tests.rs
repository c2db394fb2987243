//! Every example of the exchange's messages, whole, with fields missing, with fields of another type,
//! and cut or altered at random.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::domain::{Contracts, Money, Price, SettlementValue, Side};

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
    // Bids for NO are sent at prices of YES to who asks for `use_yes_price`, as the client does: 0.55 is NO at 0.45.
    assert_eq!(book.no, [(price(4_500), whole(20)), (price(4_400), whole(4))]);
    let Frame::Book(BookFrame::Snapshot(book)) = frame("ws_orderbook_snapshot_one_sided") else {
        panic!("no snapshot")
    };
    assert_eq!((book.yes.len(), book.no), (0, vec![(price(300), whole(250))]));
    let Frame::Book(BookFrame::Delta(delta)) = frame("ws_orderbook_delta") else { panic!("no delta") };
    assert_eq!((delta.side, delta.price, delta.change), (Side::No, price(4_400), whole(-4)));
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
    assert_eq!(turn("ws_lifecycle_created"), Turn::Created { event: Some("KXHIGHNY-26NOV20".into()) });
    assert_eq!(turn("ws_lifecycle_determined"), Turn::Determined { value: Some(SettlementValue::ONE) });
    assert_eq!(turn("ws_lifecycle_settled"), Turn::Settled);
    let told = |turn: &str, details: &str| {
        let text = format!(
            r#"{{"type":"market_lifecycle_v2","sid":7,"seq":9,"msg":{{"event_type":"{turn}","market_ticker":"T"{details}}}}}"#
        );
        match Message::parse(&text).unwrap().frame {
            Frame::Lifecycle(Lifecycle { ticker, turn }) if &*ticker == "T" => turn,
            other => panic!("{other:?}"),
        }
    };
    let moved = Turn::CloseDateUpdated { close: ms(1_000) };
    assert_eq!(told("close_date_updated", r#","close_ts":1"#), moved);
    assert_eq!(told("deactivated", r#","is_deactivated":true"#), Turn::Deactivated);
    assert_eq!(told("activated", ""), Turn::Activated);
    assert_eq!(told("metadata_updated", ""), Turn::Redefined);
    assert_eq!(told("price_level_structure_updated", r#","price_ranges":[]"#), Turn::Redefined);
}

/// The stream carries every market of the exchange, in every form that the schema allows and in some that it does not.
/// Whoever needs the details reads them by REST.
#[test]
fn a_turn_is_read_whatever_its_details_are() {
    let created = Turn::Created { event: None };
    let paid = |value: Option<&str>| {
        let value = value.map(|text| SettlementValue::parse_dollars(text).unwrap());
        Turn::Determined { value }
    };
    for (turn, details, expected) in [
        ("created", "", created.clone()),
        ("created", r#","price_level_structure":"","additional_metadata":{}"#, created.clone()),
        ("created", r#","open_ts":"soon","additional_metadata":null"#, created.clone()),
        ("created", r#","additional_metadata":{"event_ticker":7}"#, created),
        ("price_level_structure_updated", "", Turn::Redefined),
        (
            "price_level_structure_updated",
            r#","price_ranges":[{"start":"0","end":"1","step":"0.00001"}]"#,
            Turn::Redefined,
        ),
        ("close_date_updated", "", Turn::Redefined),
        ("close_date_updated", r#","close_ts":"later""#, Turn::Redefined),
        ("renamed", r#","to":"U""#, Turn::Redefined),
        ("determined", "", paid(None)),
        ("determined", r#","result":"yes""#, paid(Some("1"))),
        ("determined", r#","result":"no","settlement_value":null"#, paid(Some("0"))),
        ("determined", r#","result":"scalar","settlement_value":"0.3333""#, paid(Some("0.3333"))),
        ("determined", r#","result":"scalar","settlement_value":"0.333333""#, paid(Some("0.333333"))),
        ("determined", r#","result":"scalar","settlement_value":"0.3333333""#, paid(None)),
        ("determined", r#","result":"scalar","settlement_value":"1.000001""#, paid(None)),
        ("determined", r#","result":"scalar","settlement_value":"-0.5""#, paid(None)),
        ("determined", r#","result":"void""#, paid(None)),
        ("settled", r#","settled_ts":null"#, Turn::Settled),
    ] {
        let text = format!(
            r#"{{"type":"market_lifecycle_v2","sid":7,"seq":9,"msg":{{"event_type":"{turn}","market_ticker":"T"{details}}}}}"#
        );
        let message = Message::parse(&text).unwrap_or_else(|error| panic!("{turn} {details}: {error}"));
        let told = Frame::Lifecycle(Lifecycle { ticker: "T".into(), turn: expected });
        assert_eq!(message.frame, told, "{turn} {details}");
    }
}

#[test]
fn of_an_unreadable_message_it_is_said_whom_it_concerns() {
    let describe = |text: &str| UnreadableMessage::describe(text, &Message::parse(text).unwrap_err());
    let fill = describe(r#"{"type":"fill","sid":1,"msg":{"market_ticker":"T","trade_id":7}}"#);
    assert!(fill.is_about_account() && !fill.is_about_prices());
    let order = describe(r#"{"type":"user_order","sid":1,"msg":{"ticker":"T"}}"#);
    assert_eq!((order.is_about_account(), order.ticker.as_deref()), (true, Some("T")));
    let ticker = describe(r#"{"type":"ticker","sid":1,"msg":{"market_ticker":"T"}}"#);
    assert!(ticker.is_about_prices() && !ticker.is_book() && ticker.problem.contains("price_dollars"));
    let delta = describe(r#"{"type":"orderbook_delta","sid":1,"seq":2,"msg":{"market_ticker":"T"}}"#);
    assert!(delta.is_book() && delta.is_about_prices() && !delta.is_about_account());
    let trade = describe(r#"{"type":"trade","sid":1,"msg":{"market_ticker":"T"}}"#);
    assert!(!trade.is_about_prices() && !trade.is_about_account());
    let nothing = describe("<html>");
    assert_eq!((nothing.kind, nothing.ticker), (None, None));
}

#[test]
fn events_and_their_fees() {
    let Frame::EventLifecycle(event) = frame("ws_event_lifecycle") else { panic!("no event") };
    assert_eq!((&*event.event_ticker, &*event.series_ticker), ("KXHIGHNY-26NOV21", "KXHIGHNY"));
    for fees in [
        r#""fee_type_override":null,"fee_multiplier_override":null"#,
        r#""fee_type_override":"quadratic","fee_multiplier_override":0.5"#,
        r#""fee_type_override":"flat""#,
        r#""fee_type_override":"margin_market_maker_program_fees","fee_multiplier_override":"x""#,
    ] {
        let text =
            format!(r#"{{"type":"event_fee_update","sid":7,"seq":9,"msg":{{"event_ticker":"E",{fees}}}}}"#);
        let Frame::EventFeeUpdate(update) = Message::parse(&text).unwrap().frame else { panic!("{fees}") };
        assert_eq!(&*update.event_ticker, "E");
    }
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
    expect("ws_lifecycle_determined", &["event_type", "market_ticker"]);
    expect("ws_lifecycle_settled", &["event_type", "market_ticker"]);
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
