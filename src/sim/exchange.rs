//! A simulated exchange: an order arrives some time after it was sent and meets the order book of that moment.
//!
//! [`SimExchange`] is the [`Venue`] of backtests, sweeps and paper sessions, and the matching of the sandbox. Market
//! events go in by `observe`, commands by `submit`; answers come out of `take`, stamped with their moment.
//! [`FillModel`] says what an order can take. A snapshot is a `Quote`, with the `Depth` before it if there is one.
//!
//! Invariants:
//! 1. Commands act by arrival, then by sending: `an_order_meets_the_book_of_its_arrival_and_takes_what_is_shown`.
//! 2. No fill is worse than the limit: a taker gets the displayed price, with `book` that of each level it walks, a
//!    fill a level (`walk`); a resting order fills at its own limit as a maker (`fill_if_traded_through`).
//! 3. From one snapshot our orders together take at most the displayed size of a side; with `book` and levels, only
//!    `participation` of each level in whole contracts, resting orders only of the best; with `unlimited`, anything.
//!    Unknown sizes are one pool for both sides: `participation` × the volume traded since the previous snapshot, in
//!    whole contracts, at least one if at least one traded. Buying YES and selling NO take from the same side.
//!    Tests: `where_sizes_are_unknown_a_share_of_the_volume_is_ours`, `a_walk_takes_what_it_may_and_no_more`.
//! 4. Unless amended, a resting order fills only on a snapshot that trades through it. For a buyer: an ask below the
//!    limit, or a last trade below it and a risen volume. `resting_orders_fill_when_the_market_trades_through_them`.
//! 5. In a market that is not active or past its close, `place_order` rejects and nothing at rest fills. It also rejects
//!    prices off the grid and post-only orders that would take, and closes what an IOC order leaves.
//! 6. Without levels in the data, `book` is `top_of_book`. Test: `without_levels_it_is_the_top_of_the_book`.
//! 7. The fills of an order share one fee accumulator, also after an amend; each pays the fees in force (`execute_trade`).
//! 8. The only randomness is the seeded latency (`submit`): same settings, inputs and commands, same answers.
//!
//! Known limits:
//! - No queue position, so a trade at the limit fills nothing. A market's own price does not react to us.
//! - Our orders never trade with each other. Of several that rest the earliest fills first, whatever its price.
//! - The rest of a marketable order fills as a maker, at its limit, if the next snapshot's best price is inside it.
//! - No accounts or payouts. Answers have no latency. With random latency a cancel can overtake its order; a cancel
//!   that finds no order is not answered. A new exchange numbers its trades from 1 again, unless it is told the last
//!   number of the one before ([`SimExchange::with_trades_after`]).
//! - A `Gap` is ignored: an order meets the last snapshot, however old. Resting orders are closed by a status or a
//!   settlement, not by the close passing; after a halt, only once the market is active again.
//! - [`SimExchange::on_offer`] and [`SimExchange::amend_order`] do not look at status and close, nor `on_offer` at levels.
//!
//! Where to look next: `ladder.rs`, `models.rs`, [`crate::engine::gateway::EventSource`], `src/sandbox/exchange/`.
//! Tests: `tests.rs`, `ladder_tests.rs`, `src/sandbox/core_tests.rs`, `tests/oracle/naive/` (a second `top_of_book`).

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::domain::fee::{FeeAccumulator, Role};
use crate::domain::{
    Action, Contracts, Depth, FeeSchedule, Fraction, Level, MarketId, MarketStatus, Order, OrderId, Price,
    PriceGrid, Quote, SeriesId, TimeInForce, Timestamp,
};
use crate::engine::gateway::{GatewayError, Venue};
use crate::event::{CloseReason, Command, Fill, Input, MarketEvent, RejectReason, Stamped, VenueEvent};

use super::ladder::{Ladder, take_from_levels, takes_yes_ask, whole_contracts_portion};
use super::models::{FillModel, SimSettings};

/// A market as the exchange sees it.
#[derive(Debug)]
struct SimMarket {
    quote: Quote,
    /// Left of the displayed sizes after our own takings.
    bid_left: Option<Contracts>,
    ask_left: Option<Contracts>,
    /// Contracts traded since the previous snapshot, from its volume; zero where that is unknown.
    traded: Contracts,
    /// Left of our share of that, where sizes are unknown; worked out when first needed.
    share_left: Option<Contracts>,
    /// The levels of the snapshot that is being told, until its quote comes.
    behind: Option<Arc<Depth>>,
    /// Left of our share of the snapshot's levels, if it has any that we use.
    ladder: Option<Ladder>,
    last_volume: Option<Contracts>,
    status: MarketStatus,
    close: Timestamp,
    series: SeriesId,
    grid: PriceGrid,
    fees: FeeSchedule,
    resting: Vec<OrderId>,
}

/// An order in the book, with its unfilled contracts and its fee accumulator.
#[derive(Debug)]
struct Resting {
    order: Order,
    left: Contracts,
    fees: FeeAccumulator,
}

/// A simulated exchange, which fills our orders from the quotes it observes, recorded or live.
#[derive(Debug)]
pub struct SimExchange {
    settings: SimSettings,
    random: ChaCha8Rng,
    markets: Vec<Option<SimMarket>>,
    in_flight: BTreeMap<(Timestamp, u64), Command>,
    sent: u64,
    resting: BTreeMap<OrderId, Resting>,
    answers: VecDeque<Stamped<Input>>,
    trades: u64,
}

impl SimExchange {
    /// An exchange without markets; they come with the inputs it observes.
    #[must_use]
    pub fn new(settings: SimSettings) -> Self {
        Self {
            random: ChaCha8Rng::seed_from_u64(settings.seed),
            settings,
            markets: Vec::new(),
            in_flight: BTreeMap::new(),
            sent: 0,
            resting: BTreeMap::new(),
            answers: VecDeque::new(),
            trades: 0,
        }
    }

    /// Numbers trades from above `last` on. A desk that goes on has seen the numbers up to there, and takes a trade
    /// with one of them for one that it has booked.
    #[must_use]
    pub const fn with_trades_after(mut self, last: u64) -> Self {
        self.trades = last;
        self
    }

    fn market_mut(&mut self, market: MarketId) -> Option<&mut SimMarket> {
        self.markets.get_mut(market.index())?.as_mut()
    }

    fn queue_venue_event(&mut self, at: Timestamp, event: VenueEvent) {
        self.answers.push_back(Stamped { at, value: Input::Venue(event) });
    }

    fn list_market(&mut self, market: &crate::domain::Market) {
        let index = market.id.index();
        if self.markets.len() <= index {
            self.markets.resize_with(index + 1, || None);
        }
        if let Some(known) = &mut self.markets[index] {
            known.close = market.close_time;
            known.grid = market.grid.clone();
            known.fees = market.fees;
            return;
        }
        self.markets[index] = Some(SimMarket {
            quote: Quote::default(),
            bid_left: None,
            ask_left: None,
            traded: Contracts::ZERO,
            share_left: None,
            behind: None,
            ladder: None,
            last_volume: None,
            status: MarketStatus::Active,
            close: market.close_time,
            series: market.series,
            grid: market.grid.clone(),
            fees: market.fees,
            resting: Vec::new(),
        });
    }

    fn store_depth(&mut self, market: MarketId, depth: &Arc<Depth>) {
        if self.settings.fill == FillModel::Book
            && let Some(state) = self.market_mut(market)
        {
            state.behind = Some(Arc::clone(depth));
        }
    }

    #[inline]
    fn apply_quote(&mut self, at: Timestamp, market: MarketId, quote: &Quote) {
        let SimSettings { fill, participation, .. } = self.settings;
        let Some(state) = self.market_mut(market) else {
            return;
        };
        if fill == FillModel::Book {
            state.ladder = state.behind.take().map(|depth| Ladder::new(quote, &depth, participation));
        }
        state.traded = match (state.last_volume, quote.volume) {
            (Some(before), Some(now)) => (now - before).max(Contracts::ZERO),
            _ => Contracts::ZERO,
        };
        state.share_left = None;
        state.last_volume = quote.volume;
        (state.bid_left, state.ask_left) = (quote.bid_size, quote.ask_size);
        state.quote = *quote;
        if !state.resting.is_empty() {
            for id in state.resting.clone() {
                self.fill_if_traded_through(at, id);
            }
        }
    }

    fn fill_if_traded_through(&mut self, at: Timestamp, id: OrderId) {
        let Some(Resting { order, left, .. }) = self.resting.get(&id) else {
            return;
        };
        let (order, left) = (*order, *left);
        let Some(state) = self.market_mut(order.market) else {
            return;
        };
        if state.status != MarketStatus::Active || at >= state.close {
            return;
        }
        let traded = state.traded.is_positive();
        let last = state.quote.last.filter(|_| traded).map(|last| order.side.price_from_yes(last));
        let through = match order.action {
            Action::Buy => {
                let ask_below = state.quote.ask_of(order.side).is_some_and(|ask| ask < order.limit);
                ask_below || last.is_some_and(|last| last < order.limit)
            }
            Action::Sell => {
                let bid_above = state.quote.bid_of(order.side).is_some_and(|bid| bid > order.limit);
                bid_above || last.is_some_and(|last| last > order.limit)
            }
        };
        let contracts = if through { self.take_available_contracts(&order, left) } else { Contracts::ZERO };
        if !contracts.is_positive() {
            return;
        }
        self.execute_trade(at, &order, order.limit, contracts, Role::Maker);
    }

    /// Takes up to `wanted` from what is available to an order, and returns how much.
    fn take_available_contracts(&mut self, order: &Order, wanted: Contracts) -> Contracts {
        let SimSettings { fill, participation, .. } = self.settings;
        let Some(state) = self.market_mut(order.market) else {
            return Contracts::ZERO;
        };
        if fill == FillModel::Unlimited {
            return wanted;
        }
        if let Some([best, ..]) = state.ladder.as_mut().and_then(|ladder| ladder.levels_for_order(order)) {
            let taken = wanted.min(best.size);
            best.size -= taken;
            return taken;
        }
        let left = if takes_yes_ask(order) { &mut state.ask_left } else { &mut state.bid_left };
        let traded = state.traded;
        let pool = left.as_mut().unwrap_or_else(|| {
            state.share_left.get_or_insert_with(|| share_of_volume(traded, participation))
        });
        let taken = wanted.min(*pool);
        *pool -= taken;
        taken
    }

    /// Reports one trade of an order and, if it rests, shortens it.
    fn execute_trade(
        &mut self,
        at: Timestamp,
        order: &Order,
        price: Price,
        contracts: Contracts,
        role: Role,
    ) {
        let rounding = self.settings.fee_rounding;
        let Some(schedule) = self.market_mut(order.market).map(|state| state.fees) else {
            return;
        };
        self.trades += 1;
        let value = price * contracts;
        let revenue = if order.action == Action::Buy { -value } else { value };
        let resting = self.resting.get_mut(&order.id);
        let mut fresh = FeeAccumulator::default();
        let (accumulator, gone) = match resting {
            Some(resting) => {
                resting.left -= contracts;
                (&mut resting.fees, resting.left.is_zero())
            }
            None => (&mut fresh, false),
        };
        let fee = accumulator.charge_fill(rounding, revenue, schedule.trade_fee(role, price, contracts));
        if gone {
            self.remove_resting_order(order.id);
        }
        let fill =
            Fill { order: order.id, trade: self.trades, price, contracts, fee, taker: role == Role::Taker };
        self.queue_venue_event(at, VenueEvent::Filled(fill));
    }

    fn remove_resting_order(&mut self, id: OrderId) -> Option<Resting> {
        let resting = self.resting.remove(&id)?;
        if let Some(state) = self.market_mut(resting.order.market) {
            state.resting.retain(|&other| other != id);
        }
        Some(resting)
    }

    fn execute_command(&mut self, at: Timestamp, command: &Command) {
        match command {
            Command::Submit(order) => self.place_order(at, order),
            Command::Cancel { order, .. } => {
                if self.remove_resting_order(*order).is_some() {
                    self.queue_venue_event(
                        at,
                        VenueEvent::Closed { order: *order, reason: CloseReason::Cancelled },
                    );
                }
            }
        }
    }

    fn place_order(&mut self, at: Timestamp, order: &Order) {
        let reject = |reason| VenueEvent::Rejected { order: order.id, reason };
        let Some(state) = self.market_mut(order.market) else {
            return self.queue_venue_event(at, reject(RejectReason::MarketNotTrading));
        };
        if state.status != MarketStatus::Active || at >= state.close {
            return self.queue_venue_event(at, reject(RejectReason::MarketNotTrading));
        }
        if state.grid.floor_on(order.side, order.limit) != Some(order.limit) {
            return self.queue_venue_event(at, reject(RejectReason::InvalidPrice));
        }
        let marketable = marketable_price(&state.quote, order);
        if order.time_in_force == TimeInForce::PostOnly && marketable.is_some() {
            return self.queue_venue_event(at, reject(RejectReason::WouldTake));
        }
        self.queue_venue_event(at, VenueEvent::Accepted { order: order.id, venue_id: None });
        // While it matches, the order is in the book, so that its fees accumulate in one place.
        self.add_resting_order(order, FeeAccumulator::default());
        self.match_at_once(at, order, marketable);
        if order.time_in_force == TimeInForce::Ioc && self.remove_resting_order(order.id).is_some() {
            self.queue_venue_event(
                at,
                VenueEvent::Closed { order: order.id, reason: CloseReason::NothingOnOffer },
            );
        }
    }

    fn match_at_once(&mut self, at: Timestamp, order: &Order, marketable: Option<Price>) {
        let Some(price) = marketable else {
            return;
        };
        let ladder = self.market_mut(order.market).and_then(|state| state.ladder.as_mut());
        if let Some(levels) = ladder.and_then(|ladder| ladder.levels_for_order(order)) {
            for Level { price, size } in take_from_levels(levels, order) {
                self.execute_trade(at, order, price, size, Role::Taker);
            }
            return;
        }
        let contracts = self.take_available_contracts(order, order.contracts);
        if contracts.is_positive() {
            self.execute_trade(at, order, price, contracts, Role::Taker);
        }
    }

    fn add_resting_order(&mut self, order: &Order, fees: FeeAccumulator) {
        self.resting.insert(order.id, Resting { order: *order, left: order.contracts, fees });
        if let Some(state) = self.market_mut(order.market) {
            state.resting.push(order.id);
        }
    }

    /// What an order would take if it arrived now, and at which price; `None` if nothing meets its limit.
    pub fn on_offer(&mut self, order: &Order) -> Option<(Price, Contracts)> {
        let SimSettings { fill, participation, .. } = self.settings;
        let state = self.market_mut(order.market)?;
        let price = marketable_price(&state.quote, order)?;
        let left = if takes_yes_ask(order) { state.ask_left } else { state.bid_left };
        let left = left.or(state.share_left).unwrap_or_else(|| share_of_volume(state.traded, participation));
        let all = fill == FillModel::Unlimited;
        Some((price, if all { order.contracts } else { order.contracts.min(left) }))
    }

    /// Leaves only `left` of a resting order, which keeps its place.
    pub fn reduce_remaining(&mut self, order: OrderId, left: Contracts) {
        if let Some(resting) = self.resting.get_mut(&order) {
            resting.left = resting.left.min(left);
        }
    }

    /// Replaces what is left of a resting order by `order`, which has the same number and goes to the end
    /// of the book; it may trade at once. Its fees go on accumulating.
    pub fn amend_order(&mut self, at: Timestamp, order: &Order) {
        let Some(Resting { fees, .. }) = self.remove_resting_order(order.id) else {
            return;
        };
        self.add_resting_order(order, fees);
        let marketable =
            self.market_mut(order.market).and_then(|state| marketable_price(&state.quote, order));
        self.match_at_once(at, order, marketable);
    }

    fn set_status(&mut self, at: Timestamp, market: MarketId, status: MarketStatus) {
        let Some(state) = self.market_mut(market) else {
            return;
        };
        let before = std::mem::replace(&mut state.status, status);
        let reason = match status {
            MarketStatus::Closed | MarketStatus::Settled => CloseReason::MarketClosed,
            MarketStatus::Active if before == MarketStatus::Halted => CloseReason::MarketHalted,
            MarketStatus::Active | MarketStatus::Halted => return,
        };
        for order in std::mem::take(&mut state.resting) {
            self.resting.remove(&order);
            self.queue_venue_event(at, VenueEvent::Closed { order, reason });
        }
    }
}

/// The displayed price an order meets, if it meets one.
fn marketable_price(quote: &Quote, order: &Order) -> Option<Price> {
    match order.action {
        Action::Buy => quote.ask_of(order.side).filter(|&ask| ask <= order.limit),
        Action::Sell => quote.bid_of(order.side).filter(|&bid| bid >= order.limit),
    }
}

/// Our share of a traded volume: whole contracts, at least one where any whole one traded.
fn share_of_volume(traded: Contracts, participation: Fraction) -> Contracts {
    let share = whole_contracts_portion(traded, participation);
    if traded >= Contracts::ONE { share.max(Contracts::ONE) } else { share }
}

impl Venue for SimExchange {
    fn submit(&mut self, at: Timestamp, command: &Command) -> Result<(), GatewayError> {
        let arrival = at + self.settings.latency.draw_latency(&mut self.random);
        self.sent += 1;
        self.in_flight.insert((arrival, self.sent), *command);
        Ok(())
    }

    #[inline]
    fn observe(&mut self, seen: &Stamped<Input>) {
        let Input::Market(event) = &seen.value else {
            return;
        };
        match event {
            MarketEvent::Listed(market) => self.list_market(market),
            MarketEvent::Depth { market, depth } => self.store_depth(*market, depth),
            MarketEvent::Quote { market, quote } => self.apply_quote(seen.at, *market, quote),
            MarketEvent::Status { market, status } => self.set_status(seen.at, *market, *status),
            MarketEvent::Fees { series, fees } => {
                let markets = self.markets.iter_mut().flatten().filter(|state| state.series == *series);
                markets.for_each(|state| state.fees = *fees);
            }
            MarketEvent::Settled { market, .. } => {
                self.set_status(seen.at, *market, MarketStatus::Settled);
            }
            MarketEvent::CloseTime { market, close } => {
                if let Some(state) = self.market_mut(*market) {
                    state.close = *close;
                }
            }
            MarketEvent::Gap { .. } => {}
        }
    }

    #[inline]
    fn next_answer_time(&self) -> Option<Timestamp> {
        let answer = self.answers.front().map(|answer| answer.at);
        let arrival = self.in_flight.first_key_value().map(|(&(at, _), _)| at);
        answer.into_iter().chain(arrival).min()
    }

    fn take_due_answer(&mut self) -> Option<Stamped<Input>> {
        if self.answers.is_empty()
            && let Some(((at, _), command)) = self.in_flight.pop_first()
        {
            self.execute_command(at, &command);
        }
        self.answers.pop_front()
    }
}
