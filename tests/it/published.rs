//! Published facts about the embedded data, computed from it alone.

use std::collections::BTreeMap;

use protogen::dataset::check::inspect;
use protogen::dataset::data_set::DataSet;
use protogen::dataset::facts;
use protogen::dataset::read::catalogue;
use protogen::dataset::read::selection::Window;
use protogen::domain::{Fact, Price, Span, Strike, Timestamp};
use protogen::engine::gateway::{Feed, Next};
use protogen::event::{Input, MarketEvent, Stamped};
use protogen::feed::HistoricalFeed;
use protogen::feed::historical::HistoricalSettings;

use crate::support::root;

/// Upper bound of the target range after each scheduled decision, by date.
fn decided() -> BTreeMap<String, i64> {
    let facts = facts::read_facts(&root().join("data/facts/fomc_decisions.csv")).unwrap();
    let after = facts.into_iter().filter_map(|(at, fact)| match fact {
        Fact::FomcDecision { upper_after, .. } => Some((at.utc_date(), upper_after.millionths())),
        _ => None,
    });
    after.collect()
}

/// The market's mode of the level, from the last snapshots before the morning of the decision: what a
/// ladder says of one level is the difference between two neighbouring rungs.
fn mode(set: &DataSet, tickers: &[(i64, String)], morning: Timestamp) -> Option<i64> {
    let mut above = 20_000; // twice the price of a sure thing
    let mut best: Option<(i32, i64)> = None;
    let mut consider = |weight: i32, level: i64| {
        if best.is_none_or(|(heaviest, _)| weight > heaviest) {
            best = Some((weight, level));
        }
    };
    let mut last_strike = None;
    for (strike, ticker) in tickers {
        let course = inspect::market_course(set, ticker).unwrap().unwrap().course;
        let (_, twice_mid) = course.into_iter().rfind(|(at, _)| *at < morning)?;
        consider(above - i32::from(twice_mid), *strike);
        above = i32::from(twice_mid);
        last_strike = Some(*strike);
    }
    consider(above, last_strike? + 250_000);
    best.map(|(_, level)| level)
}

/// The day before, the market's mode was right at all 28 meetings from March 2022 to July 2025.
#[test]
fn the_day_before_the_market_was_right_28_times_of_28() {
    let set = DataSet::open(&root().join("data/fomc")).unwrap();
    let mut events: BTreeMap<Timestamp, Vec<(i64, String)>> = BTreeMap::new();
    for row in catalogue::read_markets(&set.markets).unwrap() {
        let Strike::Greater(strike) = row.market.strike else {
            panic!("a rung that is not above something");
        };
        let rungs = events.entry(row.market.close_time).or_default();
        rungs.push((strike.millionths(), row.market.ticker.to_string()));
    }
    let decided = decided();
    let within = |close: &Timestamp| {
        let date = close.utc_date();
        *date >= *"2022-03-01" && *date <= *"2025-07-31"
    };
    let (mut right, mut meetings) = (0, 0);
    for (close, rungs) in events.iter_mut().filter(|(close, _)| within(close)) {
        rungs.sort();
        let morning = Timestamp::parse(&format!("{}T12:00:00Z", close.utc_date())).unwrap();
        let level = mode(&set, rungs, morning);
        meetings += 1;
        right += u32::from(level == decided.get(&close.utc_date()).copied());
    }
    assert_eq!((right, meetings), (28, 28));
}

/// Year-on-year first prints in millionths of a percent, by the day of their release.
fn printed() -> BTreeMap<String, i64> {
    let facts = facts::read_facts(&root().join("data/facts/cpi_first_prints.csv")).unwrap();
    let prints = facts.into_iter().filter_map(|(at, fact)| match fact {
        Fact::CpiPrint { yoy: Some(yoy), .. } => Some((at.utc_date(), yoy.millionths())),
        _ => None,
    });
    prints.collect()
}

/// Every bid and ask by ticker; an empty side is 0 or 1 dollar.
fn quotes(set: &DataSet) -> BTreeMap<String, Vec<(Timestamp, u16, u16)>> {
    let settings = HistoricalSettings {
        data: std::slice::from_ref(set),
        facts: &[],
        window: Window { start: Timestamp::MIN, end: Timestamp::MAX },
        half_spread: None,
        lenient: false,
    };
    let mut feed = HistoricalFeed::open(&settings, |_| true).unwrap();
    let mut tickers = BTreeMap::new();
    let mut quotes: BTreeMap<_, Vec<_>> = BTreeMap::new();
    while let Next::Item(Stamped { at, value }) = feed.next(None).unwrap() {
        match value {
            Input::Market(MarketEvent::Listed(market)) => {
                tickers.insert(market.id, market.ticker.to_string());
            }
            Input::Market(MarketEvent::Quote { market, quote }) => {
                let (bid, ask) = (quote.bid.unwrap_or(Price::ZERO), quote.ask.unwrap_or(Price::ONE));
                quotes.entry(tickers[&market].clone()).or_default().push((at, bid.get(), ask.get()));
            }
            _ => {}
        }
    }
    quotes
}

/// Where a ladder's price passes ½, in percent, half a tenth up because the print is rounded: the market's
/// median before rounding. Strikes in percent and mids, the lowest strike first.
fn median(ladder: &[(f64, f64)]) -> Option<f64> {
    let steps = ladder.windows(2).map(|step| (step[0], step[1]));
    let mut passed = steps.filter(|&((_, low), (_, high))| low >= 0.5 && high < 0.5);
    let ((strike, low), (next, high)) = passed.next()?;
    Some(strike + (next - strike) * (low - 0.5) / (low - high) + 0.05)
}

/// The median over 35 releases of how far the market's median lay from the first print the day before,
/// 0.066 points: mids of quotes at most 30 cents wide, with an empty side as 0 or 1 dollar, known when that
/// day began. That is how the figure is reached; other readings of a ladder give 0.05 to 0.08.
#[test]
fn the_day_before_the_market_was_off_by_seven_hundredths_of_a_point() {
    let set = DataSet::open(&root().join("data/cpi")).unwrap();
    let quotes = quotes(&set);
    let mut events: BTreeMap<(String, String), Vec<(f64, f64)>> = BTreeMap::new();
    for row in catalogue::read_markets(&set.markets).unwrap() {
        let Strike::Greater(strike) = row.market.strike else {
            panic!("a rung that is not above something");
        };
        let Some(paid) = row.settlement else { continue };
        let day_before =
            Timestamp::parse(&format!("{}T12:00:00Z", paid.at.utc_date())).unwrap() + Span::DAY.times(-1);
        let known = quotes[&*row.market.ticker].iter().rfind(|(at, ..)| *at < day_before);
        let Some(&(_, bid, ask)) = known.filter(|(_, bid, ask)| ask - bid <= 3_000) else { continue };
        let ladder = events.entry((paid.at.utc_date(), row.market.event_ticker.to_string())).or_default();
        ladder.push((strike.millionths() as f64 / 1e6, f64::from(bid + ask) / 20_000.0));
    }
    let printed = printed();
    let mut errors = Vec::new();
    for ((day, event), mut ladder) in events {
        ladder.sort_by(|a, b| a.0.total_cmp(&b.0));
        let median = median(&ladder).unwrap_or_else(|| panic!("{event} never passes one half"));
        errors.push((median - printed[&day] as f64 / 1e6).abs());
    }
    errors.sort_by(f64::total_cmp);
    assert_eq!(errors.len(), 35);
    assert_eq!(format!("{:.3}", errors[17]), "0.066");
}

#[test]
fn the_embedded_data_is_clean_and_small() {
    let mut bytes = 0;
    for path in [
        "data/fomc",
        "data/cpi",
        "data/weather",
        "data/rules/partial_fill",
        "data/rules/inversion_and_scalar",
    ] {
        let found = inspect::check_data(&root().join(path));
        assert_eq!(found.count, 0, "{:?}", found.problems);
        bytes += DataSet::open(&root().join(path))
            .unwrap()
            .file_paths()
            .map(|file| file.metadata().unwrap().len())
            .sum::<u64>();
    }
    for file in [
        "facts/fomc_decisions",
        "facts/fomc_calendar",
        "facts/cpi_first_prints",
        "facts/cpi_consensus",
        "facts/cpi_calendar",
        "facts/unemployment",
        "weather/forecasts",
        "weather/observed",
    ] {
        let path = root().join(format!("data/{file}.csv"));
        assert_eq!(inspect::check_data(&path).count, 0);
        bytes += path.metadata().unwrap().len();
    }
    assert!(bytes < 3_000_000, "{bytes} bytes");
}
