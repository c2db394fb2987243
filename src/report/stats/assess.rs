//! Model, market and base rate side by side: every score with its interval, from the same draws of events.

use serde::Serialize;

use super::bootstrap::{DRAWS, EventGroups, MOST_GROUPS};
use super::grid::{self, GridStatistics};
use super::paired::{Climatology, Paired, Who};
use super::scores::{Corp, Murphy, Spiegelhalter, spiegelhalter_test};
use super::{Forecasts, IntervalEstimate};

/// Number of forecasts in each moving window of [`Assessment::rolling`].
pub const WINDOW: usize = 100;

/// Most points of the rolling window that are kept.
const MOST_POINTS: usize = 1_000;

/// Forecasts beyond which a draw on the grid is so much work, and its interval so narrow, that a quarter of
/// the draws must do for what must be fitted anew in each.
const MANY: usize = 100_000;

/// What is known of a model's forecasts beside the market's about the same questions.
#[derive(Clone, Debug, Serialize)]
pub struct Assessment {
    /// Number of resolved forecasts that were scored, the same for model and market.
    pub forecasts: usize,
    /// Number of distinct events those forecasts are about; an event may have several markets.
    pub events: usize,
    /// Groups of events that were resampled; fewer than the events when those are many.
    pub groups: usize,
    /// The same for calibration errors and decompositions.
    pub grid_groups: usize,
    /// Bootstrap draws behind each interval from sums; 0 with fewer than two groups of events.
    pub draws: usize,
    /// Draws behind those of calibration errors and decompositions.
    pub grid_draws: usize,
    /// Share of YES in this sample: the climatological forecast.
    pub yes_share: IntervalEstimate,
    /// Scores of the model's probabilities, each with its interval over events.
    pub model: Scores,
    /// Scores of the market's prices, read as probabilities for the same questions.
    pub market: Scores,
    /// The sample's own share of YES as the forecast of all. It knows what no forecaster could.
    pub climatology: Climatology,
    /// Brier score of the model − of the market; below 0 the model is better.
    pub brier_difference: IntervalEstimate,
    /// Log loss of the model − of the market, in nats; below 0 the model is better.
    pub log_loss_difference: IntervalEstimate,
    /// Scores of the last [`WINDOW`] forecasts over time, at most 1,000 points; empty with fewer forecasts.
    pub rolling: Vec<Rolling>,
}

/// Scores and calibration statistics of one forecaster, model or market, over the whole sample.
#[derive(Clone, Debug, Serialize)]
pub struct Scores {
    /// Brier score: mean (p − y)², with y 1 for YES and 0 for NO; lower is better.
    pub brier: IntervalEstimate,
    /// Log loss: mean −ln p(y) in nats, with p kept 1e-6 from 0 and 1; lower is better.
    pub log_loss: IntervalEstimate,
    /// Mean y − mean p, percentage points.
    pub in_the_large: IntervalEstimate,
    /// Variance of the forecasts (divisor n): how far they move away from their own mean.
    pub sharpness: IntervalEstimate,
    /// Of the logistic recalibration; 0 when calibrated.
    pub intercept: Option<IntervalEstimate>,
    /// Of the logistic recalibration; 1 when calibrated, below 1 when overconfident.
    pub slope: Option<IntervalEstimate>,
    /// Spiegelhalter's test; as if forecasts were independent.
    pub spiegelhalter: Option<Spiegelhalter>,
    /// Expected calibration error over ten equal-width bins.
    pub calibration_error: IntervalEstimate,
    /// Root-mean-square calibration error, bias-corrected; `None` if no bin has two forecasts.
    pub calibration_error_debiased: Option<IntervalEstimate>,
    /// Murphy's decomposition of the Brier score over the same ten equal-width bins.
    pub murphy: Murphy<IntervalEstimate>,
    /// CORP decomposition of the Brier score, by isotonic recalibration instead of bins.
    pub corp: Corp<IntervalEstimate>,
}

/// The last [`WINDOW`] forecasts up to one.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Rolling {
    /// Number of forecasts up to here.
    pub forecasts: usize,
    /// Brier score of the model over the window; lower is better.
    pub brier: f64,
    /// Brier score of the market over the window; lower is better.
    pub brier_market: f64,
    /// Mean y − mean p of the model, percentage points.
    pub in_the_large: f64,
}

/// Everything of interest about `model`'s forecasts and `market`'s prices, which must be about the same
/// questions in the order of time. `None` without forecasts.
///
/// Additive statistics and the recalibration have `BCa` intervals from [`DRAWS`] draws of events. The
/// recalibration is not fitted anew in a draw: one Newton step is made from the sample's fit (the one-step
/// bootstrap of Andrews 2002), which needs only sums. Calibration errors and the parts of decompositions are
/// not functions of sums: for their draws forecasts are gathered in cells of 1/1000 and events in at most 200
/// groups, and their intervals are pivotal, since they are biased upwards. Values are always those of the forecasts as they are.
///
/// # Panics
/// If the two are not about the same outcomes and events.
#[must_use]
pub fn assess_forecasts(model: &Forecasts, market: &Forecasts, seed: u64) -> Option<Assessment> {
    assert!(
        model.outcome() == market.outcome() && model.event() == market.event(),
        "model and market must forecast the same questions"
    );
    if model.is_empty() {
        return None;
    }
    let groups = EventGroups::new(model.event(), MOST_GROUPS, seed);
    let coarse = EventGroups::new(model.event(), grid::MOST_GROUPS, seed);
    let draws = if groups.len() < 2 { 0 } else { DRAWS };
    let grid_draws = if model.len() > MANY { draws / 5 } else { draws };
    let paired = Paired::new(model, market, &groups, DRAWS, seed);
    let climatology = paired.climatology();
    let scores = |who: Who, forecasts: &Forecasts| {
        let shape =
            GridStatistics::new(forecasts, &coarse).estimate_with_intervals(forecasts, grid_draws, seed);
        let uncertainty = climatology.brier;
        Scores {
            brier: paired.brier_score(who),
            log_loss: paired.log_loss(who),
            in_the_large: paired.in_the_large(who),
            sharpness: paired.sharpness(who),
            intercept: paired.intercept(who),
            slope: paired.slope(who),
            spiegelhalter: spiegelhalter_test(forecasts),
            calibration_error: shape.calibration_error,
            calibration_error_debiased: shape.calibration_error_debiased,
            murphy: Murphy { uncertainty, ..shape.murphy },
            corp: Corp { uncertainty, ..shape.corp },
        }
    };
    Some(Assessment {
        forecasts: model.len(),
        events: groups.event_count(),
        groups: groups.len(),
        grid_groups: coarse.len(),
        draws,
        grid_draws,
        yes_share: paired.yes_share(),
        model: scores(Who::Model, model),
        market: scores(Who::Market, market),
        climatology,
        brier_difference: paired.brier_difference(),
        log_loss_difference: paired.log_loss_difference(),
        rolling: rolling_scores(model, market),
    })
}

/// The window's scores after each forecast, thinned evenly, the last always among them. Nothing before the
/// window is full.
fn rolling_scores(model: &Forecasts, market: &Forecasts) -> Vec<Rolling> {
    let full = model.len().saturating_sub(WINDOW - 1);
    let stride = full.div_ceil(MOST_POINTS).max(1);
    let squared = |(p, y): (f64, f64)| (p - y) * (p - y);
    let mean = |values: &mut dyn Iterator<Item = f64>| values.sum::<f64>() / WINDOW as f64;
    let point = |end: usize| {
        let window = |forecasts: &Forecasts| {
            let range = end - WINDOW..end;
            forecasts.probability_outcome_pairs().skip(range.start).take(range.len()).collect::<Vec<_>>()
        };
        let (ours, theirs) = (window(model), window(market));
        Rolling {
            forecasts: end,
            brier: mean(&mut ours.iter().copied().map(squared)),
            brier_market: mean(&mut theirs.iter().copied().map(squared)),
            in_the_large: mean(&mut ours.iter().map(|(p, y)| 100.0 * (y - p))),
        }
    };
    let mut points: Vec<_> = (0..full).step_by(stride).map(|back| point(model.len() - back)).collect();
    points.reverse();
    points
}
