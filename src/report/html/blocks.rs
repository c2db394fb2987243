//! What pages are made of: answers, figures with captions, facts with intervals, banners, details.

use maud::{Markup, html};

use crate::report::charts::Svg;
use crate::report::findings::{ReportAnswer, Tone};

impl Tone {
    fn css_class(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Bad => "bad",
            Self::Unknown => "unknown",
        }
    }

    fn symbol(self) -> &'static str {
        match self {
            Self::Good => "✓",
            Self::Bad => "✗",
            Self::Unknown => "?",
        }
    }
}

/// Returns the list of questions at a page's top, each answered in a word and a sentence.
#[must_use]
pub fn render_answers(answers: &[ReportAnswer]) -> Markup {
    html! {
        ul.answers {
            @for answer in answers {
                li {
                    span class={ "tone " (answer.tone.css_class()) } {
                        span aria-hidden="true" { (answer.tone.symbol()) }
                        (answer.word)
                    }
                    div {
                        p.question {
                            a href={ "#" (answer.section) } { (answer.question) }
                        }
                        p { (answer.sentence) }
                    }
                }
            }
        }
    }
}

/// A chart with a heading and a caption.
#[must_use]
pub fn render_figure(title: &str, chart: &Svg, caption: &Markup) -> Markup {
    html! {
        figure {
            h3 { (title) }
            (chart)
            figcaption { (caption) }
        }
    }
}

/// A figure with what is known about its error.
#[derive(Clone, Debug)]
pub struct FactBlock {
    /// Name of the figure, shown above its value.
    pub name: String,
    /// The figure as text, with its unit.
    pub value: String,
    /// Its interval or another remark, like `95 %: −0.02 to 0.01`.
    pub note: Option<String>,
}

/// Figures as a list of tiles.
#[must_use]
pub fn render_facts(facts: &[FactBlock]) -> Markup {
    html! {
        dl.facts {
            @for fact in facts {
                div {
                    dt { (fact.name) }
                    dd.value { (fact.value) }
                    @if let Some(note) = &fact.note { dd.interval { (note) } }
                }
            }
        }
    }
}

/// What a reader must know before the rest, like `37 resolved forecasts: too few to tell`.
#[must_use]
pub fn render_banner(tone: Tone, title: &str, text: &str) -> Markup {
    html! {
        div class={ "banner " (tone.css_class()) } role="note" {
            strong { span aria-hidden="true" { (tone.symbol()) " " } (title) }
            @if !text.is_empty() { p { (text) } }
        }
    }
}

/// Returns a folded block: `summary` is shown, `body` opens on a click.
#[must_use]
pub fn render_details(summary: &str, body: &Markup) -> Markup {
    html! {
        details {
            summary { (summary) }
            (body)
        }
    }
}
