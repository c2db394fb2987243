//! The exchange: its REST and WebSocket API as of October 2026, and nothing that decides.
//!
//! What it says is decoded to the integers of [`crate::domain`] at this border, exactly, and anything
//! that is missing, renamed or of another type is an error that names its place. Such an error concerns what it is
//! about: a market is set aside ([`set_aside`]), and only what concerns the account halts the desk.
//!
//! An order: [`order_tracker`], [`order_tasks`], [`order_requests`], `rest/orders.rs`. The stream: [`stream::state`], [`book`].
//! Markets: [`market_reader`] (REST), [`market_tracker`]. All together: [`session`].

pub mod auth;
pub mod book;
pub mod clock;
pub mod environment;
pub mod fill_report;
pub mod fuzz;
pub mod hours;
pub mod limits;
pub mod link;
pub mod market_reader;
pub mod market_reports;
pub mod market_tracker;
pub mod number;
pub mod order_requests;
pub mod order_tasks;
pub mod order_tracker;
pub mod rest;
pub mod schema;
pub mod scope_filter;
pub mod session;
pub mod set_aside;
pub mod stream;
pub mod venue;
pub mod wire;
pub mod ws_messages;
