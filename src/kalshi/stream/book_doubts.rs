//! Which books are in doubt although no message is missing: those that are crossed, and those whose best prices are
//! not the ticker's.
//!
//! Book and ticker describe one market over two subscriptions, so for moments they may differ. While a ticker differs
//! that is no older than the book, changes of the book are not told. A difference that lasts makes the book be dropped
//! and asked for again. If that does not help, the market is reported as unreadable.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::domain::{Price, Span, Timestamp};
use crate::kalshi::book::{BookId, Top};
use crate::kalshi::ws_messages::Ticker;

/// How long a ticker may differ from a book that is older: the change of the book is still on its way.
const BOOK_DELAY: Duration = Duration::from_secs(2);
/// How long a ticker may differ from a book that changed after it: the next ticker is still on its way.
const TICKER_DELAY: Duration = Duration::from_secs(10);
/// A book is asked for again so many times after it was crossed, then only on the next connection. The same holds
/// for a book that its ticker contradicts, counted from when they last agreed. Until then the market is known by its
/// ticker and by REST.
const MOST_DROPS: u32 = 3;

/// Since when a book and its ticker differ, and how long they may.
#[derive(Clone, Copy, Debug)]
struct TickerDifference {
    /// Moment by our own clock.
    since: Duration,
    /// By the exchange's clock: the moment of the later of the two.
    at: Timestamp,
    delay: Duration,
}

impl TickerDifference {
    fn is_overdue(&self, now: Duration, exchange_now: Timestamp) -> bool {
        now >= self.since + self.delay || exchange_now > self.at + Span::from(self.delay)
    }
}

/// What is compared for one book.
#[derive(Clone, Copy, Debug, Default)]
struct BookCheck {
    /// Moment, best bid and best ask of the last ticker; `None` before the first.
    ticker: Option<(Timestamp, Option<Price>, Option<Price>)>,
    /// Moment of the book's last change; `None` if it was not sent.
    changed_at: Option<Timestamp>,
    /// `None` while they agree.
    difference: Option<TickerDifference>,
    /// How often the book was dropped since they last agreed.
    drops: u32,
}

/// The doubts about the books of one connection.
#[derive(Debug, Default)]
pub(super) struct BookDoubts {
    checks: BTreeMap<BookId, BookCheck>,
    /// Books that differ from their ticker.
    differing: BTreeSet<BookId>,
    /// The latest moment of the exchange's clock that any message named.
    exchange_now: Option<Timestamp>,
    /// How often each book was crossed.
    crossings: BTreeMap<BookId, u32>,
    /// Books that were dropped, to be asked for again.
    to_ask: Vec<BookId>,
}

impl BookDoubts {
    /// Notes that the exchange's clock has come to a moment.
    pub fn note_time(&mut self, at: Option<Timestamp>) {
        self.exchange_now = self.exchange_now.max(at);
    }

    /// Keeps the best prices that a ticker names.
    pub fn note_ticker(&mut self, id: BookId, ticker: &Ticker) {
        self.checks.entry(id).or_default().ticker = Some((ticker.at, ticker.bid, ticker.ask));
    }

    /// Notes that a book changed, and when.
    pub fn note_change(&mut self, id: BookId, at: Option<Timestamp>) {
        self.checks.entry(id).or_default().changed_at = at;
    }

    /// Tickers may have been lost: nothing is compared until there is a new one.
    pub fn forget_tickers(&mut self) {
        self.differing.clear();
        for check in self.checks.values_mut() {
            (check.ticker, check.difference) = (None, None);
        }
    }

    /// Compares a book with its ticker. Returns whether its best prices may be told: they agree, there is no ticker, the
    /// ticker is the older of the two, or the book is empty. A market that closes empties its book, and no ticker follows;
    /// of an empty book nothing can be bought.
    pub fn may_tell(&mut self, id: BookId, top: &Top, now: Duration) -> bool {
        let check = self.checks.entry(id).or_default();
        let Some((at, bid, ask)) = check.ticker else { return true };
        if (bid, ask) == (top.bid, top.ask) {
            (check.difference, check.drops) = (None, 0);
            self.differing.remove(&id);
            return true;
        }
        if top.bid.is_none() && top.ask.is_none() {
            check.difference = None;
            self.differing.remove(&id);
            return true;
        }
        self.differing.insert(id);
        if let Some(later) = check.changed_at.filter(|changed_at| *changed_at > at) {
            check.difference = Some(TickerDifference { since: now, at: later, delay: TICKER_DELAY });
            return true;
        }
        let difference = TickerDifference { since: now, at, delay: BOOK_DELAY };
        check.difference = check.difference.filter(|known| known.delay == BOOK_DELAY).or(Some(difference));
        false
    }

    /// Books whose difference has lasted too long; each counts as dropped.
    pub fn take_overdue(&mut self, now: Duration) -> Vec<BookId> {
        let exchange_now = self.exchange_now.unwrap_or(Timestamp::MIN);
        let overdue = |id: &BookId| {
            let difference = self.checks.get(id).and_then(|check| check.difference);
            difference.is_some_and(|difference| difference.is_overdue(now, exchange_now))
        };
        let found: Vec<BookId> = self.differing.iter().copied().filter(overdue).collect();
        for id in &found {
            self.differing.remove(id);
            let check = self.checks.entry(*id).or_default();
            check.difference = None;
            check.drops += 1;
            if check.drops <= MOST_DROPS {
                self.to_ask.push(*id);
            }
        }
        found
    }

    /// When the next difference has lasted too long by our clock.
    pub fn next_deadline(&self) -> Option<Duration> {
        let differences = self.differing.iter().filter_map(|id| self.checks.get(id)?.difference);
        differences.map(|difference| difference.since + difference.delay).min()
    }

    /// What is wrong with a book that was dropped as it differs from its ticker; `None` if it was for the first time
    /// since they agreed, which a lost message explains.
    pub fn difference_problem(&self, id: BookId, top: &Top) -> Option<String> {
        let check = self.checks.get(&id).filter(|check| check.drops > 1)?;
        let (_, bid, ask) = check.ticker?;
        let (book, ticker) = (prices_text(top.bid, top.ask), prices_text(bid, ask));
        Some(format!("its book has {book}, and its ticker {ticker}"))
    }

    /// Counts a book as crossed, to be asked for again unless it was too often. Returns what is wrong with it.
    pub fn count_crossing(&mut self, id: BookId, top: &Top) -> String {
        let times = self.crossings.entry(id).or_default();
        *times += 1;
        if *times <= MOST_DROPS {
            self.to_ask.push(id);
        }
        let (bid, ask) = (price_text(top.bid), price_text(top.ask));
        format!("its book is crossed: the bid {bid} is not below the ask {ask}")
    }

    /// Takes out the books to be asked for again.
    pub fn take_books_to_ask(&mut self) -> Vec<BookId> {
        std::mem::take(&mut self.to_ask)
    }
}

fn price_text(price: Option<Price>) -> String {
    price.map_or_else(|| "none".to_owned(), |price| price.to_string())
}

fn prices_text(bid: Option<Price>, ask: Option<Price>) -> String {
    format!("bid {} and ask {}", price_text(bid), price_text(ask))
}
