//! The simulated exchange by hand, and whole runs on it that must keep every limit.

use std::sync::Arc;

use proptest::prelude::*;

use crate::desk::decision::Output;
use crate::desk::execution::ExecutionSettings;
use crate::desk::positions::ExitSettings;
use crate::desk::risk::RiskLimits;
use crate::desk::risk::drawdown::DrawdownLimits;
use crate::desk::risk::exposure::ExposureLimits;
use crate::desk::risk::kill_switch::KillRules;
use crate::desk::scanner::ScannerSettings;
use crate::desk::{Desk, DeskSettings, StrategySlot};
use crate::domain::{
    Action, Contracts, Decimal6, EventId, FeeRounding, FeeSchedule, Fraction, Market, MarketId, Money, Order,
    OrderId, Price, PriceGrid, Quote, SeriesId, Side, Span, Strike, TimeInForce, Timestamp,
};
use crate::engine::gateway::{EventSource, Venue};
use crate::engine::{Engine, Journal, JournalError};
use crate::event::{CloseReason, Command, Input, MarketEvent, RejectReason, Stamped, VenueEvent};
use crate::feed::synthetic::{SyntheticFeed, SyntheticSettings};
use crate::strategies::fixed_rate::{FixedRate, FixedRateSettings};

use super::{FillModel, LatencyModel, SimExchange, SimSettings};

fn share(ppm: u32) -> Fraction {
    Fraction::from_ppm(ppm).unwrap()
}

fn cents(cents: u16) -> Price {
    Price::new(cents * 100).unwrap()
}

fn at(minutes: i64) -> Timestamp {
    Timestamp::from_nanos(0) + Span::MINUTE.times(minutes)
}

fn settings() -> SimSettings {
    SimSettings {
        fill: FillModel::TopOfBook,
        latency: LatencyModel::Fixed(Span::MINUTE),
        participation: share(250_000),
        fee_rounding: FeeRounding::Centicent,
        seed: 7,
    }
}

struct Floor {
    exchange: SimExchange,
    orders: u64,
}

impl Floor {
    fn new() -> Self {
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
            open_time: at(0),
            close_time: at(10_000),
            grid: PriceGrid::whole_cents(),
            fees: FeeSchedule::STANDARD,
        };
        let mut floor = Self { exchange: SimExchange::new(settings()), orders: 0 };
        floor.see(0, MarketEvent::Listed(Arc::new(market)));
        floor
    }

    fn see(&mut self, minute: i64, event: MarketEvent) {
        self.exchange.observe(&Stamped { at: at(minute), value: Input::Market(event) });
    }

    /// Bid and ask in cents, displayed size (`None` = unknown), lifetime volume.
    fn quote(&mut self, minute: i64, bid: u16, ask: u16, size: Option<i64>, volume: i64) {
        let size = size.map(Contracts::whole);
        let quote = Quote {
            bid: Some(cents(bid)),
            ask: Some(cents(ask)),
            bid_size: size,
            ask_size: size,
            volume: Some(Contracts::whole(volume)),
            ..Quote::default()
        };
        self.see(minute, MarketEvent::Quote { market: MarketId(0), quote });
    }

    /// Sends a purchase; orders are numbered from 1.
    fn send(&mut self, minute: i64, side: Side, limit: u16, count: i64, life: TimeInForce) {
        self.orders += 1;
        let order = Order {
            id: OrderId(self.orders),
            market: MarketId(0),
            side,
            action: Action::Buy,
            contracts: Contracts::whole(count),
            limit: cents(limit),
            time_in_force: life,
        };
        self.exchange.submit(at(minute), &Command::Submit(order)).unwrap();
    }

    /// Everything that is answered by a minute, as (minute, what).
    fn answers(&mut self, minute: i64) -> Vec<(i64, VenueEvent)> {
        let mut found = Vec::new();
        while self.exchange.next_answer_time().is_some_and(|due| due <= at(minute)) {
            if let Some(Stamped { at, value: Input::Venue(event) }) = self.exchange.take_due_answer() {
                found.push((at.nanos() / Span::MINUTE.nanos(), event));
            }
        }
        found
    }
}

fn fills(answers: &[(i64, VenueEvent)]) -> Vec<(i64, i64, String, bool)> {
    let fill = |(minute, event): &(i64, VenueEvent)| match event {
        VenueEvent::Filled(fill) => {
            Some((*minute, fill.contracts.hundredths() / 100, fill.price.to_string(), fill.taker))
        }
        _ => None,
    };
    answers.iter().filter_map(fill).collect()
}

#[test]
fn an_order_meets_the_book_of_its_arrival_and_takes_what_is_shown() {
    let mut floor = Floor::new();
    floor.quote(1, 40, 42, Some(100), 0);
    floor.send(2, Side::Yes, 45, 150, TimeInForce::Ioc);
    floor.quote(2, 42, 44, Some(60), 0); // it arrives at 3 and finds this
    let answers = floor.answers(3);
    assert_eq!(fills(&answers), [(3, 60, "0.44".into(), true)]);
    let closed = VenueEvent::Closed { order: OrderId(1), reason: CloseReason::NothingOnOffer };
    assert_eq!(answers.last(), Some(&(3, closed)));
    // what was taken is gone until the next snapshot; the NO side is another queue
    floor.send(3, Side::Yes, 45, 10, TimeInForce::Ioc);
    floor.send(3, Side::No, 60, 10, TimeInForce::Ioc);
    assert_eq!(fills(&floor.answers(4)), [(4, 10, "0.58".into(), true)]);
    floor.quote(5, 42, 44, Some(60), 0);
    floor.send(5, Side::Yes, 45, 10, TimeInForce::Ioc);
    assert_eq!(fills(&floor.answers(6)), [(6, 10, "0.44".into(), true)]);
}

#[test]
fn where_sizes_are_unknown_a_share_of_the_volume_is_ours() {
    let mut floor = Floor::new();
    floor.quote(1, 40, 42, None, 1_000);
    floor.send(1, Side::Yes, 45, 50, TimeInForce::Ioc);
    assert_eq!(fills(&floor.answers(2)), []); // nothing is known to have traded since the snapshot before
    floor.quote(3, 40, 42, None, 1_041); // 25 % of 41 = 10.25: ten
    floor.send(3, Side::Yes, 45, 8, TimeInForce::Ioc);
    floor.send(3, Side::No, 60, 8, TimeInForce::Ioc);
    assert_eq!(fills(&floor.answers(4)), [(4, 8, "0.42".into(), true), (4, 2, "0.60".into(), true)]);
    floor.quote(5, 40, 42, None, 1_042); // one traded: at least one is ours
    floor.send(5, Side::Yes, 45, 8, TimeInForce::Ioc);
    assert_eq!(fills(&floor.answers(6)), [(6, 1, "0.42".into(), true)]);
}

#[test]
fn resting_orders_fill_when_the_market_trades_through_them() {
    let mut floor = Floor::new();
    floor.quote(1, 40, 44, Some(100), 0);
    floor.send(1, Side::Yes, 42, 30, TimeInForce::PostOnly);
    floor.send(1, Side::Yes, 44, 30, TimeInForce::PostOnly); // would take
    let rejected = VenueEvent::Rejected { order: OrderId(2), reason: RejectReason::WouldTake };
    assert!(floor.answers(2).contains(&(2, rejected)));
    floor.quote(3, 41, 42, Some(100), 10); // an ask at the limit does not reach it: the queue is unknown
    assert_eq!(fills(&floor.answers(3)), []);
    floor.quote(4, 39, 41, Some(20), 30);
    assert_eq!(fills(&floor.answers(4)), [(4, 20, "0.42".into(), false)]); // at its limit, as a maker
    floor.see(5, MarketEvent::Status { market: MarketId(0), status: crate::domain::MarketStatus::Closed });
    let closed = VenueEvent::Closed { order: OrderId(1), reason: CloseReason::MarketClosed };
    assert_eq!(floor.answers(5), [(5, closed)]);
    floor.send(5, Side::Yes, 44, 30, TimeInForce::Ioc);
    let rejected = VenueEvent::Rejected { order: OrderId(3), reason: RejectReason::MarketNotTrading };
    assert_eq!(floor.answers(6), [(6, rejected)]);
}

struct Nothing;

impl Journal for Nothing {
    fn record(&mut self, _seq: u64, _input: &Stamped<Input>, _out: &Output) -> Result<(), JournalError> {
        Ok(())
    }
}

fn desk(exposure: ExposureLimits, kelly: u32, belief: f64, time_in_force: TimeInForce) -> Desk {
    let settings = DeskSettings {
        bankroll: Money::parse("10000").unwrap(),
        risk: RiskLimits {
            kelly_fraction: share(kelly),
            exposure,
            drawdown: DrawdownLimits { start: share(150_000), half: share(200_000) },
            daily_loss: share(500_000),
            max_quote_age: Span::HOUR,
            fee_rounding: FeeRounding::Centicent,
            ignore_halts: true,
        },
        kill: KillRules {
            window: 20,
            min_trades: 10,
            min_win_rate: share(250_000),
            evidence: Decimal6::parse("20").unwrap(),
        },
        scanner: ScannerSettings {
            interval: Span::MINUTE,
            min_time_to_close: Span::ZERO,
            min_volume: Contracts::ZERO,
            series: Vec::new(),
            categories: Vec::new(),
        },
        exits: ExitSettings { inversion: Fraction::ZERO, max_holding: Span::HOUR },
        execution: ExecutionSettings { time_in_force, max_slippage: cents(1), retries: 2 },
    };
    let rates = FixedRateSettings {
        probability: Some(belief),
        rates: std::collections::BTreeMap::default(),
        confidence: 1.0,
    };
    let strategy = Box::new(FixedRate::new(rates).unwrap());
    Desk::new(settings, vec![StrategySlot { strategy, min_edge: share(20_000) }])
}

/// At the moment of entry no cap is exceeded.
fn assert_caps_hold(desk: &Desk, caps: &ExposureLimits, order: &Order) {
    let equity = desk.risk().equity.equity();
    let book = desk.market_states().get(order.market).unwrap();
    let at_stake = desk.risk().exposure.stakes_around_market(book);
    for (stake, cap) in [
        (at_stake.market, caps.market),
        (at_stake.event, caps.event),
        (at_stake.series, caps.series),
        (at_stake.total, caps.total),
    ] {
        assert!(stake <= equity.portion(cap), "{stake} at stake, cap {cap} of {equity}");
    }
    assert!(desk.cash_ledger().free_cash() >= Money::ZERO);
}

/// Exposure as the sum over positions and orders, from nothing but those.
fn exposure_from_scratch(desk: &Desk) -> Money {
    let positions: Money = desk.positions().iter().map(|(_, position)| position.at_stake()).sum();
    let orders: Money = desk.execution().iter().map(|open| open.reserved).sum();
    positions + orders
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever the market does and whatever the limits: no cap is exceeded at entry, exposure is what
    /// positions and orders add up to, and (asserted by the ledger after every movement) money is conserved.
    #[test]
    fn limits_hold_whatever_happens(
        seed in 0u64..1_000_000, kelly in 1u32..=1_000_000, belief in 0.02f64..0.98,
        caps in prop::array::uniform4(1u32..=600_000), latency in 0i64..180, resting in any::<bool>(),
    ) {
        let [market, event, series, total] = caps.map(share);
        let caps = ExposureLimits { market, event, series, total };
        let feed = SyntheticFeed::new(SyntheticSettings {
            seed, markets: 12, markets_per_event: 3, series: 2, quotes: 600, start: at(0), length: Span::HOUR.times(6),
        });
        let latency = LatencyModel::Uniform { least: Span::ZERO, most: Span::SECOND.times(latency) };
        let venue = SimExchange::new(SimSettings { latency, seed, ..settings() });
        let life = if resting { TimeInForce::Gtc } else { TimeInForce::Ioc };
        let desk = desk(caps, kelly, belief, life);
        let mut engine = Engine::new(desk, EventSource { feed, venue }, Nothing);
        let mut seen = OrderId(0);
        let run = engine.run(|_, desk| {
            for open in desk.execution().iter().filter(|open| open.order.id > seen) {
                if open.order.action == Action::Buy {
                    assert_caps_hold(desk, &caps, &open.order);
                }
            }
            seen = desk.execution().iter().map(|open| open.order.id).max().unwrap_or(seen).max(seen);
            assert_eq!(desk.risk().exposure.total(), exposure_from_scratch(desk));
        });
        prop_assert!(run.is_ok());
        // everything has settled: what is left is cash, and equity is exactly that
        prop_assert_eq!(engine.desk.positions().iter().count(), 0);
        prop_assert_eq!(engine.desk.equity_point().equity, engine.desk.cash_ledger().total_cash());
    }
}
