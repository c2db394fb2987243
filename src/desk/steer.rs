//! What the owner, or the session with the exchange, tells a running desk: halt, resume, other settings.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::domain::{MarketId, Timestamp};
use crate::event::Control;

use super::decision::{Halt, MarketSetAside, Output, Record, Refitted, Resume, SetAsideCleared};
use super::risk::trading_halt::HaltRule;
use super::{Desk, DeskSettings, StrategySlot, StrategyState};

/// Why a market is set aside, and since when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetAsideMarket {
    /// When the desk was told, in nanoseconds UTC.
    pub since: Timestamp,
    /// What cannot be understood, as told last, in words for people.
    pub reason: Arc<str>,
}

impl Desk {
    pub(super) fn apply_control(&mut self, control: &Control, out: &mut Output) {
        match control {
            Control::Halt { reason } => self.halt_trading(HaltRule::Owner, reason.clone(), out),
            Control::SessionHalt { reason } => self.halt_trading(HaltRule::Exchange, reason.clone(), out),
            Control::Resume { strategy, reason } => {
                match strategy {
                    Some(strategy) if strategy.index() < self.seats.len() => {
                        self.risk.kill_switch_mut(*strategy).lift_halt();
                    }
                    Some(_) => return,
                    None => self.risk.resume_trading(),
                }
                let (at, reason) = (self.now, reason.clone());
                out.records.push(Record::Resume(Resume { at, strategy: *strategy, reason }));
            }
            Control::Unmanaged { market, .. } => self.books.set_unmanaged(*market),
            Control::SetAside { ticker, market, reason } => {
                self.set_market_aside(ticker, *market, reason, out);
            }
            Control::SetAsideCleared { ticker, market } => self.clear_set_aside(ticker, *market, out),
            // The engine has seated the strategies; here it is only written down.
            Control::Refit { .. } => {
                let strategies = self.seats.iter().map(|seat| (seat.strategy.name().into(), seat.retired));
                let strategies = strategies.collect();
                out.records.push(Record::Refit(Refitted { at: self.now, strategies }));
            }
        }
    }

    /// Opens nothing more in a market, and takes back what rests there. What is held there is kept and may be sold.
    fn set_market_aside(
        &mut self,
        ticker: &Arc<str>,
        market: Option<MarketId>,
        reason: &str,
        out: &mut Output,
    ) {
        if let Some(market) = market {
            self.books.set_aside(market, true);
            self.withdraw_entry(market, out);
        }
        let known = SetAsideMarket { since: self.now, reason: reason.into() };
        if self.set_aside.insert(Arc::clone(ticker), known).is_none() {
            let (at, ticker) = (self.now, Arc::clone(ticker));
            out.records.push(Record::SetAside(MarketSetAside { at, ticker, reason: reason.into() }));
        }
    }

    fn clear_set_aside(&mut self, ticker: &Arc<str>, market: Option<MarketId>, out: &mut Output) {
        if let Some(market) = market {
            self.books.set_aside(market, false);
        }
        if self.set_aside.remove(ticker).is_some() {
            let (at, ticker) = (self.now, Arc::clone(ticker));
            out.records.push(Record::SetAsideCleared(SetAsideCleared { at, ticker }));
        }
    }

    /// Markets that are set aside now, by ticker, with since when and why.
    #[must_use]
    pub const fn set_aside_markets(&self) -> &BTreeMap<Arc<str>, SetAsideMarket> {
        &self.set_aside
    }

    pub(super) fn halt_trading(&mut self, rule: HaltRule, detail: String, out: &mut Output) {
        self.risk.halt_trading(rule.clone(), detail.clone());
        self.withdraw_entries(None, out);
        out.records.push(Record::Halt(Halt { at: self.now, strategy: None, rule, detail }));
    }

    /// From `at` on other settings hold. A strategy keeps its number by its name (the nth of a name is
    /// the nth of that name again); one that is new gets the next number and learns what is public; one
    /// that is gone is retired. The bankroll is what it is.
    ///
    /// # Panics
    /// With more than 255 strategies, the retired ones included, or when time goes back.
    pub fn reconfigure(&mut self, at: Timestamp, settings: DeskSettings, seats: Vec<StrategySlot>) {
        assert!(at >= self.now, "time does not go back");
        self.now = at;
        let mut left: Vec<Option<StrategyState>> =
            seats.into_iter().map(|seat| Some(StrategyState::from(seat))).collect();
        for old in &mut self.seats {
            let same = left
                .iter_mut()
                .find(|new| new.as_ref().is_some_and(|new| new.strategy.name() == old.strategy.name()));
            match same.and_then(Option::take) {
                Some(new) => *old = new,
                None => old.retired = true,
            }
        }
        self.seats.extend(left.into_iter().flatten());
        assert!(u8::try_from(self.seats.len()).is_ok(), "at most 255 strategies");
        for seat in self.seats.iter_mut().filter(|seat| !seat.retired) {
            for (published, fact) in &self.facts {
                let _anew = seat.strategy.learn(fact, *published);
            }
        }
        self.risk.reconfigure(settings.risk, settings.kill, self.seats.len());
        self.scanner.reconfigure(settings.scanner, &self.books);
        self.execution.reconfigure(settings.execution);
        self.positions.reconfigure(settings.exits);
        self.scanner.queue_quoted_markets(&self.books, self.now);
        self.schedule_stop();
    }

    /// Everything that became public so far, in order, with when the desk was told.
    #[must_use]
    pub fn published_facts(&self) -> &[(Timestamp, crate::domain::Fact)] {
        &self.facts
    }

    /// Names of the strategies by number, without the retired ones.
    pub fn active_strategies(&self) -> impl Iterator<Item = (usize, Arc<str>)> {
        let active = self.seats.iter().enumerate().filter(|(_, seat)| !seat.retired);
        active.map(|(number, seat)| (number, seat.strategy.name().into()))
    }
}
