//! A small desk's health, figure by figure, and through the note it is kept as.

use std::path::Path;
use std::sync::Arc;

use super::*;
use crate::domain::fee::Role;
use crate::domain::{EventId, FeeSchedule, Market, PriceGrid, Quote, SeriesId, Span, Strike};
use crate::event::{Command, Control, Fill, Input, MarketEvent, Stamped, VenueEvent};
use crate::scenario::Scenario;

struct Bench {
    desk: Desk,
    recent: Recent,
    out: Output,
}

fn at(hours: i64) -> Timestamp {
    Timestamp::parse("2026-11-19T15:00:00Z").unwrap() + Span::HOUR.times(hours)
}

impl Bench {
    /// Believes in 60 % YES of every market, and holds what it buys for three days.
    fn new() -> Self {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/time_stop.toml");
        let overrides = ["scanner.interval=0s", "scanner.min_volume=0"].map(ToOwned::to_owned);
        let scenario = Scenario::load_file(&file, &overrides).unwrap();
        let desk = Desk::new(scenario.desk, scenario.seats);
        let mut bench = Self { desk, recent: Recent::default(), out: Output::default() };
        for number in 0..2 {
            bench.step(0, Input::Market(MarketEvent::Listed(Arc::new(market(number)))));
        }
        bench
    }

    fn step(&mut self, hours: i64, value: Input) {
        self.out.clear();
        let input = Stamped { at: at(hours), value };
        self.desk.step(&input, &mut self.out);
        self.recent.observe_step(&input.value, &self.out);
    }

    fn quote(&mut self, hours: i64, market: u32, bid: u16, ask: u16) {
        let cents = |cents: u16| Price::new(cents * 100);
        let volume = Some(Contracts::whole(1_000));
        let quote = Quote { bid: cents(bid), ask: cents(ask), volume, ..Quote::default() };
        self.step(hours, Input::Market(MarketEvent::Quote { market: MarketId(market), quote }));
    }

    fn health(&self) -> Health {
        let link = LinkReport {
            last_refusal: Some("POST /portfolio/events/orders: 409 exceeded_order_group_risk_limit".into()),
            last_failure: Some("GET /markets: no connection or answer".into()),
            ..LinkReport::default()
        };
        let facts = SessionFacts {
            at: at(100),
            started_at: at(0),
            mode: "paper",
            environment: "sandbox",
            scenario: "time_stop",
            run_id: "r1",
            feed_up: true,
            feed_since: at(1),
            link: &link,
            last_message_at: Some(at(2)),
        };
        Health::from_desk(&self.desk, &self.recent, &facts)
    }
}

fn market(number: u32) -> Market {
    Market {
        id: MarketId(number),
        event: EventId(number),
        series: SeriesId(0),
        ticker: format!("M{number}").into(),
        event_ticker: "E".into(),
        series_ticker: "S".into(),
        category: "C".into(),
        title: "".into(),
        strike: Strike::Other,
        open_time: at(0),
        close_time: at(400),
        grid: PriceGrid::whole_cents(),
        fees: FeeSchedule::STANDARD,
    }
}

#[test]
fn a_position_an_order_and_why_nothing_else() {
    let mut bench = Bench::new();
    bench.quote(1, 0, 39, 41);
    let [Command::Submit(order)] = *bench.out.commands else { panic!("{:?}", bench.out) };
    let open = &bench.health().orders[0];
    assert_eq!((open.ticker.as_str(), open.action, open.filled), ("M0", Action::Buy, 0.0));
    let contracts = Contracts::whole(100);
    let price = Price::new(4_100).unwrap();
    let fee = FeeSchedule::STANDARD.trade_fee(Role::Taker, price, contracts);
    let fill = Fill { order: order.id, trade: 1, price, contracts, fee, taker: true };
    bench.step(1, Input::Venue(VenueEvent::Filled(fill)));
    bench.quote(2, 0, 49, 51);
    bench.quote(3, 1, 39, 41);
    let health = bench.health();
    let held = &health.positions[0];
    assert_eq!((held.ticker.as_str(), held.side, held.contracts), ("M0", Side::Yes, 100.0));
    // 100 at 0.41, now at the midpoint 0.50: 9 dollars up; the fee of 0.07 × 100 × 0.41 × 0.59 is paid
    assert_eq!((held.entry_price, held.mark, held.unrealized), (0.41, Some(0.5), 9.0));
    assert!((health.equity - (10_000.0 + 9.0 - 1.6933)).abs() < 1e-9, "{}", health.equity);
    assert_eq!((held.belief, held.strategy.as_str()), (0.6, "fixed_rate"));
    assert_eq!((held.opened_at, held.time_stop_at), (Moment(at(1)), Moment(at(73))));
    assert_eq!((health.feed.markets, health.feed.stale_books), (2, 0));
    assert_eq!(health.feed.failed_request.as_deref(), Some("GET /markets: no connection or answer"));
    assert!(
        health.decisions.iter().any(|line| line.text.contains("bought 100 yes of M0 at 0.41, fee 1.6933"))
    );
    let first = health.decisions.last().unwrap();
    assert!(
        first.text.starts_with("order 1: buy ") && first.text.contains("of M0 at 0.42"),
        "{}",
        first.text
    );
    assert!(health.refusals[0].text.contains("M0: order open"), "{:?}", health.refusals);
    let events = bench.recent.take_events(&bench.desk);
    assert_eq!(events.iter().map(Notification::kind).collect::<Vec<_>>(), [NotificationKind::Fill]);
    assert!(events[0].text().contains("bought 100 yes") && bench.recent.take_events(&bench.desk).is_empty());
    assert_eq!(health.desk_at, Some(Moment(at(3))));
    assert_eq!(Health::from_note(&health.to_note()).unwrap(), health);
    assert!(Health::from_note("{}").unwrap_err().contains("another version"));
}

#[test]
fn orders_refused_in_a_row_are_counted_until_one_is_taken() {
    let mut bench = Bench::new();
    let refuse = |bench: &mut Bench, hours: i64| {
        bench.quote(hours, 0, 39, 41);
        let order = bench.out.commands.iter().find_map(|command| match command {
            Command::Submit(order) => Some(order.id),
            Command::Cancel { .. } => None,
        });
        let order = order.expect("an order was sent");
        bench.step(hours, Input::Venue(VenueEvent::Rejected { order, reason: RejectReason::Refused }));
        order
    };
    assert_eq!(bench.health().refused_orders, None);
    for hours in 1..=3 {
        refuse(&mut bench, hours);
    }
    let refused = bench.health().refused_orders.unwrap();
    assert_eq!((refused.in_a_row, refused.exits, refused.since), (3, 0, Moment(at(1))));
    assert!(refused.is_alarming());
    let text = refused.to_string();
    assert!(text.contains("the last 3 orders") && text.contains("exceeded_order_group_risk_limit"), "{text}");
    // One that never reached the exchange says nothing of it; one that it takes ends the row.
    bench.quote(4, 0, 39, 41);
    let Some(Command::Submit(order)) = bench.out.commands.first().copied() else { panic!("no order") };
    let order = order.id;
    bench.step(4, Input::Venue(VenueEvent::Rejected { order, reason: RejectReason::NeverSent }));
    assert_eq!(bench.health().refused_orders.unwrap().in_a_row, 3);
    bench.quote(5, 0, 39, 41);
    let Some(Command::Submit(order)) = bench.out.commands.first().copied() else { panic!("no order") };
    bench.step(5, Input::Venue(VenueEvent::Accepted { order: order.id, venue_id: None }));
    assert_eq!(bench.health().refused_orders, None);
}

#[test]
fn halts_are_shown_with_their_reasons_and_rings_do_not_grow() {
    let mut bench = Bench::new();
    for hours in 0..30 {
        bench.step(hours, Input::Control(Control::Halt { reason: format!("storm {hours}") }));
    }
    bench.quote(30, 0, 39, 41);
    let health = bench.health();
    assert_eq!(health.halts.trading.as_deref(), Some("storm 29"));
    assert_eq!(health.decisions.len(), REMEMBERED);
    assert_eq!(health.decisions[0].text, "all trading halted (owner): storm 29");
    assert!(health.refusals[0].text.contains("trading halted; fixed_rate believes 60.0 %, book 0.39 / 0.41"));
    assert_eq!((health.feed.markets, health.feed.stale_books), (2, 1));
    let text: String = "MarketClosed".chars().flat_map(spaced_lowercase).collect();
    assert_eq!(text, " market closed");
}
