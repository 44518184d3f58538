//! `systap completions` and `systap man`: the command line, for shells and for man(1). Both are made of what parses it.

use clap::CommandFactory;

use crate::cli::{Cli, CompletionsOptions, ManOptions};
use crate::outcome::Status;
use crate::terminal;

/// `systap completions`
pub(crate) fn completions(options: &CompletionsOptions) -> Status {
    let mut text = vec![];
    clap_complete::generate(options.shell, &mut Cli::command(), "systap", &mut text);
    terminal::write_to_stdout(&String::from_utf8_lossy(&text))
}

/// `systap man`
pub(crate) fn man(options: &ManOptions) -> Status {
    let written = std::fs::create_dir_all(&options.folder)
        .and_then(|()| clap_mangen::generate_to(Cli::command(), &options.folder));
    match written {
        Ok(()) => Status::Done,
        Err(error) => {
            terminal::complain(&format!("{}: {error}", options.folder.display()));
            Status::Refused
        }
    }
}
