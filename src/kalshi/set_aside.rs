//! Which markets cannot be understood at present, and when each is looked at again.
//!
//! A market that is set aside stays so for a while even if it can be read in between, and each time for longer:
//! what comes odd once in a while would otherwise come and go with every message.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::domain::{Span, Timestamp};

/// How long a market is set aside at first; each time it happens again doubles it.
const FIRST_PAUSE: Span = Span::MINUTE;
/// The longest it is set aside before it is looked at again.
const LONGEST_PAUSE: Span = Span::DAY;

#[derive(Debug)]
struct SetAsideState {
    /// Whether it is set aside now; what was once is remembered for its pauses.
    is_aside: bool,
    /// When it is looked at again.
    retry_at: Timestamp,
    pause: Span,
    /// Whether it was named to be looked at since `retry_at`.
    is_asked: bool,
}

/// The markets that are set aside, by ticker.
#[derive(Debug, Default)]
pub struct SetAsideMarkets {
    markets: BTreeMap<Arc<str>, SetAsideState>,
    /// No market is looked at again before; `None` if none waits for it.
    earliest_retry: Option<Timestamp>,
}

impl SetAsideMarkets {
    /// Sets a market aside at `now`. Returns whether that is new.
    pub fn set_aside(&mut self, ticker: &Arc<str>, now: Timestamp) -> bool {
        let state = self.markets.entry(Arc::clone(ticker)).or_insert(SetAsideState {
            is_aside: false,
            retry_at: Timestamp::MIN,
            pause: Span::ZERO,
            is_asked: false,
        });
        let is_new = !state.is_aside;
        if is_new || now >= state.retry_at {
            state.pause = state.pause.times(2).clamp(FIRST_PAUSE, LONGEST_PAUSE);
            state.retry_at = now + state.pause;
            state.is_asked = false;
        }
        state.is_aside = true;
        if !state.is_asked {
            let retry_at = state.retry_at;
            self.earliest_retry =
                Some(self.earliest_retry.map_or(retry_at, |earliest| earliest.min(retry_at)));
        }
        is_new
    }

    /// Clears a market that can be understood at `now`, if its pause is over. Returns whether it was set aside.
    pub fn clear_if_due(&mut self, ticker: &str, now: Timestamp) -> bool {
        let state = self.markets.get_mut(ticker).filter(|state| state.is_aside && now >= state.retry_at);
        state.map(|state| state.is_aside = false).is_some()
    }

    /// Clears a market whose pause does not matter any more, as it was paid out. Returns whether it was set aside.
    pub fn clear_at_once(&mut self, ticker: &str) -> bool {
        self.markets.get_mut(ticker).is_some_and(|state| std::mem::take(&mut state.is_aside))
    }

    /// Returns whether a market is set aside.
    #[must_use]
    pub fn is_set_aside(&self, ticker: &str) -> bool {
        self.markets.get(ticker).is_some_and(|state| state.is_aside)
    }

    /// The markets whose pause is over at `now`, to be read again. Each is named once a pause.
    pub fn take_due(&mut self, now: Timestamp) -> Vec<Arc<str>> {
        let mut due = Vec::new();
        // This is asked at every step of a session, mostly in vain.
        if self.earliest_retry.is_none_or(|earliest| now < earliest) {
            return due;
        }
        let mut waiting = Vec::new();
        for (ticker, state) in self.markets.iter_mut().filter(|(_, state)| state.is_aside && !state.is_asked)
        {
            if now >= state.retry_at {
                state.is_asked = true;
                due.push(Arc::clone(ticker));
            } else {
                waiting.push(state.retry_at);
            }
        }
        self.earliest_retry = waiting.into_iter().min();
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after_minutes(minutes: i64) -> Timestamp {
        Timestamp::from_nanos(minutes * 60_000_000_000)
    }

    #[test]
    fn a_market_is_set_aside_for_longer_each_time() {
        let (mut aside, ticker) = (SetAsideMarkets::default(), Arc::<str>::from("A"));
        assert!(aside.set_aside(&ticker, after_minutes(0)) && !aside.set_aside(&ticker, after_minutes(0)));
        assert!(
            !aside.clear_if_due("A", Timestamp::from_nanos(1)) && aside.is_set_aside("A"),
            "it is too early"
        );
        assert_eq!(aside.take_due(after_minutes(1)), [Arc::clone(&ticker)]);
        assert!(aside.take_due(after_minutes(1)).is_empty(), "it is named once");
        assert!(aside.clear_if_due("A", after_minutes(1)) && !aside.is_set_aside("A"));
        assert!(aside.set_aside(&ticker, after_minutes(1)));
        assert!(aside.take_due(after_minutes(2)).is_empty(), "now its pause is two minutes");
        assert!(
            !aside.set_aside(&ticker, after_minutes(3)),
            "it is odd still, so the next pause is four minutes"
        );
        assert!(aside.take_due(after_minutes(6)).is_empty());
        assert!(aside.clear_if_due("A", after_minutes(7)));
        assert!(!aside.clear_if_due("A", after_minutes(7)) && !aside.clear_if_due("B", after_minutes(7)));
        for day in 1..40 {
            aside.set_aside(&ticker, after_minutes(day * 24 * 60));
        }
        assert!(aside.clear_if_due("A", after_minutes(41 * 24 * 60)), "it is looked at once a day at least");
    }

    #[test]
    fn what_was_paid_out_is_not_set_aside_any_more() {
        let (mut aside, ticker) = (SetAsideMarkets::default(), Arc::<str>::from("A"));
        aside.set_aside(&ticker, after_minutes(0));
        assert!(aside.clear_at_once("A") && !aside.is_set_aside("A") && !aside.clear_at_once("A"));
    }
}
