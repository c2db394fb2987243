//! `base_rate_divergence`: a historical base rate, counted on what was public at the time, against the
//! market's price.
//!
//! The model says how often something happened in comparable circumstances; `market_weight` pools that
//! belief with the market's mid in log-odds (0 = the base rate alone, 1 = the market).

pub mod cpi;
pub mod fomc;
mod student;

use serde::{Deserialize, Serialize};

use crate::desk::strategy::{Estimate, Learned, MarketView, Strategy};
use crate::domain::{Fact, Probability, Timestamp};

use super::setting_error::StrategySettingError;
use super::{BuildError, Built, build_from_settings};
use cpi::CpiModel;
use fomc::FomcModel;

/// Value of `name` in a scenario's strategy table that selects this strategy.
pub const NAME: &str = "base_rate_divergence";

/// Which question the base rate answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModelName {
    /// Decisions of the Federal Open Market Committee.
    Fomc,
    /// First prints of the consumer price index.
    Cpi,
}

/// The strategy's keys in a scenario with model `fomc`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FomcSettings {
    /// Key `model` of the table, whose value `fomc` selects these settings.
    pub model: ModelName,
    /// First year whose meetings are counted.
    #[serde(default = "since")]
    pub since: i16,
    /// Strength of the prior towards the unconditional distribution, in meetings.
    #[serde(default = "meetings")]
    pub prior_strength: f64,
    /// Weight of the market's mid in the pooled belief, 0 to 1.
    #[serde(default)]
    pub market_weight: f64,
    /// Series that pay on the level of the target range after a meeting.
    #[serde(default = "level_series")]
    pub level_series: Vec<String>,
    /// Series that pay on the change at a meeting, strikes in basis points.
    #[serde(default = "decision_series")]
    pub decision_series: Vec<String>,
}

/// The strategy's keys in a scenario with model `cpi`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CpiSettings {
    /// Key `model` of the table, whose value `cpi` selects these settings.
    pub model: ModelName,
    /// Strength of the prior towards no bias and the spread of earlier years, in months.
    #[serde(default = "months")]
    pub prior_strength: f64,
    /// Weight of the market's mid in the pooled belief, 0 to 1.
    #[serde(default)]
    pub market_weight: f64,
    /// Series that pay on the headline index against the month before.
    #[serde(default = "mom_series")]
    pub mom_series: Vec<String>,
    /// Series that pay on the headline index against the same month a year before.
    #[serde(default = "yoy_series")]
    pub yoy_series: Vec<String>,
    /// Series that pay on the index without food and energy against the month before.
    #[serde(default = "core_mom_series")]
    pub core_mom_series: Vec<String>,
}

const fn since() -> i16 {
    1990
}

const fn meetings() -> f64 {
    10.0
}

const fn months() -> f64 {
    12.0
}

fn level_series() -> Vec<String> {
    ["KXFED", "FED"].map(String::from).to_vec()
}

fn decision_series() -> Vec<String> {
    ["KXFEDDECISION", "FEDDECISION"].map(String::from).to_vec()
}

fn mom_series() -> Vec<String> {
    ["KXCPI", "CPI"].map(String::from).to_vec()
}

fn yoy_series() -> Vec<String> {
    ["KXCPIYOY", "CPIYOY"].map(String::from).to_vec()
}

fn core_mom_series() -> Vec<String> {
    ["KXCPICORE", "CPICORE"].map(String::from).to_vec()
}

/// Makes the strategy; which keys it has depends on the model.
///
/// # Errors
/// A wrong key or value.
pub fn build_strategy(table: toml::Table) -> Result<Built, BuildError> {
    #[derive(Deserialize)]
    struct Choice {
        model: ModelName,
    }
    let choice: Choice = table.clone().try_into().map_err(BuildError::Table)?;
    match choice.model {
        ModelName::Fomc => build_from_settings(table, BaseRateDivergence::with_fomc_model),
        ModelName::Cpi => build_from_settings(table, BaseRateDivergence::with_cpi_model),
    }
}

enum Model {
    Fomc(FomcModel),
    Cpi(Box<CpiModel>),
}

/// The strategy `base_rate_divergence`: a model of base rates, and the market's weight in the pooled belief.
pub struct BaseRateDivergence {
    model: Model,
    market_weight: f64,
}

impl BaseRateDivergence {
    /// With model `fomc`.
    ///
    /// # Errors
    /// Names the figure that is out of range.
    pub fn with_fomc_model(settings: FomcSettings) -> Result<Self, StrategySettingError> {
        let FomcSettings { prior_strength, market_weight, since, .. } = settings;
        check_common_settings(prior_strength, market_weight)?;
        if !(1900..=2200).contains(&since) {
            return Err(StrategySettingError::NotAYear { since });
        }
        Ok(Self { model: Model::Fomc(FomcModel::new(settings)), market_weight })
    }

    /// With model `cpi`.
    ///
    /// # Errors
    /// Names the figure that is out of range.
    pub fn with_cpi_model(settings: CpiSettings) -> Result<Self, StrategySettingError> {
        let CpiSettings { prior_strength, market_weight, .. } = settings;
        check_common_settings(prior_strength, market_weight)?;
        Ok(Self { model: Model::Cpi(Box::new(CpiModel::new(settings))), market_weight })
    }
}

fn check_common_settings(prior_strength: f64, market_weight: f64) -> Result<(), StrategySettingError> {
    if !(prior_strength > 0.0 && prior_strength <= 1e6) {
        return Err(StrategySettingError::PriorStrength { prior_strength });
    }
    if !(0.0..=1.0).contains(&market_weight) {
        return Err(StrategySettingError::NotAShare { key: "market_weight", value: market_weight });
    }
    Ok(())
}

impl Strategy for BaseRateDivergence {
    fn name(&self) -> &str {
        NAME
    }

    fn learn(&mut self, fact: &Fact, published: Timestamp) -> Learned {
        match &mut self.model {
            Model::Fomc(model) => model.learn_fact(fact, published),
            Model::Cpi(model) => model.learn_fact(fact),
        }
    }

    fn evaluate(&mut self, view: &MarketView<'_>) -> Option<Estimate> {
        let mut estimate = match &mut self.model {
            Model::Fomc(model) => model.evaluate(view),
            Model::Cpi(model) => model.evaluate(view),
        }?;
        if self.market_weight > 0.0 {
            estimate.probability =
                pool_log_odds(estimate.probability, view.quote.mid()?, self.market_weight)?;
        }
        Some(estimate)
    }
}

/// Logarithmic opinion pool: the weighted mean of log-odds (Genest and Zidek 1986).
fn pool_log_odds(belief: Probability, market: Probability, market_weight: f64) -> Option<Probability> {
    let log_odds = |p: Probability| {
        // A certain belief would outvote everyone; one part per million is as sure as anyone gets.
        let p = f64::from(p.ppm().clamp(1, 999_999)) / 1e6;
        libm::log(p / (1.0 - p))
    };
    let pooled = (1.0 - market_weight) * log_odds(belief) + market_weight * log_odds(market);
    Probability::from_f64(1.0 / (1.0 + libm::exp(-pooled)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ppm(ppm: u32) -> Probability {
        Probability::from_ppm(ppm).unwrap()
    }

    #[test]
    fn pooling_by_hand() {
        // odds 0.2/0.8 = 1/4 and 0.5/0.5 = 1: half weight gives odds 1/2, p = 1/3
        assert_eq!(pool_log_odds(ppm(200_000), ppm(500_000), 0.5), Probability::from_ppm(333_333));
        // odds 1/4 and 4, weight 0.8 on the market: 4^(0.8 − 0.2) = 4^0.6 = 2.297397; p = 0.696730
        assert_eq!(pool_log_odds(ppm(200_000), ppm(800_000), 0.8), Probability::from_ppm(696_730));
        assert_eq!(pool_log_odds(ppm(200_000), ppm(800_000), 1.0), Some(ppm(800_000)));
    }

    #[test]
    fn settings_out_of_range_are_named() {
        let table: toml::Table = toml::from_str("market_weight = 1.5").unwrap();
        for model in ["fomc", "cpi"] {
            let mut table = table.clone();
            table.insert("model".into(), model.into());
            let error = build_strategy(table).err();
            let expected = StrategySettingError::NotAShare { key: "market_weight", value: 1.5 };
            assert_eq!(error, Some(BuildError::Value(expected)));
        }
    }
}
