//! Probe points: aliases expanded, families resolved, each resolved point with its handler.
//!
//! What can be written is one tree of words (`grammar`); what a point of it resolves to is a file for each family.

mod begin;
pub(crate) mod counter;
mod data;
mod elsewhere;
mod forms;
mod function;
mod grammar;
mod handler;
pub(crate) use handler::is_handed;
mod joined;
mod matching;
mod netfilter;
mod process;
mod procfs;
mod profile;
mod program;
mod syscall;
mod timer;
mod tracepoint;

pub use forms::probe_types;

use crate::elaboration::Elaboration;
use crate::scan::Words;
use crate::scope::{EventFacts, Members};
use systap_diagnostics::{Diagnostic, Span, nearest};
use systap_ir::program::{self as ir, Event, Missing};
use systap_kernel::KernelError;
use systap_syntax::ast::{Alias, Block, Component, Expr, Literal, Optionality, Probe, ProbePoint};

/// A probe point on its way to what it resolves to.
#[derive(Clone, Debug)]
pub(crate) struct Point<'a> {
    /// As the script has it.
    pub(crate) span: Span,
    /// The same, as text.
    pub(crate) name: String,
    /// What is left to resolve.
    pub(crate) components: Vec<Component>,
    /// The `if (...)` of the point and of the aliases that led here.
    conditions: Vec<&'a Expr>,
    /// Blocks before the handler, the innermost alias' first.
    prologues: Vec<&'a Block>,
    body: &'a Block,
    /// Blocks after it, the outermost alias' first.
    epilogues: Vec<&'a Block>,
    /// The aliases that led here.
    through: Vec<&'a Alias>,
    /// What the marks `?` on the way say of a run without it.
    pub(crate) missing: Missing,
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
        text_of(&name.components)
    }

    /// The component at an index.
    fn at(&self, index: usize) -> Option<&Component> {
        self.components.get(index)
    }

    /// The first component that is this word.
    fn word(&self, word: &str) -> Option<&Component> {
        self.components.iter().find(|component| component.name.text == word)
    }

    /// Whether the point has that word after its first.
    fn has(&self, word: &str) -> bool {
        self.components.iter().skip(1).any(|component| component.name.text == word)
    }
}

/// What a point resolves to.
#[derive(Debug)]
pub(crate) struct Resolved {
    /// As `pp()` says it.
    pub(crate) point: String,
    pub(crate) event: Event,
    pub(crate) facts: EventFacts,
    /// The points that it stands for, if they are many.
    pub(crate) members: Option<Members>,
    /// The run ends after the handler.
    pub(crate) exits: bool,
    /// The handler runs only where this holds, besides the script's own conditions.
    pub(crate) filter: Option<ir::Expr>,
}

impl Resolved {
    /// An event that tells its handler nothing.
    fn plain(point: String, event: Event) -> Self {
        Resolved { point, event, facts: EventFacts::Plain, members: None, exits: false, filter: None }
    }
}

/// How many points may be looked at, and how many handlers made: aliases of aliases can multiply without end, and a
/// wildcard over every tracepoint makes some thousands.
const MOST_POINTS: usize = 10_000;
const MOST_PROBES: usize = 50_000;

type Resolution = Result<Vec<Resolved>, Box<Diagnostic>>;

/// Resolves a point of one family; an error says what about the point is wrong.
type Resolve = for<'e, 'a, 'p> fn(&'e mut Elaboration<'a>, &'p Point<'a>) -> Resolution;

impl<'a> Elaboration<'a> {
    /// Resolves a probe and elaborates its handler for each point that it resolves to.
    pub(crate) fn probe(&mut self, probe: &'a Probe) {
        for point in &probe.points {
            let start = Point {
                span: point.span,
                name: text_of(&point.components),
                components: vec![],
                conditions: vec![],
                prologues: vec![],
                body: &probe.body,
                epilogues: vec![],
                through: vec![],
                missing: Missing::Fails,
            };
            let found = self.point(&start, point, &[], point.optional != Optionality::Required);
            if found && point.optional == Optionality::Sufficient {
                break;
            }
        }
    }

    /// Resolves one point, reached through `from`, with what followed the alias. True if it matched something. A point
    /// that matches nothing is an error unless it is `optional`.
    fn point(&mut self, from: &Point<'a>, point: &'a ProbePoint, suffix: &[Component], optional: bool) -> bool {
        self.points += 1;
        if self.points > MOST_POINTS || self.probes.len() > MOST_PROBES {
            let message = "the script probes too many points";
            self.report(Diagnostic::error("too-many-points", from.span, message).with_note(format!(
                "{MOST_POINTS} points and {MOST_PROBES} handlers are allowed, those of aliases included"
            )));
            return true;
        }
        let mut next = from.clone();
        next.components = point.components.iter().chain(suffix).cloned().collect();
        next.conditions.extend(&point.condition);
        if point.optional == Optionality::Optional && next.missing == Missing::Fails {
            next.missing = if from.through.is_empty() { Missing::Passes } else { Missing::FailsAlone };
        }
        let aliases = |accept: &dyn Fn(&[Component]) -> bool| -> Vec<(usize, &'a Alias)> {
            let seen = |name: &ProbePoint| !next.through.is_empty() || !self.names.is_private_alias(name);
            let named = self.names.aliases.iter().filter(|(name, _)| accept(&name.components) && seen(name));
            named.map(|(name, alias)| (name.components.len(), *alias)).collect()
        };
        // A name as it is goes before a shorter one that the rest is handed on by.
        let mut named = aliases(&|name| matching::covers(&next.components, name));
        let wild = next.components.iter().any(matching::is_wildcard);
        if !named.is_empty() {
            // What the family has under that name is meant too, if it has it.
            let mut found = self.family(&next, true);
            for (len, alias) in named {
                found |= self.alias(&next, alias, len, optional || wild);
            }
            return found || (!optional && self.nothing_of(&next));
        }
        if matching::find(next.span, &next.components, std::iter::empty()).is_err() {
            named = aliases(&|name| matching::begins(&next.components, name));
            let longest = named.iter().map(|(len, _)| *len).max();
            named.retain(|(len, _)| Some(*len) == longest);
        }
        if named.is_empty() {
            return self.family(&next, optional);
        }
        let mut found = false;
        for (len, alias) in named {
            found |= self.alias(&next, alias, len, optional);
        }
        found
    }

    /// Reports that a pattern or an alias stands for nothing, unless something has been said already; false.
    fn nothing_of(&mut self, point: &Point<'a>) -> bool {
        if !self.handler_left_out && self.errors() == 0 {
            let message = format!("nothing of what `{}` stands for exists on this kernel", point.name);
            self.report(Diagnostic::error("unknown-probe-point", point.span, message));
        }
        false
    }

    fn alias(&mut self, from: &Point<'a>, alias: &'a Alias, len: usize, optional: bool) -> bool {
        let Some(name) = alias.names.first() else { return false };
        if from.through.iter().any(|passed| std::ptr::eq(*passed, alias)) {
            let message = format!("the alias `{}` stands for itself", text_of(&name.components));
            self.report(Diagnostic::error("alias-cycle", name.span, message).with_secondary(from.span, "used here"));
            // Something was found: what is wrong has been said.
            return true;
        }
        let mut next = from.clone();
        next.through.push(alias);
        next.prologues.splice(0..0, &alias.prologue);
        next.epilogues.extend(&alias.epilogue);
        let errors = self.errors();
        let suffix: Vec<Component> = from.components.iter().skip(len).cloned().collect();
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

    /// Resolves a point by the tree of families.
    fn family(&mut self, point: &Point<'a>, optional: bool) -> bool {
        let aliases = self.names.aliases.iter().filter_map(|(name, _)| name.components.first());
        let first_words: Vec<&str> = aliases.map(|first| first.name.text.as_str()).collect();
        let matched = match matching::find(point.span, &point.components, first_words.into_iter()) {
            Ok(matched) => matched,
            Err(finding) => return self.unresolved(point, *finding, optional),
        };
        let wild = point.components.iter().any(matching::is_wildcard);
        let mut found = false;
        let mut wrong = None;
        for each in matched {
            let next = Point { components: each.components, ..point.clone() };
            self.hints = !optional;
            match (each.resolve)(self, &next) {
                Ok(resolved) => {
                    found |= !resolved.is_empty();
                    for one in self.join(&next, resolved) {
                        self.handler(&next, one);
                    }
                }
                // Of what a pattern stands for, some may not be there.
                Err(finding) if wild => _ = wrong.get_or_insert(finding),
                Err(finding) => return self.unresolved(point, *finding, optional),
            }
        }
        match wrong {
            Some(finding) if !found => self.unresolved(point, *finding, optional),
            _ => found,
        }
    }

    /// Reports why a point could not be resolved, unless it may be left away; false.
    fn unresolved(&mut self, point: &Point<'a>, mut finding: Diagnostic, optional: bool) -> bool {
        // That the kernel does not say is not the same as that it has none.
        if optional && finding.code != "kernel-facts" {
            return false;
        }
        self.handler_left_out = true;
        let name = text_of(&point.components);
        if let Some(title) = self.names.keeps_to_itself(&name) {
            let said = format!("the alias `{name}` is for the scripts of the tapset {title} only");
            finding = Diagnostic::error("private-alias", point.span, said);
        } else if let Some(why) = self.names.why_refused(&name) {
            let said = format!("the alias `{name}` has no probe point on this kernel");
            finding = Diagnostic::error("alias-not-here", point.span, said).with_note(why);
        } else if finding.code == "unknown-probe-point" && finding.label.is_empty() {
            let aliases: Vec<String> = self.library.known_aliases().collect();
            if let Some(near) = nearest(&name, aliases.iter().map(String::as_str)) {
                finding = finding.with_label(format!("did you mean `{near}`?"));
            }
        }
        if !point.through.is_empty() && finding.span != Some(point.span) {
            finding = finding.with_secondary(point.span, "used here");
        }
        self.report(finding);
        false
    }
}

/// Whether a point is of a family, by its words.
pub(crate) fn is_of_a_family(point: &ProbePoint) -> bool {
    let wild = point.components.first().is_none_or(matching::is_wildcard);
    !wild && matching::find(point.span, &point.components, std::iter::empty()).is_ok()
}

/// Components as a script would have them.
fn text_of(components: &[Component]) -> String {
    let one = |component: &Component| {
        let name = &component.name.text;
        match component.arg.as_ref().map(|arg| &arg.value) {
            None => name.clone(),
            // An address of the kernel's.
            Some(Literal::Number(number @ ..0)) if ["statement", "function", "data"].contains(&name.as_str()) => {
                format!("{name}({number:#x})")
            }
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

/// The number that a component has in parentheses; the grammar has seen to it that it has one.
fn number(component: &Component) -> Option<i64> {
    match component.arg.as_ref()?.value {
        Literal::Number(number) => Some(number),
        Literal::String(_) => None,
    }
}

/// The string that it has.
fn string(component: &Component) -> Option<String> {
    match &component.arg.as_ref()?.value {
        Literal::String(text) => Some(String::from_utf8_lossy(text).into_owned()),
        Literal::Number(_) => None,
    }
}

/// Where its argument is, for errors about it.
fn argument_span(component: &Component) -> Span {
    component.arg.as_ref().map_or(component.name.span, |arg| arg.span)
}

/// An error about what a component has in parentheses.
fn bad_argument(component: &Component, message: impl Into<String>) -> Box<Diagnostic> {
    Box::new(Diagnostic::error("probe-argument", argument_span(component), message.into()))
}

/// The word of `struct pt_regs` that has what a function returned: `ax` on x86-64 (arch/x86/include/asm/ptrace.h).
const RETURNED: u32 = 10;

/// A register of the moment, by its place in `struct pt_regs`.
fn register(span: Span, index: u32) -> ir::Expr {
    crate::build::expr(span, ir::Type::Long, ir::ExprKind::Argument { index, pointer: false })
}

/// What the kernel does not tell.
fn kernel_refuses(span: Span, error: &KernelError) -> Box<Diagnostic> {
    Box::new(crate::elaboration::kernel_finding(span, error))
}
