//! `KalshiVenue`: where a live desk's commands go. It decides nothing and waits for nothing; what becomes of
//! them is followed by the session at the other end, and comes back through the feed.

use std::sync::Arc;

use tokio::sync::mpsc;
use tracing::debug;

use crate::domain::{Fact, Timestamp};
use crate::engine::gateway::{GatewayError, Venue};
use crate::event::{Command, Control};

/// What the engine's side asks of the session.
#[derive(Debug)]
pub enum SessionCommand {
    /// The desk submits an order or cancels one.
    Command(Command),
    /// The exchange's clock may go on, to this moment at most.
    GoOn(Option<Timestamp>),
    /// Something the owner says, on its way to the desk.
    Control(Control),
    /// From here on entries are placed in this order group.
    EntryGroup(Arc<str>),
    /// A fact that the owner has come to know of, told when it is public.
    Fact {
        /// When it was or will be public; the desk does not hear of it before.
        published: Timestamp,
        /// A new row of the facts files, such as a rate decision or a print.
        fact: Fact,
    },
    /// Take back what rests, wait for its end, and end the session.
    Drain,
    /// End the session now, and leave what rests at the exchange as it is.
    Abort,
}

/// The venue of a live desk: hands its commands to the session.
#[derive(Debug)]
pub struct KalshiVenue {
    commands: mpsc::Sender<SessionCommand>,
}

impl KalshiVenue {
    /// A venue at the end of a session's `commands`.
    #[must_use]
    pub const fn new(commands: mpsc::Sender<SessionCommand>) -> Self {
        Self { commands }
    }
}

impl Venue for KalshiVenue {
    /// A session that has ended takes nothing any more. That is no error: the feed says next that it has ended, or
    /// why, and an order that it never took is found never to have been sent at the next start.
    fn submit(&mut self, _at: Timestamp, command: &Command) -> Result<(), GatewayError> {
        if self.commands.blocking_send(SessionCommand::Command(*command)).is_err() {
            debug!(?command, "the session has ended; this is not sent");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::domain::{MarketId, OrderId};

    use super::*;

    #[test]
    fn a_command_after_the_end_of_the_session_fails_nobody() {
        let (commands, asked) = mpsc::channel(1);
        let mut venue = KalshiVenue::new(commands);
        drop(asked);
        let cancel = Command::Cancel { order: OrderId(1), market: MarketId(1) };
        venue.submit(Timestamp::from_nanos(0), &cancel).unwrap();
    }
}
