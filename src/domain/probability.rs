//! Probabilities and fractions in parts per million.
//!
//! [`Probability::from_f64`] is the one door through which a model's float reaches a decision.

use std::fmt;

use serde::{Deserialize, Serialize};

const MILLION: u32 = 1_000_000;

/// The probability of an outcome in parts per million, from 0 to 1,000,000.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Probability(u32);

/// A share between 0 and 1 in parts per million: a limit, a scale, a confidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Fraction(u32);

/// A number of parts per million that is more than the whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{ppm} ppm is no {quantity}")]
pub struct PpmAboveOne {
    /// The number, in parts per million; above 1,000,000.
    pub ppm: u32,
    /// What it was to be: `probability` or `fraction`.
    pub quantity: &'static str,
}

/// Rounds a float in `0..=1` to parts per million; `None` outside and for NaN.
#[expect(
    clippy::float_arithmetic,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the one rounding door; the range is checked first"
)]
fn ppm_from_f64(value: f64) -> Option<u32> {
    (0.0..=1.0).contains(&value).then(|| (value * f64::from(MILLION)).round() as u32)
}

macro_rules! parts_per_million {
    ($name:ident, $what:literal) => {
        impl $name {
            /// Zero parts per million: an impossible outcome, or no share at all.
            pub const ZERO: Self = Self(0);
            /// 1,000,000 parts per million: a certain outcome, or the whole.
            pub const ONE: Self = Self(MILLION);

            /// From parts per million, or `None` above one.
            #[must_use]
            pub const fn from_ppm(ppm: u32) -> Option<Self> {
                if ppm <= MILLION { Some(Self(ppm)) } else { None }
            }

            /// Rounds a float in `0..=1`; `None` outside and for NaN.
            #[must_use]
            pub fn from_f64(value: f64) -> Option<Self> {
                ppm_from_f64(value).map(Self)
            }

            /// Returns the value in parts per million, `0..=1_000_000`.
            #[must_use]
            pub const fn ppm(self) -> u32 {
                self.0
            }

            /// Returns one minus this value, such as the probability of NO from that of YES.
            #[must_use]
            pub const fn complement(self) -> Self {
                Self(MILLION - self.0)
            }
        }

        impl TryFrom<u32> for $name {
            type Error = PpmAboveOne;
            fn try_from(ppm: u32) -> Result<Self, PpmAboveOne> {
                Self::from_ppm(ppm).ok_or(PpmAboveOne { ppm, quantity: $what })
            }
        }

        impl From<$name> for u32 {
            fn from(value: $name) -> u32 {
                value.0
            }
        }

        impl fmt::Display for $name {
            /// As a percentage with one place.
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let tenths = (self.0 + 500) / 1_000;
                f.pad(&format!("{}.{} %", tenths / 10, tenths % 10))
            }
        }
    };
}

parts_per_million!(Probability, "probability");
parts_per_million!(Fraction, "fraction");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_door_refuses_what_is_no_probability() {
        assert_eq!(Probability::from_f64(0.25), Probability::from_ppm(250_000));
        for bad in [f64::NAN, -0.000_001, 1.000_001, f64::INFINITY] {
            assert_eq!(Probability::from_f64(bad), None);
        }
        assert_eq!(Probability::from_ppm(1_000_001), None);
        let above = Fraction::try_from(1_000_001).unwrap_err();
        assert_eq!(above, PpmAboveOne { ppm: 1_000_001, quantity: "fraction" });
        assert_eq!(above.to_string(), "1000001 ppm is no fraction");
    }

    #[test]
    fn prints_as_a_percentage() {
        assert_eq!(Probability(654_321).to_string(), "65.4 %");
        assert_eq!(Fraction(999_950).to_string(), "100.0 %");
    }
}
