//! REST: who asks, what it costs, what goes wrong on purpose, and which answer it is.

use std::sync::Arc;
use std::time::Instant;

use axum::body::to_bytes;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::Uri;
use axum::response::Response;
use serde_json::{Value, json};

use crate::domain::Timestamp;

use super::app::{App, Core};
use super::odd_answers::{PageOddity, edit_objects, edit_page, get_odd_markets};
use super::request::{
    Answered, RestAnswer, RestRequest, end_of_millisecond, refusal_response, response_from_answer,
    signature_headers,
};
use super::stream::StreamLine;
use super::{markets, portfolio, writes};
use crate::sandbox::accounts::auth::wall_millis;
use crate::sandbox::accounts::limits::{Buckets, TokenBudget};
use crate::sandbox::exchange::account_objects;
use crate::sandbox::exchange::control::SandboxControl;
use crate::sandbox::faults::Fate;
use crate::sandbox::query::{Fields, Query, parse_json_body};
use crate::sandbox::refused::ApiRefusal;
use crate::sandbox::wire;

/// Where the API is mounted: the official client signs this prefix whatever its host says.
const PREFIX: &str = "/trade-api/v2";
/// No order is longer; a batch of thousands fits.
const LONGEST_BODY: usize = 4 << 20;

/// Every request but the upgrade of a socket.
pub(in crate::sandbox) async fn handle_rest_request(
    State(app): State<Arc<App>>,
    ConnectInfo(line): ConnectInfo<StreamLine>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, LONGEST_BODY).await else {
        return refusal_response(&ApiRefusal::BadRequest("the body is longer than 4 MiB".into()));
    };
    let mut asked = RestRequest {
        method: parts.method.as_str(),
        path: parts.uri.path(),
        query: parse_query_string(&parts.uri),
        headers: &parts.headers,
        body: &body,
    };
    let Some(path) = asked.path.strip_prefix(PREFIX) else {
        return response_from_answer(route_sandbox_request(&app, &asked).await);
    };
    let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    let (answered, wait) = {
        let mut core = app.lock_core();
        let (fate, wait) = core.dice.draw_request_fate();
        let answered = match fate {
            Fate::Reset => None,
            Fate::Limited => Some(Err(ApiRefusal::TooMany)),
            Fate::FailsBefore => Some(Err(ApiRefusal::without_details(500, "internal_server_error"))),
            Fate::Answered | Fate::FailsAfter | Fate::Lost => {
                let answered = route_with_oddities(&mut core, &mut asked, &segments);
                core.publish_messages();
                match fate {
                    Fate::Lost => None,
                    Fate::FailsAfter => Some(Err(ApiRefusal::without_details(500, "internal_server_error"))),
                    _ => Some(answered),
                }
            }
        };
        (answered, wait)
    };
    if !wait.is_zero() {
        tokio::time::sleep(wait).await;
    }
    answered.map_or_else(
        || {
            line.cut_connection();
            response_from_answer(Err(ApiRefusal::without_details(500, "connection_cut")))
        },
        response_from_answer,
    )
}

fn parse_query_string(uri: &Uri) -> Query {
    let pairs = axum::extract::Query::<Vec<(String, String)>>::try_from_uri(uri);
    Query(pairs.map(|pairs| pairs.0).unwrap_or_default())
}

/// What a request draws on, and how much of it.
fn request_token_cost(method: &str, segments: &[&str], body: &[u8]) -> (TokenBudget, u64) {
    let items = || {
        let orders = serde_json::from_slice::<Value>(body).ok();
        orders.and_then(|body| body["orders"].as_array().map(Vec::len)).unwrap_or(1).max(1) as u64
    };
    match (method, segments) {
        ("GET", ["portfolio", "balance"]) => (TokenBudget::Balance, 1),
        ("GET", ["portfolio", "orders", _]) => (TokenBudget::Read, 2),
        ("GET", _) => (TokenBudget::Read, 10),
        ("DELETE", ["portfolio", "events", "orders", "batched"]) => (TokenBudget::Write, 2 * items()),
        ("DELETE", ["portfolio", "events", "orders", ..]) => (TokenBudget::Write, 2),
        ("POST", ["portfolio", "events", "orders", "batched"]) => (TokenBudget::Write, 10 * items()),
        _ => (TokenBudget::Write, 10),
    }
}

fn spend_request_tokens(
    core: &mut Core,
    account: usize,
    asked: &RestRequest<'_>,
    segments: &[&str],
) -> Result<(), ApiRefusal> {
    let (budget, tokens) = request_token_cost(asked.method, segments, asked.body);
    core.exchange.token_meter.count_tokens(budget, tokens, core.exchange.now());
    let Some(tier) = core.tier else {
        return Ok(());
    };
    let now = Instant::now();
    let buckets = core.buckets.entry(account).or_insert_with(|| Buckets::new(tier, now));
    if buckets.take_tokens(budget, tokens, now) { Ok(()) } else { Err(ApiRefusal::TooMany) }
}

/// The answer to a request, made odd as the faults ask for.
fn route_with_oddities(core: &mut Core, asked: &mut RestRequest<'_>, segments: &[&str]) -> Answered {
    let page = if asked.method == "GET" { core.page_dice.draw_page_oddity() } else { None };
    if page == Some(PageOddity::RepeatedItem) {
        asked.query.begin_with_last_item();
    }
    let mut answer = authorize_and_route(core, asked, segments)?;
    if let Some(body) = &mut answer.body {
        if core.exchange.odd.has_oddities() {
            edit_objects(&core.exchange, body);
        }
        if let Some(page) = page {
            edit_page(page, &asked.query, body);
        }
    }
    Ok(answer)
}

fn authorize_and_route(core: &mut Core, asked: &RestRequest<'_>, segments: &[&str]) -> Answered {
    let private = matches!(segments, ["portfolio", ..] | ["account", "limits"]);
    if !private {
        // Whoever signs a public request pays for it; whoever does not sign is nobody's account.
        if let Ok(account) = authenticate_account(core, asked) {
            spend_request_tokens(core, account, asked, segments)?;
        }
        return markets::route_public_request(core, asked.method, segments, &asked.query);
    }
    let account = authenticate_account(core, asked)?;
    spend_request_tokens(core, account, asked, segments)?;
    match (asked.method, segments) {
        (method, ["portfolio", "orders", ..]) if method != "GET" => Err(deprecated_endpoint_refusal()),
        ("GET", _) => portfolio::route_account_get(core, account, segments, &asked.query),
        _ => writes::route_account_write(&mut core.exchange, account, asked, segments),
    }
}

/// Returns the refusal, 410, of all writes below `/portfolio/orders`: they belong to the retired V1.
fn deprecated_endpoint_refusal() -> ApiRefusal {
    let details = "https://docs.kalshi.com/api-reference/orders/create-order-v2";
    ApiRefusal::with_details(410, "deprecated_v1_order_endpoint", details)
}

fn authenticate_account(core: &mut Core, asked: &RestRequest<'_>) -> Result<usize, ApiRefusal> {
    let key = core.keys.verify_signature(
        signature_headers(asked.headers),
        asked.method,
        asked.path,
        wall_millis(),
    )?;
    Ok(core.exchange.open_account(key))
}

/// Answers `/sandbox/clock`, `/sandbox/control`, `/sandbox/odd` and `/sandbox/account`, which the real exchange
/// lacks.
async fn route_sandbox_request(app: &App, asked: &RestRequest<'_>) -> Answered {
    match (asked.method, asked.path) {
        ("POST", "/sandbox/clock") => {
            let body = parse_json_body(if asked.body.is_empty() { b"{}" } else { asked.body })?;
            let until = Fields::new(&body, "Clock")?.integer_field("until_ts_ms")?.map(end_of_millisecond);
            let mut told = None;
            let advanced = app.advance_or_wait(until, |_, clock| told = Some(clock)).await;
            advanced
                .map_err(|error| ApiRefusal::with_details(500, "internal_server_error", error.to_string()))?;
            let told = told.ok_or(ApiRefusal::without_details(500, "internal_server_error"))?;
            Ok(RestAnswer::ok(json!({"now_ts_ms": wire::unix_millis(told.now), "end": told.end})))
        }
        ("POST", "/sandbox/control") => {
            let body = parse_json_body(asked.body)?;
            let mut core = app.lock_core();
            for control in parse_sandbox_controls(&body)? {
                core.exchange.apply_control(&control)?;
            }
            if Fields::new(&body, "Control")?.bool_field("drop_sockets")? {
                core.hub.close_all();
            }
            core.publish_messages();
            Ok(RestAnswer::ok(json!({"now_ts_ms": wire::unix_millis(core.exchange.now())})))
        }
        ("GET", "/sandbox/odd") => {
            let core = app.lock_core();
            Ok(RestAnswer::ok(get_odd_markets(&core.exchange, core.foreign.message_count())))
        }
        ("GET", "/sandbox/account") => {
            let mut core = app.lock_core();
            let account = authenticate_account(&mut core, asked)?;
            let locked = core.exchange.locked_cash(account);
            let state = &core.exchange.accounts[account];
            Ok(RestAnswer::ok(account_objects::account_object(&core.exchange, account, state, locked)))
        }
        _ => Err(ApiRefusal::NOT_FOUND),
    }
}

fn parse_sandbox_controls(body: &Value) -> Result<Vec<SandboxControl>, ApiRefusal> {
    let fields = Fields::new(body, "Control")?;
    let mut controls = Vec::new();
    if body.get("pause").is_some() {
        controls.push(SandboxControl::TradingPause(fields.bool_field("pause")?));
    }
    if body.get("exchange_pause").is_some() {
        controls.push(SandboxControl::ExchangePause(fields.bool_field("exchange_pause")?));
    }
    controls.extend(fields.string_field("halt")?.map(|ticker| SandboxControl::Halt(ticker.to_owned())));
    controls
        .extend(fields.string_field("activate")?.map(|ticker| SandboxControl::Activate(ticker.to_owned())));
    if let Some(close) = body.get("close_time") {
        let close = Fields::new(close, "Control.close_time")?;
        let seconds = close.integer_field("ts")?.ok_or_else(|| ApiRefusal::missing_field("close_time.ts"))?;
        let at = Timestamp::from_nanos(seconds.saturating_mul(1_000_000_000));
        controls.push(SandboxControl::CloseTime(close.required_string("ticker")?.to_owned(), at));
    }
    controls.extend(fields.string_field("dispute")?.map(|ticker| SandboxControl::Dispute(ticker.to_owned())));
    if let Some(moved) = body.get("shard") {
        let moved = Fields::new(moved, "Control.shard")?;
        let index = moved.integer_field("index")?.and_then(|index| u8::try_from(index).ok());
        let index = index.ok_or_else(|| ApiRefusal::missing_field("shard.index"))?;
        controls.push(SandboxControl::Shard(moved.required_string("series")?.to_owned(), index));
    }
    Ok(controls)
}
