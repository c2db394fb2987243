//! Did I make money, after fees? Equity over time, and the way from gross edge to net profit.

use serde::Serialize;

use crate::domain::Money;

use super::gather::Gathered;
use crate::report::forecasts::probability_to_f64;
use crate::report::summary::money_to_dollars;

/// A point of the equity curve: equity, its peak and the exposure at one moment.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct EquitySample {
    /// Moment of the sample, in nanoseconds since 1970 UTC.
    pub at: i64,
    /// Cash plus positions at their mark, in dollars.
    pub equity: f64,
    /// Highest equity up to this moment, in dollars; drawdown is measured from it.
    pub peak: f64,
    /// Cost of positions and worst case of open orders.
    pub exposure: f64,
}

/// What was earned, and how. Dollars.
#[derive(Clone, Debug, Serialize)]
pub struct Results {
    /// Cash that the run started with, from the scenario.
    pub bankroll: f64,
    /// Equity at the end, or now.
    pub equity: f64,
    /// Equity minus bankroll: profit after fees, with open positions at their mark.
    pub pnl: f64,
    /// Profit as a share of the bankroll, not annualized: 0.05 is 5 %.
    pub r#return: f64,
    /// Profit of closed positions after their fees; negative for a loss.
    pub realized: f64,
    /// All fees, those of open positions too.
    pub fees: f64,
    /// Number of positions that ended by sale or settlement.
    pub trades: u64,
    /// Of those, with a profit after fees.
    pub wins: u64,
    /// Deepest drawdown, a share of the peak.
    pub max_drawdown: f64,
    /// Highest recorded exposure: cost of positions plus worst case of open orders.
    pub max_exposure: f64,
    /// The way from gross edge to net.
    pub waterfall: ProfitWaterfall,
    /// Equity curve, oldest first, drawn on to the end of the run. Not in the JSON, but in `equity.csv`.
    #[serde(skip)]
    pub curve: Vec<EquitySample>,
}

/// From what the bets were worth at the market's mid to what they brought, in dollars. The parts add up to
/// the P&L.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct ProfitWaterfall {
    /// What the contracts paid in the end, less the market's mid when they were bought.
    pub gross: f64,
    /// That mid less the price paid, negative if more was paid: half the spread, and slippage.
    pub slippage: f64,
    /// What leaving before settlement brought beyond holding on.
    pub early_exits: f64,
    /// Trading fees of closed positions, counted as negative.
    pub fees: f64,
    /// Profit of closed positions after fees: the sum of the four parts above.
    pub realized: f64,
    /// What open positions are above or below their cost with fees.
    pub open: f64,
    /// Positions left early whose market has not paid out: their exit counts as what they paid.
    pub unsettled: u64,
    /// What the beliefs promised for the closed positions at the prices and fees paid.
    pub promised: f64,
}

impl Results {
    /// Computes the results from the closed positions, fills and recorded equity of a run.
    pub(super) fn from_run(run: &Gathered) -> Self {
        let bankroll = money_to_dollars(run.run.bankroll);
        let last = run.equity.last().map_or(bankroll, |point| money_to_dollars(point.equity));
        let equity = run.run.final_equity.map_or(last, money_to_dollars);
        let pnl = equity - bankroll;
        let mut waterfall = run.trades.iter().fold(ProfitWaterfall::default(), |mut sum, trade| {
            let contracts = trade.contracts.hundredths() as f64 / 100.0;
            let (cost, proceeds) = (money_to_dollars(trade.cost), money_to_dollars(trade.proceeds));
            let paid = run.side_payout(trade).map_or(proceeds, |each| each * contracts);
            let at_mid = run.mid_at_purchases(trade) * contracts;
            sum.unsettled += u64::from(run.side_payout(trade).is_none());
            sum.gross += paid - at_mid;
            sum.slippage -= cost - at_mid;
            sum.early_exits += proceeds - paid;
            sum.fees -= money_to_dollars(trade.fees);
            sum.realized += money_to_dollars(trade.pnl);
            sum.promised +=
                probability_to_f64(trade.belief) * contracts - cost - money_to_dollars(trade.fees);
            sum
        });
        waterfall.open = pnl - waterfall.realized;
        let mut curve: Vec<_> = run
            .equity
            .iter()
            .map(|row| EquitySample {
                at: row.at.nanos(),
                equity: money_to_dollars(row.equity),
                peak: money_to_dollars(row.peak),
                exposure: money_to_dollars(row.exposure),
            })
            .collect();
        // Equity is recorded when it changes: it stays as it is to the end.
        if let (Some(last), Some(end)) = (curve.last().copied(), run.end_time())
            && end.nanos() > last.at
        {
            curve.push(EquitySample { at: end.nanos(), ..last });
        }
        let drawdown =
            |point: &EquitySample| if point.peak > 0.0 { 1.0 - point.equity / point.peak } else { 0.0 };
        Self {
            bankroll,
            equity,
            pnl,
            r#return: pnl / bankroll,
            realized: waterfall.realized,
            fees: run.fills.iter().map(|fill| money_to_dollars(fill.fee)).sum(),
            trades: run.trades.len() as u64,
            wins: run.trades.iter().filter(|trade| trade.pnl > Money::ZERO).count() as u64,
            max_drawdown: curve.iter().map(drawdown).fold(0.0, f64::max),
            max_exposure: curve.iter().map(|point| point.exposure).fold(0.0, f64::max),
            waterfall,
            curve,
        }
    }
}
