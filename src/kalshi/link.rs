//! What others may ask of a session while it runs: whether the exchange is heard, whether it trades, in which words it
//! last refused an order, and which request failed.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What is wrong between us and the exchange, in words for people.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LinkReport {
    /// Why nothing is traded at the exchange; `None` while it trades.
    pub pause_reason: Option<Arc<str>>,
    /// The exchange's words when it last refused an order; `None` if it has refused none.
    pub last_refusal: Option<Arc<str>>,
    /// The last request, if it failed in a way that may pass: no connection, no file descriptor, a clock that is off;
    /// `None` once a request has succeeded again.
    pub last_failure: Option<Arc<str>>,
}

/// The state of the connection to the exchange.
#[derive(Debug, Default)]
pub struct Link {
    heard: AtomicBool,
    report: Mutex<LinkReport>,
}

impl Link {
    /// Returns whether market news comes: the stream is up, or, without one, the last sweep succeeded.
    #[must_use]
    pub fn is_heard(&self) -> bool {
        self.heard.load(Ordering::Relaxed)
    }

    /// Returns what is wrong at present.
    #[must_use]
    pub fn current_report(&self) -> LinkReport {
        self.lock_report().clone()
    }

    /// Why nothing is traded at the exchange; `None` while it trades.
    #[must_use]
    pub fn pause_reason(&self) -> Option<Arc<str>> {
        self.lock_report().pause_reason.clone()
    }

    pub(super) fn set_refusal(&self, words: Arc<str>) {
        self.lock_report().last_refusal = Some(words);
    }

    pub(super) fn set_heard(&self, heard: bool) {
        self.heard.store(heard, Ordering::Relaxed);
    }

    pub(super) fn set_paused(&self, reason: Option<Arc<str>>) {
        self.lock_report().pause_reason = reason;
    }

    pub(super) fn set_failure(&self, failure: Option<Arc<str>>) {
        self.lock_report().last_failure = failure;
    }

    fn lock_report(&self) -> MutexGuard<'_, LinkReport> {
        self.report.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
