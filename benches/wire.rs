//! Messages of the exchange decoded and applied, per CPU-second of one core.
//!
//! `cargo bench --no-default-features --features live --bench wire`. Linux only: CPU time is read from
//! /proc. The messages are shaped as the exchange sends them, with every field of its documentation.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark prints, and stops when it cannot go on"
)]

use std::fs;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use protogen::kalshi::book::{Applied, OrderBooks, SequenceCheck, SequenceGuard};
use protogen::kalshi::schema::decode_json;
use protogen::kalshi::stream::state::{Effect, StreamState};
use protogen::kalshi::stream::{StreamSettings, Want};
use protogen::kalshi::wire::ApiMarket;
use protogen::kalshi::ws_messages::{Frame, Message};
use serde::Deserialize;
use serde_json::Value;

const MARKETS: u64 = 200;
const DELTAS: u64 = 400_000;

/// Seconds of CPU this thread has had.
fn cpu() -> f64 {
    let stat = fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    stat.split(' ').next().unwrap().parse::<f64>().unwrap() / 1e9
}

fn ticker(market: u64) -> String {
    format!("KXHIGHNY-26NOV20-B{market}.5")
}

/// One snapshot of each market, then changes; every level stays above zero.
fn messages() -> Vec<String> {
    let level = |cents: u64| format!(r#"["0.{cents:02}00","1000.00"]"#);
    let side = |from: u64| (from..from + 40).map(level).collect::<Vec<_>>().join(",");
    let snapshot = |market: u64| {
        format!(
            r#"{{"type":"orderbook_snapshot","sid":1,"seq":{},"msg":{{"market_ticker":"{}","market_id":"9b0f6b43-5b68-4f9f-9f02-9a2d1b8ac1a1","clock":1,"yes_dollars_fp":[{}],"no_dollars_fp":[{}]}},"sending_ts_ms":1795103600234}}"#,
            market + 1,
            ticker(market),
            side(5),
            // Bids for NO at prices of YES.
            side(51),
        )
    };
    let delta = |number: u64| {
        let (market, turn) = (number % MARKETS, number / MARKETS);
        // Up and down in turn; half of it at the best price.
        let (sign, cents) = (if turn % 2 == 0 { "-" } else { "" }, 44 - (turn / 2 % 2) * (turn % 30));
        let taken = if sign == "-" { cents } else { 44 - ((turn - 1) / 2 % 2) * ((turn - 1) % 30) };
        format!(
            r#"{{"type":"orderbook_delta","sid":1,"seq":{},"msg":{{"market_ticker":"{}","market_id":"9b0f6b43-5b68-4f9f-9f02-9a2d1b8ac1a1","clock":{},"price_dollars":"0.{taken:02}00","delta_fp":"{sign}4.00","side":"yes","ts":"2026-11-19T15:53:20.164Z","ts_ms":{}}},"sending_ts_ms":1795103600234}}"#,
            MARKETS + number + 1,
            ticker(market),
            number + 2,
            1_795_103_600_164 + number,
        )
    };
    (0..MARKETS).map(snapshot).chain((0..DELTAS).map(delta)).collect()
}

fn report(what: &str, messages: &[String], seconds: f64) {
    let bytes: usize = messages.iter().map(String::len).sum();
    println!(
        "{what}: {:.0} thousand messages per CPU-second, {:.0} MB per CPU-second",
        messages.len() as f64 / 1e3 / seconds,
        bytes as f64 / 1e6 / seconds
    );
}

fn parse_and_apply(messages: &[String]) {
    let mut books = OrderBooks::default();
    (0..MARKETS).for_each(|market| books.add_market(&ticker(market).into()));
    let mut guard = SequenceGuard::default();
    let mut changed = 0;
    for text in messages {
        let message = Message::parse(text).unwrap();
        assert_eq!(message.seq.map(|seq| guard.check_sequence(seq)), Some(SequenceCheck::Next));
        let Frame::Book(frame) = message.frame else { panic!("{text}") };
        changed += u64::from(books.apply_frame(&frame).unwrap().1 == Applied::Changed);
    }
    assert!(
        changed > DELTAS / 4 && books.waiting_tickers().next().is_none(),
        "{changed} changes of the best price"
    );
}

/// The whole way, from the text to what is told.
fn stream(messages: &[String]) {
    let now = Duration::from_secs(1);
    let mut state = StreamState::new(StreamSettings::new(1));
    state.handle_want(now, Want::Markets((0..MARKETS).map(|market| Arc::from(ticker(market))).collect()));
    state.handle_connected(now);
    while let Some(effect) = state.pop_effect() {
        let Effect::Send(text) = effect else { continue };
        let command: Value = serde_json::from_str(&text).unwrap();
        let (id, channel) = (&command["id"], &command["params"]["channels"][0]);
        let sid = if channel == "orderbook_delta" { 1 } else { id.as_u64().unwrap() + 1 };
        state.handle_text_message(
            now,
            &format!(r#"{{"id":{id},"type":"subscribed","msg":{{"channel":{channel},"sid":{sid}}}}}"#),
        );
    }
    let mut told = 0;
    for text in messages {
        state.handle_text_message(now, text);
        while let Some(effect) = state.pop_effect() {
            told += 1;
            black_box(effect);
        }
    }
    assert!(told > DELTAS / 4, "{told} told");
}

#[derive(Deserialize)]
struct Page {
    markets: Vec<ApiMarket>,
}

fn page() -> String {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/kalshi/market_get.json");
    let body: Value = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
    serde_json::json!({"cursor": "", "markets": vec![&body["market"]; 1_000]}).to_string()
}

fn main() {
    let messages = messages();
    for (what, work) in [
        ("books: decoded and applied", parse_and_apply as fn(&[String])),
        ("books: from text to event", stream),
    ] {
        let start = cpu();
        work(&messages);
        report(what, &messages, cpu() - start);
    }
    let page = page();
    let start = cpu();
    for _ in 0..20 {
        assert_eq!(decode_json::<Page>("GET /markets", page.as_bytes()).unwrap().markets.len(), 1_000);
    }
    let seconds = (cpu() - start) / 20.0;
    println!(
        "a page of 1000 markets: {:.1} ms, {:.0} MB per CPU-second",
        seconds * 1e3,
        page.len() as f64 / 1e6 / seconds
    );
}
