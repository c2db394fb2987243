//! What the commands for a live desk share: finding its ledger, reading what it says of itself, leaving it a
//! request.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use rusqlite::{Connection, OptionalExtension};

use crate::domain::{Span, Timestamp};
use crate::journal::ledger;
use crate::kalshi::clock;
use crate::live::health::{self, Health};
use crate::live::inbox::{Inbox, Request, wait_taken};
use crate::live::lock::{Holder, LedgerLock};
use crate::live::place;

use super::Failure;

/// How long a running desk may take to take a request.
const PATIENCE: Duration = Duration::from_secs(3);

/// Which desk.
#[derive(Debug, Args)]
pub struct LedgerArgs {
    /// Ledger of the desk [default: that of the running desk, or else the newest in the data folder]
    #[arg(long, value_name = "FILE")]
    pub ledger: Option<PathBuf>,
}

impl LedgerArgs {
    /// The ledger meant.
    pub fn find(&self) -> Result<PathBuf, Failure> {
        if let Some(ledger) = &self.ledger {
            return Ok(ledger.clone());
        }
        let known = place::known_ledgers();
        let running = self.running();
        match (&*running, known.first()) {
            ([one], _) => Ok(one.clone()),
            ([], Some(newest)) => Ok(newest.clone()),
            ([], None) => Err(Failure::new(
                Failure::DATA,
                "there is no ledger of a live desk in the data folder; name one with --ledger, or start \
                 `protogen live`",
            )),
            (several, _) => {
                let names: Vec<_> = several.iter().map(|ledger| ledger.display().to_string()).collect();
                let problem = format!("several desks run; say which with --ledger: {}", names.join(", "));
                Err(Failure::new(Failure::USAGE, problem))
            }
        }
    }

    /// The ledgers of running desks: of all in the data folder, or the one that was named.
    pub fn running(&self) -> Vec<PathBuf> {
        let known = self.ledger.clone().map_or_else(place::known_ledgers, |one| vec![one]);
        known.into_iter().filter(|ledger| LedgerLock::holder(ledger).is_running()).collect()
    }
}

/// A desk's ledger, open for reading.
pub struct LiveLedger {
    /// Its file.
    pub file: PathBuf,
    /// The database.
    pub connection: Connection,
    /// Whose it is now.
    pub holder: Holder,
}

impl LiveLedger {
    /// Opens the ledger meant.
    pub fn open(args: &LedgerArgs) -> Result<Self, Failure> {
        let file = args.find()?;
        let connection = ledger::open(&file)?;
        let holder = LedgerLock::holder(&file);
        Ok(Self { file, connection, holder })
    }

    /// A note of the desk.
    pub fn note(&self, name: &str) -> Result<Option<String>, Failure> {
        let sql = "SELECT value FROM note WHERE name = ?1";
        let note = self.connection.query_row(sql, [name], |row| row.get(0)).optional();
        note.map_err(|error| self.failed(&error))
    }

    /// What the desk last said of itself.
    pub fn health(&self) -> Result<Option<Health>, Failure> {
        let Some(note) = self.note(health::NOTE)? else {
            return Ok(None);
        };
        let health = Health::from_note(&note);
        health
            .map(Some)
            .map_err(|problem| Failure::new(Failure::DATA, format!("{}: {problem}", self.file.display())))
    }

    /// Names of the strategies that were ever seated.
    pub fn strategies(&self) -> Result<Vec<String>, Failure> {
        let read = || {
            let mut select = self.connection.prepare("SELECT name FROM strategy ORDER BY strategy")?;
            select.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<Vec<String>>>()
        };
        read().map_err(|error| self.failed(&error))
    }

    /// What went wrong with the database.
    pub fn failed(&self, error: &rusqlite::Error) -> Failure {
        Failure::new(Failure::DATA, format!("ledger {}: {error}", self.file.display()))
    }

    /// Whether a process runs the desk, and how long ago it last said how it does.
    pub fn pulse(&self, health: Option<&Health>) -> String {
        let beat = health.map(|health| format!("it last reported {} ago", age(health.at.0)));
        let beat = beat.unwrap_or_else(|| "it has not reported yet".into());
        match self.holder {
            Holder::Process(Some(pid)) => format!("running as process {pid}; {beat}"),
            Holder::Process(None) => format!("running; {beat}"),
            Holder::Nobody => format!("not running; {beat}"),
        }
    }
}

/// Time since a moment of the wall's clock, in words.
pub fn age(at: Timestamp) -> String {
    in_words(clock::now().since(at))
}

/// A length of time in its largest unit: `3 s`, `12 min`, `5 h`, `4 days`.
pub fn in_words(span: Span) -> String {
    let units = [(Span::DAY, "days", 2), (Span::HOUR, "h", 2), (Span::MINUTE, "min", 2)];
    let large = units.into_iter().find(|&(unit, _, least)| span >= unit.times(least));
    let (unit, name) = large.map_or((Span::SECOND, "s"), |(unit, name, _)| (unit, name));
    format!("{} {name}", span.nanos() / unit.nanos())
}

/// What became of a request.
#[derive(Debug, serde::Serialize)]
pub struct Posted {
    /// The ledger of the desk it is for.
    pub ledger: PathBuf,
    /// Whether a process runs the desk.
    pub running: bool,
    /// Whether it took the request.
    pub taken: bool,
}

impl Posted {
    /// Leaves a request for a desk, and waits a little if it runs.
    pub fn post(ledger: &Path, request: &Request) -> Result<Self, Failure> {
        let file = Inbox::new(ledger).post(request).map_err(|error| {
            Failure::new(
                Failure::DATA,
                format!("the inbox of {} cannot be written: {error}", ledger.display()),
            )
        })?;
        let running = LedgerLock::holder(ledger).is_running();
        let taken = running && wait_taken(&file, PATIENCE);
        Ok(Self { ledger: ledger.to_owned(), running, taken })
    }

    /// The same for people.
    pub fn words(&self) -> String {
        let desk = self.ledger.display();
        match (self.running, self.taken) {
            (_, true) => format!("taken by the running desk of {desk}"),
            (true, false) => format!(
                "the desk of {desk} runs but has not taken it within {} s; it will when it gets to it, see \
                 `protogen status`",
                PATIENCE.as_secs()
            ),
            (false, false) => format!("no desk runs on {desk}; it will be taken at the next start"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_short() {
        for (nanos, words) in [
            (0, "0 s"),
            (119, "119 s"),
            (120, "2 min"),
            (7_199, "119 min"),
            (7_200, "2 h"),
            (172_800, "2 days"),
        ] {
            assert_eq!(in_words(Span::SECOND.times(nanos)), words);
        }
    }
}
