//! Reading a data set: `markets.parquet` whole, snapshots row group by row group, merged by time.

pub mod catalogue;
mod column_values;
pub mod decode;
mod levels;
pub(crate) mod market_row_error;
pub(crate) mod parquet_file;
pub mod row_event;
mod row_group_bytes;
pub mod selection;
pub mod snapshots;
pub(crate) mod ticker_spans;
