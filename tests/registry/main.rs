//! Tapsets from their maintainer by way of a registry to their user: whole commands, real files, real servers.
//!
//! Must never depend on what the machine has installed: each test has a home of its own.

#![expect(clippy::print_stderr, reason = "a test that is skipped says so")]

#[path = "../systap/mod.rs"]
mod systap;

mod bucket;
mod faults;
mod killed;
mod machine;
mod maintainer;
mod scenario;
mod server;
mod shipped;
mod state;
