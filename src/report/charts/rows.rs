//! Horizontal bars beneath one another, their names beside them, or above them on a phone.

use plotters::prelude::*;
use plotters::style::text_anchor::HPos;

use super::canvas::{Drawn, LINE, Sheet, max_text_width, truncate_to_width};
use super::panel::{Axis, Labels, Panel};
use super::scale::{AxisRange, Tick};
use super::style::{Ink, LineStyle};

/// The widest a name may be beside its bar, in pixels.
const NAME: f64 = 210.0;

/// Measures of the rows, in pixels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Measures {
    /// Height of a row beside a desktop's names, and of its bar.
    pub row: f64,
    pub bar: f64,
    /// Left free on either side of the bars.
    pub room: (f64, f64),
    /// Left free at the end of a phone's names.
    pub after_name: f64,
}

/// The panel of the bars; its y counts rows from the top.
pub(super) struct ChartRows<'a> {
    pub panel: Panel<'a>,
    count: usize,
    /// The middle of the bar in its row, and half the bar's height, in rows.
    middle: f64,
    half: f64,
    /// The least length of a bar: a pixel, in values.
    least: f64,
}

impl<'a> ChartRows<'a> {
    /// Rows with their names drawn; the x axis has labels if it has ticks.
    pub fn new(sheet: &mut Sheet<'a>, names: &[&str], x: &Axis, measures: Measures) -> Drawn<Self> {
        let over = if sheet.is_narrow() { LINE + 2.0 } else { 0.0 };
        let beside = if over > 0.0 { 0.0 } else { max_text_width(names.iter().copied()).min(NAME) + 10.0 };
        let height = measures.row + over;
        let middle = (over + measures.row / 2.0) / height;
        let labels = if x.ticks.is_empty() { 4.0 } else { LINE + 10.0 };
        let tick =
            |(row, name): (usize, &&str)| Tick::new(row as f64 + middle, truncate_to_width(name, NAME));
        let ticks = if over > 0.0 { Vec::new() } else { names.iter().enumerate().map(tick).collect() };
        let y = Axis { range: AxisRange { low: names.len() as f64, high: 0.0 }, ticks };
        let top = sheet.used;
        let strip = sheet.next_strip(height * names.len() as f64 + labels);
        let labels = Labels { x: labels, x_title: "", y: beside, y_ink: Ink::Plain };
        let (before, after) = measures.room;
        let least = (x.range.high - x.range.low) / (sheet.width - beside - before - after);
        let range = AxisRange { low: x.range.low - before * least, high: x.range.high + after * least };
        let panel = Panel::new(&strip, &Axis { range, ticks: x.ticks.clone() }, &y, labels, 0.0)?;
        for (row, name) in names.iter().enumerate().filter(|_| over > 0.0) {
            let at = (0.0, top + row as f64 * height + LINE / 2.0 + 2.0);
            sheet.draw_text(
                Ink::Plain,
                at,
                HPos::Left,
                &truncate_to_width(name, sheet.width - measures.after_name),
            )?;
        }
        Ok(Self { panel, count: names.len(), middle, half: measures.bar / 2.0 / height, least })
    }

    /// Where the middle of a row's bar is, in rows.
    pub fn bar_middle(&self, row: usize) -> f64 {
        row as f64 + self.middle
    }

    /// The line at zero, which leaves room for a phone's names.
    pub fn draw_zero_line(&self) -> Drawn {
        // The bar is in the middle between the name and the next row.
        let top = 2.0 * self.middle - 1.0;
        (0..self.count).map(|row| row as f64).try_for_each(|row| {
            let path = [(0.0, row + top), (0.0, row + 1.0)];
            self.panel.draw_element(&PathElement::new(path, LineStyle::Zero.shape_style()))
        })
    }

    /// A row's bar between two values, at least a pixel long.
    pub fn draw_bar(&self, row: usize, (from, to): (f64, f64), color: &impl Color) -> Drawn {
        let (low, middle) = (from.min(to), self.bar_middle(row));
        let high = from.max(to).max(low + self.least);
        let corners = [(low, middle - self.half), (high, middle + self.half)];
        self.panel.draw_element(&Rectangle::new(corners, color.filled()))
    }
}
