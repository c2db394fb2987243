//! The page holds together and lets nothing through that a market's title may contain.

use maud::html;

use super::*;
use crate::report::charts::{Outcomes, draw_outcomes_chart};
use crate::report::findings::{ReportAnswer, Tone};

const EVIL: &str = "<script>alert(1)</script> & \"q\"";
const SAFE: &str = "&lt;script&gt;alert(1)&lt;/script&gt; &amp; &quot;q&quot;";

fn page() -> Page {
    let answer = ReportAnswer {
        question: EVIL,
        tone: Tone::Bad,
        word: "No",
        sentence: EVIL.to_owned(),
        section: "luck",
    };
    let fact = FactBlock { name: EVIL.to_owned(), value: "0.1".to_owned(), note: Some(EVIL.to_owned()) };
    let chart = draw_outcomes_chart(&Outcomes { title: EVIL.to_owned(), ..Outcomes::default() });
    let body = html! {
        (render_figure(EVIL, &chart, &html! { (EVIL) }))
        (table().render())
        (render_details(EVIL, &html! { (EVIL) }))
    };
    Page {
        title: EVIL.to_owned(),
        head: html! { (render_banner(Tone::Unknown, EVIL, EVIL)) (render_answers(&[answer])) (render_facts(&[fact])) },
        sections: vec![Section { id: "luck".to_owned(), title: EVIL.to_owned(), body }],
        foot: html! { p { (EVIL) } },
        style: "",
        script: "",
    }
}

fn table() -> HtmlTable {
    HtmlTable {
        caption: EVIL.to_owned(),
        columns: vec![HtmlColumn::for_text("Market"), HtmlColumn::for_numbers("Profit")],
        rows: vec![
            vec![HtmlCell::from_text(EVIL), HtmlCell::from_number("−$1,234.50", -1_234.5)],
            vec![HtmlCell::from_text("B"), HtmlCell::from_number("unknown", f64::NAN)],
        ],
    }
}

#[test]
fn text_stays_text() {
    let text = page().render();
    assert_eq!(text.matches("<script").count(), 1, "the page's own");
    assert!(!text.contains(EVIL));
    // Every place that was given it.
    let places = text.matches(SAFE).count();
    let titles = 2; // page title and heading
    let head = 2 + 2 + 2; // banner, answer, fact
    let section = 2; // navigation and heading
    let chart = 2 + 2; // figure's heading and caption, the two drawings' titles
    let table = 3; // label, caption, cell
    let details = 2;
    let foot = 1;
    assert_eq!(places, titles + head + section + chart + table + details + foot);
}

#[test]
fn nothing_comes_from_the_network() {
    let text = page().render();
    assert!(text.contains("default-src 'none'"));
    for door in ["src=", "@import", "url(", "<link", "<iframe", "fetch(", "XMLHttpRequest"] {
        assert!(!text.contains(door), "{door}");
    }
    let addresses: Vec<_> =
        text.match_indices("http").map(|(at, _)| &text[at..(at + 26).min(text.len())]).collect();
    let names = |address: &&&str| {
        !address.starts_with("http://www.w3.org/2000/svg") && !address.starts_with("http-equiv")
    };
    assert_eq!(addresses.iter().filter(names).count(), 0, "{addresses:?}");
}

#[test]
fn links_of_the_page_arrive() {
    let text = page().render();
    for (at, _) in text.match_indices("href=\"#") {
        let target = text[at + 7..].split('"').next().unwrap();
        assert_eq!(text.matches(&format!("id=\"{target}\"")).count(), 1, "{target}");
    }
    assert_eq!(text.matches("href=\"#luck\"").count(), 2, "from the answer and the navigation");
}

#[test]
fn tones_are_told_by_word_and_symbol() {
    let text = page().render();
    assert!(text.contains("<span class=\"tone bad\"><span aria-hidden=\"true\">✗</span>No</span>"));
    assert!(text.contains(
        "<div class=\"banner unknown\" role=\"note\"><strong><span aria-hidden=\"true\">? </span>"
    ));
}

#[test]
fn numbers_sort_by_value_and_unknown_ones_stay_last() {
    let text = table().render().into_string();
    assert!(text.contains("<td class=\"number\" data-value=\"-1234.5\">−$1,234.50</td>"));
    assert!(text.contains("<td class=\"number\" data-value=\"\">unknown</td>"));
    assert!(text.contains("<td>B</td>"));
    assert!(text.contains("<table data-sort>"));
    let one = HtmlTable { rows: table().rows[..1].to_vec(), ..table() };
    assert!(!one.render().into_string().contains("data-sort"), "one row needs no sorting");
}

#[test]
#[should_panic(expected = "every row has a cell a column")]
fn a_row_with_a_cell_missing_is_a_defect() {
    let mut table = table();
    table.rows[0].pop();
    let _ = table.render();
}
