//! What people are told of functions, macros, output and probe points: read from the comments above their declarations.
//!
//! A comment has a fixed form: a sentence that says what it does, perhaps more of them, then lines that begin with
//! `Returns`, `Errors:` and `Example:`. What the library declares is documented there; what is made of the runtimes' own
//! means, in the files of this folder, which have the same form. Must never be needed to run a script, and must never say
//! where something runs: whoever asks can find that out by having it placed.

mod comment;
mod example;

use self::comment::{Block, blocks};
use crate::{guru, library, macros, probe_types};

pub use self::example::Claim;

/// The functions that are made of the runtimes' own means.
const BUILTIN: &str = include_str!("builtin.txt");
/// The functions that write and format.
const OUTPUT: &str = include_str!("output.txt");
/// The operators whose names begin with an `@`.
const OPERATORS: &str = include_str!("operators.txt");
/// The families of probe points.
const PROBES: &str = include_str!("probes.txt");

/// What something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A function of the library or of the runtimes.
    Function,
    /// A function that writes or formats, with as many arguments as it is given.
    Output,
    /// A macro of the library, or an operator that is written like one.
    Macro,
    /// A family of probe points.
    Probe,
    /// A function that is known by name, and that a call cannot have.
    Refused,
}

/// Something that scripts find without defining it. Functions of one name with different parameters are one each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What it is.
    pub kind: Kind,
    /// Its name, for a macro without the `@`; the first word of a family's points.
    pub name: String,
    /// What it is about, with others.
    pub topic: String,
    /// How it is declared or written; of a family, each of its points.
    pub forms: Vec<String>,
    /// Names and types (`long`, `string`) of a function's parameters.
    pub params: Vec<(String, String)>,
    /// `long` or `string`, if a function returns something.
    pub result: Option<String>,
    /// A call of it takes guru mode (`-g`).
    pub guru: bool,
    /// Sentences: the first says what it does.
    pub sentences: Vec<String>,
    /// What it returns, with the unit, as what follows "Returns".
    pub returns: Option<String>,
    /// When it ends in an error.
    pub errors: Option<String>,
    /// A script, statements of a handler, or claims such as `f(1) is 2.`
    pub example: Option<String>,
}

impl Entry {
    /// The sentence that says what it does.
    pub fn first_sentence(&self) -> &str {
        self.sentences.first().map_or("", String::as_str)
    }

    /// What the fixed form demands and this lacks, in words.
    pub fn lacks(&self) -> Vec<&'static str> {
        let first = self.first_sentence();
        let whole = first.starts_with(|c: char| c.is_uppercase()) && first.ends_with('.');
        let demands = [
            (!whole, "a first line that is a whole sentence"),
            (self.result.is_some() && self.returns.is_none(), "a line `// Returns ...`"),
            (self.kind != Kind::Refused && self.example.is_none(), "a line `// Example: ...`"),
        ];
        demands.into_iter().filter(|(missing, _)| *missing).map(|(_, what)| what).collect()
    }

    /// The example as a script; statements get a handler around them.
    pub fn example_script(&self) -> Option<String> {
        self.example.as_deref().map(example::script)
    }

    /// What the example claims, if it consists of claims.
    pub fn claims(&self) -> Vec<Claim> {
        self.example.as_deref().map(example::claims).unwrap_or_default()
    }
}

/// Everything that scripts find without defining it, by kind and then by topic.
pub fn documentation() -> Vec<Entry> {
    let mut entries: Vec<Entry> = blocks(OUTPUT).filter_map(|block| output(block)).collect();
    let titles: Vec<(&str, String)> =
        library::texts().map(|(name, text)| (stem(name), comment::title(text).unwrap_or_default())).collect();
    let mut functions: Vec<Entry> = blocks(BUILTIN).filter_map(|block| function(block, &titles)).collect();
    for (name, text) in library::texts() {
        let of_file = blocks(text).filter_map(|block| function(Block { topic: stem(name), ..block }, &titles));
        functions.extend(of_file.filter(|entry| !entry.name.starts_with("__")));
    }
    functions.sort_by(|one, other| (&one.topic, &one.name).cmp(&(&other.topic, &other.name)));
    entries.extend(functions);
    entries
        .extend(blocks(OPERATORS).filter_map(|block| Some(Entry { topic: "Operators".to_owned(), ..defined(block)? })));
    let macros = macros::texts().flat_map(blocks).filter_map(|block| defined(block));
    entries.extend(macros.filter(|entry| !entry.name.starts_with("__")));
    entries.extend(blocks(PROBES).filter_map(|block| family(block)));
    entries.extend(guru::rows().map(refused));
    entries
}

/// `memory` of `library/memory.stp`.
fn stem(name: &str) -> &str {
    name.trim_start_matches("library/").trim_end_matches(".stp")
}

fn entry(kind: Kind, name: &str, topic: &str, forms: Vec<String>, block: &Block<'_>) -> Entry {
    let fields = comment::fields(&block.comment);
    Entry {
        kind,
        name: name.to_owned(),
        topic: topic.to_owned(),
        forms,
        params: vec![],
        result: None,
        guru: kind == Kind::Function && guru::is_allowed_only(name),
        sentences: fields.sentences,
        returns: fields.returns,
        errors: fields.errors,
        example: fields.example,
    }
}

/// A function by its declaration: `function name:type (name:type, ...)`.
fn function(block: Block<'_>, titles: &[(&str, String)]) -> Option<Entry> {
    let declared = block.declaration.strip_prefix("function ")?.trim_start();
    let (head, rest) = declared.split_once('(')?;
    let (params, _) = rest.split_once(')')?;
    let (name, result) = match head.trim().split_once(':') {
        Some((name, ty)) => (name.trim(), Some(ty.trim().to_owned())),
        None => (head.trim(), None),
    };
    let params: Vec<(String, String)> = params
        .split(',')
        .filter_map(|param| param.split_once(':'))
        .map(|(name, ty)| (name.trim().to_owned(), ty.trim().to_owned()))
        .collect();
    let listed: Vec<String> = params.iter().map(|(name, ty)| format!("{name}:{ty}")).collect();
    let form = match &result {
        Some(ty) => format!("{name}:{ty} ({})", listed.join(", ")),
        None => format!("{name} ({})", listed.join(", ")),
    };
    let topic = titles.iter().find(|(stem, _)| *stem == block.topic).map_or(block.topic, |(_, title)| title);
    Some(Entry { params, result, ..entry(Kind::Function, name, topic, vec![form], &block) })
}

/// A function that writes or formats, by its forms: `output name (...)`.
fn output(block: Block<'_>) -> Option<Entry> {
    let form = block.declaration.strip_prefix("output ")?;
    let name = form.split([' ', ':']).next()?;
    let result = form.split(" (").next()?.split_once(':').map(|(_, ty)| ty.to_owned());
    Some(Entry { result, ..entry(Kind::Output, name, "Output and texts by a format", vec![form.to_owned()], &block) })
}

/// A macro, by its definition.
fn defined(block: Block<'_>) -> Option<Entry> {
    let rest = block.declaration.strip_prefix("@define ")?;
    let form = rest.split("%(").next()?.split_whitespace().collect::<Vec<_>>().join(" ");
    let name = form.split(['(', ' ']).next()?;
    Some(entry(Kind::Macro, name, "Macros", vec![format!("@{form}")], &block))
}

/// A family of probe points: `probe word`.
fn family(block: Block<'_>) -> Option<Entry> {
    let name = block.declaration.strip_prefix("probe ")?.trim();
    let forms = probe_types().into_iter().filter(|form| first_word(form) == name).collect();
    Some(entry(Kind::Probe, name, "Probe points", forms, &block))
}

fn refused((name, params, why): (&'static str, Vec<&'static str>, &'static str)) -> Entry {
    let params: Vec<(String, String)> =
        params.iter().enumerate().map(|(index, ty)| (format!("arg{}", index + 1), (*ty).to_owned())).collect();
    let listed: Vec<String> = params.iter().map(|(name, ty)| format!("{name}:{ty}")).collect();
    Entry {
        kind: Kind::Refused,
        name: name.to_owned(),
        topic: "Known, and refused".to_owned(),
        forms: vec![format!("{name} ({})", listed.join(", "))],
        params,
        result: None,
        guru: true,
        sentences: vec![format!("Cannot be called: it {why}.")],
        returns: None,
        errors: None,
        example: None,
    }
}

/// The word that a point begins with.
pub fn first_word(point: &str) -> &str {
    point.split(['.', '(']).next().unwrap_or_default()
}

#[cfg(test)]
mod tests;
