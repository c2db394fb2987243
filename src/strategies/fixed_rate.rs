//! `fixed_rate`: one base rate for every market, or one a ticker, stated by hand.
//!
//! For trying out rules, for tests and for measuring the engine: its beliefs cost nothing to compute.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::desk::strategy::{Estimate, Learned, MarketView, Strategy};
use crate::domain::{Fact, Fraction, Probability, Timestamp};

use super::setting_error::StrategySettingError;

/// Value of `name` in a scenario's strategy table that selects this strategy.
pub const NAME: &str = "fixed_rate";

/// The strategy's keys in a scenario.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FixedRateSettings {
    /// Probability of YES in markets not listed in `rates`; without it those are left alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probability: Option<f64>,
    /// Probability of YES, 0 to 1, by market ticker; comes before `probability`.
    #[serde(default)]
    pub rates: BTreeMap<String, f64>,
    /// Confidence in all of these probabilities, 0 to 1: the share of the Kelly stake they deserve.
    #[serde(default = "whole")]
    pub confidence: f64,
}

const fn whole() -> f64 {
    1.0
}

/// The strategy `fixed_rate`: estimates by ticker, and one for all other markets if it is given.
pub struct FixedRate {
    default: Option<Estimate>,
    rates: BTreeMap<String, Estimate>,
    /// What was found for each market so far, so that a ticker is looked up once.
    found: Vec<FixedRateKeys>,
}

/// Whether a market's ticker was looked up, and what was found.
#[derive(Clone)]
enum FixedRateKeys {
    NotYet,
    Estimate(Option<Estimate>),
}

impl FixedRate {
    /// From its settings.
    ///
    /// # Errors
    /// Names the figure that is no probability.
    pub fn new(settings: FixedRateSettings) -> Result<Self, StrategySettingError> {
        let confidence = Fraction::from_f64(settings.confidence)
            .ok_or(StrategySettingError::NotAShare { key: "confidence", value: settings.confidence })?;
        let estimate = |key: String, value: f64| {
            let probability =
                Probability::from_f64(value).ok_or(StrategySettingError::NotAProbability { key, value })?;
            let reason = Arc::from(format!("fixed base rate of {probability}"));
            Ok::<_, StrategySettingError>(Estimate { probability, confidence, reason })
        };
        let default =
            settings.probability.map(|value| estimate("probability".to_owned(), value)).transpose()?;
        let rates = settings.rates.into_iter().map(|(ticker, value)| {
            let estimate = estimate(format!("rates.{ticker}"), value)?;
            Ok::<_, StrategySettingError>((ticker, estimate))
        });
        Ok(Self { default, rates: rates.collect::<Result<_, _>>()?, found: Vec::new() })
    }
}

impl Strategy for FixedRate {
    fn name(&self) -> &'static str {
        NAME
    }

    fn learn(&mut self, _fact: &Fact, _published: Timestamp) -> Learned {
        Learned::Ignored
    }

    fn evaluate(&mut self, view: &MarketView<'_>) -> Option<Estimate> {
        let index = view.market.id.index();
        if self.found.len() <= index {
            self.found.resize(index + 1, FixedRateKeys::NotYet);
        }
        if let FixedRateKeys::Estimate(estimate) = &self.found[index] {
            return estimate.clone();
        }
        let estimate = self.rates.get(&*view.market.ticker).or(self.default.as_ref()).cloned();
        self.found[index] = FixedRateKeys::Estimate(estimate.clone());
        estimate
    }
}
