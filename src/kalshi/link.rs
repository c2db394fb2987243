//! What others may ask of a session while it runs: whether the exchange is heard, whether it trades, and in
//! which words it last refused an order.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// The state of the connection to the exchange.
#[derive(Debug, Default)]
pub struct Link {
    heard: AtomicBool,
    paused: Mutex<Option<Arc<str>>>,
    refusal: Mutex<Option<Arc<str>>>,
}

impl Link {
    /// Returns whether market news comes: the stream is up, or, without one, the last sweep succeeded.
    #[must_use]
    pub fn is_heard(&self) -> bool {
        self.heard.load(Ordering::Relaxed)
    }

    /// Why nothing is traded at the exchange; `None` while it trades.
    #[must_use]
    pub fn pause_reason(&self) -> Option<Arc<str>> {
        self.paused.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The exchange's words when it last refused an order; `None` if it has refused none.
    #[must_use]
    pub fn last_refusal(&self) -> Option<Arc<str>> {
        self.refusal.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn set_refusal(&self, words: Arc<str>) {
        *self.refusal.lock().unwrap_or_else(PoisonError::into_inner) = Some(words);
    }

    pub(super) fn set_heard(&self, heard: bool) {
        self.heard.store(heard, Ordering::Relaxed);
    }

    pub(super) fn set_paused(&self, reason: Option<Arc<str>>) {
        *self.paused.lock().unwrap_or_else(PoisonError::into_inner) = reason;
    }
}
