//! The seams between the desk and the world: where inputs come from, where commands go.

use std::fmt;

use crate::domain::{Contracts, MarketId, Price, Side, Timestamp};
use crate::event::{Command, Input, Stamped};

/// What a source of inputs has next.
#[derive(Debug)]
pub enum Next<T> {
    /// This.
    Item(T),
    /// Nothing up to the moment asked for.
    Due,
    /// Nothing for now, and the moment asked for is not there yet: time to tidy up.
    Quiet,
    /// Nothing ever again.
    End,
}

/// Why a feed or a venue cannot go on: a message that names file, row or ticker and says what to do.
#[derive(Debug)]
pub struct GatewayError {
    /// Which kind of exit this is.
    pub kind: GatewayErrorKind,
    /// What happened.
    pub message: String,
}

/// What went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GatewayErrorKind {
    /// Data that cannot be used.
    Data,
    /// The exchange or the way to it.
    Venue,
}

impl GatewayError {
    /// The exchange, or the way to it.
    pub fn venue(message: impl Into<String>) -> Self {
        Self { kind: GatewayErrorKind::Venue, message: message.into() }
    }

    /// Unusable data.
    pub fn data(message: impl Into<String>) -> Self {
        Self { kind: GatewayErrorKind::Data, message: message.into() }
    }
}

impl fmt::Display for GatewayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for GatewayError {}

/// A source of inputs, in order of time.
pub trait Feed {
    /// The next input at or before `until`; without `until`, the next there is.
    ///
    /// # Errors
    /// When the source is broken or what it holds cannot be used.
    fn next(&mut self, until: Option<Timestamp>) -> Result<Next<Stamped<Input>>, GatewayError>;
}

/// What the network tells a live feed.
#[derive(Debug)]
pub enum News {
    /// Something happened. With the exchange's clock it has a stamp.
    Input {
        /// The exchange's stamp.
        at: Option<Timestamp>,
        /// What.
        input: Input,
    },
    /// Something will happen at a known time.
    Later(Stamped<Input>),
    /// What a recorder keeps and a desk has no use for; told only to who asked for it.
    Aside(Aside),
    /// The exchange's clock: everything up to here has been told.
    Clock {
        /// Now, there.
        now: Timestamp,
        /// Nothing can happen any more.
        end: bool,
    },
    /// The session is over.
    End,
    /// The session cannot go on.
    Failed(GatewayError),
}

/// More of what the exchange says than a desk needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Aside {
    /// More of the book whose quote comes next.
    Book {
        /// Contracts held by either side.
        open_interest: Option<Contracts>,
        /// Levels from the second on, the best first.
        deeper: Vec<Level>,
    },
    /// A trade of anybody's.
    Trade {
        /// Its market.
        market: MarketId,
        /// The exchange's name of it.
        id: String,
        /// Price of YES.
        yes_price: Price,
        /// How many.
        contracts: Contracts,
        /// What the taker bought.
        taker: Side,
    },
}

/// One level of a book, at YES prices.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Level {
    /// Price and contracts wanted.
    pub bid: Option<(Price, Contracts)>,
    /// Price and contracts on offer.
    pub ask: Option<(Price, Contracts)>,
}

impl Level {
    /// The bids for YES, or those for NO, which are the asks.
    #[must_use]
    pub const fn on(&self, side: Side) -> Option<(Price, Contracts)> {
        match side {
            Side::Yes => self.bid,
            Side::No => self.ask,
        }
    }
}

/// An exchange that takes commands and answers with inputs.
pub trait Venue {
    /// Takes a command sent at `at`.
    ///
    /// # Errors
    /// When the exchange cannot be reached at all.
    fn submit(&mut self, at: Timestamp, command: &Command) -> Result<(), GatewayError>;

    /// Sees what the market does; a simulated exchange needs to.
    fn observe(&mut self, _seen: &Stamped<Input>) {}

    /// When it will answer next by itself.
    fn due(&self) -> Option<Timestamp> {
        None
    }

    /// Its next answer, if one is due.
    fn take(&mut self) -> Option<Stamped<Input>> {
        None
    }
}

/// A feed and a venue as one source of inputs, in order of time; at the same moment the venue first.
#[derive(Debug)]
pub struct Session<F, V> {
    /// Where the market comes from.
    pub feed: F,
    /// Where orders go.
    pub venue: V,
}

impl<F: Feed, V: Venue> Session<F, V> {
    /// The next input at or before `until`.
    ///
    /// # Errors
    /// What the feed reports.
    #[inline]
    pub fn next(&mut self, until: Option<Timestamp>) -> Result<Next<Stamped<Input>>, GatewayError> {
        loop {
            let answer = self.venue.due().filter(|&due| until.is_none_or(|until| due <= until));
            let before_answer = answer.map(Timestamp::just_before).or(until);
            let next = self.feed.next(before_answer)?;
            match (next, answer) {
                (Next::Item(input), _) => return Ok(Next::Item(input)),
                // When the feed has ended nothing else can happen, so what is still on its way arrives.
                (Next::End, _) if self.venue.due().is_some() => {}
                (Next::Due, Some(_)) => {}
                (next, _) => return Ok(next),
            }
            if let Some(input) = self.venue.take() {
                return Ok(Next::Item(input));
            }
        }
    }
}
