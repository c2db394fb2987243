//! Where prices went after the fills: what tells a bad entry from bad luck.

use super::frame::{Track, XAxis, nothing, stack};
use super::scale::{Range, Tick, Unit};
use super::svg::{Anchor, Canvas, Svg, fitted, text_width};

/// Horizons that find room; the later ones are left out, and the chart says so.
const HORIZONS: usize = 8;

/// The mean move after a fill, in the direction of the side taken.
#[derive(Clone, Debug)]
pub struct MarkOut {
    /// How long after, like `15 min` or `settlement`.
    pub horizon: String,
    /// Mean, cents per contract; above zero is in our favour.
    pub cents: f64,
    /// Its 95 % interval.
    pub interval: Option<(f64, f64)>,
    /// How many fills.
    pub count: u64,
}

/// Mark-outs by horizon.
#[derive(Clone, Debug, Default)]
pub struct MarkOuts {
    /// For readers who do not see the chart.
    pub title: String,
    /// What it shows, in a sentence.
    pub description: String,
    /// Shortest horizon first.
    pub horizons: Vec<MarkOut>,
}

/// Draws it.
#[must_use]
pub fn mark_outs(input: &MarkOuts) -> Svg {
    Svg::drawn(&input.title, &input.description, |canvas| draw(canvas, input))
}

fn draw(canvas: &mut Canvas, input: &MarkOuts) {
    let shown = &input.horizons[..input.horizons.len().min(HORIZONS)];
    let ends = |mark: &MarkOut| mark.interval.map_or([mark.cents; 2], |(low, high)| [low, high]);
    let values = shown.iter().flat_map(|mark| ends(mark).into_iter().chain([mark.cents]));
    let Some(range) = Range::of(values.clone()).and_then(|_| Range::of(values.chain([0.0]))) else {
        return nothing(canvas);
    };
    let slot = (canvas.width - 60.0) / shown.len() as f64;
    let is_narrow = canvas.is_narrow();
    let tick = |(index, mark): (usize, &MarkOut)| {
        let count = Unit::Number.text(mark.count as f64, 0);
        let below = Some(if is_narrow { count } else { format!("n = {count}") });
        Tick { at: index as f64, label: fitted(&mark.horizon, room(shown, index, slot)), below }
    };
    let axis = XAxis {
        range: Range { low: -0.5, high: shown.len() as f64 - 0.5 },
        ticks: shown.iter().enumerate().map(tick).collect(),
        title: if is_narrow { "Time after the fill; number of fills" } else { "Time after the fill" }
            .to_owned(),
    };
    let largest = range.low.abs().max(range.high.abs());
    let range = Range { low: range.low, high: range.high + (range.high - range.low) * 0.1 };
    let track = Track::new("Mean move in our favour, cents a contract", 220.0, range, Unit::Cents);
    let panels = stack(canvas, 0.0, canvas.width - 10.0, &axis, &[track]);
    let panel = &panels[0];
    panel.rule(canvas, "zero", 0.0);
    let path: Vec<_> = shown.iter().enumerate().map(|(index, mark)| (index as f64, mark.cents)).collect();
    let decimals = Unit::Cents.decimals(largest);
    for (mark, point) in shown.iter().zip(&path).filter(|(mark, _)| mark.cents.is_finite()) {
        let (x, y) = panel.at(*point);
        if let Some((low, high)) = mark.interval.filter(|(low, high)| low.is_finite() && high.is_finite()) {
            canvas.line("whisker s0", (x, panel.y(low)), (x, panel.y(high)));
            for end in [low, high] {
                canvas.line("whisker s0", (x - 5.0, panel.y(end)), (x + 5.0, panel.y(end)));
            }
        }
        let text = Unit::Cents.signed(mark.cents, decimals);
        canvas.marker(0, (x, y), &format!("{}: {text}, n = {}", mark.horizon, mark.count));
        // Over the whisker, where nothing else is drawn.
        let top = panel.y(ends(mark).into_iter().filter(|end| end.is_finite()).fold(mark.cents, f64::max));
        canvas.text("halo", (x, top - 12.0), Anchor::Middle, &text);
    }
    if input.horizons.len() > HORIZONS {
        let text = format!("{} later horizons are not shown", input.horizons.len() - HORIZONS);
        canvas.text("mute", (0.0, canvas.height + 4.0), Anchor::Start, &text);
        canvas.height += 16.0;
    }
}

/// How wide a horizon's name may be: what its wider neighbour leaves.
fn room(shown: &[MarkOut], index: usize, slot: f64) -> f64 {
    let width = |index: usize| shown.get(index).map_or(0.0, |mark| text_width(&mark.horizon));
    let widest = width(index + 1).max(if index > 0 { width(index - 1) } else { 0.0 });
    (2.0 * (slot - 4.0) - widest).max(slot - 4.0)
}
