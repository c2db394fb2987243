//! One request: what it asks, in which budget, and what its failures mean.

use reqwest::Method;

use super::ApiError;
use crate::kalshi::environment::REST_PREFIX;
use crate::kalshi::limits::RateBudget;
use crate::kalshi::schema::SchemaError;

/// A request before it is signed and sent.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub method: Method,
    /// The whole path, with the prefix and without a query: what is signed.
    pub path: String,
    pub query: Vec<(&'static str, String)>,
    pub body: Option<Vec<u8>>,
    pub budget: RateBudget,
    /// How many requests it counts as; a batch is charged for each of its orders.
    pub items: u32,
    /// Whether a 5xx may carry an ordinary answer.
    pub answered_by_5xx: bool,
}

impl Call {
    /// A read at a path below the prefix.
    pub fn for_read(path: impl AsRef<str>) -> Self {
        Self::new(Method::GET, path.as_ref(), RateBudget::Read)
    }

    /// A write at a path below the prefix.
    pub fn for_write(method: Method, path: impl AsRef<str>) -> Self {
        Self::new(method, path.as_ref(), RateBudget::Write)
    }

    fn new(method: Method, path: &str, budget: RateBudget) -> Self {
        Self {
            method,
            path: format!("{REST_PREFIX}{path}"),
            query: Vec::new(),
            body: None,
            budget,
            items: 1,
            answered_by_5xx: false,
        }
    }

    /// Adds a query parameter, which is percent-encoded on sending and not part of what is signed.
    pub fn with_query(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.query.push((name, value.into()));
        self
    }

    /// With a parameter, if there is a value for it.
    pub fn with_some(self, name: &'static str, value: Option<impl ToString>) -> Self {
        match value {
            Some(value) => self.with_query(name, value.to_string()),
            None => self,
        }
    }

    /// Sets the body to the JSON of a request struct, such as a new order.
    pub fn with_json(mut self, body: &impl serde::Serialize) -> Self {
        self.body = Some(serde_json::to_vec(body).expect("requests are plain structs of text and numbers"));
        self
    }

    /// Whether it changes nothing, and so may be repeated.
    pub fn is_read(&self) -> bool {
        self.method == Method::GET
    }

    /// Whether only the owner of the account may ask it.
    pub fn is_private(&self) -> bool {
        let path = self.path.strip_prefix(REST_PREFIX).unwrap_or_default();
        path.starts_with("/portfolio") || path == "/account/limits"
    }

    /// Its name in errors: `GET /markets`.
    pub fn endpoint(&self) -> String {
        format!("{} {}", self.method, self.path.strip_prefix(REST_PREFIX).unwrap_or(&self.path))
    }

    /// What it means that the answer cannot be read: a write was carried out or not, who knows.
    pub fn unreadable_answer_error(&self, error: SchemaError) -> ApiError {
        if self.is_read() {
            ApiError::Schema { endpoint: error.endpoint, problem: error.problem }
        } else {
            ApiError::Unknown(format!("{}: the answer cannot be read: {}", error.endpoint, error.problem))
        }
    }
}

/// A ticker or an id as a part of a path, which must stay one part.
///
/// # Errors
/// When it has other characters than those of tickers and ids.
pub(super) fn path_segment(text: &str) -> Result<&str, ApiError> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if text.bytes().all(plain) && !text.bytes().all(|byte| byte == b'.') {
        return Ok(text);
    }
    Err(ApiError::NotSent(format!("`{}` is not a ticker or an id", text.escape_debug())))
}
