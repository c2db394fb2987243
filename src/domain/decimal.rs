//! Exact decimals with six places: strikes, macro figures, and the one decimal parser of the crate.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why a text is no decimal with so many places.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseDecimalError {
    /// The text holds nothing at all.
    #[error("`` is not a decimal number")]
    Empty,
    /// The text is not digits with at most one point between them, perhaps behind a minus.
    #[error("`{text}` is not a decimal number")]
    NotANumber {
        /// The whole text as it was given.
        text: String,
    },
    /// The number is finer than its unit; zeros at its end do not count.
    #[error("`{text}` has more than {places} decimal places")]
    TooManyPlaces {
        /// The whole text as it was given.
        text: String,
        /// Most decimal places the unit has room for.
        places: usize,
    },
    /// The number of units does not fit 64 bits.
    #[error("`{text}` is out of range")]
    OutOfRange {
        /// The whole text as it was given.
        text: String,
    },
}

/// A signed decimal in millionths: a strike of `4.25` is `4_250_000`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Decimal6(i64);

impl Decimal6 {
    /// Makes a decimal from millionths: `4_250_000` is 4.25.
    #[must_use]
    pub const fn from_millionths(millionths: i64) -> Self {
        Self(millionths)
    }

    /// Returns the value in millionths: 4.25 is `4_250_000`.
    #[must_use]
    pub const fn millionths(self) -> i64 {
        self.0
    }

    /// Reads `-12.5` exactly.
    ///
    /// # Errors
    /// Says what is wrong with the text: not a decimal, more than six places, or out of range.
    pub fn parse(text: &str) -> Result<Self, ParseDecimalError> {
        parse_scaled(text, 6).map(Self)
    }
}

impl fmt::Display for Decimal6 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&format_scaled(self.0, 6, 2))
    }
}

/// Reads a plain decimal (`-12.5`, no exponent) as an integer of `10^-scale` units, exactly.
///
/// # Errors
/// Says what is wrong with the text: not a decimal, too many places, or out of range.
pub fn parse_scaled(text: &str, scale: usize) -> Result<i64, ParseDecimalError> {
    if text.is_empty() {
        return Err(ParseDecimalError::Empty);
    }
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (whole, places) = digits.split_once('.').unwrap_or((digits, ""));
    let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !all_digits(whole) || !all_digits(places) || digits.ends_with('.') {
        return Err(ParseDecimalError::NotANumber { text: text.to_owned() });
    }
    let places = places.trim_end_matches('0');
    if places.len() > scale {
        return Err(ParseDecimalError::TooManyPlaces { text: text.to_owned(), places: scale });
    }
    let digit = |value: i64, byte: u8| value.checked_mul(10)?.checked_add(i64::from(byte - b'0'));
    let zeros = std::iter::repeat_n(b'0', scale - places.len());
    let value = whole.bytes().chain(places.bytes()).chain(zeros).try_fold(0, digit);
    let value = value.ok_or_else(|| ParseDecimalError::OutOfRange { text: text.to_owned() })?;
    Ok(if negative { -value } else { value })
}

/// Prints an integer of `10^-scale` units as a decimal with at least `least` and at most `scale` places.
#[must_use]
pub fn format_scaled(value: i64, scale: usize, least: usize) -> String {
    let unit = 10_u64.pow(u32::try_from(scale).unwrap_or(0));
    let magnitude = value.unsigned_abs();
    let sign = if value < 0 { "-" } else { "" };
    let mut text = format!("{sign}{}.{:0scale$}", magnitude / unit, magnitude % unit);
    while text.ends_with('0') && text.len() - text.find('.').unwrap_or(0) - 1 > least {
        text.pop();
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_exactly_or_says_why_not() {
        assert_eq!(parse_scaled("4.25", 6), Ok(4_250_000));
        assert_eq!(parse_scaled("-0.5", 6), Ok(-500_000));
        assert_eq!(parse_scaled("0.0550", 3), Ok(55)); // trailing zeros are not places
        for bad in ["", ".5", "5.", "1e3", "1,5", "--1", "NaN", " 1"] {
            assert!(parse_scaled(bad, 6).is_err(), "{bad:?} was accepted");
        }
        let finer = parse_scaled("0.1234567", 6).unwrap_err();
        assert!(matches!(finer, ParseDecimalError::TooManyPlaces { places: 6, .. }));
        assert_eq!(finer.to_string(), "`0.1234567` has more than 6 decimal places");
        assert_eq!(parse_scaled("", 6), Err(ParseDecimalError::Empty));
        let larger = parse_scaled("99999999999999999999", 2);
        assert!(matches!(larger, Err(ParseDecimalError::OutOfRange { .. })));
    }

    proptest! {
        #[test]
        fn printing_and_reading_round_trips(value in -1_000_000_000_000i64..1_000_000_000_000) {
            prop_assert_eq!(parse_scaled(&format_scaled(value, 6, 2), 6), Ok(value));
        }
    }
}
