//! Messages are held until the change they belong to is complete.
//!
//! One change at the exchange comes as several messages: a trade takes two levels, and a ticker follows.
//! A book in between was never there, so nobody is told of it. Messages belong together as long as none
//! tells of another moment, and no book gets another clock; when the socket has nothing more to read,
//! the change is taken to be complete.

use std::sync::Arc;

use crate::domain::{Depth, Timestamp};
use crate::kalshi::book::{BookId, OrderBooks, Top};
use crate::kalshi::ws_messages::Frame;

use super::StreamEvent;

/// So many messages are held at most.
const MOST_HELD: usize = 4_096;

/// What was told of a book.
#[derive(Clone, Debug, Default)]
struct ToldTop {
    /// Its best prices; `None` = that it cannot be relied on.
    top: Option<Top>,
    /// Levels beneath, as far as they are told.
    deeper: Arc<Depth>,
    /// Its place among what is held.
    place: Option<usize>,
}

#[derive(Debug)]
enum Item {
    Frame(Frame),
    Book { id: BookId, clock: Option<u64>, at: Option<Timestamp> },
}

/// What is held, and what was told of each book.
#[derive(Debug, Default)]
pub(super) struct HeldChanges {
    items: Vec<Item>,
    at: Option<Timestamp>,
    told: Vec<ToldTop>,
}

impl HeldChanges {
    fn told_top_mut(&mut self, id: BookId) -> &mut ToldTop {
        if self.told.len() <= id.index() {
            self.told.resize(id.index() + 1, ToldTop::default());
        }
        &mut self.told[id.index()]
    }

    /// Whether a message of this moment, and of this clock of this book, begins another change.
    pub fn is_other(&mut self, at: Option<Timestamp>, book: Option<(BookId, Option<u64>)>) -> bool {
        let other_moment = at.zip(self.at).is_some_and(|(at, held)| at != held);
        let other_clock = book.is_some_and(|(id, clock)| {
            let place = self.told_top_mut(id).place;
            let held = place.and_then(|place| self.items.get(place));
            matches!(held, Some(Item::Book { clock: Some(held), .. }) if clock.is_some_and(|clock| clock != *held))
        });
        other_moment || other_clock || self.items.len() >= MOST_HELD
    }

    /// Holds a message that is not about a book.
    pub fn hold_frame(&mut self, frame: Frame) {
        self.at = self.at.or(frame.exchange_time());
        self.items.push(Item::Frame(frame));
    }

    /// Holds that a book changed: several changes of it before the next release are told as one.
    pub fn hold_book_change(&mut self, id: BookId, clock: Option<u64>, at: Option<Timestamp>) {
        self.at = self.at.or(at);
        let next = self.items.len();
        let place = *self.told_top_mut(id).place.get_or_insert(next);
        if let Some(Item::Book { clock: held, at: held_at, .. }) = self.items.get_mut(place) {
            (*held, *held_at) = (clock.or(*held), at.or(*held_at));
        } else {
            self.items.push(Item::Book { id, clock, at });
        }
    }

    /// Tells all that is held: messages as they came, and books as they are now, if that is news and `may_tell` agrees.
    /// Returns the books that are crossed; they are not told.
    pub fn release_held_changes(
        &mut self,
        books: &OrderBooks,
        mut may_tell: impl FnMut(BookId, &Top) -> bool,
        mut tell: impl FnMut(StreamEvent),
    ) -> Vec<BookId> {
        self.at = None;
        let mut crossed = Vec::new();
        let mut items = std::mem::take(&mut self.items);
        for item in items.drain(..) {
            match item {
                Item::Frame(frame) => tell(StreamEvent::Frame(frame)),
                Item::Book { id, at, .. } => {
                    let told = self.told_top_mut(id);
                    told.place = None;
                    let Some(top) = books.top(id) else { continue };
                    if top.is_crossed() {
                        crossed.push(id);
                        continue;
                    }
                    if !may_tell(id, &top) {
                        continue;
                    }
                    let deeper = books.depth_below_top(id);
                    let is_deeper = *told.deeper != deeper;
                    if is_deeper {
                        told.deeper = Arc::new(deeper);
                    }
                    if is_deeper || told.top != Some(top) {
                        told.top = Some(top);
                        let deeper = Arc::clone(&told.deeper);
                        tell(StreamEvent::Book { ticker: Arc::clone(books.ticker(id)), top, deeper, at });
                    }
                }
            }
        }
        // Handed back for its room.
        self.items = items;
        crossed
    }

    /// Whether best prices of a book were told, and not that it cannot be relied on.
    pub fn was_told(&mut self, id: BookId) -> bool {
        let told = self.told_top_mut(id);
        told.top.is_some() || told.place.is_some()
    }

    /// Notes that a book cannot be relied on; whether that is news to whom it was told.
    pub fn mark_book_stale(&mut self, id: BookId) -> bool {
        self.told_top_mut(id).top.take().is_some()
    }
}
