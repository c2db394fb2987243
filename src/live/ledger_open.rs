//! Opening a live ledger: a new one, or one that goes on where it ended. The desk is what its inputs made
//! of it, so going on means stepping them again, and comparing every decision on the way.

use std::path::Path;
use std::sync::Arc;

use crate::desk::{Desk, DeskSettings, StrategySlot};
use crate::domain::{Fact, Timestamp};
use crate::engine::gateway::EventSource;
use crate::engine::{Engine, EngineError, JournalError, RefitError};
use crate::journal::TradeLogger;
use crate::journal::replay::{RecordedRun, SilentVenue};
use crate::journal::sqlite::{LedgerError, RunHeader, is_blank};
use crate::scenario::{Scenario, ScenarioError};

/// Note: the scenario a ledger began with, as resolved.
pub const SCENARIO: &str = "scenario";
/// Note: the scenario now in force, as resolved.
pub const IN_FORCE: &str = "scenario_in_force";
/// Note: which exchange the ledger belongs to: `demo`, `prod` or `sandbox`.
pub const ENVIRONMENT: &str = "environment";
/// Note: the order group at the exchange.
pub const ORDER_GROUP: &str = "order_group";
/// Note: what the account held beyond our cash, in millionths of a dollar.
pub const FOREIGN_CASH: &str = "foreign_cash";

/// Why a ledger cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file cannot be read, is no ledger, or is held by another process.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The scenario in it.
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
    /// It does not fit what is asked.
    #[error("ledger {0}")]
    Misfit(String),
    /// Stepping its inputs again did not make the same decisions.
    #[error("ledger {0}")]
    Differs(String),
}

/// A ledger, and the desk it made.
pub struct OpenedLedger {
    /// The desk as it was left.
    pub desk: Desk,
    /// The next input's number.
    pub seq: u64,
    /// The ledger, ready to go on.
    pub logger: TradeLogger,
    /// Id of the run, made when the ledger was new.
    pub run_id: String,
    /// Trades that were booked.
    pub trades: Vec<u64>,
    /// The order group at the exchange, if there is one.
    pub group: Option<Arc<str>>,
    /// What the account held beyond our cash, in millionths; `None` on the first start.
    pub foreign_cash: Option<i64>,
    /// The scenario to change to, if it is not the one in force.
    pub reconfigure: Option<Arc<str>>,
}

/// How a ledger is opened.
pub struct LedgerOpening<'a> {
    /// Path of the ledger; a file that is not there is created.
    pub file: &'a Path,
    /// `live` or `paper`; a ledger of the other mode is refused.
    pub mode: &'static str,
    /// The exchange by its name, `demo`, `prod` or `sandbox`; a ledger of another one is refused.
    pub environment: &'a str,
    /// Name of a new run.
    pub run_id: &'a str,
}

impl LedgerOpening<'_> {
    /// Opens the ledger for a scenario.
    ///
    /// # Errors
    /// When it cannot be read or written, belongs to something else, or cannot be repeated.
    pub fn open_ledger(&self, scenario: Scenario) -> Result<OpenedLedger, OpenError> {
        if self.file.exists() && !is_blank(self.file) {
            self.go_on(&scenario)
        } else {
            self.create_ledger(scenario)
        }
    }

    fn create_ledger(&self, scenario: Scenario) -> Result<OpenedLedger, OpenError> {
        let header = RunHeader {
            run_id: self.run_id.to_owned(),
            mode: self.mode,
            scenario: scenario.name.clone(),
            version: env!("CARGO_PKG_VERSION"),
            seed: scenario.seed,
            bankroll: scenario.desk.bankroll,
            lenient: false,
            ignore_halts: false,
            files: Vec::new(),
            strategies: scenario.seats.iter().map(|seat| seat.strategy.name().to_owned()).collect(),
        };
        let toml = scenario.to_toml();
        let notes = [(SCENARIO, &*toml), (IN_FORCE, &*toml), (ENVIRONMENT, self.environment)];
        let logger = TradeLogger::create_live(self.file, &header, &notes)?;
        Ok(OpenedLedger {
            desk: Desk::new(scenario.desk, scenario.seats),
            seq: 0,
            logger,
            run_id: header.run_id,
            trades: Vec::new(),
            group: None,
            foreign_cash: None,
            reconfigure: None,
        })
    }

    fn go_on(&self, scenario: &Scenario) -> Result<OpenedLedger, OpenError> {
        let recording = RecordedRun::open(self.file)?;
        let misfit = |what: String| Err(OpenError::Misfit(format!("{} {what}", self.file.display())));
        if recording.mode != self.mode {
            let (had, want) = (&recording.mode, self.mode);
            return misfit(format!("holds a {had} run, not a {want} one; name another with --ledger"));
        }
        let environment = recording.read_note(ENVIRONMENT)?.unwrap_or_default();
        if environment != self.environment {
            let want = self.environment;
            return misfit(format!("belongs to {environment}, not to {want}; name another with --ledger"));
        }
        let (Some(first), Some(in_force)) = (recording.read_note(SCENARIO)?, recording.read_note(IN_FORCE)?)
        else {
            return misfit("does not say which scenario it began with".into());
        };
        let run_id = recording.run_id.clone();
        let trades = recording.booked_trades()?;
        let group = recording.read_note(ORDER_GROUP)?.map(Into::into);
        let foreign_cash = recording.read_note(FOREIGN_CASH)?.and_then(|text| text.parse().ok());
        let first = Scenario::parse(&first, &[], Path::new(""))?;
        let inputs = recording.input_feed();
        let session = EventSource { feed: inputs, venue: SilentVenue };
        let desk = Desk::new(first.desk, first.seats);
        let mut engine =
            Engine::new(desk, session, recording.into_comparison()).with_reconfigure(parse_resolved_scenario);
        let repeated = engine.run(|_, _| ()).and_then(|()| {
            let at = engine.desk.now();
            engine.journal.check_nothing_left(at).map_err(EngineError::Journal)
        });
        repeated.map_err(|error| self.replay_error(&error))?;
        let (encoder, evaluations) = engine.journal.into_encoder();
        let now = scenario.to_toml();
        // As this version writes it: a key that was moved since is no other setting.
        let in_force =
            Scenario::parse(&in_force, &[], Path::new("")).map_or(in_force, |known| known.to_toml());
        Ok(OpenedLedger {
            desk: engine.desk,
            seq: engine.seq,
            logger: TradeLogger::resume_live(self.file, encoder, evaluations)?,
            run_id,
            trades,
            group,
            foreign_cash,
            reconfigure: (now != in_force).then(|| now.into()),
        })
    }

    fn replay_error(&self, error: &EngineError) -> OpenError {
        let what = match error {
            EngineError::Journal(JournalError::Differs(difference)) => {
                let nothing = || "nothing".to_owned();
                format!(
                    "was written by decisions this version does not make: at {} it has {}, now it would be {}; \
                     go on with the version that wrote it, or begin a new ledger with --ledger and --adopt",
                    difference.at,
                    difference.recorded.clone().unwrap_or_else(nothing),
                    difference.now.clone().unwrap_or_else(nothing)
                )
            }
            error => error.to_string(),
        };
        OpenError::Differs(format!("{} {what}", self.file.display()))
    }
}

/// Settings and strategies of a scenario that was written down as resolved.
///
/// # Errors
/// When the scenario does not hold.
pub fn parse_resolved_scenario(scenario: &str) -> Result<(DeskSettings, Vec<StrategySlot>), RefitError> {
    let scenario =
        Scenario::parse(scenario, &[], Path::new("")).map_err(|error| RefitError::Scenario(error.into()))?;
    Ok((scenario.desk, scenario.seats))
}

/// The facts among `all` that are not among those `told`. One that stands there twice may be told twice.
#[must_use]
pub fn unseen_facts(
    mut all: Vec<(Timestamp, Fact)>,
    told: impl IntoIterator<Item = Fact>,
) -> Vec<(Timestamp, Fact)> {
    let mut told: Vec<Fact> = told.into_iter().collect();
    all.retain(|(_, fact)| match told.iter().position(|known| known == fact) {
        Some(place) => {
            told.swap_remove(place);
            false
        }
        None => true,
    });
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scenario_that_does_not_hold_refits_nothing() {
        let refused = parse_resolved_scenario("[scenario]").err();
        let Some(RefitError::Scenario(problem)) = refused else { panic!("it is no fixed setting") };
        assert!(problem.is::<ScenarioError>(), "{problem}");
    }
}
