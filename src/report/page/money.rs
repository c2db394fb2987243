//! Money: equity, the way from gross edge to net, where it came from, and what the price did after each fill.

use maud::{Markup, html};

use crate::domain::Timestamp;
use crate::report::charts::{
    AxisUnit, Bars, ChartBar, CurvePoint, Equity, HaltMark, MarkOutBar, MarkOuts, Svg, WaterfallChart,
    WaterfallStep, draw_bar_chart, draw_equity_chart, draw_mark_outs_chart, draw_waterfall_chart,
};
use crate::report::findings::{BANDS, ProfitSource, ReportFindings};
use crate::report::html::{
    FactBlock, HtmlCell, HtmlColumn, HtmlTable, render_details, render_facts, render_figure,
};

use crate::report::stats::IntervalEstimate;

use crate::report::format::{format_count, format_dollars, format_percent};
use crate::report::html::figure_cells::{count_cell, estimate_cell, number_cell};

/// Returns the key figures, the equity chart and, if positions were closed, the profit waterfall.
pub fn render_money_section(findings: &ReportFindings) -> Markup {
    let results = &findings.results;
    let fact = |name: &str, value: String, note: Option<String>| FactBlock { name: name.into(), value, note };
    let won = format!("{} won", format_count(results.wins));
    html! {
        (render_facts(&[
            fact("Profit after fees", format_dollars(results.pnl), Some(format_percent(results.r#return))),
            fact("Equity", format_dollars(results.equity), Some(format!("from {}", format_dollars(results.bankroll)))),
            fact("Fees", format_dollars(results.fees), None),
            fact("Closed positions", format_count(results.trades), Some(won)),
            fact("Deepest drawdown", format_percent(results.max_drawdown), Some("of the highest equity".into())),
            fact("Highest exposure", format_dollars(results.max_exposure), None),
        ]))
        (render_figure("Equity, drawdown and exposure", &equity_chart(findings), &html! {
            "Cash plus positions at the market's mid. Halts are marked."
        }))
        @if results.trades > 0 {
            (render_figure("From gross edge to net", &waterfall_chart(findings), &html! {
                "Gross edge is what the contracts paid in the end, less the market's mid when they were bought. "
                "The beliefs had promised " (format_dollars(results.waterfall.promised))
                " after fees on the same positions."
                @if results.waterfall.unsettled > 0 {
                    " For " (format_count(results.waterfall.unsettled)) " positions left early the market has not paid "
                    "out yet; their exit counts in its place."
                }
            }))
        }
    }
}

fn equity_chart(findings: &ReportFindings) -> Svg {
    let points = findings.results.curve.iter().map(|point| CurvePoint {
        at: Timestamp::from_nanos(point.at),
        equity: point.equity,
        peak: point.peak,
        drawdown: if point.peak > 0.0 { 1.0 - point.equity / point.peak } else { 0.0 },
        exposure: if point.equity > 0.0 { point.exposure / point.equity } else { 0.0 },
    });
    let halts = findings.prevented.halts.iter().map(|halt| HaltMark {
        at: Timestamp::from_nanos(halt.at),
        label: format!(
            "{}: {}",
            halt.strategy.as_deref().unwrap_or("all trading"),
            halt.rule.replace('_', " ")
        ),
    });
    draw_equity_chart(&Equity {
        title: "Equity, drawdown and exposure".into(),
        description: format!(
            "Equity goes from {} to {}; the deepest drawdown is {}.",
            format_dollars(findings.results.bankroll),
            format_dollars(findings.results.equity),
            format_percent(findings.results.max_drawdown)
        ),
        points: points.collect(),
        halts: halts.collect(),
        exposure_cap: None,
    })
}

fn waterfall_chart(findings: &ReportFindings) -> Svg {
    let parts = &findings.results.waterfall;
    let step = |label: &str, amount| WaterfallStep { label: label.into(), amount };
    let mut steps = vec![
        step("gross edge", parts.gross),
        step("spread, slippage", parts.slippage),
        step("early exits", parts.early_exits),
        step("fees", parts.fees),
    ];
    if parts.open.abs() >= 0.005 {
        steps.push(step("still open", parts.open));
    }
    draw_waterfall_chart(&WaterfallChart {
        title: "From gross edge to net".into(),
        description: format!(
            "Gross edge {}, net {}.",
            format_dollars(parts.gross),
            format_dollars(findings.results.pnl)
        ),
        steps,
        total: "net".into(),
    })
}

/// Closed positions by what they have in common.
pub fn render_sources_section(findings: &ReportFindings) -> Markup {
    if findings.trades.is_empty() {
        return html! { p { "No position was closed." } };
    }
    html! {
        p { "Profit after fees of a contract, in cents, with 95 % intervals by event." }
        @for source in findings.sources.iter().filter(|source| source.groups.len() > 1 || source.by == PRICE) {
            (render_figure(&format!("By {}", source.by), &source_chart(source), &html! {
                @if source.by == PRICE {
                    "Beside it what takers made at these prices: trade-weighted means after fees over six "
                    "categories (Entertainment, Media, Science/Tech, Weather, World Events, other) of Jon Becker's "
                    "public data set of Kalshi trades, as replicated by others."
                }
            }))
            (render_details("As a table", &source_table(source)))
        }
    }
}

/// The grouping that published figures exist for.
const PRICE: &str = "price paid";

fn source_chart(source: &ProfitSource) -> Svg {
    let published = |name: &str| {
        let band = BANDS.iter().find(|(band, ..)| *band == name && source.by == PRICE);
        band.map(|(_, _, taker)| taker * 100.0)
    };
    let rows = source.groups.iter().map(|group| ChartBar {
        label: group.name.clone(),
        value: group.per_contract.map_or(f64::NAN, |found| found.value * 100.0),
        interval: group.per_contract.and_then(|found| found.interval()).map(|(a, b)| (a * 100.0, b * 100.0)),
        count: Some(group.trades),
        reference: published(&group.name),
    });
    draw_bar_chart(&Bars {
        title: format!("Profit by {}", source.by),
        description: "Profit after fees of a contract, in cents.".into(),
        figure: "profit after fees, ¢ a contract".into(),
        unit: AxisUnit::Cents,
        signed: true,
        reference: (source.by == PRICE).then(|| "all takers, published".into()),
        rows: rows.collect(),
    })
}

fn source_table(source: &ProfitSource) -> Markup {
    let rows = source.groups.iter().map(|group| {
        vec![
            HtmlCell::from_text(&group.name),
            count_cell(group.trades),
            count_cell(group.wins),
            number_cell(group.cost, 2),
            number_cell(group.fees, 2),
            number_cell(group.pnl, 2),
            estimate_cell(group.per_contract.as_ref(), AxisUnit::Number, 4),
        ]
    });
    let columns = vec![
        HtmlColumn::for_text(source.by),
        HtmlColumn::for_numbers("positions"),
        HtmlColumn::for_numbers("won"),
        HtmlColumn::for_numbers("cost, $"),
        HtmlColumn::for_numbers("fees, $"),
        HtmlColumn::for_numbers("profit, $"),
        HtmlColumn::for_numbers("profit a contract, $"),
    ];
    HtmlTable { caption: format!("Closed positions by {}", source.by), columns, rows: rows.collect() }
        .render()
}

/// Where the price stood after each fill.
pub fn render_mark_outs_section(findings: &ReportFindings) -> Markup {
    if findings.mark_outs.iter().all(|after| after.gain.is_none()) {
        return html! {
            p { "Nothing was bought whose market had a price afterwards." }
        };
    }
    let horizons = findings.mark_outs.iter().map(|after| MarkOutBar {
        horizon: after.after.into(),
        cents: after.gain.map_or(f64::NAN, |gain| gain.value * 100.0),
        interval: after.gain.and_then(|gain| gain.interval()).map(|(a, b)| (a * 100.0, b * 100.0)),
        count: after.fills,
    });
    let input = MarkOuts {
        title: "Mark-outs".into(),
        description: "Mean distance of the market's mid from the price paid, some time after each fill."
            .into(),
        horizons: horizons.collect(),
    };
    let rows = findings.mark_outs.iter().map(|after| {
        vec![
            HtmlCell::from_text(after.after),
            count_cell(after.fills),
            estimate_cell(after.gain.map(dollars_to_cents).as_ref(), AxisUnit::Cents, 2),
            estimate_cell(after.drift.map(dollars_to_cents).as_ref(), AxisUnit::Cents, 2),
            after.worse.map_or_else(
                || HtmlCell::from_text("unknown"),
                |share| HtmlCell::from_number(format_percent(share), share),
            ),
        ]
    });
    let columns = vec![
        HtmlColumn::for_text("after the fill"),
        HtmlColumn::for_numbers("fills with a price then"),
        HtmlColumn::for_numbers("market's mid − price paid"),
        HtmlColumn::for_numbers("moved our way since the fill"),
        HtmlColumn::for_numbers("contracts worse off"),
    ];
    let table = HtmlTable { caption: "Mark-outs".into(), columns, rows: rows.collect() };
    html! {
        (render_figure("The market's mid against the price paid", &draw_mark_outs_chart(&input), &html! {
            "In cents a contract, before fees. At the fill it is the half spread that was paid; if it falls from "
            "there, the quote we took was stale, or our opinion was. Prices are those the desk saw at its "
            "evaluations: a fill without a newer price within the time is not counted."
        }))
        (table.render())
    }
}

fn dollars_to_cents(dollars: IntervalEstimate) -> IntervalEstimate {
    let times = |value: f64| value * 100.0;
    IntervalEstimate {
        value: times(dollars.value),
        low: dollars.low.map(times),
        high: dollars.high.map(times),
    }
}
