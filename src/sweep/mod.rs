//! Many parameter sets over one data set, decoded once.
//!
//! A sweep is a [`plan::Manifest`] of tasks. A task's id is a hash of all that determines its result, and its
//! result is written once, so that running a task twice is harmless: sweeps are resumed, cut into shards for
//! other machines, and merged, by looking which results are there.
//!
//! ```text
//!   axes ──sets──▶ plan ──tasks──▶ lanes: a desk and an exchange each ──results──▶ verdict, table, page
//!                       feed ──batches──▶ (all lanes, on all cores)
//! ```

pub mod assessment;
pub mod batch;
mod charts;
pub mod page;
pub mod parameter_space;
pub mod plan;
pub mod result;
pub mod run;
pub mod runner;
pub mod table;

use std::path::{Path, PathBuf};

/// Why a sweep cannot go on.
#[derive(Debug, thiserror::Error)]
#[error("{}: {problem}", file.display())]
pub struct SweepError {
    /// File or folder the problem is about, named at the start of the message.
    pub file: PathBuf,
    /// What is wrong and what to do.
    pub problem: String,
}

impl SweepError {
    fn of_file(file: &Path, problem: impl Into<String>) -> Self {
        Self { file: file.to_owned(), problem: problem.into() }
    }
}

#[cfg(test)]
mod tests;
