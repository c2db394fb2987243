//! What past forecast errors say of the next one: three distributions over whole degrees.
//!
//! An error is observed minus forecast high, both whole degrees Fahrenheit, so the next error is a whole
//! number too: a continuous distribution gives the error `k` the probability of [k − ½, k + ½).

use serde::{Deserialize, Serialize};

/// Which distribution is made of past forecast errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorModel {
    /// Normal with the mean and standard deviation (n − 1) of past errors.
    Gaussian,
    /// Student's t with 4 degrees of freedom, location and scale by maximum likelihood.
    StudentT,
    /// The errors that happened, spread over ±1 °F, and one imagined error that may be any.
    Empirical,
}

/// Degrees of freedom of the t distribution.
const FREEDOM: f64 = 4.0;
/// Most steps of the fit; on a year of errors it stands still after about thirty.
const FIT_STEPS: usize = 500;
/// Change of the scale in a step, relative to it, below which the fit stands still.
const STILL: f64 = 1e-13;
/// Ratio of neighbouring probabilities of the imagined error: it is 4.4 °F off on average.
const DECAY: f64 = 0.8;

/// A distribution of the next error.
#[derive(Clone, Debug, PartialEq)]
pub enum ErrorDistribution {
    /// Normal distribution with mean and standard deviation of the past errors.
    Gaussian {
        /// Mean of the past errors in °F; positive if highs came out above their forecasts.
        mean: f64,
        /// Standard deviation of the past errors in °F, with divisor n − 1; more than zero.
        deviation: f64,
    },
    /// Student's t with 4 degrees of freedom.
    StudentT {
        /// Center of the distribution in °F, by maximum likelihood.
        location: f64,
        /// Scale in °F, by maximum likelihood; more than zero. The standard deviation is √2 times that.
        scale: f64,
    },
    /// The past errors themselves in whole °F, in rising order; at least two.
    Empirical(Vec<i16>),
}

impl ErrorDistribution {
    /// What `past` errors say; `None` where they say nothing: fewer than two, or without any spread
    /// where one is needed.
    #[must_use]
    pub fn fit_to_errors(model: ErrorModel, past: &[i16]) -> Option<Self> {
        if past.len() < 2 {
            return None;
        }
        let count = past.len() as f64;
        let mean = past.iter().map(|&error| f64::from(error)).sum::<f64>() / count;
        let squares = past.iter().map(|&error| square(f64::from(error) - mean)).sum::<f64>();
        let deviation = libm::sqrt(squares / (count - 1.0));
        match model {
            ErrorModel::Gaussian => (deviation > 0.0).then_some(Self::Gaussian { mean, deviation }),
            ErrorModel::StudentT => fit_student_t(past, mean, deviation),
            ErrorModel::Empirical => {
                let mut errors = past.to_vec();
                errors.sort_unstable();
                Some(Self::Empirical(errors))
            }
        }
    }

    /// That the next error is at most `error`.
    #[must_use]
    pub fn at_most(&self, error: i32) -> f64 {
        let edge = f64::from(error) + 0.5;
        match self {
            Self::Gaussian { mean, deviation } => normal_below((edge - mean) / deviation),
            Self::StudentT { location, scale } => student_below((edge - location) / scale),
            Self::Empirical(errors) => {
                let up_to = |most: i32| errors.partition_point(|&past| i32::from(past) <= most) as f64;
                // Weights ¼, ½, ¼ on one below, itself and one above.
                let smooth = 0.25 * up_to(error - 1) + 0.5 * up_to(error) + 0.25 * up_to(error + 1);
                (smooth + imagined_at_most(error)) / (errors.len() as f64 + 1.0)
            }
        }
    }

    /// That the next error is at least `error`. Not one minus the other tail, which would round a far
    /// one to nothing.
    #[must_use]
    pub fn at_least(&self, error: i32) -> f64 {
        self.negated_distribution().at_most(-error)
    }

    /// That the next error is from `least` to `most`; either end may be open.
    #[must_use]
    pub fn probability_within(&self, least: Option<i32>, most: Option<i32>) -> f64 {
        match (least, most) {
            (None, None) => 1.0,
            (None, Some(most)) => self.at_most(most),
            (Some(least), None) => self.at_least(least),
            (Some(least), Some(most)) if least > most => 0.0,
            (Some(least), Some(most)) => self.at_most(most) - self.at_most(least - 1),
        }
    }

    /// The distribution of the negated error.
    fn negated_distribution(&self) -> Self {
        match self {
            Self::Gaussian { mean, deviation } => Self::Gaussian { mean: -mean, deviation: *deviation },
            Self::StudentT { location, scale } => Self::StudentT { location: -location, scale: *scale },
            Self::Empirical(errors) => Self::Empirical(errors.iter().rev().map(|error| -error).collect()),
        }
    }
}

fn square(value: f64) -> f64 {
    value * value
}

/// Maximum likelihood of location and scale by expectation-maximization: t as a normal whose precision is
/// random (Dempster, Laird and Rubin 1980), weights (ν + 1) / (ν + z²).
fn fit_student_t(past: &[i16], mean: f64, deviation: f64) -> Option<ErrorDistribution> {
    let (mut location, mut scale) = (mean, deviation);
    for _ in 0..FIT_STEPS {
        if scale <= 0.0 {
            return None;
        }
        let weight = |error: f64| (FREEDOM + 1.0) / (FREEDOM + square((error - location) / scale));
        let errors = || past.iter().map(|&error| f64::from(error));
        let weights = errors().map(weight).sum::<f64>();
        let centre = errors().map(|error| weight(error) * error).sum::<f64>() / weights;
        let spread = errors().map(|error| weight(error) * square(error - centre)).sum::<f64>();
        let before = scale;
        (location, scale) = (centre, libm::sqrt(spread / past.len() as f64));
        if (scale - before).abs() <= STILL * before {
            break;
        }
    }
    (scale > 0.0).then_some(ErrorDistribution::StudentT { location, scale })
}

fn normal_below(z: f64) -> f64 {
    0.5 * libm::erfc(-z / core::f64::consts::SQRT_2)
}

/// The distribution function of t with four degrees of freedom, in closed form (Johnson, Kotz and
/// Balakrishnan, Continuous Univariate Distributions 2, chapter 28): with u = t / √(4 + t²),
/// F = ½ + ¾u − ¼u³.
fn student_below(t: f64) -> f64 {
    let u = t / libm::sqrt(FREEDOM + t * t);
    0.5 + 0.75 * u - 0.25 * u * u * u
}

/// That the imagined error is at most `error`: two-sided geometric, p(k) = (1 − r) / (1 + r) · r^|k|.
fn imagined_at_most(error: i32) -> f64 {
    let power = |exponent: i32| libm::pow(DECAY, f64::from(exponent));
    if error < 0 { power(-error) / (1.0 + DECAY) } else { 1.0 - power(error + 1) / (1.0 + DECAY) }
}

#[cfg(test)]
#[path = "errors_tests.rs"]
mod tests;
