//! Reading markets by REST: the regular sweep of the scope, and single markets that the stream named.

use std::time::Duration;

use tokio::time::Instant;

use crate::domain::Span;
use crate::kalshi::market_reports::MarketReports;
use crate::kalshi::rest::ApiError;

use super::inbound::may_pass;
use super::{ExchangeSession, FinishedRequest, SWEEP_LEAD, SessionPhase};

/// Pause before markets that could not be read are asked for again; it doubles so many times at most.
const READ_AGAIN: Duration = Duration::from_secs(1);
const MOST_DOUBLINGS: u32 = 5;
/// Readings in a row from which some markets were missing before the others are taken without them.
const READS_FOR_ALL: u32 = 3;
/// Readings in a row from which some markets were missing before those are set aside: with the pauses between them,
/// a minute. The clock of a sandbox stands still until then.
const READS_UNTIL_ASIDE: u32 = 7;

impl ExchangeSession {
    /// Takes what a reading of markets brought. Returns whether it has to be repeated as a whole.
    ///
    /// Markets that open together are listed together, in one order, so a reading from which some are missing is
    /// repeated; only when that fails again and again, the others go on without them.
    pub(super) fn handle_market_reports(&mut self, found: Result<MarketReports, ApiError>) -> bool {
        match found {
            Ok(MarketReports { error: Some(error), .. }) if self.reads.failed_in_a_row < READS_FOR_ALL => {
                self.reads.failed_in_a_row += 1;
                self.handle_api_error(&error);
                true
            }
            Ok(found) => {
                self.market_tracker.apply_market_reports(&found, self.market_time());
                self.reads.failed_in_a_row =
                    if found.error.is_some() { self.reads.failed_in_a_row + 1 } else { 0 };
                let Some(error) = found.error else { return false };
                self.handle_api_error(&error);
                if self.reads.failed_in_a_row < READS_UNTIL_ASIDE {
                    self.market_tracker.ask_for(found.missing);
                } else {
                    let (reason, now) = (format!("it cannot be read: {error}"), self.market_time());
                    for ticker in &found.missing {
                        self.market_tracker.set_market_aside(ticker, reason.clone(), now);
                    }
                }
                false
            }
            Err(error) => {
                self.reads.failed_in_a_row += 1;
                self.handle_api_error(&error);
                may_pass(&error)
            }
        }
    }

    pub(super) fn read_unknown(&mut self) {
        let unknown = self.market_tracker.take_unknown_tickers();
        if !unknown.is_empty() {
            self.reads.open_reads += 1;
            let reader = self.market_reader.clone();
            let tickers: Vec<_> = unknown.into_iter().collect();
            let pause = self.pause_after_failure();
            self.requests.spawn(async move {
                let read = delay_if_failed(reader.read_markets(tickers.clone()).await, pause).await;
                FinishedRequest::Asked(tickers, read)
            });
        }
    }

    /// How long what fails now waits to be asked for again: longer with each failure in a row.
    fn pause_after_failure(&self) -> Duration {
        READ_AGAIN * 2_u32.pow(self.reads.failed_in_a_row.min(MOST_DOUBLINGS))
    }

    pub(super) fn sweep_if_due(&mut self) {
        let due = !self.reads.is_sweeping && self.reads.sweep_at.is_some_and(|at| at <= Instant::now());
        // By the exchange's clock a sweep belongs to a moment, so `go_on` begins it.
        if due && !self.settings.by_exchange && self.phase == SessionPhase::Running {
            self.start_sweep();
        }
    }

    pub(super) fn sweep_soon(&mut self) {
        self.reads.sweep_at = Some(Instant::now());
    }

    pub(super) fn start_sweep(&mut self) {
        self.reads.is_sweeping = true;
        self.reads.sweep_at = None;
        let others =
            self.market_tracker.unsettled_markets().map(|market| market.ticker.as_ref().into()).collect();
        let (reader, pause) = (self.market_reader.clone(), self.pause_after_failure());
        self.requests.spawn(async move {
            let began = Instant::now();
            let reports = delay_if_failed(reader.sweep_markets(others).await, pause).await;
            FinishedRequest::Swept(reports, began.elapsed())
        });
    }

    /// The next sweep ends just before the next scan, so that the scan sees fresh quotes.
    pub(super) fn plan_sweep(&mut self, took: Duration) {
        let now = self.clock.current_time();
        let lead = SWEEP_LEAD.max(took * 2);
        let next = (now + lead.into()).just_after().rounded_up_to(self.settings.interval.max(Span::MINUTE));
        self.reads.sweep_at = Some(Instant::now() + Duration::from(next.since(now)).saturating_sub(lead));
    }
}

/// A failure is handed on after a pause, since what failed is asked for again at once.
async fn delay_if_failed(
    read: Result<MarketReports, ApiError>,
    pause: Duration,
) -> Result<MarketReports, ApiError> {
    if read.as_ref().map_or(true, |found| found.error.is_some()) {
        tokio::time::sleep(pause).await;
    }
    read
}
