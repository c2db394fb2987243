//! What luck alone would have made of the same trades, with what came about marked among it.

use super::frame::{Swatch, Track, XAxis, legend, nothing, stack};
use super::scale::{Range, Unit};
use super::svg::{Anchor, Area, Canvas, Svg, text_width};

/// Bars of the histogram.
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
    /// What came about, dollars.
    pub observed: f64,
    /// What is simulated, like `Profit if the market's prices are right`.
    pub figure: String,
}

/// Draws it.
#[must_use]
pub fn outcomes(input: &Outcomes) -> Svg {
    Svg::drawn(&input.title, &input.description, |canvas| draw(canvas, input))
}

fn draw(canvas: &mut Canvas, input: &Outcomes) {
    let Some(drawn) = Range::of(input.simulated.iter().copied()) else { return nothing(canvas) };
    let marked = if input.observed.is_finite() { input.observed } else { drawn.low };
    let whole = Range { low: drawn.low.min(marked), high: drawn.high.max(marked) };
    let (range, _) = whole.rounded(8, Unit::Dollars);
    let counts = histogram(&input.simulated, range);
    let most = counts.iter().copied().max().unwrap_or(0).max(1);
    let total: u64 = counts.iter().sum();
    let entries = [
        (Swatch::Patch("bar soft", 0), "Below what came about".to_owned()),
        (Swatch::Patch("bar", 0), "At least as much".to_owned()),
        (Swatch::Line("seen", 0), "What came about".to_owned()),
    ];
    let top = legend(canvas, 0.0, 0.0, canvas.width, &entries);
    let axis = XAxis::number(canvas, range, Unit::Dollars, &input.figure);
    let share = most as f64 / total as f64;
    // Room above the bars for the label of what came about.
    let track =
        Track::new("Share of simulations", 200.0, Range { low: 0.0, high: share * 1.18 }, Unit::Share);
    let panels = stack(canvas, top, canvas.width - 10.0, &axis, &[track]);
    let panel = &panels[0];
    let width = (range.high - range.low) / BINS as f64;
    for (index, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
        let (low, high) = (range.low + index as f64 * width, range.low + (index + 1) as f64 * width);
        let share = *count as f64 / total as f64;
        // The bar that the observed value parts is drawn in two.
        for (from, to, class) in
            [(low, high.min(input.observed), "bar soft s0"), (low.max(input.observed), high, "bar s0")]
        {
            if to > from {
                let area = Area {
                    left: panel.x(from) + 0.4,
                    top: panel.y(share),
                    right: panel.x(to) - 0.4,
                    bottom: panel.area.bottom,
                };
                let money = |value| Unit::Dollars.text(value, Unit::Dollars.decimals(width * 100.0));
                let hover = format!("{} to {}: {}", money(low), money(high), Unit::Share.text(share, 2));
                canvas.rect(class, area, &hover);
            }
        }
    }
    if input.observed.is_finite() {
        mark(canvas, panel, input, range);
    }
}

fn mark(canvas: &mut Canvas, panel: &super::frame::Panel, input: &Outcomes, range: Range) {
    let x = panel.x(input.observed);
    canvas.line("seen", (x, panel.area.top), (x, panel.area.bottom));
    let largest = range.low.abs().max(range.high.abs());
    let amount = Unit::Dollars.signed(input.observed, Unit::Dollars.decimals(largest));
    let text = format!("came about: {amount}");
    let is_left = x + 8.0 + text_width(&text) > panel.area.right;
    let (at, anchor) = if is_left { (x - 6.0, Anchor::End) } else { (x + 6.0, Anchor::Start) };
    canvas.text("strong halo", (at, panel.area.top + 9.0), anchor, &text);
}

/// How many values lie in each of 48 equal parts of the range; what is not finite does not count.
fn histogram(values: &[f64], range: Range) -> [u64; BINS] {
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
