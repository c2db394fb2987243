//! The risk layer: what it refused and would have brought, sizes, halts, and the story of a stop.

use maud::{Markup, html};

use crate::report::charts::Unit;
use crate::report::findings::{Findings, Postmortem, Prevented, Stop};
use crate::report::html::{Cell, Column, Table};

use crate::report::words::{count, count_cell, day, estimate_cell, minute, number, number_cell, percent};

/// Gates, sizes and halts.
pub fn prevented(findings: &Findings) -> Markup {
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
            Cell::text(gate.name.replace('_', " ")),
            Cell::text(gate.meaning),
            count_cell(gate.refusals),
            count_cell(gate.markets),
            count_cell(gate.settled),
            estimate_cell(gate.would_have_made.as_ref(), Unit::Number, 3),
        ]
    });
    let columns = vec![
        Column::text("refusal"),
        Column::text("because"),
        Column::number("times"),
        Column::number("markets"),
        Column::number("settled"),
        Column::number("a contract would have made, $"),
    ];
    html! {
        (Table { caption: "Opportunities that a gate refused".into(), columns, rows: rows.collect() }.render())
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
            Cell::text(minute(halt.at)),
            Cell::text(halt.strategy.as_deref().unwrap_or("all trading")),
            Cell::text(halt.rule.replace('_', " ")),
            Cell::text(&halt.detail),
            Cell::text(resumed.map_or_else(|| "not".into(), |(at, why)| format!("{}: {why}", minute(*at)))),
        ]
    });
    let columns = vec![
        Column::text("when"),
        Column::text("who"),
        Column::text("rule"),
        Column::text("figures"),
        Column::text("lifted"),
    ];
    Table { caption: "Halts".into(), columns, rows: rows.collect() }.render()
}

/// The stories.
pub fn postmortems(findings: &Findings) -> Markup {
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
            Cell::text(claim.said),
            count_cell(claim.positions),
            Cell::number(percent(claim.belief), claim.belief),
            Cell::number(percent(claim.market), claim.market),
            estimate_cell(Some(&claim.won), Unit::Share, 0),
        ]
    });
    let columns = vec![
        Column::text("said of the side bought"),
        Column::number("positions"),
        Column::number("belief"),
        Column::number("market's mid"),
        Column::number("won"),
    ];
    let caption = "What was said of the sides bought, and how often they won".into();
    Table { caption, columns, rows: rows.collect() }.render()
}

fn stops(stops: &[Stop]) -> Markup {
    let rows = stops.iter().map(|stop| {
        vec![
            Cell::text(stop.rule),
            Cell::text(stop.at.map_or_else(|| "never".into(), day)),
            count_cell(stop.trades),
            count_cell(stop.losses),
            number_cell(stop.pnl, 2),
            count_cell(stop.later_trades),
            number_cell(stop.later_pnl, 2),
        ]
    });
    let columns = vec![
        Column::text("rule"),
        Column::text("stops on"),
        Column::number("positions closed by then"),
        Column::number("without profit"),
        Column::number("what was opened by then made, $"),
        Column::number("opened later"),
        Column::number("made, $"),
    ];
    html! {
        (Table { caption: "How soon each rule stops".into(), columns, rows: rows.collect() }.render())
        p { "The rules hear the positions of this run again, in the order in which they opened, closed and settled." }
    }
}
