//! The project's own chores: `cargo xtask test`, `cargo xtask lint`, `cargo xtask dist`, `cargo xtask install`, `cargo xtask fuzz`, `cargo xtask shelf` and `cargo xtask lab`.
//!
//! Each installs what it needs by package name, so that a fresh machine with Rust needs nothing else; each can be run again and
//! then installs nothing. This program never touches the product's sources.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for people at a terminal")]

mod dist;
mod fuzz;
mod install;
mod lab;
mod lint;
mod shelf;
mod test;

use std::process::{Command, ExitCode};

fn main() -> ExitCode {
    let chore = std::env::args().nth(1);
    let outcome = match chore.as_deref() {
        Some("test") => test::test(&std::env::args().skip(2).collect::<Vec<_>>()),
        Some("fuzz") => fuzz::fuzz(&std::env::args().skip(2).collect::<Vec<_>>()),
        Some("lint") => lint::lint(),
        Some("dist") => dist::dist(&std::env::args().skip(2).collect::<Vec<_>>()),
        Some("install") => dist::install(&std::env::args().skip(2).collect::<Vec<_>>()),
        Some("shelf") => shelf::shelf(&std::env::args().skip(2).collect::<Vec<_>>()),
        Some("lab") => lab::lab(&std::env::args().skip(2).collect::<Vec<_>>()),
        _ => {
            eprintln!(
                "usage: cargo xtask test [ARG of cargo test]... | lint | dist [DIR] | install [PREFIX] | fuzz [N] | shelf [SERIES]...|--keep | lab SERIES COMMAND..."
            );
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("xtask: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// Why a chore did not come to a good end; a sentence.
type Outcome = Result<(), String>;

/// Runs a command in the workspace, its output shown.
fn run(program: &str, args: &[&str], environment: &[(&str, &str)]) -> Outcome {
    println!("$ {program} {}", args.join(" "));
    let status = Command::new(program).args(args).envs(environment.iter().copied()).status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("`{program} {}` failed: {status}", args.join(" "))),
        Err(error) => Err(format!("`{program}` cannot be started: {error}")),
    }
}
