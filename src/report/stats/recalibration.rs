//! Logistic recalibration: how forecasts would have to be stretched and shifted to fit what happened.
//!
//! Cox (1958): logit P(y = 1) = intercept + slope · logit p, both fitted together by maximum likelihood.
//! Calibrated forecasts have intercept 0 and slope 1; a slope below 1 is overconfidence. Probabilities are
//! kept 1e-6 from 0 and 1.

use super::{Forecasts, clamp_probability};

/// Rounds of Newton's method; six or so are enough where there is a finite answer.
const ROUNDS: usize = 50;

/// Fitted line in log odds: logit P(y = 1) = `intercept` + `slope` · logit p.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Recalibration {
    /// Shift in logits (natural log odds); 0 when calibrated.
    pub intercept: f64,
    /// Stretch; 1 when calibrated, below 1 when overconfident.
    pub slope: f64,
}

/// Returns ln p/(1 − p), the log odds, of `p` kept 1e-6 from 0 and 1.
pub(super) fn logit(p: f64) -> f64 {
    let p = clamp_probability(p);
    (p / (1.0 - p)).ln()
}

/// First and second derivatives of the log likelihood at the fit, of one forecast or a sum of them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Slopes {
    /// First derivatives of the log likelihood, by intercept and by slope.
    pub score: [f64; 2],
    /// −d²: intercept twice, mixed, slope twice.
    pub information: [f64; 3],
}

impl Slopes {
    /// Of one forecast whose recalibrated probability is `fitted`.
    fn from_forecast(fitted: f64, logit: f64, y: f64) -> Self {
        let (error, weight) = (y - fitted, fitted * (1.0 - fitted));
        Self { score: [error, error * logit], information: [weight, weight * logit, weight * logit * logit] }
    }

    fn add_derivatives(&mut self, more: Self) {
        self.score.iter_mut().zip(more.score).for_each(|(sum, one)| *sum += one);
        self.information.iter_mut().zip(more.information).for_each(|(sum, one)| *sum += one);
    }

    /// Newton's step; `None` where the information is singular.
    pub fn newton_step(&self) -> Option<[f64; 2]> {
        let [aa, ab, bb] = self.information;
        let [a, b] = self.score;
        let determinant = aa * bb - ab * ab;
        (determinant > 1e-12 * aa * bb)
            .then(|| [(bb * a - ab * b) / determinant, (aa * b - ab * a) / determinant])
    }
}

impl Recalibration {
    /// The derivatives of one forecast, given its logit.
    pub(super) fn forecast_derivatives(&self, logit: f64, y: f64) -> Slopes {
        Slopes::from_forecast(1.0 / (1.0 + (-(self.intercept + self.slope * logit)).exp()), logit, y)
    }

    /// Log likelihood and its derivatives over all forecasts, in one pass.
    fn log_likelihood_with_derivatives(&self, logits: &[f64], forecasts: &Forecasts) -> (f64, Slopes) {
        let mut likelihood = 0.0;
        let mut sum = Slopes::default();
        for (&logit, (_, y)) in logits.iter().zip(forecasts.probability_outcome_pairs()) {
            let linear = self.intercept + self.slope * logit;
            // the smaller side of the odds, without overflow
            let small = (-linear.abs()).exp();
            likelihood += y * linear - linear.max(0.0) - small.ln_1p();
            let fitted = if linear < 0.0 { small / (1.0 + small) } else { 1.0 / (1.0 + small) };
            sum.add_derivatives(Slopes::from_forecast(fitted, logit, y));
        }
        (likelihood, sum)
    }
}

/// The fit by Newton's method with step halving. `None` without a finite answer: one class only, equal
/// forecasts, or forecasts that separate YES from NO (Albert & Anderson 1984: the likelihood has a maximum
/// only if the two overlap).
#[must_use]
pub fn fit_recalibration(forecasts: &Forecasts) -> Option<Recalibration> {
    let logits: Vec<f64> = forecasts.probability().iter().map(|&p| logit(p)).collect();
    if classes_are_separated(&logits, forecasts.outcome()) {
        return None;
    }
    let mut fit = Recalibration { intercept: 0.0, slope: 1.0 };
    let (mut likelihood, mut slopes) = fit.log_likelihood_with_derivatives(&logits, forecasts);
    for _ in 0..ROUNDS {
        let step = slopes.newton_step()?;
        let moved = |part: f64| Recalibration {
            intercept: fit.intercept + part * step[0],
            slope: fit.slope + part * step[1],
        };
        // Twice what the step promises to gain. Newton's method squares its error in a round: after this
        // one it is far below what anybody reads.
        if step[0] * slopes.score[0] + step[1] * slopes.score[1] < 1e-9 {
            return Some(moved(1.0));
        }
        // Long sums are rounded: only a real loss is a reason to go back.
        let least = likelihood - 1e-9 * likelihood.abs();
        let mut part = 1.0;
        let mut next = moved(part);
        (likelihood, slopes) = next.log_likelihood_with_derivatives(&logits, forecasts);
        while likelihood < least && part > 1e-6 {
            part /= 2.0;
            next = moved(part);
            (likelihood, slopes) = next.log_likelihood_with_derivatives(&logits, forecasts);
        }
        fit = next;
    }
    None
}

/// Whether some threshold has all YES on one side and all NO on the other, ties included.
fn classes_are_separated(logits: &[f64], outcomes: &[bool]) -> bool {
    let range = |class: bool| {
        let of_class = logits.iter().zip(outcomes).filter(|(_, yes)| **yes == class).map(|(logit, _)| *logit);
        of_class.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(x), high.max(x)))
    };
    let (no, yes) = (range(false), range(true));
    no.1 <= yes.0 || yes.1 <= no.0
}
