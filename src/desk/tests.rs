//! The desk as a table of inputs in, records and commands out. Every figure is worked out in a comment.

use std::collections::BTreeMap;

use crate::domain::{
    Action, Contracts, Decimal6, EventId, Fact, FeeRounding, FeeSchedule, Market, Order, OrderId, Price,
    PriceGrid, Quote, SeriesId, SettlementValue, Side, Span, Strike, TimeInForce,
};
use crate::event::{CloseReason, Command, Control, Fill, RejectReason, VenueEvent};

use super::decision::{OrderEnd, Trade};
use super::risk::drawdown::DrawdownLimits;
use super::risk::exposure::ExposureLimits;
use super::strategy::Estimate;
use super::*;

mod claims;
mod payouts;

/// Believes what it is told, by market.
struct Fixed(BTreeMap<u32, u32>);

impl Strategy for Fixed {
    fn name(&self) -> &'static str {
        "fixed"
    }

    fn learn(&mut self, _fact: &Fact, _published: Timestamp) -> Learned {
        Learned::Used
    }

    fn evaluate(&mut self, view: &MarketView<'_>) -> Option<Estimate> {
        let ppm = self.0.get(&view.market.id.0)?;
        let (probability, confidence) = (Probability::from_ppm(*ppm)?, Fraction::ONE);
        Some(Estimate { probability, confidence, reason: "told so".into() })
    }
}

fn share(ppm: u32) -> Fraction {
    Fraction::from_ppm(ppm).unwrap()
}

fn dollars(text: &str) -> Money {
    Money::parse(text).unwrap()
}

fn price(cents: u16) -> Price {
    Price::new(cents * 100).unwrap()
}

/// No cap binds, scans on every change, no slippage.
fn open_settings() -> DeskSettings {
    let all = Fraction::ONE;
    DeskSettings {
        bankroll: dollars("10000"),
        risk: RiskLimits {
            kelly_fraction: share(250_000),
            exposure: ExposureLimits { market: all, event: all, series: all, total: all },
            drawdown: DrawdownLimits { start: share(150_000), half: share(200_000) },
            daily_loss: all,
            max_quote_age: Span::HOUR,
            fee_rounding: FeeRounding::Centicent,
            ignore_halts: false,
        },
        kill: KillRules {
            window: 20,
            min_trades: 10,
            min_win_rate: share(250_000),
            evidence: Decimal6::parse("20").unwrap(),
        },
        scanner: ScannerSettings {
            interval: Span::ZERO,
            min_time_to_close: Span::HOUR,
            min_volume: Contracts::ZERO,
            series: Vec::new(),
            categories: Vec::new(),
        },
        exits: ExitSettings { inversion: Fraction::ZERO, max_holding: Span::DAY.times(45) },
        execution: ExecutionSettings {
            time_in_force: TimeInForce::Ioc,
            max_slippage: Price::ZERO,
            retries: 2,
        },
    }
}

struct Bench {
    desk: Desk,
    out: Output,
    hours: i64,
    trades: u64,
}

impl Bench {
    fn new(settings: DeskSettings, beliefs: &[(u32, u32)]) -> Self {
        Self::with_seats(settings, &[beliefs])
    }

    fn with_seats(settings: DeskSettings, seats: &[&[(u32, u32)]]) -> Self {
        let seat = |beliefs: &&[(u32, u32)]| StrategySlot {
            strategy: Box::new(Fixed(beliefs.iter().copied().collect())),
            min_edge: share(50_000),
        };
        let desk = Desk::new(settings, seats.iter().map(seat).collect());
        let mut bench = Self { desk, out: Output::default(), hours: 0, trades: 0 };
        for number in 0..6 {
            bench.list(number);
        }
        bench
    }

    /// Markets 0 and 1 share event 0; 2 and 3 event 1 of the same series; 4 and 5 another series.
    fn list(&mut self, number: u32) {
        let market = Market {
            id: MarketId(number),
            event: EventId(number / 2),
            series: SeriesId(number / 4),
            ticker: format!("M{number}").into(),
            event_ticker: "E".into(),
            series_ticker: "S".into(),
            category: "C".into(),
            title: "".into(),
            strike: Strike::Other,
            open_time: Timestamp::from_nanos(0),
            close_time: Timestamp::from_nanos(0) + Span::DAY.times(400),
            grid: PriceGrid::whole_cents(),
            fees: FeeSchedule::STANDARD,
        };
        self.step(Input::Market(MarketEvent::Listed(Arc::new(market))));
    }

    fn step(&mut self, value: Input) {
        self.out.clear();
        let at = Timestamp::from_nanos(0) + Span::HOUR.times(self.hours);
        self.desk.step(&Stamped { at, value }, &mut self.out);
    }

    fn quote(&mut self, market: u32, bid: u16, ask: u16) {
        let quote = Quote { bid: Some(price(bid)), ask: Some(price(ask)), ..Quote::default() };
        self.step(Input::Market(MarketEvent::Quote { market: MarketId(market), quote }));
    }

    fn venue(&mut self, event: VenueEvent) {
        self.step(Input::Venue(event));
    }

    fn settle(&mut self, market: u32, value: u16) {
        let value = Price::new(value).unwrap().into();
        self.step(Input::Market(MarketEvent::Settled { market: MarketId(market), value }));
    }

    /// The one order just sent.
    fn order(&self) -> Order {
        match &*self.out.commands {
            [Command::Submit(order)] => *order,
            other => panic!("{other:?} {:?}", self.out.records),
        }
    }

    /// Fills some of an order at its limit, with the standard fee.
    fn fill(&mut self, order: Order, contracts: i64) {
        self.trades += 1;
        let contracts = Contracts::whole(contracts);
        let role = crate::domain::fee::Role::Taker;
        let fee = FeeSchedule::STANDARD.trade_fee(role, order.limit, contracts);
        let (order, price) = (order.id, order.limit);
        self.venue(VenueEvent::Filled(Fill {
            order,
            trade: self.trades,
            price,
            contracts,
            fee,
            taker: true,
        }));
    }

    fn buy_all(&mut self) -> Order {
        let order = self.order();
        self.fill(order, order.contracts.hundredths() / 100);
        order
    }

    fn verdict(&self) -> Verdict {
        let mut found = self.out.records.iter().filter_map(|record| match record {
            Record::Evaluation(evaluation) => Some(evaluation.verdict),
            _ => None,
        });
        let verdict = found.next().expect("nothing was evaluated");
        assert_eq!(found.next(), None);
        verdict
    }

    fn refusal(&self) -> Refusal {
        match self.verdict() {
            Verdict::Refused(refusal) => refusal,
            other => panic!("{other:?}"),
        }
    }

    fn trade(&self) -> Trade {
        let trade = self.out.records.iter().find_map(|record| match record {
            Record::Trade(trade) => Some(trade.clone()),
            _ => None,
        });
        trade.expect("no position was closed")
    }
}

fn whole(order: Order) -> i64 {
    order.contracts.hundredths() / 100
}

#[test]
fn the_contract_s_example_from_quote_to_ledger() {
    let mut settings = open_settings();
    settings.execution.max_slippage = price(1);
    let mut bench = Bench::new(settings, &[(0, 250_000)]);
    bench.quote(0, 44, 46);
    let order = bench.order();
    assert_eq!((order.side, order.action, order.limit), (Side::No, Action::Buy, price(57)));
    assert_eq!(whole(order), 1_769);
    // reserved: 1 769 × 0.57 = 1 008.33; fee 0.07 × 1 769 × 0.57 × 0.43 = 30.350733 → 30.3508;
    // 99 more fills × 0.0001 = 0.0099
    let reserved = dollars("1008.33") + dollars("30.3508") + dollars("0.0099");
    assert_eq!(bench.desk.cash_ledger().free_cash(), dollars("10000") - reserved);
    assert_eq!(bench.desk.risk().exposure.total(), reserved);
    // 100 filled at 0.56: cost 56, fee 0.07 × 100 × 0.56 × 0.44 = 1.7248; the rest is withdrawn
    let id = order.id;
    let (contracts, fee) = (Contracts::whole(100), dollars("1.7248"));
    bench.venue(VenueEvent::Filled(Fill {
        order: id,
        trade: 1,
        price: price(56),
        contracts,
        fee,
        taker: true,
    }));
    bench.venue(VenueEvent::Closed { order: id, reason: CloseReason::NothingOnOffer });
    assert_eq!(bench.desk.cash_ledger().free_cash(), dollars("9942.2752"));
    assert_eq!(bench.desk.risk().exposure.total(), dollars("57.7248"));
    // marked at 1 − 0.45: 10 000 − 57.7248 + 55
    assert_eq!(bench.desk.equity_point().equity, dollars("9997.2752"));
    bench.settle(0, 0);
    assert_eq!(bench.trade().pnl, dollars("42.2752")); // 100 − 56 − 1.7248
    assert_eq!(bench.desk.equity_point().equity, dollars("10042.2752"));
    assert_eq!(bench.desk.risk().exposure.total(), Money::ZERO);
}

/// Belief 0.60 at 0.40: c = 0.4168, f* = 0.1832/0.5832 = 0.31413, quarter of 10 000 = 785.32 → 1 884 contracts.
#[test]
fn each_cap_cuts_and_then_refuses() {
    type Set = fn(&mut ExposureLimits, Fraction);
    let caps: [(Set, [u32; 2], Refusal); 4] = [
        (|caps, share| caps.market = share, [0, 0], Refusal::MarketCap),
        (|caps, share| caps.event = share, [0, 1], Refusal::EventCap),
        (|caps, share| caps.series = share, [0, 2], Refusal::SeriesCap),
        (|caps, share| caps.total = share, [0, 4], Refusal::TotalCap),
    ];
    for (set, [first, second], reason) in caps {
        let mut settings = open_settings();
        set(&mut settings.risk.exposure, share(20_000));
        let mut bench = Bench::new(settings, &[(0, 600_000), (1, 600_000), (2, 600_000), (4, 600_000)]);
        bench.quote(first, 38, 40);
        // cap 200: n × 0.4168 + 0.0099 ≤ 200 → 479 (199.647 + …); 480 would be 200.064
        assert_eq!(whole(bench.order()), 479, "{reason:?}");
        bench.buy_all();
        assert!(bench.desk.risk().exposure.total() <= dollars("200"));
        bench.quote(second, 38, 40);
        // 200 − 199.6472 = 0.3528 is less than one contract; equity is a little lower still
        assert_eq!(bench.refusal(), reason);
    }
}

#[test]
fn nothing_is_bought_on_credit() {
    let mut settings = open_settings();
    settings.risk.kelly_fraction = Fraction::ONE;
    let mut bench = Bench::new(settings, &[(0, 990_000), (4, 990_000)]);
    bench.quote(0, 48, 50); // full Kelly: f* = 0.4725/0.4825 = 0.979275: 9 792.746 / 0.5175 = 18 923.2
    assert_eq!(whole(bench.buy_all()), 18_923);
    bench.quote(0, 60, 62); // equity rises to about 11 750, so every cap leaves room …
    assert_eq!(bench.refusal(), Refusal::AtTarget);
    bench.quote(4, 48, 50);
    // … but 10 000 − 18 923 × 0.5175 = 207.3475 of cash pay for 400: 207 + 0.0099; 401 would be 207.5274
    assert_eq!(whole(bench.order()), 400);
    bench.buy_all();
    assert!(bench.desk.cash_ledger().free_cash() >= Money::ZERO);
    bench.quote(4, 48, 50);
    assert_eq!(bench.refusal(), Refusal::FreeCash);
}

#[test]
fn bets_shrink_with_the_drawdown_and_stop_at_its_end() {
    // Markets 0 and 1 lose; each purchase is chosen so that equity falls to a known level.
    let bet_after = |lost: &str| {
        let mut settings = open_settings();
        settings.bankroll = dollars("10000");
        let mut bench = Bench::new(settings, &[(0, 600_000), (2, 600_000)]);
        // lose exactly `lost` on market 0 by a fill at a cost that settles at nothing
        bench.quote(0, 38, 40);
        let order = bench.order();
        let (id, contracts) = (order.id, Contracts::ONE);
        let fee = dollars(lost) - dollars("0.40");
        bench.venue(VenueEvent::Filled(Fill {
            order: id,
            trade: 9,
            price: price(40),
            contracts,
            fee,
            taker: true,
        }));
        bench.venue(VenueEvent::Closed { order: id, reason: CloseReason::NothingOnOffer });
        bench.settle(0, 0);
        bench.quote(2, 38, 40);
        bench
    };
    // f* at 0.40 and belief 0.60 = 0.1832/0.5832; contracts = equity × f* / 4 × scale / 0.4168
    assert_eq!(whole(bet_after("1000").order()), 1_695); // 9 000 at scale 1: 706.79/0.4168 = 1 695.7
    assert_eq!(whole(bet_after("1500").order()), 1_601); // 8 500, 15 %: still whole: 667.52/0.4168 = 1 601.5
    assert_eq!(whole(bet_after("2000").order()), 753); // 8 000, 20 %: half: 314.13/0.4168 = 753.67
    assert_eq!(whole(bet_after("2250").order()), 365); // 7 750, 22.5 %: quarter: 152.16/0.4168 = 365.06
    assert_eq!(bet_after("2500").refusal(), Refusal::Drawdown);
}

#[test]
fn a_bad_day_ends_the_day_s_entries() {
    let mut settings = open_settings();
    settings.risk.daily_loss = share(50_000);
    let mut bench = Bench::new(settings, &[(0, 600_000), (2, 600_000)]);
    bench.quote(0, 38, 40);
    let bought = bench.buy_all(); // 1 884 × 0.40 = 753.60 and a fee
    assert_eq!(whole(bought), 1_884);
    bench.settle(0, 0);
    bench.quote(2, 38, 40);
    assert_eq!(bench.refusal(), Refusal::DailyLossLimit); // 785 lost, limit 500
    bench.hours = 24;
    bench.quote(2, 38, 40);
    bench.order();
}

#[test]
fn a_halted_strategy_opens_nothing_but_is_heard() {
    let mut settings = open_settings();
    settings.kill = KillRules { min_trades: 2, window: 2, ..settings.kill };
    for ignore in [false, true] {
        settings.risk.ignore_halts = ignore;
        let mut bench = Bench::new(settings.clone(), &[(0, 600_000), (2, 600_000), (4, 600_000)]);
        for market in [0, 2] {
            bench.quote(market, 38, 40);
            let order = bench.order();
            bench.fill(order, 1);
            bench.venue(VenueEvent::Closed { order: order.id, reason: CloseReason::NothingOnOffer });
            bench.settle(market, 0);
        }
        let halted = bench.out.records.iter().any(|record| matches!(record, Record::Halt(_)));
        assert!(halted);
        bench.quote(4, 38, 40);
        if ignore {
            bench.order();
            continue;
        }
        assert_eq!(bench.refusal(), Refusal::StrategyHalted);
        let reason = "looked into it".to_owned();
        bench.step(Input::Control(Control::Resume { strategy: Some(StrategyId(0)), reason }));
        bench.quote(4, 38, 40);
        bench.order();
    }
}

#[test]
fn a_position_is_sold_when_its_edge_turns() {
    let mut bench = Bench::new(open_settings(), &[(0, 600_000)]);
    bench.quote(0, 38, 40);
    let bought = bench.buy_all();
    bench.quote(0, 60, 62); // selling brings 0.60 − 0.0168 = 0.5832 < 0.60: hold; Kelly asks for nothing more
    assert_eq!(bench.verdict(), Verdict::NoOpportunity);
    bench.quote(0, 62, 64); // 0.62 − 0.016492 = 0.603508 ≥ 0.60
    let sale = bench.order();
    assert_eq!((sale.action, sale.side, sale.limit), (Action::Sell, Side::Yes, price(62)));
    assert_eq!(sale.contracts, bought.contracts);
    // partly filled: the rest is sold at the next chance
    bench.fill(sale, 1_000);
    bench.venue(VenueEvent::Closed { order: sale.id, reason: CloseReason::NothingOnOffer });
    bench.quote(0, 62, 64);
    let rest = bench.order();
    assert_eq!(whole(rest), whole(bought) - 1_000);
    bench.fill(rest, whole(rest));
    let trade = bench.trade();
    assert_eq!(trade.exit_reason, ExitReason::EdgeInverted);
    // 1 884 × (0.62 − 0.40) = 414.48; fees: 1 884 × 0.0168 = 31.6512, 1 000 × 0.016492 = 16.492,
    // 884 × 0.016492 = 14.578928 → 14.579
    assert_eq!(trade.pnl, dollars("414.48") - dollars("31.6512") - dollars("16.492") - dollars("14.579"));
    assert_eq!(bench.desk.equity_point().equity, dollars("10000") + trade.pnl);
}

#[test]
fn a_position_is_sold_when_it_was_held_too_long() {
    let mut settings = open_settings();
    settings.exits.max_holding = Span::DAY;
    let mut bench = Bench::new(settings, &[(0, 600_000)]);
    bench.quote(0, 38, 40);
    bench.buy_all();
    bench.hours = 23;
    bench.quote(0, 38, 40);
    assert_eq!(bench.refusal(), Refusal::AtTarget);
    assert_eq!(bench.desk.next_wake(), Some(Timestamp::from_nanos(0) + Span::DAY));
    bench.hours = 24;
    bench.quote(0, 38, 40);
    let sale = bench.order();
    assert_eq!(sale.action, Action::Sell);
    bench.fill(sale, whole(sale));
    assert_eq!(bench.trade().exit_reason, ExitReason::TimeStop);
}

#[test]
fn a_scalar_settlement_pays_its_share() {
    let mut bench = Bench::new(open_settings(), &[(0, 250_000)]);
    bench.quote(0, 44, 46);
    let order = bench.order();
    bench.fill(order, 100);
    bench.venue(VenueEvent::Closed { order: order.id, reason: CloseReason::NothingOnOffer });
    bench.settle(0, 3_700); // NO receives 0.63 each: 63 − 56 − 1.7248
    assert_eq!(bench.trade().pnl, dollars("5.2752"));
}

#[test]
fn a_payout_waits_for_the_fate_of_a_sale() {
    let mut bench = Bench::new(open_settings(), &[(0, 600_000)]);
    bench.quote(0, 38, 40);
    let bought = whole(bench.buy_all());
    bench.quote(0, 62, 64);
    let sale = bench.order();
    bench.settle(0, 10_000);
    assert!(bench.out.records.is_empty(), "how much was held to the end is not known yet");
    bench.fill(sale, 1_000); // before the payout, and told late
    bench.venue(VenueEvent::Closed { order: sale.id, reason: CloseReason::MarketClosed });
    let kept = Contracts::whole(bought - 1_000);
    assert_eq!(bench.trade().proceeds, price(62) * Contracts::whole(1_000) + Price::ONE * kept);
}

#[test]
fn what_cannot_be_traded_is_refused_with_its_reason() {
    let refused = |change: fn(&mut Bench)| {
        let mut bench = Bench::new(open_settings(), &[(0, 600_000)]);
        change(&mut bench);
        bench.refusal()
    };
    let fact = Input::Fact(Fact::FomcMeeting { announcement: Timestamp::from_nanos(0) });
    let stale = refused(|bench| {
        bench.quote(0, 50, 60); // no edge yet
        bench.hours = 2;
        bench.desk.seats[0].strategy = Box::new(Fixed([(0, 900_000)].into()));
        bench.step(Input::Fact(Fact::FomcMeeting { announcement: Timestamp::from_nanos(0) }));
    });
    assert_eq!(stale, Refusal::StaleQuote);
    let too_late = refused(|bench| {
        bench.quote(0, 38, 40);
        bench.buy_all();
        bench.hours = 400 * 24 - 1;
        let close = Timestamp::from_nanos(0) + Span::HOUR.times(bench.hours) + Span::MINUTE;
        bench.step(Input::Market(MarketEvent::CloseTime { market: MarketId(0), close }));
        bench.quote(0, 38, 40);
    });
    assert_eq!(too_late, Refusal::OutsideScan); // held, so evaluated; not entered any more
    let owner = refused(|bench| {
        bench.step(Input::Control(Control::Halt { reason: "holiday".into() }));
        bench.quote(0, 38, 40);
    });
    assert_eq!(owner, Refusal::TradingHalted);
    let gap = refused(|bench| {
        bench.quote(0, 38, 40);
        let order = bench.order();
        bench.venue(VenueEvent::Closed { order: order.id, reason: CloseReason::NothingOnOffer });
        bench.quote(0, 38, 40);
        let order = bench.order();
        bench.venue(VenueEvent::Closed { order: order.id, reason: CloseReason::NothingOnOffer });
        bench.step(Input::Market(MarketEvent::Gap { market: MarketId(0) }));
        bench.desk.scanner.queue_market(MarketId(0), bench.desk.now);
        bench.step(Input::Fact(Fact::FomcMeeting { announcement: Timestamp::from_nanos(0) }));
    });
    assert_eq!(gap, Refusal::StaleQuote);
    let mut halted = Bench::new(open_settings(), &[(0, 600_000)]);
    let status = MarketStatus::Halted;
    halted.step(Input::Market(MarketEvent::Status { market: MarketId(0), status }));
    halted.quote(0, 38, 40);
    assert!(halted.out.records.is_empty(), "a halted market is not evaluated");
    halted.step(fact);
}

#[test]
fn a_market_has_one_owner_and_one_side() {
    let seats: &[&[(u32, u32)]] = &[&[(0, 600_000)], &[(0, 620_000)]];
    let mut bench = Bench::with_seats(open_settings(), seats);
    bench.quote(0, 38, 40);
    let order = bench.order(); // the first strategy's
    bench.fill(order, whole(order));
    bench.quote(0, 38, 40);
    let refusals: Vec<_> = bench
        .out
        .records
        .iter()
        .filter_map(|record| match record {
            Record::Evaluation(Evaluation { verdict: Verdict::Refused(refusal), .. }) => Some(*refusal),
            _ => None,
        })
        .collect();
    assert_eq!(refusals, [Refusal::AtTarget, Refusal::HeldByAnother]);
}

#[test]
fn an_unknown_fill_stops_new_positions_and_a_repeated_one_counts_once() {
    let mut bench = Bench::new(open_settings(), &[(0, 600_000), (2, 600_000)]);
    bench.quote(0, 38, 40);
    let order = bench.order();
    let fill = Fill {
        order: order.id,
        trade: 77,
        price: price(40),
        contracts: Contracts::whole(10),
        fee: dollars("0.168"),
        taker: true,
    };
    bench.venue(VenueEvent::Filled(fill));
    bench.venue(VenueEvent::Filled(fill));
    assert!(bench.out.records.is_empty());
    assert_eq!(bench.desk.positions().get(MarketId(0)).unwrap().contracts, Contracts::whole(10));
    bench.venue(VenueEvent::Filled(Fill { order: OrderId(99), trade: 78, ..fill }));
    assert!(matches!(bench.out.records[0], Record::Discrepancy(_)));
    bench.quote(2, 38, 40);
    assert_eq!(bench.refusal(), Refusal::TradingHalted);
    bench.step(Input::Control(Control::Resume { strategy: None, reason: "explained".into() }));
    bench.quote(2, 38, 40);
    bench.order();
}

#[test]
fn a_busy_exchange_gets_the_same_order_again_until_patience_ends() {
    let mut bench = Bench::new(open_settings(), &[(0, 600_000)]);
    bench.quote(0, 38, 40);
    let order = bench.order();
    let busy = VenueEvent::Rejected { order: order.id, reason: RejectReason::Busy };
    for _ in 0..2 {
        bench.venue(busy.clone());
        assert!(bench.out.commands.is_empty());
        let due = bench.desk.next_wake().expect("it will be sent again");
        assert!(due > bench.desk.now);
        bench.hours += 1;
        bench.step(Input::Wake);
        assert_eq!(bench.order(), order);
    }
    bench.venue(busy);
    let end = OrderEnd::Rejected(RejectReason::Busy);
    assert!(matches!(&bench.out.records[..], [Record::OrderDone(done)] if done.end == end));
    assert_eq!(bench.desk.cash_ledger().free_cash(), dollars("10000"));
}

#[test]
fn a_resting_order_is_taken_back_when_it_is_no_longer_wanted() {
    let mut settings = open_settings();
    settings.execution.time_in_force = TimeInForce::Gtc;
    let mut bench = Bench::new(settings, &[(0, 600_000)]);
    bench.quote(0, 38, 40);
    let order = bench.order();
    bench.venue(VenueEvent::Accepted { order: order.id, venue_id: None });
    bench.quote(0, 38, 40);
    assert_eq!((bench.refusal(), bench.out.commands.len()), (Refusal::OrderOpen, 0));
    bench.quote(0, 57, 59);
    assert_eq!(bench.out.commands, [Command::Cancel { order: order.id, market: MarketId(0) }]);
    bench.quote(0, 57, 60);
    assert!(bench.out.commands.is_empty(), "asked once");
    bench.venue(VenueEvent::Closed { order: order.id, reason: CloseReason::Cancelled });
    assert_eq!(bench.desk.cash_ledger().free_cash(), dollars("10000"));
}

#[test]
fn an_order_that_waits_to_be_sent_again_is_taken_back_at_once() {
    let mut settings = open_settings();
    settings.execution.time_in_force = TimeInForce::Gtc;
    let mut bench = Bench::new(settings, &[(0, 600_000)]);
    bench.quote(0, 38, 40);
    let order = bench.order().id;
    bench.venue(VenueEvent::Rejected { order, reason: RejectReason::Busy });
    bench.quote(0, 57, 59);
    assert_eq!((bench.out.commands.len(), bench.desk.next_wake()), (0, None), "it is nowhere");
    assert_eq!(bench.desk.cash_ledger().free_cash(), dollars("10000"));
}

#[test]
#[should_panic(expected = "time does not go back")]
fn time_does_not_go_back() {
    let mut bench = Bench::new(open_settings(), &[]);
    bench.hours = 2;
    bench.step(Input::Wake);
    bench.hours = 1;
    bench.step(Input::Wake);
}
