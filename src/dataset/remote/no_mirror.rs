//! What stands in for data on a server in a build that cannot read them.

use std::path::{Path, PathBuf};

use super::address::{Address, without_secrets};
use crate::dataset::DataError;
use crate::dataset::read::decode::FilePlan;

/// Has no value: without the feature `cloud`, `open` always fails.
#[derive(Debug)]
pub enum Mirror {}

impl Mirror {
    /// Says how to build what can.
    pub(crate) fn open(place: &Path) -> Result<Self, DataError> {
        let shown = PathBuf::from(without_secrets(&place.to_string_lossy()));
        Address::parse(place).map_err(|problem| DataError::of_file(&shown, problem))?;
        let problem = "is on a server, which this build does not read; build with \
                       `cargo build --release --features cloud`, or copy it into a folder";
        Err(DataError::of_file(&shown, problem))
    }

    pub(crate) fn folder_of_copies(&self) -> &Path {
        match *self {}
    }

    pub(crate) fn error_on_server(&self, _error: DataError) -> DataError {
        match *self {}
    }

    pub(crate) fn fetch_row_groups(&self, _plans: &[FilePlan]) -> Result<(), DataError> {
        match *self {}
    }

    pub(crate) fn fetch_ticker_times(&self, _plans: &[FilePlan]) -> Result<(), DataError> {
        match *self {}
    }

    pub(crate) fn source_path(&self, _file: &Path) -> PathBuf {
        match *self {}
    }
}

#[cfg(test)]
mod tests {
    use crate::dataset::data_set::DataSet;

    use super::*;

    #[test]
    fn who_cannot_read_an_address_says_what_can() {
        let told = DataSet::open(Path::new("s3://bucket/history")).unwrap_err().to_string();
        assert!(told.starts_with("s3://bucket/history: ") && told.contains("--features cloud"), "{told}");
        let told = DataSet::open(Path::new("https://u:hunter2@h/d")).unwrap_err().to_string();
        assert!(told.starts_with("https://…@h/d: ") && told.contains("environment"), "{told}");
    }
}
