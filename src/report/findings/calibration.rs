//! Are the probabilities calibrated, and better than the market's? By strategy and horizon, and for the
//! sides that were bought.

use serde::Serialize;

use crate::domain::StrategyId;
use crate::report::forecasts::{ForecastColumns, HORIZONS, POOLED, probability_to_f64};
use crate::report::stats::binned::{BinnedForecasts, equal_count_bins};
use crate::report::stats::isotonic::{
    Block, ConsistencyBand, consistency_band, fit_isotonic, pool_equal_forecasts,
};
use crate::report::stats::{Assessment, Forecasts, assess_forecasts};

use super::gather::Gathered;

/// Name of the forecasts of the sides that were bought.
pub const BOUGHT: &str = "bought";

const BINS: usize = 10;
/// Draws of the consistency band, fewer where forecasts are many; and its places.
const BAND_DRAWS: usize = 1_000;
const BAND_WORK: usize = 50_000_000;
const FEWEST_DRAWS: usize = 200;
const BAND_GRID: usize = 51;
/// Bars of the histogram of forecasts.
const BARS: usize = 20;

/// What is known of a set of forecasts.
#[derive(Clone, Debug, Serialize)]
pub struct CalibrationFindings {
    /// Name of the strategy that made the forecasts.
    pub strategy: String,
    /// Which: a horizon, all of them, or the sides bought.
    pub which: &'static str,
    /// All scores, beside the market's; `None` without forecasts.
    pub assessment: Option<Assessment>,
    /// What happened, by isotonic regression on what was said.
    pub curve: Vec<Block>,
    /// The same of the market's prices.
    pub market_curve: Vec<Block>,
    /// Where the curve would lie if the beliefs were calibrated.
    pub band: Vec<ConsistencyBand>,
    /// Reliability table: at most ten bins of about equal count, each with the share that came true.
    pub bins: Vec<BinnedForecasts>,
    /// Forecasts by twentieths of a share.
    pub histogram: Vec<u64>,
    /// The same of the market's prices.
    pub market_histogram: Vec<u64>,
}

fn assess_forecast_set(
    strategy: &str,
    which: &'static str,
    columns: &ForecastColumns,
    seed: u64,
) -> CalibrationFindings {
    let (model, market) = (columns.model_forecasts(), columns.market_forecasts());
    let grid: Vec<f64> = (0..BAND_GRID).map(|place| place as f64 / (BAND_GRID - 1) as f64).collect();
    let draws = (BAND_WORK / model.len().max(1)).clamp(FEWEST_DRAWS, BAND_DRAWS);
    CalibrationFindings {
        strategy: strategy.to_owned(),
        which,
        assessment: assess_forecasts(&model, &market, seed),
        curve: fit_isotonic(pool_equal_forecasts(&model)),
        market_curve: fit_isotonic(pool_equal_forecasts(&market)),
        band: consistency_band(&model, &grid, draws, seed),
        bins: equal_count_bins(&model, BINS),
        histogram: forecast_histogram(&model),
        market_histogram: forecast_histogram(&market),
    }
}

fn forecast_histogram(forecasts: &Forecasts) -> Vec<u64> {
    let mut bars = vec![0; BARS];
    for said in forecasts.probability() {
        let bar = (1..BARS).take_while(|&bar| *said >= bar as f64 / BARS as f64).count();
        bars[bar] += 1;
    }
    bars
}

/// Of all strategies: every horizon, all horizons together, and the sides bought.
pub fn calibration_findings(run: &Gathered, seed: u64) -> Vec<CalibrationFindings> {
    let sets = (0..).zip(&run.strategies).flat_map(|(id, name)| {
        forecast_sets(run, StrategyId(id)).into_iter().map(move |(which, columns)| (name, which, columns))
    });
    let sets: Vec<_> = sets.collect();
    // Each set is a task of its own.
    std::thread::scope(|scope| {
        let tasks: Vec<_> = sets
            .iter()
            .map(|(name, which, columns)| scope.spawn(|| assess_forecast_set(name, which, columns, seed)))
            .collect();
        tasks.into_iter().map(|task| task.join().expect("statistics do not panic")).collect()
    })
}

/// The sets of forecasts of a strategy that are looked at.
fn forecast_sets(run: &Gathered, strategy: StrategyId) -> Vec<(&'static str, ForecastColumns)> {
    let mut by_horizon: Vec<ForecastColumns> =
        (0..HORIZONS.len()).map(|_| ForecastColumns::default()).collect();
    let mut pooled = ForecastColumns::default();
    for one in run.forecasts.iter().filter(|one| one.strategy == strategy) {
        let event = run.event_of[one.market.index()];
        by_horizon[one.horizon].add_resolved(one, event);
        pooled.add_resolved(one, event);
    }
    let mut all = vec![(POOLED, pooled)];
    all.extend(HORIZONS.iter().map(|(which, _)| *which).zip(by_horizon));
    all.push((BOUGHT, bought_side_forecasts(run, strategy)));
    all
}

/// The sides bought, at their first entry, where the market has paid all or nothing.
fn bought_side_forecasts(run: &Gathered, strategy: StrategyId) -> ForecastColumns {
    let mut columns = ForecastColumns::default();
    for trade in run.trades.iter().filter(|trade| trade.strategy == strategy) {
        let Some(won) = run.side_won(trade) else { continue };
        let event = run.event_of[trade.market];
        columns.add_forecast(
            probability_to_f64(trade.belief),
            probability_to_f64(trade.market_price),
            won,
            event,
        );
    }
    columns
}
