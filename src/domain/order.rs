//! Orders: one limit order on one side of one market.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Contracts, MarketId, Price, Probability, SettlementValue};

/// The side of a contract. Prices in orders, fills and positions are prices of that side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// Pays $1 if the event happens.
    Yes,
    /// Pays $1 if it does not.
    No,
}

impl Side {
    /// A YES price seen from this side.
    #[must_use]
    pub fn price_from_yes(self, yes: Price) -> Price {
        match self {
            Self::Yes => yes,
            Self::No => yes.complement(),
        }
    }

    /// What a contract of this side pays at settlement, from what YES pays.
    #[must_use]
    pub const fn payout_from_yes(self, yes: SettlementValue) -> SettlementValue {
        match self {
            Self::Yes => yes,
            Self::No => yes.complement(),
        }
    }

    /// The probability that this side wins, from that of YES.
    #[must_use]
    pub fn probability_from_yes(self, yes: Probability) -> Probability {
        match self {
            Self::Yes => yes,
            Self::No => yes.complement(),
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Yes => "yes",
            Self::No => "no",
        })
    }
}

/// What an order does to the position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Buys contracts of the order's side: opens a position or adds to it.
    Buy,
    /// Sells held contracts of the order's side: reduces the position or closes it.
    Sell,
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Buy => "buy",
            Self::Sell => "sell",
        })
    }
}

/// How long an order stays in the book, and whether it may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeInForce {
    /// Immediate or cancel: takes what is there, the rest is cancelled.
    Ioc,
    /// Good till cancelled: the rest stays in the book.
    Gtc,
    /// Good till cancelled and never takes: rejected if it would trade at once.
    PostOnly,
}

/// Number of an order within its run; on the wire `{run}-{n}`, the same on every resend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OrderId(pub u64);

/// A strategy of the scenario, in the order it is written there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StrategyId(pub u8);

impl StrategyId {
    /// The position in a vector indexed by strategies.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// A limit order for one side of one market, as the desk sends it to the exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Number of the order, unique within the run and the same on every resend.
    pub id: OrderId,
    /// Number of the market whose book the order goes to.
    pub market: MarketId,
    /// The side whose contracts are bought or sold.
    pub side: Side,
    /// Whether contracts of that side are bought to open or sold to close.
    pub action: Action,
    /// Contracts ordered in total, in hundredths of a contract; fills do not reduce it.
    pub contracts: Contracts,
    /// Worst acceptable price of that side: the highest for a buy, the lowest for a sell.
    pub limit: Price,
    /// What becomes of the part that does not trade at once.
    pub time_in_force: TimeInForce,
}
