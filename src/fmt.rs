//! `systap fmt`: scripts in one form, in place, through a pipe, or as a question (`--check`). Never leaves half a file, and never
//! touches one that has a mistake.

use std::io::Write;
use std::path::{Path, PathBuf};

use systap_diagnostics::Sources;
use systap_formatter::FormatError;

use crate::cli::{FmtOptions, Format};
use crate::compile::on_deep_stack;
use crate::outcome::Status;
use crate::script::{self, Unreadable};
use crate::{terminal, whole_file};

/// Formats what is named; all of it even if one script is wrong.
pub(crate) fn fmt(options: &FmtOptions) -> Status {
    let files = match scripts(&options.files) {
        Ok(files) => files,
        Err(sentence) => {
            terminal::complain(&sentence);
            return Status::Usage;
        }
    };
    let mut worst = Status::Done;
    for file in files {
        let status = one(&file, options);
        if status != Status::Done {
            worst = status;
        }
    }
    worst
}

/// The files that are named, and the scripts below the folders that are: `-` if nothing is.
fn scripts(named: &[PathBuf]) -> Result<Vec<PathBuf>, String> {
    if named.is_empty() {
        return Ok(vec![PathBuf::from("-")]);
    }
    let mut files = vec![];
    for path in named {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let before = files.len();
        for entry in walkdir::WalkDir::new(path).sort_by_file_name().into_iter().filter_entry(is_seen) {
            let entry = entry.map_err(|error| format!("cannot look through {}: {error}", path.display()))?;
            let is_script = entry.path().extension().is_some_and(|kind| kind == "stp" || kind == "stpm");
            if is_script && entry.file_type().is_file() {
                files.push(entry.into_path());
            }
        }
        if files.len() == before {
            return Err(format!("no script (*.stp, *.stpm) is in {}", path.display()));
        }
    }
    Ok(files)
}

/// Whether a file or folder below one that was named is not hidden.
fn is_seen(entry: &walkdir::DirEntry) -> bool {
    entry.depth() == 0 || !entry.file_name().as_encoded_bytes().starts_with(b".")
}

fn one(path: &Path, options: &FmtOptions) -> Status {
    let mut sources = Sources::default();
    let file = match script::read(path, &mut sources) {
        Ok(file) => file,
        Err(Unreadable(sentence)) => {
            terminal::complain(&sentence);
            return Status::ScriptError;
        }
    };
    let is_piped = path.as_os_str() == "-";
    let name = if is_piped { "<stdin>".to_owned() } else { path.display().to_string() };
    let given = sources.file(file).text.clone();
    // One form has one end of lines, within comments and embedded C too.
    let file = if given.contains("\r\n") { sources.add(name.as_str(), given.replace("\r\n", "\n")) } else { file };
    let Some(formatted) = on_deep_stack(|| systap_formatter::format(&sources, file)) else { return Status::Internal };
    let formatted = match formatted {
        Ok(formatted) => formatted,
        Err(FormatError::Mistakes(mistakes)) => {
            terminal::show(&mistakes, &sources, Format::Text, options.color);
            terminal::complain(&format!("{name} stays as it is: mend it first"));
            return Status::ScriptError;
        }
        Err(error @ FormatError::Unfaithful) => {
            terminal::complain(&format!("{name} stays as it is: {error}"));
            return Status::Internal;
        }
    };
    let result = match (options.check, is_piped) {
        (true, _) if given == formatted => Ok(()),
        (true, _) => {
            let difference = similar::TextDiff::from_lines(given.as_str(), &formatted);
            let difference = difference.unified_diff().header(&name, &format!("{name}, formatted")).to_string();
            return match print(&systap_syntax::foreign::encode(&difference)) {
                Ok(()) => Status::ScriptError,
                Err(sentence) => failed(&sentence),
            };
        }
        (false, true) => print(&systap_syntax::foreign::encode(&formatted)),
        (false, false) if given == formatted => Ok(()),
        (false, false) => whole_file::write(path, &systap_syntax::foreign::encode(&formatted), 0o644),
    };
    result.map_or_else(|sentence| failed(&sentence), |()| Status::Done)
}

fn failed(sentence: &str) -> Status {
    terminal::complain(sentence);
    Status::ScriptError
}

fn print(bytes: &[u8]) -> Result<(), String> {
    match std::io::stdout().write_all(bytes) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(format!("cannot write the output: {error}"))
        }
        _ => Ok(()),
    }
}
