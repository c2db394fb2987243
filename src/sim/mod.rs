//! The simulated exchange and its models.

pub mod exchange;
pub mod models;

pub use exchange::SimExchange;
pub use models::{FillModel, LatencyModel, SimSettings};

#[cfg(test)]
mod tests;
