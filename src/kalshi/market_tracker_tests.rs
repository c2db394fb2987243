//! What the desk is told when a report differs from the one before.

use super::*;
use crate::domain::{Money, Price, SettlementValue};
use crate::kalshi::schema::decode_json;
use crate::kalshi::wire::{ApiMarketStatus, MarketType};

fn reported_market() -> wire::ApiMarket {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/kalshi/market_get.json");
    let wire::OneMarket { market } = decode_json("market", &std::fs::read(file).unwrap()).unwrap();
    market
}

fn series(fees: FeeSchedule) -> SeriesFacts {
    SeriesFacts { ticker: "KXHIGHNY".into(), category: "Climate".into(), fees }
}

fn found<const N: usize>(reports: [MarketReport; N]) -> MarketReports {
    MarketReports { reports: reports.into(), ..MarketReports::default() }
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
        watch.apply_market_reports(&found(with(fees)), now);
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
    watch.apply_market_reports(&found([(market, series)]), now);
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
    watch.apply_market_reports(&found([(market.clone(), series.clone())]), now);
    watch.take_events(now);
    watch.filter =
        ScopeFilter::of_scope(MarketScope { series: vec!["KXCPI".into()], ..MarketScope::default() });
    market.status = ApiMarketStatus::Finalized;
    market.result = Some(MarketResult::Yes);
    market.settlement_money = Some(Money::parse("1").unwrap());
    watch.apply_market_reports(&found([(market.clone(), series.clone())]), now);
    assert_eq!(watch.take_unknown_tickers().len(), 1, "a second read has to confirm it");
    watch.apply_market_reports(&found([(market.clone(), series.clone())]), now);
    let told = watch.take_events(now);
    assert!(
        told.contains(&MarketEvent::Settled { market: MarketId(0), value: SettlementValue::ONE }),
        "{told:?}"
    );

    // A new market there is none of ours.
    let mut watch = MarketTracker::new(watch.filter.market_scope().clone(), None);
    market.status = ApiMarketStatus::Active;
    watch.apply_market_reports(&found([(market, series)]), now);
    assert_eq!(watch.take_events(now), []);
}

/// An event-driven picture of one market: reports, lifecycle messages, and what the desk is told of them.
struct Bench {
    watch: MarketTracker,
    market: wire::ApiMarket,
    series: SeriesFacts,
    now: Timestamp,
}

impl Bench {
    fn new() -> Self {
        let (market, series) = (reported_market(), series(FeeSchedule::STANDARD));
        let now = market.open_time;
        let scope = MarketScope { series: vec!["KXHIGHNY".into()], ..MarketScope::default() };
        let mut bench = Self { watch: MarketTracker::new(scope, None), market, series, now };
        bench.report();
        bench.watch.take_inputs(now);
        bench
    }

    fn report(&mut self) {
        let reports = found([(self.market.clone(), self.series.clone())]);
        self.watch.apply_market_reports(&reports, self.now);
    }

    /// What the desk is told now, without quotes.
    fn told(&mut self) -> Vec<Input> {
        let mut inputs = self.watch.take_inputs(self.now);
        inputs.retain(|input| !matches!(input, Input::Market(MarketEvent::Quote { .. })));
        inputs
    }

    fn turn(&mut self, turn: Turn) {
        let ticker = self.market.ticker.as_str().into();
        self.watch.apply_lifecycle_message(&Lifecycle { ticker, turn });
    }
}

fn is_set_aside(input: &Input, because: &str) -> bool {
    matches!(input, Input::Control(Control::SetAside { reason, .. }) if reason.contains(because))
}

#[test]
fn a_market_that_is_odd_is_set_aside_once_and_cleared_when_it_can_be_read() {
    let mut bench = Bench::new();
    let ticker: Arc<str> = bench.market.ticker.as_str().into();
    let odd = UnreadableMarket {
        ticker: Arc::clone(&ticker),
        reason: "status: unknown variant `suspended`".into(),
    };
    let odd = MarketReports { odd: vec![odd], ..MarketReports::default() };
    bench.watch.apply_market_reports(&odd, bench.now);
    let told = bench.told();
    assert!(told.len() == 1 && is_set_aside(&told[0], "suspended"), "{told:?}");
    bench.watch.apply_market_reports(&odd, bench.now);
    assert_eq!(bench.told(), [], "it is told once");
    bench.report();
    assert_eq!(bench.told(), [], "its pause is not over");
    bench.now = bench.now + Span::MINUTE;
    bench.watch.ask_for_set_aside(bench.now);
    assert_eq!(
        bench.watch.take_unknown_tickers(),
        BTreeSet::from([Arc::clone(&ticker)]),
        "it is looked at again"
    );
    bench.report();
    let cleared = Control::SetAsideCleared { ticker, market: Some(MarketId(0)) };
    assert_eq!(bench.told(), [Input::Control(cleared)]);
}

/// Its description could not be read before it opened, and then the exchange took it back.
#[test]
fn a_market_that_is_set_aside_and_not_there_any_more_is_cleared_unless_it_may_be_held() {
    let mut bench = Bench::new();
    let (listed, unlisted): (Arc<str>, Arc<str>) = (bench.market.ticker.as_str().into(), "B".into());
    for ticker in [&listed, &unlisted] {
        bench.watch.set_market_aside(ticker, "its event: 404".into(), bench.now);
    }
    bench.told();
    let gone = MarketReports { unknown: vec![listed, Arc::clone(&unlisted)], ..MarketReports::default() };
    bench.watch.apply_market_reports(&gone, bench.now);
    assert_eq!(bench.told(), [Input::Control(Control::SetAsideCleared { ticker: unlisted, market: None })]);
}

#[test]
fn what_no_strategy_can_price_is_never_listed() {
    for (why, change) in [
        ("scalar", (|market: &mut wire::ApiMarket| market.market_type = MarketType::Scalar) as fn(&mut _)),
        ("floor", |market| market.settlement_bounds_type = Some("floor".into())),
        ("floor_strike is missing", |market| market.floor_strike = None),
    ] {
        let mut bench = Bench::new();
        bench.market.ticker = "KXHIGHNY-26NOV20-T99".into();
        change(&mut bench.market);
        bench.report();
        let told = bench.told();
        assert!(told.len() == 1 && is_set_aside(&told[0], why), "{why}: {told:?}");
    }
}

#[test]
fn a_payout_that_is_not_known_is_waited_for_without_asking_again_and_again() {
    let mut bench = Bench::new();
    bench.turn(Turn::Determined { value: None });
    bench.turn(Turn::Settled);
    assert_eq!(bench.watch.take_unknown_tickers().len(), 1, "REST says what it paid");
    (bench.market.status, bench.market.result) = (ApiMarketStatus::Finalized, Some(MarketResult::Scalar));
    bench.told();
    bench.report();
    let told = bench.told();
    assert!(told.len() == 1 && is_set_aside(&told[0], "is none"), "{told:?}");
    assert!(bench.watch.take_unknown_tickers().is_empty());
    assert_eq!(bench.watch.unsettled_markets().count(), 1, "it stays in the books");
    bench.market.settlement_money = Some(Money::from_micros(333_333));
    bench.report();
    assert_eq!(bench.told(), []);
    assert_eq!(bench.watch.take_unknown_tickers().len(), 1, "a second read has to confirm it");
    bench.report();
    let told = bench.told();
    let value = SettlementValue::parse_dollars("0.333333").unwrap();
    let paid = MarketEvent::Settled { market: MarketId(0), value };
    assert!(matches!(&told[0], Input::Control(Control::SetAsideCleared { .. })), "{told:?}");
    assert_eq!(told[1..], [Input::Market(paid)]);
}

#[test]
fn a_payout_that_no_contract_can_have_is_waited_for() {
    for (result, told, reason) in [
        (MarketResult::Scalar, Some(1_000_001), "1.000001"),
        (MarketResult::Scalar, Some(-1), "-0.000001"),
        (MarketResult::Yes, Some(1_000_001), "1.000001"),
        (MarketResult::Scalar, None, "none"),
    ] {
        let mut bench = Bench::new();
        bench.told();
        (bench.market.status, bench.market.result) = (ApiMarketStatus::Finalized, Some(result));
        bench.market.settlement_money = told.map(Money::from_micros);
        bench.report();
        let heard = bench.told();
        assert!(heard.len() == 1 && is_set_aside(&heard[0], reason), "{heard:?}");
    }
}

#[test]
fn a_result_of_the_stream_is_booked_once_a_read_confirms_it() {
    let mut bench = Bench::new();
    let value = SettlementValue::parse_dollars("0.333333").unwrap();
    bench.turn(Turn::Determined { value: Some(value) });
    bench.turn(Turn::Settled);
    bench.told();
    assert_eq!(bench.watch.take_unknown_tickers().len(), 1);
    (bench.market.status, bench.market.result) = (ApiMarketStatus::Finalized, Some(MarketResult::Scalar));
    bench.market.settlement_money = Some(Money::from_micros(333_333));
    bench.report();
    assert_eq!(bench.told(), [Input::Market(MarketEvent::Settled { market: MarketId(0), value })]);
}

#[test]
fn reports_of_a_result_that_differ_move_no_money_until_two_agree() {
    let mut bench = Bench::new();
    bench.turn(Turn::Determined { value: Some(SettlementValue::ONE) });
    bench.turn(Turn::Settled);
    bench.told();
    bench.watch.take_unknown_tickers();
    (bench.market.status, bench.market.result) = (ApiMarketStatus::Finalized, Some(MarketResult::No));
    bench.market.settlement_money = Some(Money::ZERO);
    bench.report();
    let told = bench.told();
    assert!(told.len() == 1 && is_set_aside(&told[0], "differ: first 1.00, then 0.00"), "{told:?}");
    assert!(bench.watch.take_unknown_tickers().is_empty(), "it is looked at again after a while");
    bench.report();
    let paid = MarketEvent::Settled { market: MarketId(0), value: SettlementValue::ZERO };
    assert_eq!(bench.told().last(), Some(&Input::Market(paid)));
}

#[test]
fn one_answer_that_a_market_is_over_is_forgotten_when_it_trades() {
    let mut bench = Bench::new();
    let open = bench.market.clone();
    (bench.market.status, bench.market.result) = (ApiMarketStatus::Finalized, Some(MarketResult::Yes));
    bench.market.settlement_money = Some(Money::DOLLAR);
    bench.report();
    let finalized = std::mem::replace(&mut bench.market, open);
    bench.report();
    bench.market = finalized;
    bench.report();
    let told = bench.told();
    assert!(
        !told.iter().any(|input| matches!(input, Input::Market(MarketEvent::Settled { .. }))),
        "{told:?}"
    );
}

#[test]
fn markets_out_of_scope_are_not_asked_for() {
    let mut bench = Bench::new();
    let mut asked = |ticker: &str, turn: Turn| {
        bench.watch.apply_lifecycle_message(&Lifecycle { ticker: ticker.into(), turn });
        !bench.watch.take_unknown_tickers().is_empty()
    };
    let created = |event: &str| Turn::Created { event: Some(event.into()) };
    assert!(asked("KXHIGHNY-26NOV22-T55", created("KXHIGHNY-26NOV22")));
    assert!(asked("KXHIGHNY-26NOV22-T55", Turn::Created { event: None }), "by the name of the market");
    assert!(asked("KXHIGHNY-26NOV22-T55", Turn::Activated));
    assert!(!asked("KXNBAGAME-26OCT21LALGSW-LAL", created("KXNBAGAME-26OCT21LALGSW")));
    assert!(
        !asked("KXHIGHNYC-26NOV22-T55", created("KXHIGHNYC-26NOV22")),
        "the whole name of the series counts"
    );
    assert!(!asked("KXNBAGAME-26OCT21LALGSW-LAL", Turn::Activated));
    assert!(!asked("KXHIGHNY-26NOV22-T55", Turn::Redefined), "of a market that is not known");
    assert!(!asked("CENTRALPARK-26NOV22-T55", created("CENTRALPARK-26NOV22")));
    bench.watch.note_event(&EventLifecycle {
        event_ticker: "CENTRALPARK-26NOV22".into(),
        series_ticker: "KXHIGHNY".into(),
    });
    let created = Turn::Created { event: Some("CENTRALPARK-26NOV22".into()) };
    bench
        .watch
        .apply_lifecycle_message(&Lifecycle { ticker: "CENTRALPARK-26NOV22-T55".into(), turn: created });
    assert_eq!(bench.watch.take_unknown_tickers().len(), 1, "the stream said whose event it is");
}

/// A result that was disputed may have been replaced while nothing was heard.
#[test]
fn after_a_silence_what_a_market_paid_is_read_again() {
    let mut bench = Bench::new();
    bench.turn(Turn::Determined { value: Some(SettlementValue::ONE) });
    bench.watch.forget_determinations();
    bench.told();
    bench.turn(Turn::Settled);
    assert_eq!(bench.told(), [], "the result that was heard may not hold");
    assert_eq!(bench.watch.take_unknown_tickers().len(), 1, "REST says what it paid");
    (bench.market.status, bench.market.result) = (ApiMarketStatus::Finalized, Some(MarketResult::No));
    bench.market.settlement_money = Some(Money::ZERO);
    for read in 1..=2 {
        bench.report();
        let paid = Input::Market(MarketEvent::Settled { market: MarketId(0), value: SettlementValue::ZERO });
        assert_eq!(bench.told().contains(&paid), read == 2);
    }
}
