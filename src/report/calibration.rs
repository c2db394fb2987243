//! How good probabilities were, beside the market's own: the rows of `summary.json`.

use serde::Serialize;

use super::forecasts::ForecastColumns;
use super::stats::bootstrap::ratio_estimate;
use super::stats::scores::{brier_score, calibration_error, equal_width, log_loss};

/// The scores of one horizon, or of all together.
#[derive(Clone, Debug, Serialize)]
pub struct Calibration {
    /// Name of the horizon, such as `7 days before close`, or `all of these` for all horizons.
    pub horizon: &'static str,
    /// Number of resolved forecasts that were scored.
    pub forecasts: u64,
    /// Number of distinct events that the forecasts are about.
    pub events: u64,
    /// Brier score of the beliefs, 0 (best) to 1; `None` without forecasts.
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

impl Calibration {
    /// The scores of some forecasts, with an interval drawn from `seed`.
    #[must_use]
    pub fn from_forecasts(horizon: &'static str, columns: &ForecastColumns, seed: u64) -> Self {
        let (model, market) = (columns.model_forecasts(), columns.market_forecasts());
        let differences: Vec<(u32, f64, f64)> = model
            .probability_outcome_pairs()
            .zip(market.probability_outcome_pairs())
            .zip(model.event())
            .map(|(((p, y), (m, _)), event)| (*event, (p - y) * (p - y) - (m - y) * (m - y), 1.0))
            .collect();
        let difference = ratio_estimate(&differences, seed).and_then(|found| found.interval());
        Self {
            horizon,
            forecasts: model.len() as u64,
            events: columns.count_events(),
            brier: brier_score(&model),
            brier_market: brier_score(&market),
            brier_difference_95: difference.map(|(low, high)| [low, high]),
            log_loss: log_loss(&model),
            log_loss_market: log_loss(&market),
            ece: calibration_error(&equal_width(&model)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_by_hand() {
        let mut columns = ForecastColumns::default();
        columns.add_forecast(0.8, 0.6, true, 0);
        columns.add_forecast(0.3, 0.1, false, 1);
        columns.add_forecast(0.35, 0.5, true, 1);
        let found = Calibration::from_forecasts("all", &columns, 7);
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
        // two events: −0.12 and (0.08 + 0.1725) / 2 = 0.12625; every resample lies between
        let [low, high] = found.brier_difference_95.unwrap();
        assert!(low >= -0.12 - 1e-12 && high <= 0.12625 + 1e-12 && low < high, "{low} {high}");
    }

    #[test]
    fn nothing_resolved_says_nothing() {
        let found = Calibration::from_forecasts("all", &ForecastColumns::default(), 7);
        assert!(found.brier.is_none() && found.brier_difference_95.is_none() && found.forecasts == 0);
    }
}
