//! A program that makes known amounts of events, for the tests of tapsets to count: `systap-load WHAT N`.
//!
//! Each topic is a file; what a load adds besides what it is asked for must be told apart by the test, by address, number or
//! name. It never changes anything that outlives it.

mod memory;
mod network;
mod pressure;
mod scheduling;

use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().collect();
    let (Some(what), Some(Ok(count))) = (args.get(1), args.get(2).map(|text| text.parse::<usize>())) else {
        return ExitCode::from(2);
    };
    let done = memory::load(what, count).or_else(|| scheduling::load(what, count));
    match done.or_else(|| network::load(what, count)).or_else(|| pressure::load(what, count)) {
        Some(true) => ExitCode::SUCCESS,
        Some(false) => ExitCode::FAILURE,
        None => ExitCode::from(2),
    }
}
