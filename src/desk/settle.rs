//! Booking what the exchange says: acknowledgements, fills, ends of orders, settlements.
//!
//! What the exchange claims is input, not an invariant. A claim that does not fit (a fill of an unknown
//! order) or that would break what always holds of our books (a fee of minus a thousand dollars) is a
//! discrepancy: it is written down, stops new positions, and is not booked. It never panics. A fee that
//! merely differs from what was computed is booked as claimed and written down, and stops nothing.

use crate::domain::fee::Role;
use crate::domain::{Action, Contracts, MarketId, Money, Order, OrderId, SettlementValue, StrategyId};
use crate::event::{Fill, RejectReason, VenueEvent};

use super::Desk;
use super::decision::{Discrepancy, FillBooked, Halt, OrderDone, OrderEnd, Output, Record, Settled, Trade};
use super::execution::{Matched, OpenOrder, Purpose};
use super::positions::EntryContext;
use super::risk::kill_switch::HaltDecision as KillVerdict;
use super::risk::trading_halt::HaltRule;

/// The highest fee, in dollars, and the most contracts that are booked, a billion of each: sums stay far from
/// overflowing. What is likely is judged where the exchange is heard (`kalshi::order_tracker`).
const HIGHEST_CLAIM: Money = Money::from_micros(1_000_000_000_000_000);
const MOST_CLAIMED: Contracts = Contracts::whole(1_000_000_000);

impl Desk {
    pub(super) fn apply_venue(&mut self, event: &VenueEvent, out: &mut Output) {
        match event {
            VenueEvent::Accepted { order, .. } => {
                if !self.execution.iter().any(|open| open.order.id == *order) {
                    self.halt_on_discrepancy(format!("an unknown order {} was accepted", order.0), out);
                }
            }
            VenueEvent::Filled(fill) => self.apply_fill(fill, out),
            VenueEvent::Closed { order, reason } => self.end_order(*order, OrderEnd::Closed(*reason), out),
            VenueEvent::Rejected { order, reason } => {
                let again = *reason == RejectReason::Busy && self.execution.schedule_resend(*order, self.now);
                if !again {
                    self.end_order(*order, OrderEnd::Rejected(*reason), out);
                }
            }
            VenueEvent::Unexplained { detail } => self.halt_on_discrepancy(detail.clone(), out),
        }
    }

    fn apply_fill(&mut self, fill: &Fill, out: &mut Output) {
        if let Some(problem) = self.unbookable_reason(fill) {
            let (trade, order) = (fill.trade, fill.order.0);
            return self.halt_on_discrepancy(
                format!("trade {trade} of order {order} is not booked: {problem}"),
                out,
            );
        }
        match self.execution.match_fill(fill) {
            Matched::Duplicate => {}
            Matched::Unknown => {
                let detail = format!(
                    "trade {} of {} contracts at {} belongs to no open order {}",
                    fill.trade, fill.contracts, fill.price, fill.order.0
                );
                self.halt_on_discrepancy(detail, out);
            }
            Matched::Order { order, purpose: Purpose::Exit(_), complete, .. }
                if !self.holds_sold_contracts(&order, fill) =>
            {
                if let Some(remains) = complete {
                    self.finish_order(&remains, OrderEnd::Filled, out);
                }
                let detail = format!(
                    "trade {} sold {} contracts that were no longer held; order {}",
                    fill.trade, fill.contracts, fill.order.0
                );
                self.halt_on_discrepancy(detail, out);
            }
            Matched::Order { order, strategy, purpose, reserved, complete } => {
                self.compare_fee(&order, fill, out);
                out.records.push(Record::Fill(FillBooked { at: self.now, order, fill: *fill }));
                match purpose {
                    Purpose::Enter(conviction) => {
                        let entry = EntryContext { strategy, side: order.side, conviction };
                        self.book_purchase(order.market, entry, fill, reserved);
                    }
                    Purpose::Exit(reason) => {
                        debug_assert!(order.action == Action::Sell, "exits sell");
                        let book = self.books.get(order.market).expect("an order's market is listed");
                        let gone = self.positions.apply_sale(self.now, book, fill, reason);
                        self.ledger.post_proceeds(gone.basis, fill.price * fill.contracts, fill.fee);
                        self.risk.exposure.adjust_exposure(book, -gone.at_stake);
                        self.close_trade(gone.trade, out);
                    }
                }
                if let Some(remains) = complete {
                    self.finish_order(&remains, OrderEnd::Filled, out);
                }
                // Told late: the market has paid out already.
                if let Some(value) = self.books.get(order.market).and_then(|book| book.settled) {
                    self.paid_out(order.market, value, out);
                }
                self.schedule_stop();
                self.refresh_equity();
                self.note_equity(out);
                if self.ledger.free_cash() < Money::ZERO {
                    self.halt_on_discrepancy("the exchange charged more than was set aside".into(), out);
                }
            }
        }
    }

    /// Books the purchase of a fill, for which `reserved` was set aside: ledger, exposure, position, kill switch.
    fn book_purchase(&mut self, market: MarketId, entry: EntryContext, fill: &Fill, reserved: Money) {
        let book = self.books.get(market).expect("an order's market is listed");
        let cost = fill.price * fill.contracts;
        self.ledger.post_purchase(cost, fill.fee, reserved);
        self.risk.exposure.adjust_exposure(book, cost + fill.fee - reserved);
        if self.positions.apply_purchase(self.now, book, entry, fill) {
            let EntryContext { strategy, side, conviction } = entry;
            let (belief, price) = (conviction.belief, conviction.market_price);
            self.risk.kill_switch_mut(strategy).record_entry(book.event_id(), market, side, belief, price);
        }
    }

    /// Why a fill cannot be booked without breaking what always holds of our books; `None` if it can.
    fn unbookable_reason(&self, fill: &Fill) -> Option<String> {
        let (price, contracts, fee) = (fill.price, fill.contracts, fill.fee);
        if !contracts.is_positive() {
            // It belongs to no order.
            return None;
        }
        if fee > HIGHEST_CLAIM || fee < Money::ZERO - HIGHEST_CLAIM || contracts > MOST_CLAIMED {
            return Some(format!("{contracts} contracts with a fee of {fee} are beyond all sums of money"));
        }
        let open = self.execution.get(fill.order).filter(|open| open.order.action == Action::Buy)?;
        let spent = price * contracts + fee;
        let used = spent.min(open.reserved);
        let complete = open.filled + contracts == open.order.contracts;
        let released = if complete { open.reserved - used } else { Money::ZERO };
        let at_stake = self.risk.exposure.total() + spent - used - released;
        (at_stake < Money::ZERO).then(|| format!("with a fee of {fee} less than nothing would be at stake"))
    }

    /// Whether what a sale says it sold is still held.
    fn holds_sold_contracts(&self, order: &Order, fill: &Fill) -> bool {
        self.positions
            .get(order.market)
            .is_some_and(|held| held.side == order.side && held.contracts >= fill.contracts)
    }

    /// The exchange's fee is what is booked. One that our formula does not explain is written down.
    fn compare_fee(&self, order: &Order, fill: &Fill, out: &mut Output) {
        let fees = self.books.get(order.market).expect("an order's market is listed").fees;
        let role = if fill.taker { Role::Taker } else { Role::Maker };
        let ours = fees.trade_fee(role, fill.price, fill.contracts);
        let slack = self.risk.limits().fee_rounding.fee_tolerance();
        if fill.fee > ours + slack || fill.fee + slack < ours {
            let detail = format!(
                "trade {} of order {} cost a fee of {}, by our formula {ours}",
                fill.trade, fill.order.0, fill.fee
            );
            out.records.push(Record::Discrepancy(Discrepancy { at: self.now, detail }));
        }
    }

    fn end_order(&mut self, order: OrderId, end: OrderEnd, out: &mut Output) {
        // The end of an order that was already over says nothing new.
        if let Some(remains) = self.execution.close_order(order) {
            self.finish_order(&remains, end, out);
            let sold = remains.order.action == Action::Sell;
            if let Some(value) = self.books.get(remains.order.market).and_then(|book| book.settled)
                && sold
            {
                self.settle_market(remains.order.market, value, out);
            }
        }
    }

    /// A market paid out. While the fate of a sale there is open, nobody knows what was held to the end:
    /// then the payout is booked when the sale is over.
    pub(super) fn paid_out(&mut self, market: MarketId, value: SettlementValue, out: &mut Output) {
        let selling = |open: &OpenOrder| open.order.action == Action::Sell;
        if !self.execution.in_market(market).is_some_and(selling) {
            self.settle_market(market, value, out);
        }
    }

    pub(super) fn finish_order(&mut self, remains: &OpenOrder, end: OrderEnd, out: &mut Output) {
        let book = self.books.get(remains.order.market).expect("an order's market is listed");
        self.ledger.release_cash(remains.reserved);
        self.risk.exposure.adjust_exposure(book, -remains.reserved);
        let (order, filled) = (remains.order.id, remains.filled);
        out.records.push(Record::OrderDone(OrderDone { at: self.now, order, filled, end }));
    }

    /// Positions in a market that paid out become cash, and the evidence is counted.
    fn settle_market(&mut self, market: MarketId, value: SettlementValue, out: &mut Output) {
        out.records.push(Record::Settled(Settled { at: self.now, market, value }));
        let book = self.books.get(market).expect("a settled market is listed");
        if let Some((proceeds, gone)) = self.positions.apply_settlement(self.now, book, value) {
            self.ledger.post_proceeds(gone.basis, proceeds, Money::ZERO);
            self.risk.exposure.adjust_exposure(book, -gone.at_stake);
            self.close_trade(gone.trade, out);
            self.schedule_stop();
            self.refresh_equity();
            self.note_equity(out);
        }
        for index in 0..self.seats.len() {
            let strategy = StrategyId(u8::try_from(index).expect("at most 255 strategies"));
            let verdict = self.risk.kill_switch_mut(strategy).record_settlement(market, value);
            self.halt_strategy(strategy, verdict, out);
        }
    }

    fn close_trade(&mut self, trade: Option<Trade>, out: &mut Output) {
        let Some(trade) = trade else {
            return;
        };
        let (strategy, win) = (trade.strategy, trade.is_win());
        out.records.push(Record::Trade(trade));
        let verdict = self.risk.kill_switch_mut(strategy).record_closed_position(win);
        self.halt_strategy(strategy, verdict, out);
    }

    fn halt_strategy(&mut self, strategy: StrategyId, verdict: Option<KillVerdict>, out: &mut Output) {
        if let Some(KillVerdict { rule, detail }) = verdict {
            if !self.risk.limits().ignore_halts {
                self.withdraw_entries(Some(strategy), out);
            }
            let (at, rule) = (self.now, HaltRule::Kill(rule));
            out.records.push(Record::Halt(Halt { at, strategy: Some(strategy), rule, detail }));
        }
    }

    /// The exchange's account differs from ours: written down, and no new positions until it is explained.
    fn halt_on_discrepancy(&mut self, detail: String, out: &mut Output) {
        out.records.push(Record::Discrepancy(Discrepancy { at: self.now, detail: detail.clone() }));
        self.halt_trading(HaltRule::Discrepancy, detail, out);
    }
}
