//! What happens in the markets of one session: a synthetic walk with halts, early closes and settlements.
//! The exchange hears it as it happens, the desk a little later.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use protogen::domain::{Market, MarketId, MarketStatus, SettlementValue, Span, Timestamp};
use protogen::engine::gateway::{Feed, GatewayError, Next};
use protogen::event::{Input, MarketEvent, Stamped};
use protogen::feed::synthetic::{SyntheticFeed, SyntheticSettings};

use crate::dice::Dice;

/// Quiet time after the story in which everything must come to rest, without faults.
const CALM: Span = Span::MINUTE.times(4);

/// One session's story.
pub struct Story {
    pub markets: Vec<Arc<Market>>,
    /// For the exchange.
    pub told: VecDeque<Stamped<Input>>,
    /// The same for the desk.
    pub heard: Vec<Stamped<Input>>,
    /// From here on nothing goes wrong any more.
    pub calm_from: Timestamp,
    /// When the session ends.
    pub end: Timestamp,
}

impl Story {
    pub fn new(seed: u64, dice: &mut Dice) -> Self {
        let start = Timestamp::parse("2026-11-19T15:00:00Z").unwrap();
        let length = dice.millis(120_000, 360_000);
        let settings = SyntheticSettings {
            seed,
            markets: dice.range(2, 4).try_into().unwrap(),
            markets_per_event: 2,
            series: 1,
            quotes: dice.range(30, 70),
            start,
            length,
        };
        let mut events = walk(settings);
        let mut markets = Vec::new();
        for number in 0..settings.markets {
            let id = MarketId(number);
            let (listed, turns) = turns_of(id, &events, start, length, dice);
            let close = turns.iter().find(|turn| is(turn, MarketStatus::Closed)).map(|turn| turn.at);
            // What is quoted after the close is no quote.
            events.retain(|input| market_of(input) != Some(id) || close.is_none_or(|close| input.at < close));
            let known = events.iter().position(
                |input| matches!(&input.value, Input::Market(MarketEvent::Listed(market)) if market.id == id),
            );
            events.remove(known.expect("every market is listed"));
            events.push(stamped(start, MarketEvent::Listed(Arc::clone(&listed))));
            events.extend(turns);
            markets.push(listed);
        }
        events.sort_by_key(|input| (input.at, !matches!(input.value, Input::Market(MarketEvent::Listed(_)))));
        Self::told_and_heard(markets, events, dice)
    }

    fn told_and_heard(markets: Vec<Arc<Market>>, events: Vec<Stamped<Input>>, dice: &mut Dice) -> Self {
        let slowest = *dice.pick(&[0, 20, 200]);
        let mut heard: Vec<Stamped<Input>> = Vec::with_capacity(events.len());
        for input in &events {
            let at = input.at + dice.millis(0, slowest);
            let at = heard.last().map_or(at, |before| at.max(before.at));
            if let Some(market) = market_of(input).filter(|_| dice.chance(10)) {
                heard.push(stamped(at, MarketEvent::Gap { market }));
            }
            heard.push(Stamped { at, value: input.value.clone() });
        }
        let calm_from = heard.last().expect("markets are listed").at + Span::SECOND;
        Self { markets, told: events.into(), heard, calm_from, end: calm_from + CALM }
    }
}

/// Listings and quotes of the synthetic feed; closes and settlements are our own.
fn walk(settings: SyntheticSettings) -> Vec<Stamped<Input>> {
    let mut feed = SyntheticFeed::new(settings);
    let mut events = Vec::new();
    while let Next::Item(input) = feed.next(None).unwrap() {
        if matches!(input.value, Input::Market(MarketEvent::Listed(_) | MarketEvent::Quote { .. })) {
            events.push(input);
        }
    }
    events
}

/// A market with its close, and the turns of its life.
fn turns_of(
    id: MarketId,
    events: &[Stamped<Input>],
    start: Timestamp,
    length: Span,
    dice: &mut Dice,
) -> (Arc<Market>, Vec<Stamped<Input>>) {
    let listed = events.iter().find_map(|input| match &input.value {
        Input::Market(MarketEvent::Listed(market)) if market.id == id => Some(Arc::clone(market)),
        _ => None,
    });
    let mut market = (*listed.expect("every market is listed")).clone();
    let millis = length.nanos() / 1_000_000;
    market.close_time = start + dice.millis(millis / 2, millis);
    let mut turns = Vec::new();
    let mut close = market.close_time;
    let stays = dice.chance(500);
    if stays {
        // The session ends while it is open, with what is held in it and rests there.
        market.close_time = start + Span::DAY;
        close = market.close_time;
    } else if dice.chance(250) {
        let known = start + dice.millis(millis / 4, millis / 2);
        // Perhaps to a moment that is past already.
        let moved = known + dice.millis(0, millis / 8);
        let told = if dice.chance(300) { known - Span::SECOND } else { moved };
        turns.push(stamped(known, MarketEvent::CloseTime { market: id, close: told }));
        close = told.max(known);
    }
    if dice.chance(400) {
        let halted = start + dice.millis(millis / 10, millis / 2);
        let back = halted + dice.millis(500, 40_000);
        if back < close {
            turns.push(stamped(halted, MarketEvent::Status { market: id, status: MarketStatus::Halted }));
            turns.push(stamped(back, MarketEvent::Status { market: id, status: MarketStatus::Active }));
        }
    }
    if stays {
        return (Arc::new(market), turns);
    }
    turns.push(stamped(close, MarketEvent::Status { market: id, status: MarketStatus::Closed }));
    let paid = close + if dice.chance(300) { dice.millis(0, 500) } else { dice.millis(500, 30_000) };
    let value = *dice.pick(&[
        SettlementValue::ONE,
        SettlementValue::ZERO,
        SettlementValue::from_micros(370_000).unwrap(),
    ]);
    turns.push(stamped(paid, MarketEvent::Settled { market: id, value }));
    (Arc::new(market), turns)
}

const fn stamped(at: Timestamp, event: MarketEvent) -> Stamped<Input> {
    Stamped { at, value: Input::Market(event) }
}

fn is(input: &Stamped<Input>, wanted: MarketStatus) -> bool {
    matches!(&input.value, Input::Market(MarketEvent::Status { status, .. }) if *status == wanted)
}

fn market_of(input: &Stamped<Input>) -> Option<MarketId> {
    match &input.value {
        Input::Market(MarketEvent::Quote { market, .. }) => Some(*market),
        _ => None,
    }
}

/// The story for the exchange.
pub struct Told(pub VecDeque<Stamped<Input>>);

impl Feed for Told {
    fn next(&mut self, _until: Option<Timestamp>) -> Result<Next<Stamped<Input>>, GatewayError> {
        Ok(self.0.pop_front().map_or(Next::End, Next::Item))
    }
}

/// The story for the desk, which can be told again from any place.
pub struct Heard {
    inputs: Vec<Stamped<Input>>,
    next: usize,
    /// Nothing is told earlier.
    floor: Timestamp,
    end: Timestamp,
}

impl Heard {
    pub const fn new(inputs: Vec<Stamped<Input>>, end: Timestamp) -> Self {
        Self { inputs, next: 0, floor: Timestamp::MIN, end }
    }

    /// Goes on after the first `known` inputs, not before `at`; what was missed comes at once.
    pub fn resume(&mut self, known: usize, at: Timestamp) {
        self.floor = at;
        self.next = known;
    }
}

impl Feed for Heard {
    fn next(&mut self, until: Option<Timestamp>) -> Result<Next<Stamped<Input>>, GatewayError> {
        Ok(match self.inputs.get(self.next) {
            None if until.is_none_or(|until| until > self.end) => Next::End,
            None => Next::Due,
            Some(input) => {
                let at = input.at.max(self.floor);
                if until.is_some_and(|until| at > until) {
                    return Ok(Next::Due);
                }
                self.next += 1;
                Next::Item(Stamped { at, value: input.value.clone() })
            }
        })
    }
}

/// Tickers by market.
pub fn tickers(markets: &[Arc<Market>]) -> BTreeMap<MarketId, String> {
    markets.iter().map(|market| (market.id, market.ticker.to_string())).collect()
}
