//! What our books become while nobody watched, against figures worked out by hand.

use super::*;
use crate::domain::{Action, Price, SettlementValue, Side, TimeInForce};
use crate::event::{CloseReason, Fill, RejectReason};

const MARKET: MarketId = MarketId(0);
const SALE: OrderId = OrderId(1);

fn dollars(text: &str) -> Money {
    Money::parse(text).unwrap()
}

/// Ten contracts of YES, all of them for sale, and $100 in cash.
fn selling() -> OwnBooks {
    let order = Order {
        id: SALE,
        market: MARKET,
        side: Side::Yes,
        action: Action::Sell,
        contracts: Contracts::whole(10),
        limit: Price::new(5_000).unwrap(),
        time_in_force: TimeInForce::Ioc,
    };
    OwnBooks {
        cash: dollars("100"),
        positions: BTreeMap::from([(MARKET, (Side::Yes, order.contracts))]),
        open: BTreeMap::from([(SALE, OwnOrder { order, left: order.contracts, reserved: Money::ZERO })]),
        settled: BTreeMap::new(),
        set_aside: BTreeSet::new(),
    }
}

fn sold(contracts: i64) -> Input {
    Input::Venue(VenueEvent::Filled(Fill {
        order: SALE,
        trade: 7,
        price: Price::new(6_000).unwrap(),
        contracts: Contracts::whole(contracts),
        fee: dollars("0.07"),
        taker: true,
    }))
}

fn paid_out(value: SettlementValue) -> Input {
    Input::Market(MarketEvent::Settled { market: MARKET, value })
}

fn ended() -> [Input; 2] {
    let reason = CloseReason::NothingOnOffer;
    [
        Input::Venue(VenueEvent::Closed { order: SALE, reason }),
        Input::Venue(VenueEvent::Rejected { order: SALE, reason: RejectReason::NeverSent }),
    ]
}

/// Applies the inputs; the cash and the contracts held afterwards.
fn after(inputs: &[Input]) -> (Money, Contracts) {
    let mut books = selling();
    inputs.iter().for_each(|input| books.apply_input(input));
    (books.cash, books.positions.get(&MARKET).map_or(Contracts::ZERO, |(_, held)| *held))
}

#[test]
fn a_payout_waits_for_the_end_of_a_sale_and_is_booked_then() {
    for end in ended() {
        // 4 sold at $0.60 for a fee of $0.07, 6 paid out at $1: 100 + 2.40 − 0.07 + 6
        for inputs in [
            [sold(4), paid_out(SettlementValue::ONE), end.clone()],
            [paid_out(SettlementValue::ONE), sold(4), end.clone()],
            [sold(4), end.clone(), paid_out(SettlementValue::ONE)],
        ] {
            assert_eq!(after(&inputs), (dollars("108.33"), Contracts::ZERO), "{inputs:?}");
        }
        // Nothing was sold, and YES paid nothing.
        assert_eq!(after(&[paid_out(SettlementValue::ZERO), end]), (dollars("100"), Contracts::ZERO));
    }
    let open = [paid_out(SettlementValue::ONE), sold(4)];
    assert_eq!(after(&open), (dollars("102.33"), Contracts::whole(6)), "the sale may still go on");
    let whole = [paid_out(SettlementValue::ONE), sold(10)];
    assert_eq!(after(&whole), (dollars("105.93"), Contracts::ZERO), "nothing was left to pay out");
}

#[test]
fn a_part_of_the_dollar_is_paid_exactly_and_the_account_may_lack_its_cent() {
    let third = SettlementValue::parse_dollars("0.333333").unwrap();
    let reason = CloseReason::NothingOnOffer;
    let end = Input::Venue(VenueEvent::Closed { order: SALE, reason });
    let missing = |value, available: &str| {
        let mut books = selling();
        [end.clone(), paid_out(value)].iter().for_each(|input| books.apply_input(input));
        let account = ExchangeAccount { available: dollars(available), ..ExchangeAccount::default() };
        let mut findings = AccountFindings::default();
        compare_cash(&books, Money::ZERO, &account, Some(Money::ZERO), &mut findings);
        (books.cash, findings.unexplained.len())
    };
    // 100 + 10 × 0.333333, of which the exchange pays 3.33.
    assert_eq!(missing(third, "103.33"), (dollars("103.33333"), 0));
    assert_eq!(missing(third, "103.323329"), (dollars("103.33333"), 1), "more than a cent is missing");
    assert_eq!(missing(SettlementValue::ONE, "110"), (dollars("110"), 0));
    assert_eq!(
        missing(SettlementValue::ONE, "109.999999"),
        (dollars("110"), 1),
        "a whole dollar is paid whole"
    );
}
