//! The risk layer: what it refused and would have brought, sizes, halts, and the story of a stop.

use maud::{Markup, html};

use crate::report::charts::AxisUnit;
use crate::report::findings::{Postmortem, Prevented, ReportFindings, Stop};
use crate::report::html::{HtmlCell, HtmlColumn, HtmlTable};

use crate::report::format::{format_count, format_date, format_date_time, format_number, format_percent};
use crate::report::html::figure_cells::{count_cell, estimate_cell, number_cell};

/// Returns what each gate refused, how far orders were filled, and the halts.
pub fn render_risk_section(findings: &ReportFindings) -> Markup {
    let prevented = &findings.prevented;
    html! {
        (refusals_table(prevented))
        (order_sizes_summary(prevented))
        (halts_table(prevented))
    }
}

fn refusals_table(prevented: &Prevented) -> Markup {
    if prevented.gates.is_empty() {
        return html! { p { "No gate refused anything." } };
    }
    let rows = prevented.gates.iter().map(|gate| {
        vec![
            HtmlCell::from_text(gate.name.replace('_', " ")),
            HtmlCell::from_text(gate.meaning),
            count_cell(gate.refusals),
            count_cell(gate.markets),
            count_cell(gate.settled),
            estimate_cell(gate.would_have_made.as_ref(), AxisUnit::Number, 3),
        ]
    });
    let columns = vec![
        HtmlColumn::for_text("refusal"),
        HtmlColumn::for_text("because"),
        HtmlColumn::for_numbers("times"),
        HtmlColumn::for_numbers("markets"),
        HtmlColumn::for_numbers("settled"),
        HtmlColumn::for_numbers("a contract would have made, $"),
    ];
    html! {
        (HtmlTable { caption: "Opportunities that a gate refused".into(), columns, rows: rows.collect() }.render())
        p {
            "The last column follows the first refusal in each market to its settlement: what one contract bought "
            "then would have made after fees. Below zero the gate has prevented a loss."
        }
    }
}

fn order_sizes_summary(prevented: &Prevented) -> Markup {
    let sizes = &prevented.sizes;
    if sizes.orders == 0 {
        return html! { p { "No order was sent." } };
    }
    html! {
        p {
            (format_count(sizes.orders)) " orders to open asked for " (format_number(sizes.asked, 0)) " contracts and got "
            (format_number(sizes.filled, 0)) " (" (format_percent(sizes.filled / sizes.asked)) "): " (format_count(sizes.whole))
            " were filled whole, " (format_count(sizes.nothing)) " not at all."
        }
    }
}

fn halts_table(prevented: &Prevented) -> Markup {
    if prevented.halts.is_empty() {
        return html! { p { "Nothing was halted." } };
    }
    let rows = prevented.halts.iter().map(|halt| {
        let resumed = halt.resumed.as_ref();
        vec![
            HtmlCell::from_text(format_date_time(halt.at)),
            HtmlCell::from_text(halt.strategy.as_deref().unwrap_or("all trading")),
            HtmlCell::from_text(halt.rule.replace('_', " ")),
            HtmlCell::from_text(&halt.detail),
            HtmlCell::from_text(
                resumed.map_or_else(|| "not".into(), |(at, why)| format!("{}: {why}", format_date_time(*at))),
            ),
        ]
    });
    let columns = vec![
        HtmlColumn::for_text("when"),
        HtmlColumn::for_text("who"),
        HtmlColumn::for_text("rule"),
        HtmlColumn::for_text("figures"),
        HtmlColumn::for_text("lifted"),
    ];
    HtmlTable { caption: "Halts".into(), columns, rows: rows.collect() }.render()
}

/// Returns each postmortem: its lessons, belief against outcome, and how soon each rule stops.
pub fn render_postmortem_section(findings: &ReportFindings) -> Markup {
    html! {
        @for story in &findings.postmortems {
            @if findings.postmortems.len() > 1 { h3 { (story.strategy) } }
            @for (lesson, words) in &story.story { p { strong { (lesson) ". " } (words) } }
            (claims_table(story))
            (rule_stops_table(&story.delay))
        }
    }
}

fn claims_table(story: &Postmortem) -> Markup {
    if story.distribution.is_empty() {
        return html! {};
    }
    let rows = story.distribution.iter().map(|claim| {
        vec![
            HtmlCell::from_text(claim.said),
            count_cell(claim.positions),
            HtmlCell::from_number(format_percent(claim.belief), claim.belief),
            HtmlCell::from_number(format_percent(claim.market), claim.market),
            estimate_cell(Some(&claim.won), AxisUnit::Share, 0),
        ]
    });
    let columns = vec![
        HtmlColumn::for_text("said of the side bought"),
        HtmlColumn::for_numbers("positions"),
        HtmlColumn::for_numbers("belief"),
        HtmlColumn::for_numbers("market's mid"),
        HtmlColumn::for_numbers("won"),
    ];
    let caption = "What was said of the sides bought, and how often they won".into();
    HtmlTable { caption, columns, rows: rows.collect() }.render()
}

fn rule_stops_table(stops: &[Stop]) -> Markup {
    let rows = stops.iter().map(|stop| {
        vec![
            HtmlCell::from_text(stop.rule),
            HtmlCell::from_text(stop.at.map_or_else(|| "never".into(), format_date)),
            count_cell(stop.trades),
            count_cell(stop.losses),
            number_cell(stop.pnl, 2),
            count_cell(stop.later_trades),
            number_cell(stop.later_pnl, 2),
        ]
    });
    let columns = vec![
        HtmlColumn::for_text("rule"),
        HtmlColumn::for_text("stops on"),
        HtmlColumn::for_numbers("positions closed by then"),
        HtmlColumn::for_numbers("without profit"),
        HtmlColumn::for_numbers("what was opened by then made, $"),
        HtmlColumn::for_numbers("opened later"),
        HtmlColumn::for_numbers("made, $"),
    ];
    html! {
        (HtmlTable { caption: "How soon each rule stops".into(), columns, rows: rows.collect() }.render())
        p { "The rules hear the positions of this run again, in the order in which they opened, closed and settled." }
    }
}
