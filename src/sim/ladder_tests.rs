//! Orders walking a book: one case by hand, and any case against sums made here.

use std::sync::Arc;

use proptest::prelude::*;

use crate::domain::{
    Action, Contracts, Depth, EventId, FeeRounding, FeeSchedule, Fraction, Level, Market, MarketId, Order,
    OrderId, Price, PriceGrid, Quote, SeriesId, Side, Span, Strike, TimeInForce, Timestamp,
};
use crate::engine::gateway::Venue;
use crate::event::{CloseReason, Command, Fill, Input, MarketEvent, Stamped, VenueEvent};

use super::{FillModel, LatencyModel, SimExchange, SimSettings};

const START: Timestamp = Timestamp::from_nanos(0);

fn cents(cents: u16) -> Price {
    Price::new(cents * 100).unwrap()
}

fn levels(list: &[(u16, i64)]) -> Vec<Level> {
    let level = |&(price, size)| Level { price: cents(price), size: Contracts::whole(size) };
    list.iter().map(level).collect()
}

fn exchange(fill: FillModel, participation: u32) -> SimExchange {
    let mut exchange = SimExchange::new(SimSettings {
        fill,
        latency: LatencyModel::Fixed(Span::ZERO),
        participation: Fraction::from_ppm(participation).unwrap(),
        fee_rounding: FeeRounding::Centicent,
        seed: 7,
    });
    let market = Market {
        id: MarketId(0),
        event: EventId(0),
        series: SeriesId(0),
        ticker: "M".into(),
        event_ticker: "E".into(),
        series_ticker: "S".into(),
        category: "C".into(),
        title: "".into(),
        strike: Strike::Other,
        open_time: START,
        close_time: Timestamp::MAX,
        grid: PriceGrid::whole_cents(),
        fees: FeeSchedule::STANDARD,
    };
    see(&mut exchange, MarketEvent::Listed(Arc::new(market)));
    exchange
}

fn see(exchange: &mut SimExchange, event: MarketEvent) {
    exchange.observe(&Stamped { at: START, value: Input::Market(event) });
}

/// Tells a snapshot: levels best first; the further ones only if the data have columns for them.
fn snapshot(exchange: &mut SimExchange, bids: &[Level], asks: &[Level], with_depth: bool) {
    let market = MarketId(0);
    if with_depth {
        let depth = Depth { bids: bids[1..].to_vec(), asks: asks[1..].to_vec() };
        see(exchange, MarketEvent::Depth { market, depth: Arc::new(depth) });
    }
    let quote = Quote {
        bid: Some(bids[0].price),
        bid_size: Some(bids[0].size),
        ask: Some(asks[0].price),
        ask_size: Some(asks[0].size),
        ..Quote::default()
    };
    see(exchange, MarketEvent::Quote { market, quote });
}

fn order(number: u64, side: Side, action: Action, limit: Price, count: i64) -> Order {
    Order {
        id: OrderId(number),
        market: MarketId(0),
        side,
        action,
        contracts: Contracts::whole(count),
        limit,
        time_in_force: TimeInForce::Ioc,
    }
}

/// Sends an order; its fills, and what the exchange said last.
fn send(exchange: &mut SimExchange, order: Order) -> (Vec<Fill>, VenueEvent) {
    exchange.submit(START, &Command::Submit(order)).unwrap();
    let (mut fills, mut last) = (Vec::new(), None);
    while let Some(Stamped { value: Input::Venue(event), .. }) = exchange.take_due_answer() {
        if let VenueEvent::Filled(fill) = event {
            fills.push(fill);
        }
        last = Some(event);
    }
    (fills, last.unwrap())
}

/// Price in cents, whole contracts, fee.
fn seen(fills: &[Fill]) -> Vec<(u16, i64, String)> {
    let fill =
        |fill: &Fill| (fill.price.get() / 100, fill.contracts.hundredths() / 100, fill.fee.to_string());
    fills.iter().map(fill).collect()
}

#[test]
fn an_order_walks_the_levels_within_its_limit() {
    let mut exchange = exchange(FillModel::Book, 500_000);
    let (bids, asks) = (levels(&[(40, 100), (38, 30)]), levels(&[(42, 20), (43, 61), (45, 40), (47, 500)]));
    snapshot(&mut exchange, &bids, &asks, true);
    // Half of what is shown: 10 at 42, 30 (of 30.5) at 43, 20 at 45; 47 is beyond the limit.
    // Fees: ceil to 0.0001 of 0.07 C P (1 − P): 10 × .42 × .58 × .07 = 0.17052, 30 × .43 × .57 × .07 = 0.51471,
    // 5 × .45 × .55 × .07 = 0.086625.
    let (fills, last) = send(&mut exchange, order(1, Side::Yes, Action::Buy, cents(46), 45));
    let expected = [(42, 10, "0.1706"), (43, 30, "0.5148"), (45, 5, "0.0867")];
    assert_eq!(seen(&fills), expected.map(|(price, count, fee)| (price, count, fee.to_owned())));
    assert!(fills.iter().all(|fill| fill.taker) && matches!(last, VenueEvent::Filled(_)));
    // What was taken is gone: 15 are left at 45. The rest of this order finds nothing.
    let (fills, last) = send(&mut exchange, order(2, Side::Yes, Action::Buy, cents(46), 100));
    assert_eq!(seen(&fills)[0].1, 15);
    assert_eq!(last, VenueEvent::Closed { order: OrderId(2), reason: CloseReason::NothingOnOffer });
    // NO is bought from the YES bids: 50 at 1 − 0.40, 15 at 1 − 0.38.
    let (fills, _) = send(&mut exchange, order(3, Side::No, Action::Buy, cents(62), 100));
    assert_eq!(fills.iter().map(|fill| fill.price).collect::<Vec<_>>(), [cents(60), cents(62)]);
    assert_eq!(fills.iter().map(|fill| fill.contracts.hundredths()).sum::<i64>(), 6_500);
    // The next snapshot fills it up again; YES is sold into the bids, the best first.
    snapshot(&mut exchange, &bids, &asks, true);
    let (fills, _) = send(&mut exchange, order(4, Side::Yes, Action::Sell, cents(38), 60));
    assert_eq!(fills.iter().map(|fill| fill.price).collect::<Vec<_>>(), [cents(40), cents(38)]);
    assert_eq!(fills.iter().map(|fill| fill.contracts.hundredths() / 100).collect::<Vec<_>>(), [50, 10]);
}

#[test]
fn a_resting_order_gets_its_share_of_the_best_level() {
    let mut exchange = exchange(FillModel::Book, 250_000);
    let bids = levels(&[(30, 10)]);
    snapshot(&mut exchange, &bids, &levels(&[(42, 80), (43, 80)]), true);
    let rests = Order { time_in_force: TimeInForce::Gtc, ..order(1, Side::Yes, Action::Buy, cents(41), 50) };
    assert!(send(&mut exchange, rests).0.is_empty());
    snapshot(&mut exchange, &bids, &levels(&[(39, 80), (40, 80)]), true);
    let Some(Stamped { value: Input::Venue(VenueEvent::Filled(fill)), .. }) = exchange.take_due_answer()
    else {
        panic!("the ask went below its limit");
    };
    // A quarter of 80, at its own limit, as a maker.
    assert_eq!((fill.price, fill.contracts, fill.taker), (cents(41), Contracts::whole(20), false));
}

/// A book of up to ten levels a side around a spread: gaps in cents and sizes.
fn sides() -> impl Strategy<Value = (Vec<Level>, Vec<Level>)> {
    let side = || prop::collection::vec((1u16..4, 0i64..200), 1..=10);
    (45u16..=50, 1u16..4, side(), side()).prop_map(|(bid, spread, below, above)| {
        let ladder = |best: u16, list: &[(u16, i64)], up: bool| {
            let mut price = best;
            let level = |&(gap, size): &(u16, i64)| {
                let level = Level { price: cents(price), size: Contracts::from_hundredths(size * 50) };
                price = if up { price + gap } else { price - gap };
                level
            };
            list.iter().map(level).collect::<Vec<_>>()
        };
        (ladder(bid, &below, false), ladder(bid + spread, &above, true))
    })
}

proptest! {
    /// However orders follow each other on one snapshot: never worse than the limit, never more of a level
    /// than participation of what it shows, everything that was to be had, and each fill pays the fee of its
    /// own level.
    #[test]
    fn a_walk_takes_what_it_may_and_no_more(
        (bids, asks) in sides(), participation in 1u32..=1_000_000,
        orders in prop::collection::vec((any::<bool>(), any::<bool>(), 5u16..95, 1i64..300), 1..6),
    ) {
        let mut exchange = exchange(FillModel::Book, participation);
        snapshot(&mut exchange, &bids, &asks, true);
        // Our share of each level, in whole contracts, from here on only counted down.
        let share = |level: &Level| {
            let share = i128::from(level.size.hundredths()) * i128::from(participation) / 1_000_000;
            (i64::from(level.price.get()), i64::try_from(share).unwrap() / 100)
        };
        let mut left = [bids.iter().map(share).collect::<Vec<_>>(), asks.iter().map(share).collect()];
        for (number, (yes, buy, limit, count)) in (1..).zip(orders) {
            let side = if yes { Side::Yes } else { Side::No };
            let action = if buy { Action::Buy } else { Action::Sell };
            let (fills, _) = send(&mut exchange, order(number, side, action, cents(limit), count));
            // On the YES scale, buying YES and selling NO lift asks.
            let lifts = yes == buy;
            let limit = i64::from(if yes { limit } else { 100 - limit }) * 100;
            let mut wanted = count;
            let mut expected = Vec::new();
            for (price, size) in &mut left[usize::from(lifts)] {
                let within = if lifts { *price <= limit } else { *price >= limit };
                let taken = if within { wanted.min(*size) } else { 0 };
                (wanted, *size) = (wanted - taken, *size - taken);
                if taken > 0 {
                    let price = if yes { *price } else { 10_000 - *price };
                    // 0.07 C P (1 − P) in ten-thousandths of a dollar, up.
                    let fee = 7 * taken * price * (10_000 - price);
                    expected.push((price, taken * 100, (fee + 999_999) / 1_000_000 * 100));
                }
            }
            let fill = |fill: &Fill| {
                (i64::from(fill.price.get()), fill.contracts.hundredths(), fill.fee.micros())
            };
            prop_assert_eq!(fills.iter().map(fill).collect::<Vec<_>>(), expected);
        }
    }

    /// Where the data have no levels, `book` is `top_of_book`, and further levels change nothing for the latter.
    #[test]
    fn without_levels_it_is_the_top_of_the_book(
        (bids, asks) in sides(), (yes, limit, count) in (any::<bool>(), 5u16..95, 1i64..300),
    ) {
        let side = if yes { Side::Yes } else { Side::No };
        let fills = [(FillModel::Book, false), (FillModel::TopOfBook, false), (FillModel::TopOfBook, true)];
        let fills = fills.map(|(fill, with_depth)| {
            let mut exchange = exchange(fill, 250_000);
            snapshot(&mut exchange, &bids, &asks, with_depth);
            send(&mut exchange, order(1, side, Action::Buy, cents(limit), count))
        });
        prop_assert_eq!(&fills[0], &fills[1]);
        prop_assert_eq!(&fills[1], &fills[2]);
    }
}
