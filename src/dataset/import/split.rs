//! Foreign files in pieces that can be read at the same time: the row groups of a Parquet file, or a CSV file.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};

use super::super::DataError;
use super::chunk::{CellKind, Chunk, Wanted, csv_problem};
use crate::dataset::read::parquet_file;

/// Rows of a chunk: so few that its columns stay in the cache.
const ROWS: usize = 4_096;

/// A part of a file that one thread reads: a Parquet row group, or a whole CSV file.
pub struct Piece<'a> {
    file: &'a Path,
    /// How much of the file it is.
    pub bytes: u64,
    part: FilePart,
}

enum FilePart {
    Csv,
    Group { metadata: ArrowReaderMetadata, group: usize, first_row: u64 },
}

/// The pieces of a file, in its order.
///
/// # Errors
/// When the file cannot be read or has not every column.
pub fn split_file<'a>(file: &'a Path, wanted: &[Option<Wanted>]) -> Result<Vec<Piece<'a>>, DataError> {
    match file.extension().and_then(|extension| extension.to_str()) {
        Some("parquet") => split_row_groups(file, wanted),
        Some("csv") => {
            let bytes = file.metadata().map_or(0, |metadata| metadata.len());
            Ok(vec![Piece { file, bytes, part: FilePart::Csv }])
        }
        _ => Err(DataError::of_file(file, "is neither *.parquet nor *.csv")),
    }
}

/// Reads the wanted columns of a file, chunk by chunk.
///
/// # Errors
/// When the file cannot be read, a column is not there or not of a usable type, and whatever `take` returns.
pub fn each_chunk(
    file: &Path,
    wanted: &[Option<Wanted>],
    take: &mut dyn FnMut(&Chunk<'_>) -> Result<(), DataError>,
) -> Result<(), DataError> {
    split_file(file, wanted)?.iter().try_for_each(|piece| piece.each_chunk(wanted, take))
}

impl Piece<'_> {
    /// Reads the wanted columns, chunk by chunk.
    ///
    /// # Errors
    /// As [`each_chunk`].
    pub fn each_chunk(
        &self,
        wanted: &[Option<Wanted>],
        take: &mut dyn FnMut(&Chunk<'_>) -> Result<(), DataError>,
    ) -> Result<(), DataError> {
        match &self.part {
            FilePart::Csv => from_csv(self.file, wanted, take),
            FilePart::Group { metadata, group, first_row } => {
                from_group(self.file, (metadata, *group, *first_row), wanted, take)
            }
        }
    }
}

fn no_column(file: &Path, wanted: &Wanted, there: &[&str]) -> DataError {
    let problem =
        format!("has no column {} (for {}); it has {}", wanted.column, wanted.name, there.join(", "));
    DataError::of_file(file, problem)
}

fn rows_of(rows: i64) -> u64 {
    u64::try_from(rows).unwrap_or(0)
}

fn split_row_groups<'a>(file: &'a Path, wanted: &[Option<Wanted>]) -> Result<Vec<Piece<'a>>, DataError> {
    let (_, metadata) = parquet_file::open_parquet(file)?;
    let metadata = with_cheap_names(file, &metadata, wanted)?;
    let mut first_row = 1;
    let mut pieces = Vec::new();
    for (number, group) in metadata.metadata().row_groups().iter().enumerate() {
        let part = FilePart::Group { metadata: metadata.clone(), group: number, first_row };
        pieces.push(Piece { file, bytes: rows_of(group.compressed_size()), part });
        first_row = rows_of(group.num_rows()).saturating_add(first_row);
    }
    let rows = rows_of(metadata.metadata().file_metadata().num_rows());
    if first_row - 1 == rows {
        Ok(pieces)
    } else {
        Err(parquet_file::broken_parquet_error(
            file,
            format!("its parts have {} rows, not {rows}", first_row - 1),
        ))
    }
}

fn from_group(
    file: &Path,
    (metadata, group, first_row): (&ArrowReaderMetadata, usize, u64),
    wanted: &[Option<Wanted>],
    take: &mut dyn FnMut(&Chunk<'_>) -> Result<(), DataError>,
) -> Result<(), DataError> {
    let handle = File::open(file).map_err(|error| parquet_file::broken_parquet_error(file, error))?;
    let names: Vec<&str> = wanted.iter().flatten().map(|wanted| &*wanted.column).collect();
    let end = first_row + rows_of(metadata.metadata().row_group(group).num_rows());
    let projection = ProjectionMask::columns(metadata.parquet_schema(), names);
    let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(handle, metadata.clone());
    let broken = |row: u64, error: &dyn std::fmt::Display| {
        DataError::of_row(file, row, format!("cannot be decoded from here on: {error}"))
    };
    let builder = builder.with_projection(projection).with_row_groups(vec![group]).with_batch_size(ROWS);
    let mut row = first_row;
    for batch in builder.build().map_err(|error| broken(row, &error))? {
        let batch = batch.map_err(|error| broken(row, &error))?;
        take(&Chunk::of_batch(file, row, &batch, wanted)?)?;
        row += batch.num_rows() as u64;
    }
    if row == end { Ok(()) } else { Err(broken(row, &format!("rows up to {} were to follow", end - 1))) }
}

/// Asks for names in the form that costs least, so that a row is an integer and not a string.
fn with_cheap_names(
    file: &Path,
    metadata: &ArrowReaderMetadata,
    wanted: &[Option<Wanted>],
) -> Result<ArrowReaderMetadata, DataError> {
    let there: Vec<&str> = metadata.schema().fields().iter().map(|field| field.name().as_str()).collect();
    let mut fields: Vec<Field> =
        metadata.schema().fields().iter().map(|field| field.as_ref().clone()).collect();
    for wanted in wanted.iter().flatten() {
        let Some(at) = there.iter().position(|name| *name == wanted.column) else {
            return Err(no_column(file, wanted, &there));
        };
        let keys = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
        let cheapest = match wanted.kind {
            CellKind::Text => keys,
            // Looked at where it was decoded to, without a copy.
            CellKind::Id => DataType::Utf8View,
            CellKind::Number(_) | CellKind::Time(_) => continue,
        };
        if is_text(fields[at].data_type()) {
            fields[at] = Field::new(&wanted.column, cheapest, fields[at].is_nullable());
        }
    }
    let options = ArrowReaderOptions::new().with_schema(Arc::new(Schema::new(fields)));
    ArrowReaderMetadata::try_new(Arc::clone(metadata.metadata()), options)
        .map_err(|error| parquet_file::broken_parquet_error(file, error))
}

fn is_text(found: &DataType) -> bool {
    match found {
        DataType::Dictionary(_, value) => is_text(value),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => true,
        _ => false,
    }
}

fn from_csv(
    file: &Path,
    wanted: &[Option<Wanted>],
    take: &mut dyn FnMut(&Chunk<'_>) -> Result<(), DataError>,
) -> Result<(), DataError> {
    let unreadable = |error: csv::Error| DataError::of_file(file, format!("cannot be read: {error}"));
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_path(file).map_err(unreadable)?;
    let header = reader.headers().map_err(unreadable)?.clone();
    let there: Vec<&str> = header.iter().collect();
    let at = |wanted: &Option<Wanted>| {
        let Some(wanted) = wanted else { return Ok(None) };
        let mut found = there.iter().zip(0..).filter(|(name, _)| **name == wanted.column);
        let (_, place) = found.next().ok_or_else(|| no_column(file, wanted, &there))?;
        if found.next().is_some() {
            let problem = format!("has two columns {} (for {}); rename one", wanted.column, wanted.name);
            return Err(DataError::of_file(file, problem));
        }
        Ok(Some(place))
    };
    let places = wanted.iter().map(at).collect::<Result<Vec<_>, _>>()?;
    let mut first_row = 1;
    let mut records = Vec::new();
    for record in reader.records() {
        let row = first_row + records.len() as u64;
        records.push(record.map_err(|error| csv_problem(file, row, &error))?);
        if records.len() == ROWS {
            take(&Chunk::of_records(file, first_row, &records, wanted, &places))?;
            first_row += records.len() as u64;
            records.clear();
        }
    }
    if records.is_empty() {
        Ok(())
    } else {
        take(&Chunk::of_records(file, first_row, &records, wanted, &places))
    }
}
