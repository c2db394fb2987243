//! Foreign tables, some rows at a time: the mapped columns of a Parquet or CSV file as integers and names.
//!
//! Types drift between files and chunks of the same source (whole numbers here, floats there, nothing at
//! all in a third), so a column is read by what its values are, not by the type it was given.

use std::collections::HashMap;
use std::path::Path;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType,
    UInt8Type, UInt16Type, UInt32Type,
};
use arrow_array::{Array, ArrayRef, Int32Array, RecordBatch, StringArray};
use arrow_schema::{DataType, TimeUnit};
use csv::StringRecord;

use crate::domain::Timestamp;
use crate::domain::decimal::parse_scaled;

use super::super::DataError;

const DAY: i64 = 86_400_000_000;

/// A column of a foreign file to be read: its name here and there, and its type.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Name of the column in protogen, such as `ts` or `yes_price`, for messages.
    pub name: &'static str,
    /// Name of the column in the foreign file, from `[columns]` of the map.
    pub column: String,
    /// How the cells are converted: to names, hashes, scaled integers or times.
    pub kind: CellKind,
}

/// How the cells of a column are converted, whatever type the file gives them.
#[derive(Clone, Copy, Debug)]
pub enum CellKind {
    /// Names from a small set, as keys.
    Text,
    /// Names of which only equality matters, as 64 bits of hash.
    Id,
    /// Exact decimals times ten to this power.
    Number(u32),
    /// Microseconds since 1970 UTC, from timestamps, text or whole numbers, by these rules.
    Time(TimeRules),
}

/// How times are read that do not say all by themselves.
#[derive(Clone, Copy, Debug)]
pub struct TimeRules {
    /// Microseconds a unit of whole numbers, as a fraction.
    pub per_micro: Option<(i64, i64)>,
    /// Whether times without a zone are UTC.
    pub unzoned_is_utc: bool,
}

/// One cell of a column that is read as numbers, times or ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextCell {
    /// A null, a float NaN or an empty text; in ids of Parquet files only a null.
    Missing,
    /// Something there that does not fit.
    Unreadable,
    /// A scaled number, microseconds since 1970 UTC, or the hash of an id.
    Value(i64),
}

/// The cells of one column, a row each; which variant depends on [`CellKind`].
#[derive(Debug)]
pub enum ChunkData {
    /// Dictionary-encoded text of a column read as [`CellKind::Text`].
    Text(Texts),
    /// Integers of a column read as numbers, times or ids.
    Cells(TextCells),
}

/// Integer cells of a column: numbers, times or ids, one a row.
#[derive(Debug)]
pub enum TextCells {
    /// In every row a value: half the room, and nothing to ask.
    Values(Vec<i64>),
    /// Cells of which some may be missing or unreadable.
    Mixed(Vec<TextCell>),
}

impl TextCells {
    /// Returns the cell of a row, counted from 0 within the chunk.
    #[inline]
    #[must_use]
    pub fn get(&self, row: usize) -> TextCell {
        match self {
            Self::Values(values) => TextCell::Value(values[row]),
            Self::Mixed(cells) => cells[row],
        }
    }

    /// Applies `change` to every value; missing and unreadable cells stay as they are.
    fn map_values(mut self, change: impl Fn(i64) -> i64) -> Self {
        match &mut self {
            Self::Values(values) => values.iter_mut().for_each(|value| *value = change(*value)),
            Self::Mixed(cells) => {
                for cell in cells {
                    if let TextCell::Value(value) = cell {
                        *value = change(*value);
                    }
                }
            }
        }
        self
    }
}

impl FromIterator<TextCell> for TextCells {
    fn from_iter<I: IntoIterator<Item = TextCell>>(cells: I) -> Self {
        Self::Mixed(cells.into_iter().collect())
    }
}

/// Names as keys of a dictionary.
#[derive(Debug)]
pub struct Texts {
    keys: Int32Array,
    /// Text of each key; a key is the place in this array.
    pub names: StringArray,
}

impl Texts {
    /// Returns the dictionary key of a row; `None` where the cell is null, or empty in a CSV file.
    #[inline]
    #[must_use]
    pub fn key_at(&self, row: usize) -> Option<usize> {
        self.keys.is_valid(row).then(|| usize::try_from(self.keys.value(row)).ok()).flatten()
    }

    /// Returns the text of a row; `None` where the cell is null, or empty in a CSV file.
    #[must_use]
    pub fn text_at(&self, row: usize) -> Option<&str> {
        self.key_at(row).map(|key| self.names.value(key))
    }
}

/// Consecutive rows of a foreign file, with the columns of the map converted.
#[derive(Debug)]
pub struct Chunk<'a> {
    /// Path of the Parquet or CSV file that the rows were read from.
    pub file: &'a Path,
    /// Number of its first row, from 1.
    pub first_row: u64,
    /// Number of rows, the same in every column.
    pub rows: usize,
    columns: Vec<Option<ChunkData>>,
}

impl<'a> Chunk<'a> {
    /// The wanted columns of rows of Parquet.
    ///
    /// # Errors
    /// When a column is not of a usable type.
    pub fn of_batch(
        file: &'a Path,
        first_row: u64,
        batch: &RecordBatch,
        wanted: &[Option<Wanted>],
    ) -> Result<Self, DataError> {
        let columns = wanted.iter().map(|wanted| {
            let Some(wanted) = wanted else { return Ok(None) };
            data_of(batch, wanted).map(Some).map_err(|problem| DataError::of_file(file, problem))
        });
        Ok(Self { file, first_row, rows: batch.num_rows(), columns: columns.collect::<Result<_, _>>()? })
    }

    /// The wanted columns of rows of CSV, each with its place in a row.
    #[must_use]
    pub fn of_records(
        file: &'a Path,
        first_row: u64,
        records: &[StringRecord],
        wanted: &[Option<Wanted>],
        places: &[Option<usize>],
    ) -> Self {
        let column = |(wanted, place): (&Option<Wanted>, &Option<usize>)| {
            let (kind, place) = (wanted.as_ref()?.kind, (*place)?);
            let cells = records.iter().map(|record| record.get(place).unwrap_or_default());
            Some(match kind {
                CellKind::Text => ChunkData::Text(intern_texts(cells)),
                CellKind::Number(digits) => {
                    ChunkData::Cells(cells.map(|text| parse_number(text, digits)).collect())
                }
                CellKind::Time(rules) => {
                    ChunkData::Cells(cells.map(|text| parse_time(text, rules)).collect())
                }
                CellKind::Id => ChunkData::Cells(cells.map(hash_id).collect()),
            })
        };
        let columns = wanted.iter().zip(places).map(column).collect();
        Self { file, first_row, rows: records.len(), columns }
    }

    /// File and number of a row.
    #[must_use]
    pub fn row_location(&self, row: usize) -> (&Path, Option<u64>) {
        (self.file, Some(self.first_row + row as u64))
    }

    /// The names of a column that was asked for as text.
    #[must_use]
    pub fn text_column(&self, column: usize) -> &Texts {
        match &self.columns[column] {
            Some(ChunkData::Text(texts)) => texts,
            _ => unreachable!("column {column} was asked for as text, and is required"),
        }
    }

    /// The cells of a column that was asked for as numbers, times or ids; `None` if it is not mapped.
    #[must_use]
    pub fn cell_column(&self, column: usize) -> Option<&TextCells> {
        match &self.columns[column] {
            Some(ChunkData::Cells(cells)) => Some(cells),
            _ => None,
        }
    }
}

/// Why a column of a Parquet file cannot be read as what it is to be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
enum ChunkColumnError {
    /// The column is in the file's schema, but not among what was decoded.
    #[error("lost a column while it was decoded")]
    LostColumn,
    /// The column's type holds nothing that is wanted.
    #[error("column {column} must be {wanted}, is {found}")]
    UnusableType {
        /// Name of the column in the file.
        column: String,
        /// What the column is to be, in words.
        wanted: &'static str,
        /// Type that the file gives it.
        found: DataType,
    },
}

fn data_of(batch: &RecordBatch, wanted: &Wanted) -> Result<ChunkData, ChunkColumnError> {
    let column = batch.column_by_name(&wanted.column).ok_or(ChunkColumnError::LostColumn)?;
    let found = column.data_type();
    let wrong = |what: &'static str| {
        let (column, found) = (wanted.column.clone(), found.clone());
        Err(ChunkColumnError::UnusableType { column, wanted: what, found })
    };
    if *found == DataType::Null && !matches!(wanted.kind, CellKind::Text) {
        return Ok(ChunkData::Cells(TextCells::Mixed(vec![TextCell::Missing; column.len()])));
    }
    match wanted.kind {
        CellKind::Text => texts_of(column).map_or_else(|| wrong("text"), |texts| Ok(ChunkData::Text(texts))),
        CellKind::Id => {
            ids_of(column).map_or_else(|| wrong("text or whole numbers"), |ids| Ok(ChunkData::Cells(ids)))
        }
        CellKind::Number(places) => {
            numbers_of(column, places).map_or_else(|| wrong("numbers"), |cells| Ok(ChunkData::Cells(cells)))
        }
        CellKind::Time(rules) => times_of(column, rules).map_or_else(
            || wrong("a time with a zone, RFC 3339 text, or what [time] of the map says"),
            |cells| Ok(ChunkData::Cells(cells)),
        ),
    }
}

fn texts_of(column: &ArrayRef) -> Option<Texts> {
    if *column.data_type() == DataType::Null {
        return Some(Texts { keys: Int32Array::new_null(column.len()), names: StringArray::new_null(0) });
    }
    let dictionary = column.as_dictionary_opt::<Int32Type>()?;
    let names = dictionary.values().as_string_opt::<i32>()?.clone();
    Some(Texts { keys: dictionary.keys().clone(), names })
}

/// A hash of a name for telling equal rows of one market and moment; nothing else relies on it.
fn hash_text(text: &[u8]) -> i64 {
    let mut state = 0xcbf2_9ce4_8422_2325_u64;
    for part in text.chunks(8) {
        let mut word = [0; 8];
        word[..part.len()].copy_from_slice(part);
        state = (state.rotate_left(5) ^ u64::from_le_bytes(word)).wrapping_mul(0x517c_c1b7_2722_0a95);
    }
    state.cast_signed()
}

fn ids_of(column: &ArrayRef) -> Option<TextCells> {
    let cell = |text: Option<&str>| {
        text.map_or(TextCell::Missing, |text| TextCell::Value(hash_text(text.as_bytes())))
    };
    Some(match column.data_type() {
        DataType::Utf8View if column.null_count() == 0 => {
            let texts = column.as_string_view();
            TextCells::Values((0..texts.len()).map(|row| hash_text(texts.value(row).as_bytes())).collect())
        }
        DataType::Utf8View => column.as_string_view().iter().map(cell).collect(),
        DataType::Int64 => scaled_integers::<Int64Type>(column, 1),
        _ => return None,
    })
}

fn scaled_integers<T: ArrowPrimitiveType>(column: &ArrayRef, scale: i64) -> TextCells
where
    T::Native: Into<i64>,
{
    let array = column.as_primitive::<T>();
    let scaled = |value: T::Native| match value.into().checked_mul(scale) {
        Some(value) => TextCell::Value(value),
        None => TextCell::Unreadable,
    };
    let most = i64::MAX / scale;
    let fits = |value: &T::Native| (-most..=most).contains(&(*value).into());
    if array.null_count() == 0 && array.values().iter().all(fits) {
        return TextCells::Values(array.values().iter().map(|&value| value.into() * scale).collect());
    }
    array.iter().map(|value| value.map_or(TextCell::Missing, scaled)).collect()
}

/// Floats that are meant to be decimals; a NaN is how some tools write that nothing is there.
fn scaled_decimals<T: ArrowPrimitiveType>(column: &ArrayRef, scale: f64) -> TextCells
where
    T::Native: Into<f64>,
{
    let cell = |value: Option<T::Native>| {
        let Some(value) = value.map(Into::into).filter(|value: &f64| !value.is_nan()) else {
            return TextCell::Missing;
        };
        let scaled = value * scale;
        let whole = scaled.round();
        // Less than half a digit of what six decimals of a dollar would show.
        if (scaled - whole).abs() > 1e-4 || whole.abs() > 9e15 {
            return TextCell::Unreadable;
        }
        #[expect(clippy::cast_possible_truncation, reason = "whole, and far below 2^63")]
        let exact = whole as i64;
        TextCell::Value(exact)
    };
    column.as_primitive::<T>().iter().map(cell).collect()
}

fn numbers_of(column: &ArrayRef, places: u32) -> Option<TextCells> {
    let scale = 10_i64.pow(places);
    let text = |text: Option<&str>| text.map_or(TextCell::Missing, |text| parse_number(text, places));
    Some(match column.data_type() {
        DataType::Int64 => scaled_integers::<Int64Type>(column, scale),
        DataType::Int32 => scaled_integers::<Int32Type>(column, scale),
        DataType::Int16 => scaled_integers::<Int16Type>(column, scale),
        DataType::Int8 => scaled_integers::<Int8Type>(column, scale),
        DataType::UInt32 => scaled_integers::<UInt32Type>(column, scale),
        DataType::UInt16 => scaled_integers::<UInt16Type>(column, scale),
        DataType::UInt8 => scaled_integers::<UInt8Type>(column, scale),
        DataType::Float64 => scaled_decimals::<Float64Type>(column, scale as f64),
        DataType::Float32 => scaled_decimals::<Float32Type>(column, scale as f64),
        DataType::Utf8 => column.as_string::<i32>().iter().map(text).collect(),
        DataType::LargeUtf8 => column.as_string::<i64>().iter().map(text).collect(),
        _ => return None,
    })
}

fn times_of(column: &ArrayRef, rules: TimeRules) -> Option<TextCells> {
    let text = |text: Option<&str>| text.map_or(TextCell::Missing, |text| parse_time(text, rules));
    Some(match column.data_type() {
        DataType::Timestamp(_, None) if !rules.unzoned_is_utc => return None,
        DataType::Timestamp(TimeUnit::Second, _) => scaled_integers::<TimestampSecondType>(column, 1_000_000),
        DataType::Timestamp(TimeUnit::Millisecond, _) => {
            scaled_integers::<TimestampMillisecondType>(column, 1_000)
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            scaled_integers::<TimestampMicrosecondType>(column, 1)
        }
        // What is less than a microsecond is cut off: a data set holds whole ones.
        DataType::Timestamp(TimeUnit::Nanosecond, _) => {
            scaled_integers::<TimestampNanosecondType>(column, 1).map_values(|nanos| nanos.div_euclid(1_000))
        }
        DataType::Date32 if rules.unzoned_is_utc => scaled_integers::<Date32Type>(column, DAY),
        DataType::Int64 => {
            let (times, by) = rules.per_micro?;
            scaled_integers::<Int64Type>(column, times).map_values(|value| value.div_euclid(by))
        }
        DataType::Utf8 => column.as_string::<i32>().iter().map(text).collect(),
        DataType::LargeUtf8 => column.as_string::<i64>().iter().map(text).collect(),
        _ => return None,
    })
}

fn parse_number(text: &str, places: u32) -> TextCell {
    if text.is_empty() {
        return TextCell::Missing;
    }
    parse_scaled(text, places as usize).map_or(TextCell::Unreadable, TextCell::Value)
}

fn parse_time(text: &str, rules: TimeRules) -> TextCell {
    if text.is_empty() {
        return TextCell::Missing;
    }
    if let (Some((times, by)), Ok(whole)) = (rules.per_micro, text.parse::<i64>()) {
        return whole
            .checked_mul(times)
            .map_or(TextCell::Unreadable, |value| TextCell::Value(value.div_euclid(by)));
    }
    let moment = Timestamp::parse(text).ok();
    let unzoned = || {
        let read = || Timestamp::parse_date(text).or_else(|_| Timestamp::parse(&format!("{text}Z"))).ok();
        rules.unzoned_is_utc.then(read).flatten()
    };
    moment.or_else(unzoned).map_or(TextCell::Unreadable, |at| TextCell::Value(at.nanos().div_euclid(1_000)))
}

/// A row that is not one of its table.
pub fn csv_problem(file: &Path, row: u64, error: &csv::Error) -> DataError {
    match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            DataError::of_row(file, row, format!("has {len} cells, must have {expected_len}"))
        }
        _ => DataError::of_row(file, row, error),
    }
}

fn hash_id(text: &str) -> TextCell {
    if text.is_empty() { TextCell::Missing } else { TextCell::Value(hash_text(text.as_bytes())) }
}

fn intern_texts<'a>(cells: impl Iterator<Item = &'a str>) -> Texts {
    let mut known: HashMap<&str, i32> = HashMap::new();
    let mut names = Vec::new();
    let mut key = |text: &'a str| {
        (!text.is_empty()).then(|| {
            *known.entry(text).or_insert_with(|| {
                names.push(text);
                i32::try_from(names.len() - 1).expect("a chunk has few rows")
            })
        })
    };
    let keys = cells.map(&mut key).collect();
    Texts { keys, names: StringArray::from(names) }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn a_column_of_another_type_is_not_a_lost_one() {
        let column: ArrayRef = Arc::new(Int32Array::from(vec![1]));
        let batch = RecordBatch::try_from_iter([("a", column)]).unwrap();
        let wanted = |column: &str| Wanted { name: "ts", column: column.into(), kind: CellKind::Text };
        let told = data_of(&batch, &wanted("a")).unwrap_err();
        assert!(matches!(
            told,
            ChunkColumnError::UnusableType { wanted: "text", found: DataType::Int32, .. }
        ));
        assert_eq!(data_of(&batch, &wanted("b")).unwrap_err(), ChunkColumnError::LostColumn);
    }
}
