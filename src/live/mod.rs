//! A live desk in operation: what runs around the engine, and what other processes of its owner see of it
//! and tell it.

pub mod control_inbox;
pub mod entry_group;
pub mod health;
pub mod ledger_open;
pub mod lock;
pub mod moment;
pub mod notify;
pub mod operator;
pub mod paths;
pub mod reconciliation;
pub mod registry;
pub mod runner;
pub mod sandbox_discovery;
