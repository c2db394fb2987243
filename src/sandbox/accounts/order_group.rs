//! An order group of a member: what has matched in it lately, and whether its limit is reached.

use std::collections::VecDeque;

use crate::domain::{Contracts, Span, Timestamp};

const WINDOW: Span = Span::SECOND.times(15);

/// An order group: a limit on contracts matched by its orders within 15 seconds, and whether it has tripped.
#[derive(Debug)]
pub(in crate::sandbox) struct OrderGroupState {
    pub(in crate::sandbox) limit: Contracts,
    pub(in crate::sandbox) matched: VecDeque<(Timestamp, Contracts)>,
    pub(in crate::sandbox) tripped: bool,
}

impl OrderGroupState {
    pub(in crate::sandbox) const fn takes_orders(&self) -> bool {
        !self.tripped
    }

    /// Counts a match; whether the group has just tripped.
    pub(in crate::sandbox) fn count_match(&mut self, at: Timestamp, contracts: Contracts) -> bool {
        self.matched.push_back((at, contracts));
        while self.matched.front().is_some_and(|(then, _)| at.since(*then) >= WINDOW) {
            self.matched.pop_front();
        }
        let trips = !self.tripped
            && self.matched.iter().map(|(_, matched)| *matched).sum::<Contracts>() >= self.limit;
        self.tripped |= trips;
        trips
    }
}
