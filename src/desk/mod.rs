//! The desk: scanner → strategy → risk → execution → positions → ledger, as one pure state machine.
//!
//! [`Desk::step`] takes one stamped input and says what to ask of the exchange and what to write down.
//! It does no I/O, reads no clock, draws no random numbers and logs nothing, so it cannot tell
//! simulation from reality and cannot behave differently.
//!
//! Inside a step, always in this order: time does not go back → the input is applied → on a scan:
//! estimates → exits of open positions → entries, each through the gates of [`risk`] → orders.
#![deny(clippy::float_arithmetic)]

pub mod cash_ledger;
pub mod decision;
pub mod execution;
pub mod market_state;
pub mod opportunity;
pub mod positions;
pub mod risk;
pub mod scanner;
mod settle;
mod steer;
pub mod strategy;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::domain::{
    Fact, Fraction, MarketId, MarketStatus, Money, OrderId, Price, Probability, Side, StrategyId, Timestamp,
};
use crate::event::{Input, MarketEvent, RejectReason, Stamped};

use cash_ledger::Ledger;
use decision::{EquityPoint, Evaluation, ExitReason, OrderEnd, OrderPlaced, Output, Record, Verdict};
use execution::{ExecutionEngine, ExecutionSettings, Purpose};
use market_state::{MarketState, MarketStates};
use opportunity::{Opportunity, best_side};
use positions::{Conviction, ExitSettings, PositionTracker};
use risk::kill_switch::KillRules;
use risk::{Approved, Candidate, Refusal, RiskLimits, RiskManager};
use scanner::{Scanner, ScannerSettings};
pub use steer::SetAsideMarket;
use strategy::{Estimate, Learned, MarketView, Strategy};

/// What a scenario sets for a desk, apart from its strategies.
#[derive(Clone, Debug)]
pub struct DeskSettings {
    /// Cash the desk starts with; other settings later on leave it as it is.
    pub bankroll: Money,
    /// The `[risk]` table (sizing, exposure caps, drawdown, daily loss) with the account's fee rounding.
    pub risk: RiskLimits,
    /// Kill switch rules, the same for every strategy.
    pub kill: KillRules,
    /// Which markets are evaluated, and how often: the `[scanner]` table.
    pub scanner: ScannerSettings,
    /// When positions are sold before settlement: the `[exits]` table.
    pub exits: ExitSettings,
    /// Time in force, slippage and retries of orders, from the `[execution]` table.
    pub execution: ExecutionSettings,
}

/// A strategy and the least net edge it trades on.
pub struct StrategySlot {
    /// The strategy itself, asked for its belief in every market that is scanned.
    pub strategy: Box<dyn Strategy>,
    /// Least net edge, as a share of a dollar.
    pub min_edge: Fraction,
}

/// A seat that is taken, or was.
struct StrategyState {
    strategy: Box<dyn Strategy>,
    min_edge: Fraction,
    /// No longer in the scenario: believes nothing.
    retired: bool,
}

impl From<StrategySlot> for StrategyState {
    fn from(seat: StrategySlot) -> Self {
        Self { strategy: seat.strategy, min_edge: seat.min_edge, retired: false }
    }
}

/// How many inputs and estimates a desk has handled since it was made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Inputs of any kind given to [`Desk::step`], wakes included.
    pub inputs: u64,
    /// Times a strategy gave an estimate for a market.
    pub evaluations: u64,
    /// Times a strategy had no view of a market.
    pub abstentions: u64,
    /// Estimates with an edge worth asking for.
    pub opportunities: u64,
    /// Inputs about markets that were never listed.
    pub unlisted: u64,
}

/// An estimate of the current scan, waiting for its verdict.
#[derive(Debug)]
struct PendingEvaluation {
    market: MarketId,
    strategy: StrategyId,
    estimate: Estimate,
    decided: bool,
}

/// What an approved order is for.
struct Intent {
    market: MarketId,
    strategy: StrategyId,
    purpose: Purpose,
    reason: Arc<str>,
}

/// The trading engine as a state machine: market states, strategies, risk, orders, positions and ledger.
pub struct Desk {
    now: Timestamp,
    books: MarketStates,
    scanner: Scanner,
    seats: Vec<StrategyState>,
    /// Everything that became public, for strategies that come later.
    facts: Vec<(Timestamp, Fact)>,
    risk: RiskManager,
    execution: ExecutionEngine,
    positions: PositionTracker,
    ledger: Ledger,
    counts: Counts,
    /// Markets that the session cannot understand at present, by ticker.
    set_aside: BTreeMap<Arc<str>, SetAsideMarket>,
    /// The last time stop that a scan has tried, so that one it cannot act on does not wake it again.
    time_stop_tried: Option<Timestamp>,
    /// When the scanner has to look at a time stop, if nothing else makes it scan before.
    stop_due: Option<Timestamp>,
    equity_noted: Money,
    scan_list: Vec<MarketId>,
    pending: Vec<PendingEvaluation>,
}

impl Desk {
    /// A desk with a bankroll and strategies, before the first input.
    #[must_use]
    pub fn new(settings: DeskSettings, seats: Vec<StrategySlot>) -> Self {
        assert!(u8::try_from(seats.len()).is_ok(), "at most 255 strategies");
        let rules = vec![settings.kill; seats.len()];
        Self {
            now: Timestamp::MIN,
            books: MarketStates::default(),
            scanner: Scanner::new(settings.scanner),
            seats: seats.into_iter().map(StrategyState::from).collect(),
            facts: Vec::new(),
            risk: RiskManager::new(settings.risk, settings.bankroll, &rules),
            execution: ExecutionEngine::new(settings.execution),
            positions: PositionTracker::new(settings.exits),
            ledger: Ledger::new(settings.bankroll),
            counts: Counts::default(),
            set_aside: BTreeMap::new(),
            time_stop_tried: None,
            stop_due: None,
            equity_noted: settings.bankroll,
            scan_list: Vec::new(),
            pending: Vec::new(),
        }
    }

    /// Takes one input. What follows from it is appended to `out`.
    ///
    /// # Panics
    /// When time goes back, or our own bookkeeping breaks an invariant.
    #[inline]
    pub fn step(&mut self, input: &Stamped<Input>, out: &mut Output) {
        assert!(input.at >= self.now, "time does not go back");
        self.now = input.at;
        self.counts.inputs += 1;
        if self.risk.equity.advance_time(self.now) {
            self.note_equity(out);
        }
        let changed = match &input.value {
            Input::Market(event) => self.apply_market(event, out),
            Input::Fact(fact) => self.learn_fact(fact),
            Input::Venue(event) => {
                self.apply_venue(event, out);
                false
            }
            Input::Control(control) => {
                self.apply_control(control, out);
                false
            }
            Input::Wake => !self.scanner.is_immediate(),
        };
        self.execution.resend_due_orders(self.now, &mut out.commands);
        let scan = match input.value {
            Input::Wake => self.scan_due().is_some_and(|due| due <= self.now),
            _ => changed && self.scanner.is_immediate(),
        };
        if scan {
            self.scan_markets(out);
        }
    }

    /// Values what is held of a market by bid plus ask of a two-sided quote: all that a quote does which no scan and
    /// no order sees, because another of its market comes before. Whoever knows that may tell a desk just this of it.
    #[inline]
    pub fn mark_to_mid(&mut self, market: MarketId, twice_mid: u16) {
        self.mark_position(market, Some(twice_mid));
    }

    #[inline]
    fn mark_position(&mut self, market: MarketId, twice_mid: Option<u16>) {
        if self.positions.mark_position(market, twice_mid) {
            self.refresh_equity();
        }
    }

    /// When the desk wants to be woken next, if nothing else happens.
    #[must_use]
    #[inline]
    pub fn next_wake(&self) -> Option<Timestamp> {
        earlier_time(self.scan_due(), self.execution.resend_due())
    }

    #[inline]
    fn scan_due(&self) -> Option<Timestamp> {
        earlier_time(self.scanner.queue_due(), self.stop_due)
    }

    /// Works out when the scanner has to look at a time stop. To be called when positions or scans change.
    fn schedule_stop(&mut self) {
        let stop = self.positions.time_stop().filter(|&stop| Some(stop) != self.time_stop_tried);
        self.stop_due = stop.map(|stop| self.scanner.next_scan(stop.max(self.now)));
    }

    /// Returns whether something a scan looks at changed.
    #[inline]
    fn apply_market(&mut self, event: &MarketEvent, out: &mut Output) -> bool {
        if !self.books.apply_event(self.now, event) {
            self.counts.unlisted += 1;
            return false;
        }
        match event {
            MarketEvent::Listed(market) => self.scanner.record_coverage(market),
            MarketEvent::Quote { market, .. } => {
                self.scanner.queue_market(*market, self.now);
                let book = self.books.get(*market).expect("a quote was applied to its book");
                let twice_mid = book.twice_mid;
                self.mark_position(*market, twice_mid);
                return true;
            }
            MarketEvent::Settled { market, value } => self.paid_out(*market, *value, out),
            MarketEvent::Depth { .. }
            | MarketEvent::Gap { .. }
            | MarketEvent::Status { .. }
            | MarketEvent::CloseTime { .. }
            | MarketEvent::Fees { .. } => {}
        }
        false
    }

    /// Returns whether a strategy uses the fact.
    fn learn_fact(&mut self, fact: &Fact) -> bool {
        let mut used = false;
        self.facts.push((self.now, *fact));
        for seat in &mut self.seats {
            used |= seat.strategy.learn(fact, self.now) == Learned::Used;
        }
        if used {
            self.scanner.queue_quoted_markets(&self.books, self.now);
        }
        used
    }

    /// One scan: estimates, then exits, then entries.
    fn scan_markets(&mut self, out: &mut Output) {
        let mut markets = std::mem::take(&mut self.scan_list);
        let mut pending = std::mem::take(&mut self.pending);
        self.scanner.take_queued_markets(self.now, &mut markets);
        // Only a stop that is due has been tried by this scan.
        let stop = self.positions.time_stop().filter(|&stop| stop <= self.now);
        self.time_stop_tried = stop.or(self.time_stop_tried);
        for &market in &markets {
            self.collect_estimates(market, &mut pending);
        }
        for item in &mut pending {
            item.decided = self.exit_if_inverted(item, out);
        }
        self.exit_overdue(out);
        for item in pending.iter().filter(|item| !item.decided) {
            let (verdict, edge) = self.decide_on_estimate(item, out);
            self.record_evaluation(item, verdict, edge, out);
        }
        pending.clear();
        self.schedule_stop();
        self.scan_list = markets;
        self.pending = pending;
    }

    /// Asks every strategy for its belief in a market; of a market that is no longer entered, only the
    /// strategy that holds it.
    fn collect_estimates(&mut self, market: MarketId, pending: &mut Vec<PendingEvaluation>) {
        let Some(book) = self.books.get(market) else {
            return;
        };
        if book.status != MarketStatus::Active || self.now >= book.close_time {
            return;
        }
        let owner = self.positions.get(market).map(|position| position.strategy);
        let enterable = self.scanner.allows_entry(book, self.now);
        let view = MarketView {
            market: &book.market,
            quote: &book.quote,
            close_time: book.close_time,
            now: self.now,
        };
        for (index, seat) in (0u8..).zip(&mut self.seats) {
            let strategy = StrategyId(index);
            if seat.retired || (!enterable && owner != Some(strategy)) {
                continue;
            }
            match seat.strategy.evaluate(&view) {
                Some(estimate) => {
                    self.counts.evaluations += 1;
                    pending.push(PendingEvaluation { market, strategy, estimate, decided: false });
                }
                None => self.counts.abstentions += 1,
            }
        }
    }

    /// Sells the position in a market whose edge turned. Returns whether that settled the evaluation.
    fn exit_if_inverted(&mut self, item: &PendingEvaluation, out: &mut Output) -> bool {
        let book = self.books.get(item.market).expect("an evaluated market is listed");
        let owned = self.positions.get(item.market).is_some_and(|held| held.strategy == item.strategy);
        if !owned || !self.positions.is_edge_inverted(book, item.estimate.probability) {
            return false;
        }
        let edge = best_side(item.estimate.probability, &book.quote, book.fees);
        self.withdraw_entry(item.market, out);
        let reason = Arc::clone(&item.estimate.reason);
        let verdict = match self.exit_position(item.market, ExitReason::EdgeInverted, reason, out) {
            Ok(order) => Verdict::Exited(order),
            Err(refusal) => Verdict::Refused(refusal),
        };
        self.record_evaluation(item, verdict, edge, out);
        true
    }

    fn exit_overdue(&mut self, out: &mut Output) {
        if self.positions.time_stop().is_none_or(|stop| stop > self.now) {
            return;
        }
        let overdue: Vec<MarketId> = self.positions.overdue_markets(self.now).collect();
        for market in overdue {
            self.withdraw_entry(market, out);
            // A refusal here is not final: the next scan tries again.
            let _refused =
                self.exit_position(market, ExitReason::TimeStop, "held longer than allowed".into(), out);
        }
    }

    fn exit_position(
        &mut self,
        market: MarketId,
        reason: ExitReason,
        words: Arc<str>,
        out: &mut Output,
    ) -> Result<OrderId, Refusal> {
        let book = self.books.get(market).expect("a held market is listed");
        let position = self.positions.get(market).expect("only what is held is sold");
        let limit = self.execution.settings().exit_limit(&book.market, &book.quote, position.side);
        let order_open = self.execution.in_market(market).is_some();
        let holding = position.risk_holding();
        let approved = self.risk.approve_exit(book, holding, limit, order_open, self.now)?;
        let (strategy, purpose) = (holding.strategy, Purpose::Exit(reason));
        Ok(self.reserve_and_submit(Intent { market, strategy, purpose, reason: words }, &approved, out))
    }

    /// Decides on an estimate: nothing, a refusal, or an order.
    fn decide_on_estimate(
        &mut self,
        item: &PendingEvaluation,
        out: &mut Output,
    ) -> (Verdict, Option<Opportunity>) {
        let book = self.books.get(item.market).expect("an evaluated market is listed");
        let best = best_side(item.estimate.probability, &book.quote, book.fees);
        let min_edge = self.seats[item.strategy.index()].min_edge;
        let opportunity = best.filter(|best| best.net_edge.is_at_least(min_edge));
        let limit = opportunity
            .and_then(|found| self.execution.settings().entry_limit(&book.market, &book.quote, found.side));
        self.withdraw_if_changed(item, opportunity.map(|found| found.side).zip(limit), out);
        let Some(opportunity) = opportunity else {
            return (Verdict::NoOpportunity, best);
        };
        self.counts.opportunities += 1;
        let book = self.books.get(item.market).expect("an evaluated market is listed");
        let ask = Candidate {
            strategy: item.strategy,
            book,
            opportunity: &opportunity,
            confidence: item.estimate.confidence,
            limit,
            holding: self.positions.get(item.market).map(positions::Position::risk_holding),
            order_open: self.execution.in_market(item.market).is_some(),
            scanned: self.scanner.allows_entry(book, self.now),
            free_cash: self.ledger.free_cash(),
            now: self.now,
        };
        match self.risk.approve_entry(&ask) {
            Err(refusal) => (Verdict::Refused(refusal), best),
            Ok(approved) => {
                let conviction =
                    Conviction { belief: opportunity.belief, market_price: market_price(book, &opportunity) };
                let intent = Intent {
                    market: item.market,
                    strategy: item.strategy,
                    purpose: Purpose::Enter(conviction),
                    reason: Arc::clone(&item.estimate.reason),
                };
                let order = self.reserve_and_submit(intent, &approved, out);
                (Verdict::Ordered(order), best)
            }
        }
    }

    /// A resting entry order whose side or price is no longer what would be sent is taken back.
    fn withdraw_if_changed(
        &mut self,
        item: &PendingEvaluation,
        wanted: Option<(Side, Price)>,
        out: &mut Output,
    ) {
        let stale = self.execution.in_market(item.market).is_some_and(|open| {
            open.strategy == item.strategy
                && matches!(open.purpose, Purpose::Enter(_))
                && wanted != Some((open.order.side, open.order.limit))
        });
        if stale {
            self.take_back(item.market, out);
        }
    }

    /// Takes back the resting entry order of a market, if there is one.
    fn withdraw_entry(&mut self, market: MarketId, out: &mut Output) {
        let entry = |open: &execution::OpenOrder| matches!(open.purpose, Purpose::Enter(_));
        if self.execution.in_market(market).is_some_and(entry) {
            self.take_back(market, out);
        }
    }

    fn take_back(&mut self, market: MarketId, out: &mut Output) {
        if let Some(remains) = self.execution.cancel_in_market(market, &mut out.commands) {
            self.finish_order(&remains, OrderEnd::Rejected(RejectReason::NeverSent), out);
        }
    }

    /// Takes back all resting entry orders, of one strategy or of all: who is halted opens nothing, not
    /// even by an order sent before.
    fn withdraw_entries(&mut self, strategy: Option<StrategyId>, out: &mut Output) {
        let theirs =
            self.execution.iter().filter(|open| strategy.is_none_or(|strategy| open.strategy == strategy));
        let markets: Vec<MarketId> = theirs.map(|open| open.order.market).collect();
        markets.into_iter().for_each(|market| self.withdraw_entry(market, out));
    }

    /// Reserves the worst case, sends the order, writes it down.
    fn reserve_and_submit(&mut self, intent: Intent, approved: &Approved, out: &mut Output) -> OrderId {
        let Intent { market, strategy, purpose, reason } = intent;
        let book = self.books.get(market).expect("a traded market is listed");
        let reserve = approved.cash_to_reserve();
        self.ledger.reserve_cash(reserve);
        self.risk.exposure.adjust_exposure(book, reserve);
        let order = self.execution.submit_order(market, strategy, approved, purpose, &mut out.commands);
        out.records.push(Record::Order(OrderPlaced { at: self.now, strategy, order, reserve, reason }));
        order.id
    }

    fn record_evaluation(
        &self,
        item: &PendingEvaluation,
        verdict: Verdict,
        best: Option<Opportunity>,
        out: &mut Output,
    ) {
        let book = self.books.get(item.market).expect("an evaluated market is listed");
        out.records.push(Record::Evaluation(Evaluation {
            at: self.now,
            strategy: item.strategy,
            market: item.market,
            probability: item.estimate.probability,
            confidence: item.estimate.confidence,
            bid: book.quote.bid,
            ask: book.quote.ask,
            twice_mid: book.quote.twice_mid(),
            assumed: book.quote.assumed,
            net_edge_ppm: best.map(|best| best.net_edge.ppm()),
            verdict,
            reason: Arc::clone(&item.estimate.reason),
        }));
    }

    fn refresh_equity(&mut self) {
        self.risk.equity.update_equity(self.ledger.total_cash() + self.positions.marked_value());
    }

    /// Writes equity down if it changed since it last was.
    fn note_equity(&mut self, out: &mut Output) {
        if self.risk.equity.equity() != self.equity_noted {
            self.equity_noted = self.risk.equity.equity();
            out.records.push(Record::Equity(self.equity_point()));
        }
    }

    /// Returns cash, exposure, equity, its peak and the drawdown scale as of the latest input.
    #[must_use]
    pub fn equity_point(&self) -> EquityPoint {
        EquityPoint {
            at: self.now,
            cash: self.ledger.total_cash(),
            exposure: self.risk.exposure.total(),
            equity: self.risk.equity.equity(),
            peak: self.risk.equity.peak(),
            scale: self.risk.drawdown_scale(),
        }
    }

    /// The stamp of the latest input.
    #[must_use]
    pub const fn now(&self) -> Timestamp {
        self.now
    }

    /// Returns how many inputs, estimates and opportunities there were so far.
    #[must_use]
    pub const fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Returns the risk manager, with limits, exposure, equity, kill switches and the trading halt.
    #[must_use]
    pub const fn risk(&self) -> &RiskManager {
        &self.risk
    }

    /// Returns the tracker of open positions and of what they are worth.
    #[must_use]
    pub const fn positions(&self) -> &PositionTracker {
        &self.positions
    }

    /// Returns the double-entry ledger with the balances of cash, holdings, fees and result.
    #[must_use]
    pub const fn cash_ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Returns the execution engine, which follows every order until it ends.
    #[must_use]
    pub const fn execution(&self) -> &ExecutionEngine {
        &self.execution
    }

    /// Markets as the desk knows them.
    #[must_use]
    pub const fn market_states(&self) -> &MarketStates {
        &self.books
    }

    /// Iterates over the names of the strategies in the order of their ids, retired ones included.
    pub fn strategy_names(&self) -> impl Iterator<Item = &str> {
        self.seats.iter().map(|seat| seat.strategy.name())
    }
}

/// The earlier of two moments that may not be.
fn earlier_time(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

/// The market's price of a side: its mid, or the executable price where one side is missing.
fn market_price(book: &MarketState, opportunity: &Opportunity) -> Probability {
    match book.quote.mid() {
        Some(mid) => opportunity.side.probability_from_yes(mid),
        None => Probability::from_ppm(u32::from(opportunity.price.get()) * 100).unwrap_or(Probability::ONE),
    }
}

#[cfg(test)]
mod tests;
