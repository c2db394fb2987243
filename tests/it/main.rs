//! The program from outside: data in, exit code and text out.

mod determinism;
mod golden;
mod look_ahead;
mod mutants;
mod published;
mod replay;
mod support;
