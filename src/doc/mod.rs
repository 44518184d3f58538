//! `systap doc`: what a function, a macro or a family of probe points does, where it runs and what it costs. The terminal, the man
//! page and the table of docs/functions.md come from the same text.

mod page;
mod placing;
mod table;

use systap_elaborate::documentation::{Entry, Kind, documentation, first_word};
use systap_kernel::Kernel;

use crate::cli::DocOptions;
use crate::outcome::Status;
use crate::terminal;

pub(crate) use self::placing::Placing;

/// Shows what is asked for.
pub(crate) fn doc(options: &DocOptions) -> Status {
    let entries = documentation();
    if options.table {
        return terminal::write_to_stdout(&table::table(&entries, &Placing::new(&Kernel::running())));
    }
    let Some(name) = &options.name else { return terminal::write_to_stdout(&page::list(&entries)) };
    let found = named(&entries, name);
    if found.is_empty() {
        terminal::complain(&unknown(name, &entries));
        return Status::ScriptError;
    }
    let kernel = Kernel::running();
    let placing = Placing::new(&kernel);
    let found: Vec<_> = placing.of_each(&found);
    terminal::write_to_stdout(&if options.man { page::man(&found) } else { page::text(&found) })
}

/// The entries that somebody means by a name: `substr`, `substr()`, `@task`, `timer.s(1)`, `syscall.*`.
fn named<'a>(entries: &'a [Entry], name: &str) -> Vec<&'a Entry> {
    let bare = name.trim_start_matches('@').trim_end_matches("()");
    let mut found: Vec<&Entry> = entries.iter().filter(|entry| entry.name == bare).collect();
    if name.starts_with('@') {
        found.retain(|entry| entry.kind == Kind::Macro);
    }
    if found.is_empty() && !name.starts_with('@') {
        let family = first_word(name);
        found = entries.iter().filter(|entry| entry.kind == Kind::Probe && entry.name == family).collect();
    }
    found
}

/// That there is no such name, and which ones are near.
fn unknown(name: &str, entries: &[Entry]) -> String {
    let bare = name.trim_start_matches('@').trim_end_matches("()");
    let mut names: Vec<&str> = entries.iter().map(|entry| entry.name.as_str()).collect();
    names.dedup();
    let mut near: Vec<&str> = systap_diagnostics::nearest(bare, names.iter().copied()).into_iter().collect();
    let part = |known: &&&str| bare.len() > 2 && known.contains(bare) && !near.contains(*known);
    let parts: Vec<&str> = names.iter().filter(part).take(5).copied().collect();
    near.extend(parts);
    let mut quoted: Vec<String> = near.iter().map(|name| format!("`{name}`")).collect();
    quoted.dedup();
    let hint = match quoted.split_last() {
        None => "`systap doc` lists all".to_owned(),
        Some((one, [])) => format!("did you mean {one}?"),
        Some((last, others)) => format!("did you mean {} or {last}?", others.join(", ")),
    };
    format!("nothing is called `{name}`: {hint}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_as_people_write_them() {
        let entries = documentation();
        let kinds = |name: &str| named(&entries, name).iter().map(|entry| entry.kind).collect::<Vec<_>>();
        assert_eq!(kinds("substr()"), [Kind::Function]);
        assert_eq!(kinds("ctime"), [Kind::Function, Kind::Function]);
        assert_eq!(kinds("@task"), [Kind::Macro]);
        assert_eq!(kinds("timer.s(1)"), [Kind::Probe]);
        assert_eq!(kinds("syscall.*"), [Kind::Probe]);
        assert_eq!(kinds("error"), [Kind::Function, Kind::Probe]);
        assert_eq!(kinds("panic"), [Kind::Refused]);
        assert_eq!(kinds("@substr"), []);
        assert_eq!(unknown("sbstr", &entries), "nothing is called `sbstr`: did you mean `substr`?");
    }
}
