//! The strategies, registered by name.
//!
//! A new one is a type that implements [`Strategy`], a settings struct
//! that serde can read, and one line in [`build_strategy`].

pub mod base_rate_divergence;
pub mod fixed_rate;
pub mod setting_error;
pub mod weather;

use serde::de::DeserializeOwned;

use crate::desk::strategy::Strategy;

use setting_error::StrategySettingError;

/// The names a scenario may use.
pub const NAMES: [&str; 3] = [base_rate_divergence::NAME, fixed_rate::NAME, weather::NAME];

/// Why a strategy could not be made from its table.
#[derive(Debug, PartialEq)]
pub enum BuildError {
    /// No strategy has that name; the known ones are in [`NAMES`].
    UnknownName,
    /// A key is unknown, missing or of the wrong type.
    Table(toml::de::Error),
    /// A value is out of range; it says at which key.
    Value(StrategySettingError),
}

/// A strategy and its settings with every default filled in.
pub struct Built {
    /// The strategy, which has learned no fact yet.
    pub strategy: Box<dyn Strategy>,
    /// Its settings as they will be used.
    pub settings: toml::Table,
}

/// Makes a strategy from its name and the keys of its table that are its own.
///
/// # Errors
/// An unknown name, or a wrong key or value.
pub fn build_strategy(name: &str, table: toml::Table) -> Result<Built, BuildError> {
    match name {
        base_rate_divergence::NAME => base_rate_divergence::build_strategy(table),
        fixed_rate::NAME => build_from_settings(table, fixed_rate::FixedRate::new),
        weather::NAME => build_from_settings(table, weather::Weather::new),
        _ => Err(BuildError::UnknownName),
    }
}

fn build_from_settings<Settings, S>(
    table: toml::Table,
    new: impl FnOnce(Settings) -> Result<S, StrategySettingError>,
) -> Result<Built, BuildError>
where
    Settings: DeserializeOwned + serde::Serialize,
    S: Strategy + 'static,
{
    let settings: Settings = table.try_into().map_err(BuildError::Table)?;
    let resolved = toml::Table::try_from(&settings).expect("settings are plain data");
    let strategy = new(settings).map_err(BuildError::Value)?;
    Ok(Built { strategy: Box::new(strategy), settings: resolved })
}
