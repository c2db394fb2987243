//! The page of a data set says what is there, stays within its size, and lets nothing through.

use std::sync::Arc;

use crate::dataset::check::overview::PriceSeries;
use crate::dataset::read::catalogue::Settlement;
use crate::domain::{
    EventId, FeeSchedule, Market, MarketId, PriceGrid, SeriesId, SettlementValue, Span, Strike,
};

use super::*;

const EVIL: &str = "</script><b>\"&";

/// Markets of three events a series; each has as many snapshots as its number says.
fn survey(markets: u64) -> Survey {
    let at = |hours: i64| Timestamp::from_nanos(0) + Span::HOUR.times(hours);
    let market = |number: u64| {
        let series = format!("S{:03}", number / 12);
        let event = format!("{series}-{}", number / 4);
        let market = Market {
            id: MarketId(0),
            event: EventId(0),
            series: SeriesId(0),
            ticker: format!("{event}-{number}").into(),
            event_ticker: event.into(),
            series_ticker: series.into(),
            category: "".into(),
            title: EVIL.into(),
            strike: Strike::Other,
            open_time: at(0),
            close_time: at(10_000),
            grid: PriceGrid::whole_cents(),
            fees: FeeSchedule::STANDARD,
        };
        let mut course = PriceSeries::default();
        for row in 0..number {
            course.add_price(at(row.cast_signed()), u16::try_from(9_000 + row * 37 % 2_000).unwrap());
        }
        let settlement = Some(Settlement { at: at(10_001), value: SettlementValue::ONE });
        Surveyed { market: Arc::new(market), settlement, rows: number, course }
    };
    let days = [(0, 24), (40, 3)].into();
    let soundness = Soundness { days, ..Soundness::default() };
    Survey { markets: (0..markets).map(market).collect(), soundness }
}

#[test]
fn every_market_is_there_and_nothing_is_let_through() {
    let text = page_within_size(MOST, Path::new("some/place"), &survey(50));
    assert_eq!(text.matches("<li><div><b>").count(), 50);
    // The first market has no snapshot, and so no price.
    assert_eq!(text.matches("<svg").count(), 49);
    assert!(!text.contains(EVIL) && text.contains("&lt;/script&gt;"));
    assert!(text.contains("Data set place") && !text.contains("To stay small"));
    // 1970-01-01 to 1970-02-10: 41 squares, two of them filled.
    assert_eq!((text.matches("<i ").count(), text.matches("--fill:").count()), (41, 2));
    assert!(text.contains("--fill:100%") && text.contains("title=\"1970-02-10: 3\""));
}

#[test]
fn a_large_data_set_keeps_to_its_room_and_says_what_is_left_out() {
    let survey = survey(400);
    let all = page_within_size(MOST, Path::new("d"), &survey);
    let fewer = page_within_size(all.len() - 1, Path::new("d"), &survey);
    assert!(fewer.contains("charts of the 200 markets with the most snapshots; 200 have none"));
    // Those with the most snapshots have the highest numbers.
    assert_eq!(fewer.matches("<svg").count(), 200);
    let least = page_within_size(120_000, Path::new("d"), &survey);
    assert!(least.len() <= 120_000 && least.contains("without charts; 200 are left out"), "{}", least.len());
    assert!(least.contains("<b>S033-99-399</b>") && !least.contains("<b>S000-0-0</b>"));
}

#[test]
fn counts_have_commas() {
    assert_eq!(
        ["7", "999", "1,000", "1,234,567"],
        [7, 999, 1_000, 1_234_567].map(with_thousands_separators).each_ref().map(|t| &**t)
    );
}
