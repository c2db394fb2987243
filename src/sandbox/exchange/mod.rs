//! The exchange without sockets and clock: markets moved by a data feed, orders, groups of orders, and what matching
//! makes of accounts.

pub mod account_objects;
pub mod amend;
pub mod booking;
pub mod candles;
pub mod control;
pub mod groups;
pub mod interventions;
pub mod market_objects;
pub mod orders;
pub mod sandbox_exchange;
pub mod state;
