//! How often clients ask for markets that are none of theirs.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Counts of requests for foreign markets, events and series, by endpoint; shared with whoever watches a sandbox.
#[derive(Debug, Default)]
pub struct ForeignRequests(Mutex<BTreeMap<&'static str, u64>>);

impl ForeignRequests {
    pub(in crate::sandbox) fn count_request(&self, endpoint: &'static str) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(endpoint).or_default() += 1;
    }

    /// Requests so far by endpoint, such as `GET /markets/{ticker}`; one that was never asked is not there.
    #[must_use]
    pub fn counts_by_endpoint(&self) -> BTreeMap<&'static str, u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// All requests so far, whatever their endpoint.
    #[must_use]
    pub fn total_requests(&self) -> u64 {
        self.counts_by_endpoint().values().sum()
    }
}
