//! Tapsets: files of definitions that a script may use without naming the file, as those of SystemTap's `-I`.
//!
//! An index of names, made without parsing, says which file may have a definition; what the script needs is parsed, and what
//! that needs in turn. Must never read a file (whoever has the text gives it), and never let a file that nobody needs cost
//! more than its words, or be complained of.

use crate::elaboration::Elaboration;
use crate::scan::{self, Node};
use std::collections::{BTreeSet, HashMap, HashSet};
use systap_diagnostics::{Diagnostic, Severity};
use systap_kernel::glob;
use systap_syntax::ast::{ExprKind, File, ForeachOver, FunctionBody, Item, ProbePoint, StatementKind};
use systap_syntax::{ParseOptions, SyntaxKind, parse, tokens};

/// Gives the text of tapset files.
pub trait TapsetSource {
    /// All files, in the order in which they are searched.
    fn files(&self) -> &[TapsetFile];
}

/// A file of a tapset.
#[derive(Clone, Debug)]
pub struct TapsetFile {
    /// What messages call it.
    pub name: String,
    /// All of it.
    pub text: String,
}

/// The tapsets of a run, and how their files are parsed.
#[derive(Clone)]
pub struct Tapsets<'a> {
    /// Where they come from.
    pub source: &'a dyn TapsetSource,
    /// The same facts and macros as the script's.
    pub parse: ParseOptions<'a>,
}

impl std::fmt::Debug for Tapsets<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tapsets").field("files", &self.source.files().len()).finish_non_exhaustive()
    }
}

/// Which files have, or may have, a definition of a name. A branch that the preprocessor will drop counts too.
#[derive(Debug, Default)]
struct Index<'t> {
    /// Functions and global variables.
    words: HashMap<&'t str, Vec<usize>>,
    /// Aliases: the words of the name, and the file.
    aliases: Vec<(Vec<&'t str>, usize)>,
}

impl<'t> Index<'t> {
    fn of(files: &'t [TapsetFile]) -> Self {
        let mut index = Index::default();
        for (number, file) in files.iter().enumerate() {
            index.add(number, &file.text);
        }
        index
    }

    fn add(&mut self, number: usize, text: &'t str) {
        // What kind of declaration the next word belongs to; a `global` has several.
        let mut declares = None;
        let mut alias = vec![];
        let mut depth = 0_usize;
        for (kind, token) in tokens(text).filter(|(kind, _)| !kind.is_trivia()) {
            match kind {
                SyntaxKind::LeftBrace => (depth, declares) = (depth + 1, None),
                SyntaxKind::RightBrace => depth = depth.saturating_sub(1),
                SyntaxKind::FunctionKw | SyntaxKind::GlobalKw | SyntaxKind::ProbeKw => {
                    declares = Some(kind);
                    alias.clear();
                }
                SyntaxKind::Equals | SyntaxKind::PlusEquals if declares == Some(SyntaxKind::ProbeKw) => {
                    self.aliases.push((std::mem::take(&mut alias), number));
                }
                _ if declares == Some(SyntaxKind::ProbeKw) && is_word(kind) => alias.push(token),
                _ if declares.is_some() && is_word(kind) => {
                    let files = self.words.entry(token).or_default();
                    if files.last() != Some(&number) {
                        files.push(number);
                    }
                    if declares == Some(SyntaxKind::FunctionKw) {
                        declares = None;
                    }
                }
                _ => {}
            }
        }
    }

    /// The files that a file's words may need.
    fn needed_by(&self, file: &File) -> BTreeSet<usize> {
        let mut needed = BTreeSet::new();
        for word in words(file) {
            needed.extend(self.words.get(word).into_iter().flatten());
        }
        for point in points(file) {
            let fitting = self.aliases.iter().filter(|(name, _)| may_mean(point, name));
            needed.extend(fitting.map(|(_, file)| *file));
        }
        needed
    }
}

/// Whether a token can be a part of a name.
fn is_word(kind: SyntaxKind) -> bool {
    kind == SyntaxKind::Ident || kind.is_keyword()
}

/// Whether a point may be of an alias of that name, arguments left aside.
fn may_mean(point: &ProbePoint, name: &[&str]) -> bool {
    let mut given = point.components.iter().map(|component| component.name.text.as_str());
    for word in name {
        match given.next() {
            Some(pattern) if pattern.contains("**") => return true,
            Some(pattern) if glob::matches(pattern, word) => {}
            _ => return false,
        }
    }
    true
}

/// The points that a file probes.
fn points(file: &File) -> impl Iterator<Item = &ProbePoint> {
    file.items.iter().flat_map(|item| match item {
        Item::Probe(probe) => probe.points.as_slice(),
        Item::Alias(alias) => alias.points.as_slice(),
        _ => &[],
    })
}

/// Every word of a file that may be a function's or a global's name.
pub(crate) fn words<'a>(file: &'a File) -> HashSet<&'a str> {
    let mut words: HashSet<&'a str> = HashSet::new();
    let mut visit = |node: Node<'a>| words.extend(word_of(node));
    for item in &file.items {
        let (blocks, points): (Vec<_>, &[ProbePoint]) = match item {
            Item::Function(function) => match &function.body {
                FunctionBody::Block(body) => (vec![body], &[]),
                FunctionBody::Embedded(_) => continue,
            },
            Item::Probe(probe) => (vec![&probe.body], &probe.points),
            Item::Alias(alias) => (alias.prologue.iter().chain(&alias.epilogue).collect(), &alias.points),
            Item::Global(_) | Item::Embedded(_) => continue,
        };
        blocks.into_iter().for_each(|block| scan::block(block, &mut visit));
        points.iter().filter_map(|point| point.condition.as_ref()).for_each(|expr| scan::expr(expr, &mut visit));
    }
    words
}

fn word_of(node: Node<'_>) -> Option<&str> {
    match node {
        Node::Expr(expr) => match &expr.kind {
            ExprKind::Name(name) => Some(name),
            ExprKind::Index { array: name, .. } | ExprKind::In { array: name, .. } => Some(&name.text),
            ExprKind::Call { function, .. } => Some(&function.text),
            _ => None,
        },
        Node::Statement(statement) => match &statement.kind {
            StatementKind::Foreach(foreach) => match &foreach.over {
                ForeachOver::Array { name, .. } => Some(&name.text),
                ForeachOver::Histogram(_) => None,
            },
            _ => None,
        },
    }
}

impl<'a> Elaboration<'a> {
    /// Takes in the tapset files that the script needs, and those that these need.
    pub(crate) fn read_tapsets(&mut self, tapsets: &Tapsets<'_>, script: &'a [File]) {
        let files = tapsets.source.files();
        let index = Index::of(files);
        let mut open: Vec<&'a File> = script.iter().collect();
        let mut taken: HashSet<usize> = HashSet::new();
        while let Some(file) = open.pop() {
            for number in index.needed_by(file) {
                let (Some(cell), Some(text)) = (self.library.tapset(number), files.get(number)) else { continue };
                if !taken.insert(number) {
                    continue;
                }
                let (id, file) = match cell.get() {
                    // An earlier round has parsed it.
                    Some(known) => known,
                    None => {
                        let id = self.sources.add(text.name.as_str(), text.text.as_str());
                        let parsed = parse(self.sources, id, &tapsets.parse);
                        let mut found = parsed.diagnostics.into_iter();
                        if let Some(first) = found.find(|found| found.severity == Severity::Error) {
                            let said = format!(
                                "the tapset file `{}` has errors and is left out: {}",
                                text.name, first.message
                            );
                            let warning = Diagnostic { severity: Severity::Warning, message: said, ..first };
                            self.report(Diagnostic { code: "tapset-left-out", ..warning });
                            continue;
                        }
                        cell.get_or_init(|| (id, parsed.file))
                    }
                };
                let first = self.names.tapsets_from.get_or_insert(*id);
                *first = (*first).min(*id);
                self.take_in(file);
                open.push(file);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use systap_diagnostics::Sources;

    fn file(name: &str, text: &str) -> TapsetFile {
        TapsetFile { name: name.to_owned(), text: text.to_owned() }
    }

    #[test]
    fn a_script_needs_the_files_of_its_words_and_of_its_points() {
        let files = [
            file("a", "function f:long(x) { return g(x) } %( arch == \"none\" %? function h() {} %)"),
            file("b", "global table, count%[5]\nprivate global secret = 1"),
            file("c", "probe net.sent = kernel.trace(\"x\") { len = 1 }, { later = 2 }\nprobe net.got += begin {}"),
        ];
        let index = Index::of(&files);
        let needed = |script: &str| {
            let mut sources = Sources::default();
            let id = sources.add("t", script);
            let parsed = parse(&mut sources, id, &ParseOptions::default());
            assert_eq!(parsed.diagnostics, [], "{script}");
            index.needed_by(&parsed.file).into_iter().collect::<Vec<_>>()
        };
        assert_eq!(needed("probe begin { println(f(1)) }"), [0]);
        assert_eq!(needed("probe begin { h() }"), [0]);
        assert_eq!(needed("probe begin { if (1) foreach (k in table) println(k) }"), [1]);
        assert_eq!(needed("probe begin if (secret) { delete count }"), [1]);
        assert_eq!(needed("probe net.sent { println(f(2)) }"), [0, 2]);
        assert_eq!(needed("probe ne*.got { }"), [2]);
        assert_eq!(needed("probe net.lost ? { }"), [0_usize; 0]);
        assert_eq!(needed("probe begin { len = 1 println(len) }"), [0_usize; 0]);
    }
}
