//! What becomes public in the world: decisions, calendars, prints.
//!
//! A fact reaches the desk as an input at the moment it was published, and a strategy through
//! `Strategy::learn`. There is no other door, so there is no look-ahead.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::time::ParseTimestampError;
use super::{Decimal6, Timestamp};

/// A text that is no month of the years 1900 to 2200.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a month like 2024-01")]
pub struct ParseMonthError {
    /// The whole text as it was given.
    pub text: String,
}

/// A text that is not three or four capital letters.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a station's code like NYC or KNYC")]
pub struct ParseStationError {
    /// The whole text as it was given.
    pub text: String,
}

/// A calendar month, counted in months from year zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Month(i32);

impl Month {
    /// Reads `2024-01`.
    ///
    /// # Errors
    /// Says what is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, ParseMonthError> {
        let wrong = || ParseMonthError { text: text.to_owned() };
        let (year, month) = text.split_once('-').ok_or_else(wrong)?;
        let year: i32 = year.parse().map_err(|_| wrong())?;
        let month: i32 = month.parse().map_err(|_| wrong())?;
        let valid = (1900..=2200).contains(&year) && (1..=12).contains(&month);
        valid.then_some(Self(year * 12 + month - 1)).ok_or_else(wrong)
    }

    /// How many months this one is after `earlier`.
    #[must_use]
    pub const fn months_since(self, earlier: Self) -> i32 {
        self.0 - earlier.0
    }

    /// The month `months` earlier.
    #[must_use]
    pub const fn months_earlier(self, months: i32) -> Self {
        Self(self.0 - months)
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:02}", self.0.div_euclid(12), self.0.rem_euclid(12) + 1)
    }
}

/// A calendar day, counted from 1970-01-01. Which hours belong to it is up to the place meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Day(i64);

impl Day {
    /// Reads `2024-01-31`.
    ///
    /// # Errors
    /// Says what is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, ParseTimestampError> {
        Timestamp::parse_date(text).map(Self::of_utc)
    }

    /// The UTC day a moment lies in.
    #[must_use]
    pub const fn of_utc(moment: Timestamp) -> Self {
        Self(moment.utc_day())
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&Timestamp::start_of_utc_day(self.0).utc_date())
    }
}

/// A weather station by its code, such as `NYC`: three or four capital letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Station([u8; 4]);

impl Station {
    /// Reads a code.
    ///
    /// # Errors
    /// Says what is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, ParseStationError> {
        if !(3..=4).contains(&text.len()) || !text.bytes().all(|byte| byte.is_ascii_uppercase()) {
            return Err(ParseStationError { text: text.to_owned() });
        }
        let mut code = [b' '; 4];
        code[..text.len()].copy_from_slice(text.as_bytes());
        Ok(Self(code))
    }
}

impl fmt::Display for Station {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().filter(|byte| **byte != b' ').try_for_each(|&byte| write!(f, "{}", char::from(byte)))
    }
}

impl TryFrom<String> for Station {
    type Error = ParseStationError;
    fn try_from(text: String) -> Result<Self, ParseStationError> {
        Self::parse(&text)
    }
}

impl From<Station> for String {
    fn from(station: Station) -> Self {
        station.to_string()
    }
}

/// Public information from outside the order book, told to strategies when it was published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fact", rename_all = "snake_case")]
pub enum Fact {
    /// The Federal Reserve announced a decision on its target range.
    FomcDecision {
        /// Whether the meeting was on the calendar.
        scheduled: bool,
        /// Upper bound of the range before, in percent.
        upper_before: Decimal6,
        /// Upper bound of the range after, in percent.
        upper_after: Decimal6,
    },
    /// A scheduled meeting entered the public calendar.
    FomcMeeting {
        /// When its decision will be announced.
        announcement: Timestamp,
    },
    /// A first print of the consumer price index. Percent; `None` where that figure is unknown.
    CpiPrint {
        /// Reference month: the month whose prices were measured, not that of the publication.
        month: Month,
        /// Headline, against the same month a year before.
        yoy: Option<Decimal6>,
        /// Headline, against the month before.
        mom: Option<Decimal6>,
        /// Without food and energy, against the month before.
        core_mom: Option<Decimal6>,
    },
    /// What forecasters expected of a first print. Percent; `None` where that figure is unknown.
    CpiConsensus {
        /// Reference month of the print that is expected, not the month of the forecast.
        month: Month,
        /// Headline, against the same month a year before.
        yoy: Option<Decimal6>,
        /// Headline, against the month before.
        mom: Option<Decimal6>,
        /// Without food and energy, against the month before.
        core_mom: Option<Decimal6>,
    },
    /// A release of the consumer price index entered the public calendar, or was moved.
    CpiRelease {
        /// Reference month that the release reports on, not the month of the release.
        month: Month,
        /// When its first print will be published; `None`: it was cancelled.
        release: Option<Timestamp>,
    },
    /// The unemployment rate of a month, in percent.
    Unemployment {
        /// Reference month: the month the rate is for, not that of the publication.
        month: Month,
        /// Unemployed share of the labour force in percent: `4.1` means 4.1 %.
        rate: Decimal6,
    },
    /// A forecast of the highest temperature of a day.
    HighForecast {
        /// Weather station whose temperature is forecast, such as `NYC`.
        station: Station,
        /// Day whose high is forecast, in the station's local standard time.
        day: Day,
        /// How long before the evening of that day it is made, in hours; names the kind of forecast.
        lead_hours: u16,
        /// Forecast high in whole degrees Fahrenheit; data files may hold -130 to 140.
        high: i16,
    },
    /// The highest temperature of a day as recorded.
    ObservedHigh {
        /// Weather station that measured it, such as `NYC`.
        station: Station,
        /// Day whose high was measured, in the station's local standard time.
        day: Day,
        /// Measured high in whole degrees Fahrenheit; data files may hold -130 to 140.
        high: i16,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_step_over_the_turn_of_the_year() {
        let month = Month::parse("2024-03").unwrap();
        assert_eq!(month.months_earlier(6).to_string(), "2023-09");
        assert_eq!(month.months_since(month.months_earlier(6)), 6);
        for bad in ["2024", "2024-13", "24-01", "2024-00", "x-y"] {
            assert_eq!(Month::parse(bad), Err(ParseMonthError { text: bad.into() }));
        }
    }

    #[test]
    fn days_and_stations_read_and_print() {
        assert_eq!(Day::parse("2024-02-29").unwrap().to_string(), "2024-02-29");
        assert_eq!(Day::of_utc(Timestamp::parse("2024-02-29T23:59:59Z").unwrap()).to_string(), "2024-02-29");
        assert!(Day::parse("2024-02-30").is_err());
        for code in ["NYC", "KNYC"] {
            assert_eq!(Station::parse(code).unwrap().to_string(), code);
        }
        for bad in ["", "NY", "nyc", "NY1", "KNYCX", "NY "] {
            assert_eq!(Station::parse(bad), Err(ParseStationError { text: bad.into() }));
        }
    }
}
