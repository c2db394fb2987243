//! Reading markets by REST: the regular sweep of the scope, and single markets that the stream named.

use std::time::Duration;

use tokio::time::Instant;

use crate::domain::Span;
use crate::kalshi::clock;
use crate::kalshi::market_reader::MarketReport;
use crate::kalshi::rest::ApiError;

use super::{ExchangeSession, FinishedRequest, READ_AGAIN, SWEEP_LEAD};

impl ExchangeSession {
    pub(super) fn handle_market_reports(&mut self, reports: Result<Vec<MarketReport>, ApiError>, what: &str) {
        let now = self.market_time();
        let reported = match reports {
            Ok(reports) => self.watch.apply_market_reports(&reports, now).map_err(|error| error.to_string()),
            Err(error) => {
                self.handle_api_error(&error);
                return;
            }
        };
        if let Err(problem) = reported {
            self.send_halt(format!("{what}: {problem}"));
        }
    }

    pub(super) fn read_unknown(&mut self) {
        let unknown = self.watch.take_unknown_tickers();
        if !unknown.is_empty() {
            self.reading += 1;
            let reader = self.reader.clone();
            let tickers: Vec<_> = unknown.into_iter().collect();
            self.jobs.spawn(async move {
                let read = delay_if_failed(reader.read_markets(tickers.clone()).await).await;
                FinishedRequest::Asked(tickers, read)
            });
        }
    }

    pub(super) fn sweep_if_due(&mut self) {
        let due = !self.sweeping && self.sweep_at.is_some_and(|at| at <= Instant::now());
        // By the exchange's clock a sweep belongs to a moment, so `go_on` begins it.
        if due && !self.settings.by_exchange && self.draining.is_none() {
            self.start_sweep();
        }
    }

    pub(super) fn sweep_soon(&mut self) {
        self.sweep_at = Some(Instant::now());
    }

    pub(super) fn start_sweep(&mut self) {
        self.sweeping = true;
        self.sweep_at = None;
        let others = self.watch.unsettled_markets().map(|market| market.ticker.as_ref().into()).collect();
        let reader = self.reader.clone();
        self.jobs.spawn(async move {
            let began = Instant::now();
            let reports = delay_if_failed(reader.sweep_markets(others).await).await;
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
async fn delay_if_failed<T>(read: Result<T, ApiError>) -> Result<T, ApiError> {
    if read.is_err() {
        tokio::time::sleep(READ_AGAIN).await;
    }
    read
}
