//! The exchange: its REST and WebSocket API as of October 2026, and nothing that decides.

pub mod orders;
