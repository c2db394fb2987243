//! What the exchange claims and cannot be: the books stay as they were, the desk is halted, nothing panics.

use super::*;

/// A desk that holds ten YES of market 0 at 40 cents, bought with one of its orders, which is still open.
fn holding_ten() -> (Bench, Order) {
    let mut bench = Bench::new(open_settings(), &[(0, 600_000), (2, 600_000)]);
    bench.quote(0, 38, 40);
    let order = bench.order();
    bench.fill(order, 10);
    (bench, order)
}

fn claim(order: OrderId, trade: u64, contracts: Contracts, fee: Money) -> VenueEvent {
    VenueEvent::Filled(Fill { order, trade, price: price(40), contracts, fee, taker: true })
}

fn books(bench: &Bench) -> (Money, Money, Money, Contracts) {
    let desk = &bench.desk;
    let held = desk.positions().get(MarketId(0)).map_or(Contracts::ZERO, |held| held.contracts);
    (desk.cash_ledger().free_cash(), desk.cash_ledger().total_cash(), desk.risk().exposure.total(), held)
}

#[test]
fn a_fill_that_cannot_be_is_not_booked_and_halts() {
    let most = Money::from_micros(i64::MAX);
    let (ten, rest) = (Contracts::whole(10), Contracts::whole(whole(holding_ten().1) - 10));
    let claims = [
        // It would end the order, with less than nothing at stake.
        ("a negative fee", rest, dollars("-1000")),
        ("a fee beyond all money", ten, most),
        ("a fee below all money", ten, Money::ZERO - most),
        ("a fee beyond a billion", ten, dollars("1000000000.000001")),
        ("no contracts", Contracts::ZERO, Money::ZERO),
        ("fewer than no contracts", Contracts::whole(-10), Money::ZERO),
        ("more contracts than there are", Contracts::from_hundredths(i64::MAX), Money::ZERO),
    ];
    for (what, contracts, fee) in claims {
        let (mut bench, order) = holding_ten();
        let before = books(&bench);
        bench.venue(claim(order.id, 77, contracts, fee));
        assert_eq!(books(&bench), before, "{what}");
        assert!(matches!(bench.out.records[0], Record::Discrepancy(_)), "{what}: {:?}", bench.out.records);
        assert!(bench.desk.risk().halted_itself(), "{what}");
        bench.quote(2, 38, 40);
        assert_eq!(bench.refusal(), Refusal::TradingHalted, "{what}");
    }
}

/// Versions before booked a negative fee if other positions were at stake beside it, so ledgers hold it.
#[test]
fn a_desk_with_less_than_nothing_at_stake_goes_on_and_opens_nothing() {
    let (mut bench, order) = holding_ten();
    bench.venue(claim(order.id, 77, Contracts::whole(10), dollars("-1000")));
    assert!(!bench.desk.risk().halted_itself(), "written down, as it was then");
    bench.venue(VenueEvent::Closed { order: order.id, reason: CloseReason::NothingOnOffer });
    assert!(bench.desk.risk().exposure.total() < dollars("-990"));
    bench.quote(2, 38, 40);
    assert_eq!(bench.refusal(), Refusal::CannotSize);
    bench.settle(0, 10_000);
    assert_eq!(bench.desk.risk().exposure.total(), Money::ZERO);
    bench.quote(2, 38, 40);
    bench.order();
}

#[test]
fn the_true_fill_is_booked_after_a_claim_that_was_not() {
    let (mut bench, order) = holding_ten();
    bench.venue(claim(order.id, 77, Contracts::whole(10), dollars("2000000000")));
    bench.venue(claim(order.id, 77, Contracts::whole(10), dollars("0.168")));
    assert_eq!(bench.desk.positions().get(MarketId(0)).unwrap().contracts, Contracts::whole(20));
}

/// A fee a million times too high was booked by versions before, so ledgers hold it: 0.168 becomes $168,000. The desk is
/// halted with less than nothing, and goes on to close what it holds.
#[test]
fn a_desk_with_less_than_nothing_closes_its_positions() {
    let (mut bench, order) = holding_ten();
    bench.venue(claim(order.id, 77, Contracts::whole(10), dollars("168000")));
    bench.venue(VenueEvent::Closed { order: order.id, reason: CloseReason::NothingOnOffer });
    assert!(bench.desk.cash_ledger().free_cash() < dollars("-158000") && bench.desk.risk().halted_itself());
    bench.hours = 45 * 24;
    bench.quote(0, 38, 40);
    let exit = bench.order();
    assert_eq!((exit.action, exit.contracts), (Action::Sell, Contracts::whole(20)));
    bench.fill(exit, 20);
    assert_eq!(bench.desk.positions().iter().count(), 0);
    bench.quote(2, 38, 40);
    assert_eq!(bench.refusal(), Refusal::TradingHalted);
    bench.step(Input::Control(Control::Resume { strategy: None, reason: "explained".into() }));
    bench.quote(2, 38, 40);
    assert!(bench.out.commands.is_empty(), "nothing is bought on credit: {:?}", bench.out.commands);
}

#[test]
fn who_halted_is_remembered_when_the_owner_halts_too() {
    let halt = |reason: &str| Input::Control(Control::Halt { reason: reason.into() });
    let mut bench = Bench::new(open_settings(), &[]);
    bench.step(halt("holiday"));
    assert!(!bench.desk.risk().halted_itself());
    bench.step(Input::Control(Control::SessionHalt { reason: "an answer that is not documented".into() }));
    bench.step(halt("storm"));
    assert!(bench.desk.risk().halted_itself());
    assert_eq!(bench.desk.risk().trading_halted(), Some("storm"));
    bench.step(Input::Control(Control::Resume { strategy: None, reason: "looked".into() }));
    bench.step(halt("holiday"));
    assert!(!bench.desk.risk().halted_itself(), "what was lifted is over");
}
