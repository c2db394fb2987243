//! What was thought and why: the records that journal, reports and tests read.
//!
//! Everything the desk decides or books leaves a [`Record`]. Two runs are the same run if and only if
//! their records are.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::domain::{
    Contracts, Fraction, MarketId, Money, Order, OrderId, Price, Probability, SettlementValue, Side,
    StrategyId, Timestamp,
};
use crate::event::{CloseReason, Command, Fill, RejectReason};

use super::risk::Refusal;
use super::risk::trading_halt::HaltRule;

/// What one step of the desk produced. Reused between steps.
#[derive(Debug, Default)]
pub struct Output {
    /// Orders to submit or cancel at the exchange, in the order to send them.
    pub commands: Vec<Command>,
    /// What was decided and booked, for the journal, in the order it happened.
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
    /// A strategy gave its belief in a market during a scan, and the desk decided on it.
    Evaluation(Evaluation),
    /// An order was submitted to the exchange. Sending it again leaves no second record.
    Order(OrderPlaced),
    /// An order ended: it was filled, its rest was cancelled, or it was rejected.
    OrderDone(OrderDone),
    /// A fill of one of our orders, partial or full, was booked.
    Fill(FillBooked),
    /// The last contract of a position was sold or settled.
    Trade(Trade),
    /// The settlement of a market was booked, whether or not anything was held in it.
    Settled(Settled),
    /// A strategy or all trading was halted.
    Halt(Halt),
    /// The owner lifted the halt of one strategy or of all trading.
    Resume(Resume),
    /// Other settings hold from here on.
    Refit(Refitted),
    /// What the exchange says does not fit our books.
    Discrepancy(Discrepancy),
    /// A market cannot be understood, so nothing is opened there.
    SetAside(MarketSetAside),
    /// A market that was set aside is traded again, or was paid out.
    SetAsideCleared(SetAsideCleared),
    /// Equity that changed, noted after a fill, after a settlement and when a UTC day begins.
    Equity(EquityPoint),
}

/// What the desk did about an evaluation: nothing, an order, or a refusal by a risk gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Neither side has the edge asked for, or none can be bought.
    NoOpportunity,
    /// An order was sent to open or add.
    Ordered(OrderId),
    /// An order was sent to close.
    Exited(OrderId),
    /// A risk gate refused the entry or exit; the first gate that fails is kept.
    Refused(Refusal),
}

/// A belief in a market, beside the market's own price, and what followed from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evaluation {
    /// When the scan took place: the stamp of the input that set it off, in nanoseconds UTC.
    pub at: Timestamp,
    /// The strategy that was asked for its belief.
    pub strategy: StrategyId,
    /// The market the belief is about.
    pub market: MarketId,
    /// Believed probability that the market pays YES, in parts per million.
    pub probability: Probability,
    /// Share of the Kelly stake that the strategy asks for, from 0 (none) to 1 (all).
    pub confidence: Fraction,
    /// Best YES bid the belief was compared with; `None` if the side was empty or unknown.
    pub bid: Option<Price>,
    /// Best YES ask the belief was compared with; `None` if the side was empty or unknown.
    pub ask: Option<Price>,
    /// Twice the market's mid then, in ten-thousandths.
    pub twice_mid: Option<u16>,
    /// Whether bid and ask were assumed around a midpoint.
    pub assumed: bool,
    /// Net edge of the better side in parts per million of a dollar; `None` if no side could be bought.
    pub net_edge_ppm: Option<i64>,
    /// What the desk did about it: nothing, an entry order, an exit order, or a refusal.
    pub verdict: Verdict,
    /// The strategy's own explanation of its belief, in words for people.
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
    /// The last contracts were held until the market settled and paid out.
    Resolved,
    /// Selling paid more than the belief in holding on.
    EdgeInverted,
    /// Held for the scenario's `exits.max_holding` or longer.
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

/// An order as it was submitted, with the cash set aside for it and the reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OrderPlaced {
    /// When the desk submitted it, in nanoseconds UTC.
    pub at: Timestamp,
    /// The strategy whose belief it trades on, or, for a sale, that owns the position.
    pub strategy: StrategyId,
    /// The limit order as submitted: market, side, action, contracts, limit price, time in force.
    pub order: Order,
    /// Cash set aside for it: limit price times contracts plus the worst fee; zero for a sale.
    pub reserve: Money,
    /// Why it was sent, in words: the strategy's explanation, or that a time stop was reached.
    pub reason: Arc<str>,
}

/// How an order ended, after which no more of it can trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderEnd {
    /// All contracts of the order traded, in one fill or several.
    Filled,
    /// What had not traded was cancelled, by us or by the exchange.
    Closed(CloseReason),
    /// The order was never placed: the exchange refused it, or it never got there.
    Rejected(RejectReason),
}

/// An order that has ended, with how much of it traded before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OrderDone {
    /// When the desk booked the end, in nanoseconds UTC.
    pub at: Timestamp,
    /// The order that ended; its [`OrderPlaced`] record has the same id.
    pub order: OrderId,
    /// Contracts that traded before the order ended; zero if none did.
    pub filled: Contracts,
    /// Whether it was filled, cancelled or rejected, with the reason.
    pub end: OrderEnd,
}

/// One fill of one of our orders, as booked in the ledger and the position.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FillBooked {
    /// When the report of the fill reached the desk, in nanoseconds UTC.
    pub at: Timestamp,
    /// The order that traded, as it was submitted.
    pub order: Order,
    /// The fill as the exchange reported it: trade number, price, contracts, fee, taker or maker.
    pub fill: Fill,
}

/// A position from its first contract to its last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Trade {
    /// The strategy that owned the position.
    pub strategy: StrategyId,
    /// The market whose contracts were held.
    pub market: MarketId,
    /// The side held, YES or NO; belief and market price below are of this side.
    pub side: Side,
    /// When the first purchase was booked, in nanoseconds UTC.
    pub opened_at: Timestamp,
    /// When the sale or settlement of the last contract was booked, in nanoseconds UTC.
    pub closed_at: Timestamp,
    /// All contracts bought over the life of the position, also those sold in between.
    pub contracts: Contracts,
    /// Price times contracts of all purchases, without fees.
    pub cost: Money,
    /// What all sales and the settlement brought in, without fees.
    pub proceeds: Money,
    /// Exchange fees of all purchases and sales; a settlement is booked without one.
    pub fees: Money,
    /// Realized profit after fees, negative for a loss: proceeds − cost − fees.
    pub pnl: Money,
    /// Why the last contracts went: settlement, an inverted edge, or the time stop.
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

/// The settlement of a market, as booked. Booked once more if a fill is reported after it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Settled {
    /// When the desk booked it, in nanoseconds UTC; after the payout if a sale was still open then.
    pub at: Timestamp,
    /// The market that settled, with or without a position of ours.
    pub market: MarketId,
    /// What one YES contract paid, from $0 to $1; a NO contract paid $1 minus this.
    pub value: SettlementValue,
}

/// A strategy, or all trading, was stopped from opening positions. With `ignore_halts`, a kill switch that
/// fires is recorded here but stops nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Halt {
    /// When the halt was declared, in nanoseconds UTC.
    pub at: Timestamp,
    /// The strategy that is halted; `None` if all trading is.
    pub strategy: Option<StrategyId>,
    /// What halted it: a kill switch rule, the owner, a discrepancy, or the exchange session.
    pub rule: HaltRule,
    /// The figures that broke the rule or the reason given, in words.
    pub detail: String,
}

/// The owner lifted the halt of one strategy or of all trading.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Resume {
    /// When the halt was lifted, in nanoseconds UTC.
    pub at: Timestamp,
    /// The strategy whose own halt was lifted; `None` if the halt of all trading was.
    pub strategy: Option<StrategyId>,
    /// The reason given with the request to resume, in words.
    pub reason: String,
}

/// Other settings hold from here on. Open positions stay with their owners; a strategy that is no longer
/// in the scenario believes nothing any more, and its positions end by time stop or settlement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Refitted {
    /// When the change of settings was recorded, in nanoseconds UTC.
    pub at: Timestamp,
    /// Name of each strategy, in the order of their ids, and whether it no longer trades.
    pub strategies: Vec<(Arc<str>, bool)>,
}

/// Something the exchange said that does not fit our books.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Discrepancy {
    /// When the desk noticed it, in nanoseconds UTC.
    pub at: Timestamp,
    /// What does not fit, in words, with the trade, order and amounts where there are any.
    pub detail: String,
}

/// A market that the session with the exchange cannot understand. It is no halt: all other markets go on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MarketSetAside {
    /// When the desk was told, in nanoseconds UTC.
    pub at: Timestamp,
    /// Ticker of the market, which may never have been listed.
    pub ticker: Arc<str>,
    /// What cannot be understood, in words for people.
    pub reason: String,
}

/// The end of a [`MarketSetAside`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SetAsideCleared {
    /// When the desk was told, in nanoseconds UTC.
    pub at: Timestamp,
    /// Ticker of the market that was set aside until now.
    pub ticker: Arc<str>,
}

/// Equity and what it is made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EquityPoint {
    /// The stamp of the latest input when equity was computed, in nanoseconds UTC.
    pub at: Timestamp,
    /// Free cash plus the cash reserved for open orders.
    pub cash: Money,
    /// Cost with fees of positions, and worst case of open orders.
    pub exposure: Money,
    /// Cash plus positions at their mark.
    pub equity: Money,
    /// Highest equity so far, at least the bankroll; drawdown is measured from it.
    pub peak: Money,
    /// Share of the usual bet placed now.
    pub scale: Fraction,
}
