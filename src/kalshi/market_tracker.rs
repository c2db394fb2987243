//! The market tracker: turns what the exchange reports about markets into the desk's [`MarketEvent`]s.
//!
//! `ExchangeSession` drives it, in live, paper and recording sessions; recovery uses it before a session begins. REST
//! market reports, best prices of followed order books, ticker and lifecycle messages go in. [`MarketTracker::take_events`]
//! returns events that name markets by [`MarketId`]; [`MarketTracker::take_unknown_tickers`] returns the tickers that have to be
//! read over REST. There is no I/O and no clock here: callers pass the time.
//!
//! Invariants:
//! 1. A market keeps its [`MarketId`]; ids count from 0 in order of listing, and [`MarketTracker::restore_market`] panics on
//!    any other order. [`MarketTracker::apply_market_reports`] lists new markets by opening time, then ticker: only those in the
//!    scope that have opened and are not finalized.
//! 2. `Listed` comes before every other event of a new market, and again when strike, price grid or fees differ.
//!    Test: `other_fees_are_another_definition_of_the_market`.
//! 3. One `take_events` returns at most one `Quote` a market, the latest, after all other events; none while trading is
//!    paused (`while_the_exchange_pauses_no_quote_holds_and_no_order_is_sent_and_then_it_goes_on`).
//! 4. While a book is followed (`Source::Book`), bid, ask and their sizes come from `update_best_prices` alone. REST and ticker
//!    add last price and volume, the ticker also the recorded midpoint.
//! 5. A stale book yields one `Gap` (`invalidate_quote_source`), and no `Quote` until `update_best_prices` or a REST report brings prices again.
//! 6. A `Status` event is always a change. `Settled` comes at most once, with a value, and no `Status` follows it
//!    (`set_status`, `settle_market`). Two reports have to agree on the value, of which one is by REST; if they differ, or
//!    REST does not say it, the market is set aside.
//! 7. A market that cannot be understood, or priced, is set aside once and cleared once ([`super::set_aside`]). What is
//!    out of scope is never asked for, whatever the stream tells (`markets_out_of_scope_are_not_asked_for`).
//! 8. The same calls give the same events in the same order: no hash map, no clock, no randomness.
//!
//! Known limits:
//! - Markets are never removed. The scope decides only which new markets are listed.
//! - Quotes are not filtered by status. A followed book's last price and volume from REST wait for its next quote.
//! - A payout that is not said, below $0 or above $1 is not booked: the market stays unsettled and set aside. One finer
//!   than $0.000001 cannot be read, nor can the market. [`SettlementValue`] holds all others exactly.
//! - Without `scanner.series` every market of the exchange is of interest, and each that is listed is read.
//! - The close passing causes no event; [`LiveFeed`](crate::feed::LiveFeed) closes markets. Unit tests cover
//!   repeated listing and gaps; the rest is tested through whole sessions.
//!
//! Where to look next: `session/` (`inbound.rs`, `outbound.rs`, `pause.rs`, `sweep.rs`), `market_reader.rs` (REST),
//! `book.rs` and `stream/` (order books), `src/live/reconciliation.rs` (recovery). Tests: `market_tracker_tests.rs`,
//! `session/tests.rs`, `tests/it/{wall,live,parity}.rs`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::domain::{
    Contracts, Depth, EventId, FeeSchedule, Market, MarketId, MarketStatus, Quote, SeriesId, SettlementValue,
    Span, Strike, Timestamp,
};
use crate::engine::gateway::BookExtras;
use crate::event::{Control, Input, MarketEvent};

use super::book::Top;
use super::market_reports::{MarketReport, MarketReports, MarketScope, SeriesFacts, UnreadableMarket};
use super::scope_filter::ScopeFilter;
use super::set_aside::SetAsideMarkets;
use super::wire::{self, MarketResult};
use super::ws_messages::{EventLifecycle, Lifecycle, Ticker, Turn};

/// Where the best prices of a market come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    /// REST or the ticker: no book is kept.
    Reports,
    /// A book that is kept up.
    Book,
    /// None: the book is stale.
    Nothing,
}

#[derive(Debug)]
struct TrackedMarket {
    market: Arc<Market>,
    quote: Quote,
    source: Source,
    /// When the desk was last told a quote.
    told_at: Timestamp,
    status: MarketStatus,
    close: Timestamp,
    /// What it pays by the last report, which a second has to confirm; `None` if nothing was reported.
    claimed_payout: Option<SettlementValue>,
    /// Contracts held by either side, from the last ticker message; `None` before the first.
    open_interest: Option<Contracts>,
    /// Levels beneath the best prices, if they are told.
    deeper: Arc<Depth>,
    dirty: bool,
}

/// All markets that were listed so far, with what the desk was told of each and has yet to hear.
#[derive(Debug, Default)]
pub struct MarketTracker {
    filter: ScopeFilter,
    /// Quotes unconfirmed for longer are told again when a report confirms them.
    confirm_after: Option<Span>,
    known: Vec<TrackedMarket>,
    names: BTreeMap<Arc<str>, MarketId>,
    events: BTreeMap<Arc<str>, EventId>,
    series: BTreeMap<Arc<str>, SeriesId>,
    dirty: Vec<MarketId>,
    /// Nothing is traded: what is heard is kept, and told when trading goes on.
    paused: bool,
    unknown: BTreeSet<Arc<str>>,
    set_aside: SetAsideMarkets,
    /// What the desk has to hear of markets set aside and cleared.
    controls: Vec<Control>,
    out: Vec<MarketEvent>,
}

impl MarketTracker {
    /// Watches the markets of a scope.
    #[must_use]
    pub fn new(scope: MarketScope, confirm_after: Option<Span>) -> Self {
        Self { filter: ScopeFilter::of_scope(scope), confirm_after, ..Self::default() }
    }

    /// Goes on with a market that is known from before, under its number. In the order of the numbers.
    pub fn restore_market(&mut self, market: &Arc<Market>, status: MarketStatus, close: Timestamp) {
        assert!(market.id.index() == self.known.len(), "markets are numbered in the order of their listing");
        self.events.entry(Arc::clone(&market.event_ticker)).or_insert(market.event);
        self.series.entry(Arc::clone(&market.series_ticker)).or_insert(market.series);
        self.track_market(Arc::clone(market), status, close);
    }

    /// Returns the number of the market with this ticker; `None` if it was never listed.
    #[must_use]
    pub fn find_market_id(&self, ticker: &str) -> Option<MarketId> {
        self.names.get(ticker).copied()
    }

    /// Returns the market with this number; `None` if there is none.
    #[must_use]
    pub fn market(&self, id: MarketId) -> Option<&Arc<Market>> {
        self.known.get(id.index()).map(|known| &known.market)
    }

    /// Goes on with a market that was set aside when the last process ended: it is cleared as soon as it can be read.
    pub fn restore_set_aside(&mut self, ticker: &Arc<str>) {
        self.set_aside.set_aside(ticker, Timestamp::MIN);
    }

    /// Sets a market aside that cannot be understood, unless it is of no interest.
    pub fn set_market_aside(&mut self, ticker: &Arc<str>, reason: String, now: Timestamp) {
        let market = self.find_market_id(ticker);
        if market.is_some_and(|id| self.known[id.index()].status == MarketStatus::Settled) {
            return;
        }
        if self.set_aside.set_aside(ticker, now) {
            self.controls.push(Control::SetAside { ticker: Arc::clone(ticker), market, reason });
        }
    }

    fn announce_cleared(&mut self, ticker: &str) {
        let control = Control::SetAsideCleared { ticker: ticker.into(), market: self.find_market_id(ticker) };
        self.controls.push(control);
    }

    /// Takes out what the desk has to hear of markets set aside and cleared; before [`Self::take_events`].
    pub fn take_controls(&mut self) -> Vec<Control> {
        std::mem::take(&mut self.controls)
    }

    /// Asks for the markets again whose time of being set aside is over at `now`.
    pub fn ask_for_set_aside(&mut self, now: Timestamp) {
        let due = self.set_aside.take_due(now);
        self.unknown.extend(due);
    }

    /// Whether a market or an event that the stream names may be of interest; one with markets that are listed is.
    fn may_be_in_scope(&self, ticker: &str, event: Option<&str>) -> bool {
        event.is_some_and(|event| self.events.contains_key(event)) || self.filter.may_cover(ticker, event)
    }

    /// Remembers an event of the scope that the exchange has listed.
    pub fn note_event(&mut self, event: &EventLifecycle) {
        self.filter.note_event(event);
    }

    /// Whether an event may have markets of interest.
    #[must_use]
    pub fn may_have_event(&self, event: &str) -> bool {
        self.may_be_in_scope(event, Some(event))
    }

    /// Markets that have not been paid out.
    pub fn unsettled_markets(&self) -> impl Iterator<Item = &Arc<Market>> {
        let left = self.known.iter().filter(|known| known.status != MarketStatus::Settled);
        left.map(|known| &known.market)
    }

    /// Whether a series is of interest.
    #[must_use]
    pub fn covers_series(&self, series: &SeriesFacts) -> bool {
        self.filter.market_scope().covers_series(&series.ticker, &series.category)
    }

    /// Markets that were heard of and have to be asked for.
    pub fn take_unknown_tickers(&mut self) -> BTreeSet<Arc<str>> {
        std::mem::take(&mut self.unknown)
    }

    /// Markets have to be asked for, once more.
    pub fn ask_for(&mut self, tickers: impl IntoIterator<Item = Arc<str>>) {
        self.unknown.extend(tickers);
    }

    /// Takes out all that the desk has to hear: of markets set aside and cleared first, then [`Self::take_events`].
    pub fn take_inputs(&mut self, now: Timestamp) -> Vec<Input> {
        let controls = self.take_controls().into_iter().map(Input::Control);
        controls.chain(self.take_events(now).into_iter().map(Input::Market)).collect()
    }

    /// Takes out the events that the desk has to hear, at most one quote a market.
    pub fn take_events(&mut self, now: Timestamp) -> Vec<MarketEvent> {
        let tellable = if self.paused { Vec::new() } else { std::mem::take(&mut self.dirty) };
        for id in tellable {
            let known = &mut self.known[id.index()];
            known.dirty = false;
            if known.source != Source::Nothing {
                known.told_at = now;
                self.out.push(MarketEvent::Quote { market: id, quote: known.quote });
            }
        }
        std::mem::take(&mut self.out)
    }

    /// Markets as reported by REST. New ones are listed in the order of their opening. One that cannot be understood,
    /// or that no strategy can price, is set aside.
    pub fn apply_market_reports(&mut self, found: &MarketReports, now: Timestamp) {
        let mut order: Vec<&MarketReport> = found.reports.iter().collect();
        order.sort_by(|(one, _), (other, _)| {
            (one.open_time, &one.ticker).cmp(&(other.open_time, &other.ticker))
        });
        for (report, series) in order {
            if report.open_time > now {
                continue;
            }
            let known = self.find_market_id(&report.ticker);
            // A market that is held stays of interest when the scope was narrowed: it has to be paid out.
            if known.is_none()
                && (!self.covers_series(series) || report.status == wire::ApiMarketStatus::Finalized)
            {
                continue;
            }
            let strike = report.strike().map_err(|error| error.to_string());
            match strike.and_then(|strike| report.unpriceable_reason().map_or(Ok(strike), Err)) {
                Ok(strike) => self.apply_market_report(known, report, series, strike, now),
                Err(reason) => {
                    self.set_market_aside(&report.ticker.as_str().into(), reason, now);
                    // It is not traded, but what is held of it has to be paid out.
                    if let Some(id) = known {
                        self.settle_if_final(id, report, now);
                    }
                }
            }
        }
        for UnreadableMarket { ticker, reason } in &found.odd {
            self.set_market_aside(ticker, reason.clone(), now);
        }
        for ticker in &found.unknown {
            // One that was listed stays set aside: what is held of it has to be paid out.
            if self.find_market_id(ticker).is_none() && self.set_aside.clear_at_once(ticker) {
                self.announce_cleared(ticker);
            }
        }
    }

    fn apply_market_report(
        &mut self,
        known: Option<MarketId>,
        report: &wire::ApiMarket,
        series: &SeriesFacts,
        strike: Strike,
        now: Timestamp,
    ) {
        if self.set_aside.clear_if_due(&report.ticker, now) {
            self.announce_cleared(&report.ticker);
        }
        match known {
            Some(id) => self.update_market(id, report, strike, series.fees, now),
            // Until its pause is over it is not even listed.
            None if self.set_aside.is_set_aside(&report.ticker) => {}
            None => self.list_new_market(report, strike, series),
        }
    }

    fn list_new_market(&mut self, report: &wire::ApiMarket, strike: Strike, series: &SeriesFacts) {
        let event_ticker: Arc<str> = report.event_ticker.as_str().into();
        let id = MarketId(u32::try_from(self.known.len()).expect("there are fewer markets than numbers"));
        let market = Arc::new(Market {
            id,
            event: get_or_assign_id(&mut self.events, &event_ticker, EventId),
            series: get_or_assign_id(&mut self.series, &series.ticker, SeriesId),
            ticker: report.ticker.as_str().into(),
            event_ticker,
            series_ticker: Arc::clone(&series.ticker),
            category: Arc::clone(&series.category),
            title: title_of(report),
            strike,
            open_time: report.open_time,
            close_time: report.close_time,
            grid: report.grid.clone(),
            fees: series.fees,
        });
        self.out.push(MarketEvent::Listed(Arc::clone(&market)));
        self.track_market(market, MarketStatus::Active, report.close_time);
        let known = &mut self.known[id.index()];
        known.quote = quote_of(report);
        let status = report.status.in_domain();
        self.set_status(id, status);
        self.mark_quote_dirty(id);
    }

    fn track_market(&mut self, market: Arc<Market>, status: MarketStatus, close: Timestamp) {
        self.names.insert(market.ticker.as_ref().into(), market.id);
        self.known.push(TrackedMarket {
            market,
            quote: Quote::default(),
            source: Source::Reports,
            told_at: Timestamp::MIN,
            status,
            close,
            claimed_payout: None,
            open_interest: None,
            deeper: Arc::default(),
            dirty: false,
        });
    }

    fn update_market(
        &mut self,
        id: MarketId,
        report: &wire::ApiMarket,
        strike: Strike,
        fees: FeeSchedule,
        now: Timestamp,
    ) {
        let known = &mut self.known[id.index()];
        if known.close != report.close_time {
            known.close = report.close_time;
            self.out.push(MarketEvent::CloseTime { market: id, close: report.close_time });
        }
        let grid = &report.grid;
        if known.market.strike != strike || known.market.grid != *grid || known.market.fees != fees {
            let mut market = Market::clone(&known.market);
            (market.strike, market.grid, market.fees) = (strike, grid.clone(), fees);
            market.close_time = report.close_time;
            known.market = Arc::new(market);
            self.out.push(MarketEvent::Listed(Arc::clone(&known.market)));
        }
        let reported = quote_of(report);
        let known = &mut self.known[id.index()];
        let old = self.confirm_after.is_some_and(|after| now.since(known.told_at) >= after);
        let changed = match known.source {
            // A book that is kept up is newer than any report; only what it does not know is taken.
            Source::Book => {
                (known.quote.volume, known.quote.last) = (reported.volume, reported.last);
                false
            }
            Source::Reports | Source::Nothing => {
                known.source = Source::Reports;
                let untold = known.told_at == Timestamp::MIN;
                std::mem::replace(&mut known.quote, reported) != reported || untold
            }
        };
        if !self.settle_if_final(id, report, now) {
            if report.status == wire::ApiMarketStatus::Active {
                self.known[id.index()].claimed_payout = None;
            }
            self.set_status(id, report.status.in_domain());
            if changed || old {
                self.mark_quote_dirty(id);
            }
        }
    }

    /// Settles a market that is reported as finalized, once a second report of what it pays agrees: the stream's, or
    /// that of another read. If that is not known, or reports differ, it is set aside. Returns whether it is finalized.
    fn settle_if_final(&mut self, id: MarketId, report: &wire::ApiMarket, now: Timestamp) -> bool {
        if report.status != wire::ApiMarketStatus::Finalized {
            return false;
        }
        if let Some(value) = settlement_of(report) {
            match self.known[id.index()].claimed_payout.replace(value) {
                Some(claimed) if claimed == value => self.settle_market(id, value),
                Some(claimed) => {
                    let reason = format!("reports of what it paid differ: first {claimed}, then {value}");
                    self.set_market_aside(&report.ticker.as_str().into(), reason, now);
                }
                None => self.ask_for([report.ticker.as_str().into()]),
            }
        } else {
            let value = report.settlement_money.map_or_else(|| "none".to_owned(), |value| value.to_string());
            let reason = format!(
                "it is finalized, but what it paid is not known: settlement_value_dollars is {value}"
            );
            self.set_market_aside(&report.ticker.as_str().into(), reason, now);
        }
        true
    }

    /// The best prices of a book that is kept up.
    pub fn update_best_prices(&mut self, ticker: &str, top: Top) {
        let Some(id) = self.find_market_id(ticker) else { return };
        let known = &mut self.known[id.index()];
        known.source = Source::Book;
        let before = known.quote;
        (known.quote.bid, known.quote.bid_size) = (top.bid, top.bid_size);
        (known.quote.ask, known.quote.ask_size) = (top.ask, top.ask_size);
        if known.quote != before || known.told_at == Timestamp::MIN {
            self.mark_quote_dirty(id);
        }
    }

    /// The levels beneath the best prices of a book that is kept up; `counts` says whether another level there
    /// is told as a change of the quote is, or only with the next quote.
    pub fn update_depth(&mut self, ticker: &str, deeper: Arc<Depth>, counts: bool) {
        let Some(id) = self.find_market_id(ticker) else { return };
        self.known[id.index()].deeper = deeper;
        if counts {
            self.mark_quote_dirty(id);
        }
    }

    /// What is known of a market's book beside its quote.
    #[must_use]
    pub fn book_extras(&self, market: MarketId) -> BookExtras {
        let Some(known) = self.known.get(market.index()) else { return BookExtras::default() };
        let of_book = known.source == Source::Book;
        let deeper = if of_book { Arc::clone(&known.deeper) } else { Arc::default() };
        BookExtras { open_interest: known.open_interest, deeper }
    }

    /// A ticker message: always told on, since the exchange only sends it when something changed.
    pub fn apply_ticker_message(&mut self, ticker: &Ticker) {
        let Some(id) = self.find_market_id(&ticker.ticker) else { return };
        let known = &mut self.known[id.index()];
        known.open_interest = Some(ticker.open_interest);
        let quote = &mut known.quote;
        (quote.last, quote.volume) = (ticker.last, Some(ticker.volume));
        (quote.recorded_mid, quote.assumed) = (ticker.mid, ticker.mid.is_some());
        if known.source == Source::Reports {
            (quote.bid, quote.bid_size) = (ticker.bid, ticker.bid.map(|_| ticker.bid_size));
            (quote.ask, quote.ask_size) = (ticker.ask, ticker.ask.map(|_| ticker.ask_size));
        }
        self.mark_quote_dirty(id);
    }

    /// A book that cannot be relied on any more.
    pub fn mark_book_stale(&mut self, ticker: &str) {
        if let Some(id) = self.find_market_id(ticker) {
            self.invalidate_quote_source(id);
        }
    }

    /// No book can be relied on any more.
    pub fn all_stale(&mut self) {
        for id in self.every_id() {
            if self.known[id.index()].source == Source::Book {
                self.invalidate_quote_source(id);
            }
        }
    }

    /// Results may have been replaced by others that were not heard: what was determined is read again when it is paid.
    pub fn forget_determinations(&mut self) {
        self.known.iter_mut().for_each(|known| known.claimed_payout = None);
    }

    fn invalidate_quote_source(&mut self, id: MarketId) {
        let known = &mut self.known[id.index()];
        if known.source != Source::Nothing {
            known.source = Source::Nothing;
            self.emit_quote_gap(id);
        }
    }

    /// What was told of a market does not hold any more; whatever is heard next is told, changed or not.
    fn emit_quote_gap(&mut self, id: MarketId) {
        self.known[id.index()].told_at = Timestamp::MIN;
        self.out.push(MarketEvent::Gap { market: id });
    }

    /// Nothing is traded until [`resume_trading`](Self::resume_trading): no quote holds.
    pub fn pause_trading(&mut self) {
        self.paused = true;
        for id in self.every_id() {
            let known = &self.known[id.index()];
            if known.told_at > Timestamp::MIN && known.status != MarketStatus::Settled {
                self.emit_quote_gap(id);
            }
        }
    }

    /// Trading goes on. A book that was kept up holds; the rest is told when it is reported again.
    pub fn resume_trading(&mut self) {
        self.paused = false;
        for id in self.every_id() {
            if self.known[id.index()].source == Source::Book {
                self.mark_quote_dirty(id);
            }
        }
    }

    fn every_id(&self) -> impl Iterator<Item = MarketId> + use<> {
        (0..self.known.len()).map(|index| MarketId(u32::try_from(index).expect("it is a market's number")))
    }

    /// A turn in a market's life. The stream tells of all markets of the exchange; those out of scope are passed over.
    pub fn apply_lifecycle_message(&mut self, message: &Lifecycle) {
        let ticker = &message.ticker;
        let Some(id) = self.find_market_id(ticker) else {
            let event = match &message.turn {
                Turn::Created { event } => event.as_deref(),
                Turn::Activated => None,
                _ => return,
            };
            if self.may_be_in_scope(ticker, event) {
                self.unknown.insert(Arc::clone(ticker));
            }
            return;
        };
        match &message.turn {
            Turn::Activated => self.set_status(id, MarketStatus::Active),
            Turn::Deactivated => self.set_status(id, MarketStatus::Halted),
            Turn::CloseDateUpdated { close } => {
                self.known[id.index()].close = *close;
                self.out.push(MarketEvent::CloseTime { market: id, close: *close });
            }
            Turn::Determined { value } => {
                self.known[id.index()].claimed_payout = *value;
                self.set_status(id, MarketStatus::Closed);
            }
            // What it was determined to be is confirmed by REST before money moves.
            Turn::Settled | Turn::Created { .. } | Turn::Redefined => {
                self.unknown.insert(Arc::clone(ticker));
            }
        }
    }

    fn set_status(&mut self, id: MarketId, status: MarketStatus) {
        let known = &mut self.known[id.index()];
        if known.status != status && known.status != MarketStatus::Settled {
            known.status = status;
            self.out.push(MarketEvent::Status { market: id, status });
        }
    }

    fn settle_market(&mut self, id: MarketId, value: SettlementValue) {
        let known = &mut self.known[id.index()];
        if known.status == MarketStatus::Settled {
            return;
        }
        known.status = MarketStatus::Settled;
        let ticker = known.market.ticker.clone();
        if self.set_aside.clear_at_once(&ticker) {
            self.announce_cleared(&ticker);
        }
        self.out.push(MarketEvent::Settled { market: id, value });
    }

    fn mark_quote_dirty(&mut self, id: MarketId) {
        if !std::mem::replace(&mut self.known[id.index()].dirty, true) {
            self.dirty.push(id);
        }
    }
}

/// The number of a name, the next one if it is new.
fn get_or_assign_id<Id: Copy>(
    numbers: &mut BTreeMap<Arc<str>, Id>,
    name: &Arc<str>,
    id: fn(u32) -> Id,
) -> Id {
    let next = u32::try_from(numbers.len()).expect("there are fewer names than numbers");
    *numbers.entry(Arc::clone(name)).or_insert(id(next))
}

fn title_of(report: &wire::ApiMarket) -> Box<str> {
    report.title.as_deref().or(report.yes_sub_title.as_deref()).unwrap_or_default().into()
}

fn quote_of(report: &wire::ApiMarket) -> Quote {
    Quote { assumed: report.mid.is_some(), ..report.quote() }
}

fn settlement_of(report: &wire::ApiMarket) -> Option<SettlementValue> {
    if report.settlement_money.is_some() {
        return report.settlement_value();
    }
    match report.result? {
        MarketResult::Yes => Some(SettlementValue::ONE),
        MarketResult::No => Some(SettlementValue::ZERO),
        MarketResult::Scalar => None,
    }
}

#[cfg(test)]
#[path = "market_tracker_tests.rs"]
mod tests;
