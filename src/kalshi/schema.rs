//! Decoding what the exchange sends, with errors that say which field of which message is not as it
//! should be. A message that cannot be read is never read in part.

use serde::de::DeserializeOwned;

/// A message of the exchange that is not as its documentation says.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{endpoint}: {problem}; the exchange's API has changed or something else answers at its address: \
     compare with its changelog before trading"
)]
pub struct SchemaError {
    /// Which message, for instance `GET /markets`.
    pub endpoint: String,
    /// Which field, and what is wrong with it.
    pub problem: String,
}

/// Decodes a JSON body.
///
/// # Errors
/// Names `endpoint` and the first field that is missing, of another type or unreadable.
pub fn decode_json<T: DeserializeOwned>(endpoint: &str, body: &[u8]) -> Result<T, SchemaError> {
    // Keeping track of the place costs time, so it is done only once something is wrong.
    serde_json::from_slice(body).map_err(|error| {
        let mut again = serde_json::Deserializer::from_slice(body);
        let problem = match serde_path_to_error::deserialize::<_, T>(&mut again) {
            Err(placed) if placed.path().iter().len() > 0 => format!("{}: {}", placed.path(), placed.inner()),
            _ => error.to_string(),
        };
        SchemaError { endpoint: endpoint.to_owned(), problem }
    })
}
