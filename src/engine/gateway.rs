//! The seams between the desk and the world: where inputs come from, where commands go.

use std::fmt;
use std::sync::Arc;

use crate::domain::{Contracts, Depth, MarketId, Price, Quote, Side, Timestamp};
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
pub enum SessionEvent {
    /// Something happened. With the exchange's clock it has a stamp.
    Input {
        /// The exchange's stamp.
        at: Option<Timestamp>,
        /// What.
        input: Input,
    },
    /// Something will happen at a known time.
    Later(Stamped<Input>),
    /// The best prices of a market changed, told with what else its book says to who asked for that.
    Book {
        /// The exchange's stamp.
        at: Option<Timestamp>,
        /// The market.
        market: MarketId,
        /// Its best prices.
        quote: Quote,
        /// More of its book.
        beside: BookExtras,
    },
    /// A trade of anybody's; told to who asked for it.
    Trade {
        /// The exchange's stamp.
        at: Option<Timestamp>,
        /// What was traded.
        trade: PublicTrade,
    },
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

/// What a recorder keeps and a desk has no use for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecorderEvent {
    /// More of the book whose quote comes next.
    Book(BookExtras),
    /// A trade of anybody's.
    Trade(PublicTrade),
}

/// What a market's book says beside its quote.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BookExtras {
    /// Contracts held by either side.
    pub open_interest: Option<Contracts>,
    /// Levels from the second on, as far as they are followed.
    pub deeper: Arc<Depth>,
}

/// A trade between any two members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicTrade {
    /// Its market.
    pub market: MarketId,
    /// The exchange's name of it.
    pub id: String,
    /// Price of YES.
    pub yes_price: Price,
    /// How many.
    pub contracts: Contracts,
    /// What the taker bought.
    pub taker: Side,
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
pub struct EventSource<F, V> {
    /// Where the market comes from.
    pub feed: F,
    /// Where orders go.
    pub venue: V,
}

impl<F: Feed, V: Venue> EventSource<F, V> {
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
