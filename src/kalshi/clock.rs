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
    fn take() -> Self {
        Self { instant: Instant::now(), machine: now() }
    }
}

impl SteadyClock {
    /// A clock that begins with the machine's.
    #[must_use]
    pub fn start() -> Self {
        Self { anchor: Arc::new(Mutex::new(ClockAnchor::take())) }
    }

    /// The present moment by this clock.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        let anchor = *self.anchor.lock().unwrap_or_else(PoisonError::into_inner);
        anchor.machine + anchor.instant.elapsed().into()
    }

    /// By how much the machine's clock was set against this one; `None` if it was not. Positive: it is ahead.
    #[must_use]
    pub fn machine_step(&self) -> Option<Span> {
        let step = now().since(self.now());
        (step.nanos().abs() > SMALLEST_STEP.nanos()).then_some(step)
    }

    /// Takes over the machine's clock.
    pub fn follow_machine(&self) {
        *self.anchor.lock().unwrap_or_else(PoisonError::into_inner) = ClockAnchor::take();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl SteadyClock {
        /// A clock that the machine's has been set away from, by `step`.
        pub(crate) fn after_step(step: Span) -> Self {
            let clock = Self::start();
            clock.anchor.lock().unwrap().machine = now() - step;
            clock
        }
    }

    #[test]
    fn a_step_of_the_machines_clock_moves_it_only_once_it_is_followed() {
        let clock = SteadyClock::after_step(Span::HOUR.times(3));
        let step = clock.machine_step().unwrap();
        assert!(step > Span::MINUTE.times(179) && step < Span::MINUTE.times(181), "{step:?}");
        let other = clock.clone();
        other.follow_machine();
        assert_eq!(clock.machine_step(), None, "clones are one clock");
        let before = now();
        assert!(clock.now() >= before - Span::SECOND && clock.now() <= before + Span::MINUTE);
        let small = SteadyClock::after_step(Span::SECOND);
        assert_eq!(small.machine_step(), None, "a time service corrects by as much");
        let behind = SteadyClock::after_step(Span::MINUTE.times(-1));
        assert!(behind.machine_step().unwrap() < Span::ZERO);
    }
}
