//! systap.
fn main() {}
