//! Counts a run as it goes, in memory that does not grow with its length.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::desk::decision::{Evaluation, Output, Record, Trade, Verdict};
use crate::desk::risk::Refusal;
use crate::domain::{Market, MarketId, Money, SettlementValue};

use super::calibration::Calibration;
use super::forecasts::{Forecast, ForecastColumns, ForecastSelection, HORIZONS, POOLED};

/// Sums over the records of a run.
#[derive(Debug)]
pub struct RunTally {
    markets: Vec<Arc<Market>>,
    selection: ForecastSelection,
    scored: [ForecastColumns; HORIZONS.len()],
    pooled: ForecastColumns,
    /// Evaluations without a market price beside them.
    pub unpriced: u64,
    /// Evaluations of quotes that were assumed around a midpoint.
    pub assumed: u64,
    /// Number of evaluations that each gate refused, indexed by [`Refusal`].
    refusals: [u64; Refusal::ALL.len()],
    /// Number of orders sent to the exchange, to open positions and to close them.
    pub orders: u64,
    /// Orders that were filled in part or not at all.
    pub short_orders: u64,
    /// Number of fills booked; one order can have several.
    pub fills: u64,
    /// Number of positions that ended by sale or settlement.
    pub trades: u64,
    /// Closed positions with a profit after fees.
    pub wins: u64,
    /// Sum of the fees of all fills, in micro-dollars.
    pub fees: Money,
    /// Number of closed positions by exit reason: `resolved`, `edge_inverted` or `time_stop`.
    pub exits: BTreeMap<&'static str, u64>,
    /// Number of halts recorded, of one strategy or of all trading.
    pub halts: u64,
}

impl RunTally {
    /// Starts with all counts at zero, for these markets and this number of strategies.
    #[must_use]
    pub fn new(markets: &[Arc<Market>], strategies: usize) -> Self {
        Self {
            markets: markets.to_vec(),
            selection: ForecastSelection::new(strategies),
            scored: Default::default(),
            pooled: ForecastColumns::default(),
            unpriced: 0,
            assumed: 0,
            refusals: [0; Refusal::ALL.len()],
            orders: 0,
            short_orders: 0,
            fills: 0,
            trades: 0,
            wins: 0,
            fees: Money::ZERO,
            exits: BTreeMap::new(),
            halts: 0,
        }
    }

    /// Adds the records that one step of the desk produced to the counts.
    pub fn count_records(&mut self, out: &Output) {
        for record in &out.records {
            match record {
                Record::Evaluation(evaluation) => self.count_evaluation(evaluation),
                Record::Order(_) => self.orders += 1,
                Record::OrderDone(done) => {
                    self.short_orders += u64::from(done.end != crate::desk::decision::OrderEnd::Filled);
                }
                Record::Fill(booked) => {
                    self.fills += 1;
                    self.fees += booked.fill.fee;
                }
                Record::Trade(trade) => self.count_trade(trade),
                Record::Settled(settled) => self.score_settled_market(settled.market, settled.value),
                Record::Halt(_) => self.halts += 1,
                Record::Resume(_)
                | Record::Refit(_)
                | Record::Discrepancy(_)
                | Record::SetAside(_)
                | Record::SetAsideCleared(_)
                | Record::Equity(_) => {}
            }
        }
    }

    /// Refusals by name, in gate order, those that happened.
    pub fn refusal_counts(&self) -> impl Iterator<Item = (&'static str, u64)> {
        Refusal::ALL
            .iter()
            .zip(self.refusals)
            .filter(|&(_, count)| count > 0)
            .map(|(gate, count)| (gate.name(), count))
    }

    /// Calibration by horizon, and of all forecasts together at the end.
    #[must_use]
    pub fn calibration_by_horizon(&self, seed: u64) -> Vec<Calibration> {
        let by_horizon = HORIZONS.iter().zip(&self.scored);
        let mut all: Vec<_> =
            by_horizon.map(|((name, _), columns)| Calibration::from_forecasts(name, columns, seed)).collect();
        all.push(Calibration::from_forecasts(POOLED, &self.pooled, seed));
        all
    }

    /// The resolved forecasts of all horizons together.
    #[must_use]
    pub const fn pooled_forecasts(&self) -> &ForecastColumns {
        &self.pooled
    }

    fn count_evaluation(&mut self, evaluation: &Evaluation) {
        self.assumed += u64::from(evaluation.assumed);
        if let Verdict::Refused(refusal) = evaluation.verdict {
            self.refusals[refusal as usize] += 1;
        }
        let Some(market) = evaluation.market_probability() else {
            self.unpriced += 1;
            return;
        };
        let forecast = Forecast { at: evaluation.at, model: evaluation.probability, market };
        let left = self.markets[evaluation.market.index()].close_time.since(evaluation.at);
        self.selection.record_forecast(evaluation.market, evaluation.strategy, left, forecast);
    }

    fn score_settled_market(&mut self, market: MarketId, value: SettlementValue) {
        let event = self.markets[market.index()].event.0;
        for resolved in self.selection.resolve_forecasts(market, value) {
            self.scored[resolved.horizon].add_resolved(&resolved, event);
            self.pooled.add_resolved(&resolved, event);
        }
    }

    fn count_trade(&mut self, trade: &Trade) {
        self.trades += 1;
        self.wins += u64::from(trade.is_win());
        *self.exits.entry(trade.exit_reason.name()).or_default() += 1;
    }
}
