//! Sources of inputs, and the data sets they read and write.

#[cfg(feature = "historical")]
pub mod address;
#[cfg(feature = "historical")]
pub mod catalogue;
#[cfg(feature = "historical")]
pub mod dataset;
#[cfg(feature = "historical")]
pub mod decode;
#[cfg(feature = "historical")]
pub mod durable;
#[cfg(feature = "historical")]
pub mod facts;
#[cfg(feature = "historical")]
pub mod historical;
#[cfg(feature = "historical")]
pub mod import;
#[cfg(feature = "historical")]
pub mod inspect;
#[cfg(feature = "historical")]
mod levels;
pub mod live;
#[cfg(feature = "historical")]
pub mod lock;
#[cfg(feature = "cloud")]
pub mod mirror;
#[cfg(all(feature = "historical", not(feature = "cloud")))]
#[path = "no_mirror.rs"]
pub mod mirror;
#[cfg(feature = "historical")]
pub(crate) mod parallel;
#[cfg(feature = "historical")]
mod parquet_file;
#[cfg(feature = "historical")]
pub mod problem;
#[cfg(feature = "historical")]
pub mod recorded;
#[cfg(feature = "historical")]
pub mod snapshots;
#[cfg(feature = "historical")]
pub(crate) mod sorter;
#[cfg(feature = "historical")]
pub mod soundness;
#[cfg(feature = "historical")]
mod stored;
#[cfg(feature = "historical")]
pub mod survey;
pub mod synthetic;
#[cfg(feature = "historical")]
pub mod table;
#[cfg(feature = "historical")]
pub mod trades;
#[cfg(feature = "historical")]
pub mod writer;

#[cfg(feature = "historical")]
pub use historical::HistoricalFeed;
pub use live::LiveFeed;
#[cfg(feature = "historical")]
pub use problem::{DataError, Problem};
