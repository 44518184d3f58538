//! The state of one elaboration, and its order: names, probes, what they call, what nothing calls, types.
//!
//! Must never report the same finding twice: a handler is elaborated once for each point that it is resolved to.

use crate::autocast::{Autocast, Body, MOST_ROUNDS};
use crate::check::function::FunctionState;
use crate::check::modified::CallInLoop;
use crate::global::GlobalState;
use crate::library::Library;
use crate::names::{Names, Owner};
use crate::scope::{LocalState, Scope, Site};
use crate::settle;
use crate::standing::{Standing, Told};
use crate::types::{Ty, Types};
use crate::{Elaborated, Input, List, Listed};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use systap_binary::Programs;
use systap_diagnostics::{Diagnostic, Severity, Sources, Span, nearest};
use systap_ir::program::{Function, Limits, Local, Probe, Program, Type};
use systap_kernel::{Kernel, KernelError, Tracepoint, TypeId};
use systap_regex::Regex;
use systap_syntax::ast::{FunctionBody, Item};

/// A handler whose locals do not have their final types yet.
#[derive(Debug)]
pub(crate) struct ProbeState {
    pub(crate) probe: Probe,
    pub(crate) locals: Vec<LocalState>,
}

/// Everything that elaboration knows while it goes on.
#[derive(Debug)]
pub(crate) struct Elaboration<'a> {
    pub(crate) kernel: &'a Kernel,
    pub(crate) programs: &'a Programs,
    pub(crate) target: Option<String>,
    pub(crate) sources: &'a mut Sources,
    pub(crate) library: &'a Library,
    pub(crate) limits: Limits,
    /// Whether what is near a name that does not exist is worth looking for.
    pub(crate) hints: bool,
    /// The kernel's ticks a second.
    pub(crate) hz: u32,
    /// Guru mode.
    pub(crate) guru: bool,
    /// Somebody lists what points offer.
    pub(crate) list: List,
    pub(crate) listed: Vec<Listed>,
    /// A target variable that is not there is 0.
    pub(crate) skip_badvars: bool,
    /// What nothing uses is held to the same rules as the rest.
    pub(crate) unoptimized: bool,
    /// Whether a probe was left out because its handler is empty.
    pub(crate) left_out_empty: bool,
    /// What nothing uses is worth a warning.
    advice: bool,
    pub(crate) types: Types,
    pub(crate) names: Names<'a>,
    /// The regular expressions, each once.
    pub(crate) patterns: Vec<Arc<Regex>>,
    pub(crate) globals: Vec<GlobalState<'a>>,
    pub(crate) functions: Vec<FunctionState<'a>>,
    pub(crate) probes: Vec<ProbeState>,
    /// How many points have been looked at, those within aliases included.
    pub(crate) points: usize,
    /// Some point could not be resolved, so that its handler was not looked at.
    pub(crate) handler_left_out: bool,
    /// Tracepoints that have been looked up, by subsystem and name.
    pub(crate) tracepoints: HashMap<(Option<String>, String), Option<Tracepoint>>,
    /// Files of `procfs` whose reading a handler answers.
    pub(crate) procfs_reads: HashSet<String>,
    /// Counters that `@perf` can name.
    pub(crate) perf_counters: HashSet<String>,
    /// Types of the kernel that have been looked up by bare name.
    pub(crate) structs: HashMap<String, TypeId>,
    /// Which of the library's files this elaboration has taken in.
    pub(crate) library_read: [bool; crate::library::COUNT],
    /// The script's arguments.
    pub(crate) args: &'a [String],
    /// How many values `@entry` keeps.
    pub(crate) entries: u32,
    /// What variables keep of the C types of pointers.
    pub(crate) autocast: Autocast,
    /// How many expressions and statements are open.
    pub(crate) depth: u32,
    /// Open trials: while there is one, errors are counted, not reported.
    pub(crate) trials: u32,
    pub(crate) trial_errors: u32,
    /// Whether what is looked at now runs.
    pub(crate) standing: Standing,
    /// Types that something needs to know in the end, where, and of what they are.
    pub(crate) needed: Vec<(Ty, Span, String)>,
    /// The types that things without a value are taken for, which can only be long: they give 0.
    pub(crate) void_values: Vec<(Ty, Span)>,
    /// Whether a function asks for what only a handler knows, by its place.
    pub(crate) event_functions: HashMap<Span, bool>,
    /// Whether calls of a function leave everything as it is, as far as it was asked.
    pub(crate) pure_functions: HashMap<*const systap_syntax::ast::Function, bool>,
    /// Calls in bodies of `foreach`.
    pub(crate) calls_in_loops: Vec<CallInLoop>,
    /// C code of the script, outside functions.
    embedded: Vec<Span>,
    diagnostics: Vec<Diagnostic>,
    /// Errors in what nobody would notice.
    unnoticed: Vec<Diagnostic>,
    seen: HashSet<(&'static str, Option<Span>, String)>,
}

/// Elaborates a script.
pub(crate) fn run(mut input: Input<'_>, library: &Library) -> Elaborated {
    let mut autocast = Autocast::default();
    let mut rounds = 0;
    loop {
        let elaborated;
        (elaborated, autocast) = round(&mut input, library, autocast);
        rounds += 1;
        if rounds >= MOST_ROUNDS || !autocast.unsettled() {
            return elaborated;
        }
        autocast = autocast.next_round();
    }
}

/// One elaboration from the start, with what the rounds before have found out about pointers.
fn round(input: &mut Input<'_>, library: &Library, autocast: Autocast) -> (Elaborated, Autocast) {
    let Input {
        files,
        args,
        sources,
        list,
        tapsets,
        kernel,
        programs,
        target,
        limits,
        globals_override,
        hz,
        guru,
        skip_badvars,
        unoptimized,
        advice,
    } = input;
    let mut elaboration = Elaboration {
        kernel,
        programs,
        target: target.clone(),
        sources,
        library,
        limits: *limits,
        hints: true,
        hz: (*hz).max(1),
        guru: *guru,
        list: *list,
        listed: vec![],
        skip_badvars: *skip_badvars,
        unoptimized: *unoptimized,
        left_out_empty: false,
        advice: *advice,
        types: Types::default(),
        names: Names::default(),
        patterns: vec![],
        globals: vec![],
        functions: vec![],
        probes: vec![],
        points: 0,
        handler_left_out: false,
        tracepoints: HashMap::new(),
        procfs_reads: HashSet::new(),
        perf_counters: HashSet::new(),
        structs: HashMap::new(),
        library_read: [false; crate::library::COUNT],
        args,
        entries: 0,
        autocast,
        depth: 0,
        trials: 0,
        trial_errors: 0,
        standing: Standing::Runs,
        needed: vec![],
        void_values: vec![],
        event_functions: HashMap::new(),
        pure_functions: HashMap::new(),
        calls_in_loops: vec![],
        embedded: vec![],
        diagnostics: vec![],
        unnoticed: vec![],
        seen: HashSet::new(),
    };
    let mut findings = vec![];
    for file in *files {
        elaboration.names.add(file, Owner::Script, &mut findings);
    }
    findings.into_iter().for_each(|finding| elaboration.report(finding));
    if let Some(tapsets) = &tapsets {
        elaboration.read_tapsets(tapsets, files);
    }
    for item in files.iter().flat_map(|file| &file.items) {
        if let Item::Embedded(code) = item {
            elaboration.embedded(code);
            elaboration.embedded.push(code.span);
        }
    }
    let of_script = elaboration.names.probes.len();
    elaboration.read_initialised_globals(files);
    // Those that give the library's globals their values come first: what does not fit them is the script's mistake.
    elaboration.names.probes.rotate_left(of_script);
    let before = elaboration.names.probes.len() - of_script;
    let of_script = before..before + of_script;
    // A function of the library may bring probes, which may call functions.
    let (mut armed, mut looked_at, mut found) = (0, 0, false);
    while armed < elaboration.names.probes.len() || looked_at < elaboration.functions.len() {
        while let Some(probe) = elaboration.names.probes.get(armed).copied() {
            let made = elaboration.probes.len();
            elaboration.probe(probe);
            found |= of_script.contains(&armed) && elaboration.probes.len() > made;
            armed += 1;
        }
        elaboration.called_functions(looked_at);
        looked_at = elaboration.functions.len();
    }
    if !found && elaboration.errors() == 0 {
        let finding = Diagnostic::error_without_place("no-probes", "the script probes nothing");
        let finding = if elaboration.names.probes.is_empty() {
            finding.with_help("write one: `probe begin { println(\"hello\") exit() }`")
        } else if elaboration.left_out_empty {
            finding.with_note("nothing comes of any handler")
        } else {
            finding.with_note("every probe point is optional, and none of them exists on this kernel")
        };
        elaboration.report(finding);
    }
    elaboration.override_globals(globals_override);
    elaboration.finish()
}

impl<'a> Elaboration<'a> {
    /// Takes in a finding, unless it is known.
    pub(crate) fn report(&mut self, finding: Diagnostic) {
        if self.trials > 0 {
            if finding.severity == Severity::Error {
                self.trial_errors += 1;
            }
            return;
        }
        let Some(told) = self.standing.told(&finding) else { return };
        // What one of many points lacks is said of the first such point only.
        let message = match finding.code {
            "unknown-target-variable" | "unknown-variable" => String::new(),
            _ => finding.message.clone(),
        };
        if self.seen.insert((finding.code, finding.span, message)) {
            match told {
                Told::AsItIs => self.diagnostics.push(finding),
                Told::Unnoticed => self.unnoticed.push(finding),
            }
        }
    }

    /// Reports an error, with the name among `known` that may have been meant.
    pub(crate) fn report_unknown<'n>(
        &mut self,
        finding: Diagnostic,
        wanted: &str,
        known: impl IntoIterator<Item = &'n str>,
    ) {
        self.report(match likely(wanted, known) {
            Some(near) if finding.label.is_empty() => finding.with_label(format!("did you mean `{near}`?")),
            Some(near) => finding.with_help(format!("did you mean `{near}`?")),
            None => finding,
        });
    }

    /// Reports that the kernel does not tell what `at` needs.
    pub(crate) fn report_kernel(&mut self, at: Span, error: &KernelError) {
        self.report(kernel_finding(at, error));
    }

    /// How many errors have been reported.
    pub(crate) fn errors(&self) -> usize {
        self.diagnostics.iter().filter(|finding| finding.severity == Severity::Error).count()
    }

    /// Runs `attempt` without reporting; whether it found no error.
    pub(crate) fn succeeds(&mut self, attempt: impl FnOnce(&mut Self)) -> bool {
        let before = self.trial_errors;
        self.trials += 1;
        attempt(self);
        self.trials -= 1;
        std::mem::replace(&mut self.trial_errors, before) == before
    }

    /// The type that something has in the end; an error if nothing settles it.
    pub(crate) fn final_type(&mut self, ty: Ty, at: Span, what: impl FnOnce() -> String) -> Type {
        if let Some(known) = self.types.known(ty) {
            return known;
        }
        if self.types.is_open(ty) {
            self.types.silence(ty);
            // What a handler that was left out says of a type is not known.
            if !self.handler_left_out {
                let message = format!("nothing says whether {} is a long or a string", what());
                self.report(Diagnostic::error("unresolved-type", at, message));
            }
        }
        Type::Long
    }

    fn finish(mut self) -> (Elaborated, Autocast) {
        let mut probes = std::mem::take(&mut self.probes);
        let locals: Vec<Vec<Local>> =
            probes.iter().map(|state| self.finish_locals(&state.locals, state.probe.span, 0)).collect();
        for (ty, at, what) in std::mem::take(&mut self.needed) {
            self.final_type(ty, at, || what);
        }
        for (ty, at) in std::mem::take(&mut self.void_values) {
            if self.types.known(ty) != Some(Type::Long) {
                self.types.silence(ty);
                self.report(Diagnostic::error("no-value", at, "this gives no value").with_label("used as a value"));
            }
        }
        self.bare_returns();
        let used = (self.globals.len(), self.functions.len());
        let mut functions = Vec::with_capacity(used.1);
        for index in 0..used.1 {
            let function = self.finish_function(index);
            functions.push(function);
        }
        let embedded = std::mem::take(&mut self.embedded);
        let mut program = Program { limits: self.limits, embedded, ..Program::default() };
        program.globals = self.finish_globals(used.0);
        for (state, locals) in probes.drain(..).zip(locals) {
            program.probes.push(Probe { locals, ..state.probe });
        }
        program.patterns = std::mem::take(&mut self.patterns);
        program.functions = functions;
        settle::program(&mut program);
        self.modified_through_calls();
        self.unused_globals();
        self.check_uncalled(used.1);
        self.tell_unnoticed();
        if self.errors() > 0 || !self.advice {
            // What is wrong comes first, and may be why the rest is not used.
            self.diagnostics.retain(|finding| !is_use_code(finding.code));
        }
        let left_out = too_many(&mut self.diagnostics);
        self.diagnostics.extend(left_out);
        self.diagnostics.sort_by_key(|finding| (finding.span.is_none(), finding.span));
        let listed = std::mem::take(&mut self.listed);
        (Elaborated { program, diagnostics: self.diagnostics, listed }, self.autocast)
    }

    /// What is only wrong where nobody would notice is worth a warning; but an error like others where the script fails anyway,
    /// and the reason if it fails since nobody would notice anything of it.
    fn tell_unnoticed(&mut self) {
        let unnoticed = std::mem::take(&mut self.unnoticed);
        if self.errors() == 0 {
            let warning = |finding| Diagnostic { severity: Severity::Warning, ..finding };
            self.diagnostics.extend(unnoticed.into_iter().map(warning));
            return;
        }
        if !unnoticed.is_empty() {
            self.diagnostics.retain(|finding| !matches!(finding.code, "no-probes" | "empty-handler"));
        }
        self.diagnostics.extend(unnoticed);
    }

    /// The final types of a body's locals, of which the first `params` are parameters.
    pub(crate) fn finish_locals(&mut self, states: &[LocalState], body: Span, params: usize) -> Vec<Local> {
        let mut locals = Vec::with_capacity(states.len());
        for (index, state) in states.iter().enumerate() {
            if state.dead {
                self.types.silence(state.ty);
                locals.push(Local { name: state.name.clone(), ty: self.types.known(state.ty).unwrap_or(Type::Long) });
                continue;
            }
            if index >= params && !state.assigned {
                self.never_assigned(state, states);
            }
            let (name, open) = (&state.name, state.ty);
            let at = if self.names.in_library(state.span) { body } else { state.span };
            let what = if index < params { "the parameter" } else { "the local variable" };
            let ty = self.final_type(open, at, || format!("{what} `{name}`"));
            locals.push(Local { name: name.clone(), ty });
        }
        locals
    }

    /// A local that is read and never given a value: probably a slip.
    fn never_assigned(&mut self, local: &LocalState, others: &[LocalState]) {
        let name = local.name.as_str();
        let at = local.read.unwrap_or(local.span);
        let finding = if self.types.is_open(local.ty) {
            self.types.silence(local.ty);
            let message = format!("`{name}` is never given a value, and nothing says whether it is a long or a string");
            Diagnostic::error("unresolved-type", at, message)
        } else {
            let message = format!("the local variable `{name}` is read and never given a value");
            Diagnostic::warning("never-assigned", at, message)
        };
        if !self.names.overloads(name, 0).is_empty()
            || crate::builtin::find(name, 0).is_some()
            || self.library.has(name)
        {
            return self.report(finding.with_help(format!("call it: `{name}()`")));
        }
        let known: Vec<&str> = self
            .names
            .global_names()
            .chain(others.iter().filter(|other| other.assigned).map(|other| other.name.as_str()))
            .collect();
        match likely(name, known) {
            Some(near) => self.report(finding.with_help(format!("did you mean `{near}`?"))),
            None => {
                match likely(name, crate::builtin::names().filter(|name| crate::builtin::find(name, 0).is_some())) {
                    Some(near) => self.report(finding.with_help(format!("did you mean `{near}()`?"))),
                    None => self.report(finding),
                }
            }
        }
    }

    /// Looks at the functions that nothing calls, for what their names mean only, as SystemTap does.
    fn check_uncalled(&mut self, used: usize) {
        let called: HashSet<Span> = self.names.called.keys().map(|instance| instance.declaration).collect();
        for function in self.names.script_functions.clone() {
            if !called.contains(&function.name.span) {
                self.call_target(&[function], None, &Scope::new(Site::Condition, Body::Condition));
                let message = format!("nothing calls the function `{}`", function.name.text);
                self.report(Diagnostic::warning("unused-function", function.name.span, message));
            }
        }
        if !self.unoptimized {
            self.standing = Standing::Idle;
        }
        self.called_functions(used);
        for index in used..self.functions.len() {
            self.finish_function(index);
        }
        self.standing = Standing::Runs;
    }

    /// The function with the final types of its locals, its body taken out of its state.
    fn finish_function(&mut self, index: usize) -> Function {
        let state = &mut self.functions[index];
        let (body, locals) = (std::mem::take(&mut state.body), std::mem::take(&mut state.locals));
        let (name, returns, params) = (&state.declaration.name, state.returns, state.params.len());
        let (name, span) = (name.text.clone(), name.span);
        let embedded = matches!(state.declaration.body, FunctionBody::Embedded(_));
        if embedded {
            // C code says nothing of types, and needs none of what nobody passes or looks at.
            state.params.iter().for_each(|param| self.types.silence(*param));
        }
        // What nobody looks at and no `return` gives is nothing.
        let returns = (!self.types.is_open(returns)).then(|| self.final_type(returns, span, String::new));
        let locals = self.finish_locals(&locals, span, params);
        Function { name, span, params: params as u32, returns, locals, body }
    }
}

/// How many findings about what is not used are told, of each kind.
const MOST_UNUSED: usize = 20;

/// Leaves out what nobody would read to its end, and says how much that is.
fn too_many(findings: &mut Vec<Diagnostic>) -> Vec<Diagnostic> {
    let mut counts: BTreeMap<&'static str, usize> = BTreeMap::new();
    findings.retain(|finding| {
        let count = counts.entry(finding.code).or_default();
        *count += 1;
        !is_numerous(finding.code) || *count <= MOST_UNUSED
    });
    let left_out = counts.into_iter().filter(|(code, count)| is_numerous(code) && *count > MOST_UNUSED);
    left_out
        .map(|(code, count)| {
            let message = format!("{} more warnings of this kind were left out", count - MOST_UNUSED);
            Diagnostic { severity: Severity::Warning, ..Diagnostic::error_without_place(code, message) }
        })
        .collect()
}

/// Whether there may be one finding of the kind for each line of a script.
fn is_numerous(code: &str) -> bool {
    is_use_code(code) || code == "empty-handler"
}

fn is_use_code(code: &str) -> bool {
    matches!(code, "unused-variable" | "unused-function" | "no-effect" | "global-never-assigned")
}

/// The name that may have been meant. One of a letter or two could be anything.
pub(crate) fn likely<'n>(wanted: &str, known: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    if wanted.chars().count() < 3 { None } else { nearest(wanted, known) }
}

/// That the kernel does not tell what `at` needs, and what would help.
pub(crate) fn kernel_finding(at: Span, error: &KernelError) -> Diagnostic {
    let finding = Diagnostic::error("kernel-facts", at, error.to_string());
    match error {
        KernelError::NoBtf { .. } => {
            finding.with_help("use a kernel that is built with CONFIG_DEBUG_INFO_BTF, as distributions' are")
        }
        KernelError::Tracefs { .. } => {
            finding.with_help("run as root, or leave the subsystem away: `kernel.trace(\"sched_switch\")`")
        }
        KernelError::Unreadable { .. } => finding.with_help("run as root"),
        _ => finding,
    }
}
