//! The road of a script, stage by stage, from text to what can be loaded. It gives what a stage made, or what is wrong; showing
//! either is its callers'.

use std::path::PathBuf;

use systap_binary::Programs;
use systap_bpf::artifact::{Artifact, MapRole, SiteKind};
use systap_bpf::{GenerateError, KernelLayout, Needs, Options};
use systap_diagnostics::{Diagnostic, FileId, Severity, Sources};
use systap_elaborate::limits;
use systap_ir::graph::Unit;
use systap_ir::placed::{Capabilities, Placed};
use systap_ir::program::{Limits, Program};
use systap_kernel::syscall::{ArgKind, SyscallTable};
use systap_kernel::{Kernel, KernelError};
use systap_syntax::{ParseOptions, ast};

use crate::cli::ScriptOptions;
use crate::facts::Running;
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
const MAX_DEPTH: usize = 1000;

/// The compiler walks trees by recursion, as deep as the parser lets a script nest; there is room for that here. Pages that are
/// never touched cost nothing.
const STACK: usize = 128 << 20;

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
    pub(crate) ring_bytes: Option<u32>,
    /// The kernel's ticks a second.
    pub(crate) hz: u32,
    pub(crate) guru: bool,
    /// A target variable that is not there is 0.
    pub(crate) skip_badvars: bool,
    /// Where programs without a path are looked for.
    pub(crate) search: Vec<PathBuf>,
    /// The program that the target runs.
    pub(crate) target: Option<String>,
    /// Whether to warn of what nothing uses.
    pub(crate) advice: bool,
    /// What is to be said of the options, and whether in any case or for `-v` only.
    pub(crate) remarks: Vec<(String, bool)>,
}

/// What is to be said of a `-D` that has no effect.
fn remark(definition: &str, outcome: &limits::Outcome) -> Option<(String, bool)> {
    match outcome {
        limits::Outcome::Set => None,
        limits::Outcome::Meaningless(why) => Some((format!("-D {definition} has no effect: {why}"), false)),
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

    /// Reads `-G` and `-D`; a sentence if one of them makes no sense.
    pub(crate) fn new(options: &ScriptOptions, args: Vec<String>) -> Result<Self, String> {
        let search = std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect()).unwrap_or_default();
        let hz = systap_sys::clock::ticks_per_second().unwrap_or(systap_elaborate::DEFAULT_HZ);
        let (guru, skip_badvars) = (options.guru, options.skip_badvars);
        let mut settings = Settings { args, hz, guru, skip_badvars, search, ..Settings::default() };
        for definition in &options.limits {
            let outcome =
                limits::set(&mut settings.limits, definition).map_err(|error| format!("-D {definition}: {error}"))?;
            settings.remarks.extend(remark(definition, &outcome));
        }
        for definition in &options.globals {
            let (name, value) =
                definition.split_once('=').ok_or_else(|| format!("-G {definition}: expected NAME=VALUE"))?;
            settings.globals.push((name.to_owned(), value.to_owned()));
        }
        Ok(settings)
    }
}

/// Why compilation ended early.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The script is wrong; the diagnostics say how.
    Script,
    /// The kernel's facts cannot be read.
    Kernel(KernelError),
    /// The kernel's part is too big for the kernel, even without what can be left out of it.
    TooBig(GenerateError),
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
}

impl<'a> Compilation<'a> {
    pub(crate) fn new(sources: &'a mut Sources, settings: &'a Settings, kernel: &'a Kernel) -> Self {
        Compilation { sources, diagnostics: vec![], small: false, settings, kernel }
    }

    fn unless_wrong<T>(&self, made: T) -> Result<T, Stop> {
        if self.diagnostics.iter().any(|found| found.severity == Severity::Error) {
            Err(Stop::Script)
        } else {
            Ok(made)
        }
    }

    /// Text to tree.
    pub(crate) fn parse(&mut self, file: FileId) -> Result<ast::File, Stop> {
        let facts = Running::new(self.kernel, self.settings.guru);
        let (library, findings) = systap_elaborate::macros(self.sources, file);
        self.diagnostics.extend(findings);
        let options = ParseOptions {
            args: self.settings.args.clone(),
            facts: Some(&facts),
            library: library.as_ref(),
            max_depth: MAX_DEPTH,
            privileged: self.settings.guru,
            ..ParseOptions::default()
        };
        let parsed = systap_syntax::parse(self.sources, file, &options);
        self.diagnostics.extend(parsed.diagnostics);
        self.unless_wrong(parsed.file)
    }

    /// Tree to typed program.
    pub(crate) fn elaborate(&mut self, file: ast::File) -> Result<Program, Stop> {
        let programs = Programs::new(self.settings.search.clone());
        let elaborated = systap_elaborate::elaborate(systap_elaborate::Input {
            files: &[file],
            sources: self.sources,
            kernel: self.kernel,
            programs: &programs,
            target: self.settings.target.clone(),
            limits: self.settings.limits,
            globals_override: self.settings.globals.clone(),
            hz: self.settings.hz,
            guru: self.settings.guru,
            skip_badvars: self.settings.skip_badvars,
            unoptimized: false,
            advice: self.settings.advice,
        });
        self.diagnostics.extend(elaborated.diagnostics);
        self.unless_wrong(elaborated.program)
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
        let capabilities = Capabilities { open_loops: Options::for_kernel(self.kernel).may_goto };
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
            syscall_names: &names,
            string_arguments: &string_arguments(table),
            cpus: systap_sys::cpu::possible_cpus().map_or(1, |cpus| cpus as u32),
            hz: self.settings.hz,
            ..Options::for_kernel(self.kernel)
        };
        let mut artifact = systap_bpf::generate(placed, &layout, &options).map_err(Stop::Internal)?;
        if self.settings.ring_bytes.is_none() && !speaks(&artifact) {
            for map in artifact.maps.iter_mut().filter(|map| map.role == MapRole::Ring) {
                map.entries = QUIET_RING;
            }
        }
        Ok(Some(artifact))
    }

    /// The whole road.
    pub(crate) fn compile(&mut self, file: FileId) -> Result<(Placed, Option<Artifact>), Stop> {
        let tree = self.parse(file)?;
        let program = self.elaborate(tree)?;
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
