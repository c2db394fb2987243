//! Several runs side by side.

use maud::{Markup, html};

use crate::domain::Timestamp;
use crate::report::charts::{AxisUnit, EquityComparison, RunCurve, draw_comparison_chart};
use crate::report::findings::{ReportFindings, assess_search_trials};
use crate::report::forecasts::POOLED;
use crate::report::html::{FactBlock, HtmlCell, HtmlColumn, HtmlTable, Page, render_facts, render_figure};
use crate::report::stats::assess::Assessment;

use super::{page_footer, page_section};
use crate::report::format::{format_count, format_number, format_percent};
use crate::report::html::figure_cells::{count_cell, estimate_cell, number_cell};

/// Returns the HTML page that compares runs: returns, scores, and whether the best is luck.
#[must_use]
pub fn render_comparison_page(all: &[ReportFindings]) -> String {
    let table = HtmlTable {
        caption: "Runs side by side".into(),
        columns: comparison_columns(),
        rows: comparison_rows(all),
    };
    let curves = all.iter().map(|findings| RunCurve {
        name: run_label(findings),
        bankroll: findings.results.bankroll,
        equity: findings
            .results
            .curve
            .iter()
            .map(|point| (Timestamp::from_nanos(point.at), point.equity))
            .collect(),
    });
    let input = EquityComparison {
        title: "Return over time".into(),
        description: "Equity of each run, as a return on what it began with.".into(),
        runs: curves.collect(),
    };
    let head = html! {
        p { (all.len()) " runs. Each has a page of its own; this one compares them." }
        (table.render())
    };
    let equity = render_figure(
        "Return over time",
        &draw_comparison_chart(&input),
        &html! { "Return on what each run began with." },
    );
    let sections = vec![
        page_section("equity", "Money", equity),
        page_section("luck", "Is the best of them more than luck?", render_best_run_section(all)),
        page_section(
            "answers",
            "The questions, run by run",
            html! {
                @for findings in all {
                    h3 { (run_label(findings)) }
                    (crate::report::html::render_answers(&findings.answers))
                }
            },
        ),
    ];
    let findings: Vec<&ReportFindings> = all.iter().collect();
    Page {
        title: format!("{} runs compared", all.len()),
        head,
        sections,
        foot: page_footer(&findings),
        style: "",
        script: "",
    }
    .render()
}

/// What is left of the best run when one counts how many there were.
fn render_best_run_section(all: &[ReportFindings]) -> Markup {
    let Some(trials) = assess_search_trials(all) else {
        return html! { p { "Fewer than two of these runs moved on days that all have in common." } };
    };
    let fact =
        |name: &str, value: String, note: String| FactBlock { name: name.into(), value, note: Some(note) };
    let unknown = || "unknown".to_owned();
    let chance = trials.deflated_sharpe.map_or_else(unknown, format_percent);
    let overfitting = trials.overfitting.map_or_else(unknown, format_percent);
    html! {
        p {
            "Whoever tries " (trials.runs) " settings and shows the best one shows luck, too. Taken as trials of one "
            "idea, on the " (format_count(trials.days as u64)) " days they have in common:"
        }
        (render_facts(&[
            fact("Best", run_label(&all[trials.best]), format!("Sharpe ratio {} a day", format_number(trials.sharpe, 3))),
            fact("Best that luck makes", format_number(trials.best_by_luck, 3), format!("of {} trials", trials.runs)),
            fact("Better than that", chance, "probability: the deflated Sharpe ratio".into()),
            fact("Overfitting", overfitting, "probability that what is best in one half of time is not in the other".into()),
        ]))
    }
}

fn run_label(findings: &ReportFindings) -> String {
    format!("{} {}", findings.run.scenario, findings.run.run_id.chars().take(8).collect::<String>())
}

fn comparison_columns() -> Vec<HtmlColumn> {
    vec![
        HtmlColumn::for_text("run"),
        HtmlColumn::for_text("mode"),
        HtmlColumn::for_numbers("profit after fees, $"),
        HtmlColumn::for_numbers("return"),
        HtmlColumn::for_numbers("deepest drawdown"),
        HtmlColumn::for_numbers("positions"),
        HtmlColumn::for_numbers("won"),
        HtmlColumn::for_numbers("Brier score"),
        HtmlColumn::for_numbers("market's"),
        HtmlColumn::for_numbers("difference"),
        HtmlColumn::for_numbers("evidence for"),
        HtmlColumn::for_numbers("halts"),
    ]
}

fn comparison_rows(all: &[ReportFindings]) -> Vec<Vec<HtmlCell>> {
    let row = |findings: &ReportFindings| {
        let results = &findings.results;
        let share = |share: f64| HtmlCell::from_number(format_percent(share), share);
        let assessment: Option<&Assessment> = findings
            .calibration
            .iter()
            .filter(|of| of.which == POOLED)
            .filter_map(|of| of.assessment.as_ref())
            .max_by_key(|assessment| assessment.forecasts);
        let brier =
            |value: Option<f64>| value.map_or_else(|| HtmlCell::from_text("unknown"), |v| number_cell(v, 4));
        let evidence = findings.evidence.iter().max_by_key(|evidence| evidence.markets);
        vec![
            HtmlCell::from_text(run_label(findings)),
            HtmlCell::from_text(&findings.run.mode),
            number_cell(results.pnl, 2),
            share(results.r#return),
            share(results.max_drawdown),
            count_cell(results.trades),
            count_cell(results.wins),
            brier(assessment.map(|a| a.model.brier.value)),
            brier(assessment.map(|a| a.market.brier.value)),
            estimate_cell(assessment.map(|a| &a.brier_difference), AxisUnit::Number, 4),
            evidence.map_or_else(
                || HtmlCell::from_text("unknown"),
                |e| HtmlCell::from_number(format!("{:.3}", e.evidence_for), e.evidence_for),
            ),
            count_cell(findings.prevented.halts.len() as u64),
        ]
    };
    all.iter().map(row).collect()
}
