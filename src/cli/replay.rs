//! `protogen replay RUN`

use std::path::PathBuf;

use clap::Args;

use crate::desk::Desk;
use crate::domain::Timestamp;
use crate::engine::gateway::Session;
use crate::engine::{Difference, Engine, EngineError, JournalError};
use crate::feed::DataError;
use crate::journal::replay::Recording;
use crate::scenario::Scenario;

use super::run::{RunFlags, open_feed};
use super::{Common, Failure, ScenarioArgs, json, print};

/// Replay a recorded run and compare every decision.
///
/// The data is read again (its content must be what it was), the exchange's answers come from the ledger.
#[derive(Debug, Args)]
pub struct Replay {
    /// Run folder, for example reports/fomc/latest
    #[arg(value_name = "RUN")]
    run: PathBuf,
    #[command(flatten)]
    scenario: ScenarioArgs,
}

#[derive(serde::Serialize)]
struct Outcome<'a> {
    run_id: &'a str,
    same: bool,
    digest: Option<String>,
    at: Option<String>,
    recorded: Option<String>,
    now: Option<String>,
}

impl Replay {
    pub(super) fn run(&self, common: &Common) -> Result<(), Failure> {
        let recording = Recording::open(&self.run.join("ledger.sqlite"))?;
        let mut scenario = Scenario::load(&self.run.join("scenario.toml"), &self.scenario.overrides)?;
        let flags = recording.flags()?;
        let flags = RunFlags { lenient: flags.0, ignore_halts: flags.1 };
        scenario.ignore_halts(flags.ignore_halts);
        let (feed, manifest) = open_feed(&scenario, flags)?;
        if manifest.len() != recording.files.len() {
            let problem = format!(
                "was recorded from {} data files, now there are {}",
                recording.files.len(),
                manifest.len()
            );
            return Err(DataError::of_file(&self.run, problem).into());
        }
        for ((file, now), (_, then)) in manifest.iter().zip(&recording.files) {
            if now != then {
                let problem = "is not what it was when the run was recorded; a replay would compare nothing";
                return Err(DataError::of_file(file, problem).into());
            }
        }
        let run_id = recording.run_id.clone();
        let recorded_digest = recording.digest.clone().unwrap_or_default();
        let mut engine = Engine::new(
            Desk::new(scenario.desk, scenario.seats),
            Session { feed, venue: recording.venue()? },
            recording.comparison(),
        );
        let mut last = Timestamp::MIN;
        let ran = engine.run(|at, _| last = at);
        let ran = ran.and_then(|()| engine.journal.finish(last).map_err(EngineError::Journal));
        match ran {
            Ok(()) if engine.journal.digest() == recorded_digest => {
                let digest = engine.journal.digest();
                if common.json {
                    let same = Outcome {
                        run_id: &run_id,
                        same: true,
                        digest: Some(digest),
                        at: None,
                        recorded: None,
                        now: None,
                    };
                    return print(&json(&same));
                }
                let compared = engine.journal.compared();
                print(&format!("run {run_id}: all {compared} decisions are the same; digest {digest}\n"))
            }
            Ok(()) => Err(Failure::new(
                Failure::DIVERGED,
                format!("run {run_id}: the recorded digest {recorded_digest} is not that of its decisions"),
            )),
            Err(EngineError::Journal(JournalError::Differs(difference))) => {
                Self::report(&run_id, &difference, common)
            }
            Err(error) => Err(error.into()),
        }
    }

    fn report(run_id: &str, difference: &Difference, common: &Common) -> Result<(), Failure> {
        let Difference { at, recorded, now } = difference;
        if common.json {
            let (at, recorded, now) = (Some(at.to_string()), recorded.clone(), now.clone());
            print(&json(&Outcome { run_id, same: false, digest: None, at, recorded, now }))?;
        }
        let nothing = || "nothing".to_owned();
        Err(Failure::new(
            Failure::DIVERGED,
            format!(
                "run {run_id}: the first difference is at {at}\n  recorded: {}\n  now:      {}",
                recorded.clone().unwrap_or_else(nothing),
                now.clone().unwrap_or_else(nothing)
            ),
        ))
    }
}
