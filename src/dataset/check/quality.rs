//! What is odd about a data set without making it unusable: prices off the market's grid, events with another
//! number of winners than one, results against the last price, gaps, and days without data.
//!
//! These are remarks, not problems: a market may jump at its end, and a feed may have been down. A person should
//! look at them before believing a backtest.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::domain::{Market, Price, SettlementValue, Span, Timestamp};

use crate::dataset::read::catalogue::Settlement;
use crate::dataset::read::row_event::RowEvent;
use crate::dataset::read::snapshots::Snapshot;

/// A last price this far on the wrong side of the result is remarked on.
const SURPRISE: u16 = 9_000;
/// Remarks of a kind that are listed.
const EXAMPLES: usize = 5;
/// Longer than any long weekend: a pause of all markets together that is remarked on.
const GAP: Span = Span::DAY.times(4);

/// How often something odd of one kind was found, with examples in words.
#[derive(Clone, Debug, Default)]
pub struct Remark {
    /// Number of findings of this kind, those without an example included.
    pub count: u64,
    /// Sentences that describe the first findings, at most 5.
    pub examples: Vec<String>,
}

/// What a look at all snapshots shows.
#[derive(Clone, Debug, Default)]
pub struct Soundness {
    /// Remarks by kind: `recorded_gap`, `off_grid`, `gap`, `no_snapshot`, `result_against_last_price`,
    /// `winners_of_exclusive_event`.
    pub remarks: BTreeMap<&'static str, Remark>,
    /// Snapshots by UTC day, counted from 1970-01-01.
    pub days: BTreeMap<i64, u64>,
}

impl Soundness {
    fn add_remark(&mut self, kind: &'static str, what: impl FnOnce() -> String) {
        let remark = self.remarks.entry(kind).or_default();
        remark.count += 1;
        if remark.examples.len() < EXAMPLES {
            remark.examples.push(what());
        }
    }

    /// Months from the first to the last with data, each with snapshots on each of its days.
    #[must_use]
    pub fn snapshot_calendar(&self) -> Vec<CheckedMonth> {
        let mut months: BTreeMap<String, CheckedMonth> = BTreeMap::new();
        let (Some((&first, _)), Some((&last, _))) = (self.days.first_key_value(), self.days.last_key_value())
        else {
            return Vec::new();
        };
        for day in first..=last {
            let date = Timestamp::start_of_utc_day(day).utc_date();
            let Some((month, number)) = date.rsplit_once('-') else { continue };
            let entry = months.entry(month.to_owned()).or_default();
            if entry.name.is_empty() {
                month.clone_into(&mut entry.name);
                entry.first_day = number.parse().unwrap_or(1);
            }
            entry.days.push(self.days.get(&day).copied().unwrap_or(0));
        }
        months.into_values().collect()
    }
}

/// Snapshots a day of one calendar month in UTC, from the first day of the data on.
#[derive(Clone, Debug, Default)]
pub struct CheckedMonth {
    /// Year and month as text, such as `2024-01`.
    pub name: String,
    /// The day the data begins with, 1 but in the first month.
    pub first_day: usize,
    /// Snapshots of each day from that one on.
    pub days: Vec<u64>,
}

/// Looks at snapshots in order of time.
#[derive(Debug)]
pub struct QualityLook<'a> {
    markets: &'a [Arc<Market>],
    last: Vec<Option<Price>>,
    rows: Vec<u64>,
    before: Option<Timestamp>,
    found: Soundness,
}

impl<'a> QualityLook<'a> {
    /// At the snapshots of these markets.
    #[must_use]
    pub fn new(markets: &'a [Arc<Market>]) -> Self {
        let (last, rows) = (vec![None; markets.len()], vec![0; markets.len()]);
        Self { markets, last, rows, before: None, found: Soundness::default() }
    }

    /// Looks at the next snapshot, which must not be earlier than the one before.
    pub fn inspect_snapshot(&mut self, snapshot: &Snapshot) {
        let market = &self.markets[snapshot.market.index()];
        if let Some(event) = snapshot.event {
            if event == RowEvent::Gap {
                self.found.add_remark("recorded_gap", || {
                    format!("{} from {} on, until the next snapshot", market.ticker, snapshot.at)
                });
            }
            return;
        }
        let quote = &snapshot.quote;
        for (name, price) in [("yes_bid", quote.bid), ("yes_ask", quote.ask), ("last_price", quote.last)] {
            if let Some(price) = price.filter(|&price| !market.grid.contains(price)) {
                self.found.add_remark("off_grid", || {
                    format!("{} at {}: {name} {price} is between two ticks", market.ticker, snapshot.at)
                });
            }
        }
        if let Some(before) = self.before.filter(|&before| snapshot.at.since(before) > GAP) {
            let length = snapshot.at.since(before);
            self.found.add_remark("gap", || {
                format!("{} after {before}: no snapshot of any market", in_days(length))
            });
        }
        self.before = Some(snapshot.at);
        if quote.last.is_some() {
            self.last[snapshot.market.index()] = quote.last;
        } else if let Some(twice) = quote.twice_mid() {
            self.last[snapshot.market.index()] = Price::new(twice / 2);
        }
        self.rows[snapshot.market.index()] += 1;
        *self.found.days.entry(snapshot.at.utc_day()).or_default() += 1;
    }

    /// What was found, held against how the markets ended; `exclusive` = at most one of its event pays.
    #[must_use]
    pub fn finish_with_settlements(
        mut self,
        settlements: &[Option<Settlement>],
        exclusive: &[bool],
    ) -> Soundness {
        let mut events: BTreeMap<&str, (u64, u64, u64)> = BTreeMap::new();
        for (number, market) in self.markets.iter().enumerate() {
            let paid = settlements[number].map(|settlement| settlement.value);
            if exclusive[number] {
                let (markets, open, yes) = events.entry(&market.event_ticker).or_default();
                *markets += 1;
                *open += u64::from(paid.is_none());
                *yes += u64::from(paid == Some(SettlementValue::ONE));
            }
            if self.rows[number] == 0 {
                self.found.add_remark("no_snapshot", || format!("{} has no snapshot", market.ticker));
            }
            let (Some(paid), Some(last)) = (paid, self.last[number]) else { continue };
            let wrong = if paid == SettlementValue::ONE {
                last.complement().get() >= SURPRISE
            } else {
                paid == SettlementValue::ZERO && last.get() >= SURPRISE
            };
            if wrong {
                self.found.add_remark("result_against_last_price", || {
                    format!("{} was last at {last} and paid {paid}", market.ticker)
                });
            }
        }
        for (event, (markets, open, yes)) in events {
            if yes > 1 || (yes == 0 && open == 0) {
                self.found.add_remark("winners_of_exclusive_event", || {
                    format!("{event} is exclusive, and {yes} of its {markets} markets paid YES")
                });
            }
        }
        self.found
    }
}

fn in_days(length: Span) -> String {
    format!("{:.1} days", length.nanos() as f64 / Span::DAY.nanos() as f64)
}

#[cfg(test)]
#[path = "quality_tests.rs"]
mod tests;
