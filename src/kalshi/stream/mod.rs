//! The exchange's WebSocket: one connection, all channels, kept up.
//!
//! [`state::StreamState`] decides everything and touches nothing: it is told what came over the socket
//! and what time it is, and says what to send, what to tell and when to reconnect. [`run_stream`] is the socket.
//!
//! ```text
//!   wants ──▶ StreamState ──commands──▶ socket
//!   clock ──▶   channels, books,   ◀──messages──
//!               what is held      ──StreamEvents──▶ out
//! ```
//!
//! There is one subscription for each channel, to which markets are added: what a second one would do
//! is not documented. Only markets that were asked for are subscribed; none at all would mean every
//! market of the exchange.

mod book_doubts;
#[cfg(test)]
mod book_doubts_tests;
mod change_batch;
mod connection;
#[cfg(test)]
mod connection_tests;
#[cfg(test)]
mod soak_tests;
pub mod state;
mod subscription;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use crate::domain::{Depth, Timestamp};

use super::book::Top;
use super::ws_messages::{Frame, UnreadableMessage};

pub use connection::run_stream;
pub use subscription::StreamChannel;

/// What is asked of the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Want {
    /// Books, prices and trades of these markets from now on, besides those asked for before.
    Markets(Vec<Arc<str>>),
    /// Our own stand-in for the exchange: its next moment, at most this one. It answers with
    /// [`Frame::SandboxClock`] after all messages up to that moment.
    Advance {
        /// Milliseconds since 1970; `None` = the next moment, whenever it is.
        until_ts_ms: Option<i64>,
    },
}

/// What the stream tells, in the order in which it came over the socket.
#[derive(Clone, Debug, PartialEq)]
pub enum StreamEvent {
    /// The channels of our orders and fills, and of the books asked for, are open. What happened to
    /// orders, fills and positions before is to be read by REST now.
    Up,
    /// The connection is gone, or could not be made; another one will be. All books are stale.
    Down {
        /// The cause in words, for a log: a close by the exchange, a broken socket, silence, no connection.
        reason: String,
    },
    /// A message that is not about a book.
    Frame(Frame),
    /// The best prices of a market, or the levels asked for, changed. Changes that belong together are told as one.
    Book {
        /// Ticker of the market whose book changed.
        ticker: Arc<str>,
        /// Best bid and ask of YES after the change, with the contracts at each.
        top: Top,
        /// Levels beneath, if they were asked for.
        deeper: Arc<Depth>,
        /// When, by the exchange's clock, if it was sent.
        at: Option<Timestamp>,
    },
    /// A book cannot be relied on any more, until it is told again.
    Stale {
        /// Ticker of the market whose book is not known at present.
        ticker: Arc<str>,
    },
    /// Messages of a channel were lost; what they may have said is to be read by REST.
    Missed {
        /// The channel that lost them; never [`StreamChannel::Books`], whose losses make books stale.
        channel: StreamChannel,
    },
    /// A message could not be read. What it may have changed is stale, and asked for again, as far as the stream can.
    Unreadable(UnreadableMessage),
}

/// The stream's time limits and pauses, how much it asks for at once, and how deep books are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamSettings {
    /// Without any message for so long, a ping included, the connection is given up.
    pub silence: Duration,
    /// Without an answer to a command for so long, the connection is given up.
    pub answer: Duration,
    /// Without a snapshot asked for after so long, the books are subscribed anew.
    pub snapshot: Duration,
    /// Snapshots are asked for at most once in so long.
    pub between_snapshots: Duration,
    /// Pause before the second attempt at what failed; it doubles with each failure.
    pub first_pause: Duration,
    /// Most that the doubled pause between attempts can grow to.
    pub longest_pause: Duration,
    /// What lasted so long was healthy, and failing again is a first failure.
    pub healthy: Duration,
    /// Most market tickers that one command to the exchange names; the rest go into further commands.
    pub chunk: usize,
    /// Levels of each book that are told; 1 = the best prices alone.
    pub levels: usize,
    /// Seed of the chance in the pauses.
    pub seed: u64,
}

impl StreamSettings {
    /// As the exchange asks for: it pings every 10 seconds.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self {
            silence: Duration::from_secs(30),
            answer: Duration::from_secs(10),
            snapshot: Duration::from_secs(5),
            between_snapshots: Duration::from_millis(250),
            first_pause: Duration::from_millis(500),
            longest_pause: Duration::from_secs(30),
            healthy: Duration::from_mins(1),
            chunk: 100,
            levels: 1,
            seed,
        }
    }
}
