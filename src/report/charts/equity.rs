//! Equity with its peak, drawdown and exposure beneath; several runs as returns over one another.

use crate::domain::Timestamp;

use super::canvas::{Drawn, Sheet, Svg, Swatch};
use super::panel::{Axis, MARGIN, Panel, Track, draw_stacked_panels};
use super::scale::{AxisRange, AxisUnit, day_text, days_since_epoch};
use super::style::{Ink, LineStyle, SERIES};

/// Halts listed by name; the flags of all are drawn.
const HALTS_LISTED: usize = 6;

/// The account at one moment, a point of each of the chart's curves.
#[derive(Clone, Copy, Debug)]
pub struct CurvePoint {
    /// Moment of the sample, which places it on the time axis.
    pub at: Timestamp,
    /// Cash plus positions at the market's mid, in dollars.
    pub equity: f64,
    /// The highest equity so far, dollars.
    pub peak: f64,
    /// Share lost since the peak, 0 to 1.
    pub drawdown: f64,
    /// Open positions and orders as a share of equity.
    pub exposure: f64,
}

/// A halt: a kill switch that stopped a strategy or all trading.
#[derive(Clone, Debug)]
pub struct HaltMark {
    /// Moment at which the halt began.
    pub at: Timestamp,
    /// Who was halted and by which rule, listed beneath the chart for the first six halts.
    pub label: String,
}

/// Input of the chart of one run's equity, drawdown and exposure over time.
#[derive(Clone, Debug, Default)]
pub struct Equity {
    /// For readers who do not see the chart.
    pub title: String,
    /// What it shows, in a sentence.
    pub description: String,
    /// Samples of the account in order of time; without any the chart is a note.
    pub points: Vec<CurvePoint>,
    /// Halts in order of time, each marked by a vertical line and a numbered flag.
    pub halts: Vec<HaltMark>,
    /// The highest exposure allowed, as a share of equity.
    pub exposure_cap: Option<f64>,
}

/// Equity of one run, drawn over that of others as a return on its bankroll.
#[derive(Clone, Debug, Default)]
pub struct RunCurve {
    /// Name of the run in the legend, like its scenario and the start of its run id.
    pub name: String,
    /// What it began with, dollars; returns are relative to it.
    pub bankroll: f64,
    /// (when, equity in dollars), in order of time.
    pub equity: Vec<(Timestamp, f64)>,
}

/// Input of the chart that lays the returns and drawdowns of several runs over one another.
#[derive(Clone, Debug, Default)]
pub struct EquityComparison {
    /// For readers who do not see the chart.
    pub title: String,
    /// What it shows, in a sentence.
    pub description: String,
    /// The first seven are named, the others are thin grey lines.
    pub runs: Vec<RunCurve>,
}

/// Draws a run's equity with its peak and halts, drawdown and exposure beneath it.
#[must_use]
pub fn draw_equity_chart(input: &Equity) -> Svg {
    Svg::draw_both_widths(&input.title, &input.description, |sheet| draw_on_sheet(sheet, input))
}

/// Draws several runs' returns and drawdowns.
#[must_use]
pub fn draw_comparison_chart(input: &EquityComparison) -> Svg {
    let (returns, drawdowns): (Vec<_>, Vec<_>) = input.runs.iter().map(returns_and_drawdowns).unzip();
    Svg::draw_both_widths(&input.title, &input.description, |sheet| {
        draw_comparison_on_sheet(sheet, input, &returns, &drawdowns)
    })
}

fn draw_on_sheet(sheet: &mut Sheet<'_>, input: &Equity) -> Drawn {
    let points = &input.points;
    let curve = |of: fn(&CurvePoint) -> f64| {
        points.iter().map(|point| (days_since_epoch(point.at), of(point))).collect::<Vec<_>>()
    };
    let [equity, peak, exposure] = [curve(|p| p.equity), curve(|p| p.peak), curve(|p| p.exposure)];
    let drawdown = curve(|p| -p.drawdown);
    let range = |curve: &[(f64, f64)]| AxisRange::from_values(curve.iter().map(|point| point.1));
    let Some(levels) = AxisRange::from_values(equity.iter().chain(&peak).map(|point| point.1)) else {
        return sheet.draw_no_data_note();
    };
    let moments = points.iter().map(|p| p.at).chain(input.halts.iter().map(|halt| halt.at));
    let Some(axis) = Axis::from_times(sheet, moments.map(days_since_epoch)) else {
        return sheet.draw_no_data_note();
    };
    let mut entries = vec![
        (Swatch::Line(LineStyle::Series(0)), "Equity".to_owned()),
        (Swatch::Line(LineStyle::Reference), "High-water mark".to_owned()),
    ];
    if !input.halts.is_empty() {
        entries.push((Swatch::Line(LineStyle::Halt), "Halt".to_owned()));
    }
    sheet.draw_legend(&entries)?;
    let worst = range(&drawdown).map_or(0.0, |range| range.low).min(-0.01);
    let cap = input.exposure_cap.unwrap_or(0.0);
    let most = range(&exposure).map_or(0.0, |range| range.high).max(0.01).max(cap);
    let cap_name =
        |cap| format!("Exposure, share of equity (dashed: cap {})", AxisUnit::Share.format_value(cap, 0));
    let exposure_title = input.exposure_cap.map_or_else(|| "Exposure, share of equity".to_owned(), cap_name);
    let mut tracks = [
        Track::new("Equity, dollars", 210.0, levels, AxisUnit::Dollars),
        Track::new("Drawdown from the peak", 84.0, AxisRange { low: worst, high: 0.0 }, AxisUnit::Share),
        Track::new(exposure_title, 84.0, AxisRange { low: 0.0, high: most }, AxisUnit::Share),
    ];
    if !input.halts.is_empty() {
        tracks[0].gap = 16.0;
    }
    let mut panels = draw_stacked_panels(sheet, (&axis, ""), MARGIN, &tracks)?;
    panels[0].draw_curve(LineStyle::Reference, &peak)?;
    panels[0].draw_curve(LineStyle::Series(0), &equity)?;
    panels[1].draw_area(1, &drawdown)?;
    panels[2].draw_area(0, &exposure)?;
    if let Some(cap) = input.exposure_cap {
        panels[2].draw_horizontal_line(LineStyle::Reference, cap)?;
    }
    draw_halts(sheet, &panels, &input.halts)
}

/// A numbered flag for each halt, those too close for two flags under one; the list is beneath.
fn draw_halts(sheet: &mut Sheet<'_>, panels: &[Panel<'_>], halts: &[HaltMark]) -> Drawn {
    let x_of = |halt: &HaltMark| panels[0].sheet_position((days_since_epoch(halt.at), 0.0)).0;
    let mut groups: Vec<(usize, usize)> = Vec::new();
    for (index, halt) in halts.iter().enumerate() {
        match groups.last_mut() {
            Some((first, last)) if x_of(halt) - x_of(&halts[*first]) < 40.0 => *last = index,
            _ => groups.push((index, index)),
        }
    }
    let [_, top, _, _] = panels[0].sheet_edges();
    for (first, last) in groups {
        let mut drawn = f64::NEG_INFINITY;
        for halt in &halts[first..=last] {
            let x = x_of(halt);
            if x - drawn >= 2.0 {
                panels.iter().try_for_each(|panel| {
                    panel.draw_vertical_line(LineStyle::Halt, days_since_epoch(halt.at))
                })?;
                drawn = x;
            }
        }
        let label =
            if first == last { (first + 1).to_string() } else { format!("{}–{}", first + 1, last + 1) };
        sheet.draw_flag((x_of(&halts[first]), top - 7.0), &label)?;
    }
    for (index, halt) in halts.iter().take(HALTS_LISTED).enumerate() {
        let text = format!("{}. {}: {}", index + 1, day_text(days_since_epoch(halt.at)), halt.label);
        sheet.draw_text_line(Ink::Plain, &text)?;
    }
    if halts.len() > HALTS_LISTED {
        sheet.draw_text_line(Ink::Muted, &format!("and {} more halts", halts.len() - HALTS_LISTED))?;
    }
    Ok(())
}

fn draw_comparison_on_sheet(
    sheet: &mut Sheet<'_>,
    input: &EquityComparison,
    returns: &[Curve],
    drawdowns: &[Curve],
) -> Drawn {
    let range = |curves: &[Curve]| AxisRange::from_values(curves.iter().flatten().map(|point| point.1));
    let axis = Axis::from_times(sheet, returns.iter().flatten().map(|point| point.0));
    let (Some(levels), Some(falls), Some(axis)) = (range(returns), range(drawdowns), axis) else {
        return sheet.draw_no_data_note();
    };
    let named = input.runs.iter().take(SERIES.len()).enumerate();
    let mut entries: Vec<_> =
        named.map(|(series, run)| (Swatch::Line(LineStyle::Series(series)), run.name.clone())).collect();
    if input.runs.len() > SERIES.len() {
        entries.push((
            Swatch::Line(LineStyle::Other),
            format!("{} other runs", input.runs.len() - SERIES.len()),
        ));
    }
    sheet.draw_legend(&entries)?;
    let levels = AxisRange { low: levels.low.min(0.0), high: levels.high.max(0.0) };
    let falls = AxisRange { low: falls.low.min(-0.01), high: 0.0 };
    let tracks = [
        Track::new("Return on the bankroll", 230.0, levels, AxisUnit::Share),
        Track::new("Drawdown from the peak", 100.0, falls, AxisUnit::Share),
    ];
    let mut panels = draw_stacked_panels(sheet, (&axis, ""), MARGIN, &tracks)?;
    panels[0].draw_horizontal_line(LineStyle::Zero, 0.0)?;
    for (panel, curves) in panels.iter_mut().zip([returns, drawdowns]) {
        for (series, curve) in curves.iter().enumerate().rev() {
            let line = if series < SERIES.len() { LineStyle::Series(series) } else { LineStyle::Other };
            panel.draw_curve(line, curve)?;
        }
    }
    Ok(())
}

/// Points in order of time, in days since 1970.
type Curve = Vec<(f64, f64)>;

/// Returns on the bankroll, and value / highest value so far − 1, the bankroll counting as a peak.
pub(super) fn returns_and_drawdowns(run: &RunCurve) -> (Curve, Curve) {
    let mut peak = 1.0f64;
    let relative = |&(at, equity): &(Timestamp, f64)| {
        let value = equity / run.bankroll;
        peak = peak.max(value);
        ((days_since_epoch(at), value - 1.0), (days_since_epoch(at), value / peak - 1.0))
    };
    run.equity.iter().map(relative).unzip()
}
