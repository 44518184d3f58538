//! The customary names of what system calls are given: those of manual pages and of SystemTap's tapset, where the kernel's own
//! declaration has another. Facts only: what a name stands for is text, which `offered` makes a value of.
//!
//! `customary.txt` has a line for calls that share names: `call call: name=meaning ...`. A meaning is another name, a number, a text in
//! quotes, or a function of the library with names as its arguments.

use std::collections::HashMap;
use std::sync::LazyLock;

use systap_kernel::syscall::Syscall;

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// Another name, which may have a suffix.
    Name(&'static str),
    /// What a call without that argument would give.
    Number(i64),
    /// The same, as a text.
    Text(&'static str),
    /// What a function of the library makes of arguments.
    Made {
        /// The function.
        function: &'static str,
        /// Names of arguments, or numbers.
        of: &'static str,
    },
}

impl Meaning {
    fn read(text: &'static str) -> Meaning {
        if let Ok(number) = text.parse() {
            return Meaning::Number(number);
        }
        if let Some(text) = text.strip_prefix('"') {
            return Meaning::Text(text.trim_end_matches('"'));
        }
        match text.split_once('(') {
            Some((function, of)) => Meaning::Made { function, of: of.trim_end_matches(')') },
            None => Meaning::Name(text),
        }
    }
}

/// By call: its customary names, in the order of the file.
static NAMES: LazyLock<HashMap<&'static str, Vec<(&'static str, Meaning)>>> = LazyLock::new(|| {
    let mut names: HashMap<&str, Vec<(&str, Meaning)>> = HashMap::new();
    for line in include_str!("customary.txt").lines() {
        let Some((calls, meanings)) = line.split_once(": ") else { continue };
        for call in calls.split(' ') {
            let pairs = meanings.split(' ').filter_map(|pair| pair.split_once('='));
            names.entry(call).or_default().extend(pairs.map(|(name, meaning)| (name, Meaning::read(meaning))));
        }
    }
    names
});

/// The customary names of a call.
pub(super) fn of(call: &Syscall) -> &'static [(&'static str, Meaning)] {
    NAMES.get(call.name).map(Vec::as_slice).unwrap_or_default()
}

/// What a customary name of a call stands for.
pub(super) fn meaning(call: &Syscall, name: &str) -> Option<Meaning> {
    of(call).iter().find(|(known, _)| *known == name).map(|(_, meaning)| *meaning)
}

#[cfg(test)]
mod tests {
    use super::*;
    use systap_kernel::Arch;
    use systap_kernel::syscall::SyscallTable;

    #[test]
    fn each_line_names_calls_and_arguments_that_exist() {
        let table = SyscallTable::of(Arch::X86_64);
        let mut wrong = vec![];
        for (name, names) in NAMES.iter() {
            let Some(call) = table.by_name(name).filter(|found| found.name == *name) else {
                wrong.push(format!("there is no system call {name}"));
                continue;
            };
            for (name, meaning) in names {
                let arguments: Vec<&str> = match meaning {
                    Meaning::Name(name) => vec![name],
                    Meaning::Made { of, .. } => of.split(',').filter(|part| part.parse::<i64>().is_err()).collect(),
                    Meaning::Number(_) | Meaning::Text(_) => vec![],
                };
                let missing = |argument: &&str| super::super::offered::form(call, argument).is_none();
                let missing = arguments.into_iter().filter(missing);
                wrong.extend(missing.map(|argument| format!("{}: {name} stands for {argument}", call.name)));
            }
        }
        assert_eq!(wrong, Vec::<String>::new());
    }
}
