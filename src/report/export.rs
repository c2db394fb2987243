//! A report's figures as files for other programs: one JSON object, and tables in CSV. Money in dollars,
//! probabilities as shares, times in UTC.

use csv::Writer;
use serde::Serialize;

use crate::domain::Timestamp;

use super::findings::ReportFindings;
use super::forecasts::{HORIZONS, share};
use super::stats::IntervalEstimate;

/// Name of a file, such as `trades.csv`, and its content as bytes.
pub type Document = (&'static str, Vec<u8>);

/// Returns six CSV files with headers: forecasts, trades, equity, sources, mark-outs and refusals.
#[must_use]
pub fn tables(findings: &ReportFindings) -> Vec<Document> {
    vec![
        ("forecasts.csv", forecasts(findings)),
        ("trades.csv", trades(findings)),
        ("equity.csv", equity(findings)),
        ("sources.csv", sources(findings)),
        ("mark_outs.csv", mark_outs(findings)),
        ("refusals.csv", refusals(findings)),
    ]
}

fn table<Row: Serialize>(header: &[&str], rows: impl Iterator<Item = Row>) -> Vec<u8> {
    let mut writer = Writer::from_writer(Vec::new());
    writer.write_record(header).expect("memory takes everything");
    rows.for_each(|row| writer.serialize(row).expect("rows are plain data of the header's length"));
    writer.into_inner().expect("memory takes everything")
}

fn time(nanos: i64) -> String {
    Timestamp::from_nanos(nanos).to_string()
}

/// Value, and both ends of the interval.
fn ends(estimate: Option<IntervalEstimate>) -> (Option<f64>, Option<f64>, Option<f64>) {
    estimate.map_or((None, None, None), |found| (Some(found.value), found.low, found.high))
}

fn forecasts(findings: &ReportFindings) -> Vec<u8> {
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
            share(one.forecast.model),
            share(one.forecast.market),
            u8::from(one.yes),
        )
    });
    table(&header, rows)
}

fn trades(findings: &ReportFindings) -> Vec<u8> {
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
        (time(trade.opened_at), time(trade.closed_at), names, prices, beliefs)
    });
    table(&header, rows)
}

fn equity(findings: &ReportFindings) -> Vec<u8> {
    let rows = findings.results.curve.iter().map(|p| (time(p.at), p.equity, p.peak, p.exposure));
    table(&["ts", "equity", "peak", "exposure"], rows)
}

fn sources(findings: &ReportFindings) -> Vec<u8> {
    let header =
        ["by", "group", "trades", "wins", "cost", "fees", "pnl", "pnl_per_contract", "low_95", "high_95"];
    let rows = findings.sources.iter().flat_map(|source| {
        source.groups.iter().map(|group| {
            let sums = (group.trades, group.wins, group.cost, group.fees, group.pnl);
            (source.by, &group.name, sums, ends(group.per_contract))
        })
    });
    table(&header, rows)
}

fn mark_outs(findings: &ReportFindings) -> Vec<u8> {
    let rows = findings
        .mark_outs
        .iter()
        .map(|after| (after.after, after.fills, ends(after.gain), ends(after.drift), after.worse));
    table(
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

fn refusals(findings: &ReportFindings) -> Vec<u8> {
    let header =
        ["reason", "refusals", "markets", "settled", "would_have_made_per_contract", "low_95", "high_95"];
    let rows = findings
        .prevented
        .gates
        .iter()
        .map(|gate| (&gate.name, gate.refusals, gate.markets, gate.settled, ends(gate.would_have_made)));
    table(&header, rows)
}
