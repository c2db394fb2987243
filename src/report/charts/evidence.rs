//! The likelihood ratio of the beliefs over the market's prices, market after market.
//!
//! Ten times as likely is one step up. With calibrated prices the ratio passes R : 1 with a probability of
//! at most 1 / R, however long one looks (Ville's inequality), and so does its reverse.

use plotters::style::text_anchor::HPos;

use super::canvas::{Drawn, Sheet, Svg, Swatch};
use super::panel::{Axis, MARGIN, Track, draw_stacked_panels};
use super::scale::{AxisRange, AxisUnit, Tick};
use super::style::{Ink, LineStyle, SERIES};

/// Likelihood ratio of one strategy's beliefs over the market's prices, as markets settled.
#[derive(Clone, Debug, Default)]
pub struct EvidenceCurve {
    /// Name of the strategy for the legend, which is drawn only for several curves.
    pub name: String,
    /// After each settled market, the decimal logarithm of the likelihood ratio so far, beliefs over market.
    pub log10: Vec<f64>,
}

/// Evidence of one or several strategies.
#[derive(Clone, Debug, Default)]
pub struct EvidenceChart {
    /// For readers who do not see the chart.
    pub title: String,
    /// What it shows, in a sentence.
    pub description: String,
    /// At most seven are told apart.
    pub curves: Vec<EvidenceCurve>,
    /// The ratio at which evidence is called strong, like 20.
    pub threshold: f64,
}

/// Draws the ratios on a logarithmic scale, with lines at the threshold and at one over it.
#[must_use]
pub fn draw_evidence_chart(input: &EvidenceChart) -> Svg {
    Svg::draw_both_widths(&input.title, &input.description, |sheet| draw_on_sheet(sheet, input))
}

fn draw_on_sheet(sheet: &mut Sheet<'_>, input: &EvidenceChart) -> Drawn {
    let Some(found) =
        AxisRange::from_values(input.curves.iter().flat_map(|curve| curve.log10.iter().copied()))
    else {
        return sheet.draw_no_data_note();
    };
    let settled = input.curves.iter().map(|curve| curve.log10.len()).max().unwrap_or(0);
    let line = input.threshold.max(1.0).log10();
    let room = line.max(0.5) * 1.35;
    let range = AxisRange { low: found.low.min(-room) * 1.05, high: found.high.max(room) * 1.05 };
    let count = if sheet.is_narrow() { 3 } else { 7 };
    let span = AxisRange { low: 0.0, high: settled as f64 };
    let mut ticks = span.ticks_within(count.min(settled), AxisUnit::Number);
    ticks.retain(|tick| tick.at.fract() == 0.0);
    let axis = Axis { range: span, ticks };
    if input.curves.len() > 1 {
        let named = input.curves.iter().take(SERIES.len()).enumerate();
        let entry = |(series, curve): (usize, &EvidenceCurve)| {
            (Swatch::Line(LineStyle::Series(series)), curve.name.clone())
        };
        sheet.draw_legend(&named.map(entry).collect::<Vec<_>>())?;
    }
    let odds = Axis { range, ticks: odds_ticks(range, line) };
    let track = Track::with_axis("Likelihood ratio, beliefs : market", 260.0, odds);
    let title = "Settled markets, in order of settlement";
    let mut panels = draw_stacked_panels(sheet, (&axis, title), MARGIN, &[track])?;
    let panel = &mut panels[0];
    panel.draw_horizontal_line(LineStyle::Zero, 0.0)?;
    for (series, curve) in input.curves.iter().enumerate().rev() {
        let points = (1..).zip(&curve.log10).map(|(n, log10)| (f64::from(n), *log10));
        let points: Vec<_> = std::iter::once((0.0, 0.0)).chain(points).collect();
        panel.draw_curve(LineStyle::Series(series), &points)?;
    }
    let ratio = AxisUnit::Number.format_value(input.threshold, 0);
    for (at, aside, name) in [(line, -9.0, "for the beliefs"), (-line, 9.0, "against the beliefs")] {
        panel.draw_horizontal_line(LineStyle::Reference, at)?;
        let (x, y) = panel.sheet_position((0.0, at));
        sheet.draw_text(Ink::Plain, (x + 6.0, y + aside), HPos::Left, &format!("{ratio} : 1 {name}"))?;
    }
    Ok(())
}

/// Powers of ten as odds, every so many that a dozen fit; none where the threshold's own label is.
fn odds_ticks(range: AxisRange, line: f64) -> Vec<Tick> {
    let every = ((range.high - range.low) / 8.0).ceil().max(1.0);
    let mut ticks = Vec::new();
    let mut power = (range.low / every).ceil() * every;
    while power <= range.high {
        if power == 0.0 || (power.abs() - line).abs() > (range.high - range.low) * 0.03 {
            ticks.push(Tick::new(power, odds_label(power)));
        }
        power += every;
    }
    ticks
}

fn odds_label(power: f64) -> String {
    let size = power.abs();
    let ratio = if size > 6.0 {
        format!("10^{size:.0}")
    } else {
        AxisUnit::Number.format_value(10f64.powf(size).round(), 0)
    };
    if power < 0.0 { format!("1 : {ratio}") } else { format!("{ratio} : 1") }
}
