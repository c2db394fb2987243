//! Which markets there are: what is asked for, turned into a list of markets with all that belongs to them.
//!
//! The live half of the exchange is listed before the older one, so that a market which moves meanwhile is seen at
//! least once. What is over and whole is not asked for again.

use std::collections::{BTreeMap, BTreeSet};

use crate::dataset::facts::FeeChange;
use crate::domain::{FeeSchedule, Timestamp};
use crate::kalshi::rest::{Half, MarketFilter};

use super::exchange::{Cutoff, EventFacts, Listed, PullExchange, PulledSeries};
use super::state::{PullState, StateEntry};
use super::{Notes, Progress, PullError};

/// Most market tickers that one request names.
const TICKERS: usize = 100;

/// What of the exchange's markets is wanted.
#[derive(Clone, Copy, Debug)]
pub struct PullScope {
    /// Beginning of the data set: markets that close by then are left out. `None` = none is too old.
    pub since: Option<Timestamp>,
    /// Last moment that is pulled; markets that open then or later are left out.
    pub until: Timestamp,
    /// At most so many markets that are not in the data set yet.
    pub max_markets: Option<usize>,
}

/// What a listing found beyond the markets, which are in the state.
#[derive(Debug, Default)]
pub struct ListedMarkets {
    /// Markets that are only in the older half.
    pub old: BTreeSet<String>,
    /// Markets that are not in the data set yet.
    pub new: BTreeSet<String>,
    /// Markets that were left for the next pull.
    pub waiting: usize,
    /// Fee changes during the markets' lives.
    pub fee_changes: Vec<FeeChange>,
}

struct Fees {
    now: FeeSchedule,
    changes: Vec<(Timestamp, FeeSchedule)>,
}

/// Lists the markets of all targets, and enters them into a state with their series and fees.
pub struct Lister<'a> {
    pub exchange: &'a PullExchange,
    pub state: &'a mut PullState,
    pub scope: PullScope,
    pub cutoff: Cutoff,
    pub notes: &'a mut Notes,
    pub progress: &'a (dyn Fn(Progress) + Sync),
}

impl Lister<'_> {
    /// Brings the state's markets up to date and adds those that are new.
    pub async fn update_state_markets(mut self) -> Result<ListedMarkets, PullError> {
        let mut listed = BTreeMap::new();
        let (mut found, mut events) = (ListedMarkets::default(), BTreeMap::new());
        let targets: Vec<_> = self.state.targets.clone().into_iter().collect();
        for (target, complete) in &targets {
            self.list_target(target, *complete, &mut listed, &mut events, &mut found.old).await?;
        }
        self.list_unfinished_markets(&mut listed, &mut found.old).await?;
        let mut new = Vec::new();
        for (ticker, market) in listed {
            let trades = self.state.terms.trades;
            if let Some(entry) = self.state.markets.get_mut(&ticker) {
                if !entry.is_whole(trades) {
                    entry.listed = market;
                }
            } else if self.should_add_market(&market) {
                new.push(market);
            }
        }
        new.sort_by(|a, b| (a.open, &a.ticker).cmp(&(b.open, &b.ticker)));
        let most = self.scope.max_markets.unwrap_or(usize::MAX).min(new.len());
        found.waiting = new.len() - most;
        new.truncate(most);
        let mut fees = BTreeMap::new();
        for market in new {
            self.remark_on(&market);
            let ticker = market.ticker.clone();
            match self.build_state_entry(market, &mut events, &mut fees).await {
                Ok(entry) => {
                    found.new.insert(ticker.clone());
                    self.state.markets.insert(ticker, entry);
                }
                Err(PullError::Unreadable(problem)) => self.exchange.leave_out(ticker, problem),
                Err(error) => return Err(error),
            }
        }
        found.fee_changes = self.fee_changes(&mut fees).await?;
        Ok(found)
    }

    async fn list_target(
        &mut self,
        target: &str,
        complete: Option<Timestamp>,
        listed: &mut BTreeMap<String, Listed>,
        events: &mut BTreeMap<String, EventFacts>,
        old: &mut BTreeSet<String>,
    ) -> Result<(), PullError> {
        let exchange = self.exchange;
        let closing_since = self.scope.since.max(complete);
        let mut filter = MarketFilter { closing_since, ..MarketFilter::default() };
        if exchange.series(target).await?.is_some() {
            filter.series_ticker = Some(target.to_owned());
            let of_series = exchange.events_of_series(target, closing_since).await?;
            events.extend(of_series.into_iter().map(|event| (event.ticker.clone(), event)));
        } else if let Some(event) = exchange.event(target).await? {
            filter.event_ticker = Some(target.to_owned());
            events.insert(event.ticker.clone(), event);
        } else {
            let mut market = exchange.market(Half::Live, target).await?;
            if market.is_none() {
                old.insert(target.to_owned());
                market = exchange.market(Half::Historical, target).await?;
            }
            let market = market.ok_or_else(|| self.unknown_target_error(target))?;
            listed.insert(target.to_owned(), market);
            return Ok(());
        }
        for market in exchange.list_markets(Half::Live, &filter).await? {
            listed.insert(market.ticker.clone(), market);
        }
        // What has become history since the list was complete was in it.
        if complete.is_none_or(|complete| complete < self.cutoff.settled) {
            let filter = MarketFilter { closing_since: None, ..filter };
            for market in exchange.list_markets(Half::Historical, &filter).await? {
                if !listed.contains_key(&market.ticker) {
                    old.insert(market.ticker.clone());
                    listed.insert(market.ticker.clone(), market);
                }
            }
        }
        (self.progress)(Progress::Listing { markets: listed.len() });
        Ok(())
    }

    fn unknown_target_error(&self, target: &str) -> PullError {
        let environment = &self.state.terms.environment;
        PullError::Usage(format!(
            "{environment} has no series, event or market {target}; check how it is spelled"
        ))
    }

    /// Markets of the data set that are not over and were not listed with their series.
    async fn list_unfinished_markets(
        &mut self,
        listed: &mut BTreeMap<String, Listed>,
        old: &mut BTreeSet<String>,
    ) -> Result<(), PullError> {
        let trades = self.state.terms.trades;
        let open = self.state.markets.iter().filter(|(_, entry)| !entry.is_whole(trades));
        let missing: Vec<String> =
            open.map(|(ticker, _)| ticker.clone()).filter(|ticker| !listed.contains_key(ticker)).collect();
        for tickers in missing.chunks(TICKERS) {
            let filter = MarketFilter { tickers: tickers.to_vec(), ..MarketFilter::default() };
            let live = self.exchange.list_markets(Half::Live, &filter).await?;
            listed.extend(live.into_iter().map(|market| (market.ticker.clone(), market)));
            for ticker in tickers {
                if listed.contains_key(ticker) {
                    continue;
                }
                match self.exchange.market(Half::Historical, ticker).await {
                    Err(PullError::Unreadable(problem)) => self.exchange.leave_out(ticker.clone(), problem),
                    Err(error) => return Err(error),
                    Ok(Some(market)) => {
                        old.insert(ticker.clone());
                        listed.insert(ticker.clone(), market);
                    }
                    Ok(None) => {
                        self.notes.add_occurrence("no longer listed by the exchange", || ticker.clone());
                    }
                }
            }
        }
        Ok(())
    }

    fn should_add_market(&mut self, market: &Listed) -> bool {
        let PullScope { since, until, .. } = self.scope;
        if market.open >= market.close {
            self.notes.add_occurrence("left out: closes before it opens", || market.ticker.clone());
            return false;
        }
        if market.settled.is_some_and(|(at, _)| at < market.open) {
            self.notes.add_occurrence("left out: paid out before it opened", || market.ticker.clone());
            return false;
        }
        since.is_none_or(|since| market.close > since) && market.open < until
    }

    fn remark_on(&mut self, market: &Listed) {
        if market.over && market.settled.is_none() {
            let kind = "without result: the exchange does not say when it paid, or pays finer than $0.0001";
            self.notes.add_occurrence(kind, || market.ticker.clone());
        }
    }

    async fn build_state_entry(
        &mut self,
        listed: Listed,
        events: &mut BTreeMap<String, EventFacts>,
        fees: &mut BTreeMap<String, (PulledSeries, Fees)>,
    ) -> Result<StateEntry, PullError> {
        if !events.contains_key(&listed.event) {
            let event = self.exchange.event(&listed.event).await?;
            let event = event.ok_or_else(|| {
                let (event, ticker) = (&listed.event, &listed.ticker);
                PullError::Unreadable(format!(
                    "event {event} of market {ticker} is not known to the exchange"
                ))
            })?;
            events.insert(listed.event.clone(), event);
        }
        let event = &events[&listed.event];
        let (series, known) = self.series_with_fees(&event.series, fees).await?;
        let mut at_listing = self.fees_at(&event.series, known, listed.open);
        if event.fee_type.is_some() || event.multiplier_ppm.is_some() {
            at_listing.fee_type = event.fee_type.unwrap_or(at_listing.fee_type);
            at_listing.multiplier_ppm = event.multiplier_ppm.unwrap_or(at_listing.multiplier_ppm);
            self.notes.add_occurrence("fees of its own, taken to hold from its first market on", || {
                event.ticker.clone()
            });
        }
        Ok(StateEntry {
            listed,
            series: event.series.clone(),
            category: series.category.clone(),
            fees: at_listing,
            exclusive: event.exclusive,
            candles_until: None,
            trades_until: None,
            volume: 0,
        })
    }

    async fn series_with_fees<'f>(
        &self,
        ticker: &str,
        fees: &'f mut BTreeMap<String, (PulledSeries, Fees)>,
    ) -> Result<(&'f PulledSeries, &'f Fees), PullError> {
        if !fees.contains_key(ticker) {
            let series = self.exchange.series(ticker).await?;
            let problem = || PullError::Unreadable(format!("series {ticker} is not known to the exchange"));
            let series = series.ok_or_else(problem)?;
            let mut changes = self.exchange.fee_changes(ticker).await?;
            changes.sort_by_key(|&(at, _)| at);
            let now = series.fees;
            fees.insert(ticker.to_owned(), (series, Fees { now, changes }));
        }
        let (series, known) = &fees[ticker];
        Ok((series, known))
    }

    /// The fees of a series at a moment. Those before its first change are not told.
    fn fees_at(&mut self, series: &str, fees: &Fees, at: Timestamp) -> FeeSchedule {
        let past = fees.changes.iter().rfind(|&&(from, _)| from <= at);
        match (past, fees.changes.first()) {
            (Some(&(_, fees)), _) => fees,
            (None, Some(&(first, _))) if first <= self.state.as_of => {
                let kind = "fees before the first change that is told, taken to be quadratic, multiplier 1";
                self.notes.add_occurrence(kind, || format!("{series} before {first}"));
                FeeSchedule::STANDARD
            }
            (None, _) => fees.now,
        }
    }

    /// Changes of the fees of all series, each from the first market of its series on.
    async fn fee_changes(
        &self,
        fees: &mut BTreeMap<String, (PulledSeries, Fees)>,
    ) -> Result<Vec<FeeChange>, PullError> {
        let mut begins: BTreeMap<&str, Timestamp> = BTreeMap::new();
        for entry in self.state.markets.values() {
            let begin = begins.entry(&entry.series).or_insert(entry.listed.open);
            *begin = entry.listed.open.min(*begin);
        }
        let mut changes = Vec::new();
        for (series, begin) in begins {
            let (_, known) = self.series_with_fees(series, fees).await?;
            let later = known.changes.iter().filter(|&&(at, _)| at > begin);
            changes.extend(later.map(|&(effective_at, fees)| FeeChange {
                series_ticker: series.to_owned(),
                effective_at,
                fees,
            }));
        }
        Ok(changes)
    }
}
