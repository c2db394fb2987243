//! The requests that the order tracker asks for: [`perform_task`] makes one and says what can be concluded from the
//! answer; [`settle_orders`] goes on until nothing about the orders of an earlier process is in doubt.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::domain::{Action, Contracts, MarketId, Order, OrderId, Side, Span, Timestamp};
use crate::event::{RejectReason, VenueEvent};

use super::clock;
use super::fill_report::FillReport;
use super::market_tracker::MarketTracker;
use super::order_tasks::{OrderReport, OrderTask, TaskFailure, end_of};
use super::order_tracker::OrderTracker;
use super::rest::{ApiError, FillFilter, OrderFilter, Rest};
use super::wire::{self, ApiBookSide, ApiOrderStatus, CreateOrder};
use super::ws_messages;
use super::ws_messages::UserOrderStatus;

/// The result of an [`OrderTask`], with the number of the order it was about.
#[derive(Debug)]
pub enum TaskOutcome {
    /// Result of [`OrderTask::Create`]: how the order stood right after it was placed.
    Created(OrderId, Result<OrderReport, TaskFailure>),
    /// Result of [`OrderTask::Query`]; `None` if no order of the market has its client order id.
    Queried(OrderId, Result<Option<OrderReport>, TaskFailure>),
    /// Result of [`OrderTask::Cancel`]: how many contracts were still resting and are taken back.
    Cancelled(OrderId, Result<Contracts, TaskFailure>),
    /// Result of [`OrderTask::Fills`]: all fills that the exchange lists for the order.
    Fetched(OrderId, Result<Vec<FillReport>, TaskFailure>),
}

impl TaskOutcome {
    /// Whether the exchange refused to place an order.
    #[must_use]
    pub const fn is_refused_order(&self) -> bool {
        matches!(self, Self::Created(_, Err(TaskFailure::Refused(_) | TaskFailure::NotFound)))
    }

    /// Hands the result to the tracker.
    pub fn hand_to(self, tracker: &mut OrderTracker, now: Timestamp) {
        match self {
            Self::Created(id, result) => tracker.handle_create_result(id, now, result),
            Self::Queried(id, result) => tracker.handle_query_result(id, now, result),
            Self::Cancelled(id, result) => tracker.handle_cancel_result(id, now, result),
            Self::Fetched(id, result) => tracker.handle_fills_result(id, now, result),
        }
    }
}

/// An order on the wire: its market's name, its own, its group.
#[derive(Clone, Debug)]
pub struct OrderAddress {
    /// Ticker of the market the order is in.
    pub ticker: Arc<str>,
    /// The client order id, made of the run's name and the order's number: it is placed and found by it.
    pub client_id: String,
    /// The group of entries, which the exchange stops on its own or when asked. An order that closes a position
    /// is never placed in it: it must get through when the group is stopped.
    pub entry_group: Option<Arc<str>>,
}

/// Does a task. What went wrong beyond what the tracker has to know comes second.
pub async fn perform_task(rest: Rest, task: OrderTask, to: OrderAddress) -> (TaskOutcome, Option<ApiError>) {
    let id = task.order().id;
    match task {
        OrderTask::Create(order) => {
            let OrderAddress { ticker, client_id, entry_group } = to;
            let group = entry_group.filter(|_| order.action == Action::Buy);
            let (what, at) = ((order.side, order.action), order.limit);
            let mut create =
                CreateOrder::new(&*ticker, client_id, what, order.contracts, at, order.time_in_force);
            create.cancel_order_on_pause = true;
            create.order_group_id = group.as_deref().map(Into::into);
            let (result, error) = split_task_failure(rest.create_order(&create).await);
            (TaskOutcome::Created(id, result.map(|created| report_of_created(&order, &created))), error)
        }
        OrderTask::Query(order) => {
            let filter = OrderFilter { ticker: Some(to.ticker.to_string()), ..OrderFilter::default() };
            let (result, error) = split_task_failure(rest.orders(&filter).await);
            let ours = |orders: Vec<wire::ApiOrder>| {
                orders
                    .iter()
                    .find(|found| found.client_order_id == to.client_id)
                    .map(|found| report_of(&order, found))
            };
            (TaskOutcome::Queried(id, result.map(ours)), error)
        }
        OrderTask::Cancel { venue_id, .. } => {
            let (result, error) = split_task_failure(rest.cancel_order(&venue_id, &to.ticker).await);
            (TaskOutcome::Cancelled(id, result.map(|cancelled| cancelled.reduced_by)), error)
        }
        OrderTask::Fills { order, venue_id } => {
            let filter = FillFilter { order_id: Some(venue_id.to_string()), ..FillFilter::default() };
            let (result, error) = split_task_failure(rest.fills(&filter).await);
            let market = |fill: &wire::ApiFill| (*fill.ticker == *to.ticker).then_some(order.market);
            let reports =
                |fills: Vec<wire::ApiFill>| fills.iter().map(|fill| fill_of(fill, market(fill))).collect();
            (TaskOutcome::Fetched(id, result.map(reports)), error)
        }
    }
}

/// What the tracker has to know of a failure, and the failure itself.
fn split_task_failure<T>(result: Result<T, ApiError>) -> (Result<T, TaskFailure>, Option<ApiError>) {
    match result {
        Ok(value) => (Ok(value), None),
        Err(error) => (Err(failure_of(&error)), Some(error)),
    }
}

/// What the tracker may conclude from a failed request.
#[must_use]
pub fn failure_of(error: &ApiError) -> TaskFailure {
    match error {
        ApiError::NotSent(_) | ApiError::RateLimited(_) | ApiError::ClockOff { .. } => TaskFailure::NotDone,
        ApiError::Unknown(_) | ApiError::Schema { .. } => TaskFailure::Unknown,
        ApiError::Refused { .. } if error.is_already_exists() => TaskFailure::AlreadyExists,
        ApiError::Refused { .. } if error.market_not_trading() => {
            TaskFailure::Refused(RejectReason::MarketNotTrading)
        }
        ApiError::Refused { .. } if error.insufficient_balance() => {
            TaskFailure::Refused(RejectReason::InsufficientFunds)
        }
        ApiError::Refused { .. } if error.would_take() => TaskFailure::Refused(RejectReason::WouldTake),
        ApiError::Refused { .. } if error.invalid_price() => TaskFailure::Refused(RejectReason::InvalidPrice),
        ApiError::Refused { status: 404, .. } => TaskFailure::NotFound,
        ApiError::Refused { .. } => TaskFailure::Refused(RejectReason::Refused),
    }
}

fn report_of_created(order: &Order, created: &wire::CreatedOrder) -> OrderReport {
    let over = !created.remaining.is_positive();
    OrderReport {
        venue_id: created.order_id.as_str().into(),
        filled: created.filled,
        ended: over.then(|| end_of(order, None)),
    }
}

fn report_of(order: &Order, found: &wire::ApiOrder) -> OrderReport {
    let ended = match found.status {
        ApiOrderStatus::Resting => None,
        ApiOrderStatus::Canceled | ApiOrderStatus::Executed => Some(end_of(order, None)),
    };
    OrderReport { venue_id: found.order_id.as_str().into(), filled: found.filled, ended }
}

/// What a pushed message says of an order; `None` if it leaves its state open.
#[must_use]
pub fn pushed_order(order: &Order, message: &ws_messages::UserOrder) -> Option<OrderReport> {
    let ended = match message.status {
        UserOrderStatus::Resting => None,
        UserOrderStatus::Canceled | UserOrderStatus::Executed => {
            Some(end_of(order, message.reason.as_deref()))
        }
        UserOrderStatus::Unknown => return None,
    };
    Some(OrderReport { venue_id: message.order_id.as_str().into(), filled: message.filled, ended })
}

/// Turns a `fill` message of the stream into a report for the tracker.
#[must_use]
pub fn pushed_fill(fill: &ws_messages::FillMessage, market: Option<MarketId>) -> FillReport {
    FillReport {
        trade_id: fill.trade_id.as_str().into(),
        venue_id: fill.order_id.as_str().into(),
        market,
        gained: fill.outcome_side,
        yes_price: fill.yes_price,
        contracts: fill.contracts,
        fee: fill.fee,
        taker: fill.is_taker,
    }
}

fn fill_of(fill: &wire::ApiFill, market: Option<MarketId>) -> FillReport {
    FillReport {
        trade_id: fill.trade_id.as_str().into(),
        venue_id: fill.order_id.as_str().into(),
        market,
        gained: match fill.side {
            ApiBookSide::Bid => Side::Yes,
            ApiBookSide::Ask => Side::No,
        },
        yes_price: fill.yes_price,
        contracts: fill.count,
        fee: fill.fee,
        taker: fill.is_taker,
    }
}

/// Follows orders that an earlier process may have left behind until nothing about them is in doubt.
/// Returns what the desk has to be told.
///
/// # Errors
/// When the exchange cannot be asked for so long that nothing can be concluded.
pub async fn settle_orders(
    rest: &Rest,
    watch: &MarketTracker,
    tracker: &mut OrderTracker,
    patience: Duration,
) -> Result<Vec<VenueEvent>, String> {
    let began = Instant::now();
    let now = || clock::monotonic_since(began);
    let mut events = Vec::new();
    let mut last_problem = None;
    loop {
        while let Some(task) = tracker.start_next_task(now()) {
            let order = *task.order();
            let market = watch.market(order.market).ok_or("an open order's market is not known")?;
            let (ticker, client_id) = (market.ticker.as_ref().into(), tracker.client_id(order.id));
            let (done, error) =
                perform_task(rest.clone(), task, OrderAddress { ticker, client_id, entry_group: None }).await;
            last_problem = error.map(|error| error.to_string()).or(last_problem);
            done.hand_to(tracker, now());
        }
        for event in std::iter::from_fn(|| tracker.pop_event()) {
            if let VenueEvent::Unexplained { detail } = &event {
                last_problem = Some(detail.clone());
            }
            events.push(event);
        }
        if tracker.is_quiet() {
            return Ok(events);
        }
        if began.elapsed() > patience {
            let why = last_problem.unwrap_or_else(|| "no answer".to_owned());
            return Err(format!("what became of our orders could not be found out in {patience:?}: {why}"));
        }
        let wait = tracker.next_due_time().map_or(Span::MILLISECOND, |due| due.since(now()));
        tokio::time::sleep(wait.into()).await;
    }
}
