//! The footer of a Parquet file, checked before anything is decoded.
//!
//! Decoders trust a footer: where it is damaged, they panic or read what is not theirs.

use std::fmt;
use std::fs::File;
use std::path::Path;

use arrow_array::{Array, StringArray};
use arrow_schema::DataType;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::file::metadata::{ColumnChunkMetaData, RowGroupMetaData};

use crate::dataset::DataError;

/// A file that cannot be read.
pub fn broken_parquet_error(file: &Path, error: impl fmt::Display) -> DataError {
    DataError::of_file(file, format!("cannot be read as Parquet (truncated?): {error}"))
}

/// Opens a file and reads its footer.
///
/// # Errors
/// When the file is not Parquet, or its footer speaks of bytes that the file does not have.
pub fn open_parquet(file: &Path) -> Result<(File, ArrowReaderMetadata), DataError> {
    // To open a pipe would be to wait for whoever writes to it.
    if file.metadata().is_ok_and(|found| !found.is_file()) {
        return Err(DataError::of_file(file, "is not a file; it must be one in Parquet format"));
    }
    let handle = File::open(file).map_err(|error| broken_parquet_error(file, error))?;
    let length = handle.metadata().map_err(|error| broken_parquet_error(file, error))?.len();
    let metadata = ArrowReaderMetadata::load(&handle, ArrowReaderOptions::new())
        .map_err(|error| broken_parquet_error(file, error))?;
    let groups = metadata.metadata().row_groups();
    match groups.iter().flat_map(RowGroupMetaData::columns).find(|column| !lies_within(column, length)) {
        Some(column) => {
            Err(broken_parquet_error(file, format!("column {} is not in the file", column.column_path())))
        }
        None => Ok((handle, metadata)),
    }
}

/// Checks a file that polars is to read.
///
/// # Errors
/// As [`open_parquet`], or when a column, whichever it is, has a type that polars is built without: it panics there.
pub fn check_for_polars(file: &Path) -> Result<(), DataError> {
    use DataType::{Decimal32, Decimal64, Decimal128, Decimal256, Float16, UInt8, UInt16};
    let (_, metadata) = open_parquet(file)?;
    let beyond = metadata.schema().fields().iter().find(|field| {
        matches!(
            field.data_type(),
            UInt8 | UInt16 | Float16 | Decimal32(..) | Decimal64(..) | Decimal128(..) | Decimal256(..)
        )
    });
    beyond.map_or(Ok(()), |field| {
        let problem = format!("column {} is {}, a type that cannot be read", field.name(), field.data_type());
        Err(DataError::of_file(file, problem))
    })
}

/// Whether two dictionaries are one: batches of one row group share its buffers, not the array around them.
pub fn same_strings(known: &StringArray, names: &StringArray) -> bool {
    known.len() == names.len()
        && known.value_data().as_ptr() == names.value_data().as_ptr()
        && known.value_offsets().as_ptr() == names.value_offsets().as_ptr()
}

fn lies_within(column: &ColumnChunkMetaData, length: u64) -> bool {
    let dictionary = column.dictionary_page_offset().filter(|&offset| offset > 0);
    let start = u64::try_from(dictionary.unwrap_or(column.data_page_offset()));
    let size = u64::try_from(column.compressed_size());
    match (start, size) {
        (Ok(start), Ok(size)) => start.checked_add(size).is_some_and(|end| end <= length),
        _ => false,
    }
}
