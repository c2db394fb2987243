//! Facts from CSV files, each row at the moment it became public.
//!
//! The kind of a file is told by its header. A row without `published_at` is refused: a fact whose
//! publication is unknown cannot be placed on the timeline without looking ahead.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use csv::StringRecord;
use serde::{Deserialize, Serialize};

use crate::domain::decimal::ParseDecimalError;
use crate::domain::fact::{Day, Month, ParseMonthError, ParseStationError, Station};
use crate::domain::fee::FeeMultiplierError;
use crate::domain::time::ParseTimestampError;
use crate::domain::{Decimal6, Fact, FeeSchedule, FeeType, Timestamp};

use super::DataError;
use super::write::writer::fee_name;

const DECISIONS: &[&str] =
    &["published_at", "meeting_date", "scheduled", "target_upper_before", "target_upper_after", "change_bp"];
const CALENDAR: &[&str] = &["published_at", "meeting_date", "announcement_at"];
const CPI: &[&str] = &["published_at", "reference_month", "yoy", "mom", "core_mom"];
const CPI_CONSENSUS: &[&str] =
    &["published_at", "reference_month", "yoy_consensus", "mom_consensus", "core_mom_consensus"];
const CPI_CALENDAR: &[&str] = &["published_at", "reference_month", "release_at"];
const UNEMPLOYMENT: &[&str] = &["published_at", "reference_month", "rate"];
const HIGH_FORECASTS: &[&str] = &["published_at", "station", "date", "lead_hours", "high_f"];
const OBSERVED_HIGHS: &[&str] = &["published_at", "station", "date", "high_f"];
const FEE_CHANGES: &[&str] = &["series_ticker", "effective_at", "fee_type", "fee_multiplier"];

/// Why a row is no fact of its kind, or no change of fees.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
enum FactRowError {
    /// A cell that every such row needs is empty.
    #[error("{column} is missing")]
    MissingValue {
        /// Name of the empty cell's column.
        column: &'static str,
    },
    /// A cell holds something that its column cannot mean.
    #[error("{column}: {problem}")]
    BadCell {
        /// Name of the cell's column.
        column: &'static str,
        /// What is wrong with the cell.
        problem: FactCellError,
    },
    /// A decision's change is not the difference of the two bounds beside it.
    #[error("change_bp = {change_bp} is not {upper_after} − {upper_before}")]
    ChangeUnlikeBounds {
        /// The change as given, in hundredths of a percent.
        change_bp: Decimal6,
        /// Upper bound after the decision, in percent.
        upper_after: Decimal6,
        /// Upper bound before the decision, in percent.
        upper_before: Decimal6,
    },
}

/// Why a cell of a facts file cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
enum FactCellError {
    /// A figure that is no decimal with six places.
    #[error(transparent)]
    Decimal(#[from] ParseDecimalError),
    /// A moment or a date that is none.
    #[error(transparent)]
    Time(#[from] ParseTimestampError),
    /// A reference month that is none.
    #[error(transparent)]
    Month(#[from] ParseMonthError),
    /// A code that no weather station has.
    #[error(transparent)]
    Station(#[from] ParseStationError),
    /// A multiplier that no fee schedule can have.
    #[error(transparent)]
    FeeMultiplier(#[from] FeeMultiplierError),
    /// A rate that no economy has had.
    #[error("`{text}` is not between -1000 and 1000 percent")]
    PercentOutOfRange {
        /// What stands in the cell, in percent.
        text: String,
    },
    /// A temperature that is no whole number, or was never measured.
    #[error("`{text}` is not a whole number of degrees Fahrenheit between -130 and 140")]
    NotFahrenheit {
        /// What stands in the cell, in degrees Fahrenheit.
        text: String,
    },
    /// A lead of a forecast that is none from one hour to ten days.
    #[error("`{text}` is not a whole number of hours between 1 and 240")]
    NotLeadHours {
        /// What stands in the cell, in hours.
        text: String,
    },
    /// A cell that must say true or false says something else.
    #[error("`{text}` is neither true nor false")]
    NotABoolean {
        /// What stands in the cell.
        text: String,
    },
    /// A fee type whose formula is not known here.
    #[error("`{text}` is no fee type protogen knows")]
    UnknownFeeType {
        /// What stands in the cell.
        text: String,
    },
}

/// One row of a file, by column name.
struct FactRow<'a> {
    columns: &'static [&'static str],
    record: &'a StringRecord,
}

impl FactRow<'_> {
    fn required_text(&self, column: &'static str) -> Result<&str, FactRowError> {
        self.optional_text(column).ok_or(FactRowError::MissingValue { column })
    }

    fn optional_text(&self, column: &str) -> Option<&str> {
        let index = self.columns.iter().position(|name| *name == column)?;
        self.record.get(index).map(str::trim).filter(|text| !text.is_empty())
    }

    fn parse_required<T, E: Into<FactCellError>>(
        &self,
        column: &'static str,
        read: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<T, FactRowError> {
        read(self.required_text(column)?)
            .map_err(|problem| FactRowError::BadCell { column, problem: problem.into() })
    }

    /// A rate in percent; no economy has had one beyond a thousand that these files would hold.
    fn required_percent(&self, column: &'static str) -> Result<Decimal6, FactRowError> {
        self.parse_required(column, |text| {
            let value = Decimal6::parse(text)?;
            let possible = value.millionths().abs() <= 1_000_000_000;
            possible
                .then_some(value)
                .ok_or_else(|| FactCellError::PercentOutOfRange { text: text.to_owned() })
        })
    }

    fn optional_percent(&self, column: &'static str) -> Result<Option<Decimal6>, FactRowError> {
        self.optional_text(column).map(|_| self.required_percent(column)).transpose()
    }

    /// A temperature; none outside these bounds was ever measured on Earth's surface by a station.
    fn required_fahrenheit(&self, column: &'static str) -> Result<i16, FactRowError> {
        self.parse_required(column, |text| match text.parse() {
            Ok(degrees @ -130..=140) => Ok(degrees),
            _ => Err(FactCellError::NotFahrenheit { text: text.to_owned() }),
        })
    }

    /// A date that no fact carries, but that must be one.
    fn check_date(&self, column: &'static str) -> Result<(), FactRowError> {
        self.parse_required(column, Timestamp::parse_date).map(drop)
    }
}

type ReadFact = fn(&FactRow<'_>) -> Result<Fact, FactRowError>;

const KINDS: [(&[&str], ReadFact); 8] = [
    (DECISIONS, fomc_decision),
    (CALENDAR, fomc_meeting),
    (CPI, cpi_print),
    (CPI_CONSENSUS, cpi_consensus),
    (CPI_CALENDAR, cpi_release),
    (UNEMPLOYMENT, unemployment_rate),
    (HIGH_FORECASTS, high_forecast),
    (OBSERVED_HIGHS, observed_high),
];

fn fomc_decision(row: &FactRow<'_>) -> Result<Fact, FactRowError> {
    row.check_date("meeting_date")?;
    let upper_before = row.required_percent("target_upper_before")?;
    let upper_after = row.required_percent("target_upper_after")?;
    let change_bp = row.parse_required("change_bp", Decimal6::parse)?;
    if (upper_after.millionths() - upper_before.millionths()) * 100 != change_bp.millionths() {
        return Err(FactRowError::ChangeUnlikeBounds { change_bp, upper_after, upper_before });
    }
    let scheduled = row.parse_required("scheduled", |text| match text {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(FactCellError::NotABoolean { text: text.to_owned() }),
    })?;
    Ok(Fact::FomcDecision { scheduled, upper_before, upper_after })
}

fn fomc_meeting(row: &FactRow<'_>) -> Result<Fact, FactRowError> {
    row.check_date("meeting_date")?;
    Ok(Fact::FomcMeeting { announcement: row.parse_required("announcement_at", Timestamp::parse)? })
}

fn cpi_print(row: &FactRow<'_>) -> Result<Fact, FactRowError> {
    Ok(Fact::CpiPrint {
        month: row.parse_required("reference_month", Month::parse)?,
        yoy: row.optional_percent("yoy")?,
        mom: row.optional_percent("mom")?,
        core_mom: row.optional_percent("core_mom")?,
    })
}

fn cpi_consensus(row: &FactRow<'_>) -> Result<Fact, FactRowError> {
    Ok(Fact::CpiConsensus {
        month: row.parse_required("reference_month", Month::parse)?,
        yoy: row.optional_percent("yoy_consensus")?,
        mom: row.optional_percent("mom_consensus")?,
        core_mom: row.optional_percent("core_mom_consensus")?,
    })
}

fn cpi_release(row: &FactRow<'_>) -> Result<Fact, FactRowError> {
    let release = row
        .optional_text("release_at")
        .map(|_| row.parse_required("release_at", Timestamp::parse))
        .transpose()?;
    Ok(Fact::CpiRelease { month: row.parse_required("reference_month", Month::parse)?, release })
}

fn unemployment_rate(row: &FactRow<'_>) -> Result<Fact, FactRowError> {
    Ok(Fact::Unemployment {
        month: row.parse_required("reference_month", Month::parse)?,
        rate: row.required_percent("rate")?,
    })
}

fn high_forecast(row: &FactRow<'_>) -> Result<Fact, FactRowError> {
    let lead_hours = row.parse_required("lead_hours", |text| match text.parse() {
        Ok(hours @ 1..=240) => Ok(hours),
        _ => Err(FactCellError::NotLeadHours { text: text.to_owned() }),
    })?;
    let (station, day) =
        (row.parse_required("station", Station::parse)?, row.parse_required("date", Day::parse)?);
    Ok(Fact::HighForecast { station, day, lead_hours, high: row.required_fahrenheit("high_f")? })
}

fn observed_high(row: &FactRow<'_>) -> Result<Fact, FactRowError> {
    let (station, day) =
        (row.parse_required("station", Station::parse)?, row.parse_required("date", Day::parse)?);
    Ok(Fact::ObservedHigh { station, day, high: row.required_fahrenheit("high_f")? })
}

/// Reads a facts file, sorted by publication.
///
/// # Errors
/// Names file and row of the first thing that is wrong.
pub fn read_facts(file: &Path) -> Result<Vec<(Timestamp, Fact)>, DataError> {
    let mut reader = open_csv(file)?;
    let header = read_header(file, &mut reader)?;
    let Some((columns, read)) =
        KINDS.into_iter().find(|(columns, _)| header.iter().eq(columns.iter().copied()))
    else {
        let kinds: Vec<_> = KINDS.iter().map(|(columns, _)| columns.join(",")).collect();
        let known = kinds.join("\n  ");
        let found = header.iter().collect::<Vec<_>>().join(",");
        return Err(DataError::of_file(
            file,
            format!("columns {found} are those of no known facts:\n  {known}"),
        ));
    };
    let mut facts = each_row(file, &mut reader, columns, |row| {
        Ok((row.parse_required("published_at", Timestamp::parse)?, read(row)?))
    })?;
    facts.sort_by_key(|&(published, _)| published);
    Ok(facts)
}

/// Writes facts into a folder, a file for each kind, in their order; returns the files. What [`read_facts`] reads of
/// them are the same facts.
///
/// # Errors
/// When a file cannot be written.
pub fn write_facts(folder: &Path, facts: &[(Timestamp, Fact)]) -> Result<Vec<PathBuf>, DataError> {
    let mut files = BTreeMap::new();
    for (published, fact) in facts {
        let (name, columns, cells) = fact_as_csv(*published, fact);
        let (_, rows) = files.entry(name).or_insert_with(|| (columns, Vec::new()));
        rows.push([vec![published.to_string()], cells].concat());
    }
    let written = files.into_iter().map(|(name, (columns, rows))| {
        let file = folder.join(name);
        write_rows(&file, columns, &rows)?;
        Ok(file)
    });
    written.collect()
}

/// The file and the columns of a kind of fact, and one fact's cells after the first.
fn fact_as_csv(published: Timestamp, fact: &Fact) -> (&'static str, &'static [&'static str], Vec<String>) {
    let percent = |figure: Option<Decimal6>| figure.map_or(String::new(), |figure| figure.to_string());
    match *fact {
        Fact::FomcDecision { scheduled, upper_before, upper_after } => {
            let change = (upper_after.millionths() - upper_before.millionths()) * 100;
            let change = Decimal6::from_millionths(change);
            let range = [upper_before, upper_after, change].map(|figure| figure.to_string());
            // A decision is announced on the day of its meeting.
            (
                "fomc_decisions.csv",
                DECISIONS,
                [&[published.utc_date(), scheduled.to_string()], &range[..]].concat(),
            )
        }
        Fact::FomcMeeting { announcement } => {
            ("fomc_meetings.csv", CALENDAR, vec![announcement.utc_date(), announcement.to_string()])
        }
        Fact::CpiPrint { month, yoy, mom, core_mom } => {
            let figures = [yoy, mom, core_mom].map(percent);
            ("cpi_prints.csv", CPI, [&[month.to_string()], &figures[..]].concat())
        }
        Fact::CpiConsensus { month, yoy, mom, core_mom } => {
            let figures = [yoy, mom, core_mom].map(percent);
            ("cpi_consensus.csv", CPI_CONSENSUS, [&[month.to_string()], &figures[..]].concat())
        }
        Fact::CpiRelease { month, release } => {
            let release = release.map_or(String::new(), |release| release.to_string());
            ("cpi_releases.csv", CPI_CALENDAR, vec![month.to_string(), release])
        }
        Fact::Unemployment { month, rate } => {
            ("unemployment.csv", UNEMPLOYMENT, vec![month.to_string(), rate.to_string()])
        }
        Fact::HighForecast { station, day, lead_hours, high } => {
            let cells = [station.to_string(), day.to_string(), lead_hours.to_string(), high.to_string()];
            ("high_forecasts.csv", HIGH_FORECASTS, cells.into())
        }
        Fact::ObservedHigh { station, day, high } => {
            let cells = [station.to_string(), day.to_string(), high.to_string()];
            ("observed_highs.csv", OBSERVED_HIGHS, cells.into())
        }
    }
}

fn write_rows(file: &Path, columns: &[&str], rows: &[Vec<String>]) -> Result<(), DataError> {
    let cannot =
        |error: &dyn std::fmt::Display| DataError::of_file(file, format!("cannot be written: {error}"));
    let mut writer = csv::Writer::from_path(file).map_err(|error| cannot(&error))?;
    writer.write_record(columns).map_err(|error| cannot(&error))?;
    for row in rows {
        writer.write_record(row).map_err(|error| cannot(&error))?;
    }
    writer.flush().map_err(|error| cannot(&error))
}

/// A change of a series' fees.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeeChange {
    /// Ticker of the series whose fees change: the column `series_ticker`, in JSON `series`.
    #[serde(rename = "series")]
    pub series_ticker: String,
    /// First moment at which the new fees hold: the column `effective_at`, in JSON `at`.
    #[serde(rename = "at")]
    pub effective_at: Timestamp,
    /// Formula and multiplier from then on: the columns `fee_type` and `fee_multiplier`.
    pub fees: FeeSchedule,
}

/// Reads `fee_changes.csv`.
///
/// # Errors
/// Names file and row of the first thing that is wrong.
pub fn read_fee_changes(file: &Path) -> Result<Vec<FeeChange>, DataError> {
    let mut reader = open_csv(file)?;
    let header = read_header(file, &mut reader)?;
    if !header.iter().eq(FEE_CHANGES.iter().copied()) {
        return Err(DataError::of_file(file, format!("columns must be {}", FEE_CHANGES.join(","))));
    }
    each_row(file, &mut reader, FEE_CHANGES, |row| {
        let fee_type = row.parse_required("fee_type", |name| {
            FeeType::from_name(name).ok_or_else(|| FactCellError::UnknownFeeType { text: name.to_owned() })
        })?;
        Ok(FeeChange {
            series_ticker: row.required_text("series_ticker")?.to_owned(),
            effective_at: row.parse_required("effective_at", Timestamp::parse)?,
            fees: row.parse_required("fee_multiplier", |text| {
                let multiplier = Decimal6::parse(text)?;
                FeeSchedule::with_multiplier(fee_type, multiplier).map_err(FactCellError::from)
            })?,
        })
    })
}

/// Writes `fee_changes.csv`.
///
/// # Errors
/// When it cannot be written.
pub fn write_fee_changes(file: &Path, changes: &[FeeChange]) -> Result<(), DataError> {
    let row = |change: &FeeChange| {
        let FeeChange { series_ticker, effective_at, fees } = change;
        let multiplier = Decimal6::from_millionths(fees.multiplier_ppm.into());
        let (at, multiplier) = (effective_at.to_string(), multiplier.to_string());
        vec![series_ticker.clone(), at, fee_name(fees.fee_type).to_owned(), multiplier]
    };
    write_rows(file, FEE_CHANGES, &changes.iter().map(row).collect::<Vec<_>>())
}

type Reader = csv::Reader<std::fs::File>;

fn open_csv(file: &Path) -> Result<Reader, DataError> {
    csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_path(file)
        .map_err(|error| DataError::of_file(file, format!("cannot be read: {error}")))
}

fn read_header(file: &Path, reader: &mut Reader) -> Result<StringRecord, DataError> {
    let header = reader.headers().cloned();
    let header = header.map_err(|error| DataError::of_file(file, format!("has no header: {error}")))?;
    if header.is_empty() { Err(DataError::of_file(file, "is empty")) } else { Ok(header) }
}

fn each_row<T>(
    file: &Path,
    reader: &mut Reader,
    columns: &'static [&'static str],
    read: impl Fn(&FactRow<'_>) -> Result<T, FactRowError>,
) -> Result<Vec<T>, DataError> {
    let mut rows = Vec::new();
    for (number, record) in (1u64..).zip(reader.records()) {
        let record = record.map_err(|error| match error.kind() {
            csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
                DataError::of_row(file, number, format!("has {len} cells, must have {expected_len}"))
            }
            _ => DataError::of_row(file, number, error),
        })?;
        let row = FactRow { columns, record: &record };
        rows.push(read(&row).map_err(|problem| DataError::of_row(file, number, problem))?);
    }
    Ok(rows)
}

#[cfg(test)]
#[path = "facts_tests.rs"]
mod tests;
