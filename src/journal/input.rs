//! The line of an input in the journal, and back.
//!
//! Quotes are by far the most numerous and have a short form; everything else is one line of JSON.

use std::fmt::{Display, Write};
use std::str::{FromStr, SplitAsciiWhitespace};

use crate::domain::{Contracts, MarketId, Price, Quote};
use crate::event::{Input, MarketEvent};

/// The whole line of an [`Input::Wake`], which carries no data.
const WAKE: &str = "wake";

/// Formats an input as its line in the journal, which [`from_line`] reads back.
#[must_use]
pub fn to_line(input: &Input) -> String {
    let line = match input {
        Input::Market(MarketEvent::Quote { market, quote }) => return quote_line(*market, quote),
        Input::Market(event) => serde_json::to_string(event),
        Input::Fact(fact) => serde_json::to_string(fact),
        Input::Venue(event) => serde_json::to_string(event),
        Input::Control(control) => serde_json::to_string(control),
        Input::Wake => return WAKE.to_owned(),
    };
    line.expect("inputs are plain data")
}

/// Why a line of a journal is no input.
#[derive(Debug, thiserror::Error)]
pub enum InputLineError {
    /// It begins as a quote, but a field is missing, unreadable or one too many.
    #[error("is no quote: {line}")]
    NotAQuote {
        /// The whole line, without its end.
        line: String,
    },
    /// It is not the JSON of an input.
    #[error("is no input: {problem}: {line}")]
    NotAnInput {
        /// What the reader of JSON says of it.
        problem: serde_json::Error,
        /// The whole line, without its end.
        line: String,
    },
}

/// Reads an input from its line in the journal.
///
/// # Errors
/// When it is none of ours.
pub fn from_line(line: &str) -> Result<Input, InputLineError> {
    if line == WAKE {
        return Ok(Input::Wake);
    }
    if let Some(fields) = line.strip_prefix("quote ") {
        return read_quote(fields).ok_or_else(|| InputLineError::NotAQuote { line: line.to_owned() });
    }
    let wrong = |problem| InputLineError::NotAnInput { problem, line: line.to_owned() };
    if line.starts_with(r#"{"market_event""#) {
        serde_json::from_str(line).map(Input::Market).map_err(wrong)
    } else if line.starts_with(r#"{"fact""#) {
        serde_json::from_str(line).map(Input::Fact).map_err(wrong)
    } else if line.starts_with(r#"{"venue""#) {
        serde_json::from_str(line).map(Input::Venue).map_err(wrong)
    } else {
        serde_json::from_str(line).map(Input::Control).map_err(wrong)
    }
}

/// Market, bid, ask, midpoint, last, assumed, sizes at bid and ask, volume; `-` for what is not there.
fn quote_line(market: MarketId, quote: &Quote) -> String {
    let mut line = format!("quote {}", market.0);
    let price = |price: Option<Price>| price.map(Price::get);
    let count = |count: Option<Contracts>| count.map(Contracts::hundredths);
    push_optional_field(&mut line, price(quote.bid));
    push_optional_field(&mut line, price(quote.ask));
    push_optional_field(&mut line, price(quote.recorded_mid));
    push_optional_field(&mut line, price(quote.last));
    push_optional_field(&mut line, Some(u8::from(quote.assumed)));
    push_optional_field(&mut line, count(quote.bid_size));
    push_optional_field(&mut line, count(quote.ask_size));
    push_optional_field(&mut line, count(quote.volume));
    line
}

fn push_optional_field(line: &mut String, value: Option<impl Display>) {
    let _infallible = match value {
        Some(value) => write!(line, " {value}"),
        None => write!(line, " -"),
    };
}

fn read_quote(fields: &str) -> Option<Input> {
    let mut fields = fields.split_ascii_whitespace();
    let market = MarketId(fields.next()?.parse().ok()?);
    let price = |value: Option<u16>| value.map_or(Some(None), |value| Price::new(value).map(Some));
    let count = |value: Option<i64>| value.map(Contracts::from_hundredths);
    let quote = Quote {
        bid: price(next_optional_field(&mut fields)?)?,
        ask: price(next_optional_field(&mut fields)?)?,
        recorded_mid: price(next_optional_field(&mut fields)?)?,
        last: price(next_optional_field(&mut fields)?)?,
        assumed: next_optional_field::<u8>(&mut fields)?? == 1,
        bid_size: count(next_optional_field(&mut fields)?),
        ask_size: count(next_optional_field(&mut fields)?),
        volume: count(next_optional_field(&mut fields)?),
    };
    fields.next().is_none().then_some(Input::Market(MarketEvent::Quote { market, quote }))
}

/// The next field: `None` if there is none or it cannot be read, `Some(None)` if it says that nothing is there.
#[expect(clippy::option_option, reason = "absent and unreadable are not the same")]
fn next_optional_field<T: FromStr>(fields: &mut SplitAsciiWhitespace<'_>) -> Option<Option<T>> {
    match fields.next()? {
        "-" => Some(None),
        text => text.parse().ok().map(Some),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crate::domain::fact::{Day, Station};
    use crate::domain::{
        Decimal6, EventId, Fact, FeeSchedule, Market, MarketStatus, Money, OrderId, PriceGrid, SeriesId,
        SettlementValue, StrategyId, Strike, Timestamp,
    };
    use crate::event::{CloseReason, Control, Fill, RejectReason, VenueEvent};

    use super::*;

    fn market() -> Market {
        Market {
            id: MarketId(3),
            event: EventId(1),
            series: SeriesId(0),
            ticker: "A-B".into(),
            event_ticker: "A".into(),
            series_ticker: "S".into(),
            category: "Economics".into(),
            title: "\"quoted\"".into(),
            strike: Strike::Between(Decimal6::from_millionths(1), Decimal6::from_millionths(2)),
            open_time: Timestamp::from_nanos(1),
            close_time: Timestamp::from_nanos(2),
            grid: PriceGrid::whole_cents(),
            fees: FeeSchedule::STANDARD,
        }
    }

    #[test]
    fn every_input_comes_back_as_it_was() {
        let id = MarketId(7);
        let full = Quote {
            bid: Price::new(4_400),
            ask: Price::new(4_600),
            recorded_mid: Price::new(4_550),
            last: Price::new(1),
            assumed: true,
            bid_size: Some(Contracts::from_hundredths(12)),
            ask_size: Some(Contracts::ZERO),
            volume: Some(Contracts::whole(9)),
        };
        let market_event = [
            MarketEvent::Listed(Arc::new(market())),
            MarketEvent::Quote { market: id, quote: full },
            MarketEvent::Quote { market: id, quote: Quote::default() },
            MarketEvent::Gap { market: id },
            MarketEvent::Status { market: id, status: MarketStatus::Halted },
            MarketEvent::CloseTime { market: id, close: Timestamp::from_nanos(5) },
            MarketEvent::Fees { series: SeriesId(1), fees: FeeSchedule::STANDARD },
            MarketEvent::Settled { market: id, value: SettlementValue::ONE },
            MarketEvent::Settled { market: id, value: SettlementValue::from_micros(333_333).unwrap() },
        ];
        let order = OrderId(4);
        let trade = Fill {
            order,
            trade: u64::MAX,
            price: Price::ONE,
            contracts: Contracts::ONE,
            fee: Money::from_micros(-3),
            taker: true,
        };
        let venue = [
            VenueEvent::Accepted { order, venue_id: Some("x".into()) },
            VenueEvent::Accepted { order, venue_id: None },
            VenueEvent::Filled(trade),
            VenueEvent::Closed { order, reason: CloseReason::ByExchange },
            VenueEvent::Rejected { order, reason: RejectReason::Busy },
            VenueEvent::Unexplained { detail: "why".into() },
        ];
        let control = [
            Control::Halt { reason: "x".into() },
            Control::SessionHalt { reason: "w".into() },
            Control::Resume { strategy: Some(StrategyId(1)), reason: "y".into() },
            Control::Unmanaged { market: id, reason: "z".into() },
            Control::Refit { scenario: "[scenario]\nname = 'a'".into() },
        ];
        let (station, day) = (Station::parse("NYC").unwrap(), Day::parse("2021-02-28").unwrap());
        let facts = [
            Fact::FomcMeeting { announcement: Timestamp::from_nanos(9) },
            Fact::HighForecast { station, day, lead_hours: 24, high: -3 },
            Fact::ObservedHigh { station, day, high: 45 },
        ];
        let all = (market_event.into_iter().map(Input::Market))
            .chain(venue.into_iter().map(Input::Venue))
            .chain(control.into_iter().map(Input::Control))
            .chain(facts.into_iter().map(Input::Fact))
            .chain([Input::Wake]);
        for input in all {
            let line = to_line(&input);
            assert_eq!(from_line(&line).unwrap(), input, "{line}");
        }
    }

    #[test]
    fn a_settlement_of_four_decimals_is_written_as_a_price_is_and_a_finer_one_as_text() {
        let line = |micros| {
            let value = SettlementValue::from_micros(micros).unwrap();
            to_line(&Input::Market(MarketEvent::Settled { market: MarketId(7), value }))
        };
        assert_eq!(line(333_300), r#"{"market_event":"settled","market":7,"value":3333}"#);
        assert_eq!(line(333_333), r#"{"market_event":"settled","market":7,"value":"0.333333"}"#);
    }

    #[test]
    fn a_damaged_line_is_an_error() {
        for bad in ["", "quote", "quote 1 2", "quote 1 - - - - 0 - - - -", "quote 1 x - - - 0 - - -", "{}"] {
            assert!(from_line(bad).is_err(), "{bad:?} was read");
        }
        assert!(matches!(from_line("quote 1 2"), Err(InputLineError::NotAQuote { .. })));
        assert!(matches!(from_line("{}"), Err(InputLineError::NotAnInput { .. })));
    }
}
