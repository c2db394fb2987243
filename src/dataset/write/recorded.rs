//! Snapshots of a recording as Parquet: with what happened between them, and deeper levels of the book.

use std::path::Path;
use std::sync::Arc;

use arrow_array::types::Int32Type;
use arrow_array::{ArrayRef, DictionaryArray, Int32Array, Int64Array, TimestampMicrosecondArray};
use arrow_schema::{DataType, Field};

use crate::domain::{Depth, Level};

use super::writer::{PackedRow, SnapshotWriter, Volumes, utc_timestamp_type};
use crate::dataset::DataError;
use crate::dataset::read::row_event::RowEvent;

/// Text of which there are few.
type Names = DictionaryArray<Int32Type>;

/// A row of a recorded snapshots file: a quote with deeper levels, or an event.
#[derive(Clone, Debug)]
pub struct RecordedRow {
    /// The quote; of an event, only when and where.
    pub packed: PackedRow,
    /// What happened, if it is not for a quote.
    pub event: Option<RowEvent>,
    /// Book levels behind the best bid and ask; empty for an event.
    pub deeper: Depth,
}

/// Writes a snapshots file with the columns of a recording: event, new close, book levels.
pub struct RecordedWriter {
    inner: SnapshotWriter,
    levels: usize,
}

impl RecordedWriter {
    /// Starts a file with so many levels of each book, the best counted.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn create(file: &Path, levels: usize) -> Result<Self, DataError> {
        let names = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
        let mut further = vec![
            Field::new("event", names, true),
            Field::new(RowEvent::CLOSE_TIME, utc_timestamp_type(), true),
        ];
        for level in 2..=levels {
            for side in ["bid", "ask"] {
                further.push(Field::new(format!("{side}_{level}"), DataType::Int32, true));
                further.push(Field::new(format!("{side}_{level}_size"), DataType::Int64, true));
            }
        }
        Ok(Self { inner: SnapshotWriter::create_with(file, further, Volumes::Whole)?, levels })
    }

    /// Appends rows as a row group of their own; `ticker` names their markets.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn write_block<'a>(
        &mut self,
        rows: &[RecordedRow],
        ticker: impl Fn(u32) -> &'a str,
    ) -> Result<(), DataError> {
        let packed: Vec<PackedRow> = rows.iter().map(|row| row.packed).collect();
        let events: Names = rows.iter().map(|row| row.event.and_then(RowEvent::name)).collect();
        let close = |row: &RecordedRow| match row.event {
            Some(RowEvent::CloseTime(close)) => Some(close.nanos() / 1_000),
            _ => None,
        };
        let closes: TimestampMicrosecondArray = rows.iter().map(close).collect();
        let mut further: Vec<ArrayRef> = vec![Arc::new(events), Arc::new(closes.with_timezone("UTC"))];
        for level in 0..self.levels.saturating_sub(1) {
            let sides: [fn(&Depth) -> &[Level]; 2] = [|deeper| &deeper.bids, |deeper| &deeper.asks];
            for side in sides {
                let at = |row: &RecordedRow| side(&row.deeper).get(level).copied();
                let price = |row: &RecordedRow| at(row).map(|level| i32::from(level.price.get()));
                let size = |row: &RecordedRow| at(row).map(|level| level.size.hundredths());
                further.push(Arc::new(rows.iter().map(price).collect::<Int32Array>()));
                further.push(Arc::new(rows.iter().map(size).collect::<Int64Array>()));
            }
        }
        self.inner.write_block(&packed, ticker, further)
    }

    /// Finishes the file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(self) -> Result<(), DataError> {
        self.inner.finish()
    }
}
