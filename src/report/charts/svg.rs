//! The canvas under the charts: SVG elements with sub-pixel coordinates, classes and escaped text.
//!
//! Own strings rather than plotters: its SVG backend knows whole pixels only (lines on a phone become
//! staircases), and neither dash patterns, classes nor hover text, on which the second channel beside colour
//! and the dark mode rest; stacked panels, bars with names over them and flags would be drawn by hand anyway.

use std::fmt::Write as _;

use maud::{Markup, PreEscaped, Render};

/// Size of the charts' text in pixels; a phone shows the narrow drawing one to one.
pub(super) const FONT: f64 = 12.0;
/// Height of a line of text.
pub(super) const LINE: f64 = 16.0;

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
    pub(super) fn drawn(title: &str, description: &str, draw: impl Fn(&mut Canvas)) -> Self {
        let mut text = String::new();
        for (class, width) in [("wide", 760.0), ("narrow", 360.0)] {
            let mut canvas = Canvas { width, height: 0.0, body: String::new() };
            draw(&mut canvas);
            let _ = write!(
                text,
                "<svg class=\"chart {class}\" role=\"img\" viewBox=\"0 0 {} {}\" \
                 xmlns=\"http://www.w3.org/2000/svg\"><title>{}</title><desc>{}</desc>{}</svg>",
                number(width),
                number(canvas.height.ceil()),
                escaped(title),
                escaped(description),
                canvas.body
            );
        }
        Self(text)
    }
}

impl Render for Svg {
    fn render(&self) -> Markup {
        PreEscaped(self.0.clone())
    }
}

/// Which side of its point a text lies on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// A rectangle in pixels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Area {
    pub left: f64,
    pub top: f64,
    pub right: f64,
    pub bottom: f64,
}

/// One drawing; y grows downwards. `height` is set by who draws, when it is known.
#[derive(Debug)]
pub(super) struct Canvas {
    pub width: f64,
    pub height: f64,
    body: String,
}

impl Canvas {
    /// Whether this is the drawing for a phone.
    pub fn is_narrow(&self) -> bool {
        self.width < 500.0
    }

    /// A straight line.
    pub fn line(&mut self, class: &str, from: (f64, f64), to: (f64, f64)) {
        let _ = write!(
            self.body,
            "<line class=\"{class}\" x1=\"{}\" y1=\"{}\" x2=\"{}\" y2=\"{}\"/>",
            number(from.0),
            number(from.1),
            number(to.0),
            number(to.1)
        );
    }

    /// A line through points.
    pub fn polyline(&mut self, class: &str, points: &[(f64, f64)]) {
        let _ = write!(self.body, "<polyline class=\"{class}\" points=\"{}\"/>", joined(points));
    }

    /// A filled outline.
    pub fn polygon(&mut self, class: &str, points: &[(f64, f64)]) {
        let _ = write!(self.body, "<polygon class=\"{class}\" points=\"{}\"/>", joined(points));
    }

    /// A filled rectangle, with text that appears when the mouse rests on it.
    pub fn rect(&mut self, class: &str, area: Area, hover: &str) {
        let _ = write!(
            self.body,
            "<rect class=\"{class}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"",
            number(area.left),
            number(area.top),
            number((area.right - area.left).max(0.0)),
            number((area.bottom - area.top).max(0.0)),
        );
        self.close("rect", hover);
    }

    /// The marker of a series: each has its own shape. The shape is part of the legend, as its colour is.
    pub fn marker(&mut self, series: usize, (x, y): (f64, f64), hover: &str) {
        let class = format!("mark s{series}");
        let outline = |points: &[(f64, f64)]| {
            joined(&points.iter().map(|(dx, dy)| (x + dx, y + dy)).collect::<Vec<_>>())
        };
        let (name, shape) = match series % 4 {
            0 => ("circle", format!("cx=\"{}\" cy=\"{}\" r=\"4\"", number(x), number(y))),
            1 => (
                "rect",
                format!("x=\"{}\" y=\"{}\" width=\"7\" height=\"7\"", number(x - 3.5), number(y - 3.5)),
            ),
            2 => ("polygon", format!("points=\"{}\"", outline(&[(0.0, -5.0), (4.6, 3.2), (-4.6, 3.2)]))),
            _ => (
                "polygon",
                format!("points=\"{}\"", outline(&[(0.0, -5.2), (5.2, 0.0), (0.0, 5.2), (-5.2, 0.0)])),
            ),
        };
        let _ = write!(self.body, "<{name} class=\"{class}\" {shape}");
        self.close(name, hover);
    }

    /// The mark of a figure to compare with: a hollow diamond.
    pub fn reference(&mut self, (x, y): (f64, f64)) {
        self.polygon("reference", &[(x, y - 6.0), (x + 4.5, y), (x, y + 6.0), (x - 4.5, y)]);
    }

    /// Text whose baseline suits a line of centre `y`; moved sideways where it would leave the drawing.
    pub fn text(&mut self, class: &str, (x, y): (f64, f64), anchor: Anchor, text: &str) {
        let text = fitted(text, self.width);
        let width = text_width(&text);
        let (before, name) = match anchor {
            Anchor::Start => (0.0, "start"),
            Anchor::Middle => (width / 2.0, "middle"),
            Anchor::End => (width, "end"),
        };
        let x = x.min(self.width - (width - before)).max(before);
        let _ = write!(
            self.body,
            "<text class=\"{class}\" x=\"{}\" y=\"{}\" text-anchor=\"{name}\">{}</text>",
            number(x),
            number(y + FONT * 0.35),
            escaped(&text)
        );
    }

    fn close(&mut self, name: &str, hover: &str) {
        if hover.is_empty() {
            self.body.push_str("/>");
        } else {
            let _ = write!(self.body, "><title>{}</title></{name}>", escaped(hover));
        }
    }
}

fn joined(points: &[(f64, f64)]) -> String {
    let mut text = String::with_capacity(points.len() * 12);
    for (index, (x, y)) in points.iter().enumerate() {
        let _ = write!(text, "{}{},{}", if index > 0 { " " } else { "" }, number(*x), number(*y));
    }
    text
}

/// A coordinate to a tenth of a pixel, without a useless `.0`.
fn number(value: f64) -> String {
    let text = format!("{value:.1}");
    let text = text.strip_suffix(".0").unwrap_or(&text);
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

/// Text safe in SVG and HTML, in elements and attributes. Characters that XML forbids become `�`.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '&' => safe.push_str("&amp;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            '\t' | '\n' | '\r' => safe.push(' '),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => safe.push('\u{fffd}'),
            c => safe.push(c),
        }
    }
    safe
}

/// How wide a text is at most in the usual system fonts, in pixels.
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

/// The text, cut with an ellipsis where it is wider than `width` pixels.
pub(super) fn fitted(text: &str, width: f64) -> String {
    if text_width(text) <= width {
        return text.to_owned();
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
