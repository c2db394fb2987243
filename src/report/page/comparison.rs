//! Several runs side by side.

use maud::html;

use crate::domain::Timestamp;
use crate::report::charts::{Comparison, RunCurve, Unit, comparison as chart};
use crate::report::findings::Findings;
use crate::report::forecasts::POOLED;
use crate::report::html::{Cell, Column, Page, Table, figure};
use crate::report::stats::assess::Assessment;

use super::{foot, section};
use crate::report::words::{count_cell, estimate_cell, number_cell, percent};

/// The page of several runs.
#[must_use]
pub fn comparison(all: &[Findings]) -> String {
    let table = Table { caption: "Runs side by side".into(), columns: columns(), rows: rows(all) };
    let curves = all.iter().map(|findings| RunCurve {
        name: name(findings),
        bankroll: findings.results.bankroll,
        equity: findings
            .results
            .curve
            .iter()
            .map(|point| (Timestamp::from_nanos(point.at), point.equity))
            .collect(),
    });
    let input = Comparison {
        title: "Return over time".into(),
        description: "Equity of each run, as a return on what it began with.".into(),
        runs: curves.collect(),
    };
    let head = html! {
        p { (all.len()) " runs. Each has a page of its own; this one compares them." }
        (table.render())
    };
    let equity = figure("Return over time", &chart(&input), &html! { "Return on what each run began with." });
    let sections = vec![
        section("equity", "Money", equity),
        section(
            "answers",
            "The questions, run by run",
            html! {
                @for findings in all {
                    h3 { (name(findings)) }
                    (crate::report::html::answers(&findings.answers))
                }
            },
        ),
    ];
    let findings: Vec<&Findings> = all.iter().collect();
    Page { title: format!("{} runs compared", all.len()), head, sections, foot: foot(&findings) }.render()
}

fn name(findings: &Findings) -> String {
    format!("{} {}", findings.run.scenario, findings.run.run_id.chars().take(8).collect::<String>())
}

fn columns() -> Vec<Column> {
    vec![
        Column::text("run"),
        Column::text("mode"),
        Column::number("profit after fees, $"),
        Column::number("return"),
        Column::number("deepest drawdown"),
        Column::number("positions"),
        Column::number("won"),
        Column::number("Brier score"),
        Column::number("market's"),
        Column::number("difference"),
        Column::number("evidence for"),
        Column::number("halts"),
    ]
}

fn rows(all: &[Findings]) -> Vec<Vec<Cell>> {
    let row = |findings: &Findings| {
        let results = &findings.results;
        let share = |share: f64| Cell::number(percent(share), share);
        let assessment: Option<&Assessment> = findings
            .calibration
            .iter()
            .filter(|of| of.which == POOLED)
            .filter_map(|of| of.assessment.as_ref())
            .max_by_key(|assessment| assessment.forecasts);
        let brier = |value: Option<f64>| value.map_or_else(|| Cell::text("unknown"), |v| number_cell(v, 4));
        let evidence = findings.evidence.iter().max_by_key(|evidence| evidence.markets);
        vec![
            Cell::text(name(findings)),
            Cell::text(&findings.run.mode),
            number_cell(results.pnl, 2),
            share(results.r#return),
            share(results.max_drawdown),
            count_cell(results.trades),
            count_cell(results.wins),
            brier(assessment.map(|a| a.model.brier.value)),
            brier(assessment.map(|a| a.market.brier.value)),
            estimate_cell(assessment.map(|a| &a.brier_difference), Unit::Number, 4),
            evidence.map_or_else(
                || Cell::text("unknown"),
                |e| Cell::number(format!("{:.3}", e.evidence_for), e.evidence_for),
            ),
            count_cell(findings.prevented.halts.len() as u64),
        ]
    };
    all.iter().map(row).collect()
}
