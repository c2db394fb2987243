//! What trades alone say about the best bid and ask.
//!
//! A print by a YES taker shows the ask, a print by a NO taker the bid, each at its moment. The rule:
//!
//! - ask = price of the last print by a YES taker, bid = YES price of the last print by a NO taker;
//! - of prints by one side at one moment, which are one order walking the book in an order that is not known,
//!   the worst for the taker counts: the level that was left;
//! - if bid and ask then meet or cross, the older of the two is gone and is unknown; two of one moment that
//!   cross are both unknown;
//! - a side whose print is older than the time it is trusted for is unknown.
//!
//! Sizes are unknown: what was traded is not what was left. Volume is the sum of all prints so far.

use crate::domain::{Contracts, Price, Quote};

/// The prints of a market at one moment.
#[derive(Clone, Copy, Debug, Default)]
pub struct Prints {
    /// Highest YES price that YES takers paid.
    pub ask: Option<Price>,
    /// Lowest YES price that NO takers paid.
    pub bid: Option<Price>,
    /// Contracts traded by either side at that moment, in hundredths.
    pub count: i64,
}

impl Prints {
    /// Adds a print at a YES price.
    pub fn add_print(&mut self, taker_is_yes: bool, price: Price, count: i64) {
        if taker_is_yes {
            self.ask = Some(self.ask.map_or(price, |known| known.max(price)));
        } else {
            self.bid = Some(self.bid.map_or(price, |known| known.min(price)));
        }
        self.count = self.count.saturating_add(count);
    }
}

/// What the prints of a market have shown so far. Times in microseconds since 1970.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tape {
    bid: Option<(Price, i64)>,
    ask: Option<(Price, i64)>,
    /// Contracts traded since the market opened, as far as known, in hundredths.
    pub volume: i64,
}

impl Tape {
    /// The quote after the prints of a moment; a side is trusted for `trusted` microseconds.
    pub fn quote_after_prints(&mut self, at: i64, prints: &Prints, trusted: i64) -> Quote {
        self.volume = self.volume.saturating_add(prints.count);
        let stamped = |price: Option<Price>| price.map(|price| (price, at));
        let fresh = |side: &(Price, i64)| at.saturating_sub(side.1) <= trusted;
        self.ask = stamped(prints.ask).or(self.ask).filter(fresh);
        self.bid = stamped(prints.bid).or(self.bid).filter(fresh);
        if let (Some((bid, bid_at)), Some((ask, ask_at))) = (self.bid, self.ask)
            && bid >= ask
        {
            if bid_at <= ask_at {
                self.bid = None;
            }
            if ask_at <= bid_at {
                self.ask = None;
            }
        }
        // At one moment on both sides: which of the two was last is not known.
        let last = match (prints.ask, prints.bid) {
            (Some(ask), Some(bid)) => Some(ask).filter(|_| ask == bid),
            (ask, bid) => ask.or(bid),
        };
        Quote {
            bid: self.bid.map(|side| side.0),
            ask: self.ask.map(|side| side.0),
            last,
            volume: Some(Contracts::from_hundredths(self.volume)),
            ..Quote::default()
        }
    }
}
