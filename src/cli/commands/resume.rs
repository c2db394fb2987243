//! `protogen resume STRATEGY --reason "…"`

use clap::Args;
use serde_json::json;

use crate::live::control_inbox::{Request, remove_stop, stop_file};
use crate::live::paths;
use crate::scenario::raw::nearest_name;

use crate::cli::desk::{LedgerArgs, LiveLedger, OwnerRequestOutcome};
use crate::cli::{Common, Failure, json_line, print_to_stdout};

/// Lift a halt: that of one strategy's kill switch, or with --trading the halt of all trading.
///
/// The reason is kept in the ledger for ever.
#[derive(Debug, Args)]
pub struct ResumeCommand {
    /// The halted strategy
    #[arg(value_name = "STRATEGY", required_unless_present = "trading", conflicts_with = "trading")]
    strategy: Option<String>,
    /// Lift the halt of all trading (by the owner, or for a discrepancy), and remove the STOP file
    #[arg(long)]
    trading: bool,
    /// Why it may go on
    #[arg(long, value_name = "TEXT", value_parser = parse_reason)]
    reason: String,
    #[command(flatten)]
    ledger: LedgerArgs,
}

/// A reason that says something.
pub fn parse_reason(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() { Err("is empty; say why, it is kept".into()) } else { Ok(text.to_owned()) }
}

impl ResumeCommand {
    pub(in crate::cli) fn run(&self, common: &Common) -> Result<(), Failure> {
        // A halt needs no ledger, so neither does what lifts it.
        let nowhere = self.ledger.ledger.is_none()
            && paths::known_ledgers().is_empty()
            && self.ledger.running_desks().is_empty();
        let posted = if self.trading && nowhere { None } else { Some(LiveLedger::open(&self.ledger)?) };
        if let (Some(ledger), Some(strategy)) = (&posted, &self.strategy) {
            check_strategy_known(ledger, strategy)?;
        }
        // The file goes first: a desk that looks at it must not halt again right after.
        let removed = self.trading && self.lift_stops(posted.as_ref())?;
        let request = Request::Resume { strategy: self.strategy.clone(), reason: self.reason.clone() };
        let posted =
            posted.map(|ledger| OwnerRequestOutcome::post_and_wait(&ledger.file, &request)).transpose()?;
        if common.json {
            print_to_stdout(&json_line(
                &json!({ "request": request, "posted": posted, "stop_removed": removed }),
            ))?;
        } else {
            let stop = if removed { "STOP is removed; " } else { "" };
            let none = || "there is no desk to tell".into();
            let told = posted.as_ref().map_or_else(none, OwnerRequestOutcome::outcome_text);
            print_to_stdout(&format!("{stop}{told}\n"))?;
        }
        posted.and_then(|posted| posted.failure()).map_or(Ok(()), Err)
    }

    /// Removes the `STOP` file beside the desk's ledger and, if no ledger was named, the one in the data folder: those
    /// that `halt` writes with the same flags. Returns whether there was one.
    fn lift_stops(&self, desk: Option<&LiveLedger>) -> Result<bool, Failure> {
        let failed = |problem: String| Failure::new(Failure::DATA, problem);
        let mut ledgers: Vec<_> = desk.map(|ledger| ledger.file.clone()).into_iter().collect();
        if self.ledger.ledger.is_none() {
            ledgers.push(paths::default_ledger(None).map_err(|error| failed(error.to_string()))?);
        }
        let mut removed = false;
        for ledger in ledgers {
            let file = stop_file(&ledger);
            removed |= remove_stop(&ledger)
                .map_err(|error| failed(format!("{} cannot be removed: {error}", file.display())))?;
        }
        Ok(removed)
    }
}

fn check_strategy_known(ledger: &LiveLedger, strategy: &str) -> Result<(), Failure> {
    let known = ledger.strategy_names()?;
    if known.iter().any(|name| name == strategy) {
        return Ok(());
    }
    let near = nearest_name(strategy, known.iter().map(String::as_str));
    let problem = format!("`{strategy}` is no strategy of this desk; did you mean `{near}`?");
    Err(Failure::new(Failure::USAGE, problem))
}
