//! `TradeLogger` and what goes with it: the ledger in SQLite, the digest of a run, and its repetition.
//!
//! Every [`Record`](crate::desk::decision::Record) has one canonical line. The digest is the BLAKE3 hash of
//! all lines in order, the ledger keeps the lines beside its tables, and a replay compares line by line.

pub mod encode;
#[cfg(feature = "sqlite")]
pub mod input;
#[cfg(feature = "sqlite")]
pub mod reader;
#[cfg(feature = "sqlite")]
pub mod replay;
#[cfg(feature = "sqlite")]
pub mod sqlite;

#[cfg(feature = "sqlite")]
pub use sqlite::TradeLogger;
