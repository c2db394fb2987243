//! Moments and spans in nanoseconds, UTC. `jiff` is used to read and to print, never to compute.

// `core::time`, which has lengths but no clock.
use core::time::Duration;
use std::fmt;
use std::ops::{Add, Sub};

use serde::{Deserialize, Serialize};

/// A moment: nanoseconds since 1970-01-01 UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

/// A length of time in nanoseconds, never negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Span(i64);

/// Why a text is no moment that 64 bits of nanoseconds hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseTimestampError {
    /// The text is no time of RFC 3339, which names its zone.
    #[error("`{text}` is not a time like 2024-01-31T19:00:00Z")]
    NotATime {
        /// The whole text as it was given.
        text: String,
    },
    /// The text is no date, or is one that the calendar does not have.
    #[error("`{text}` is not a date like 2024-01-31")]
    NotADate {
        /// The whole text as it was given.
        text: String,
    },
    /// The moment lies before 1678 or after 2262.
    #[error("`{text}` is outside the years 1678-2262")]
    OutOfRange {
        /// The moment, of a date with its first hour.
        text: String,
    },
}

/// Why a text is no length of time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseSpanError {
    /// The text is not a whole number with one of the known units behind it.
    #[error("`{text}` is not a duration like 250ms, 30s, 15m, 1h or 45d")]
    NotADuration {
        /// The whole text as it was given.
        text: String,
    },
    /// The length does not fit 64 bits of nanoseconds.
    #[error("`{text}` is longer than 292 years")]
    TooLong {
        /// The whole text as it was given.
        text: String,
    },
}

impl Timestamp {
    /// The earliest moment there is, before all data.
    pub const MIN: Self = Self(i64::MIN);
    /// The latest moment there is, after all data.
    pub const MAX: Self = Self(i64::MAX);

    /// Makes a moment from nanoseconds since 1970-01-01 UTC; a negative number lies before that.
    #[must_use]
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// From microseconds since 1970, or `None` outside the years 1678–2262.
    #[must_use]
    pub const fn from_micros(micros: i64) -> Option<Self> {
        match micros.checked_mul(1_000) {
            Some(nanos) => Some(Self(nanos)),
            None => None,
        }
    }

    /// Returns nanoseconds since 1970-01-01 UTC, negative for earlier moments.
    #[must_use]
    pub const fn nanos(self) -> i64 {
        self.0
    }

    /// The UTC day this moment lies in, counted from 1970-01-01.
    #[must_use]
    pub const fn utc_day(self) -> i64 {
        self.0.div_euclid(Span::DAY.0)
    }

    /// The first moment of a UTC day.
    #[must_use]
    pub const fn start_of_utc_day(day: i64) -> Self {
        Self(day.saturating_mul(Span::DAY.0))
    }

    /// This moment, or the next one that is a whole number of `step`s since 1970.
    #[must_use]
    pub fn rounded_up_to(self, step: Span) -> Self {
        if step.0 == 0 {
            return self;
        }
        let past = self.0.rem_euclid(step.0);
        if past == 0 { self } else { Self(self.0.saturating_add(step.0 - past)) }
    }

    /// How long after `earlier` this moment is; zero if it is not after it.
    #[must_use]
    pub fn since(self, earlier: Self) -> Span {
        Span(self.0.saturating_sub(earlier.0).max(0))
    }

    /// The moment one nanosecond before.
    #[must_use]
    pub const fn just_before(self) -> Self {
        Self(self.0.saturating_sub(1))
    }

    /// The moment one nanosecond after.
    #[must_use]
    pub const fn just_after(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// From milliseconds since 1970, or `None` outside the years 1678–2262.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Option<Self> {
        match millis.checked_mul(1_000_000) {
            Some(nanos) => Some(Self(nanos)),
            None => None,
        }
    }

    /// Returns whole milliseconds since 1970-01-01 UTC, rounded down.
    #[must_use]
    pub const fn millis(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// This moment without what is less than a millisecond.
    #[must_use]
    pub const fn floor_millis(self) -> Self {
        Self(self.0.saturating_sub(self.0.rem_euclid(1_000_000)))
    }

    /// This moment without what is less than a microsecond.
    #[must_use]
    pub const fn floor_micros(self) -> Self {
        Self(self.0.saturating_sub(self.0.rem_euclid(1_000)))
    }

    /// Reads RFC 3339 (`2024-01-31T19:00:00Z`).
    ///
    /// # Errors
    /// Says what is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, ParseTimestampError> {
        let moment: jiff::Timestamp =
            text.parse().map_err(|_| ParseTimestampError::NotATime { text: text.to_owned() })?;
        let nanos = moment.as_nanosecond();
        i64::try_from(nanos).map(Self).map_err(|_| ParseTimestampError::OutOfRange { text: text.to_owned() })
    }

    /// Reads a date (`2024-01-31`) as its first moment in UTC.
    ///
    /// # Errors
    /// Says what is wrong with the text.
    pub fn parse_date(text: &str) -> Result<Self, ParseTimestampError> {
        let date = text.parse::<jiff::civil::Date>().ok().filter(|date| date.to_string() == text);
        date.ok_or_else(|| ParseTimestampError::NotADate { text: text.to_owned() })?;
        Self::parse(&format!("{text}T00:00:00Z"))
    }

    /// The UTC date, `2024-01-31`.
    #[must_use]
    pub fn utc_date(self) -> String {
        let text = self.to_string();
        text.split('T').next().unwrap_or_default().to_owned()
    }

    /// The UTC year and month, for instance `(2024, 1)`.
    #[must_use]
    pub fn year_month(self) -> (i16, i8) {
        let date = self.to_jiff().to_zoned(jiff::tz::TimeZone::UTC).date();
        (date.year(), date.month())
    }

    fn to_jiff(self) -> jiff::Timestamp {
        jiff::Timestamp::from_nanosecond(i128::from(self.0))
            .expect("64-bit nanoseconds are within jiff's range")
    }
}

impl Span {
    /// No time at all: a span of 0 nanoseconds.
    pub const ZERO: Self = Self(0);
    /// One microsecond: a span of 1,000 nanoseconds.
    pub const MICROSECOND: Self = Self(1_000);
    /// One millisecond: 1,000,000 nanoseconds, written `1ms` in a scenario.
    pub const MILLISECOND: Self = Self(1_000_000);
    /// One second: 1,000 milliseconds, written `1s` in a scenario.
    pub const SECOND: Self = Self(1_000 * Self::MILLISECOND.0);
    /// One minute: 60 seconds, written `1m` in a scenario.
    pub const MINUTE: Self = Self(60 * Self::SECOND.0);
    /// One hour: 60 minutes, written `1h` in a scenario.
    pub const HOUR: Self = Self(60 * Self::MINUTE.0);
    /// One day, always 24 hours, written `1d` in a scenario.
    pub const DAY: Self = Self(24 * Self::HOUR.0);
    /// The longest span there is, about 292 years, at which arithmetic on spans stops.
    pub const MAX: Self = Self(i64::MAX);

    const UNITS: [(&'static str, Self); 5] = [
        ("ms", Self::MILLISECOND),
        ("s", Self::SECOND),
        ("m", Self::MINUTE),
        ("h", Self::HOUR),
        ("d", Self::DAY),
    ];

    /// Makes a span from nanoseconds; `None` if they are negative.
    #[must_use]
    pub const fn from_nanos(nanos: i64) -> Option<Self> {
        if nanos >= 0 { Some(Self(nanos)) } else { None }
    }

    /// Returns the length of the span in nanoseconds.
    #[must_use]
    pub const fn nanos(self) -> i64 {
        self.0
    }

    /// This span `count` times, at most the longest there is.
    #[must_use]
    pub const fn times(self, count: i64) -> Self {
        Self(self.0.saturating_mul(count))
    }

    /// Reads `250ms`, `30s`, `15m`, `1h`, `45d`.
    ///
    /// # Errors
    /// Says what is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, ParseSpanError> {
        let wrong = || ParseSpanError::NotADuration { text: text.to_owned() };
        let split = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
        let (count, unit) = text.split_at(split);
        let count: i64 = count.parse().map_err(|_| wrong())?;
        let (_, length) = Self::UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(wrong)?;
        let longer = || ParseSpanError::TooLong { text: text.to_owned() };
        length.0.checked_mul(count).map(Self).ok_or_else(longer)
    }
}

impl Add<Span> for Timestamp {
    type Output = Self;
    fn add(self, span: Span) -> Self {
        Self(self.0.saturating_add(span.0))
    }
}

impl Sub<Span> for Timestamp {
    type Output = Self;
    fn sub(self, span: Span) -> Self {
        Self(self.0.saturating_sub(span.0))
    }
}

impl From<Span> for Duration {
    fn from(span: Span) -> Self {
        Self::from_nanos(u64::try_from(span.0).expect("a span is never negative"))
    }
}

impl From<Duration> for Span {
    /// The longest span there is, 292 years, for what is longer.
    fn from(duration: Duration) -> Self {
        Self(i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX))
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.to_jiff().to_string())
    }
}

impl fmt::Display for Span {
    /// In the largest unit that divides it: `90m`, `45d`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fits = Self::UNITS.iter().rev().find(|(_, length)| self.0 % length.0 == 0 && self.0 > 0);
        match fits {
            Some((name, length)) => write!(f, "{}{name}", self.0 / length.0),
            None if self.0 == 0 => f.write_str("0s"),
            None => write!(f, "{}ns", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_spans_in_the_units_people_write() {
        assert_eq!(Span::parse("15m"), Ok(Span::MINUTE.times(15)));
        assert_eq!(Span::parse("250ms"), Ok(Span::MILLISECOND.times(250)));
        assert_eq!(Span::parse("45d").unwrap().to_string(), "45d");
        assert_eq!(Span::parse("90m").unwrap().to_string(), "90m");
        for bad in ["", "15", "m", "-1h", "1.5h", "1 h", "1y", "99999999999d"] {
            assert!(Span::parse(bad).is_err(), "{bad:?} was accepted");
        }
        assert!(matches!(Span::parse("99999999999d"), Err(ParseSpanError::TooLong { .. })));
    }

    #[test]
    fn spans_are_the_same_lengths_elsewhere() {
        let span = Span::SECOND.times(3);
        assert_eq!(Duration::from(span), Duration::from_secs(3));
        assert_eq!(Span::from(Duration::from_secs(3)), span);
        assert_eq!(Span::from(Duration::MAX), Span(i64::MAX));
    }

    #[test]
    fn rounds_up_to_the_scan_grid_also_before_1970() {
        let quarter = Span::parse("15m").unwrap();
        let at = Timestamp::parse("2024-01-31T19:00:01Z").unwrap();
        assert_eq!(at.rounded_up_to(quarter).to_string(), "2024-01-31T19:15:00Z");
        assert_eq!(at.rounded_up_to(Span::ZERO), at);
        let old = Timestamp::parse("1969-12-31T23:59:59Z").unwrap();
        assert_eq!(old.rounded_up_to(quarter), Timestamp::from_nanos(0));
        assert_eq!(old.utc_day(), -1);
    }

    #[test]
    fn reads_and_prints_utc() {
        let at = Timestamp::parse("2024-01-31T14:00:00-05:00").unwrap();
        assert_eq!(at.to_string(), "2024-01-31T19:00:00Z");
        assert_eq!(at.utc_date(), "2024-01-31");
        assert_eq!(at.year_month(), (2024, 1));
        assert!(matches!(Timestamp::parse("yesterday"), Err(ParseTimestampError::NotATime { .. })));
        let old = Timestamp::parse_date("1600-01-01").unwrap_err();
        assert!(matches!(old, ParseTimestampError::OutOfRange { .. }));
        assert_eq!(old.to_string(), "`1600-01-01T00:00:00Z` is outside the years 1678-2262");
        for bad in ["2024-02-30", "2024-01-31T10:00:00", "20240131"] {
            assert!(Timestamp::parse_date(bad).is_err(), "{bad:?} was accepted");
        }
    }
}
