//! The values of the trade: prices, contracts, money, probabilities, times, markets, orders, fees, facts.
//!
//! Everything here is an integer with its unit in its type. Nothing here does I/O, reads a clock or
//! computes in floating point; `Probability::from_f64` and `Fraction::from_f64` are the doors through
//! which a model's or a configuration's float enters, rounded once.
//!
//! | quantity | type | unit |
//! |---|---|---|
//! | price | [`Price`] | 1/10 000 dollar |
//! | settlement value | [`SettlementValue`] | 1/1 000 000 dollar |
//! | contracts | [`Contracts`] | 1/100 contract |
//! | money | [`Money`] | 1/1 000 000 dollar, so price × contracts is exact |
//! | cost per contract for sizing | [`UnitCost`] | 1e-10 dollar |
//! | probability, fraction | [`Probability`], [`Fraction`] | parts per million |
//! | time, span | [`Timestamp`], [`Span`] | nanoseconds UTC |
//! | strikes, macro figures | [`Decimal6`] | millionths |
#![deny(clippy::float_arithmetic)]

pub mod contracts;
pub mod decimal;
pub mod depth;
pub mod fact;
pub mod fee;
pub mod market;
pub mod money;
pub mod order;
pub mod price;
pub mod probability;
pub mod quote;
pub mod settlement;
pub mod time;

pub use contracts::Contracts;
pub use decimal::Decimal6;
pub use depth::{Depth, Level};
pub use fact::Fact;
pub use fee::{FeeRounding, FeeSchedule, FeeType, UnitCost};
pub use market::{EventId, Market, MarketId, MarketStatus, SeriesId, Strike};
pub use money::Money;
pub use order::{Action, Order, OrderId, Side, StrategyId, TimeInForce};
pub use price::{Price, PriceGrid};
pub use probability::{Fraction, Probability};
pub use quote::Quote;
pub use settlement::SettlementValue;
pub use time::{Span, Timestamp};
