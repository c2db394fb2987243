//! Planning and taking of candles, by hand.

use std::collections::BTreeSet;

use crate::dataset::io::sorter::Sorter;
use crate::dataset::write::writer::PackedRow;
use crate::domain::{FeeSchedule, PriceGrid, SettlementValue, Strike, Timestamp};
use crate::kalshi::rest::CandleSpan;

use super::exchange::{CandleRow, Listed};
use super::fetch::{FetchedRows, take_candles};
use super::plan::{PullJob, PullUnit, plan_jobs};
use super::state::{PullState, StateEntry};
use super::{Notes, PullError, Terms};

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn seconds(text: &str) -> i64 {
    at(text).nanos() / 1_000_000_000
}

/// A market that opens half a second after ten o'clock on March 1st and closes on the 2nd or later.
fn market(ticker: &str, close: &str) -> StateEntry {
    let listed = Listed {
        ticker: ticker.into(),
        event: "E".into(),
        title: String::new(),
        yes_sub_title: String::new(),
        strike: Strike::Other,
        open: at("2024-03-01T10:00:00.5Z"),
        close: at(close),
        grid: PriceGrid::whole_cents(),
        settled: None,
        over: false,
    };
    let (series, category, fees) = ("S".into(), String::new(), FeeSchedule::STANDARD);
    let (candles_until, trades_until) = (None, None);
    StateEntry { listed, series, category, fees, exclusive: false, candles_until, trades_until, volume: 0 }
}

fn state(minutes: u16, since: Option<&str>, markets: impl IntoIterator<Item = StateEntry>) -> PullState {
    let terms = Terms { environment: "demo".into(), minutes, since: since.map(at), trades: false };
    let mut state = PullState::new(terms);
    let markets = markets.into_iter().map(|entry| (entry.listed.ticker.clone(), entry));
    state.markets.extend(markets);
    state
}

fn spans(job: &PullJob) -> Vec<CandleSpan> {
    let span = |unit: &PullUnit| match unit {
        PullUnit::Candles { span, .. } => *span,
        PullUnit::Trades { .. } => panic!("none were asked for"),
    };
    job.units.iter().map(span).collect()
}

#[test]
fn markets_that_lack_the_same_share_requests_of_at_most_ten_thousand_periods() {
    // Two days and eight hours, 56 hours and a bit: 100 markets fit, 30 of them close an hour earlier.
    let close = |number: u32| if number < 30 { "2024-03-03T17:00:00Z" } else { "2024-03-03T18:00:00Z" };
    let markets = (0..150).map(|number| market(&format!("M{number:03}"), close(number)));
    let plan = plan_jobs(&state(60, None, markets), &BTreeSet::new(), at("2025-01-01T00:00:00Z"));
    assert_eq!(plan.iter().map(|job| job.markets.len()).collect::<Vec<_>>(), [30, 100, 20]);
    // The first candle that ends after the opening, not the one that ends with it.
    let from = seconds("2024-03-01T10:00:01Z");
    let span = CandleSpan { from, until: seconds("2024-03-03T18:00:00Z"), minutes: 60 };
    assert_eq!(spans(&plan[1]), [span]);
    // Of the older half, each is asked alone.
    let old: BTreeSet<String> = ["M000".into(), "M100".into()].into();
    let markets = (0..150).map(|number| market(&format!("M{number:03}"), close(number)));
    let plan = plan_jobs(&state(60, None, markets), &old, at("2025-01-01T00:00:00Z"));
    assert_eq!(plan.iter().map(|job| job.markets.len()).collect::<Vec<_>>(), [1, 29, 100, 1, 19]);
}

#[test]
fn a_long_life_is_cut_into_windows_that_touch_and_do_not_overlap() {
    // 10 days in minutes are 14,400 ends, a few hours less: three windows of at most 5,000 minutes.
    let entry = market("M", "2024-03-11T04:00:00Z");
    let plan = plan_jobs(&state(1, None, [entry.clone()]), &BTreeSet::new(), at("2025-01-01T00:00:00Z"));
    let windows = spans(&plan[0]);
    assert_eq!(windows.len(), 3);
    assert_eq!((windows[0].from, windows[2].until), (seconds("2024-03-01T10:00:01Z"), plan[0].until));
    assert!(windows.windows(2).all(|pair| pair[0].until + 1 == pair[1].from), "{windows:?}");
    assert!(windows.iter().all(|window| window.until - window.from < 5_000 * 60));
    // Since the 9th: hours tell what was traded before, minutes only what is wanted.
    let plan = plan_jobs(
        &state(1, Some("2024-03-09T00:00:00Z"), [entry.clone()]),
        &BTreeSet::new(),
        at("2025-01-01T00:00:00Z"),
    );
    let since = seconds("2024-03-09T00:00:00Z");
    let before = CandleSpan { from: windows[0].from, until: since, minutes: 60 };
    assert_eq!(spans(&plan[0]), [before, CandleSpan { from: since + 1, until: plan[0].until, minutes: 1 }]);
    // What is there is not asked for again, and what is over and whole not at all.
    let there = StateEntry { candles_until: Some(since), ..entry.clone() };
    let plan = plan_jobs(&state(1, None, [there]), &BTreeSet::new(), at("2025-01-01T00:00:00Z"));
    assert_eq!(spans(&plan[0])[0].from, since + 1);
    let listed = Listed {
        over: true,
        settled: Some((entry.listed.close, SettlementValue::ONE)),
        ..entry.listed.clone()
    };
    let whole = StateEntry { listed, candles_until: Some(seconds("2024-03-11T04:00:00Z")), ..entry };
    assert_eq!(plan_jobs(&state(1, None, [whole]), &BTreeSet::new(), at("2025-01-01T00:00:00Z")), []);
}

/// Hours from eleven o'clock on the first day, with what the market has traded by then.
fn take(candles: &[CandleRow], since: i64) -> Result<(Vec<PackedRow>, i64, Notes), PullError> {
    let folder = tempfile::tempdir().unwrap();
    let mut entry = market("M", "2024-03-02T10:00:00Z");
    let mut rows =
        FetchedRows { snapshots: Sorter::new(folder.path(), 100), trades: Sorter::new(folder.path(), 100) };
    let mut notes = Notes::default();
    let span = CandleSpan { from: HOUR + 1, until: 20 * HOUR, minutes: 60 };
    take_candles((0, candles.to_vec()), (span, since), &mut entry, &mut rows, &mut notes)?;
    let mut sorted = rows.snapshots.into_sorted().unwrap();
    let taken = std::iter::from_fn(|| sorted.next_record().unwrap()).collect();
    Ok((taken, entry.volume, notes))
}

const HOUR: i64 = 3_600;

#[test]
fn candles_become_snapshots_at_their_ends_with_the_volume_of_the_life() {
    let candles = [
        (5 * HOUR, 4_000, 4_200, 4_100, 300, 70),
        (2 * HOUR, 0, 4_200, 0, 0, 0),
        // The same page came twice.
        (2 * HOUR, 0, 4_200, 0, 0, 0),
        (3 * HOUR, 4_000, 0, 4_000, 1_250, 50),
    ];
    let (taken, volume, notes) = take(&candles, i64::MIN).unwrap();
    let snapshot = |hour: i64, [bid, ask, last]: [u16; 3], volume, open_interest| PackedRow {
        at: hour * HOUR * 1_000_000,
        market: 0,
        bid,
        ask,
        last,
        mid: 0,
        bid_size: -1,
        ask_size: -1,
        volume,
        open_interest,
    };
    let [empty, one_sided] = [snapshot(2, [0, 4_200, 0], 0, 0), snapshot(3, [4_000, 0, 4_000], 1_250, 50)];
    assert_eq!(taken, [empty, one_sided, snapshot(5, [4_000, 4_200, 4_100], 1_550, 70)]);
    assert!(volume == 1_550 && notes.0.is_empty());
    // Of what was before, the volume counts.
    let (taken, volume, _) = take(&candles, 3 * HOUR).unwrap();
    assert_eq!((taken.len(), taken[0].volume, volume), (1, 1_550, 1_550));
}

#[test]
fn candles_that_cannot_be_are_told() {
    let (taken, volume, notes) = take(
        &[
            (2 * HOUR, 4_200, 4_200, 0, 100, 0),
            // A candle that is still under way, and one from before.
            (21 * HOUR, 1_000, 2_000, 0, 100, 0),
            (HOUR, 1_000, 2_000, 0, 100, 0),
        ],
        i64::MIN,
    )
    .unwrap();
    assert!(taken.is_empty() && volume == 100);
    let notes: Vec<_> = notes.0.iter().map(|(kind, note)| (*kind, note.count, &*note.first)).collect();
    assert_eq!(
        notes,
        [
            ("candlesticks that were not asked for, left out", 2, "M at 3600"),
            ("candlesticks whose bid is not below the ask, left out", 1, "M at 7200"),
        ]
    );
    let differ = [(2 * HOUR, 4_000, 4_200, 0, 0, 0), (2 * HOUR, 4_100, 4_200, 0, 0, 0)];
    assert!(
        take(&differ, i64::MIN)
            .unwrap_err()
            .to_string()
            .starts_with("M at 7200: two candlesticks that differ")
    );
    let negative = [(2 * HOUR, 0, 0, 0, -1, 0)];
    assert!(take(&negative, i64::MIN).unwrap_err().to_string().contains("volume is negative"));
}

#[test]
fn an_open_market_is_asked_for_until_now_less_what_may_still_change() {
    let until = at("2024-03-01T12:00:00Z") - super::SETTLING;
    let plan = plan_jobs(&state(1, None, [market("M", "2024-03-02T10:00:00Z")]), &BTreeSet::new(), until);
    assert_eq!(plan[0].until, seconds("2024-03-01T11:58:00Z"));
}
