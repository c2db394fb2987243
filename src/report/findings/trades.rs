//! Every closed position, with why it was opened.

use serde::Serialize;

use crate::domain::Side;

use super::gather::Gathered;
use crate::report::forecasts::share;
use crate::report::summary::dollars;

/// A closed position. Prices, beliefs and money in dollars, of the side held.
#[derive(Clone, Debug, Serialize)]
pub struct Closed {
    /// First fill, in nanoseconds since 1970.
    pub opened_at: i64,
    /// Last fill or settlement.
    pub closed_at: i64,
    /// The market.
    pub ticker: String,
    /// Its question.
    pub title: String,
    /// Its event.
    pub event_ticker: String,
    /// Whose.
    pub strategy: String,
    /// Side held.
    pub side: Side,
    /// Contracts bought in all.
    pub contracts: f64,
    /// Mean price paid.
    pub entry_price: f64,
    /// Mean price got.
    pub exit_price: f64,
    /// All fees.
    pub fees: f64,
    /// After fees.
    pub pnl: f64,
    /// How it ended.
    pub exit: &'static str,
    /// Belief in the side at the first entry.
    pub belief: f64,
    /// The market's price of the side then: its mid.
    pub market: f64,
    /// What the side paid in the end; `None` while that is open.
    pub paid: Option<f64>,
    /// Why it was opened, in the strategy's words.
    pub reason: String,
}

/// All, in the order they closed.
pub fn trades(run: &Gathered) -> Vec<Closed> {
    let closed = run.trades.iter().map(|trade| {
        let market = &run.markets[trade.market];
        let contracts = trade.contracts.hundredths() as f64 / 100.0;
        Closed {
            opened_at: trade.opened_at.nanos(),
            closed_at: trade.closed_at.nanos(),
            ticker: market.ticker.clone(),
            title: market.title.clone(),
            event_ticker: market.event_ticker.clone(),
            strategy: run.strategies[trade.strategy.index()].clone(),
            side: trade.side,
            contracts,
            entry_price: dollars(trade.cost) / contracts,
            exit_price: dollars(trade.proceeds) / contracts,
            fees: dollars(trade.fees),
            pnl: dollars(trade.pnl),
            exit: trade.exit_reason.name(),
            belief: share(trade.belief),
            market: share(trade.market_price),
            paid: run.paid(trade),
            reason: run.reason(trade).to_owned(),
        }
    });
    closed.collect()
}
