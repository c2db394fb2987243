//! Horizontal bars with whiskers: any figure by category, series, side, price, horizon or reason.

use plotters::prelude::*;
use plotters::style::text_anchor::HPos;

use super::canvas::{Drawn, LINE, Sheet, Svg, Swatch, WHISKER, max_text_width};
use super::panel::Axis;
use super::rows::{ChartRows, Measures};
use super::scale::{AxisRange, AxisUnit};
use super::style::{Ink, reference_marker, series_color, whisker_style};

/// Rows that are drawn; the rest is counted beneath.
const ROWS: usize = 40;

/// One row of the chart: a group's bar, its interval and a figure to compare with.
#[derive(Clone, Debug, Default)]
pub struct ChartBar {
    /// Name of the group, written beside the bar, or above it on a phone.
    pub label: String,
    /// The figure; NaN where it is unknown.
    pub value: f64,
    /// Low and high end of the figure's 95 % interval; without one there is no whisker.
    pub interval: Option<(f64, f64)>,
    /// How many it is made of, shown as `n = …`.
    pub count: Option<u64>,
    /// Figure of another source to compare with, drawn as a hollow diamond; `None` draws nothing.
    pub reference: Option<f64>,
}

/// Input of a chart of one figure by group, a horizontal bar each.
#[derive(Clone, Debug)]
pub struct Bars {
    /// For readers who do not see the chart.
    pub title: String,
    /// What it shows, in a sentence.
    pub description: String,
    /// What the figure is, like `Profit after fees`; stands over the bars.
    pub figure: String,
    /// Unit of the figure, which decides how values and the axis are written.
    pub unit: AxisUnit,
    /// Whether what is above zero has a `+`.
    pub signed: bool,
    /// What the rows' `reference` is, like `Market` or `Study of 2025`; for the legend.
    pub reference: Option<String>,
    /// In the order shown; 40 at most are drawn.
    pub rows: Vec<ChartBar>,
}

/// Draws the bars, or a note in their place where nothing finite is to be drawn.
#[must_use]
pub fn draw_bar_chart(input: &Bars) -> Svg {
    Svg::draw_both_widths(&input.title, &input.description, |sheet| draw_on_sheet(sheet, input))
}

fn draw_on_sheet(sheet: &mut Sheet<'_>, input: &Bars) -> Drawn {
    let shown = &input.rows[..input.rows.len().min(ROWS)];
    let values = shown.iter().flat_map(|row| {
        let (low, high) = row.interval.unwrap_or((f64::NAN, f64::NAN));
        [row.value, low, high, row.reference.unwrap_or(f64::NAN)]
    });
    let Some(range) =
        AxisRange::from_values(values.clone()).and_then(|_| AxisRange::from_values(values.chain([0.0])))
    else {
        return sheet.draw_no_data_note();
    };
    let is_narrow = sheet.is_narrow();
    let (range, ticks) = range.round_to_ticks(if is_narrow { 3 } else { 5 }, input.unit);
    let texts: Vec<_> = shown.iter().map(|row| value_text(input, row)).collect();
    let values = max_text_width(texts.iter().map(String::as_str)) + 12.0;
    draw_header(sheet, input)?;
    // On a phone the value stands at the end of the name's line.
    let half = max_text_width(ticks.iter().map(|tick| tick.label.as_str())) / 2.0 + 1.0;
    let room = (half, if is_narrow { half } else { half.max(values + 6.0) });
    let measures = Measures { row: 24.0, bar: 14.0, room, after_name: values };
    let names: Vec<_> = shown.iter().map(|row| row.label.as_str()).collect();
    let rows = ChartRows::new(sheet, &names, &Axis { range, ticks }, measures)?;
    rows.draw_zero_line()?;
    for (index, (row, text)) in shown.iter().zip(&texts).enumerate() {
        draw_row(&rows, index, row)?;
        let (_, y) = rows.panel.sheet_position((0.0, rows.bar_middle(index)));
        let y = if is_narrow { y - 12.0 - LINE / 2.0 } else { y };
        sheet.draw_text(Ink::Plain, (sheet.width, y), HPos::Right, text)?;
    }
    if input.rows.len() > ROWS {
        let left_out = AxisUnit::Number.format_value((input.rows.len() - ROWS) as f64, 0);
        sheet.draw_text_line(Ink::Muted, &format!("and {left_out} more, not drawn"))?;
    }
    Ok(())
}

/// The figure's name and the legend.
fn draw_header(sheet: &mut Sheet<'_>, input: &Bars) -> Drawn {
    sheet.draw_text_line(Ink::Strong, &input.figure)?;
    let mut entries = Vec::new();
    if input.rows.iter().any(|row| row.interval.is_some()) {
        entries.push((Swatch::Whisker, "95 % interval".to_owned()));
    }
    if let Some(name) = &input.reference {
        entries.push((Swatch::Reference, name.clone()));
    }
    sheet.used += 3.0;
    if entries.is_empty() { Ok(()) } else { sheet.draw_legend(&entries) }
}

fn value_text(input: &Bars, row: &ChartBar) -> String {
    let largest = input.rows.iter().map(|row| row.value.abs()).filter(|value| value.is_finite());
    let is_counted = input.rows.iter().all(|row| row.value.fract() == 0.0);
    let decimals = match input.unit {
        AxisUnit::Number if is_counted => 0,
        unit => unit.decimals_for_largest(largest.fold(0.0, f64::max)),
    };
    let value = match row.value {
        value if !value.is_finite() => "unknown".to_owned(),
        value if input.signed => input.unit.format_signed(value, decimals),
        value => input.unit.format_value(value, decimals),
    };
    let count = |count: u64| format!("{value}  (n = {})", AxisUnit::Number.format_value(count as f64, 0));
    row.count.map_or_else(|| value.clone(), count)
}

fn draw_row(rows: &ChartRows<'_>, index: usize, row: &ChartBar) -> Drawn {
    let middle = rows.bar_middle(index);
    if row.value.is_finite() {
        let color = series_color(usize::from(row.value < 0.0)).mix(0.65);
        rows.draw_bar(index, (0.0, row.value), &color)?;
    }
    if let Some((low, high)) = row.interval.filter(|(low, high)| low.is_finite() && high.is_finite()) {
        let value = if row.value.is_finite() { row.value } else { low };
        rows.panel.draw_element(&ErrorBar::new_horizontal(
            middle,
            low,
            value,
            high,
            whisker_style(None),
            WHISKER,
        ))?;
    }
    match row.reference.filter(|value| value.is_finite()) {
        Some(value) => rows.panel.draw_element(&reference_marker((value, middle))),
        None => Ok(()),
    }
}
