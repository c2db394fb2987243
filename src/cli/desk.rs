//! What the commands for a live desk share: finding its ledger, reading what it says of itself, leaving it a
//! request.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;
use rusqlite::{Connection, OptionalExtension};

use crate::domain::{Span, Timestamp};
use crate::journal::sqlite;
use crate::kalshi::clock;
use crate::live::control_inbox::{Inbox, Request, RequestAnswer, RequestRefusal, wait_answer};
use crate::live::health::{self, Health};
use crate::live::lock::{Holder, LedgerLock};
use crate::live::paths;
use crate::live::registry::RunningDesk;

use super::Failure;

/// How long a running desk may take to answer a request.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// Which desk.
#[derive(Debug, Args)]
pub struct LedgerArgs {
    /// Ledger of the desk [default: that of the running desk, or else the newest in the data folder]
    #[arg(long, value_name = "FILE")]
    pub ledger: Option<PathBuf>,
}

impl LedgerArgs {
    /// The ledger meant.
    pub fn find_ledger(&self) -> Result<PathBuf, Failure> {
        if let Some(ledger) = &self.ledger {
            return Ok(ledger.clone());
        }
        let known = paths::known_ledgers();
        let running = self.running_desks();
        match (&*running, known.first()) {
            ([one], _) => Ok(one.ledger.clone()),
            ([], Some(newest)) => Ok(newest.clone()),
            ([], None) => Err(Failure::new(
                Failure::DATA,
                "there is no ledger of a live desk in the data folder; name one with --ledger, or start \
                 `protogen live`",
            )),
            (several, _) => {
                let names: Vec<_> = several.iter().map(|desk| desk.ledger.display().to_string()).collect();
                let problem = format!("several desks run; say which with --ledger: {}", names.join(", "));
                Err(Failure::new(Failure::USAGE, problem))
            }
        }
    }

    /// The running desks: all on this machine, or that of the ledger that was named.
    pub fn running_desks(&self) -> Vec<RunningDesk> {
        match &self.ledger {
            Some(ledger) => RunningDesk::running_on_ledger(ledger).into_iter().collect(),
            None => RunningDesk::all_on_machine(),
        }
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
        let file = args.find_ledger()?;
        let connection = sqlite::open_ledger(&file)?;
        let holder = LedgerLock::lock_holder(&file);
        Ok(Self { file, connection, holder })
    }

    /// A note of the desk.
    pub fn read_note(&self, name: &str) -> Result<Option<String>, Failure> {
        read_ledger_note(&self.connection, name).map_err(|error| self.database_failure(&error))
    }

    /// What the desk last said of itself.
    pub fn read_health(&self) -> Result<Option<Health>, Failure> {
        let Some(note) = self.read_note(health::NOTE)? else {
            return Ok(None);
        };
        let health = Health::from_note(&note);
        health
            .map(Some)
            .map_err(|problem| Failure::new(Failure::DATA, format!("{}: {problem}", self.file.display())))
    }

    /// Names of the strategies that were ever seated.
    pub fn strategy_names(&self) -> Result<Vec<String>, Failure> {
        let read = || {
            let mut select = self.connection.prepare("SELECT name FROM strategy ORDER BY strategy")?;
            select.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<Vec<String>>>()
        };
        read().map_err(|error| self.database_failure(&error))
    }

    /// What went wrong with the database.
    pub fn database_failure(&self, error: &rusqlite::Error) -> Failure {
        Failure::new(Failure::DATA, format!("ledger {}: {error}", self.file.display()))
    }

    /// Whether a process runs the desk, and how long ago it last said how it does.
    pub fn running_status_text(&self, health: Option<&Health>) -> String {
        let beat = health.map(|health| format!("it last reported {} ago", age_text(health.at.0)));
        let beat = beat.unwrap_or_else(|| "it has not reported yet".into());
        match self.holder {
            Holder::Process(Some(pid)) => format!("running as process {pid}; {beat}"),
            Holder::Process(None) => format!("running; {beat}"),
            Holder::Unknown => format!("it cannot be seen whether it runs; {beat}"),
            Holder::Nobody => format!("not running; {beat}"),
        }
    }
}

/// A note in a ledger; `None` if there is none of this name.
pub fn read_ledger_note(ledger: &Connection, name: &str) -> rusqlite::Result<Option<String>> {
    ledger.query_row("SELECT value FROM note WHERE name = ?1", [name], |row| row.get(0)).optional()
}

/// Time since a moment of the wall's clock, in words.
pub fn age_text(at: Timestamp) -> String {
    in_words(clock::now().since(at))
}

/// A length of time in its largest unit: `3 s`, `12 min`, `5 h`, `4 days`.
pub fn in_words(span: Span) -> String {
    let units = [(Span::DAY, "days", 2), (Span::HOUR, "h", 2), (Span::MINUTE, "min", 2)];
    let large = units.into_iter().find(|&(unit, _, least)| span >= unit.times(least));
    let (unit, name) = large.map_or((Span::SECOND, "s"), |(unit, name, _)| (unit, name));
    format!("{} {name}", span.nanos() / unit.nanos())
}

/// A request that lies in a desk's inbox.
pub struct PostedRequest {
    ledger: PathBuf,
    file: PathBuf,
    pid: Option<u32>,
    running: bool,
}

impl PostedRequest {
    /// Leaves a request for a desk, and does not wait.
    pub fn post_to_desk(ledger: &Path, request: &Request) -> Result<Self, Failure> {
        let file = Inbox::new(ledger).post_request(request).map_err(|error| {
            Failure::new(
                Failure::DATA,
                format!("the inbox of {} cannot be written: {error}", ledger.display()),
            )
        })?;
        let holder = LedgerLock::lock_holder(ledger);
        let pid = if let Holder::Process(pid) = holder { pid } else { None };
        Ok(Self { ledger: ledger.to_owned(), file, pid, running: holder.is_running() })
    }

    /// What became of it by `deadline`. If no desk runs, it is not waited for.
    pub fn wait_for_outcome(self, deadline: Instant) -> OwnerRequestOutcome {
        let Self { ledger, file, pid, running } = self;
        let answer = if running { wait_answer(&file, deadline) } else { RequestAnswer::Waiting };
        let taken = answer == RequestAnswer::Done;
        let refusal = if let RequestAnswer::Refused(refusal) = answer { Some(refusal) } else { None };
        OwnerRequestOutcome { ledger, pid, running, taken, refusal }
    }
}

/// What became of a request.
#[derive(Debug, serde::Serialize)]
pub struct OwnerRequestOutcome {
    /// The ledger of the desk it is for.
    pub ledger: PathBuf,
    /// The desk's process; `None` if no desk runs, or its process is not known.
    pub pid: Option<u32>,
    /// Whether a process runs the desk.
    pub running: bool,
    /// Whether the desk has acted on it.
    pub taken: bool,
    /// Why the desk will not act on it; `None` if it has or still may.
    pub refusal: Option<RequestRefusal>,
}

impl OwnerRequestOutcome {
    /// Leaves a request for a desk, and waits for the answer if it runs.
    pub fn post_and_wait(ledger: &Path, request: &Request) -> Result<Self, Failure> {
        Ok(PostedRequest::post_to_desk(ledger, request)?.wait_for_outcome(Instant::now() + PATIENCE))
    }

    /// The same for people.
    pub fn outcome_text(&self) -> String {
        let desk = self.ledger.display();
        match (&self.refusal, self.running, self.taken) {
            (Some(refusal), ..) => format!("refused by the running desk of {desk}: {}", refusal.message),
            (None, _, true) => format!("taken by the running desk of {desk}"),
            (None, true, false) => format!(
                "the desk of {desk} runs but has not answered within {} s; it will take it when it gets to it, see \
                 `protogen status`",
                PATIENCE.as_secs()
            ),
            (None, false, false) => format!("no desk runs on {desk}; it will be taken at the next start"),
        }
    }

    /// What a command that did not get its way ends with.
    pub fn failure(&self) -> Option<Failure> {
        let refusal = self.refusal.as_ref()?;
        let code = if refusal.by_exchange { Failure::VENUE } else { Failure::USAGE };
        Some(Failure::new(code, format!("{}: {}", self.ledger.display(), refusal.message)))
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
