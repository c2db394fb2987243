//! What was thought and why: the records that journal, reports and tests read.
//!
//! Everything the desk decides or books leaves a [`Record`]. Two runs are the same run if and only if
//! their records are.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::domain::{
    Contracts, Fraction, MarketId, Money, Order, OrderId, Price, Probability, Side, StrategyId, Timestamp,
};
use crate::event::{CloseReason, Command, Fill, RejectReason};

use super::risk::Refusal;
use super::risk::trading_halt::HaltRule;

/// What one step of the desk produced. Reused between steps.
#[derive(Debug, Default)]
pub struct Output {
    /// For the exchange, in order.
    pub commands: Vec<Command>,
    /// For the journal, in order.
    pub records: Vec<Record>,
}

impl Output {
    /// Empties both lists and keeps their memory.
    pub fn clear(&mut self) {
        self.commands.clear();
        self.records.clear();
    }
}

/// Something the desk decided or booked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// A market was evaluated.
    Evaluation(Evaluation),
    /// An order was sent.
    Order(OrderPlaced),
    /// An order is over.
    OrderDone(OrderDone),
    /// An order traded.
    Fill(FillBooked),
    /// A position was closed.
    Trade(Trade),
    /// A market paid out.
    Settled(Settled),
    /// A strategy or all trading was halted.
    Halt(Halt),
    /// A halt was lifted.
    Resume(Resume),
    /// Other settings hold from here on.
    Refit(Refitted),
    /// What the exchange says does not fit our books.
    Discrepancy(Discrepancy),
    /// Equity at a moment.
    Equity(EquityPoint),
}

/// What became of an evaluation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Neither side has the edge asked for, or none can be bought.
    NoOpportunity,
    /// An order was sent to open or add.
    Ordered(OrderId),
    /// An order was sent to close.
    Exited(OrderId),
    /// A gate said no.
    Refused(Refusal),
}

/// A belief in a market, beside the market's own price, and what followed from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evaluation {
    /// When.
    pub at: Timestamp,
    /// Whose belief.
    pub strategy: StrategyId,
    /// The market.
    pub market: MarketId,
    /// Belief in YES.
    pub probability: Probability,
    /// The estimate's confidence.
    pub confidence: Fraction,
    /// Best YES bid then.
    pub bid: Option<Price>,
    /// Best YES ask then.
    pub ask: Option<Price>,
    /// Twice the market's mid then, in ten-thousandths.
    pub twice_mid: Option<u16>,
    /// Whether bid and ask were assumed around a midpoint.
    pub assumed: bool,
    /// Net edge of the better side in parts per million of a dollar; `None` if no side could be bought.
    pub net_edge_ppm: Option<i64>,
    /// What followed.
    pub verdict: Verdict,
    /// Why the strategy believes it.
    pub reason: Arc<str>,
}

impl Evaluation {
    /// The market's own probability then: its mid.
    #[must_use]
    pub fn market_probability(&self) -> Option<Probability> {
        Probability::from_ppm(u32::from(self.twice_mid?) * 50)
    }
}

/// Why a position was sold or settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExitReason {
    /// The market paid out.
    Resolved,
    /// Selling paid more than the belief in holding on.
    EdgeInverted,
    /// Held longer than allowed.
    TimeStop,
}

impl ExitReason {
    /// The name used in the ledger and in summaries.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Resolved => "resolved",
            Self::EdgeInverted => "edge_inverted",
            Self::TimeStop => "time_stop",
        }
    }
}

/// An order that was sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OrderPlaced {
    /// When.
    pub at: Timestamp,
    /// For whom.
    pub strategy: StrategyId,
    /// The order.
    pub order: Order,
    /// Cash set aside for it.
    pub reserve: Money,
    /// Why, in words.
    pub reason: Arc<str>,
}

/// How an order ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderEnd {
    /// All of it traded.
    Filled,
    /// The rest left the book.
    Closed(CloseReason),
    /// It was never placed.
    Rejected(RejectReason),
}

/// An order that is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OrderDone {
    /// When.
    pub at: Timestamp,
    /// Which.
    pub order: OrderId,
    /// How much of it traded.
    pub filled: Contracts,
    /// How it ended.
    pub end: OrderEnd,
}

/// A fill as booked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FillBooked {
    /// When.
    pub at: Timestamp,
    /// The order it belongs to.
    pub order: Order,
    /// What the exchange said.
    pub fill: Fill,
}

/// A position from its first contract to its last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Trade {
    /// Whose.
    pub strategy: StrategyId,
    /// The market.
    pub market: MarketId,
    /// Side held.
    pub side: Side,
    /// First fill.
    pub opened_at: Timestamp,
    /// Last fill or settlement.
    pub closed_at: Timestamp,
    /// Contracts bought in all.
    pub contracts: Contracts,
    /// What they cost, without fees.
    pub cost: Money,
    /// What they brought, without fees.
    pub proceeds: Money,
    /// All fees.
    pub fees: Money,
    /// Proceeds − cost − fees.
    pub pnl: Money,
    /// How it ended.
    pub exit_reason: ExitReason,
    /// Belief in the side at the first entry.
    pub belief: Probability,
    /// The side's market price at the first entry.
    pub market_price: Probability,
}

impl Trade {
    /// A win is a realized profit after fees.
    #[must_use]
    pub fn is_win(&self) -> bool {
        self.pnl > Money::ZERO
    }
}

/// A market that paid out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Settled {
    /// When.
    pub at: Timestamp,
    /// Which.
    pub market: MarketId,
    /// What YES paid.
    pub value: Price,
}

/// New positions stopped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Halt {
    /// When.
    pub at: Timestamp,
    /// Whose; `None` = all trading.
    pub strategy: Option<StrategyId>,
    /// By which rule.
    pub rule: HaltRule,
    /// With which figures.
    pub detail: String,
}

/// A halt was lifted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Resume {
    /// When.
    pub at: Timestamp,
    /// Whose; `None` = all trading.
    pub strategy: Option<StrategyId>,
    /// Why.
    pub reason: String,
}

/// Other settings hold from here on. Open positions stay with their owners; a strategy that is no longer
/// in the scenario believes nothing any more, and its positions end by time stop or settlement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Refitted {
    /// When.
    pub at: Timestamp,
    /// The strategies by id, with those that no longer trade.
    pub strategies: Vec<(Arc<str>, bool)>,
}

/// Something the exchange said that does not fit our books.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Discrepancy {
    /// When.
    pub at: Timestamp,
    /// In words.
    pub detail: String,
}

/// Equity and what it is made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EquityPoint {
    /// When.
    pub at: Timestamp,
    /// Cash, free and reserved.
    pub cash: Money,
    /// Cost with fees of positions, and worst case of open orders.
    pub exposure: Money,
    /// Cash plus positions at their mark.
    pub equity: Money,
    /// Highest equity so far.
    pub peak: Money,
    /// Share of the usual bet placed now.
    pub scale: Fraction,
}
