//! The order group of entries: a stop at the exchange itself, beside the desk's own limits.
//!
//! The exchange cancels the orders of a group and refuses new ones when more contracts match within 15 seconds
//! than its limit allows, or when the owner triggers it with `halt --exchange`. It stays so until it is reset.
//! Only orders that open a position are placed in the group, so a stopped group never keeps a desk from closing
//! what it holds.
//!
//! The group is renewed at every start of a desk that is not halted, and whenever the owner resumes trading:
//! reset, or made anew if the exchange no longer has it. Until that has worked, trading is not resumed.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tracing::{info, warn};

use crate::domain::{Contracts, Money};
use crate::kalshi::rest::{ApiError, Rest};

/// How often, and how far apart, a request that did not get through is made.
const TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_millis(500);
/// The largest limit that the exchange takes.
const HIGHEST_LIMIT: i64 = 1_000_000;

/// The group in which a desk places its entries.
pub struct EntryGroup {
    rest: Rest,
    limit: Contracts,
    id: Mutex<Option<Arc<str>>>,
}

impl EntryGroup {
    /// The group called `id`; `None` if none was made yet. Its limit is what the whole bankroll buys at a cent:
    /// more than that within seconds cannot be meant.
    #[must_use]
    pub fn new(rest: Rest, bankroll: Money, id: Option<Arc<str>>) -> Self {
        let most = (bankroll.micros() / 10_000).clamp(1, HIGHEST_LIMIT);
        Self { rest, limit: Contracts::whole(most), id: Mutex::new(id) }
    }

    /// The exchange's id of the group; `None` if there is none yet.
    #[must_use]
    pub fn id(&self) -> Option<Arc<str>> {
        self.id.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Makes sure that the exchange takes entries: resets the group, or makes another if it is gone. Returns
    /// its id.
    ///
    /// # Errors
    /// What the exchange answers, or that it did not for several tries.
    pub async fn renew_group(&self) -> Result<Arc<str>, ApiError> {
        if let Some(id) = self.id() {
            match self.reset_group(&id).await {
                Ok(()) => return Ok(id),
                Err(error @ ApiError::Refused { status: 401 | 403 | 410, .. }) => return Err(error),
                Err(error @ ApiError::Refused { .. }) => {
                    info!(%error, "the exchange does not reset the order group; another is made");
                }
                Err(error) => return Err(error),
            }
        }
        let id: Arc<str> = self.create_group().await?.into();
        *self.id.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&id));
        Ok(id)
    }

    async fn reset_group(&self, id: &str) -> Result<(), ApiError> {
        retry_request("the order group is reset again", || self.rest.reset_order_group(id)).await
    }

    /// A group that was made without our hearing of it harms nobody, so this may be repeated.
    async fn create_group(&self) -> Result<String, ApiError> {
        retry_request("the order group is asked for again", || self.rest.create_order_group(self.limit)).await
    }
}

/// Makes a request up to [`TRIES`] times, as long as it may get through later; `again` is logged between them.
async fn retry_request<T, R: Future<Output = Result<T, ApiError>>>(
    again: &str,
    request: impl Fn() -> R,
) -> Result<T, ApiError> {
    for _ in 1..TRIES {
        match request().await {
            Err(error) if error.is_transient() => warn!(%error, "{again}"),
            answered => return answered,
        }
        tokio::time::sleep(PAUSE).await;
    }
    request().await
}
