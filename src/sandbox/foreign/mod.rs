//! Markets of other people: the exchange's stream carries every market there is, and here are some that the data
//! does not have.

pub mod foreign_market;
pub mod foreign_requests;
pub mod foreign_stream;
