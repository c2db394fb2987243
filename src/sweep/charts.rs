//! The charts of a sweep: a line, a heat map, parallel coordinates.
//!
//! Blue and orange of the page's palette (Okabe and Ito 2008), which colour-blind readers tell apart; numbers,
//! dashes and widths say the same a second time.

use std::collections::BTreeSet;

use maud::{Markup, html};

use super::result::TaskResult;

const WIDTH: f64 = 760.0;
const LEFT: f64 = 90.0;
const RIGHT: f64 = 40.0;
const TOP: f64 = 16.0;
const BOTTOM: f64 = 44.0;
/// Height of a line chart, in units of the view box.
const HEIGHT: f64 = 300.0;
/// Cells along an axis of a heat map; more values are put together.
const CELLS: usize = 12;
/// Values of a key that are each named.
const NAMED: usize = 8;
/// Lines of the parallel coordinates; of more sets every n-th by return is drawn.
const LINES: usize = 400;

/// Which keys a heat map crosses.
#[derive(Clone, Copy, Debug)]
pub struct Axes {
    /// Across, by its place among the keys.
    pub x: usize,
    /// Upwards, by its place among the keys.
    pub y: usize,
}

/// Where the values of a key lie: numbers by size, words one after the other.
struct Scale {
    /// Lowest and highest value if all are numbers and not all equal; `None` spaces values evenly.
    ends: Option<(f64, f64)>,
    /// Distinct values as written, sorted by size if `ends` is set and by text otherwise.
    values: Vec<String>,
}

impl Scale {
    fn for_key(results: &[TaskResult], key: usize) -> Self {
        let values: BTreeSet<&String> = results.iter().map(|result| &result.parameters[key].1).collect();
        let mut values: Vec<String> = values.into_iter().cloned().collect();
        let numbers: Option<Vec<f64>> = values.iter().map(|value| parse_finite(value)).collect();
        let ends = numbers.and_then(|numbers| {
            let low = numbers.iter().copied().reduce(f64::min)?;
            let high = numbers.iter().copied().reduce(f64::max)?;
            (high > low).then_some((low, high))
        });
        if ends.is_some() {
            let size = |value: &String| parse_finite(value).unwrap_or(0.0);
            values.sort_by(|a, b| size(a).total_cmp(&size(b)));
        }
        Self { ends, values }
    }

    /// Returns where a value lies along its axis, from 0 to 1; a lone value lies in the middle.
    fn relative_position(&self, value: &str) -> f64 {
        if let (Some((low, high)), Some(value)) = (self.ends, parse_finite(value)) {
            return (value - low) / (high - low);
        }
        let at = self.values.iter().position(|known| known == value).unwrap_or(0);
        if self.values.len() > 1 { at as f64 / (self.values.len() - 1) as f64 } else { 0.5 }
    }

    /// Values to name, with their places.
    fn axis_labels(&self) -> Vec<(f64, String)> {
        let named = |value: &String| (self.relative_position(value), value.clone());
        if self.values.len() <= NAMED {
            return self.values.iter().map(named).collect();
        }
        [self.values.first(), self.values.last()].into_iter().flatten().map(named).collect()
    }
}

fn parse_finite(value: &str) -> Option<f64> {
    value.parse().ok().filter(|value: &f64| value.is_finite())
}

fn format_pixels(value: f64) -> String {
    format!("{value:.1}")
}

fn signed_percent_number(share: f64) -> String {
    format!("{:+.1}", 100.0 * share).replace('-', "−")
}

fn total_returns(results: &[TaskResult]) -> Vec<f64> {
    results.iter().map(|result| result.figures.total_return()).collect()
}

/// Range of the returns with 0 in it.
fn range_with_zero(returns: &[f64]) -> (f64, f64) {
    let low = returns.iter().copied().fold(0.0, f64::min);
    let high = returns.iter().copied().fold(0.0, f64::max);
    if high > low { (low, high) } else { (-0.01, 0.01) }
}

fn svg_chart(height: f64, title: &str, body: &Markup) -> Markup {
    html! {
        div.scroll tabindex="0" role="group" aria-label=(title) {
            svg style="display:block;min-width:600px;width:100%;font-size:12px" role="img" xmlns="http://www.w3.org/2000/svg"
                viewBox={ "0 0 " (WIDTH) " " (format_pixels(height)) } {
                title { (title) }
                g fill="var(--ink)" { (body) }
            }
        }
    }
}

fn svg_text(x: f64, y: f64, anchor: &str, words: &str) -> Markup {
    html! { text x=(format_pixels(x)) y=(format_pixels(y)) text-anchor=(anchor) { (words) } }
}

fn svg_line(from: (f64, f64), to: (f64, f64), colour: &str) -> Markup {
    html! {
        line x1=(format_pixels(from.0)) y1=(format_pixels(from.1))
            x2=(format_pixels(to.0)) y2=(format_pixels(to.1)) stroke=(colour) {}
    }
}

/// Draws the return of each set against its value of one key, in order of the value.
#[must_use]
pub fn line_chart(results: &[TaskResult], key: usize, name: &str) -> Markup {
    let (scale, returns) = (Scale::for_key(results, key), total_returns(results));
    let (low, high) = range_with_zero(&returns);
    let across = |share: f64| LEFT + share * (WIDTH - LEFT - RIGHT);
    let up = |value: f64| HEIGHT - BOTTOM - (value - low) / (high - low) * (HEIGHT - TOP - BOTTOM);
    let place = |result: &TaskResult| across(scale.relative_position(&result.parameters[key].1));
    let values = results.iter().map(|result| &result.parameters[key].1);
    let mut points: Vec<(f64, f64, &String)> = results
        .iter()
        .zip(&returns)
        .zip(values)
        .map(|((one, made), value)| (place(one), up(*made), value))
        .collect();
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    let path: Vec<String> =
        points.iter().map(|(x, y, _)| format!("{},{}", format_pixels(*x), format_pixels(*y))).collect();
    let body = html! {
        @for value in [low, 0.0, high] {
            (svg_line((LEFT, up(value)), (WIDTH - RIGHT, up(value)), "var(--line)"))
            (svg_text(LEFT - 6.0, up(value) + 4.0, "end", &format!("{} %", signed_percent_number(value))))
        }
        polyline points=(path.join(" ")) fill="none" stroke="var(--s0)" stroke-width="1.75" {}
        @for (x, y, value) in &points {
            circle cx=(format_pixels(*x)) cy=(format_pixels(*y)) r="4" fill="var(--s0)" { title { (name) " = " (value) } }
        }
        @for (share, value) in scale.axis_labels() {
            (svg_text(across(share), HEIGHT - BOTTOM + 18.0, "middle", &value))
        }
        (svg_text(across(0.5), HEIGHT - 6.0, "middle", name))
    };
    svg_chart(HEIGHT, &format!("Return by {name}"), &body)
}

/// The cells of a key: one a value, or equal stretches of its range.
struct Cells {
    scale: Scale,
    count: usize,
}

impl Cells {
    fn for_key(results: &[TaskResult], key: usize) -> Self {
        let scale = Scale::for_key(results, key);
        let count = scale.values.len().min(CELLS);
        Self { scale, count }
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a place is between 0 and 1")]
    fn cell_index(&self, value: &str) -> usize {
        if self.scale.values.len() <= CELLS {
            return self.scale.values.iter().position(|known| known == value).unwrap_or(0);
        }
        ((self.scale.relative_position(value) * self.count as f64) as usize).min(self.count - 1)
    }

    /// Returns the label of a cell: its value, or the first value of its stretch with `…` after it.
    fn cell_label(&self, cell: usize) -> String {
        if self.scale.values.len() <= CELLS {
            return self.scale.values[cell].clone();
        }
        let first = self.scale.values.iter().find(|value| self.cell_index(value) == cell);
        first.map_or_else(String::new, |value| format!("{value}…"))
    }
}

/// Draws a heat map of the mean return of the sets in each cell of two keys' values.
#[must_use]
pub fn heat_map(results: &[TaskResult], axes: Axes, keys: &[&str]) -> Markup {
    let (across, up) = (Cells::for_key(results, axes.x), Cells::for_key(results, axes.y));
    let mut sums = vec![(0.0, 0u32); across.count * up.count];
    for result in results {
        let (x, y) = (&result.parameters[axes.x].1, &result.parameters[axes.y].1);
        let sum = &mut sums[up.cell_index(y) * across.count + across.cell_index(x)];
        sum.0 += result.figures.total_return();
        sum.1 += 1;
    }
    let means: Vec<Option<f64>> =
        sums.iter().map(|(sum, count)| (*count > 0).then(|| sum / f64::from(*count))).collect();
    let most = means.iter().flatten().map(|mean| mean.abs()).fold(1e-9, f64::max);
    let (width, height) = ((WIDTH - LEFT - RIGHT) / across.count as f64, 32.0);
    let bottom = TOP + height * up.count as f64;
    let corner = |cell: usize| {
        let (row, column) = (cell / across.count, cell % across.count);
        (LEFT + width * column as f64, bottom - height * (row + 1) as f64)
    };
    let body = html! {
        @for (cell, mean) in means.iter().enumerate() {
            @let (x, y) = corner(cell);
            @let colour = if mean.is_some_and(|mean| mean < 0.0) { "var(--s1)" } else { "var(--s0)" };
            @let strength = mean.map_or(0.0, |mean| 0.75 * mean.abs() / most);
            rect x=(format_pixels(x)) y=(format_pixels(y)) width=(format_pixels(width)) height=(format_pixels(height))
                fill=(colour) fill-opacity=(format!("{strength:.3}")) stroke="var(--line)" {}
            @if let Some(mean) = mean {
                (svg_text(x + width / 2.0, y + height / 2.0 + 4.0, "middle", &signed_percent_number(*mean)))
            }
        }
        @for column in 0..across.count {
            (svg_text(LEFT + width * (column as f64 + 0.5), bottom + 16.0, "middle", &across.cell_label(column)))
        }
        @for row in 0..up.count {
            (svg_text(LEFT - 6.0, bottom - height * (row as f64 + 0.5) + 4.0, "end", &up.cell_label(row)))
        }
        (svg_text(f64::midpoint(LEFT, WIDTH - RIGHT), bottom + 36.0, "middle", &format!("{} across, {} upwards", keys[axes.x], keys[axes.y])))
    };
    svg_chart(bottom + BOTTOM, &format!("Return by {} and {}", keys[axes.x], keys[axes.y]), &body)
}

/// All keys side by side, with the return at the right.
#[must_use]
pub fn parallel_coordinates(results: &[TaskResult], keys: &[&str]) -> Markup {
    let scales: Vec<Scale> = (0..keys.len()).map(|key| Scale::for_key(results, key)).collect();
    let all = total_returns(results);
    let (low, high) = range_with_zero(&all);
    let height = HEIGHT + 40.0;
    let across = |axis: usize| LEFT + axis as f64 / keys.len() as f64 * (WIDTH - LEFT - RIGHT - 20.0);
    let up = |share: f64| height - BOTTOM - share * (height - 2.0 * TOP - BOTTOM);
    let mut order: Vec<usize> = (0..results.len()).collect();
    order.sort_by(|a, b| all[*a].total_cmp(&all[*b]));
    let tenth = results.len().div_ceil(10);
    let step = results.len().div_ceil(LINES);
    let drawn: Vec<(usize, usize)> = order.iter().copied().enumerate().step_by(step).collect();
    let path = |set: usize| -> String {
        let values = results[set]
            .parameters
            .iter()
            .zip(&scales)
            .map(|((_, value), scale)| scale.relative_position(value));
        let ends = values.chain([(all[set] - low) / (high - low)]);
        let points = ends
            .enumerate()
            .map(|(axis, share)| format!("{},{}", format_pixels(across(axis)), format_pixels(up(share))));
        points.collect::<Vec<_>>().join(" ")
    };
    let body = html! {
        @for (rank, set) in drawn {
            @let (colour, width, dash) = if rank + tenth >= results.len() { ("var(--s0)", "2", "none") }
                else if rank < tenth { ("var(--s1)", "1.5", "5 3") } else { ("var(--muted)", "0.6", "none") };
            polyline points=(path(set)) fill="none" stroke=(colour) stroke-width=(width) stroke-dasharray=(dash)
                stroke-opacity="0.7" {}
        }
        @for (axis, key) in keys.iter().chain(&["return"]).enumerate() {
            (svg_line((across(axis), up(0.0)), (across(axis), up(1.0)), "var(--muted)"))
            (svg_text(across(axis), height - if axis % 2 == 0 { 22.0 } else { 6.0 }, "middle", key))
        }
        @for (axis, scale) in scales.iter().enumerate() {
            @for (share, value) in scale.axis_labels() {
                (svg_text(across(axis) - 5.0, up(share) + 4.0, "end", &value))
            }
        }
        @for value in [low, high] {
            (svg_text(across(keys.len()) + 5.0, up((value - low) / (high - low)) + 4.0, "start", &format!("{} %", signed_percent_number(value))))
        }
    };
    svg_chart(height, "All parameters and the return", &body)
}
