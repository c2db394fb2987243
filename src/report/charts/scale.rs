//! From values to pixels: ranges, ticks at round numbers and round dates, units as people write them.

use jiff::civil::{Date, date};

use crate::domain::Timestamp;

const DAY_NANOS: f64 = 86_400e9;
const MINUTES_A_DAY: i64 = 24 * 60;

/// What a number counts, and so how it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Dollars: `−$1,234.50`.
    Dollars,
    /// Hundredths of a dollar: `1.25 ¢`.
    Cents,
    /// A share of one, written in percent: 0.125 is `12.5 %`.
    Share,
    /// A plain number: `1,234`.
    Number,
}

impl Unit {
    /// The value with thousands separators and `decimals` digits after the point.
    #[must_use]
    pub fn text(self, value: f64, decimals: usize) -> String {
        let value = if self == Self::Share { value * 100.0 } else { value };
        let digits = format!("{:.decimals$}", value.abs());
        // What rounds to zero has no sign.
        let sign =
            if value < 0.0 && digits.contains(|c: char| ('1'..='9').contains(&c)) { "−" } else { "" };
        let digits = with_separators(&digits);
        match self {
            Self::Dollars => format!("{sign}${digits}"),
            Self::Cents => format!("{sign}{digits}\u{a0}¢"),
            Self::Share => format!("{sign}{digits}\u{a0}%"),
            Self::Number => format!("{sign}{digits}"),
        }
    }

    /// As [`Unit::text`], with a `+` before what is above zero.
    #[must_use]
    pub fn signed(self, value: f64, decimals: usize) -> String {
        let text = self.text(value, decimals);
        let is_above = value > 0.0 && text.contains(|c: char| ('1'..='9').contains(&c));
        if is_above { format!("+{text}") } else { text }
    }

    /// Digits after the point that tell values up to `largest` apart.
    #[must_use]
    pub fn decimals(self, largest: f64) -> usize {
        let largest = largest.abs();
        match self {
            Self::Dollars => {
                if largest >= 1_000.0 {
                    0
                } else {
                    2
                }
            }
            Self::Cents => {
                if largest >= 10.0 {
                    1
                } else {
                    2
                }
            }
            Self::Share => {
                if largest >= 0.1 {
                    1
                } else {
                    2
                }
            }
            Self::Number => {
                if largest >= 100.0 {
                    0
                } else {
                    3
                }
            }
        }
    }
}

fn with_separators(digits: &str) -> String {
    let (whole, rest) = digits.split_at(digits.find('.').unwrap_or(digits.len()));
    let mut text = String::new();
    for (index, c) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(c);
    }
    text + rest
}

/// A labelled place on an axis.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tick {
    pub at: f64,
    pub label: String,
    /// A second line, where it differs from the tick before.
    pub below: Option<String>,
}

impl Tick {
    pub fn new(at: f64, label: String) -> Self {
        Self { at, label, below: None }
    }
}

/// Lowest and highest of some values; what is not finite does not count.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Range {
    pub low: f64,
    pub high: f64,
}

impl Range {
    /// Of the finite ones among the values, or `None` without any.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        values.into_iter().filter(|value| value.is_finite()).fold(None, |range: Option<Self>, value| {
            let (low, high) = range.map_or((value, value), |range| (range.low, range.high));
            Some(Self { low: low.min(value), high: high.max(value) })
        })
    }

    /// Widened, where needed, to be at least `least` wide.
    pub fn at_least(self, least: f64) -> Self {
        let missing = (least - (self.high - self.low)).max(0.0) / 2.0;
        Self { low: self.low - missing, high: self.high + missing }
    }

    /// A range that can be divided: equal values get room on both sides.
    pub fn spread(self) -> Self {
        // Narrower than what an f64 can tell apart many times over is equal.
        let size = self.low.abs().max(self.high.abs());
        if self.high - self.low > size * 1e-9 {
            return self;
        }
        self.at_least(if size > 0.0 { size * 0.1 } else { 2.0 })
    }

    /// Widened to round numbers, and the ticks at round numbers, about `count` of them.
    pub fn rounded(self, count: usize, unit: Unit) -> (Self, Vec<Tick>) {
        let range = self.spread();
        let step = round_step((range.high - range.low) / count.max(1) as f64, unit);
        let low = (range.low / step.size + 1e-9).floor();
        let high = (range.high / step.size - 1e-9).ceil();
        let wide = Self { low: low * step.size, high: high * step.size };
        (wide, ticks(low, high, &step, unit))
    }

    /// Ticks at round numbers within, about `count` of them.
    pub fn ticks(self, count: usize, unit: Unit) -> Vec<Tick> {
        let step = round_step((self.high - self.low) / count.max(1) as f64, unit);
        let low = (self.low / step.size - 1e-9).ceil();
        ticks(low, (self.high / step.size + 1e-9).floor(), &step, unit)
    }
}

fn ticks(low: f64, high: f64, step: &Step, unit: Unit) -> Vec<Tick> {
    let mut ticks = Vec::new();
    let mut multiple = low;
    while multiple <= high + 0.5 && ticks.len() < 50 {
        let at = multiple * step.size;
        ticks.push(Tick::new(at, unit.text(at, step.decimals)));
        multiple += 1.0;
    }
    ticks
}

struct Step {
    size: f64,
    decimals: usize,
}

/// 1, 2 or 5 times a power of ten, at least `least`.
fn round_step(least: f64, unit: Unit) -> Step {
    let mut power = 0i32;
    while 10f64.powi(power) > least && power > -12 {
        power -= 1;
    }
    while 10f64.powi(power + 1) <= least && power < 30 {
        power += 1;
    }
    let factor =
        [1.0, 2.0, 5.0].into_iter().find(|factor| factor * 10f64.powi(power) >= least * (1.0 - 1e-9));
    let (factor, power) = factor.map_or((1.0, power + 1), |factor| (factor, power));
    // Percent is written with two digits fewer after the point.
    let shown = if unit == Unit::Share { power + 2 } else { power };
    let decimals = usize::try_from(-shown).unwrap_or(0);
    let decimals = if unit == Unit::Dollars && decimals == 1 { 2 } else { decimals };
    Step { size: factor * 10f64.powi(power), decimals }
}

/// A moment in days since 1970, the x of every time axis.
pub(super) fn days(at: Timestamp) -> f64 {
    at.nanos() as f64 / DAY_NANOS
}

/// A date as people write it: `Jan 5, 2024`.
pub(super) fn day_text(at: f64) -> String {
    let date = civil(at);
    format!("{} {}, {}", month_name(date), date.day(), date.year())
}

/// A range of time that ticks can divide.
pub(super) fn time_range(values: impl IntoIterator<Item = f64>) -> Option<Range> {
    let range = Range::of(values)?;
    Some(if range.high > range.low {
        range.at_least(5.0 / MINUTES_A_DAY as f64)
    } else {
        range.at_least(1.0)
    })
}

/// At most `count` ticks at round times: whole minutes, hours, days, Mondays, months or years.
pub(super) fn time_ticks(range: Range, count: usize) -> Vec<Tick> {
    let most = count.max(2);
    for step in [1, 5, 15, 30, 60, 180, 360, 720] {
        let found = minute_ticks(range, step, most);
        if let Some(found) = found {
            return found;
        }
    }
    for step in [1, 2, 7, 14] {
        if let Some(found) = day_ticks(range, step, most) {
            return found;
        }
    }
    [1, 3, 6, 12, 24, 60, 120, 240, 600, 1200, 6000]
        .into_iter()
        .find_map(|step| month_ticks(range, step, most))
        .unwrap_or_default()
}

/// Labels of two lines; the second only where it changes.
fn labelled(places: impl IntoIterator<Item = (f64, String, String)>) -> Vec<Tick> {
    let mut ticks: Vec<Tick> = Vec::new();
    let mut last = String::new();
    for (at, label, below) in places {
        let is_new = below != last && !below.is_empty();
        ticks.push(Tick { at, label, below: is_new.then(|| below.clone()) });
        last = below;
    }
    ticks
}

/// The whole multiples of `step`, shifted by `offset`, within the range; `None` if more than `most`.
fn multiples(range: Range, step: f64, offset: f64, most: usize) -> Option<Vec<f64>> {
    let first = ((range.low - offset) / step).ceil();
    let last = ((range.high - offset) / step).floor();
    if last - first + 1.0 > most as f64 {
        return None;
    }
    let mut found = Vec::new();
    let mut multiple = first;
    while multiple <= last {
        found.push(multiple * step + offset);
        multiple += 1.0;
    }
    Some(found)
}

fn minute_ticks(range: Range, step: i64, most: usize) -> Option<Vec<Tick>> {
    let minutes = Range { low: range.low * MINUTES_A_DAY as f64, high: range.high * MINUTES_A_DAY as f64 };
    let found = multiples(minutes, step as f64, 0.0, most)?;
    Some(labelled(found.into_iter().map(|minute| {
        let of_day = minute.rem_euclid(MINUTES_A_DAY as f64);
        let (hour, minute_of) = ((of_day / 60.0).floor(), of_day.rem_euclid(60.0));
        let at = minute / MINUTES_A_DAY as f64;
        let day = civil(at + 1e-9);
        (at, format!("{hour:02}:{minute_of:02}"), format!("{} {}", month_name(day), day.day()))
    })))
}

fn day_ticks(range: Range, step: i64, most: usize) -> Option<Vec<Tick>> {
    // Weeks begin on Mondays; 1970-01-05 was one.
    let found = multiples(range, step as f64, 4.0, most)?;
    Some(labelled(found.into_iter().map(|at| {
        let day = civil(at);
        (at, format!("{} {}", month_name(day), day.day()), day.year().to_string())
    })))
}

fn month_ticks(range: Range, step: i64, most: usize) -> Option<Vec<Tick>> {
    let month_of = |at: f64| {
        let day = civil(at);
        i64::from(day.year()) * 12 + i64::from(day.month()) - 1
    };
    let first = month_of(range.low).div_euclid(step);
    let last = month_of(range.high).div_euclid(step);
    if last - first > i64::try_from(most).unwrap_or(i64::MAX) {
        return None;
    }
    let starts = (first..=last).filter_map(|multiple| {
        let month = multiple * step;
        let year = i16::try_from(month.div_euclid(12)).ok()?;
        let day = Date::new(year, i8::try_from(month.rem_euclid(12) + 1).ok()?, 1).ok()?;
        let at = f64::from((day - date(1970, 1, 1)).get_days());
        let year = day.year().to_string();
        let is_within = at >= range.low && at <= range.high;
        let texts = if step >= 12 { (year, String::new()) } else { (month_name(day).to_owned(), year) };
        is_within.then_some((at, texts.0, texts.1))
    });
    let starts: Vec<_> = starts.collect();
    (starts.len() <= most).then(|| labelled(starts))
}

fn civil(at: f64) -> Date {
    #[expect(clippy::cast_possible_truncation, reason = "a float's cast saturates, and every Timestamp fits")]
    let days = at.floor() as i32;
    date(1970, 1, 1).saturating_add(jiff::Span::new().days(days))
}

fn month_name(day: Date) -> &'static str {
    const NAMES: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let index = usize::try_from(day.month() - 1).unwrap_or(0);
    NAMES[index]
}
