//! Scores of a set of forecasts, each a plain figure; intervals are in [`assess`](mod@super::assess).
//!
//! All are `None` without forecasts.

use serde::Serialize;

use super::isotonic::{Block, Pooled};
use super::{Forecasts, cell_of, clamp_probability, normal_cdf, yes_indicator};

/// Equal-width bins of the calibration error and of Murphy's decomposition.
pub const BINS: usize = 10;

/// Brier (1950): mean (p − y)², for a question of two answers.
#[must_use]
pub fn brier_score(forecasts: &Forecasts) -> Option<f64> {
    mean_over_forecasts(forecasts, |p, y| (p - y) * (p - y))
}

/// Mean −ln p(y) in nats, with p kept 1e-6 from 0 and 1 (Good 1952).
#[must_use]
pub fn log_loss(forecasts: &Forecasts) -> Option<f64> {
    mean_over_forecasts(forecasts, negative_log_likelihood)
}

/// Calibration in the large: mean y − mean p in percentage points; positive when YES came more often than
/// was said.
#[must_use]
pub fn in_the_large(forecasts: &Forecasts) -> Option<f64> {
    mean_over_forecasts(forecasts, |p, y| 100.0 * (y - p))
}

/// Sharpness as the variance of the forecasts (divisor n): how far they dare leave their own mean.
#[must_use]
pub fn sharpness(forecasts: &Forecasts) -> Option<f64> {
    let centre = mean_over_forecasts(forecasts, |p, _| p)?;
    mean_over_forecasts(forecasts, |p, _| (p - centre) * (p - centre))
}

/// −ln of the probability given to what happened.
pub(super) fn negative_log_likelihood(p: f64, y: f64) -> f64 {
    let p = clamp_probability(p);
    -(if y > 0.5 { p } else { 1.0 - p }).ln()
}

fn mean_over_forecasts(forecasts: &Forecasts, of: impl Fn(f64, f64) -> f64) -> Option<f64> {
    let sum: f64 = forecasts.probability_outcome_pairs().map(|(p, y)| of(p, y)).sum();
    (!forecasts.is_empty()).then(|| sum / forecasts.len() as f64)
}

/// Result of Spiegelhalter's (1986) test of calibration, which takes outcomes as independent.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spiegelhalter {
    /// Standard normal if the forecasts are calibrated and their outcomes independent.
    pub z: f64,
    /// Two-sided. Too small where markets of one event move together.
    pub p_value: f64,
}

/// z = Σ (y − p)(1 − 2p) / √ Σ (1 − 2p)² p (1 − p). Nothing when every forecast is 0, ½ or 1, where the
/// Brier score has no variance to test against.
#[must_use]
pub fn spiegelhalter_test(forecasts: &Forecasts) -> Option<Spiegelhalter> {
    let (sum, variance) =
        forecasts.probability_outcome_pairs().fold((0.0, 0.0), |(sum, variance), (p, y)| {
            let tilt = 1.0 - 2.0 * p;
            (sum + (y - p) * tilt, variance + tilt * tilt * p * (1.0 - p))
        });
    (variance > 0.0).then(|| {
        let z: f64 = sum / variance.sqrt();
        Spiegelhalter { z, p_value: 2.0 * normal_cdf(-z.abs()) }
    })
}

/// Sums over the forecasts of one bin.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ScoreBin {
    /// Number of forecasts in the bin, a whole number kept as a float.
    pub count: f64,
    /// Σ p: the sum of the bin's forecasts.
    pub forecast: f64,
    /// Σ p²: the sum of the squares of the bin's forecasts.
    pub squared: f64,
    /// Σ y: the number of the bin's forecasts whose outcome was YES.
    pub yes: f64,
    /// Σ p·y: the sum of those of the bin's forecasts whose outcome was YES.
    pub product: f64,
}

impl ScoreBin {
    /// Adds `count` forecasts of mean `p` and mean square `squared`, of which `yes` came true.
    pub fn add_forecasts(&mut self, count: f64, p: f64, squared: f64, yes: f64) {
        self.count += count;
        self.forecast += count * p;
        self.squared += count * squared;
        self.yes += yes;
        self.product += yes * p;
    }

    /// Returns mean p − mean y, above 0 where YES came less often than said; NaN in an empty bin.
    fn calibration_gap(&self) -> f64 {
        (self.forecast - self.yes) / self.count
    }
}

/// Forecasts in [`BINS`] bins of equal width, closed below; 1 is in the last.
#[must_use]
pub fn equal_width(forecasts: &Forecasts) -> [ScoreBin; BINS] {
    let mut bins = [ScoreBin::default(); BINS];
    for (&p, &yes) in forecasts.probability().iter().zip(forecasts.outcome()) {
        bins[cell_of(p, BINS)].add_forecasts(1.0, p, p * p, yes_indicator(yes));
    }
    bins
}

/// Expected calibration error: `Σ n_k/n · |mean p − mean y|` over bins (Naeini et al. 2015). It is too large
/// in small samples, since a chance gap counts like a real one.
#[must_use]
pub fn calibration_error(bins: &[ScoreBin]) -> Option<f64> {
    let (count, error) = non_empty_bins(bins).fold((0.0, 0.0), |(count, error), bin| {
        (count + bin.count, error + bin.count * bin.calibration_gap().abs())
    });
    (count > 0.0).then(|| error / count)
}

/// Root-mean-square calibration error, bias-corrected (Kumar, Liang & Ma 2019, debiased ℓ2 estimator; the
/// correction is that of Bröcker 2012 for reliability):
/// `√ max(0, Σ n_k/n · [(mean p − mean y)² − ȳ(1 − ȳ)/(n_k − 1)])`. A bin of one forecast has no such estimate and is left out, with its weight.
/// The correction takes outcomes as independent.
#[must_use]
pub fn calibration_error_debiased(bins: &[ScoreBin]) -> Option<f64> {
    let (count, error) = non_empty_bins(bins).filter(|bin| bin.count > 1.5).fold((0.0, 0.0), |sums, bin| {
        let rate = bin.yes / bin.count;
        let chance = rate * (1.0 - rate) / (bin.count - 1.0);
        (sums.0 + bin.count, sums.1 + bin.count * (bin.calibration_gap() * bin.calibration_gap() - chance))
    });
    (count > 0.0).then(|| (error / count).max(0.0).sqrt())
}

/// Murphy's (1973) parts of the Brier score for binned forecasts, with the two within-bin terms of
/// Stephenson, Coelho & Jolliffe (2008), so that it adds up for any forecasts:
/// Brier = reliability − resolution + uncertainty + within-bin variance − within-bin covariance.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Murphy<T = f64> {
    /// `Σ n_k/n (mean p − mean y)²`: 0 is best.
    pub reliability: T,
    /// `Σ n_k/n (ȳ_k − ȳ)²`: more is better.
    pub resolution: T,
    /// ȳ(1 − ȳ): the score of the base rate.
    pub uncertainty: T,
    /// Mean `(p − p̄_k)²`: how far forecasts lie from the mean of their bin.
    pub within_bin_variance: T,
    /// Twice the mean `(p − p̄_k)(y − ȳ_k)`.
    pub within_bin_covariance: T,
}

/// Returns the decomposition from the sums of each bin, or `None` if no bin holds a forecast.
#[must_use]
pub fn murphy_decomposition(bins: &[ScoreBin]) -> Option<Murphy> {
    let count: f64 = bins.iter().map(|bin| bin.count).sum();
    if count <= 0.0 {
        return None;
    }
    let rate = bins.iter().map(|bin| bin.yes).sum::<f64>() / count;
    let mean = |term: &dyn Fn(&ScoreBin) -> f64| non_empty_bins(bins).map(term).sum::<f64>() / count;
    Some(Murphy {
        reliability: mean(&|bin| bin.count * bin.calibration_gap() * bin.calibration_gap()),
        resolution: mean(&|bin| bin.count * (bin.yes / bin.count - rate).powi(2)),
        uncertainty: rate * (1.0 - rate),
        within_bin_variance: mean(&|bin| bin.squared - bin.forecast * bin.forecast / bin.count),
        within_bin_covariance: mean(&|bin| 2.0 * (bin.product - bin.forecast * bin.yes / bin.count)),
    })
}

fn non_empty_bins(bins: &[ScoreBin]) -> impl Iterator<Item = &ScoreBin> {
    bins.iter().filter(|bin| bin.count > 0.0)
}

/// The Brier score's parts after Dimitriadis, Gneiting & Jordan (2021), without bins to choose:
/// Brier = miscalibration − discrimination + uncertainty.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Corp<T = f64> {
    /// What the isotonic recalibration would gain; 0 is best.
    pub miscalibration: T,
    /// What the recalibrated forecasts gain over the base rate; more is better.
    pub discrimination: T,
    /// ȳ(1 − ȳ): the score of the base rate.
    pub uncertainty: T,
}

/// The decomposition, from forecasts pooled and their isotonic [fit](super::isotonic::fit_isotonic).
#[must_use]
pub fn corp_decomposition(pooled: &[Pooled], blocks: &[Block]) -> Option<Corp> {
    let (count, yes, squares) = pooled.iter().fold((0, 0, 0.0), |(count, all_yes, squares), cell| {
        let Pooled { forecast: p, count: n, yes } = *cell;
        let square = yes as f64 * (1.0 - p) * (1.0 - p) + (n - yes) as f64 * p * p;
        (count + n, all_yes + yes, squares + square)
    });
    if count == 0 {
        return None;
    }
    let rate = yes as f64 / count as f64;
    let uncertainty = rate * (1.0 - rate);
    let recalibrated: f64 =
        blocks.iter().map(|block| block.count as f64 * block.rate * (1.0 - block.rate)).sum();
    let recalibrated = recalibrated / count as f64;
    Some(Corp {
        miscalibration: squares / count as f64 - recalibrated,
        discrimination: uncertainty - recalibrated,
        uncertainty,
    })
}
