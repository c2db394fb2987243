//! What the desk is told when a report differs from the one before.

use super::*;
use crate::domain::Money;
use crate::kalshi::schema::decode_json;

fn reported_market() -> wire::ApiMarket {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/kalshi/market_get.json");
    let wire::OneMarket { market } = decode_json("market", &std::fs::read(file).unwrap()).unwrap();
    market
}

fn series(fees: FeeSchedule) -> SeriesFacts {
    SeriesFacts { ticker: "KXHIGHNY".into(), category: "Climate".into(), fees }
}

#[test]
fn other_fees_are_another_definition_of_the_market() {
    let market = reported_market();
    let now = market.open_time + Span::DAY;
    let with = |fees| [(market.clone(), series(fees))];
    let listings = |watch: &mut MarketTracker| -> Vec<FeeSchedule> {
        let listed = |event| match event {
            MarketEvent::Listed(market) => Some(market.fees),
            _ => None,
        };
        watch.take_events(now).into_iter().filter_map(listed).collect()
    };
    let half = FeeSchedule { multiplier_ppm: 500_000, ..FeeSchedule::STANDARD };
    let mut watch = MarketTracker::new(MarketScope::default(), None);
    let mut told = Vec::new();
    for fees in [FeeSchedule::STANDARD, FeeSchedule::STANDARD, half, half] {
        watch.apply_market_reports(&with(fees), now).unwrap();
        told.push(listings(&mut watch));
    }
    assert_eq!(told, [vec![FeeSchedule::STANDARD], vec![], vec![half], vec![]]);
}

/// A change that comes while the book is stale is not told, so the same prices have to be told when the book is back.
#[test]
fn after_a_gap_the_same_prices_are_told_again() {
    let market = reported_market();
    let now = market.open_time + Span::DAY;
    let ticker = market.ticker.clone();
    let series = series(FeeSchedule::STANDARD);
    let mut watch = MarketTracker::new(MarketScope::default(), None);
    watch.apply_market_reports(&[(market, series)], now).unwrap();
    let top = Top {
        bid: Some(Price::new(4_000).unwrap()),
        bid_size: Some(Contracts::whole(10)),
        ask: Some(Price::new(4_200).unwrap()),
        ask_size: Some(Contracts::whole(20)),
    };
    let quotes = |watch: &mut MarketTracker| -> Vec<Option<Price>> {
        let quote = |event| match event {
            MarketEvent::Quote { quote, .. } => Some(quote.bid),
            MarketEvent::Gap { .. } => Some(None),
            _ => None,
        };
        watch.take_events(now).into_iter().filter_map(quote).collect()
    };
    watch.update_best_prices(&ticker, top);
    assert_eq!(quotes(&mut watch), [top.bid]);
    watch.update_best_prices(&ticker, top);
    assert_eq!(quotes(&mut watch), [], "nothing has changed");
    watch.mark_book_stale(&ticker);
    watch.update_depth(&ticker, Arc::default(), true);
    assert_eq!(quotes(&mut watch), [None], "a gap, and no quote of a stale book");
    watch.update_depth(&ticker, Arc::default(), true);
    assert_eq!(quotes(&mut watch), []);
    watch.update_best_prices(&ticker, top);
    assert_eq!(quotes(&mut watch), [top.bid]);
}

#[test]
fn a_market_outside_a_narrowed_scope_is_still_paid_out() {
    let mut market = reported_market();
    let now = market.open_time + Span::DAY;
    let series = series(FeeSchedule::STANDARD);
    let mut watch = MarketTracker::new(MarketScope::default(), None);
    watch.apply_market_reports(&[(market.clone(), series.clone())], now).unwrap();
    watch.take_events(now);
    watch.scope = MarketScope { series: vec!["KXCPI".into()], ..MarketScope::default() };
    market.status = wire::ApiMarketStatus::Finalized;
    market.result = Some(MarketResult::Yes);
    market.settlement_value = Some(Money::parse("1").unwrap());
    watch.apply_market_reports(&[(market.clone(), series.clone())], now).unwrap();
    let told = watch.take_events(now);
    assert!(told.contains(&MarketEvent::Settled { market: MarketId(0), value: Price::ONE }), "{told:?}");

    // A new market there is none of ours.
    let mut watch = MarketTracker::new(watch.scope, None);
    market.status = wire::ApiMarketStatus::Active;
    watch.apply_market_reports(&[(market, series)], now).unwrap();
    assert_eq!(watch.take_events(now), []);
}
