//! The manifest of a sweep: its tasks, each named by what determines its result.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::SweepError;
use super::assessment::WalkForward;
use super::parameter_space::Set;
use super::result;

/// One parameter set to run over the data of its scenario, the unit that shards share out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SweepTask {
    /// Hash of scenario, parameters, data and engine version: the id the backtest of the set would have.
    pub id: String,
    /// Scenario keys and values that make up the set, in the order of the axes.
    pub parameters: Set,
}

impl SweepTask {
    /// Its parameters as a scenario takes them.
    #[must_use]
    pub fn scenario_overrides(&self) -> Vec<String> {
        self.parameters.iter().map(|(key, value)| format!("{key}={value}")).collect()
    }
}

/// All tasks of a sweep, in order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Name of the scenario that every set is a variation of.
    pub scenario: String,
    /// Version of protogen that planned the sweep, like `1.2.0`.
    pub version: String,
    /// Seed of everything random about the evaluation.
    pub seed: u64,
    /// How sets are chosen and judged.
    pub walk: WalkForward,
    /// One task for each parameter set; its place here, from 0, is the set's number.
    pub tasks: Vec<SweepTask>,
}

impl Manifest {
    /// The sweep's id: a hash of its tasks in order and of how they are judged.
    #[must_use]
    pub fn id(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.seed.to_le_bytes());
        hasher.update(format!("{:?}", self.walk).as_bytes());
        self.tasks.iter().for_each(|task| {
            hasher.update(task.id.as_bytes());
        });
        hasher.finalize().to_hex()[..16].to_owned()
    }

    /// The keys that vary, in order.
    #[must_use]
    pub fn varied_keys(&self) -> Vec<&str> {
        self.tasks
            .first()
            .map_or_else(Vec::new, |task| task.parameters.iter().map(|(key, _)| &**key).collect())
    }

    /// Reads the manifest of a sweep's folder.
    ///
    /// # Errors
    /// When there is none, or it cannot be read.
    pub fn read_from_folder(folder: &Path) -> Result<Self, SweepError> {
        let file = Self::manifest_path(folder);
        let text = std::fs::read(&file).map_err(|error| {
            SweepError::of_file(&file, format!("cannot be read: {error}; is this a sweep's folder?"))
        })?;
        serde_json::from_slice(&text).map_err(|error| SweepError::of_file(&file, error.to_string()))
    }

    /// Writes it into a sweep's folder, unless it is there.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write_to_folder(&self, folder: &Path) -> Result<(), SweepError> {
        let text = serde_json::to_string_pretty(self).expect("a manifest is plain data") + "\n";
        result::create_if_absent(&Self::manifest_path(folder), text.as_bytes())
    }

    fn manifest_path(folder: &Path) -> PathBuf {
        folder.join("manifest.json")
    }
}

/// A text that is no part of a sweep.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no part; write 2/8 for the second of eight")]
pub struct ParseShardError {
    /// The whole text as it was given.
    pub text: String,
}

/// A part of a sweep: every `of`-th task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    /// Place of the shard, counted from 0 and below `of`; `2/8` has index 1.
    pub index: usize,
    /// Number of shards the sweep is cut into, at least 1.
    pub of: usize,
}

impl Shard {
    /// Reads `2/8`, the second of eight.
    ///
    /// # Errors
    /// When it is no such part.
    pub fn parse(text: &str) -> Result<Self, ParseShardError> {
        let parts = text.split_once('/').and_then(|(index, of)| {
            Some((index.trim().parse::<usize>().ok()?, of.trim().parse::<usize>().ok()?))
        });
        match parts {
            Some((index, of)) if (1..=of).contains(&index) => Ok(Self { index: index - 1, of }),
            _ => Err(ParseShardError { text: text.to_owned() }),
        }
    }

    /// Whether the task of a number belongs to it.
    #[must_use]
    pub const fn contains_task(self, number: usize) -> bool {
        number % self.of == self.index
    }
}
