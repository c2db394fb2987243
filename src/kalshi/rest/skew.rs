//! How far this machine's clock is from the exchange's. Signatures carry the time and are refused when it
//! is off by more than some seconds, so one wants to know before that happens.
//!
//! The `Date` of an answer is the exchange's time cut to the second, at some moment between our sending
//! and our receiving. Each answer so gives a range; what holds for several answers is narrower.

use std::fmt;

use crate::domain::{Span, Timestamp};

/// The exchange's clock minus ours lies between these, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockSkew {
    /// Lower bound of the exchange's clock minus ours; above zero, ours is certainly behind.
    pub least_ms: i64,
    /// Upper bound of the exchange's clock minus ours; below zero, ours is certainly ahead.
    pub most_ms: i64,
}

impl ClockSkew {
    /// What one answer tells: its `Date`, and when by our clock it was asked and had.
    #[must_use]
    pub fn of_answer(date: Timestamp, sent: Timestamp, received: Timestamp) -> Self {
        let millis = |nanos: i64| nanos.div_euclid(1_000_000);
        Self {
            least_ms: millis(date.nanos() - received.nanos()),
            most_ms: millis(date.nanos() + 1_000_000_000 - sent.nanos()) + 1,
        }
    }

    /// What this and a newer answer tell together; only the newer one if they contradict each other,
    /// as a clock was set in between.
    #[must_use]
    pub fn narrowed_by(self, newer: Self) -> Self {
        let both =
            Self { least_ms: self.least_ms.max(newer.least_ms), most_ms: self.most_ms.min(newer.most_ms) };
        if both.least_ms <= both.most_ms { both } else { newer }
    }

    /// The least that the clocks can differ, either way, in milliseconds.
    #[must_use]
    pub fn certain_ms(self) -> i64 {
        self.least_ms.max(-self.most_ms).max(0)
    }
}

impl fmt::Display for ClockSkew {
    /// As in `this machine's clock is 3h behind the exchange's`: the least it can be, in whole seconds, or minutes from ten on.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = if self.least_ms > 0 { "behind" } else { "ahead of" };
        let seconds = self.certain_ms() / 1_000;
        let off = if seconds < 600 { Span::SECOND.times(seconds) } else { Span::MINUTE.times(seconds / 60) };
        write!(f, "this machine's clock is {off} {side} the exchange's")
    }
}

/// Reads an HTTP `Date` header; `None` if it is no date of RFC 2822.
#[must_use]
pub fn parse_date(text: &str) -> Option<Timestamp> {
    let zoned = jiff::fmt::rfc2822::parse(text).ok()?;
    i64::try_from(zoned.timestamp().as_nanosecond()).ok().map(Timestamp::from_nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    #[test]
    fn an_answer_bounds_the_difference_from_both_sides() {
        let date = parse_date("Thu, 19 Nov 2026 15:53:20 GMT").unwrap();
        assert_eq!(date, at("2026-11-19T15:53:20Z"));
        assert_eq!(parse_date("yesterday"), None);

        // Our clock says 15:53:20.4 to .6 while the exchange's is at 20.0 to 21.0.
        let near = ClockSkew::of_answer(date, at("2026-11-19T15:53:20.4Z"), at("2026-11-19T15:53:20.6Z"));
        assert_eq!(near, ClockSkew { least_ms: -600, most_ms: 601 });
        assert_eq!(near.certain_ms(), 0);

        // Ours is 3 to 4 seconds behind.
        let behind = ClockSkew::of_answer(date, at("2026-11-19T15:53:16.9Z"), at("2026-11-19T15:53:17Z"));
        assert_eq!((behind.least_ms, behind.certain_ms()), (3_000, 3_000));
        assert_eq!(behind.to_string(), "this machine's clock is 3s behind the exchange's");
        let ahead = ClockSkew::of_answer(date, at("2026-11-19T15:53:25Z"), at("2026-11-19T15:53:25.1Z"));
        assert_eq!((ahead.most_ms, ahead.certain_ms()), (-3_999, 3_999));
        let hours = ClockSkew { least_ms: -10_801_000, most_ms: -10_800_000 };
        assert_eq!(hours.to_string(), "this machine's clock is 3h ahead of the exchange's");
        assert_eq!(near.narrowed_by(behind), behind); // a clock was set
        let later = ClockSkew { least_ms: -200, most_ms: 900 };
        assert_eq!(near.narrowed_by(later), ClockSkew { least_ms: -200, most_ms: 601 });
    }
}
