//! `KalshiVenue`: where a live desk's commands go. It decides nothing and waits for nothing; what becomes of
//! them is followed by the session at the other end, and comes back through the feed.

use std::sync::Arc;

use tokio::sync::mpsc;

use crate::domain::{Fact, Timestamp};
use crate::engine::gateway::{GatewayError, Venue};
use crate::event::{Command, Control};

/// What the engine's side asks of the session.
#[derive(Debug)]
pub enum Ask {
    /// A command of the desk.
    Command(Command),
    /// The exchange's clock may go on, to this moment at most.
    GoOn(Option<Timestamp>),
    /// Something the owner says, on its way to the desk.
    Control(Control),
    /// From here on entries are placed in this order group.
    EntryGroup(Arc<str>),
    /// A fact that the owner has come to know of, told when it is public.
    Fact {
        /// When it is.
        published: Timestamp,
        /// What.
        fact: Fact,
    },
    /// Take back what rests, wait for its end, and end the session.
    Drain,
    /// End the session now.
    Abort,
}

/// The venue of a live desk: hands its commands to the session.
#[derive(Debug)]
pub struct KalshiVenue {
    asks: mpsc::Sender<Ask>,
}

impl KalshiVenue {
    /// A venue at the end of a session's `asks`.
    #[must_use]
    pub const fn new(asks: mpsc::Sender<Ask>) -> Self {
        Self { asks }
    }
}

impl Venue for KalshiVenue {
    fn submit(&mut self, _at: Timestamp, command: &Command) -> Result<(), GatewayError> {
        let gone = |_| GatewayError::venue("the exchange session has ended; nothing can be sent any more");
        self.asks.blocking_send(Ask::Command(*command)).map_err(gone)
    }
}
