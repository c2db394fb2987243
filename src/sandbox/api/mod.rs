//! The exchange on a socket: REST, WebSocket, and the JSON of both.

pub mod app;
pub mod history;
pub mod markets;
pub mod portfolio;
pub mod request;
pub mod rest;
pub mod serve;
pub mod socket;
pub mod stream;
pub mod subscriptions;
pub mod writes;
