//! protogen: finds mispriced contracts on the Kalshi prediction market, sizes them, trades them, and
//! says honestly whether the edge is real.
//!
//! ```text
//!   feed ──inputs──▶ ┌────────────────── desk (pure) ──────────────────┐ ──commands──▶ venue
//!   (history, live,  │ book → scanner → strategy → opportunity → risk  │   (simulated or
//!    synthetic)      │        → execution → positions → ledger         │    real exchange)
//!                    └──────────────────────┬──────────────────────────┘ ◀──answers──
//!                                           └──decisions──▶ journal → report
//! ```
//!
//! | where is …? | there |
//! |---|---|
//! | the loop of a run | [`engine::Engine::run`] |
//! | the life of an order, in one place | [`desk::Desk::step`] |
//! | `Scanner` | [`desk::scanner`] |
//! | `Strategy`, and the strategies | [`desk::strategy`], [`strategies`] |
//! | `RiskManager`: Kelly, caps, drawdown, kill switch | [`desk::risk`] |
//! | `ExecutionEngine` | [`desk::execution`] |
//! | `PositionTracker` and exits | [`desk::positions`] |
//! | the money | [`desk::cash_ledger`] |
//! | fees | [`domain::fee`] |
//! | simulated fills and latency | [`sim`] |
//! | the exchange, and a stand-in for it | [`kalshi`], [`sandbox`] |
//! | an order on its way, and a lost one | [`kalshi::order_tracker`], [`kalshi::order_requests`] |
//! | a gap in the stream | [`kalshi::stream::state`] |
//! | a kind of fact | [`domain::fact`], [`dataset::facts`] |
//! | what it said, as a data set | [`record`] |
//! | data sets: read, write, import, check | [`dataset`] |
//! | what a recorded run says: statistics, charts, page | [`report`] |
//! | data from the exchange | [`pull`] |
//! | many settings over one data set | [`sweep`] |
//! | steering and watching a live desk | [`live`] |
//!
//! Invariants, as what is absent: no I/O, clock, randomness, environment, logging or async in `domain`,
//! `event`, `desk` and `strategies`; no float in `domain` and `desk` but the rounding door; no strategy
//! that can open a file; no order without an `Approved`; no `if live`. An arrow may only go to a lower
//! layer: domain ← event ← desk ← {strategies, engine} ← {sim, feed, journal} ← report ← cli.

#[cfg(feature = "cli")]
pub mod cli;
#[cfg(feature = "historical")]
pub mod dataset;
pub mod desk;
pub mod domain;
pub mod engine;
pub mod event;
pub mod feed;
#[cfg(feature = "sqlite")]
pub mod journal;
#[cfg(feature = "live")]
pub mod kalshi;
#[cfg(feature = "cli")]
pub mod live;
#[cfg(feature = "cli")]
pub mod pull;
#[cfg(feature = "cli")]
pub mod record;
#[cfg(feature = "report")]
pub mod report;
#[cfg(feature = "live")]
pub mod sandbox;
#[cfg(feature = "cli")]
pub mod scenario;
pub mod sim;
pub mod strategies;
#[cfg(feature = "cli")]
pub mod sweep;
#[cfg(feature = "cli")]
pub mod telemetry;
