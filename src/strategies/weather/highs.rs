//! Forecasts and past errors, as far as they were public.

use std::collections::BTreeMap;

use crate::domain::fact::{Day, Station};
use crate::domain::{Decimal6, Fact, Span, Strike, Timestamp};

use super::errors::{ErrorDistribution, ErrorModel};

/// A forecast of a day's high.
#[derive(Clone, Copy, Debug)]
struct HighForecast {
    /// From when on it is known here: its publication, or the poll after it.
    counts_from: Timestamp,
    lead_hours: u16,
    high: i16,
}

/// Past errors of one kind of forecast at one station.
#[derive(Debug, Default)]
struct Past {
    errors: Vec<i16>,
    /// What they say; `None` where they say nothing.
    next: Option<ErrorDistribution>,
}

/// What is known of daily highs.
#[derive(Debug)]
pub struct Highs {
    model: ErrorModel,
    polling: Span,
    least_errors: usize,
    forecasts: BTreeMap<(Station, Day), Vec<HighForecast>>,
    past: BTreeMap<(Station, u16), Past>,
}

/// The newest forecast of a day, and how far off those were.
#[derive(Clone, Copy, Debug)]
pub struct HighsOutlook<'a> {
    /// Forecast high of the day, in whole degrees Fahrenheit.
    pub high: i16,
    /// How long before the evening of that day the forecast is made, in hours.
    pub lead_hours: u16,
    /// How many past errors it is judged by.
    pub errors: usize,
    /// Distribution of observed minus forecast high, from past errors of this station and lead.
    pub error: &'a ErrorDistribution,
}

impl Highs {
    /// Nothing known yet. A forecast counts from the next multiple of `polling` after its publication;
    /// kinds of forecasts with fewer than `least_errors` past errors are not used.
    #[must_use]
    pub const fn new(model: ErrorModel, polling: Span, least_errors: usize) -> Self {
        Self { model, polling, least_errors, forecasts: BTreeMap::new(), past: BTreeMap::new() }
    }

    /// Takes in what became public. Returns whether it was about highs.
    pub fn learn_fact(&mut self, fact: &Fact, published: Timestamp) -> bool {
        match *fact {
            Fact::HighForecast { station, day, lead_hours, high } => {
                let counts_from = published.rounded_up_to(self.polling);
                let known = self.forecasts.entry((station, day)).or_default();
                known.push(HighForecast { counts_from, lead_hours, high });
                true
            }
            Fact::ObservedHigh { station, day, high } => {
                for forecast in self.forecasts.remove(&(station, day)).unwrap_or_default() {
                    let past = self.past.entry((station, forecast.lead_hours)).or_default();
                    past.errors.push(high - forecast.high);
                    past.next = ErrorDistribution::fit_to_errors(self.model, &past.errors);
                }
                true
            }
            _ => false,
        }
    }

    /// What is known now of a day's high; `None` without a forecast or with too few errors of its kind.
    #[must_use]
    pub fn outlook_for_day(&self, station: Station, day: Day, now: Timestamp) -> Option<HighsOutlook<'_>> {
        let known = self.forecasts.get(&(station, day))?;
        let newest = known.iter().rfind(|forecast| forecast.counts_from <= now)?;
        let past = self.past.get(&(station, newest.lead_hours))?;
        (past.errors.len() >= self.least_errors).then_some(())?;
        let (high, lead_hours) = (newest.high, newest.lead_hours);
        Some(HighsOutlook { high, lead_hours, errors: past.errors.len(), error: past.next.as_ref()? })
    }
}

impl HighsOutlook<'_> {
    /// That the high satisfies a strike; `None` where the strike is not numeric.
    #[must_use]
    pub fn probability_of_strike(&self, strike: Strike) -> Option<f64> {
        let (least, most) = whole_degrees(strike)?;
        let error = |degrees: i32| degrees - i32::from(self.high);
        Some(self.error.probability_within(least.map(error), most.map(error)))
    }
}

/// The lowest and the highest whole degree that satisfy a strike; `None` where it is not numeric.
fn whole_degrees(strike: Strike) -> Option<(Option<i32>, Option<i32>)> {
    let below = |value: Decimal6| i32::try_from(value.millionths().div_euclid(1_000_000)).ok();
    let above = |value: Decimal6| Some(-below(Decimal6::from_millionths(-value.millionths()))?);
    Some(match strike {
        Strike::Greater(floor) => (Some(below(floor)? + 1), None),
        Strike::GreaterOrEqual(floor) => (Some(above(floor)?), None),
        Strike::Less(cap) => (None, Some(above(cap)? - 1)),
        Strike::LessOrEqual(cap) => (None, Some(below(cap)?)),
        Strike::Between(floor, cap) => (Some(above(floor)?), Some(below(cap)?)),
        Strike::Other => return None,
    })
}

#[cfg(test)]
#[path = "highs_tests.rs"]
mod tests;
