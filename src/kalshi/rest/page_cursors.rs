//! The cursors of a list that is read page by page, which tell whether the list has an end.

use std::collections::BTreeSet;

/// Why reading a list would never end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EndlessListError {
    /// The cursor of the next page is that of an earlier one.
    #[error("cursor: it repeats, so the list has no end")]
    Repeated,
    /// There is a page after the most that are read.
    #[error("cursor: there is another page after {pages}, more than a list can have")]
    TooLong {
        /// The most pages that are read.
        pages: usize,
    },
}

/// The cursors met so far.
#[derive(Debug)]
pub struct PageCursors {
    most_pages: usize,
    met: BTreeSet<String>,
    last: Option<String>,
}

impl PageCursors {
    /// Before the first page of a list that has so many at most.
    #[must_use]
    pub const fn of_list(most_pages: usize) -> Self {
        Self { most_pages, met: BTreeSet::new(), last: None }
    }

    /// The cursor of the page to be read; `None` for the first.
    #[must_use]
    pub fn current_cursor(&self) -> Option<&str> {
        self.last.as_deref()
    }

    /// Goes on to the page that the last one named.
    ///
    /// # Errors
    /// When reading would never end.
    pub fn advance_to(&mut self, next: String) -> Result<(), EndlessListError> {
        if self.met.len() + 1 >= self.most_pages {
            return Err(EndlessListError::TooLong { pages: self.most_pages });
        }
        if !self.met.insert(next.clone()) {
            return Err(EndlessListError::Repeated);
        }
        self.last = Some(next);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_ends_before_its_cursors_repeat_or_are_too_many() {
        let mut cursors = PageCursors::of_list(3);
        assert_eq!(cursors.current_cursor(), None);
        cursors.advance_to("a".into()).unwrap();
        assert_eq!(cursors.current_cursor(), Some("a"));
        assert_eq!(cursors.advance_to("a".into()), Err(EndlessListError::Repeated));
        cursors.advance_to("b".into()).unwrap();
        assert_eq!(cursors.advance_to("c".into()), Err(EndlessListError::TooLong { pages: 3 }));
    }
}
