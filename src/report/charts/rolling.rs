//! Whether the forecasts get better or worse: scores over a moving window.

use crate::domain::Timestamp;

use super::canvas::{Drawn, Sheet, Svg, Swatch};
use super::panel::{Axis, MARGIN, Track, draw_stacked_panels};
use super::scale::{AxisRange, AxisUnit, days_since_epoch};
use super::style::{LineStyle, band_color};

/// The scores of the window that ends at a moment. What is unknown is NaN and leaves a gap.
#[derive(Clone, Copy, Debug)]
pub struct RollingPoint {
    /// Moment of the last forecast in the window.
    pub at: Timestamp,
    /// Brier score of the model over the window; lower is better.
    pub brier: f64,
    /// Brier score of the market over the window; lower is better.
    pub brier_market: f64,
    /// Mean of observed − forecast, model; a probability.
    pub gap: f64,
    /// Low end of the gap's interval.
    pub gap_low: f64,
    /// High end of the gap's interval.
    pub gap_high: f64,
}

/// Input of the chart of Brier scores and calibration gap over a moving window.
#[derive(Clone, Debug, Default)]
pub struct RollingChart {
    /// For readers who do not see the chart.
    pub title: String,
    /// What it shows, in a sentence.
    pub description: String,
    /// Windows in order of the time they end; without any the chart is a note.
    pub points: Vec<RollingPoint>,
    /// Which window, like `last 50 markets`.
    pub window: String,
}

/// Draws the Brier scores of model and market, and beneath them the model's gap with its interval.
#[must_use]
pub fn draw_rolling_chart(input: &RollingChart) -> Svg {
    Svg::draw_both_widths(&input.title, &input.description, |sheet| draw_on_sheet(sheet, input))
}

fn draw_on_sheet(sheet: &mut Sheet<'_>, input: &RollingChart) -> Drawn {
    let curve = |of: fn(&RollingPoint) -> f64| {
        input.points.iter().map(|point| (days_since_epoch(point.at), of(point))).collect::<Vec<_>>()
    };
    let [model, market, gap] = [curve(|p| p.brier), curve(|p| p.brier_market), curve(|p| p.gap)];
    let interval: Vec<_> =
        input.points.iter().map(|p| (days_since_epoch(p.at), p.gap_low, p.gap_high)).collect();
    let scores = AxisRange::from_values(model.iter().chain(&market).map(|point| point.1));
    let axis = Axis::from_times(sheet, model.iter().map(|point| point.0));
    let (Some(scores), Some(axis)) = (scores, axis) else { return sheet.draw_no_data_note() };
    let gaps = gap.iter().map(|point| point.1).chain(interval.iter().flat_map(|point| [point.1, point.2]));
    let gaps =
        AxisRange::from_values(gaps.chain([-0.01, 0.01])).unwrap_or(AxisRange { low: -0.01, high: 0.01 });
    let mut entries = vec![(Swatch::Line(LineStyle::Series(0)), "Model".to_owned())];
    if market.iter().any(|point| point.1.is_finite()) {
        entries.push((Swatch::Line(LineStyle::Series(1)), "Market".to_owned()));
    }
    if interval.iter().any(|point| point.1.is_finite() && point.2.is_finite()) {
        entries.push((Swatch::Patch(band_color()), "95 % interval".to_owned()));
    }
    sheet.draw_legend(&entries)?;
    let scores = AxisRange { low: scores.low.min(0.0), high: scores.high };
    let score_title = format!("Brier score, {} (lower is better)", input.window);
    let tracks = [
        Track::new(score_title, 170.0, scores, AxisUnit::Number),
        Track::new("Model: observed − forecast", 130.0, gaps, AxisUnit::Share),
    ];
    let mut panels = draw_stacked_panels(sheet, (&axis, ""), MARGIN, &tracks)?;
    panels[0].draw_curve(LineStyle::Series(1), &market)?;
    panels[0].draw_curve(LineStyle::Series(0), &model)?;
    panels[1].draw_band(&interval)?;
    panels[1].draw_horizontal_line(LineStyle::Zero, 0.0)?;
    panels[1].draw_curve(LineStyle::Series(0), &gap)
}
