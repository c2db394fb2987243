//! What the handlers share: the exchange behind one lock, and the clock that moves it.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::domain::{Span, Timestamp};
use crate::engine::gateway::GatewayError;

use super::odd_answers::PageDice;
use super::odd_messages::take_odd_messages;
use super::subscriptions::Hub;
use crate::sandbox::accounts::auth::Keys;
use crate::sandbox::accounts::limits::{Buckets, Tier};
use crate::sandbox::exchange::sandbox_exchange::SandboxExchange;
use crate::sandbox::exchange::state::{Clock, Message, SocketChannel};
use crate::sandbox::faults::Dice;
use crate::sandbox::foreign::foreign_stream::ForeignStream;

/// How fast the exchange's clock runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speed {
    /// As fast as its clients ask: it moves only by `sandbox_advance` and `/sandbox/clock`.
    Max,
    /// So many times as fast as the clock on the wall.
    Times(u32),
}

/// Everything there is, behind one lock.
pub(in crate::sandbox) struct Core {
    pub(in crate::sandbox) exchange: SandboxExchange,
    pub(in crate::sandbox) keys: Keys,
    pub(in crate::sandbox) hub: Hub,
    pub(in crate::sandbox) dice: Dice,
    pub(in crate::sandbox) page_dice: PageDice,
    pub(in crate::sandbox) foreign: ForeignStream,
    pub(in crate::sandbox) tier: Option<Tier>,
    pub(in crate::sandbox) buckets: BTreeMap<usize, Buckets>,
}

impl Core {
    /// Tells sockets what has happened; whether anything has.
    pub(in crate::sandbox) fn publish_messages(&mut self) -> bool {
        let now = self.exchange.now();
        let mut messages = take_odd_messages(&mut self.exchange);
        let foreign = self.foreign.due_messages(now).into_iter().map(|told| Message {
            channel: SocketChannel::Lifecycle,
            kind: told.kind,
            market: None,
            account: None,
            body: told.body,
            yes_body: None,
        });
        messages.extend(foreign);
        self.hub.publish_messages(&messages, now, &mut self.dice)
    }
}

/// State shared by all handlers: the exchange behind a lock, and a signal that sockets were told something.
pub(in crate::sandbox) struct App {
    pub(in crate::sandbox) core: Mutex<Core>,
    pub(in crate::sandbox) speed: Speed,
    pub(in crate::sandbox) moved: Notify,
}

impl App {
    pub(in crate::sandbox) fn lock_core(&self) -> MutexGuard<'_, Core> {
        // A handler that panicked has not left the exchange half moved in a way that others could not see.
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One moment further, or in a running exchange: until something was told, or `until`, or 200 ms.
    /// `done` is called under the lock, after everything of that moment was told.
    pub(in crate::sandbox) async fn advance_or_wait(
        &self,
        until: Option<Timestamp>,
        done: impl FnOnce(&mut Core, Clock),
    ) -> Result<(), GatewayError> {
        if self.speed == Speed::Max {
            let mut core = self.lock_core();
            let clock = core.exchange.advance_clock(until)?;
            core.publish_messages();
            done(&mut core, clock);
            return Ok(());
        }
        let moved = self.moved.notified();
        let passed = {
            let core = self.lock_core();
            until.is_some_and(|until| core.exchange.now() >= until) || core.exchange.next_moment().is_none()
        };
        if !passed {
            // Whether it moved or time ran out is the same to the caller.
            let _ = tokio::time::timeout(Duration::from_millis(200), moved).await;
        }
        let mut core = self.lock_core();
        let clock = Clock { now: core.exchange.now(), end: core.exchange.next_moment().is_none() };
        done(&mut core, clock);
        Ok(())
    }

    /// Moves a running exchange along with the clock on the wall.
    pub(in crate::sandbox) async fn follow_wall_clock(&self, times: u32) -> GatewayError {
        let (start, began) = (self.lock_core().exchange.now(), Instant::now());
        let mut ticks = tokio::time::interval(Duration::from_millis(2));
        loop {
            ticks.tick().await;
            let passed = Span::from(began.elapsed()).times(i64::from(times));
            if let Err(error) = self.catch_up(start + passed) {
                return error;
            }
        }
    }

    fn catch_up(&self, now: Timestamp) -> Result<(), GatewayError> {
        let mut core = self.lock_core();
        let mut told = false;
        while core.exchange.next_moment().is_some_and(|next| next <= now) {
            core.exchange.advance_clock(Some(now))?;
            told |= core.publish_messages();
        }
        core.exchange.advance_clock(Some(now))?;
        told |= core.publish_messages();
        if told {
            self.moved.notify_waiters();
        }
        Ok(())
    }
}
