//! Serves the exchange on a socket until it is told to stop.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::routing::any;
use tokio::net::TcpListener;
use tokio::sync::Notify;

use crate::domain::Timestamp;
use crate::engine::gateway::GatewayError;

use super::app::{App, Core, Speed};
use super::odd_answers::PageDice;
use super::rest;
use super::socket;
use super::stream::{Lines, StreamLine};
use super::subscriptions::Hub;
use crate::sandbox::accounts::auth::Keys;
use crate::sandbox::accounts::limits::Tier;
use crate::sandbox::exchange::sandbox_exchange::SandboxExchange;
use crate::sandbox::faults::{Dice, Faults};
use crate::sandbox::foreign::foreign_stream::ForeignStream;
use crate::sandbox::odd::odd_markets::OddMarkets;

/// Settings of the server: how its clock runs, which faults it makes, and its rate limits.
#[derive(Clone, Copy, Debug)]
pub struct ServeSettings {
    /// Whether the exchange's clock waits for its clients or runs along with the wall clock.
    pub speed: Speed,
    /// Where its clock begins; `None` = with the data. What was before has happened silently.
    pub start: Option<Timestamp>,
    /// Chances of faults made on purpose in requests and socket messages.
    pub faults: Faults,
    /// Tier whose rate limits hold for every account; `None` = no rate limits.
    pub tier: Option<Tier>,
}

/// Why serving ended before it was told to stop.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The feed that moves the markets could not be read any further.
    #[error("the exchange's data: {0}")]
    Feed(#[from] GatewayError),
    /// The listening socket failed while it was served.
    #[error("the exchange's socket: {0}")]
    Io(#[from] std::io::Error),
}

/// Serves an exchange until `stop`: REST under `/trade-api/v2`, sockets at `/trade-api/ws/v2`, and `/sandbox`.
///
/// # Errors
/// When the data cannot be read any further, or the socket fails.
pub async fn serve_exchange(
    listener: TcpListener,
    mut exchange: SandboxExchange,
    keys: Keys,
    settings: ServeSettings,
    stop: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    exchange.odd = OddMarkets::from_faults(&settings.faults);
    for id in keys.key_ids() {
        exchange.open_account(id);
    }
    if let Some(start) = settings.start {
        while exchange.next_moment().is_some_and(|next| next <= start) {
            exchange.advance_clock(Some(start))?;
        }
        exchange.advance_clock(Some(start))?;
        exchange.take_messages();
    }
    let core = Core {
        foreign: ForeignStream::from_faults(&settings.faults, exchange.now()),
        exchange,
        keys,
        hub: Hub::default(),
        dice: Dice::new(settings.faults),
        page_dice: PageDice::from_faults(&settings.faults),
        tier: settings.tier,
        buckets: BTreeMap::new(),
    };
    let app = Arc::new(App { core: Mutex::new(core), speed: settings.speed, moved: Notify::new() });
    let router = Router::new()
        .route("/trade-api/ws/v2", any(socket::upgrade_to_websocket))
        .fallback(rest::handle_rest_request)
        .with_state(Arc::clone(&app));
    let service = router.into_make_service_with_connect_info::<StreamLine>();
    let clock = async {
        match settings.speed {
            Speed::Max => std::future::pending().await,
            Speed::Times(times) => app.follow_wall_clock(times).await,
        }
    };
    let served = tokio::select! {
        served = async { axum::serve(Lines(listener), service).await } => served.map_err(ServeError::from),
        error = clock => Err(ServeError::from(error)),
        () = stop => Ok(()),
    };
    app.lock_core().hub.close_all();
    served
}
