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
use super::html::{HtmlCell, HtmlColumn, HtmlTable, Page, Section, render_answers, render_banner};

pub use comparison::render_comparison_page;

/// Rows of the table of trades; the rest is in the CSV file.
const MOST_TRADES: usize = 1_000;

/// Returns the HTML page of one run: a section for each question, then its trades.
#[must_use]
pub fn render_run_page(findings: &ReportFindings) -> String {
    let mut sections = vec![
        page_section("money", "Did I make money, after fees?", money::render_money_section(findings)),
        page_section(
            "calibration",
            "Are my probabilities calibrated?",
            calibration::render_calibration_section(findings),
        ),
        page_section(
            "market",
            "Am I better than the market's own price?",
            calibration::render_market_section(findings),
        ),
        page_section("luck", "Is there a real edge?", luck::render_luck_section(findings)),
        page_section("sources", "Where does it come from?", money::render_sources_section(findings)),
        page_section("other-side", "Who was on the other side?", money::render_mark_outs_section(findings)),
        page_section("risk", "What did the risk layer prevent?", risk::render_risk_section(findings)),
    ];
    if !findings.postmortems.is_empty() {
        sections.push(page_section(
            "postmortem",
            "What went wrong, in three lessons",
            risk::render_postmortem_section(findings),
        ));
    }
    sections.push(page_section("trades", "Trades", trades_table(findings)));
    Page {
        title: page_title(findings),
        head: page_header(findings),
        sections,
        foot: page_footer(&[findings]),
        style: "",
        script: "",
    }
    .render()
}

fn page_section(id: &str, title: &str, body: Markup) -> Section {
    Section { id: id.into(), title: title.into(), body }
}

fn page_title(findings: &ReportFindings) -> String {
    format!("{}: {} {}", findings.run.scenario, findings.run.mode, findings.run.run_id)
}

fn page_header(findings: &ReportFindings) -> Markup {
    let run = &findings.run;
    let span = match (&run.start, &run.end) {
        (Some(start), Some(end)) => {
            format!("{} to {}", format::format_date(*start), format::format_date(*end))
        }
        _ => "no time has passed in it".into(),
    };
    html! {
        p {
            (run.mode) " of scenario " strong { (run.scenario) } ", " (span) ", begun with "
            (format::format_dollars(run.bankroll)) "."
            @if !run.finished { " It still goes on: these are the figures so far." }
        }
        @for warning in &findings.warnings { (render_banner(warning.tone, &warning.title, &warning.text)) }
        (render_answers(&findings.answers))
    }
}

fn page_footer(all: &[&ReportFindings]) -> Markup {
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

fn trades_table(findings: &ReportFindings) -> Markup {
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
            HtmlCell::from_text(format::format_date(trade.closed_at)),
            HtmlCell::from_text(&trade.ticker),
            HtmlCell::from_text(&trade.title),
            HtmlCell::from_text(trade.side.to_string()),
            number(trade.contracts, 0),
            number(trade.entry_price, 3),
            number(trade.exit_price, 3),
            number(trade.belief, 3),
            number(trade.market, 3),
            number(trade.fees, 2),
            number(trade.pnl, 2),
            HtmlCell::from_text(trade.exit.replace('_', " ")),
            HtmlCell::from_text(&trade.reason),
        ]
    });
    let columns = vec![
        HtmlColumn::for_text("closed"),
        HtmlColumn::for_text("market"),
        HtmlColumn::for_text("question"),
        HtmlColumn::for_text("side"),
        HtmlColumn::for_numbers("contracts"),
        HtmlColumn::for_numbers("paid, $"),
        HtmlColumn::for_numbers("got, $"),
        HtmlColumn::for_numbers("belief"),
        HtmlColumn::for_numbers("market's mid"),
        HtmlColumn::for_numbers("fees, $"),
        HtmlColumn::for_numbers("result, $"),
        HtmlColumn::for_text("exit"),
        HtmlColumn::for_text("why it was opened"),
    ];
    HtmlTable { caption, columns, rows: rows.collect() }.render()
}
