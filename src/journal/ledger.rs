//! `TradeLogger`: the ledger in SQLite.
//!
//! Tables and views are those of `schema.sql`. A backtest writes in large transactions into a file nobody
//! else sees until it is complete; the file becomes a WAL database when it is.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, params};

use crate::desk::decision::{FillBooked, OrderEnd, OrderPlaced, Output, Record, Trade};
use crate::domain::{Market, Money, Timestamp};
use crate::engine::{Journal, JournalError};
use crate::event::{Input, Stamped};

use super::encode::{EVALUATION_WIDTH, Encoder, Line, verdict_names};

/// Evaluations a page: a page of them fits one page of the database file.
const PAGE: usize = 60;
/// Records between commits.
const COMMIT_EVERY: u32 = 200_000;

/// What identifies a run.
#[derive(Clone, Debug)]
pub struct RunHeader {
    /// Hash of binary version, resolved scenario, data manifest and seed.
    pub run_id: String,
    /// `backtest`, `paper` or `live`.
    pub mode: &'static str,
    /// Name of the scenario.
    pub scenario: String,
    /// Version of protogen.
    pub version: &'static str,
    /// The scenario's seed.
    pub seed: u64,
    /// What the run starts with.
    pub bankroll: Money,
    /// Whether bad rows are skipped.
    pub lenient: bool,
    /// Whether halts are only recorded.
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
    /// Which file.
    pub file: PathBuf,
    /// What is wrong.
    pub problem: String,
}

/// The ledger of one run.
pub struct TradeLogger {
    file: PathBuf,
    connection: Connection,
    encoder: Encoder,
    page: Vec<u8>,
    evaluations: u64,
    uncommitted: u32,
}

const RUN: i64 = 1;

impl TradeLogger {
    /// Creates the ledger of a run. The file must not exist.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn create(file: &Path, header: &RunHeader, markets: &[Arc<Market>]) -> Result<Self, LedgerError> {
        let fail = |problem: String| LedgerError { file: file.to_owned(), problem };
        let prepare = || -> rusqlite::Result<Connection> {
            let connection = Connection::open(file)?;
            connection.execute_batch(
                "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -4000;",
            )?;
            connection.set_prepared_statement_cache_capacity(32);
            connection.execute_batch("BEGIN")?;
            connection.execute_batch(include_str!("schema.sql"))?;
            insert_header(&connection, header)?;
            insert_markets(&connection, markets)?;
            Ok(connection)
        };
        let connection = prepare().map_err(|error| fail(error.to_string()))?;
        Ok(Self {
            file: file.to_owned(),
            connection,
            encoder: Encoder::default(),
            page: Vec::with_capacity(PAGE * EVALUATION_WIDTH),
            evaluations: 0,
            uncommitted: 0,
        })
    }

    /// Completes the run and returns its digest.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(
        mut self,
        span: Option<(Timestamp, Timestamp)>,
        equity: Money,
    ) -> Result<String, LedgerError> {
        let digest = self.encoder.digest();
        let mut finish = || -> rusqlite::Result<()> {
            self.write_page()?;
            self.connection.execute(
                "UPDATE run SET started_at = ?2, finished_at = ?3, final_equity = ?4, digest = ?5 WHERE run = ?1",
                params![
                    RUN,
                    span.map(|span| span.0.nanos()),
                    span.map(|span| span.1.nanos()),
                    equity.micros(),
                    digest
                ],
            )?;
            self.connection.execute_batch("COMMIT")?;
            // From here on others may read while someone writes.
            self.connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA wal_checkpoint(TRUNCATE);")
        };
        finish().map_err(|error| LedgerError { file: self.file.clone(), problem: error.to_string() })?;
        Ok(digest)
    }

    fn write(&mut self, seq: u64, input: &Stamped<Input>, out: &Output) -> rusqlite::Result<()> {
        if let Some(line) = input_line(&input.value) {
            let mut insert = self.connection.prepare_cached("INSERT INTO input VALUES (?1, ?2, ?3, ?4)")?;
            insert.execute(params![RUN, seq, input.at.nanos(), line])?;
        }
        for record in &out.records {
            self.write_record(record)?;
        }
        self.uncommitted += u32::try_from(out.records.len()).unwrap_or(COMMIT_EVERY);
        if self.uncommitted >= COMMIT_EVERY {
            self.uncommitted = 0;
            self.connection.execute_batch("COMMIT; BEGIN")?;
        }
        Ok(())
    }

    fn write_record(&mut self, record: &Record) -> rusqlite::Result<()> {
        let connection = &self.connection;
        let line = self.encoder.encode(record, |number, basis| {
            let mut insert = connection.prepare_cached("INSERT INTO basis VALUES (?1, ?2, ?3, ?4, ?5)")?;
            let (strategy, confidence) = (basis.strategy.0, basis.confidence.ppm());
            insert.execute(params![RUN, number, strategy, confidence, &*basis.reason]).map(drop)
        })?;
        match line {
            Line::Evaluation(line) => {
                self.page.extend_from_slice(line);
                self.evaluations += 1;
                if self.page.len() == PAGE * EVALUATION_WIDTH {
                    self.write_page()?;
                }
            }
            Line::Other(line) => {
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
        self.write(seq, input, out).map_err(|error| {
            JournalError::Write(format!("ledger {} cannot be written: {error}", self.file.display()))
        })
    }
}

/// The line of an input that no data set holds.
fn input_line(input: &Input) -> Option<String> {
    let line = match input {
        Input::Venue(event) => serde_json::to_string(event),
        Input::Control(control) => serde_json::to_string(control),
        Input::Market(_) | Input::Fact(_) | Input::Wake => return None,
    };
    Some(line.expect("inputs are plain data"))
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
    for (code, name) in verdict_names() {
        connection.execute("INSERT INTO verdict VALUES (?1, ?2)", params![code, name])?;
    }
    for i in 0..PAGE {
        connection.execute("INSERT INTO ordinal VALUES (?1)", params![i])?;
    }
    Ok(())
}

fn insert_markets(connection: &Connection, markets: &[Arc<Market>]) -> rusqlite::Result<()> {
    let mut insert =
        connection.prepare("INSERT INTO market VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, NULL, NULL)")?;
    for market in markets {
        insert.execute(params![
            RUN,
            market.id.0,
            &*market.ticker,
            &*market.event_ticker,
            &*market.series_ticker,
            &*market.category,
            &*market.title,
            market.close_time.nanos(),
        ])?;
    }
    Ok(())
}

fn insert_row(connection: &Connection, record: &Record) -> rusqlite::Result<()> {
    match record {
        Record::Evaluation(_) => Ok(0),
        Record::Order(placed) => insert_order(connection, placed),
        Record::OrderDone(done) => {
            let sql = "UPDATE placed SET filled = ?3, status = ?4 WHERE run = ?1 AND order_id = ?2";
            let status = order_status(done.end, done.filled.is_none());
            let values = params![RUN, done.order.0, done.filled.hundredths(), status];
            connection.prepare_cached(sql)?.execute(values)
        }
        Record::Fill(booked) => insert_fill(connection, booked),
        Record::Trade(trade) => insert_trade(connection, trade),
        Record::Settled(settled) => {
            let sql = "UPDATE market SET settled_at = ?3, settled_value = ?4 WHERE run = ?1 AND market = ?2";
            let values = params![RUN, settled.market.0, settled.at.nanos(), settled.value.get()];
            connection.prepare_cached(sql)?.execute(values)
        }
        Record::Halt(halt) => {
            let sql = "INSERT INTO halt VALUES (?1, ?2, ?3, ?4, ?5, NULL, NULL)";
            let strategy = halt.strategy.map(|strategy| strategy.0);
            connection.execute(sql, params![RUN, halt.at.nanos(), strategy, halt.rule.name(), halt.detail])
        }
        Record::Resume(resume) => {
            let sql = "UPDATE halt SET resumed_at = ?3, resumed_reason = ?4
                       WHERE run = ?1 AND strategy IS ?2 AND resumed_at IS NULL";
            let strategy = resume.strategy.map(|strategy| strategy.0);
            connection.execute(sql, params![RUN, strategy, resume.at.nanos(), resume.reason])
        }
        Record::Discrepancy(found) => {
            let sql = "INSERT INTO discrepancy VALUES (?1, ?2, ?3)";
            connection.execute(sql, params![RUN, found.at.nanos(), found.detail])
        }
        Record::Equity(point) => {
            let sql = "INSERT INTO equity_point VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
            connection.prepare_cached(sql)?.execute(params![
                RUN,
                point.at.nanos(),
                point.cash.micros(),
                point.exposure.micros(),
                point.equity.micros(),
                point.peak.micros(),
                point.scale.ppm(),
            ])
        }
    }
    .map(drop)
}

fn insert_order(connection: &Connection, placed: &OrderPlaced) -> rusqlite::Result<usize> {
    let order = &placed.order;
    let sql = "INSERT INTO placed VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, NULL, NULL)";
    connection.prepare_cached(sql)?.execute(params![
        RUN,
        order.id.0,
        placed.at.nanos(),
        placed.strategy.0,
        order.market.0,
        order.side.to_string(),
        order.action.to_string(),
        order.limit.get(),
        order.contracts.hundredths(),
        &*placed.reason,
    ])
}

fn insert_fill(connection: &Connection, booked: &FillBooked) -> rusqlite::Result<usize> {
    let (order, fill) = (&booked.order, &booked.fill);
    let sql = "INSERT INTO fill VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
    connection.prepare_cached(sql)?.execute(params![
        RUN,
        booked.at.nanos(),
        order.id.0,
        fill.trade,
        order.market.0,
        order.side.to_string(),
        order.action.to_string(),
        fill.price.get(),
        fill.contracts.hundredths(),
        fill.fee.micros(),
        fill.taker,
    ])
}

fn insert_trade(connection: &Connection, trade: &Trade) -> rusqlite::Result<usize> {
    let sql = "INSERT INTO trade VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)";
    connection.prepare_cached(sql)?.execute(params![
        RUN,
        trade.strategy.0,
        trade.market.0,
        trade.side.to_string(),
        trade.opened_at.nanos(),
        trade.closed_at.nanos(),
        trade.contracts.hundredths(),
        trade.cost.micros(),
        trade.proceeds.micros(),
        trade.fees.micros(),
        trade.pnl.micros(),
        trade.exit_reason.name(),
        trade.belief.ppm(),
        trade.market_price.ppm(),
    ])
}

fn order_status(end: OrderEnd, nothing_filled: bool) -> &'static str {
    match end {
        OrderEnd::Filled => "filled",
        OrderEnd::Closed(_) if nothing_filled => "cancelled",
        OrderEnd::Closed(_) => "partly_filled",
        OrderEnd::Rejected(_) => "rejected",
    }
}

/// Opens a finished ledger for reading.
///
/// # Errors
/// When there is none, or it is none of ours.
pub fn open(file: &Path) -> Result<Connection, LedgerError> {
    let fail = |problem: String| LedgerError { file: file.to_owned(), problem };
    if !file.is_file() {
        return Err(fail("is not there".into()));
    }
    let connection = Connection::open(file).map_err(|error| fail(error.to_string()))?;
    let run = connection.query_row("SELECT run_id FROM runs", [], |row| row.get::<_, String>(0)).optional();
    match run {
        Ok(Some(_)) => Ok(connection),
        Ok(None) => Err(fail("holds no run".into())),
        Err(error) => Err(fail(format!("is not a ledger of protogen: {error}"))),
    }
}
