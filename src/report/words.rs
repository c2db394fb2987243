//! How figures are written, on the page and in sentences.

use crate::domain::Timestamp;
use crate::report::charts::Unit;
use crate::report::html::Cell;
use crate::report::stats::Estimate;

/// A day.
pub fn day(nanos: i64) -> String {
    Timestamp::from_nanos(nanos).date()
}

/// A moment to the minute.
pub fn minute(nanos: i64) -> String {
    Timestamp::from_nanos(nanos)
        .to_string()
        .chars()
        .take(16)
        .map(|c| if c == 'T' { ' ' } else { c })
        .collect()
}

/// Dollars with cents.
pub fn dollars(value: f64) -> String {
    Unit::Dollars.text(value, 2)
}

/// Dollars with cents and a sign.
pub fn signed_dollars(value: f64) -> String {
    Unit::Dollars.signed(value, 2)
}

/// Cents of a dollar with a sign.
pub fn signed_cents(dollars: f64) -> String {
    Unit::Cents.signed(dollars * 100.0, 1)
}

/// A share in percent.
pub fn percent(share: f64) -> String {
    Unit::Share.text(share, 1)
}

/// A number with thousands separators.
pub fn number(value: f64, decimals: usize) -> String {
    Unit::Number.text(value, decimals)
}

/// A count.
pub fn count(value: u64) -> String {
    Unit::Number.text(value as f64, 0)
}

/// A number in a table.
pub fn number_cell(value: f64, decimals: usize) -> Cell {
    Cell::number(number(value, decimals), value)
}

/// A count in a table.
pub fn count_cell(value: u64) -> Cell {
    number_cell(value as f64, 0)
}

/// A figure with its interval in a table, sorted by the figure.
pub fn estimate_cell(estimate: Option<&Estimate>, unit: Unit, decimals: usize) -> Cell {
    estimate.map_or_else(
        || Cell::text("unknown"),
        |found| Cell::number(estimate_text(found, unit, decimals), found.value),
    )
}

/// A figure with its interval.
pub fn estimate_text(estimate: &Estimate, unit: Unit, decimals: usize) -> String {
    let value = unit.text(estimate.value, decimals);
    match interval(estimate, unit, decimals) {
        Some(interval) => format!("{value} ({interval})"),
        None => value,
    }
}

/// The interval alone.
pub fn interval(estimate: &Estimate, unit: Unit, decimals: usize) -> Option<String> {
    let (low, high) = estimate.interval()?;
    Some(format!("{} to {}", unit.text(low, decimals), unit.text(high, decimals)))
}
