//! Members of the exchange: their money, positions and orders, their keys, and how often they may ask.

pub mod auth;
pub mod limits;
pub mod member_account;
pub mod order_group;
pub mod token_meter;
