//! What the desk is told when a report differs from the one before.

use super::*;
use crate::kalshi::schema::decode;

#[test]
fn other_fees_are_another_definition_of_the_market() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/kalshi/market_get.json");
    let wire::OneMarket { market } = decode("market", &std::fs::read(file).unwrap()).unwrap();
    let now = market.open_time + Span::DAY;
    let with = |fees| {
        let series = SeriesFacts { ticker: "KXHIGHNY".into(), category: "Climate".into(), fees };
        [(market.clone(), series)]
    };
    let listings = |watch: &mut MarketTracker| -> Vec<FeeSchedule> {
        let listed = |event| match event {
            MarketEvent::Listed(market) => Some(market.fees),
            _ => None,
        };
        watch.take(now).into_iter().filter_map(listed).collect()
    };
    let half = FeeSchedule { multiplier_ppm: 500_000, ..FeeSchedule::STANDARD };
    let mut watch = MarketTracker::new(MarketScope::default(), None);
    let mut told = Vec::new();
    for fees in [FeeSchedule::STANDARD, FeeSchedule::STANDARD, half, half] {
        watch.reported(&with(fees), now).unwrap();
        told.push(listings(&mut watch));
    }
    assert_eq!(told, [vec![FeeSchedule::STANDARD], vec![], vec![half], vec![]]);
}
