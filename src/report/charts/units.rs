//! Units of a drawing, the size of its text, and what it is drawn on.

use plotters::prelude::SVGBackend;

/// Units of the drawing in a pixel of the page.
pub(super) const SCALE: f64 = 10.0;
/// Size of the charts' text in pixels; a phone shows the narrow drawing one to one.
pub(super) const FONT: f64 = 12.0;

/// The surface that plotters draws a chart on: SVG text.
pub(super) type Backend<'a> = SVGBackend<'a>;

/// Pixels in units of the drawing.
pub(super) fn pixels_to_units(pixels: f64) -> i32 {
    #[expect(clippy::cast_possible_truncation, reason = "a float's cast saturates, and sheets are small")]
    let units = (pixels * SCALE).round() as i32;
    units
}
