//! Writing a data set: snapshots, markets, trades, and any other table of plain columns.

pub mod recorded;
pub mod table;
pub mod trades;
pub mod writer;
