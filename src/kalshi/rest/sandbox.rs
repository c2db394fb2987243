//! What only our stand-in for the exchange has: a clock that is moved from outside.

use std::time::Duration;

use reqwest::header::CONTENT_TYPE;
use serde::{Deserialize, Serialize};

use super::{ApiError, Rest, describe_error_chain};
use crate::domain::Timestamp;
use crate::kalshi::environment::Environment;
use crate::kalshi::number;
use crate::kalshi::schema::decode_json;

/// The answer to [`Rest::sandbox_advance`]: where the sandbox's clock stands after the move.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct SandboxClock {
    /// The sandbox's present time, from JSON `now_ts_ms` in Unix milliseconds.
    #[serde(rename = "now_ts_ms", deserialize_with = "number::millis")]
    pub now: Timestamp,
    /// Whether all it has to play back was played.
    pub end: bool,
}

#[derive(Serialize)]
struct Advance {
    until_ts_ms: i64,
}

const ENDPOINT: &str = "POST /sandbox/clock";
/// Playing back may take longer than any answer of the exchange.
const PATIENCE: Duration = Duration::from_mins(2);

impl Rest {
    /// Moves a sandbox's clock on, and all that happens until then happens.
    ///
    /// # Errors
    /// When this is no sandbox, or it does not answer as agreed.
    pub async fn sandbox_advance(&self, until: Timestamp) -> Result<SandboxClock, ApiError> {
        if !matches!(self.environment(), Environment::Sandbox { .. }) {
            return Err(ApiError::NotSent(format!("{ENDPOINT}: only a sandbox's clock can be moved")));
        }
        let body = serde_json::to_vec(&Advance { until_ts_ms: until.millis() }).expect("an integer");
        let url = self.environment().rest_origin() + "/sandbox/clock";
        let unknown = |error: reqwest::Error| {
            ApiError::Unknown(format!("{ENDPOINT}: {}", describe_error_chain(&error)))
        };
        let request =
            self.inner.client.post(url).timeout(PATIENCE).header(CONTENT_TYPE, "application/json").body(body);
        let response = request.send().await.and_then(reqwest::Response::error_for_status).map_err(unknown)?;
        let body = response.bytes().await.map_err(unknown)?;
        let schema = |error: crate::kalshi::schema::SchemaError| ApiError::Schema {
            endpoint: error.endpoint,
            problem: error.problem,
        };
        decode_json(ENDPOINT, &body).map_err(schema)
    }
}
