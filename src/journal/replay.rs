//! Replay: the inputs of a recorded run through a new desk, with every record compared with the ledger.
//!
//! [`RecordedRun`] opens a ledger and provides the parts of an engine. For a backtest, `cli/commands/replay.rs` reads
//! the data set again and takes the exchange's answers from [`RecordedVenue`], so the replay tests the desk alone,
//! without the simulated exchange. For a live run all inputs come from [`RecordedFeed`], and [`SilentVenue`] accepts
//! the commands. [`DecisionComparison`] is the journal. `live/ledger_open.rs` restores a live desk in the same way;
//! `record/from_run.rs` makes a data set of the feed.
//!
//! Invariants:
//!
//! 1. Records are compared byte by byte as canonical lines, in order. The first difference is a
//!    [`JournalError::Differs`], which ends the run before the commands of that step reach the venue (`compare_record`,
//!    `Engine::process_input`; test `one_changed_limit_is_found_at_the_first_decision_it_changes`).
//! 2. A line of `decision` comes after as many evaluations as it was written with (`next_recorded`).
//! 3. Strategy, confidence and reason of an evaluation are compared where its basis is used first (`compare_record`).
//! 4. A recorded input comes at its own sequence number: [`RecordedVenue`] is due only there, and [`RecordedFeed`]
//!    answers [`Next::Due`] where none was recorded, as that was a wake ([`Next::End`] if the desk wants none now).
//! 5. [`DecisionComparison::check_nothing_left`], called at the end, finds records that were not made again. `replay` also
//!    compares the digests; the start of a live desk does not (test `a_forged_ledger_is_found`).
//! 6. Nothing is written: all statements here are `SELECT`.
//! 7. After a replay without a difference, [`DecisionComparison::into_encoder`] has the state the writer had, so the
//!    ledger can be continued and replayed again (test `every_ledger_is_gone_on_with` in `tests/it/ledgers.rs`).
//!
//! Known limits:
//!
//! - Only records are compared: not commands, nor the other tables (`fill`, `placed`, `trade`, ...), nor notes.
//! - A basis with a number that the ledger does not have is a [`JournalError::Write`], not a difference.
//! - The caller checks that data files are unchanged (test `changed_data_is_refused_not_compared`).
//! - Wakes after the last recorded input of a live run are not repeated.
//! - [`RecordedRun::input_feed`] is complete for a live run only. [`RecordedRun::recorded_venue`] holds all its inputs in memory.
//! - There is no snapshot: a replay of a ledger that a running desk writes may report a false difference.
//! - Pages and decisions are found by `rowid`, counted from 1 without holes.
//!
//! Where to look next: [`Encoder`] (canonical lines), [`super::sqlite::TradeLogger`] (the writer),
//! [`EventSource::next`](crate::engine::gateway::EventSource::next) (order of feed and venue), `tests/it/replay.rs`.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension, params};

use crate::desk::decision::{Output, Record};
use crate::domain::Timestamp;
use crate::engine::gateway::{Feed, GatewayError, Next, Venue};
use crate::engine::{Difference, Journal, JournalError};
use crate::event::{Command, Input, Stamped};

use super::encode::{CanonicalLine, EVALUATION_WIDTH, Encoder};
use super::input;
use super::sqlite::{LedgerError, ledger_error, open_ledger};

/// A recorded run, opened for comparison.
pub struct RecordedRun {
    file: PathBuf,
    connection: Connection,
    /// Id of the recorded run, as it is in its ledger.
    pub run_id: String,
    /// Kind of the recorded run: `backtest`, `paper` or `live`.
    pub mode: String,
    /// The digest it was finished with; `None` of a live run that was cut off.
    pub digest: Option<String>,
    /// Data files and their content hashes.
    pub files: Vec<(PathBuf, String)>,
}

impl RecordedRun {
    /// Opens the ledger of a finished run.
    ///
    /// # Errors
    /// When there is none, or it cannot be read.
    pub fn open(file: &Path) -> Result<Self, LedgerError> {
        let connection = open_ledger(file)?;
        let fail = |error: rusqlite::Error| ledger_error(file, &error);
        let sql = "SELECT run_id, mode, digest FROM run";
        let (run_id, mode, digest) =
            connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).map_err(fail)?;
        let files = query_rows(&connection, "SELECT path, hash FROM data_file ORDER BY rowid", |row| {
            Ok((PathBuf::from(row.get::<_, String>(0)?), row.get(1)?))
        })
        .map_err(fail)?;
        Ok(Self { file: file.to_owned(), connection, run_id, mode, digest, files })
    }

    /// Whether bad rows were skipped, and whether halts were only recorded.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn run_flags(&self) -> Result<(bool, bool), LedgerError> {
        let read = self
            .connection
            .query_row("SELECT lenient, ignore_halts FROM run", [], |row| Ok((row.get(0)?, row.get(1)?)));
        read.map_err(|error| ledger_error(&self.file, &error))
    }

    /// Reads a note of a live run by its name; `None` if it has none.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn read_note(&self, name: &str) -> Result<Option<String>, LedgerError> {
        let sql = "SELECT value FROM note WHERE name = ?1";
        let read = self.connection.query_row(sql, [name], |row| row.get(0)).optional();
        read.map_err(|error| ledger_error(&self.file, &error))
    }

    /// Trades that were booked, by their numbers.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn booked_trades(&self) -> Result<Vec<u64>, LedgerError> {
        query_rows(&self.connection, "SELECT venue_trade FROM fill ORDER BY rowid", |row| row.get(0))
            .map_err(|error| ledger_error(&self.file, &error))
    }

    /// All inputs of a live run, as a feed. Wakes that led to nothing are not recorded; they follow from the rest.
    #[must_use]
    pub fn input_feed(&self) -> RecordedFeed {
        RecordedFeed {
            file: self.file.clone(),
            seen: 0,
            read_to: -1,
            ahead: VecDeque::new(),
            connection: None,
        }
    }

    /// The exchange as it answered then.
    ///
    /// # Errors
    /// When an answer cannot be read.
    pub fn recorded_venue(&self) -> Result<RecordedVenue, LedgerError> {
        let lines: Vec<(u64, i64, String)> =
            query_rows(&self.connection, "SELECT seq, ts, line FROM input ORDER BY seq", |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })
            .map_err(|error| ledger_error(&self.file, &error))?;
        let answers = lines.into_iter().map(|(seq, ts, line)| {
            let value = input::from_line(&line)
                .map_err(|error| ledger_error(&self.file, &format_args!("input {seq} {error}")))?;
            Ok((seq, Stamped { at: Timestamp::from_nanos(ts), value }))
        });
        Ok(RecordedVenue { seen: 0, answers: answers.collect::<Result<_, LedgerError>>()? })
    }

    /// A journal that compares instead of writing.
    #[must_use]
    pub fn into_comparison(self) -> DecisionComparison {
        DecisionComparison {
            recording: self,
            encoder: Encoder::default(),
            evaluations: 0,
            compared: 0,
            page: Vec::new(),
            page_at: 0,
            pages_read: 0,
            decisions_read: 0,
            decisions: VecDeque::new(),
        }
    }
}

/// Reads all rows of a query, each by `read`.
pub(super) fn query_rows<T>(
    connection: &Connection,
    sql: &str,
    read: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Vec<T>> {
    connection.prepare(sql)?.query_map([], read)?.collect()
}

/// Tells what was told, at the same place in the sequence.
pub struct RecordedFeed {
    file: PathBuf,
    seen: u64,
    read_to: i64,
    ahead: VecDeque<(u64, Stamped<Input>)>,
    connection: Option<Connection>,
}

impl RecordedFeed {
    fn read_ahead(&mut self) -> Result<(), GatewayError> {
        let fail =
            |problem: String| GatewayError::data_error(format!("ledger {}: {problem}", self.file.display()));
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => Connection::open(&self.file).map_err(|error| fail(error.to_string()))?,
        };
        let lines: Vec<(u64, i64, String, i64)> = {
            let sql = "SELECT seq, ts, line, rowid FROM input WHERE rowid > ?1 ORDER BY rowid LIMIT ?2";
            let read = || -> rusqlite::Result<_> {
                connection
                    .prepare_cached(sql)?
                    .query_map(params![self.read_to.max(0), READ_AHEAD], |row| {
                        Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
                    })?
                    .collect()
            };
            read().map_err(|error| fail(error.to_string()))?
        };
        for (seq, ts, line, rowid) in lines {
            let value = input::from_line(&line).map_err(|error| fail(format!("input {seq} {error}")))?;
            self.ahead.push_back((seq, Stamped { at: Timestamp::from_nanos(ts), value }));
            self.read_to = rowid;
        }
        self.connection = Some(connection);
        Ok(())
    }
}

impl Feed for RecordedFeed {
    fn next(&mut self, until: Option<Timestamp>) -> Result<Next<Stamped<Input>>, GatewayError> {
        if self.ahead.is_empty() {
            self.read_ahead()?;
        }
        let Some((seq, _)) = self.ahead.front() else {
            return Ok(Next::End);
        };
        let here = *seq == self.seen;
        self.seen += 1;
        if here {
            return Ok(match self.ahead.pop_front() {
                Some((_, Stamped { value: Input::Wake, .. })) => Next::Due,
                Some((_, input)) => Next::Item(input),
                None => Next::End,
            });
        }
        // What was recorded here was a wake. If the desk does not want one now, the runs have parted; the
        // next decision will show it.
        Ok(if until.is_some() { Next::Due } else { Next::End })
    }
}

/// An exchange that takes everything and says nothing: what was answered is among the recorded inputs.
#[derive(Debug)]
pub struct SilentVenue;

impl Venue for SilentVenue {
    fn submit(&mut self, _at: Timestamp, _command: &Command) -> Result<(), GatewayError> {
        Ok(())
    }
}

/// Answers what the exchange answered, at the same place in the sequence.
#[derive(Debug)]
pub struct RecordedVenue {
    seen: u64,
    answers: VecDeque<(u64, Stamped<Input>)>,
}

impl Venue for RecordedVenue {
    fn submit(&mut self, _at: Timestamp, _command: &Command) -> Result<(), GatewayError> {
        // The command follows from a decision, and decisions are compared before they are acted upon.
        Ok(())
    }

    fn observe(&mut self, _seen: &Stamped<Input>) {
        self.seen += 1;
    }

    fn next_answer_time(&self) -> Option<Timestamp> {
        self.answers.front().filter(|(seq, _)| *seq == self.seen).map(|(_, answer)| answer.at)
    }

    fn take_due_answer(&mut self) -> Option<Stamped<Input>> {
        self.next_answer_time()?;
        self.answers.pop_front().map(|(_, answer)| answer)
    }
}

/// Compares every record with what was recorded, in order.
pub struct DecisionComparison {
    recording: RecordedRun,
    encoder: Encoder,
    evaluations: u64,
    compared: u64,
    page: Vec<u8>,
    page_at: usize,
    pages_read: u64,
    decisions_read: u64,
    /// Lines read ahead, with the number of evaluations before each.
    decisions: VecDeque<(u64, String)>,
}

/// Most lines of decisions or inputs read from the ledger at a time.
const READ_AHEAD: u64 = 1_000;

impl DecisionComparison {
    /// Returns how many records were compared so far.
    #[must_use]
    pub const fn compared_records(&self) -> u64 {
        self.compared
    }

    /// Returns the hash of all records of this repetition, to be held against [`RecordedRun::digest`].
    #[must_use]
    pub fn digest(&self) -> String {
        self.encoder.digest()
    }

    /// What a ledger needs to go on where the recording ends: the encoder, and how many evaluations there are.
    #[must_use]
    pub fn into_encoder(self) -> (Encoder, u64) {
        (self.encoder, self.evaluations)
    }

    /// What was recorded but not decided now, after a run that did not differ so far.
    ///
    /// # Errors
    /// The first such record.
    pub fn check_nothing_left(&mut self, at: Timestamp) -> Result<(), JournalError> {
        let rest = self.next_recorded().map_err(ledger_read_error)?;
        rest.map_or(Ok(()), |line| Err(difference_error(at, Some(self.describe_line(&line)), None)))
    }

    fn compare_record(&mut self, at: Timestamp, record: &Record) -> Result<(), JournalError> {
        let recorded = self.next_recorded().map_err(ledger_read_error)?;
        let connection = &self.recording.connection;
        let line = self.encoder.encode_record(record, |number, basis| {
            let found: (u8, u32, String) = connection
                .query_row(
                    "SELECT strategy, confidence, reason FROM basis WHERE basis = ?1",
                    params![number],
                    |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
                )
                .map_err(ledger_read_error)?;
            let now = (basis.strategy.0, basis.confidence.ppm(), basis.reason.to_string());
            let words = |basis: (u8, u32, String)| {
                format!("strategy {} at confidence {} ppm: {}", basis.0, basis.1, basis.2)
            };
            if found == now {
                Ok(())
            } else {
                Err(difference_error(at, Some(words(found)), Some(words(now))))
            }
        })?;
        let line = match line {
            CanonicalLine::Evaluation(line) => {
                self.evaluations += 1;
                line.to_vec()
            }
            CanonicalLine::Other(line) => line.as_bytes().to_vec(),
        };
        self.compared += 1;
        if recorded.as_ref() == Some(&line) {
            return Ok(());
        }
        Err(difference_error(
            at,
            recorded.map(|recorded| self.describe_line(&recorded)),
            Some(self.describe_line(&line)),
        ))
    }

    /// The line that comes next in the recording.
    fn next_recorded(&mut self) -> rusqlite::Result<Option<Vec<u8>>> {
        if self.decisions.is_empty() {
            self.read_decisions()?;
        }
        // A decision comes once as many evaluations have gone by as came before it then.
        if self.decisions.front().is_some_and(|&(before, _)| before <= self.evaluations) {
            return Ok(self.decisions.pop_front().map(|(_, line)| line.into_bytes()));
        }
        if self.page_at == self.page.len() {
            let sql = "SELECT payload FROM evaluation_page WHERE rowid = ?1 + 1";
            let mut select = self.recording.connection.prepare_cached(sql)?;
            let mut pages = select.query(params![self.pages_read])?;
            let Some(page) = pages.next()? else {
                // No evaluation is left, so a decision that waits for more of them is all there is.
                return Ok(self.decisions.pop_front().map(|(_, line)| line.into_bytes()));
            };
            self.page = page.get(0)?;
            self.page_at = 0;
            self.pages_read += 1;
        }
        let end = self.page_at + EVALUATION_WIDTH;
        let line = self.page.get(self.page_at..end).map(<[u8]>::to_vec);
        self.page_at = end.min(self.page.len());
        Ok(line)
    }

    fn read_decisions(&mut self) -> rusqlite::Result<()> {
        let sql = "SELECT evaluations, line FROM decision WHERE rowid > ?1 ORDER BY rowid LIMIT ?2";
        let mut select = self.recording.connection.prepare_cached(sql)?;
        let lines = select
            .query_map(params![self.decisions_read, READ_AHEAD], |row| Ok((row.get(0)?, row.get(1)?)))?;
        for line in lines {
            self.decisions.push_back(line?);
            self.decisions_read += 1;
        }
        Ok(())
    }

    /// A line as a person would want to see it.
    fn describe_line(&self, line: &[u8]) -> String {
        let text = String::from_utf8_lossy(line);
        if line.len() != EVALUATION_WIDTH || line.iter().any(|byte| !byte.is_ascii_digit()) {
            return text.into_owned();
        }
        let sql = "SELECT (SELECT ticker FROM market WHERE market = ?1), (SELECT name FROM verdict WHERE code = ?2),
                          (SELECT reason FROM basis WHERE basis = ?3)";
        let number = |from: usize, to: usize| text[from..to].parse::<i64>().unwrap_or(0);
        let names = self.recording.connection.query_row(
            sql,
            params![number(19, 27), number(57, 59), number(59, 65)],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
        );
        let (ticker, verdict, reason): (Option<String>, Option<String>, Option<String>) =
            names.unwrap_or_default();
        let missing = || "?".to_owned();
        format!(
            "evaluation of {} at {} ppm against {}/{}: {} ({})",
            ticker.unwrap_or_else(missing),
            number(27, 34),
            number(34, 39),
            number(39, 44),
            verdict.unwrap_or_else(missing),
            reason.unwrap_or_else(missing),
        )
    }
}

impl Journal for DecisionComparison {
    fn record(&mut self, _seq: u64, input: &Stamped<Input>, out: &Output) -> Result<(), JournalError> {
        out.records.iter().try_for_each(|record| self.compare_record(input.at, record))
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is given to map_err")]
fn ledger_read_error(error: rusqlite::Error) -> JournalError {
    JournalError::Write(format!("the recorded ledger cannot be read: {error}"))
}

fn difference_error(at: Timestamp, recorded: Option<String>, now: Option<String>) -> JournalError {
    JournalError::Differs(Box::new(Difference { at, recorded, now }))
}
