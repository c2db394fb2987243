//! A live desk in operation: what runs around the engine, and what other processes of its owner see of it
//! and tell it.

pub mod entry_group;
pub mod health;
pub mod inbox;
pub mod lock;
pub mod notify;
pub mod opening;
pub mod owner;
pub mod place;
pub mod recover;
pub mod registry;
pub mod rendezvous;
pub mod shell;
