//! The road of a script, stage by stage, from text to what can be loaded. It gives what a stage made, or what is wrong; showing
//! either is its callers'.

use std::path::PathBuf;

use systap_binary::Programs;
use systap_bpf::artifact::{Artifact, MapRole, SiteKind};
use systap_bpf::{GenerateError, KernelLayout, Needs, Options};
use systap_diagnostics::{Diagnostic, FileId, Severity, Sources};
use systap_elaborate::limits;
use systap_elaborate::{TapsetFile, Tapsets};
use systap_ir::graph::Unit;
use systap_ir::placed::{Capabilities, Placed};
use systap_ir::program::{Limits, Program};
use systap_kernel::syscall::{ArgKind, SyscallTable};
use systap_kernel::{Config, Kernel, KernelError};
use systap_syntax::{Macros, ParseOptions, ast};

use crate::cli::ScriptOptions;
use crate::facts::{self, Dialect, Told};
use crate::tapset::{Packages, TapsetDirectories, Tapsets as FoundTapsets};
use crate::terminal;

/// Bytes of the ring between kernel and user side, unless the user says.
const DEFAULT_RING: u32 = 4 << 20;

/// The same for a program whose kernel part only counts: room for its errors. Mapping a large ring costs a start half a
/// millisecond.
const QUIET_RING: u32 = 64 << 10;

/// Whether the kernel's part sends more than word of its end.
fn speaks(artifact: &Artifact) -> bool {
    artifact.sites.iter().any(|site| matches!(site.kind, SiteKind::Print(_) | SiteKind::Continue(_)))
}

/// How deep a script may nest; each link of a chain such as `a . b . c` is a level.
const MAX_DEPTH: usize = systap_formatter::MAX_DEPTH;

/// The compiler walks trees by recursion, as deep as the parser lets a script nest; there is room for that here. Pages that are
/// never touched cost nothing.
const STACK: usize = 128 << 20;

/// Mistakes that the parser sees and that cost it nothing of the tree.
const LEAVES_TREE_WHOLE: &[&str] = &["outside-a-function", "outside-a-loop", "array-initialized", "alias-blocks"];

/// Runs part of the road on a stack that holds any script; `None` if systap failed at it, which has been told.
pub(crate) fn on_deep_stack<T: Send>(work: impl FnOnce() -> T + Send) -> Option<T> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, work).ok()?;
        thread.join().ok()
    })
}

/// What a script is compiled with, besides its text.
#[derive(Debug, Default)]
pub(crate) struct Settings {
    pub(crate) args: Vec<String>,
    pub(crate) limits: Limits,
    pub(crate) globals: Vec<(String, String)>,
    pub(crate) count_hits: bool,
    /// Whether handlers can be switched off while the script runs.
    pub(crate) switches: bool,
    pub(crate) ring_bytes: Option<u32>,
    /// The kernel's ticks a second.
    pub(crate) hz: u32,
    pub(crate) dialect: Dialect,
    pub(crate) warnings: Warnings,
    pub(crate) tapset: FoundTapsets,
    /// Whether to say what points offer.
    pub(crate) list: systap_elaborate::List,
    /// A target variable that is not there is 0.
    pub(crate) skip_badvars: bool,
    /// Whether what nothing uses must be right too.
    pub(crate) unoptimized: bool,
    /// Where programs without a path are looked for.
    pub(crate) search: Vec<PathBuf>,
    /// The program that the target runs.
    pub(crate) target: Option<String>,
    /// Whether to warn of what nothing uses.
    pub(crate) advice: bool,
    /// Files of macros that the scripts find besides those of tapsets.
    pub(crate) macros: Vec<TapsetFile>,
    /// What is to be said of the options, and whether in any case or for `-v` only.
    pub(crate) remarks: Vec<(String, bool)>,
}

/// What becomes of warnings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Warnings {
    /// They are shown.
    #[default]
    Shown,
    /// Nobody hears of them.
    Silent,
    /// A script with one does not run.
    Errors,
}

/// What is to be said of a `-D` that has no effect.
fn remark(definition: &str, outcome: &limits::Outcome) -> Option<(String, bool)> {
    match outcome {
        limits::Outcome::Set => None,
        limits::Outcome::Meaningless(why) => Some((format!("-D {definition} has no effect: {why}"), false)),
        limits::Outcome::Missing(why) => Some((format!("-D {definition} has no effect: {why}"), true)),
        limits::Outcome::Unknown { nearest } => {
            let nearest = nearest.map(|name| format!("; did you mean `{name}`?")).unwrap_or_default();
            Some((format!("-D {definition} has no effect: there is no such limit{nearest}"), true))
        }
    }
}

impl Settings {
    /// Says what is to be said of the options.
    pub(crate) fn remark(&self, verbose: bool) {
        self.remarks.iter().filter(|(_, always)| *always || verbose).for_each(|(text, _)| terminal::warn(text));
    }

    /// Sets a limit (`-D`).
    pub(crate) fn limit(&mut self, definition: &str) -> Result<(), limits::LimitError> {
        let outcome = limits::set(&mut self.limits, definition)?;
        self.remarks.extend(remark(definition, &outcome));
        Ok(())
    }

    /// Reads `-G`, `-D` and their kin; a sentence if one of them makes no sense.
    /// `locked` are the folders of tapsets in versions that the script is bound to.
    pub(crate) fn new(
        options: &ScriptOptions,
        locked: &[PathBuf],
        args: Vec<String>,
        kernel: &Kernel,
    ) -> Result<Self, String> {
        let mut settings =
            Settings { args, hz: ticks_per_second(kernel), search: search_path(), ..Settings::default() };
        settings.dialect.guru = options.guru;
        settings.unoptimized = options.unoptimized;
        settings.skip_badvars = options.skip_badvars;
        settings.warnings = match (options.no_warnings, options.strict_warnings) {
            (true, _) => Warnings::Silent,
            (false, true) => Warnings::Errors,
            (false, false) => Warnings::Shown,
        };
        for definition in &options.limits {
            settings.limit(definition).map_err(|error| format!("-D {definition}: {error}"))?;
        }
        for definition in &options.globals {
            let (name, value) =
                definition.split_once('=').ok_or_else(|| format!("-G {definition}: expected NAME=VALUE"))?;
            settings.globals.push((name.to_owned(), value.to_owned()));
        }
        if let Some(missing) = options.tapsets.iter().find(|directory| !directory.is_dir()) {
            return Err(format!("-I {}: there is no such directory", missing.display()));
        }
        settings.tapset = tapsets([options.tapsets.as_slice(), locked].concat(), kernel);
        if options.sealed {
            settings.tapset = settings.tapset.sealed();
        }
        Ok(settings)
    }
}

/// The directories of programs.
pub(crate) fn search_path() -> Vec<PathBuf> {
    std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect()).unwrap_or_default()
}

/// The kernel's ticks a second, as far as it can be told.
pub(crate) fn ticks_per_second(kernel: &Kernel) -> u32 {
    let ticks = if kernel.is_running() {
        systap_sys::clock::ticks_per_second()
    } else {
        kernel.config().ok().and_then(Config::ticks_per_second)
    };
    ticks.unwrap_or(systap_elaborate::DEFAULT_HZ)
}

/// Tapsets as they are searched for on that kernel: each root is a directory of loose files, or of packages.
pub(crate) fn tapsets(roots: Vec<PathBuf>, kernel: &Kernel) -> FoundTapsets {
    let release = kernel.release().map(ToString::to_string).unwrap_or_default();
    let (packages, loose) = roots.into_iter().partition(|root| Packages::is_of_packages(root));
    FoundTapsets::new(TapsetDirectories::new(loose, &release, facts::architecture(kernel)), packages)
}

/// Why compilation ended early.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The script is wrong; the diagnostics say how.
    Script,
    /// The kernel's facts cannot be read.
    Kernel(KernelError),
    /// The kernel's facts lack a type that the kernel's part needs, as those cut down to a few names may.
    Lacking(GenerateError),
    /// The kernel's part is too big for the kernel, even without what can be left out of it.
    TooBig(GenerateError),
    /// The running kernel does not take the kernel's part.
    Load(Box<systap_runtime::LoadError>),
    /// A mistake in systap.
    Internal(GenerateError),
}

/// A compilation as far as it has come. Diagnostics of all stages collect here.
pub(crate) struct Compilation<'a> {
    pub(crate) sources: &'a mut Sources,
    pub(crate) diagnostics: Vec<Diagnostic>,
    /// Leave out of the kernel's part what takes the most code and room.
    pub(crate) small: bool,
    settings: &'a Settings,
    kernel: &'a Kernel,
    /// Those that every script finds.
    macros: Macros,
}

impl<'a> Compilation<'a> {
    pub(crate) fn new(sources: &'a mut Sources, settings: &'a Settings, kernel: &'a Kernel) -> Self {
        let macros = Macros::default();
        Compilation { sources, diagnostics: vec![], small: false, settings, kernel, macros }
    }

    /// Whether the script is for the kernel that runs.
    pub(crate) fn is_for_running(&self) -> bool {
        self.kernel.is_running()
    }

    /// What was made, unless something is wrong so far.
    pub(crate) fn unless_wrong<T>(&mut self, made: T) -> Result<T, Stop> {
        if self.settings.warnings == Warnings::Silent {
            self.diagnostics.retain(|found| found.severity == Severity::Error);
        }
        let fatal =
            |found: &Diagnostic| found.severity == Severity::Error || self.settings.warnings == Warnings::Errors;
        if self.diagnostics.iter().any(fatal) { Err(Stop::Script) } else { Ok(made) }
    }

    /// Texts to trees. All are parsed, even if one is wrong. Trees that a mistake has left whole are given all the same, so that
    /// what else is wrong with them is told together; elaborating them ends in an error.
    pub(crate) fn parse(&mut self, files: &[FileId]) -> Result<Vec<ast::File>, Stop> {
        let settings = self.settings;
        let facts = Told::new(self.kernel, &settings.dialect);
        self.macros = self.library_macros(files, &facts);
        let options = ParseOptions {
            args: settings.args.clone(),
            // With several files, each may use some.
            warn_unused_args: files.len() == 1,
            facts: Some(&facts),
            library: Some(&self.macros),
            max_depth: MAX_DEPTH,
            privileged: settings.dialect.guru,
        };
        let mut trees = vec![];
        let mut found = vec![];
        for file in files {
            let parsed = systap_syntax::parse(self.sources, *file, &options);
            if parsed.file.items.is_empty() && !parsed.has_errors() {
                let name = &self.sources.file(*file).name;
                let said = format!("`{name}` declares nothing");
                let finding = Diagnostic::error_without_place("empty-script", said)
                    .with_help("write a probe: `probe begin { println(\"hello\") exit() }`");
                found.push(finding);
            }
            found.extend(parsed.diagnostics);
            trees.push(parsed.file);
        }
        let mut errors = found.iter().filter(|found| found.severity == Severity::Error).peekable();
        let whole = errors.peek().is_some() && errors.all(|error| LEAVES_TREE_WHOLE.contains(&error.code));
        self.diagnostics.extend(found);
        match self.unless_wrong(()) {
            Err(stop) if !whole => Err(stop),
            _ => Ok(trees),
        }
    }

    /// The macros that scripts find without defining them: those of tapsets, then the library's. A file of a tapset that has an
    /// error gives none.
    fn library_macros(&mut self, files: &[FileId], facts: &Told<'_>) -> Macros {
        let mut macros = Macros::default();
        let settings = self.settings;
        let options = ParseOptions {
            args: settings.args.clone(),
            facts: Some(facts),
            max_depth: MAX_DEPTH,
            privileged: true,
            ..ParseOptions::default()
        };
        for file in settings.tapset.macros().into_iter().chain(settings.macros.iter().cloned()) {
            let id = self.sources.add(file.name.as_str(), file.text);
            let (found, diagnostics) = systap_syntax::parse_macros(self.sources, id, &options);
            match diagnostics.into_iter().find(|finding| finding.severity == Severity::Error) {
                Some(finding) => {
                    let said = format!("the macros of `{}` are left out: {}", file.name, finding.message);
                    let left_out = Diagnostic { severity: Severity::Warning, message: said, ..finding };
                    self.diagnostics.push(Diagnostic { code: "tapset-left-out", ..left_out });
                }
                None => {
                    let taken = macros.merge(found);
                    if let Some(first) = taken.first() {
                        let name = &file.name;
                        let said = format!("the macros of `{name}` are left out: another file has defined `@{first}`");
                        let left_out = Diagnostic::error_without_place("tapset-left-out", said);
                        self.diagnostics.push(Diagnostic { severity: Severity::Warning, ..left_out });
                    }
                }
            }
        }
        // What a tapset's file uses is known only once it is needed.
        if !settings.tapset.has_directories() {
            for file in files {
                let (found, findings) = systap_elaborate::macros(self.sources, *file);
                self.diagnostics.extend(findings);
                macros.extend(found.unwrap_or_default());
            }
        } else {
            let (found, findings) = systap_elaborate::all_macros(self.sources);
            self.diagnostics.extend(findings);
            macros.extend(found);
        }
        macros
    }

    /// Trees to typed program.
    pub(crate) fn elaborate(&mut self, files: &[ast::File]) -> Result<Program, Stop> {
        let elaborated = self.elaborate_with(files, systap_elaborate::elaborate);
        let known = |found: &Diagnostic| {
            self.diagnostics.iter().any(|known| (known.code, known.span) == (found.code, found.span))
        };
        let new: Vec<Diagnostic> = elaborated.diagnostics.into_iter().filter(|found| !known(found)).collect();
        self.diagnostics.extend(new);
        self.diagnostics.sort_by_key(|found| (found.span.is_none(), found.span));
        self.unless_wrong(elaborated.program)
    }

    /// Elaborates in the manner of `how`.
    pub(crate) fn elaborate_with<T>(
        &mut self,
        files: &[ast::File],
        how: impl FnOnce(systap_elaborate::Input<'_>) -> T,
    ) -> T {
        let settings = self.settings;
        let facts = Told::new(self.kernel, &settings.dialect);
        let parse = ParseOptions {
            args: settings.args.clone(),
            warn_unused_args: false,
            facts: Some(&facts),
            library: Some(&self.macros),
            max_depth: MAX_DEPTH,
            privileged: true,
        };
        let programs = Programs::new(settings.search.clone());
        how(systap_elaborate::Input {
            files,
            args: &settings.args,
            sources: self.sources,
            list: settings.list,
            tapsets: Some(Tapsets { source: &settings.tapset, parse }),
            kernel: self.kernel,
            programs: &programs,
            target: settings.target.clone(),
            limits: settings.limits,
            globals_override: settings.globals.clone(),
            hz: settings.hz,
            guru: settings.dialect.guru,
            skip_badvars: settings.skip_badvars,
            unoptimized: settings.unoptimized,
            advice: settings.advice,
        })
    }

    /// Program to graphs, optimized.
    pub(crate) fn lower(&mut self, program: &Program) -> Result<Unit, Stop> {
        match systap_ir::lower(program) {
            Ok(mut unit) => {
                systap_ir::optimize(&mut unit);
                Ok(unit)
            }
            Err(found) => {
                self.diagnostics.extend(found);
                Err(Stop::Script)
            }
        }
    }

    /// Graphs to a divided program and the bytecode of the kernel's part, which is made smaller if it has to be.
    pub(crate) fn divide(&mut self, unit: &Unit) -> Result<(Placed, Option<Artifact>), Stop> {
        loop {
            let placed = self.place(unit)?;
            match self.generate(&placed) {
                Err(Stop::Internal(error)) if error.is_of_size() && self.small => return Err(Stop::TooBig(error)),
                Err(Stop::Internal(error)) if error.is_of_size() => self.small = true,
                generated => return Ok((placed, generated?)),
            }
        }
    }

    /// Graphs to a divided program.
    fn place(&mut self, unit: &Unit) -> Result<Placed, Stop> {
        let open_loops = Options::for_kernel(self.kernel).may_goto;
        let capabilities = Capabilities { open_loops, followed_loops: !self.small };
        let place = if self.small { systap_ir::place_small } else { systap_ir::place };
        place(unit, &capabilities).map_err(|found| {
            self.diagnostics.extend(found);
            Stop::Script
        })
    }

    /// The kernel's part to bytecode; `None` if there is no such part.
    fn generate(&mut self, placed: &Placed) -> Result<Option<Artifact>, Stop> {
        if placed.kernel.is_empty() {
            return Ok(None);
        }
        let layout = KernelLayout::of(self.kernel, Needs::of(placed)).map_err(Stop::Kernel)?;
        let table = self.kernel.syscalls();
        let names: Vec<(u32, &str)> = table.iter().map(|call| (call.number, call.name)).collect();
        let options = Options {
            ring_bytes: self.settings.ring_bytes.unwrap_or(DEFAULT_RING),
            count_hits: self.settings.count_hits,
            switches: self.settings.switches,
            syscall_names: &names,
            string_arguments: &string_arguments(table),
            cpus: self.cpus(),
            hz: self.settings.hz,
            ..Options::for_kernel(self.kernel)
        };
        let mut artifact = systap_bpf::generate(placed, &layout, &options).map_err(|error| match error {
            GenerateError::Layout { .. } => Stop::Lacking(error),
            error => Stop::Internal(error),
        })?;
        if self.settings.ring_bytes.is_none() && !speaks(&artifact) {
            for map in artifact.maps.iter_mut().filter(|map| map.role == MapRole::Ring) {
                map.entries = QUIET_RING;
            }
        }
        Ok(Some(artifact))
    }

    /// How many CPUs the kernel keeps values for; which machine a recorded kernel runs on nobody knows.
    fn cpus(&self) -> u32 {
        let here = || systap_sys::cpu::possible_cpus().map_or(1, |cpus| cpus as u32);
        if self.kernel.is_running() { here() } else { 1 }
    }

    /// The whole road.
    pub(crate) fn compile(&mut self, files: &[FileId]) -> Result<(Placed, Option<Artifact>), Stop> {
        let trees = self.parse(files)?;
        let program = self.elaborate(&trees)?;
        let unit = self.lower(&program)?;
        self.divide(&unit)
    }
}

/// By number of a system call: which of its arguments are the addresses of strings, a bit for each.
fn string_arguments(table: &SyscallTable) -> Vec<u8> {
    let mut masks = vec![];
    for call in table.iter() {
        let number = call.number as usize;
        if masks.len() <= number {
            masks.resize(number + 1, 0);
        }
        let strings = call.args.iter().enumerate().filter(|(_, arg)| arg.kind == ArgKind::UserString);
        masks[number] = strings.fold(0, |mask, (index, _)| mask | 1 << index);
    }
    masks
}
