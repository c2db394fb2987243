//! Lists of the REST API, read item by item: one item that cannot be read does not take the others with it.

use std::borrow::Cow;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

/// Of so many items or more, more unreadable than readable ones mean that the list is not what we know.
const ENOUGH_TO_JUDGE: usize = 10;

/// An item of a list that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OddItem {
    /// Its `ticker`; `None` if not even that can be read.
    pub ticker: Option<String>,
    /// Its `event_ticker`; `None` if it has none that can be read.
    pub event_ticker: Option<String>,
    /// Which field, and what is wrong with it.
    pub problem: String,
}

/// The items of a list that can be read, and those that cannot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ItemList<T> {
    /// Items that were read, in the order of the exchange.
    pub items: Vec<T>,
    /// Items that could not be read, in the order of the exchange.
    pub odd: Vec<OddItem>,
}

impl<T> Default for ItemList<T> {
    fn default() -> Self {
        Self { items: Vec::new(), odd: Vec::new() }
    }
}

impl<T> ItemList<T> {
    /// Appends another list, such as that of the next page.
    pub fn append_page(&mut self, mut more: Self) {
        self.items.append(&mut more.items);
        self.odd.append(&mut more.odd);
    }

    /// Why the list as a whole cannot be used: of ten items or more, over half cannot be read.
    #[must_use]
    pub fn mostly_odd(&self) -> Option<String> {
        let all = self.items.len() + self.odd.len();
        let first = self.odd.first()?;
        let mostly = all >= ENOUGH_TO_JUDGE && self.odd.len() * 2 > all;
        mostly.then(|| {
            format!("{} of {all} items cannot be read, the first: {}", self.odd.len(), first.problem)
        })
    }
}

/// Reads a list; absent and `null` are an empty one.
impl<'de, T: DeserializeOwned> Deserialize<'de> for ItemList<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut list = Self::default();
        for raw in Option::<Vec<Box<RawValue>>>::deserialize(deserializer)?.unwrap_or_default() {
            match serde_json::from_str(raw.get()) {
                Ok(item) => list.items.push(item),
                Err(error) => list.odd.push(describe_odd_item::<T>(raw.get(), &error)),
            }
        }
        Ok(list)
    }
}

fn describe_odd_item<T: DeserializeOwned>(raw: &str, error: &serde_json::Error) -> OddItem {
    #[derive(Default, Deserialize)]
    struct AnyItem<'a> {
        #[serde(default, borrow)]
        ticker: Option<Cow<'a, str>>,
        #[serde(default, borrow)]
        event_ticker: Option<Cow<'a, str>>,
    }
    let AnyItem { ticker, event_ticker } = serde_json::from_str(raw).unwrap_or_default();
    let mut again = serde_json::Deserializer::from_str(raw);
    let problem = match serde_path_to_error::deserialize::<_, T>(&mut again) {
        Err(placed) if placed.path().iter().len() > 0 => format!("{}: {}", placed.path(), placed.inner()),
        _ => error.to_string(),
    };
    OddItem { ticker: ticker.map(Cow::into_owned), event_ticker: event_ticker.map(Cow::into_owned), problem }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Item {
        ticker: String,
        price: u32,
    }

    fn read(text: &str) -> ItemList<Item> {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn one_item_that_cannot_be_read_does_not_take_the_others_with_it() {
        let list =
            read(r#"[{"ticker":"A","price":1},{"ticker":"B","event_ticker":"E","price":"x"},{"price":2}]"#);
        assert_eq!(list.items, [Item { ticker: "A".into(), price: 1 }]);
        let [b, nameless] = &list.odd[..] else { panic!("{list:?}") };
        assert_eq!((b.ticker.as_deref(), b.event_ticker.as_deref()), (Some("B"), Some("E")));
        assert!(b.problem.starts_with("price: invalid type: string"), "{}", b.problem);
        assert_eq!(nameless.ticker, None);
        assert!(nameless.problem.contains("missing field `ticker`"), "{}", nameless.problem);
        assert_eq!(read("null"), ItemList::default());
    }

    #[test]
    fn a_list_is_given_up_when_over_half_of_at_least_ten_items_cannot_be_read() {
        let list = |good: usize, odd: usize| {
            let items = vec![r#"{"ticker":"A","price":1}"#; good].into_iter().chain(vec!["{}"; odd]);
            read(&format!("[{}]", items.collect::<Vec<_>>().join(","))).mostly_odd()
        };
        assert_eq!(list(0, 9), None);
        assert_eq!(list(5, 5), None);
        assert!(list(4, 6).unwrap().starts_with("6 of 10 items cannot be read, the first: missing field"));
    }
}
