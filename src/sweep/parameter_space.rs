//! Which parameter sets a sweep runs: every combination of listed values, and draws from ranges.
//!
//! Draws are made in whole units (ones, or ten-thousandths where an end of the range has decimals), so that
//! they are the same on every machine and every one is a value that a scenario can hold.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::domain::decimal::{ParseDecimalError, format_scaled, parse_scaled};

/// Decimals of a draw from a range whose ends have any.
const DECIMALS: usize = 4;
/// Parts of a stratum of a Latin hypercube.
const PARTS: i128 = 1 << 32;
/// Most sets of one sweep: beyond, the manifest itself is the problem.
const MOST_SETS: usize = 1_000_000;

/// One set of parameters: scenario keys with their values, in the order of the axes.
pub type Set = Vec<(String, String)>;

/// Why a text is no key with values or a range to vary it in. Each says the whole text as it was given.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseAxisError {
    /// There is no equals sign, or no key before it.
    #[error("{text}: must have the form risk.kelly_fraction={example}")]
    NoKey {
        /// The whole text as it was given.
        text: String,
        /// What may stand behind the equals sign.
        example: &'static str,
    },
    /// One of the listed values would be run two times.
    #[error("{text}: {value} is there twice")]
    ValueTwice {
        /// The whole text as it was given.
        text: String,
        /// The value that is there twice.
        value: String,
    },
    /// Nothing stands between two commas or at an end of the list.
    #[error("{text}: has an empty value; write {key}=0.1,0.25")]
    EmptyValue {
        /// The whole text as it was given.
        text: String,
        /// Scenario key that is to be varied.
        key: String,
    },
    /// What stands behind the key has no two dots.
    #[error("{text}: must be a range, {key}=0.05..0.5")]
    NotARange {
        /// The whole text as it was given.
        text: String,
        /// Scenario key that is to be varied.
        key: String,
    },
    /// An end of the range is no number of at most four decimals.
    #[error("{text}: {problem}")]
    BadRangeEnd {
        /// The whole text as it was given.
        text: String,
        /// What is wrong with the end.
        problem: ParseDecimalError,
    },
    /// The upper end of the range is not above the lower one.
    #[error("{text}: the range ends before it begins")]
    ReversedRange {
        /// The whole text as it was given.
        text: String,
    },
}

/// Why what is to be varied makes no list of parameter sets.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParameterSpaceError {
    /// A key has two lists, two ranges, or one of each.
    #[error("{key} is varied twice")]
    VariedTwice {
        /// Scenario key that is there twice.
        key: String,
    },
    /// Draws are asked for, but no range to draw from is given.
    #[error("--draws needs a --random key=low..high to draw from")]
    DrawsWithoutRange,
    /// A range is given, but not how often to draw from it.
    #[error("--random needs --draws, how many sets to draw")]
    RangeWithoutDraws,
    /// There are more combinations than one sweep may have.
    #[error("more than {most} sets")]
    TooManySets {
        /// Most sets that one sweep may have.
        most: usize,
    },
}

/// A key and the values it takes in turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GridAxis {
    /// Scenario key that is varied, like `risk.kelly_fraction`.
    pub key: String,
    /// Values it takes, trimmed but otherwise as written; none is empty or there twice.
    pub values: Vec<String>,
}

impl GridAxis {
    /// Reads `risk.kelly_fraction=0.1,0.25`. A comma within brackets, braces or quotes belongs to its value.
    ///
    /// # Errors
    /// Says what is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, ParseAxisError> {
        let (key, list) = key_of(text, "0.1,0.25")?;
        let values: Vec<String> =
            split_at_commas(list).into_iter().map(|value| value.trim().to_owned()).collect();
        if let Some(twice) = (1..values.len()).find(|&at| values[..at].contains(&values[at])) {
            return Err(ParseAxisError::ValueTwice { text: text.to_owned(), value: values[twice].clone() });
        }
        if values.iter().any(String::is_empty) {
            return Err(ParseAxisError::EmptyValue { text: text.to_owned(), key });
        }
        Ok(Self { key, values })
    }
}

/// A key and the range its values are drawn from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RangeAxis {
    /// Scenario key whose values are drawn, like `risk.kelly_fraction`.
    pub key: String,
    low: i64,
    high: i64,
    scale: usize,
}

impl RangeAxis {
    /// Reads `risk.kelly_fraction=0.05..0.5`; both ends can be drawn.
    ///
    /// # Errors
    /// Says what is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, ParseAxisError> {
        let (key, range) = key_of(text, "0.05..0.5")?;
        let form = || ParseAxisError::NotARange { text: text.to_owned(), key: key.clone() };
        let (low, high) = range.split_once("..").ok_or_else(form)?;
        let (low, high) = (low.trim(), high.trim());
        let scale = if low.contains('.') || high.contains('.') { DECIMALS } else { 0 };
        let end = |value: &str| {
            let units = parse_scaled(value, scale);
            units.map_err(|problem| ParseAxisError::BadRangeEnd { text: text.to_owned(), problem })
        };
        let (low, high) = (end(low)?, end(high)?);
        if high <= low {
            return Err(ParseAxisError::ReversedRange { text: text.to_owned() });
        }
        Ok(Self { key, low, high, scale })
    }

    /// The value that lies `share` of `whole` into the range.
    fn value_at_share(&self, share: i128, whole: i128) -> String {
        let units = i128::from(self.high) - i128::from(self.low) + 1;
        let into = i64::try_from(share * units / whole).expect("a share of an i64 range is an i64");
        let value = self.low + into;
        if self.scale == 0 { value.to_string() } else { format_scaled(value, self.scale, 1) }
    }
}

/// Everything a sweep varies: keys with listed values, and keys with ranges to draw from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Space {
    /// Keys with listed values, of which every combination is run.
    pub grids: Vec<GridAxis>,
    /// Keys with a range to draw from; must be empty if and only if `draws` is 0.
    pub ranges: Vec<RangeAxis>,
    /// How many points are drawn from the ranges.
    pub draws: usize,
    /// Whether every draw lies in its own of `draws` equal parts of each range (Latin hypercube sampling,
    /// Technometrics 21, 1979), or anywhere.
    pub latin: bool,
    /// Seed of the random generator; the same seed draws the same sets.
    pub seed: u64,
}

impl Space {
    /// Every combination of the grids' values, the last key changing fastest, each with every draw. Sets that
    /// come out equal are one.
    ///
    /// # Errors
    /// When a key is there twice, draws are asked for without ranges or the reverse, or there are too many sets.
    pub fn parameter_sets(&self) -> Result<Vec<Set>, ParameterSpaceError> {
        let keys: Vec<&String> = self
            .grids
            .iter()
            .map(|grid| &grid.key)
            .chain(self.ranges.iter().map(|range| &range.key))
            .collect();
        if let Some(twice) = (1..keys.len()).find(|&at| keys[..at].contains(&keys[at])) {
            return Err(ParameterSpaceError::VariedTwice { key: keys[twice].clone() });
        }
        match (self.ranges.is_empty(), self.draws) {
            (true, 0) | (false, 1..) => {}
            (true, _) => return Err(ParameterSpaceError::DrawsWithoutRange),
            (false, 0) => return Err(ParameterSpaceError::RangeWithoutDraws),
        }
        let count = self.grids.iter().map(|grid| grid.values.len()).chain([self.draws.max(1)]);
        if count.fold(1usize, usize::saturating_mul) > MOST_SETS {
            return Err(ParameterSpaceError::TooManySets { most: MOST_SETS });
        }
        let draws = self.drawn_sets();
        let mut sets: Vec<Set> = Vec::new();
        let mut seen = std::collections::BTreeSet::new();
        for listed in self.grid_sets() {
            for drawn in &draws {
                let set: Set = listed.iter().chain(drawn).cloned().collect();
                if seen.insert(set.clone()) {
                    sets.push(set);
                }
            }
        }
        Ok(sets)
    }

    fn grid_sets(&self) -> Vec<Set> {
        self.grids.iter().fold(vec![Vec::new()], |sets, grid| {
            let extend = |set: &Set, value: &String| {
                let mut longer = set.clone();
                longer.push((grid.key.clone(), value.clone()));
                longer
            };
            sets.iter().flat_map(|set| grid.values.iter().map(move |value| extend(set, value))).collect()
        })
    }

    fn drawn_sets(&self) -> Vec<Set> {
        if self.ranges.is_empty() {
            return vec![Vec::new()];
        }
        let mut random = ChaCha8Rng::seed_from_u64(self.seed);
        let whole = PARTS * self.draws as i128;
        let mut sets = vec![Vec::new(); self.draws];
        for range in &self.ranges {
            let strata = shuffled_strata(self.draws, &mut random);
            for (set, stratum) in sets.iter_mut().zip(strata) {
                let within = i128::from(random.random::<u32>());
                let share = if self.latin { stratum * PARTS + within } else { within * self.draws as i128 };
                set.push((range.key.clone(), range.value_at_share(share, whole)));
            }
        }
        sets
    }
}

/// 0..count in random order (Fisher and Yates).
fn shuffled_strata(count: usize, random: &mut ChaCha8Rng) -> Vec<i128> {
    let mut order: Vec<i128> = (0..).take(count).collect();
    for last in (1..order.len()).rev() {
        order.swap(last, random.random_range(0..=last));
    }
    order
}

fn key_of<'a>(text: &'a str, example: &'static str) -> Result<(String, &'a str), ParseAxisError> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => Ok((key.trim().to_owned(), value)),
        _ => Err(ParseAxisError::NoKey { text: text.to_owned(), example }),
    }
}

/// A list at its commas, but those within brackets, braces or quotes.
fn split_at_commas(list: &str) -> Vec<&str> {
    let (mut depth, mut quoted, mut from, mut parts) = (0u32, false, 0, Vec::new());
    for (at, c) in list.char_indices() {
        match c {
            '"' => quoted = !quoted,
            '[' | '{' if !quoted => depth += 1,
            ']' | '}' if !quoted => depth = depth.saturating_sub(1),
            ',' if !quoted && depth == 0 => {
                parts.push(&list[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&list[from..]);
    parts
}
