//! Answers of REST that are odd: objects of odd markets and series, and pages as the exchange's schemas allow them.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

use crate::domain::Fraction;
use crate::sandbox::exchange::sandbox_exchange::SandboxExchange;
use crate::sandbox::faults::Faults;
use crate::sandbox::odd::market_edits::edit_market;
use crate::sandbox::odd::market_oddity::{MarketOddity, OddityHarm};
use crate::sandbox::query::Query;
use crate::sandbox::refused::ApiRefusal;

/// What is odd about an answer that holds lists. None of it loses anything for a client that reads on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::sandbox) enum PageOddity {
    /// The page is empty, and its cursor leads to what it would have held.
    EmptyPage,
    /// The page begins with the last item of the page before.
    RepeatedItem,
    /// The cursor of the last page is not there.
    CursorMissing,
    /// The cursor of the last page is null.
    CursorNull,
    /// Lists without items are null.
    NullLists,
}

const PAGE_ODDITIES: [PageOddity; 5] = [
    PageOddity::EmptyPage,
    PageOddity::RepeatedItem,
    PageOddity::CursorMissing,
    PageOddity::CursorNull,
    PageOddity::NullLists,
];

/// Keeps these draws apart from those of the other faults.
const PAGE_STREAM: u64 = 1;

/// Draws what is odd about each answer.
#[derive(Debug)]
pub(in crate::sandbox) struct PageDice {
    chance: Fraction,
    random: ChaCha8Rng,
}

impl PageDice {
    pub(in crate::sandbox) fn from_faults(faults: &Faults) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(faults.seed);
        random.set_stream(PAGE_STREAM);
        Self { chance: faults.odd, random }
    }

    /// Draws for one answer; without `odd` nothing is drawn.
    pub(in crate::sandbox) fn draw_page_oddity(&mut self) -> Option<PageOddity> {
        let is_odd =
            self.chance != Fraction::ZERO && self.random.random_range(0..1_000_000) < self.chance.ppm();
        is_odd.then(|| PAGE_ODDITIES[self.random.random_range(0..PAGE_ODDITIES.len())])
    }
}

/// Makes the lists of an answer odd.
pub(in crate::sandbox) fn edit_page(oddity: PageOddity, query: &Query, body: &mut Value) {
    let Some(page) = body.as_object_mut() else {
        return;
    };
    let is_last = page.get("cursor").is_some_and(|cursor| cursor == "");
    match oddity {
        PageOddity::EmptyPage => {
            let again = query.cursor_to_ask_again().filter(|_| page.contains_key("cursor"));
            if let Some(again) = again {
                page.values_mut().filter(|value| value.is_array()).for_each(|list| *list = json!([]));
                page.insert("cursor".to_owned(), again.into());
            }
        }
        PageOddity::CursorMissing if is_last => drop(page.remove("cursor")),
        PageOddity::CursorNull if is_last => drop(page.insert("cursor".to_owned(), Value::Null)),
        PageOddity::NullLists => {
            let empty = page.values_mut().filter(|value| value.as_array().is_some_and(Vec::is_empty));
            empty.for_each(|list| *list = Value::Null);
        }
        // A repeated item is the query's matter.
        PageOddity::RepeatedItem | PageOddity::CursorMissing | PageOddity::CursorNull => {}
    }
}

/// Refuses an event that is odd by not being there.
pub(in crate::sandbox) fn refuse_missing_event(
    exchange: &SandboxExchange,
    ticker: &str,
) -> Result<(), ApiRefusal> {
    let is_missing = exchange.odd.has_oddities()
        && exchange
            .events
            .get(ticker)
            .is_some_and(|event| exchange.odd.series_oddity(&event.series).is_none())
        && exchange.odd.event_oddity(ticker) == Some(MarketOddity::EventMissing);
    if is_missing { Err(ApiRefusal::NOT_FOUND) } else { Ok(()) }
}

/// The fee type that an odd event has of its own, one without a known formula.
pub(in crate::sandbox) fn odd_fee_type(exchange: &SandboxExchange, event: &str) -> Option<&'static str> {
    let event = exchange.events.get(event).filter(|_| exchange.odd.has_oddities())?;
    let series = exchange.odd.series_oddity(&event.series);
    match series.or_else(|| exchange.odd.event_oddity(&event.ticker))? {
        MarketOddity::EventFeeFlat => Some("flat"),
        MarketOddity::EventFeeMargin => Some("margin_market_maker_program_fees"),
        _ => None,
    }
}

/// Makes all objects of odd markets, events and series in an answer odd.
pub(in crate::sandbox) fn edit_objects(exchange: &SandboxExchange, value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| edit_objects(exchange, item)),
        Value::Object(object) => {
            let ticker = object.get("ticker").and_then(Value::as_str);
            if object.contains_key("market_type") {
                let market = ticker.and_then(|ticker| exchange.market_of(ticker));
                let state = market.and_then(|market| exchange.market_state(market));
                if let Some(oddity) = state.and_then(|state| exchange.odd.market_oddity(&state.market)) {
                    edit_market(oddity, object);
                }
                return;
            }
            if object.contains_key("frequency")
                && ticker.and_then(|ticker| exchange.odd.series_oddity(ticker))
                    == Some(MarketOddity::SeriesFeeFlat)
            {
                object.insert("fee_type".to_owned(), "flat".into());
            }
            let event = object.get("event_ticker").filter(|_| object.contains_key("mutually_exclusive"));
            if let Some(fee_type) =
                event.and_then(Value::as_str).and_then(|event| odd_fee_type(exchange, event))
            {
                object.insert("fee_type_override".to_owned(), fee_type.into());
                object.insert("fee_multiplier_override".to_owned(), 1.into());
            }
            object.values_mut().for_each(|part| edit_objects(exchange, part));
        }
        _ => {}
    }
}

/// `GET /sandbox/odd`: the odd markets that are listed so far, how many foreign messages were told, and how often
/// foreign markets were asked for.
pub(in crate::sandbox) fn get_odd_markets(exchange: &SandboxExchange, foreign_messages: u64) -> Value {
    let markets = exchange.market_states().map(|state| &*state.market);
    let odd = exchange.odd.list_odd_markets(markets).into_iter().map(|odd| {
        json!({
            "ticker": odd.ticker, "oddity": odd.oddity.oddity_name(), "harmful": odd.is_harmful(),
            "late": odd.oddity.harm_class() == OddityHarm::FromDetermination,
        })
    });
    let requests = exchange.foreign_requests();
    json!({
        "odd": odd.collect::<Vec<_>>(), "foreign_messages": foreign_messages,
        "foreign_requests": requests.total_requests(),
        "foreign_requests_by_endpoint": requests.counts_by_endpoint(),
    })
}
