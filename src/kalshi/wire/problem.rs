//! What the exchange says when it refuses: four shapes of body for one thing.

use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// Why the exchange refused a request, read from the body of its answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct ApiErrorBody {
    /// The exchange's name of the reason; empty where it gives none.
    #[serde(default)]
    pub code: String,
    /// The reason in words for people; empty where none is given.
    #[serde(default)]
    pub message: String,
    /// More, in some; what is not text is kept as its JSON.
    #[serde(default, deserialize_with = "any_text")]
    pub details: Option<String>,
}

impl ApiErrorBody {
    /// Reads a body in any of the shapes: nested, flat, a bare `msg`, or `error` as a string. `None` if it
    /// is none of them, as with the pages of a gateway in front of the exchange.
    #[must_use]
    pub fn parse(body: &[u8]) -> Option<Self> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum ErrorShape {
            Nested {
                error: ApiErrorBody,
            },
            Text {
                error: String,
            },
            Bare {
                msg: String,
            },
            Flat {
                code: String,
                message: String,
                #[serde(default, deserialize_with = "any_text")]
                details: Option<String>,
            },
        }
        Some(match serde_json::from_slice(body).ok()? {
            ErrorShape::Nested { error } => error,
            ErrorShape::Text { error: message } | ErrorShape::Bare { msg: message } => {
                Self { message, ..Self::default() }
            }
            ErrorShape::Flat { code, message, details } => Self { code, message, details },
        })
    }
}

/// Reads details of any JSON type, so that an oddity in them does not hide the code.
fn any_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::Null => None,
        Value::String(text) => Some(text),
        other => Some(other.to_string()),
    })
}
