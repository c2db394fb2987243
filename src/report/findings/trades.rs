//! Every closed position, with why it was opened.

use serde::Serialize;

use crate::domain::Side;

use super::gather::Gathered;
use crate::report::forecasts::probability_to_f64;
use crate::report::summary::money_to_dollars;

/// A closed position. Prices, beliefs and money in dollars, of the side held.
#[derive(Clone, Debug, Serialize)]
pub struct Closed {
    /// First fill, in nanoseconds since 1970.
    pub opened_at: i64,
    /// Last fill or settlement, in nanoseconds since 1970.
    pub closed_at: i64,
    /// Ticker of the market: its unique name on the exchange.
    pub ticker: String,
    /// Title of the market: the question that its settlement answers.
    pub title: String,
    /// Ticker of the event that the market belongs to; an event may have many markets.
    pub event_ticker: String,
    /// Name of the strategy that held the position.
    pub strategy: String,
    /// Side of the contracts held, YES or NO; prices and beliefs here are of this side.
    pub side: Side,
    /// Contracts bought over the life of the position; may be fractional.
    pub contracts: f64,
    /// Mean price paid for a contract, without fees.
    pub entry_price: f64,
    /// Mean price received for a contract, by sale or settlement, without fees.
    pub exit_price: f64,
    /// Sum of the fees that the position paid, to open it and to sell.
    pub fees: f64,
    /// Profit after fees: proceeds less cost less fees.
    pub pnl: f64,
    /// How it ended: `resolved` by settlement, or sold as `edge_inverted` or by `time_stop`.
    pub exit: &'static str,
    /// Belief in the side at the first entry.
    pub belief: f64,
    /// The market's price of the side then: its mid, or the executable price of a one-sided quote.
    pub market: f64,
    /// What the side paid in the end; `None` while that is open.
    pub paid: Option<f64>,
    /// Why it was opened, in the strategy's words.
    pub reason: String,
}

/// Returns all closed positions in the order they closed.
pub fn closed_positions(run: &Gathered) -> Vec<Closed> {
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
            entry_price: money_to_dollars(trade.cost) / contracts,
            exit_price: money_to_dollars(trade.proceeds) / contracts,
            fees: money_to_dollars(trade.fees),
            pnl: money_to_dollars(trade.pnl),
            exit: trade.exit_reason.name(),
            belief: probability_to_f64(trade.belief),
            market: probability_to_f64(trade.market_price),
            paid: run.side_payout(trade),
            reason: run.opening_reason(trade).to_owned(),
        }
    });
    closed.collect()
}
