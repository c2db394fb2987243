//! Figures in the cells of a table.

use crate::report::charts::AxisUnit;
use crate::report::format::{format_estimate, format_number};
use crate::report::stats::IntervalEstimate;

use super::HtmlCell;

/// Returns a cell that shows a number with so many decimals and sorts by its full value.
#[must_use]
pub fn number_cell(value: f64, decimals: usize) -> HtmlCell {
    HtmlCell::from_number(format_number(value, decimals), value)
}

/// Returns a cell that shows a count as a whole number and sorts by it.
#[must_use]
pub fn count_cell(value: u64) -> HtmlCell {
    number_cell(value as f64, 0)
}

/// A figure with its interval in a table, sorted by the figure.
#[must_use]
pub fn estimate_cell(estimate: Option<&IntervalEstimate>, unit: AxisUnit, decimals: usize) -> HtmlCell {
    estimate.map_or_else(
        || HtmlCell::from_text("unknown"),
        |found| HtmlCell::from_number(format_estimate(found, unit, decimals), found.value),
    )
}
