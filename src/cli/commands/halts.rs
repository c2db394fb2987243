//! `protogen halts`

use std::fmt::Write;

use clap::Args;
use serde::Serialize;
use serde_json::json;

use crate::live::control_inbox::read_stop;

use crate::cli::desk::{LedgerArgs, LiveLedger};
use crate::cli::{Common, Failure, json_line, print_to_stdout};

/// List every halt of a desk, by which rule and with which figures, and who lifted it and why.
#[derive(Debug, Args)]
pub struct HaltsCommand {
    #[command(flatten)]
    ledger: LedgerArgs,
}

/// A row of the view `halts`.
#[derive(Debug, Serialize)]
struct HaltListing {
    ts: String,
    strategy: Option<String>,
    rule: String,
    detail: String,
    resumed_at: Option<String>,
    resumed_reason: Option<String>,
}

impl HaltsCommand {
    pub(in crate::cli) fn run(&self, common: &Common) -> Result<(), Failure> {
        let ledger = LiveLedger::open(&self.ledger)?;
        let rows = read_halts(&ledger).map_err(|error| ledger.database_failure(&error))?;
        let stop = read_stop(&ledger.file);
        if common.json {
            return print_to_stdout(&json_line(&json!({ "halts": rows, "stop": stop })));
        }
        let mut text = String::new();
        if let Some(reason) = stop {
            let _ =
                writeln!(text, "STOP: nothing is opened: {reason} (`protogen resume --trading` lifts it)");
        }
        for row in &rows {
            let who = row.strategy.as_deref().unwrap_or("all trading");
            let _ = writeln!(text, "{}  {who} halted by the rule `{}`: {}", row.ts, row.rule, row.detail);
            let lifted = row.resumed_at.as_deref().zip(row.resumed_reason.as_deref());
            let _ = match lifted {
                Some((at, reason)) => writeln!(text, "  lifted {at}: {reason}"),
                None => writeln!(text, "  still halted"),
            };
        }
        if text.is_empty() {
            text = "nothing was ever halted\n".into();
        }
        print_to_stdout(&text)
    }
}

fn read_halts(ledger: &LiveLedger) -> rusqlite::Result<Vec<HaltListing>> {
    let mut select = ledger
        .connection
        .prepare("SELECT ts, strategy, rule, detail, resumed_at, resumed_reason FROM halts ORDER BY ts")?;
    let row = |row: &rusqlite::Row<'_>| {
        Ok(HaltListing {
            ts: row.get(0)?,
            strategy: row.get(1)?,
            rule: row.get(2)?,
            detail: row.get(3)?,
            resumed_at: row.get(4)?,
            resumed_reason: row.get(5)?,
        })
    };
    select.query_map([], row)?.collect()
}
