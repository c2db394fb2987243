//! `Scanner`: which markets are looked at, and when.
//!
//! A scan looks at the markets whose quote, or a fact their model uses, changed since they were last
//! looked at. Scans happen at whole multiples of the interval since 1970; with an interval of zero, on
//! every change.

use crate::domain::{Contracts, Market, MarketId, Span, Timestamp};

use super::market_state::{MarketState, MarketStates};

/// Which markets are evaluated, and how often: the scenario's `[scanner]` table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScannerSettings {
    /// Time between scans, which fall on whole multiples of it since 1970; zero scans on every change.
    pub interval: Span,
    /// Markets closing sooner are not entered.
    pub min_time_to_close: Span,
    /// Markets with less lifetime volume are not entered.
    pub min_volume: Contracts,
    /// Series looked at; empty = all.
    pub series: Vec<String>,
    /// Categories looked at; empty = all.
    pub categories: Vec<String>,
}

impl ScannerSettings {
    /// Whether a market is looked at at all.
    #[must_use]
    pub fn covers_market(&self, market: &Market) -> bool {
        let listed = |list: &[String], name: &str| list.is_empty() || list.iter().any(|item| item == name);
        listed(&self.series, &market.series_ticker) && listed(&self.categories, &market.category)
    }
}

/// Which markets wait for the next scan.
#[derive(Debug)]
pub struct Scanner {
    settings: ScannerSettings,
    covered: Vec<bool>,
    waiting: Vec<bool>,
    queue: Vec<MarketId>,
    /// When the next scan takes the queue, in nanoseconds UTC; `None` while it is empty.
    due: Option<Timestamp>,
    last_scan: Option<Timestamp>,
}

impl Scanner {
    /// A scanner that has seen no market.
    #[must_use]
    pub fn new(settings: ScannerSettings) -> Self {
        Self {
            settings,
            covered: Vec::new(),
            waiting: Vec::new(),
            queue: Vec::new(),
            due: None,
            last_scan: None,
        }
    }

    /// From here on other settings hold.
    pub fn reconfigure(&mut self, settings: ScannerSettings, books: &MarketStates) {
        self.settings = settings;
        books.iter().for_each(|book| self.record_coverage(&book.market));
        self.due = self.due.map(|due| due.min(self.next_scan(due)));
    }

    /// Notes whether the settings cover a market that was listed, or listed anew.
    pub fn record_coverage(&mut self, market: &Market) {
        let index = market.id.index();
        if self.covered.len() <= index {
            self.covered.resize(index + 1, false);
            self.waiting.resize(index + 1, false);
        }
        self.covered[index] = self.settings.covers_market(market);
    }

    /// Queues a market for the next scan if the settings cover it and it does not wait already.
    #[inline]
    pub fn queue_market(&mut self, market: MarketId, now: Timestamp) {
        let index = market.index();
        if self.covered.get(index) == Some(&true) && !self.waiting[index] {
            self.waiting[index] = true;
            if self.queue.is_empty() {
                self.due = Some(self.next_scan(now));
            }
            self.queue.push(market);
        }
    }

    /// A fact that a model uses became public: every quoted market is looked at again.
    pub fn queue_quoted_markets(&mut self, books: &MarketStates, now: Timestamp) {
        for book in books.iter().filter(|book| book.quoted_at.is_some() && book.settled.is_none()) {
            self.queue_market(book.market.id, now);
        }
    }

    /// Whether changes are looked at as they come.
    #[must_use]
    pub fn is_immediate(&self) -> bool {
        self.settings.interval == Span::ZERO
    }

    /// When the waiting markets are due; `None` if none waits.
    #[must_use]
    #[inline]
    pub const fn queue_due(&self) -> Option<Timestamp> {
        self.due
    }

    /// The first scan at or after `moment`.
    #[must_use]
    pub fn next_scan(&self, moment: Timestamp) -> Timestamp {
        let next = moment.rounded_up_to(self.settings.interval);
        match self.last_scan {
            Some(last) => next.max(last + self.settings.interval),
            None => next,
        }
    }

    /// Hands over the waiting markets in market order.
    pub fn take_queued_markets(&mut self, now: Timestamp, into: &mut Vec<MarketId>) {
        self.last_scan = Some(now);
        self.due = None;
        into.clear();
        into.append(&mut self.queue);
        into.sort_unstable();
        for market in &*into {
            self.waiting[market.index()] = false;
        }
    }

    /// Whether a market may be entered now.
    #[must_use]
    pub fn allows_entry(&self, book: &MarketState, now: Timestamp) -> bool {
        let enough_time = book.close_time.since(now) >= self.settings.min_time_to_close;
        let volume = book.quote.volume.unwrap_or(Contracts::ZERO);
        enough_time && volume >= self.settings.min_volume
    }
}
