//! Whether the exchange trades: asked now and then and when something hints at a pause. While it does not, or while
//! this machine's clock is wrong, no quote holds and no order is sent; afterwards everything goes on by itself.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tracing::{info, warn};

use crate::kalshi::rest::{ApiError, Rest};
use crate::kalshi::wire::{ExchangeStatus, Schedule};

use super::{ExchangeSession, FinishedRequest};

/// How often it is asked, and how often while nothing is traded.
const ASK_EVERY: Duration = Duration::from_mins(1);
const ASK_EVERY_IN_PAUSE: Duration = Duration::from_secs(5);
/// It is not asked again sooner than this.
const SOONEST: Duration = Duration::from_millis(50);
/// How long the session waits for the first answer before it trades.
const FIRST_ANSWER: Duration = Duration::from_secs(3);
/// A difference of the clocks, in milliseconds, with which nothing is traded: signatures are refused soon.
const UNSAFE_SKEW_MS: i64 = 5_000;
/// How long after a hint the exchange is asked, as hints of one pause come in a burst.
const HINTS: Duration = Duration::from_millis(500);

/// What the exchange says of itself, and has announced.
pub(super) async fn fetch_status_and_schedule(rest: &Rest) -> Result<(ExchangeStatus, Schedule), ApiError> {
    Ok((rest.exchange_status().await?, rest.exchange_schedule().await?))
}

/// Whether the comparison with the exchange's clock is newer than any step of this machine's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ClockEvidence {
    /// An answer of the exchange has just come.
    Fresh,
    /// It may be from before the step.
    Old,
}

impl ExchangeSession {
    /// Something hints at a pause, or at its end.
    pub(super) fn ask_hours_soon(&mut self) {
        self.trading.ask_at = self.trading.ask_at.min(Instant::now() + HINTS);
    }

    /// The first look, before anything is sent. Without an answer the exchange is taken to trade: it would
    /// refuse an order.
    pub(super) async fn learn_hours(&mut self) {
        let asking = fetch_status_and_schedule(&self.rest);
        if let Ok(asked) = tokio::time::timeout(FIRST_ANSWER, asking).await {
            self.hours_told(asked);
        } else {
            warn!("whether the exchange trades is not known yet");
        }
    }

    pub(super) fn ask_hours_if_due(&mut self) {
        if self.trading.is_asking || Instant::now() < self.trading.ask_at {
            return;
        }
        // What was announced holds at its moment, whatever the answer takes.
        self.keep_to_hours(ClockEvidence::Old);
        self.trading.is_asking = true;
        let rest = self.rest.clone();
        self.requests.spawn(async move { FinishedRequest::Hours(fetch_status_and_schedule(&rest).await) });
    }

    pub(super) fn hours_told(&mut self, asked: Result<(ExchangeStatus, Schedule), ApiError>) {
        self.trading.is_asking = false;
        // A request that failed may have had no answer, and so compares nothing.
        let evidence = if asked.is_ok() { ClockEvidence::Fresh } else { ClockEvidence::Old };
        match asked {
            Ok((status, schedule)) => {
                (self.trading.hours.status, self.trading.hours.schedule) = (Some(status), Some(schedule));
            }
            Err(error) => self.handle_api_error(&error),
        }
        self.keep_to_hours(evidence);
        let often = if self.trading.pause_reason.is_some() { ASK_EVERY_IN_PAUSE } else { ASK_EVERY };
        let now = self.market_time();
        let change = self.trading.hours.next_change(now).map_or(often, |change| change.since(now).into());
        self.trading.ask_at = Instant::now() + often.min(change).max(SOONEST);
    }

    /// Nothing is traded by a clock that was set until the exchange has been asked.
    pub(super) fn notice_clock_step(&mut self) {
        if self.trading.pause_reason.is_none() && self.clock.was_machine_set() {
            self.keep_to_hours(ClockEvidence::Old);
            self.trading.ask_at = Instant::now();
        }
    }

    /// What is wrong with this machine's clock; `None` if it is as the exchange's, which is then followed.
    fn clock_problem(&self, evidence: ClockEvidence) -> Option<String> {
        let skew = self.rest.clock_skew();
        if let Some(skew) = skew.filter(|skew| skew.certain_ms() > UNSAFE_SKEW_MS) {
            return Some(format!("{skew}: set it"));
        }
        if self.clock.was_machine_set() && (evidence == ClockEvidence::Old || skew.is_none()) {
            return Some(
                "this machine's clock was set; the exchange is asked whether it is right".to_owned(),
            );
        }
        self.clock.follow_machine();
        None
    }

    fn keep_to_hours(&mut self, evidence: ClockEvidence) {
        let closed = self.clock_problem(evidence);
        let closed = closed.or_else(|| self.trading.hours.closed_reason(self.market_time()));
        let closed: Option<Arc<str>> = closed.map(Into::into);
        match (&self.trading.pause_reason, &closed) {
            (None, Some(reason)) => {
                warn!(%reason, "nothing is traded at the exchange");
                self.market_tracker.pause_trading();
                // A pause cancels what rests.
                self.order_tracker.mark_all_uncertain();
            }
            (Some(_), None) => {
                info!("the exchange trades again");
                self.market_tracker.resume_trading();
                self.order_tracker.mark_all_uncertain();
                self.sweep_soon();
            }
            (Some(_), Some(_)) | (None, None) => {}
        }
        self.link.set_paused(closed.clone());
        self.trading.pause_reason = closed;
    }
}
