//! The sheet a chart is drawn on: strips of it are given out from the top, and it ends with the last one.
//!
//! plotters knows whole pixels only, so it draws ten times as large and the view box scales it back.

use maud::{Markup, PreEscaped, Render, html};
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::style::{BAD, Ink, LineStyle, PANEL, reference_marker, series_marker, whisker_style};
use super::units::{Backend, FONT, SCALE, pixels_to_units};

/// Height of a sheet before it is cut, in units; no chart comes near it.
const TALL: u32 = 100_000;
/// Height of a line of text in pixels.
pub(super) const LINE: f64 = 16.0;
/// Length of a whisker's ends, in units.
pub(super) const WHISKER: u32 = 70;

/// Drawing into memory cannot fail, but plotters' elements say that they might.
pub(super) type Drawn<T = ()> = Result<T, DrawingAreaErrorKind<std::io::Error>>;
pub(super) type Area<'a> = DrawingArea<Backend<'a>, Shift>;

/// A chart, drawn for a desktop and for a phone; the page's style shows one of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Svg(String);

impl Svg {
    /// The two `<svg>` elements, all text escaped.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Draws for both widths. `title` and `description` are for readers who do not see the chart.
    pub(super) fn draw_both_widths(
        title: &str,
        description: &str,
        draw: impl Fn(&mut Sheet<'_>) -> Drawn,
    ) -> Self {
        let both = [("wide", 760.0), ("narrow", 360.0)].map(|(class, width)| {
            let mut drawing = String::new();
            let root = SVGBackend::with_string(&mut drawing, (pixels_to_units(width).unsigned_abs(), TALL));
            let mut sheet = Sheet { root: root.into_drawing_area(), width, used: 0.0 };
            draw(&mut sheet).expect("memory takes every element");
            let view_box = format!("0 0 {} {}", pixels_to_units(width), pixels_to_units(sheet.used.ceil()));
            drop(sheet);
            // plotters fixes the size in its root element; ours has none, so that the page scales it.
            let elements = drawing.split_once('>').and_then(|(_, rest)| rest.rsplit_once("</svg>"));
            let (elements, _) = elements.expect("plotters closes its root element");
            html! {
                svg class={ "chart " (class) } role="img" viewBox=(view_box) xmlns="http://www.w3.org/2000/svg" {
                    title { (replace_forbidden_chars(title)) }
                    desc { (replace_forbidden_chars(description)) }
                    (PreEscaped(elements))
                }
            }
        });
        Self(both.map(Markup::into_string).concat())
    }
}

impl Render for Svg {
    fn render(&self) -> Markup {
        PreEscaped(self.0.clone())
    }
}

/// Units of the drawing in pixels.
pub(super) fn units_to_pixels(units: i32) -> f64 {
    f64::from(units) / SCALE
}

/// What a legend shows beside a name.
#[derive(Clone, Copy, Debug)]
pub(super) enum Swatch {
    Line(LineStyle),
    /// The marker of a series, with a whisker through it.
    Mark(usize),
    /// A horizontal whisker in plain ink, for intervals that belong to no series.
    Whisker,
    Patch(RGBAColor),
    /// The mark of a figure to compare with.
    Reference,
}

/// One drawing; lengths and places are in pixels, and y grows downwards.
pub(super) struct Sheet<'a> {
    pub root: Area<'a>,
    pub width: f64,
    /// Height in pixels that is given out already; the next strip begins there.
    pub used: f64,
}

impl<'a> Sheet<'a> {
    /// Whether this is the drawing for a phone.
    pub fn is_narrow(&self) -> bool {
        self.width < 500.0
    }

    /// The next strip, across the whole sheet.
    pub fn next_strip(&mut self, height: f64) -> Area<'a> {
        let top = pixels_to_units(self.used);
        self.used += height;
        self.root.clone().shrink((0, top), (pixels_to_units(self.width), pixels_to_units(height)))
    }

    /// Text in the middle of a line of height; moved sideways where it would leave the sheet.
    pub fn draw_text(&self, ink: Ink, (x, y): (f64, f64), side: HPos, text: &str) -> Drawn {
        let text = truncate_to_width(text, self.width);
        let width = text_width(&text) * ink.width_factor();
        let before = match side {
            HPos::Left => 0.0,
            HPos::Center => width / 2.0,
            HPos::Right => width,
        };
        let x = x.min(self.width - (width - before)).max(before);
        self.root.draw_text(
            &text,
            &ink.text_style().pos(Pos::new(side, VPos::Center)),
            (pixels_to_units(x), pixels_to_units(y)),
        )
    }

    /// A line of text in a strip of its own.
    pub fn draw_text_line(&mut self, ink: Ink, text: &str) -> Drawn {
        self.draw_text(ink, (0.0, self.used + LINE / 2.0), HPos::Left, text)?;
        self.used += LINE + 2.0;
        Ok(())
    }

    /// Draws a filled box between two opposite corners, in pixels.
    pub fn draw_filled_box(&self, color: &impl Color, from: (f64, f64), to: (f64, f64)) -> Drawn {
        self.root.draw(&Rectangle::new(
            [from, to].map(|(x, y)| (pixels_to_units(x), pixels_to_units(y))),
            color.filled(),
        ))
    }

    /// Names and looks in strips of their own.
    pub fn draw_legend(&mut self, entries: &[(Swatch, String)]) -> Drawn {
        self.used = self.draw_legend_at((0.0, self.used), entries)?;
        Ok(())
    }

    /// Names and looks from a place to the right edge, wrapped; returns where it ends. plotters' own
    /// legend lies over the data, and its widths are guessed too roughly to wrap by.
    pub fn draw_legend_at(&self, (left, top): (f64, f64), entries: &[(Swatch, String)]) -> Drawn<f64> {
        const SAMPLE: f64 = 26.0;
        let (mut x, mut y) = (left, top + LINE / 2.0);
        for (swatch, name) in entries {
            let name = truncate_to_width(name, self.width - left - SAMPLE - 6.0);
            let width = SAMPLE + 6.0 + text_width(&name);
            if x > left && x + width > self.width {
                (x, y) = (left, y + LINE + 4.0);
            }
            let middle = (pixels_to_units(x + SAMPLE / 2.0), pixels_to_units(y));
            let across = |from: (f64, f64), to: (f64, f64), line: LineStyle| {
                PathElement::new(
                    [from, to].map(|(x, y)| (pixels_to_units(x), pixels_to_units(y))),
                    line.shape_style(),
                )
            };
            match *swatch {
                Swatch::Line(line) => self.root.draw(&across((x, y), (x + SAMPLE, y), line))?,
                Swatch::Mark(series) => {
                    let ends = (pixels_to_units(y - 8.0), pixels_to_units(y + 8.0));
                    let style = whisker_style(Some(series));
                    let bar = ErrorBar::new_vertical(middle.0, ends.0, middle.1, ends.1, style, WHISKER);
                    self.root.draw(&bar)?;
                    self.root.draw(&series_marker(series, middle))?;
                }
                Swatch::Whisker => {
                    let ends = (pixels_to_units(x + 2.0), pixels_to_units(x + SAMPLE - 2.0));
                    let style = whisker_style(None);
                    let bar = ErrorBar::new_horizontal(middle.1, ends.0, middle.0, ends.1, style, WHISKER);
                    self.root.draw(&bar)?;
                }
                Swatch::Patch(color) => {
                    self.draw_filled_box(&color, (x + 4.0, y - FONT / 2.0), (x + SAMPLE, y + FONT / 2.0))?;
                }
                Swatch::Reference => self.root.draw(&reference_marker(middle))?,
            }
            self.draw_text(Ink::Plain, (x + SAMPLE + 6.0, y), HPos::Left, &name)?;
            x += width + 16.0;
        }
        Ok(y + LINE / 2.0 + 8.0)
    }

    /// A label on a coloured ground, centred at a place or left of it where the sheet ends.
    pub fn draw_flag(&self, (x, y): (f64, f64), label: &str) -> Drawn {
        let half = text_width(label) / 2.0 + 4.0;
        let x = x.min(self.width - half - 1.0);
        self.draw_filled_box(&BAD, (x - half, y - 8.0), (x + half, y + 8.0))?;
        self.draw_text(Ink::Flag, (x, y), HPos::Center, label)
    }

    /// What a chart says that has nothing to draw.
    pub fn draw_no_data_note(&mut self) -> Drawn {
        self.next_strip(96.0).fill(&PANEL)?;
        self.draw_text(Ink::Muted, (self.width / 2.0, 48.0), HPos::Center, "Nothing to draw: no data yet")
    }
}

/// How wide a text is at most in the usual system fonts, in pixels. plotters without a font library takes
/// every byte for 0.56 em, and some characters have three.
pub(super) fn text_width(text: &str) -> f64 {
    let em = |c: char| match c {
        'i' | 'j' | 'l' | 'I' | '.' | ',' | ':' | ';' | '\'' | '|' | '!' | '(' | ')' | '[' | ']' | ' '
        | '\u{a0}' => 0.36,
        'f' | 'r' | 't' | '-' | '/' => 0.42,
        'm' | 'w' | 'M' | 'W' | '@' | '%' | '…' | '—' => 0.95,
        'A'..='Z' | '&' => 0.72,
        '−' | '+' | '=' | '<' | '>' => 0.84,
        c if c >= '\u{1100}' => 1.0,
        _ => 0.64,
    };
    text.chars().map(em).sum::<f64>() * FONT
}

/// The widest of some texts, in pixels.
pub(super) fn max_text_width<'t>(texts: impl IntoIterator<Item = &'t str>) -> f64 {
    texts.into_iter().map(text_width).fold(0.0, f64::max)
}

/// The text as an SVG can carry it, cut with an ellipsis where it is wider than `width` pixels.
pub(super) fn truncate_to_width(text: &str, width: f64) -> String {
    let text = replace_forbidden_chars(text);
    if text_width(&text) <= width {
        return text;
    }
    let mut kept = String::new();
    for c in text.chars() {
        kept.push(c);
        if text_width(&kept) + text_width("…") > width {
            kept.pop();
            break;
        }
    }
    format!("{}…", kept.trim_end())
}

/// Without the characters that XML forbids.
fn replace_forbidden_chars(text: &str) -> String {
    let is_forbidden = |c: char| c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}');
    text.chars().map(|c| if is_forbidden(c) { '\u{fffd}' } else { c }).collect()
}
