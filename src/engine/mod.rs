//! The engine: one loop for backtest, paper, live and replay.
//!
//! Determinism contract. A run is determined by binary, scenario and inputs:
//!
//! 1. Time comes only from the inputs' stamps (`desk` and `strategies` read no clock: `tests/tidy.rs`).
//! 2. Order is the order of dequeue; at one moment the venue answers before the feed goes on, and a
//!    wake comes after all inputs of its moment ([`EventSource::next`]).
//! 3. Nothing iterates over a hash map (`tests/tidy.rs`).
//! 4. Randomness comes only from the scenario's seed, through a generator with a specified stream.
//! 5. Decisions are made in integers; floats enter through one rounding door, and strategies use only
//!    + − × ÷ √ and `libm`, which give the same bits on every machine.
//! 6. One thread steps; threads that decode data hand over whole batches in order.
//! 7. No environment is read inside.
//!
//! Not claimed: that simulated fills equal real ones.

pub mod gateway;

use std::fmt;

use crate::desk::decision::Output;
use crate::desk::{Desk, DeskSettings, StrategySlot};
use crate::domain::Timestamp;
use crate::event::{Control, Input, Stamped};

use gateway::{EventSource, Feed, GatewayError, Next, Venue};

/// Where decisions are written before they are acted upon.
pub trait Journal {
    /// Writes down one input and what the desk made of it. A journal may leave out inputs from which
    /// nothing followed and that can be read again elsewhere.
    ///
    /// # Errors
    /// When it cannot be written; the commands are not sent then.
    fn record(&mut self, seq: u64, input: &Stamped<Input>, out: &Output) -> Result<(), JournalError>;

    /// Nothing is happening: a good moment to make safe what was written.
    ///
    /// # Errors
    /// When it cannot be written.
    fn idle(&mut self) -> Result<(), JournalError> {
        Ok(())
    }
}

/// Why a journal cannot take a record, which ends the run.
#[derive(Debug)]
pub enum JournalError {
    /// Writing the journal, or reading the recording to compare with, failed; the text says why.
    Write(String),
    /// The run repeats a recorded one, and a record differs from the recording.
    Differs(Box<Difference>),
}

/// The first difference between a recorded run and its repetition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Moment of the input whose record differs, or of the end of the run.
    pub at: Timestamp,
    /// What was recorded; `None` = nothing more.
    pub recorded: Option<String>,
    /// What the desk decides now; `None` = nothing.
    pub now: Option<String>,
}

impl fmt::Display for JournalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Write(message) => f.write_str(message),
            Self::Differs(difference) => write!(f, "decisions differ at {}", difference.at),
        }
    }
}

/// Why a run ended before its inputs did.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The feed or the venue failed; its message says what and where.
    #[error(transparent)]
    Gateway(#[from] GatewayError),
    /// The journal failed, or a repeated run differs from its recording.
    #[error("{0}")]
    Journal(JournalError),
    /// Other settings were asked for that cannot be used.
    #[error(transparent)]
    Refit(#[from] RefitError),
}

/// Why a desk is not given other settings while it runs.
#[derive(Debug, thiserror::Error)]
pub enum RefitError {
    /// The run was begun with settings that nothing can change, as a backtest is.
    #[error("this run keeps its settings")]
    FixedSettings,
    /// The scenario that was asked for does not hold; the error says where and why.
    #[error("{0}")]
    Scenario(Box<dyn std::error::Error + Send + Sync>),
}

/// Makes settings and strategies of a resolved scenario, for a desk that is given others while it runs.
pub type Refit = fn(&str) -> Result<(DeskSettings, Vec<StrategySlot>), RefitError>;

/// A desk, the world it sees, and the journal it writes.
pub struct Engine<F, V, J> {
    /// Turns every input into commands and records; holds cash, positions and open orders.
    pub desk: Desk,
    /// Feed and venue: where inputs come from and commands go.
    pub session: EventSource<F, V>,
    /// Takes the records of every step before its commands are sent.
    pub journal: J,
    /// Sequence number of the next input, counted from 0 at the beginning of the run.
    pub seq: u64,
    reconfigure: Refit,
    out: Output,
}

impl<F: Feed, V: Venue, J: Journal> Engine<F, V, J> {
    /// Makes an engine before its first input, with sequence number 0 and fixed settings.
    pub const fn new(desk: Desk, session: EventSource<F, V>, journal: J) -> Self {
        let out = Output { commands: Vec::new(), records: Vec::new() };
        Self { desk, session, journal, seq: 0, reconfigure: |_| Err(RefitError::FixedSettings), out }
    }

    /// The same engine, able to take other settings while it runs.
    #[must_use]
    pub fn with_reconfigure(self, reconfigure: Refit) -> Self {
        Self { reconfigure, ..self }
    }

    /// Runs until the feed ends and the venue has answered everything. `observe` is called after every
    /// input, for progress.
    ///
    /// # Errors
    /// What feed, venue or journal report.
    pub fn run(&mut self, observe: impl FnMut(Timestamp, &Desk)) -> Result<(), EngineError> {
        self.run_until(None, observe)
    }

    /// Runs as [`run`](Self::run) does, but stops when everything up to `end` has happened; it can go on from
    /// there.
    ///
    /// # Errors
    /// What feed, venue or journal report.
    pub fn run_until(
        &mut self,
        end: Option<Timestamp>,
        mut observe: impl FnMut(Timestamp, &Desk),
    ) -> Result<(), EngineError> {
        loop {
            let wake = self.desk.next_wake().filter(|&wake| end.is_none_or(|end| wake <= end));
            let input = match self.session.next(wake.or(end))? {
                Next::Item(input) => input,
                Next::Due => match wake {
                    Some(at) => Stamped { at, value: Input::Wake },
                    None => break,
                },
                Next::Quiet => {
                    self.journal.idle().map_err(EngineError::Journal)?;
                    observe(self.desk.now(), &self.desk);
                    continue;
                }
                Next::End => break,
            };
            self.process_input(&input)?;
            observe(input.at, &self.desk);
        }
        Ok(())
    }

    /// Takes an input that is handed in instead of being asked of the feed, after all that is due before it.
    ///
    /// # Errors
    /// What feed, venue or journal report.
    #[inline]
    pub fn inject_input(&mut self, input: &Stamped<Input>) -> Result<(), EngineError> {
        self.catch_up(input.at)?;
        self.process_input(input)
    }

    /// Lets all happen that is due before an input of this moment: the venue's answers, and wakes before it.
    ///
    /// # Errors
    /// What feed, venue or journal report.
    #[inline]
    pub fn catch_up(&mut self, at: Timestamp) -> Result<(), EngineError> {
        let answers = |venue: &V| venue.next_answer_time().is_some_and(|due| due <= at);
        if answers(&self.session.venue) || self.desk.next_wake().is_some_and(|wake| wake < at) {
            self.run_until(Some(at.just_before()), |_, _| {})?;
            while answers(&self.session.venue) {
                if let Some(answer) = self.session.venue.take_due_answer() {
                    self.process_input(&answer)?;
                }
            }
        }
        Ok(())
    }

    #[inline]
    fn process_input(&mut self, input: &Stamped<Input>) -> Result<(), EngineError> {
        self.session.venue.observe(input);
        if let Input::Control(Control::Refit { scenario }) = &input.value {
            let (settings, seats) = (self.reconfigure)(scenario)?;
            self.desk.reconfigure(input.at, settings, seats);
        }
        self.desk.step(input, &mut self.out);
        // Record before acting.
        self.journal.record(self.seq, input, &self.out).map_err(EngineError::Journal)?;
        self.seq += 1;
        for command in &self.out.commands {
            self.session.venue.submit(input.at, command)?;
        }
        self.out.clear();
        Ok(())
    }
}
