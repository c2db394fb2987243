//! The reliability diagram: what happened, by what was forecast.
//!
//! The curve is the isotonic regression of the outcomes on the forecasts (CORP: Dimitriadis, Gneiting and
//! Jordan, PNAS 118(8), 2021); the band is where the curve of a calibrated forecaster would lie.

use super::frame::{Swatch, Track, XAxis, legend, nothing, stack};
use super::scale::{Range, Tick, Unit};
use super::svg::{Area, Canvas, LINE, Svg};

/// Bars of the histogram at most; finer counts are added up.
const HISTOGRAM_BARS: usize = 50;

/// The low and high end of a band at a forecast. All are probabilities.
#[derive(Clone, Copy, Debug)]
pub struct BandPoint {
    /// The forecast.
    pub forecast: f64,
    /// Low end.
    pub low: f64,
    /// High end.
    pub high: f64,
}

/// Forecasts that lie together, and what became of them.
#[derive(Clone, Copy, Debug)]
pub struct Bin {
    /// Mean forecast.
    pub forecast: f64,
    /// Share that came true.
    pub observed: f64,
    /// Low end of the share's interval.
    pub low: f64,
    /// High end of the share's interval.
    pub high: f64,
    /// How many forecasts.
    pub count: u64,
}

/// One forecaster.
#[derive(Clone, Debug, Default)]
pub struct ReliabilityCurve {
    /// `Model` or `Market`.
    pub name: String,
    /// (forecast, recalibrated probability), in order of the forecast.
    pub isotonic: Vec<(f64, f64)>,
    /// At most a few dozen.
    pub bins: Vec<Bin>,
    /// Forecasts in equal stretches from 0 to 1.
    pub histogram: Vec<u64>,
}

/// A reliability diagram.
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

/// Draws it.
#[must_use]
pub fn reliability(input: &Reliability) -> Svg {
    Svg::drawn(&input.title, &input.description, |canvas| draw(canvas, input))
}

fn draw(canvas: &mut Canvas, input: &Reliability) {
    if input.curves.iter().all(|curve| curve.isotonic.is_empty() && curve.bins.is_empty()) {
        return nothing(canvas);
    }
    let entries = entries(input);
    // A square; the wide drawing has the legend beside it.
    let (top, right) = if canvas.is_narrow() {
        (legend(canvas, 0.0, 0.0, canvas.width, &entries), canvas.width - 12.0)
    } else {
        legend(canvas, 530.0, LINE, canvas.width, &entries);
        (0.0, 500.0)
    };
    let side = right - 50.0;
    let whole = Range { low: 0.0, high: 1.0 };
    let grid = |steps: i32| {
        let tick = |step| {
            let at = f64::from(step) / f64::from(steps);
            Tick::new(at, Unit::Share.text(at, 0))
        };
        (0..=steps).map(tick).collect::<Vec<_>>()
    };
    let axis = XAxis { range: whole, ticks: grid(5), title: "Forecast probability of YES".to_owned() };
    let histograms: Vec<Vec<u64>> = input.curves.iter().map(|curve| coarser(&curve.histogram)).collect();
    let most = histograms.iter().flatten().copied().max().unwrap_or(0);
    let mut tracks = vec![Track::with_ticks("Share that resolved YES", side, whole, grid(5))];
    if most > 0 {
        let range = Range { low: 0.0, high: most as f64 };
        tracks.push(Track::new("Forecasts", 76.0, range, Unit::Number));
    }
    let panels = stack(canvas, top, right, &axis, &tracks);
    let panel = &panels[0];
    let band: Vec<_> =
        input.consistency.iter().map(|point| (point.forecast, point.low, point.high)).collect();
    panel.band(canvas, "band", &band);
    canvas.line("ideal", panel.at((0.0, 0.0)), panel.at((1.0, 1.0)));
    // The model lies over the market.
    for (series, curve) in input.curves.iter().enumerate().rev() {
        panel.curve(canvas, "curve", series, &curve.isotonic);
        for bin in &curve.bins {
            draw_bin(canvas, panel, series, &curve.name, bin);
        }
    }
    if let Some(panel) = panels.get(1) {
        for (series, histogram) in histograms.iter().enumerate() {
            draw_histogram(canvas, panel, series, histogram);
        }
    }
}

fn entries(input: &Reliability) -> Vec<(Swatch, String)> {
    let mut entries = Vec::new();
    for (series, curve) in input.curves.iter().enumerate() {
        if !curve.isotonic.is_empty() {
            entries.push((Swatch::Line("curve", series), format!("{}: isotonic fit", curve.name)));
        }
        if !curve.bins.is_empty() {
            entries.push((Swatch::Mark(series), format!("{}: equal-count bins", curve.name)));
        }
    }
    if !input.consistency.is_empty() {
        entries.push((Swatch::Patch("band", 0), input.consistency_name.clone()));
    }
    entries.push((Swatch::Line("ideal", 0), "Perfectly calibrated".to_owned()));
    entries
}

fn draw_bin(canvas: &mut Canvas, panel: &super::frame::Panel, series: usize, name: &str, bin: &Bin) {
    if ![bin.forecast, bin.observed, bin.low, bin.high].iter().all(|value| value.is_finite()) {
        return;
    }
    let low = panel.at((bin.forecast, bin.low));
    canvas.line(&format!("whisker s{series}"), low, panel.at((bin.forecast, bin.high)));
    let share = |value| Unit::Share.text(value, 1);
    let hover = format!(
        "{name}: forecast {}, observed {} ({} to {}), n = {}",
        share(bin.forecast),
        share(bin.observed),
        share(bin.low),
        share(bin.high),
        bin.count
    );
    canvas.marker(series, panel.at((bin.forecast, bin.observed)), &hover);
}

/// The first forecaster as bars, others as outlines over them.
fn draw_histogram(canvas: &mut Canvas, panel: &super::frame::Panel, series: usize, histogram: &[u64]) {
    let width = 1.0 / histogram.len().max(1) as f64;
    let mut outline = vec![(0.0, 0.0)];
    for (index, count) in histogram.iter().enumerate() {
        let (low, high) = (index as f64 * width, (index + 1) as f64 * width);
        let (left, top) = panel.at((low, *count as f64));
        let area = Area { left: left + 0.5, top, right: panel.x(high) - 0.5, bottom: panel.area.bottom };
        if series == 0 && *count > 0 {
            let share = |value| Unit::Share.text(value, 0);
            canvas.rect("bar soft s0", area, &format!("{} to {}: {count}", share(low), share(high)));
        }
        outline.extend([(low, *count as f64), (high, *count as f64)]);
    }
    outline.push((1.0, 0.0));
    if series > 0 {
        panel.curve(canvas, "curve", series, &outline);
    }
}

/// Neighbours added up until there are few enough.
fn coarser(histogram: &[u64]) -> Vec<u64> {
    let together = histogram.len().div_ceil(HISTOGRAM_BARS).max(1);
    histogram.chunks(together).map(|part| part.iter().sum()).collect()
}
