//! From values to pixels: ranges, ticks at round numbers and round dates, units as people write them.

use jiff::SignedDuration;
use jiff::civil::{Date, DateTime, date};

use crate::domain::Timestamp;

const DAY_NANOS: f64 = 86_400e9;
const MINUTES_A_DAY: f64 = 24.0 * 60.0;
const EPOCH: Date = date(1970, 1, 1);

/// What a number counts, and so how it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AxisUnit {
    /// Dollars, the sign before the symbol: `−$1,234.50`.
    Dollars,
    /// Hundredths of a dollar: `1.25 ¢`.
    Cents,
    /// A share of one, written in percent: 0.125 is `12.5 %`.
    Share,
    /// A plain number without a unit: `1,234`.
    Number,
}

impl AxisUnit {
    /// The value with thousands separators and `decimals` digits after the point.
    #[must_use]
    pub fn format_value(self, value: f64, decimals: usize) -> String {
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

    /// As [`AxisUnit::format_value`], with a `+` before what is above zero.
    #[must_use]
    pub fn format_signed(self, value: f64, decimals: usize) -> String {
        let text = self.format_value(value, decimals);
        let is_above = value > 0.0 && text.contains(|c: char| ('1'..='9').contains(&c));
        if is_above { format!("+{text}") } else { text }
    }

    /// Digits after the point that tell values up to `largest` apart.
    #[must_use]
    pub fn decimals_for_largest(self, largest: f64) -> usize {
        let (large, of_large, of_small) = match self {
            Self::Dollars => (1_000.0, 0, 2),
            Self::Cents => (10.0, 1, 2),
            Self::Share => (0.1, 1, 2),
            Self::Number => (100.0, 0, 3),
        };
        if largest.abs() >= large { of_large } else { of_small }
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
    /// More lines; of a time only where they differ from the tick before.
    pub below: Vec<String>,
}

impl Tick {
    pub fn new(at: f64, label: String) -> Self {
        Self { at, label, below: Vec::new() }
    }
}

/// Lowest and highest of some values; what is not finite does not count.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct AxisRange {
    pub low: f64,
    pub high: f64,
}

impl AxisRange {
    /// Of the finite ones among the values, or `None` without any.
    pub fn from_values(values: impl IntoIterator<Item = f64>) -> Option<Self> {
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
    pub fn widen_if_equal(self) -> Self {
        // Narrower than what an f64 can tell apart many times over is equal.
        let size = self.low.abs().max(self.high.abs());
        if self.high - self.low > size * 1e-9 {
            return self;
        }
        self.at_least(if size > 0.0 { size * 0.1 } else { 2.0 })
    }

    /// Widened to round numbers, and the ticks at round numbers, about `count` of them.
    pub fn round_to_ticks(self, count: usize, unit: AxisUnit) -> (Self, Vec<Tick>) {
        let range = self.widen_if_equal();
        let step = round_step((range.high - range.low) / count.max(1) as f64);
        let low = (range.low / step + 1e-9).floor() * step;
        let wide = Self { low, high: (range.high / step - 1e-9).ceil() * step };
        (wide, wide.ticks_every(step, unit))
    }

    /// Ticks at round numbers within, about `count` of them.
    pub fn ticks_within(self, count: usize, unit: AxisUnit) -> Vec<Tick> {
        self.ticks_every(round_step((self.high - self.low) / count.max(1) as f64), unit)
    }

    fn ticks_every(self, step: f64, unit: AxisUnit) -> Vec<Tick> {
        // Percent is written with two digits fewer after the point, and cents come in pairs.
        let digits = -decimal_exponent(if unit == AxisUnit::Share { step * 100.0 } else { step });
        let digits = usize::try_from(digits).unwrap_or(0);
        let decimals = if unit == AxisUnit::Dollars && digits == 1 { 2 } else { digits };
        let (first, last) = ((self.low / step - 1e-9).ceil(), (self.high / step + 1e-9).floor());
        let places = (0..50).map(|n| first + f64::from(n)).take_while(|multiple| *multiple <= last);
        places
            .map(|multiple| Tick::new(multiple * step, unit.format_value(multiple * step, decimals)))
            .collect()
    }
}

/// The power of ten of a number's first digit.
fn decimal_exponent(value: f64) -> i32 {
    #[expect(clippy::cast_possible_truncation, reason = "at most some hundreds")]
    let power = (value.log10() + 1e-9).floor() as i32;
    power
}

/// 1, 2 or 5 times a power of ten, at least `least`. plotters' own steps know no unit, and take what is
/// smaller than an f64's epsilon for nothing.
fn round_step(least: f64) -> f64 {
    let least = least.clamp(1e-12, 1e30);
    let power = 10f64.powi(decimal_exponent(least));
    let steps = [1.0, 2.0, 5.0].map(|factor| factor * power);
    steps.into_iter().find(|step| *step >= least * (1.0 - 1e-9)).unwrap_or(10.0 * power)
}

/// A moment in days since 1970, the x of every time axis.
pub(super) fn days_since_epoch(at: Timestamp) -> f64 {
    at.nanos() as f64 / DAY_NANOS
}

/// A date as people write it: `Jan 5, 2024`.
pub(super) fn day_text(at: f64) -> String {
    nearest_minute(at.floor()).strftime("%b %-d, %Y").to_string()
}

/// A range of time that ticks can divide.
pub(super) fn time_range(values: impl IntoIterator<Item = f64>) -> Option<AxisRange> {
    let range = AxisRange::from_values(values)?;
    Some(if range.high > range.low { range.at_least(5.0 / MINUTES_A_DAY) } else { range.at_least(1.0) })
}

/// At most `count` ticks at round times: whole minutes, hours, days, Mondays, months or years.
pub(super) fn time_ticks(range: AxisRange, count: usize) -> Vec<Tick> {
    let most = count.max(2);
    let of_minutes = [1, 5, 15, 30, 60, 180, 360, 720, 1_440, 2_880, 10_080, 20_160];
    let of_months = [1, 3, 6, 12, 24, 60, 120, 240, 600, 1_200, 6_000];
    let found = of_minutes.into_iter().find_map(|step| minute_ticks(range, step, most));
    found
        .or_else(|| of_months.into_iter().find_map(|step| month_ticks(range, step, most)))
        .unwrap_or_default()
}

/// Labels of two lines; the second only where it changes.
fn labelled_ticks(places: impl Iterator<Item = f64>, [label, below]: [&str; 2]) -> Vec<Tick> {
    let mut last = String::new();
    let tick = |at| {
        let moment = nearest_minute(at);
        let below = moment.strftime(below).to_string();
        let is_new = !below.is_empty() && below != last;
        last.clone_from(&below);
        Tick {
            at,
            label: moment.strftime(label).to_string(),
            below: is_new.then_some(below).into_iter().collect(),
        }
    };
    places.map(tick).collect()
}

/// The multiples of some minutes within, counted from a Monday; `None` if more than `most`.
fn minute_ticks(range: AxisRange, minutes: u32, most: usize) -> Option<Vec<Tick>> {
    const MONDAY: f64 = 4.0;
    let in_range = |at: f64| (at - MONDAY) * MINUTES_A_DAY / f64::from(minutes);
    let (first, last) = (in_range(range.low).ceil(), in_range(range.high).floor());
    let count = (0..=most).take_while(|n| first + *n as f64 <= last).count();
    let places = (0..count).map(|n| MONDAY + (first + n as f64) * f64::from(minutes) / MINUTES_A_DAY);
    let formats = if minutes < 1_440 { ["%H:%M", "%b %-d"] } else { ["%b %-d", "%Y"] };
    (count <= most).then(|| labelled_ticks(places, formats))
}

/// The first days of every so many months within; `None` if more than `most`.
fn month_ticks(range: AxisRange, months: i64, most: usize) -> Option<Vec<Tick>> {
    let month_of =
        |at: f64| i64::from(nearest_minute(at).year()) * 12 + i64::from(nearest_minute(at).month()) - 1;
    let (first, last) = (month_of(range.low).div_euclid(months), month_of(range.high).div_euclid(months));
    let start = |multiple: i64| {
        let month = multiple * months;
        let year = i16::try_from(month.div_euclid(12)).ok()?;
        let day = Date::new(year, i8::try_from(month.rem_euclid(12) + 1).ok()?, 1).ok()?;
        Some(f64::from((day - EPOCH).get_days())).filter(|at| (range.low..=range.high).contains(at))
    };
    let starts: Vec<_> = (first..=last).filter_map(start).take(most + 1).collect();
    let formats = if months < 12 { ["%b", "%Y"] } else { ["%Y", ""] };
    (starts.len() <= most).then(|| labelled_ticks(starts.into_iter(), formats))
}

/// The nearest minute to a moment in days since 1970.
fn nearest_minute(at: f64) -> DateTime {
    #[expect(clippy::cast_possible_truncation, reason = "a float's cast saturates, and every Timestamp fits")]
    let minutes = (at * MINUTES_A_DAY).round() as i64;
    EPOCH.at(0, 0, 0, 0).saturating_add(SignedDuration::from_mins(minutes))
}
