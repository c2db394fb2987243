//! The reliability diagram: what happened, by what was forecast.
//!
//! The curve is the isotonic regression of the outcomes on the forecasts (CORP: Dimitriadis, Gneiting and
//! Jordan, PNAS 118(8), 2021); the band is where the curve of a calibrated forecaster would lie.

use plotters::prelude::*;

use super::canvas::{Drawn, LINE, Sheet, Svg, Swatch, WHISKER};
use super::panel::{Axis, Panel, Track, draw_stacked_panels};
use super::scale::{AxisRange, AxisUnit, Tick};
use super::style::{LineStyle, band_color, series_color, series_marker, whisker_style};

/// Bars of the histogram at most; finer counts are added up.
const HISTOGRAM_BARS: usize = 50;

/// The low and high end of a band at a forecast. All are probabilities.
#[derive(Clone, Copy, Debug)]
pub struct BandPoint {
    /// Forecast probability of YES at which the band is taken.
    pub forecast: f64,
    /// Low end of the observed share of YES at that forecast.
    pub low: f64,
    /// High end of the observed share of YES at that forecast.
    pub high: f64,
}

/// Forecasts that lie together, and what became of them.
#[derive(Clone, Copy, Debug)]
pub struct ReliabilityBin {
    /// Mean of the bin's forecasts, from 0 to 1; the x of its dot.
    pub forecast: f64,
    /// Share of the bin's forecasts that resolved YES, from 0 to 1; the y of its dot.
    pub observed: f64,
    /// Low end of the share's interval.
    pub low: f64,
    /// High end of the share's interval.
    pub high: f64,
    /// Number of forecasts in the bin; not drawn.
    pub count: u64,
}

/// What a reliability diagram shows of one forecaster: isotonic curve, binned dots and histogram.
#[derive(Clone, Debug, Default)]
pub struct ReliabilityCurve {
    /// Name of the forecaster in the legend, like `beliefs` or `market's prices`.
    pub name: String,
    /// (forecast, recalibrated probability), in order of the forecast.
    pub isotonic: Vec<(f64, f64)>,
    /// Bins drawn as dots with whiskers, at most a few dozen; empty draws none.
    pub bins: Vec<ReliabilityBin>,
    /// Forecasts in equal stretches from 0 to 1.
    pub histogram: Vec<u64>,
}

/// Input of a reliability diagram: forecast probability across, share that resolved YES upwards.
#[derive(Clone, Debug, Default)]
pub struct Reliability {
    /// For readers who do not see the chart.
    pub title: String,
    /// What it shows, in a sentence.
    pub description: String,
    /// The model first, the market second.
    pub curves: Vec<ReliabilityCurve>,
    /// Where the model's curve would lie if its forecasts were calibrated, in order of the forecast.
    pub consistency: Vec<BandPoint>,
    /// Name of the band, like `95 % of calibrated forecasters`.
    pub consistency_name: String,
}

/// Draws the diagram as a square, with the histograms of the forecasts beneath it.
#[must_use]
pub fn draw_reliability_chart(input: &Reliability) -> Svg {
    Svg::draw_both_widths(&input.title, &input.description, |sheet| draw_on_sheet(sheet, input))
}

fn draw_on_sheet(sheet: &mut Sheet<'_>, input: &Reliability) -> Drawn {
    if input.curves.iter().all(|curve| curve.isotonic.is_empty() && curve.bins.is_empty()) {
        return sheet.draw_no_data_note();
    }
    let entries = legend_entries(input);
    // A square; the wide drawing has the legend beside it.
    let right = if sheet.is_narrow() {
        sheet.draw_legend(&entries)?;
        12.0
    } else {
        sheet.draw_legend_at((530.0, LINE), &entries)?;
        sheet.width - 500.0
    };
    let side = sheet.width - right - 50.0;
    let whole = || {
        let tick = |at: f64| Tick::new(at, AxisUnit::Share.format_value(at, 0));
        let ticks = (0..=5).map(|step| tick(f64::from(step) / 5.0)).collect();
        Axis { range: AxisRange { low: 0.0, high: 1.0 }, ticks }
    };
    let histograms: Vec<Vec<u64>> =
        input.curves.iter().map(|curve| coarsen_histogram(&curve.histogram)).collect();
    let most = histograms.iter().flatten().copied().max().unwrap_or(0);
    let mut tracks = vec![Track::with_axis("Share that resolved YES", side, whole())];
    if most > 0 {
        let range = AxisRange { low: 0.0, high: most as f64 };
        tracks.push(Track::new("Forecasts", 76.0, range, AxisUnit::Number));
    }
    let mut panels = draw_stacked_panels(sheet, (&whole(), "Forecast probability of YES"), right, &tracks)?;
    let panel = &mut panels[0];
    let calibrated: Vec<_> =
        input.consistency.iter().map(|point| (point.forecast, point.low, point.high)).collect();
    panel.draw_band(&calibrated)?;
    panel.draw_curve(LineStyle::Reference, &[(0.0, 0.0), (1.0, 1.0)])?;
    // The model lies over the market.
    for (series, curve) in input.curves.iter().enumerate().rev() {
        panel.draw_curve(LineStyle::Series(series), &curve.isotonic)?;
        curve.bins.iter().try_for_each(|bin| draw_bin(panel, series, bin))?;
    }
    if let Some(panel) = panels.get_mut(1) {
        for (series, histogram) in histograms.iter().enumerate() {
            draw_histogram(panel, series, histogram)?;
        }
    }
    Ok(())
}

fn legend_entries(input: &Reliability) -> Vec<(Swatch, String)> {
    let mut entries = Vec::new();
    for (series, curve) in input.curves.iter().enumerate() {
        if !curve.isotonic.is_empty() {
            entries.push((Swatch::Line(LineStyle::Series(series)), format!("{}: isotonic fit", curve.name)));
        }
        if !curve.bins.is_empty() {
            entries.push((Swatch::Mark(series), format!("{}: equal-count bins", curve.name)));
        }
    }
    if !input.consistency.is_empty() {
        entries.push((Swatch::Patch(band_color()), input.consistency_name.clone()));
    }
    entries.push((Swatch::Line(LineStyle::Reference), "Perfectly calibrated".to_owned()));
    entries
}

fn draw_bin(panel: &Panel<'_>, series: usize, bin: &ReliabilityBin) -> Drawn {
    if ![bin.forecast, bin.observed, bin.low, bin.high].iter().all(|value| value.is_finite()) {
        return Ok(());
    }
    let style = whisker_style(Some(series));
    panel.draw_element(&ErrorBar::new_vertical(
        bin.forecast,
        bin.low,
        bin.observed,
        bin.high,
        style,
        WHISKER,
    ))?;
    panel.draw_element(&series_marker(series, (bin.forecast, bin.observed)))
}

/// The first forecaster as bars, others as outlines over them.
fn draw_histogram(panel: &mut Panel<'_>, series: usize, histogram: &[u64]) -> Drawn {
    let width = 1.0 / histogram.len().max(1) as f64;
    let mut outline = vec![(0.0, 0.0)];
    for (index, count) in histogram.iter().enumerate() {
        let (low, high) = (index as f64 * width, (index + 1) as f64 * width);
        let top = *count as f64;
        if series == 0 && *count > 0 {
            let corners = [(low + width * 0.05, top), (high - width * 0.05, 0.0)];
            panel.draw_element(&Rectangle::new(corners, series_color(0).mix(0.45).filled()))?;
        }
        outline.extend([(low, top), (high, top)]);
    }
    outline.push((1.0, 0.0));
    if series > 0 { panel.draw_curve(LineStyle::Series(series), &outline) } else { Ok(()) }
}

/// Neighbours added up until there are few enough.
fn coarsen_histogram(histogram: &[u64]) -> Vec<u64> {
    let together = histogram.len().div_ceil(HISTOGRAM_BARS).max(1);
    histogram.chunks(together).map(|part| part.iter().sum()).collect()
}
