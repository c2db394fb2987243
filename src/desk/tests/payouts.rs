//! What a settlement of six decimals pays, on either side, to the millionth of a dollar.

use super::*;

/// A desk that holds contracts of market 0, bought at their price with an order of its own.
fn holding_market_0(side: Side, contracts: Contracts) -> (Bench, Money) {
    let belief = if side == Side::Yes { 700_000 } else { 300_000 };
    let mut bench = Bench::new(open_settings(), &[(0, belief)]);
    let (bid, ask) = if side == Side::Yes { (38, 40) } else { (60, 62) };
    bench.quote(0, bid, ask);
    let order = bench.order();
    assert_eq!((order.side, order.limit), (side, price(40)));
    bench.venue(VenueEvent::Filled(Fill {
        order: order.id,
        trade: 1,
        price: order.limit,
        contracts,
        fee: Money::ZERO,
        taker: true,
    }));
    bench.venue(VenueEvent::Closed { order: order.id, reason: CloseReason::NothingOnOffer });
    let cash = bench.desk.cash_ledger().total_cash();
    (bench, cash)
}

/// What the settlement of market 0 adds to the cash, and the profit of the trade.
fn paid_at(value: &str, side: Side, contracts: Contracts) -> (Money, Money) {
    let (mut bench, before) = holding_market_0(side, contracts);
    let value = SettlementValue::parse_dollars(value).unwrap();
    bench.step(Input::Market(MarketEvent::Settled { market: MarketId(0), value }));
    let settled = bench.out.records.iter().find_map(|record| match record {
        Record::Settled(settled) => Some(settled.value),
        _ => None,
    });
    assert_eq!(settled, Some(value));
    let trade = bench.out.records.iter().find_map(|record| match record {
        Record::Trade(trade) => Some(trade.pnl),
        _ => None,
    });
    assert!(bench.desk.positions().get(MarketId(0)).is_none());
    (bench.desk.cash_ledger().total_cash() - before, trade.unwrap())
}

#[test]
fn whole_contracts_are_paid_exactly_on_both_sides() {
    let three = Contracts::whole(3);
    // 3 × 0.333333 = 0.999999, bought for 1.20; 3 × 0.666667 = 2.000001.
    assert_eq!(paid_at("0.333333", Side::Yes, three), (dollars("0.999999"), dollars("-0.200001")));
    assert_eq!(paid_at("0.333333", Side::No, three), (dollars("2.000001"), dollars("0.800001")));
    // What has four decimals is paid as ever.
    assert_eq!(paid_at("0.3333", Side::Yes, three), (dollars("0.9999"), dollars("-0.2001")));
}

#[test]
fn parts_of_a_contract_are_paid_rounded_down_on_both_sides() {
    let contracts = Contracts::from_hundredths(37);
    // 0.37 × 0.333333 = 0.12333321 and 0.37 × 0.666667 = 0.24666679, bought for 0.148.
    assert_eq!(paid_at("0.333333", Side::Yes, contracts), (dollars("0.123333"), dollars("-0.024667")));
    assert_eq!(paid_at("0.333333", Side::No, contracts), (dollars("0.246666"), dollars("0.098666")));
}
