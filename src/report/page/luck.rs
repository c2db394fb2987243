//! Luck: how strongly the settled markets speak for or against the beliefs, and what chance alone would have
//! made of the same bets.

use maud::{Markup, html};

use crate::report::charts::{self, AxisUnit, EvidenceCurve, Outcomes, Svg, draw_outcomes_chart};
use crate::report::findings::{LuckEvidence, ReportFindings};
use crate::report::html::{FactBlock, render_facts, render_figure};
use crate::report::stats::evidence::LINE;

use crate::report::format::{format_count, format_dollars, format_interval, format_percent};

/// Returns each strategy's likelihood ratio over time, its key figures and the results of simulated luck.
pub fn render_luck_section(findings: &ReportFindings) -> Markup {
    if findings.evidence.iter().all(|evidence| evidence.events == 0) {
        return html! { p { "Nothing was traded: there is nothing luck could explain." } };
    }
    html! {
        @if findings.evidence.iter().any(|evidence| evidence.markets > 0) {
            (render_figure("Evidence, event by event", &path_chart(findings), &html! {
                "How many times better the beliefs predicted than the market's prices, multiplied up over the first "
                "entry of each settled event. If one side is calibrated, the other's line is ever crossed with "
                "probability at most 5 % (Ville's inequality), however long one looks."
            }))
        }
        @for evidence in findings.evidence.iter().filter(|evidence| evidence.events > 0) {
            @if findings.evidence.len() > 1 { h3 { (evidence.strategy) } }
            (render_facts(&evidence_facts(evidence)))
            @if let Some(luck) = &evidence.luck {
                (render_figure("Results that chance makes", &chance_chart(evidence), &html! {
                    "The same bets, held to settlement, in " (format_count(luck.draws as u64)) " histories in which every "
                    "market pays with the probability its price said when the bet was made. Markets of one event "
                    "are drawn together, as strikes of a ladder. The market's prices being right, a result at most "
                    "as good as this one has probability " (format_percent(luck.at_most)) ", one at least as good "
                    (format_percent(luck.at_least)) "."
                }))
            }
        }
    }
}

fn path_chart(findings: &ReportFindings) -> Svg {
    let curves =
        findings.evidence.iter().filter(|evidence| evidence.markets > 0).map(|evidence| EvidenceCurve {
            name: evidence.strategy.clone(),
            log10: evidence.path.log_ratio.iter().map(|log| log * std::f64::consts::LOG10_E).collect(),
        });
    charts::draw_evidence_chart(&charts::EvidenceChart {
        title: "Evidence, event by event".into(),
        description: "Likelihood ratio of the beliefs over the market's prices.".into(),
        curves: curves.collect(),
        threshold: LINE,
    })
}

fn chance_chart(evidence: &LuckEvidence) -> Svg {
    let luck = evidence.luck.as_ref();
    draw_outcomes_chart(&Outcomes {
        title: "Results that chance makes".into(),
        description: "Profit of the same bets if the market's prices are right, beside the profit seen."
            .into(),
        simulated: luck.map(|luck| luck.profits.clone()).unwrap_or_default(),
        observed: luck.map_or(f64::NAN, |luck| luck.profit),
        figure: "profit if the market's prices are right".into(),
    })
}

fn evidence_facts(evidence: &LuckEvidence) -> Vec<FactBlock> {
    let fact = |name: &str, value: String, note: Option<String>| FactBlock { name: name.into(), value, note };
    let crossed = |at: Option<usize>| match at {
        Some(at) => format!("reached {LINE} to 1 after {at} events"),
        None => format!("never reached {LINE} to 1"),
    };
    let markets = format!("{} settled events", format_count(evidence.markets));
    let mut all = vec![
        fact(
            "Evidence for the beliefs",
            format_odds(evidence.evidence_for),
            Some(crossed(evidence.path.reached_for)),
        ),
        fact(
            "Evidence against them",
            format_odds(evidence.evidence_against),
            Some(crossed(evidence.path.reached_against)),
        ),
        fact("Events", format_count(evidence.events), Some(markets)),
    ];
    if let Some(growth) = &evidence.growth {
        let note = format_interval(growth, AxisUnit::Share, 2).map(|ends| format!("95 %: {ends}"));
        all.push(fact("Log growth a position", AxisUnit::Share.format_value(growth.value, 2), note));
    }
    all.push(match evidence.events_needed {
        Some(needed) => fact(
            "Events needed to know",
            count_f64(needed),
            Some("80 % power at the profit seen, one-sided 5 %".into()),
        ),
        None => fact(
            "Events needed to know",
            "none would do".into(),
            Some("the mean profit is not above zero".into()),
        ),
    });
    if let Some(luck) = &evidence.luck {
        all.push(fact(
            "Held to settlement",
            format_dollars(luck.profit),
            Some(format!("chance makes {}", format_dollars(luck.expected))),
        ));
    }
    if let Some(sharpe) = evidence.probabilistic_sharpe {
        all.push(fact(
            "Sharpe ratio above zero",
            format_percent(sharpe),
            Some("probability, by event".into()),
        ));
    }
    all
}

fn count_f64(value: f64) -> String {
    AxisUnit::Number.format_value(value, 0)
}

/// Formats a likelihood ratio as odds, like `3.2 to 1` or `1 to 50`.
fn format_odds(value: f64) -> String {
    match value {
        value if value >= 1e6 => format!("10^{:.0} to 1", value.log10().floor()),
        value if value >= 10.0 => format!("{value:.0} to 1"),
        value if value >= 0.1 => format!("{value:.1} to 1"),
        value if value >= 1e-6 => format!("1 to {:.0}", 1.0 / value),
        value => format!("1 to 10^{:.0}", (-value.log10()).floor()),
    }
}
