//! The exchange without sockets, by hand: collateral, netting, fees, payout, groups, ids, pauses.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::domain::{
    Action, Contracts, Decimal6, EventId, FeeRounding, FeeSchedule, Fraction, Market, MarketId, MarketStatus,
    Money, Order, OrderId, Price, PriceGrid, Quote, SeriesId, SettlementValue, Side, Span, Strike,
    TimeInForce, Timestamp,
};
use crate::engine::gateway::{EventSource, Feed, GatewayError, Next, Venue};
use crate::event::{Command, Fill, Input, MarketEvent, Stamped, VenueEvent};
use crate::feed::synthetic::{SyntheticFeed, SyntheticSettings};
use crate::sim::{FillModel, LatencyModel, SimExchange, SimSettings};

use super::accounts::member_account::{BookSide, FillRecord, OrderStatus};
use super::exchange::amend::Amend;
use super::exchange::control::SandboxControl;
use super::exchange::groups::GroupAction;
use super::exchange::orders::{NewOrder, OrderLifetime};
use super::exchange::sandbox_exchange::{SandboxExchange, SandboxSettings};
use super::exchange::state::SocketChannel;
use super::refused::ApiRefusal;

/// A feed of given inputs.
pub(super) struct Given(pub(super) VecDeque<Stamped<Input>>);

impl Feed for Given {
    fn next(&mut self, _until: Option<Timestamp>) -> Result<Next<Stamped<Input>>, GatewayError> {
        Ok(self.0.pop_front().map_or(Next::End, Next::Item))
    }
}

pub(super) fn at(minutes: i64) -> Timestamp {
    Timestamp::parse("2026-11-19T15:00:00Z").unwrap() + Span::MINUTE.times(minutes)
}

pub(super) fn cents(cents: u16) -> Price {
    Price::new(cents * 100).unwrap()
}

pub(super) fn market(number: u32) -> Market {
    Market {
        id: MarketId(number),
        event: EventId(0),
        series: SeriesId(0),
        ticker: format!("KXHIGHNY-26NOV20-T{}", 55 + number).into(),
        event_ticker: "KXHIGHNY-26NOV20".into(),
        series_ticker: "KXHIGHNY".into(),
        category: "Climate and Weather".into(),
        title: "Highest temperature?".into(),
        strike: Strike::Greater(Decimal6::parse("55").unwrap()),
        open_time: at(0),
        close_time: at(100),
        grid: PriceGrid::whole_cents(),
        fees: FeeSchedule::STANDARD,
    }
}

pub(super) fn quote(minute: i64, bid: u16, ask: u16, size: Option<i64>) -> Stamped<Input> {
    let quote = Quote {
        bid: Some(cents(bid)),
        ask: Some(cents(ask)),
        bid_size: size.map(Contracts::whole),
        ask_size: size.map(Contracts::whole),
        volume: Some(Contracts::whole(minute)),
        last: Some(cents(ask)),
        ..Quote::default()
    };
    let market = MarketId(0);
    Stamped { at: at(minute), value: Input::Market(MarketEvent::Quote { market, quote }) }
}

pub(super) fn settings(bankroll: &str) -> SandboxSettings {
    let sim = SimSettings {
        fill: FillModel::TopOfBook,
        latency: LatencyModel::Fixed(Span::ZERO),
        participation: Fraction::from_ppm(250_000).unwrap(),
        fee_rounding: FeeRounding::Centicent,
        seed: 7,
    };
    SandboxSettings { sim, bankroll: Money::parse(bankroll).unwrap() }
}

/// Two markets of one event; the first quoted as given, closed after 100 minutes and paid $1 an hour later.
pub(super) fn exchange(bankroll: &str, quotes: &[Stamped<Input>]) -> SandboxExchange {
    let event = |at, event| Stamped { at, value: Input::Market(event) };
    let mut inputs: VecDeque<_> =
        (0..2).map(|number| event(at(0), MarketEvent::Listed(Arc::new(market(number))))).collect();
    inputs.extend(quotes.iter().cloned());
    let closed = MarketEvent::Status { market: MarketId(0), status: MarketStatus::Closed };
    inputs.push_back(event(at(100), closed));
    inputs
        .push_back(event(at(160), MarketEvent::Settled { market: MarketId(0), value: SettlementValue::ONE }));
    let mut exchange = SandboxExchange::new(Box::new(Given(inputs)), settings(bankroll)).unwrap();
    exchange.open_account("key");
    exchange
}

fn order(side: BookSide, count: i64, limit: u16, name: &str) -> NewOrder {
    NewOrder {
        ticker: "KXHIGHNY-26NOV20-T55".into(),
        side,
        count: Contracts::whole(count),
        price: cents(limit),
        life: OrderLifetime::GoodTill(None),
        self_trade: "taker_at_cross",
        client_order_id: Some(name.into()),
        post_only: false,
        reduce_only: false,
        cancel_on_pause: false,
        group: None,
    }
}

fn to(exchange: &mut SandboxExchange, minute: i64) {
    while exchange.next_moment().is_some_and(|next| next <= at(minute)) {
        exchange.advance_clock(Some(at(minute))).unwrap();
    }
    exchange.advance_clock(Some(at(minute))).unwrap();
}

fn money(text: &str) -> Money {
    Money::parse(text).unwrap()
}

fn code(refused: ApiRefusal) -> String {
    match refused {
        ApiRefusal::Nested { code, .. } => code.to_owned(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_moment_is_all_inputs_of_one_time_and_then_the_clock_jumps() {
    let mut exchange =
        exchange("100", &[quote(1, 42, 44, None), quote(1, 41, 44, None), quote(2, 40, 44, None)]);
    assert_eq!(exchange.now(), at(0));
    assert!(exchange.market_of("KXHIGHNY-26NOV20-T55").is_none());
    assert_eq!(exchange.advance_clock(Some(at(1))).unwrap().now, at(0)); // the listing
    exchange.take_messages();
    assert_eq!(exchange.advance_clock(Some(at(9))).unwrap().now, at(1));
    let told: Vec<_> = exchange.take_messages().into_iter().map(|message| message.channel).collect();
    // both sides appear, a ticker; the bid moves: away and back, a ticker
    let (book, ticker) = (SocketChannel::OrderBook, SocketChannel::Ticker);
    assert_eq!(told, [book, book, ticker, book, book, ticker]);
    assert_eq!(exchange.market_state(MarketId(0)).unwrap().clock, 2);
    assert_eq!(exchange.advance_clock(Some(at(9))).unwrap().now, at(2));
    assert_eq!(exchange.advance_clock(Some(at(9))).unwrap().now, at(9));
    to(&mut exchange, 100);
    assert!(exchange.advance_clock(None).unwrap().end);
}

#[test]
fn taking_costs_price_and_fee_and_a_win_pays_a_dollar() {
    let mut exchange = exchange("100", &[quote(1, 50, 52, Some(10))]);
    to(&mut exchange, 1);
    let id = exchange.place_order(0, &order(BookSide::Bid, 1, 60, "a")).unwrap();
    let account = exchange.account_for_key("key").unwrap();
    assert_eq!(account.orders[&id].status, OrderStatus::Executed);
    assert_eq!(account.cash, money("99.4625")); // 100 − 0.52 − 0.0175
    assert_eq!(account.fills[0].price, cents(52));
    to(&mut exchange, 200);
    let account = exchange.account_for_key("key").unwrap();
    assert_eq!(account.cash, money("100.4625"));
    assert_eq!(account.settlements[0].revenue, Money::DOLLAR);
    assert_eq!(account.position(MarketId(0)).realized, money("0.48"));
    assert_eq!(exchange.market_state(MarketId(0)).unwrap().status_name(), "finalized");
    assert_eq!(exchange.market_state(MarketId(0)).unwrap().result_name(), "yes");
}

#[test]
fn an_ask_without_yes_opens_no_and_a_bid_closes_it() {
    let mut exchange = exchange("100", &[quote(1, 40, 42, Some(100)), quote(2, 29, 30, Some(100))]);
    to(&mut exchange, 1);
    exchange.place_order(0, &order(BookSide::Ask, 10, 40, "short")).unwrap();
    let account = exchange.account_for_key("key").unwrap();
    assert_eq!(account.position(MarketId(0)).signed, -1_000);
    assert_eq!(account.position(MarketId(0)).cost, money("6")); // 10 × (1 − 0.40)
    assert_eq!(account.cash, money("93.832")); // fee 0.07 × 10 × 0.4 × 0.6 = 0.168
    to(&mut exchange, 2);
    exchange.place_order(0, &order(BookSide::Bid, 15, 30, "back")).unwrap();
    let position = exchange.account_for_key("key").unwrap().position(MarketId(0));
    // 10 are closed at a gain of 0.10, 5 opened
    assert_eq!((position.signed, position.cost, position.realized), (500, money("1.5"), money("1")));
    assert!(exchange.account_for_key("key").unwrap().is_conserved());
}

#[test]
fn orders_lock_what_they_may_cost_and_closing_ones_nothing() {
    let mut exchange = exchange("10", &[quote(1, 40, 44, Some(100))]);
    to(&mut exchange, 1);
    exchange.place_order(0, &order(BookSide::Bid, 10, 44, "yes")).unwrap(); // 4.40 and a fee of 0.1725
    assert_eq!(exchange.available_cash(0), money("5.4275"));
    exchange.place_order(0, &order(BookSide::Ask, 10, 60, "closing")).unwrap();
    assert_eq!(exchange.locked_cash(0), Money::ZERO);
    exchange.place_order(0, &order(BookSide::Ask, 2, 60, "opening")).unwrap();
    // 2 × 0.40, fee 0.07 × 2 × 0.24 = 0.0336, and 0.0001 for a second fill
    assert_eq!(exchange.locked_cash(0), money("0.8337"));
    let refused = exchange.place_order(0, &order(BookSide::Bid, 20, 30, "much")).unwrap_err();
    assert_eq!(code(refused), "insufficient_balance");
    // nothing was placed, so the id can be used
    exchange.place_order(0, &order(BookSide::Bid, 1, 30, "much")).unwrap();
    assert_eq!(exchange.account_for_key("key").unwrap().open.len(), 3);
}

#[test]
fn client_ids_are_spent_also_by_killed_orders() {
    let mut exchange = exchange("100", &[quote(1, 40, 44, Some(5))]);
    to(&mut exchange, 1);
    let kill = NewOrder { life: OrderLifetime::FillOrKill, ..order(BookSide::Bid, 6, 44, "a") };
    assert_eq!(code(exchange.place_order(0, &kill).unwrap_err()), "fill_or_kill_insufficient_resting_volume");
    assert_eq!(code(exchange.place_order(0, &kill).unwrap_err()), "order_already_exists");
    let fills = NewOrder { life: OrderLifetime::FillOrKill, ..order(BookSide::Bid, 5, 44, "b") };
    let id = exchange.place_order(0, &fills).unwrap();
    assert_eq!(exchange.account_for_key("key").unwrap().orders[&id].filled, Contracts::whole(5));
    let rest = exchange
        .place_order(0, &NewOrder { life: OrderLifetime::Immediate, ..order(BookSide::Bid, 5, 44, "c") })
        .unwrap();
    let rest = &exchange.account_for_key("key").unwrap().orders[&rest];
    assert_eq!((rest.status, rest.remaining), (OrderStatus::Canceled, Contracts::ZERO));
    let post = NewOrder { post_only: true, ..order(BookSide::Bid, 1, 44, "d") };
    assert_eq!(
        exchange.place_order(0, &post),
        Err(ApiRefusal::with_details(400, "invalid_order", "post only cross"))
    );
    assert_eq!(
        code(exchange.place_order(0, &order(BookSide::Bid, 1, 44, "b")).unwrap_err()),
        "order_already_exists"
    );
}

#[test]
fn a_resting_order_fills_when_traded_through_and_expires_on_time() {
    let mut exchange = exchange("100", &[quote(1, 40, 44, Some(5)), quote(2, 40, 41, Some(3))]);
    to(&mut exchange, 1);
    let id = exchange.place_order(0, &order(BookSide::Bid, 5, 42, "rest")).unwrap();
    let expiration = Some(at(3).nanos() / 1_000_000_000);
    let timed =
        NewOrder { life: OrderLifetime::GoodTill(expiration), ..order(BookSide::Bid, 5, 30, "timed") };
    let timed = exchange.place_order(0, &timed).unwrap();
    exchange.take_messages();
    to(&mut exchange, 2);
    let told: Vec<_> = exchange.take_messages().into_iter().map(|message| message.kind).collect();
    // the quote first, then what it caused
    let quoted = ["orderbook_delta"; 4].into_iter().chain(["ticker"]);
    let caused = ["trade", "fill", "user_order", "market_position"];
    let told: Vec<_> = told.into_iter().skip_while(|kind| *kind == "orderbook_delta").collect();
    assert_eq!(told, quoted.skip(4).chain(caused).collect::<Vec<_>>());
    let account = exchange.account_for_key("key").unwrap();
    assert_eq!((account.orders[&id].filled, account.fills[0].taker), (Contracts::whole(3), false));
    assert_eq!(account.fills[0].fee, Money::ZERO);
    to(&mut exchange, 3);
    assert_eq!(exchange.account_for_key("key").unwrap().orders[&timed].status, OrderStatus::Canceled);
    assert_eq!(exchange.cancel_order(0, timed), Err(ApiRefusal::NOT_FOUND));
    to(&mut exchange, 100);
    assert_eq!(exchange.account_for_key("key").unwrap().open.len(), 0); // cancelled by the close
    assert_eq!(
        code(exchange.place_order(0, &order(BookSide::Bid, 1, 10, "late")).unwrap_err()),
        "market_closed"
    );
}

#[test]
fn own_orders_never_meet() {
    let mut exchange = exchange("100", &[quote(1, 40, 50, Some(5))]);
    to(&mut exchange, 1);
    let own = exchange.place_order(0, &order(BookSide::Ask, 5, 45, "own")).unwrap();
    let taker = exchange.place_order(0, &order(BookSide::Bid, 5, 50, "taker")).unwrap();
    let account = exchange.account_for_key("key").unwrap();
    assert_eq!(
        (account.orders[&taker].filled, account.orders[&taker].status),
        (Contracts::ZERO, OrderStatus::Canceled)
    );
    assert_eq!(account.orders[&own].status, OrderStatus::Resting);
    let maker = NewOrder { self_trade: "maker", ..order(BookSide::Bid, 5, 50, "maker") };
    let maker = exchange.place_order(0, &maker).unwrap();
    let account = exchange.account_for_key("key").unwrap();
    assert_eq!(account.orders[&maker].filled, Contracts::whole(5));
    assert_eq!(account.orders[&own].status, OrderStatus::Canceled);
}

#[test]
fn amends_and_decreases() {
    let mut exchange = exchange("100", &[quote(1, 40, 44, Some(5))]);
    to(&mut exchange, 1);
    let id = exchange.place_order(0, &order(BookSide::Bid, 8, 44, "a")).unwrap(); // 5 fill, 3 rest
    let amend = |price, count, fresh: Option<&str>| Amend {
        ticker: "KXHIGHNY-26NOV20-T55".into(),
        side: BookSide::Bid,
        price: cents(price),
        count: Contracts::whole(count),
        client_order_id: None,
        updated_client_order_id: fresh.map(str::to_owned),
        expiration: None,
    };
    assert_eq!(code(exchange.amend_order(0, id, &amend(44, 5, None)).unwrap_err()), "invalid_order_size");
    exchange.amend_order(0, id, &amend(43, 9, Some("b"))).unwrap();
    let order_now = exchange.account_for_key("key").unwrap().orders[&id].clone();
    assert_eq!((order_now.price, order_now.remaining), (cents(43), Contracts::whole(4)));
    assert_eq!(
        code(exchange.place_order(0, &order(BookSide::Bid, 1, 10, "b")).unwrap_err()),
        "order_already_exists"
    );
    exchange.decrease_order(0, id, |left| left - Contracts::ONE).unwrap();
    assert_eq!(exchange.cancel_order(0, id), Ok(Contracts::whole(3)));
    assert_eq!(exchange.decrease_order(0, id, |left| left), Err(ApiRefusal::NOT_FOUND));
}

#[test]
fn a_group_trips_and_is_reset() {
    let mut exchange = exchange("100", &[quote(1, 40, 44, Some(5)), quote(2, 40, 44, Some(5))]);
    to(&mut exchange, 1);
    let group = Some(exchange.create_group(0, Contracts::whole(5)));
    let rest = exchange.place_order(0, &NewOrder { group, ..order(BookSide::Bid, 1, 30, "rest") }).unwrap();
    exchange.place_order(0, &NewOrder { group, ..order(BookSide::Bid, 5, 44, "take") }).unwrap();
    assert_eq!(exchange.account_for_key("key").unwrap().orders[&rest].status, OrderStatus::Canceled);
    let more = NewOrder { group, ..order(BookSide::Bid, 1, 30, "more") };
    assert_eq!(code(exchange.place_order(0, &more).unwrap_err()), "exceeded_order_group_risk_limit");
    exchange.steer_group(0, 1, GroupAction::Reset).unwrap();
    exchange.place_order(0, &more).unwrap();
    exchange.steer_group(0, 1, GroupAction::Delete).unwrap();
    assert_eq!(exchange.account_for_key("key").unwrap().open.len(), 0);
    assert_eq!(
        code(exchange.place_order(0, &NewOrder { client_order_id: None, ..more }).unwrap_err()),
        "order_group_not_found"
    );
}

#[test]
fn pauses_halts_and_moved_closes() {
    let mut exchange = exchange("100", &[quote(1, 40, 44, Some(5)), quote(50, 40, 44, Some(5))]);
    to(&mut exchange, 1);
    let id = exchange.place_order(0, &order(BookSide::Bid, 1, 30, "a")).unwrap();
    let fragile = NewOrder { cancel_on_pause: true, ..order(BookSide::Bid, 1, 30, "b") };
    let fragile = exchange.place_order(0, &fragile).unwrap();
    exchange.apply_control(&SandboxControl::TradingPause(true)).unwrap();
    assert_eq!(exchange.account_for_key("key").unwrap().orders[&fragile].status, OrderStatus::Canceled);
    assert_eq!(
        code(exchange.place_order(0, &order(BookSide::Bid, 1, 30, "c")).unwrap_err()),
        "trading_is_paused"
    );
    exchange.apply_control(&SandboxControl::ExchangePause(true)).unwrap();
    assert_eq!(code(exchange.cancel_order(0, id).unwrap_err()), "exchange_is_paused");
    exchange.apply_control(&SandboxControl::ExchangePause(false)).unwrap();
    exchange.apply_control(&SandboxControl::TradingPause(false)).unwrap();
    let ticker = "KXHIGHNY-26NOV20-T55".to_owned();
    exchange.apply_control(&SandboxControl::Halt(ticker.clone())).unwrap();
    assert_eq!(exchange.market_state(MarketId(0)).unwrap().status_name(), "inactive");
    assert_eq!(
        code(exchange.place_order(0, &order(BookSide::Bid, 1, 30, "c")).unwrap_err()),
        "trading_is_paused"
    );
    assert!(exchange.account_for_key("key").unwrap().open.contains(&id));
    exchange.apply_control(&SandboxControl::Activate(ticker.clone())).unwrap();
    assert_eq!(exchange.account_for_key("key").unwrap().orders[&id].status, OrderStatus::Canceled);
    exchange.apply_control(&SandboxControl::CloseTime(ticker.clone(), at(20))).unwrap();
    assert_eq!(exchange.next_moment(), Some(at(20)));
    to(&mut exchange, 20);
    assert_eq!(exchange.market_state(MarketId(0)).unwrap().status_name(), "closed");
    exchange.apply_control(&SandboxControl::CloseTime(ticker, at(120))).unwrap();
    assert_eq!(exchange.market_state(MarketId(0)).unwrap().status_name(), "active");
    to(&mut exchange, 110); // the data's close has passed
    exchange.place_order(0, &order(BookSide::Bid, 1, 30, "d")).unwrap();
    to(&mut exchange, 120);
    assert_eq!(exchange.account_for_key("key").unwrap().open.len(), 0);
}

#[test]
fn reduce_only_closes_and_no_more() {
    let mut exchange = exchange("100", &[quote(1, 40, 44, Some(50))]);
    to(&mut exchange, 1);
    exchange.place_order(0, &order(BookSide::Bid, 3, 44, "a")).unwrap();
    let close =
        NewOrder { reduce_only: true, life: OrderLifetime::Immediate, ..order(BookSide::Ask, 9, 40, "b") };
    let id = exchange.place_order(0, &close).unwrap();
    assert_eq!(exchange.account_for_key("key").unwrap().orders[&id].filled, Contracts::whole(3));
    let again = NewOrder { client_order_id: None, ..close };
    let id = exchange.place_order(0, &again).unwrap();
    assert_eq!(exchange.account_for_key("key").unwrap().orders[&id].status, OrderStatus::Canceled);
    assert_eq!(exchange.account_for_key("key").unwrap().position(MarketId(0)).signed, 0);
    assert_eq!(exchange.cancel_order(0, OrderId(99)), Err(ApiRefusal::NOT_FOUND));
}

#[test]
fn fees_change_for_all_that_follows_and_a_scalar_pays_both_sides() {
    let mut exchange = exchange("100", &[quote(1, 50, 52, Some(10))]);
    to(&mut exchange, 1);
    let half = FeeSchedule { multiplier_ppm: 500_000, ..FeeSchedule::STANDARD };
    exchange.apply_market_event(MarketEvent::Fees { series: SeriesId(0), fees: half });
    let told = exchange.take_messages();
    let update = told.iter().find(|message| message.kind == "event_fee_update").unwrap();
    assert_eq!(update.body["fee_multiplier_override"], 0.5);
    exchange.place_order(0, &order(BookSide::Ask, 1, 50, "a")).unwrap();
    assert_eq!(exchange.account_for_key("key").unwrap().fills[0].fee, money("0.0088")); // 0.00875 rounded up
    let value = SettlementValue::parse_dollars("0.255").unwrap();
    exchange.apply_market_event(MarketEvent::Settled { market: MarketId(0), value });
    let account = exchange.account_for_key("key").unwrap();
    // NO bought at 0.50 pays 1 − 0.255, of which whole cents are paid: 100 − 0.5088 + 0.74.
    let paid = account.settlements[0];
    assert_eq!((paid.revenue, account.cash), (money("0.74"), money("100.2312")));
    assert_eq!(paid.fees, money("0.0138"), "0.0088 of the trade and 0.005 of the payout");
    assert_eq!(exchange.market_state(MarketId(0)).unwrap().result_name(), "scalar");
}

/// What a trade is, from a buyer's view: order, price of the side bought, contracts, fee, whether it took.
type Trade = (u64, Price, Contracts, Money, bool, Timestamp);

/// Order number `number`: purchases of YES in even markets, of NO in odd ones, now and then resting.
fn scripted(number: u64, markets: u64) -> (MarketId, Side, Price, Contracts, TimeInForce) {
    let market = u32::try_from(number % markets).unwrap();
    let side = if market.is_multiple_of(2) { Side::Yes } else { Side::No };
    let limit = cents(u16::try_from(15 + number * 13 % 70).unwrap());
    let count = Contracts::whole(1 + i64::try_from(number * 5 % 40).unwrap());
    let life = if number.is_multiple_of(3) { TimeInForce::Gtc } else { TimeInForce::Ioc };
    (MarketId(market), side, limit, count, life)
}

fn in_a_backtest(feed: SyntheticFeed, sim: SimSettings, markets: u64) -> Vec<Trade> {
    let mut session = EventSource { feed, venue: SimExchange::new(sim) };
    let (mut trades, mut number, mut moment) = (Vec::new(), 0, None);
    loop {
        let next = session.next(moment).unwrap();
        match (next, moment) {
            (Next::Item(input), _) => {
                session.venue.observe(&input);
                moment = Some(input.at);
                if let Input::Venue(VenueEvent::Filled(fill)) = input.value {
                    let Fill { order, price, contracts, fee, taker, .. } = fill;
                    trades.push((order.0, price, contracts, fee, taker, input.at));
                }
            }
            // The moment is over: one order, and whatever it brings belongs to the moment too.
            (Next::Due, Some(at)) => {
                number += 1;
                let (market, side, limit, contracts, time_in_force) = scripted(number, markets);
                let (id, action) = (OrderId(number), Action::Buy);
                let order = Order { id, market, side, action, contracts, limit, time_in_force };
                session.venue.submit(at, &Command::Submit(order)).unwrap();
                moment = if session.venue.next_answer_time().is_some() { Some(at) } else { None };
                while let Some(input) = session.venue.take_due_answer() {
                    if let Input::Venue(VenueEvent::Filled(fill)) = input.value {
                        trades.push((fill.order.0, fill.price, fill.contracts, fill.fee, fill.taker, at));
                    }
                    moment = None;
                }
            }
            (Next::Due | Next::Quiet | Next::End, _) => return trades,
        }
    }
}

fn in_the_sandbox(feed: SyntheticFeed, sim: SimSettings, markets: u64) -> Vec<Trade> {
    let settings = SandboxSettings { sim, bankroll: money("10000000") };
    let mut exchange = SandboxExchange::new(Box::new(feed), settings).unwrap();
    exchange.open_account("key");
    let mut number = 0;
    while !exchange.advance_clock(None).unwrap().end {
        number += 1;
        let (market, side, limit, count, life) = scripted(number, markets);
        let (side, price) =
            if side == Side::Yes { (BookSide::Bid, limit) } else { (BookSide::Ask, limit.complement()) };
        let life =
            if life == TimeInForce::Gtc { OrderLifetime::GoodTill(None) } else { OrderLifetime::Immediate };
        let ticker = exchange.market_ticker(market).to_owned();
        let new =
            NewOrder { ticker, side, count, price, life, client_order_id: None, ..order(side, 1, 1, "") };
        if exchange.place_order(0, &new).is_err() {
            exchange.number_order(0); // a backtest numbers refused orders too
        }
    }
    let fills = exchange.account_for_key("key").unwrap().fills.iter();
    let bought = |fill: &FillRecord| {
        (
            fill.order.0,
            fill.side.outcome_side().price_from_yes(fill.price),
            fill.contracts,
            fill.fee,
            fill.taker,
            fill.at,
        )
    };
    fills.map(bought).collect()
}

#[test]
fn the_same_orders_fill_as_in_a_backtest() {
    for (seed, fill) in [(1, FillModel::TopOfBook), (2, FillModel::TopOfBook), (3, FillModel::Unlimited)] {
        let feed = || {
            SyntheticFeed::new(SyntheticSettings {
                seed,
                markets: 4,
                markets_per_event: 2,
                series: 2,
                quotes: 1_500,
                start: at(0),
                length: Span::HOUR.times(2),
            })
        };
        let sim = SimSettings { fill, ..settings("1").sim };
        let (backtest, sandbox) = (in_a_backtest(feed(), sim, 4), in_the_sandbox(feed(), sim, 4));
        assert!(backtest.iter().any(|trade| trade.4) && backtest.iter().any(|trade| !trade.4));
        assert!(backtest.len() > 300, "{}", backtest.len());
        assert_eq!(backtest, sandbox);
    }
}

#[test]
fn random_trading_conserves_money_and_ends_in_cash() {
    let feed = SyntheticFeed::new(SyntheticSettings {
        seed: 3,
        markets: 6,
        markets_per_event: 3,
        series: 2,
        quotes: 2_000,
        start: at(0),
        length: Span::HOUR.times(6),
    });
    let mut exchange = SandboxExchange::new(Box::new(feed), settings("1000")).unwrap();
    exchange.open_account("key");
    let mut number = 0_u64;
    while !exchange.advance_clock(None).unwrap().end {
        number += 1;
        let market = MarketId(u32::try_from(number % 6).unwrap());
        let side = if number.is_multiple_of(3) { BookSide::Ask } else { BookSide::Bid };
        let limit = u16::try_from(20 + number * 7 % 60).unwrap();
        let ticker = exchange.market_ticker(market).to_owned();
        let new = NewOrder {
            ticker,
            client_order_id: None,
            ..order(side, 1 + i64::try_from(number % 9).unwrap(), limit, "")
        };
        let _ = exchange.place_order(0, &new);
        if number.is_multiple_of(11) {
            exchange.cancel_where(0, None, |order| order.id.0 % 2 == 0);
        }
        assert!(exchange.account_for_key("key").unwrap().is_conserved());
        assert!(
            exchange.available_cash(0) >= Money::ZERO,
            "orders are covered: {:?}",
            exchange.available_cash(0)
        );
    }
    let account = exchange.account_for_key("key").unwrap();
    assert!(account.fills.len() > 100);
    assert!(account.open.is_empty() && account.positions.values().all(|position| position.signed == 0));
    let gained: Money = account.positions.values().map(|position| position.realized - position.fees).sum();
    assert_eq!(account.cash, account.funded + gained);
}
