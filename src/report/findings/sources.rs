//! Where the result comes from: closed positions by category, series, side, price, time left, exit and
//! strategy.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::domain::Span;
use crate::journal::reader::LedgerTradeRow;
use crate::report::stats::IntervalEstimate;
use crate::report::stats::bootstrap::ratio_estimate;

use super::gather::Gathered;
use crate::report::summary::money_to_dollars;

/// Price bands of the published figures, with what takers made there.
///
/// Mean profit of a taker after fees, in dollars a contract, weighted by trades, over the six categories for
/// which it is published by price (Entertainment, Media, Science/Tech, Weather, World Events, other; 6.9
/// million trades of Jon Becker's data set of Kalshi trades, as replicated by others).
pub const BANDS: [(&str, f64, f64); 7] = [
    ("below 5 ¢", 0.05, -0.0203),
    ("5 to 20 ¢", 0.20, -0.0309),
    ("20 to 40 ¢", 0.40, -0.0372),
    ("40 to 60 ¢", 0.60, -0.0413),
    ("60 to 80 ¢", 0.80, -0.0527),
    ("80 to 95 ¢", 0.95, -0.0304),
    ("95 ¢ and more", f64::INFINITY, -0.0174),
];

/// Time to close at the first entry.
const LEFT: [(&str, Span); 4] = [
    ("under a day", Span::DAY),
    ("1 to 7 days", Span::DAY.times(7)),
    ("7 to 30 days", Span::DAY.times(30)),
    ("over 30 days", Span::MAX),
];

/// Closed positions that have something in common.
#[derive(Clone, Debug, Serialize)]
pub struct ProfitGroup {
    /// What its positions share, such as a category, a side or a price band; `not stated` if that is empty.
    pub name: String,
    /// Number of closed positions in the group.
    pub trades: u64,
    /// Closed positions with a profit after fees.
    pub wins: u64,
    /// Price paid for all their contracts, without fees, in dollars.
    pub cost: f64,
    /// What they made after fees, in dollars.
    pub pnl: f64,
    /// Trading fees of these positions, in dollars.
    pub fees: f64,
    /// P&L after fees a contract, in dollars, with its 95 % interval by event.
    pub per_contract: Option<IntervalEstimate>,
}

/// One way to group all closed positions of a run, and the groups it makes.
#[derive(Clone, Debug, Serialize)]
pub struct ProfitSource {
    /// `strategy`, `category`, `series`, `side`, `price paid`, `time to close at entry` or `exit`.
    pub by: &'static str,
    /// The groups, in their natural order or the one with most at stake first.
    pub groups: Vec<ProfitGroup>,
}

/// Groups the closed positions in each of the seven ways; intervals are drawn from `seed`.
pub fn profit_sources(run: &Gathered, seed: u64) -> Vec<ProfitSource> {
    let by_name = |by, name: &dyn Fn(&LedgerTradeRow) -> String| {
        let mut groups = group_trades(run, seed, |trade| (0, name(trade)));
        groups.sort_by(|a, b| b.cost.total_cmp(&a.cost).then_with(|| a.name.cmp(&b.name)));
        ProfitSource { by, groups }
    };
    let market = |trade: &LedgerTradeRow| &run.markets[trade.market];
    let price = |trade: &LedgerTradeRow| {
        let contracts = trade.contracts.hundredths() as f64 / 100.0;
        let paid = money_to_dollars(trade.cost) / contracts;
        let band = BANDS.iter().position(|(_, to, _)| paid < *to).unwrap_or(BANDS.len() - 1);
        (band, BANDS[band].0.to_owned())
    };
    let left = |trade: &LedgerTradeRow| {
        let left = market(trade).close_time.since(trade.opened_at);
        let band = LEFT.iter().position(|(_, to)| left < *to).unwrap_or(LEFT.len() - 1);
        (band, LEFT[band].0.to_owned())
    };
    vec![
        by_name("strategy", &|trade| run.strategies[trade.strategy.index()].clone()),
        by_name("category", &|trade| market(trade).category.clone()),
        by_name("series", &|trade| market(trade).series_ticker.clone()),
        by_name("side", &|trade| trade.side.to_string()),
        ProfitSource { by: "price paid", groups: group_trades(run, seed, price) },
        ProfitSource { by: "time to close at entry", groups: group_trades(run, seed, left) },
        by_name("exit", &|trade| trade.exit_reason.name().replace('_', " ")),
    ]
}

fn group_trades(
    run: &Gathered,
    seed: u64,
    key: impl Fn(&LedgerTradeRow) -> (usize, String),
) -> Vec<ProfitGroup> {
    let mut groups: BTreeMap<(usize, String), Vec<&LedgerTradeRow>> = BTreeMap::new();
    for trade in &run.trades {
        groups.entry(key(trade)).or_default().push(trade);
    }
    groups.into_iter().map(|((_, name), trades)| summarize_group(run, seed, name, &trades)).collect()
}

fn summarize_group(run: &Gathered, seed: u64, name: String, trades: &[&LedgerTradeRow]) -> ProfitGroup {
    let results: Vec<(u32, f64, f64)> = trades
        .iter()
        .map(|trade| {
            let contracts = trade.contracts.hundredths() as f64 / 100.0;
            (run.event_of[trade.market], money_to_dollars(trade.pnl), contracts)
        })
        .collect();
    ProfitGroup {
        name: if name.is_empty() { "not stated".into() } else { name },
        trades: trades.len() as u64,
        wins: results.iter().filter(|result| result.1 > 0.0).count() as u64,
        cost: trades.iter().map(|trade| money_to_dollars(trade.cost)).sum(),
        pnl: results.iter().map(|result| result.1).sum(),
        fees: trades.iter().map(|trade| money_to_dollars(trade.fees)).sum(),
        per_contract: ratio_estimate(&results, seed),
    }
}
