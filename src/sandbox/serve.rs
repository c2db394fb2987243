//! The exchange on a socket: its state behind one lock, and the clock that moves it.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::any;
use tokio::net::TcpListener;
use tokio::sync::Notify;

use crate::domain::{Span, Timestamp};
use crate::engine::gateway::GatewayError;

use super::auth::Keys;
use super::exchange::SandboxExchange;
use super::faults::{Dice, Faults};
use super::limits::{Buckets, Tier};
use super::rest;
use super::socket;
use super::state::Clock;
use super::stream::{Lines, StreamLine};
use super::subscriptions::Hub;

/// How fast the exchange's clock runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speed {
    /// As fast as its clients ask: it moves only by `sandbox_advance` and `/sandbox/clock`.
    Max,
    /// So many times as fast as the clock on the wall.
    Times(u32),
}

/// How the exchange is served.
#[derive(Clone, Copy, Debug)]
pub struct ServeSettings {
    /// Its clock.
    pub speed: Speed,
    /// Where its clock begins; `None` = with the data. What was before has happened silently.
    pub start: Option<Timestamp>,
    /// What goes wrong.
    pub faults: Faults,
    /// Rate limits; `None` = none.
    pub tier: Option<Tier>,
}

/// Why serving ended.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The data.
    #[error("the exchange's data: {0}")]
    Feed(#[from] GatewayError),
    /// The socket.
    #[error("the exchange's socket: {0}")]
    Io(#[from] std::io::Error),
}

/// Everything there is, behind one lock.
pub(super) struct Core {
    pub(super) exchange: SandboxExchange,
    pub(super) keys: Keys,
    pub(super) hub: Hub,
    pub(super) dice: Dice,
    pub(super) tier: Option<Tier>,
    pub(super) buckets: BTreeMap<usize, Buckets>,
}

impl Core {
    /// Tells sockets what has happened; whether anything has.
    pub(super) fn publish(&mut self) -> bool {
        self.hub.publish(&mut self.exchange, &mut self.dice)
    }
}

/// What handlers share.
pub(super) struct App {
    core: Mutex<Core>,
    pub(super) speed: Speed,
    moved: Notify,
}

impl App {
    pub(super) fn core(&self) -> MutexGuard<'_, Core> {
        // A handler that panicked has not left the exchange half moved in a way that others could not see.
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One moment further, or in a running exchange: until something was told, or `until`, or 200 ms.
    /// `done` is called under the lock, after everything of that moment was told.
    pub(super) async fn advance(
        &self,
        until: Option<Timestamp>,
        done: impl FnOnce(&mut Core, Clock),
    ) -> Result<(), GatewayError> {
        if self.speed == Speed::Max {
            let mut core = self.core();
            let clock = core.exchange.advance(until)?;
            core.publish();
            done(&mut core, clock);
            return Ok(());
        }
        let moved = self.moved.notified();
        let passed = {
            let core = self.core();
            until.is_some_and(|until| core.exchange.now() >= until) || core.exchange.next_moment().is_none()
        };
        if !passed {
            // Whether it moved or time ran out is the same to the caller.
            let _ = tokio::time::timeout(Duration::from_millis(200), moved).await;
        }
        let mut core = self.core();
        let clock = Clock { now: core.exchange.now(), end: core.exchange.next_moment().is_none() };
        done(&mut core, clock);
        Ok(())
    }

    /// Moves a running exchange along with the clock on the wall.
    async fn run(&self, times: u32) -> GatewayError {
        let (start, began) = (self.core().exchange.now(), Instant::now());
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
        let mut core = self.core();
        let mut told = false;
        while core.exchange.next_moment().is_some_and(|next| next <= now) {
            core.exchange.advance(Some(now))?;
            told |= core.publish();
        }
        core.exchange.advance(Some(now))?;
        if told {
            self.moved.notify_waiters();
        }
        Ok(())
    }
}

/// Serves an exchange until `stop`: REST under `/trade-api/v2`, sockets at `/trade-api/ws/v2`, and `/sandbox`.
///
/// # Errors
/// When the data cannot be read any further, or the socket fails.
pub async fn serve(
    listener: TcpListener,
    mut exchange: SandboxExchange,
    keys: Keys,
    settings: ServeSettings,
    stop: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    for id in keys.ids() {
        exchange.open_account(id);
    }
    if let Some(start) = settings.start {
        while exchange.next_moment().is_some_and(|next| next <= start) {
            exchange.advance(Some(start))?;
        }
        exchange.advance(Some(start))?;
        exchange.take_messages();
    }
    let core = Core {
        exchange,
        keys,
        hub: Hub::default(),
        dice: Dice::new(settings.faults),
        tier: settings.tier,
        buckets: BTreeMap::new(),
    };
    let app = Arc::new(App { core: Mutex::new(core), speed: settings.speed, moved: Notify::new() });
    let router = Router::new()
        .route("/trade-api/ws/v2", any(socket::upgrade))
        .fallback(rest::handle)
        .with_state(Arc::clone(&app));
    let service = router.into_make_service_with_connect_info::<StreamLine>();
    let clock = async {
        match settings.speed {
            Speed::Max => std::future::pending().await,
            Speed::Times(times) => app.run(times).await,
        }
    };
    let served = tokio::select! {
        served = async { axum::serve(Lines(listener), service).await } => served.map_err(ServeError::from),
        error = clock => Err(ServeError::from(error)),
        () = stop => Ok(()),
    };
    app.core().hub.close_all();
    served
}
