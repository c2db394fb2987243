//! A live desk in operation: what runs around the engine, and what other processes of its owner see of it
//! and tell it.

pub mod opening;
pub mod recover;
pub mod shell;
