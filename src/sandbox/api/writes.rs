//! What an account may do: place, amend, decrease and cancel orders, and steer groups of them.

use serde_json::{Map, Value, json};

use crate::domain::{Contracts, OrderId};

use super::request::{Answered, RestAnswer, RestRequest};
use crate::sandbox::accounts::member_account::BookSide;
use crate::sandbox::exchange::account_objects;
use crate::sandbox::exchange::amend::Amend;
use crate::sandbox::exchange::groups::GroupAction;
use crate::sandbox::exchange::orders::{NewOrder, OrderLifetime};
use crate::sandbox::exchange::sandbox_exchange::SandboxExchange;
use crate::sandbox::query::{Fields, parse_json_body};
use crate::sandbox::refused::ApiRefusal;
use crate::sandbox::wire;

const MOST_IN_GROUP: Contracts = Contracts::whole(1_000_000);

/// The answer to a signed request that changes something.
pub(in crate::sandbox) fn route_account_write(
    exchange: &mut SandboxExchange,
    account: usize,
    asked: &RestRequest<'_>,
    segments: &[&str],
) -> Answered {
    let body = || parse_json_body(asked.body);
    match (asked.method, segments) {
        ("POST", ["portfolio", "events", "orders"]) => {
            create_order(exchange, account, &body()?).map(RestAnswer::created)
        }
        ("DELETE", ["portfolio", "events", "orders"]) => {
            if exchange.all_paused {
                return Err(ApiRefusal::without_details(409, "exchange_is_paused"));
            }
            exchange.cancel_where(account, None, |_| true);
            Ok(RestAnswer { status: 204, body: None })
        }
        ("POST", ["portfolio", "events", "orders", "batched"]) => create_batch(exchange, account, &body()?),
        ("DELETE", ["portfolio", "events", "orders", "batched"]) => cancel_batch(exchange, account, &body()?),
        ("DELETE", ["portfolio", "events", "orders", id]) => {
            let market = asked.query.get("market_ticker");
            cancel_order(exchange, account, id, market).map(RestAnswer::ok)
        }
        ("POST", ["portfolio", "events", "orders", id, "amend"]) => {
            amend_order(exchange, account, id, &body()?)
        }
        ("POST", ["portfolio", "events", "orders", id, "decrease"]) => {
            decrease_order(exchange, account, id, &body()?)
        }
        (method, ["portfolio", "order_groups", rest @ ..]) => {
            route_group_request(exchange, account, method, rest, asked.body)
        }
        _ => Err(ApiRefusal::NOT_FOUND),
    }
}

fn parse_book_side(fields: &Fields<'_>) -> Result<BookSide, ApiRefusal> {
    match fields.required_string("side")? {
        "bid" => Ok(BookSide::Bid),
        "ask" => Ok(BookSide::Ask),
        other => Err(ApiRefusal::with_details(
            400,
            "invalid_parameters",
            format!("side: `{other}` is not bid or ask"),
        )),
    }
}

fn client_order_id(fields: &Fields<'_>, name: &str) -> Result<Option<String>, ApiRefusal> {
    let id = fields.string_field(name)?.filter(|id| !id.is_empty());
    if id.is_some_and(|id| id.len() > 64 || id.contains('.')) {
        let details = format!("{name}: at most 64 characters, without `.`");
        return Err(ApiRefusal::with_details(400, "invalid_parameters", details));
    }
    Ok(id.map(str::to_owned))
}

fn group_number(fields: &Fields<'_>) -> Result<Option<u64>, ApiRefusal> {
    let unknown = || ApiRefusal::without_details(404, "order_group_not_found");
    let id = fields.string_field("order_group_id")?.filter(|id| !id.is_empty());
    id.map(|id| wire::number_of(wire::GROUP, id).ok_or_else(unknown)).transpose()
}

fn new_order(body: &Value) -> Result<NewOrder, ApiRefusal> {
    let fields = Fields::new(body, "CreateOrderV2Request")?;
    let wrong = |field: &str, value: &str| {
        ApiRefusal::with_details(400, "invalid_parameters", format!("{field}: `{value}` is not known"))
    };
    let expiration = fields.integer_field("expiration_time")?;
    let life = match fields.required_string("time_in_force")? {
        "good_till_canceled" => OrderLifetime::GoodTill(expiration),
        _ if expiration.is_some() => {
            let details = "expiration_time needs good_till_canceled";
            return Err(ApiRefusal::with_details(400, "invalid_parameters", details));
        }
        "immediate_or_cancel" => OrderLifetime::Immediate,
        "fill_or_kill" => OrderLifetime::FillOrKill,
        other => return Err(wrong("time_in_force", other)),
    };
    let self_trade = match fields.required_string("self_trade_prevention_type")? {
        "taker_at_cross" => "taker_at_cross",
        "maker" => "maker",
        other => return Err(wrong("self_trade_prevention_type", other)),
    };
    if fields.integer_field("exchange_index")?.is_some_and(|index| index > 0) {
        return Err(ApiRefusal::without_details(404, "market_not_found"));
    }
    if fields.integer_field("subaccount")?.is_some_and(|number| number != 0) {
        return Err(ApiRefusal::without_details(403, "subaccount_not_found"));
    }
    Ok(NewOrder {
        ticker: fields.required_string("ticker")?.to_owned(),
        side: parse_book_side(&fields)?,
        count: fields.contracts_field("count")?.ok_or_else(|| ApiRefusal::missing_field("count"))?,
        price: fields.required_price("price")?,
        life,
        self_trade,
        client_order_id: client_order_id(&fields, "client_order_id")?,
        post_only: fields.bool_field("post_only")?,
        reduce_only: fields.bool_field("reduce_only")?,
        cancel_on_pause: fields.bool_field("cancel_order_on_pause")?,
        group: group_number(&fields)?,
    })
}

fn create_order(exchange: &mut SandboxExchange, account: usize, body: &Value) -> Result<Value, ApiRefusal> {
    let new = new_order(body)?;
    let id = exchange.place_order(account, &new)?;
    let order = &exchange.accounts[account].orders[&id];
    Ok(account_objects::placement_response(order, None, exchange.now()))
}

/// What an item of a batch says instead, with what names it.
fn batch_item_error(refused: &ApiRefusal, named: &str, name: Option<&Value>) -> Value {
    let mut item = Map::new();
    name.map(|name| item.insert(named.to_owned(), name.clone()));
    item.insert("error".into(), refused.error_object());
    Value::Object(item)
}

fn create_batch(exchange: &mut SandboxExchange, account: usize, body: &Value) -> Answered {
    let orders = Fields::new(body, "BatchCreateOrdersV2Request")?.required_list("orders")?;
    let place = |item: &Value| {
        let placed = create_order(exchange, account, item);
        placed.unwrap_or_else(|refused| {
            batch_item_error(&refused, "client_order_id", item.get("client_order_id"))
        })
    };
    let orders: Vec<Value> = orders.iter().map(place).collect();
    Ok(RestAnswer::created(json!({"orders": orders})))
}

fn cancel_order(
    exchange: &mut SandboxExchange,
    account: usize,
    id: &str,
    market: Option<&str>,
) -> Result<Value, ApiRefusal> {
    let id = wire::order_id(id).ok_or(ApiRefusal::NOT_FOUND)?;
    let order = exchange.accounts[account].orders.get(&id).ok_or(ApiRefusal::NOT_FOUND)?;
    if market.is_some_and(|market| exchange.market_ticker(order.market) != market) {
        return Err(ApiRefusal::NOT_FOUND);
    }
    let reduced = exchange.cancel_order(account, id)?;
    Ok(account_objects::cancel_response(&exchange.accounts[account].orders[&id], reduced, exchange.now()))
}

fn cancel_batch(exchange: &mut SandboxExchange, account: usize, body: &Value) -> Answered {
    let orders = Fields::new(body, "BatchCancelOrdersV2Request")?.required_list("orders")?;
    let mut one = |item: &Value| {
        let fields = Fields::new(item, "BatchCancelOrdersV2RequestOrder")?;
        cancel_order(
            exchange,
            account,
            fields.required_string("order_id")?,
            fields.string_field("market_ticker")?,
        )
    };
    let cancel = |item: &Value| {
        one(item).unwrap_or_else(|refused| {
            let mut item = batch_item_error(&refused, "order_id", item.get("order_id"));
            item["reduced_by"] = "0.00".into();
            item
        })
    };
    let orders: Vec<Value> = orders.iter().map(cancel).collect();
    Ok(RestAnswer::ok(json!({"orders": orders})))
}

fn amend_order(exchange: &mut SandboxExchange, account: usize, id: &str, body: &Value) -> Answered {
    let id = wire::order_id(id).ok_or(ApiRefusal::NOT_FOUND)?;
    let fields = Fields::new(body, "AmendOrderV2Request")?;
    let amend = Amend {
        ticker: fields.required_string("ticker")?.to_owned(),
        side: parse_book_side(&fields)?,
        price: fields.required_price("price")?,
        count: fields.contracts_field("count")?.ok_or_else(|| ApiRefusal::missing_field("count"))?,
        client_order_id: client_order_id(&fields, "client_order_id")?,
        updated_client_order_id: client_order_id(&fields, "updated_client_order_id")?,
        expiration: fields.integer_field("expiration_time")?,
    };
    let before = exchange.amend_order(account, id, &amend)?;
    let order = &exchange.accounts[account].orders[&id];
    Ok(RestAnswer::ok(account_objects::placement_response(order, Some(&before), exchange.now())))
}

fn decrease_order(exchange: &mut SandboxExchange, account: usize, id: &str, body: &Value) -> Answered {
    let id = wire::order_id(id).ok_or(ApiRefusal::NOT_FOUND)?;
    let fields = Fields::new(body, "DecreaseOrderV2Request")?;
    match (fields.contracts_field("reduce_by")?, fields.contracts_field("reduce_to")?) {
        (Some(by), None) => exchange.decrease_order(account, id, |left| left - by.min(left))?,
        (None, Some(to)) => exchange.decrease_order(account, id, |left| to.min(left))?,
        _ => {
            return Err(ApiRefusal::with_details(
                400,
                "invalid_parameters",
                "give either reduce_by or reduce_to",
            ));
        }
    }
    Ok(RestAnswer::ok(decrease_response(exchange, account, id)))
}

fn decrease_response(exchange: &SandboxExchange, account: usize, id: OrderId) -> Value {
    let order = &exchange.accounts[account].orders[&id];
    let mut body = json!({
        "order_id": wire::format_uuid(wire::ORDER, id.0), "remaining_count": wire::format_contracts(order.remaining),
        "ts_ms": wire::unix_millis(exchange.now()),
    });
    if let Some(client) = &order.client_order_id {
        body["client_order_id"] = client.as_str().into();
    }
    body
}

fn contracts_limit(body: &Value) -> Result<Contracts, ApiRefusal> {
    let fields = Fields::new(body, "OrderGroupRequest")?;
    let limit = match fields.contracts_field("contracts_limit_fp")? {
        Some(limit) => Some(limit),
        None => fields
            .integer_field("contracts_limit")?
            .and_then(|whole| whole.checked_mul(100))
            .map(Contracts::from_hundredths),
    };
    let limit = limit.ok_or_else(|| ApiRefusal::missing_field("contracts_limit_fp"))?;
    if (Contracts::ONE..=MOST_IN_GROUP).contains(&limit) {
        return Ok(limit);
    }
    Err(ApiRefusal::with_details(400, "invalid_parameters", "contracts_limit: between 1 and 1000000"))
}

fn route_group_request(
    exchange: &mut SandboxExchange,
    account: usize,
    method: &str,
    rest: &[&str],
    body: &[u8],
) -> Answered {
    if let ("POST", ["create"]) = (method, rest) {
        let limit = contracts_limit(&parse_json_body(body)?)?;
        let id = wire::format_uuid(wire::GROUP, exchange.create_group(account, limit));
        return Ok(RestAnswer::created(json!({"order_group_id": id, "subaccount": 0, "exchange_index": 0})));
    }
    let number = |id: &str| wire::number_of(wire::GROUP, id).ok_or(ApiRefusal::NOT_FOUND);
    let (id, action) = match (method, rest) {
        ("PUT", [id, "reset"]) => (number(id)?, GroupAction::Reset),
        ("PUT", [id, "trigger"]) => (number(id)?, GroupAction::Trigger),
        ("PUT", [id, "limit"]) => {
            (number(id)?, GroupAction::Limit(contracts_limit(&parse_json_body(body)?)?))
        }
        ("DELETE", [id]) => (number(id)?, GroupAction::Delete),
        _ => return Err(ApiRefusal::NOT_FOUND),
    };
    exchange.steer_group(account, id, action)?;
    Ok(RestAnswer::ok(json!({})))
}
