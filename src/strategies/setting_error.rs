//! Why a strategy's settings do not hold.

use crate::domain::time::ParseSpanError;

/// A value of a strategy's table that is out of range. Its text begins with the key.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum StrategySettingError {
    /// A share, such as a confidence or a weight, is below 0 or above 1.
    #[error("{key} = {value} is not between 0 and 1")]
    NotAShare {
        /// Key of the share in the table.
        key: &'static str,
        /// The share as given.
        value: f64,
    },
    /// A stated base rate is below 0 or above 1.
    #[error("{key} = {value} is not a probability")]
    NotAProbability {
        /// Key of the rate in the table: `probability`, or `rates.` and the ticker.
        key: String,
        /// The rate as given.
        value: f64,
    },
    /// The first year that counts lies before 1900 or after 2200.
    #[error("since = {since} is not a year")]
    NotAYear {
        /// The year as given.
        since: i16,
    },
    /// A prior that weighs nothing, less, or more than any data.
    #[error("prior_strength = {prior_strength} is not between 0 and 1000000 (0 excluded)")]
    PriorStrength {
        /// The strength as given, in meetings or months.
        prior_strength: f64,
    },
    /// The time between two looks at forecasts is no length of time.
    #[error("polling = {0}")]
    Polling(ParseSpanError),
    /// So few past errors make no distribution.
    #[error("least_errors = {least_errors} is too few for a distribution; at least 2")]
    TooFewErrors {
        /// The number of past errors as given, below 2.
        least_errors: usize,
    },
    /// A weather strategy without any series would never trade.
    #[error("places is empty; name a series, its station and its utc_offset")]
    NoPlaces,
    /// A place lies in no time zone on Earth.
    #[error("places has utc_offset = {utc_offset} for {series}, not between -12 and 14")]
    PlaceOffset {
        /// The offset as given, in hours ahead of UTC.
        utc_offset: i8,
        /// Ticker of the place's series.
        series: String,
    },
}

impl StrategySettingError {
    /// Returns the key of the value in the strategy's table, such as `market_weight`.
    #[must_use]
    pub fn setting_key(&self) -> &str {
        match self {
            Self::NotAShare { key, .. } => key,
            Self::NotAProbability { key, .. } => key,
            Self::NotAYear { .. } => "since",
            Self::PriorStrength { .. } => "prior_strength",
            Self::Polling(_) => "polling",
            Self::TooFewErrors { .. } => "least_errors",
            Self::NoPlaces | Self::PlaceOffset { .. } => "places",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_begins_with_its_key() {
        let polling = crate::domain::Span::parse("soon").unwrap_err();
        for error in [
            StrategySettingError::NotAShare { key: "confidence", value: 1.5 },
            StrategySettingError::NotAProbability { key: "rates.A-B".into(), value: -0.5 },
            StrategySettingError::NotAYear { since: 1 },
            StrategySettingError::PriorStrength { prior_strength: 0.0 },
            StrategySettingError::Polling(polling),
            StrategySettingError::TooFewErrors { least_errors: 1 },
            StrategySettingError::NoPlaces,
            StrategySettingError::PlaceOffset { utc_offset: 15, series: "S".into() },
        ] {
            assert_eq!(error.to_string().split(' ').next(), Some(error.setting_key()));
        }
    }
}
