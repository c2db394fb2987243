//! Planning, by hand.
