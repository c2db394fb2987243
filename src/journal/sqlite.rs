//! The trade logger: writes the ledger of one run into an SQLite file, with the tables and views of `schema.sql`.
//!
//! [`TradeLogger`] is a [`Journal`]: after each step of the desk the engine calls [`Journal::record`] with the input
//! and the step's records and commands. `cli/commands/backtest.rs` creates the ledger of a backtest;
//! `live/ledger_open.rs` creates or resumes that of a live or paper run, `live/runner.rs` writes it. [`open_ledger`] opens
//! any ledger for reading, also one that a running desk writes.
//!
//! Invariants:
//!
//! 1. Each record given to `record` is encoded once, in order, and its canonical line is kept: an evaluation in a
//!    page of at most 60, any other in `decision` with the count of evaluations before it (`write_record`,
//!    `write_page`). A replay restores the order of the run from them (test `a_run_replays_without_a_difference`).
//! 2. Live, the input and the records of a step, and all before them, are on disk before its commands are sent:
//!    `write_step` commits when there are commands (WAL, `synchronous = FULL`), and `Engine::process_input` submits only after
//!    `record`. Answers and controls are committed at once too (`kill_and_restart` in `tests/it/live.rs`).
//! 3. Live, every input is kept except a wake without records and commands. A backtest keeps only the exchange's
//!    answers and controls; the rest is read from its data again or follows from it (`keeps_input`).
//! 4. A file holds one run. [`TradeLogger::create_backtest`] and [`TradeLogger::create_live`] fail if it has one.
//! 5. [`TradeLogger::write_run_summary`] writes the digest of all records so far; [`TradeLogger::resume_live`] clears it.
//! 6. A backtest commits every `COMMIT_EVERY` records and becomes a WAL database only in `write_run_summary`. Until then
//!    `RunFolder` in `cli/commands/backtest.rs` keeps the file in a hidden folder.
//! 7. Money, prices and counts are stored as integers; only the views convert them.
//!
//! Known limits:
//!
//! - A backtest's file is not crash-safe (no rollback journal, `synchronous = OFF`). Live, a crash may lose market
//!   data, facts and wakes without commands (they wait for the first kept input after `COMMIT_AFTER`, or
//!   [`Journal::idle`]) and notes.
//! - A backtest writes a new closing time into `market` only if the same step has records. A market listed again
//!   updates title and closing time only.
//! - `placed.filled` and `placed.status` are set when an order ends; partial fills before that are in `fill` only.
//! - Numbers of trades, orders and inputs must be below 2^63, as SQLite has no larger integers; else `record` fails.
//! - Nothing is pruned. A second writer is kept out by `LedgerLock` in `live/lock.rs`, not here.
//!
//! Where to look next: [`Encoder`], [`input`], [`super::replay::RecordedRun`], [`super::reader::LedgerReader`]; tests
//! in `tests/it`: `replay.rs` (also the views), `live.rs` (kills, paper, [`is_blank`]), `ledgers.rs` (resuming).

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::{Connection, OptionalExtension, params};

use crate::desk::decision::{Output, Record};
use crate::domain::{Money, Timestamp};
use crate::engine::{Journal, JournalError};
use crate::event::{Input, MarketEvent, Stamped, VenueEvent};

use super::encode::{CanonicalLine, EVALUATION_WIDTH, Encoder, verdict_names};
use super::input;
use super::rows::{RUN, insert_market, insert_row};

/// Evaluations a page: a page of them fits one page of the database file.
const PAGE: usize = 60;
/// Records between commits of a backtest.
const COMMIT_EVERY: u32 = 200_000;
/// Longest time that what a live run need not act upon stays uncommitted.
const COMMIT_AFTER: Duration = Duration::from_secs(1);
/// How long to wait for another process that writes.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a ledger is begun with: the run's identity, settings, data files and strategies.
#[derive(Clone, Debug)]
pub struct RunHeader {
    /// Hash of version, resolved scenario, data and flags; of a live or paper run, of start time and PID.
    pub run_id: String,
    /// Kind of the run: `backtest`, `paper` or `live`.
    pub mode: &'static str,
    /// Name of the scenario the run is made with.
    pub scenario: String,
    /// Version of the protogen binary that makes the run.
    pub version: &'static str,
    /// Seed of the scenario, from which everything random in the run is drawn.
    pub seed: u64,
    /// Cash the run begins with, in dollars: the scenario's bankroll.
    pub bankroll: Money,
    /// Whether bad rows of the data files are skipped and counted, not an error.
    pub lenient: bool,
    /// Whether kill-switch halts are recorded without being obeyed.
    pub ignore_halts: bool,
    /// Data files by path, with their content hashes.
    pub files: Vec<(PathBuf, String)>,
    /// Names of the strategies, in order.
    pub strategies: Vec<String>,
}

/// Why a ledger cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("ledger {}: {problem}", file.display())]
pub struct LedgerError {
    /// Path of the ledger that cannot be used.
    pub file: PathBuf,
    /// What is wrong with the ledger, in words that continue after its path.
    pub problem: String,
}

/// What is kept, and when it is made safe.
#[derive(Debug)]
enum Keeping {
    /// Inputs that no data set holds; in large transactions.
    Answers {
        /// Records written since the last commit; back to 0 at `COMMIT_EVERY`.
        uncommitted: u32,
    },
    /// All inputs; on disk before anything is acted upon.
    Everything {
        /// When what is not committed yet began.
        since: Option<Instant>,
    },
}

/// Writes the ledger of one run into its database file, record by record.
pub struct TradeLogger {
    file: PathBuf,
    connection: Connection,
    encoder: Encoder,
    page: Vec<u8>,
    evaluations: u64,
    keeping: Keeping,
}

impl TradeLogger {
    /// Creates the ledger of a backtest. The file must not exist.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn create_backtest(file: &Path, header: &RunHeader) -> Result<Self, LedgerError> {
        let prepare = || -> rusqlite::Result<Connection> {
            let connection = Connection::open(file)?;
            connection.execute_batch(
                "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -4000; BEGIN",
            )?;
            connection.set_prepared_statement_cache_capacity(32);
            connection.execute_batch(include_str!("schema.sql"))?;
            upgrade_schema(&connection)?;
            insert_header(&connection, header)?;
            Ok(connection)
        };
        let connection = prepare().map_err(|error| ledger_error(file, &error))?;
        Ok(Self::with_connection(
            file,
            connection,
            Encoder::default(),
            0,
            Keeping::Answers { uncommitted: 0 },
        ))
    }

    /// Creates the ledger of a live run. The file must not exist.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn create_live(file: &Path, header: &RunHeader, notes: &[(&str, &str)]) -> Result<Self, LedgerError> {
        let prepare = || -> rusqlite::Result<Connection> {
            let connection = connect_live(file)?;
            connection.execute_batch("BEGIN")?;
            connection.execute_batch(include_str!("schema.sql"))?;
            upgrade_schema(&connection)?;
            insert_header(&connection, header)?;
            for (name, value) in notes {
                connection.execute("INSERT INTO note VALUES (?1, ?2)", params![name, value])?;
            }
            connection.execute_batch("COMMIT; BEGIN")?;
            Ok(connection)
        };
        let connection = prepare().map_err(|error| ledger_error(file, &error))?;
        Ok(Self::with_connection(
            file,
            connection,
            Encoder::default(),
            0,
            Keeping::Everything { since: None },
        ))
    }

    /// Goes on with the ledger of a live run that `encoder` has repeated, with its `evaluations`.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn resume_live(file: &Path, encoder: Encoder, evaluations: u64) -> Result<Self, LedgerError> {
        let prepare = || -> rusqlite::Result<Connection> {
            let connection = connect_live(file)?;
            // What it was closed with holds no longer.
            connection.execute_batch("BEGIN; UPDATE run SET finished_at = NULL, digest = NULL")?;
            upgrade_schema(&connection)?;
            Ok(connection)
        };
        let connection = prepare().map_err(|error| ledger_error(file, &error))?;
        Ok(Self::with_connection(file, connection, encoder, evaluations, Keeping::Everything { since: None }))
    }

    fn with_connection(
        file: &Path,
        connection: Connection,
        encoder: Encoder,
        evaluations: u64,
        keeping: Keeping,
    ) -> Self {
        let page = Vec::with_capacity(PAGE * EVALUATION_WIDTH);
        Self { file: file.to_owned(), connection, encoder, page, evaluations, keeping }
    }

    /// Writes a note of a live run, in place of an older one of that name.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write_note(&mut self, name: &str, value: &str) -> Result<(), LedgerError> {
        let sql = "INSERT INTO note VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = excluded.value";
        let written = self.connection.execute(sql, params![name, value]).map(drop);
        written.map_err(|error| ledger_error(&self.file, &error))
    }

    /// Makes safe what was written so far.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn commit_records(&mut self) -> Result<(), LedgerError> {
        self.commit_now().map_err(|error| ledger_error(&self.file, &error))
    }

    /// Completes the run and returns its digest.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish_run(
        mut self,
        span: Option<(Timestamp, Timestamp)>,
        equity: Money,
    ) -> Result<String, LedgerError> {
        self.write_run_summary(span, equity)
    }

    /// Writes down where the run stands, with its digest so far. A live run may go on later.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write_run_summary(
        &mut self,
        span: Option<(Timestamp, Timestamp)>,
        equity: Money,
    ) -> Result<String, LedgerError> {
        let digest = self.encoder.digest();
        let mut finish = || -> rusqlite::Result<()> {
            self.write_page()?;
            self.connection.execute(
                "UPDATE run SET started_at = coalesce(started_at, ?2), finished_at = ?3, final_equity = ?4, digest = ?5 WHERE run = ?1",
                params![
                    RUN,
                    span.map(|span| span.0.nanos()),
                    span.map(|span| span.1.nanos()),
                    equity.micros(),
                    digest
                ],
            )?;
            self.connection.execute_batch("COMMIT")?;
            if matches!(self.keeping, Keeping::Everything { .. }) {
                return self.connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE); BEGIN;");
            }
            // From here on others may read while someone writes.
            self.connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA wal_checkpoint(TRUNCATE);")
        };
        finish().map_err(|error| ledger_error(&self.file, &error))?;
        Ok(digest)
    }

    fn write_step(&mut self, seq: u64, input: &Stamped<Input>, out: &Output) -> rusqlite::Result<()> {
        if self.keeps_input(&input.value, out) {
            let mut insert = self.connection.prepare_cached("INSERT INTO input VALUES (?1, ?2, ?3, ?4)")?;
            insert.execute(params![RUN, seq, input.at.nanos(), input::to_line(&input.value)])?;
        } else if out.records.is_empty() && !matches!(input.value, Input::Market(MarketEvent::Listed(_))) {
            return Ok(());
        }
        self.insert_known(&input.value)?;
        for record in &out.records {
            self.write_record(record)?;
        }
        match &mut self.keeping {
            Keeping::Answers { uncommitted } => {
                *uncommitted += u32::try_from(out.records.len()).unwrap_or(COMMIT_EVERY);
                if *uncommitted >= COMMIT_EVERY {
                    *uncommitted = 0;
                    self.connection.execute_batch("COMMIT; BEGIN")?;
                }
                Ok(())
            }
            Keeping::Everything { since } => {
                let since = *since.get_or_insert_with(Instant::now);
                let matters = matches!(input.value, Input::Venue(_) | Input::Control(_));
                if matters || !out.commands.is_empty() || since.elapsed() >= COMMIT_AFTER {
                    return self.commit_now();
                }
                Ok(())
            }
        }
    }

    /// What the exchange and the owner said cannot be read from a data set again; live, nothing can. A wake
    /// follows from what came before it, so only one that led to something is kept: the last thing that
    /// happened may be a wake.
    fn keeps_input(&self, input: &Input, out: &Output) -> bool {
        match (input, &self.keeping) {
            (Input::Wake, Keeping::Everything { .. }) => !out.records.is_empty() || !out.commands.is_empty(),
            (_, Keeping::Everything { .. }) | (Input::Venue(_) | Input::Control(_), _) => true,
            (_, Keeping::Answers { .. }) => false,
        }
    }

    fn commit_now(&mut self) -> rusqlite::Result<()> {
        self.write_page()?;
        self.connection.execute_batch("COMMIT; BEGIN")?;
        if let Keeping::Everything { since } = &mut self.keeping {
            *since = None;
        }
        Ok(())
    }

    /// What an input says of markets and orders beyond what the desk makes of it.
    fn insert_known(&self, input: &Input) -> rusqlite::Result<()> {
        match input {
            Input::Market(MarketEvent::Listed(market)) => insert_market(&self.connection, market),
            Input::Market(MarketEvent::CloseTime { market, close }) => {
                let sql = "UPDATE market SET close_time = ?3 WHERE run = ?1 AND market = ?2";
                self.connection.execute(sql, params![RUN, market.0, close.nanos()])
            }
            Input::Venue(VenueEvent::Accepted { order, venue_id: Some(venue_id) }) => {
                let sql = "UPDATE placed SET venue_id = ?3 WHERE run = ?1 AND order_id = ?2";
                self.connection.execute(sql, params![RUN, order.0, &**venue_id])
            }
            _ => Ok(0),
        }
        .map(drop)
    }

    fn write_record(&mut self, record: &Record) -> rusqlite::Result<()> {
        let connection = &self.connection;
        let line = self.encoder.encode_record(record, |number, basis| {
            let mut insert = connection.prepare_cached("INSERT INTO basis VALUES (?1, ?2, ?3, ?4, ?5)")?;
            let (strategy, confidence) = (basis.strategy.0, basis.confidence.ppm());
            insert.execute(params![RUN, number, strategy, confidence, &*basis.reason]).map(drop)
        })?;
        match line {
            CanonicalLine::Evaluation(line) => {
                self.page.extend_from_slice(line);
                self.evaluations += 1;
                if self.page.len() == PAGE * EVALUATION_WIDTH {
                    self.write_page()?;
                }
            }
            CanonicalLine::Other(line) => {
                let mut insert = connection.prepare_cached("INSERT INTO decision VALUES (?1, ?2, ?3)")?;
                insert.execute(params![RUN, self.evaluations, line])?;
                insert_row(connection, record)?;
            }
        }
        Ok(())
    }

    fn write_page(&mut self) -> rusqlite::Result<()> {
        let records = self.page.len() / EVALUATION_WIDTH;
        if records > 0 {
            let first = self.evaluations - u64::try_from(records).unwrap_or(0);
            let mut insert =
                self.connection.prepare_cached("INSERT INTO evaluation_page VALUES (?1, ?2, ?3, ?4)")?;
            insert.execute(params![RUN, first, records, self.page])?;
            self.page.clear();
        }
        Ok(())
    }
}

impl Journal for TradeLogger {
    fn record(&mut self, seq: u64, input: &Stamped<Input>, out: &Output) -> Result<(), JournalError> {
        self.write_step(seq, input, out).map_err(|error| {
            JournalError::Write(format!("ledger {} cannot be written: {error}", self.file.display()))
        })
    }

    fn idle(&mut self) -> Result<(), JournalError> {
        let waiting = matches!(self.keeping, Keeping::Everything { since: Some(_) });
        if waiting {
            self.commit_records().map_err(|error| JournalError::Write(error.to_string()))
        } else {
            Ok(())
        }
    }
}

/// A ledger that cannot be used, and why.
pub(super) fn ledger_error(file: &Path, error: &dyn fmt::Display) -> LedgerError {
    LedgerError { file: file.to_owned(), problem: error.to_string() }
}

/// Opens a ledger that others read, and may write to, at the same time.
fn connect_live(file: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(file)?;
    connection.busy_timeout(PATIENCE)?;
    connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;")?;
    connection.set_prepared_statement_cache_capacity(32);
    Ok(connection)
}

/// Adds what `schema.sql` did not have in earlier versions, unless it is there: an earlier ledger is gone on with.
fn upgrade_schema(connection: &Connection) -> rusqlite::Result<()> {
    if !has_exact_settlements(connection)? {
        connection.execute_batch(
            "ALTER TABLE market ADD COLUMN settled_value_e6 INTEGER;
             UPDATE market SET settled_value_e6 = settled_value * 100;",
        )?;
    }
    connection.execute_batch(include_str!("schema_additions.sql"))?;
    for (code, name) in verdict_names() {
        connection
            .execute("INSERT INTO verdict VALUES (?1, ?2) ON CONFLICT DO NOTHING", params![code, name])?;
    }
    Ok(())
}

/// Whether the ledger has the column of exact settlement values. Earlier ones have it once a desk goes on with them.
pub(super) fn has_exact_settlements(connection: &Connection) -> rusqlite::Result<bool> {
    let sql = "SELECT count(*) FROM pragma_table_info('market') WHERE name = 'settled_value_e6'";
    connection.query_row(sql, [], |row| row.get(0))
}

fn insert_header(connection: &Connection, header: &RunHeader) -> rusqlite::Result<()> {
    let RunHeader { run_id, mode, scenario, version, seed, bankroll, .. } = header;
    connection.execute(
        "INSERT INTO run (run, run_id, mode, scenario, version, seed, bankroll, lenient, ignore_halts)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        params![
            RUN,
            run_id,
            mode,
            scenario,
            version,
            seed.cast_signed(),
            bankroll.micros(),
            header.lenient,
            header.ignore_halts
        ],
    )?;
    for (path, hash) in &header.files {
        let path = path.to_string_lossy();
        connection.execute("INSERT INTO data_file VALUES (?1, ?2, ?3)", params![RUN, path, hash])?;
    }
    for (number, name) in header.strategies.iter().enumerate() {
        connection.execute("INSERT INTO strategy VALUES (?1, ?2, ?3)", params![RUN, number, name])?;
    }
    for i in 0..PAGE {
        connection.execute("INSERT INTO ordinal VALUES (?1)", params![i])?;
    }
    Ok(())
}

/// Whether nothing was ever committed to a ledger that is there: its process ended while it made it.
#[must_use]
pub fn is_blank(file: &Path) -> bool {
    let count = "SELECT count(*) FROM sqlite_schema";
    let tables = Connection::open(file)
        .and_then(|connection| connection.query_row(count, [], |row| row.get::<_, i64>(0)));
    // What is no database is not ours to write to.
    matches!(tables, Ok(0))
}

/// Opens a finished ledger for reading.
///
/// # Errors
/// When there is none, or it is none of ours.
pub fn open_ledger(file: &Path) -> Result<Connection, LedgerError> {
    if !file.is_file() {
        return Err(ledger_error(file, &"is not there"));
    }
    let connection = Connection::open(file).map_err(|error| ledger_error(file, &error))?;
    let run = connection.query_row("SELECT run_id FROM runs", [], |row| row.get::<_, String>(0)).optional();
    match run {
        Ok(Some(_)) => Ok(connection),
        Ok(None) => Err(ledger_error(file, &"holds no run")),
        Err(error) => Err(ledger_error(file, &format_args!("is not a ledger of protogen: {error}"))),
    }
}
