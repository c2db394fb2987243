//! Every payload of the API's fact sheet is read, and whatever is taken out of one or made another type
//! is missed by name.

use std::path::PathBuf;

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::*;
use crate::domain::{
    Action, Contracts, Decimal6, FeeSchedule, FeeType, MarketStatus, Money, Price, SettlementValue, Side,
    Strike, TimeInForce, Timestamp,
};
use crate::kalshi::number;
use crate::kalshi::schema::decode_json;

fn text(name: &str) -> String {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/kalshi");
    std::fs::read_to_string(folder.join(format!("{name}.json"))).unwrap()
}

fn value(name: &str) -> Value {
    serde_json::from_str(&text(name)).unwrap()
}

fn read<T: DeserializeOwned>(name: &str) -> T {
    decode_json(name, text(name).as_bytes()).unwrap()
}

fn price(ten_thousandths: u16) -> Price {
    Price::new(ten_thousandths).unwrap()
}

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn money(text: &str) -> Money {
    Money::parse(text).unwrap()
}

#[test]
fn the_exchange_and_its_hours() {
    let status: ExchangeStatus = read("exchange_status");
    assert!(status.exchange_active && status.trading_active && status.shards.len() == 4);
    let status: ExchangeStatus = read("exchange_status_trading_pause");
    assert!(status.exchange_active && !status.trading_active);
    assert_eq!(status.estimated_resume, Some(at("2026-11-19T10:00:00Z")));

    let OneSchedule { schedule } = read("exchange_schedule");
    let thursday = &schedule.standard_hours[0].thursday;
    assert_eq!(thursday[..], [DayHours { open: 0, close: 180 }, DayHours { open: 300, close: 0 }]);
    assert_eq!(schedule.maintenance_windows[0].start, at("2026-11-19T08:00:00Z"));

    let cutoff: HistoricalCutoff = read("historical_cutoff");
    assert_eq!(cutoff.trades_created, at("2026-08-20T00:00:00Z"));
}

#[test]
fn candles_say_the_same_in_both_halves() {
    let CandleBatch { markets } = read("candlesticks_batch");
    assert_eq!(markets[0].market_ticker, "KXHIGHNY-26NOV20-T55");
    // Nothing was traded, and only the price before is there.
    let quiet = Candle::from(markets.into_iter().next().unwrap().candlesticks.remove(0));
    assert_eq!(
        (quiet.yes_bid, quiet.yes_ask, quiet.last),
        (Some(price(4_200)), Some(price(4_400)), Some(price(4_000)))
    );
    let OldCandles { ticker, mut candlesticks } = read("candlesticks_historical");
    assert_eq!(ticker, "KXHIGHNY-26JUL01-T85");
    let candle = Candle::from(candlesticks.remove(0));
    assert_eq!(candle.end, at("2026-07-02T00:00:00Z"));
    assert_eq!(
        (candle.yes_bid, candle.yes_ask, candle.last),
        (Some(price(4_200)), Some(price(4_400)), Some(price(4_300)))
    );
    assert_eq!((candle.volume.hundredths(), candle.open_interest.hundredths()), (13_340, 98_000));
    // An empty side is no price, and neither is one that is null.
    let empty = text("candlesticks_historical").replace(r#""close": "0.4200""#, r#""close": "0.0000""#);
    let empty = empty.replace(r#""close": "0.4400""#, r#""close": null"#);
    let OldCandles { mut candlesticks, .. } = decode_json("x", empty.as_bytes()).unwrap();
    let candle = Candle::from(candlesticks.remove(0));
    assert_eq!((candle.yes_bid, candle.yes_ask), (None, None));
    for (name, fields) in [
        ("candlesticks_batch", "end_period_ts yes_bid yes_ask price volume_fp open_interest_fp"),
        ("candlesticks_historical", "end_period_ts yes_bid yes_ask price volume open_interest"),
    ] {
        if name.ends_with("batch") {
            misses::<CandleBatch>(name, "/markets/0/candlesticks/0", fields);
            misses::<CandleBatch>(name, "/markets/0/candlesticks/0/yes_bid", "close_dollars");
        } else {
            misses::<OldCandles>(name, "/candlesticks/0", fields);
            misses::<OldCandles>(name, "/candlesticks/0/yes_ask", "close");
        }
    }
}

#[test]
fn series_and_events_with_their_fees() {
    let OneSeries { series } = read("series_get");
    assert_eq!((&*series.ticker, series.fees()), ("KXHIGHNY", FeeSchedule::STANDARD));
    let SeriesList { series } = read("series_list");
    assert_eq!(series[1].fees().fee_type, FeeType::QuadraticWithMakerFees);
    let FeeChanges { series_fee_change_arr: changes } = read("series_fee_changes");
    assert_eq!((&*changes[0].series_ticker, changes[0].at), ("KXCPI", at("2026-12-01T05:00:00Z")));
    assert_eq!(changes[0].fees().fee_type, FeeType::QuadraticWithMakerFees);

    let unknown = text("series_get").replace("quadratic", "flat");
    let error = decode_json::<OneSeries>("GET /series/X", unknown.as_bytes()).unwrap_err();
    assert!(error.problem.starts_with("series.fee_type: `flat` is a fee type"), "{error}");
    let half = text("series_get").replace("\"fee_multiplier\": 1", "\"fee_multiplier\": 0.5");
    let OneSeries { series } = decode_json("x", half.as_bytes()).unwrap();
    assert_eq!(series.fees().multiplier_ppm, 500_000);
    let negative = text("series_get").replace("\"fee_multiplier\": 1", "\"fee_multiplier\": -1");
    assert!(
        decode_json::<OneSeries>("x", negative.as_bytes()).unwrap_err().problem.contains("fee_multiplier")
    );

    let OneEvent { event, markets } = read("event_get");
    assert_eq!((&*event.series_ticker, event.mutually_exclusive, markets.items.len()), ("KXHIGHNY", true, 3));
    assert_eq!(event.fees(FeeSchedule::STANDARD), FeeSchedule::STANDARD);
    let nested: OneEvent = read("event_get_nested");
    assert_eq!((nested.event.markets, nested.markets), (markets, ItemList::default()));
    let page: EventsPage = read("events_page_nested");
    assert_eq!(page.events.items[0].strike_date, Some(at("2026-11-20T05:00:00Z")));

    let change = json!({"event_ticker": "E", "fee_type_override": "quadratic", "fee_multiplier_override": 2,
        "scheduled_ts": "2026-12-01T05:00:00Z"});
    let change: EventFeeChange = serde_json::from_value(change).unwrap();
    assert_eq!(change.fees(FeeSchedule::STANDARD).multiplier_ppm, 2_000_000);
    let back = json!({"event_ticker": "E", "fee_type_override": null, "fee_multiplier_override": null,
        "scheduled_ts": "2026-12-01T05:00:00Z"});
    let back: EventFeeChange = serde_json::from_value(back).unwrap();
    assert_eq!(back.fees(FeeSchedule::STANDARD), FeeSchedule::STANDARD);
}

#[test]
fn markets_with_their_strikes_quotes_and_grids() {
    let OneMarket { market } = read("market_get");
    assert_eq!(market.strike(), Ok(Strike::Greater(Decimal6::parse("55").unwrap())));
    assert_eq!((market.status, market.status.in_domain()), (ApiMarketStatus::Active, MarketStatus::Active));
    assert_eq!(market.close_time, at("2026-11-21T04:59:00Z"));
    let quote = market.quote();
    assert_eq!((quote.bid, quote.ask, quote.last), (Price::new(4_200), Price::new(4_400), Price::new(4_300)));
    assert_eq!(quote.ask_size, Some(Contracts::whole(4)));
    assert_eq!(quote.volume, Some(Contracts::from_hundredths(152_033)));
    assert_eq!((market.result, market.settlement_value(), market.mid), (None, None, None));
    assert!(market.grid.contains(price(4_300)) && !market.grid.contains(price(4_350)));

    let OneMarket { market } = read("market_get_fed");
    assert_eq!(market.strike(), Ok(Strike::Greater(Decimal6::parse("3.75").unwrap())));
    let OneMarket { market } = read("market_get_finalized");
    assert_eq!(
        (market.result, market.settlement_value()),
        (Some(MarketResult::Yes), Some(SettlementValue::ONE))
    );
    assert_eq!(market.settlement_ts, Some(at("2026-11-19T15:01:58Z")));
    assert_eq!((market.quote().bid, market.quote().ask), (None, None));
    assert_eq!(market.status.in_domain(), MarketStatus::Settled);
    let OneMarket { market } = read("market_get_tapered_ticks");
    assert!(market.grid.contains(price(450)) && !market.grid.contains(price(4_350)));

    let page: MarketsPage = read("markets_page");
    assert_eq!((page.markets.items.len(), page.cursor.is_some()), (3, true));
    assert_eq!(page.markets.items[0].strike(), Ok(Strike::Less(Decimal6::parse("48").unwrap())));
    let bin = Strike::Between(Decimal6::parse("52").unwrap(), Decimal6::parse("53").unwrap());
    assert_eq!(page.markets.items[1].strike(), Ok(bin));
    let empty = page.markets.items[0].quote();
    assert_eq!((empty.bid, empty.bid_size, empty.last), (None, None, None));
    let last: MarketsPage = read("markets_last_page");
    assert_eq!(last.into_items_and_cursor().1, None);
}

#[test]
fn odd_markets_are_read_for_what_they_are() {
    let with = |changes: &[(&str, Value)]| {
        let mut body = value("market_get");
        for (field, value) in changes {
            body["market"][field] = value.clone();
        }
        serde_json::from_value::<ApiMarket>(body["market"].take()).unwrap()
    };
    let error = with(&[("floor_strike", Value::Null)]).strike().unwrap_err().to_string();
    assert!(error.contains("KXHIGHNY-26NOV20-T55: floor_strike is missing"), "{error}");
    assert_eq!(with(&[("strike_type", json!("structured"))]).strike(), Ok(Strike::Other));
    assert_eq!(with(&[("strike_type", Value::Null)]).strike(), Ok(Strike::Other));
    // Before the opening the ask was seen as $0.
    let unopened = with(&[("status", json!("initialized")), ("yes_ask_dollars", json!("0.0000"))]);
    assert_eq!((unopened.quote().ask, unopened.status.in_domain()), (None, MarketStatus::Halted));
    let sandbox = with(&[("mid_dollars", json!("0.4275")), ("yes_bid_size_fp", json!("0.00"))]);
    assert_eq!((sandbox.quote().recorded_mid, sandbox.quote().bid), (Price::new(4_275), None));
    for (told, value) in [
        ("0.333333", Some(333_333)),
        ("0.3333", Some(333_300)),
        ("1.000000", Some(1_000_000)),
        ("1.000001", None),
        ("-0.000001", None),
    ] {
        let market = with(&[("result", json!("scalar")), ("settlement_value_dollars", json!(told))]);
        let read = market.settlement_value().map(SettlementValue::in_micros);
        assert_eq!((market.settlement_money, read), (Some(money(told)), value));
    }
}

#[test]
fn books_and_trades() {
    let OneOrderBook { orderbook_fp: book } = read("orderbook");
    assert_eq!(book.yes_bids.last(), Some(&(price(4_200), Contracts::whole(13))));
    assert_eq!(book.no_bids[0], (price(5_400), Contracts::whole(300)));
    let OneOrderBook { orderbook_fp: empty } = read("orderbook_empty");
    assert_eq!(empty, ApiOrderBook::default());
    let OrderBooks { orderbooks } = read("orderbooks_batch");
    assert_eq!(
        (&*orderbooks[1].ticker, orderbooks[1].orderbook_fp.no_bids.len()),
        ("KXHIGHNY-26NOV20-T48", 1)
    );
    let TradesPage { trades: ItemList { items: trades, .. }, .. } = read("trades_page");
    assert_eq!((trades[0].count, trades[0].yes_price), (Contracts::from_hundredths(777), price(4_300)));
    assert_eq!(trades[1].taker_book_side, ApiBookSide::Ask);
}

#[test]
fn answers_to_writes() {
    let created: CreatedOrder = read("order_create_response_filled");
    assert_eq!(created.average_fill_price, Some(money("0.52")));
    assert_eq!(created.at, at("2026-11-19T15:53:20.123Z"));
    let created: CreatedOrder = read("order_create_response_ioc_killed");
    assert!(created.filled.is_zero() && created.remaining.is_zero() && created.average_fee_paid.is_none());
    let created: CreatedOrder = read("order_create_response_partial");
    assert_eq!((created.filled, created.remaining), (Contracts::whole(2), Contracts::whole(8)));
    let created: CreatedOrder = read("order_create_response_resting");
    assert_eq!(created.remaining, Contracts::whole(10));
    let amended: Amended = read("order_amend_response");
    assert_eq!(amended.remaining, Some(Contracts::whole(4)));
    let decreased: Decreased = read("order_decrease_response");
    assert_eq!(decreased.remaining, Contracts::whole(4));
    let cancelled: Cancelled = read("order_cancel_response");
    assert_eq!(cancelled.reduced_by, Contracts::whole(6));
    let group: OrderGroupCreated = read("order_group_create_response");
    assert!(group.order_group_id.starts_with("a4f1f1f0"));

    let BatchCreatedList { orders } = read("orders_batch_create_response");
    assert_eq!(orders[0].outcome.as_ref().map(|created| created.remaining), Ok(Contracts::ONE));
    assert_eq!(orders[1].client_order_id.as_deref(), Some("22222222-2222-4222-8222-222222222222"));
    assert_eq!(orders[1].outcome.as_ref().unwrap_err().code, "insufficient_balance");
    let BatchCancelledList { orders } = read("orders_batch_cancel_response");
    assert_eq!(orders[0].outcome.as_ref().map(|cancelled| cancelled.reduced_by), Ok(Contracts::ONE));
    assert_eq!(orders[1].outcome.as_ref().unwrap_err().code, "not_found");
    let broken = text("orders_batch_create_response").replace("remaining_count", "remaining");
    let error = decode_json::<BatchCreatedList>("x", broken.as_bytes()).unwrap_err().problem;
    assert!(error.contains("orders[0]") && error.contains("`remaining_count`"), "{error}");
}

#[test]
fn orders_fills_and_the_account() {
    let OneOrder { order } = read("order_get");
    assert_eq!((order.status, order.side), (ApiOrderStatus::Resting, ApiBookSide::Bid));
    assert_eq!((order.initial, order.filled), (Contracts::whole(10), Contracts::whole(4)));
    assert_eq!((order.remaining, order.taker_fees), (Contracts::whole(6), money("0.069")));
    let OrdersPage { orders: ItemList { items: orders, .. }, .. } = read("orders_page");
    assert_eq!(orders[1].status, ApiOrderStatus::Canceled);
    let FillsPage { fills: ItemList { items: fills, .. }, .. } = read("fills_page");
    assert_eq!((fills[0].count, fills[0].fee), (Contracts::whole(4), money("0.069")));
    assert!(fills[0].is_taker && fills[0].at == Some(at("2026-11-19T15:53:20.164956Z")));

    let PositionsPage { market_positions: ItemList { items: positions, .. }, .. } = read("positions_page");
    assert_eq!((positions[1].position, positions[1].exposure), (Contracts::whole(-5), money("2.9")));
    let SettlementsPage { settlements: ItemList { items: settlements, .. }, .. } = read("settlements_page");
    assert_eq!((settlements[0].revenue, settlements[0].value), (money("26"), Some(money("1"))));
    assert_eq!((settlements[0].result, settlements[0].fees), (MarketResult::Yes, money("0.1325")));
    let balance: Balance = read("balance");
    assert_eq!((balance.available, balance.portfolio_value), (money("98.0186"), money("1.98")));
    assert_eq!(balance.shards[1], ShardBalance { exchange_index: 2, available: Money::ZERO });
    let limits: AccountLimits = read("account_limits");
    assert_eq!(limits.read, RateLimit { refill_rate: 200, bucket_capacity: 400 });
    let costs: EndpointCosts = read("account_endpoint_costs");
    assert_eq!((costs.default_cost, costs.endpoint_costs[0].cost), (10, 2));
}

#[test]
fn refusals_in_every_shape() {
    let parse = |name: &str| ApiErrorBody::parse(text(name).as_bytes()).unwrap();
    for (name, code, details) in [
        ("error_nested_400_post_only_cross", "invalid_order", Some("post only cross")),
        ("error_nested_401_bad_signature", "authentication_error", Some("INCORRECT_API_KEY_SIGNATURE")),
        ("error_nested_404_not_found", "not_found", None),
        ("error_nested_409_duplicate_client_order_id", "order_already_exists", None),
    ] {
        let body = parse(name);
        assert_eq!((&*body.code, body.details.as_deref()), (code, details), "{name}");
    }
    assert_eq!(parse("error_nested_410_v1_orders").code, "deprecated_v1_order_endpoint");
    let flat = parse("error_flat_400_bad_request");
    assert!(flat.code == "bad_request" && flat.details.unwrap().contains("cannot unmarshal number"));
    assert!(parse("error_msg_400_param_validation").message.starts_with("Parameter validation failed"));
    assert_eq!(parse("error_string_429").message, "too many requests");
    assert_eq!(ApiErrorBody::parse(b"<html>502 Bad Gateway</html>"), None);
    assert_eq!(ApiErrorBody::parse(b""), None);
    let odd = br#"{"error":{"code":"order_already_exists","message":"x","details":{"id":1}}}"#;
    assert_eq!(ApiErrorBody::parse(odd).unwrap().code, "order_already_exists");
}

#[test]
fn requests_are_written_as_the_exchange_wants_them() {
    let ticker = "KXHIGHNY-26NOV20-T55";
    let order = |id: &str, side, action, hundredths, limit, time_in_force| {
        let count = Contracts::from_hundredths(hundredths);
        CreateOrder::new(ticker, id, (side, action), count, price(limit), time_in_force)
    };
    // What is false or zero need not be said.
    let expected = |name: &str| {
        let mut body = value(name);
        let fields = body.as_object_mut().unwrap();
        fields.retain(|_, value| value != false && value != 0);
        body
    };
    let written = |order: &CreateOrder| serde_json::to_value(order).unwrap();
    let gtc =
        order("2b8394e0-515e-4b89-b624-f34067756855", Side::Yes, Action::Buy, 1_000, 4_400, TimeInForce::Gtc);
    assert_eq!(written(&gtc), expected("order_create_request"));
    // Buying NO at 0.58 is asking 0.42 for YES.
    let no = CreateOrder {
        reduce_only: true,
        self_trade_prevention_type: SelfTradePrevention::Maker,
        ..order("7b3f8c5e-33f2-4a53-9d38-1e4c19f1a3a9", Side::No, Action::Buy, 350, 5_800, TimeInForce::Ioc)
    };
    assert_eq!(written(&no), expected("order_create_request_buy_no_ioc"));
    let gtt = CreateOrder {
        expiration_time: Some(at("2026-11-20T18:00:00Z")),
        order_group_id: Some("a4f1f1f0-6a3c-4c0d-9b2e-0c4ab1d1a9e3".into()),
        ..order(
            "6a0a27b4-8f4f-44a2-9f52-7d7bd2f53f17",
            Side::Yes,
            Action::Buy,
            100,
            100,
            TimeInForce::PostOnly,
        )
    };
    assert_eq!(written(&gtt), expected("order_create_request_gtt"));
    let sells = [(Side::Yes, ApiBookSide::Ask), (Side::No, ApiBookSide::Bid)];
    assert!(
        sells.into_iter().all(|(side, book)| ApiBookSide::from_side_and_action(side, Action::Sell) == book)
    );

    let amend = AmendOrder {
        ticker: ticker.into(),
        side: ApiBookSide::Bid,
        price: price(4_300),
        count: Contracts::whole(8),
        client_order_id: Some("2b8394e0-515e-4b89-b624-f34067756855".into()),
        updated_client_order_id: Some("bd0f0cf1-0f21-4d61-9a6b-0e4f1d0d8d19".into()),
    };
    assert_eq!(serde_json::to_value(&amend).unwrap(), value("order_amend_request"));
}

/// Takes every field on the way to `at` away, and makes it another type, and expects to be told.
fn misses<T: DeserializeOwned>(name: &str, at: &str, fields: &str) {
    let problem = |body: &Value| {
        let error = decode_json::<T>(name, body.to_string().as_bytes()).err()?;
        assert_eq!(error.endpoint, name);
        Some(error.problem)
    };
    misses_with(&problem, name, at, fields);
}

/// As `misses`, for an item of a page: it is odd, and the others are read.
fn misses_item<P: Page + DeserializeOwned>(name: &str, at: &str, fields: &str) {
    let all = decode_json::<P>(name, value(name).to_string().as_bytes())
        .unwrap()
        .into_items_and_cursor()
        .0
        .items
        .len();
    let problem = |body: &Value| {
        let (list, _) = decode_json::<P>(name, body.to_string().as_bytes()).unwrap().into_items_and_cursor();
        let odd = list.odd.into_iter().next()?;
        assert_eq!(list.items.len(), all - 1, "{name} at {at}");
        Some(odd.problem)
    };
    misses_with(&problem, name, at, fields);
}

fn misses_with(problem: &dyn Fn(&Value) -> Option<String>, name: &str, at: &str, fields: &str) {
    let whole = value(name);
    assert_eq!(problem(&whole), None, "{name} is not read as it is");
    for field in fields.split_whitespace() {
        let spoil = |how: &dyn Fn(&mut serde_json::Map<String, Value>)| -> String {
            let mut body = whole.clone();
            let object = body.pointer_mut(at).and_then(Value::as_object_mut);
            how(object.unwrap_or_else(|| panic!("{name} has no object at {at}")));
            problem(&body).unwrap_or_else(|| panic!("{name}: {field} was not missed"))
        };
        let missing = spoil(&|object| assert!(object.remove(field).is_some(), "{name} has no {field}"));
        assert!(missing.contains(&format!("missing field `{field}`")), "{missing}");
        let retyped = spoil(&|object| {
            object[field] = match &object[field] {
                Value::String(_) => json!(7),
                Value::Number(number) => json!(number.to_string()),
                Value::Bool(flag) => json!(flag.to_string()),
                _ => json!(true),
            };
        });
        assert!(retyped.contains(&format!("{field}: ")), "{retyped}");
    }
}

/// Absent, `null` and empty are one, for lists and for cursors.
#[test]
fn a_list_that_is_not_there_is_an_empty_one() {
    for text in ["{}", r#"{"market_positions":null,"cursor":null}"#, r#"{"market_positions":[],"cursor":""}"#]
    {
        let (list, cursor) = serde_json::from_str::<PositionsPage>(text).unwrap().into_items_and_cursor();
        assert_eq!((list, cursor), (ItemList::default(), None), "{text}");
    }
}

/// What the exchange may leave out or invent without making a market unreadable, and what makes it so.
#[test]
fn only_what_a_market_is_traded_by_has_to_be_readable() {
    let read = |change: &str| {
        let mut page = value("markets_page");
        let market = page["markets"][1].as_object_mut().unwrap();
        for (name, change) in serde_json::from_str::<serde_json::Map<String, Value>>(change).unwrap() {
            market.insert(name, change);
        }
        let page: MarketsPage = serde_json::from_str(&page.to_string()).unwrap();
        assert_eq!(page.markets.items.len() + page.markets.odd.len(), 3);
        page.markets.odd.into_iter().next()
    };
    for harmless in [
        r#"{"yes_sub_title":null,"title":null,"subtitle":null,"no_sub_title":null}"#,
        r#"{"can_close_early":null,"latest_expiration_time":null,"exchange_index":null,"settlement_ts":null}"#,
        r#"{"price_level_structure":"","settlement_bounds_type":null,"occurrence_datetime":"soon"}"#,
        r#"{"a_new_field":{"nested":[1,{"deep":null}]},"strike_type":"functional","floor_strike":null}"#,
    ] {
        assert_eq!(read(harmless), None, "{harmless}");
    }
    for (odd, why) in [
        (r#"{"status":"suspended"}"#, "status: unknown variant `suspended`"),
        (r#"{"market_type":"ranged"}"#, "market_type: unknown variant `ranged`"),
        (r#"{"result":"void"}"#, "`void` is not a result"),
        (r#"{"price_ranges":null}"#, "price_ranges: invalid type: null"),
        (r#"{"price_ranges":[{"start":"0.0000","end":"1.0000","step":"0.000010"}]}"#, "price_ranges"),
        (r#"{"floor_strike":38000000000000}"#, "floor_strike"),
        (r#"{"cap_strike":1e-07}"#, "cap_strike"),
        (r#"{"yes_bid_dollars":null}"#, "yes_bid_dollars"),
    ] {
        let found = read(odd).unwrap_or_else(|| panic!("{odd} is read"));
        assert!(found.problem.contains(why), "{odd}: {}", found.problem);
        assert!(found.ticker.is_some() && found.event_ticker.is_some());
    }
}

/// The day that a schedule ends at midnight is written in two ways.
#[test]
fn a_day_of_trading_may_end_at_24_00() {
    let hours = |close: &str| {
        serde_json::from_str::<DayHours>(&format!(r#"{{"open_time":"08:00","close_time":"{close}"}}"#))
    };
    assert_eq!((hours("24:00").unwrap().close, hours("00:00").unwrap().close), (0, 0));
    assert!(hours("24:01").is_err() && hours("25:00").is_err());
}

#[test]
fn every_required_field_is_missed_by_name() {
    misses::<ExchangeStatus>("exchange_status", "", "exchange_active trading_active");
    misses::<ExchangeStatus>(
        "exchange_status",
        "/exchange_index_statuses/0",
        "exchange_index exchange_active trading_active",
    );
    misses::<OneSchedule>("exchange_schedule", "", "schedule");
    misses::<OneSchedule>("exchange_schedule", "/schedule", "standard_hours maintenance_windows");
    misses::<OneSchedule>(
        "exchange_schedule",
        "/schedule/standard_hours/0",
        "start_time end_time monday sunday",
    );
    misses::<OneSchedule>("exchange_schedule", "/schedule/standard_hours/0/monday/0", "open_time close_time");
    misses::<OneSchedule>(
        "exchange_schedule",
        "/schedule/maintenance_windows/0",
        "start_datetime end_datetime",
    );
    misses::<HistoricalCutoff>(
        "historical_cutoff",
        "",
        "market_settled_ts trades_created_ts orders_updated_ts",
    );
    misses::<OneSeries>("series_get", "", "series");
    misses::<OneSeries>("series_get", "/series", "ticker category fee_type fee_multiplier");
    misses::<SeriesList>("series_list", "", "series");
    misses::<FeeChanges>("series_fee_changes", "", "series_fee_change_arr");
    let change = "series_ticker fee_type fee_multiplier scheduled_ts";
    misses::<FeeChanges>("series_fee_changes", "/series_fee_change_arr/0", change);
    misses::<OneEvent>("event_get", "", "event");
    let event = "event_ticker series_ticker mutually_exclusive";
    misses::<OneEvent>("event_get", "/event", event);
    misses_item::<EventsPage>(
        "events_page_nested",
        "/events/0",
        "event_ticker series_ticker mutually_exclusive",
    );
    let market = "ticker event_ticker market_type status open_time close_time yes_bid_dollars yes_ask_dollars yes_bid_size_fp yes_ask_size_fp \
        last_price_dollars volume_fp open_interest_fp result price_ranges";
    misses::<OneMarket>("market_get", "", "market");
    misses::<OneMarket>("market_get", "/market", market);
    misses::<OneMarket>("market_get", "/market/price_ranges/0", "start end step");
    misses_item::<MarketsPage>("markets_page", "/markets/2", "ticker status close_time result price_ranges");
    misses::<OneOrderBook>("orderbook", "", "orderbook_fp");
    misses::<OneOrderBook>("orderbook", "/orderbook_fp", "yes_dollars no_dollars");
    misses::<OrderBooks>("orderbooks_batch", "/orderbooks/0", "ticker orderbook_fp");
    let trade = "trade_id ticker count_fp yes_price_dollars taker_book_side created_time is_block_trade";
    misses_item::<TradesPage>("trades_page", "/trades/0", trade);
}

#[test]
fn every_required_field_of_the_account_is_missed_by_name() {
    misses::<CreatedOrder>("order_create_response_filled", "", "order_id fill_count remaining_count ts_ms");
    misses::<Amended>("order_amend_response", "", "order_id ts_ms");
    misses::<Decreased>("order_decrease_response", "", "order_id remaining_count ts_ms");
    misses::<Cancelled>("order_cancel_response", "", "order_id reduced_by ts_ms");
    misses::<OrderGroupCreated>("order_group_create_response", "", "order_group_id");
    misses::<OneOrder>("order_get", "", "order");
    let order = "order_id client_order_id ticker book_side status yes_price_dollars initial_count_fp \
        fill_count_fp remaining_count_fp taker_fees_dollars maker_fees_dollars";
    misses::<OneOrder>("order_get", "/order", order);
    let fill = "trade_id order_id ticker book_side yes_price_dollars count_fp is_taker fee_cost";
    misses_item::<FillsPage>("fills_page", "/fills/0", fill);
    let position = "ticker position_fp market_exposure_dollars realized_pnl_dollars fees_paid_dollars";
    misses_item::<PositionsPage>("positions_page", "/market_positions/1", position);
    let settlement =
        "ticker event_ticker market_result yes_count_fp no_count_fp revenue settled_time fee_cost";
    misses_item::<SettlementsPage>("settlements_page", "/settlements/0", settlement);
    misses::<Balance>("balance", "", "balance_dollars portfolio_value updated_ts");
    misses::<Balance>("balance", "/balance_breakdown/0", "exchange_index balance");
    misses::<AccountLimits>("account_limits", "", "usage_tier read write");
    misses::<AccountLimits>("account_limits", "/read", "refill_rate bucket_capacity");
    misses::<EndpointCosts>("account_endpoint_costs", "", "default_cost endpoint_costs");
    misses::<EndpointCosts>("account_endpoint_costs", "/endpoint_costs/0", "method path cost");
}

/// Checks every number of a payload that is written as a string, and gives how many there are.
fn check_numbers(place: &str, value: &Value) -> usize {
    let check = |key: &str, value: &Value| {
        let place = format!("{place}.{key}");
        let exact = |parsed: Result<(), String>| parsed.unwrap_or_else(|error| panic!("{place}: {error}"));
        match value {
            Value::String(text) if key.ends_with("_fp") => exact(number::parse_contracts(text).map(drop)),
            Value::String(text) if key.ends_with("_dollars") => {
                exact(Money::parse(text).map(drop).map_err(|error| error.to_string()));
            }
            Value::String(text) if key.ends_with("_time") && text.len() > 5 => {
                exact(Timestamp::parse(text).map(drop).map_err(|error| error.to_string()));
            }
            Value::Number(_) => {
                let money = key.ends_with("_dollars") || key.ends_with("_fp");
                assert!(!money, "{place} is a JSON number");
            }
            nested => return check_numbers(&place, nested),
        }
        1
    };
    match value {
        Value::Object(fields) => fields.iter().map(|(key, value)| check(key, value)).sum(),
        Value::Array(items) => items.iter().map(|item| check_numbers(place, item)).sum(),
        _ => 0,
    }
}

#[test]
fn every_number_of_every_payload_is_exact() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/kalshi");
    let files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 82);
    let numbers = files.iter().map(|file| {
        let name = file.file_stem().unwrap().to_string_lossy();
        check_numbers(&name, &value(&name))
    });
    assert!(numbers.sum::<usize>() > 500);
    // Candles have no type, as nothing uses them; their numbers are of the same kinds.
    let close = |name: &str, pointer: &str| number::parse_price(value(name).pointer(pointer)?.as_str()?).ok();
    assert_eq!(close("candlesticks", "/candlesticks/0/price/close_dollars"), Price::new(4_300));
    let batch = "/markets/0/candlesticks/0/yes_bid/close_dollars";
    assert_eq!(close("candlesticks_batch", batch), Price::new(4_200));
    assert_eq!(close("candlesticks_historical", "/candlesticks/0/yes_ask/close"), Price::new(4_400));
}
