//! Refusals of the risk layer, kept while a ledger is read once from its beginning.

use std::collections::BTreeMap;

use crate::domain::{MarketId, StrategyId};
use crate::journal::encode::{FIRST_REFUSAL, RecordedEvaluation};

use super::market_id;
use crate::report::forecasts::probability_to_f64;

/// Refusals as they are read. The first of each gate, market and strategy is
/// kept, to be followed to settlement.
#[derive(Debug, Default)]
pub struct Refusals {
    /// How often each verdict refused a bet, by its code in the ledger.
    pub counts: BTreeMap<u8, u64>,
    /// The first refused bet of each verdict, strategy and market.
    pub first: BTreeMap<(u8, StrategyId, MarketId), MissedBet>,
}

/// A bet that was not made.
#[derive(Clone, Copy, Debug)]
pub struct MissedBet {
    /// Whether the bet was on YES.
    pub yes: bool,
    /// Price and fee of a contract, in dollars.
    pub cost: f64,
}

impl Refusals {
    /// Counts an evaluation that a gate refused; keeps the first such bet of each gate, strategy and market.
    pub fn record_refusal(&mut self, evaluation: &RecordedEvaluation, strategy: StrategyId) {
        if evaluation.verdict < FIRST_REFUSAL {
            return;
        }
        *self.counts.entry(evaluation.verdict).or_default() += 1;
        let (Some(mid), Some(edge)) = (evaluation.market_probability, evaluation.net_edge_ppm) else {
            return;
        };
        let key = (evaluation.verdict, strategy, market_id(evaluation.market));
        self.first.entry(key).or_insert_with(|| {
            // The side with the larger net edge is the one the belief leans to.
            let yes = evaluation.probability > mid;
            let belief = probability_to_f64(evaluation.probability);
            MissedBet { yes, cost: if yes { belief } else { 1.0 - belief } - edge as f64 / 1e6 }
        });
    }
}
