//! Every situation the stream can get into, without a socket.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::state::{Effect, StreamState};
use super::*;
use crate::domain::Price;
use crate::kalshi::number;

/// A price of NO as the exchange sends it to who asks for prices of YES.
fn price_of_yes(no: &str) -> String {
    number::price_text(number::parse_price(no).unwrap().complement())
}

/// A stream with the exchange played by hand.
pub(super) struct Rig {
    pub state: StreamState,
    pub now: Duration,
    pub sent: Vec<Value>,
    pub told: Vec<StreamEvent>,
    pauses: Vec<Duration>,
    /// Subscriptions by channel.
    pub sids: BTreeMap<String, u64>,
    seqs: BTreeMap<u64, u64>,
}

pub(super) fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

impl Rig {
    fn new() -> Self {
        let settings = StreamSettings { chunk: 2, ..StreamSettings::new(7) };
        let (state, now) = (StreamState::new(settings), seconds(100));
        let (sids, seqs) = (BTreeMap::new(), BTreeMap::new());
        Self { state, now, sent: vec![], told: vec![], pauses: vec![], sids, seqs }
    }

    /// Connected, with every command answered, and A's book at 0.42 to 0.44.
    pub fn up() -> Self {
        let mut rig = Self::new();
        rig.want(&["A"]);
        rig.connect();
        rig.answer();
        rig.snapshot("A", 1, "0.4200", "0.5600");
        assert_eq!(rig.book_events(), [("A".to_owned(), Some(4_200), Some(4_400))]);
        rig.sent.clear();
        rig.told.clear();
        rig
    }

    pub fn drain(&mut self) {
        while let Some(effect) = self.state.pop_effect() {
            match effect {
                Effect::Send(text) => self.sent.push(serde_json::from_str(&text).unwrap()),
                Effect::Tell(event) => self.told.push(event),
                Effect::Reconnect { after } => self.pauses.push(after),
            }
        }
    }

    pub fn connect(&mut self) {
        self.seqs.clear();
        self.state.handle_connected(self.now);
        self.drain();
    }

    fn want(&mut self, tickers: &[&str]) {
        let tickers = tickers.iter().map(|ticker| Arc::from(*ticker)).collect();
        self.state.handle_want(self.now, Want::Markets(tickers));
        self.drain();
    }

    pub fn later(&mut self, by: Duration) {
        self.now += by;
        self.state.check_timeouts(self.now);
        self.drain();
    }

    pub fn hear(&mut self, message: &Value) {
        self.state.handle_text_message(self.now, &message.to_string());
    }

    pub fn idle(&mut self) {
        self.state.handle_socket_idle();
        self.drain();
    }

    /// Answers all commands sent, in order, as the exchange would.
    pub fn answer(&mut self) {
        while !self.sent.is_empty() {
            for command in std::mem::take(&mut self.sent) {
                let id = command["id"].clone();
                match command["cmd"].as_str().unwrap() {
                    "subscribe" => {
                        let channel = &command["params"]["channels"][0];
                        let sid = id.as_u64().unwrap() + 1_000;
                        self.sids.insert(channel.as_str().unwrap().to_owned(), sid);
                        self.hear(
                            &json!({"id": id, "type": "subscribed", "msg": {"channel": channel, "sid": sid}}),
                        );
                    }
                    "unsubscribe" => {
                        let sid = command["params"]["sids"][0].as_u64().unwrap();
                        let seq = self.next_seq(sid);
                        self.hear(&json!({"id": id, "type": "unsubscribed", "sid": sid, "seq": seq}));
                    }
                    "update_subscription" if command["params"]["action"] == "add_markets" => {
                        let sid = command["params"]["sid"].as_u64().unwrap();
                        let seq = self.next_seq(sid);
                        self.hear(&json!({"id": id, "type": "ok", "sid": sid, "seq": seq, "msg": {}}));
                    }
                    _ => {}
                }
            }
            self.idle();
        }
    }

    fn next_seq(&mut self, sid: u64) -> u64 {
        let seq = self.seqs.entry(sid).or_default();
        *seq += 1;
        *seq
    }

    fn books_sid(&self) -> u64 {
        self.sids["orderbook_delta"]
    }

    /// A message of the books' subscription, in its order.
    pub fn book(&mut self, kind: &str, msg: &Value) {
        let sid = self.books_sid();
        let seq = self.next_seq(sid);
        self.hear(&json!({"type": kind, "sid": sid, "seq": seq, "msg": msg}));
    }

    pub fn snapshot(&mut self, ticker: &str, clock: u64, yes: &str, no: &str) {
        let msg = json!({"market_ticker": ticker, "clock": clock, "yes_dollars_fp": [[yes, "5.00"]],
            "no_dollars_fp": [[price_of_yes(no), "5.00"]]});
        self.book("orderbook_snapshot", &msg);
        self.idle();
    }

    pub fn delta(&mut self, ticker: &str, clock: u64, price: &str, ts_ms: u64) {
        let msg = json!({"market_ticker": ticker, "clock": clock, "price_dollars": price, "delta_fp": "1.00",
            "side": "yes", "ts_ms": ts_ms});
        self.book("orderbook_delta", &msg);
    }

    /// A number of the books' subscription that never arrives.
    pub fn lose_one(&mut self) {
        self.next_seq(self.books_sid());
    }

    pub fn books(&self) -> Vec<(String, Option<u16>, Option<u16>)> {
        let told = self.told.iter().filter_map(|event| match event {
            StreamEvent::Book { ticker, top, .. } => {
                Some((ticker.to_string(), top.bid.map(Price::get), top.ask.map(Price::get)))
            }
            _ => None,
        });
        told.collect()
    }

    fn book_events(&mut self) -> Vec<(String, Option<u16>, Option<u16>)> {
        self.idle();
        self.books()
    }

    /// The commands sent, each as `cmd channel-or-action tickers`.
    pub fn commands(&self) -> Vec<String> {
        let told = self.sent.iter().map(|command| {
            let params = &command["params"];
            let tickers: Vec<_> =
                params["market_tickers"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            let what = params["channels"][0].as_str().or(params["action"].as_str()).unwrap_or_default();
            format!("{} {what} {}", command["cmd"].as_str().unwrap(), tickers.join(","))
        });
        told.map(|text| text.trim_end().to_owned()).collect()
    }

    /// Events, each by its name.
    pub fn names(&self) -> Vec<String> {
        let name = |event: &StreamEvent| match event {
            StreamEvent::Stale { ticker } => format!("stale {ticker}"),
            StreamEvent::Book { ticker, .. } => format!("book {ticker}"),
            StreamEvent::Missed { channel } => format!("missed {channel}"),
            StreamEvent::Frame(frame) => {
                format!("{frame:?}").split(['(', ' ']).next().unwrap_or_default().to_lowercase()
            }
            StreamEvent::Up => "up".to_owned(),
            StreamEvent::Down { .. } => "down".to_owned(),
            StreamEvent::Unreadable(_) => "unreadable".to_owned(),
        };
        self.told.iter().map(name).collect()
    }
}

#[test]
fn subscribes_to_our_own_first_and_to_markets_in_chunks() {
    let mut rig = Rig::new();
    rig.want(&["A", "B", "C", "D", "E"]);
    assert_eq!(rig.sent, Vec::<Value>::new());
    rig.connect();
    let first = [
        "subscribe fill",
        "subscribe user_orders",
        "subscribe market_positions",
        "subscribe market_lifecycle_v2",
        "subscribe trade A,B",
        "subscribe ticker A,B",
        "subscribe orderbook_delta A,B",
    ];
    assert_eq!(rig.commands(), first);
    assert_eq!(rig.sent[6]["params"]["use_yes_price"], json!(true));
    assert_eq!(rig.sent[5]["params"].get("use_yes_price"), None);
    assert!(!rig.names().contains(&"up".to_owned()));
    let subscribes: Vec<_> = std::mem::take(&mut rig.sent);
    for command in subscribes {
        rig.sent = vec![command];
        let before = rig.told.len();
        rig.answer();
        assert_eq!(rig.told[before..].contains(&StreamEvent::Up), rig.sids.len() == 7);
    }
    // A market twice is one; more come as they appear.
    rig.want(&["E", "F"]);
    let add = |tickers: &str| format!("update_subscription add_markets {tickers}");
    assert_eq!(rig.commands(), [add("F"), add("F"), add("F")]);
}

#[test]
fn nothing_is_subscribed_while_no_market_is_wanted() {
    let mut rig = Rig::new();
    rig.connect();
    assert_eq!(rig.sent.len(), 4);
    assert!(rig.sent.iter().all(|command| command["params"].get("market_tickers").is_none()));
    rig.answer();
    assert_eq!(rig.names().last().map(String::as_str), Some("up"));
    rig.want(&["A"]);
    assert_eq!(rig.commands(), ["subscribe trade A", "subscribe ticker A", "subscribe orderbook_delta A"]);
}

#[test]
fn markets_wanted_while_connecting_are_not_forgotten() {
    let mut rig = Rig::new();
    rig.want(&["A"]);
    rig.connect();
    rig.want(&["B"]); // the subscriptions were asked for, and are not there yet
    assert_eq!(rig.sent.len(), 7);
    rig.answer();
    rig.snapshot("B", 1, "0.1000", "0.1000");
    assert_eq!(rig.books(), [("B".to_owned(), Some(1_000), Some(9_000))]);
}

#[test]
fn a_gap_makes_all_books_stale_until_their_snapshots() {
    let mut rig = Rig::up();
    rig.want(&["B"]);
    rig.answer();
    rig.snapshot("B", 1, "0.1000", "0.1000");
    rig.lose_one();
    rig.told.clear();
    rig.now += seconds(1);
    rig.delta("A", 2, "0.4300", 1);
    rig.idle();
    assert_eq!(rig.names(), ["stale A", "stale B"]);
    assert_eq!(rig.commands(), ["update_subscription get_snapshot A,B"]);
    rig.told.clear();
    // The snapshot is older than the change that came after the gap.
    rig.snapshot("A", 1, "0.4200", "0.5600");
    assert_eq!(rig.books(), [("A".to_owned(), Some(4_300), Some(4_400))]);
    rig.snapshot("B", 1, "0.1000", "0.1000");
    assert_eq!(rig.books().len(), 2);
    // All are there: nothing is waited for.
    rig.sent.clear();
    for _ in 0..4 {
        rig.state.record_activity(rig.now);
        rig.later(seconds(5));
    }
    assert_eq!((rig.commands(), rig.pauses.len()), (vec![], 0));
}

#[test]
fn books_whose_snapshots_do_not_come_are_subscribed_anew() {
    let mut rig = Rig::up();
    rig.lose_one();
    rig.delta("A", 2, "0.4300", 1);
    rig.later(seconds(1));
    assert_eq!(rig.commands(), ["update_subscription get_snapshot A"]);
    assert_eq!(rig.state.next_deadline(), Some(rig.now + seconds(4)));
    rig.sent.clear();
    rig.later(seconds(4));
    assert_eq!(rig.commands(), ["unsubscribe"]);
    rig.delta("A", 3, "0.4300", 2); // still on its way: not applied, not counted
    let leave = rig.sent[0].clone();
    let sid = rig.books_sid();
    rig.hear(&json!({"id": leave["id"], "type": "unsubscribed", "sid": sid, "seq": 9}));
    rig.sent.clear();
    rig.idle();
    assert_eq!(rig.commands(), ["subscribe orderbook_delta A"]);
    rig.answer();
    rig.told.clear();
    rig.snapshot("A", 1, "0.4200", "0.5600");
    assert_eq!(rig.names(), ["book A"]);
}

#[test]
fn a_storm_of_gaps_does_not_become_a_storm_of_requests() {
    let mut rig = Rig::up();
    rig.now += seconds(1);
    for clock in 2..102 {
        rig.lose_one();
        rig.delta("A", clock, "0.4300", clock);
        rig.drain();
    }
    assert_eq!(rig.sent.len(), 1);
    rig.later(Duration::from_millis(250));
    assert_eq!(rig.sent.len(), 2);
    assert_eq!(rig.names().iter().filter(|name| *name == "stale A").count(), 1);
}

#[test]
fn a_message_twice_is_one() {
    let mut rig = Rig::up();
    let sid = rig.sids["trade"];
    let msg = json!({"trade_id": "t", "market_ticker": "A", "yes_price_dollars": "0.4400", "count_fp": "4.00",
        "taker_outcome_side": "yes", "is_block_trade": false, "ts_ms": 5});
    let trade = |seq| json!({"type": "trade", "sid": sid, "seq": seq, "msg": msg});
    for seq in [1, 1, 2, 5] {
        rig.hear(&trade(seq));
    }
    rig.idle();
    assert_eq!(rig.names(), ["trade", "trade", "missed trade", "trade"]);
}

#[test]
fn a_subscription_that_fails_is_made_anew_and_what_was_missed_is_said() {
    for code in [10, 25] {
        let mut rig = Rig::up();
        let sid = rig.sids["fill"];
        let error =
            |sid: u64, code: i64| json!({"type": "error", "sid": sid, "msg": {"code": code, "msg": "x"}});
        rig.hear(&error(sid, code));
        rig.idle();
        assert_eq!((rig.names(), rig.commands()), (vec!["error".to_owned()], vec![]));
        rig.later(seconds(1));
        assert_eq!(rig.commands(), ["subscribe fill"]);
        rig.answer();
        assert!(rig.names().contains(&"missed fill".to_owned()), "{:?}", rig.names());
        // The books: stale at once, and with the old subscription's messages ignored.
        rig.told.clear();
        let sid = rig.books_sid();
        rig.hear(&error(sid, code));
        rig.delta("A", 2, "0.4300", 1);
        rig.idle();
        assert_eq!(rig.names(), ["error", "stale A"]);
        rig.later(seconds(1));
        assert_eq!(rig.commands(), ["subscribe orderbook_delta A"]);
        rig.answer();
        rig.snapshot("A", 1, "0.4200", "0.5600");
        assert_eq!(rig.names().last().map(String::as_str), Some("book A"));
        // Of which subscription is not said: only a new connection helps.
        rig.hear(&json!({"type": "error", "msg": {"code": code, "msg": "x"}}));
        rig.drain();
        assert_eq!((rig.names().last().map(String::as_str), rig.pauses.len()), (Some("down"), 1));
    }
}

#[test]
fn failing_again_and_again_is_answered_more_and_more_slowly() {
    let mut rig = Rig::up();
    let mut asked = 0;
    for _ in 0..600 {
        let sid = rig.sids["fill"];
        rig.hear(&json!({"type": "error", "sid": sid, "msg": {"code": 25, "msg": "x"}}));
        rig.later(Duration::from_millis(100));
        asked += rig.sent.len();
        rig.answer();
    }
    assert!((3..15).contains(&asked), "{asked} subscriptions in a minute");
}

#[test]
fn a_subscription_that_the_exchange_ends_is_made_anew() {
    let mut rig = Rig::up();
    let sid = rig.books_sid();
    rig.book("unsubscribed", &Value::Null);
    rig.idle();
    assert_eq!(rig.names(), ["unsubscribed", "stale A"]);
    rig.later(seconds(1));
    assert_eq!(rig.commands(), ["subscribe orderbook_delta A"]);
    // What comes for a subscription that nobody knows is no book.
    rig.hear(&json!({"type": "orderbook_delta", "sid": sid + 99, "seq": 1, "msg": {"market_ticker": "A",
        "price_dollars": "0.0100", "delta_fp": "1.00", "side": "yes"}}));
    rig.idle();
    assert_eq!(rig.names().len(), 2);
}

#[test]
fn a_market_the_exchange_refuses_is_let_go() {
    let mut rig = Rig::up();
    rig.want(&["B", "C"]);
    let add = rig.sent.iter().find(|command| command["params"]["sid"] == rig.books_sid());
    let id = add.unwrap()["id"].clone();
    rig.sent.clear();
    let msg = json!({"code": 2, "msg": "unknown market", "market_tickers": ["C"]});
    rig.hear(&json!({"id": id, "type": "error", "msg": msg}));
    rig.idle();
    assert_eq!(rig.commands(), ["update_subscription add_markets B"]);
    assert_eq!(rig.names(), ["error"]);
    // Where none is named it is tried again, later.
    let id = rig.sent[0]["id"].clone();
    rig.sent.clear();
    rig.hear(&json!({"id": id, "type": "error", "msg": {"code": 18, "msg": "timeout"}}));
    rig.idle();
    assert_eq!(rig.commands(), Vec::<String>::new());
    rig.later(seconds(1));
    assert_eq!(rig.commands(), ["update_subscription add_markets B"]);
}

#[test]
fn silence_ends_a_connection_and_a_ping_does_not() {
    let mut rig = Rig::up();
    for _ in 0..10 {
        rig.later(seconds(10));
        rig.state.record_activity(rig.now);
    }
    assert_eq!(rig.pauses.len(), 0);
    rig.later(seconds(30));
    assert_eq!((rig.names(), rig.pauses.len()), (vec!["stale A".to_owned(), "down".to_owned()], 1));
    assert_eq!(rig.state.next_deadline(), None);
    rig.connect();
    assert_eq!(rig.sent.len(), 7);
    rig.answer();
    rig.snapshot("A", 1, "0.4200", "0.5600");
    assert!(rig.told.contains(&StreamEvent::Up) && rig.names().last().is_some_and(|name| name == "book A"));
}

#[test]
fn a_command_without_an_answer_ends_a_connection() {
    let mut rig = Rig::new();
    rig.connect();
    rig.later(seconds(10));
    let StreamEvent::Down { reason } = &rig.told[0] else { panic!("{:?}", rig.told) };
    assert!(reason.contains("channel fill"), "{reason}");
}

#[test]
fn a_storm_of_resets_does_not_spin() {
    let mut rig = Rig::new();
    for _ in 0..10 {
        rig.connect();
        rig.state.handle_disconnected(rig.now, "reset");
        rig.drain();
        rig.now += rig.pauses[rig.pauses.len() - 1];
    }
    let (first, last) = (rig.pauses[0], rig.pauses[9]);
    assert!(first >= Duration::from_millis(250) && first <= Duration::from_millis(500), "{first:?}");
    assert!(last >= seconds(15) && last <= seconds(30), "{last:?}");
    // After a minute of health it is a first failure again.
    rig.connect();
    rig.answer();
    rig.now += seconds(60);
    rig.state.handle_disconnected(rig.now, "reset");
    rig.drain();
    assert!(rig.pauses[10] <= Duration::from_millis(500), "{:?}", rig.pauses[10]);
}

#[test]
fn changes_that_belong_together_are_told_as_one() {
    let mut rig = Rig::up();
    // One change takes two levels; the next one of the same market at the same millisecond is another.
    rig.delta("A", 2, "0.4250", 7);
    rig.delta("A", 2, "0.4300", 7);
    rig.delta("A", 3, "0.4310", 7);
    assert_eq!(rig.books().len(), 0);
    rig.drain();
    assert_eq!(rig.books(), [("A".to_owned(), Some(4_300), Some(4_400))]);
    let sid = rig.sids["ticker"];
    let msg = json!({"market_ticker": "A", "price_dollars": "0.4400", "yes_bid_dollars": "0.4310",
        "yes_ask_dollars": "0.4400", "yes_bid_size_fp": "1.00", "yes_ask_size_fp": "1.00",
        "volume_fp": "1.00", "open_interest_fp": "1.00", "ts_ms": 7});
    rig.hear(&json!({"type": "ticker", "sid": sid, "msg": msg}));
    rig.drain();
    assert_eq!(rig.told.len(), 1);
    rig.delta("A", 4, "0.4320", 8); // another moment
    rig.drain();
    assert_eq!(rig.names(), ["book A", "book A", "ticker"]);
    rig.idle();
    assert_eq!(rig.books().last(), Some(&("A".to_owned(), Some(4_320), Some(4_400))));
    // A level far from the best changes nothing that is told.
    rig.told.clear();
    rig.delta("A", 5, "0.0100", 9);
    assert_eq!(rig.book_events(), []);
}

#[test]
fn the_stand_ins_clock_ends_a_change() {
    let mut rig = Rig::up();
    rig.state.handle_want(rig.now, Want::Advance { until_ts_ms: Some(9) });
    rig.drain();
    assert_eq!(rig.sent.len(), 1);
    assert_eq!(
        (&rig.sent[0]["cmd"], &rig.sent[0]["params"]),
        (&json!("sandbox_advance"), &json!({"until_ts_ms": 9}))
    );
    rig.delta("A", 2, "0.4300", 7);
    rig.idle(); // the rest of the change is still on its way
    assert_eq!(rig.told, []);
    rig.delta("A", 2, "0.4310", 7);
    rig.hear(&json!({"type": "sandbox_clock", "msg": {"now_ts_ms": 7, "end": false}}));
    rig.drain();
    assert_eq!(rig.names(), ["book A", "sandboxclock"]);
    assert_eq!(rig.books(), [("A".to_owned(), Some(4_310), Some(4_400))]);
    // Asked while there is no connection, it waits for one, and for its subscriptions.
    rig.state.handle_disconnected(rig.now, "reset");
    rig.state.handle_want(rig.now, Want::Advance { until_ts_ms: None });
    rig.sent.clear();
    rig.connect();
    assert_eq!(rig.sent.len(), 7);
    for command in std::mem::take(&mut rig.sent) {
        assert_eq!(command["cmd"], json!("subscribe"));
        rig.sent = vec![command];
        let command = rig.sent[0].clone();
        let (id, channel) = (&command["id"], &command["params"]["channels"][0]);
        rig.sent.clear();
        rig.hear(&json!({"id": id, "type": "subscribed", "msg": {"channel": channel, "sid": id}}));
        rig.drain();
    }
    assert_eq!(rig.commands(), ["sandbox_advance"]);
}

#[test]
fn what_cannot_be_read_is_told_and_taken_for_a_change_of_a_book() {
    let mut rig = Rig::up();
    rig.now += seconds(1);
    rig.state.handle_text_message(rig.now, "garbage");
    rig.drain();
    assert_eq!(rig.names(), ["unreadable", "stale A"]);
    assert_eq!(rig.commands(), ["update_subscription get_snapshot A"]);
    rig.snapshot("A", 2, "0.4200", "0.5600");
    rig.told.clear();
    // Of another channel, as its subscription says: no book is concerned.
    let sid = rig.sids["fill"];
    rig.hear(&json!({"type": "fill", "sid": sid, "msg": {"trade_id": 5}}));
    rig.drain();
    assert_eq!(rig.names(), ["unreadable", "missed fill"]);
    let StreamEvent::Unreadable(message) = &rig.told[0] else { panic!("{:?}", rig.told) };
    assert!(
        message.problem.contains("WebSocket fill") && message.problem.contains("trade_id"),
        "{message:?}"
    );
    assert!(message.is_about_account());
    // A type that nobody knows counts, and is told for counting.
    rig.told.clear();
    rig.book("orderbook_news", &json!({}));
    rig.delta("A", 3, "0.4300", 1);
    rig.idle();
    assert_eq!(rig.names(), ["other", "book A"]);
}
