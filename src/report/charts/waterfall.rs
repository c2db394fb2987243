//! Where the money went: from the gross edge, step by step, to the net result.

use plotters::prelude::*;
use plotters::style::text_anchor::HPos;

use super::canvas::{Drawn, Sheet, Svg, max_text_width};
use super::panel::Axis;
use super::rows::{ChartRows, Measures};
use super::scale::{AxisRange, AxisUnit};
use super::style::{Ink, LineStyle, MUTED, series_color};

/// One step of the walk: an amount added to the level before it, or taken from it.
#[derive(Clone, Debug)]
pub struct WaterfallStep {
    /// Name of the step beside its bar, like `fees`.
    pub label: String,
    /// Dollars added, or taken if below zero; a step that is not finite is left out.
    pub amount: f64,
}

/// A walk from nothing to a total.
#[derive(Clone, Debug, Default)]
pub struct WaterfallChart {
    /// For readers who do not see the chart.
    pub title: String,
    /// What it shows, in a sentence.
    pub description: String,
    /// In order; the total of them is drawn as the last bar. A dozen at most are readable.
    pub steps: Vec<WaterfallStep>,
    /// Name of the last bar, the sum of the steps, like `net`.
    pub total: String,
}

/// Draws a bar in dollars from level to level for each step, and the total last.
#[must_use]
pub fn draw_waterfall_chart(input: &WaterfallChart) -> Svg {
    Svg::draw_both_widths(&input.title, &input.description, |sheet| draw_on_sheet(sheet, input))
}

/// A bar from one level to another.
struct WaterfallBar<'a> {
    name: &'a str,
    from: f64,
    to: f64,
    color: RGBColor,
}

fn draw_on_sheet(sheet: &mut Sheet<'_>, input: &WaterfallChart) -> Drawn {
    let mut level = 0.0;
    let mut bars = Vec::new();
    for step in input.steps.iter().filter(|step| step.amount.is_finite()) {
        let color = series_color(usize::from(step.amount < 0.0));
        bars.push(WaterfallBar { name: &step.label, from: level, to: level + step.amount, color });
        level += step.amount;
    }
    let Some(range) =
        AxisRange::from_values(bars.iter().map(|bar| bar.to).chain([0.0])).filter(|_| !bars.is_empty())
    else {
        return sheet.draw_no_data_note();
    };
    bars.push(WaterfallBar { name: &input.total, from: 0.0, to: level, color: MUTED });
    let largest = bars.iter().map(|bar| (bar.to - bar.from).abs()).fold(0.0, f64::max);
    let decimals = AxisUnit::Dollars.decimals_for_largest(largest);
    let amounts: Vec<_> =
        bars.iter().map(|bar| AxisUnit::Dollars.format_signed(bar.to - bar.from, decimals)).collect();
    let room = max_text_width(amounts.iter().map(String::as_str)) * Ink::Strong.width_factor() + 8.0;
    let names: Vec<_> = bars.iter().map(|bar| bar.name).collect();
    let axis = Axis { range: range.widen_if_equal(), ticks: Vec::new() };
    let measures = Measures { row: 34.0, bar: 24.0, room: (room, room), after_name: 0.0 };
    let rows = ChartRows::new(sheet, &names, &axis, measures)?;
    rows.draw_zero_line()?;
    for (index, (bar, amount)) in bars.iter().zip(&amounts).enumerate() {
        let (row, is_last) = (rows.bar_middle(index), index + 1 == bars.len());
        if !is_last {
            let path = [(bar.to, row), (bar.to, rows.bar_middle(index + 1))];
            rows.panel.draw_element(&PathElement::new(path, LineStyle::Other.shape_style()))?;
        }
        rows.draw_bar(index, (bar.from, bar.to), &bar.color)?;
        // The sign's side of the bar, so that the amount is read with the step's direction.
        let (x, y) = rows.panel.sheet_position((bar.to, row));
        let (x, side) = if bar.to < bar.from { (x - 5.0, HPos::Right) } else { (x + 5.0, HPos::Left) };
        let ink = if is_last { Ink::Strong } else { Ink::Plain };
        sheet.draw_text(ink, (x, y), side, amount)?;
    }
    Ok(())
}
