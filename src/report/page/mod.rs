//! The report as one HTML page: the questions an owner asks, their answers, and the evidence for each.

mod calibration;
mod comparison;
mod luck;
mod money;
mod risk;

use maud::{Markup, html};

use super::findings::ReportFindings;
use super::format;
use super::html::figure_cells::number_cell;
use super::html::{HtmlCell, HtmlColumn, HtmlTable, Page, Section, answers, banner};

pub use comparison::comparison;

/// Rows of the table of trades; the rest is in the CSV file.
const MOST_TRADES: usize = 1_000;

/// Returns the HTML page of one run: a section for each question, then its trades.
#[must_use]
pub fn page(findings: &ReportFindings) -> String {
    let mut sections = vec![
        section("money", "Did I make money, after fees?", money::money(findings)),
        section("calibration", "Are my probabilities calibrated?", calibration::calibrations(findings)),
        section("market", "Am I better than the market's own price?", calibration::market(findings)),
        section("luck", "Is there a real edge?", luck::luck(findings)),
        section("sources", "Where does it come from?", money::sources(findings)),
        section("other-side", "Who was on the other side?", money::mark_outs(findings)),
        section("risk", "What did the risk layer prevent?", risk::prevented(findings)),
    ];
    if !findings.postmortems.is_empty() {
        sections.push(section(
            "postmortem",
            "What went wrong, in three lessons",
            risk::postmortems(findings),
        ));
    }
    sections.push(section("trades", "Trades", trades(findings)));
    Page {
        title: title(findings),
        head: head(findings),
        sections,
        foot: foot(&[findings]),
        style: "",
        script: "",
    }
    .render()
}

fn section(id: &str, title: &str, body: Markup) -> Section {
    Section { id: id.into(), title: title.into(), body }
}

fn title(findings: &ReportFindings) -> String {
    format!("{}: {} {}", findings.run.scenario, findings.run.mode, findings.run.run_id)
}

fn head(findings: &ReportFindings) -> Markup {
    let run = &findings.run;
    let span = match (&run.start, &run.end) {
        (Some(start), Some(end)) => format!("{} to {}", format::day(*start), format::day(*end)),
        _ => "no time has passed in it".into(),
    };
    html! {
        p {
            (run.mode) " of scenario " strong { (run.scenario) } ", " (span) ", begun with "
            (format::dollars(run.bankroll)) "."
            @if !run.finished { " It still goes on: these are the figures so far." }
        }
        @for warning in &findings.warnings { (banner(warning.tone, &warning.title, &warning.text)) }
        (answers(&findings.answers))
    }
}

fn foot(all: &[&ReportFindings]) -> Markup {
    html! {
        @for findings in all {
            p {
                "Run " code { (findings.run.run_id) } ", protogen " (findings.run.version) ", seed "
                (findings.run.seed)
                @if let Some(digest) = &findings.run.digest { ", digest " code { (digest) } }
                "."
            }
        }
        p {
            "Intervals hold the truth in 95 % of cases; they come from drawing whole events, since contracts of "
            "one event stand or fall together. Money is in dollars, times are UTC."
        }
    }
}

fn trades(findings: &ReportFindings) -> Markup {
    let all = findings.trades.len();
    if all == 0 {
        return html! { p { "No position was closed." } };
    }
    let mut shown: Vec<_> = findings.trades.iter().collect();
    if all > MOST_TRADES {
        shown.sort_by(|a, b| b.pnl.abs().total_cmp(&a.pnl.abs()));
        shown.truncate(MOST_TRADES);
        shown.sort_by_key(|trade| trade.closed_at);
    }
    let caption = match all {
        1 => "The closed position".to_owned(),
        _ if all > MOST_TRADES => {
            format!("The {MOST_TRADES} largest results of {all} closed positions; all are in trades.csv")
        }
        _ => format!("All {all} closed positions"),
    };
    let number = number_cell;
    let rows = shown.iter().map(|trade| {
        vec![
            HtmlCell::text(format::day(trade.closed_at)),
            HtmlCell::text(&trade.ticker),
            HtmlCell::text(&trade.title),
            HtmlCell::text(trade.side.to_string()),
            number(trade.contracts, 0),
            number(trade.entry_price, 3),
            number(trade.exit_price, 3),
            number(trade.belief, 3),
            number(trade.market, 3),
            number(trade.fees, 2),
            number(trade.pnl, 2),
            HtmlCell::text(trade.exit.replace('_', " ")),
            HtmlCell::text(&trade.reason),
        ]
    });
    let columns = vec![
        HtmlColumn::text("closed"),
        HtmlColumn::text("market"),
        HtmlColumn::text("question"),
        HtmlColumn::text("side"),
        HtmlColumn::number("contracts"),
        HtmlColumn::number("paid, $"),
        HtmlColumn::number("got, $"),
        HtmlColumn::number("belief"),
        HtmlColumn::number("market's mid"),
        HtmlColumn::number("fees, $"),
        HtmlColumn::number("result, $"),
        HtmlColumn::text("exit"),
        HtmlColumn::text("why it was opened"),
    ];
    HtmlTable { caption, columns, rows: rows.collect() }.render()
}
