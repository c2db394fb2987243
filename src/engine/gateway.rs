//! The seams between the desk and the world: where inputs come from, where commands go.

use std::fmt;
use std::sync::Arc;

use crate::domain::{Contracts, Depth, MarketId, Price, Quote, Side, Timestamp};
use crate::event::{Command, Input, Stamped};

/// What a source of inputs has next.
#[derive(Debug)]
pub enum Next<T> {
    /// The next item, not later than the moment asked for.
    Item(T),
    /// Nothing up to the moment asked for.
    Due,
    /// Nothing for now, and the moment asked for is not there yet: time to tidy up.
    Quiet,
    /// The source is exhausted: nothing will follow, however long one waits.
    End,
}

/// Why a feed or a venue cannot go on: a message that names file, row or ticker and says what to do.
#[derive(Debug)]
pub struct GatewayError {
    /// Whether data or the exchange failed, which decides the exit code.
    pub kind: GatewayErrorKind,
    /// What happened and what to do about it, in words for people.
    pub message: String,
}

/// Whether data or the exchange failed; each has its own exit code of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GatewayErrorKind {
    /// A file, ledger or row that cannot be read or used: exit code 3.
    Data,
    /// The exchange, or the connection to it: exit code 4.
    Venue,
}

impl GatewayError {
    /// Makes an error of the exchange or the connection to it ([`GatewayErrorKind::Venue`]).
    pub fn venue_error(message: impl Into<String>) -> Self {
        Self { kind: GatewayErrorKind::Venue, message: message.into() }
    }

    /// Makes an error of data that cannot be used ([`GatewayErrorKind::Data`]).
    pub fn data_error(message: impl Into<String>) -> Self {
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
        /// Time by the exchange's clock; `None` where our clock stamps the arrival.
        at: Option<Timestamp>,
        /// The input for the desk: market data, an answer about an order, or a control.
        input: Input,
    },
    /// Something will happen at a known time.
    Later(Stamped<Input>),
    /// The best prices of a market changed, told with what else its book says to who asked for that.
    Book {
        /// Time by the exchange's clock; `None` where our clock stamps the arrival.
        at: Option<Timestamp>,
        /// Market whose best prices or deeper levels changed.
        market: MarketId,
        /// Best bid and ask with their sizes, last trade and volume.
        quote: Quote,
        /// Open interest and further levels, for a recorder and for a simulated exchange.
        beside: BookExtras,
    },
    /// A trade of anybody's; told to who asked for it.
    Trade {
        /// Time by the exchange's clock; `None` where our clock stamps the arrival.
        at: Option<Timestamp>,
        /// The trade: its market, price, contracts and the taker's side.
        trade: PublicTrade,
    },
    /// The exchange's clock: everything up to here has been told.
    Clock {
        /// Time at the exchange up to which everything has been told, in nanoseconds UTC.
        now: Timestamp,
        /// Whether the exchange's data have ended, so that only answers to earlier commands can follow.
        end: bool,
    },
    /// The session is over. What it told counts; what is only planned is dropped.
    End,
    /// The session broke off; the feed returns this error from its next call.
    Failed(GatewayError),
}

/// What a recorder keeps and a desk has no use for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecorderEvent {
    /// More of the book whose quote comes next.
    Book(BookExtras),
    /// A public trade in a watched market, whoever made it.
    Trade(PublicTrade),
}

/// What a market's book says beside its quote.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BookExtras {
    /// Contracts outstanding, each held as YES by one member and as NO by another; `None` if not told.
    pub open_interest: Option<Contracts>,
    /// Levels from the second on, as far as they are followed.
    pub deeper: Arc<Depth>,
}

/// A trade between any two members, as the exchange publishes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicTrade {
    /// Number of the market it took place in.
    pub market: MarketId,
    /// Exchange's `trade_id`, a string that is unique there.
    pub id: String,
    /// Price of YES in the trade; NO changed hands at $1 minus it.
    pub yes_price: Price,
    /// Contracts that changed hands, in hundredths of a contract.
    pub contracts: Contracts,
    /// Side the taker gained, YES by buying YES or selling NO (`taker_outcome_side`).
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
    fn next_answer_time(&self) -> Option<Timestamp> {
        None
    }

    /// Its next answer, if one is due.
    fn take_due_answer(&mut self) -> Option<Stamped<Input>> {
        None
    }
}

/// A feed and a venue as one source of inputs, in order of time; at the same moment the venue first.
#[derive(Debug)]
pub struct EventSource<F, V> {
    /// Source of market data, facts and controls; live, of the exchange's answers too.
    pub feed: F,
    /// Exchange that takes the commands; a simulated one also answers here.
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
            let answer = self.venue.next_answer_time().filter(|&due| until.is_none_or(|until| due <= until));
            let before_answer = answer.map(Timestamp::just_before).or(until);
            let next = self.feed.next(before_answer)?;
            match (next, answer) {
                (Next::Item(input), _) => return Ok(Next::Item(input)),
                // When the feed has ended nothing else can happen, so what is still on its way arrives.
                (Next::End, _) if self.venue.next_answer_time().is_some() => {}
                (Next::Due, Some(_)) => {}
                (next, _) => return Ok(next),
            }
            if let Some(input) = self.venue.take_due_answer() {
                return Ok(Next::Item(input));
            }
        }
    }
}
