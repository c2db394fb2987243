//! A scenario: one TOML file that determines a run.
//!
//! [`raw`] is exactly what can be written, with its defaults; here it becomes settings that hold. Unknown
//! keys are errors with the nearest known key; every error names file, line and key.

pub mod moved_keys;
pub mod raw;

use std::path::{Path, PathBuf};

use crate::dataset::remote::address::{Address, is_address, without_secrets};
use crate::desk::execution::ExecutionSettings;
use crate::desk::positions::ExitSettings;
use crate::desk::risk::RiskLimits;
use crate::desk::risk::drawdown::DrawdownLimits;
use crate::desk::risk::exposure::ExposureLimits;
use crate::desk::risk::kill_switch::KillRules;
use crate::desk::scanner::ScannerSettings;
use crate::desk::{DeskSettings, StrategySlot};
use crate::domain::{Contracts, Decimal6, Fraction, Money, Price, Span, TimeInForce, Timestamp};
use crate::sim::{FillModel, LatencyModel, SimSettings};
use crate::strategies::{self, BuildError};

use moved_keys::MovedKey;
use raw::{OneOrMany, RawScenario};

/// Why a scenario cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{}{}: {problem}", file.display(), line.map(|line| format!(", line {line}")).unwrap_or_default())]
pub struct ScenarioError {
    /// The scenario file that was read, as it was named on the command line or by the ledger.
    pub file: PathBuf,
    /// Line in that file, from 1; `None` when the mistake is in an override or in the file as a whole.
    pub line: Option<usize>,
    /// What is wrong and what to do.
    pub problem: String,
}

/// A scenario that holds.
pub struct Scenario {
    /// Name of the scenario; it names the report folder and is kept with the run in the ledger.
    pub name: String,
    /// What it is about.
    pub description: String,
    /// First moment, if given.
    pub start: Option<Timestamp>,
    /// Last moment, if given.
    pub end: Option<Timestamp>,
    /// Seed of everything random.
    pub seed: u64,
    /// Folders of the data sets.
    pub data: Vec<PathBuf>,
    /// Files of facts (released figures, rate decisions), each fact with the moment it became public.
    pub facts: Vec<PathBuf>,
    /// Assumed half spread where bid and ask are unknown.
    pub half_spread: Option<Price>,
    /// What the desk is built from: bankroll, scanner, risk limits, exits and execution.
    pub desk: DeskSettings,
    /// The strategies in the order of the file, each with the least net edge it trades on.
    pub seats: Vec<StrategySlot>,
    /// The simulated exchange's settings.
    pub sim: SimSettings,
    /// Everything as resolved, paths as written.
    pub resolved: RawScenario,
    /// What whoever wrote it should know, though it holds: keys by their old names.
    pub notes: Vec<String>,
}

impl Scenario {
    /// Reads a scenario file, with `overrides` of the form `risk.kelly_fraction=0.1` applied.
    ///
    /// # Errors
    /// Names file, line and key of what is wrong.
    pub fn load_file(file: &Path, overrides: &[String]) -> Result<Self, ScenarioError> {
        let fail = |line, problem| ScenarioError { file: file.to_owned(), line, problem };
        let text =
            std::fs::read_to_string(file).map_err(|error| fail(None, format!("cannot be read: {error}")))?;
        let (raw, moved) =
            raw::parse_with_overrides(&text, overrides).map_err(|error| fail(error.line, error.problem))?;
        let folder = file.parent().unwrap_or(Path::new(""));
        let scenario =
            resolve_scenario(raw, folder).map_err(|wrong| match raw::override_of(overrides, &wrong.key) {
                Some(text) => fail(None, format!("with --set {}: {}", without_secrets(text), wrong.problem)),
                None => fail(raw::line_of(&text, &wrong.key), wrong.problem),
            })?;
        Ok(Self { notes: moved.iter().map(MovedKey::renaming_note).collect(), ..scenario })
    }

    /// Reads a scenario as [`to_toml`](Self::to_toml) writes it, with `overrides`. Its paths are seen from
    /// `folder`.
    ///
    /// # Errors
    /// Names line and key of what is wrong.
    pub fn parse(text: &str, overrides: &[String], folder: &Path) -> Result<Self, ScenarioError> {
        let fail = |line, problem| ScenarioError { file: "the recorded scenario".into(), line, problem };
        let (raw, _) =
            raw::parse_with_overrides(text, overrides).map_err(|error| fail(error.line, error.problem))?;
        resolve_scenario(raw, folder).map_err(|wrong| fail(raw::line_of(text, &wrong.key), wrong.problem))
    }

    /// Sets whether kill switches are recorded but not obeyed.
    pub const fn ignore_halts(&mut self, ignore: bool) {
        self.desk.risk.ignore_halts = ignore;
    }

    /// The resolved scenario as TOML.
    #[must_use]
    pub fn to_toml(&self) -> String {
        raw::to_toml(&self.resolved)
    }

    /// The resolved scenario as TOML with its paths seen from another folder, so that it runs from there.
    #[must_use]
    pub fn to_toml_in(&self, folder: &Path) -> String {
        let seen = |path: &PathBuf| {
            if is_address(path) {
                return path.to_string_lossy().into_owned();
            }
            let absolute = std::path::absolute(path).unwrap_or_else(|_| path.clone());
            let relative =
                std::path::absolute(folder).ok().and_then(|from| pathdiff::diff_paths(&absolute, from));
            relative.unwrap_or(absolute).to_string_lossy().into_owned()
        };
        let mut moved = self.resolved.clone();
        moved.feed.data = OneOrMany::Many(self.data.iter().map(seen).collect());
        moved.feed.facts = self.facts.iter().map(seen).collect();
        raw::to_toml(&moved)
    }
}

/// A value that does not hold: the key it stands at, and what is wrong, which names the key.
struct InvalidKey {
    key: String,
    problem: String,
}

fn invalid_key<T>(key: &str, problem: impl std::fmt::Display) -> Result<T, InvalidKey> {
    Err(InvalidKey { key: key.to_owned(), problem: format!("{key} {problem}") })
}

fn resolve_share(key: &str, value: f64) -> Result<Fraction, InvalidKey> {
    Fraction::from_f64(value)
        .map_or_else(|| invalid_key(key, format!("= {value} is not between 0 and 1")), Ok)
}

fn positive_share(key: &str, value: f64) -> Result<Fraction, InvalidKey> {
    let fraction = resolve_share(key, value)?;
    if fraction == Fraction::ZERO {
        invalid_key(key, format!("= {value} is not above 0"))
    } else {
        Ok(fraction)
    }
}

fn resolve_span(key: &str, text: &str) -> Result<Span, InvalidKey> {
    Span::parse(text).or_else(|problem| invalid_key(key, format!("= {problem}")))
}

/// A float as written, exactly, in units of `10^-scale`; `range` says in words which ones `make` takes.
fn resolve_exact_decimal<T>(
    key: &str,
    value: f64,
    scale: usize,
    range: &str,
    make: impl FnOnce(i64) -> Option<T>,
) -> Result<T, InvalidKey> {
    if value.abs() > 1e12 {
        return invalid_key(key, format!("= {value:e} is not {range}"));
    }
    let units = crate::domain::decimal::parse_scaled(&value.to_string(), scale);
    match units.map(make) {
        Ok(Some(value)) => Ok(value),
        Ok(None) => invalid_key(key, format!("= {value} is not {range}")),
        Err(problem) => invalid_key(key, format!("= {problem}")),
    }
}

fn resolve_price(key: &str, value: f64) -> Result<Price, InvalidKey> {
    resolve_exact_decimal(key, value, 4, "between 0 and 1 dollar", |units| {
        u16::try_from(units).ok().and_then(Price::new)
    })
}

fn resolve_scenario(raw: RawScenario, folder: &Path) -> Result<Scenario, InvalidKey> {
    let mut raw = raw;
    let (start, end) = resolve_period(&raw)?;
    let seats = resolve_strategies(&mut raw)?;
    let desk = resolve_desk_settings(&raw)?;
    let sim = resolve_sim_settings(&raw)?;
    let beside = |path: &String| folder.join(path);
    let data = raw.feed.data.as_slice().iter().map(|path| place_of_data(path, folder));
    let data: Vec<PathBuf> = data.collect::<Result<_, _>>()?;
    if data.is_empty() {
        return invalid_key("feed.data", "names no data set");
    }
    if let Some(far) = raw.feed.facts.iter().find(|path| is_address(Path::new(path))) {
        return invalid_key(
            "feed.facts",
            format!("= {} is on a server; facts are files", without_secrets(far)),
        );
    }
    let name = raw.scenario.name.clone();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if name.is_empty() || name.starts_with('.') || !name.chars().all(plain) {
        return invalid_key(
            "scenario.name",
            format!("= `{name}` must be made of letters, digits, - _ and ."),
        );
    }
    Ok(Scenario {
        name,
        description: raw.scenario.description.clone(),
        start,
        end,
        seed: raw.scenario.seed,
        facts: raw.feed.facts.iter().map(beside).collect(),
        half_spread: raw
            .feed
            .half_spread
            .map(|value| resolve_price("feed.half_spread", value))
            .transpose()?,
        data,
        desk,
        seats,
        sim,
        resolved: raw,
        notes: Vec::new(),
    })
}

/// A folder as seen from the scenario, or an address as it is.
fn place_of_data(path: &str, folder: &Path) -> Result<PathBuf, InvalidKey> {
    let place = Path::new(path);
    if !is_address(place) {
        return Ok(folder.join(place));
    }
    // What is in a scenario is written into run folders and ledgers: no password may be.
    Address::parse(place)
        .or_else(|problem| invalid_key("feed.data", format!("= {} {problem}", without_secrets(path))))?;
    Ok(place.to_owned())
}

fn resolve_period(raw: &RawScenario) -> Result<(Option<Timestamp>, Option<Timestamp>), InvalidKey> {
    let read = |key: &str, date: &Option<raw::Date>| match date {
        None => Ok(None),
        Some(date) => match Timestamp::parse_date(&date.0) {
            Ok(at) => Ok(Some(at)),
            Err(problem) => invalid_key(key, format!("= {problem}")),
        },
    };
    let start = read("scenario.start", &raw.scenario.start)?;
    // The last day counts in full.
    let end = read("scenario.end", &raw.scenario.end)?.map(|at| (at + Span::DAY).just_before());
    match (start, end) {
        (Some(start), Some(end)) if end < start => invalid_key("scenario.end", "is before scenario.start"),
        dates => Ok(dates),
    }
}

fn resolve_strategies(raw: &mut RawScenario) -> Result<Vec<StrategySlot>, InvalidKey> {
    let mut seats = Vec::new();
    if raw.strategy.as_slice().is_empty() {
        return invalid_key("strategy", "is missing; a scenario needs at least one [strategy]");
    }
    let several = matches!(raw.strategy, OneOrMany::Many(_));
    for (number, table) in raw.strategy.as_mut_slice().iter_mut().enumerate() {
        let key = if several { format!("strategy.{number}") } else { "strategy".to_owned() };
        seats.push(resolve_strategy(&key, table)?);
    }
    if seats.len() > usize::from(u8::MAX) {
        return invalid_key("strategy", "is there more than 255 times");
    }
    Ok(seats)
}

/// Makes the strategy of the table at `key`, and fills in the table's defaults.
fn resolve_strategy(key: &str, table: &mut toml::Table) -> Result<StrategySlot, InvalidKey> {
    let at = |name: &str| format!("{key}.{name}");
    let mut own = table.clone();
    let known = strategies::NAMES;
    let name = match own.remove("name") {
        Some(toml::Value::String(name)) => name,
        Some(other) => return invalid_key(&at("name"), format!("= {other} is none of {}", known.join(", "))),
        None => return invalid_key(&at("name"), format!("is missing; known are {}", known.join(", "))),
    };
    let min_edge = match own.remove("min_edge") {
        None => 0.05,
        Some(toml::Value::Float(value)) => value,
        Some(toml::Value::Integer(0)) => 0.0,
        Some(toml::Value::Integer(1)) => 1.0,
        Some(other) => {
            return invalid_key(&at("min_edge"), format!("= {other} is not a number between 0 and 1"));
        }
    };
    let built = strategies::build_strategy(&name, own).map_err(|error| match error {
        BuildError::UnknownName => {
            let problem =
                format!("`{name}` is no strategy; did you mean `{}`?", raw::nearest_name(&name, known));
            InvalidKey { key: at("name"), problem: format!("{} = {problem}", at("name")) }
        }
        BuildError::Table(error) => {
            let (key, problem) = raw::explain_toml_error(key, &error, &["name", "min_edge"]);
            InvalidKey { key, problem }
        }
        BuildError::Value(problem) => {
            InvalidKey { key: at(problem.setting_key()), problem: at(&problem.to_string()) }
        }
    })?;
    let seat = StrategySlot { strategy: built.strategy, min_edge: resolve_share(&at("min_edge"), min_edge)? };
    table.clear();
    table.insert("name".into(), name.into());
    table.insert("min_edge".into(), min_edge.into());
    table.extend(built.settings);
    Ok(seat)
}

fn resolve_desk_settings(raw: &RawScenario) -> Result<DeskSettings, InvalidKey> {
    let range = "between 0.000001 and 1000000000 dollars";
    let bankroll = resolve_exact_decimal("scenario.bankroll", raw.scenario.bankroll, 6, range, |units| {
        // Above a billion dollars the sizing arithmetic would have to round.
        (1..=1_000_000_000_000_000).contains(&units).then(|| Money::from_micros(units))
    })?;
    let kill = &raw.kill_switch;
    if kill.window == 0 {
        return invalid_key("kill_switch.window", "= 0 would look at nothing");
    }
    let evidence = resolve_exact_decimal("kill_switch.evidence", kill.evidence, 6, "above 1", |units| {
        (units > 1_000_000).then(|| Decimal6::from_millionths(units))
    })
    .or_else(|_| invalid_key("kill_switch.evidence", format!("= {} must be above 1", kill.evidence)))?;
    let exits = &raw.exits;
    let max_holding = resolve_span("exits.max_holding", &exits.max_holding)?;
    if max_holding == Span::ZERO {
        return invalid_key("exits.max_holding", "= 0s would sell at once");
    }
    let scanner = &raw.scanner;
    Ok(DeskSettings {
        bankroll,
        risk: resolve_risk_limits(raw)?,
        kill: KillRules {
            window: kill.window,
            min_trades: kill.min_trades,
            min_win_rate: resolve_share("kill_switch.min_win_rate", kill.min_win_rate)?,
            evidence,
        },
        scanner: ScannerSettings {
            interval: resolve_span("scanner.interval", &scanner.interval)?,
            min_time_to_close: resolve_span("scanner.min_time_to_close", &scanner.min_time_to_close)?,
            min_volume: resolve_exact_decimal(
                "scanner.min_volume",
                scanner.min_volume,
                2,
                "0 or more",
                |units| (units >= 0).then(|| Contracts::from_hundredths(units)),
            )?,
            series: scanner.series.clone(),
            categories: scanner.categories.clone(),
        },
        exits: ExitSettings { inversion: resolve_share("exits.inversion", exits.inversion)?, max_holding },
        execution: ExecutionSettings {
            time_in_force: match raw.execution.time_in_force {
                raw::TimeInForceName::Ioc => TimeInForce::Ioc,
                raw::TimeInForceName::Gtc => TimeInForce::Gtc,
                raw::TimeInForceName::PostOnly => TimeInForce::PostOnly,
            },
            max_slippage: resolve_price("execution.max_slippage", raw.execution.max_slippage)?,
            retries: raw.execution.retries,
        },
    })
}

fn resolve_risk_limits(raw: &RawScenario) -> Result<RiskLimits, InvalidKey> {
    let risk = &raw.risk;
    let start = resolve_share("risk.drawdown_start", risk.drawdown_start)?;
    let half = resolve_share("risk.drawdown_half", risk.drawdown_half)?;
    if half <= start {
        return invalid_key(
            "risk.drawdown_half",
            format!("= {} must be above risk.drawdown_start = {}", risk.drawdown_half, risk.drawdown_start),
        );
    }
    Ok(RiskLimits {
        kelly_fraction: positive_share("risk.kelly_fraction", risk.kelly_fraction)?,
        exposure: ExposureLimits {
            market: resolve_share("risk.max_market_exposure", risk.max_market_exposure)?,
            event: resolve_share("risk.max_event_exposure", risk.max_event_exposure)?,
            series: resolve_share("risk.max_series_exposure", risk.max_series_exposure)?,
            total: resolve_share("risk.max_exposure", risk.max_exposure)?,
        },
        drawdown: DrawdownLimits { start, half },
        daily_loss: positive_share("risk.daily_loss_limit", risk.daily_loss_limit)?,
        max_quote_age: resolve_span("risk.max_quote_age", &risk.max_quote_age)?,
        fee_rounding: raw.account.fee_rounding,
        ignore_halts: false,
    })
}

fn resolve_sim_settings(raw: &RawScenario) -> Result<SimSettings, InvalidKey> {
    let key = "simulation.latency";
    let latency = match raw.simulation.latency.split_once("..") {
        None => LatencyModel::Fixed(resolve_span(key, &raw.simulation.latency)?),
        Some((least, most)) => {
            let (least, most) = (resolve_span(key, least)?, resolve_span(key, most)?);
            if most < least {
                return invalid_key(key, format!("= {} ends before it begins", raw.simulation.latency));
            }
            LatencyModel::Uniform { least, most }
        }
    };
    Ok(SimSettings {
        fill: match raw.simulation.fill {
            raw::FillName::TopOfBook => FillModel::TopOfBook,
            raw::FillName::Book => FillModel::Book,
            raw::FillName::Unlimited => FillModel::Unlimited,
        },
        latency,
        participation: resolve_share("simulation.participation", raw.simulation.participation)?,
        fee_rounding: raw.account.fee_rounding,
        seed: raw.scenario.seed,
    })
}

#[cfg(test)]
mod tests;
