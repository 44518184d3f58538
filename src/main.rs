//! The command `systap`: runs SystemTap-language scripts against the running kernel.
//!
//! This package is the only place that prints, reads the environment or parses arguments; the crates under `core/` take data
//! and give data. One file for each subcommand; `cli` has their options.

mod background;
mod build;
mod check;
mod cli;
mod command;
mod compile;
mod doc;
mod doctor;
mod examples;
mod explain;
mod facts;
mod fmt;
mod kernel;
mod list;
mod lsp;
mod manual;
mod module;
mod monitor;
mod outcome;
mod output_file;
mod points;
mod registries;
mod registry;
mod roff;
mod run;
mod script;
mod sink;
mod stap;
mod summary;
mod tapset;
mod terminal;
mod whole_file;
mod xdg;

use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches};

use crate::cli::{Cli, Command};

fn main() -> ExitCode {
    // A process that was started for a tapset's plugin does nothing else, and has no rights to.
    systap_plugin_host::serve_if_child(std::env::args_os());
    background::listen();
    let mut words = std::env::args_os();
    if words.next().is_some_and(|program| cli::is_stap(&program)) {
        return stap::stap(words.collect());
    }
    let mut command = Cli::command();
    let words = cli::with_default_verb(&command, std::env::args_os());
    let matches = command.try_get_matches_from_mut(words).unwrap_or_else(|error| error.exit());
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.format(&mut command).exit());
    let outcome = match cli.command {
        Command::Run(options) => run::run(&options),
        Command::Check(options) => check::check(&options),
        Command::Build(options) => build::build(&options),
        Command::List(options) => list::list(&options),
        Command::Tapset(options) => tapset::command::tapset(&options),
        Command::Registry(options) => registry::registry(&options),
        Command::Kernel(options) => kernel::kernel(&options),
        Command::Stap(options) => return stap::stap(options.words),
        Command::Doctor(options) => doctor::doctor(&options),
        Command::Explain(options) => explain::explain(&options),
        Command::Doc(options) => doc::doc(&options),
        Command::Examples(options) => examples::examples(&options),
        Command::Fmt(options) => fmt::fmt(&options),
        Command::Lsp(options) => lsp::lsp(&options),
        Command::Completions(options) => manual::completions(&options),
        Command::Man(options) => manual::man(&options),
    };
    outcome.into()
}
