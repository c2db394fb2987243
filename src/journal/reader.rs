//! Reads a ledger back, backtest or live, for those who make something of it.
//!
//! All rows of one [`LedgerReader`] are of one moment, also while a live desk writes on. Evaluations are
//! handed over one by one: there may be more of them than fit in memory.

use std::path::{Path, PathBuf};

use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row};
use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::{Error, StrDeserializer};

use crate::desk::decision::ExitReason;
use crate::domain::{
    Action, Contracts, Fraction, Money, OrderId, Price, Probability, SettlementValue, Side, StrategyId,
    Timestamp,
};

use super::encode::{EVALUATION_WIDTH, EstimateBasis, RecordedEvaluation, decode_evaluation};
use super::replay::query_rows;
use super::sqlite::{LedgerError, has_exact_settlements, ledger_error, open_ledger};

/// Why a page of evaluations cannot be read to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
enum EvaluationPageError {
    /// An evaluation holds values that none can have.
    #[error("evaluation {number} is damaged")]
    Damaged {
        /// Number of the evaluation in the run, from 0.
        number: u64,
    },
    /// The page ends within an evaluation.
    #[error("the evaluations from {first} on are cut off")]
    CutOff {
        /// Number of the page's first evaluation in the run, from 0.
        first: u64,
    },
}

/// Hands over the evaluations of a page whose first has this number.
fn visit_page(
    first: u64,
    payload: &[u8],
    visit: &mut impl FnMut(&RecordedEvaluation),
) -> Result<(), EvaluationPageError> {
    let lines = payload.chunks_exact(EVALUATION_WIDTH);
    let whole = lines.remainder().is_empty();
    for (number, line) in (first..).zip(lines) {
        visit(&decode_evaluation(line).ok_or(EvaluationPageError::Damaged { number })?);
    }
    if whole { Ok(()) } else { Err(EvaluationPageError::CutOff { first }) }
}

/// The run a ledger is of.
#[derive(Clone, Debug)]
pub struct RunRow {
    /// Hash of version, resolved scenario, data and flags; of a live or paper run, of start time and PID.
    pub run_id: String,
    /// Kind of the run: `backtest`, `paper` or `live`.
    pub mode: String,
    /// Name of the scenario the run was made with.
    pub scenario: String,
    /// Version of protogen that made it.
    pub version: String,
    /// Seed of the scenario, from which everything random in the run is drawn.
    pub seed: u64,
    /// First moment of the run proper; `None` of a live run that was never closed.
    pub started_at: Option<Timestamp>,
    /// Last moment; `None` while it goes on.
    pub finished_at: Option<Timestamp>,
    /// Cash the run began with, in dollars: the scenario's bankroll.
    pub bankroll: Money,
    /// Whether kill-switch halts were recorded without being obeyed.
    pub ignore_halts: bool,
    /// Equity when the run was last closed; `None` if it never was.
    pub final_equity: Option<Money>,
    /// Hash of all decisions; `None` while it goes on.
    pub digest: Option<String>,
}

/// A market that was listed in the run, and its settlement.
#[derive(Clone, Debug)]
pub struct LedgerMarketRow {
    /// Ticker of the market at the exchange, such as `KXFED-26DEC-T4.00`.
    pub ticker: String,
    /// Ticker of the event the market belongs to, such as `KXFED-26DEC`.
    pub event_ticker: String,
    /// Ticker of the series the event belongs to, such as `KXFED`.
    pub series_ticker: String,
    /// Category of the series at the exchange, such as `Economics`.
    pub category: String,
    /// Title of the market: the question it asks, in the exchange's words.
    pub title: String,
    /// Last moment of trading, as known at the end.
    pub close_time: Timestamp,
    /// When it was settled, and what one YES contract paid; `None` before that.
    pub settled: Option<(Timestamp, SettlementValue)>,
}

/// An order the desk sent, and what became of it.
#[derive(Clone, Debug)]
pub struct OrderRow {
    /// When the desk sent it, in nanoseconds UTC.
    pub at: Timestamp,
    /// The strategy on whose behalf it was sent.
    pub strategy: StrategyId,
    /// Number of the order, unique within the run.
    pub id: OrderId,
    /// Index of the market in [`LedgerReader::markets`].
    pub market: usize,
    /// Outcome whose contracts were to be bought or sold, YES or NO.
    pub side: Side,
    /// Whether the order buys to open or add, or sells to reduce or close.
    pub action: Action,
    /// Worst acceptable price of the side.
    pub limit: Price,
    /// Contracts the order was sent for.
    pub contracts: Contracts,
    /// Why it was sent, in words: the strategy's reason, or why the position is sold.
    pub reason: String,
    /// Contracts that traded by the end of the order; zero while it is open.
    pub filled: Contracts,
    /// How it ended: `filled`, `partly_filled`, `cancelled` or `rejected`; `None` while it is open.
    pub status: Option<String>,
}

/// One fill of an order, as the desk booked it.
#[derive(Clone, Copy, Debug)]
pub struct FillRow {
    /// When the desk booked the fill, in nanoseconds UTC.
    pub at: Timestamp,
    /// Number of the order that traded: [`OrderRow::id`].
    pub order: OrderId,
    /// Index of the market in [`LedgerReader::markets`].
    pub market: usize,
    /// Outcome whose contracts were bought or sold, YES or NO.
    pub side: Side,
    /// Whether the contracts were bought to open or add, or sold to reduce or close.
    pub action: Action,
    /// Price at which one contract of `side` traded, $0 to $1.
    pub price: Price,
    /// Contracts traded in this fill, which may be a part of the order.
    pub contracts: Contracts,
    /// Fee the exchange charged for this fill, in dollars.
    pub fee: Money,
}

/// A position that is over, from its first contract to its last, and what it brought.
#[derive(Clone, Debug)]
pub struct LedgerTradeRow {
    /// The strategy that held the position.
    pub strategy: StrategyId,
    /// Index of the market in [`LedgerReader::markets`].
    pub market: usize,
    /// Outcome whose contracts were held, YES or NO.
    pub side: Side,
    /// When the first contracts were bought, in nanoseconds UTC.
    pub opened_at: Timestamp,
    /// When the last contracts were sold or settled, in nanoseconds UTC.
    pub closed_at: Timestamp,
    /// Contracts bought in all, not the most held at a time.
    pub contracts: Contracts,
    /// What all contracts were bought for, in dollars, without fees.
    pub cost: Money,
    /// What sales and settlement brought, in dollars, without fees.
    pub proceeds: Money,
    /// Fees of all its fills, buying and selling, in dollars.
    pub fees: Money,
    /// Profit or loss after fees, in dollars: proceeds − cost − fees.
    pub pnl: Money,
    /// Why the position was closed: settlement, inverted edge, or time stop.
    pub exit_reason: ExitReason,
    /// Belief in the side at the first entry.
    pub belief: Probability,
    /// The side's market price at the first entry.
    pub market_price: Probability,
}

/// One point of the equity curve, written when equity has changed.
#[derive(Clone, Copy, Debug)]
pub struct EquityRow {
    /// When equity had this value, in nanoseconds UTC.
    pub at: Timestamp,
    /// Cost with fees of positions, and worst case of open orders.
    pub exposure: Money,
    /// Cash plus positions at their mark.
    pub equity: Money,
    /// Highest equity of the run up to then, the bankroll included.
    pub peak: Money,
}

/// A halt of one strategy or all trading, and its end.
#[derive(Clone, Debug)]
pub struct HaltRow {
    /// When the halt began, in nanoseconds UTC.
    pub at: Timestamp,
    /// The strategy that was halted; `None` = all trading.
    pub strategy: Option<StrategyId>,
    /// Name of the rule: `win_rate`, `evidence`, `owner`, `discrepancy` or `exchange`.
    pub rule: String,
    /// Why the rule took effect, in words: its figures, or the reason given.
    pub detail: String,
    /// When it was lifted, and the reason given; `None` while it holds.
    pub resumed: Option<(Timestamp, String)>,
}

/// A ledger opened for reading, with one transaction open so that all rows are of one moment.
pub struct LedgerReader {
    file: PathBuf,
    connection: Connection,
}

impl LedgerReader {
    /// Opens a ledger at the moment it is in.
    ///
    /// # Errors
    /// When there is none, or it is none of ours.
    pub fn open(file: &Path) -> Result<Self, LedgerError> {
        let connection = open_ledger(file)?;
        connection.execute_batch("BEGIN").map_err(|error| ledger_error(file, &error))?;
        Ok(Self { file: file.to_owned(), connection })
    }

    /// Reads which run the ledger is of.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn run_row(&self) -> Result<RunRow, LedgerError> {
        let sql =
            "SELECT run_id, mode, scenario, version, seed, started_at, finished_at, bankroll, ignore_halts,
                   final_equity, digest FROM run";
        let read = |row: &Row<'_>| {
            Ok(RunRow {
                run_id: row.get(0)?,
                mode: row.get(1)?,
                scenario: row.get(2)?,
                version: row.get(3)?,
                seed: row.get::<_, i64>(4)?.cast_unsigned(),
                started_at: read_optional_timestamp(row, 5)?,
                finished_at: read_optional_timestamp(row, 6)?,
                bankroll: Money::from_micros(row.get(7)?),
                ignore_halts: row.get(8)?,
                final_equity: row.get::<_, Option<i64>>(9)?.map(Money::from_micros),
                digest: row.get(10)?,
            })
        };
        self.connection.query_row(sql, [], read).map_err(|error| ledger_error(&self.file, &error))
    }

    /// Data files with their content hashes.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn data_files(&self) -> Result<Vec<(String, String)>, LedgerError> {
        self.query_rows("SELECT path, hash FROM data_file ORDER BY rowid", |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
    }

    /// Names of the strategies by id.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn strategy_names(&self) -> Result<Vec<String>, LedgerError> {
        self.query_rows("SELECT name FROM strategy ORDER BY strategy", |row| row.get(0))
    }

    /// Markets by index.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn markets(&self) -> Result<Vec<LedgerMarketRow>, LedgerError> {
        let exact = has_exact_settlements(&self.connection);
        let is_exact = exact.map_err(|error| ledger_error(&self.file, &error))?;
        let value = if is_exact { "settled_value_e6" } else { "settled_value * 100" };
        let sql = format!(
            "SELECT ticker, event_ticker, series_ticker, category, title, close_time, settled_at, {value}
             FROM market ORDER BY market"
        );
        self.query_rows(&sql, |row| {
            Ok(LedgerMarketRow {
                ticker: row.get(0)?,
                event_ticker: row.get(1)?,
                series_ticker: row.get(2)?,
                category: row.get(3)?,
                title: row.get(4)?,
                close_time: Timestamp::from_nanos(row.get(5)?),
                settled: match (read_optional_timestamp(row, 6)?, row.get::<_, Option<i64>>(7)?) {
                    (Some(at), Some(micros)) => {
                        Some((at, require_in_range(7, SettlementValue::from_micros(micros))?))
                    }
                    _ => None,
                },
            })
        })
    }

    /// Who believed what, and why, by the number evaluations refer to.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn estimate_bases(&self) -> Result<Vec<EstimateBasis>, LedgerError> {
        self.query_rows("SELECT strategy, confidence, reason FROM basis ORDER BY basis", |row| {
            Ok(EstimateBasis {
                strategy: StrategyId(row.get(0)?),
                confidence: require_in_range(1, Fraction::from_ppm(row.get(1)?))?,
                reason: row.get::<_, String>(2)?.into(),
            })
        })
    }

    /// Names of the verdicts by code.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn verdict_names(&self) -> Result<Vec<(u8, String)>, LedgerError> {
        self.query_rows("SELECT code, name FROM verdict ORDER BY code", |row| Ok((row.get(0)?, row.get(1)?)))
    }

    /// Hands over all evaluations in their order.
    ///
    /// # Errors
    /// When the ledger cannot be read, or a page of it is damaged.
    pub fn for_each_evaluation(&self, mut visit: impl FnMut(&RecordedEvaluation)) -> Result<(), LedgerError> {
        let mut read = || -> rusqlite::Result<Result<(), EvaluationPageError>> {
            let mut select =
                self.connection.prepare("SELECT first, payload FROM evaluation_page ORDER BY first")?;
            let mut pages = select.query([])?;
            while let Some(page) = pages.next()? {
                let visited = visit_page(page.get(0)?, page.get_ref(1)?.as_blob()?, &mut visit);
                if visited.is_err() {
                    return Ok(visited);
                }
            }
            Ok(Ok(()))
        };
        let read = read().map_err(|error| ledger_error(&self.file, &error))?;
        read.map_err(|problem| self.ledger_error(&problem.to_string()))
    }

    /// All orders in their order.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn orders(&self) -> Result<Vec<OrderRow>, LedgerError> {
        let sql =
            "SELECT ts, strategy, order_id, market, side, action, price, contracts, reason, filled, status
                   FROM placed ORDER BY order_id";
        self.query_rows(sql, |row| {
            Ok(OrderRow {
                at: Timestamp::from_nanos(row.get(0)?),
                strategy: StrategyId(row.get(1)?),
                id: OrderId(row.get(2)?),
                market: row.get(3)?,
                side: read_named_value(row, 4)?,
                action: read_named_value(row, 5)?,
                limit: require_in_range(6, Price::new(row.get(6)?))?,
                contracts: Contracts::from_hundredths(row.get(7)?),
                reason: row.get(8)?,
                filled: Contracts::from_hundredths(row.get::<_, Option<i64>>(9)?.unwrap_or(0)),
                status: row.get(10)?,
            })
        })
    }

    /// All fills in their order.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn fills(&self) -> Result<Vec<FillRow>, LedgerError> {
        let sql = "SELECT ts, order_id, market, side, action, price, contracts, fee FROM fill ORDER BY rowid";
        self.query_rows(sql, |row| {
            Ok(FillRow {
                at: Timestamp::from_nanos(row.get(0)?),
                order: OrderId(row.get(1)?),
                market: row.get(2)?,
                side: read_named_value(row, 3)?,
                action: read_named_value(row, 4)?,
                price: require_in_range(5, Price::new(row.get(5)?))?,
                contracts: Contracts::from_hundredths(row.get(6)?),
                fee: Money::from_micros(row.get(7)?),
            })
        })
    }

    /// All closed positions in the order they closed.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn closed_trades(&self) -> Result<Vec<LedgerTradeRow>, LedgerError> {
        let sql = "SELECT strategy, market, side, opened_at, closed_at, contracts, cost, proceeds, fees, pnl,
                   exit_reason, belief, market_price FROM trade ORDER BY rowid";
        self.query_rows(sql, |row| {
            Ok(LedgerTradeRow {
                strategy: StrategyId(row.get(0)?),
                market: row.get(1)?,
                side: read_named_value(row, 2)?,
                opened_at: Timestamp::from_nanos(row.get(3)?),
                closed_at: Timestamp::from_nanos(row.get(4)?),
                contracts: Contracts::from_hundredths(row.get(5)?),
                cost: Money::from_micros(row.get(6)?),
                proceeds: Money::from_micros(row.get(7)?),
                fees: Money::from_micros(row.get(8)?),
                pnl: Money::from_micros(row.get(9)?),
                exit_reason: read_named_value(row, 10)?,
                belief: require_in_range(11, Probability::from_ppm(row.get(11)?))?,
                market_price: require_in_range(12, Probability::from_ppm(row.get(12)?))?,
            })
        })
    }

    /// Reads the equity curve, the oldest point first.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn equity_curve(&self) -> Result<Vec<EquityRow>, LedgerError> {
        self.query_rows("SELECT ts, exposure, equity, peak FROM equity_point ORDER BY rowid", |row| {
            Ok(EquityRow {
                at: Timestamp::from_nanos(row.get(0)?),
                exposure: Money::from_micros(row.get(1)?),
                equity: Money::from_micros(row.get(2)?),
                peak: Money::from_micros(row.get(3)?),
            })
        })
    }

    /// All halts in their order.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn halts(&self) -> Result<Vec<HaltRow>, LedgerError> {
        let sql = "SELECT ts, strategy, rule, detail, resumed_at, resumed_reason FROM halt ORDER BY rowid";
        self.query_rows(sql, |row| {
            let reason: Option<String> = row.get(5)?;
            Ok(HaltRow {
                at: Timestamp::from_nanos(row.get(0)?),
                strategy: row.get::<_, Option<u8>>(1)?.map(StrategyId),
                rule: row.get(2)?,
                detail: row.get(3)?,
                resumed: read_optional_timestamp(row, 4)?.map(|at| (at, reason.unwrap_or_default())),
            })
        })
    }

    /// What the exchange said that did not fit our books.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn discrepancies(&self) -> Result<Vec<(Timestamp, String)>, LedgerError> {
        self.query_rows("SELECT ts, detail FROM discrepancy ORDER BY rowid", |row| {
            Ok((Timestamp::from_nanos(row.get(0)?), row.get(1)?))
        })
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

    /// Returns an error that names this ledger's file and the problem.
    #[must_use]
    pub fn ledger_error(&self, problem: &str) -> LedgerError {
        ledger_error(&self.file, &problem)
    }

    fn query_rows<T>(
        &self,
        sql: &str,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, LedgerError> {
        query_rows(&self.connection, sql, read).map_err(|error| ledger_error(&self.file, &error))
    }
}

fn read_optional_timestamp(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Timestamp>> {
    Ok(row.get::<_, Option<i64>>(column)?.map(Timestamp::from_nanos))
}

/// A value that is written by its name.
fn read_named_value<T: for<'a> Deserialize<'a>>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    let text = row.get_ref(column)?.as_str()?;
    let name: StrDeserializer<'_, Error> = text.into_deserializer();
    T::deserialize(name)
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error)))
}

fn require_in_range<T>(column: usize, value: Option<T>) -> rusqlite::Result<T> {
    let problem = "the value is out of range";
    value.ok_or_else(|| rusqlite::Error::FromSqlConversionFailure(column, Type::Integer, problem.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_that_is_cut_off_is_not_one_that_is_damaged() {
        let read = |payload: &[u8]| visit_page(8, payload, &mut |_| ()).unwrap_err();
        assert_eq!(read(&[0; EVALUATION_WIDTH - 1]), EvaluationPageError::CutOff { first: 8 });
        assert_eq!(read(&[255; EVALUATION_WIDTH]), EvaluationPageError::Damaged { number: 8 });
    }
}
