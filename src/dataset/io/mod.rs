//! What reading and writing stand on: durable files, the lock of a folder, sorting beyond memory, work on threads.

pub mod durable;
pub mod lock;
pub(crate) mod parallel;
pub(crate) mod sorter;
