//! Whether and when the exchange trades.

use serde::{Deserialize, Deserializer};

use crate::domain::Timestamp;
use crate::kalshi::number;

/// Whether the exchange is up and trading. Some answers carry it under an error's status, too.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct ExchangeStatus {
    /// Without it nothing changes at all: no orders, no cancels.
    pub exchange_active: bool,
    /// Without it no order is placed or amended; cancels work.
    pub trading_active: bool,
    /// When it thinks it will be back.
    #[serde(rename = "exchange_estimated_resume_time", default, deserialize_with = "number::optional_time")]
    pub estimated_resume: Option<Timestamp>,
    /// The same for each matching engine, where it says so.
    #[serde(rename = "exchange_index_statuses", default)]
    pub shards: Vec<ShardStatus>,
}

/// The state of one matching engine.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct ShardStatus {
    /// Its number; 0 has economics and weather.
    pub exchange_index: i64,
    /// Like [`ExchangeStatus::exchange_active`], for this matching engine alone.
    pub exchange_active: bool,
    /// Like [`ExchangeStatus::trading_active`], for this matching engine alone.
    pub trading_active: bool,
}

/// Announced trading hours and maintenance, from `GET /exchange/schedule`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Schedule {
    /// Weekly hours, each valid for a while.
    pub standard_hours: Vec<WeeklyHours>,
    /// Announced maintenance, during which nothing trades whatever the weekly hours say.
    pub maintenance_windows: Vec<Maintenance>,
}

/// Trading hours by day of the week, Eastern time.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct WeeklyHours {
    /// First moment at which these hours apply (JSON `start_time`, RFC 3339).
    #[serde(rename = "start_time", deserialize_with = "number::time")]
    pub from: Timestamp,
    /// First moment at which these hours no longer apply (JSON `end_time`, RFC 3339).
    #[serde(rename = "end_time", deserialize_with = "number::time")]
    pub until: Timestamp,
    /// Trading hours on Mondays, Eastern time; empty if nothing trades on that day.
    pub monday: Vec<DayHours>,
    /// Trading hours on Tuesdays, Eastern time; empty if nothing trades on that day.
    pub tuesday: Vec<DayHours>,
    /// Trading hours on Wednesdays, Eastern time; empty if nothing trades on that day.
    pub wednesday: Vec<DayHours>,
    /// Trading hours on Thursdays, Eastern time; empty if nothing trades on that day.
    pub thursday: Vec<DayHours>,
    /// Trading hours on Fridays, Eastern time; empty if nothing trades on that day.
    pub friday: Vec<DayHours>,
    /// Trading hours on Saturdays, Eastern time; empty if nothing trades on that day.
    pub saturday: Vec<DayHours>,
    /// Trading hours on Sundays, Eastern time; empty if nothing trades on that day.
    pub sunday: Vec<DayHours>,
}

/// One stretch of trading within a day, in minutes after midnight Eastern; a close of 0 is midnight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct DayHours {
    /// First minute of trading, 0 to 1439, from a text such as `05:00`.
    #[serde(rename = "open_time", deserialize_with = "minute_of_day")]
    pub open: u16,
    /// First minute without trading; 0 is the midnight that ends the day.
    #[serde(rename = "close_time", deserialize_with = "minute_of_day")]
    pub close: u16,
}

/// One announced maintenance window, from `start` until just before `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct Maintenance {
    /// First moment of the pause (JSON `start_datetime`, RFC 3339).
    #[serde(rename = "start_datetime", deserialize_with = "number::time")]
    pub start: Timestamp,
    /// First moment after the pause (JSON `end_datetime`, RFC 3339).
    #[serde(rename = "end_datetime", deserialize_with = "number::time")]
    pub end: Timestamp,
}

/// From when on the live endpoints know things; what is older is only in `/historical/…`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct HistoricalCutoff {
    /// Markets settled from this moment on are on the live endpoints.
    #[serde(rename = "market_settled_ts", deserialize_with = "number::time")]
    pub market_settled: Timestamp,
    /// Trades made from this moment on are on the live endpoints.
    #[serde(rename = "trades_created_ts", deserialize_with = "number::time")]
    pub trades_created: Timestamp,
    /// Orders last changed from this moment on are on the live endpoints.
    #[serde(rename = "orders_updated_ts", deserialize_with = "number::time")]
    pub orders_updated: Timestamp,
}

fn minute_of_day<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u16, D::Error> {
    let text = String::deserialize(deserializer)?;
    let minute = text.split_once(':').and_then(|(hour, minute)| {
        let (hour, minute) = (hour.parse::<u16>().ok()?, minute.parse::<u16>().ok()?);
        // The end of a day is written 00:00 or 24:00.
        (hour < 24 && minute < 60 || (hour, minute) == (24, 0)).then_some((hour % 24) * 60 + minute)
    });
    minute.ok_or_else(|| serde::de::Error::custom(format!("`{text}` is not a time of day like 03:00")))
}
