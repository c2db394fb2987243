//! The statistics of the calibration and evidence report: pure functions over slices, no I/O.
//!
//! Forecasts about markets of one event are not independent, so every interval resamples events.
//! Whoever reads a figure here should also see how far it may be off, and whose forecast it is to beat:
//! [`assess_forecasts`] puts model, market and base rate side by side on the same draws.
//!
//! Random draws come from a given seed: the same inputs give the same figures.

use serde::Serialize;
use statrs::distribution::{ContinuousCDF, Normal};

pub mod assess;
pub mod binned;
pub mod bootstrap;
pub mod conclusion;
pub mod evidence;
mod grid;
pub mod isotonic;
pub mod luck;
pub mod overfitting;
mod paired;
pub mod recalibration;
pub mod scores;

pub use assess::{Assessment, assess_forecasts};

/// The least distance of a probability from 0 and 1 where a logarithm is taken.
pub const EPSILON: f64 = 1e-6;

/// Why a set of forecasts is refused: columns of unequal length, or a value outside [0, 1].
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum StatsError {
    /// The three columns differ in length.
    #[error(
        "{probabilities} probabilities, {outcomes} outcomes and {events} events: give one of each a forecast"
    )]
    Lengths {
        /// Length of the slice of probabilities.
        probabilities: usize,
        /// Length of the slice of outcomes.
        outcomes: usize,
        /// Length of the slice of event numbers.
        events: usize,
    },
    /// A forecast is not between 0 and 1, or not a number.
    #[error("forecast {index}, counted from 0: {value} is not a probability in [0, 1]; leave it out")]
    NotAProbability {
        /// Position of the forecast in its slice, counted from 0.
        index: usize,
        /// The refused number, which may also be NaN or infinite.
        value: f64,
    },
}

/// Resolved forecasts of YES, in the order of time.
#[derive(Clone, Copy, Debug)]
pub struct Forecasts<'a> {
    probability: &'a [f64],
    outcome: &'a [bool],
    event: &'a [u32],
}

impl<'a> Forecasts<'a> {
    /// Forecast `i` said `probability[i]` about a market of event `event[i]` that ended as `outcome[i]`.
    ///
    /// # Errors
    /// If the lengths differ, or a probability is not a finite number in [0, 1].
    pub fn new(probability: &'a [f64], outcome: &'a [bool], event: &'a [u32]) -> Result<Self, StatsError> {
        if probability.len() != outcome.len() || probability.len() != event.len() {
            return Err(StatsError::Lengths {
                probabilities: probability.len(),
                outcomes: outcome.len(),
                events: event.len(),
            });
        }
        match probability.iter().position(|p| !(0.0..=1.0).contains(p)) {
            Some(index) => Err(StatsError::NotAProbability { index, value: probability[index] }),
            None => Ok(Self { probability, outcome, event }),
        }
    }

    /// Returns the forecast probabilities of YES, each in [0, 1].
    #[must_use]
    pub const fn probability(&self) -> &'a [f64] {
        self.probability
    }

    /// Returns the outcome of each forecast, `true` for YES, in the order of the probabilities.
    #[must_use]
    pub const fn outcome(&self) -> &'a [bool] {
        self.outcome
    }

    /// Returns the event number of each forecast; those of one event are not independent.
    #[must_use]
    pub const fn event(&self) -> &'a [u32] {
        self.event
    }

    /// Returns the number of forecasts, which is the length of each column.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.probability.len()
    }

    /// Returns whether there are no forecasts, so that nothing can be scored.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.probability.is_empty()
    }

    /// Probability and outcome (1 or 0) of each.
    #[must_use]
    pub fn probability_outcome_pairs(&self) -> impl ExactSizeIterator<Item = (f64, f64)> + 'a {
        self.probability.iter().zip(self.outcome).map(|(&p, &yes)| (p, yes_indicator(yes)))
    }
}

/// A figure and its 95 % interval; no interval where the data carry none (fewer than two events).
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct IntervalEstimate {
    /// The figure computed from the sample itself, in the unit of its statistic.
    pub value: f64,
    /// Lower end of the 95 % interval, in the unit of `value`; `None` without an interval.
    pub low: Option<f64>,
    /// Upper end of the 95 % interval, in the unit of `value`; `None` without an interval.
    pub high: Option<f64>,
}

impl IntervalEstimate {
    /// Makes an estimate of the figure alone, with neither end of an interval.
    #[must_use]
    pub const fn without_interval(value: f64) -> Self {
        Self { value, low: None, high: None }
    }

    /// Returns both ends of the 95 % interval, or `None` if an end is missing.
    #[must_use]
    pub fn interval(&self) -> Option<(f64, f64)> {
        self.low.zip(self.high)
    }
}

/// 1 for YES, 0 for NO.
fn yes_indicator(yes: bool) -> f64 {
    f64::from(u8::from(yes))
}

/// A probability away from 0 and 1, so that its logarithm is finite.
fn clamp_probability(p: f64) -> f64 {
    p.clamp(EPSILON, 1.0 - EPSILON)
}

/// Returns Φ(z), the probability that a standard normal variable is at most `z`.
fn normal_cdf(z: f64) -> f64 {
    Normal::standard().cdf(z)
}

/// Returns Φ⁻¹(p), the value that a standard normal variable exceeds with probability 1 − p.
fn normal_quantile(p: f64) -> f64 {
    Normal::standard().inverse_cdf(p)
}

/// Which of `cells` equal parts of [0, 1] holds `share`; 1 belongs to the last.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share is in [0, 1]")]
fn cell_of(share: f64, cells: usize) -> usize {
    ((share * cells as f64) as usize).min(cells - 1)
}

/// The quantile of sorted values, linear between order statistics (type 7 of Hyndman & Fan 1996).
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rank is in range")]
fn sorted_quantile(sorted: &[f64], share: f64) -> f64 {
    let rank = share.clamp(0.0, 1.0) * (sorted.len() - 1) as f64;
    let below = rank as usize;
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + (rank - below as f64) * (sorted[above] - sorted[below])
}

#[cfg(test)]
mod conclusion_tests;
#[cfg(test)]
mod coverage_tests;
#[cfg(test)]
mod evidence_tests;
#[cfg(test)]
mod reference_tests;
#[cfg(test)]
mod tests;
