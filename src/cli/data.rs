//! `protogen data check|show`

use clap::Subcommand;

use super::{Common, Failure};

/// Look after data sets.
#[derive(Debug, Subcommand)]
pub enum Data {}

impl Data {
    pub(super) fn run(&self, _common: &Common) -> Result<(), Failure> {
        match *self {}
    }
}
