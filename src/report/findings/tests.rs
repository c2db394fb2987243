//! Findings of a handful of trades, against figures worked out by hand.

use super::gather::Evaluations;
use super::mark_outs::mark_outs;
use super::money::Results;
use super::price_watch::PriceWatch;
use super::refusals::Refusals;
use super::risk_effect::{Prevented, replay_all_kill_rules};
use super::*;
use crate::desk::decision::ExitReason;
use crate::desk::risk::Refusal;
use crate::domain::{
    Action, Contracts, Money, OrderId, Price, Probability, SettlementValue, Side, Span, StrategyId,
};
use crate::journal::encode::{FIRST_REFUSAL, RecordedEvaluation};
use crate::journal::reader::{EquityRow, FillRow, LedgerTradeRow, OrderRow, RunRow};

const US: StrategyId = StrategyId(0);

fn minutes(count: i64) -> Timestamp {
    Timestamp::from_nanos(Span::MINUTE.times(count).nanos())
}

fn market(number: usize, paid: Option<u16>) -> LedgerMarketRow {
    LedgerMarketRow {
        ticker: format!("M{number}"),
        event_ticker: format!("E{number}"),
        series_ticker: "S".into(),
        category: "C".into(),
        title: "?".into(),
        close_time: minutes(10_000),
        settled: paid.map(|paid| (minutes(10_000), Price::new(paid).unwrap().into())),
    }
}

fn dollars_of(value: f64) -> Money {
    Money::parse(&format!("{value:.6}")).unwrap()
}

fn ppm(share: f64) -> Probability {
    Probability::from_f64(share).unwrap()
}

/// Bought at a minute: market, side, price in cents, contracts.
fn bought(
    order: u64,
    at: i64,
    (market, side, cents, contracts): (usize, Side, u16, i64),
) -> (OrderRow, FillRow) {
    let (at, id) = (minutes(at), OrderId(order));
    let (limit, contracts) = (Price::new(cents * 100).unwrap(), Contracts::whole(contracts));
    let order = OrderRow {
        at,
        strategy: US,
        id,
        market,
        side,
        action: Action::Buy,
        limit,
        contracts,
        reason: format!("reason {order}"),
        filled: contracts,
        status: Some("filled".into()),
    };
    let fill = FillRow {
        at,
        order: id,
        market,
        side,
        action: Action::Buy,
        price: limit,
        contracts,
        fee: Money::ZERO,
    };
    (order, fill)
}

/// Closed at a minute: market, side, contracts, cost, proceeds and fees in dollars.
fn closed(
    (opened, at): (i64, i64),
    (market, side, contracts): (usize, Side, i64),
    (cost, proceeds, fees): (f64, f64, f64),
    exit_reason: ExitReason,
) -> LedgerTradeRow {
    LedgerTradeRow {
        strategy: US,
        market,
        side,
        opened_at: minutes(opened),
        closed_at: minutes(at),
        contracts: Contracts::whole(contracts),
        cost: dollars_of(cost),
        proceeds: dollars_of(proceeds),
        fees: dollars_of(fees),
        pnl: dollars_of(proceeds - cost - fees),
        exit_reason,
        belief: ppm(0.7),
        market_price: ppm(0.5),
    }
}

fn gathered(
    markets: Vec<LedgerMarketRow>,
    bought: Vec<(OrderRow, FillRow)>,
    trades: Vec<LedgerTradeRow>,
) -> Gathered {
    let (orders, fills): (Vec<_>, Vec<_>) = bought.into_iter().unzip();
    Gathered {
        run: RunRow {
            run_id: "r".into(),
            mode: "backtest".into(),
            scenario: "s".into(),
            version: "0".into(),
            seed: 7,
            started_at: None,
            finished_at: None,
            bankroll: dollars_of(1_000.0),
            ignore_halts: false,
            final_equity: None,
            digest: None,
        },
        data_files: Vec::new(),
        strategies: vec!["us".into()],
        event_of: (0..).take(markets.len()).collect(),
        watch: PriceWatch::for_fills(&fills, markets.len()),
        markets,
        orders,
        fills,
        trades,
        equity: Vec::new(),
        halts: Vec::new(),
        discrepancies: Vec::new(),
        forecasts: Vec::new(),
        refusals: Refusals::default(),
        verdicts: std::collections::BTreeMap::new(),
        evaluations: Evaluations::default(),
    }
}

fn near(found: f64, expected: f64) {
    assert!((found - expected).abs() < 1e-9, "{found}, expected {expected}");
}

#[test]
fn mark_outs_by_hand() {
    // 10 YES at 0.52 in market 0 and 30 NO at 0.40 in market 1, at minute 100
    let fills = vec![bought(1, 100, (0, Side::Yes, 52, 10)), bought(2, 100, (1, Side::No, 40, 30))];
    let mut run = gathered(vec![market(0, Some(10_000)), market(1, Some(0))], fills, Vec::new());
    for (market, at, price) in [
        (0, 99, 0.50),  // before the fill: what the mid was at it
        (1, 100, 0.62), // at the very moment
        (0, 101, 0.51), // a minute later to the second: still within 1 minute
        (0, 110, 0.55),
        (1, 130, 0.70), // later than 15 minutes, within the hour
        (0, 500, 0.90), // later than an hour
    ] {
        run.watch.record_price(market, minutes(at), ppm(price));
    }
    run.watch.finish_pending_lookups(&run.markets);
    let found = mark_outs(&run, |_| true, 7);
    let gain = |place: usize| found[place].gain.unwrap().value;
    let drift = |place: usize| found[place].drift.unwrap().value;
    // at the fill: 10 × (0.50 − 0.52) + 30 × ((1 − 0.62) − 0.40) = −0.2 − 0.6 over 40 contracts
    assert_eq!((found[0].after, found[0].fills), ("at the fill", 2));
    near(gain(0), -0.8 / 40.0);
    near(drift(0), 0.0);
    // 1 minute: only market 0 has a newer price: 0.51 − 0.52, and 0.51 − 0.50 since the fill
    assert_eq!(found[1].fills, 1);
    near(gain(1), -0.01);
    near(drift(1), 0.01);
    // 15 minutes: still only market 0, 0.55
    assert_eq!(found[2].fills, 1);
    near(gain(2), 0.03);
    // 1 hour: 10 × (0.55 − 0.52) + 30 × (0.30 − 0.40)
    assert_eq!(found[3].fills, 2);
    near(gain(3), (0.3 - 3.0) / 40.0);
    // 1 day: 10 × (0.90 − 0.52), and market 1 as before
    near(gain(4), (3.8 - 3.0) / 40.0);
    near(drift(4), (10.0 * 0.40 + 30.0 * (0.30 - 0.38)) / 40.0);
    // settlement: YES paid in market 0, NO in market 1
    assert_eq!(found[5].after, "settlement");
    near(gain(5), (10.0 * 0.48 + 30.0 * 0.60) / 40.0);
    assert_eq!(found[5].worse, Some(0.0));
}

#[test]
fn the_waterfall_by_hand() {
    // Market 0 paid YES. 100 bought at 0.52 when the mid was 0.50, 100 more at 0.62 when it was 0.60; sold at 0.80.
    let fills = vec![bought(1, 10, (0, Side::Yes, 52, 100)), bought(2, 20, (0, Side::Yes, 62, 100))];
    let trade = closed((10, 30), (0, Side::Yes, 200), (114.0, 160.0, 5.0), ExitReason::EdgeInverted);
    let mut run = gathered(vec![market(0, Some(10_000))], fills, vec![trade]);
    run.watch.record_price(0, minutes(9), ppm(0.50));
    run.watch.record_price(0, minutes(19), ppm(0.60));
    run.watch.finish_pending_lookups(&run.markets);
    let equity = |at, value: f64| EquityRow {
        at: minutes(at),
        exposure: Money::ZERO,
        equity: dollars_of(value),
        peak: dollars_of(value.max(1_000.0)),
    };
    run.equity = vec![equity(10, 990.0), equity(30, 1_041.0)];
    let results = Results::from_run(&run);
    let parts = results.waterfall;
    near(parts.gross, 200.0 * (1.0 - 0.55));
    near(parts.slippage, -(114.0 - 110.0));
    near(parts.early_exits, 160.0 - 200.0);
    near(parts.fees, -5.0);
    near(parts.realized, 41.0);
    near(parts.open, 0.0);
    near(results.pnl, 41.0);
    // the belief of 0.7 had promised 200 × 0.7 − 114 − 5
    near(parts.promised, 21.0);
    near(results.max_drawdown, 0.01);
}

#[test]
fn rules_stop_where_a_hand_says_so() {
    // Thirty-two losses of a dollar in a row, one event each: bought at minute 100 n, paid nothing 50 later.
    let mut markets: Vec<LedgerMarketRow> = (0..32).map(|number| market(number, Some(0))).collect();
    for (number, market) in (0..).zip(&mut markets) {
        market.settled = Some((minutes(100 * number + 50), SettlementValue::ZERO));
    }
    let lost = |number: i64| {
        let times = (100 * number, 100 * number + 50);
        closed(times, (usize::try_from(number).unwrap(), Side::Yes, 2), (1.0, 0.0, 0.0), ExitReason::Resolved)
    };
    let run = gathered(markets, Vec::new(), (0..32).map(lost).collect());
    let found = replay_all_kill_rules(&run, US);
    let of = |rule: &str| found.iter().find(|stop| stop.rule.starts_with(rule)).unwrap();
    // Win rate: at least ten closed, none won: at the tenth.
    let win_rate = of("win rate");
    assert_eq!((win_rate.losses, win_rate.later_trades), (10, 22));
    near(win_rate.later_pnl, -22.0);
    assert_eq!(win_rate.at, Some(minutes(950).nanos()));
    // Evidence: each loss is 0.5/0.3 times likelier under the market: (5/3)^6 = 21.4 is the first above 20.
    // The sixth settles and then closes at the same moment.
    let evidence = of("evidence");
    assert_eq!((evidence.at, evidence.losses), (Some(minutes(550).nanos()), 6));
    assert_eq!(of("both").at, evidence.at);
    assert_eq!((of("no rule").at, of("no rule").losses), (None, 32));
}

#[test]
fn refusals_are_followed_to_settlement() {
    let mut run = gathered(vec![market(0, Some(10_000)), market(1, Some(0))], Vec::new(), Vec::new());
    let refused = |market, belief: f64, edge| RecordedEvaluation {
        at: minutes(1),
        market,
        probability: ppm(belief),
        market_probability: Some(ppm(0.5)),
        assumed: false,
        net_edge_ppm: Some(edge),
        verdict: FIRST_REFUSAL + Refusal::MarketCap as u8,
        basis: 0,
    };
    // YES at 0.70 − 0.15 = 0.55 in market 0, which paid; NO at 0.8 − 0.25 = 0.55 in market 1, which paid, too
    run.refusals.record_refusal(&refused(0, 0.70, 150_000), US);
    run.refusals.record_refusal(&refused(1, 0.20, 250_000), US);
    // only the first refusal in a market is followed
    run.refusals.record_refusal(&refused(1, 0.90, 300_000), US);
    let found = Prevented::from_run(&run, 7);
    let gate = &found.gates[0];
    assert_eq!((gate.refusals, gate.markets, gate.settled), (3, 2, 2));
    near(gate.would_have_made.unwrap().value, 0.45);
}

#[test]
fn a_reason_is_that_of_the_order_that_opened() {
    let fills = vec![bought(1, 10, (0, Side::Yes, 50, 1)), bought(2, 20, (0, Side::Yes, 50, 1))];
    let trade = closed((10, 30), (0, Side::Yes, 2), (1.0, 2.0, 0.0), ExitReason::Resolved);
    let run = gathered(vec![market(0, None)], fills, vec![trade.clone()]);
    assert_eq!(run.opening_reason(&trade), "reason 1");
    assert_eq!(run.side_won(&trade), None, "the market is open");
    let found = Results::from_run(&run);
    assert_eq!(found.waterfall.unsettled, 1);
    near(found.waterfall.early_exits, 0.0);
}

#[test]
fn the_mark_agrees_with_the_answer_about_the_edge() {
    for (in_favour, against, profit, answer) in [
        (1.0, 1.0, 0.0, (Tone::Unknown, "Cannot tell")), // nothing has settled
        (19.9, 1.0 / 19.9, 500.0, (Tone::Unknown, "Cannot tell")),
        (20.0, 0.05, 500.0, (Tone::Good, "Yes")),
        (20.0, 0.05, -1.0, (Tone::Bad, "Not after costs")),
        (0.05, 20.0, 500.0, (Tone::Bad, "No")), // a profit against the evidence was luck
    ] {
        assert_eq!(answers::edge_verdict(in_favour, against, profit), answer, "{in_favour}, {profit}");
    }
}
