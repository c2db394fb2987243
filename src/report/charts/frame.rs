//! What every chart has around its data: panels above one another on one x axis, ticks, legends.

use super::reduce::reduced;
use super::scale::{Range, Tick, Unit, time_range, time_ticks};
use super::svg::{Anchor, Area, Canvas, FONT, LINE, fitted, text_width};

/// How many series have a look of their own.
pub(super) const SERIES: usize = 7;

/// A rectangle with data in it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Panel {
    pub area: Area,
    x: Range,
    y: Range,
}

/// What a panel shows.
#[derive(Clone, Debug)]
pub(super) struct Track {
    title: String,
    height: f64,
    range: Range,
    ticks: Vec<Tick>,
}

/// The x axis all panels share.
#[derive(Clone, Debug)]
pub(super) struct XAxis {
    pub range: Range,
    pub ticks: Vec<Tick>,
    pub title: String,
}

impl Track {
    /// A panel `height` pixels high over a range, rounded up to ticks.
    pub fn new(title: impl Into<String>, height: f64, range: Range, unit: Unit) -> Self {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "some dozens of pixels")]
        let count = ((height / 42.0) as usize).max(2);
        let (range, ticks) = range.rounded(count, unit);
        Self { title: title.into(), height, range, ticks }
    }

    /// The same with the ticks given.
    pub fn with_ticks(title: impl Into<String>, height: f64, range: Range, ticks: Vec<Tick>) -> Self {
        Self { title: title.into(), height, range, ticks }
    }
}

impl XAxis {
    /// An axis of moments in days since 1970, or `None` without any.
    pub fn time(canvas: &Canvas, values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let range = time_range(values)?;
        let count = if canvas.is_narrow() { 4 } else { 9 };
        Some(Self { range, ticks: time_ticks(range, count), title: String::new() })
    }

    /// An axis of numbers.
    pub fn number(canvas: &Canvas, range: Range, unit: Unit, title: &str) -> Self {
        let count = if canvas.is_narrow() { 3 } else { 7 };
        Self { range, ticks: range.ticks(count, unit), title: title.to_owned() }
    }
}

impl Panel {
    pub fn x(&self, value: f64) -> f64 {
        let share = ((value - self.x.low) / (self.x.high - self.x.low)).clamp(0.0, 1.0);
        self.area.left + share * (self.area.right - self.area.left)
    }

    pub fn y(&self, value: f64) -> f64 {
        let share = ((value - self.y.low) / (self.y.high - self.y.low)).clamp(0.0, 1.0);
        self.area.bottom - share * (self.area.bottom - self.area.top)
    }

    pub fn at(&self, point: (f64, f64)) -> (f64, f64) {
        (self.x(point.0), self.y(point.1))
    }

    /// Columns this many pixels wide.
    fn columns(&self, pixels: f64) -> usize {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "some hundreds of pixels"
        )]
        let columns = ((self.area.right - self.area.left) / pixels) as usize;
        columns
    }

    /// A curve in order of x; it has a gap where a value is not finite, and a lone point is a marker.
    pub fn curve(&self, canvas: &mut Canvas, class: &str, series: usize, points: &[(f64, f64)]) {
        // Runs without a name are many, and need less detail.
        let columns = self.columns(if class == "others" { 8.0 } else { 2.0 });
        for stretch in stretches(points) {
            let pixels: Vec<_> = reduced(stretch, columns).into_iter().map(|point| self.at(point)).collect();
            match pixels.as_slice() {
                [] => {}
                [point] => canvas.marker(series, *point, ""),
                _ => canvas.polyline(&format!("{class} s{series}"), &pixels),
            }
        }
    }

    /// The ground between a curve and zero.
    pub fn ground(&self, canvas: &mut Canvas, series: usize, points: &[(f64, f64)]) {
        let columns = self.columns(2.0);
        for stretch in stretches(points).filter(|stretch| stretch.len() > 1) {
            let mut pixels: Vec<_> =
                reduced(stretch, columns).into_iter().map(|point| self.at(point)).collect();
            let (first, last) = (pixels[0].0, pixels[pixels.len() - 1].0);
            pixels.extend([(last, self.y(0.0)), (first, self.y(0.0))]);
            canvas.polygon(&format!("area s{series}"), &pixels);
        }
    }

    /// The band between two curves over the same x: (x, low, high).
    pub fn band(&self, canvas: &mut Canvas, class: &str, points: &[(f64, f64, f64)]) {
        let columns = self.columns(2.0);
        let finite = |p: &(f64, f64, f64)| [p.0, p.1, p.2].iter().all(|value| value.is_finite());
        let parts = points.chunk_by(|a, b| finite(a) == finite(b)).filter(|part| finite(&part[0]));
        for part in parts.filter(|part| part.len() > 1) {
            let edge = |of: fn(&(f64, f64, f64)) -> f64| {
                let edge: Vec<_> = part.iter().map(|point| (point.0, of(point))).collect();
                reduced(&edge, columns).into_iter().map(|point| self.at(point)).collect::<Vec<_>>()
            };
            let mut outline = edge(|point| point.1);
            outline.extend(edge(|point| point.2).into_iter().rev());
            canvas.polygon(class, &outline);
        }
    }

    /// A horizontal line across.
    pub fn rule(&self, canvas: &mut Canvas, class: &str, value: f64) {
        let y = self.y(value);
        canvas.line(class, (self.area.left, y), (self.area.right, y));
    }
}

/// The parts of a curve without a hole.
fn stretches(points: &[(f64, f64)]) -> impl Iterator<Item = &[(f64, f64)]> {
    let finite = |point: &(f64, f64)| point.0.is_finite() && point.1.is_finite();
    points.chunk_by(move |a, b| finite(a) == finite(b)).filter(move |part| finite(&part[0]))
}

/// Panels from `top` down, from the left edge to `right`, with all axes drawn. The canvas ends below them.
pub(super) fn stack(canvas: &mut Canvas, top: f64, right: f64, axis: &XAxis, tracks: &[Track]) -> Vec<Panel> {
    let widest = |track: &Track| track.ticks.iter().map(|tick| text_width(&tick.label)).fold(0.0, f64::max);
    let left = tracks.iter().map(widest).fold(0.0, f64::max).max(24.0) + 8.0;
    let mut panels = Vec::new();
    let mut y = top;
    for track in tracks {
        canvas.text("strong", (0.0, y + LINE / 2.0), Anchor::Start, &track.title);
        let area = Area { left, top: y + LINE + 8.0, right, bottom: y + LINE + 8.0 + track.height };
        let panel = Panel { area, x: axis.range, y: track.range };
        for tick in &axis.ticks {
            canvas.line("grid", (panel.x(tick.at), area.top), (panel.x(tick.at), area.bottom));
        }
        for tick in &track.ticks {
            let at = panel.y(tick.at);
            canvas.line("grid", (left, at), (right, at));
            canvas.text("mute", (left - 6.0, at), Anchor::End, &tick.label);
        }
        panels.push(panel);
        y = area.bottom + 16.0;
    }
    if let Some(panel) = panels.last() {
        x_labels(canvas, panel, axis);
    }
    panels
}

fn x_labels(canvas: &mut Canvas, panel: &Panel, axis: &XAxis) {
    let area = panel.area;
    canvas.line("axis", (area.left, area.bottom), (area.right, area.bottom));
    let mut y = area.bottom + 4.0 + LINE / 2.0;
    for tick in &axis.ticks {
        let x = panel.x(tick.at);
        canvas.line("axis", (x, area.bottom), (x, area.bottom + 4.0));
        canvas.text("mute", (x, y + 2.0), Anchor::Middle, &tick.label);
        if let Some(below) = &tick.below {
            canvas.text("mute", (x, y + 2.0 + LINE), Anchor::Middle, below);
        }
    }
    if axis.ticks.iter().any(|tick| tick.below.is_some()) {
        y += LINE;
    }
    if !axis.title.is_empty() {
        y += LINE + 4.0;
        canvas.text("", (f64::midpoint(area.left, area.right), y), Anchor::Middle, &axis.title);
    }
    canvas.height = y + LINE / 2.0 + 6.0;
}

/// What a legend shows beside a name.
#[derive(Clone, Copy, Debug)]
pub(super) enum Swatch {
    /// The line of a series, or any line of a class.
    Line(&'static str, usize),
    /// The marker of a series, with a whisker through it.
    Mark(usize),
    /// A filled patch of a class and series.
    Patch(&'static str, usize),
    /// The mark of a figure to compare with.
    Reference,
}

/// Names and looks from (left, top), wrapped at `right`; returns where it ends.
pub(super) fn legend(
    canvas: &mut Canvas,
    left: f64,
    top: f64,
    right: f64,
    entries: &[(Swatch, String)],
) -> f64 {
    const SAMPLE: f64 = 26.0;
    let (mut x, mut y) = (left, top + LINE / 2.0);
    for (swatch, name) in entries {
        let name = fitted(name, right - left - SAMPLE - 6.0);
        let width = SAMPLE + 6.0 + text_width(&name);
        if x > left && x + width > right {
            (x, y) = (left, y + LINE + 4.0);
        }
        match swatch {
            Swatch::Line(class, series) => {
                canvas.line(&format!("{class} s{series}"), (x, y), (x + SAMPLE, y));
            }
            Swatch::Mark(series) => {
                let middle = x + SAMPLE / 2.0;
                canvas.line(&format!("whisker s{series}"), (middle, y - 8.0), (middle, y + 8.0));
                canvas.marker(*series, (middle, y), "");
            }
            Swatch::Reference => canvas.reference((x + SAMPLE / 2.0, y)),
            Swatch::Patch(class, series) => {
                let area =
                    Area { left: x + 4.0, top: y - FONT / 2.0, right: x + SAMPLE, bottom: y + FONT / 2.0 };
                canvas.rect(&format!("{class} s{series}"), area, "");
            }
        }
        canvas.text("", (x + SAMPLE + 6.0, y), Anchor::Start, &name);
        x += width + 16.0;
    }
    y + LINE / 2.0 + 8.0
}

/// What a chart says that has nothing to draw.
pub(super) fn nothing(canvas: &mut Canvas) {
    canvas.height = 96.0;
    let area = Area { left: 0.5, top: 0.5, right: canvas.width - 0.5, bottom: canvas.height - 0.5 };
    canvas.rect("void", area, "");
    let middle = (canvas.width / 2.0, canvas.height / 2.0);
    canvas.text("mute", middle, Anchor::Middle, "Nothing to draw: no data yet");
}
