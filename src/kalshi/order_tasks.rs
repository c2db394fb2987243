//! What the order tracker wants asked of the exchange, and what can be concluded from the answers.

use std::sync::Arc;

use crate::domain::{Contracts, Order, TimeInForce};
use crate::event::{CloseReason, RejectReason};

/// Something to ask of the exchange. At most one an order is under way at a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OrderTask {
    /// Place the order under its client order id.
    Create(Order),
    /// Find the order by its client order id among the orders of its market.
    Query(Order),
    /// Take back what is left of it.
    Cancel {
        /// The order to cancel, as it was submitted.
        order: Order,
        /// The exchange's id of the order, by which it is cancelled.
        venue_id: Arc<str>,
    },
    /// Fetch the fills of an order of which the exchange says that more has traded than was seen.
    Fills {
        /// The order whose fills are missing, as it was submitted.
        order: Order,
        /// The exchange's id of the order, by which its fills are found.
        venue_id: Arc<str>,
    },
}

impl OrderTask {
    /// Returns the order that the task is about.
    #[must_use]
    pub const fn order(&self) -> &Order {
        match self {
            Self::Create(order)
            | Self::Query(order)
            | Self::Cancel { order, .. }
            | Self::Fills { order, .. } => order,
        }
    }
}

/// What the exchange says of an order, from whichever source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderReport {
    /// The exchange's id of the order: JSON `order_id`.
    pub venue_id: Arc<str>,
    /// How much of it has traded.
    pub filled: Contracts,
    /// Why nothing is left of it; `None` while it rests.
    pub ended: Option<CloseReason>,
}

/// What the tracker may conclude from a task that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TaskFailure {
    /// It certainly was not done: the request never left, or met a rate limit.
    NotDone,
    /// It may have been done: there was no answer, or none that can be read.
    Unknown,
    /// The client order id was there already.
    AlreadyExists,
    /// The exchange does not know the order (any more).
    NotFound,
    /// The exchange refused it, for this reason.
    Refused(RejectReason),
}

/// What a report of an order that has left the book means for it.
#[must_use]
pub fn end_of(order: &Order, cancel_reason: Option<&str>) -> CloseReason {
    match cancel_reason {
        Some("CloseCancel") => CloseReason::MarketClosed,
        Some("HaltCancel") => CloseReason::MarketHalted,
        Some("Decrease" | "Amend") | None if order.time_in_force == TimeInForce::Ioc => {
            CloseReason::NothingOnOffer
        }
        Some("Decrease") | None => CloseReason::Cancelled,
        Some(_) => CloseReason::ByExchange,
    }
}
