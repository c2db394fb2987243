//! The order tracker: follows each of our orders from the intent to its end, whatever is lost on the way.
//!
//! [`OrderTracker`] stands between the desk's commands and the exchange. Commands go in by
//! [`apply_command`](OrderTracker::apply_command), fills and order updates of the stream by `pushed_fill` and `pushed_order`.
//! [`start_next_task`](OrderTracker::start_next_task) says what to ask of the exchange next (place, look up, cancel, fetch fills); the
//! results come back by `handle_create_result`, `handle_query_result`, `handle_cancel_result` and `handle_fills_result`. What the desk has to know comes out of
//! [`pop_event`](OrderTracker::pop_event). The exchange session drives it; it does no I/O and reads no clock, so tests drive
//! it too.
//!
//! Invariants:
//!
//! 1. An order is only ever sent under its own client order id, `<run>-<number>`. The exchange takes an id once, so
//!    sending an order twice places it at most once.
//! 2. An order whose outcome is unknown is looked up before it is sent again; it is sent again only after
//!    `QUERIES_BEFORE_RESEND` lookups found nothing.
//! 3. An order that is to be cancelled is never sent, for the first time or again. An order recovered from an earlier
//!    process is never sent.
//! 4. At most one request an order is under way.
//! 5. Each trade counts once, by [`trade_number`], whether it was pushed or fetched first.
//! 6. An order is over only when every contract that the exchange counts as filled was seen in a fill. Counts only
//!    grow, and an end stays an end.
//! 7. A cancel that finds nothing proves nothing: the order is looked up.
//! 8. A fill that no trade of the order can have made (`FillReport::contradiction_with_order`) is not passed on. It is reported
//!    once, and the order's fills are fetched until a possible one comes.
//!
//! Known limits:
//!
//! - A fee that is wrong but possible (at most the payout of the contracts, and a cent) passes; the desk compares it
//!   with the fee it computes.
//! - A fill of an unknown order waits `ORPHAN_FILL_TIMEOUT` for its order, and as long as one of ours has no name
//!   at the exchange; then it is reported as unexplained, which halts trading.
//! - Trade numbers are 63 bits of a hash of the exchange's id; two trades with the same number would count as one.
//!
//! Where to look next: `order_requests.rs` makes requests of the tasks, `session/inbound.rs` and `session/outbound.rs` drive
//! the tracker, `tests/soak` runs it against a sandbox that loses, repeats and delays.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use crate::domain::{Contracts, MarketId, Order, OrderId, Span, Timestamp};
use crate::event::{CloseReason, Command, Fill, RejectReason, VenueEvent};

use super::fill_report::{FillReport, trade_number};
use super::order_tasks::{OrderReport, OrderTask, TaskFailure};

/// Looks in vain before an order is sent again, under the same id: if it is there after all, the exchange says so.
const QUERIES_BEFORE_RESEND: u32 = 2;
/// Looks in vain that are repeated. After one more, an order that must not be sent again is taken for never placed, and
/// one that was refused for refused.
const QUERY_RETRIES: u32 = 4;
/// First pause between attempts; doubles up to [`LONGEST_PAUSE`].
const PAUSE: Span = Span::MILLISECOND.times(250);
const LONGEST_PAUSE: Span = Span::SECOND.times(15);
/// How long a fill that is known to exist may take to come by itself before it is asked for.
const PATIENCE: Span = Span::MILLISECOND.times(200);
/// By how much reading may lag behind what was pushed.
const LAG: Span = Span::SECOND;
/// Looks that settle a doubt: the first may show what was before it.
const DOUBT: u8 = 2;
/// How long a fill of an order we do not know (yet) waits for that order to become known.
const ORPHAN_FILL_TIMEOUT: Span = Span::SECOND.times(10);

/// What is known of an order's way to the exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OrderPhase {
    /// To be placed. Whether an earlier attempt may have arrived.
    New { maybe_placed: bool },
    /// It may be there. How often it was looked for in vain; with a refusal, what a later attempt met.
    Unconfirmed { looks: u32, refused: Option<RejectReason> },
    /// It certainly is there, under a name we do not know yet.
    Exists,
    /// In the exchange's hands, under a known name.
    Placed,
}

#[derive(Debug)]
struct Tracked {
    order: Order,
    phase: OrderPhase,
    venue_id: Option<Arc<str>>,
    /// Contracts in fills that the desk was told of, or had booked before a restart.
    filled: Contracts,
    /// The most the exchange said has traded.
    reported: Contracts,
    ended: Option<CloseReason>,
    cancel: bool,
    /// How often its state still has to be looked up. Counted down when a look begins, so that a doubt that
    /// comes while one is under way is not settled by it.
    doubts: u8,
    under_way: bool,
    attempts: u32,
    not_before: Timestamp,
}

impl Tracked {
    const fn new(order: Order, phase: OrderPhase) -> Self {
        Self {
            order,
            phase,
            venue_id: None,
            filled: Contracts::ZERO,
            reported: Contracts::ZERO,
            ended: None,
            cancel: false,
            doubts: 0,
            under_way: false,
            attempts: 0,
            not_before: Timestamp::MIN,
        }
    }

    /// What should be done next about it.
    fn next_task(&self) -> Option<OrderTask> {
        let order = self.order;
        match (self.phase, &self.venue_id) {
            (OrderPhase::New { .. }, _) => Some(OrderTask::Create(order)),
            (OrderPhase::Unconfirmed { .. } | OrderPhase::Exists, _) | (OrderPhase::Placed, None) => {
                Some(OrderTask::Query(order))
            }
            (OrderPhase::Placed, Some(venue_id)) => {
                let venue_id = Arc::clone(venue_id);
                if self.doubts > 0 {
                    Some(OrderTask::Query(order))
                } else if self.filled < self.reported {
                    Some(OrderTask::Fills { order, venue_id })
                } else if self.cancel && self.ended.is_none() {
                    Some(OrderTask::Cancel { order, venue_id })
                } else {
                    None
                }
            }
        }
    }

    fn delay_next_task(&mut self, now: Timestamp) {
        let pause = PAUSE.times(1 << self.attempts.min(10)).min(LONGEST_PAUSE);
        self.attempts += 1;
        self.not_before = now + pause;
    }
}

/// All orders that are not over.
#[derive(Debug)]
pub struct OrderTracker {
    run: Box<str>,
    orders: BTreeMap<OrderId, Tracked>,
    names: BTreeMap<Arc<str>, OrderId>,
    trades: BTreeSet<u64>,
    /// Trades of which a report was not believed, so that each is reported once.
    disbelieved: BTreeSet<u64>,
    orphans: Vec<(FillReport, Timestamp)>,
    events: VecDeque<VenueEvent>,
}

impl OrderTracker {
    /// Follows orders of the run called `run`.
    #[must_use]
    pub fn new(run: &str) -> Self {
        Self {
            run: run.into(),
            orders: BTreeMap::new(),
            names: BTreeMap::new(),
            trades: BTreeSet::new(),
            disbelieved: BTreeSet::new(),
            orphans: Vec::new(),
            events: VecDeque::new(),
        }
    }

    /// The id an order has on the wire.
    #[must_use]
    pub fn client_id(&self, order: OrderId) -> String {
        format!("{}-{}", self.run, order.0)
    }

    /// The order of an id on the wire; `None` if it is none of this run's.
    #[must_use]
    pub fn order_of(&self, client_id: &str) -> Option<OrderId> {
        let number = client_id.strip_prefix(&*self.run)?.strip_prefix('-')?;
        number.parse().ok().map(OrderId)
    }

    /// An order that is not over.
    #[must_use]
    pub fn open_order(&self, id: OrderId) -> Option<Order> {
        self.orders.get(&id).map(|tracked| tracked.order)
    }

    /// Takes an order over that an earlier process may have sent: it is looked for, and not sent. A cancel
    /// that was asked for has to be handed in again, since it may not have been sent either.
    pub fn recover_order(&mut self, order: Order, filled: Contracts) {
        let mut tracked =
            Tracked::new(order, OrderPhase::Unconfirmed { looks: 0, refused: Some(RejectReason::NeverSent) });
        tracked.filled = filled;
        self.orders.insert(order.id, tracked);
    }

    /// Notes a trade that was booked before, so that it does not count again.
    pub fn record_booked_trade(&mut self, trade: u64) {
        self.trades.insert(trade);
    }

    /// Takes a command of the desk.
    pub fn apply_command(&mut self, command: &Command) {
        match command {
            Command::Submit(order) => {
                let new = Tracked::new(*order, OrderPhase::New { maybe_placed: false });
                self.orders.entry(order.id).or_insert(new);
            }
            Command::Cancel { order, .. } => self.cancel_order(*order),
        }
    }

    /// Marks every order to be cancelled, those yet to be placed included.
    pub fn cancel_all(&mut self) {
        let open: Vec<OrderId> = self.orders.keys().copied().collect();
        open.into_iter().for_each(|id| self.cancel_order(id));
    }

    /// Marks an order to be cancelled. One that never left is over at once; one that may have left is looked
    /// for instead of being sent again.
    fn cancel_order(&mut self, id: OrderId) {
        let Some(tracked) = self.orders.get_mut(&id) else { return };
        tracked.cancel = true;
        if tracked.under_way {
            return;
        }
        match tracked.phase {
            OrderPhase::New { maybe_placed: false } => self.reject_order(id, RejectReason::NeverSent),
            OrderPhase::New { maybe_placed: true } => {
                tracked.phase = OrderPhase::Unconfirmed { looks: 0, refused: None };
            }
            _ => {}
        }
    }

    /// Pushed reports may have been missed: everything is looked up.
    pub fn mark_all_uncertain(&mut self) {
        self.orders.values_mut().for_each(|tracked| tracked.doubts = DOUBT);
    }

    /// The market of an order was settled or closed for good: it is looked up.
    pub fn mark_uncertain(&mut self, market: MarketId) {
        let there = self.orders.values_mut().filter(|tracked| tracked.order.market == market);
        there.for_each(|tracked| tracked.doubts = DOUBT);
    }

    /// The next thing to do, if it is time; it counts as under way until its result is handed in.
    pub fn start_next_task(&mut self, now: Timestamp) -> Option<OrderTask> {
        self.expire_orphans(now);
        let due = |tracked: &&mut Tracked| !tracked.under_way && tracked.not_before <= now;
        for tracked in self.orders.values_mut().filter(due) {
            if let Some(task) = tracked.next_task() {
                tracked.under_way = true;
                if matches!(task, OrderTask::Query(_)) {
                    tracked.doubts = tracked.doubts.saturating_sub(1);
                }
                return Some(task);
            }
        }
        None
    }

    /// When there will be something to do, if nothing is heard before.
    #[must_use]
    pub fn next_due_time(&self) -> Option<Timestamp> {
        let waiting =
            self.orders.values().filter(|tracked| !tracked.under_way && tracked.next_task().is_some());
        waiting.map(|tracked| tracked.not_before).chain(self.orphans_due()).min()
    }

    /// Whether nothing is in doubt: every order is over, or rests and is meant to.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        let busy = |tracked: &Tracked| tracked.under_way || tracked.next_task().is_some();
        self.events.is_empty() && !self.orders.values().any(busy)
    }

    /// Returns whether every order that was ever followed is over.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.orders.is_empty()
    }

    /// What the desk should hear next.
    pub fn pop_event(&mut self) -> Option<VenueEvent> {
        self.events.pop_front()
    }

    /// Takes the result of [`OrderTask::Create`]: the order rests, has traded, is rejected, or is in doubt.
    pub fn handle_create_result(
        &mut self,
        id: OrderId,
        now: Timestamp,
        result: Result<OrderReport, TaskFailure>,
    ) {
        let Some(tracked) = self.finish_task(id) else { return };
        let failure = match result {
            Ok(report) => return self.merge_order_report(id, now, report),
            Err(failure) => failure,
        };
        let OrderPhase::New { maybe_placed } = tracked.phase else {
            // Pushed news was faster: it is there, but how it stands only the answer would have told.
            tracked.doubts = tracked.doubts.max(1);
            return;
        };
        match failure {
            TaskFailure::AlreadyExists => tracked.phase = OrderPhase::Exists,
            TaskFailure::Unknown => {
                tracked.phase = OrderPhase::Unconfirmed { looks: 0, refused: None };
                tracked.attempts = 0;
                tracked.delay_next_task(now);
            }
            TaskFailure::NotDone if maybe_placed => {
                if tracked.cancel {
                    tracked.phase = OrderPhase::Unconfirmed { looks: 0, refused: None };
                }
                tracked.delay_next_task(now);
            }
            TaskFailure::Refused(reason) if maybe_placed => {
                // It may be refused because the first attempt is there and has used up the cash.
                tracked.phase = OrderPhase::Unconfirmed { looks: 0, refused: Some(reason) };
                tracked.attempts = 0;
                tracked.delay_next_task(now);
            }
            TaskFailure::NotDone => self.reject_order(id, RejectReason::Busy),
            TaskFailure::NotFound => self.reject_order(id, RejectReason::MarketNotTrading),
            TaskFailure::Refused(reason) => self.reject_order(id, reason),
        }
    }

    /// The result of [`OrderTask::Query`]; `None` if the order was not found.
    pub fn handle_query_result(
        &mut self,
        id: OrderId,
        now: Timestamp,
        result: Result<Option<OrderReport>, TaskFailure>,
    ) {
        let Some(tracked) = self.finish_task(id) else { return };
        match (result, tracked.phase) {
            (Ok(Some(report)), _) => {
                // While it is to be cancelled and still seems to rest, reading may lag behind writing.
                let lagging = tracked.cancel && report.ended.is_none();
                if lagging {
                    tracked.delay_next_task(now);
                }
                let doubted = tracked.doubts > 0;
                self.merge_order_report(id, now, report);
                if let Some(tracked) = self.orders.get_mut(&id).filter(|_| doubted) {
                    tracked.not_before = tracked.not_before.max(now + LAG);
                }
            }
            (Ok(None), OrderPhase::Unconfirmed { looks, refused }) => {
                let looks = looks + 1;
                match refused {
                    Some(reason) if looks > QUERY_RETRIES => return self.reject_order(id, reason),
                    None if looks > QUERY_RETRIES && tracked.cancel => {
                        return self.reject_order(id, RejectReason::NeverSent);
                    }
                    None if looks >= QUERIES_BEFORE_RESEND && !tracked.cancel => {
                        tracked.phase = OrderPhase::New { maybe_placed: true };
                        tracked.attempts = 0;
                        return;
                    }
                    refused => tracked.phase = OrderPhase::Unconfirmed { looks, refused },
                }
                tracked.delay_next_task(now);
            }
            (Ok(None) | Err(_), _) => {
                tracked.doubts = tracked.doubts.max(1);
                tracked.delay_next_task(now);
            }
        }
    }

    /// The result of [`OrderTask::Cancel`]: how much was taken back.
    #[expect(clippy::needless_pass_by_value, reason = "what was said is used up")]
    pub fn handle_cancel_result(
        &mut self,
        id: OrderId,
        now: Timestamp,
        result: Result<Contracts, TaskFailure>,
    ) {
        let Some(tracked) = self.finish_task(id) else { return };
        match result {
            Ok(reduced_by) => {
                let Some(venue_id) = tracked.venue_id.clone() else { return };
                let filled = (tracked.order.contracts - reduced_by).max(tracked.filled);
                self.merge_order_report(
                    id,
                    now,
                    OrderReport { venue_id, filled, ended: Some(CloseReason::Cancelled) },
                );
            }
            Err(TaskFailure::NotFound | TaskFailure::Refused(_)) => {
                tracked.doubts = tracked.doubts.max(1);
                tracked.delay_next_task(now);
            }
            Err(_) => tracked.delay_next_task(now),
        }
    }

    /// Takes the result of [`OrderTask::Fills`]; fills that were seen before do not count again.
    pub fn handle_fills_result(
        &mut self,
        id: OrderId,
        now: Timestamp,
        result: Result<Vec<FillReport>, TaskFailure>,
    ) {
        let Some(tracked) = self.finish_task(id) else { return };
        // If some are still missing, reading lags behind writing.
        tracked.delay_next_task(now);
        for fill in result.unwrap_or_default() {
            self.apply_fill_report(id, &fill);
        }
        self.close_if_over(id);
    }

    /// The exchange told by itself how an order stands. `client_id` may be another run's or a person's.
    pub fn pushed_order(&mut self, client_id: &str, now: Timestamp, report: OrderReport) {
        if let Some(id) = self.order_of(client_id)
            && self.orders.contains_key(&id)
        {
            self.merge_order_report(id, now, report);
        }
    }

    /// The exchange told by itself of a trade.
    pub fn pushed_fill(&mut self, client_id: Option<&str>, now: Timestamp, fill: FillReport) {
        let by_client = client_id.and_then(|client_id| self.order_of(client_id));
        match by_client.or_else(|| self.names.get(&fill.venue_id).copied()) {
            Some(id) => {
                let contradiction = self.orders.get(&id).and_then(|tracked| {
                    fill.contradiction_with_order(&tracked.order, tracked.venue_id.as_deref())
                });
                // What cannot be of this order does not say its name either.
                if contradiction.is_none() {
                    self.learn_name(id, &fill.venue_id);
                }
                self.apply_fill_report(id, &fill);
                self.close_if_over(id);
            }
            None => self.orphans.push((fill, now)),
        }
    }

    fn finish_task(&mut self, id: OrderId) -> Option<&mut Tracked> {
        let tracked = self.orders.get_mut(&id)?;
        tracked.under_way = false;
        Some(tracked)
    }

    fn reject_order(&mut self, order: OrderId, reason: RejectReason) {
        self.orders.remove(&order);
        self.events.push_back(VenueEvent::Rejected { order, reason });
    }

    /// Merges what the exchange says with what is known: counts only grow, an end stays an end.
    #[expect(clippy::needless_pass_by_value, reason = "what was said is used up")]
    fn merge_order_report(&mut self, id: OrderId, now: Timestamp, report: OrderReport) {
        self.learn_name(id, &report.venue_id);
        let Some(tracked) = self.orders.get_mut(&id) else { return };
        tracked.reported = tracked.reported.max(report.filled);
        if tracked.ended.is_none() && report.ended.is_some() {
            tracked.ended = report.ended;
            tracked.attempts = 0;
        }
        if tracked.filled < tracked.reported {
            tracked.not_before = tracked.not_before.max(now + PATIENCE);
        }
        self.close_if_over(id);
    }

    fn learn_name(&mut self, id: OrderId, venue_id: &Arc<str>) {
        let Some(tracked) = self.orders.get_mut(&id) else { return };
        if tracked.venue_id.is_some() {
            return;
        }
        tracked.venue_id = Some(Arc::clone(venue_id));
        tracked.phase = OrderPhase::Placed;
        tracked.attempts = 0;
        tracked.not_before = Timestamp::MIN;
        self.names.insert(Arc::clone(venue_id), id);
        self.events.push_back(VenueEvent::Accepted { order: id, venue_id: Some(Arc::clone(venue_id)) });
        let (ours, others) =
            std::mem::take(&mut self.orphans).into_iter().partition(|(fill, _)| fill.venue_id == *venue_id);
        self.orphans = others;
        let ours: Vec<(FillReport, Timestamp)> = ours;
        ours.iter().for_each(|(fill, _)| self.apply_fill_report(id, fill));
    }

    fn apply_fill_report(&mut self, id: OrderId, report: &FillReport) {
        let trade = trade_number(&report.trade_id);
        if self.trades.contains(&trade) {
            return;
        }
        let FillReport { yes_price, contracts, fee, taker, .. } = *report;
        if let Some(tracked) = self.orders.get_mut(&id)
            && let Some(contradiction) =
                report.contradiction_with_order(&tracked.order, tracked.venue_id.as_deref())
        {
            // The trade itself may well have been: whether it was is looked up.
            tracked.doubts = tracked.doubts.max(1);
            if self.disbelieved.insert(trade) {
                let detail = format!(
                    "trade {} of order {} is not booked as the exchange told it: {contradiction}",
                    report.trade_id, id.0
                );
                self.events.push_back(VenueEvent::Unexplained { detail });
            }
            return;
        }
        self.trades.insert(trade);
        let Some(tracked) = self.orders.get_mut(&id) else {
            let detail = format!(
                "trade {} of {contracts} contracts at {yes_price} came after its order {} was over",
                report.trade_id, id.0
            );
            return self.events.push_back(VenueEvent::Unexplained { detail });
        };
        tracked.filled += contracts;
        tracked.reported = tracked.reported.max(tracked.filled);
        let price = tracked.order.side.price_from_yes(yes_price);
        self.events.push_back(VenueEvent::Filled(Fill { order: id, trade, price, contracts, fee, taker }));
    }

    fn close_if_over(&mut self, id: OrderId) {
        let Some(tracked) = self.orders.get(&id) else { return };
        if tracked.filled >= tracked.order.contracts {
            self.orders.remove(&id);
        } else if let Some(reason) = tracked.ended
            && tracked.filled >= tracked.reported
        {
            self.orders.remove(&id);
            self.events.push_back(VenueEvent::Closed { order: id, reason });
        }
    }

    /// When the next fill of an unknown order will have waited long enough. While an order of ours has no
    /// name yet, it may be that one's.
    fn orphans_due(&self) -> Option<Timestamp> {
        let nameless = self.orders.values().any(|tracked| tracked.venue_id.is_none());
        let due = self.orphans.iter().map(|(_, since)| *since + ORPHAN_FILL_TIMEOUT).min();
        due.filter(|_| !nameless)
    }

    fn expire_orphans(&mut self, now: Timestamp) {
        let expired = |since: Timestamp| since + ORPHAN_FILL_TIMEOUT <= now;
        if self.orphans_due().is_none_or(|due| due > now) {
            return;
        }
        let (old, young): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.orphans).into_iter().partition(|(_, since)| expired(*since));
        self.orphans = young;
        for (fill, _) in old {
            if self.trades.insert(trade_number(&fill.trade_id)) {
                let FillReport { trade_id, venue_id, contracts, yes_price, .. } = fill;
                let detail = format!(
                    "trade {trade_id} of {contracts} contracts at {yes_price} belongs to order {venue_id}, which is not ours"
                );
                self.events.push_back(VenueEvent::Unexplained { detail });
            }
        }
    }
}

#[cfg(test)]
#[path = "order_tracker_tests.rs"]
mod tests;
