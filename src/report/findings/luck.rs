//! Is there a real edge? How strongly the settled markets speak for or against the beliefs, what the bets did to the
//! bankroll, and what chance alone would have made of them.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::domain::{Money, Side, StrategyId, Timestamp};
use crate::journal::reader::LedgerTradeRow;
use crate::report::stats::IntervalEstimate;
use crate::report::stats::evidence::{EvidenceEntry, Path, evidence_path, log_growth, trades_needed};
use crate::report::stats::luck::{Bet, DRAWS, Luck, simulate_luck};
use crate::report::stats::overfitting::Returns;

use super::gather::Gathered;
use crate::report::forecasts::probability_to_f64;
use crate::report::summary::money_to_dollars;

/// Events drawn in all histories together, before histories are fewer; and the fewest.
const WORK: usize = 20_000_000;
const FEWEST: usize = 1_000;

/// What speaks for and against one strategy.
#[derive(Clone, Debug, Serialize)]
pub struct LuckEvidence {
    /// Name of the strategy whose bets are judged.
    pub strategy: String,
    /// First entries of events whose market has settled.
    pub markets: u64,
    /// The likelihood ratio of beliefs over prices, market by market.
    pub path: Path,
    /// Final likelihood ratio of beliefs over market prices; 1 without entries, strong evidence from 20 on.
    pub evidence_for: f64,
    /// The inverse ratio, prices over beliefs; 20 or more counts against the strategy.
    pub evidence_against: f64,
    /// Mean log growth of the bankroll a closed position.
    pub growth: Option<IntervalEstimate>,
    /// Events after which the mean profit seen would be told from zero with 80 % power.
    pub events_needed: Option<f64>,
    /// Number of events with a closed position, to compare with `events_needed`.
    pub events: u64,
    /// What chance makes of the same bets if the market's prices are right.
    pub luck: Option<Luck>,
    /// Probability that the Sharpe ratio by event is above zero (Bailey and López de Prado 2012).
    pub probabilistic_sharpe: Option<f64>,
}

/// Computes the evidence of each strategy in order of id, also of those that never traded.
pub fn evidence_by_strategy(run: &Gathered, seed: u64) -> Vec<LuckEvidence> {
    let ids =
        (0..run.strategies.len()).map(|id| StrategyId(u8::try_from(id).expect("at most 255 strategies")));
    ids.map(|strategy| strategy_evidence(run, strategy, seed)).collect()
}

fn strategy_evidence(run: &Gathered, strategy: StrategyId, seed: u64) -> LuckEvidence {
    let trades: Vec<&LedgerTradeRow> = run.trades.iter().filter(|trade| trade.strategy == strategy).collect();
    let path = evidence_path(&evidence_entries(run, &trades)).expect("parts per million are shares");
    let last = path.log_ratio.last().copied().unwrap_or(0.0);
    let (profits, events): (Vec<f64>, Vec<u32>) =
        trades.iter().map(|trade| (profit_of_equity(run, trade), run.event_of[trade.market])).unzip();
    let by_event = by_event(&profits, &events);
    LuckEvidence {
        strategy: run.strategies[strategy.index()].clone(),
        markets: path.log_ratio.len() as u64,
        path,
        evidence_for: last.exp(),
        evidence_against: (-last).exp(),
        growth: log_growth(&profits, &events, seed),
        events_needed: trades_needed(&by_event),
        events: by_event.len() as u64,
        luck: simulate_luck(&settled_bets(run, &trades), histories_to_draw(by_event.len()), seed),
        probabilistic_sharpe: Returns::from_returns(&by_event)
            .and_then(|returns| returns.probabilistic_sharpe(0.0)),
    }
}

/// Histories to draw: fewer where events are many, and each history is more work and less of a surprise.
fn histories_to_draw(events: usize) -> usize {
    (WORK / events.max(1)).clamp(FEWEST, DRAWS)
}

/// The first entry of each event, where the market has paid all or nothing, in the order of settlement.
fn evidence_entries(run: &Gathered, trades: &[&LedgerTradeRow]) -> Vec<EvidenceEntry> {
    let mut opened: Vec<&&LedgerTradeRow> = trades.iter().collect();
    opened.sort_by_key(|trade| trade.opened_at);
    let mut events = BTreeSet::new();
    opened.retain(|trade| events.insert(run.event_of[trade.market]));
    let mut settled: Vec<(Timestamp, EvidenceEntry)> = opened
        .into_iter()
        .filter_map(|trade| {
            let (at, _) = run.markets[trade.market].settled?;
            let won = run.side_won(trade)?;
            Some((
                at,
                EvidenceEntry {
                    belief: probability_to_f64(trade.belief),
                    market: probability_to_f64(trade.market_price),
                    won,
                },
            ))
        })
        .collect();
    settled.sort_by_key(|(at, _)| *at);
    settled.into_iter().map(|(_, entry)| entry).collect()
}

/// Profit after fees, as a share of equity when the position was opened.
fn profit_of_equity(run: &Gathered, trade: &LedgerTradeRow) -> f64 {
    let before = run.equity.partition_point(|point| point.at <= trade.opened_at);
    let equity = before.checked_sub(1).map_or(run.run.bankroll, |last| run.equity[last].equity);
    if equity > Money::ZERO { money_to_dollars(trade.pnl) / money_to_dollars(equity) } else { f64::NAN }
}

fn by_event(profits: &[f64], events: &[u32]) -> Vec<f64> {
    let mut sums = std::collections::BTreeMap::new();
    profits.iter().zip(events).for_each(|(profit, event)| *sums.entry(*event).or_insert(0.0) += profit);
    sums.into_values().collect()
}

/// All closed positions whose market has paid all or nothing, as if held to the end.
fn settled_bets(run: &Gathered, trades: &[&LedgerTradeRow]) -> Vec<Bet> {
    let bets = trades.iter().filter_map(|trade| {
        let won = run.side_won(trade)?;
        let bought_yes = trade.side == Side::Yes;
        let side = run.mid_at_purchases(trade);
        Some(Bet {
            event: run.event_of[trade.market],
            market: u32::try_from(trade.market).expect("market ids are 32 bits wide"),
            // The ledger does not say; a ladder varies most, so surprise is understated rather than overstated.
            exclusive: false,
            probability: if bought_yes { side } else { 1.0 - side },
            bought_yes,
            yes: won == bought_yes,
            stake: money_to_dollars(trade.cost) + money_to_dollars(trade.fees),
            payoff: trade.contracts.hundredths() as f64 / 100.0,
        })
    });
    bets.collect()
}
