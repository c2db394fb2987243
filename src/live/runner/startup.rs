//! What a live desk does before its session begins: finds out what happened while nobody watched, compares the
//! account, obeys a `STOP` file, and readies the order group of its entries.

use std::collections::VecDeque;

use tracing::{info, warn};

use crate::domain::{Money, Timestamp};
use crate::event::{CloseReason, Command, Control, Input, Stamped, VenueEvent};
use crate::kalshi::clock;
use crate::kalshi::market_tracker::MarketTracker;
use crate::live::control_inbox::read_stop;
use crate::live::ledger_open::FOREIGN_CASH;
use crate::live::reconciliation::{
    BufferedCommands, ExchangeAccount, OwnBooks, RecoveryFeed, compare_account, events_since, gap_inputs,
    unmanaged_inputs,
};

use super::{LiveError, LiveRunner, LiveVenue, StartupThenLiveFeed};

impl LiveRunner<'_> {
    fn market_tracker(&mut self) -> &mut MarketTracker {
        self.market_tracker.as_mut().expect("it is handed to the session only after recovery")
    }

    /// Now, as the desk will see it.
    fn current_time(&self) -> Result<Timestamp, LiveError> {
        if !self.session.by_exchange {
            return Ok(clock::now());
        }
        Ok(self.runtime.block_on(self.rest.sandbox_advance(Timestamp::from_nanos(0)))?.now)
    }

    /// Steps inputs through the desk, journaled like all others, and returns the commands they led to.
    fn step_inputs(&mut self, inputs: VecDeque<Stamped<Input>>) -> Result<BufferedCommands, LiveError> {
        self.engine.session.feed = StartupThenLiveFeed::Given(RecoveryFeed(inputs));
        self.engine.session.venue = LiveVenue::Kept(BufferedCommands::default());
        self.engine.run(|_, _| ())?;
        match std::mem::replace(&mut self.engine.session.venue, LiveVenue::Kept(BufferedCommands::default()))
        {
            LiveVenue::Kept(kept) => Ok(kept),
            LiveVenue::Exchange(_) | LiveVenue::Paper(_) => {
                unreachable!("nothing is sent before recovery is done")
            }
        }
    }

    fn add_reconfigure(&mut self, inputs: &mut VecDeque<Stamped<Input>>, at: Timestamp) {
        if let Some(scenario) = self.reconfigure.take() {
            info!("the scenario is not the one the ledger ended with; its settings hold from here on");
            inputs.push_back(Stamped { at, value: Input::Control(Control::Refit { scenario }) });
        }
    }

    /// A paper desk's simulated orders did not survive the end of its process.
    pub(super) fn recover_paper(&mut self) -> Result<BufferedCommands, LiveError> {
        let desk = &self.engine.desk;
        let at = desk.now().just_after();
        let mut inputs = gap_inputs(desk, at);
        for open in desk.execution().iter() {
            let closed = VenueEvent::Closed { order: open.order.id, reason: CloseReason::ByExchange };
            inputs.push_back(Stamped { at, value: Input::Venue(closed) });
        }
        self.add_reconfigure(&mut inputs, at);
        self.step_inputs(inputs)
    }

    /// Finds out what happened while nobody watched, compares the account with our books as that leaves them,
    /// and only then lets the desk take it: what the desk would decide must not hide a difference.
    pub(super) fn recover_live(&mut self) -> Result<BufferedCommands, LiveError> {
        let now = self.current_time()?;
        let mut missed = if self.engine.seq > 0 { self.catch_up(now)? } else { VecDeque::new() };
        let mut books = OwnBooks::from_desk(&self.engine.desk);
        missed.iter().for_each(|input| books.apply_input(&input.value));
        let account = self.runtime.block_on(ExchangeAccount::read_from_exchange(&self.rest))?;
        let (desk, run_id) = (&self.engine.desk, &self.run_id);
        let findings = compare_account(desk, &books, &account, run_id, self.foreign_cash, now);
        findings.remarks.iter().for_each(|remark| warn!("{remark}"));
        let mut problems = findings.unexplained.clone();
        if !self.adopt {
            problems.extend(findings.foreign.iter().map(|(ticker, what)| format!("{ticker}: {what}")));
        }
        if !problems.is_empty() {
            return Err(LiveError::Exchange(format!(
                "the exchange's account and our books differ, so nothing is traded:\n  {}\nclear it up at the \
                 exchange, or start with --adopt to leave what is not ours unmanaged",
                problems.join("\n  ")
            )));
        }
        let at = missed.back().map_or(now, |input| input.at).max(self.engine.desk.now().just_after());
        if self.engine.seq > 0 {
            self.add_reconfigure(&mut missed, at);
        }
        let mut kept = self.step_inputs(missed)?;
        if !findings.foreign.is_empty() {
            let at = now.max(self.engine.desk.now().just_after());
            let tickers = findings.foreign.iter().map(|(ticker, _)| ticker.as_str().into()).collect();
            let reports = self.runtime.block_on(self.reader.read_markets(tickers))?;
            if let Some(error) = reports.error {
                return Err(LiveError::Exchange(error.to_string()));
            }
            self.market_tracker().apply_market_reports(&reports, at);
            let listed = self.market_tracker().take_inputs(at).into_iter();
            let mut inputs: VecDeque<_> = listed.map(|value| Stamped { at, value }).collect();
            inputs.extend(unmanaged_inputs(&findings, self.market_tracker(), at));
            kept.0.extend(self.step_inputs(inputs)?.0);
        }
        self.note_account(findings.foreign_cash)?;
        Ok(kept)
    }

    /// What happened to our orders and in our markets while nobody watched.
    fn catch_up(&mut self, now: Timestamp) -> Result<VecDeque<Stamped<Input>>, LiveError> {
        let tracker = self.tracker.as_mut().expect("it is handed to the session only after recovery");
        let market_tracker =
            self.market_tracker.as_mut().expect("it is handed to the session only after recovery");
        let desk = &self.engine.desk;
        for &trade in &self.trades {
            tracker.record_booked_trade(trade);
        }
        for open in desk.execution().iter() {
            tracker.recover_order(open.order, open.filled);
            if open.is_cancelling() {
                tracker.apply_command(&Command::Cancel { order: open.order.id, market: open.order.market });
            }
        }
        let news = events_since(&self.rest, &self.reader, market_tracker, tracker, desk, now);
        self.runtime.block_on(news).map_err(LiveError::Exchange)
    }

    /// Notes what is remembered of the account.
    fn note_account(&mut self, foreign_cash: Money) -> Result<(), LiveError> {
        let ledger = &mut self.engine.journal.ledger;
        ledger.write_note(FOREIGN_CASH, &foreign_cash.micros().to_string())?;
        ledger.commit_records()?;
        Ok(())
    }

    /// Halts the desk before it can send anything if there is a `STOP` file: whoever listens for one begins
    /// later.
    pub(super) fn obey_stop_file(&mut self) -> Result<BufferedCommands, LiveError> {
        let desk = &self.engine.desk;
        let reason = read_stop(&self.ledger_file).map(|reason| reason.trim().to_owned());
        let Some(reason) = reason.filter(|reason| desk.risk().trading_halted() != Some(reason)) else {
            return Ok(BufferedCommands::default());
        };
        let at = self.current_time()?.max(self.engine.desk.now().just_after());
        self.step_inputs([Stamped { at, value: Input::Control(Control::Halt { reason }) }].into())
    }

    /// Makes the exchange take entries. A desk that is halted leaves the group as it is: it may be the owner's stop
    /// at the exchange, which only the owner lifts.
    pub(super) fn ready_entry_group(&mut self) -> Result<(), LiveError> {
        let halted = self.engine.desk.risk().trading_halted().is_some();
        if let Some(group) = self.entry_group.as_ref().filter(|group| !halted || group.id().is_none()) {
            self.runtime.block_on(group.renew_group())?;
            let journal = &mut self.engine.journal;
            journal.note_group()?;
            journal.ledger.commit_records()?;
        }
        Ok(())
    }
}
