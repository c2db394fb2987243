//! Data sets: Parquet files of markets and snapshots, facts and fee changes, read, written, imported and checked.
//!
//! | folder | what |
//! |---|---|
//! | [`read`] | markets and snapshots, row groups chosen by their statistics, decoded ahead on threads |
//! | [`mod@write`] | snapshots, markets, trades and other tables as Parquet |
//! | [`import`] | other people's files: trades, candles, a public dump |
//! | [`remote`] | data sets on a server, by byte range |
//! | [`check`] | everything that is wrong with a data set, and what is in it |
//! | [`io`] | durable writes, the lock of a folder, sorting beyond memory, threads |
//!
//! Nothing here knows of a desk or an exchange; [`crate::feed`] makes inputs of what is read.

pub mod check;
pub mod data_set;
pub mod facts;
pub mod import;
pub mod io;
pub mod problem;
pub mod read;
pub mod remote;
pub mod write;

pub use problem::{DataError, Problem};
