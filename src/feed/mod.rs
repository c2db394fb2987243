//! Sources of inputs: recorded data, a live exchange, synthetic markets.

#[cfg(feature = "historical")]
pub mod historical;
pub mod live;
pub mod synthetic;

#[cfg(feature = "historical")]
pub use historical::HistoricalFeed;
pub use live::LiveFeed;
