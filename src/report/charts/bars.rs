//! Horizontal bars with whiskers: any figure by category, series, side, price, horizon or reason.

use super::frame::{Swatch, legend, nothing};
use super::scale::{Range, Unit};
use super::svg::{Anchor, Area, Canvas, LINE, Svg, fitted, text_width};

/// Rows that are drawn; the rest is counted beneath.
const ROWS: usize = 40;

/// One row.
#[derive(Clone, Debug, Default)]
pub struct Bar {
    /// Which group.
    pub label: String,
    /// The figure; NaN where it is unknown.
    pub value: f64,
    /// Its interval.
    pub interval: Option<(f64, f64)>,
    /// How many it is made of, shown as `n = …`.
    pub count: Option<u64>,
    /// The figure to compare with.
    pub reference: Option<f64>,
}

/// A figure by group.
#[derive(Clone, Debug)]
pub struct Bars {
    /// For readers who do not see the chart.
    pub title: String,
    /// What it shows, in a sentence.
    pub description: String,
    /// What the figure is, like `Profit after fees`; stands over the bars.
    pub figure: String,
    /// What it counts.
    pub unit: Unit,
    /// Whether what is above zero has a `+`.
    pub signed: bool,
    /// What the rows' `reference` is, like `Market` or `Study of 2025`; for the legend.
    pub reference: Option<String>,
    /// In the order shown; 40 at most are drawn.
    pub rows: Vec<Bar>,
}

/// Draws it.
#[must_use]
pub fn bars(input: &Bars) -> Svg {
    Svg::drawn(&input.title, &input.description, |canvas| draw(canvas, input))
}

/// Where things lie across.
struct Layout {
    over: f64,
    labels: f64,
    start: f64,
    end: f64,
    range: Range,
}

impl Layout {
    fn x(&self, value: f64) -> f64 {
        let share = (value - self.range.low) / (self.range.high - self.range.low);
        self.start + share.clamp(0.0, 1.0) * (self.end - self.start)
    }
}

fn draw(canvas: &mut Canvas, input: &Bars) {
    let rows = &input.rows[..input.rows.len().min(ROWS)];
    let values = rows.iter().flat_map(|row| {
        let (low, high) = row.interval.unwrap_or((f64::NAN, f64::NAN));
        [row.value, low, high, row.reference.unwrap_or(f64::NAN)]
    });
    let Some(range) = Range::of(values.clone()).and_then(|_| Range::of(values.chain([0.0]))) else {
        return nothing(canvas);
    };
    let (range, ticks) = range.rounded(if canvas.is_narrow() { 3 } else { 5 }, input.unit);
    let texts: Vec<_> = rows.iter().map(|row| value_text(input, row)).collect();
    let over = if canvas.is_narrow() { LINE + 2.0 } else { 0.0 };
    let labels = rows.iter().map(|row| text_width(&row.label)).fold(0.0, f64::max).min(210.0);
    let room = texts.iter().map(|text| text_width(text)).fold(0.0, f64::max) + 10.0;
    let layout = Layout {
        over,
        labels,
        start: if over > 0.0 { 12.0 } else { labels + 22.0 },
        // On a phone the value stands at the end of the name's line.
        end: if over > 0.0 { canvas.width - 12.0 } else { canvas.width - room - 8.0 },
        range,
    };
    let top = head(canvas, input);
    let height = 24.0 + over;
    let bottom = top + rows.len() as f64 * height + 4.0;
    for tick in &ticks {
        let x = layout.x(tick.at);
        let class = if tick.at == 0.0 { "zero" } else { "grid" };
        for row in 0..rows.len() {
            // On a phone the lines leave room for the names.
            let row_top = top + row as f64 * height;
            canvas.line(class, (x, row_top + over), (x, row_top + height));
        }
        canvas.text("mute", (x, bottom + 12.0), Anchor::Middle, &tick.label);
    }
    for (index, (row, text)) in rows.iter().zip(&texts).enumerate() {
        draw_row(canvas, &layout, top + index as f64 * height, row, text);
    }
    canvas.height = bottom + 24.0;
    if input.rows.len() > ROWS {
        let text = format!("and {} more, not drawn", Unit::Number.text((input.rows.len() - ROWS) as f64, 0));
        canvas.text("mute", (0.0, canvas.height + 4.0), Anchor::Start, &text);
        canvas.height += 18.0;
    }
}

/// The figure's name and the legend; returns where the rows begin.
fn head(canvas: &mut Canvas, input: &Bars) -> f64 {
    canvas.text("strong", (0.0, LINE / 2.0), Anchor::Start, &input.figure);
    let mut entries = Vec::new();
    if input.rows.iter().any(|row| row.interval.is_some()) {
        entries.push((Swatch::Line("whisker ink", 6), "95 % interval".to_owned()));
    }
    if let Some(name) = &input.reference {
        entries.push((Swatch::Reference, name.clone()));
    }
    if entries.is_empty() { LINE + 6.0 } else { legend(canvas, 0.0, LINE + 4.0, canvas.width, &entries) }
}

fn value_text(input: &Bars, row: &Bar) -> String {
    let largest = input.rows.iter().map(|row| row.value.abs()).filter(|value| value.is_finite());
    let is_counted = input.rows.iter().all(|row| row.value.fract() == 0.0);
    let decimals = match input.unit {
        Unit::Number if is_counted => 0,
        unit => unit.decimals(largest.fold(0.0, f64::max)),
    };
    let value = match row.value {
        value if !value.is_finite() => "unknown".to_owned(),
        value if input.signed => input.unit.signed(value, decimals),
        value => input.unit.text(value, decimals),
    };
    let count = |count: u64| format!("{value}  (n = {})", Unit::Number.text(count as f64, 0));
    row.count.map_or_else(|| value.clone(), count)
}

fn draw_row(canvas: &mut Canvas, layout: &Layout, top: f64, row: &Bar, text: &str) {
    let middle = top + layout.over + 12.0;
    if layout.over > 0.0 {
        let label = fitted(&row.label, canvas.width - text_width(text) - 12.0);
        canvas.text("halo", (0.0, top + LINE / 2.0 + 2.0), Anchor::Start, &label);
        canvas.text("halo", (canvas.width, top + LINE / 2.0 + 2.0), Anchor::End, text);
    } else {
        canvas.text(
            "",
            (layout.labels + 10.0, middle),
            Anchor::End,
            &fitted(&row.label, layout.labels + 1.0),
        );
        canvas.text("", (canvas.width, middle), Anchor::End, text);
    }
    if row.value.is_finite() {
        let (low, high) = (layout.x(row.value.min(0.0)), layout.x(row.value.max(0.0)));
        let area = Area { left: low, top: middle - 7.0, right: high.max(low + 1.0), bottom: middle + 7.0 };
        let class = if row.value < 0.0 { "bar ground s1" } else { "bar ground s0" };
        canvas.rect(class, area, &format!("{}: {text}", row.label));
    }
    if let Some((low, high)) = row.interval.filter(|(low, high)| low.is_finite() && high.is_finite()) {
        let (low, high) = (layout.x(low), layout.x(high));
        canvas.line("whisker ink", (low, middle), (high, middle));
        for end in [low, high] {
            canvas.line("whisker ink", (end, middle - 4.0), (end, middle + 4.0));
        }
    }
    if let Some(reference) = row.reference.filter(|reference| reference.is_finite()) {
        canvas.reference((layout.x(reference), middle));
    }
}
