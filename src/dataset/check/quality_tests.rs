//! Each oddity planted once, beside what is not one.

use super::*;
use crate::domain::{EventId, FeeSchedule, MarketId, PriceGrid, Quote, SeriesId, SettlementValue, Strike};

const DAY: &str = "2024-01-30T12:00:00Z";

fn market(number: u32, event: &str) -> Arc<Market> {
    Arc::new(Market {
        id: MarketId(number),
        event: EventId(0),
        series: SeriesId(0),
        ticker: format!("{event}-{number}").into(),
        event_ticker: event.into(),
        series_ticker: "E".into(),
        category: "".into(),
        title: "".into(),
        strike: Strike::Other,
        open_time: Timestamp::MIN,
        close_time: Timestamp::MAX,
        grid: PriceGrid::whole_cents(),
        fees: FeeSchedule::STANDARD,
    })
}

/// A last price, in ten-thousandths, of a market, so many days after the first.
fn snapshot(market: u32, days: i64, last: u16) -> Snapshot {
    let at = Timestamp::parse(DAY).unwrap() + Span::DAY.times(days);
    Snapshot {
        at,
        market: MarketId(market),
        quote: Quote { last: Price::new(last), ..Quote::default() },
        event: None,
    }
}

fn paid_whole(yes: bool) -> Settlement {
    let value = if yes { SettlementValue::ONE } else { SettlementValue::ZERO };
    Settlement { at: Timestamp::MAX, value }
}

fn look(
    events: &[&str],
    snapshots: &[Snapshot],
    settlements: &[Option<Settlement>],
    exclusive: bool,
) -> Soundness {
    let markets: Vec<_> = (0..).zip(events).map(|(number, event)| market(number, event)).collect();
    let mut look = QualityLook::new(&markets);
    snapshots.iter().for_each(|snapshot| look.inspect_snapshot(snapshot));
    look.finish_with_settlements(settlements, &vec![exclusive; events.len()])
}

fn kinds(found: &Soundness) -> Vec<(&str, u64)> {
    found.remarks.iter().map(|(kind, remark)| (*kind, remark.count)).collect()
}

#[test]
fn prices_gaps_and_surprises() {
    let rows = [snapshot(0, 0, 9_000), snapshot(1, 0, 8_950), snapshot(0, 4, 9_100), snapshot(1, 9, 8_900)];
    let found =
        look(&["E", "E", "E"], &rows, &[Some(paid_whole(false)), Some(paid_whole(false)), None], false);
    assert_eq!(
        kinds(&found),
        [("gap", 1), ("no_snapshot", 1), ("off_grid", 1), ("result_against_last_price", 1)]
    );
    assert_eq!(
        found.remarks["off_grid"].examples,
        [format!("E-1 at {DAY}: last_price 0.8950 is between two ticks")]
    );
    assert!(found.remarks["gap"].examples[0].starts_with("5.0 days after 2024-02-03T12:00:00Z"));
    assert_eq!(found.remarks["result_against_last_price"].examples, ["E-0 was last at 0.91 and paid 0.00"]);
}

#[test]
fn an_exclusive_event_has_one_winner() {
    let rows = [snapshot(0, 0, 5_000), snapshot(1, 0, 5_000)];
    let winners = |first, second, exclusive| {
        kinds(&look(&["E", "E"], &rows, &[first, second], exclusive))
            .contains(&("winners_of_exclusive_event", 1))
    };
    assert!(winners(Some(paid_whole(true)), Some(paid_whole(true)), true));
    assert!(winners(Some(paid_whole(false)), Some(paid_whole(false)), true));
    assert!(!winners(Some(paid_whole(true)), Some(paid_whole(false)), true));
    // One of them is not settled yet: it may still be the one.
    assert!(!winners(Some(paid_whole(false)), None, true));
    assert!(!winners(Some(paid_whole(true)), Some(paid_whole(true)), false));
}

#[test]
fn the_calendar_has_every_day_between_first_and_last() {
    let rows = [snapshot(0, 0, 5_000), snapshot(0, 0, 5_100), snapshot(0, 3, 5_000)];
    let found = look(&["E"], &rows, &[None], false);
    let months: Vec<_> = found
        .snapshot_calendar()
        .into_iter()
        .map(|month| (month.name, month.first_day, month.days))
        .collect();
    // 30 and 31 January, 1 and 2 February.
    assert_eq!(months, [("2024-01".into(), 30, vec![2, 0]), ("2024-02".into(), 1, vec![0, 1])]);
    assert!(kinds(&found).is_empty());
}
