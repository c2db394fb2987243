//! A Kalshi-compatible exchange on 127.0.0.1: `sim` behind the REST and WebSocket of the exchange.
//!
//! [`SandboxExchange`] is the whole exchange without sockets and clock: a data feed moves its market,
//! orders meet [`crate::sim::SimExchange`], accounts keep the money. [`serve_exchange`] puts it on a socket. Numbers
//! and signatures are written a second time here on purpose: what our client gets wrong must not be
//! confirmed by its own code.
//!
//! Where this exchange differs from the real one:
//!
//! - As many levels a side as the data has. Orders of its users are not shown in the book, nor does
//!   what they take shorten it, since in a backtest a market does not react to us either.
//! - A displayed size the data does not know is our share of what traded (what an order would get), or
//!   `1.00` where nothing traded: a level of `0.00` would be no level. What fills, `SimExchange` decides.
//! - A user's own orders never meet on placing, as `self_trade_prevention_type` says; an amend does not look.
//! - Users do not trade with each other; `/markets/trades` lists only trades of users.
//! - A market is finalized in the moment it is determined, without a dispute window, and pays exactly; unless
//!   `POST /sandbox/control` has asked for a dispute, after which the other result holds.
//! - Nothing is history (`/historical/…`) unless a live window is set, and then it moves with every moment.
//! - Candles are made of quotes: a trade is a rise of the volume, and a period without a quote has no candle.
//! - A change of a series' fees reaches sockets as `event_fee_update` of each of its events.
//! - `odd` and `foreign` of the faults send what the exchange's schemas allow and its data never showed: see
//!   [`odd`] and [`foreign`]. Accounts are paid what the data says, whatever an odd market tells.
//! - Extensions: `mid_dollars` where only a midpoint was recorded and `quotes_assumed` where bid and ask are
//!   assumed around it (market object and ticker), `sandbox_advance` on sockets, and `/sandbox/*`.

pub mod accounts;
pub mod api;
pub mod exchange;
pub mod faults;
pub mod foreign;
mod key_order;
pub mod odd;
mod query;
mod refused;
mod seeded_hash;
mod wire;

pub use accounts::auth::Keys;
pub use accounts::limits::Tier;
pub use accounts::token_meter::{TokenMeter, TokenTotals};
pub use api::app::Speed;
pub use api::serve::{ServeSettings, serve_exchange};
pub use exchange::sandbox_exchange::{SandboxExchange, SandboxSettings};
pub use faults::Faults;
pub use foreign::foreign_requests::ForeignRequests;
pub use odd::market_oddity::{MarketOddity, OddityHarm};
pub use odd::odd_markets::{OddMarket, OddMarkets};
pub use refused::ApiRefusal;

#[cfg(test)]
mod client_tests;
#[cfg(test)]
mod core_tests;

#[cfg(test)]
mod http_tests;
#[cfg(test)]
mod odd_tests;
