//! The wall clock, in the one place of the crate that reads it: requests to the exchange are signed with
//! the time, and what comes in live is stamped with it. Everything else is handed its time.

use std::time::{Instant, UNIX_EPOCH};

use crate::domain::{Span, Timestamp};

/// The present moment of this machine's clock.
#[must_use]
#[expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "the one door through which the real time comes in"
)]
pub fn now() -> Timestamp {
    let since_1970 = std::time::SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_nanos(0) + since_1970.into()
}

/// Time since `start` for what must not jump when the wall's clock is set, counted from 0.
#[must_use]
pub fn monotonic_since(start: Instant) -> Timestamp {
    Timestamp::from_nanos(0) + Span::from(start.elapsed())
}
