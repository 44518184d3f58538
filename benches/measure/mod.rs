//! What the benches share: who is measured, one run of a program, the numbers, the bars and the table.
//!
//! It must never assert a time: a bench says what it saw, and fails only where it could not measure.

pub(crate) mod arguments;
pub(crate) mod bar;
pub(crate) mod contestants;
pub(crate) mod numbers;
pub(crate) mod program;
pub(crate) mod table;
pub(crate) mod tracefs;

/// Checks the harness itself against known values; what `cargo test` runs of a bench, since it measures nothing.
pub(crate) fn check_harness() {
    numbers::check();
    bar::check();
    table::check();
}
