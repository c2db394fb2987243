//! The data set of a live run: its ledger has every input with the moment at which it came, which is all that a
//! backtest needs to decide as the run did.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::dataset::import::staging::StagedTarget;
use crate::dataset::{DataError, facts};
use crate::domain::Timestamp;
use crate::engine::gateway::{Feed, Next};
use crate::event::Input;
use crate::journal::replay::RecordedRun;

use super::part::Layout;
use super::recorder::{RecordSettings, Recorder, Totals};

/// What a run came to as a data set.
#[derive(Clone, Debug)]
pub struct Exported {
    /// Counts of lines taken and of parts, files and rows written.
    pub totals: Totals,
    /// First and last input of the market.
    pub span: Option<(Timestamp, Timestamp)>,
    /// Inputs of the owner, which no data set holds: a backtest does without them.
    pub steered: u64,
    /// Facts, which a scenario that is to know them names as its own.
    pub facts: u64,
    /// Paths of the CSV files of facts in the folder `facts` of the data set; empty without facts.
    pub facts_files: Vec<PathBuf>,
}

/// As many as a data set may hold; a desk whose fills are simulated may have been told so many.
const LEVELS: usize = 10;
/// So much of a spool becomes one part: a run's inputs stay in one file, and so in their order.
const PART: u64 = 1 << 40;

/// Makes a data set of the ledger of a live or paper run. `out` appears when it is complete.
///
/// # Errors
/// When the ledger cannot be read or is of a backtest, or the data set cannot be written.
pub fn export_run(ledger: &Path, out: &Path) -> Result<Exported, DataError> {
    let unread = |problem: &dyn std::fmt::Display| DataError::of_file(ledger, problem);
    let recording = RecordedRun::open(ledger).map_err(|error| unread(&error.problem))?;
    if recording.mode == "backtest" {
        let problem = "is of a backtest, which read a data set; only a live or paper run has one of its own";
        return Err(unread(&problem));
    }
    let target = StagedTarget::claim_output_folder(out)?;
    let settings = RecordSettings {
        levels: LEVELS,
        rotate_after: Duration::MAX,
        rotate_bytes: PART,
        layout: Layout::AsTold,
    };
    let work = target.create_folder("work")?;
    let mut recorder = Recorder::open(&work, settings)?;
    let mut feed = recording.input_feed();
    let (mut span, mut steered, mut told) = (None, 0, Vec::new());
    loop {
        match feed.next(Some(Timestamp::MAX)).map_err(|error| unread(&error.message))? {
            Next::Item(input) => {
                match &input.value {
                    Input::Market(_) => {
                        let first = span.map_or(input.at, |(first, _)| first);
                        span = Some((first, input.at));
                    }
                    Input::Control(_) => steered += 1,
                    Input::Fact(fact) => told.push((input.at, *fact)),
                    Input::Venue(_) | Input::Wake => {}
                }
                recorder.take_input(input.at, &input.value, None);
                recorder.flush_and_rotate(Duration::ZERO)?;
            }
            Next::Due | Next::Quiet => {}
            Next::End => break,
        }
    }
    let totals = recorder.finish_recording()?;
    for name in ["markets.parquet", "fee_changes.csv", "snapshots"] {
        target.move_into_staging(&work.join(name), name)?;
    }
    target.remove_folder(&work)?;
    let names = if told.is_empty() {
        Vec::new()
    } else {
        facts::write_facts(&target.create_folder("facts")?, &told)?
    };
    let names = names.iter().filter_map(|file| file.file_name());
    let facts_files = names.map(|name| out.join("facts").join(name)).collect();
    target.publish()?;
    Ok(Exported { totals, span, steered, facts: told.len() as u64, facts_files })
}
