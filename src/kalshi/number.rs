//! Numbers and times between JSON and the domain's integers, exactly and never through a float.
//!
//! The exchange writes dollars and counts as strings, times as RFC 3339 strings or Unix integers, and a
//! few strikes and multipliers as JSON numbers. Each function here is a `deserialize_with` for one of
//! these; those named `optional_…` also take `null`, and go with `#[serde(default)]`.

use std::fmt;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serializer};
use serde_json::value::RawValue;

use crate::domain::decimal::{format_scaled, parse_scaled};
use crate::domain::{Contracts, Decimal6, Money, Price, Timestamp};

/// The most money and the most contracts the exchange can mean, either way. What is larger is an error where it is
/// read, so that sums and products of what was read fit 64 bits.
pub const MOST_MONEY: Money = Money::from_micros(1_000_000_000_000_000_000);
/// As [`MOST_MONEY`]: a hundred billion contracts.
pub const MOST_CONTRACTS: Contracts = Contracts::whole(100_000_000_000);

/// Levels of one side of a book, as the exchange orders them.
pub type Levels = Vec<(Price, Contracts)>;

/// A price in dollars: `"0.5600"`.
///
/// # Errors
/// When it is not a decimal, finer than $0.0001, or not between $0 and $1.
pub fn parse_price(text: &str) -> Result<Price, String> {
    let outside = || format!("`{text}` is not a price between $0 and $1");
    let ticks = parse_scaled(text, 4).map_err(|error| error.to_string())?;
    u16::try_from(ticks).ok().and_then(Price::new).ok_or_else(outside)
}

/// A number of contracts: `"10.00"`, signed where the exchange signs it.
///
/// # Errors
/// When it is not a decimal, finer than 0.01 contract, or more than [`MOST_CONTRACTS`].
pub fn parse_contracts(text: &str) -> Result<Contracts, String> {
    let contracts =
        parse_scaled(text, 2).map(Contracts::from_hundredths).map_err(|error| error.to_string())?;
    let within = contracts.hundredths().abs() <= MOST_CONTRACTS.hundredths();
    within.then_some(contracts).ok_or_else(|| format!("`{text}` is more contracts than there can be"))
}

/// An amount of money in dollars: `"-12.017500"`.
///
/// # Errors
/// When it is not a decimal, finer than a millionth of a dollar, or more than [`MOST_MONEY`].
pub fn parse_money(text: &str) -> Result<Money, String> {
    let money = Money::parse(text).map_err(|error| error.to_string())?;
    let within = money.micros().abs() <= MOST_MONEY.micros();
    within.then_some(money).ok_or_else(|| format!("`{text}` is more money than there can be"))
}

fn parse_time(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse(text).map_err(|error| error.to_string())
}

/// A price as requests write it: `0.5600`.
#[must_use]
pub fn price_text(price: Price) -> String {
    format_scaled(i64::from(price.get()), 4, 4)
}

/// A number of contracts as requests write it: `10.00`.
#[must_use]
pub fn contracts_text(contracts: Contracts) -> String {
    format_scaled(contracts.hundredths(), 2, 2)
}

/// Writes a price into a request, as a string.
///
/// # Errors
/// Those of the serializer.
pub fn write_price<S: Serializer>(price: &Price, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&price_text(*price))
}

/// Writes a number of contracts into a request, as a string.
///
/// # Errors
/// Those of the serializer.
pub fn write_contracts<S: Serializer>(contracts: &Contracts, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&contracts_text(*contracts))
}

/// Writes a moment into a request, in whole Unix seconds.
///
/// # Errors
/// Those of the serializer.
pub fn write_seconds<S: Serializer>(at: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    match at {
        Some(at) => serializer.serialize_i64(seconds_of(*at)),
        None => serializer.serialize_none(),
    }
}

/// Returns a moment in whole Unix seconds, rounded down.
#[must_use]
pub const fn seconds_of(at: Timestamp) -> i64 {
    at.nanos().div_euclid(1_000_000_000)
}

/// A moment from Unix seconds.
///
/// # Errors
/// When it lies outside the years 1678–2262.
pub fn from_seconds(seconds: i64) -> Result<Timestamp, String> {
    let millis = seconds.checked_mul(1_000).and_then(Timestamp::from_millis);
    millis.ok_or_else(|| out_of_range_message(seconds))
}

/// A moment from Unix milliseconds.
///
/// # Errors
/// When it lies outside the years 1678–2262.
pub fn from_millis(millis: i64) -> Result<Timestamp, String> {
    Timestamp::from_millis(millis).ok_or_else(|| out_of_range_message(millis))
}

fn out_of_range_message(count: i64) -> String {
    format!("{count} is outside the years 1678-2262")
}

/// Takes a string, and only a string, and hands it to `parse` without copying it.
struct Text<T> {
    parse: fn(&str) -> Result<T, String>,
    what: &'static str,
}

impl<T> Visitor<'_> for Text<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} as a string", self.what)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        (self.parse)(text).map_err(E::custom)
    }
}

/// The same where `null` may stand.
struct OptionalText<T>(Text<T>);

impl<'de, T> Visitor<'de> for OptionalText<T> {
    type Value = Option<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} as a string, or null", self.0.what)
    }

    fn visit_none<E: Error>(self) -> Result<Option<T>, E> {
        Ok(None)
    }

    fn visit_unit<E: Error>(self) -> Result<Option<T>, E> {
        Ok(None)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<T>, D::Error> {
        deserializer.deserialize_str(self.0).map(Some)
    }
}

macro_rules! text_fields {
    ($($(#[$doc:meta])* $name:ident, $optional:ident: $type:ty = $parse:expr, $what:literal;)*) => {$(
        $(#[$doc])*
        ///
        /// # Errors
        /// When the field is not such a string.
        pub fn $name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<$type, D::Error> {
            deserializer.deserialize_str(Text { parse: $parse, what: $what })
        }

        /// The same where it may be `null`.
        ///
        /// # Errors
        /// When the field is neither `null` nor such a string.
        pub fn $optional<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<$type>, D::Error> {
            deserializer.deserialize_option(OptionalText(Text { parse: $parse, what: $what }))
        }
    )*};
}

text_fields! {
    /// A price: dollars between 0 and 1, as a string.
    price, optional_price: Price = parse_price, "a price in dollars";
    /// An amount of money: dollars, as a string.
    money, optional_money: Money = parse_money, "an amount in dollars";
    /// A number of contracts, as a string.
    contracts, optional_contracts: Contracts = parse_contracts, "a number of contracts";
    /// A time in RFC 3339, as a string.
    time, optional_time: Timestamp = parse_time, "a time";
}

/// Whole cents as an integer.
///
/// # Errors
/// When the field is not an integer or out of range.
pub fn cents<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Money, D::Error> {
    let cents = i64::deserialize(deserializer)?;
    let money = cents.checked_mul(10_000).map(Money::from_micros);
    let money = money.filter(|money| money.micros().abs() <= MOST_MONEY.micros());
    money.ok_or_else(|| D::Error::custom(format!("{cents} cents is out of range")))
}

/// [`cents`] where it may be `null`.
///
/// # Errors
/// When the field is neither `null` nor an integer in range.
pub fn optional_cents<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Money>, D::Error> {
    struct Cents(Money);
    impl<'de> Deserialize<'de> for Cents {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            cents(deserializer).map(Self)
        }
    }
    Ok(Option::<Cents>::deserialize(deserializer)?.map(|Cents(money)| money))
}

/// Unix seconds as an integer.
///
/// # Errors
/// When the field is not an integer or out of range.
pub fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    from_seconds(i64::deserialize(deserializer)?).map_err(D::Error::custom)
}

/// Unix milliseconds as an integer.
///
/// # Errors
/// When the field is not an integer or out of range.
pub fn millis<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    from_millis(i64::deserialize(deserializer)?).map_err(D::Error::custom)
}

/// [`millis`] where it may be `null`.
///
/// # Errors
/// When the field is neither `null` nor an integer in range.
pub fn optional_millis<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    let millis = Option::<i64>::deserialize(deserializer)?;
    millis.map(from_millis).transpose().map_err(D::Error::custom)
}

/// A JSON number with up to six decimals, read from its digits.
///
/// # Errors
/// When the field is not a number, or finer or larger than that.
pub fn decimal<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Decimal6, D::Error> {
    let digits = Box::<RawValue>::deserialize(deserializer)?;
    Decimal6::parse(digits.get()).map_err(D::Error::custom)
}

/// [`decimal`] where it may be `null`.
///
/// # Errors
/// When the field is neither `null` nor such a number.
pub fn optional_decimal<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Decimal6>, D::Error> {
    let digits = Box::<RawValue>::deserialize(deserializer)?;
    match digits.get() {
        "null" => Ok(None),
        digits => Decimal6::parse(digits).map(Some).map_err(D::Error::custom),
    }
}

/// Levels of a book: `[["0.4200", "13.00"], …]`.
///
/// # Errors
/// When the field is not a list of pairs of a price and a count, both strings.
pub fn levels<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Levels, D::Error> {
    #[derive(Deserialize)]
    struct WireLevel(
        #[serde(deserialize_with = "price")] Price,
        #[serde(deserialize_with = "contracts")] Contracts,
    );
    let levels = Vec::<WireLevel>::deserialize(deserializer)?;
    Ok(levels.into_iter().map(|WireLevel(price, contracts)| (price, contracts)).collect())
}

#[cfg(test)]
#[path = "number_tests.rs"]
mod tests;
