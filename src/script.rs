//! Reads scripts: from a file, from standard input, or from the command line.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use systap_diagnostics::{FileId, Sources};

use crate::cli::ScriptOptions;

/// No script is longer; what is, is something else (`/dev/zero`, a core file).
const LONGEST: u64 = 64 << 20;

/// Why a script could not be read; a sentence.
#[derive(Debug)]
pub(crate) struct Unreadable(pub(crate) String);

/// Reads a file, or standard input for `-`.
pub(crate) fn read(path: &Path, sources: &mut Sources) -> Result<FileId, Unreadable> {
    let from_stdin = path.as_os_str() == "-";
    let name = if from_stdin { "<stdin>".to_owned() } else { path.display().to_string() };
    let unreadable = |reason: String| Unreadable(format!("cannot read `{name}`: {reason}"));
    let reader: Box<dyn Read> = if from_stdin {
        Box::new(std::io::stdin().lock())
    } else {
        Box::new(File::open(path).map_err(|error| unreadable(reason(&error)))?)
    };
    let mut bytes = vec![];
    reader.take(LONGEST + 1).read_to_end(&mut bytes).map_err(|error| unreadable(reason(&error)))?;
    if bytes.len() as u64 > LONGEST {
        return Err(unreadable(format!("it is longer than {} MB, which no script is", LONGEST >> 20)));
    }
    if crate::module::is_module(&bytes) {
        let why = if from_stdin {
            "a module is run from its file"
        } else {
            "it is a module, not a script: `systap run` runs it"
        };
        return Err(unreadable(why.to_owned()));
    }
    Ok(sources.add(name, systap_syntax::foreign::decode(bytes)))
}

/// Takes a script from the command line.
pub(crate) fn from_text(text: &str, sources: &mut Sources) -> FileId {
    sources.add("<command line>", text)
}

/// Takes the script that options hold, if they hold one: that of `-e`, or a module's.
pub(crate) fn of_options(options: &ScriptOptions, sources: &mut Sources) -> Option<FileId> {
    let text = options.text.as_deref()?;
    Some(match &options.name {
        Some(name) => sources.add(name.as_str(), text),
        None => from_text(text, sources),
    })
}

/// Takes more text from the command line (`-E`), a file each.
pub(crate) fn more(texts: &[String], sources: &mut Sources) -> Vec<FileId> {
    let name = |number: usize| format!("<command line, -E {}>", number + 1);
    texts.iter().enumerate().map(|(number, text)| sources.add(name(number), text)).collect()
}

fn reason(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
        std::io::ErrorKind::IsADirectory => "it is a directory".to_owned(),
        std::io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => error.to_string(),
    }
}
