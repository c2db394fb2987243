//! What is known of the markets of a recording, and what each line of its spool means.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::dataset::facts::FeeChange;
use crate::dataset::read::catalogue::Settlement;
use crate::dataset::read::row_event::RowEvent;
use crate::dataset::write::recorded::RecordedRow;
use crate::dataset::write::writer::{Listing, PackedRow, listing_of};
use crate::domain::{
    Contracts, Depth, EventId, Market, MarketId, MarketStatus, Price, Quote, SeriesId, SettlementValue, Side,
    Timestamp,
};
use crate::engine::gateway::PublicTrade;
use crate::event::{Input, MarketEvent};

use super::spool_record::SpoolRecord;

pub(super) const STATE: &str = ".recording/state.json";

/// What is known after the last part.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecorderState {
    /// The number of the next part.
    pub next_part: u64,
    /// Levels of each book that are kept.
    pub levels: usize,
    /// The last moment of which something is written.
    pub last: Option<Timestamp>,
    /// Changes of fees, each at the moment it was told.
    pub fees: Vec<FeeChange>,
    /// Markets in the order in which they became known.
    pub markets: Vec<RecordedMarket>,
}

/// A market of a recording: its definitions, and where it is in its life.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedMarket {
    /// What was said of it, and when.
    pub definitions: Vec<(Timestamp, Market)>,
    /// Where it is in its life.
    pub status: MarketStatus,
    /// Close of the market as last told, by a definition or a moved close.
    pub close: Timestamp,
    /// Moment and value of its settlement, per YES contract; `None` until it is paid out.
    pub paid: Option<(Timestamp, SettlementValue)>,
}

impl RecordedMarket {
    /// What was said of it last.
    #[must_use]
    pub fn latest_definition(&self) -> &Market {
        &self.definitions.last().expect("a market is known by its definition").1
    }
}

/// A public trade, to be written as a row of `trades/*.parquet`.
#[derive(Clone, Debug)]
pub struct RecordedTrade {
    /// Microseconds since 1970 at which it became known.
    pub at: i64,
    /// The place of its market among those that are known.
    pub market: usize,
    /// The exchange's id of the trade.
    pub id: String,
    /// Price of one YES contract; the NO side paid the rest of the dollar.
    pub yes_price: Price,
    /// Number of contracts traded, in hundredths of a contract.
    pub contracts: Contracts,
    /// Side that the taker bought, YES or NO.
    pub taker: Side,
}

/// What is to be written of a line.
#[derive(Debug)]
pub enum KeptRows {
    /// A quote or an event, for the files of snapshots.
    Row(RecordedRow),
    /// A public trade, for the file of trades.
    Trade(RecordedTrade),
    /// What is known of markets has changed, or the line adds nothing.
    Nothing,
}

/// A line of a spool about something that no line before it has named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnnamedReferenceError {
    /// No line before it lists the market.
    #[error("market {} was never named", .0.0)]
    NoMarket(MarketId),
    /// No line before it lists a market of the series.
    #[error("series {} was never named", .0.0)]
    NoSeries(SeriesId),
}

/// Lines of one spool, on top of what was known before it.
#[derive(Debug)]
pub struct Reading {
    /// Markets and fee changes as known after the lines taken so far.
    pub state: RecorderState,
    places: BTreeMap<Box<str>, usize>,
    /// Markets by their number in this spool.
    numbers: BTreeMap<MarketId, usize>,
    series: BTreeMap<SeriesId, Arc<str>>,
    /// Quotes whose bid was not below their ask; they are kept as gaps.
    pub crossed: u64,
}

impl Reading {
    /// Starts before the first line of a spool, with what is known from earlier ones.
    #[must_use]
    pub fn new(state: RecorderState) -> Self {
        let place =
            |(place, known): (usize, &RecordedMarket)| (known.latest_definition().ticker.clone(), place);
        let places = state.markets.iter().enumerate().map(place).collect();
        Self { state, places, numbers: BTreeMap::new(), series: BTreeMap::new(), crossed: 0 }
    }

    /// Takes the next line.
    ///
    /// # Errors
    /// When it is about a market that no line before it has named.
    pub fn apply_record(
        &mut self,
        at: Timestamp,
        line: SpoolRecord,
    ) -> Result<KeptRows, UnnamedReferenceError> {
        self.state.last = Some(at);
        match line {
            SpoolRecord::Told(Input::Market(event), open_interest, deeper) => {
                let Some(mut row) = self.apply_market_event(at, event)? else { return Ok(KeptRows::Nothing) };
                row.packed.open_interest = open_interest.map_or(-1, Contracts::hundredths);
                row.deeper = if row.event.is_none() { deeper } else { Depth::default() };
                Ok(KeptRows::Row(row))
            }
            SpoolRecord::Told(..) => Ok(KeptRows::Nothing),
            SpoolRecord::Trade(PublicTrade { market, id, yes_price, contracts, taker }) => {
                let (at, market) = (at.nanos() / 1_000, self.market_index(market)?);
                Ok(KeptRows::Trade(RecordedTrade { at, market, id, yes_price, contracts, taker }))
            }
        }
    }

    fn market_index(&self, market: MarketId) -> Result<usize, UnnamedReferenceError> {
        self.numbers.get(&market).copied().ok_or(UnnamedReferenceError::NoMarket(market))
    }

    fn apply_market_event(
        &mut self,
        at: Timestamp,
        event: MarketEvent,
    ) -> Result<Option<RecordedRow>, UnnamedReferenceError> {
        let (market, told) = match event {
            MarketEvent::Listed(market) => {
                self.apply_listing(at, &market);
                return Ok(None);
            }
            MarketEvent::Depth { .. } => return Ok(None),
            MarketEvent::Fees { series, fees } => {
                let series = self.series.get(&series).ok_or(UnnamedReferenceError::NoSeries(series))?;
                let change = FeeChange { series_ticker: series.to_string(), effective_at: at, fees };
                self.state.fees.push(change);
                return Ok(None);
            }
            MarketEvent::Quote { market, quote } => (market, Ok(quote)),
            MarketEvent::Gap { market } => (market, Err(RowEvent::Gap)),
            MarketEvent::Status { market, status } => (market, Err(RowEvent::Status(status))),
            MarketEvent::CloseTime { market, close } => (market, Err(RowEvent::CloseTime(close))),
            MarketEvent::Settled { market, value } => {
                let place = self.market_index(market)?;
                let known = &mut self.state.markets[place];
                known.paid = known.paid.or(Some((at, value)));
                known.status = MarketStatus::Settled;
                return Ok(None);
            }
        };
        let place = self.market_index(market)?;
        let known = &mut self.state.markets[place];
        if known.paid.is_some() {
            // Nothing is traded any more, and a data set ends with the payment.
            return Ok(None);
        }
        match told {
            Err(RowEvent::CloseTime(close)) => known.close = close,
            // Whoever reads the data closes it at its close by itself.
            Err(RowEvent::Status(MarketStatus::Closed)) if at >= known.close => {
                known.status = MarketStatus::Closed;
                return Ok(None);
            }
            Err(RowEvent::Status(status)) => known.status = status,
            Err(RowEvent::Gap) | Ok(_) => {}
        }
        Ok(Some(self.build_row(at, place, told)))
    }

    fn apply_listing(&mut self, at: Timestamp, market: &Arc<Market>) {
        // Numbers are those of one session and mean nothing in the data set.
        let (id, event, series) = (MarketId(0), EventId(0), SeriesId(0));
        let plain = Market { id, event, series, ..Market::clone(market) };
        self.series.insert(market.series, Arc::clone(&market.series_ticker));
        let place = *self.places.entry(market.ticker.clone()).or_insert(self.state.markets.len());
        self.numbers.insert(market.id, place);
        let close = plain.close_time;
        match self.state.markets.get_mut(place) {
            // Each spool names its markets.
            Some(known) if *known.latest_definition() == plain => {}
            Some(known) => {
                // Of two at one moment the later counts.
                known.definitions.retain(|(told, _)| *told != at);
                known.definitions.push((at, plain));
                known.close = close;
            }
            None => {
                let (definitions, status) = (vec![(at, plain)], MarketStatus::Active);
                self.state.markets.push(RecordedMarket { definitions, status, close, paid: None });
            }
        }
    }

    fn build_row(&mut self, at: Timestamp, place: usize, told: Result<Quote, RowEvent>) -> RecordedRow {
        let market = u32::try_from(place).expect("there are fewer markets than numbers");
        let crossed = |quote: &Quote| quote.bid.zip(quote.ask).is_some_and(|(bid, ask)| bid >= ask);
        let told = if told.as_ref().is_ok_and(crossed) {
            self.crossed += 1;
            Err(RowEvent::Gap)
        } else {
            told
        };
        let quote = told.unwrap_or_default();
        let price = |price: Option<Price>| price.filter(|&price| price < Price::ONE);
        // Sides that were assumed, with what was on offer there, are assumed again by whoever reads them.
        let side = |side: Option<Price>| price(side).filter(|_| !quote.assumed);
        let on_offer = |size: Option<Contracts>| size.filter(|_| !quote.assumed);
        let written = Quote {
            bid: side(quote.bid),
            ask: side(quote.ask),
            bid_size: on_offer(quote.bid_size),
            ask_size: on_offer(quote.ask_size),
            last: price(quote.last),
            recorded_mid: price(quote.recorded_mid),
            ..quote
        };
        let packed = PackedRow::from_quote(at.nanos() / 1_000, market, &written, None);
        RecordedRow { packed, event: told.err(), deeper: Depth::default() }
    }
}

impl RecorderState {
    /// The rows of `markets.parquet`, each with the moment at which it became known, in that order.
    #[must_use]
    pub fn market_listings(&self) -> Vec<(Timestamp, Listing)> {
        let rows = self.markets.iter().flat_map(|known| {
            let paid = known.paid.map(|(at, value)| Settlement { at, value });
            known.definitions.iter().map(move |(at, market)| (*at, listing_of(market.clone(), paid)))
        });
        let mut rows: Vec<_> = rows.collect();
        rows.sort_by_key(|(at, _)| *at);
        rows
    }

    /// Markets that were not paid out, numbered for a session that goes on with them, with their status and close.
    #[must_use]
    pub fn unsettled_markets(&self) -> Vec<(Arc<Market>, MarketStatus, Timestamp)> {
        let (mut events, mut series) = (BTreeMap::new(), BTreeMap::new());
        let mut next = |known: &RecordedMarket| {
            let market = known.latest_definition();
            (
                number_for_name(&mut events, &market.event_ticker),
                number_for_name(&mut series, &market.series_ticker),
            )
        };
        let unpaid = self.markets.iter().filter(|known| known.paid.is_none());
        let numbered = (0u32..).zip(unpaid).map(|(id, known)| {
            let (event, series) = next(known);
            let (id, event, series) = (MarketId(id), EventId(event), SeriesId(series));
            let market = Market { id, event, series, ..known.latest_definition().clone() };
            (Arc::new(market), known.status, known.close)
        });
        numbered.collect()
    }
}

fn number_for_name(numbers: &mut BTreeMap<Arc<str>, u32>, name: &Arc<str>) -> u32 {
    let next = u32::try_from(numbers.len()).expect("there are fewer names than numbers");
    *numbers.entry(Arc::clone(name)).or_insert(next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_line_has_named_is_told_apart() {
        let mut reading = Reading::new(RecorderState::default());
        let mut told = |event| {
            let line = SpoolRecord::Told(Input::Market(event), None, Depth::default());
            reading.apply_record(Timestamp::from_nanos(0), line).unwrap_err()
        };
        let gap = told(MarketEvent::Gap { market: MarketId(7) });
        assert_eq!(gap, UnnamedReferenceError::NoMarket(MarketId(7)));
        let fees =
            told(MarketEvent::Fees { series: SeriesId(2), fees: crate::domain::FeeSchedule::STANDARD });
        assert_eq!(fees, UnnamedReferenceError::NoSeries(SeriesId(2)));
        assert_eq!(fees.to_string(), "series 2 was never named");
    }
}
