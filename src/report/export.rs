//! A report's figures as files for other programs: one JSON object, and tables in CSV. Money in dollars,
//! probabilities as shares, times in UTC.

use csv::Writer;
use serde::Serialize;

use crate::domain::Timestamp;

use super::findings::ReportFindings;
use super::forecasts::{HORIZONS, probability_to_f64};
use super::stats::IntervalEstimate;

/// Name of a file, such as `trades.csv`, and its content as bytes.
pub type Document = (&'static str, Vec<u8>);

/// Returns six CSV files with headers: forecasts, trades, equity, sources, mark-outs and refusals.
#[must_use]
pub fn csv_tables(findings: &ReportFindings) -> Vec<Document> {
    vec![
        ("forecasts.csv", forecasts_csv(findings)),
        ("trades.csv", trades_csv(findings)),
        ("equity.csv", equity_csv(findings)),
        ("sources.csv", sources_csv(findings)),
        ("mark_outs.csv", mark_outs_csv(findings)),
        ("refusals.csv", refusals_csv(findings)),
    ]
}

fn write_csv<Row: Serialize>(header: &[&str], rows: impl Iterator<Item = Row>) -> Vec<u8> {
    let mut writer = Writer::from_writer(Vec::new());
    writer.write_record(header).expect("memory takes everything");
    rows.for_each(|row| writer.serialize(row).expect("rows are plain data of the header's length"));
    writer.into_inner().expect("memory takes everything")
}

fn format_timestamp(nanos: i64) -> String {
    Timestamp::from_nanos(nanos).to_string()
}

/// Value, and both ends of the interval.
fn estimate_columns(estimate: Option<IntervalEstimate>) -> (Option<f64>, Option<f64>, Option<f64>) {
    estimate.map_or((None, None, None), |found| (Some(found.value), found.low, found.high))
}

fn forecasts_csv(findings: &ReportFindings) -> Vec<u8> {
    let header = [
        "ts",
        "strategy",
        "ticker",
        "event_ticker",
        "horizon",
        "probability",
        "market_probability",
        "outcome",
    ];
    let rows = findings.forecasts.iter().map(|one| {
        let market = &findings.markets[one.market.index()];
        (
            one.forecast.at.to_string(),
            &findings.strategies[one.strategy.index()],
            &market.ticker,
            &market.event_ticker,
            HORIZONS[one.horizon].0,
            probability_to_f64(one.forecast.model),
            probability_to_f64(one.forecast.market),
            u8::from(one.yes),
        )
    });
    write_csv(&header, rows)
}

fn trades_csv(findings: &ReportFindings) -> Vec<u8> {
    let header = [
        "opened_at",
        "closed_at",
        "strategy",
        "ticker",
        "event_ticker",
        "title",
        "side",
        "contracts",
        "entry_price",
        "exit_price",
        "fees",
        "pnl",
        "exit_reason",
        "probability",
        "market_probability",
        "reason",
    ];
    let rows = findings.trades.iter().map(|trade| {
        let prices = (trade.contracts, trade.entry_price, trade.exit_price, trade.fees, trade.pnl);
        let names = (&trade.strategy, &trade.ticker, &trade.event_ticker, &trade.title, trade.side);
        let beliefs = (trade.exit, trade.belief, trade.market, &trade.reason);
        (format_timestamp(trade.opened_at), format_timestamp(trade.closed_at), names, prices, beliefs)
    });
    write_csv(&header, rows)
}

fn equity_csv(findings: &ReportFindings) -> Vec<u8> {
    let rows = findings.results.curve.iter().map(|p| (format_timestamp(p.at), p.equity, p.peak, p.exposure));
    write_csv(&["ts", "equity", "peak", "exposure"], rows)
}

fn sources_csv(findings: &ReportFindings) -> Vec<u8> {
    let header =
        ["by", "group", "trades", "wins", "cost", "fees", "pnl", "pnl_per_contract", "low_95", "high_95"];
    let rows = findings.sources.iter().flat_map(|source| {
        source.groups.iter().map(|group| {
            let sums = (group.trades, group.wins, group.cost, group.fees, group.pnl);
            (source.by, &group.name, sums, estimate_columns(group.per_contract))
        })
    });
    write_csv(&header, rows)
}

fn mark_outs_csv(findings: &ReportFindings) -> Vec<u8> {
    let rows = findings.mark_outs.iter().map(|after| {
        (after.after, after.fills, estimate_columns(after.gain), estimate_columns(after.drift), after.worse)
    });
    write_csv(
        &[
            "after",
            "fills",
            "gain",
            "low_95",
            "high_95",
            "drift",
            "drift_low_95",
            "drift_high_95",
            "share_worse",
        ],
        rows,
    )
}

fn refusals_csv(findings: &ReportFindings) -> Vec<u8> {
    let header =
        ["reason", "refusals", "markets", "settled", "would_have_made_per_contract", "low_95", "high_95"];
    let rows = findings.prevented.gates.iter().map(|gate| {
        (&gate.name, gate.refusals, gate.markets, gate.settled, estimate_columns(gate.would_have_made))
    });
    write_csv(&header, rows)
}
