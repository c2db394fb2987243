//! Why a row is no market: what a reader of `markets.parquet` or of a list in CSV can say of it.

use crate::domain::decimal::ParseDecimalError;
use crate::domain::fee::FeeMultiplierError;
use crate::domain::price::PriceGridError;
use crate::domain::time::ParseTimestampError;
use crate::domain::{Decimal6, SettlementValue, Timestamp};

/// What is wrong with a row that is to be a market.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MarketRowError {
    /// A cell that every market needs is empty.
    #[error("{column} is missing")]
    MissingValue {
        /// Name of the empty cell's column.
        column: &'static str,
    },
    /// A number of microseconds that nanoseconds in 64 bits do not reach.
    #[error("{column} is outside the years 1678-2262")]
    TimeOutOfRange {
        /// Name of the column of times.
        column: &'static str,
    },
    /// A text that is no moment.
    #[error("{column}: {problem}")]
    BadTime {
        /// Name of the column of times.
        column: &'static str,
        /// What is wrong with the text.
        problem: ParseTimestampError,
    },
    /// A figure that is no decimal, or a finer one than its column holds.
    #[error("{column}: {problem}")]
    BadDecimal {
        /// Name of the column of figures.
        column: &'static str,
        /// What is wrong with the figure.
        problem: ParseDecimalError,
    },
    /// A cell that must say true or false says something else.
    #[error("{column}: `{text}` is neither true nor false")]
    NotABoolean {
        /// Name of the column of yes or no.
        column: &'static str,
        /// What stands in the cell.
        text: String,
    },
    /// The market closes before it opens, or at that moment.
    #[error("close_time {close} is not after open_time {open}")]
    CloseNotAfterOpen {
        /// Last moment of trading, as given.
        close: Timestamp,
        /// First moment of trading, as given.
        open: Timestamp,
    },
    /// The market was paid out before it opened.
    #[error("settlement_time is before open_time")]
    SettledBeforeOpen,
    /// The market was paid out while it was traded.
    #[error("settlement_time is before close_time")]
    SettledBeforeClose,
    /// The lower bound of a range of outcomes is above the upper one.
    #[error("floor_strike {floor} is above cap_strike {cap}")]
    FloorAboveCap {
        /// Lower bound of the range, as given.
        floor: Decimal6,
        /// Upper bound of the range, as given.
        cap: Decimal6,
    },
    /// A comparison that the exchange is not known to have.
    #[error("strike_type `{name}` is unknown")]
    UnknownStrikeType {
        /// What stands in `strike_type`.
        name: String,
    },
    /// A fee type whose formula is not known here.
    #[error("fee_type `{name}` is no fee type protogen knows")]
    UnknownFeeType {
        /// What stands in `fee_type`.
        name: String,
    },
    /// A multiplier that no fee schedule can have.
    #[error("fee_multiplier: {0}")]
    FeeMultiplier(FeeMultiplierError),
    /// What YES paid is below nothing or above one dollar.
    #[error("settlement_value = {value} is not between 0 and 10000")]
    SettlementOutOfRange {
        /// What YES paid, in ten-thousandths of a dollar, as given.
        value: i32,
    },
    /// What YES paid is no whole number.
    #[error("{column}: `{text}` is no whole number of {unit}")]
    SettlementNotWhole {
        /// Name of the column of values.
        column: &'static str,
        /// What stands in the cell.
        text: String,
        /// What the column counts.
        unit: &'static str,
    },
    /// What YES paid, exactly, is below nothing or above one dollar.
    #[error("settlement_value_e6 = {value} is not between 0 and 1000000")]
    ExactSettlementOutOfRange {
        /// What YES paid, in millionths of a dollar, as given.
        value: i32,
    },
    /// The two columns of what YES paid are not the same amount.
    #[error("settlement_value {rounded} is not settlement_value_e6 {exact} rounded to ten-thousandths")]
    SettlementsDisagree {
        /// What YES paid, in ten-thousandths of a dollar.
        rounded: u16,
        /// What YES paid, in millionths of a dollar.
        exact: u32,
    },
    /// A market that may pay any part of a dollar does not say which.
    #[error("result is scalar without a settlement_value")]
    ScalarWithoutValue,
    /// Result and payment contradict each other.
    #[error("result {result} does not fit {}", settlement_cell(*value))]
    ResultUnlikeValue {
        /// The result: `yes` or `no`.
        result: String,
        /// What one YES contract paid.
        value: SettlementValue,
    },
    /// A result that the exchange is not known to have.
    #[error("result `{name}` is none of yes, no, scalar or empty")]
    UnknownResult {
        /// What stands in `result`.
        name: String,
    },
    /// The market has a result, but it is not known since when.
    #[error("has a result but no settlement_time")]
    NoSettlementTime,
    /// The text of the price ranges is not the exchange's JSON of them.
    #[error("price_ranges is not as the exchange sends it: {0}")]
    PriceRangesShape(serde_json::Error),
    /// A bound or a step of a price range is more than one dollar, or negative.
    #[error("price_ranges: {text} is not between 0 and 1 dollar")]
    PriceRangeBound {
        /// The bound or step as given.
        text: String,
    },
    /// The price ranges make no grid of prices.
    #[error(transparent)]
    PriceGrid(#[from] PriceGridError),
}

/// The column that says a value, and its cell.
fn settlement_cell(value: SettlementValue) -> String {
    if value.is_finer_than_price() {
        format!("settlement_value_e6 {}", value.in_micros())
    } else {
        format!("settlement_value {}", value.round_to_price().get())
    }
}
