//! The wall clock, in the one place of the crate that reads it: requests to the exchange are signed with
//! the time, and what comes in live is stamped with it. Everything else is handed its time.

use std::sync::{Arc, Mutex, PoisonError};
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

/// How far the machine's clock may move against an even one before it counts as set: a time service corrects by less.
const SMALLEST_STEP: Span = Span::SECOND.times(2);

/// The time that a session goes by. It is the machine's, but goes on evenly when that is set: markets would close and
/// facts come too early by a clock that is wrong. Once the exchange has shown that the machine's clock is right,
/// [`SteadyClock::follow_machine`] takes it over.
///
/// Clones are one clock.
#[derive(Clone, Debug)]
pub struct SteadyClock {
    anchor: Arc<Mutex<ClockAnchor>>,
}

/// One moment by both clocks.
#[derive(Clone, Copy, Debug)]
struct ClockAnchor {
    /// By the monotonic clock.
    instant: Instant,
    /// By the machine's clock.
    machine: Timestamp,
}

impl ClockAnchor {
    fn take_moment() -> Self {
        Self { instant: Instant::now(), machine: now() }
    }
}

impl SteadyClock {
    /// A clock that begins with the machine's.
    #[must_use]
    pub fn start_with_machine() -> Self {
        Self { anchor: Arc::new(Mutex::new(ClockAnchor::take_moment())) }
    }

    /// The present moment by this clock.
    #[must_use]
    pub fn current_time(&self) -> Timestamp {
        let anchor = *self.anchor.lock().unwrap_or_else(PoisonError::into_inner);
        anchor.machine + anchor.instant.elapsed().into()
    }

    /// Whether the machine's clock was set against this one.
    #[must_use]
    pub fn was_machine_set(&self) -> bool {
        let (machine, even) = (now(), self.current_time());
        machine.since(even).max(even.since(machine)) > SMALLEST_STEP
    }

    /// Takes over the machine's clock.
    pub fn follow_machine(&self) {
        *self.anchor.lock().unwrap_or_else(PoisonError::into_inner) = ClockAnchor::take_moment();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl SteadyClock {
        /// A clock that the machine's has been set away from, by `step`.
        pub(crate) fn after_step(step: Span) -> Self {
            let clock = Self::start_with_machine();
            clock.anchor.lock().unwrap().machine = now() - step;
            clock
        }
    }

    #[test]
    fn a_step_of_the_machines_clock_moves_it_only_once_it_is_followed() {
        let clock = SteadyClock::after_step(Span::HOUR.times(3));
        assert!(clock.was_machine_set());
        let slow = now().since(clock.current_time());
        assert!(slow > Span::MINUTE.times(179) && slow < Span::MINUTE.times(181), "{slow:?}");
        let other = clock.clone();
        other.follow_machine();
        assert!(!clock.was_machine_set(), "clones are one clock");
        assert!(now().since(clock.current_time()) < Span::MINUTE);
        assert!(
            !SteadyClock::after_step(Span::SECOND).was_machine_set(),
            "a time service corrects by as much"
        );
        assert!(SteadyClock::after_step(Span::MINUTE.times(-1)).was_machine_set(), "it was set back");
    }
}
