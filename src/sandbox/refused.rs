//! What the exchange says when it does not do what was asked, in its four shapes of body.

use serde_json::{Value, json};

/// A refusal with its HTTP status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ApiRefusal {
    /// `{"error":{"code","message","details"?}}`: auth, order and exchange errors.
    Nested {
        /// HTTP status of the response, 400 or above.
        status: u16,
        /// Value of the JSON key `code`, such as `insufficient_balance`; `message` is made of it.
        code: &'static str,
        /// Value of the JSON key `details`; `None` leaves the key out.
        details: Option<String>,
    },
    /// `{"code","message","details"}`: a body that cannot be read.
    BadRequest(String),
    /// `{"msg"}`: a query that cannot be used.
    Query(String),
    /// `{"error":"too many requests"}`: the account's tokens are used up, or a fault says so.
    TooMany,
}

impl ApiRefusal {
    /// Returns a nested error with a status and a `code`, but no `details`.
    #[must_use]
    pub const fn without_details(status: u16, code: &'static str) -> Self {
        Self::Nested { status, code, details: None }
    }

    /// Returns a nested error with a status, a `code` and `details` in words.
    pub fn with_details(status: u16, code: &'static str, details: impl Into<String>) -> Self {
        Self::Nested { status, code, details: Some(details.into()) }
    }

    /// 404 `not_found`: the market, order or path is unknown, or no longer there.
    pub(in crate::sandbox) const NOT_FOUND: Self = Self::without_details(404, "not_found");

    /// A required field of a body that is not there.
    pub(in crate::sandbox) fn missing_field(field: &str) -> Self {
        Self::with_details(400, "invalid_parameters", format!("missing required field: {field}"))
    }

    /// Returns the HTTP status: that of a nested error, 429 for `TooMany`, otherwise 400.
    #[must_use]
    pub const fn status(&self) -> u16 {
        match self {
            Self::Nested { status, .. } => *status,
            Self::BadRequest(_) | Self::Query(_) => 400,
            Self::TooMany => 429,
        }
    }

    /// The `error_object` object of a nested body, also used by the items of a batch.
    #[must_use]
    pub fn error_object(&self) -> Value {
        match self {
            Self::Nested { code, details, .. } => {
                let message = match *code {
                    "authentication_error" => "authentication_error".to_owned(),
                    "deprecated_v1_order_endpoint" => "Please switch to the V2 endpoints".to_owned(),
                    code => code.replace('_', " "),
                };
                match details {
                    Some(details) => json!({"code": code, "message": message, "details": details}),
                    None => json!({"code": code, "message": message}),
                }
            }
            Self::BadRequest(details) => {
                json!({"code": "bad_request", "message": "bad request", "details": details})
            }
            Self::Query(msg) => json!({"code": "invalid_parameters", "message": msg}),
            Self::TooMany => json!({"code": "too_many_requests", "message": "too many requests"}),
        }
    }

    /// Returns the whole JSON body of the response, in the shape of its variant.
    #[must_use]
    pub fn response_body(&self) -> Value {
        match self {
            Self::Nested { .. } => json!({"error": self.error_object()}),
            Self::BadRequest(_) => self.error_object(),
            Self::Query(msg) => json!({"msg": msg}),
            Self::TooMany => json!({"error": "too many requests"}),
        }
    }
}
