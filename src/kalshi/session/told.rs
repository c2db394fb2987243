//! What the session tells: markets, answers about orders, and where the exchange's clock is; and the sweeps
//! it makes to know.

use std::time::Duration;

use tokio::time::Instant;

use crate::domain::{MarketStatus, Span, Timestamp};
use crate::engine::gateway::SessionEvent;
use crate::event::{Input, MarketEvent, VenueEvent};
use crate::kalshi::clock;
use crate::kalshi::rest::ApiError;
use crate::kalshi::stream::Want;
use crate::kalshi::ws_messages::SandboxClockMessage;

use super::{BEHIND, BookDepth, ClockState, ExchangeSession, FinishedRequest, READ_AGAIN, SWEEP_LEAD};

impl ExchangeSession {
    pub(super) fn arrived(&mut self, clock: SandboxClockMessage) {
        self.exchange_now = self.exchange_now.max(clock.now);
        if self.going == ClockState::Under {
            self.going = ClockState::Arrived(clock);
        }
    }

    /// Moves the exchange's clock, or tells where it is, as soon as nothing is open before it.
    pub(super) async fn go_on(&mut self) {
        if self.going != ClockState::Standing && std::mem::take(&mut self.urgent) {
            return self.tell_at_once();
        }
        match self.going {
            ClockState::Asked(until) if self.tracker.is_quiet() && self.reading == 0 && !self.sweeping => {
                if std::mem::take(&mut self.answered) {
                    // What was answered now comes before anything later.
                    self.going = ClockState::Standing;
                    return self.tell_clock(self.exchange_now, false);
                }
                self.going = ClockState::Under;
                if self.wants.is_some() {
                    self.advance(until).await;
                } else {
                    // Nothing else would tell what the next moment brings.
                    self.sweep_soon();
                    let rest = self.rest.clone();
                    self.jobs.spawn(async move {
                        let until = until.unwrap_or(Timestamp::MAX);
                        let clock = rest.sandbox_advance(until).await;
                        FinishedRequest::WentOn(
                            clock.map(|clock| SandboxClockMessage { now: clock.now, end: clock.end }),
                        )
                    });
                }
            }
            ClockState::Arrived(clock) if self.reading == 0 && !self.sweeping => {
                if self.sweep_at.is_some_and(|at| at <= Instant::now()) {
                    return self.sweep();
                }
                if !self.tracker.is_quiet() {
                    return;
                }
                if self.subscribing {
                    // The books of new markets belong to this moment, whenever they come: the clock is told after them.
                    self.going = ClockState::Under;
                    return self.advance(Some(clock.now)).await;
                }
                self.going = ClockState::Standing;
                self.answered = false;
                self.tell_clock(clock.now, clock.end);
            }
            _ => {}
        }
    }

    fn tell_clock(&mut self, now: Timestamp, end: bool) {
        self.told_to = now;
        self.push(SessionEvent::Clock { now, end });
    }

    /// The engine, which waits for the exchange's clock, hears what is in line for it although the clock does not
    /// go on. What it then asks for is what it asked for before.
    fn tell_at_once(&mut self) {
        match self.going {
            ClockState::Asked(_) => {
                self.going = ClockState::Standing;
                self.answered = false;
                self.tell_clock(self.exchange_now, false);
            }
            // The moment on its way is not complete, so only what has the stamp of the last one can be heard.
            ClockState::Under | ClockState::Arrived(_) => {
                self.push(SessionEvent::Clock { now: self.told_to, end: false });
            }
            ClockState::Standing => {}
        }
    }

    /// Asks for the next moment over the stream, which first completes its subscriptions.
    async fn advance(&mut self, until: Option<Timestamp>) {
        self.subscribing = false;
        self.want(Want::Advance { until_ts_ms: until.map(Timestamp::millis) }).await;
    }

    pub(super) fn tell_of_orders(&mut self) {
        while let Some(event) = self.tracker.event() {
            self.tell_venue(event);
        }
    }

    pub(super) fn tell_venue(&mut self, event: VenueEvent) {
        self.answered = true;
        self.urgent |= matches!(event, VenueEvent::Unexplained { .. });
        let at = self.stamp();
        self.push(SessionEvent::Input { at, input: Input::Venue(event) });
    }

    pub(super) fn read_unknown(&mut self) {
        let unknown = self.watch.unknown();
        if !unknown.is_empty() {
            self.reading += 1;
            let reader = self.reader.clone();
            let tickers: Vec<_> = unknown.into_iter().collect();
            self.jobs.spawn(async move {
                let read = unhurried(reader.markets(tickers.clone()).await).await;
                FinishedRequest::Asked(tickers, read)
            });
        }
    }

    pub(super) async fn tell_of_markets(&mut self) {
        // While the engine is behind, changes wait where they are and the latest counts.
        if !self.settings.by_exchange && self.outbox.len() > BEHIND {
            return;
        }
        let (now, stamp) = (self.market_time(), self.stamp());
        let mut listed = Vec::new();
        for event in self.watch.take(now) {
            match &event {
                MarketEvent::Listed(market) => listed.push(market.ticker.as_ref().into()),
                MarketEvent::Settled { market, .. }
                | MarketEvent::Status { market, status: MarketStatus::Closed | MarketStatus::Settled } => {
                    self.tracker.mark_uncertain(*market);
                }
                _ => {}
            }
            let news = match event {
                MarketEvent::Quote { market, quote } if self.settings.depth != BookDepth::TopOfBook => {
                    SessionEvent::Book { at: stamp, market, quote, beside: self.watch.beside(market) }
                }
                event => SessionEvent::Input { at: stamp, input: Input::Market(event) },
            };
            self.push(news);
        }
        if !listed.is_empty() {
            self.subscribing = self.wants.is_some();
            self.want(Want::Markets(listed)).await;
        }
    }

    pub(super) async fn want(&mut self, want: Want) {
        let empty = matches!(&want, Want::Markets(tickers) if tickers.is_empty());
        if let Some(wants) = self.wants.as_ref().filter(|_| !empty)
            && wants.send(want).await.is_err()
        {
            self.fail("the stream's task has ended".into());
        }
    }

    pub(super) fn sweep_if_due(&mut self) {
        let due = !self.sweeping && self.sweep_at.is_some_and(|at| at <= Instant::now());
        // By the exchange's clock a sweep belongs to a moment, so `go_on` begins it.
        if due && !self.settings.by_exchange && self.draining.is_none() {
            self.sweep();
        }
    }

    pub(super) fn sweep_soon(&mut self) {
        self.sweep_at = Some(Instant::now());
    }

    pub(super) fn sweep(&mut self) {
        self.sweeping = true;
        self.sweep_at = None;
        let others = self.watch.unsettled().map(|market| market.ticker.as_ref().into()).collect();
        let reader = self.reader.clone();
        self.jobs.spawn(async move {
            let began = Instant::now();
            let reports = unhurried(reader.sweep(others).await).await;
            FinishedRequest::Swept(reports, began.elapsed())
        });
    }

    /// The next sweep ends just before the next scan, so that the scan sees fresh quotes.
    pub(super) fn plan_sweep(&mut self, took: Duration) {
        let now = clock::now();
        let lead = SWEEP_LEAD.max(took * 2);
        let next = (now + lead.into()).just_after().rounded_up_to(self.settings.interval.max(Span::MINUTE));
        self.sweep_at = Some(Instant::now() + Duration::from(next.since(now)).saturating_sub(lead));
    }
}

/// A failure is handed on after a pause, since what failed is asked for again at once.
async fn unhurried<T>(read: Result<T, ApiError>) -> Result<T, ApiError> {
    if read.is_err() {
        tokio::time::sleep(READ_AGAIN).await;
    }
    read
}
