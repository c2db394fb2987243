//! Which of a run's many evaluations count as forecasts.
//!
//! One a market and strategy at each of: the first evaluation, and the last one at least 30, 7 and 1 days
//! before close. Only forecasts beside a market price count, so that both are scored on the same questions.

use std::collections::BTreeSet;

use crate::domain::{MarketId, Probability, SettlementValue, Span, StrategyId, Timestamp};

use super::stats::Forecasts;

/// When a forecast is looked at.
pub const HORIZONS: [(&str, Option<Span>); 4] = [
    ("first evaluation", None),
    ("30 days before close", Some(Span::DAY.times(30))),
    ("7 days before close", Some(Span::DAY.times(7))),
    ("1 day before close", Some(Span::DAY)),
];
/// Name of the forecasts of all horizons together.
pub const POOLED: &str = "all of these";

/// A belief beside the market's price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forecast {
    /// Moment of the evaluation that the forecast is taken from.
    pub at: Timestamp,
    /// The strategy's probability that the market settles YES.
    pub model: Probability,
    /// The market's own probability of YES then: the mid of its bid and ask.
    pub market: Probability,
}

/// A forecast in a market that settled YES or NO, with the outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// Horizon that the forecast was kept for, as an index in [`HORIZONS`].
    pub horizon: usize,
    /// Strategy that made the evaluation.
    pub strategy: StrategyId,
    /// Market that the forecast is about.
    pub market: MarketId,
    /// The strategy's probability and the market's, with their moment.
    pub forecast: Forecast,
    /// Outcome: `true` if the market paid $1 for YES, `false` if it paid nothing.
    pub yes: bool,
}

/// The forecasts of a run, as far as it has come.
#[derive(Debug, Default)]
pub struct ForecastSelection {
    strategies: usize,
    kept: Vec<[Option<Forecast>; HORIZONS.len()]>,
}

impl ForecastSelection {
    /// Starts empty, for strategies whose ids are below `strategies`.
    #[must_use]
    pub const fn new(strategies: usize) -> Self {
        Self { strategies, kept: Vec::new() }
    }

    /// Looks at a forecast made `left` before the market's close.
    pub fn record_forecast(
        &mut self,
        market: MarketId,
        strategy: StrategyId,
        left: Span,
        forecast: Forecast,
    ) {
        let slot = self.slot_index(market, strategy);
        if self.kept.len() <= slot {
            self.kept.resize(slot + 1, [None; HORIZONS.len()]);
        }
        for (kept, (_, at_least)) in self.kept[slot].iter_mut().zip(HORIZONS) {
            match at_least {
                None => {
                    kept.get_or_insert(forecast);
                }
                Some(span) if left >= span => *kept = Some(forecast),
                Some(_) => {}
            }
        }
    }

    /// The forecasts in a market that paid `value` for YES. A scalar settlement answers no yes/no question.
    pub fn resolve_forecasts(
        &mut self,
        market: MarketId,
        value: SettlementValue,
    ) -> impl Iterator<Item = Resolved> + '_ {
        let outcome = match value {
            SettlementValue::ONE => Some(true),
            SettlementValue::ZERO => Some(false),
            _ => None,
        };
        let of = move |strategy| StrategyId(u8::try_from(strategy).expect("at most 255 strategies"));
        (0..self.strategies).flat_map(move |strategy| {
            let kept = self.kept.get(self.slot_index(market, of(strategy))).copied().unwrap_or_default();
            kept.into_iter().enumerate().filter_map(move |(horizon, forecast)| {
                Some(Resolved { horizon, strategy: of(strategy), market, forecast: forecast?, yes: outcome? })
            })
        })
    }

    const fn slot_index(&self, market: MarketId, strategy: StrategyId) -> usize {
        market.index() * self.strategies + strategy.index()
    }
}

/// Resolved forecasts of beliefs and prices about the same questions, in the order of time.
#[derive(Clone, Debug, Default)]
pub struct ForecastColumns {
    model: Vec<f64>,
    market: Vec<f64>,
    outcome: Vec<bool>,
    event: Vec<u32>,
}

impl ForecastColumns {
    /// Adds one; `model` and `market` are shares of one.
    pub fn add_forecast(&mut self, model: f64, market: f64, outcome: bool, event: u32) {
        self.model.push(model);
        self.market.push(market);
        self.outcome.push(outcome);
        self.event.push(event);
    }

    /// Adds one that counts, in a market of this event.
    pub fn add_resolved(&mut self, resolved: &Resolved, event: u32) {
        let Forecast { model, market, .. } = resolved.forecast;
        self.add_forecast(probability_to_f64(model), probability_to_f64(market), resolved.yes, event);
    }

    /// Returns the strategies' probabilities with outcomes and events, ready to be scored.
    #[must_use]
    pub fn model_forecasts(&self) -> Forecasts<'_> {
        self.forecasts_from_column(&self.model)
    }

    /// Returns the market's probabilities with the same outcomes and events.
    #[must_use]
    pub fn market_forecasts(&self) -> Forecasts<'_> {
        self.forecasts_from_column(&self.market)
    }

    /// Counts the distinct events among the forecasts.
    #[must_use]
    pub fn count_events(&self) -> u64 {
        self.event.iter().collect::<BTreeSet<_>>().len() as u64
    }

    fn forecasts_from_column<'a>(&'a self, probability: &'a [f64]) -> Forecasts<'a> {
        Forecasts::new(probability, &self.outcome, &self.event).expect("parts per million are shares")
    }
}

/// A probability as a share of one.
#[must_use]
pub fn probability_to_f64(probability: Probability) -> f64 {
    f64::from(probability.ppm()) / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_forecast_before_each_horizon_counts_and_the_first_of_all() {
        let mut selection = ForecastSelection::new(2);
        let ppm = |ppm| Probability::from_ppm(ppm).unwrap();
        let (market, strategy) = (MarketId(3), StrategyId(1));
        for (days, model) in [(40, 100_000), (31, 200_000), (8, 300_000), (2, 400_000), (0, 500_000)] {
            let at = Timestamp::from_nanos(-days);
            let forecast = Forecast { at, model: ppm(model), market: ppm(600_000) };
            selection.record_forecast(market, strategy, Span::DAY.times(days), forecast);
        }
        let resolved: Vec<_> = selection.resolve_forecasts(market, SettlementValue::ONE).collect();
        let models: Vec<_> = resolved.iter().map(|one| (one.horizon, one.forecast.model.ppm())).collect();
        assert_eq!(models, [(0, 100_000), (1, 200_000), (2, 300_000), (3, 400_000)]);
        assert!(resolved.iter().all(|one| one.yes && one.strategy == strategy));
        assert_eq!(
            selection.resolve_forecasts(market, SettlementValue::from_micros(999_999).unwrap()).count(),
            0,
            "a scalar is no answer"
        );
        assert_eq!(selection.resolve_forecasts(MarketId(9), SettlementValue::ONE).count(), 0, "never seen");
    }
}
