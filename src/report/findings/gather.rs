//! What a report needs of a ledger, in one pass over its evaluations.

use std::collections::BTreeMap;

use crate::domain::{Action, SettlementValue, Side, StrategyId, Timestamp};
use crate::journal::encode::RecordedEvaluation;
use crate::journal::reader::{
    EquityRow, FillRow, HaltRow, LedgerMarketRow, LedgerReader, LedgerTradeRow, OrderRow, RunRow,
};
use crate::journal::sqlite::LedgerError;
use crate::report::forecasts::{Forecast, ForecastSelection, Resolved, probability_to_f64};
use crate::report::summary::settlement_to_dollars;

use super::market_id;
use super::price_watch::{AT_FILL, PriceWatch};
use super::refusals::Refusals;

/// Code of an evaluation nobody wanted to act on.
const NO_OPPORTUNITY: u8 = 0;

/// A ledger in memory, without its evaluations.
pub struct Gathered {
    /// Identity of the run as the ledger records it: mode, scenario, seed, bankroll, start and end.
    pub run: RunRow,
    /// Data files with their content hashes.
    pub data_files: Vec<(String, String)>,
    /// Names of the strategies by id.
    pub strategies: Vec<String>,
    /// Markets of the run. Orders, fills and positions refer to them by their index in this list.
    pub markets: Vec<LedgerMarketRow>,
    /// By market: its event, counted from zero.
    pub event_of: Vec<u32>,
    /// Orders sent, sorted by order id, each with the contracts it has filled so far.
    pub orders: Vec<OrderRow>,
    /// Fills in the order they were booked, each with the price of the side traded, and the fee.
    pub fills: Vec<FillRow>,
    /// Positions that ended by sale or settlement, in the order they closed.
    pub trades: Vec<LedgerTradeRow>,
    /// Equity, its peak and the exposure, one row for each change of equity, oldest first.
    pub equity: Vec<EquityRow>,
    /// Halts of one strategy or of all trading, in the order they happened, lifted or not.
    pub halts: Vec<HaltRow>,
    /// What did not fit the books.
    pub discrepancies: Vec<(Timestamp, String)>,
    /// Forecasts whose answer is known, in the order they were made.
    pub forecasts: Vec<Resolved>,
    /// Refusals counted by gate, with the first refused bet per gate, strategy and market.
    pub refusals: Refusals,
    /// Names of the verdicts by code.
    pub verdicts: BTreeMap<u8, String>,
    /// How many evaluations there were, how many of each kind, and the time they span.
    pub evaluations: Evaluations,
    /// Prices after the fills that opened or added.
    pub watch: PriceWatch,
}

/// Counts of the evaluations: each is one strategy's belief in one market at one moment.
#[derive(Clone, Copy, Debug, Default)]
pub struct Evaluations {
    /// Number of evaluations in the ledger, of all strategies and markets.
    pub total: u64,
    /// Without a market price beside them.
    pub unpriced: u64,
    /// Of quotes that were assumed around a midpoint.
    pub assumed: u64,
    /// That led to an order or were refused by a gate.
    pub opportunities: u64,
    /// Moments of the first and the last evaluation; `None` if there was none.
    pub span: Option<(Timestamp, Timestamp)>,
}

impl Gathered {
    /// Reads a ledger.
    ///
    /// # Errors
    /// When it cannot be read, or says something of a market or strategy it does not know.
    pub fn from_ledger(ledger: &LedgerReader) -> Result<Self, LedgerError> {
        let markets = ledger.markets()?;
        let fills = ledger.fills()?;
        let strategies = ledger.strategy_names()?;
        let event_of = number_events(&markets);
        let mut all = Self {
            run: ledger.run_row()?,
            data_files: ledger.data_files()?,
            orders: ledger.orders()?,
            trades: ledger.closed_trades()?,
            equity: ledger.equity_curve()?,
            halts: ledger.halts()?,
            discrepancies: ledger.discrepancies()?,
            verdicts: ledger.verdict_names()?.into_iter().collect(),
            forecasts: Vec::new(),
            refusals: Refusals::default(),
            evaluations: Evaluations::default(),
            watch: PriceWatch::for_fills(&fills, markets.len()),
            strategies,
            markets,
            event_of,
            fills,
        };
        all.read_evaluations(ledger)?;
        Ok(all)
    }

    /// Reads what only the evaluations tell.
    fn read_evaluations(&mut self, ledger: &LedgerReader) -> Result<(), LedgerError> {
        let believers = ledger.estimate_bases()?;
        let mut selection = ForecastSelection::new(self.strategies.len());
        let mut unknown = None;
        ledger.for_each_evaluation(|evaluation| {
            let basis = believers.get(evaluation.basis);
            match (self.markets.get(evaluation.market), basis) {
                (Some(market), Some(basis)) => {
                    let close = market.close_time;
                    self.add_evaluation(evaluation, basis.strategy, close, &mut selection);
                }
                _ => unknown = Some(*evaluation),
            }
        })?;
        if let Some(RecordedEvaluation { at, market, basis, .. }) = unknown {
            let problem = format!(
                "the evaluation of {at} is of market {market} and basis {basis}, one of them unknown"
            );
            return Err(ledger.ledger_error(&problem));
        }
        self.watch.finish_pending_lookups(&self.markets);
        for (market, row) in self.markets.iter().enumerate() {
            if let Some((_, value)) = row.settled {
                self.forecasts.extend(selection.resolve_forecasts(market_id(market), value));
            }
        }
        self.forecasts.sort_unstable_by_key(|one| (one.forecast.at, one.market, one.strategy, one.horizon));
        Ok(())
    }

    fn add_evaluation(
        &mut self,
        evaluation: &RecordedEvaluation,
        strategy: StrategyId,
        close: Timestamp,
        selection: &mut ForecastSelection,
    ) {
        let counted = &mut self.evaluations;
        counted.total += 1;
        counted.assumed += u64::from(evaluation.assumed);
        counted.opportunities += u64::from(evaluation.verdict != NO_OPPORTUNITY);
        counted.span = Some((counted.span.map_or(evaluation.at, |span| span.0), evaluation.at));
        self.refusals.record_refusal(evaluation, strategy);
        let Some(market) = evaluation.market_probability else {
            counted.unpriced += 1;
            return;
        };
        self.watch.record_price(evaluation.market, evaluation.at, market);
        let forecast = Forecast { at: evaluation.at, model: evaluation.probability, market };
        selection.record_forecast(
            market_id(evaluation.market),
            strategy,
            close.since(evaluation.at),
            forecast,
        );
    }

    /// Returns the recorded start of the run, else the moment of its first evaluation.
    pub fn start_time(&self) -> Option<Timestamp> {
        self.run.started_at.or(self.evaluations.span.map(|span| span.0))
    }

    /// Last moment of the run so far.
    pub fn end_time(&self) -> Option<Timestamp> {
        self.run.finished_at.or(self.evaluations.span.map(|span| span.1))
    }

    /// What a side of a market paid; `None` while that is open.
    pub fn side_payout(&self, trade: &LedgerTradeRow) -> Option<f64> {
        let (_, value) = self.markets[trade.market].settled?;
        Some(settlement_to_dollars(trade.side.payout_from_yes(value)))
    }

    /// Whether the side held won; `None` while that is open, or if it paid something between.
    pub fn side_won(&self, trade: &LedgerTradeRow) -> Option<bool> {
        match self.markets[trade.market].settled?.1 {
            SettlementValue::ONE => Some(trade.side == Side::Yes),
            SettlementValue::ZERO => Some(trade.side == Side::No),
            _ => None,
        }
    }

    /// Mean mid of the side at the purchases of a position, weighted by contracts.
    pub fn mid_at_purchases(&self, trade: &LedgerTradeRow) -> f64 {
        let first = self.fills.partition_point(|fill| fill.at < trade.opened_at);
        let of_it = self.fills[first..]
            .iter()
            .zip(&self.watch.seen[first..])
            .take_while(|(fill, _)| fill.at <= trade.closed_at);
        let bought = of_it.filter(|(fill, _)| {
            fill.market == trade.market
                && fill.action == Action::Buy
                && self.strategy_of(fill) == Some(trade.strategy)
        });
        let (sum, contracts) = bought.fold((0.0, 0.0), |(sum, contracts), (fill, seen)| {
            let bought = fill.contracts.hundredths() as f64 / 100.0;
            let yes = seen[AT_FILL];
            let mid = yes.map_or(probability_to_f64(trade.market_price), |yes| {
                if trade.side == Side::Yes { yes } else { 1.0 - yes }
            });
            (sum + mid * bought, contracts + bought)
        });
        if contracts > 0.0 { sum / contracts } else { probability_to_f64(trade.market_price) }
    }

    /// Whose order a fill was of.
    pub fn strategy_of(&self, fill: &FillRow) -> Option<StrategyId> {
        let order = self.orders.binary_search_by_key(&fill.order, |order| order.id).ok()?;
        Some(self.orders[order].strategy)
    }

    /// Why a position was opened, in the words of the strategy.
    pub fn opening_reason(&self, trade: &LedgerTradeRow) -> &str {
        let before = self.orders.partition_point(|order| order.at <= trade.opened_at);
        let opening = self.orders[..before].iter().rev().find(|order| {
            order.market == trade.market && order.strategy == trade.strategy && order.action == Action::Buy
        });
        opening.map_or("", |order| &order.reason)
    }
}

fn number_events(markets: &[LedgerMarketRow]) -> Vec<u32> {
    let mut numbers: BTreeMap<&str, u32> = BTreeMap::new();
    let mut next = 0u32;
    let number = |market| {
        *numbers.entry(market).or_insert_with(|| {
            next += 1;
            next - 1
        })
    };
    markets.iter().map(|market| &*market.event_ticker).map(number).collect()
}
