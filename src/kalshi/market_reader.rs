//! Reads markets over REST, each with the series facts that hold for it: ticker, category and fees.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::market_tracker::{MarketScope, SeriesFacts};
use super::rest::{ApiError, MarketFilter, Rest, StatusFilter};
use super::wire;

/// A market with its series, as reported.
pub type MarketReport = (wire::ApiMarket, SeriesFacts);

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
    /// What the exchange answers.
    pub async fn sweep_markets(&self, others: Vec<Arc<str>>) -> Result<Vec<MarketReport>, ApiError> {
        let mut markets = Vec::new();
        let open = |series: Option<&String>| MarketFilter {
            series_ticker: series.cloned(),
            status: Some(StatusFilter::Open),
            ..MarketFilter::default()
        };
        if self.scope.series.is_empty() {
            markets.extend(self.rest.markets(&open(None)).await?);
        }
        for series in &self.scope.series {
            // Fees may have changed since the last sweep.
            self.forget_series(series);
            markets.extend(self.rest.markets(&open(Some(series))).await?);
        }
        let seen = |ticker: &Arc<str>| markets.iter().any(|market| *market.ticker == **ticker);
        let missing: Vec<String> =
            others.iter().filter(|ticker| !seen(ticker)).map(ToString::to_string).collect();
        for tickers in missing.chunks(100) {
            let these = MarketFilter { tickers: tickers.to_vec(), ..MarketFilter::default() };
            markets.extend(self.rest.markets(&these).await?);
        }
        self.with_series(markets).await
    }

    /// These markets; those the exchange does not know are left out.
    ///
    /// # Errors
    /// What the exchange answers.
    pub async fn read_markets(&self, tickers: Vec<Arc<str>>) -> Result<Vec<MarketReport>, ApiError> {
        let mut markets = Vec::new();
        for ticker in tickers {
            match self.rest.market(&ticker).await {
                Ok(market) => markets.push(market),
                Err(ApiError::Refused { status: 404, .. }) => {}
                Err(error) => return Err(error),
            }
        }
        self.with_series(markets).await
    }

    async fn with_series(&self, markets: Vec<wire::ApiMarket>) -> Result<Vec<MarketReport>, ApiError> {
        let mut reports = Vec::with_capacity(markets.len());
        for market in markets {
            let known = self.lock_known_groups().events.get(&market.event_ticker).cloned();
            let series = match known {
                Some(series) => series,
                None => self.series_of(&market.event_ticker).await?,
            };
            reports.push((market, series));
        }
        Ok(reports)
    }

    async fn series_of(&self, event_ticker: &str) -> Result<SeriesFacts, ApiError> {
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
