//! Markets that are as the exchange's schemas allow and as our client never saw them: which ones, and how.

pub mod market_edits;
pub mod market_oddity;
pub mod odd_markets;
