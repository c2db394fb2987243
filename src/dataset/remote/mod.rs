//! Data sets on a server: their addresses, and a local mirror of the bytes that a run reads.

pub mod address;
#[cfg(feature = "cloud")]
pub mod mirror;
#[cfg(not(feature = "cloud"))]
#[path = "no_mirror.rs"]
pub mod mirror;
