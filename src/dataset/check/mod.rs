//! Looking at a data set: its faults, what is worth a look, what it covers.

pub mod inspect;
pub mod overview;
pub mod quality;
