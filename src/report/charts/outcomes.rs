//! What luck alone would have made of the same trades, with what came about marked among it.

use plotters::prelude::*;
use plotters::style::text_anchor::HPos;

use super::canvas::{Drawn, Sheet, Svg, Swatch, text_width};
use super::panel::{Axis, MARGIN, Panel, Track, draw_stacked_panels};
use super::scale::{AxisRange, AxisUnit};
use super::style::{Ink, LineStyle, series_color};

/// Bars of the histogram, each a 48th of the range of dollars shown.
const BINS: usize = 48;

/// Simulated results beside the real one.
#[derive(Clone, Debug, Default)]
pub struct Outcomes {
    /// For readers who do not see the chart.
    pub title: String,
    /// What it shows, in a sentence.
    pub description: String,
    /// Results of the simulation, dollars, in any order.
    pub simulated: Vec<f64>,
    /// Result that really came about, dollars; one that is not finite is not marked.
    pub observed: f64,
    /// What is simulated, like `Profit if the market's prices are right`.
    pub figure: String,
}

/// Draws the histogram of simulated results with a line at the observed one.
#[must_use]
pub fn draw_outcomes_chart(input: &Outcomes) -> Svg {
    Svg::draw_both_widths(&input.title, &input.description, |sheet| draw_on_sheet(sheet, input))
}

fn draw_on_sheet(sheet: &mut Sheet<'_>, input: &Outcomes) -> Drawn {
    let Some(drawn) = AxisRange::from_values(input.simulated.iter().copied()) else {
        return sheet.draw_no_data_note();
    };
    let marked = if input.observed.is_finite() { input.observed } else { drawn.low };
    let whole = AxisRange { low: drawn.low.min(marked), high: drawn.high.max(marked) };
    let (range, _) = whole.round_to_ticks(8, AxisUnit::Dollars);
    let counts = histogram_counts(&input.simulated, range);
    let most = counts.iter().copied().max().unwrap_or(0).max(1);
    let total: u64 = counts.iter().sum();
    let (below, above) = (series_color(0).mix(0.45), series_color(0).mix(1.0));
    sheet.draw_legend(&[
        (Swatch::Patch(below), "Below what came about".to_owned()),
        (Swatch::Patch(above), "At least as much".to_owned()),
        (Swatch::Line(LineStyle::Seen), "What came about".to_owned()),
    ])?;
    let ticks = range.ticks_within(if sheet.is_narrow() { 3 } else { 7 }, AxisUnit::Dollars);
    let share = most as f64 / total as f64;
    // Room above the bars for the label of what came about.
    let track = Track::new(
        "Share of simulations",
        200.0,
        AxisRange { low: 0.0, high: share * 1.18 },
        AxisUnit::Share,
    );
    let panels = draw_stacked_panels(sheet, (&Axis { range, ticks }, &input.figure), MARGIN, &[track])?;
    let panel = &panels[0];
    let width = (range.high - range.low) / BINS as f64;
    for (index, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
        let (low, high) = (range.low + index as f64 * width, range.low + (index + 1) as f64 * width);
        let share = *count as f64 / total as f64;
        // The bar that the observed value parts is drawn in two.
        for (from, to, color) in
            [(low, high.min(input.observed), below), (low.max(input.observed), high, above)]
        {
            if to > from {
                panel.draw_element(&Rectangle::new(
                    [(from, share), (to - width * 0.06, 0.0)],
                    color.filled(),
                ))?;
            }
        }
    }
    if input.observed.is_finite() { mark_observed_result(sheet, panel, input, range) } else { Ok(()) }
}

fn mark_observed_result(sheet: &Sheet<'_>, panel: &Panel<'_>, input: &Outcomes, range: AxisRange) -> Drawn {
    panel.draw_vertical_line(LineStyle::Seen, input.observed)?;
    let [_, top, right, _] = panel.sheet_edges();
    let (x, _) = panel.sheet_position((input.observed, 0.0));
    let largest = range.low.abs().max(range.high.abs());
    let amount =
        AxisUnit::Dollars.format_signed(input.observed, AxisUnit::Dollars.decimals_for_largest(largest));
    let text = format!("came about: {amount}");
    let is_left = x + 8.0 + text_width(&text) * Ink::Strong.width_factor() > right;
    let (at, side) = if is_left { (x - 6.0, HPos::Right) } else { (x + 6.0, HPos::Left) };
    sheet.draw_text(Ink::Strong, (at, top + 9.0), side, &text)
}

/// How many values lie in each of 48 equal parts of the range; what is not finite does not count.
fn histogram_counts(values: &[f64], range: AxisRange) -> [u64; BINS] {
    let mut counts = [0; BINS];
    for value in values.iter().filter(|value| value.is_finite()) {
        let share = (value - range.low) / (range.high - range.low);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share of 1 of few bars"
        )]
        let index = (share * BINS as f64) as usize;
        counts[index.min(BINS - 1)] += 1;
    }
    counts
}
