//! One file a command. What several of them share is in the folder above.

pub mod backtest;
pub mod completions;
pub mod data;
pub mod doctor;
pub mod halt;
pub mod halts;
pub mod import;
pub mod init;
pub mod live;
pub mod positions;
pub mod pull;
pub mod record;
pub mod reload;
pub mod replay;
pub mod report;
pub mod resume;
pub mod sandbox;
pub mod status;
pub mod sweep;
