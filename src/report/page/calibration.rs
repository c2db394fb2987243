//! Calibration: what was said and what happened, and the same of the market's prices.

use maud::{Markup, html};

use crate::domain::Timestamp;
use crate::report::charts::{
    AxisUnit, BandPoint, Bars, ChartBar, Reliability, ReliabilityBin, ReliabilityCurve, RollingChart,
    RollingPoint, Svg, draw_bar_chart, draw_reliability_chart, draw_rolling_chart,
};
use crate::report::findings::{BOUGHT, CalibrationFindings, ReportFindings, Tone};
use crate::report::forecasts::POOLED;
use crate::report::html::{HtmlCell, HtmlColumn, HtmlTable, render_banner, render_details, render_figure};
use crate::report::stats::IntervalEstimate;
use crate::report::stats::assess::{Assessment, Scores, WINDOW};
use crate::report::stats::conclusion;
use crate::report::stats::conclusion::Judgement;
use crate::report::stats::isotonic::Block;

use crate::report::format::{format_count, format_number, format_percent};
use crate::report::html::figure_cells::{count_cell, estimate_cell, number_cell};

/// Returns each strategy's reliability diagram, table of scores and verdict in words.
pub fn render_calibration_section(findings: &ReportFindings) -> Markup {
    let pooled: Vec<_> = findings.calibration.iter().filter(|of| of.which == POOLED).collect();
    html! {
        @for of in &pooled {
            @if pooled.len() > 1 { h3 { (of.strategy) } }
            @match &of.assessment {
                None => p { "No forecast beside a market price has been resolved." },
                Some(assessment) => (render_strategy_calibration(findings, of, assessment)),
            }
        }
        p {
            "A market counts with its first evaluation and with its last one at least 30, 7 and 1 days before its "
            "close, and only where the market had a price."
        }
    }
}

fn render_strategy_calibration(
    findings: &ReportFindings,
    of: &CalibrationFindings,
    assessment: &Assessment,
) -> Markup {
    let said = conclusion::judge_calibration(assessment.forecasts, assessment.events, &assessment.model);
    let bought = findings.calibration.iter().find(|one| one.which == BOUGHT && one.strategy == of.strategy);
    html! {
        @if said.judgement == Judgement::TooFew {
            (render_banner(Tone::Unknown, &said.words, ""))
        } @else {
            p { (said.words) }
        }
        (render_figure("Reliability", &reliability_chart(of, "Reliability of the beliefs"), &html! {
            "What was said against what happened: isotonic regression (CORP; Dimitriadis, Gneiting and Jordan 2021). "
            "In the band a calibrated forecaster's curve would lie in 95 % of cases if outcomes were independent. "
            "Dots are bins of equal count with Wilson intervals. Beneath, how often each probability was said."
        }))
        (render_details("The bins in words", &bins_list(of)))
        (scores_table(assessment))
        (horizon_table(findings, &of.strategy))
        @if let Some(bought) = bought.filter(|bought| bought.assessment.is_some()) {
            (render_figure("Only the sides that were bought", &reliability_chart(bought, "Reliability of the bets"), &html! {
                "Belief in the side held at the first entry. Bets are chosen where the belief is far from the price, "
                "so that errors of the belief are chosen with them: this curve is usually the worse one."
            }))
        }
        @if assessment.rolling.len() > 1 {
            (render_figure("Over time", &rolling_chart(findings, of, assessment), &html! {
                "Brier scores of the last " (WINDOW) " forecasts, and how much more often YES came than was said."
            }))
        }
    }
}

fn isotonic_curve_points(blocks: &[Block]) -> Vec<(f64, f64)> {
    blocks.iter().flat_map(|block| [(block.from, block.rate), (block.to, block.rate)]).collect()
}

fn reliability_chart(of: &CalibrationFindings, title: &str) -> Svg {
    let bins = of.bins.iter().map(|bin| ReliabilityBin {
        forecast: bin.mean_forecast,
        observed: bin.rate,
        low: bin.low,
        high: bin.high,
        count: bin.count,
    });
    let model = ReliabilityCurve {
        name: "beliefs".into(),
        isotonic: isotonic_curve_points(&of.curve),
        bins: bins.collect(),
        histogram: of.histogram.clone(),
    };
    let market = ReliabilityCurve {
        name: "market's prices".into(),
        isotonic: isotonic_curve_points(&of.market_curve),
        bins: Vec::new(),
        histogram: of.market_histogram.clone(),
    };
    let band = of.band.iter().map(|at| BandPoint { forecast: at.forecast, low: at.low, high: at.high });
    let count = of.assessment.as_ref().map_or(0, |assessment| assessment.forecasts);
    draw_reliability_chart(&Reliability {
        title: title.into(),
        description: format!("What was said against what happened, {count} forecasts."),
        curves: vec![model, market],
        consistency: band.collect(),
        consistency_name: "95 % if calibrated".into(),
    })
}

fn bins_list(of: &CalibrationFindings) -> Markup {
    html! { ul { @for bin in &of.bins { li { (conclusion::describe_bin(bin)) } } } }
}

/// All scores of beliefs, prices and the base rate.
fn scores_table(assessment: &Assessment) -> Markup {
    let mut rows = Vec::new();
    let mut row = |name: &str,
                   of: &dyn Fn(&Scores) -> Option<IntervalEstimate>,
                   decimals,
                   climate: Option<IntervalEstimate>| {
        let cell =
            |estimate: Option<IntervalEstimate>| estimate_cell(estimate.as_ref(), AxisUnit::Number, decimals);
        let climate = climate.map_or_else(|| HtmlCell::from_text(""), |found| cell(Some(found)));
        rows.push(vec![
            HtmlCell::from_text(name),
            cell(of(&assessment.model)),
            cell(of(&assessment.market)),
            climate,
        ]);
    };
    let base = &assessment.climatology;
    row("Brier score", &|of| Some(of.brier), 4, Some(base.brier));
    row("log loss, nats", &|of| Some(of.log_loss), 4, Some(base.log_loss));
    row("came more often than said, points", &|of| Some(of.in_the_large), 1, None);
    row("recalibration slope (1 is right)", &|of| of.slope, 2, None);
    row("recalibration intercept (0 is right)", &|of| of.intercept, 2, None);
    row("calibration error (ECE)", &|of| Some(of.calibration_error), 4, None);
    row("calibration error, bias-corrected (RMS)", &|of| of.calibration_error_debiased, 4, None);
    row("miscalibration (CORP)", &|of| Some(of.corp.miscalibration), 4, None);
    row("discrimination (CORP)", &|of| Some(of.corp.discrimination), 4, None);
    row("uncertainty", &|of| Some(of.corp.uncertainty), 4, None);
    row("reliability (Murphy)", &|of| Some(of.murphy.reliability), 4, None);
    row("resolution (Murphy)", &|of| Some(of.murphy.resolution), 4, None);
    row("sharpness (variance of what was said)", &|of| Some(of.sharpness), 4, None);
    rows.push(spiegelhalter_row(assessment));
    let columns = vec![
        HtmlColumn::for_text("score"),
        HtmlColumn::for_numbers("beliefs"),
        HtmlColumn::for_numbers("market's prices"),
        HtmlColumn::for_numbers("base rate of this sample"),
    ];
    let caption = format!(
        "Scores of {} forecasts of {} events, with 95 % intervals from {} draws of events",
        format_count(assessment.forecasts as u64),
        format_count(assessment.events as u64),
        format_count(assessment.draws as u64)
    );
    HtmlTable { caption, columns, rows }.render()
}

fn spiegelhalter_row(assessment: &Assessment) -> Vec<HtmlCell> {
    let cell = |of: &Scores| {
        of.spiegelhalter.as_ref().map_or_else(
            || HtmlCell::from_text("unknown"),
            |test| {
                let p = if test.p_value < 0.001 {
                    "p < 0.001".into()
                } else {
                    format!("p = {:.3}", test.p_value)
                };
                HtmlCell::from_number(format!("{} ({p})", format_number(test.z, 2)), test.z)
            },
        )
    };
    let name = HtmlCell::from_text("Spiegelhalter's z, as if independent");
    vec![name, cell(&assessment.model), cell(&assessment.market), HtmlCell::from_text("")]
}

fn horizon_table(findings: &ReportFindings, strategy: &str) -> Markup {
    let of_it = findings.calibration.iter().filter(|of| of.strategy == strategy);
    let rows = of_it.filter_map(|of| {
        let assessment = of.assessment.as_ref()?;
        let cell = |estimate: Option<&IntervalEstimate>, decimals| {
            estimate_cell(estimate, AxisUnit::Number, decimals)
        };
        let scores = &assessment.model;
        Some(vec![
            HtmlCell::from_text(of.which),
            count_cell(assessment.forecasts as u64),
            count_cell(assessment.events as u64),
            number_cell(scores.brier.value, 3),
            cell(Some(&scores.in_the_large), 1),
            cell(scores.slope.as_ref(), 2),
            cell(Some(&scores.calibration_error), 3),
        ])
    });
    let columns = vec![
        HtmlColumn::for_text("forecasts"),
        HtmlColumn::for_numbers("number"),
        HtmlColumn::for_numbers("events"),
        HtmlColumn::for_numbers("Brier score"),
        HtmlColumn::for_numbers("came more often, points"),
        HtmlColumn::for_numbers("slope"),
        HtmlColumn::for_numbers("ECE"),
    ];
    let rows: Vec<_> = rows.collect();
    HtmlTable { caption: "By horizon, and of the sides bought".into(), columns, rows }.render()
}

fn rolling_chart(findings: &ReportFindings, of: &CalibrationFindings, assessment: &Assessment) -> Svg {
    let id = findings.strategies.iter().position(|name| *name == of.strategy);
    let times: Vec<Timestamp> = findings
        .forecasts
        .iter()
        .filter(|one| Some(one.strategy.index()) == id)
        .map(|one| one.forecast.at)
        .collect();
    let points = assessment.rolling.iter().filter_map(|point| {
        let gap = point.in_the_large / 100.0;
        // Two standard errors of a mean of Bernoulli variables are at most 2·√(¼/n).
        let half = 1.0 / (WINDOW as f64).sqrt();
        Some(RollingPoint {
            at: *times.get(point.forecasts.checked_sub(1)?)?,
            brier: point.brier,
            brier_market: point.brier_market,
            gap,
            gap_low: gap - half,
            gap_high: gap + half,
        })
    });
    draw_rolling_chart(&RollingChart {
        title: "Calibration over time".into(),
        description: "Brier scores of beliefs and market, and how much more often YES came than was said."
            .into(),
        points: points.collect(),
        window: format!("last {WINDOW} forecasts"),
    })
}

/// Returns the beliefs' scores beside those of the market's prices on the same questions.
pub fn render_market_section(findings: &ReportFindings) -> Markup {
    let assessed: Vec<(&CalibrationFindings, &Assessment)> =
        findings.calibration.iter().filter_map(|of| Some((of, of.assessment.as_ref()?))).collect();
    if assessed.is_empty() {
        return html! { p { "No forecast beside a market price has been resolved." } };
    }
    let rows = assessed.iter().map(|(of, assessment)| ChartBar {
        label: forecast_set_label(findings, of),
        value: assessment.brier_difference.value,
        interval: assessment.brier_difference.interval(),
        count: Some(assessment.forecasts as u64),
        reference: None,
    });
    let input = Bars {
        title: "Brier score, beliefs − market".into(),
        description: "Above zero the market's prices were the better forecasts.".into(),
        figure: "Brier score, beliefs − market".into(),
        unit: AxisUnit::Number,
        signed: true,
        reference: None,
        rows: rows.collect(),
    };
    html! {
        @for (of, assessment) in assessed.iter().filter(|(of, _)| of.which == POOLED) {
            p {
                @if findings.strategies.len() > 1 { (of.strategy) ": " }
                (conclusion::judge_against_market(assessment).words)
            }
        }
        (render_figure("Beliefs against prices", &draw_bar_chart(&input), &html! {
            "Difference of the Brier scores on the same questions, with 95 % intervals by event. Above zero the "
            "market's own prices were the better forecasts, below zero the beliefs."
        }))
        (market_table(findings, &assessed))
    }
}

fn forecast_set_label(findings: &ReportFindings, of: &CalibrationFindings) -> String {
    if findings.strategies.len() > 1 { format!("{}, {}", of.strategy, of.which) } else { of.which.to_owned() }
}

fn market_table(findings: &ReportFindings, assessed: &[(&CalibrationFindings, &Assessment)]) -> Markup {
    let rows = assessed.iter().map(|(of, assessment)| {
        let cell = |estimate: &IntervalEstimate| estimate_cell(Some(estimate), AxisUnit::Number, 4);
        vec![
            HtmlCell::from_text(forecast_set_label(findings, of)),
            count_cell(assessment.forecasts as u64),
            number_cell(assessment.model.brier.value, 4),
            number_cell(assessment.market.brier.value, 4),
            cell(&assessment.brier_difference),
            cell(&assessment.log_loss_difference),
            HtmlCell::from_number(format_percent(assessment.yes_share.value), assessment.yes_share.value),
        ]
    });
    let columns = vec![
        HtmlColumn::for_text("forecasts"),
        HtmlColumn::for_numbers("number"),
        HtmlColumn::for_numbers("Brier score"),
        HtmlColumn::for_numbers("market's"),
        HtmlColumn::for_numbers("difference"),
        HtmlColumn::for_numbers("difference in log loss"),
        HtmlColumn::for_numbers("YES came in"),
    ];
    HtmlTable { caption: "Beliefs against prices".into(), columns, rows: rows.collect() }.render()
}
