//! What a test can do to the exchange: pauses, halts, moved closes, disputes, other shards.

use crate::domain::{MarketStatus, Timestamp};
use crate::event::MarketEvent;

use super::sandbox_exchange::SandboxExchange;
use super::state::ResultDispute;
use crate::sandbox::refused::ApiRefusal;

/// An intervention by a test or by `POST /sandbox/control`; tickers name markets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SandboxControl {
    /// `true`: new orders, amends and decreases are refused everywhere, cancels are taken; `false` ends it.
    TradingPause(bool),
    /// `true`: new orders, amends, decreases and cancels are refused everywhere; `false` ends it.
    ExchangePause(bool),
    /// A market is halted: it takes no new orders, and its resting orders stay but do not trade.
    Halt(String),
    /// It comes back, and its resting orders are cancelled.
    Activate(String),
    /// A market closes at another time.
    CloseTime(String, Timestamp),
    /// The next determination of a market is disputed, and another result holds ten minutes later.
    Dispute(String),
    /// Events of a series that are listed from now on are traded on the shard of this number.
    Shard(String, u8),
}

impl SandboxExchange {
    /// Carries out an intervention at once; a pause also cancels the orders that asked for it.
    ///
    /// # Errors
    /// When there is no such market, or it is over.
    pub fn apply_control(&mut self, control: &SandboxControl) -> Result<(), ApiRefusal> {
        let market =
            |ticker: &str| self.market_of(ticker).ok_or(ApiRefusal::without_details(404, "market_not_found"));
        let open = |ticker: &str| {
            let market = market(ticker)?;
            let status = self.market_state(market).map(|state| state.status);
            let over = matches!(status, Some(MarketStatus::Closed | MarketStatus::Settled));
            if over { Err(ApiRefusal::without_details(409, "market_closed")) } else { Ok(market) }
        };
        match control {
            SandboxControl::TradingPause(paused) => self.trading_paused = *paused,
            SandboxControl::ExchangePause(paused) => self.all_paused = *paused,
            SandboxControl::Halt(ticker) => {
                let market = open(ticker)?;
                self.apply_market_event(MarketEvent::Status { market, status: MarketStatus::Halted });
            }
            SandboxControl::Activate(ticker) => {
                let market = open(ticker)?;
                self.apply_market_event(MarketEvent::Status { market, status: MarketStatus::Active });
            }
            SandboxControl::CloseTime(ticker, close) => {
                let (market, close) = (market(ticker)?, *close);
                self.apply_market_event(MarketEvent::CloseTime { market, close });
            }
            SandboxControl::Dispute(ticker) => {
                let market = market(ticker)?;
                let state = self.market_state_mut(market).filter(|state| state.settled.is_none());
                let state = state.ok_or(ApiRefusal::without_details(409, "market_settled"))?;
                state.dispute.get_or_insert(ResultDispute::Asked);
            }
            SandboxControl::Shard(series, shard) => {
                let state = self.series.get_mut(series.as_str()).ok_or(ApiRefusal::NOT_FOUND)?;
                state.shard = *shard;
            }
        }
        if matches!(control, SandboxControl::TradingPause(true) | SandboxControl::ExchangePause(true)) {
            for account in 0..self.accounts.len() {
                self.cancel_where(account, None, |order| order.cancel_on_pause);
            }
        }
        Ok(())
    }
}
