//! Series and events: what is asked, at which fees.

use serde::{Deserialize, Deserializer};

use super::{ApiMarket, ItemList};
use crate::domain::{Decimal6, FeeSchedule, FeeType, Timestamp};
use crate::kalshi::number;

/// A question asked again and again, such as the daily high in New York, with its fees.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Series {
    /// Ticker of the series, unique on the exchange: `KXHIGHNY`.
    pub ticker: String,
    /// Title for people: `Highest temperature in NYC`; `None` if it is not said.
    #[serde(default)]
    pub title: Option<String>,
    /// Main category in the exchange's words: `Climate and Weather`.
    pub category: String,
    /// Which fee formula its markets use.
    #[serde(deserialize_with = "fee_type")]
    pub fee_type: FeeType,
    /// The multiplier of the fee in parts per million.
    #[serde(rename = "fee_multiplier", deserialize_with = "multiplier_ppm")]
    pub fee_multiplier_ppm: u32,
}

impl Series {
    /// Its fees today, unless an event overrides them.
    #[must_use]
    pub const fn fees(&self) -> FeeSchedule {
        FeeSchedule { fee_type: self.fee_type, multiplier_ppm: self.fee_multiplier_ppm }
    }
}

/// A change of a series' fees.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct ApiFeeChange {
    /// Ticker of the series whose fees change.
    pub series_ticker: String,
    /// Fee formula that applies from [`at`](Self::at) on.
    #[serde(deserialize_with = "fee_type")]
    pub fee_type: FeeType,
    /// The multiplier from then on, in parts per million.
    #[serde(rename = "fee_multiplier", deserialize_with = "multiplier_ppm")]
    pub fee_multiplier_ppm: u32,
    /// First moment of the new fees (JSON `scheduled_ts`, RFC 3339).
    #[serde(rename = "scheduled_ts", deserialize_with = "number::time")]
    pub at: Timestamp,
}

impl ApiFeeChange {
    /// Returns formula and multiplier as they apply from the change on.
    #[must_use]
    pub const fn fees(&self) -> FeeSchedule {
        FeeSchedule { fee_type: self.fee_type, multiplier_ppm: self.fee_multiplier_ppm }
    }
}

/// A change of the fees of one event; what is `None` is again as the series has it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct EventFeeChange {
    /// Ticker of the event whose fees change.
    pub event_ticker: String,
    /// Fee formula of the event; `None` if that of its series applies.
    #[serde(rename = "fee_type_override", deserialize_with = "optional_fee_type")]
    pub fee_type: Option<FeeType>,
    /// Its own multiplier, in parts per million.
    #[serde(rename = "fee_multiplier_override", deserialize_with = "optional_multiplier_ppm")]
    pub fee_multiplier_ppm: Option<u32>,
    /// First moment of the new fees (JSON `scheduled_ts`, RFC 3339).
    #[serde(rename = "scheduled_ts", deserialize_with = "number::time")]
    pub at: Timestamp,
}

impl EventFeeChange {
    /// The event's fees from then on.
    #[must_use]
    pub fn fees(&self, series: FeeSchedule) -> FeeSchedule {
        fees_with_override(series, self.fee_type, self.fee_multiplier_ppm)
    }
}

/// A group of markets on one question.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct ApiEvent {
    /// Ticker of the event, unique on the exchange: `KXHIGHNY-26NOV20`.
    pub event_ticker: String,
    /// Ticker of the series the event belongs to: `KXHIGHNY`.
    pub series_ticker: String,
    /// Whether at most one of its markets pays YES.
    pub mutually_exclusive: bool,
    /// The day or moment asked about, if it is one.
    #[serde(default, deserialize_with = "number::optional_time")]
    pub strike_date: Option<Timestamp>,
    /// The period asked about, if it is not a day.
    #[serde(default)]
    pub strike_period: Option<String>,
    /// Fee formula of the event; `None` if that of its series applies.
    #[serde(rename = "fee_type_override", default, deserialize_with = "optional_fee_type")]
    pub fee_type: Option<FeeType>,
    /// Fee multiplier of the event in parts per million; `None` if that of its series applies.
    #[serde(rename = "fee_multiplier_override", default, deserialize_with = "optional_multiplier_ppm")]
    pub fee_multiplier_ppm: Option<u32>,
    /// The matching engine it trades on.
    #[serde(default)]
    pub exchange_index: Option<i64>,
    /// Its markets, where they were asked for.
    #[serde(default)]
    pub markets: ItemList<ApiMarket>,
}

impl ApiEvent {
    /// The fees of its markets, given those of its series.
    #[must_use]
    pub fn fees(&self, series: FeeSchedule) -> FeeSchedule {
        fees_with_override(series, self.fee_type, self.fee_multiplier_ppm)
    }
}

fn fees_with_override(
    series: FeeSchedule,
    fee_type: Option<FeeType>,
    multiplier_ppm: Option<u32>,
) -> FeeSchedule {
    FeeSchedule {
        fee_type: fee_type.unwrap_or(series.fee_type),
        multiplier_ppm: multiplier_ppm.unwrap_or(series.multiplier_ppm),
    }
}

fn named_fee_type<E: serde::de::Error>(name: &str) -> Result<FeeType, E> {
    let unknown = || E::custom(format!("`{name}` is a fee type whose formula is not known; do not trade it"));
    FeeType::from_name(name).ok_or_else(unknown)
}

fn fee_type<'de, D: Deserializer<'de>>(deserializer: D) -> Result<FeeType, D::Error> {
    named_fee_type(&String::deserialize(deserializer)?)
}

fn optional_fee_type<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<FeeType>, D::Error> {
    Option::<String>::deserialize(deserializer)?.map(|name| named_fee_type(&name)).transpose()
}

fn multiplier_to_ppm<E: serde::de::Error>(multiplier: Decimal6) -> Result<u32, E> {
    let schedule = FeeSchedule::with_multiplier(FeeType::Quadratic, multiplier).map_err(E::custom)?;
    Ok(schedule.multiplier_ppm)
}

fn multiplier_ppm<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    multiplier_to_ppm(number::decimal(deserializer)?)
}

fn optional_multiplier_ppm<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    number::optional_decimal(deserializer)?.map(multiplier_to_ppm).transpose()
}
