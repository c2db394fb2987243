//! What comes in: messages of the stream, and results of the requests that the session started.

use tracing::{info, warn};

use crate::engine::gateway::{PublicTrade, SessionEvent};
use crate::kalshi::order_requests::{pushed_fill, pushed_order};
use crate::kalshi::rest::ApiError;
use crate::kalshi::stream::StreamEvent;
use crate::kalshi::ws_messages::{Frame, TradeMessage, UnreadableMessage};

use super::{BookDepth, ExchangeSession, FinishedRequest};

impl ExchangeSession {
    pub(super) fn handle_stream_event(&mut self, event: StreamEvent) {
        match event {
            StreamEvent::Up => {
                info!("the stream is up");
                self.link.set_heard(true);
                self.order_tracker.mark_all_uncertain();
                self.sweep_soon();
                self.ask_hours_soon();
            }
            StreamEvent::Down { reason } => {
                warn!(reason, "the stream is down");
                self.link.set_heard(false);
                self.market_tracker.all_stale();
                self.market_tracker.forget_determinations();
                self.order_tracker.mark_all_uncertain();
                self.ask_hours_soon();
            }
            StreamEvent::Book { ticker, top, deeper, .. } => {
                self.market_tracker.update_best_prices(&ticker, top);
                if self.settings.depth.level_count() > 1 {
                    let counts = matches!(self.settings.depth, BookDepth::FullDepth(_));
                    self.market_tracker.update_depth(&ticker, deeper, counts);
                }
            }
            StreamEvent::Stale { ticker } => self.market_tracker.mark_book_stale(&ticker),
            StreamEvent::Missed { channel } => {
                warn!(channel = channel.name(), "messages were lost; the state is read again");
                self.market_tracker.forget_determinations();
                self.order_tracker.mark_all_uncertain();
                self.sweep_soon();
            }
            StreamEvent::Unreadable(message) => self.handle_unreadable_message(message),
            StreamEvent::Frame(frame) => self.handle_frame(frame),
        }
    }

    pub(super) fn handle_frame(&mut self, frame: Frame) {
        if let Some(at) = frame.exchange_time() {
            self.time.exchange_now = self.time.exchange_now.max(at);
        }
        match frame {
            Frame::Ticker(ticker) => self.market_tracker.apply_ticker_message(&ticker),
            Frame::Lifecycle(message) => self.market_tracker.apply_lifecycle_message(&message),
            Frame::Fill(fill) => {
                let now = self.monotonic_now();
                let report = pushed_fill(&fill, self.market_tracker.find_market_id(&fill.ticker));
                self.order_tracker.pushed_fill(fill.client_order_id.as_deref(), now, report);
            }
            Frame::UserOrder(message) => {
                let now = self.monotonic_now();
                let order = self.order_tracker.order_of(&message.client_order_id);
                let order = order.and_then(|id| self.order_tracker.open_order(id));
                if let Some(report) = order.and_then(|order| pushed_order(&order, &message)) {
                    self.order_tracker.pushed_order(&message.client_order_id, now, report);
                }
            }
            Frame::Trade(trade) if self.settings.depth != BookDepth::TopOfBook => {
                if let Some(market) = self.market_tracker.find_market_id(&trade.ticker) {
                    let TradeMessage { id, yes_price, contracts, taker, .. } = trade;
                    let trade = PublicTrade { market, id, yes_price, contracts, taker };
                    let at = self.exchange_stamp();
                    self.queue_event(SessionEvent::Trade { at, trade });
                }
            }
            Frame::SandboxClock(clock) => self.handle_clock_message(clock),
            Frame::EventLifecycle(event) => self.market_tracker.note_event(&event),
            Frame::EventFeeUpdate(update) if self.market_tracker.may_have_event(&update.event_ticker) => {
                self.sweep_soon();
            }
            Frame::Error(refusal) => {
                warn!(code = refusal.code, message = refusal.message, "the stream refused");
            }
            _ => {}
        }
    }

    /// Only what concerns the account halts the desk. A market whose prices cannot be read is set aside; of what is left,
    /// the state is read again where the stream does not do so itself.
    fn handle_unreadable_message(&mut self, message: UnreadableMessage) {
        if message.is_about_account() {
            self.order_tracker.mark_all_uncertain();
            return self.send_halt(message.problem);
        }
        warn!(kind = message.kind.as_deref(), ticker = message.ticker.as_deref(), "{}", message.problem);
        let is_about_prices = message.is_about_prices();
        match message.ticker {
            Some(ticker) if is_about_prices => {
                if self.market_tracker.find_market_id(&ticker).is_some() {
                    self.market_tracker.mark_book_stale(&ticker);
                    self.market_tracker.set_market_aside(&ticker, message.problem, self.market_time());
                }
            }
            Some(_) => {}
            None if message.kind.is_some() => self.sweep_soon(),
            None => {
                self.order_tracker.mark_all_uncertain();
                self.sweep_soon();
            }
        }
    }

    pub(super) fn handle_finished_request(&mut self, finished: FinishedRequest) {
        if finished.is_success() {
            self.link.set_failure(None);
        }
        match finished {
            FinishedRequest::Task(done, error) => {
                if let Some(error) = error {
                    if done.is_refused_order() {
                        self.link.set_refusal(error.to_string().into());
                    }
                    self.handle_api_error(&error);
                }
                let now = self.monotonic_now();
                done.hand_to(&mut self.order_tracker, now);
            }
            FinishedRequest::Swept(reports, took) => {
                self.reads.is_sweeping = false;
                if self.stream_wants.is_none() {
                    self.link.set_heard(reports.is_ok());
                }
                if self.handle_market_reports(reports) {
                    self.sweep_soon();
                }
                // One that was asked for meanwhile comes at once.
                if !self.settings.by_exchange && self.reads.sweep_at.is_none() {
                    self.plan_sweep(took);
                }
            }
            FinishedRequest::Asked(tickers, reports) => {
                self.reads.open_reads -= 1;
                // Nothing else would tell of them, and the clock of a sandbox must not go on without them.
                if self.handle_market_reports(reports) {
                    self.market_tracker.ask_for(tickers);
                }
            }
            FinishedRequest::Hours(asked) => self.hours_told(asked),
            FinishedRequest::WentOn(Ok(clock)) => self.handle_clock_message(clock),
            FinishedRequest::WentOn(Err(error)) => {
                self.send_failure(format!("the exchange's clock: {error}"));
            }
        }
    }

    /// What a failed request means beyond the order it was about.
    pub(super) fn handle_api_error(&mut self, error: &ApiError) {
        if !may_pass(error) {
            return self.send_halt(error.to_string());
        }
        warn!(%error, "a request failed");
        if error.is_transient() {
            self.link.set_failure(Some(error.to_string().into()));
        }
        // A halted market answers the same as a pause of everything.
        if error.market_not_trading() {
            self.ask_hours_soon();
        }
    }
}

/// Whether a failed request may be answered if it is made again: not where the account, or all markets, are described
/// in other words than we know, or we are not who the exchange takes us for. Whether it trades is asked often anyway.
pub(super) fn may_pass(error: &ApiError) -> bool {
    match error {
        ApiError::Schema { endpoint, .. } => endpoint.starts_with("GET /exchange/"),
        error => !matches!(error.refusal_status(), Some(401 | 403 | 410)),
    }
}
