//! The look of the report's page: one file without network, for light and dark, desktop, phone and paper.
//!
//! Everything a run names itself (market titles, strategies, reasons) passes through maud's escaping. The page
//! forbids itself every request by a content security policy.

mod blocks;
pub mod figure_cells;
mod table;

#[cfg(test)]
mod tests;

pub use blocks::{FactBlock, render_answers, render_banner, render_details, render_facts, render_figure};
pub use table::{HtmlCell, HtmlColumn, HtmlTable};

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::charts;

const STYLE: &str = include_str!("style.css");
const SORT: &str = include_str!("sort.js");
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'";

/// A part of the page with an entry in the navigation.
#[derive(Clone, Debug)]
pub struct Section {
    /// What links point to; letters, digits and `-`, once a page.
    pub id: String,
    /// Heading of the section, and its entry in the navigation.
    pub title: String,
    /// Content beneath the heading, as HTML that is escaped already.
    pub body: Markup,
}

/// A page with its sections, rendered as one HTML file that loads nothing else.
#[derive(Clone, Debug)]
pub struct Page {
    /// Heading, and title of the window.
    pub title: String,
    /// What stands at the top: which run, the questions and their answers, warnings.
    pub head: Markup,
    /// Sections in the order of the page and of its navigation.
    pub sections: Vec<Section>,
    /// What made the page, and from what.
    pub foot: Markup,
    /// CSS added after the style sheets that all pages share; empty for none.
    pub style: &'static str,
    /// JavaScript added after the script that sorts tables; empty for none.
    pub script: &'static str,
}

impl Page {
    /// Renders the page as the text of one HTML file, styles and scripts within.
    #[must_use]
    pub fn render(&self) -> String {
        html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta http-equiv="Content-Security-Policy" content=(POLICY);
                    meta name="color-scheme" content="light dark";
                    title { (self.title) }
                    style { (PreEscaped(STYLE)) (PreEscaped(charts::STYLE)) (PreEscaped(self.style)) }
                }
                body {
                    a.skip href="#content" { "Skip to the content" }
                    div.layout {
                        header { h1 { (self.title) } (self.head) }
                        (self.navigation())
                        main #content tabindex="-1" {
                            @for section in &self.sections {
                                section aria-labelledby=(section.id) {
                                    h2 id=(section.id) { (section.title) }
                                    (section.body)
                                }
                            }
                        }
                        footer { (self.foot) }
                    }
                    script { (PreEscaped(SORT)) (PreEscaped(self.script)) }
                }
            }
        }
        .into_string()
    }

    fn navigation(&self) -> Markup {
        html! {
            nav aria-labelledby="contents" {
                h2 #contents { "Contents" }
                ol {
                    @for section in &self.sections {
                        li { a href={ "#" (section.id) } { (section.title) } }
                    }
                }
            }
        }
    }
}
