//! What can be wrong with data, always with its place: file and row.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::engine::gateway::GatewayError;

/// Something wrong with one row of a snapshots file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Problem {
    /// Earlier than the row before it.
    Unsorted,
    /// An empty cell of this column: `ts`, `ticker`, or `close_time` in a row of a moved close.
    Missing(&'static str),
    /// A ticker that markets.parquet does not have.
    UnknownTicker(String),
    /// A price of $0 or less, or $1 or more.
    PriceOutOfRange(&'static str, i32),
    /// A size or volume below zero.
    Negative(&'static str, i64),
    /// A bid at or above the ask.
    Crossed(i32, i32),
    /// A price or a size where its level or the level above lacks the other.
    HalfLevel(&'static str, &'static str),
    /// A level that is not worse than the one above.
    LevelOrder(&'static str, i32, i32),
    /// A level of the book, by column and price in ten-thousandths, between two ticks.
    OffGrid(&'static str, i32),
    /// Before the market with this ticker was listed, or opened where no listing time is recorded.
    BeforeOpen(String),
    /// After its market was paid out.
    AfterSettlement(String),
    /// A time outside the years 1678–2262.
    TimeOutOfRange(i64),
    /// An event by a name that none has.
    UnknownEvent(String),
    /// A row that tells an event and a quote.
    EventWithQuote,
}

impl Problem {
    /// Returns the name under which rows with this problem are counted, such as `crossed`.
    #[must_use]
    pub const fn kind_name(&self) -> &'static str {
        match self {
            Self::Unsorted => "unsorted",
            Self::Missing(_) => "missing_value",
            Self::UnknownTicker(_) => "unknown_ticker",
            Self::PriceOutOfRange(..) => "price_out_of_range",
            Self::Negative(..) => "negative_size",
            Self::Crossed(..) => "crossed",
            Self::HalfLevel(..) => "half_level",
            Self::LevelOrder(..) => "level_order",
            Self::OffGrid(..) => "off_grid",
            Self::BeforeOpen(_) => "before_open",
            Self::AfterSettlement(_) => "after_settlement",
            Self::TimeOutOfRange(_) => "time_out_of_range",
            Self::UnknownEvent(_) => "unknown_event",
            Self::EventWithQuote => "event_with_quote",
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsorted => f.write_str("ts is before the row above; snapshots must be sorted by ts"),
            Self::Missing(column) => write!(f, "{column} is missing"),
            Self::UnknownTicker(ticker) => write!(f, "ticker {ticker} is not in markets.parquet"),
            Self::PriceOutOfRange(column, value) => {
                write!(f, "{column} = {value} is not between 1 and 9999 ten-thousandths of a dollar")
            }
            Self::Negative(column, value) => write!(f, "{column} = {value} is negative"),
            Self::Crossed(bid, ask) => write!(f, "yes_bid {bid} is not below yes_ask {ask}"),
            Self::HalfLevel(column, lacks) => {
                write!(f, "{column} is given without {lacks}; a level needs price, size and the level above")
            }
            Self::LevelOrder(column, value, above) => {
                write!(f, "{column} = {value} is not behind the level above, {above}")
            }
            Self::OffGrid(column, value) => {
                write!(f, "{column} = {value} is between two ticks of the market's price_ranges")
            }
            Self::BeforeOpen(ticker) => write!(f, "snapshot before {ticker} opened"),
            Self::AfterSettlement(ticker) => write!(f, "snapshot after {ticker} was settled"),
            Self::TimeOutOfRange(value) => write!(f, "ts = {value} µs is outside the years 1678-2262"),
            Self::UnknownEvent(name) => {
                write!(f, "event `{name}` is none of gap, active, halted, closed, close_time or empty")
            }
            Self::EventWithQuote => f.write_str(
                "has an event and a quote; what happened and what was quoted are rows of their own",
            ),
        }
    }
}

/// Data that cannot be used, with the place: file, row if known, and what is wrong.
#[derive(Debug, thiserror::Error)]
#[error("{}{}: {problem}", file.display(), row.map(|row| format!(", row {row}")).unwrap_or_default())]
pub struct DataError {
    /// Path of the file or folder, or its address on a server.
    pub file: PathBuf,
    /// Which row, counted from 1 without the header.
    pub row: Option<u64>,
    /// What is wrong and what to do.
    pub problem: String,
    /// Whether the server that has it could not be asked: nothing is known to be wrong with the data.
    pub unreachable: bool,
}

impl DataError {
    /// A problem of a whole file.
    pub fn of_file(file: &Path, problem: impl fmt::Display) -> Self {
        Self { file: file.to_owned(), row: None, problem: problem.to_string(), unreachable: false }
    }

    /// A problem of one row, counted from 1.
    pub fn of_row(file: &Path, row: u64, problem: impl fmt::Display) -> Self {
        Self { row: Some(row), ..Self::of_file(file, problem) }
    }
}

impl From<DataError> for GatewayError {
    fn from(error: DataError) -> Self {
        Self::data_error(error.to_string())
    }
}
