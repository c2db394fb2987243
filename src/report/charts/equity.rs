//! Equity with its peak, drawdown and exposure beneath; several runs as returns over one another.

use crate::domain::Timestamp;

use super::frame::{Panel, SERIES, Swatch, Track, XAxis, legend, nothing, stack};
use super::scale::{Range, Unit, day_text, days};
use super::svg::{Anchor, Area, Canvas, LINE, Svg, fitted};

/// Halts listed by name; the flags of all are drawn.
const HALTS_LISTED: usize = 6;

/// The account at a moment.
#[derive(Clone, Copy, Debug)]
pub struct EquityPoint {
    /// When.
    pub at: Timestamp,
    /// Dollars.
    pub equity: f64,
    /// The highest equity so far, dollars.
    pub peak: f64,
    /// Share lost since the peak, 0 to 1.
    pub drawdown: f64,
    /// Open positions and orders as a share of equity.
    pub exposure: f64,
}

/// A kill switch fired.
#[derive(Clone, Debug)]
pub struct Halt {
    /// When.
    pub at: Timestamp,
    /// Which strategy, by which rule.
    pub label: String,
}

/// A run's account over time.
#[derive(Clone, Debug, Default)]
pub struct Equity {
    /// For readers who do not see the chart.
    pub title: String,
    /// What it shows, in a sentence.
    pub description: String,
    /// In order of time.
    pub points: Vec<EquityPoint>,
    /// In order of time.
    pub halts: Vec<Halt>,
    /// The highest exposure allowed, as a share of equity.
    pub exposure_cap: Option<f64>,
}

/// One of several runs.
#[derive(Clone, Debug, Default)]
pub struct RunCurve {
    /// Which run.
    pub name: String,
    /// What it began with, dollars; returns are relative to it.
    pub bankroll: f64,
    /// (when, equity in dollars), in order of time.
    pub equity: Vec<(Timestamp, f64)>,
}

/// Several runs side by side.
#[derive(Clone, Debug, Default)]
pub struct Comparison {
    /// For readers who do not see the chart.
    pub title: String,
    /// What it shows, in a sentence.
    pub description: String,
    /// The first seven are named, the others are thin grey lines.
    pub runs: Vec<RunCurve>,
}

/// Draws a run's account.
#[must_use]
pub fn equity(input: &Equity) -> Svg {
    Svg::drawn(&input.title, &input.description, |canvas| draw(canvas, input))
}

/// Draws several runs' returns and drawdowns.
#[must_use]
pub fn comparison(input: &Comparison) -> Svg {
    let (returns, drawdowns): (Vec<_>, Vec<_>) = input.runs.iter().map(relative).unzip();
    Svg::drawn(&input.title, &input.description, |canvas| {
        draw_comparison(canvas, input, &returns, &drawdowns);
    })
}

fn draw(canvas: &mut Canvas, input: &Equity) {
    let points = &input.points;
    let curve = |of: fn(&EquityPoint) -> f64| {
        points.iter().map(|point| (days(point.at), of(point))).collect::<Vec<_>>()
    };
    let [equity, peak, exposure] = [curve(|p| p.equity), curve(|p| p.peak), curve(|p| p.exposure)];
    let drawdown = curve(|p| -p.drawdown);
    let range = |curve: &[(f64, f64)]| Range::of(curve.iter().map(|point| point.1));
    let Some(levels) = Range::of(equity.iter().chain(&peak).map(|point| point.1)) else {
        return nothing(canvas);
    };
    let moments = points.iter().map(|p| p.at).chain(input.halts.iter().map(|halt| halt.at));
    let Some(axis) = XAxis::time(canvas, moments.map(days)) else { return nothing(canvas) };
    let mut entries = vec![
        (Swatch::Line("curve", 0), "Equity".to_owned()),
        (Swatch::Line("peak", 0), "High-water mark".to_owned()),
    ];
    if !input.halts.is_empty() {
        entries.push((Swatch::Line("halt", 0), "Halt".to_owned()));
    }
    let top =
        legend(canvas, 0.0, 0.0, canvas.width, &entries) + if input.halts.is_empty() { 0.0 } else { 6.0 };
    let worst = range(&drawdown).map_or(0.0, |range| range.low).min(-0.01);
    let cap = input.exposure_cap.unwrap_or(0.0);
    let most = range(&exposure).map_or(0.0, |range| range.high).max(0.01).max(cap);
    let cap_name = |cap| format!("Exposure, share of equity (dashed: cap {})", Unit::Share.text(cap, 0));
    let exposure_title = input.exposure_cap.map_or_else(|| "Exposure, share of equity".to_owned(), cap_name);
    let tracks = [
        Track::new("Equity, dollars", 210.0, levels, Unit::Dollars),
        Track::new("Drawdown from the peak", 84.0, Range { low: worst, high: 0.0 }, Unit::Share),
        Track::new(exposure_title, 84.0, Range { low: 0.0, high: most }, Unit::Share),
    ];
    let panels = stack(canvas, top, canvas.width - 10.0, &axis, &tracks);
    panels[0].curve(canvas, "peak", 6, &peak);
    panels[0].curve(canvas, "curve", 0, &equity);
    panels[1].ground(canvas, 1, &drawdown);
    panels[1].curve(canvas, "curve", 0, &drawdown);
    panels[2].ground(canvas, 0, &exposure);
    panels[2].curve(canvas, "curve", 0, &exposure);
    if let Some(cap) = input.exposure_cap {
        panels[2].rule(canvas, "limit", cap);
    }
    draw_halts(canvas, &panels, &input.halts);
}

/// A numbered flag for each halt, those too close for two flags under one; the list is beneath.
fn draw_halts(canvas: &mut Canvas, panels: &[Panel], halts: &[Halt]) {
    let x_of = |halt: &Halt| panels[0].x(days(halt.at));
    let mut groups: Vec<(usize, usize)> = Vec::new();
    for (index, halt) in halts.iter().enumerate() {
        match groups.last_mut() {
            Some((first, last)) if x_of(halt) - x_of(&halts[*first]) < 40.0 => *last = index,
            _ => groups.push((index, index)),
        }
    }
    for (first, last) in groups {
        let mut drawn = f64::NEG_INFINITY;
        for halt in &halts[first..=last] {
            let x = x_of(halt);
            if x - drawn >= 1.0 {
                for panel in panels {
                    canvas.line("halt", (x, panel.area.top), (x, panel.area.bottom));
                }
                drawn = x;
            }
        }
        let (x, y) = (x_of(&halts[first]), panels[0].area.top - 7.0);
        let label =
            if first == last { (first + 1).to_string() } else { format!("{}–{}", first + 1, last + 1) };
        let half = super::svg::text_width(&label) / 2.0 + 4.0;
        let x = x.min(canvas.width - half - 1.0);
        canvas.rect("flag", Area { left: x - half, top: y - 8.0, right: x + half, bottom: y + 8.0 }, "");
        canvas.text("flagged", (x, y), Anchor::Middle, &label);
    }
    let mut y = canvas.height + LINE / 2.0;
    for (index, halt) in halts.iter().take(HALTS_LISTED).enumerate() {
        let text = format!("{}. {}: {}", index + 1, day_text(days(halt.at)), halt.label);
        canvas.text("", (0.0, y), Anchor::Start, &fitted(&text, canvas.width));
        y += LINE + 2.0;
    }
    if halts.len() > HALTS_LISTED {
        let text = format!("and {} more halts", halts.len() - HALTS_LISTED);
        canvas.text("mute", (0.0, y), Anchor::Start, &text);
        y += LINE + 2.0;
    }
    canvas.height = if halts.is_empty() { canvas.height } else { y };
}

fn draw_comparison(canvas: &mut Canvas, input: &Comparison, returns: &[Line], drawdowns: &[Line]) {
    let range = |curves: &[Line]| Range::of(curves.iter().flatten().map(|point| point.1));
    let axis = XAxis::time(canvas, returns.iter().flatten().map(|point| point.0));
    let (Some(levels), Some(falls), Some(axis)) = (range(returns), range(drawdowns), axis) else {
        return nothing(canvas);
    };
    let named = input.runs.iter().take(SERIES).enumerate();
    let mut entries: Vec<_> =
        named.map(|(series, run)| (Swatch::Line("curve", series), run.name.clone())).collect();
    if input.runs.len() > SERIES {
        entries.push((Swatch::Line("others", 0), format!("{} other runs", input.runs.len() - SERIES)));
    }
    let top = legend(canvas, 0.0, 0.0, canvas.width, &entries);
    let levels = Range { low: levels.low.min(0.0), high: levels.high.max(0.0) };
    let falls = Range { low: falls.low.min(-0.01), high: 0.0 };
    let tracks = [
        Track::new("Return on the bankroll", 230.0, levels, Unit::Share),
        Track::new("Drawdown from the peak", 100.0, falls, Unit::Share),
    ];
    let panels = stack(canvas, top, canvas.width - 10.0, &axis, &tracks);
    panels[0].rule(canvas, "zero", 0.0);
    for (panel, curves) in panels.iter().zip([returns, drawdowns]) {
        for (series, curve) in curves.iter().enumerate().rev() {
            let class = if series < SERIES { "curve" } else { "others" };
            panel.curve(canvas, class, series.min(SERIES - 1), curve);
        }
    }
}

/// Points in order of time, in days since 1970.
type Line = Vec<(f64, f64)>;

/// Returns on the bankroll, and value / highest value so far − 1, the bankroll counting as a peak.
pub(super) fn relative(run: &RunCurve) -> (Line, Line) {
    let mut peak = 1.0f64;
    let relative = |&(at, equity): &(Timestamp, f64)| {
        let value = equity / run.bankroll;
        peak = peak.max(value);
        ((days(at), value - 1.0), (days(at), value / peak - 1.0))
    };
    run.equity.iter().map(relative).unzip()
}
