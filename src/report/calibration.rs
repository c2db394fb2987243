//! How good probabilities were, beside the market's own.
//!
//! One forecast a market at each of: the first evaluation, and the last one at least 30, 7 and 1 days
//! before close. Only forecasts beside a market price count, so that both are scored on the same
//! questions. Brier score = mean (p − y)²; log loss = mean −ln p(y), with p at least 1e-6 away from 0 and 1;
//! ECE = Σ over ten equal-width bins of (share of forecasts) × |mean p − mean y|. The interval of a
//! difference comes from a bootstrap over events, because contracts of one event are not independent.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

use crate::domain::{Probability, Span};

/// When a forecast is looked at.
pub const HORIZONS: [(&str, Option<Span>); 4] = [
    ("first evaluation", None),
    ("30 days before close", Some(Span::DAY.times(30))),
    ("7 days before close", Some(Span::DAY.times(7))),
    ("1 day before close", Some(Span::DAY)),
];

const BINS: usize = 10;
const DRAWS: usize = 2_000;

/// A belief beside the market's price.
#[derive(Clone, Copy, Debug)]
pub struct Forecast {
    /// Belief in YES.
    pub model: Probability,
    /// The market's mid.
    pub market: Probability,
}

/// Sums over resolved forecasts.
#[derive(Clone, Debug, Default)]
pub struct Scores {
    count: u64,
    brier: f64,
    brier_market: f64,
    log_loss: f64,
    log_loss_market: f64,
    bins: [Bin; BINS],
    /// By event: number of forecasts and sum of squared errors, model − market.
    events: Vec<(f64, f64)>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Bin {
    count: f64,
    forecast: f64,
    outcome: f64,
}

/// The scores of one horizon, or of all together.
#[derive(Clone, Debug, Serialize)]
pub struct Calibration {
    /// Which forecasts.
    pub horizon: &'static str,
    /// How many.
    pub forecasts: u64,
    /// Of how many events.
    pub events: u64,
    /// Brier score of the beliefs.
    pub brier: Option<f64>,
    /// Brier score of the market's prices.
    pub brier_market: Option<f64>,
    /// 95 % interval of the difference, beliefs − market.
    pub brier_difference_95: Option<[f64; 2]>,
    /// Log loss of the beliefs, in nats.
    pub log_loss: Option<f64>,
    /// Log loss of the market's prices.
    pub log_loss_market: Option<f64>,
    /// Expected calibration error of the beliefs.
    pub ece: Option<f64>,
}

impl Scores {
    /// Adds a resolved forecast.
    pub fn add(&mut self, event: usize, forecast: Forecast, yes: bool) {
        let outcome = f64::from(u8::from(yes));
        let probability = |p: Probability| f64::from(p.ppm()) / 1e6;
        let (model, market) = (probability(forecast.model), probability(forecast.market));
        let squared = |p: f64| (p - outcome) * (p - outcome);
        let surprise = |p: f64| -(if yes { p } else { 1.0 - p }).clamp(1e-6, 1.0).ln();
        self.count += 1;
        self.brier += squared(model);
        self.brier_market += squared(market);
        self.log_loss += surprise(model);
        self.log_loss_market += surprise(market);
        let index = (forecast.model.ppm() as usize * BINS / 1_000_000).min(BINS - 1);
        let bin = &mut self.bins[index];
        bin.count += 1.0;
        bin.forecast += model;
        bin.outcome += outcome;
        if self.events.len() <= event {
            self.events.resize(event + 1, (0.0, 0.0));
        }
        self.events[event].0 += 1.0;
        self.events[event].1 += squared(model) - squared(market);
    }

    /// The scores, with an interval drawn from `seed`.
    #[must_use]
    pub fn calibration(&self, horizon: &'static str, seed: u64) -> Calibration {
        let mean = |sum: f64| (self.count > 0).then(|| sum / self.count as f64);
        let events = self.events.iter().filter(|(count, _)| *count > 0.0).count();
        let error: f64 = self.bins.iter().map(|bin| (bin.forecast - bin.outcome).abs()).sum();
        Calibration {
            horizon,
            forecasts: self.count,
            events: events as u64,
            brier: mean(self.brier),
            brier_market: mean(self.brier_market),
            brier_difference_95: self.difference_interval(seed),
            log_loss: mean(self.log_loss),
            log_loss_market: mean(self.log_loss_market),
            ece: mean(error),
        }
    }

    /// Percentile interval of the mean difference in Brier score, resampling events.
    fn difference_interval(&self, seed: u64) -> Option<[f64; 2]> {
        let events: Vec<_> = self.events.iter().filter(|(count, _)| *count > 0.0).collect();
        if events.len() < 2 {
            return None;
        }
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut means: Vec<f64> = (0..DRAWS)
            .map(|_| {
                let drawn = (0..events.len()).map(|_| events[random.random_range(0..events.len())]);
                let (count, sum) = drawn.fold((0.0, 0.0), |all, one| (all.0 + one.0, all.1 + one.1));
                sum / count
            })
            .collect();
        means.sort_by(f64::total_cmp);
        Some([means[DRAWS / 40], means[DRAWS - 1 - DRAWS / 40]])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forecast(model: u32, market: u32) -> Forecast {
        let ppm = |ppm| Probability::from_ppm(ppm).unwrap();
        Forecast { model: ppm(model), market: ppm(market) }
    }

    #[test]
    fn scores_by_hand() {
        let mut scores = Scores::default();
        scores.add(0, forecast(800_000, 600_000), true);
        scores.add(1, forecast(300_000, 100_000), false);
        scores.add(1, forecast(350_000, 500_000), true);
        let found = scores.calibration("all", 7);
        let near = |value: Option<f64>, expected: f64| {
            assert!((value.unwrap() - expected).abs() < 1e-12, "{value:?}");
        };
        // (0.04 + 0.09 + 0.4225) / 3; market (0.16 + 0.01 + 0.25) / 3
        near(found.brier, 0.5525 / 3.0);
        near(found.brier_market, 0.42 / 3.0);
        // −(ln 0.8 + ln 0.7 + ln 0.35) / 3
        near(found.log_loss, -(0.8f64.ln() + 0.7f64.ln() + 0.35f64.ln()) / 3.0);
        // bins [0.8,0.9): |0.8 − 1|; [0.3,0.4): |0.65 − 1| → (0.2 + 0.35) / 3
        near(found.ece, 0.55 / 3.0);
        assert_eq!((found.forecasts, found.events), (3, 2));
        let [low, high] = found.brier_difference_95.unwrap();
        // two events: −0.12 and (0.08 + 0.1725) / 2 = 0.12625; every resample lies between
        assert!((low - -0.12).abs() < 1e-12 && (high - 0.12625).abs() < 1e-12, "{low} {high}");
    }

    #[test]
    fn nothing_resolved_says_nothing() {
        let found = Scores::default().calibration("all", 7);
        assert!(found.brier.is_none() && found.brier_difference_95.is_none() && found.forecasts == 0);
    }
}
