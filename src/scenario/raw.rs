//! What can be written in a scenario, with every default.

use serde::{Deserialize, Serialize};

use crate::domain::FeeRounding;

use super::moved_keys::{self, MovedKey};

/// One value or a list of them.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(untagged, expecting = "must be text or a list of texts")]
pub enum OneOrMany<T> {
    /// A single value, written without brackets.
    One(T),
    /// A list of values, written in brackets; it may be empty.
    Many(Vec<T>),
}

impl<T> OneOrMany<T> {
    /// Returns the values in the order of the file, one or many alike.
    pub fn as_slice(&self) -> &[T] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Many(many) => many,
        }
    }

    /// All of them, to change.
    pub fn as_mut_slice(&mut self) -> &mut [T] {
        match self {
            Self::One(one) => std::slice::from_mut(one),
            Self::Many(many) => many,
        }
    }
}

/// A date, written as TOML's own or as text.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(from = "DateText", into = "String")]
pub struct Date(pub String);

#[derive(Deserialize)]
#[serde(untagged, expecting = "must be a date like 2024-01-31")]
enum DateText {
    Toml(toml::value::Datetime),
    Text(String),
}

impl From<DateText> for Date {
    fn from(date: DateText) -> Self {
        match date {
            DateText::Toml(date) => Self(date.to_string()),
            DateText::Text(text) => Self(text),
        }
    }
}

impl From<Date> for String {
    fn from(date: Date) -> Self {
        date.0
    }
}

/// A scenario file as written, one field a section, defaults filled in and nothing else checked yet.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawScenario {
    /// `[scenario]`: name, period, bankroll and seed of the run.
    pub scenario: ScenarioKeys,
    /// `[feed]`: which data sets and facts a backtest reads.
    pub feed: FeedKeys,
    /// `[scanner]`: which markets are evaluated, and how often.
    #[serde(default)]
    pub scanner: ScannerKeys,
    /// `[strategy]` or `[[strategy]]`: one table a strategy; its `name` decides which other keys it takes.
    pub strategy: OneOrMany<toml::Table>,
    /// `[risk]`: the share of Kelly, exposure caps, drawdown scaling and the daily loss limit.
    #[serde(default)]
    pub risk: RiskKeys,
    /// `[account]`: what holds for the member's account at the exchange, in a backtest as live.
    #[serde(default)]
    pub account: AccountKeys,
    /// `[kill_switch]`: when a strategy is halted for losing too often.
    #[serde(default)]
    pub kill_switch: KillKeys,
    /// `[exits]`: when a position is sold before its market settles.
    #[serde(default)]
    pub exits: ExitKeys,
    /// `[execution]`: how orders are placed.
    #[serde(default)]
    pub execution: ExecutionKeys,
    /// `[simulation]`: how a backtest or a paper run fills orders; a live run ignores it.
    #[serde(default)]
    pub simulation: SimulationKeys,
    /// `[live]`: consent, notifications and how markets are watched; a backtest ignores it.
    #[serde(default)]
    pub live: LiveKeys,
}

/// The keys of `[scenario]`: name, period, bankroll and seed of the run.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScenarioKeys {
    /// Names the report folder.
    pub name: String,
    /// What the scenario is about, in words for its readers; it changes nothing in a run.
    #[serde(default)]
    pub description: String,
    /// First UTC day of data that is used; `None` = from the beginning of the data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<Date>,
    /// Last UTC day of data that is used, whole; `None` = to the end of the data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<Date>,
    /// Dollars to begin with.
    #[serde(default = "bankroll")]
    pub bankroll: f64,
    /// Seed of everything random.
    #[serde(default = "seed")]
    pub seed: u64,
}

const fn bankroll() -> f64 {
    10_000.0
}

const fn seed() -> u64 {
    7
}

/// The keys of `[feed]`: which data sets and facts a backtest reads.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeedKeys {
    /// Folders of data sets, as paths from the scenario file's folder; or addresses of data on a server.
    pub data: OneOrMany<String>,
    /// Files of facts, as paths from the scenario file's folder; empty = the strategies see no facts.
    #[serde(default)]
    pub facts: Vec<String>,
    /// Dollars from the midpoint where a snapshot has neither bid nor ask.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub half_spread: Option<f64>,
}

macro_rules! keys_with_defaults {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty = $default:expr,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Serialize, Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub struct $name {
            $($(#[$field_doc])* pub $field: $type,)*
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $($field: $default,)* }
            }
        }
    };
}

keys_with_defaults! {
    /// The keys of `[scanner]`: which markets are evaluated, and how often.
    ScannerKeys {
        /// Time between scans; `0s` = on every change.
        interval: String = "15m".into(),
        /// Markets closing sooner are not entered.
        min_time_to_close: String = "1h".into(),
        /// Contracts traded in a market's life before it is entered.
        min_volume: f64 = 100.0,
        /// Series looked at; empty = all.
        series: Vec<String> = Vec::new(),
        /// Categories looked at; empty = all.
        categories: Vec<String> = Vec::new(),
    }
}

keys_with_defaults! {
    /// The keys of `[risk]`. Exposures, drawdowns and losses are shares of equity, 0 to 1.
    RiskKeys {
        /// Share of the full Kelly stake.
        kelly_fraction: f64 = 0.25,
        /// Largest exposure in all, as a share of equity.
        max_exposure: f64 = 0.20,
        /// Largest exposure in a series.
        max_series_exposure: f64 = 0.20,
        /// Largest exposure in an event.
        max_event_exposure: f64 = 0.10,
        /// Largest exposure in a market.
        max_market_exposure: f64 = 0.05,
        /// Drawdown up to which bets are whole.
        drawdown_start: f64 = 0.15,
        /// Drawdown at which bets are half.
        drawdown_half: f64 = 0.20,
        /// Loss within a UTC day after which nothing is opened.
        daily_loss_limit: f64 = 0.05,
        /// Age up to which a quote is traded on, `1h`.
        max_quote_age: String = "1h".into(),
    }
}

keys_with_defaults! {
    /// `[account]`: what the exchange agreed with its member. Sizes are reckoned with it, live too.
    AccountKeys {
        /// How the exchange rounds a fill's fee.
        fee_rounding: FeeRounding = FeeRounding::Centicent,
    }
}

keys_with_defaults! {
    /// The keys of `[kill_switch]`: when a strategy is halted for losing too often.
    KillKeys {
        /// Closed positions the win rate looks at.
        window: u32 = 20,
        /// Fewest closed positions before it counts.
        min_trades: u32 = 10,
        /// Win rate below which a strategy is halted.
        min_win_rate: f64 = 0.25,
        /// Evidence against a strategy at which it is halted.
        evidence: f64 = 20.0,
    }
}

keys_with_defaults! {
    /// The keys of `[exits]`: when a position is sold before its market settles.
    ExitKeys {
        /// Dollars by which selling must pay more than the belief.
        inversion: f64 = 0.0,
        /// Longest time a position is held.
        max_holding: String = "45d".into(),
    }
}

/// The values of `execution.time_in_force`: how long an entry order rests.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeInForceName {
    /// Immediate or cancel: what does not trade at once is cancelled, so nothing rests.
    Ioc,
    /// Good till cancelled: what does not trade at once rests in the book.
    Gtc,
    /// Good till cancelled, never takes.
    PostOnly,
}

keys_with_defaults! {
    /// The keys of `[execution]`: how orders are placed.
    ExecutionKeys {
        /// How long entry orders live.
        time_in_force: TimeInForceName = TimeInForceName::Ioc,
        /// Dollars an order may trade worse than the quote.
        max_slippage: f64 = 0.01,
        /// How often an order the exchange was too busy for is sent again.
        retries: u32 = 5,
    }
}

/// The values of `simulation.fill`: what a simulated order can trade against.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FillName {
    /// At most the size displayed at the best price, and no other level of the book.
    TopOfBook,
    /// A share of every level within the limit.
    Book,
    /// Everything at the quote.
    Unlimited,
}

keys_with_defaults! {
    /// The keys of `[simulation]`: how a backtest or a paper run fills orders.
    SimulationKeys {
        /// What a simulated order can trade against: `top_of_book`, `book` or `unlimited`.
        fill: FillName = FillName::TopOfBook,
        /// Share that is ours: of the traded volume where sizes are unknown, of each level of a book.
        participation: f64 = 0.25,
        /// Travel time of an order: `250ms`, or a range `50ms..2s`.
        latency: String = "250ms".into(),
    }
}

/// The values of `live.scan_with`: where a live run has its quotes from.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum ScanWith {
    /// Order books over the WebSocket, kept current by deltas.
    Websocket,
    /// Markets polled over REST, and no WebSocket for their quotes.
    Rest,
}

keys_with_defaults! {
    /// `[live]`, ignored by a backtest.
    LiveKeys {
        /// How markets are watched.
        scan_with: ScanWith = ScanWith::Websocket,
        /// Consent to trade real money.
        confirm: bool = false,
        /// Webhooks that are told of fills, halts and trouble, as URLs; empty = nobody is told.
        notify: Vec<String> = Vec::new(),
    }
}

/// Why a text is no scenario.
#[derive(Debug)]
pub struct ParseError {
    /// Line in the file, from 1; `None` if it lies in an override.
    pub line: Option<usize>,
    /// What is wrong, with the key by its full name where there is one, and what to write instead.
    pub problem: String,
}

/// Reads a scenario's text and applies overrides. Returns the moved keys that either says by their old names, too.
///
/// # Errors
/// Names the line and what is wrong with it, or the override.
pub fn parse_with_overrides(
    text: &str,
    overrides: &[String],
) -> Result<(RawScenario, Vec<MovedKey>), ParseError> {
    let in_file = |(key, problem): (String, String)| ParseError { line: line_of(text, &key), problem };
    let in_override = |problem: String| ParseError { line: None, problem };
    let Ok(mut table) = text.parse::<toml::Table>() else {
        // What is no TOML is refused with its place.
        return parse_file_text(text).map(|raw| (raw, Vec::new()));
    };
    let mut moved = moved_keys::rename_in(&mut table).map_err(in_file)?;
    let read_from =
        |table: &toml::Table| table.clone().try_into().map_err(|error| explain_toml_error("", &error, &[]));
    let raw = if moved.is_empty() { parse_file_text(text)? } else { read_from(&table).map_err(in_file)? };
    if overrides.is_empty() {
        return Ok((raw, moved));
    }
    for text in overrides {
        let applied = apply_override(&mut table, &moved_keys::with_new_name(text));
        applied.map_err(|problem| in_override(format!("--set {text}: {problem}")))?;
        moved.extend(moved_keys::set_by(text));
    }
    // The file alone can be read, so what is wrong now came with an override.
    let raw = read_from(&table).map_err(|(key, problem)| {
        let with = override_of(overrides, &key).map_or_else(|| overrides.join(" "), ToOwned::to_owned);
        in_override(format!("with --set {with}: {problem}"))
    })?;
    Ok((raw, moved))
}

fn parse_file_text(text: &str) -> Result<RawScenario, ParseError> {
    toml::from_str(text).map_err(|error| {
        let (key, problem) = explain_toml_error("", &error, &[]);
        // What is missing from the whole file is missing from no line.
        let span = error.span().filter(|_| !(key.is_empty() && error.message().starts_with("missing")));
        ParseError { line: span.map(|span| line_at(text, span.start)), problem }
    })
}

/// The override that sets a key, or something in it, or what it is in.
#[must_use]
pub fn override_of<'a>(overrides: &'a [String], key: &str) -> Option<&'a String> {
    let within = |inner: &str, outer: &str| {
        inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    overrides.iter().rev().find(|text| {
        let text = moved_keys::with_new_name(text);
        let path = text.split('=').next().unwrap_or_default().trim();
        within(key, path) || within(path, key)
    })
}

/// Why an override cannot be applied to a scenario.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
enum OverrideError {
    /// There is no equals sign in it.
    #[error("must have the form key=value")]
    NoValue,
    /// A part of the key, between two dots or at an end, is empty.
    #[error("has an empty key; must have the form key=value")]
    EmptyKey,
    /// The key leads into a list without the place of one of its elements.
    #[error("{key} is a list of {count}; write {key}.0.… for its first")]
    NoListPlace {
        /// Key of the list, without those it is in.
        key: String,
        /// Number of elements of the list.
        count: usize,
    },
    /// The key leads into something that holds no keys.
    #[error("{key} is not a table")]
    NotATable {
        /// Key of the value, without those it is in.
        key: String,
    },
    /// The key ends at an element of a list.
    #[error("names no key")]
    NoKeyNamed,
}

/// Sets one key, `risk.kelly_fraction=0.1`.
fn apply_override(table: &mut toml::Table, text: &str) -> Result<(), OverrideError> {
    let (path, value) = text.split_once('=').ok_or(OverrideError::NoValue)?;
    let value = value.trim();
    // What is no TOML value is taken as text, so that quotes are not needed.
    let parsed: Result<toml::Table, _> = format!("value = {value}").parse();
    let value = match parsed.ok().and_then(|mut table| table.remove("value")) {
        Some(value) => value,
        None => toml::Value::String(value.to_owned()),
    };
    if path.trim().split('.').any(str::is_empty) {
        return Err(OverrideError::EmptyKey);
    }
    let mut keys = path.trim().split('.').peekable();
    let mut at = table;
    while let Some(key) = keys.next() {
        if keys.peek().is_none() {
            at.insert(key.to_owned(), value);
            return Ok(());
        }
        let next = at.entry(key).or_insert_with(|| toml::Value::Table(toml::Table::new()));
        let next = match next {
            toml::Value::Array(list) => {
                let index = keys.next().and_then(|index| index.parse::<usize>().ok());
                let count = list.len();
                index
                    .and_then(|index| list.get_mut(index))
                    .ok_or_else(|| OverrideError::NoListPlace { key: key.to_owned(), count })?
            }
            other => other,
        };
        at = next.as_table_mut().ok_or_else(|| OverrideError::NotATable { key: key.to_owned() })?;
    }
    Err(OverrideError::NoKeyNamed)
}

/// Line of a byte, from 1.
fn line_at(text: &str, byte: usize) -> usize {
    text.bytes().take(byte).filter(|&byte| byte == b'\n').count() + 1
}

/// Line in which a key such as `risk.kelly_fraction` or `strategy.1.min_edge` stands, perhaps by its old name, else
/// that of its table.
#[must_use]
pub fn line_of(text: &str, path: &str) -> Option<usize> {
    let stands = |path: &str| {
        let table: toml::Table = text.parse().ok()?;
        let (section, key) = path.split_once('.')?;
        table.get(section)?.get(key).map(|_| ())
    };
    let old = moved_keys::old_path_of(path).filter(|old| stands(path).is_none() && stands(old).is_some());
    line_of_path(text, old.as_deref().unwrap_or(path))
}

fn line_of_path(text: &str, path: &str) -> Option<usize> {
    let document = toml::de::DeTable::parse(text).ok()?;
    let mut table = document.get_ref();
    let mut line = None;
    let mut keys = path.split('.');
    while let Some(key) = keys.next() {
        let Some((name, value)) = table.iter().find(|(name, _)| name.get_ref() == key) else {
            break;
        };
        line = Some(line_at(text, name.span().start));
        let element = match value.get_ref() {
            toml::de::DeValue::Array(list) => {
                keys.next().and_then(|index| list.get(index.parse::<usize>().ok()?))
            }
            _ => Some(value),
        };
        match element.map(|element| (element.span(), element.get_ref())) {
            Some((span, toml::de::DeValue::Table(inner))) => {
                line = line.max(Some(line_at(text, span.start)));
                table = inner;
            }
            _ => break,
        }
    }
    line
}

/// What a deserializer says of a table at `path`, in words: the key that is wrong, and what is wrong with
/// it. An unknown key comes with the nearest one of those that the deserializer and `also` know.
#[must_use]
pub fn explain_toml_error(path: &str, error: &toml::de::Error, also: &[&str]) -> (String, String) {
    let inner = path_of(error);
    let key = [path, &inner].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(".");
    let message = error.message();
    let quoted: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    let problem = match quoted.split_first() {
        Some((unknown, known)) if message.starts_with("unknown field") => {
            let near = nearest_name(unknown, known.iter().chain(also).copied());
            let problem = format!("unknown key `{unknown}`; did you mean `{near}`?");
            return (
                if key.is_empty() { (*unknown).to_owned() } else { format!("{key}.{unknown}") },
                problem,
            );
        }
        Some((missing, _)) if message.starts_with("missing field") && key.is_empty() => {
            format!("section [{missing}] is missing")
        }
        Some((missing, _)) if message.starts_with("missing field") => format!("{key}.{missing} is missing"),
        Some((found, known)) if message.starts_with("unknown variant") => {
            format!("{key} = `{found}` is none of {}", known.join(", "))
        }
        _ if key == "strategy" => "strategy must be a section with a name".to_owned(),
        _ if key.is_empty() => message.to_owned(),
        _ => format!("{key} {}", reword_type_error(message)),
    };
    (key, problem)
}

/// Where an error lies, `risk.kelly_fraction`; empty for the whole.
fn path_of(error: &toml::de::Error) -> String {
    let mut error = error.clone();
    // The path is shown only where there is no text to point into.
    error.set_input(None);
    let shown = error.to_string();
    let path = shown.strip_prefix(error.message()).and_then(|rest| rest.trim().strip_prefix("in `"));
    path.and_then(|path| path.strip_suffix('`')).unwrap_or_default().to_owned()
}

/// serde's words for a wrong type as people would say it.
fn reword_type_error(message: &str) -> String {
    let mismatch = ["invalid type: ", "invalid value: "].iter().find_map(|kind| message.strip_prefix(kind));
    let Some((found, expected)) = mismatch.and_then(|mismatch| mismatch.rsplit_once(", expected ")) else {
        return message.to_owned();
    };
    let expected = match expected {
        "f64" => "a number",
        "i16" => "a whole number of 16 bits",
        "u32" | "u64" => "a whole number, not negative",
        "a string" => "text",
        "a sequence" => "a list",
        "a boolean" => "true or false",
        "a map" => "a section",
        _ if expected.starts_with("struct ") => "a section",
        _ => expected,
    };
    format!("is {found}, must be {expected}")
}

/// The known name most like `name`.
#[must_use]
pub fn nearest_name<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> &'a str {
    known.into_iter().min_by_key(|candidate| strsim::damerau_levenshtein(name, candidate)).unwrap_or_default()
}

/// Writes plain data as TOML; panics on what TOML cannot hold, which no scenario has.
pub fn to_toml(value: &impl Serialize) -> String {
    toml::to_string(value).expect("scenarios are plain data")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn why_an_override_cannot_be_applied() {
        let mut table = "a = 1\nlist = [{}, {}]".parse().unwrap();
        let mut apply = |text: &str| apply_override(&mut table, text);
        assert_eq!(apply("a"), Err(OverrideError::NoValue));
        assert_eq!(apply("a..b=1"), Err(OverrideError::EmptyKey));
        assert_eq!(apply("a.b=1"), Err(OverrideError::NotATable { key: "a".into() }));
        assert_eq!(apply("list.b=1"), Err(OverrideError::NoListPlace { key: "list".into(), count: 2 }));
        assert_eq!(apply("list.1=1"), Err(OverrideError::NoKeyNamed));
    }
}
