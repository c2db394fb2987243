//! Each way an order can go wrong on the wire, by hand. Random ones are in tests/soak.

use crate::domain::{Action, Money, Price, Side, TimeInForce};

use super::*;

const RUN: &str = "ab12";

fn order(contracts: i64, time_in_force: TimeInForce) -> Order {
    Order {
        id: OrderId(1),
        market: MarketId(0),
        side: Side::No,
        action: Action::Buy,
        contracts: Contracts::whole(contracts),
        limit: Price::new(5_600).unwrap(),
        time_in_force,
    }
}

fn fill(trade: &str, contracts: i64) -> FillReport {
    FillReport {
        trade_id: trade.into(),
        venue_id: "venue".into(),
        market: Some(MarketId(0)),
        gained: Side::No,
        yes_price: Price::new(4_500).unwrap(),
        contracts: Contracts::whole(contracts),
        fee: Money::from_micros(17_500),
        taker: true,
    }
}

fn report(filled: i64, ended: Option<CloseReason>) -> OrderReport {
    OrderReport { venue_id: "venue".into(), filled: Contracts::whole(filled), ended }
}

/// A tracker with one order on its way, and a clock.
struct Bench {
    tracker: OrderTracker,
    now: Timestamp,
}

impl Bench {
    fn new(order: Order) -> Self {
        let mut tracker = OrderTracker::new(RUN);
        tracker.apply_command(&Command::Submit(order));
        Self { tracker, now: Timestamp::from_nanos(0) }
    }

    /// The next task, as soon as it is due.
    fn task(&mut self) -> Option<OrderTask> {
        self.now = self.now.max(self.tracker.next_due_time()?);
        self.tracker.start_next_task(self.now)
    }

    fn create(&mut self, result: Result<OrderReport, TaskFailure>) {
        assert!(matches!(self.task(), Some(OrderTask::Create(_))));
        self.tracker.handle_create_result(OrderId(1), self.now, result);
    }

    fn look(&mut self, result: Result<Option<OrderReport>, TaskFailure>) {
        assert!(matches!(self.task(), Some(OrderTask::Query(_))));
        self.tracker.handle_query_result(OrderId(1), self.now, result);
    }

    fn told(&mut self) -> Vec<String> {
        let tell = |event| match event {
            VenueEvent::Accepted { .. } => "accepted".to_owned(),
            VenueEvent::Filled(fill) => format!("{} @ {}", fill.contracts, fill.price),
            VenueEvent::Closed { reason, .. } => format!("closed {reason:?}"),
            VenueEvent::Rejected { reason, .. } => format!("rejected {reason:?}"),
            VenueEvent::Unexplained { detail } => detail,
        };
        std::iter::from_fn(|| self.tracker.pop_event()).map(tell).collect()
    }
}

#[test]
fn an_immediate_order_that_fills_in_part() {
    let mut bench = Bench::new(order(10, TimeInForce::Ioc));
    bench.create(Ok(report(6, Some(CloseReason::NothingOnOffer))));
    assert_eq!(bench.told(), ["accepted"], "not over before its fills are known");
    bench.tracker.pushed_fill(None, bench.now, fill("a", 4));
    assert!(
        matches!(bench.task(), Some(OrderTask::Fills { .. })),
        "the other two did not come by themselves"
    );
    bench.tracker.handle_fills_result(OrderId(1), bench.now, Ok(vec![fill("a", 4), fill("b", 2)]));
    assert_eq!(bench.told(), ["4 @ 0.55", "2 @ 0.55", "closed NothingOnOffer"]);
    assert!(bench.tracker.is_empty() && bench.tracker.is_quiet());
    bench.tracker.pushed_fill(Some("ab12-1"), bench.now, fill("b", 2));
    assert!(bench.told().is_empty(), "each trade counts once");
}

/// Changes what is said of a fill.
type Lie = fn(&mut FillReport);

#[test]
fn a_fill_that_no_trade_can_have_made_is_reported_once_and_asked_for_again() {
    // The order buys NO at 0.56 at most, so YES trades at 0.44 or above.
    let lies: [(&str, Lie); 10] = [
        ("fee of -1000", |fill| fill.fee = Money::DOLLAR.mul_div_floor(-1_000, 1)),
        ("fee of 17500", |fill| fill.fee = Money::from_micros(17_500_000_000)),
        ("fee of 4.010001", |fill| fill.fee = Money::from_micros(4_010_001)),
        ("cannot trade -4", |fill| fill.contracts = Contracts::whole(-4)),
        ("cannot trade 0", |fill| fill.contracts = Contracts::ZERO),
        ("cannot trade 10.01", |fill| fill.contracts = Contracts::from_hundredths(1_001)),
        ("price of 0.5601 is beyond", |fill| fill.yes_price = Price::new(4_399).unwrap()),
        ("of another market", |fill| fill.market = Some(MarketId(1))),
        ("of another market", |fill| fill.market = None),
        ("side is the other one: it gained yes", |fill| fill.gained = Side::Yes),
    ];
    for (said, lie) in lies {
        let mut bench = Bench::new(order(10, TimeInForce::Ioc));
        bench.create(Ok(report(4, Some(CloseReason::NothingOnOffer))));
        assert_eq!(bench.told(), ["accepted"]);
        let mut false_fill = fill("a", 4);
        lie(&mut false_fill);
        bench.tracker.pushed_fill(None, bench.now, false_fill.clone());
        let told = bench.told();
        assert!(told.len() == 1 && told[0].contains(said), "{said}: {told:?}");
        bench.look(Ok(Some(report(4, Some(CloseReason::NothingOnOffer)))));
        for again in [Ok(vec![false_fill]), Ok(vec![fill("a", 4)])] {
            let mut next = bench.task();
            if let Some(OrderTask::Query(_)) = next {
                bench.tracker.handle_query_result(OrderId(1), bench.now, Ok(Some(report(4, None))));
                next = bench.task();
            }
            assert!(matches!(next, Some(OrderTask::Fills { .. })), "{said}: {next:?}");
            bench.tracker.handle_fills_result(OrderId(1), bench.now, again);
        }
        assert_eq!(bench.told(), ["4 @ 0.55", "closed NothingOnOffer"], "{said}: the true one is booked");
        assert!(bench.tracker.is_empty());
    }
}

#[test]
fn the_highest_fee_a_broker_may_round_to_and_a_sale_at_a_better_price_are_believed() {
    let sale = Order { action: Action::Sell, ..order(10, TimeInForce::Ioc) };
    let report = FillReport { fee: Money::from_micros(4_010_000), ..fill("a", 4) };
    assert_eq!(report.contradiction_with_order(&order(10, TimeInForce::Ioc), Some("venue")), None);
    // Sold at 0.56 or above: YES at 0.44 or below. Who sells NO gains YES.
    let report = FillReport { gained: Side::Yes, ..report };
    assert!(report.contradiction_with_order(&sale, None).unwrap().contains("beyond"));
    let better = FillReport { yes_price: Price::new(4_400).unwrap(), ..report };
    assert_eq!(better.contradiction_with_order(&sale, None), None);
}

/// Its client order id is ours, and nothing else.
#[test]
fn a_fill_of_another_order_is_not_booked_and_gives_ours_no_name() {
    let mut bench = Bench::new(order(10, TimeInForce::Ioc));
    assert!(matches!(bench.task(), Some(OrderTask::Create(_))));
    let foreign = FillReport { venue_id: "other".into(), market: Some(MarketId(7)), ..fill("x", 4) };
    bench.tracker.pushed_fill(Some("ab12-1"), bench.now, foreign);
    let told = bench.told();
    assert!(told.len() == 1 && told[0].contains("of another market"), "{told:?}");
    bench.tracker.handle_create_result(
        OrderId(1),
        bench.now,
        Ok(report(4, Some(CloseReason::NothingOnOffer))),
    );
    assert_eq!(bench.told(), ["accepted"], "under the name that the answer has");
    let other = FillReport { venue_id: "other".into(), ..fill("y", 4) };
    bench.tracker.pushed_fill(Some("ab12-1"), bench.now, other);
    let told = bench.told();
    assert!(told.len() == 1 && told[0].contains("of the order other"), "{told:?}");
}

#[test]
fn news_may_be_faster_than_the_answer() {
    let mut bench = Bench::new(order(4, TimeInForce::Ioc));
    assert!(matches!(bench.task(), Some(OrderTask::Create(_))));
    bench.tracker.pushed_fill(Some("ab12-1"), bench.now, fill("a", 4));
    assert_eq!(bench.told(), ["accepted", "4 @ 0.55"]);
    bench.tracker.handle_create_result(OrderId(1), bench.now, Err(TaskFailure::Unknown));
    assert!(bench.told().is_empty() && bench.tracker.is_empty());
}

#[test]
fn an_unknown_outcome_is_looked_up_and_found() {
    let mut bench = Bench::new(order(10, TimeInForce::Gtc));
    bench.create(Err(TaskFailure::Unknown));
    bench.look(Ok(None));
    bench.look(Err(TaskFailure::Unknown));
    bench.look(Ok(Some(report(0, None))));
    assert_eq!(bench.told(), ["accepted"]);
    assert!(bench.tracker.is_quiet(), "it rests");
}

#[test]
fn what_is_not_found_is_sent_again_under_the_same_id() {
    let mut bench = Bench::new(order(10, TimeInForce::Gtc));
    bench.create(Err(TaskFailure::Unknown));
    for _ in 0..QUERIES_BEFORE_RESEND {
        bench.look(Ok(None));
    }
    assert!(
        bench.now > Timestamp::from_nanos(0) + Span::MILLISECOND.times(500),
        "reading may lag behind writing"
    );
    bench.create(Err(TaskFailure::AlreadyExists));
    // It is certainly there, so it is looked for until it shows.
    for _ in 0..20 {
        bench.look(Ok(None));
    }
    bench.look(Ok(Some(report(0, Some(CloseReason::MarketClosed)))));
    assert_eq!(bench.told(), ["accepted", "closed MarketClosed"]);
}

#[test]
fn a_refusal_of_the_second_attempt_says_nothing_of_the_first() {
    let mut bench = Bench::new(order(10, TimeInForce::Gtc));
    bench.create(Err(TaskFailure::Unknown));
    for _ in 0..QUERIES_BEFORE_RESEND {
        bench.look(Ok(None));
    }
    bench.create(Err(TaskFailure::Refused(RejectReason::InsufficientFunds)));
    for _ in 0..=QUERY_RETRIES {
        assert!(bench.told().is_empty());
        bench.look(Ok(None));
    }
    assert_eq!(bench.told(), ["rejected InsufficientFunds"]);
}

#[test]
fn certain_failures_are_told_at_once() {
    for (failure, reason) in [
        (TaskFailure::NotDone, "rejected Busy"),
        (TaskFailure::NotFound, "rejected MarketNotTrading"),
        (TaskFailure::Refused(RejectReason::InvalidPrice), "rejected InvalidPrice"),
    ] {
        let mut bench = Bench::new(order(1, TimeInForce::Ioc));
        bench.create(Err(failure));
        assert_eq!(bench.told(), [reason]);
        assert!(bench.tracker.is_empty());
    }
}

#[test]
fn a_cancel_that_finds_nothing_proves_nothing() {
    let mut bench = Bench::new(order(10, TimeInForce::Gtc));
    bench.create(Ok(report(0, None)));
    bench.tracker.apply_command(&Command::Cancel { order: OrderId(1), market: MarketId(0) });
    assert!(matches!(bench.task(), Some(OrderTask::Cancel { .. })));
    bench.tracker.handle_cancel_result(OrderId(1), bench.now, Err(TaskFailure::NotFound));
    bench.look(Ok(Some(report(0, None)))); // reads lag: it still seems to rest
    assert!(matches!(bench.task(), Some(OrderTask::Cancel { .. })));
    bench.tracker.handle_cancel_result(OrderId(1), bench.now, Err(TaskFailure::NotFound));
    bench.look(Ok(Some(report(10, Some(CloseReason::Cancelled))))); // it had traded
    assert!(matches!(bench.task(), Some(OrderTask::Fills { .. })));
    bench.tracker.handle_fills_result(OrderId(1), bench.now, Ok(vec![fill("a", 10)]));
    assert_eq!(bench.told(), ["accepted", "10 @ 0.55"]);
}

#[test]
fn cancelling_counts_what_traded_before() {
    let mut bench = Bench::new(order(10, TimeInForce::Gtc));
    bench.create(Ok(report(0, None)));
    bench.tracker.cancel_all();
    assert!(matches!(bench.task(), Some(OrderTask::Cancel { .. })));
    bench.tracker.handle_cancel_result(OrderId(1), bench.now, Ok(Contracts::whole(7)));
    bench.tracker.pushed_fill(None, bench.now, fill("a", 3));
    assert_eq!(bench.told(), ["accepted", "3 @ 0.55", "closed Cancelled"]);
}

#[test]
fn what_was_not_sent_when_it_is_to_be_cancelled_is_never_sent() {
    let cancel = Command::Cancel { order: OrderId(1), market: MarketId(0) };
    let mut bench = Bench::new(order(10, TimeInForce::Gtc));
    bench.tracker.apply_command(&cancel);
    assert_eq!(bench.task(), None);
    assert_eq!(bench.told(), ["rejected NeverSent"]);
    assert!(bench.tracker.is_empty());

    // A first attempt may have arrived: it is looked for, and not sent a second time.
    let mut bench = Bench::new(order(10, TimeInForce::Gtc));
    bench.create(Err(TaskFailure::Unknown));
    for _ in 0..QUERIES_BEFORE_RESEND {
        bench.look(Ok(None));
    }
    bench.tracker.cancel_all();
    for _ in 0..=QUERY_RETRIES {
        bench.look(Ok(None));
    }
    assert_eq!(bench.told(), ["rejected NeverSent"]);

    // The second attempt is under way, and did not leave.
    let mut bench = Bench::new(order(10, TimeInForce::Gtc));
    bench.create(Err(TaskFailure::Unknown));
    for _ in 0..QUERIES_BEFORE_RESEND {
        bench.look(Ok(None));
    }
    assert!(matches!(bench.task(), Some(OrderTask::Create(_))));
    bench.tracker.apply_command(&cancel);
    bench.tracker.handle_create_result(OrderId(1), bench.now, Err(TaskFailure::NotDone));
    bench.look(Ok(Some(report(0, None))));
    assert!(matches!(bench.task(), Some(OrderTask::Cancel { .. })));
}

#[test]
fn after_a_crash_an_intent_is_looked_for_and_never_sent() {
    let mut tracker = OrderTracker::new(RUN);
    tracker.recover_order(order(10, TimeInForce::Ioc), Contracts::ZERO);
    let mut bench = Bench { tracker, now: Timestamp::from_nanos(0) };
    for _ in 0..=QUERY_RETRIES {
        bench.look(Ok(None));
    }
    assert_eq!(bench.told(), ["rejected NeverSent"]);
}

#[test]
fn a_fill_of_somebody_elses_order_is_unexplained() {
    let mut bench = Bench::new(order(10, TimeInForce::Gtc));
    bench.create(Ok(report(0, None)));
    bench.tracker.pushed_fill(
        Some("by-hand"),
        bench.now,
        FillReport { venue_id: "other".into(), ..fill("x", 5) },
    );
    assert_eq!(bench.told(), ["accepted"]);
    assert!(bench.task().is_none(), "time passes");
    let told = bench.told();
    assert!(
        told[0].contains("trade x of 5 contracts at 0.45 belongs to order other, which is not ours"),
        "{told:?}"
    );
}

#[test]
fn a_fill_waits_for_its_order_to_become_known() {
    let mut bench = Bench::new(order(5, TimeInForce::Ioc));
    assert!(matches!(bench.task(), Some(OrderTask::Create(_))));
    bench.tracker.pushed_fill(None, bench.now, fill("a", 5));
    assert!(bench.told().is_empty());
    bench.tracker.handle_create_result(
        OrderId(1),
        bench.now,
        Ok(report(5, Some(CloseReason::NothingOnOffer))),
    );
    assert_eq!(bench.told(), ["accepted", "5 @ 0.55"]);
}

#[test]
fn a_fill_without_our_name_waits_while_an_order_has_no_name_yet() {
    let mut bench = Bench::new(order(5, TimeInForce::Ioc));
    bench.create(Err(TaskFailure::Unknown));
    bench.tracker.pushed_fill(None, bench.now, fill("a", 5));
    for _ in 0..3 {
        bench.now = bench.now + ORPHAN_FILL_TIMEOUT;
        bench.look(Err(TaskFailure::Unknown));
    }
    bench.look(Ok(Some(report(5, Some(CloseReason::NothingOnOffer)))));
    assert_eq!(bench.told(), ["accepted", "5 @ 0.55"]);
}

#[test]
fn an_order_known_by_its_fill_is_looked_up_when_its_answer_is_lost() {
    let mut bench = Bench::new(order(5, TimeInForce::Ioc));
    assert!(matches!(bench.task(), Some(OrderTask::Create(_))));
    bench.tracker.pushed_fill(Some("ab12-1"), bench.now, fill("a", 2));
    bench.tracker.handle_create_result(OrderId(1), bench.now, Err(TaskFailure::Unknown));
    bench.look(Ok(Some(report(2, Some(CloseReason::NothingOnOffer)))));
    assert_eq!(bench.told(), ["accepted", "2 @ 0.55", "closed NothingOnOffer"]);
}

#[test]
fn a_doubt_is_settled_by_what_is_asked_after_it() {
    let mut bench = Bench::new(order(5, TimeInForce::Gtc));
    assert!(matches!(bench.task(), Some(OrderTask::Create(_))));
    bench.tracker.mark_all_uncertain(); // the answer may be older than what was missed
    bench.tracker.handle_create_result(OrderId(1), bench.now, Ok(report(0, None)));
    assert!(matches!(bench.task(), Some(OrderTask::Query(_))));
    bench.tracker.mark_all_uncertain(); // and so may the answer to this look
    bench.tracker.handle_query_result(OrderId(1), bench.now, Ok(Some(report(0, None))));
    bench.look(Ok(Some(report(0, None))));
    let first = bench.now;
    bench.look(Ok(Some(report(0, None))));
    assert!(bench.now >= first + LAG, "reading lags");
    assert_eq!(bench.told(), ["accepted"]);
    assert!(bench.tracker.is_quiet());
}

#[test]
fn ids_on_the_wire_name_run_and_order() {
    let tracker = OrderTracker::new(RUN);
    assert_eq!(tracker.client_id(OrderId(42)), "ab12-42");
    assert_eq!(tracker.order_of("ab12-42"), Some(OrderId(42)));
    for foreign in ["ab12-", "ab12-x", "cd34-42", "42", "ab1242"] {
        assert_eq!(tracker.order_of(foreign), None, "{foreign}");
    }
}
