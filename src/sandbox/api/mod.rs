//! The exchange on a socket: REST, WebSocket, and the JSON of both.

pub mod app;
pub mod foreign_answers;
pub mod history;
pub mod markets;
pub mod odd_answers;
pub mod odd_messages;
pub mod portfolio;
pub mod request;
pub mod rest;
pub mod serve;
pub mod socket;
pub mod stream;
pub mod subscriptions;
pub mod writes;
