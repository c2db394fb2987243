//! What curves lie in: panels above one another on one x axis, drawn by plotters with our ranges and ticks.

use plotters::chart::ChartContext;
use plotters::coord::cartesian::Cartesian2d;
use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};
use plotters::prelude::*;
use plotters::style::text_anchor::HPos;

use super::canvas::{
    Area, Drawn, LINE, Sheet, max_text_width, text_width, truncate_to_width, units_to_pixels,
};
use super::reduce::downsample_points;
use super::scale::{AxisRange, AxisUnit, Tick, time_range, time_ticks};
use super::style::{Ink, LineStyle, series_color, series_marker};
use super::units::{Backend, pixels_to_units};

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
    pub fn from_times(sheet: &Sheet<'_>, values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let range = time_range(values)?;
        Some(Self { range, ticks: time_ticks(range, if sheet.is_narrow() { 4 } else { 9 }) })
    }

    /// Of numbers, rounded up to ticks, for a panel `height` pixels high.
    pub fn from_range(range: AxisRange, height: f64, unit: AxisUnit) -> Self {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "some dozens of pixels")]
        let (range, ticks) = range.round_to_ticks(((height / 42.0) as usize).max(2), unit);
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
        Self::with_axis(title, height, Axis::from_range(range, height, unit))
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
            .margin_right(pixels_to_units(right))
            .x_label_area_size(pixels_to_units(labels.x))
            .y_label_area_size(pixels_to_units(labels.y))
            .build_cartesian_2d(x.clone(), y.clone())?;
        let mut mesh = chart.configure_mesh();
        mesh.axis_style(TRANSPARENT)
            .bold_line_style(LineStyle::Grid.shape_style())
            .x_label_style(Ink::Muted.text_style())
            .y_label_style(labels.y_ink.text_style())
            .axis_desc_style(Ink::Plain.text_style())
            .set_tick_mark_size(LabelAreaPosition::Left, pixels_to_units(3.0))
            .set_tick_mark_size(LabelAreaPosition::Bottom, pixels_to_units(4.0));
        if !labels.x_title.is_empty() {
            mesh.x_desc(labels.x_title);
        }
        mesh.draw()?;
        Ok(Self { chart })
    }

    /// Where a point lies on the sheet, in pixels.
    pub fn sheet_position(&self, point: (f64, f64)) -> (f64, f64) {
        let (x, y) = self.chart.backend_coord(&point);
        (units_to_pixels(x), units_to_pixels(y))
    }

    /// Its sides on the sheet, in pixels: left, top, right, bottom.
    pub fn sheet_edges(&self) -> [f64; 4] {
        let (x, y) = self.chart.plotting_area().get_pixel_range();
        [x.start, y.start, x.end, y.end].map(units_to_pixels)
    }

    pub fn draw_element<'e, E>(&self, element: &'e E) -> Drawn
    where
        &'e E: plotters::element::PointCollection<'e, (f64, f64)>,
        E: plotters::element::Drawable<Backend<'a>>,
    {
        self.chart.plotting_area().draw(element)
    }

    /// Returns how many columns of this many pixels fit into the panel's width.
    fn column_count(&self, pixels: f64) -> usize {
        let [left, _, right, _] = self.sheet_edges();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "hundreds of pixels")]
        let columns = ((right - left) / pixels) as usize;
        columns
    }

    /// A curve in order of x; it has a gap where a value is not finite, and a lone point is a marker.
    pub fn draw_curve(&mut self, line: LineStyle, points: &[(f64, f64)]) -> Drawn {
        // Runs without a name are many, and need less detail.
        let columns = self.column_count(if matches!(line, LineStyle::Other) { 8.0 } else { 2.0 });
        for stretch in finite_stretches(points) {
            match (stretch, line) {
                ([point], LineStyle::Series(series)) => self.draw_element(&series_marker(series, *point))?,
                ([point], _) => self.draw_element(&Circle::new(
                    *point,
                    pixels_to_units(2.0),
                    line.shape_style().filled(),
                ))?,
                _ => {
                    let series = LineSeries::new(downsample_points(stretch, columns), line.shape_style());
                    self.chart.draw_series(series)?;
                }
            }
        }
        Ok(())
    }

    /// The curve of the first series, with the ground between it and zero in a series' colour.
    pub fn draw_area(&mut self, ground: usize, points: &[(f64, f64)]) -> Drawn {
        let columns = self.column_count(2.0);
        for stretch in finite_stretches(points).filter(|stretch| stretch.len() > 1) {
            let points = downsample_points(stretch, columns);
            let area = AreaSeries::new(points, 0.0, series_color(ground).mix(0.22));
            self.chart.draw_series(area)?;
        }
        self.draw_curve(LineStyle::Series(0), points)
    }

    /// The band between two curves over the same x: (x, low, high).
    pub fn draw_band(&self, points: &[(f64, f64, f64)]) -> Drawn {
        let columns = self.column_count(2.0);
        let finite = |p: &(f64, f64, f64)| [p.0, p.1, p.2].iter().all(|value| value.is_finite());
        let parts = points.chunk_by(|a, b| finite(a) == finite(b)).filter(|part| finite(&part[0]));
        for part in parts.filter(|part| part.len() > 1) {
            let edge = |of: fn(&(f64, f64, f64)) -> f64| {
                let edge: Vec<_> = part.iter().map(|point| (point.0, of(point))).collect();
                downsample_points(&edge, columns)
            };
            let mut outline = edge(|point| point.1);
            outline.extend(edge(|point| point.2).into_iter().rev());
            self.draw_element(&Polygon::new(outline, super::style::band_color()))?;
        }
        Ok(())
    }

    /// Draws a horizontal line at `y` over the whole width of the panel.
    pub fn draw_horizontal_line(&self, line: LineStyle, y: f64) -> Drawn {
        let range = self.chart.x_range();
        self.draw_element(&PathElement::new([(range.start, y), (range.end, y)], line.shape_style()))
    }

    /// A vertical line from the lower edge to the upper.
    pub fn draw_vertical_line(&self, line: LineStyle, x: f64) -> Drawn {
        let range = self.chart.y_range();
        self.draw_element(&PathElement::new([(x, range.start), (x, range.end)], line.shape_style()))
    }
}

/// The parts of a curve without a hole.
fn finite_stretches(points: &[(f64, f64)]) -> impl Iterator<Item = &[(f64, f64)]> {
    let finite = |point: &(f64, f64)| point.0.is_finite() && point.1.is_finite();
    points.chunk_by(move |a, b| finite(a) == finite(b)).filter(move |part| finite(&part[0]))
}

/// Panels in strips of their own, `right` pixels from the sheet's end. The last one has the x axis' labels.
pub(super) fn draw_stacked_panels<'a>(
    sheet: &mut Sheet<'a>,
    (x, x_title): (&Axis, &str),
    right: f64,
    tracks: &[Track],
) -> Drawn<Vec<Panel<'a>>> {
    let labels = tracks.iter().flat_map(|track| &track.axis.ticks).map(|tick| tick.label.as_str());
    let left = max_text_width(labels).max(24.0) + 8.0;
    // A label in the middle of its tick must not leave the sheet.
    let in_pixels = (sheet.width - left - right) / (x.range.high - x.range.low);
    let reach = |tick: &Tick, end: f64| text_width(&tick.label) / 2.0 - (end - tick.at).abs() * in_pixels;
    let left = x.ticks.first().map_or(left, |tick| left.max(reach(tick, x.range.low)));
    let right = x.ticks.last().map_or(right, |tick| right.max(reach(tick, x.range.high)));
    let below = x.ticks.iter().map(|tick| tick.below.len()).max().unwrap_or(0);
    let lines = 1 + below + usize::from(!x_title.is_empty());
    let x_title = truncate_to_width(x_title, sheet.width - left - right);
    let mut panels = Vec::new();
    for (index, track) in tracks.iter().enumerate() {
        sheet.draw_text_line(Ink::Strong, &track.title)?;
        sheet.used += track.gap;
        let is_last = index + 1 == tracks.len();
        let below = if is_last { 12.0 + lines as f64 * LINE } else { 0.0 };
        let strip = sheet.next_strip(track.height + below);
        let x_title = if is_last { x_title.as_str() } else { "" };
        let labels = Labels { x: below, y: left, x_title, y_ink: Ink::Muted };
        panels.push(Panel::new(&strip, x, &track.axis, labels, right)?);
        sheet.used += if is_last { 2.0 } else { 14.0 };
    }
    if let Some(panel) = panels.last() {
        let [_, _, _, bottom] = panel.sheet_edges();
        for tick in &x.ticks {
            let x = panel.sheet_position((tick.at, 0.0)).0;
            for (line, text) in (1..).zip(&tick.below) {
                let y = bottom + 6.0 + LINE * (f64::from(line) + 0.5);
                sheet.draw_text(Ink::Muted, (x, y), HPos::Center, text)?;
            }
        }
    }
    Ok(panels)
}
