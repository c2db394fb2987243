//! What goes out: orders to the exchange, and to the engine what follows from what came in.

use crate::domain::{MarketStatus, Order};
use crate::engine::gateway::SessionEvent;
use crate::event::{Input, MarketEvent, VenueEvent};
use crate::kalshi::order_requests::{OrderAddress, perform_task};
use crate::kalshi::order_tasks::OrderTask;
use crate::kalshi::stream::Want;

use super::{BEHIND, BookDepth, ExchangeSession, FinishedRequest};

impl ExchangeSession {
    pub(super) fn start_request(&mut self, task: OrderTask) {
        let order: Order = *task.order();
        let Some(market) = self.market_tracker.market(order.market) else {
            return self.send_failure(format!("order {} is for a market that is not known", order.id.0));
        };
        let to = OrderAddress {
            ticker: market.ticker.as_ref().into(),
            client_id: self.order_tracker.client_id(order.id),
            entry_group: self.entry_group.clone(),
        };
        let rest = self.rest.clone();
        self.requests.spawn(async move {
            let (done, error) = perform_task(rest, task, to).await;
            FinishedRequest::Task(done, error)
        });
    }

    pub(super) fn tell_of_orders(&mut self) {
        while let Some(event) = self.order_tracker.pop_event() {
            self.tell_venue(event);
        }
    }

    pub(super) fn tell_venue(&mut self, event: VenueEvent) {
        self.time.is_answered = true;
        self.time.is_urgent |= matches!(event, VenueEvent::Unexplained { .. });
        let at = self.exchange_stamp();
        self.queue_event(SessionEvent::Input { at, input: Input::Venue(event) });
    }

    pub(super) async fn tell_of_markets(&mut self) {
        // While the engine is behind, changes wait where they are and the latest counts.
        if !self.settings.by_exchange && self.outbox.len() > BEHIND {
            return;
        }
        let (now, stamp) = (self.market_time(), self.exchange_stamp());
        for control in self.market_tracker.take_controls() {
            self.queue_event(SessionEvent::Input { at: stamp, input: Input::Control(control) });
        }
        let mut listed = Vec::new();
        for event in self.market_tracker.take_events(now) {
            match &event {
                MarketEvent::Listed(market) => listed.push(market.ticker.as_ref().into()),
                MarketEvent::Settled { market, .. }
                | MarketEvent::Status { market, status: MarketStatus::Closed | MarketStatus::Settled } => {
                    self.order_tracker.mark_uncertain(*market);
                }
                _ => {}
            }
            let event = match event {
                MarketEvent::Quote { market, quote } if self.settings.depth != BookDepth::TopOfBook => {
                    SessionEvent::Book {
                        at: stamp,
                        market,
                        quote,
                        beside: self.market_tracker.book_extras(market),
                    }
                }
                event => SessionEvent::Input { at: stamp, input: Input::Market(event) },
            };
            self.queue_event(event);
        }
        if !listed.is_empty() {
            self.time.is_subscribing = self.stream_wants.is_some();
            self.send_stream_want(Want::Markets(listed)).await;
        }
    }

    pub(super) async fn send_stream_want(&mut self, want: Want) {
        let empty = matches!(&want, Want::Markets(tickers) if tickers.is_empty());
        if let Some(wants) = self.stream_wants.as_ref().filter(|_| !empty)
            && wants.send(want).await.is_err()
        {
            self.send_failure("the stream's task has ended".into());
        }
    }
}
