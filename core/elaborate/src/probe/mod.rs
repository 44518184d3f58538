//! Probe points: aliases expanded, families resolved, each resolved point with its handler.
//!
//! Families are one table; adding one is a file that resolves it, and a row.

mod begin;
mod forms;
mod handler;
mod profile;
mod syscall;
mod timer;
mod tracepoint;

pub use forms::probe_types;

use crate::elaboration::Elaboration;
use crate::scan::Words;
use crate::scope::EventFacts;
use systap_diagnostics::{Diagnostic, Span, nearest};
use systap_ir::program::Event;
use systap_kernel::{KernelError, glob};
use systap_syntax::ast::{Alias, Block, Component, Expr, Literal, Optionality, Probe, ProbePoint};

/// A probe point on its way to what it resolves to.
#[derive(Clone, Debug)]
pub(crate) struct Point<'a> {
    /// As the script has it.
    pub(crate) span: Span,
    /// The same, as text.
    pub(crate) name: String,
    /// What is left to resolve.
    pub(crate) components: Vec<&'a Component>,
    /// The `if (...)` of the point and of the aliases that led here.
    conditions: Vec<&'a Expr>,
    /// Blocks before the handler, the innermost alias' first.
    prologues: Vec<&'a Block>,
    body: &'a Block,
    /// Blocks after it, the outermost alias' first.
    epilogues: Vec<&'a Block>,
    /// The aliases that led here.
    through: Vec<&'a Alias>,
}

impl<'a> Point<'a> {
    /// The handler's blocks, in the order in which they run.
    fn blocks(&self) -> impl Iterator<Item = &'a Block> {
        self.prologues.iter().copied().chain([self.body]).chain(self.epilogues.iter().copied())
    }

    /// The words of all of them.
    pub(crate) fn words(&self) -> Words<'a> {
        crate::scan::words(self.blocks())
    }

    /// What a list calls the point: the alias that the script names, with what follows it, or else what it resolved to.
    pub(crate) fn list_name(&self, resolved: &str) -> String {
        let Some(name) = self.through.first().and_then(|alias| alias.names.first()) else { return resolved.to_owned() };
        text_of(&name.components.iter().collect::<Vec<_>>())
    }

    /// The component at an index.
    fn at(&self, index: usize) -> Option<&'a Component> {
        self.components.get(index).copied()
    }
}

/// What a point resolves to.
#[derive(Debug)]
pub(crate) struct Resolved {
    /// As `pp()` says it.
    pub(crate) point: String,
    pub(crate) event: Event,
    pub(crate) facts: EventFacts,
    /// The run ends after the handler.
    pub(crate) exits: bool,
}

impl Resolved {
    /// An event that tells its handler nothing.
    fn plain(point: String, event: Event) -> Self {
        Resolved { point, event, facts: EventFacts::Plain, exits: false }
    }
}

/// How many points may be looked at, and how many handlers made: aliases of aliases can multiply without end, and a
/// wildcard over every tracepoint makes some thousands.
const MOST_POINTS: usize = 10_000;
const MOST_PROBES: usize = 50_000;

type Resolution = Result<Vec<Resolved>, Box<Diagnostic>>;

/// A family of probe points: those that begin with one word.
struct Family {
    name: &'static str,
    /// What they resolve to; an error says what about the point is wrong.
    resolve: for<'e, 'a, 'p> fn(&'e mut Elaboration<'a>, &'p Point<'a>) -> Resolution,
}

/// Every family.
static FAMILIES: &[Family] = &[
    Family { name: "begin", resolve: begin::resolve },
    Family { name: "end", resolve: begin::resolve },
    Family { name: "error", resolve: begin::resolve },
    Family { name: "never", resolve: begin::resolve },
    Family { name: "init", resolve: begin::resolve },
    Family { name: "oneshot", resolve: begin::resolve },
    Family { name: "timer", resolve: timer::resolve },
    Family { name: "kernel", resolve: tracepoint::resolve },
    Family { name: "syscall", resolve: syscall::resolve },
    Family { name: "nd_syscall", resolve: syscall::resolve },
    Family { name: "syscall_any", resolve: syscall::resolve_any },
];

/// SystemTap's families that are not there yet.
const NOT_YET: &[&str] = &[
    "process",
    "module",
    "procfs",
    "kprobe",
    "perf",
    "netfilter",
    "java",
    "python2",
    "python3",
    "input",
    "debuginfod",
    "lsm",
];

impl<'a> Elaboration<'a> {
    /// Resolves a probe and elaborates its handler for each point that it resolves to.
    pub(crate) fn probe(&mut self, probe: &'a Probe) {
        for point in &probe.points {
            let start = Point {
                span: point.span,
                name: text_of(&point.components.iter().collect::<Vec<_>>()),
                components: vec![],
                conditions: vec![],
                prologues: vec![],
                body: &probe.body,
                epilogues: vec![],
                through: vec![],
            };
            let found = self.point(&start, point, &[], point.optional != Optionality::Required);
            if found && point.optional == Optionality::Sufficient {
                break;
            }
        }
    }

    /// Resolves one point, reached through `from`, with what followed the alias. True if it matched something. A point
    /// that matches nothing is an error unless it is `optional`.
    fn point(&mut self, from: &Point<'a>, point: &'a ProbePoint, suffix: &[&'a Component], optional: bool) -> bool {
        self.points += 1;
        if self.points > MOST_POINTS || self.probes.len() > MOST_PROBES {
            let message = "the script probes too many points";
            self.report(Diagnostic::error("too-many-points", from.span, message).with_note(format!(
                "{MOST_POINTS} points and {MOST_PROBES} handlers are allowed, those of aliases included"
            )));
            return true;
        }
        let mut next = from.clone();
        next.components = point.components.iter().chain(suffix.iter().copied()).collect();
        next.conditions.extend(&point.condition);
        let aliases: Vec<(usize, &'a Alias)> = self
            .names
            .aliases
            .iter()
            .filter(|(name, _)| begins_with(&next.components, name))
            .map(|(name, alias)| (name.components.len(), *alias))
            .collect();
        if aliases.is_empty() {
            return self.family(&next, optional);
        }
        let mut found = false;
        for (len, alias) in aliases {
            found |= self.alias(&next, alias, len, optional);
        }
        found
    }

    fn alias(&mut self, from: &Point<'a>, alias: &'a Alias, len: usize, optional: bool) -> bool {
        let Some(name) = alias.names.first() else { return false };
        if from.through.iter().any(|passed| std::ptr::eq(*passed, alias)) {
            let message =
                format!("the alias `{}` stands for itself", text_of(&name.components.iter().collect::<Vec<_>>()));
            self.report(Diagnostic::error("alias-cycle", name.span, message).with_secondary(from.span, "used here"));
            // Something was found: what is wrong has been said.
            return true;
        }
        let mut next = from.clone();
        next.through.push(alias);
        next.prologues.splice(0..0, &alias.prologue);
        next.epilogues.extend(&alias.epilogue);
        let errors = self.errors();
        let suffix: Vec<&Component> = from.components.iter().skip(len).copied().collect();
        let mut found = false;
        for point in &alias.points {
            let matched = self.point(&next, point, &suffix, optional || point.optional != Optionality::Required);
            found |= matched;
            if matched && point.optional == Optionality::Sufficient {
                break;
            }
        }
        if !found && !optional && self.errors() == errors {
            let message = format!("nothing of what `{}` stands for exists on this kernel", from.name);
            self.report(Diagnostic::error("unknown-probe-point", from.span, message));
        }
        found
    }

    fn family(&mut self, point: &Point<'a>, optional: bool) -> bool {
        let Some(first) = point.at(0) else { return false };
        let name = first.name.text.as_str();
        let resolution = match FAMILIES.iter().find(|family| family.name == name) {
            Some(family) => (family.resolve)(self, point),
            None => Err(self.unknown_family(first)),
        };
        match resolution {
            Ok(resolved) => {
                let found = !resolved.is_empty();
                for each in resolved {
                    self.handler(point, each);
                }
                found
            }
            // That the kernel does not say is not the same as that it has none.
            Err(finding) if optional && finding.code != "kernel-facts" => false,
            Err(mut finding) => {
                self.handler_left_out = true;
                if !point.through.is_empty() && finding.span != Some(point.span) {
                    *finding = finding.with_secondary(point.span, "used here");
                }
                self.report(*finding);
                false
            }
        }
    }

    fn unknown_family(&self, first: &Component) -> Box<Diagnostic> {
        let name = first.name.text.as_str();
        let span = first.name.span;
        if NOT_YET.contains(&name) {
            return unsupported(span, &format!("the probe family `{name}`"));
        }
        if name.contains('*') {
            return unsupported(span, "a wildcard for the first word of a probe point");
        }
        let aliases = self.names.aliases.iter().filter_map(|(name, _)| name.components.first());
        let known = FAMILIES.iter().map(|family| family.name).chain(aliases.map(|first| first.name.text.as_str()));
        unknown("unknown-probe-point", span, format!("there is no probe point `{name}`"), name, known)
    }
}

/// Whether the components begin with an alias' name, in which they may have wildcards.
fn begins_with(components: &[&Component], name: &ProbePoint) -> bool {
    components.len() >= name.components.len()
        && name.components.iter().zip(components).all(|(named, given)| {
            glob::matches(&given.name.text, &named.name.text)
                && named.arg.as_ref().map(|arg| &arg.value) == given.arg.as_ref().map(|arg| &arg.value)
        })
}

/// Components as a script would have them.
fn text_of(components: &[&Component]) -> String {
    let one = |component: &&Component| {
        let name = &component.name.text;
        match component.arg.as_ref().map(|arg| &arg.value) {
            None => name.clone(),
            Some(Literal::Number(number)) => format!("{name}({number})"),
            Some(Literal::String(text)) => format!("{name}(\"{}\")", String::from_utf8_lossy(text)),
        }
    };
    components.iter().map(one).collect::<Vec<_>>().join(".")
}

/// An error about a name, with the one that may have been meant.
fn unknown<'n>(
    code: &'static str,
    span: Span,
    message: String,
    wanted: &str,
    known: impl IntoIterator<Item = &'n str>,
) -> Box<Diagnostic> {
    let finding = Diagnostic::error(code, span, message);
    Box::new(match nearest(wanted, known) {
        Some(near) => finding.with_label(format!("did you mean `{near}`?")),
        None => finding,
    })
}

/// An error about a component that its family does not have.
fn unknown_component(component: &Component, known: &[&str]) -> Box<Diagnostic> {
    let name = &component.name.text;
    let message = format!("a probe point cannot go on with `{name}` here");
    let finding = unknown("unknown-probe-point", component.name.span, message, name, known.iter().copied());
    match known {
        [] => finding,
        known => Box::new(finding.with_note(format!("it can go on with {}", known.join(", ")))),
    }
}

/// An error about a point that ends too early.
fn incomplete(point: &Point<'_>, known: &[&str]) -> Box<Diagnostic> {
    let at = point.components.last().map_or(point.span, |last| last.name.span);
    let message = format!("`{}` is not a whole probe point", text_of(&point.components));
    Box::new(
        Diagnostic::error("unknown-probe-point", at, message)
            .with_note(format!("it goes on with {}", known.join(", "))),
    )
}

fn unsupported(span: Span, what: &str) -> Box<Diagnostic> {
    Box::new(Diagnostic::error("unsupported-construct", span, format!("{what} is not supported")))
}

/// The number that a component has in parentheses.
fn number(component: &Component) -> Result<i64, Box<Diagnostic>> {
    optional_number(component)?.ok_or_else(|| {
        let name = &component.name.text;
        let message = format!("`{name}` needs a number");
        Box::new(Diagnostic::error("probe-argument", component.name.span, message).with_label(format!("`{name}(1)`")))
    })
}

fn optional_number(component: &Component) -> Result<Option<i64>, Box<Diagnostic>> {
    match &component.arg {
        None => Ok(None),
        Some(arg) => match arg.value {
            Literal::Number(number) => Ok(Some(number)),
            Literal::String(_) => {
                let message = format!("`{}` takes a number, not a string", component.name.text);
                Err(Box::new(Diagnostic::error("probe-argument", arg.span, message)))
            }
        },
    }
}

/// An error if a component has something in parentheses.
fn no_argument(component: &Component) -> Result<(), Box<Diagnostic>> {
    match &component.arg {
        None => Ok(()),
        Some(arg) => {
            let message = format!("`{}` takes nothing in parentheses", component.name.text);
            Err(Box::new(Diagnostic::error("probe-argument", arg.span, message)))
        }
    }
}

/// An error if the point goes on after `len` components.
fn ends(point: &Point<'_>, len: usize) -> Result<(), Box<Diagnostic>> {
    point.at(len).map_or(Ok(()), |component| Err(unknown_component(component, &[])))
}

/// What the kernel does not tell.
fn kernel_refuses(span: Span, error: &KernelError) -> Box<Diagnostic> {
    Box::new(crate::elaboration::kernel_finding(span, error))
}
