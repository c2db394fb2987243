//! How figures are written, on the page and in sentences.

use crate::domain::Timestamp;
use crate::report::charts::AxisUnit;
use crate::report::stats::IntervalEstimate;

/// Writes nanoseconds since 1970 as a UTC date like `2024-01-31`.
pub fn format_date(nanos: i64) -> String {
    Timestamp::from_nanos(nanos).utc_date()
}

/// Writes nanoseconds since 1970 as a UTC time to the minute, like `2024-01-31 12:30`.
pub fn format_date_time(nanos: i64) -> String {
    Timestamp::from_nanos(nanos)
        .to_string()
        .chars()
        .take(16)
        .map(|c| if c == 'T' { ' ' } else { c })
        .collect()
}

/// Writes an amount in dollars with two decimals, like `$1,234.50`.
pub fn format_dollars(value: f64) -> String {
    AxisUnit::Dollars.format_value(value, 2)
}

/// Writes an amount in dollars with its sign and two decimals, like `+$1,234.50`.
pub fn format_signed_dollars(value: f64) -> String {
    AxisUnit::Dollars.format_signed(value, 2)
}

/// Writes an amount given in dollars as cents with its sign and one decimal, like `+1.2 ¢`.
pub fn format_signed_cents(dollars: f64) -> String {
    AxisUnit::Cents.format_signed(dollars * 100.0, 1)
}

/// Writes a share of one in percent with one decimal: 0.125 is `12.5 %`.
pub fn format_percent(share: f64) -> String {
    AxisUnit::Share.format_value(share, 1)
}

/// Writes a number with thousands separators and `decimals` digits after the point.
pub fn format_number(value: f64, decimals: usize) -> String {
    AxisUnit::Number.format_value(value, decimals)
}

/// Writes a whole number with thousands separators, like `1,234`.
pub fn format_count(value: u64) -> String {
    AxisUnit::Number.format_value(value as f64, 0)
}

/// Writes a value with its 95 % interval in brackets, or alone if it has none.
pub fn format_estimate(estimate: &IntervalEstimate, unit: AxisUnit, decimals: usize) -> String {
    let value = unit.format_value(estimate.value, decimals);
    match format_interval(estimate, unit, decimals) {
        Some(interval) => format!("{value} ({interval})"),
        None => value,
    }
}

/// Writes the two ends of the 95 % interval as `low to high`; `None` if there is no interval.
pub fn format_interval(estimate: &IntervalEstimate, unit: AxisUnit, decimals: usize) -> Option<String> {
    let (low, high) = estimate.interval()?;
    Some(format!("{} to {}", unit.format_value(low, decimals), unit.format_value(high, decimals)))
}
