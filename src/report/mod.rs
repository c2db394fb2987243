//! What a run says about itself. Floats are allowed here: nothing in this layer feeds a decision.

pub mod calibration;
pub mod charts;
pub mod export;
pub mod findings;
pub mod forecasts;
mod format;
pub mod html;
pub mod page;
pub mod stats;
pub mod summary;
pub mod tally;

pub use summary::Summary;
pub use tally::RunTally;
