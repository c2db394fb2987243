//! Writes the trades of a data set: `trades/*.parquet`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::builder::{
    Int32Builder, Int64Builder, StringBuilder, StringDictionaryBuilder, TimestampMicrosecondBuilder,
};
use arrow_array::types::Int32Type;
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use parquet::arrow::ArrowWriter;

use crate::domain::{Contracts, Price, Side};

use super::writer::{open_writer, utc_timestamp_type};
use crate::dataset::DataError;

/// A trade between any two members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TradeRow<'a> {
    /// Microseconds since 1970 at which it became known.
    pub at: i64,
    /// Ticker of the market in which it was traded.
    pub ticker: &'a str,
    /// The exchange's id of the trade: the column `trade_id`.
    pub id: &'a str,
    /// Price of one YES contract; the NO side paid the rest of the dollar.
    pub yes_price: Price,
    /// Number of contracts traded, in hundredths; written as the column `count`.
    pub contracts: Contracts,
    /// Side that the taker bought: the column `taker_side`.
    pub taker: Side,
}

/// Writes one Parquet file of trades; each block of rows becomes a row group.
pub struct TradeWriter {
    file: PathBuf,
    writer: ArrowWriter<std::fs::File>,
    schema: SchemaRef,
}

impl TradeWriter {
    /// Starts a file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn create(file: &Path) -> Result<Self, DataError> {
        let names = || DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
        let schema: SchemaRef = Arc::new(Schema::new(vec![
            Field::new("ts", utc_timestamp_type(), false),
            Field::new("ticker", names(), false),
            Field::new("trade_id", DataType::Utf8, false),
            Field::new("yes_price", DataType::Int32, false),
            Field::new("count", DataType::Int64, false),
            Field::new("taker_side", names(), false),
        ]));
        let writer = open_writer(file, &schema)?;
        Ok(Self { file: file.to_owned(), writer, schema })
    }

    /// Appends rows as a row group of their own.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn write_block<'a>(&mut self, rows: impl Iterator<Item = TradeRow<'a>>) -> Result<(), DataError> {
        let mut times = TimestampMicrosecondBuilder::new().with_timezone("UTC");
        let (mut tickers, mut sides) =
            (StringDictionaryBuilder::<Int32Type>::new(), StringDictionaryBuilder::<Int32Type>::new());
        let (mut ids, mut prices, mut counts) =
            (StringBuilder::new(), Int32Builder::new(), Int64Builder::new());
        for row in rows {
            times.append_value(row.at);
            tickers.append_value(row.ticker);
            ids.append_value(row.id);
            prices.append_value(row.yes_price.get().into());
            counts.append_value(row.contracts.hundredths());
            sides.append_value(if row.taker == Side::Yes { "yes" } else { "no" });
        }
        let columns: Vec<ArrayRef> = vec![
            Arc::new(times.finish()),
            Arc::new(tickers.finish()),
            Arc::new(ids.finish()),
            Arc::new(prices.finish()),
            Arc::new(counts.finish()),
            Arc::new(sides.finish()),
        ];
        let failed = |error: &dyn std::fmt::Display| DataError::of_file(&self.file, error);
        let batch =
            RecordBatch::try_new(Arc::clone(&self.schema), columns).map_err(|error| failed(&error))?;
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
