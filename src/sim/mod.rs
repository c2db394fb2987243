//! The simulated exchange and its models.

pub mod exchange;
mod ladder;
pub mod models;

pub use exchange::SimExchange;
pub use models::{FillModel, LatencyModel, SimSettings};

#[cfg(test)]
mod ladder_tests;
#[cfg(test)]
mod tests;
