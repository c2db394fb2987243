//! A request and its answer, between HTTP and the exchange.

use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use serde_json::Value;

use crate::domain::Timestamp;

use crate::sandbox::accounts::auth::Signed;
use crate::sandbox::key_order::write_json;
use crate::sandbox::query::Query;
use crate::sandbox::refused::ApiRefusal;

/// The answer to a request that was carried out: HTTP status and JSON body, `None` with 204.
pub(in crate::sandbox) struct RestAnswer {
    pub(in crate::sandbox) status: u16,
    pub(in crate::sandbox) body: Option<Value>,
}

impl RestAnswer {
    pub(in crate::sandbox) const fn ok(body: Value) -> Self {
        Self { status: 200, body: Some(body) }
    }

    pub(in crate::sandbox) const fn created(body: Value) -> Self {
        Self { status: 201, body: Some(body) }
    }
}

pub(in crate::sandbox) type Answered = Result<RestAnswer, ApiRefusal>;

/// An HTTP request taken apart; `path` includes the prefix of the API, `query` is decoded.
pub(in crate::sandbox) struct RestRequest<'a> {
    pub(in crate::sandbox) method: &'a str,
    pub(in crate::sandbox) path: &'a str,
    pub(in crate::sandbox) query: Query,
    pub(in crate::sandbox) headers: &'a HeaderMap,
    pub(in crate::sandbox) body: &'a [u8],
}

/// Returns the three `KALSHI-ACCESS-…` headers of a signed request, `None` where one is missing.
pub(in crate::sandbox) fn signature_headers(headers: &HeaderMap) -> Signed<'_> {
    let get = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    Signed {
        key: get("kalshi-access-key"),
        timestamp: get("kalshi-access-timestamp"),
        signature: get("kalshi-access-signature"),
    }
}

pub(in crate::sandbox) fn response_from_answer(answered: Answered) -> Response {
    match answered {
        Ok(RestAnswer { status, body }) => json_response(status, body.as_ref()),
        Err(refused) => refusal_response(&refused),
    }
}

/// Returns the HTTP response of a refusal: its status with its JSON body.
pub(in crate::sandbox) fn refusal_response(refused: &ApiRefusal) -> Response {
    json_response(refused.status(), Some(&refused.response_body()))
}

fn json_response(status: u16, body: Option<&Value>) -> Response {
    let text = body.map(write_json).unwrap_or_default();
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if body.is_some() {
        let json = header::HeaderValue::from_static("application/json");
        response.headers_mut().insert(header::CONTENT_TYPE, json);
    }
    response
}

/// The last moment of a millisecond: moments are told in milliseconds, but are finer.
pub(in crate::sandbox) fn end_of_millisecond(millis: i64) -> Timestamp {
    Timestamp::from_nanos(millis.saturating_mul(1_000_000).saturating_add(999_999))
}
