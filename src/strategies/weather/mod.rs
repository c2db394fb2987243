//! `weather`, retired but runnable: a forecast of the day's highest temperature plus a distribution of
//! its error, against the market's price.
//!
//! A market is about the local day in which it closes, by standard time as climate reports count it. The
//! high is a whole number: a band from 45 to 46 pays at 45 and 46. During the day nothing is known here of
//! the temperature so far, so in the afternoon the market knows more. Errors are observed minus forecast
//! highs, by station and lead, of days whose observation was public.

pub mod errors;
pub mod highs;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::desk::strategy::{Estimate, Learned, MarketView, Strategy};
use crate::domain::fact::{Day, Station};
use crate::domain::{Fact, Fraction, Probability, Span, Timestamp};

use super::setting_error::StrategySettingError;
use errors::{ErrorDistribution, ErrorModel};
use highs::{Highs, HighsOutlook};

/// Value of `name` in a scenario's strategy table that selects this strategy.
pub const NAME: &str = "weather";

/// Which station a series pays on.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WeatherPlace {
    /// Ticker of the series whose markets pay on the station's daily high.
    pub series: String,
    /// Weather station whose recorded high the series pays on, such as `NYC`.
    pub station: Station,
    /// Hours its standard time is ahead of UTC; negative in America.
    pub utc_offset: i8,
}

/// The strategy's keys in a scenario.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WeatherSettings {
    /// Which distribution is made of the past forecast errors.
    pub errors: ErrorModel,
    /// How often forecasts are asked for, at multiples since 1970; `0s` = known when published.
    #[serde(default = "at_once")]
    pub polling: String,
    /// Past errors of a station and lead before its forecasts are used.
    #[serde(default = "least_errors")]
    pub least_errors: usize,
    /// The series it has a view of.
    pub places: Vec<WeatherPlace>,
}

fn at_once() -> String {
    "0s".into()
}

const fn least_errors() -> usize {
    30
}

/// The strategy `weather`: forecasts and past errors of daily highs, and which series pay on which station.
pub struct Weather {
    highs: Highs,
    places: Vec<WeatherPlace>,
}

impl Weather {
    /// From its settings.
    ///
    /// # Errors
    /// Names the figure that is out of range.
    pub fn new(settings: WeatherSettings) -> Result<Self, StrategySettingError> {
        let WeatherSettings { errors, polling, least_errors, places } = settings;
        let polling = Span::parse(&polling).map_err(StrategySettingError::Polling)?;
        if least_errors < 2 {
            return Err(StrategySettingError::TooFewErrors { least_errors });
        }
        if places.is_empty() {
            return Err(StrategySettingError::NoPlaces);
        }
        if let Some(place) = places.iter().find(|place| !(-12..=14).contains(&place.utc_offset)) {
            let (utc_offset, series) = (place.utc_offset, place.series.clone());
            return Err(StrategySettingError::PlaceOffset { utc_offset, series });
        }
        Ok(Self { highs: Highs::new(errors, polling, least_errors), places })
    }
}

impl Strategy for Weather {
    fn name(&self) -> &str {
        NAME
    }

    fn learn(&mut self, fact: &Fact, published: Timestamp) -> Learned {
        if self.highs.learn_fact(fact, published) { Learned::Used } else { Learned::Ignored }
    }

    fn evaluate(&mut self, view: &MarketView<'_>) -> Option<Estimate> {
        let series = &*view.market.series_ticker;
        let place = self.places.iter().find(|place| place.series == series)?;
        let outlook =
            self.highs.outlook_for_day(place.station, local_day(view.close_time, place), view.now)?;
        let probability = outlook.probability_of_strike(view.market.strike)?;
        Some(Estimate {
            probability: Probability::from_f64(probability.clamp(0.0, 1.0))?,
            confidence: Fraction::ONE,
            reason: reason_text(&outlook),
        })
    }
}

/// The day that ends with the close, or in which the close lies.
fn local_day(close: Timestamp, place: &WeatherPlace) -> Day {
    let offset = Span::HOUR.times(place.utc_offset.unsigned_abs().into());
    let local = if place.utc_offset < 0 { close - offset } else { close + offset };
    Day::of_utc(local.just_before())
}

fn reason_text(outlook: &HighsOutlook<'_>) -> Arc<str> {
    let HighsOutlook { high, lead_hours, errors, .. } = outlook;
    let told = format!("{high} °F forecast {lead_hours} h ahead; {errors} past errors");
    match outlook.error {
        ErrorDistribution::Gaussian { mean, deviation } => {
            format!("{told}, normal {mean:.1} ± {deviation:.1} °F").into()
        }
        ErrorDistribution::StudentT { location, scale } => {
            format!("{told}, Student's t {location:.1} ± {scale:.1} °F").into()
        }
        ErrorDistribution::Empirical(_) => format!("{told}, as they were").into(),
    }
}

#[cfg(test)]
mod tests;
