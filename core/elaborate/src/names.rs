//! What the files declare: globals, functions by name, aliases; and what is private to a file.
//!
//! Must never look into bodies.

use crate::tapset::TapsetPackage;
use std::collections::HashMap;
use systap_diagnostics::{Diagnostic, FileId, Span};
use systap_ir::program::{FunctionId, GlobalId};
use systap_syntax::ast::{Alias, Block, File, Function, FunctionBody, Global, Item, Probe, ProbePoint};

/// The number of a file among those that were taken in.
pub(crate) type Origin = u32;

/// A name, and the file that has it for itself if it is private.
type Scoped<'a> = (&'a str, Option<Origin>);

/// The priority of a function of the script that gives none; the library's come after it.
const OF_SCRIPT: i64 = 0;
pub(crate) const OF_LIBRARY: i64 = 1;

/// Whose a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// The user's own.
    Script,
    /// A file of a directory that the user named.
    Directory,
    /// A file of that package: what it declares, it shares with the package's other files.
    Package(usize),
    /// The library's.
    Library,
}

/// A function and where it stands.
#[derive(Clone, Copy, Debug)]
struct Declared<'a> {
    function: &'a Function,
    origin: Origin,
    priority: i64,
}

/// Which of the forms that one function of the script takes in the program: one for each chain of overloads that it
/// stands in, and for each handler whose target variables it reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Instance {
    /// Its name in the script.
    pub(crate) declaration: Span,
    /// The function that its `next` goes on with.
    pub(crate) after: Option<FunctionId>,
    /// The handler, by where its facts are kept.
    pub(crate) handler: Option<usize>,
}

/// The declarations of all files.
#[derive(Debug, Default)]
pub(crate) struct Names<'a> {
    globals: HashMap<Scoped<'a>, &'a Global>,
    functions: HashMap<&'a str, Vec<Declared<'a>>>,
    /// The identifiers of the globals that have been used.
    used_globals: HashMap<Scoped<'a>, GlobalId>,
    /// The identifiers of the functions that have been called.
    pub(crate) called: HashMap<Instance, FunctionId>,
    /// Each name of each alias.
    pub(crate) aliases: Vec<(&'a ProbePoint, &'a Alias)>,
    /// The probes of the script and of what it needs, in order.
    pub(crate) probes: Vec<&'a Probe>,
    /// The functions of the script, in order.
    pub(crate) script_functions: Vec<&'a Function>,
    /// The globals of the script, in order.
    pub(crate) script_globals: Vec<&'a Global>,
    /// Where something is accumulated into a global of that name, in each file.
    aggregates: HashMap<&'a str, Vec<(Origin, Span)>>,
    /// The first file of the library, once one has been read: it and all after it are the library's.
    pub(crate) library_from: Option<FileId>,
    /// The same of the user's tapsets, which are read before the library.
    pub(crate) tapsets_from: Option<FileId>,
    /// Where the blocks of probes, aliases and functions stand.
    origins: HashMap<*const Block, Origin>,
    /// Whose each file is; the files of a package are one.
    owners: Vec<Owner>,
    /// The packages of tapsets.
    pub(crate) packages: Vec<TapsetPackage>,
    /// What is not there since a condition of a package's file does not hold: the package and the condition, for each such file.
    pub(crate) refused: HashMap<String, Vec<(String, String)>>,
    /// The file whose names are looked up.
    here: Origin,
}

impl<'a> Names<'a> {
    /// Takes in a file's declarations.
    pub(crate) fn add(&mut self, file: &'a File, owner: Owner, findings: &mut Vec<Diagnostic>) {
        let of_package = |known: &Owner| matches!(owner, Owner::Package(_)) && *known == owner;
        let origin = self.owners.iter().position(of_package).unwrap_or_else(|| {
            self.owners.push(owner);
            self.owners.len() - 1
        }) as Origin;
        let script = owner == Owner::Script;
        let mut aggregates = HashMap::new();
        crate::scan::aggregates(file, &mut aggregates);
        for (name, span) in aggregates {
            self.aggregates.entry(name).or_default().push((origin, span));
        }
        for item in &file.items {
            match item {
                Item::Global(global) => self.add_global(global, origin, script, findings),
                Item::Function(function) => self.add_function(function, origin, script),
                Item::Probe(probe) => {
                    self.origins.insert(&probe.body, origin);
                    if script {
                        self.probes.push(probe);
                    }
                }
                Item::Alias(alias) => {
                    let named = alias.names.iter().flat_map(|name| &name.components);
                    for arg in named.filter_map(|component| component.arg.as_ref()) {
                        let finding = Diagnostic::error("alias-name", arg.span, "an alias' name takes no argument");
                        findings.push(finding.with_help("wildcards and arguments stand in what the alias stands for"));
                    }
                    let blocks = alias.prologue.iter().chain(&alias.epilogue);
                    self.origins.extend(blocks.map(|block| (std::ptr::from_ref(block), origin)));
                    self.aliases.extend(alias.names.iter().map(|name| (name, alias)));
                }
                Item::Embedded(_) => {}
            }
        }
    }

    fn add_global(&mut self, global: &'a Global, origin: Origin, script: bool, findings: &mut Vec<Diagnostic>) {
        let name = &global.name;
        let own = global.private || matches!(self.owner(origin), Owner::Package(_));
        let key = (name.text.as_str(), own.then_some(origin));
        if let Some(first) = self.globals.get(&key) {
            findings.push(
                Diagnostic::error(
                    "duplicate-global",
                    name.span,
                    format!("the global `{}` is declared twice", name.text),
                )
                .with_label("declared again here")
                .with_secondary(first.name.span, "first declared here"),
            );
            return;
        }
        self.globals.insert(key, global);
        if script {
            self.script_globals.push(global);
        }
    }

    fn add_function(&mut self, function: &'a Function, origin: Origin, script: bool) {
        let name = &function.name;
        if let FunctionBody::Block(body) = &function.body {
            self.origins.insert(body, origin);
        }
        let priority = function.priority.unwrap_or(if script { OF_SCRIPT } else { OF_LIBRARY });
        self.functions.entry(&name.text).or_default().push(Declared { function, origin, priority });
        if script {
            self.script_functions.push(function);
        }
    }

    /// Looks up names from now on as the file does that this block stands in; gives back what it was before.
    pub(crate) fn stand_in(&mut self, block: &Block) -> Origin {
        let before = self.here;
        self.here = self.origins.get(&std::ptr::from_ref(block)).copied().unwrap_or(before);
        before
    }

    /// Looks up names as that file does.
    pub(crate) fn go_back(&mut self, origin: Origin) {
        self.here = origin;
    }

    fn owner(&self, origin: Origin) -> Owner {
        self.owners.get(origin as usize).copied().unwrap_or(Owner::Script)
    }

    /// The global that a name means here, and whose it is. A package sees none of the script's: its words mean what they meant to
    /// who wrote it.
    fn scoped(&self, name: &str) -> Option<(Scoped<'a>, &'a Global)> {
        let packed = matches!(self.owner(self.here), Owner::Package(_));
        [Some(self.here), None].into_iter().find_map(|owner| {
            let global: &'a Global = self.globals.get(&(name, owner))?;
            let seen = owner.is_some() || !packed || self.in_library(global.name.span);
            seen.then_some(((global.name.text.as_str(), owner), global))
        })
    }

    /// The global that a name means here.
    pub(crate) fn global(&self, name: &str) -> Option<&'a Global> {
        self.scoped(name).map(|(_, global)| global)
    }

    /// The identifier of a global that has been used.
    pub(crate) fn used_global(&self, name: &str) -> Option<GlobalId> {
        self.scoped(name).and_then(|(key, _)| self.used_globals.get(&key).copied())
    }

    /// Gives the global that a name means here an identifier.
    pub(crate) fn use_global(&mut self, name: &str, id: GlobalId) {
        if let Some((key, _)) = self.scoped(name) {
            self.used_globals.insert(key, id);
        }
    }

    /// Where something is accumulated into the global that a name means here.
    pub(crate) fn accumulated(&self, name: &str) -> Option<Span> {
        let ((_, owner), _) = self.scoped(name)?;
        let mut places = self.aggregates.get(name)?.iter();
        let means_it = |origin: &Origin| match owner {
            Some(owner) => owner == *origin,
            None => !self.globals.contains_key(&(name, Some(*origin))),
        };
        places.find(|(origin, _)| means_it(origin)).map(|(_, span)| *span)
    }

    pub(crate) fn global_names(&self) -> impl Iterator<Item = &'a str> {
        let here = self.here;
        self.globals.keys().filter(move |(_, owner)| owner.is_none_or(|owner| owner == here)).map(|(name, _)| *name)
    }

    /// The functions that a name means here.
    pub(crate) fn functions(&self, name: &str) -> Vec<&'a Function> {
        self.visible(name).map(|declared| declared.function).collect()
    }

    fn visible(&self, name: &str) -> impl Iterator<Item = &Declared<'a>> {
        let here = self.here;
        let declared = self.functions.get(name).map_or(&[][..], Vec::as_slice);
        declared
            .iter()
            .filter(move |declared| declared.origin == here || !declared.function.private && self.sees(declared.origin))
    }

    /// Why what has that name is not there, if a package has it for other kernels.
    pub(crate) fn why_refused(&self, name: &str) -> Option<String> {
        let units = self.refused.get(name)?;
        let (title, _) = units.first()?;
        let parts: Vec<&str> = units.iter().map(|(_, part)| part.as_str()).collect();
        let parts = parts.join(", or where ");
        Some(format!("the tapset {title} has it only for kernels where {parts}, which is not so on this one"))
    }

    /// Whether an alias is for the files of its package only.
    pub(crate) fn is_private_alias(&self, name: &ProbePoint) -> bool {
        let words: Vec<&str> = name.components.iter().map(|component| component.name.text.as_str()).collect();
        self.keeps_to_itself(&words.join(".")).is_some()
    }

    /// The package that has an alias of that name for its own files only.
    pub(crate) fn keeps_to_itself(&self, alias: &str) -> Option<&str> {
        self.packages.iter().find(|package| package.private.contains(alias)).map(|package| package.title.as_str())
    }

    /// Whether the file whose names are looked up sees what another has for others.
    fn sees(&self, other: Origin) -> bool {
        match (self.owner(self.here), self.owner(other)) {
            (_, Owner::Library) => true,
            (Owner::Package(viewer), Owner::Package(of)) => crate::tapset::uses(&self.packages, Some(viewer), of),
            // A script can put a function of its own in the place of one that the library calls.
            (viewer, Owner::Script | Owner::Directory) => !matches!(viewer, Owner::Package(_)),
            (viewer, Owner::Package(_)) => viewer != Owner::Library,
        }
    }

    /// The functions that a call of that name with that many arguments means here, in the order in which they are tried.
    pub(crate) fn overloads(&self, name: &str, arity: usize) -> Vec<&'a Function> {
        let mut found: Vec<&Declared<'a>> =
            self.visible(name).filter(|declared| declared.function.params.len() == arity).collect();
        found.sort_by_key(|declared| declared.priority);
        found.into_iter().map(|declared| declared.function).collect()
    }

    pub(crate) fn function_names(&self) -> impl Iterator<Item = &'a str> {
        self.functions.keys().copied()
    }

    /// Whether a place is in a file of the user's own.
    pub(crate) fn in_script(&self, span: Span) -> bool {
        !self.in_library(span) && self.tapsets_from.is_none_or(|first| span.file < first)
    }

    /// Whether a place is in a file of the library.
    pub(crate) fn in_library(&self, span: Span) -> bool {
        self.library_from.is_some_and(|first| span.file >= first)
    }
}
