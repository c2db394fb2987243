//! `protogen replay RUN`

use std::path::PathBuf;

use clap::Args;

use crate::dataset::DataError;
use crate::desk::Desk;
use crate::domain::Timestamp;
use crate::engine::gateway::{EventSource, Feed, Venue};
use crate::engine::{Difference, Engine, EngineError, JournalError};
use crate::journal::replay::{RecordedRun, SilentVenue};
use crate::live::ledger_open::{SCENARIO, parse_resolved_scenario};
use crate::scenario::Scenario;

use crate::cli::run::{Opened, RunFlags, open_feed};
use crate::cli::{Common, Failure, ScenarioArgs, json_line, print_to_stdout};

/// Replay a recorded run and compare every decision.
///
/// Of a backtest the data is read again (its content must be what it was) and the exchange's answers come from
/// the ledger; of a live run everything comes from the ledger.
#[derive(Debug, Args)]
pub struct ReplayCommand {
    /// Run folder, for example reports/fomc/latest, or the ledger of a live run
    #[arg(value_name = "RUN")]
    run: PathBuf,
    #[command(flatten)]
    scenario: ScenarioArgs,
}

#[derive(serde::Serialize)]
struct ReplayOutcome<'a> {
    run_id: &'a str,
    same: bool,
    digest: Option<String>,
    at: Option<String>,
    recorded: Option<String>,
    now: Option<String>,
}

impl ReplayCommand {
    pub(in crate::cli) fn run(&self, common: &Common) -> Result<(), Failure> {
        let file = if self.run.is_file() { self.run.clone() } else { self.run.join("ledger.sqlite") };
        let recording = RecordedRun::open(&file)?;
        if recording.mode == "backtest" {
            self.replay_backtest(recording, common)
        } else {
            self.replay_live(recording, common)
        }
    }

    /// The data is read again, the exchange's answers come from the ledger.
    fn replay_backtest(&self, recording: RecordedRun, common: &Common) -> Result<(), Failure> {
        let mut scenario = Scenario::load_file(&self.run.join("scenario.toml"), &self.scenario.overrides)?;
        let flags = recording.run_flags()?;
        let flags = RunFlags { lenient: flags.0, ignore_halts: flags.1 };
        scenario.ignore_halts(flags.ignore_halts);
        let Opened { feed, manifest, .. } = open_feed(&scenario, flags)?;
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
        let session = EventSource { feed, venue: recording.recorded_venue()? };
        Self::compare_decisions(recording, Desk::new(scenario.desk, scenario.seats), session, common)
    }

    /// Everything comes from the ledger: a live run keeps all its inputs.
    fn replay_live(&self, recording: RecordedRun, common: &Common) -> Result<(), Failure> {
        let Some(toml) = recording.read_note(SCENARIO)? else {
            return Err(Failure::new(Failure::DATA, "the ledger does not say which scenario it began with"));
        };
        let scenario = Scenario::parse(&toml, &self.scenario.overrides, &self.run)?;
        let session = EventSource { feed: recording.input_feed(), venue: SilentVenue };
        Self::compare_decisions(recording, Desk::new(scenario.desk, scenario.seats), session, common)
    }

    fn compare_decisions<F: Feed, V: Venue>(
        recording: RecordedRun,
        desk: Desk,
        session: EventSource<F, V>,
        common: &Common,
    ) -> Result<(), Failure> {
        let run_id = recording.run_id.clone();
        let recorded_digest = recording.digest.clone();
        let mut engine =
            Engine::new(desk, session, recording.into_comparison()).with_reconfigure(parse_resolved_scenario);
        let mut last = Timestamp::MIN;
        let ran = engine.run(|at, _| last = at);
        let ran = ran.and_then(|()| engine.journal.check_nothing_left(last).map_err(EngineError::Journal));
        match ran {
            // A live run that was cut off has no digest yet; its decisions are there all the same.
            Ok(()) if recorded_digest.as_ref().is_none_or(|then| *then == engine.journal.digest()) => {
                let digest = engine.journal.digest();
                if common.json {
                    let same = ReplayOutcome {
                        run_id: &run_id,
                        same: true,
                        digest: Some(digest),
                        at: None,
                        recorded: None,
                        now: None,
                    };
                    return print_to_stdout(&json_line(&same));
                }
                let compared = engine.journal.compared_records();
                print_to_stdout(&format!(
                    "run {run_id}: all {compared} decisions are the same; digest {digest}\n"
                ))
            }
            Ok(()) => Err(Failure::new(
                Failure::DIVERGED,
                format!(
                    "run {run_id}: the recorded digest {} is not that of its decisions",
                    recorded_digest.unwrap_or_default()
                ),
            )),
            Err(EngineError::Journal(JournalError::Differs(difference))) => {
                Self::report_difference(&run_id, &difference, common)
            }
            Err(error) => Err(error.into()),
        }
    }

    fn report_difference(run_id: &str, difference: &Difference, common: &Common) -> Result<(), Failure> {
        let Difference { at, recorded, now } = difference;
        if common.json {
            let (at, recorded, now) = (Some(at.to_string()), recorded.clone(), now.clone());
            print_to_stdout(&json_line(&ReplayOutcome {
                run_id,
                same: false,
                digest: None,
                at,
                recorded,
                now,
            }))?;
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
