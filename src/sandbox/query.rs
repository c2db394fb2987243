//! What requests carry: queries, pages, bodies, read as strictly as the exchange reads them.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Map, Value};

use crate::domain::decimal::parse_scaled;
use crate::domain::{Contracts, Price, Timestamp};

use super::refused::ApiRefusal;

/// The query parameters of a request: decoded pairs of key and value, in their order.
#[derive(Clone, Debug, Default)]
pub(in crate::sandbox) struct Query(pub(in crate::sandbox) Vec<(String, String)>);

impl Query {
    pub(in crate::sandbox) fn get(&self, name: &str) -> Option<&str> {
        let named = self.0.iter().find(|(key, value)| key == name && !value.is_empty());
        named.map(|(_, value)| value.as_str())
    }

    /// All values of a repeated key.
    pub(in crate::sandbox) fn all_values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Whether `value` is in a comma list of this name, or there is none.
    pub(in crate::sandbox) fn filter_allows(&self, name: &str, value: &str) -> bool {
        self.get(name).is_none_or(|list| list.split(',').any(|item| item == value))
    }

    pub(in crate::sandbox) fn bool_param(&self, name: &str) -> bool {
        self.get(name) == Some("true")
    }

    pub(in crate::sandbox) fn integer_param(
        &self,
        name: &str,
        endpoint: &str,
    ) -> Result<Option<i64>, ApiRefusal> {
        let read = |text: &str| text.parse().map_err(|_| validation_refusal(endpoint, name, "number"));
        self.get(name).map(read).transpose()
    }

    /// Whether a moment is within `min_…` and `max_…` of this name, in Unix seconds.
    pub(in crate::sandbox) fn time_range_filter(
        &self,
        [least, most]: [&str; 2],
        endpoint: &str,
    ) -> Result<impl Fn(Timestamp) -> bool, ApiRefusal> {
        let (least, most) = (self.integer_param(least, endpoint)?, self.integer_param(most, endpoint)?);
        Ok(move |at: Timestamp| {
            let seconds = at.nanos().div_euclid(1_000_000_000);
            least.is_none_or(|least| seconds >= least) && most.is_none_or(|most| seconds <= most)
        })
    }

    /// The cursor that leads to the page that this query asks for; `None` if this query's own is one of these.
    pub(in crate::sandbox) fn cursor_to_ask_again(&self) -> Option<String> {
        let cursor = self.get("cursor").and_then(decode_cursor).unwrap_or_else(|| "first".to_owned());
        (!cursor.ends_with(AGAIN)).then(|| BASE64_STANDARD.encode(cursor + AGAIN))
    }

    /// Lets the page begin with the last item of the page before it, unless that would be all of it.
    pub(in crate::sandbox) fn begin_with_last_item(&mut self) {
        let is_short = self.get("limit") == Some("1");
        let start = self.get("cursor").and_then(read_cursor);
        let cursor = self.0.iter_mut().find(|(key, _)| key == "cursor");
        if let (Some((_, cursor)), Some(PageStart::After(last)), false) = (cursor, start, is_short) {
            *cursor = BASE64_STANDARD.encode(format!("from:{last}"));
        }
    }

    /// One page of items numbered in rising or falling order, and the cursor of the next, `""` at the end.
    /// A cursor that is none begins at page one, as at the real exchange.
    pub(in crate::sandbox) fn paginate_items<T>(
        &self,
        paging: Paging,
        items: impl Iterator<Item = (u64, T)>,
    ) -> Result<(Vec<T>, String), ApiRefusal> {
        let Paging { endpoint, default, most, newest_first } = paging;
        let limit = self.integer_param("limit", endpoint)?.unwrap_or(default);
        if limit > most {
            return Err(validation_refusal(endpoint, "limit", "lte"));
        }
        if limit < 0 {
            return Err(validation_refusal(endpoint, "limit", "gte"));
        }
        let limit = usize::try_from(if limit == 0 { default } else { limit }).unwrap_or(1);
        let start = self.get("cursor").and_then(read_cursor);
        let rest = items.filter(|(number, _)| match start {
            None => true,
            Some(PageStart::After(last)) => {
                if newest_first {
                    *number < last
                } else {
                    *number > last
                }
            }
            Some(PageStart::From(last)) => {
                if newest_first {
                    *number <= last
                } else {
                    *number >= last
                }
            }
        });
        let mut found: Vec<(u64, T)> = rest.take(limit + 1).collect();
        let more = found.len() > limit;
        found.truncate(limit);
        let next =
            found.last().filter(|_| more).map(|(number, _)| encode_cursor(*number)).unwrap_or_default();
        Ok((found.into_iter().map(|(_, item)| item).collect(), next))
    }
}

/// How an endpoint pages its list: default and greatest `limit`, and the order of items.
#[derive(Clone, Copy, Debug)]
pub(in crate::sandbox) struct Paging {
    /// Name of the operation in error messages, such as `GetMarkets`.
    pub(in crate::sandbox) endpoint: &'static str,
    pub(in crate::sandbox) default: i64,
    pub(in crate::sandbox) most: i64,
    pub(in crate::sandbox) newest_first: bool,
}

impl Paging {
    pub(in crate::sandbox) const fn for_endpoint(endpoint: &'static str) -> Self {
        Self { endpoint, default: 100, most: 1_000, newest_first: false }
    }

    pub(in crate::sandbox) const fn newest_first(endpoint: &'static str) -> Self {
        Self { newest_first: true, ..Self::for_endpoint(endpoint) }
    }
}

fn validation_refusal(endpoint: &str, name: &str, tag: &str) -> ApiRefusal {
    let field: String = name.split('_').map(capitalize_word).collect();
    ApiRefusal::Query(format!(
        "Parameter validation failed for {endpoint}: Key: '{endpoint}Params.{field}' Error:Field validation \
         for '{field}' failed on the '{tag}' tag"
    ))
}

fn capitalize_word(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
}

fn encode_cursor(number: u64) -> String {
    BASE64_STANDARD.encode(format!("after:{number}"))
}

/// Where a page begins: the number of the last item of the page before, without it or with it.
#[derive(Clone, Copy, Debug)]
enum PageStart {
    After(u64),
    From(u64),
}

/// End of a cursor that was given with an empty page.
const AGAIN: &str = ":again";

fn decode_cursor(text: &str) -> Option<String> {
    String::from_utf8(BASE64_STANDARD.decode(text).ok()?).ok()
}

fn read_cursor(text: &str) -> Option<PageStart> {
    let cursor = decode_cursor(text)?;
    let (kind, number) = cursor.strip_suffix(AGAIN).unwrap_or(&cursor).split_once(':')?;
    let number = number.parse().ok()?;
    match kind {
        "after" => Some(PageStart::After(number)),
        "from" => Some(PageStart::From(number)),
        _ => None,
    }
}

/// The object in a body, with the name it has in messages.
#[derive(Debug)]
pub(in crate::sandbox) struct Fields<'a> {
    object: &'a Map<String, Value>,
    what: &'static str,
}

/// Reads a body as JSON; what is no JSON is refused as `bad_request`.
pub(in crate::sandbox) fn parse_json_body(body: &[u8]) -> Result<Value, ApiRefusal> {
    serde_json::from_slice(body).map_err(|why| ApiRefusal::BadRequest(format!("json: {why}")))
}

impl<'a> Fields<'a> {
    pub(in crate::sandbox) fn new(value: &'a Value, what: &'static str) -> Result<Self, ApiRefusal> {
        match value {
            Value::Object(object) => Ok(Self { object, what }),
            other => Err(type_mismatch_refusal(other, what, "", "object")),
        }
    }

    fn non_null_value(&self, name: &str) -> Option<&'a Value> {
        self.object.get(name).filter(|value| !value.is_null())
    }

    fn read_field<T>(
        &self,
        name: &str,
        kind: &str,
        read: impl Fn(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, ApiRefusal> {
        let read = |value| read(value).ok_or_else(|| type_mismatch_refusal(value, self.what, name, kind));
        self.non_null_value(name).map(read).transpose()
    }

    pub(in crate::sandbox) fn string_field(&self, name: &str) -> Result<Option<&'a str>, ApiRefusal> {
        self.read_field(name, "string", Value::as_str)
    }

    pub(in crate::sandbox) fn required_string(&self, name: &str) -> Result<&'a str, ApiRefusal> {
        self.string_field(name)?.ok_or_else(|| ApiRefusal::missing_field(name))
    }

    pub(in crate::sandbox) fn bool_field(&self, name: &str) -> Result<bool, ApiRefusal> {
        Ok(self.read_field(name, "bool", Value::as_bool)?.unwrap_or(false))
    }

    pub(in crate::sandbox) fn integer_field(&self, name: &str) -> Result<Option<i64>, ApiRefusal> {
        self.read_field(name, "int64", Value::as_i64)
    }

    pub(in crate::sandbox) fn required_list(&self, name: &str) -> Result<&'a [Value], ApiRefusal> {
        let list = self.read_field(name, "[]object", |value| value.as_array().map(Vec::as_slice))?;
        list.ok_or_else(|| ApiRefusal::missing_field(name))
    }

    pub(in crate::sandbox) fn contracts_field(&self, name: &str) -> Result<Option<Contracts>, ApiRefusal> {
        let read = |text| parse_scaled(text, 2).map(Contracts::from_hundredths);
        let wrong = |why| ApiRefusal::with_details(400, "invalid_order_size", format!("{name}: {why}"));
        self.string_field(name)?.map(|text| read(text).map_err(wrong)).transpose()
    }

    pub(in crate::sandbox) fn required_price(&self, name: &str) -> Result<Price, ApiRefusal> {
        let text = self.required_string(name)?;
        let ticks = parse_scaled(text, 4).ok().and_then(|ticks| u16::try_from(ticks).ok());
        let price = ticks.and_then(Price::new);
        price.ok_or_else(|| ApiRefusal::with_details(400, "invalid_price", format!("{name}: {text}")))
    }
}

fn type_mismatch_refusal(value: &Value, what: &str, field: &str, kind: &str) -> ApiRefusal {
    let found = match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let place = format!("{what}.{field}");
    let place = place.trim_end_matches('.');
    ApiRefusal::BadRequest(format!(
        "json: cannot unmarshal {found} into Go struct field {place} of type {kind}"
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn pages_begin_where_the_last_ended_and_garbage_is_page_one() {
        let query = |pairs: &[(&str, &str)]| {
            Query(pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect())
        };
        let paging = Paging::for_endpoint("GetThings");
        let (first, cursor) =
            query(&[("limit", "2")]).paginate_items(paging, (0..3).map(|n| (n, n))).unwrap();
        assert_eq!(first, [0, 1]);
        let rest = query(&[("limit", "2"), ("cursor", &cursor)])
            .paginate_items(paging, (0..3).map(|n| (n, n)))
            .unwrap();
        assert_eq!(rest, (vec![2], String::new()));
        let garbage = query(&[("cursor", "garbage")]).paginate_items(paging, (0..3).map(|n| (n, n))).unwrap();
        assert_eq!(garbage.0.len(), 3);
        let newest = Paging::newest_first("GetThings");
        let (first, cursor) =
            query(&[("limit", "2")]).paginate_items(newest, (0..3).rev().map(|n| (n, n))).unwrap();
        let rest =
            query(&[("cursor", &cursor)]).paginate_items(newest, (0..4).rev().map(|n| (n, n))).unwrap();
        assert_eq!((first, rest.0), (vec![2, 1], vec![0]));
        let refused = query(&[("limit", "1001")])
            .paginate_items(Paging::for_endpoint("GetMarkets"), [(0, ())].into_iter())
            .unwrap_err();
        let example = "Parameter validation failed for GetMarkets: Key: 'GetMarketsParams.Limit' Error:Field \
                       validation for 'Limit' failed on the 'lte' tag";
        assert_eq!(refused.response_body(), json!({"msg": example}));
    }

    #[test]
    fn a_number_where_text_is_due_is_named() {
        let body = json!({"count": 10});
        let fields = Fields::new(&body, "CreateOrderV2Request").unwrap();
        let example =
            "json: cannot unmarshal number into Go struct field CreateOrderV2Request.count of type string";
        assert_eq!(fields.contracts_field("count"), Err(ApiRefusal::BadRequest(example.to_owned())));
        assert_eq!(fields.required_string("ticker"), Err(ApiRefusal::missing_field("ticker")));
    }
}
