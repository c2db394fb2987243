//! What a recorder has to stand: a storm of messages, text as it comes over the socket, through the stream's state
//! and the watch into the recorder; and real ticks. For the benchmark and for the tests.

use std::fmt::Write;
use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::RowAccessor;
use protogen::domain::{
    Decimal6, EventId, FeeSchedule, Market, MarketId, MarketStatus, Price, PriceGrid, Quote, SeriesId, Span,
    Strike, Timestamp,
};
use protogen::event::{Input, MarketEvent};
use protogen::kalshi::market_reports::MarketScope;
use protogen::kalshi::market_tracker::MarketTracker;
use protogen::kalshi::stream::state::{Effect, StreamState};
use protogen::kalshi::stream::{StreamEvent, StreamSettings, Want};
use protogen::record::part::Layout;
use protogen::record::{RecordSettings, Recorder, Totals};
use serde_json::Value;

const MARKETS: u64 = 200;
const LEVELS: u64 = 40;
/// Messages a second of simulated time.
const RATE: u64 = 50_000;

/// 2026-11-20T00:00:00Z.
const START: i64 = 1_795_132_800_000_000;

pub fn settings(levels: usize, rotate_bytes: u64) -> RecordSettings {
    let rotate_after = Duration::from_hours(1);
    RecordSettings { levels, rotate_after, rotate_bytes, layout: Layout::BySeries }
}

/// Bytes of memory this process has now.
pub fn resident() -> u64 {
    let statm = fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4_096
}

fn market(number: u64, ticker: &str) -> Market {
    let series = number / 10;
    let open_time = Timestamp::from_micros(START).unwrap();
    Market {
        id: MarketId(u32::try_from(number).unwrap()),
        event: EventId(u32::try_from(series).unwrap()),
        series: SeriesId(u32::try_from(series).unwrap()),
        ticker: ticker.into(),
        event_ticker: format!("S{series:03}-26NOV20").into(),
        series_ticker: format!("S{series:03}").into(),
        category: "Storm".into(),
        title: "A market that does not exist".into(),
        strike: Strike::Greater(Decimal6::from_millionths(0)),
        open_time,
        close_time: open_time + Span::DAY,
        grid: PriceGrid::whole_cents(),
        fees: FeeSchedule::STANDARD,
    }
}

fn ticker(number: u64) -> String {
    format!("S{:03}-26NOV20-T{number}", number / 10)
}

/// A stream that has subscribed, and what listens to it.
struct Storm {
    state: StreamState,
    watch: MarketTracker,
    recorder: Recorder,
    sent: u64,
    text: String,
    /// Contracts at the level that comes and goes.
    there: Vec<bool>,
}

impl Storm {
    fn new(folder: &Path, settings: RecordSettings) -> Self {
        let mut recorder = Recorder::open(folder, settings).unwrap();
        let mut watch = MarketTracker::new(MarketScope::default(), None);
        let start = Timestamp::from_micros(START).unwrap();
        for number in 0..MARKETS {
            let market = Arc::new(market(number, &ticker(number)));
            watch.restore_market(&market, MarketStatus::Active, market.close_time);
            recorder.take_input(start, &Input::Market(MarketEvent::Listed(market)), None);
        }
        let mut state =
            StreamState::new(StreamSettings { levels: settings.levels, ..StreamSettings::new(1) });
        let now = Duration::ZERO;
        state.handle_want(now, Want::Markets((0..MARKETS).map(|number| Arc::from(ticker(number))).collect()));
        state.handle_connected(now);
        while let Some(effect) = state.pop_effect() {
            let Effect::Send(text) = effect else { continue };
            let command: Value = serde_json::from_str(&text).unwrap();
            let (id, channel) = (&command["id"], &command["params"]["channels"][0]);
            let sid = if channel == "orderbook_delta" { 1 } else { id.as_u64().unwrap() + 1 };
            let msg = format!(r#"{{"channel":{channel},"sid":{sid}}}"#);
            state.handle_text_message(now, &format!(r#"{{"id":{id},"type":"subscribed","msg":{msg}}}"#));
        }
        let there = vec![true; usize::try_from(MARKETS).unwrap()];
        let mut storm = Self { state, watch, recorder, sent: 0, text: String::new(), there };
        for number in 0..MARKETS {
            let level = |cents: u64| format!(r#"["0.{cents:02}00","1000.00"]"#);
            let side = |cents: Vec<u64>| cents.into_iter().map(level).collect::<Vec<_>>().join(",");
            storm.text = format!(
                r#"{{"type":"orderbook_snapshot","sid":1,"seq":{},"msg":{{"market_ticker":"{}","clock":1,"yes_dollars_fp":[{}],"no_dollars_fp":[{}]}}}}"#,
                number + 1,
                ticker(number),
                side((5..5 + LEVELS).collect()),
                // Bids for NO at prices of YES.
                side((10..10 + LEVELS).map(|cents| 100 - cents).collect()),
            );
            storm.hear();
        }
        storm
    }

    fn now(&self) -> Duration {
        Duration::from_micros(self.sent * 1_000_000 / RATE)
    }

    /// A change of a book: half of them at its best price, which comes and goes; the rest beneath.
    fn change(&mut self) {
        // Markets come in no order, as they would.
        let number = (self.sent.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) % MARKETS;
        let turn = self.sent / MARKETS;
        let (sign, cents) = if self.sent.is_multiple_of(2) {
            let there = &mut self.there[usize::try_from(number).unwrap()];
            *there = !*there;
            (if *there { "" } else { "-" }, 44)
        } else {
            ("", 5 + (turn * 7 + number) % 38)
        };
        let count = if cents == 44 { 1_000 } else { 1 + turn % 50 };
        let at = START / 1_000 + i64::try_from(self.sent * 1_000 / RATE).unwrap();
        self.text.clear();
        let _infallible = write!(
            self.text,
            r#"{{"type":"orderbook_delta","sid":1,"seq":{},"msg":{{"market_ticker":"{}","clock":{},"price_dollars":"0.{cents:02}00","delta_fp":"{sign}{count}.00","side":"yes","ts_ms":{at}}}}}"#,
            self.sent + 1,
            ticker(number),
            self.sent + 2,
        );
        self.hear();
    }

    fn hear(&mut self) {
        let now = self.now();
        self.state.handle_text_message(now, &self.text);
        // As the socket does when it has nothing more to read: many messages at once in a storm.
        if self.sent.is_multiple_of(32) {
            self.state.handle_socket_idle();
        }
        self.sent += 1;
        while let Some(effect) = self.state.pop_effect() {
            match effect {
                Effect::Tell(StreamEvent::Book { ticker, top, deeper, .. }) => {
                    self.watch.update_best_prices(&ticker, top);
                    self.watch.update_depth(&ticker, deeper, true);
                }
                Effect::Tell(StreamEvent::Stale { ticker }) => panic!("{ticker} went stale"),
                _ => {}
            }
        }
        let micros = START + i64::try_from(self.sent * 1_000_000 / RATE).unwrap();
        let at = Timestamp::from_micros(micros).unwrap();
        for event in self.watch.take_events(at) {
            let MarketEvent::Quote { market, .. } = &event else { continue };
            let beside = self.watch.book_extras(*market);
            let at = at.max(self.recorder.after_last());
            self.recorder.take_input(at, &Input::Market(event), Some(&beside));
        }
        if self.sent.is_multiple_of(256) {
            self.recorder.flush_and_rotate(now).unwrap();
        }
    }
}

/// Records so many messages; returns what was recorded, and the most memory there was.
pub fn storm(folder: &Path, settings: RecordSettings, messages: u64) -> (Totals, u64) {
    let mut storm = Storm::new(folder, settings);
    let mut most = 0;
    for number in 0..messages {
        storm.change();
        if number.is_multiple_of(10_000) {
            most = most.max(resident());
        }
    }
    let totals = storm.recorder.finish_recording().unwrap();
    (totals, most.max(resident()))
}

/// Every change of the best prices of New York's temperature markets, recorded; `file` is the table of them.
pub fn ticks(file: &Path, folder: &Path) -> Totals {
    let mut recorder = Recorder::open(folder, settings(1, 64_000_000)).unwrap();
    let reader = SerializedFileReader::new(File::open(file).unwrap()).unwrap();
    let mut rows: Vec<(i64, String, String, i16, i16)> = Vec::new();
    for row in reader.get_row_iter(None).unwrap() {
        let row = row.unwrap();
        let text = |column| row.get_string(column).unwrap().clone();
        let at = row.get_timestamp_micros(0).unwrap();
        rows.push((at, text(1), text(2), row.get_short(3).unwrap(), row.get_short(4).unwrap()));
    }
    rows.sort_by_key(|row| row.0);
    let mut known: Vec<String> = Vec::new();
    for (micros, event, ticker, bid, ask) in rows {
        let at = Timestamp::from_micros(micros).unwrap();
        let place = known.iter().position(|name| *name == ticker).unwrap_or(known.len());
        let id = MarketId(u32::try_from(place).unwrap());
        if place == known.len() {
            let mut market = market(0, &ticker);
            (market.id, market.event_ticker) = (id, event.into());
            market.series_ticker = "KXHIGHNY".into();
            (market.open_time, market.close_time) = (at, at + Span::DAY.times(3));
            known.push(ticker);
            recorder.take_input(at, &Input::Market(MarketEvent::Listed(Arc::new(market))), None);
        }
        let cents = |cents: i16| {
            u16::try_from(cents * 100).ok().filter(|&c| c > 0 && c < 10_000).and_then(Price::new)
        };
        let quote = Quote { bid: cents(bid), ask: cents(ask), ..Quote::default() };
        recorder.take_input(at, &Input::Market(MarketEvent::Quote { market: id, quote }), None);
        recorder.flush_and_rotate(Duration::ZERO).unwrap();
    }
    recorder.finish_recording().unwrap()
}
