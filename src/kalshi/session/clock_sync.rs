//! The exchange's own clock, in a sandbox: when it may go on, and when the engine is told where it is.
//!
//! The engine waits for the clock. It is told a moment only when everything of that moment was told before, so a
//! delayed thread cannot split one moment into two. Steering does not wait for the clock: see `tell_at_once`.

use tokio::time::Instant;

use crate::domain::Timestamp;
use crate::engine::gateway::SessionEvent;
use crate::kalshi::stream::Want;
use crate::kalshi::ws_messages::SandboxClockMessage;

use super::{ClockState, ExchangeSession, FinishedRequest};

impl ExchangeSession {
    pub(super) fn handle_clock_message(&mut self, clock: SandboxClockMessage) {
        self.time.exchange_now = self.time.exchange_now.max(clock.now);
        if self.time.clock == ClockState::Under {
            self.time.clock = ClockState::Arrived(clock);
        }
    }

    /// Moves the exchange's clock, or tells where it is, as soon as nothing is open before it.
    pub(super) async fn go_on(&mut self) {
        if self.time.clock != ClockState::Standing && std::mem::take(&mut self.time.is_urgent) {
            return self.tell_at_once();
        }
        match self.time.clock {
            ClockState::Asked(until)
                if self.order_tracker.is_quiet() && self.reads.open_reads == 0 && !self.reads.is_sweeping =>
            {
                if std::mem::take(&mut self.time.is_answered) {
                    // What was answered now comes before anything later.
                    self.time.clock = ClockState::Standing;
                    return self.tell_clock(self.time.exchange_now, false);
                }
                self.time.clock = ClockState::Under;
                if self.stream_wants.is_some() {
                    self.request_clock_advance(until).await;
                } else {
                    // Nothing else would tell what the next moment brings.
                    self.sweep_soon();
                    let rest = self.rest.clone();
                    self.requests.spawn(async move {
                        let until = until.unwrap_or(Timestamp::MAX);
                        let clock = rest.sandbox_advance(until).await;
                        FinishedRequest::WentOn(
                            clock.map(|clock| SandboxClockMessage { now: clock.now, end: clock.end }),
                        )
                    });
                }
            }
            ClockState::Arrived(clock) if self.reads.open_reads == 0 && !self.reads.is_sweeping => {
                if self.reads.sweep_at.is_some_and(|at| at <= Instant::now()) {
                    return self.start_sweep();
                }
                if !self.order_tracker.is_quiet() {
                    return;
                }
                if self.time.is_subscribing {
                    // The books of new markets belong to this moment, whenever they come: the clock is told after them.
                    self.time.clock = ClockState::Under;
                    return self.request_clock_advance(Some(clock.now)).await;
                }
                self.time.clock = ClockState::Standing;
                self.time.is_answered = false;
                self.tell_clock(clock.now, clock.end);
            }
            _ => {}
        }
    }

    pub(super) fn tell_clock(&mut self, now: Timestamp, end: bool) {
        self.time.told_to = now;
        self.queue_event(SessionEvent::Clock { now, end });
    }

    /// The engine, which waits for the exchange's clock, hears what is in line for it although the clock does not
    /// go on. What it then asks for is what it asked for before.
    pub(super) fn tell_at_once(&mut self) {
        match self.time.clock {
            ClockState::Asked(_) => {
                self.time.clock = ClockState::Standing;
                self.time.is_answered = false;
                self.tell_clock(self.time.exchange_now, false);
            }
            // The moment on its way is not complete, so only what has the stamp of the last one can be heard.
            ClockState::Under | ClockState::Arrived(_) => {
                self.queue_event(SessionEvent::Clock { now: self.time.told_to, end: false });
            }
            ClockState::Standing => {}
        }
    }

    /// Asks for the next moment over the stream, which first completes its subscriptions.
    pub(super) async fn request_clock_advance(&mut self, until: Option<Timestamp>) {
        self.time.is_subscribing = false;
        self.send_stream_want(Want::Advance { until_ts_ms: until.map(Timestamp::millis) }).await;
    }
}
