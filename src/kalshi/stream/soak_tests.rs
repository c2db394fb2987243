//! The stream against an exchange whose messages get lost, repeated and spoilt, whose subscriptions end
//! and whose connections break: what is told was there, and in the end everything is told.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::state::{Effect, StreamState};
use super::*;

#[derive(Clone, Copy, Debug)]
enum Step {
    /// So much more, or less, is bid in a market at a price in cents.
    Bid(usize, u8, i8),
    /// The next message is lost, sent twice, or spoilt.
    Lose,
    Twice,
    Spoil,
    /// The books' subscription ends.
    End,
    /// The connection breaks.
    Reset,
    /// One more market is wanted.
    Want,
    /// Time passes, in tenths of a second.
    Wait(u8),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        20 => (0usize..3, 40u8..45, -3i8..4).prop_map(|(market, cents, by)| Step::Bid(market, cents, by)),
        2 => Just(Step::Lose),
        2 => Just(Step::Twice),
        1 => Just(Step::Spoil),
        1 => Just(Step::End),
        1 => Just(Step::Reset),
        1 => Just(Step::Want),
        4 => (0u8..30).prop_map(Step::Wait),
    ];
    prop::collection::vec(step, 0..80)
}

const TICKERS: [&str; 3] = ["A", "B", "C"];

#[derive(Default)]
struct Market {
    clock: u64,
    bids: BTreeMap<u8, i64>,
    /// Every best bid there ever was: cents and contracts.
    tops: Vec<Option<(u8, i64)>>,
}

impl Market {
    fn top(&self) -> Option<(u8, i64)> {
        self.bids.last_key_value().map(|(cents, count)| (*cents, *count))
    }
}

struct World {
    state: StreamState,
    now: Duration,
    markets: [Market; 3],
    wanted: usize,
    /// The books' subscription at the exchange, its markets, and the number of its last message.
    books: Option<(u64, Vec<usize>, u64)>,
    next_sid: u64,
    fate: Option<Step>,
    /// What the client was told of each market.
    view: BTreeMap<Arc<str>, Top>,
    connect_at: Option<Duration>,
    problems: Vec<String>,
}

impl World {
    fn new() -> Self {
        let settings = StreamSettings { chunk: 2, ..StreamSettings::new(5) };
        let markets = [(); 3].map(|()| Market { tops: vec![None], ..Market::default() });
        Self {
            state: StreamState::new(settings),
            now: Duration::from_secs(1),
            markets,
            wanted: 0,
            books: None,
            next_sid: 100,
            fate: None,
            view: BTreeMap::new(),
            connect_at: Some(Duration::from_secs(1)),
            problems: Vec::new(),
        }
    }

    fn say(&mut self, message: &Value) {
        let text = message.to_string();
        match self.fate.take() {
            Some(Step::Lose) => {}
            Some(Step::Spoil) => self.state.handle_text_message(self.now, &text[..text.len() / 2]),
            Some(Step::Twice) => {
                self.state.handle_text_message(self.now, &text);
                self.state.handle_text_message(self.now, &text);
            }
            _ => self.state.handle_text_message(self.now, &text),
        }
    }

    /// A message of the books' subscription.
    fn say_book(&mut self, mut message: Value) {
        let Some((sid, _, seq)) = &mut self.books else { return };
        *seq += 1;
        (message["sid"], message["seq"]) = (json!(sid), json!(seq));
        self.say(&message);
    }

    fn snapshot(&mut self, number: usize) {
        let market = &self.markets[number];
        let levels: Vec<_> = market.bids.iter().map(|(cents, count)| level(*cents, *count)).collect();
        let msg = json!({"market_ticker": TICKERS[number], "clock": market.clock, "yes_dollars_fp": levels});
        self.say_book(json!({"type": "orderbook_snapshot", "msg": msg}));
    }

    fn obey(&mut self, command: &Value) {
        let (id, params) = (&command["id"], &command["params"]);
        let tickers = params["market_tickers"].as_array().cloned().unwrap_or_default();
        let number = |ticker: &Value| TICKERS.iter().position(|one| ticker == one).unwrap();
        let numbers: Vec<usize> = tickers.iter().map(number).collect();
        let is_books = self.books.as_ref().is_some_and(|(sid, ..)| params["sid"] == *sid);
        match (command["cmd"].as_str().unwrap(), params["action"].as_str()) {
            ("subscribe", _) => {
                let channel = &params["channels"][0];
                self.next_sid += 1;
                let msg = json!({"channel": channel, "sid": self.next_sid});
                self.state.handle_text_message(
                    self.now,
                    &json!({"id": id, "type": "subscribed", "msg": msg}).to_string(),
                );
                if channel == "orderbook_delta" {
                    self.books = Some((self.next_sid, numbers.clone(), 0));
                    numbers.into_iter().for_each(|number| self.snapshot(number));
                }
            }
            ("update_subscription", Some("add_markets")) if is_books => {
                self.say_book(json!({"id": id, "type": "ok", "msg": {}}));
                self.books.as_mut().unwrap().1.extend(&numbers);
                numbers.into_iter().for_each(|number| self.snapshot(number));
            }
            ("update_subscription", Some("get_snapshot")) if is_books => {
                numbers.into_iter().for_each(|number| self.snapshot(number));
            }
            ("update_subscription", _) if is_books => self.problems.push(command.to_string()),
            ("update_subscription", _) => {
                self.state
                    .handle_text_message(self.now, &json!({"id": id, "type": "ok", "msg": {}}).to_string());
            }
            ("unsubscribe", _) => {
                self.say_book(json!({"id": id, "type": "unsubscribed"}));
                self.books = None;
            }
            _ => self.problems.push(command.to_string()),
        }
    }

    fn settle(&mut self) {
        self.state.handle_socket_idle();
        let mut todo = VecDeque::new();
        loop {
            while let Some(effect) = self.state.pop_effect() {
                match effect {
                    Effect::Send(text) => todo.push_back(serde_json::from_str::<Value>(&text).unwrap()),
                    Effect::Tell(event) => self.told(event),
                    Effect::Reconnect { after } => {
                        todo.clear();
                        self.books = None;
                        self.connect_at = Some(self.now + after);
                    }
                }
            }
            let Some(command) = todo.pop_front() else { return };
            self.obey(&command);
            self.state.handle_socket_idle();
        }
    }

    fn told(&mut self, event: StreamEvent) {
        match event {
            StreamEvent::Book { ticker, top, .. } => {
                let number = TICKERS.iter().position(|one| *one == &*ticker).unwrap();
                let bid = best(top);
                if !self.markets[number].tops.contains(&bid) {
                    self.problems.push(format!("{ticker} never was at {bid:?}"));
                }
                self.view.insert(ticker, top);
            }
            StreamEvent::Stale { ticker } => drop(self.view.remove(&ticker)),
            _ => {}
        }
    }

    fn wait(&mut self, tenths: u64) {
        for _ in 0..tenths {
            self.now += Duration::from_millis(100);
            if self.connect_at.is_some_and(|at| at <= self.now) {
                self.connect_at = None;
                self.state.handle_connected(self.now);
            }
            self.state.record_activity(self.now);
            self.state.check_timeouts(self.now);
            self.settle();
        }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Bid(number, cents, by) => {
                let market = &mut self.markets[number];
                let before = market.bids.get(&cents).copied().unwrap_or_default();
                let by = i64::from(by).max(-before);
                market.bids.insert(cents, before + by);
                market.bids.retain(|_, count| *count > 0);
                market.clock += 1;
                market.tops.push(market.top());
                let change = level(cents, by);
                let msg = json!({"market_ticker": TICKERS[number], "clock": market.clock, "side": "yes",
                    "price_dollars": change[0], "delta_fp": change[1]});
                if self.books.as_ref().is_some_and(|(_, numbers, _)| numbers.contains(&number)) {
                    self.say_book(json!({"type": "orderbook_delta", "msg": msg}));
                }
            }
            Step::Lose | Step::Twice | Step::Spoil => self.fate = Some(step),
            Step::End => {
                if let Some((sid, ..)) = self.books.take() {
                    let msg = json!({"code": 25, "msg": "buffer overflow"});
                    let error = json!({"type": "error", "sid": sid, "msg": msg});
                    self.state.handle_text_message(self.now, &error.to_string());
                }
            }
            Step::Reset => {
                if self.state.is_connected() {
                    self.state.handle_disconnected(self.now, "reset");
                }
            }
            Step::Want => {
                self.wanted = (self.wanted + 1).min(3);
                let tickers = TICKERS[..self.wanted].iter().map(|ticker| Arc::from(*ticker)).collect();
                self.state.handle_want(self.now, Want::Markets(tickers));
            }
            Step::Wait(tenths) => self.wait(u64::from(tenths)),
        }
        self.settle();
    }
}

/// Cents and contracts of a best bid.
fn best(top: Top) -> Option<(u8, i64)> {
    let (bid, size) = top.bid.zip(top.bid_size)?;
    Some((u8::try_from(bid.get() / 100).unwrap(), size.hundredths() / 100))
}

fn level(cents: u8, count: i64) -> [String; 2] {
    [format!("0.{cents:02}00"), format!("{count}.00")]
}

proptest! {
    #[test]
    fn whatever_goes_wrong_in_the_end_everything_is_told(steps in steps()) {
        let mut world = World::new();
        world.step(Step::Want);
        steps.iter().for_each(|step| world.step(*step));
        (world.wanted, world.fate) = (2, None);
        world.step(Step::Want);
        // A message that was lost shows with the next.
        world.step(Step::Bid(0, 41, 1));
        world.wait(600);
        for number in 0..3 {
            world.step(Step::Bid(number, 42, 1));
        }
        world.wait(600);
        prop_assert_eq!(&world.problems, &Vec::<String>::new());
        for (ticker, market) in TICKERS.iter().zip(&world.markets) {
            let told = world.view.get(*ticker).map(|top| best(*top));
            prop_assert_eq!(told, Some(market.top()), "{}", ticker);
        }
    }
}
