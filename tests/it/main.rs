//! The program from outside: data in, exit code and text out.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod bad_input;
#[cfg(feature = "cloud")]
mod cloud;
mod depth;
mod determinism;
mod exchange_day;
mod exchange_month;
mod generated;
mod golden;
mod import;
mod ledgers;
mod live;
mod look_ahead;
mod merge;
mod mutants;
mod odd;
mod odd_pull;
mod odd_soak;
mod operating;
mod parity;
mod published;
mod pull;
mod recorded;
mod replay;
mod report;
mod safety;
mod sandbox_here;
mod settlement;
mod support;
mod sweep;
mod tap;
mod ticks;
mod wall;
mod weather;
