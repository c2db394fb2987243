//! Lines, spools, parts and the recorder, without an exchange.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::dataset::check::inspect;
use crate::dataset::data_set::DataSet;
use crate::dataset::read::selection::Window;
use crate::domain::{
    Contracts, Depth, Level, Market, MarketId, MarketStatus, Price, Quote, SettlementValue, Side, Span,
    Timestamp,
};
use crate::engine::gateway::{BookExtras, Feed, Next, PublicTrade};
use crate::event::{Input, MarketEvent};
use crate::feed::HistoricalFeed;
use crate::feed::historical::HistoricalSettings;
use crate::feed::synthetic::{SyntheticSettings, Walk};

use super::part::Layout;
use super::recorder::{RecordSettings, Recorder};
use super::spool::{Spool, SpoolReader};
use super::spool_record;
use super::spool_record::SpoolRecord;

pub(super) fn us(micros: i64) -> Timestamp {
    Timestamp::from_micros(micros).unwrap()
}

/// 2026-01-01T00:00:00Z in microseconds, when these markets open.
pub(super) const OPEN: i64 = 1_767_225_600_000_000;

/// Markets that are open for an hour, two an event, as many series as markets.
pub(super) fn markets(count: u32) -> Vec<Arc<Market>> {
    let settings = SyntheticSettings {
        seed: 1,
        markets: count,
        markets_per_event: 2,
        series: count,
        quotes: 0,
        start: us(OPEN),
        length: Span::HOUR,
    };
    let walk = Walk::new(settings);
    (0..count).map(|number| Arc::new(walk.market_by_number(number))).collect()
}

pub(super) fn quote(market: u32, bid: u16, ask: u16) -> Input {
    let quote = Quote {
        bid: Price::new(bid),
        ask: Price::new(ask),
        bid_size: Some(Contracts::whole(3)),
        ask_size: Some(Contracts::whole(4)),
        last: Price::new(ask),
        volume: Some(Contracts::whole(9)),
        ..Quote::default()
    };
    Input::Market(MarketEvent::Quote { market: MarketId(market), quote })
}

pub(super) fn told(event: MarketEvent) -> Input {
    Input::Market(event)
}

pub(super) fn settings(layout: Layout) -> RecordSettings {
    RecordSettings { levels: 2, rotate_after: Duration::from_mins(1), rotate_bytes: 1 << 30, layout }
}

/// What a backtest is told, each with its time since the markets opened.
pub(super) fn replayed(folder: &Path) -> Vec<(i64, String)> {
    let sets = [DataSet::open(folder).unwrap()];
    let window = Window { start: Timestamp::MIN, end: Timestamp::MAX };
    let settings = HistoricalSettings { data: &sets, facts: &[], window, half_spread: None, lenient: false };
    let mut feed = HistoricalFeed::open(&settings, |_| true).unwrap();
    let mut seen = Vec::new();
    while let Next::Item(input) = feed.next(None).unwrap() {
        let text = match &input.value {
            Input::Market(MarketEvent::Listed(market)) => {
                format!("listed {} to {}", market.ticker, market.close_time)
            }
            Input::Market(MarketEvent::Quote { market, quote }) => {
                format!("quote {} {:?} {:?} {:?}", market.0, quote.bid, quote.ask, quote.bid_size)
            }
            other => crate::journal::input::to_line(other),
        };
        seen.push((input.at.nanos() / 1_000 - OPEN, text));
    }
    seen
}

#[test]
fn lines_come_back_as_they_were() {
    let price = |price| Price::new(price).unwrap();
    let level = |at, hundredths| Level { price: price(at), size: Contracts::from_hundredths(hundredths) };
    let deeper = Depth { bids: vec![level(4_300, 150)], asks: vec![level(4_900, 200), level(5_000, 1)] };
    let beside = BookExtras { open_interest: Some(Contracts::whole(7)), deeper: Arc::new(deeper.clone()) };
    let (market, taker) = (MarketId(3), Side::No);
    let (yes_price, contracts, id) = (price(4_500), Contracts::whole(2), "a b-c".to_owned());
    let trade = PublicTrade { market, id, yes_price, contracts, taker };
    let mut title = Market::clone(&markets(1)[0]);
    title.title = "either / or".into();
    let listed = told(MarketEvent::Listed(Arc::new(title)));
    let mut text = String::new();
    spool_record::put_input(&mut text, us(5), &quote(3, 4_400, 4_600), Some(&beside));
    spool_record::put_input(&mut text, us(6), &quote(3, 4_400, 4_600), None);
    spool_record::put_input(&mut text, us(7), &listed, None);
    spool_record::put_trade(&mut text, us(8), &trade);
    let lines: Vec<_> = text.lines().map(|line| spool_record::parse_line(line).unwrap()).collect();
    let expected = [
        (us(5), SpoolRecord::Told(quote(3, 4_400, 4_600), Some(Contracts::whole(7)), deeper)),
        (us(6), SpoolRecord::Told(quote(3, 4_400, 4_600), None, Depth::default())),
        (us(7), SpoolRecord::Told(listed, None, Depth::default())),
        (us(8), SpoolRecord::Trade(trade)),
    ];
    assert_eq!(lines, expected);
    for bad in ["", "5", "x wake", "5 quote 1", "5 trade 1 2 3 maybe x", "5 quote 1 - - - - 0 - - - / 1 2"] {
        assert!(spool_record::parse_line(bad).is_err(), "{bad:?} was read");
    }
}

/// Wherever a spool breaks off, and whichever of its bytes is another, what was whole before that is kept.
#[test]
fn a_torn_spool_keeps_its_whole_frames_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("whole");
    let mut spool = Spool::create(&path).unwrap();
    let frames = ["one\n", "two\nthree\n", "four\n"];
    let mut ends = vec![0];
    for frame in frames {
        spool.line_buffer().push_str(frame);
        spool.write_frame().unwrap();
        ends.push(usize::try_from(spool.len()).unwrap());
    }
    spool.sync_to_disk().unwrap();
    let whole = fs::read(&path).unwrap();
    assert_eq!(whole.len(), ends[3]);
    let torn = folder.path().join("torn");
    let read = |bytes: &[u8]| {
        fs::write(&torn, bytes).unwrap();
        let mut reader = SpoolReader::open(&torn).unwrap();
        let found: Vec<String> = std::iter::from_fn(|| reader.next_frame().unwrap()).collect();
        (found, usize::try_from(reader.torn_bytes()).unwrap())
    };
    for cut in 0..=whole.len() {
        let kept = ends.iter().rposition(|end| *end <= cut).unwrap();
        assert_eq!(
            read(&whole[..cut]),
            (frames[..kept].iter().map(ToString::to_string).collect(), cut - ends[kept])
        );
    }
    for place in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[place] ^= 0x40;
        let kept = ends.iter().rposition(|end| *end <= place).unwrap();
        assert_eq!(read(&bytes).0, frames[..kept], "byte {place}");
    }
    // A whole frame at another place than it was written at is none.
    assert_eq!(read(&whole[ends[1]..]).0, Vec::<String>::new());
}

#[test]
fn what_was_told_is_told_again_in_its_order_and_nothing_before_it_was_known() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("set");
    let list = markets(2);
    let mut recorder = Recorder::open(&out, settings(Layout::BySeries)).unwrap();
    let at = |second: i64| us(OPEN + second * 1_000_000);
    let close = list[0].close_time;
    let (one, two) = (MarketId(0), MarketId(1));
    let mut redefined = Market::clone(&list[1]);
    redefined.title = "said better".into();
    redefined.close_time = at(3_000);
    let story = [
        (10, told(MarketEvent::Listed(Arc::clone(&list[1])))), // later than it opened
        (11, told(MarketEvent::Listed(Arc::clone(&list[0])))),
        (12, quote(1, 4_400, 4_600)),
        (13, told(MarketEvent::Gap { market: two })),
        (14, quote(1, 4_500, 4_500)), // crossed: no book at all
        (15, told(MarketEvent::Status { market: two, status: MarketStatus::Halted })),
        (16, told(MarketEvent::Listed(Arc::new(redefined)))),
        (17, told(MarketEvent::CloseTime { market: one, close: at(1_000) })),
        (18, quote(0, 100, 200)),
        (1_000, told(MarketEvent::Status { market: one, status: MarketStatus::Closed })),
        (1_500, told(MarketEvent::Settled { market: one, value: SettlementValue::ONE })),
        (1_501, quote(0, 100, 200)), // after it was paid out
        (2_000, told(MarketEvent::Status { market: two, status: MarketStatus::Closed })), // before its close
    ];
    for (second, input) in &story {
        // As a session would number them.
        let input = match input {
            Input::Market(MarketEvent::Listed(market)) => {
                let id = if *market.ticker == *list[0].ticker { one } else { two };
                told(MarketEvent::Listed(Arc::new(Market { id, ..Market::clone(market) })))
            }
            other => other.clone(),
        };
        recorder.take_input(at(*second), &input, None);
        recorder.flush_and_rotate(Duration::from_secs(second.unsigned_abs())).unwrap();
    }
    let totals = recorder.finish_recording().unwrap();
    assert!(totals.parts >= 4 && totals.published.crossed == 1, "there are several parts: {totals:?}");
    let found = inspect::check_data(&out);
    assert_eq!(found.count, 0, "{:?}", found.problems);
    // Numbered in the order in which they were told: what the story calls 1 is 0 here.
    let (first, second) = (&list[1], &list[0]);
    let s = 1_000_000;
    let line = |text: &str| text.to_owned();
    let expected = [
        (10 * s, format!("listed {} to {close}", first.ticker)),
        (11 * s, format!("listed {} to {close}", second.ticker)),
        (12 * s, line("quote 0 Some(Price(0.44)) Some(Price(0.46)) Some(Contracts(3))")),
        (13 * s, line(r#"{"market_event":"gap","market":0}"#)),
        (14 * s, line(r#"{"market_event":"gap","market":0}"#)),
        (15 * s, line(r#"{"market_event":"status","market":0,"status":"halted"}"#)),
        (16 * s, format!("listed {} to {}", first.ticker, at(3_000))),
        (17 * s, format!(r#"{{"market_event":"close_time","market":1,"close":{}}}"#, at(1_000).nanos())),
        (18 * s, line("quote 1 Some(Price(0.01)) Some(Price(0.02)) Some(Contracts(3))")),
        (1_000 * s, line(r#"{"market_event":"status","market":1,"status":"closed"}"#)),
        (1_500 * s, line(r#"{"market_event":"settled","market":1,"value":10000}"#)),
        (2_000 * s, line(r#"{"market_event":"status","market":0,"status":"closed"}"#)),
        (3_000 * s, line(r#"{"market_event":"status","market":0,"status":"closed"}"#)),
    ];
    assert_eq!(replayed(&out), expected);
}

/// A recorder that is gone without a word: the next one completes what is on the disk, says what is lost, and
/// from the last moment on no book counts as known.
#[test]
fn a_recording_goes_on_where_it_was_cut_off() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("set");
    let list = markets(3);
    let begin = || Recorder::open(&out, settings(Layout::BySeries));
    let mut recorder = begin().unwrap();
    let refused = begin().err().unwrap();
    let pid = std::process::id().to_string();
    assert!(refused.problem.contains(&pid) && refused.problem.contains("another folder"), "{refused}");
    for market in &list {
        recorder.take_input(us(OPEN), &told(MarketEvent::Listed(Arc::clone(market))), None);
    }
    recorder.take_input(us(OPEN + 1), &quote(0, 4_400, 4_600), None);
    recorder.take_input(us(OPEN + 2), &quote(1, 4_400, 4_600), None);
    recorder.flush_and_rotate(Duration::from_secs(1)).unwrap();
    recorder.take_input(
        us(OPEN + 3),
        &told(MarketEvent::Settled { market: MarketId(0), value: SettlementValue::ZERO }),
        None,
    );
    recorder.flush_and_rotate(Duration::from_secs(100)).unwrap();
    recorder.take_input(us(OPEN + 4), &quote(2, 4_400, 4_600), None);
    recorder.flush_and_rotate(Duration::from_secs(101)).unwrap();
    drop(recorder);
    // The machine died while it wrote.
    let spool = out.join(".recording/000001.spool");
    let mut bytes = fs::read(&spool).unwrap();
    bytes.extend_from_slice(&[9; 7]);
    fs::write(&spool, bytes).unwrap();
    fs::write(out.join("snapshots/half.parquet.partial"), "half").unwrap();

    let mut recorder = begin().unwrap();
    let found = recorder.totals();
    assert!(found.published.torn == 7 && found.published.rows >= 1, "{found:?}");
    // Two markets are left, under numbers of their own.
    let unpaid: Vec<_> =
        recorder.unsettled_markets().iter().map(|(market, ..)| market.ticker.clone()).collect();
    assert_eq!(unpaid, [list[1].ticker.clone(), list[2].ticker.clone()]);
    recorder.take_input(us(OPEN + 9), &quote(1, 3_000, 3_100), None);
    recorder.finish_recording().unwrap();
    let seen: Vec<_> = replayed(&out).into_iter().filter(|(_, text)| !text.starts_with("listed")).collect();
    let line = |text: &str| text.to_owned();
    let settled = (3, line(r#"{"market_event":"settled","market":0,"value":0}"#));
    let expected = [
        (1, line("quote 0 Some(Price(0.44)) Some(Price(0.46)) Some(Contracts(3))")),
        (2, line("quote 1 Some(Price(0.44)) Some(Price(0.46)) Some(Contracts(3))")),
        settled,
        (4, line("quote 2 Some(Price(0.44)) Some(Price(0.46)) Some(Contracts(3))")),
        (5, line(r#"{"market_event":"gap","market":1}"#)),
        (5, line(r#"{"market_event":"gap","market":2}"#)),
        (9, line("quote 2 Some(Price(0.30)) Some(Price(0.31)) Some(Contracts(3))")),
    ];
    assert_eq!(seen[..expected.len()], expected);
    assert_eq!(inspect::check_data(&out).count, 0);
    let foreign = folder.path().join("foreign");
    fs::create_dir(&foreign).unwrap();
    fs::write(foreign.join("markets.parquet"), "").unwrap();
    let refused = Recorder::open(&foreign, settings(Layout::BySeries)).err().unwrap();
    assert!(refused.problem.contains("was not recorded"), "{refused}");
}

/// A part that was interrupted anywhere is made again, and is what it would have been.
#[test]
fn a_part_that_was_made_but_whose_spool_is_still_there_is_not_there_twice() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("set");
    let list = markets(1);
    let mut recorder = Recorder::open(&out, settings(Layout::AsTold)).unwrap();
    recorder.take_input(us(OPEN), &told(MarketEvent::Listed(Arc::clone(&list[0]))), None);
    for number in 1..100 {
        recorder.take_input(us(OPEN + number), &quote(0, 4_400, 4_600), None);
    }
    recorder.flush_and_rotate(Duration::from_secs(2)).unwrap();
    let (spool, kept) = (out.join(".recording/000000.spool"), folder.path().join("kept"));
    fs::copy(&spool, &kept).unwrap();
    recorder.finish_recording().unwrap();
    let before = replayed(&out);
    let state = fs::read(out.join(".recording/state.json")).unwrap();
    // Killed after the state was written: the spool is only removed. Before: the part is made again.
    for state_is_written in [true, false] {
        fs::copy(&kept, &spool).unwrap();
        if !state_is_written {
            fs::remove_file(out.join(".recording/state.json")).unwrap();
        }
        drop(Recorder::open(&out, settings(Layout::AsTold)).unwrap());
        fs::remove_file(out.join(".recording/000001.spool")).unwrap();
        assert!(!spool.exists());
        assert_eq!(fs::read(out.join(".recording/state.json")).unwrap(), state);
        assert_eq!(replayed(&out), before, "{state_is_written}");
    }
}
