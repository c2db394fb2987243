//! Any table of plain columns as Parquet.

use std::path::Path;
use std::sync::Arc;

use arrow_array::builder::{Float64Builder, StringBuilder, UInt64Builder};
use arrow_array::{ArrayRef, RecordBatch};

use super::writer::open_writer;
use crate::dataset::DataError;
use crate::dataset::io::durable;

/// The values of one column of a table, a row each.
#[derive(Clone, Debug, PartialEq)]
pub enum TableColumn {
    /// Text, written as a string column.
    Text(Vec<String>),
    /// Numbers, written as 64-bit floats; `None` becomes a null.
    Real(Vec<Option<f64>>),
    /// Counts, written as unsigned 64-bit integers.
    Count(Vec<u64>),
}

impl TableColumn {
    /// Returns the number of rows, nulls included.
    #[must_use]
    pub const fn len(&self) -> usize {
        match self {
            Self::Text(values) => values.len(),
            Self::Real(values) => values.len(),
            Self::Count(values) => values.len(),
        }
    }

    /// Returns whether the column has no row at all.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A row's value as text; empty where there is none.
    #[must_use]
    pub fn cell_text(&self, row: usize) -> String {
        match self {
            Self::Text(values) => values[row].clone(),
            Self::Real(values) => values[row].map(|value| value.to_string()).unwrap_or_default(),
            Self::Count(values) => values[row].to_string(),
        }
    }

    fn to_arrow_array(&self) -> ArrayRef {
        match self {
            Self::Text(values) => {
                let mut builder = StringBuilder::new();
                values.iter().for_each(|value| builder.append_value(value));
                Arc::new(builder.finish())
            }
            Self::Real(values) => {
                let mut builder = Float64Builder::new();
                values.iter().for_each(|value| builder.append_option(*value));
                Arc::new(builder.finish())
            }
            Self::Count(values) => {
                let mut builder = UInt64Builder::new();
                values.iter().for_each(|value| builder.append_value(*value));
                Arc::new(builder.finish())
            }
        }
    }
}

/// Writes columns of equal length; the file is there whole, or as it was before.
///
/// # Errors
/// When the file cannot be written.
pub fn write_table(file: &Path, columns: &[(String, TableColumn)]) -> Result<(), DataError> {
    durable::replace_file_atomically(file, |partial| write_columns(partial, columns))
}

fn write_columns(file: &Path, columns: &[(String, TableColumn)]) -> Result<(), DataError> {
    let failed = |error: &dyn std::fmt::Display| DataError::of_file(file, error);
    let arrays = columns.iter().map(|(name, column)| (name, column.to_arrow_array(), true));
    let batch = RecordBatch::try_from_iter_with_nullable(arrays).map_err(|error| failed(&error))?;
    let mut writer = open_writer(file, &batch.schema())?;
    writer.write(&batch).map_err(|error| failed(&error))?;
    writer.close().map(drop).map_err(|error| failed(&error))
}
