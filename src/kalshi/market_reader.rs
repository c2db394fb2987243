//! Reads markets over REST, each with the series facts that hold for it: ticker, category and fees.
//!
//! Each market is read on its own: one that cannot be understood, or whose event cannot, is an [`UnreadableMarket`] beside
//! those that can. One whose request failed in passing is left over for the next time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use super::market_reports::{MarketReports, MarketScope, SeriesFacts, UnreadableMarket};
use super::rest::{ApiError, MarketFilter, Rest, StatusFilter};
use super::wire::{self, ItemList, OddItem};

/// Series, and the events met so far with the facts that hold for their markets.
#[derive(Debug, Default)]
struct KnownGroups {
    series: BTreeMap<String, SeriesFacts>,
    events: BTreeMap<String, SeriesFacts>,
}

/// Reads markets, and remembers the series and events they belong to.
#[derive(Clone, Debug)]
pub struct MarketReader {
    rest: Rest,
    scope: Arc<MarketScope>,
    known: Arc<Mutex<KnownGroups>>,
}

impl MarketReader {
    /// A reader of the markets of a scope.
    #[must_use]
    pub fn new(rest: Rest, scope: MarketScope) -> Self {
        Self { rest, scope: Arc::new(scope), known: Arc::default() }
    }

    /// All open markets of the scope, and those of `others` whatever their state.
    ///
    /// # Errors
    /// When a list of markets cannot be had, or is mostly unreadable.
    pub async fn sweep_markets(&self, others: Vec<Arc<str>>) -> Result<MarketReports, ApiError> {
        let mut markets = ItemList::default();
        let open = |series: Option<&String>| MarketFilter {
            series_ticker: series.cloned(),
            status: Some(StatusFilter::Open),
            ..MarketFilter::default()
        };
        if self.scope.series.is_empty() {
            markets.append_page(self.rest.markets(&open(None)).await?);
        }
        for series in &self.scope.series {
            // Fees may have changed since the last sweep.
            self.forget_series(series);
            markets.append_page(self.rest.markets(&open(Some(series))).await?);
        }
        let seen: BTreeSet<&str> = markets.items.iter().map(|market| market.ticker.as_str()).collect();
        let missing: Vec<String> =
            others.iter().filter(|ticker| !seen.contains(&***ticker)).map(ToString::to_string).collect();
        if !missing.is_empty() {
            let these = MarketFilter { tickers: missing, ..MarketFilter::default() };
            markets.append_page(self.rest.markets(&these).await?);
        }
        let mut found = MarketReports::default();
        self.add_series_facts(markets.items, &mut found).await;
        self.add_odd_items(markets.odd, &mut found).await;
        Ok(found)
    }

    /// Reads these markets one by one.
    ///
    /// # Errors
    /// When the exchange does not take us for who we are.
    pub async fn read_markets(&self, tickers: Vec<Arc<str>>) -> Result<MarketReports, ApiError> {
        let (mut markets, mut found) = (Vec::new(), MarketReports::default());
        for ticker in tickers {
            match self.rest.market(&ticker).await {
                Ok(market) => markets.push(market),
                Err(error) if error.is_not_found() => found.unknown.push(ticker),
                Err(error @ ApiError::Schema { .. }) => {
                    found.odd.push(UnreadableMarket { ticker, reason: error.to_string() });
                }
                Err(error) if error.is_transient() => found.add_missing(&ticker, error),
                Err(error) => return Err(error),
            }
        }
        self.add_series_facts(markets, &mut found).await;
        Ok(found)
    }

    /// Sorts markets by whether their event and series can be read.
    async fn add_series_facts(&self, markets: Vec<wire::ApiMarket>, found: &mut MarketReports) {
        // What cannot be read is asked for once, not for each of its markets.
        let mut failed: BTreeMap<String, ApiError> = BTreeMap::new();
        for market in markets {
            let facts = match failed.get(&market.event_ticker) {
                Some(error) => Err(error.clone()),
                None => self.series_of(&market.event_ticker).await,
            };
            match facts {
                Ok(facts) => found.reports.push((market, facts)),
                Err(error) => {
                    failed.insert(market.event_ticker.clone(), error.clone());
                    if error.is_transient() {
                        found.add_missing(&market.ticker, error);
                    } else {
                        let ticker = market.ticker.as_str().into();
                        found.odd.push(UnreadableMarket { ticker, reason: format!("its event: {error}") });
                    }
                }
            }
        }
    }

    /// Keeps the unreadable items of a list that are of interest. One without a ticker is of no known market.
    async fn add_odd_items(&self, items: Vec<OddItem>, found: &mut MarketReports) {
        for OddItem { ticker, event_ticker, problem } in items {
            let Some(ticker) = ticker else {
                tracing::warn!(problem, "an item of a list of markets cannot be read, and names no market");
                continue;
            };
            let facts = match &event_ticker {
                Some(event) if !self.scope.categories.is_empty() => self.series_of(event).await.ok(),
                _ => None,
            };
            if facts.is_none_or(|facts| self.scope.covers_series(&facts.ticker, &facts.category)) {
                let reason = format!("the exchange's description of it: {problem}");
                found.odd.push(UnreadableMarket { ticker: ticker.into(), reason });
            }
        }
    }

    async fn series_of(&self, event_ticker: &str) -> Result<SeriesFacts, ApiError> {
        if let Some(facts) = self.lock_known_groups().events.get(event_ticker) {
            return Ok(facts.clone());
        }
        let event = self.rest.event(event_ticker).await?;
        let known = self.lock_known_groups().series.get(&event.series_ticker).cloned();
        let facts = if let Some(facts) = known {
            facts
        } else {
            let series = self.rest.series(&event.series_ticker).await?;
            let facts = SeriesFacts {
                ticker: series.ticker.as_str().into(),
                category: series.category.as_str().into(),
                fees: series.fees(),
            };
            self.lock_known_groups().series.insert(event.series_ticker.clone(), facts.clone());
            facts
        };
        let facts = SeriesFacts { fees: event.fees(facts.fees), ..facts };
        self.lock_known_groups().events.insert(event_ticker.to_owned(), facts.clone());
        Ok(facts)
    }

    fn forget_series(&self, series: &str) {
        let mut known = self.lock_known_groups();
        known.series.remove(series);
        known.events.retain(|_, facts| *facts.ticker != *series);
    }

    fn lock_known_groups(&self) -> std::sync::MutexGuard<'_, KnownGroups> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
