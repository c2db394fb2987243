//! What becomes public in the world: decisions, calendars, prints.
//!
//! A fact reaches the desk as an input at the moment it was published, and a strategy through
//! `Strategy::learn`. There is no other door, so there is no look-ahead.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Decimal6, Timestamp};

/// A calendar month, counted in months from year zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Month(i32);

impl Month {
    /// Reads `2024-01`.
    ///
    /// # Errors
    /// Says what is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not a month like 2024-01");
        let (year, month) = text.split_once('-').ok_or_else(wrong)?;
        let year: i32 = year.parse().map_err(|_| wrong())?;
        let month: i32 = month.parse().map_err(|_| wrong())?;
        let valid = (1900..=2200).contains(&year) && (1..=12).contains(&month);
        valid.then_some(Self(year * 12 + month - 1)).ok_or_else(wrong)
    }

    /// How many months this one is after `earlier`.
    #[must_use]
    pub const fn since(self, earlier: Self) -> i32 {
        self.0 - earlier.0
    }

    /// The month `months` earlier.
    #[must_use]
    pub const fn back(self, months: i32) -> Self {
        Self(self.0 - months)
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:02}", self.0.div_euclid(12), self.0.rem_euclid(12) + 1)
    }
}

/// Something that became public.
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
        /// The month measured.
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
        /// The month measured.
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
        /// The month measured.
        month: Month,
        /// When its first print will be published; `None`: it was cancelled.
        release: Option<Timestamp>,
    },
    /// The unemployment rate of a month, in percent.
    Unemployment {
        /// The month measured.
        month: Month,
        /// The rate.
        rate: Decimal6,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_step_over_the_turn_of_the_year() {
        let month = Month::parse("2024-03").unwrap();
        assert_eq!(month.back(6).to_string(), "2023-09");
        assert_eq!(month.since(month.back(6)), 6);
        for bad in ["2024", "2024-13", "24-01", "2024-00", "x-y"] {
            assert!(Month::parse(bad).is_err(), "{bad:?} was accepted");
        }
    }
}
