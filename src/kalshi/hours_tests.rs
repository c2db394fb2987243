//! Pauses and hours, on the example bodies of the exchange. Local times are those of `date -d` with
//! `TZ=America/New_York`.

use std::fs;
use std::path::Path;

use super::*;
use crate::kalshi::schema::decode_json;
use crate::kalshi::wire::OneSchedule;

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn fixture(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/kalshi");
    fs::read(folder.join(format!("{name}.json"))).unwrap()
}

/// Open but for Thursdays from 3 to 5 a.m., and one announced window, 2026-11-19 8:00 to 10:00 UTC.
fn hours() -> TradingHours {
    let schedule = decode_json::<OneSchedule>("schedule", &fixture("exchange_schedule")).unwrap().schedule;
    TradingHours { status: None, schedule: Some(schedule) }
}

#[test]
fn thursdays_pause_is_known_before_it_comes_in_winter_and_in_summer() {
    let mut hours = hours();
    assert!(
        hours.closed_reason(at("2026-11-19T08:00:00Z")).unwrap().contains("maintenance until 2026-11-19T10")
    );
    hours.schedule.as_mut().unwrap().maintenance_windows.clear();
    for (open, closed) in [
        // EST, five hours behind; Thursday the 19th.
        ("2026-11-19T07:59:59Z", "2026-11-19T08:00:00Z"),
        ("2026-11-19T10:00:00Z", "2026-11-19T09:59:59Z"),
        // EDT, four hours behind; Thursday the 16th.
        ("2026-07-16T06:59:59Z", "2026-07-16T07:00:00Z"),
        ("2026-07-16T09:00:00Z", "2026-07-16T08:59:59Z"),
        // The same hours of a Wednesday, and Thursday by UTC but Wednesday in New York.
        ("2026-11-18T08:30:00Z", "2026-11-19T08:30:00Z"),
        ("2026-11-19T03:30:00Z", "2026-11-19T08:30:00Z"),
    ] {
        assert_eq!(hours.closed_reason(at(open)), None, "{open}");
        assert!(hours.closed_reason(at(closed)).is_some(), "{closed}");
    }
    assert_eq!(hours.next_change(at("2026-11-19T07:00:00Z")), Some(at("2026-11-19T08:00:00Z")));
    assert_eq!(hours.next_change(at("2026-11-19T08:00:00Z")), Some(at("2026-11-19T10:00:00Z")));
    assert_eq!(hours.closed_reason(at("2030-01-03T08:30:00Z")), None, "no hours are announced for then");
}

#[test]
fn summer_time_begins_and_ends_at_two_in_the_morning() {
    // 2026: March 8 and November 1; 2027: March 14 and November 7.
    for (moment, behind) in [
        ("2026-03-08T06:59:59Z", 5),
        ("2026-03-08T07:00:00Z", 4),
        ("2026-11-01T05:59:59Z", 4),
        ("2026-11-01T06:00:00Z", 5),
        ("2027-03-14T07:00:00Z", 4),
        ("2027-11-07T06:00:00Z", 5),
    ] {
        assert_eq!(behind_utc(at(moment)), Span::HOUR.times(behind), "{moment}");
    }
}

#[test]
fn what_the_exchange_says_of_itself_counts_at_once() {
    let read = |name: &str| decode_json::<ExchangeStatus>("status", &fixture(name)).unwrap();
    let mut hours = TradingHours { status: Some(read("exchange_status")), schedule: None };
    let now = at("2026-11-20T12:00:00Z");
    assert_eq!((hours.closed_reason(now), hours.next_change(now)), (None, None));
    hours.status.as_mut().unwrap().shards[2].trading_active = false;
    assert_eq!(hours.closed_reason(now), None, "crypto alone is paused");
    hours.status.as_mut().unwrap().shards[0].trading_active = false;
    assert!(hours.closed_reason(now).is_some());
    hours.status = Some(read("exchange_status_trading_pause"));
    assert_eq!(
        hours.closed_reason(now).unwrap(),
        "the exchange has paused trading, back about 2026-11-19T10:00:00Z"
    );
}
