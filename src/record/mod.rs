//! Recording: what the exchange says, as a data set that a backtest reads.
//!
//! ```text
//!   exchange ─▶ session ─▶ Recorder ─▶ spool (append-only, checksummed, on disk every second)
//!   a live session, inside ─▶ │
//!   ledger of a live run ─▶    │          └─ full, old, or found at the start ─▶ part: Parquet, renamed when whole
//!                              └─ .recording/state.json: what is known of the markets after the last part
//! ```
//!
//! What is in the spool is safe; what is cut off there, by a crash or a full disk, is told and left out. A part is
//! made from a spool alone and always has the same names, so one that was interrupted is simply made again.
//!
//! A part is one file for some neighbouring series each, sorted by time, with the tickers in the statistics of its
//! row groups: a run of one series reads its own files and the footers of the others.

pub mod from_run;
pub mod in_session;
pub mod part;
pub mod recorder;
pub mod session;
pub mod spool;
pub mod spool_record;
pub mod state;
#[cfg(test)]
mod tests;

pub use recorder::{RecordSettings, Recorder, Totals};
