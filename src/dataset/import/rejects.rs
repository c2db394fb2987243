//! What an import does not take: the kinds, whether they end the import, and how many there were.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use super::super::DataError;

/// Why a row of foreign data is not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RowRefusal {
    /// A cell that must be there is empty.
    Missing(&'static str),
    /// A cell that is no number, no time, or has more decimals than the data set holds.
    Unreadable(&'static str),
    /// A `taker_side` that is neither `yes` nor `no`, as it stands in the file.
    Side(String),
    /// A price that is not above $0 and below $1, in ten-thousandths of a dollar.
    PriceOutOfRange(&'static str, i64),
    /// A price between two ticks of the market.
    OffGrid(&'static str, i64),
    /// YES and NO price do not add up to $1, in ten-thousandths of a dollar.
    NotADollar(i64, i64),
    /// The same, in a file whose prices are known to be cut to whole cents.
    TruncatedCents(i64, i64),
    /// A count, size or volume below zero, in hundredths of a contract.
    NegativeCount(i64),
    /// No contract: fractions that the source has cut off.
    NoContracts,
    /// The same trade, or a second row of a market and moment.
    Duplicate,
    /// A bid at or above the ask.
    Crossed(i64, i64),
    /// A ticker that the list of markets does not have, though its series was asked for.
    UnknownTicker(String),
    /// A ticker whose market was refused.
    MarketRefused(String),
    /// A row earlier than `open_time` of the market with this ticker.
    BeforeOpen(String),
    /// A row later than `close_time` of the market with this ticker.
    AfterClose(String),
    /// A market whose record is older than its result.
    NotFinal(String),
    /// A market that ended, but neither YES nor NO.
    NoResult(String),
    /// A market that closes before it opens.
    EndsBeforeItOpens,
}

impl RowRefusal {
    /// Returns the name under which the refusal is counted and reported, such as `off_grid`.
    #[must_use]
    pub const fn kind_name(&self) -> &'static str {
        match self {
            Self::Missing(_) => "missing_value",
            Self::Unreadable(_) => "unreadable_value",
            Self::Side(_) => "unknown_side",
            Self::PriceOutOfRange(..) => "price_out_of_range",
            Self::OffGrid(..) => "off_grid",
            Self::NotADollar(..) => "prices_not_a_dollar",
            Self::TruncatedCents(..) => "truncated_cents",
            Self::NegativeCount(_) => "negative_count",
            Self::NoContracts => "no_contracts",
            Self::Duplicate => "duplicate",
            Self::Crossed(..) => "crossed",
            Self::UnknownTicker(_) => "unknown_ticker",
            Self::MarketRefused(_) => "market_refused",
            Self::BeforeOpen(_) => "before_open",
            Self::AfterClose(_) => "after_close",
            Self::NotFinal(_) => "market_not_final",
            Self::NoResult(_) => "market_without_result",
            Self::EndsBeforeItOpens => "market_ends_before_it_opens",
        }
    }
}

impl fmt::Display for RowRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(column) => write!(f, "{column} is missing"),
            Self::Unreadable(column) => {
                write!(f, "{column} is not a value of its kind; see [units] and [time] of the map")
            }
            Self::Side(found) => write!(f, "taker_side `{found}` is neither yes nor no"),
            Self::PriceOutOfRange(column, value) => {
                write!(f, "{column} = {value} is not between 1 and 9999 ten-thousandths of a dollar")
            }
            Self::OffGrid(column, value) => {
                write!(f, "{column} = {value} ten-thousandths of a dollar is between two ticks of the market")
            }
            Self::NotADollar(yes, no) => {
                write!(f, "yes_price {yes} and no_price {no} ten-thousandths do not add up to a dollar")
            }
            Self::TruncatedCents(yes, no) => {
                write!(
                    f,
                    "yes_price {yes} and no_price {no} ten-thousandths: the source has cut off fractions"
                )
            }
            Self::NegativeCount(value) => write!(f, "count = {value} hundredths of a contract is negative"),
            Self::NoContracts => f.write_str("count is 0: the source has cut off fractions of a contract"),
            Self::Duplicate => f.write_str("is there twice"),
            Self::Crossed(bid, ask) => write!(f, "yes_bid {bid} is not below yes_ask {ask}"),
            Self::UnknownTicker(ticker) => write!(f, "ticker {ticker} is not among the markets"),
            Self::MarketRefused(ticker) => write!(f, "the market of {ticker} was refused"),
            Self::BeforeOpen(ticker) => write!(f, "before {ticker} opened"),
            Self::AfterClose(ticker) => write!(f, "after {ticker} closed"),
            Self::NotFinal(status) => write!(f, "status is `{status}`, not finalized"),
            Self::NoResult(result) => write!(f, "result is `{result}`, neither yes nor no"),
            Self::EndsBeforeItOpens => f.write_str("close_time is not after open_time"),
        }
    }
}

/// Rows of one kind that were not taken.
#[derive(Clone, Debug, Default)]
pub struct RefusedRows {
    /// Number of rows refused for this reason.
    pub count: u64,
    /// The first of them, with its place.
    pub first: String,
}

/// What became of the rows of one kind of file.
#[derive(Clone, Debug, Default)]
pub struct RefusalTally {
    /// Rows read from the files, whatever became of them.
    pub read: u64,
    /// Rows that are in the data set.
    pub taken: u64,
    /// Rows of series or times that were not asked for.
    pub not_asked_for: u64,
    /// Rows that cannot be used, by kind.
    pub refused: BTreeMap<&'static str, RefusedRows>,
}

impl RefusalTally {
    /// Counts a row that cannot be used, found at a place: its file, and its number there if it is known.
    ///
    /// # Errors
    /// Says what is wrong with which row if its kind is not one of `expected`.
    pub fn refuse_row(
        &mut self,
        place: (&Path, Option<u64>),
        refusal: &RowRefusal,
        expected: Expected,
    ) -> Result<(), DataError> {
        self.refuse_rows(place, refusal, expected, 1)
    }

    /// Counts rows that cannot be used for the same reason, the first of them found at a place.
    ///
    /// # Errors
    /// As [`refuse_row`](Self::refuse_row).
    pub fn refuse_rows(
        &mut self,
        place: (&Path, Option<u64>),
        refusal: &RowRefusal,
        expected: Expected,
        rows: u64,
    ) -> Result<(), DataError> {
        let (file, row) = place;
        let error = || DataError { row, ..DataError::of_file(file, refusal) };
        if !expected.allows_kind(refusal.kind_name()) {
            return Err(error());
        }
        let refused = self.refused.entry(refusal.kind_name()).or_default();
        if refused.count == 0 {
            refused.first = error().to_string();
        }
        refused.count += rows;
        Ok(())
    }

    /// Adds what became of further rows, which come behind those so far.
    pub fn add_tally(&mut self, further: Self) {
        self.read += further.read;
        self.taken += further.taken;
        self.not_asked_for += further.not_asked_for;
        for (kind, RefusedRows { count, first }) in further.refused {
            self.refused.entry(kind).or_insert(RefusedRows { count: 0, first }).count += count;
        }
    }

    /// Returns the number of refused rows of all kinds together.
    #[must_use]
    pub fn refused_rows(&self) -> u64 {
        self.refused.values().map(|refused| refused.count).sum()
    }
}

/// Which refusals are counted; any other ends the import.
#[derive(Clone, Copy, Debug)]
pub enum Expected {
    /// Those that a source is known to have.
    Kinds(&'static [&'static str]),
    /// Every kind is counted, none ends the import: made when `Settings::lenient` is set.
    All,
}

impl Expected {
    fn allows_kind(self, kind: &str) -> bool {
        match self {
            Self::Kinds(kinds) => kinds.contains(&kind),
            Self::All => true,
        }
    }
}
