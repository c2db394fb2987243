//! `protogen reload [SCENARIO]`

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use crate::live::control_inbox::Request;
use crate::live::operator::read_facts;
use crate::scenario::Scenario;

use crate::cli::desk::{LedgerArgs, LiveLedger, OwnerRequestOutcome};
use crate::cli::{Common, Failure, json_line, print_to_stdout};

/// Give a live desk other settings, and new rows of its facts files, without stopping it.
///
/// Its positions, its money and what its kill switches have counted stay. A scenario that is not valid
/// is refused before it reaches the desk.
#[derive(Debug, Args)]
pub struct ReloadCommand {
    /// Scenario file [default: that which the desk was started with, read again]
    #[arg(value_name = "SCENARIO")]
    scenario: Option<PathBuf>,
    #[command(flatten)]
    ledger: LedgerArgs,
}

impl ReloadCommand {
    pub(in crate::cli) fn run(&self, common: &Common) -> Result<(), Failure> {
        let ledger = LiveLedger::open(&self.ledger)?;
        let scenario =
            match &self.scenario {
                None => None,
                Some(file) => {
                    let scenario = Scenario::load_file(file, &[])?;
                    common.say_notes(&scenario.notes);
                    read_facts(&scenario.facts)?;
                    // The desk may stand in another folder.
                    let absolute = std::path::absolute(file);
                    Some(absolute.map_err(|error| {
                        Failure::new(Failure::USAGE, format!("{}: {error}", file.display()))
                    })?)
                }
            };
        let request = Request::Reload { scenario };
        let posted = OwnerRequestOutcome::post_and_wait(&ledger.file, &request)?;
        if common.json {
            print_to_stdout(&json_line(&json!({ "request": request, "posted": posted })))?;
        } else {
            print_to_stdout(&format!("{}\n", posted.outcome_text()))?;
        }
        posted.failure().map_or(Ok(()), Err)
    }
}
