//! Which column of a foreign file means what, in which unit: a small TOML file.
//!
//! ```toml
//! [columns]                # our name = theirs
//! ts = "created_time"
//! ticker = "ticker"
//! yes_price = "yes_price_cents"
//! count = "count"
//! taker_side = "taker_side"
//!
//! [units]
//! price = "cents"          # or "dollars", "ten_thousandths"
//! count = "contracts"      # or "hundredths"
//!
//! [time]
//! unit = "ms"              # of whole numbers: "s", "ms", "us", "ns"
//! zone = "UTC"             # of times that name no zone; without it they are refused
//! ```

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::Deserialize;

use crate::domain::Span;
use crate::domain::time::ParseSpanError;

use super::super::DataError;
use super::chunk::{CellKind, TimeRules, Wanted};

/// A column that an import knows.
#[derive(Clone, Copy, Debug)]
pub struct KnownColumn {
    /// Key of the column under `[columns]` of the map, such as `ts`.
    pub name: &'static str,
    /// Kind of its cells, which decides on the unit they are read in.
    pub meaning: ColumnMeaning,
    /// Whether a map that does not name the column is refused.
    pub required: bool,
}

/// What the cells of a column are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnMeaning {
    /// A moment; `[time]` gives the unit of whole numbers and the zone of bare times.
    Time,
    /// A name from a small set.
    Text,
    /// A name that is different in each row.
    Id,
    /// A price in the unit of `[units] price`, read as ten-thousandths of a dollar.
    Price,
    /// A number of contracts in the unit of `[units] count`, read as hundredths.
    Count,
}

/// A column map as it stands in its TOML file: names, units, times and candles.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ColumnMap {
    columns: BTreeMap<String, String>,
    #[serde(default)]
    units: Units,
    #[serde(default)]
    time: Time,
    #[serde(default)]
    candles: CandleColumns,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Units {
    #[serde(default)]
    price: PriceUnit,
    #[serde(default)]
    count: CountUnit,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum PriceUnit {
    #[default]
    Cents,
    Dollars,
    TenThousandths,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum CountUnit {
    #[default]
    Contracts,
    Hundredths,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Time {
    unit: Option<TimeUnit>,
    zone: Option<Zone>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum TimeUnit {
    S,
    Ms,
    Us,
    Ns,
}

#[derive(Clone, Copy, Debug, Deserialize)]
enum Zone {
    #[serde(rename = "UTC")]
    Utc,
}

/// What the times and volumes of candles stand for.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct CandleColumns {
    #[serde(default)]
    ts_is: CandleEdge,
    period: Option<String>,
    #[serde(default)]
    volume: Volume,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum CandleEdge {
    #[default]
    End,
    Start,
}

/// Whether a candle's volume is that of its period or of the market's life so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Volume {
    /// Contracts traded within the candle alone; the import adds them up. The default.
    #[default]
    Period,
    /// Contracts traded since the market opened.
    Lifetime,
}

/// Why a text is no map of the columns that an import knows.
#[derive(Debug, thiserror::Error)]
pub enum ColumnMapError {
    /// No TOML, or a section, a key or a value that no map has.
    #[error("{}", .0.to_string().trim_end())]
    Toml(toml::de::Error),
    /// A name under `[columns]` that the import does not know.
    #[error("[columns] {name} is unknown; it may be one of {}", known.join(", "))]
    UnknownColumn {
        /// The name as it stands in the map.
        name: String,
        /// Names of all columns that the import knows.
        known: Vec<&'static str>,
    },
    /// A column is not mapped without which nothing can be imported.
    #[error("[columns] {name} is missing: name the column that holds it")]
    MissingColumn {
        /// Our name of the column, as `[columns]` must have it.
        name: &'static str,
    },
    /// A length of candles whose times are those of their ends.
    #[error("[candles] period is only for ts_is = \"start\"")]
    PeriodNotNeeded,
    /// A length of candles that is no length of time.
    #[error("[candles] period: {0}")]
    BadPeriod(ParseSpanError),
    /// The times are those at which candles begin, and their length is not said.
    #[error(
        "[candles] ts_is = \"start\" needs a period such as \"1d\": \
         a candle is known only when it has ended"
    )]
    PeriodMissing,
}

impl ColumnMap {
    /// Reads a map and checks that it names the columns that are needed, and none that is unknown.
    ///
    /// # Errors
    /// Says which key is wrong and what may stand there.
    pub fn load(file: &Path, known: &[KnownColumn]) -> Result<Self, DataError> {
        let text = fs::read_to_string(file)
            .map_err(|error| DataError::of_file(file, format!("cannot be read: {error}")))?;
        Self::parse(&text, known).map_err(|problem| DataError::of_file(file, problem))
    }

    /// As [`load`](Self::load), from text.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn parse(text: &str, known: &[KnownColumn]) -> Result<Self, ColumnMapError> {
        let map: Self = toml::from_str(text).map_err(ColumnMapError::Toml)?;
        for name in map.columns.keys() {
            if !known.iter().any(|column| column.name == name) {
                let known = known.iter().map(|column| column.name).collect();
                return Err(ColumnMapError::UnknownColumn { name: name.clone(), known });
            }
        }
        if let Some(column) = known.iter().find(|column| column.required && !map.has_column(column.name)) {
            return Err(ColumnMapError::MissingColumn { name: column.name });
        }
        map.known_after()?;
        Ok(map)
    }

    /// A map of all columns that are known, each to what `theirs` says its name is, and of times in UTC.
    #[must_use]
    pub fn in_utc(known: &[KnownColumn], theirs: impl Fn(&'static str) -> &'static str) -> Self {
        let columns = known.iter().map(|column| (column.name.to_owned(), theirs(column.name).to_owned()));
        Self {
            columns: columns.collect(),
            units: Units::default(),
            time: Time { unit: None, zone: Some(Zone::Utc) },
            candles: CandleColumns::default(),
        }
    }

    /// Returns whether `[columns]` has an entry for one of our column names.
    #[must_use]
    pub fn has_column(&self, name: &str) -> bool {
        self.columns.contains_key(name)
    }

    /// How long after its time a candle is known.
    ///
    /// # Errors
    /// When the times are those at which candles begin and their length is not said.
    pub fn known_after(&self) -> Result<Span, ColumnMapError> {
        match (self.candles.ts_is, &self.candles.period) {
            (CandleEdge::End, None) => Ok(Span::ZERO),
            (CandleEdge::End, Some(_)) => Err(ColumnMapError::PeriodNotNeeded),
            (CandleEdge::Start, Some(period)) => Span::parse(period).map_err(ColumnMapError::BadPeriod),
            (CandleEdge::Start, None) => Err(ColumnMapError::PeriodMissing),
        }
    }

    /// Returns what the column `volume` counts, from `[candles] volume` of the map.
    #[must_use]
    pub const fn volume_meaning(&self) -> Volume {
        self.candles.volume
    }

    /// The mapped columns in the order of `known`; `None` where one is not mapped.
    #[must_use]
    pub fn wanted_columns(&self, known: &[KnownColumn]) -> Vec<Option<Wanted>> {
        let want = |column: &KnownColumn| {
            let theirs = self.columns.get(column.name)?.clone();
            Some(Wanted { name: column.name, column: theirs, kind: self.cell_kind(column.meaning) })
        };
        known.iter().map(want).collect()
    }

    const fn cell_kind(&self, meaning: ColumnMeaning) -> CellKind {
        match meaning {
            ColumnMeaning::Text => CellKind::Text,
            ColumnMeaning::Id => CellKind::Id,
            ColumnMeaning::Price => CellKind::Number(match self.units.price {
                PriceUnit::Cents => 2,
                PriceUnit::Dollars => 4,
                PriceUnit::TenThousandths => 0,
            }),
            ColumnMeaning::Count => CellKind::Number(match self.units.count {
                CountUnit::Contracts => 2,
                CountUnit::Hundredths => 0,
            }),
            ColumnMeaning::Time => CellKind::Time(TimeRules {
                per_micro: match self.time.unit {
                    None => None,
                    Some(TimeUnit::S) => Some((1_000_000, 1)),
                    Some(TimeUnit::Ms) => Some((1_000, 1)),
                    Some(TimeUnit::Us) => Some((1, 1)),
                    Some(TimeUnit::Ns) => Some((1, 1_000)),
                },
                unzoned_is_utc: self.time.zone.is_some(),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_a_map_can_be_told_apart() {
        let known = [KnownColumn { name: "ts", meaning: ColumnMeaning::Time, required: true }];
        let parse = |text: &str| ColumnMap::parse(text, &known).unwrap_err();
        assert!(matches!(parse("[columns]"), ColumnMapError::MissingColumn { name: "ts" }));
        assert!(matches!(parse("[columns]\nts = 'a'\nup = 'b'"), ColumnMapError::UnknownColumn { .. }));
        let unsaid = parse("[columns]\nts = 'a'\n[candles]\nts_is = 'start'");
        assert!(matches!(unsaid, ColumnMapError::PeriodMissing));
        let told = "[candles] ts_is = \"start\" needs a period such as \"1d\": a candle is known only when it has ended";
        assert_eq!(unsaid.to_string(), told);
    }
}
