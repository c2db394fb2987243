//! `LiveFeed`: what comes from the exchange while it happens, as one timeline.
//!
//! The network's end is in `kalshi`; here is the engine's. Two clocks are possible. With the wall's, an
//! input is stamped when it arrives. With the exchange's own (a sandbox that serves recorded data), an
//! input carries the exchange's stamp, and time goes on only when the feed asks for it: so years can be
//! traded in minutes, and no order meets a later book than the one it was decided on.
//!
//! Stamps of the wall's clock are whole microseconds, as data sets have them, and no two arrivals have the
//! same, nor that of a wake before them: so what a session saw can be written down and told again in order.
//!
//! What happens at a known time (facts, closes) is merged in at that time; the order at one moment is that
//! of [`HistoricalFeed`](super::HistoricalFeed).

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};

use crate::domain::{Depth, Fact, MarketId, MarketStatus, OrderId, Span, Timestamp};
use crate::engine::gateway::{Feed, GatewayError, Next, RecorderEvent, SessionEvent};
use crate::event::{Input, MarketEvent, Stamped, VenueEvent};

/// Longest silence before the engine may tidy up.
const QUIET: Span = Span::MILLISECOND.times(500);
/// What a data set can tell apart.
const RESOLUTION: Span = Span::MICROSECOND;

/// Which clock the feed goes by: that of this machine, or the exchange's own.
pub enum Pace {
    /// This machine's clock in UTC, read by this closure and cut to whole microseconds.
    Wall(Box<dyn FnMut() -> Timestamp + Send>),
    /// The exchange's, which is asked to go on up to a moment.
    Exchange(Box<dyn FnMut(Option<Timestamp>) + Send>),
}

/// Who hears what the desk has no use for, in its place among what the desk is told.
pub type RecorderSink = Box<dyn FnMut(Timestamp, RecorderEvent) + Send>;

/// What stands in line: for the desk, or for who listens beside it.
enum QueuedEvent {
    Input(Input),
    Aside(RecorderEvent),
}

/// The engine's end of a live session.
pub struct LiveFeed {
    events: Receiver<SessionEvent>,
    pace: Pace,
    local: BTreeMap<(Timestamp, u8, u64), Input>,
    counted: u64,
    closes: BTreeMap<MarketId, (Timestamp, u8, u64)>,
    held: VecDeque<Stamped<QueuedEvent>>,
    /// Whether levels beneath the best prices are inputs: a simulated exchange walks them.
    tells_depth: bool,
    asides: Option<RecorderSink>,
    /// Earliest stamp that the next input may have, so that time never goes back.
    floor: Timestamp,
    /// The last stamp by the wall's clock.
    arrived: Timestamp,
    /// Up to here the exchange has told everything.
    told: Timestamp,
    /// The exchange's data is told to its end.
    exhausted: bool,
    ended: bool,
}

impl LiveFeed {
    /// A feed of `events`, whose first stamp is not before `from`. `facts` become known at their moments.
    #[must_use]
    pub fn new(
        events: Receiver<SessionEvent>,
        pace: Pace,
        from: Timestamp,
        facts: Vec<(Timestamp, Fact)>,
    ) -> Self {
        let mut feed = Self {
            events,
            pace,
            local: BTreeMap::new(),
            counted: 0,
            closes: BTreeMap::new(),
            held: VecDeque::new(),
            tells_depth: false,
            asides: None,
            floor: from,
            arrived: Timestamp::MIN,
            told: Timestamp::MIN,
            exhausted: false,
            ended: false,
        };
        for (at, fact) in facts {
            feed.plan_input(at, Input::Fact(fact));
        }
        feed
    }

    /// The same feed, whose quotes of a book come after what stands behind them.
    #[must_use]
    pub fn with_depth(self) -> Self {
        Self { tells_depth: true, ..self }
    }

    /// The same feed, with somebody who hears what the desk has no use for.
    #[must_use]
    pub fn with_recorder(self, asides: RecorderSink) -> Self {
        Self { asides: Some(asides), ..self }
    }

    /// Plans the close of a market that was listed before this feed began.
    pub fn plan_market_close(&mut self, market: MarketId, close: Timestamp) {
        if let Some(key) = self.closes.remove(&market) {
            self.local.remove(&key);
        }
        let status = MarketStatus::Closed;
        let key = self.plan_input(close, Input::Market(MarketEvent::Status { market, status }));
        self.closes.insert(market, key);
    }

    fn plan_input(&mut self, at: Timestamp, input: Input) -> (Timestamp, u8, u64) {
        self.counted += 1;
        let key = (at, input_tie_break_rank(&input), self.counted);
        self.local.insert(key, input);
        key
    }

    /// Puts an input in line for the desk.
    fn queue_for_desk(&mut self, at: Timestamp, input: Input) {
        match &input {
            Input::Market(MarketEvent::Listed(market)) => {
                self.plan_market_close(market.id, market.close_time);
            }
            Input::Market(MarketEvent::CloseTime { market, close }) => {
                self.plan_market_close(*market, *close);
            }
            _ => {}
        }
        self.held.push_back(Stamped { at, value: QueuedEvent::Input(input) });
    }

    fn queue_for_recorder(&mut self, at: Timestamp, aside: RecorderEvent) {
        if self.asides.is_some() {
            self.held.push_back(Stamped { at, value: QueuedEvent::Aside(aside) });
        }
    }

    /// Takes the earliest of what is held and what was planned, if its moment is not after `until`.
    fn take_earliest(&mut self, known_to: Timestamp, until: Timestamp) -> Option<Next<Stamped<Input>>> {
        // What is known to have happened is told, even where its stamp has to be later than that.
        let known = |&(at, _): &(Timestamp, u8)| at <= known_to;
        loop {
            let stamped = |(at, rank): (Timestamp, u8)| (at.max(self.floor), rank);
            let planned = self.local.first_key_value().map(|(&(at, rank, _), _)| (at, rank));
            let planned = planned.filter(known).map(stamped);
            let held = self.held.front().map(|held| (held.at, held.value.tie_break_rank()));
            let held = held.filter(known).map(stamped);
            let (at, local) = match (planned, held) {
                (None, None) => return None,
                (Some(planned), Some(held)) if held <= planned => (held.0, false),
                (Some(planned), _) => (planned.0, true),
                (None, Some(held)) => (held.0, false),
            };
            if at > until {
                return Some(self.advance_floor_to(until));
            }
            self.floor = at;
            let next = if local {
                self.local.pop_first().map(|(_, input)| QueuedEvent::Input(input))
            } else {
                self.held.pop_front().map(|held| held.value)
            };
            match next? {
                QueuedEvent::Input(value) => return Some(Next::Item(Stamped { at, value })),
                QueuedEvent::Aside(aside) => {
                    if let Some(hear) = &mut self.asides {
                        hear(at, aside);
                    }
                }
            }
        }
    }

    /// Nothing up to `until`; nothing that comes later is stamped earlier.
    fn advance_floor_to(&mut self, until: Timestamp) -> Next<Stamped<Input>> {
        self.floor = self.floor.max(until);
        Next::Due
    }

    fn next_by_wall(&mut self, until: Timestamp) -> Result<Next<Stamped<Input>>, GatewayError> {
        loop {
            let now = self.read_clock();
            while !self.ended {
                match self.events.try_recv() {
                    Ok(event) => {
                        let at = self.next_arrival_stamp(now);
                        self.receive_session_event(event, at)?;
                    }
                    Err(TryRecvError::Empty) => break,
                    Err(TryRecvError::Disconnected) => self.ended = true,
                }
            }
            if let Some(next) = self.take_earliest(now.max(self.floor).max(self.arrived), until) {
                return Ok(next);
            }
            if self.ended {
                return Ok(Next::End);
            }
            if now >= until {
                return Ok(self.advance_floor_to(until));
            }
            let planned = self.local.first_key_value().map_or(Timestamp::MAX, |(key, _)| key.0);
            let wait = until.min(planned).since(now).min(QUIET);
            let quiet = wait == QUIET;
            match self.events.recv_timeout(wait.into()) {
                Ok(event) => {
                    let now = self.read_clock();
                    let at = self.next_arrival_stamp(now);
                    self.receive_session_event(event, at)?;
                }
                Err(RecvTimeoutError::Timeout) if quiet => return Ok(Next::Quiet),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => self.ended = true,
            }
        }
    }

    fn read_clock(&mut self) -> Timestamp {
        match &mut self.pace {
            Pace::Wall(clock) => clock().floor_micros(),
            Pace::Exchange(_) => self.told,
        }
    }

    /// The stamp of what arrives now: later than any other's, and than the last wake.
    fn next_arrival_stamp(&mut self, now: Timestamp) -> Timestamp {
        let last = self.arrived.max(self.floor).floor_micros();
        self.arrived = if last == Timestamp::MIN { now } else { now.max(last + RESOLUTION) };
        self.arrived
    }

    fn next_by_exchange(&mut self, until: Timestamp) -> Result<Next<Stamped<Input>>, GatewayError> {
        loop {
            if let Some(next) = self.take_earliest(self.told, until) {
                return Ok(next);
            }
            if self.ended {
                return Ok(Next::End);
            }
            if self.told >= until.floor_millis() && !self.exhausted {
                return Ok(self.advance_floor_to(until));
            }
            let planned = self.local.first_key_value().map_or(Timestamp::MAX, |(key, _)| key.0);
            // At the end of the data nothing more can happen but answers to what was asked last.
            let target = if self.exhausted { self.told } else { until.min(planned) };
            if let Pace::Exchange(go_on) = &mut self.pace {
                go_on((target != Timestamp::MAX).then_some(target));
            }
            if self.receive_until_told()? {
                return Ok(if self.exhausted { Next::End } else { Next::Quiet });
            }
        }
    }

    /// Reads until the exchange's clock is heard. Returns whether time stood still and nothing happened.
    fn receive_until_told(&mut self) -> Result<bool, GatewayError> {
        let (before, held) = (self.told, self.held.len());
        loop {
            let Ok(event) = self.events.recv() else {
                self.ended = true;
                return Ok(false);
            };
            let told = matches!(event, SessionEvent::Clock { .. } | SessionEvent::End);
            self.receive_session_event(event, self.told)?;
            if told {
                // Answers race each other; at one moment the order is always the same.
                let place = |held: &Stamped<QueuedEvent>| {
                    (held.at, held.value.tie_break_rank(), held.value.order_id())
                };
                self.held.make_contiguous().sort_by_key(place);
                return Ok(self.told == before && self.held.len() == held && !self.ended);
            }
        }
    }

    fn receive_session_event(&mut self, event: SessionEvent, now: Timestamp) -> Result<(), GatewayError> {
        match event {
            SessionEvent::Input { at, input } => self.queue_for_desk(at.unwrap_or(now), input),
            SessionEvent::Book { at, market, quote, beside } => {
                let at = at.unwrap_or(now);
                if self.tells_depth && *beside.deeper != Depth::default() {
                    let depth = Arc::clone(&beside.deeper);
                    self.queue_for_desk(at, Input::Market(MarketEvent::Depth { market, depth }));
                }
                self.queue_for_recorder(at, RecorderEvent::Book(beside));
                self.queue_for_desk(at, Input::Market(MarketEvent::Quote { market, quote }));
            }
            SessionEvent::Trade { at, trade } => {
                self.queue_for_recorder(at.unwrap_or(now), RecorderEvent::Trade(trade));
            }
            SessionEvent::Later(planned) => {
                self.plan_input(planned.at, planned.value);
            }
            SessionEvent::Clock { now, end } => {
                self.told = self.told.max(now);
                self.exhausted |= end;
            }
            SessionEvent::End => {
                // What was told counts; what is only planned will be planned again by the next session.
                self.told = self.held.back().map_or(self.told, |last| last.at.max(self.told));
                self.ended = true;
            }
            SessionEvent::Failed(error) => return Err(error),
        }
        Ok(())
    }
}

impl QueuedEvent {
    const fn tie_break_rank(&self) -> u8 {
        match self {
            Self::Input(input) => input_tie_break_rank(input),
            Self::Aside(_) => QUOTES,
        }
    }

    const fn order_id(&self) -> Option<OrderId> {
        match self {
            Self::Input(input) => order_of(input),
            Self::Aside(_) => None,
        }
    }
}

/// The order that an answer is about.
const fn order_of(input: &Input) -> Option<OrderId> {
    match input {
        Input::Venue(
            VenueEvent::Accepted { order, .. }
            | VenueEvent::Closed { order, .. }
            | VenueEvent::Rejected { order, .. },
        ) => Some(*order),
        Input::Venue(VenueEvent::Filled(fill)) => Some(fill.order),
        _ => None,
    }
}

/// The place of quotes among what has one moment.
const QUOTES: u8 = 3;

/// The order at one moment: listed, fees, facts, quotes and answers, closed, paid out.
const fn input_tie_break_rank(input: &Input) -> u8 {
    match input {
        Input::Market(MarketEvent::Listed(_)) => 0,
        Input::Market(MarketEvent::Fees { .. }) => 1,
        Input::Fact(_) => 2,
        Input::Market(MarketEvent::Status { .. }) => 4,
        Input::Market(MarketEvent::Settled { .. }) => 5,
        Input::Market(_) | Input::Venue(_) | Input::Control(_) | Input::Wake => QUOTES,
    }
}

impl Feed for LiveFeed {
    fn next(&mut self, until: Option<Timestamp>) -> Result<Next<Stamped<Input>>, GatewayError> {
        let until = until.unwrap_or(Timestamp::MAX);
        match self.pace {
            Pace::Wall(_) => self.next_by_wall(until),
            Pace::Exchange(_) => self.next_by_exchange(until),
        }
    }
}

#[cfg(test)]
#[path = "live_tests.rs"]
mod tests;
