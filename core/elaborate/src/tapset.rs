//! Tapsets: files of definitions that a script may use without naming the file. There are two kinds: the directories of SystemTap's
//! `-I`, whose files are as the script's own, and packages, whose files share names that nobody else sees.
//!
//! An index of names, made without parsing, says which file may have a definition; what the script needs is parsed, and what
//! that needs in turn. Must never read a file (whoever has the text gives it), and never let a file that nobody needs cost
//! more than its words, or be complained of.

use crate::elaboration::Elaboration;
use crate::names::Owner;
use crate::scan::{self, Node};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, HashMap, HashSet};
use systap_diagnostics::{Diagnostic, FileId, Severity};
use systap_kernel::{Kernel, glob};
use systap_syntax::ast::{ExprKind, File, ForeachOver, FunctionBody, Item, ProbePoint, StatementKind};
use systap_syntax::{Macros, ParseOptions, SyntaxKind, parse, parse_macros, tokens};

/// Gives the text of tapset files.
pub trait TapsetSource {
    /// All files, in the order in which they are searched.
    fn files(&self) -> &[TapsetFile];

    /// The text of a file, which need not be read before somebody asks.
    fn text(&self, file: &TapsetFile) -> String {
        file.text.clone()
    }

    /// What a file declares.
    fn declared(&self, file: &TapsetFile) -> Vec<Declaration> {
        declarations(&self.text(file))
    }

    /// The packages that the files are of.
    fn packages(&self) -> &[TapsetPackage] {
        &[]
    }

    /// What a package has besides its files, for that kernel: files of macros and of scripts, for its own files.
    fn given(&self, _package: usize, _kernel: &Kernel) -> Given {
        Given::default()
    }

    /// What is false on that kernel of the condition that a file is under.
    fn refused(&self, _file: &TapsetFile, _kernel: &Kernel) -> Option<String> {
        None
    }

    /// Whether it is to be looked at even for a script that finds all it names in the library: a directory's file can stand in for
    /// what is built in, a package's cannot.
    fn always(&self) -> bool {
        true
    }
}

/// What a package has besides its files.
#[derive(Clone, Debug, Default)]
pub struct Given {
    /// Files of macros.
    pub macros: Vec<TapsetFile>,
    /// Files of scripts.
    pub scripts: Vec<TapsetFile>,
}

/// A file of a tapset.
#[derive(Clone, Debug, Default)]
pub struct TapsetFile {
    /// What messages call it.
    pub name: String,
    /// All of it, unless its source is to be asked for that: [`TapsetSource::text`].
    pub text: String,
    /// The package that it is of, by number.
    pub package: Option<usize>,
}

/// A package: its files see each other's names, and nobody else sees those that are not for others.
#[derive(Clone, Debug, Default)]
pub struct TapsetPackage {
    /// Its name and version, for messages.
    pub title: String,
    /// Its name.
    pub name: String,
    /// The packages whose names it may use.
    pub uses: Vec<String>,
    /// Whether it has macros of its own, beside its constants.
    pub has_macros: bool,
    /// What it uses and does not find: a name and what is wrong with it, each.
    pub lacks: Vec<String>,
    /// Aliases that are for its own files.
    pub private: HashSet<String>,
    /// What is to be said to who uses an alias.
    pub deprecated: HashMap<String, String>,
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

/// A declaration that a file has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    file: usize,
    /// Whether only files of its own package see it.
    private: bool,
}

/// Which files have, or may have, a definition of a name. A branch that the preprocessor will drop counts too.
#[derive(Debug, Default)]
pub(crate) struct Index {
    /// Functions and global variables.
    words: HashMap<String, Vec<Place>>,
    /// Aliases: the words of the name, and the file.
    aliases: Vec<(Vec<String>, usize)>,
    /// The package of each file.
    packages: Vec<Option<usize>>,
}

impl Index {
    fn of(source: &dyn TapsetSource) -> Self {
        let files = source.files();
        let mut index = Index { packages: files.iter().map(|file| file.package).collect(), ..Index::default() };
        for (number, file) in files.iter().enumerate() {
            index.add(number, source.declared(file));
        }
        index
    }

    fn add(&mut self, number: usize, declared: Vec<Declaration>) {
        let packed = self.packages.get(number).is_some_and(Option::is_some);
        for declared in declared {
            if declared.kind == Declares::Alias {
                self.aliases.push((declared.name.split('.').map(str::to_owned).collect(), number));
                continue;
            }
            // The variables of a package are its own.
            let private = packed && (declared.private || declared.kind == Declares::Global);
            let places = self.words.entry(declared.name).or_default();
            if places.last().is_none_or(|last| last.file != number) {
                places.push(Place { file: number, private });
            }
        }
    }

    /// The names of all aliases.
    pub(crate) fn aliases(&self) -> impl Iterator<Item = String> {
        self.aliases.iter().map(|(words, _)| words.join("."))
    }

    /// The files that a file of that package, or of none, may need for its words.
    fn needed_by(&self, file: &File, viewer: Option<usize>, packages: &[TapsetPackage]) -> BTreeSet<usize> {
        let sees = |place: &Place| match (self.packages[place.file], viewer) {
            (None, _) => viewer.is_none(),
            (Some(of), Some(viewer)) if of == viewer => true,
            (Some(of), viewer) => !place.private && uses(packages, viewer, of),
        };
        let mut needed = BTreeSet::new();
        for word in words(file) {
            let places = self.words.get(word).into_iter().flatten();
            needed.extend(places.filter(|place| sees(place)).map(|place| place.file));
        }
        for point in points(file) {
            let fitting = self.aliases.iter().filter(|(name, _)| may_mean(point, name));
            let files = fitting.map(|(_, file)| *file);
            needed.extend(files.filter(|file| sees(&Place { file: *file, private: false })));
        }
        needed
    }
}

/// Whether what stands in that package, or in none, may use what another package has for others.
pub(crate) fn uses(packages: &[TapsetPackage], viewer: Option<usize>, of: usize) -> bool {
    let Some(viewer) = viewer.and_then(|viewer| packages.get(viewer)) else { return viewer.is_none() };
    packages.get(of).is_some_and(|package| viewer.uses.contains(&package.name))
}

/// What a declaration is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Declares {
    /// A probe alias.
    Alias,
    /// A function.
    Function,
    /// A global variable.
    Global,
}

/// A declaration in a file, as far as it can be told without parsing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Declaration {
    /// What of.
    pub kind: Declares,
    /// The name; an alias' words with dots.
    pub name: String,
    /// Whether it is said to be private.
    pub private: bool,
    /// Where the declaration begins, in bytes from the file's start: at `private`, `function`, `global` or `probe`.
    pub at: usize,
}

/// What a file declares, in order. A branch that the preprocessor will drop counts too.
pub fn declarations(text: &str) -> Vec<Declaration> {
    let mut found = vec![];
    // What kind of declaration the next word belongs to; a `global` has several.
    let mut declares = None;
    let mut private = None;
    let (mut at, mut begins) = (0, 0);
    let mut alias: Vec<&str> = vec![];
    let mut of = |kind, name: String, private: Option<usize>, at| {
        found.push(Declaration { kind, name, private: private.is_some(), at: private.unwrap_or(at) });
    };
    let mut after_dot = false;
    for (kind, token) in tokens(text) {
        let here = at;
        at += token.len();
        if kind.is_trivia() {
            continue;
        }
        // `kernel.function`: what follows a dot declares nothing.
        let word_of_point = std::mem::replace(&mut after_dot, kind == SyntaxKind::Dot);
        match kind {
            _ if word_of_point && declares == Some(SyntaxKind::ProbeKw) && is_word(kind) => alias.push(token),
            SyntaxKind::LeftBrace | SyntaxKind::RightBrace => (declares, private) = (None, None),
            SyntaxKind::PrivateKw => private = Some(here),
            SyntaxKind::FunctionKw | SyntaxKind::GlobalKw | SyntaxKind::ProbeKw => {
                (declares, begins) = (Some(kind), here);
                alias.clear();
            }
            SyntaxKind::Equals | SyntaxKind::PlusEquals if declares == Some(SyntaxKind::ProbeKw) => {
                of(Declares::Alias, alias.join("."), None, begins);
                alias.clear();
            }
            _ if declares == Some(SyntaxKind::ProbeKw) && is_word(kind) => alias.push(token),
            _ if declares == Some(SyntaxKind::FunctionKw) && is_word(kind) => {
                of(Declares::Function, token.to_owned(), private, begins);
                (declares, private) = (None, None);
            }
            _ if declares == Some(SyntaxKind::GlobalKw) && is_word(kind) => {
                of(Declares::Global, token.to_owned(), private, begins);
            }
            _ => {}
        }
    }
    found
}

/// Whether a token can be a part of a name.
fn is_word(kind: SyntaxKind) -> bool {
    kind == SyntaxKind::Ident || kind.is_keyword()
}

/// Whether a point may be of an alias of that name, arguments left aside.
fn may_mean(point: &ProbePoint, name: &[String]) -> bool {
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

/// Whether a script names a point or calls a function that is not built in.
pub(crate) fn are_asked_for(script: &[File]) -> bool {
    let own: HashSet<&str> = script.iter().flat_map(|file| &file.items).filter_map(own_function).collect();
    script.iter().any(|file| {
        points(file).any(|point| !crate::probe::is_of_a_family(point))
            || calls(file).any(|name| !own.contains(name) && !is_built_in(name))
    })
}

/// Whether the language or its library has a function of that name.
fn is_built_in(name: &str) -> bool {
    systap_syntax::format::OUTPUT.contains(&name)
        || crate::builtin::names().chain(crate::library::names()).any(|known| known == name)
}

/// The functions that a file calls.
fn calls(file: &File) -> impl Iterator<Item = &str> {
    let mut names: HashSet<&str> = HashSet::new();
    each_node(file, |node| {
        if let Node::Expr(expr) = node
            && let ExprKind::Call { function, .. } = &expr.kind
        {
            names.insert(&function.text);
        }
    });
    names.into_iter()
}

fn own_function(item: &Item) -> Option<&str> {
    match item {
        Item::Function(function) => Some(&function.name.text),
        _ => None,
    }
}

/// Every word of a file that may be a function's or a global's name.
pub(crate) fn words<'a>(file: &'a File) -> HashSet<&'a str> {
    let mut words: HashSet<&'a str> = HashSet::new();
    each_node(file, |node| words.extend(word_of(node)));
    words
}

/// Visits every node of the bodies and conditions of a file.
fn each_node<'a>(file: &'a File, mut visit: impl FnMut(Node<'a>)) {
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

/// The name of a point that is words only, as an alias is named.
fn plain_name(point: &ProbePoint) -> Option<String> {
    let plain = point.components.iter().all(|component| component.arg.is_none());
    let words: Vec<&str> = point.components.iter().map(|component| component.name.text.as_str()).collect();
    plain.then(|| words.join("."))
}

impl<'a> Elaboration<'a> {
    /// Takes in the tapset files that the script needs, and those that these need.
    pub(crate) fn read_tapsets(&mut self, tapsets: &Tapsets<'_>, script: &'a [File]) {
        let (files, packages) = (tapsets.source.files(), tapsets.source.packages());
        let index = self.library.index(|| Index::of(tapsets.source));
        self.names.packages = packages.to_vec();
        script.iter().for_each(|file| self.remark_on_aliases(file, packages));
        let mut open: Vec<(&'a File, Option<usize>)> = script.iter().map(|file| (file, None)).collect();
        let (mut taken, mut taken_of, mut given): (HashSet<usize>, HashSet<usize>, HashSet<usize>) = Default::default();
        while let Some((file, viewer)) = open.pop() {
            for number in index.needed_by(file, viewer, packages) {
                let (Some(cell), Some(text)) = (self.library.tapset(number), files.get(number)) else { continue };
                if !taken.insert(number) {
                    continue;
                }
                if let Some(part) = tapsets.source.refused(text, self.kernel) {
                    let title = text.package.and_then(|package| packages.get(package)).map_or("", |of| &of.title);
                    let aliases =
                        index.aliases.iter().filter(|(_, file)| *file == number).map(|(name, _)| name.join("."));
                    let functions =
                        index.words.iter().filter(|(_, places)| places.iter().any(|place| place.file == number));
                    let names = aliases.chain(functions.map(|(name, _)| name.clone()));
                    names.for_each(|name| {
                        self.names.refused.entry(name).or_default().push((title.to_owned(), part.clone()));
                    });
                    continue;
                }
                let (id, file) = match cell.get() {
                    // An earlier round has parsed it.
                    Some(known) => known,
                    None => {
                        let id = self.sources.add(text.name.as_str(), tapsets.source.text(text));
                        let macros = text.package.map(|package| self.macros_of(package, id, tapsets));
                        let library = macros.as_ref().or(tapsets.parse.library);
                        let parsed = parse(self.sources, id, &ParseOptions { library, ..tapsets.parse.clone() });
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
                self.take_in(file, text.package.map_or(Owner::Directory, Owner::Package));
                open.push((file, text.package));
                if let Some(package) = text.package.filter(|package| taken_of.insert(*package)) {
                    for lacking in packages.get(package).into_iter().flat_map(|package| &package.lacks) {
                        let title = packages.get(package).map_or("", |of| of.title.as_str());
                        let said = format!("the tapset {title} needs the tapset {lacking}");
                        self.report(Diagnostic::error_without_place("missing-dependency", said));
                    }
                }
                // A function that nobody has may be one of the package's tables.
                let unknown = || calls(file).any(|name| !is_built_in(name) && !index.words.contains_key(name));
                if let Some(package) = text.package.filter(|package| !given.contains(package) && unknown()) {
                    given.insert(package);
                    self.read_given(package, tapsets);
                }
            }
        }
    }

    /// The macros that a package's file finds: its package's and the library's.
    fn macros_of(&mut self, package: usize, file: FileId, tapsets: &Tapsets<'_>) -> Macros {
        let mut all = Macros::default();
        // The operators that begin with `@` are in small letters, and so are the library's macros: a package that is asked for its
        // values may have to start a process for that.
        let text = &self.sources.file(file).text;
        let asks = text.split('@').skip(1).any(|rest| rest.starts_with(|c: char| c.is_ascii_uppercase() || c == '_'));
        let has_own = tapsets.source.packages().get(package).is_some_and(|package| package.has_macros);
        if !asks && !has_own {
            let (found, findings) = crate::macros(self.sources, file);
            findings.into_iter().for_each(|finding| self.report(finding));
            return found.unwrap_or_default();
        }
        for text in self.library.given(package, || tapsets.source.given(package, self.kernel)).macros.clone() {
            let id = self.sources.add(text.name.as_str(), text.text.as_str());
            let options = ParseOptions { library: None, ..tapsets.parse.clone() };
            let (found, findings) = parse_macros(self.sources, id, &options);
            all.extend(found);
            findings.into_iter().for_each(|finding| self.report(finding));
        }
        let (found, findings) = crate::macros(self.sources, file);
        all.extend(found.unwrap_or_default());
        findings.into_iter().for_each(|finding| self.report(finding));
        all
    }

    /// Takes in what a package has besides its files, once.
    fn read_given(&mut self, package: usize, tapsets: &Tapsets<'_>) {
        let library = self.library;
        let given = library.given(package, || tapsets.source.given(package, self.kernel));
        let files = library.given_files(package, || {
            let mut files = vec![];
            for text in &given.scripts {
                let id = self.sources.add(text.name.as_str(), text.text.as_str());
                let options = ParseOptions { library: None, ..tapsets.parse.clone() };
                let parsed = parse(self.sources, id, &options);
                parsed.diagnostics.into_iter().for_each(|finding| self.report(finding));
                files.push((id, parsed.file));
            }
            files
        });
        for (id, file) in files {
            let first = self.names.tapsets_from.get_or_insert(*id);
            *first = (*first).min(*id);
            self.take_in(file, Owner::Package(package));
        }
    }

    /// What a script's points are told by the packages that have aliases of that name.
    fn remark_on_aliases(&mut self, script: &File, packages: &[TapsetPackage]) {
        let mut seen = HashSet::new();
        for point in points(script) {
            let Some(name) = plain_name(point).filter(|name| seen.insert(name.clone())) else { continue };
            for package in packages {
                if let Some(said) = package.deprecated.get(&name) {
                    let finding =
                        Diagnostic::warning("deprecated-alias", point.span, format!("the alias `{name}` is to go"));
                    self.report(finding.with_note(format!("{}: {said}", package.title)));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use systap_diagnostics::Sources;

    fn file(name: &str, text: &str) -> TapsetFile {
        TapsetFile { name: name.to_owned(), text: text.to_owned(), package: None }
    }

    #[test]
    fn a_script_needs_the_files_of_its_words_and_of_its_points() {
        let files = [
            file("a", "function f:long(x) { return g(x) } %( arch == \"none\" %? function h() {} %)"),
            file("b", "global table, count%[5]\nprivate global secret = 1"),
            file("c", "probe net.sent = kernel.trace(\"x\") { len = 1 }, { later = 2 }\nprobe net.got += begin {}"),
        ];
        struct Given([TapsetFile; 3]);
        impl TapsetSource for Given {
            fn files(&self) -> &[TapsetFile] {
                &self.0
            }
        }
        let index = Index::of(&Given(files));
        let needed = |script: &str| {
            let mut sources = Sources::default();
            let id = sources.add("t", script);
            let parsed = parse(&mut sources, id, &ParseOptions::default());
            assert_eq!(parsed.diagnostics, [], "{script}");
            index.needed_by(&parsed.file, None, &[]).into_iter().collect::<Vec<_>>()
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
