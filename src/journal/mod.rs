//! The journal: the ledger of a run in SQLite, its digest, its replay, and reading it back.
//!
//! The engine gives every input and what the desk made of it to a [`Journal`](crate::engine::Journal). This module
//! has two of them: [`TradeLogger`] writes the ledger, [`replay::DecisionComparison`] compares a run with a ledger.
//! `backtest` and `live` write ledgers, `replay` and the start of a live desk compare, reports read through
//! [`reader::LedgerReader`].
//!
//! Invariants:
//!
//! 1. Every [`Record`](crate::desk::decision::Record) has one canonical line, and only [`encode::Encoder::encode_record`]
//!    makes it: 65 digits for an evaluation, one line of JSON for anything else (test `an_evaluation_is_65_digits`).
//! 2. The digest is the BLAKE3 hash of all canonical lines in order, without separators
//!    ([`encode::Encoder::digest`]). That of a backtest does not depend on process, thread count, locale, time zone
//!    or folder (`tests/it/determinism.rs`).
//! 3. The ledger keeps the canonical lines beside its tables; a replay compares line by line (`tests/it/replay.rs`).
//! 4. A basis (strategy, confidence and reason of an evaluation) is numbered by its content, in the order of first
//!    use (test `a_basis_is_numbered_by_its_content`).
//! 5. [`input::from_line`] reads back what [`input::to_line`] wrote, and a damaged line is an error (tests
//!    `every_input_comes_back_as_it_was`, `a_damaged_line_is_an_error`).
//! 6. The module uses only `domain`, `event`, `desk` and `engine`; `rusqlite` is used only here and in `cli`
//!    (`tests/tidy.rs`).
//! 7. Live ledgers of earlier versions open, replay without a difference and can be resumed (`tests/it/ledgers.rs`).
//!
//! Known limits:
//!
//! - The digest covers canonical lines only. It does not cover inputs, notes, the text of reasons (an evaluation has
//!   the number of its basis) or the other tables.
//! - A basis number has six digits in the line. After a million different bases the digits repeat, and the views and
//!   reports show the wrong reason.
//! - The schema has no version number. What is added to it stands in `schema_additions.sql`, a column in `upgrade_schema`
//!   of [`sqlite`], and is added to an earlier ledger when a desk goes on with it; any other change of the schema, an
//!   input or a record needs a new ledger in `tests/fixtures/ledgers`.
//! - A settlement of more than four decimals stands in inputs and records as text (`"0.333333"`), any other as a number
//!   of ten-thousandths. Versions before do not read the text.
//! - Unit tests exist for `encode` and `input` only. The modules that use a database are tested by `tests/it`.
//!
//! Where to look next: `schema.sql` (tables and views), [`encode`] (layout of an evaluation), [`sqlite`] (writing),
//! [`replay`] (comparing), [`reader`] (reports), [`Engine::run`](crate::engine::Engine::run) (caller).

pub mod encode;
#[cfg(feature = "sqlite")]
pub mod input;
#[cfg(feature = "sqlite")]
pub mod reader;
#[cfg(feature = "sqlite")]
pub mod replay;
#[cfg(feature = "sqlite")]
mod rows;
#[cfg(feature = "sqlite")]
pub mod sqlite;

#[cfg(feature = "sqlite")]
pub use sqlite::TradeLogger;
