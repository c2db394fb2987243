//! The best prices of a market at one moment.

use serde::{Deserialize, Serialize};

use super::{Contracts, Price, Probability, Side};

/// Top of the YES book with what came with it. `None` = that side is empty or unknown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quote {
    /// Highest price at which a resting order buys YES; `None` if there is no bid or it is unknown.
    pub bid: Option<Price>,
    /// Lowest price at which a resting order sells YES, $1 minus the best NO bid; `None` if none or unknown.
    pub ask: Option<Price>,
    /// The midpoint of a two-sided quote of which nothing else was recorded.
    pub recorded_mid: Option<Price>,
    /// YES price of the last trade; `None` before the first trade, or if unknown.
    pub last: Option<Price>,
    /// Whether bid and ask are an assumption around a midpoint, not displayed prices.
    pub assumed: bool,
    /// Contracts wanted at the best bid; `None` if there is no bid or its size is unknown.
    pub bid_size: Option<Contracts>,
    /// Contracts on offer at the best ask; `None` if there is no ask or its size is unknown.
    pub ask_size: Option<Contracts>,
    /// Contracts traded since the market opened, cumulative; `None` if unknown.
    pub volume: Option<Contracts>,
}

impl Quote {
    /// What one contract of `side` costs to buy now: the ask of that side.
    #[must_use]
    pub fn ask_of(&self, side: Side) -> Option<Price> {
        match side {
            Side::Yes => self.ask,
            Side::No => self.bid.map(Price::complement),
        }
    }

    /// What one contract of `side` fetches now: the bid of that side.
    #[must_use]
    pub fn bid_of(&self, side: Side) -> Option<Price> {
        match side {
            Side::Yes => self.bid,
            Side::No => self.ask.map(Price::complement),
        }
    }

    /// Contracts on offer to a buyer of `side`.
    #[must_use]
    pub fn ask_size_of(&self, side: Side) -> Option<Contracts> {
        match side {
            Side::Yes => self.ask_size,
            Side::No => self.bid_size,
        }
    }

    /// Contracts wanted from a seller of `side`.
    #[must_use]
    pub fn bid_size_of(&self, side: Side) -> Option<Contracts> {
        match side {
            Side::Yes => self.bid_size,
            Side::No => self.ask_size,
        }
    }

    /// Bid plus ask in ten-thousandths, twice the midpoint; `None` unless both sides, or the midpoint
    /// itself, are known.
    #[must_use]
    pub fn twice_mid(&self) -> Option<u16> {
        match (self.recorded_mid, self.bid, self.ask) {
            (Some(mid), _, _) => Some(2 * mid.get()),
            (None, Some(bid), Some(ask)) => Some(bid.get() + ask.get()),
            _ => None,
        }
    }

    /// The midpoint as a probability, exact; `None` where [`twice_mid`](Self::twice_mid) is.
    #[must_use]
    pub fn mid(&self) -> Option<Probability> {
        Probability::from_ppm(u32::from(self.twice_mid()?) * 50)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_no_side_is_the_mirror() {
        let quote = Quote {
            bid: Price::new(4_400),
            ask: Price::new(4_600),
            bid_size: Some(Contracts::whole(7)),
            ask_size: Some(Contracts::whole(3)),
            ..Quote::default()
        };
        assert_eq!(quote.ask_of(Side::No), Price::new(5_600)); // 1 − 0.44
        assert_eq!(quote.bid_of(Side::No), Price::new(5_400)); // 1 − 0.46
        assert_eq!(quote.ask_size_of(Side::No), Some(Contracts::whole(7)));
        assert_eq!(quote.bid_size_of(Side::No), Some(Contracts::whole(3)));
        assert_eq!(quote.mid(), Probability::from_ppm(450_000));
        let no_ask = Quote { ask: None, ..quote };
        assert_eq!(no_ask.mid(), None);
        // A recorded midpoint stands even where the assumed spread leaves no valid ask.
        assert_eq!(Quote { recorded_mid: Price::new(9_850), ..no_ask }.mid(), Probability::from_ppm(985_000));
    }
}
