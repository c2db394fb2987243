//! A signature made ahead. A signature covers time, method and path and no body, so the one for placing
//! an order can be made before there is an order: signing takes most of a millisecond, which is then not
//! spent between a decision and the exchange.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::AbortHandle;

use crate::kalshi::auth::Credentials;
use crate::kalshi::clock;

/// The three headers of a request.
pub(super) type Headers = [(&'static str, String); 3];

/// How often the signature in store is made anew, and how old it may be when it is used.
const EVERY: Duration = Duration::from_secs(1);
const OLDEST_MS: i64 = 1_500;

/// The next is not begun at once, as signing would take a processor from the order that the last was for.
const ASIDE: Duration = Duration::from_millis(5);

/// At most one signature, used at most once.
#[derive(Debug, Default)]
pub(super) struct Store {
    /// When it was made, and itself.
    pub ready: Mutex<Option<(i64, Headers)>>,
    taken: Notify,
    maker: Mutex<Option<AbortHandle>>,
}

impl Store {
    /// Keeps a fresh signature in store until disarmed or dropped; must be called within the runtime.
    pub fn start_signing(
        self: &Arc<Self>,
        credentials: Credentials,
        method: &'static str,
        path: &'static str,
    ) {
        let mut maker = self.maker.lock().unwrap_or_else(PoisonError::into_inner);
        if maker.is_some() {
            return;
        }
        let store = Arc::downgrade(self);
        let task = tokio::spawn(async move {
            while let Some(store) = store.upgrade() {
                let credentials = credentials.clone();
                let sign = move || {
                    let now_ms = clock::now().millis();
                    (now_ms, credentials.signed_headers(now_ms, method, path))
                };
                // Not on the threads that are about to send the order the last one was for.
                let Ok(made) = tokio::task::spawn_blocking(sign).await else { return };
                *store.ready.lock().unwrap_or_else(PoisonError::into_inner) = Some(made);
                if tokio::time::timeout(EVERY, store.taken.notified()).await.is_ok() {
                    tokio::time::sleep(ASIDE).await;
                }
            }
        });
        *maker = Some(task.abort_handle());
    }

    /// Stops making signatures, and drops the one in store.
    pub fn stop_signing(&self) {
        if let Some(task) = self.maker.lock().unwrap_or_else(PoisonError::into_inner).take() {
            task.abort();
        }
        self.ready.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// The signature in store, if it is fresh enough.
    pub fn take_signature(&self, now_ms: i64) -> Option<Headers> {
        let taken = self.ready.lock().unwrap_or_else(PoisonError::into_inner).take();
        let (made_ms, headers) = taken?;
        self.taken.notify_one();
        (0..=OLDEST_MS).contains(&(now_ms - made_ms)).then_some(headers)
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.stop_signing();
    }
}
