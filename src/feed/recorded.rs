//! Parquet files of a recording: snapshots with what happened between them and deeper levels of the book, and
//! trades.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::types::Int32Type;
use arrow_array::{
    ArrayRef, DictionaryArray, Int32Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow_schema::{DataType, Field, TimeUnit};

use crate::domain::{Contracts, Price, Side};
use crate::engine::gateway::Level;

use super::DataError;
use super::snapshots::RowEvent;
use super::writer::{PackedRow, SnapshotWriter, open_writer};

/// Text of which there are few.
type Names = DictionaryArray<Int32Type>;

/// A row of a recording.
#[derive(Clone, Debug)]
pub struct RecordedRow {
    /// The quote; of an event, only when and where.
    pub packed: PackedRow,
    /// What happened, if it is not for a quote.
    pub event: Option<RowEvent>,
    /// Levels from the second on, the best first.
    pub deeper: Vec<Level>,
}

/// Writes snapshots of a recording.
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
        let utc = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        let mut further = vec![Field::new("event", names, true), Field::new(RowEvent::CLOSE_TIME, utc, true)];
        for level in 2..=levels {
            for side in ["bid", "ask"] {
                further.push(Field::new(format!("{side}_{level}"), DataType::Int32, true));
                further.push(Field::new(format!("{side}_{level}_size"), DataType::Int64, true));
            }
        }
        Ok(Self { inner: SnapshotWriter::create_with(file, further)?, levels })
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
            for side in [Side::Yes, Side::No] {
                let at = |row: &RecordedRow| row.deeper.get(level).and_then(|level| level.on(side));
                let price = |row: &RecordedRow| at(row).map(|(price, _)| i32::from(price.get()));
                let size = |row: &RecordedRow| at(row).map(|(_, contracts)| contracts.hundredths());
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

/// A trade of anybody's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TradeRow {
    /// Microseconds since 1970 at which it became known.
    pub at: i64,
    /// Its market.
    pub ticker: Arc<str>,
    /// The exchange's name of it.
    pub id: String,
    /// Price of YES.
    pub yes_price: Price,
    /// How many.
    pub contracts: Contracts,
    /// What the taker bought.
    pub taker: Side,
}

/// Writes a file of trades, in order of time.
pub struct TradeWriter {
    file: PathBuf,
    writer: parquet::arrow::ArrowWriter<std::fs::File>,
}

impl TradeWriter {
    /// Starts a file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn create(file: &Path) -> Result<Self, DataError> {
        let schema = Self::batch(&[]).map_err(|error| DataError::of_file(file, error))?.schema();
        Ok(Self { file: file.to_owned(), writer: open_writer(file, &schema)? })
    }

    fn batch(rows: &[TradeRow]) -> Result<RecordBatch, arrow_schema::ArrowError> {
        let times: TimestampMicrosecondArray = rows.iter().map(|row| Some(row.at)).collect();
        let side = |row: &TradeRow| Some(if row.taker == Side::Yes { "yes" } else { "no" });
        RecordBatch::try_from_iter([
            ("ts", Arc::new(times.with_timezone("UTC")) as ArrayRef),
            ("ticker", Arc::new(rows.iter().map(|row| Some(&*row.ticker)).collect::<Names>())),
            ("trade_id", Arc::new(rows.iter().map(|row| Some(&*row.id)).collect::<StringArray>())),
            (
                "yes_price",
                Arc::new(rows.iter().map(|row| Some(i32::from(row.yes_price.get()))).collect::<Int32Array>()),
            ),
            (
                "count",
                Arc::new(rows.iter().map(|row| Some(row.contracts.hundredths())).collect::<Int64Array>()),
            ),
            ("taker_side", Arc::new(rows.iter().map(side).collect::<Names>())),
        ])
    }

    /// Appends rows as a row group of their own.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn write_block(&mut self, rows: &[TradeRow]) -> Result<(), DataError> {
        let failed = |error: &dyn std::fmt::Display| DataError::of_file(&self.file, error);
        let batch = Self::batch(rows).map_err(|error| failed(&error))?;
        self.writer.write(&batch).map_err(|error| failed(&error))?;
        self.writer.flush().map_err(|error| failed(&error))
    }

    /// Finishes the file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(self) -> Result<(), DataError> {
        self.writer.close().map(drop).map_err(|error| DataError::of_file(&self.file, error))
    }
}
