//! What curves lie in: panels above one another on one x axis, drawn by plotters with our ranges and ticks.

use plotters::chart::ChartContext;
use plotters::coord::cartesian::Cartesian2d;
use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};
use plotters::prelude::*;
use plotters::style::text_anchor::HPos;

use super::canvas::{Area, Drawn, LINE, Sheet, fitted, pixels, text_width, widest};
use super::reduce::reduced;
use super::scale::{AxisRange, AxisUnit, Tick, time_range, time_ticks};
use super::style::{Ink, LineStyle, marker, series_color};
use super::units::{Backend, px};

/// Between the end of the panels and the sheet's, in pixels.
pub(super) const MARGIN: f64 = 10.0;

/// A range with its ticks, for plotters. What lies beyond is drawn at the edge.
#[derive(Clone, Debug)]
pub(super) struct Axis {
    pub range: AxisRange,
    pub ticks: Vec<Tick>,
}

impl Axis {
    /// Of moments in days since 1970, or `None` without any.
    pub fn time(sheet: &Sheet<'_>, values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let range = time_range(values)?;
        Some(Self { range, ticks: time_ticks(range, if sheet.is_narrow() { 4 } else { 9 }) })
    }

    /// Of numbers, rounded up to ticks, for a panel `height` pixels high.
    pub fn rounded(range: AxisRange, height: f64, unit: AxisUnit) -> Self {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "some dozens of pixels")]
        let (range, ticks) = range.rounded(((height / 42.0) as usize).max(2), unit);
        Self { range, ticks }
    }
}

impl Ranged for Axis {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, (start, end): (i32, i32)) -> i32 {
        let share = ((value - self.range.low) / (self.range.high - self.range.low)).clamp(0.0, 1.0);
        #[expect(clippy::cast_possible_truncation, reason = "a share of some thousand units")]
        let along = (f64::from(end - start) * share).round() as i32;
        start + along
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        let ticks = self.ticks.iter().map(|tick| tick.at);
        ticks.filter(|_| !hint.weight().allow_light_points()).collect()
    }

    fn range(&self) -> std::ops::Range<f64> {
        self.range.low..self.range.high
    }
}

impl ValueFormatter<f64> for Axis {
    fn format_ext(&self, value: &f64) -> String {
        let found = self.ticks.iter().find(|tick| tick.at.total_cmp(value).is_eq());
        found.map_or_else(String::new, |tick| tick.label.clone())
    }
}

/// Title, height in pixels and y axis of one panel of a stack.
#[derive(Clone, Debug)]
pub(super) struct Track {
    pub title: String,
    /// Between its title and itself, in pixels.
    pub gap: f64,
    pub height: f64,
    pub axis: Axis,
}

impl Track {
    /// A panel `height` pixels high over a range, rounded up to ticks.
    pub fn new(title: impl Into<String>, height: f64, range: AxisRange, unit: AxisUnit) -> Self {
        Self::with_axis(title, height, Axis::rounded(range, height, unit))
    }

    /// The same with the ticks given.
    pub fn with_axis(title: impl Into<String>, height: f64, axis: Axis) -> Self {
        Self { title: title.into(), gap: 6.0, height, axis }
    }
}

/// What stands at a panel's axes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Labels<'t> {
    /// Height and width of their areas in pixels; without one there are none.
    pub x: f64,
    pub y: f64,
    pub x_title: &'t str,
    pub y_ink: Ink,
}

/// A rectangle with data in it.
pub(super) struct Panel<'a> {
    chart: ChartContext<'a, Backend<'a>, Cartesian2d<Axis, Axis>>,
}

impl<'a> Panel<'a> {
    /// Its grid and labels are drawn. `right` pixels are left free at its end.
    pub fn new(strip: &Area<'a>, x: &Axis, y: &Axis, labels: Labels<'_>, right: f64) -> Drawn<Self> {
        let mut chart = ChartBuilder::on(strip)
            .margin_right(px(right))
            .x_label_area_size(px(labels.x))
            .y_label_area_size(px(labels.y))
            .build_cartesian_2d(x.clone(), y.clone())?;
        let mut mesh = chart.configure_mesh();
        mesh.axis_style(TRANSPARENT)
            .bold_line_style(LineStyle::Grid.style())
            .x_label_style(Ink::Muted.style())
            .y_label_style(labels.y_ink.style())
            .axis_desc_style(Ink::Plain.style())
            .set_tick_mark_size(LabelAreaPosition::Left, px(3.0))
            .set_tick_mark_size(LabelAreaPosition::Bottom, px(4.0));
        if !labels.x_title.is_empty() {
            mesh.x_desc(labels.x_title);
        }
        mesh.draw()?;
        Ok(Self { chart })
    }

    /// Where a point lies on the sheet, in pixels.
    pub fn at(&self, point: (f64, f64)) -> (f64, f64) {
        let (x, y) = self.chart.backend_coord(&point);
        (pixels(x), pixels(y))
    }

    /// Its sides on the sheet, in pixels: left, top, right, bottom.
    pub fn sides(&self) -> [f64; 4] {
        let (x, y) = self.chart.plotting_area().get_pixel_range();
        [x.start, y.start, x.end, y.end].map(pixels)
    }

    pub fn draw<'e, E>(&self, element: &'e E) -> Drawn
    where
        &'e E: plotters::element::PointCollection<'e, (f64, f64)>,
        E: plotters::element::Drawable<Backend<'a>>,
    {
        self.chart.plotting_area().draw(element)
    }

    /// Returns how many columns of this many pixels fit into the panel's width.
    fn columns(&self, pixels: f64) -> usize {
        let [left, _, right, _] = self.sides();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "hundreds of pixels")]
        let columns = ((right - left) / pixels) as usize;
        columns
    }

    /// A curve in order of x; it has a gap where a value is not finite, and a lone point is a marker.
    pub fn curve(&mut self, line: LineStyle, points: &[(f64, f64)]) -> Drawn {
        // Runs without a name are many, and need less detail.
        let columns = self.columns(if matches!(line, LineStyle::Other) { 8.0 } else { 2.0 });
        for stretch in stretches(points) {
            match (stretch, line) {
                ([point], LineStyle::Series(series)) => self.draw(&marker(series, *point))?,
                ([point], _) => self.draw(&Circle::new(*point, px(2.0), line.style().filled()))?,
                _ => {
                    let series = LineSeries::new(reduced(stretch, columns), line.style());
                    self.chart.draw_series(series)?;
                }
            }
        }
        Ok(())
    }

    /// The curve of the first series, with the ground between it and zero in a series' colour.
    pub fn area(&mut self, ground: usize, points: &[(f64, f64)]) -> Drawn {
        let columns = self.columns(2.0);
        for stretch in stretches(points).filter(|stretch| stretch.len() > 1) {
            let points = reduced(stretch, columns);
            let area = AreaSeries::new(points, 0.0, series_color(ground).mix(0.22));
            self.chart.draw_series(area)?;
        }
        self.curve(LineStyle::Series(0), points)
    }

    /// The band between two curves over the same x: (x, low, high).
    pub fn band(&self, points: &[(f64, f64, f64)]) -> Drawn {
        let columns = self.columns(2.0);
        let finite = |p: &(f64, f64, f64)| [p.0, p.1, p.2].iter().all(|value| value.is_finite());
        let parts = points.chunk_by(|a, b| finite(a) == finite(b)).filter(|part| finite(&part[0]));
        for part in parts.filter(|part| part.len() > 1) {
            let edge = |of: fn(&(f64, f64, f64)) -> f64| {
                let edge: Vec<_> = part.iter().map(|point| (point.0, of(point))).collect();
                reduced(&edge, columns)
            };
            let mut outline = edge(|point| point.1);
            outline.extend(edge(|point| point.2).into_iter().rev());
            self.draw(&Polygon::new(outline, super::style::band()))?;
        }
        Ok(())
    }

    /// Draws a horizontal line at `y` over the whole width of the panel.
    pub fn across(&self, line: LineStyle, y: f64) -> Drawn {
        let range = self.chart.x_range();
        self.draw(&PathElement::new([(range.start, y), (range.end, y)], line.style()))
    }

    /// A vertical line from the lower edge to the upper.
    pub fn upright(&self, line: LineStyle, x: f64) -> Drawn {
        let range = self.chart.y_range();
        self.draw(&PathElement::new([(x, range.start), (x, range.end)], line.style()))
    }
}

/// The parts of a curve without a hole.
fn stretches(points: &[(f64, f64)]) -> impl Iterator<Item = &[(f64, f64)]> {
    let finite = |point: &(f64, f64)| point.0.is_finite() && point.1.is_finite();
    points.chunk_by(move |a, b| finite(a) == finite(b)).filter(move |part| finite(&part[0]))
}

/// Panels in strips of their own, `right` pixels from the sheet's end. The last one has the x axis' labels.
pub(super) fn stack<'a>(
    sheet: &mut Sheet<'a>,
    (x, x_title): (&Axis, &str),
    right: f64,
    tracks: &[Track],
) -> Drawn<Vec<Panel<'a>>> {
    let labels = tracks.iter().flat_map(|track| &track.axis.ticks).map(|tick| tick.label.as_str());
    let left = widest(labels).max(24.0) + 8.0;
    // A label in the middle of its tick must not leave the sheet.
    let in_pixels = (sheet.width - left - right) / (x.range.high - x.range.low);
    let reach = |tick: &Tick, end: f64| text_width(&tick.label) / 2.0 - (end - tick.at).abs() * in_pixels;
    let left = x.ticks.first().map_or(left, |tick| left.max(reach(tick, x.range.low)));
    let right = x.ticks.last().map_or(right, |tick| right.max(reach(tick, x.range.high)));
    let below = x.ticks.iter().map(|tick| tick.below.len()).max().unwrap_or(0);
    let lines = 1 + below + usize::from(!x_title.is_empty());
    let x_title = fitted(x_title, sheet.width - left - right);
    let mut panels = Vec::new();
    for (index, track) in tracks.iter().enumerate() {
        sheet.line(Ink::Strong, &track.title)?;
        sheet.used += track.gap;
        let is_last = index + 1 == tracks.len();
        let below = if is_last { 12.0 + lines as f64 * LINE } else { 0.0 };
        let strip = sheet.strip(track.height + below);
        let x_title = if is_last { x_title.as_str() } else { "" };
        let labels = Labels { x: below, y: left, x_title, y_ink: Ink::Muted };
        panels.push(Panel::new(&strip, x, &track.axis, labels, right)?);
        sheet.used += if is_last { 2.0 } else { 14.0 };
    }
    if let Some(panel) = panels.last() {
        let [_, _, _, bottom] = panel.sides();
        for tick in &x.ticks {
            let x = panel.at((tick.at, 0.0)).0;
            for (line, text) in (1..).zip(&tick.below) {
                let y = bottom + 6.0 + LINE * (f64::from(line) + 0.5);
                sheet.text(Ink::Muted, (x, y), HPos::Center, text)?;
            }
        }
    }
    Ok(panels)
}
