//! Where the money went: from the gross edge, step by step, to the net result.

use super::frame::nothing;
use super::scale::{Range, Unit};
use super::svg::{Anchor, Area, Canvas, LINE, Svg, fitted, text_width};

/// What was added or taken.
#[derive(Clone, Debug)]
pub struct Step {
    /// Its name.
    pub label: String,
    /// Dollars; below zero is taken.
    pub amount: f64,
}

/// A walk from nothing to a total.
#[derive(Clone, Debug, Default)]
pub struct Waterfall {
    /// For readers who do not see the chart.
    pub title: String,
    /// What it shows, in a sentence.
    pub description: String,
    /// In order; the total of them is drawn as the last bar. A dozen at most are readable.
    pub steps: Vec<Step>,
    /// Name of the total.
    pub total: String,
}

/// Draws it, in dollars.
#[must_use]
pub fn waterfall(input: &Waterfall) -> Svg {
    Svg::drawn(&input.title, &input.description, |canvas| draw(canvas, input))
}

/// A bar from one level to another.
struct Row<'a> {
    label: &'a str,
    from: f64,
    to: f64,
    class: &'static str,
}

fn draw(canvas: &mut Canvas, input: &Waterfall) {
    let mut level = 0.0;
    let mut rows = Vec::new();
    for step in input.steps.iter().filter(|step| step.amount.is_finite()) {
        let class = if step.amount < 0.0 { "bar s1" } else { "bar s0" };
        rows.push(Row { label: &step.label, from: level, to: level + step.amount, class });
        level += step.amount;
    }
    let Some(range) = Range::of(rows.iter().map(|row| row.to).chain([0.0])).filter(|_| !rows.is_empty())
    else {
        return nothing(canvas);
    };
    rows.push(Row { label: &input.total, from: 0.0, to: level, class: "bar total" });
    let largest = rows.iter().map(|row| (row.to - row.from).abs()).fold(0.0, f64::max);
    let decimals = Unit::Dollars.decimals(largest);
    let amounts: Vec<_> = rows.iter().map(|row| Unit::Dollars.signed(row.to - row.from, decimals)).collect();
    let room = amounts.iter().map(|text| text_width(text)).fold(0.0, f64::max) + 8.0;
    // On a phone a name stands over its bar.
    let over = if canvas.is_narrow() { LINE + 2.0 } else { 0.0 };
    let names = rows.iter().map(|row| text_width(row.label)).fold(0.0, f64::max).min(220.0);
    let left = if canvas.is_narrow() { 0.0 } else { names + 16.0 };
    let (start, end) = (left + room, canvas.width - room);
    let span = (range.high - range.low).max(f64::MIN_POSITIVE);
    let x = |value: f64| start + (value - range.low) / span * (end - start);
    let row_height = 34.0 + over;
    let bottom = rows.len() as f64 * row_height;
    for (index, (row, amount)) in rows.iter().zip(&amounts).enumerate() {
        let top = index as f64 * row_height + over + 5.0;
        canvas.line("zero", (x(0.0), top - 5.0), (x(0.0), top + 29.0));
        let class = if index + 1 == rows.len() { "strong" } else { "" };
        let label_at = if over > 0.0 { (0.0, top - LINE / 2.0) } else { (0.0, top + 12.0) };
        let label = fitted(row.label, if over > 0.0 { canvas.width } else { names + 8.0 });
        canvas.text(&format!("{class} halo"), label_at, Anchor::Start, &label);
        let (low, high) = (x(row.from.min(row.to)), x(row.from.max(row.to)));
        let area = Area { left: low, top, right: high.max(low + 1.0), bottom: top + 24.0 };
        canvas.rect(row.class, area, &format!("{}: {amount}", row.label));
        if index + 1 < rows.len() {
            let to = x(row.to);
            canvas.line("axis", (to, top + 24.0), (to, top + row_height));
        }
        // The sign's side of the bar, so that the amount is read with the step's direction.
        let (at, anchor) =
            if row.to < row.from { (low - 5.0, Anchor::End) } else { (area.right + 5.0, Anchor::Start) };
        canvas.text(&format!("{class} halo"), (at, top + 12.0), anchor, amount);
    }
    canvas.height = bottom + 4.0;
}
