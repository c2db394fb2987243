//! Which markets and events that the stream names may be of interest, before anything of them has been read.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::market_reports::MarketScope;
use super::ws_messages::EventLifecycle;

/// A scope, and the events of its series that the stream has announced.
#[derive(Debug, Default)]
pub struct ScopeFilter {
    scope: MarketScope,
    announced: BTreeSet<Arc<str>>,
}

impl ScopeFilter {
    /// A filter for a scope, before any event was announced.
    #[must_use]
    pub const fn of_scope(scope: MarketScope) -> Self {
        Self { scope, announced: BTreeSet::new() }
    }

    /// Returns the scope that it filters by.
    #[must_use]
    pub const fn market_scope(&self) -> &MarketScope {
        &self.scope
    }

    /// Remembers an event of the scope that the exchange has listed.
    pub fn note_event(&mut self, event: &EventLifecycle) {
        if self.scope.series.iter().any(|series| **series == *event.series_ticker) {
            self.announced.insert(Arc::clone(&event.event_ticker));
        }
    }

    /// Whether a market or an event may be of interest, by the scope's series where they are listed: an event's
    /// series is known from the stream, else its name has to begin like one. `None`: the stream names no event.
    #[must_use]
    pub fn may_cover(&self, ticker: &str, event: Option<&str>) -> bool {
        let named = |name: &str| {
            let begins = |series: &String| {
                name.strip_prefix(series.as_str())
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
            };
            self.scope.series.iter().any(begins)
        };
        let is_announced = event.is_some_and(|event| self.announced.contains(event));
        self.scope.series.is_empty() || is_announced || named(event.unwrap_or(ticker))
    }
}
