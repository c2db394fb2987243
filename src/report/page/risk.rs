//! The risk layer: what it refused and would have brought, sizes, halts, and the story of a stop.

use maud::{Markup, html};

use crate::report::charts::AxisUnit;
use crate::report::findings::{Postmortem, Prevented, ReportFindings, Stop};
use crate::report::html::{HtmlCell, HtmlColumn, HtmlTable};

use crate::report::format::{count, day, minute, number, percent};
use crate::report::html::figure_cells::{count_cell, estimate_cell, number_cell};

/// Returns what each gate refused, how far orders were filled, and the halts.
pub fn prevented(findings: &ReportFindings) -> Markup {
    let prevented = &findings.prevented;
    html! {
        (gates(prevented))
        (sizes(prevented))
        (halts(prevented))
    }
}

fn gates(prevented: &Prevented) -> Markup {
    if prevented.gates.is_empty() {
        return html! { p { "No gate refused anything." } };
    }
    let rows = prevented.gates.iter().map(|gate| {
        vec![
            HtmlCell::text(gate.name.replace('_', " ")),
            HtmlCell::text(gate.meaning),
            count_cell(gate.refusals),
            count_cell(gate.markets),
            count_cell(gate.settled),
            estimate_cell(gate.would_have_made.as_ref(), AxisUnit::Number, 3),
        ]
    });
    let columns = vec![
        HtmlColumn::text("refusal"),
        HtmlColumn::text("because"),
        HtmlColumn::number("times"),
        HtmlColumn::number("markets"),
        HtmlColumn::number("settled"),
        HtmlColumn::number("a contract would have made, $"),
    ];
    html! {
        (HtmlTable { caption: "Opportunities that a gate refused".into(), columns, rows: rows.collect() }.render())
        p {
            "The last column follows the first refusal in each market to its settlement: what one contract bought "
            "then would have made after fees. Below zero the gate has prevented a loss."
        }
    }
}

fn sizes(prevented: &Prevented) -> Markup {
    let sizes = &prevented.sizes;
    if sizes.orders == 0 {
        return html! { p { "No order was sent." } };
    }
    html! {
        p {
            (count(sizes.orders)) " orders to open asked for " (number(sizes.asked, 0)) " contracts and got "
            (number(sizes.filled, 0)) " (" (percent(sizes.filled / sizes.asked)) "): " (count(sizes.whole))
            " were filled whole, " (count(sizes.nothing)) " not at all."
        }
    }
}

fn halts(prevented: &Prevented) -> Markup {
    if prevented.halts.is_empty() {
        return html! { p { "Nothing was halted." } };
    }
    let rows = prevented.halts.iter().map(|halt| {
        let resumed = halt.resumed.as_ref();
        vec![
            HtmlCell::text(minute(halt.at)),
            HtmlCell::text(halt.strategy.as_deref().unwrap_or("all trading")),
            HtmlCell::text(halt.rule.replace('_', " ")),
            HtmlCell::text(&halt.detail),
            HtmlCell::text(
                resumed.map_or_else(|| "not".into(), |(at, why)| format!("{}: {why}", minute(*at))),
            ),
        ]
    });
    let columns = vec![
        HtmlColumn::text("when"),
        HtmlColumn::text("who"),
        HtmlColumn::text("rule"),
        HtmlColumn::text("figures"),
        HtmlColumn::text("lifted"),
    ];
    HtmlTable { caption: "Halts".into(), columns, rows: rows.collect() }.render()
}

/// Returns each postmortem: its lessons, belief against outcome, and how soon each rule stops.
pub fn postmortems(findings: &ReportFindings) -> Markup {
    html! {
        @for story in &findings.postmortems {
            @if findings.postmortems.len() > 1 { h3 { (story.strategy) } }
            @for (lesson, words) in &story.story { p { strong { (lesson) ". " } (words) } }
            (claims(story))
            (stops(&story.delay))
        }
    }
}

fn claims(story: &Postmortem) -> Markup {
    if story.distribution.is_empty() {
        return html! {};
    }
    let rows = story.distribution.iter().map(|claim| {
        vec![
            HtmlCell::text(claim.said),
            count_cell(claim.positions),
            HtmlCell::number(percent(claim.belief), claim.belief),
            HtmlCell::number(percent(claim.market), claim.market),
            estimate_cell(Some(&claim.won), AxisUnit::Share, 0),
        ]
    });
    let columns = vec![
        HtmlColumn::text("said of the side bought"),
        HtmlColumn::number("positions"),
        HtmlColumn::number("belief"),
        HtmlColumn::number("market's mid"),
        HtmlColumn::number("won"),
    ];
    let caption = "What was said of the sides bought, and how often they won".into();
    HtmlTable { caption, columns, rows: rows.collect() }.render()
}

fn stops(stops: &[Stop]) -> Markup {
    let rows = stops.iter().map(|stop| {
        vec![
            HtmlCell::text(stop.rule),
            HtmlCell::text(stop.at.map_or_else(|| "never".into(), day)),
            count_cell(stop.trades),
            count_cell(stop.losses),
            number_cell(stop.pnl, 2),
            count_cell(stop.later_trades),
            number_cell(stop.later_pnl, 2),
        ]
    });
    let columns = vec![
        HtmlColumn::text("rule"),
        HtmlColumn::text("stops on"),
        HtmlColumn::number("positions closed by then"),
        HtmlColumn::number("without profit"),
        HtmlColumn::number("what was opened by then made, $"),
        HtmlColumn::number("opened later"),
        HtmlColumn::number("made, $"),
    ];
    html! {
        (HtmlTable { caption: "How soon each rule stops".into(), columns, rows: rows.collect() }.render())
        p { "The rules hear the positions of this run again, in the order in which they opened, closed and settled." }
    }
}
