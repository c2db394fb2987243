//! How figures are written, on the page and in sentences.

use crate::domain::Timestamp;
use crate::report::charts::AxisUnit;
use crate::report::stats::IntervalEstimate;

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
    AxisUnit::Dollars.text(value, 2)
}

/// Dollars with cents and a sign.
pub fn signed_dollars(value: f64) -> String {
    AxisUnit::Dollars.signed(value, 2)
}

/// Cents of a dollar with a sign.
pub fn signed_cents(dollars: f64) -> String {
    AxisUnit::Cents.signed(dollars * 100.0, 1)
}

/// A share in percent.
pub fn percent(share: f64) -> String {
    AxisUnit::Share.text(share, 1)
}

/// A number with thousands separators.
pub fn number(value: f64, decimals: usize) -> String {
    AxisUnit::Number.text(value, decimals)
}

/// A count.
pub fn count(value: u64) -> String {
    AxisUnit::Number.text(value as f64, 0)
}

/// A figure with its interval.
pub fn estimate_text(estimate: &IntervalEstimate, unit: AxisUnit, decimals: usize) -> String {
    let value = unit.text(estimate.value, decimals);
    match interval(estimate, unit, decimals) {
        Some(interval) => format!("{value} ({interval})"),
        None => value,
    }
}

/// The interval alone.
pub fn interval(estimate: &IntervalEstimate, unit: AxisUnit, decimals: usize) -> Option<String> {
    let (low, high) = estimate.interval()?;
    Some(format!("{} to {}", unit.text(low, decimals), unit.text(high, decimals)))
}
