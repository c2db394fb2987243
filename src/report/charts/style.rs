//! Colours, lines and marks of the charts.
//!
//! Colours are those of the page in the light (the palette of Okabe and Ito, "Color universal design", 2008).
//! An SVG attribute holds a colour's value, so the style sheet selects by it: it turns each for the dark, and
//! gives lines their dashes, which as elements of their own would make the page many times as long.

use plotters::prelude::*;

use super::units::{Backend, FONT, pixels_to_units};

const PAGE: RGBColor = RGBColor(0xff, 0xff, 0xff);
pub(super) const PANEL: RGBColor = RGBColor(0xf5, 0xf7, 0xf9);
const INK: RGBColor = RGBColor(0x1b, 0x1f, 0x24);
/// Labels of axes; as a curve it is dashed.
pub(super) const MUTED: RGBColor = RGBColor(0x5a, 0x65, 0x72);
/// Lines that lead the eye from one bar to the next, and runs without a name.
const FAINT: RGBColor = RGBColor(0x8a, 0x94, 0xa0);
const GRID: RGBColor = RGBColor(0xdf, 0xe4, 0xe9);
/// As a line it is dashed.
pub(super) const BAD: RGBColor = RGBColor(0xb0, 0x3a, 0x00);
/// As curves, all but the first are dashed, each in its own way.
pub(super) const SERIES: [RGBColor; 7] = [
    RGBColor(0x00, 0x72, 0xb2),
    RGBColor(0xd5, 0x5e, 0x00),
    RGBColor(0x00, 0x9e, 0x73),
    RGBColor(0xa8, 0x55, 0x8a),
    RGBColor(0x3a, 0x9b, 0xd0),
    RGBColor(0xb9, 0x7f, 0x00),
    RGBColor(0x33, 0x3a, 0x42),
];

/// The colour of a series; after the seventh they begin again.
pub(super) fn series_color(series: usize) -> RGBColor {
    SERIES[series % SERIES.len()]
}

/// Returns the translucent grey that fills the band of an interval.
pub(super) fn band_color() -> RGBAColor {
    MUTED.mix(0.18)
}

/// What a line is for, and so how it looks.
#[derive(Clone, Copy, Debug)]
pub(super) enum LineStyle {
    Series(usize),
    /// Something to compare with: the peak, a limit, the ideal.
    Reference,
    /// Runs beyond the seven that are named, and the lines that lead from one bar to the next.
    Other,
    Grid,
    Zero,
    Halt,
    /// The result that really came about, among simulated ones.
    Seen,
}

impl LineStyle {
    pub fn shape_style(self) -> ShapeStyle {
        let (color, width) = match self {
            Self::Series(series) => (series_color(series).mix(1.0), 1.75),
            Self::Reference => (MUTED.mix(1.0), 1.25),
            Self::Other => (FAINT.mix(0.6), 1.0),
            Self::Grid => (GRID.mix(1.0), 1.0),
            Self::Zero => (INK.mix(0.55), 1.0),
            Self::Halt => (BAD.mix(1.0), 1.25),
            Self::Seen => (INK.mix(1.0), 2.0),
        };
        color.stroke_width(pixels_to_units(width).unsigned_abs())
    }
}

/// Of an interval's whisker; its middle is a filled circle.
pub(super) fn whisker_style(series: Option<usize>) -> ShapeStyle {
    series.map_or(INK, series_color).filled().stroke_width(pixels_to_units(1.5).unsigned_abs())
}

/// What a text is for, and so how it looks.
#[derive(Clone, Copy, Debug)]
pub(super) enum Ink {
    Plain,
    Muted,
    Strong,
    /// Bold text in the page's colour, on the coloured ground of a halt's flag.
    Flag,
}

impl Ink {
    pub fn text_style(self) -> TextStyle<'static> {
        let (color, style) = match self {
            Self::Plain => (INK, FontStyle::Normal),
            Self::Muted => (MUTED, FontStyle::Normal),
            Self::Strong => (INK, FontStyle::Bold),
            Self::Flag => (PAGE, FontStyle::Bold),
        };
        // plotters' SVG writes a font 1.24 times smaller than it was asked for.
        FontDesc::new(FontFamily::SansSerif, f64::from(pixels_to_units(FONT)) * 1.24, style).color(&color)
    }

    /// How much wider its letters are than plain ones, at most.
    pub fn width_factor(self) -> f64 {
        if matches!(self, Self::Strong | Self::Flag) { 1.12 } else { 1.0 }
    }
}

/// The marker of a series at a place: each has its own shape, as it has its colour.
pub(super) fn series_marker<'a, C: Clone + 'a>(series: usize, at: C) -> DynElement<'a, Backend<'a>, C> {
    let color = series_color(series).filled();
    let outline = |points: &[(f64, f64)]| {
        let points: Vec<_> = points.iter().map(|(x, y)| (pixels_to_units(*x), pixels_to_units(*y))).collect();
        Polygon::new(points, color)
    };
    match series % 4 {
        0 => Circle::new(at, pixels_to_units(4.0), color).into_dyn(),
        1 => {
            let square = |half: f64| {
                [
                    (pixels_to_units(-half), pixels_to_units(-half)),
                    (pixels_to_units(half), pixels_to_units(half)),
                ]
            };
            let (whole, hole) = (square(4.0), square(2.2));
            let hollow = EmptyElement::at(at) + Rectangle::new(whole, color);
            (hollow + Rectangle::new(hole, PAGE.filled())).into_dyn()
        }
        2 => (EmptyElement::at(at) + outline(&[(0.0, -5.0), (4.6, 3.2), (-4.6, 3.2)])).into_dyn(),
        _ => (EmptyElement::at(at) + outline(&[(0.0, -5.2), (5.2, 0.0), (0.0, 5.2), (-5.2, 0.0)])).into_dyn(),
    }
}

/// The mark of a figure to compare with: a hollow diamond.
pub(super) fn reference_marker<'a, C: Clone + 'a>(at: C) -> DynElement<'a, Backend<'a>, C> {
    let diamond = |width: f64, height: f64, color: RGBColor| {
        let corners = [
            (0, pixels_to_units(-height)),
            (pixels_to_units(width), 0),
            (0, pixels_to_units(height)),
            (pixels_to_units(-width), 0),
        ];
        Polygon::new(corners, color.filled())
    };
    (EmptyElement::at(at) + diamond(5.2, 6.9, INK) + diamond(3.2, 4.3, PAGE)).into_dyn()
}
