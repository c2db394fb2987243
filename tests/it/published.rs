//! Published facts about the embedded data, computed from it alone.

use std::collections::BTreeMap;

use protogen::domain::{Fact, Strike, Timestamp};
use protogen::feed::dataset::DataSet;
use protogen::feed::{catalogue, facts, inspect};

use crate::support::root;

/// Upper bound of the target range after each scheduled decision, by date.
fn decided() -> BTreeMap<String, i64> {
    let facts = facts::read(&root().join("data/facts/fomc_decisions.csv")).unwrap();
    let after = facts.into_iter().filter_map(|(at, fact)| match fact {
        Fact::FomcDecision { upper_after, .. } => Some((at.date(), upper_after.millionths())),
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
        let course = inspect::course(set, ticker).unwrap().unwrap().course;
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
        let date = close.date();
        *date >= *"2022-03-01" && *date <= *"2025-07-31"
    };
    let (mut right, mut meetings) = (0, 0);
    for (close, rungs) in events.iter_mut().filter(|(close, _)| within(close)) {
        rungs.sort();
        let morning = Timestamp::parse(&format!("{}T12:00:00Z", close.date())).unwrap();
        let level = mode(&set, rungs, morning);
        meetings += 1;
        right += u32::from(level == decided.get(&close.date()).copied());
    }
    assert_eq!((right, meetings), (28, 28));
}

#[test]
fn the_embedded_data_is_clean_and_small() {
    let mut bytes = 0;
    for path in ["data/fomc", "data/weather", "data/rules/partial_fill", "data/rules/inversion_and_scalar"] {
        let found = inspect::check(&root().join(path));
        assert_eq!(found.count, 0, "{:?}", found.problems);
        bytes += DataSet::open(&root().join(path))
            .unwrap()
            .files()
            .map(|file| file.metadata().unwrap().len())
            .sum::<u64>();
    }
    for file in [
        "facts/fomc_decisions",
        "facts/fomc_calendar",
        "facts/cpi_first_prints",
        "facts/unemployment",
        "weather/forecasts",
        "weather/observed",
    ] {
        let path = root().join(format!("data/{file}.csv"));
        assert_eq!(inspect::check(&path).count, 0);
        bytes += path.metadata().unwrap().len();
    }
    assert!(bytes < 3_000_000, "{bytes} bytes");
}
