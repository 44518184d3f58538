//! A point's words put to the tree of all probe points: what they match, wildcards resolved, or where they stop to.
//!
//! Must never ask whether what is named exists: that is the families' to say.

use super::grammar::{ANY, Arg, ROOT, Step};
use super::{Resolve, text_of, unknown};
use systap_diagnostics::{Diagnostic, Span};
use systap_kernel::glob;
use systap_syntax::ast::{Component, Literal, Name};

/// A point that the tree has.
pub(super) struct Matched {
    /// Without wildcards, but for those that are their family's.
    pub(super) components: Vec<Component>,
    pub(super) resolve: Resolve,
}

/// Where the words of a point left the tree.
struct Mismatch {
    /// The words up to there.
    before: Vec<Component>,
    /// The word that does not fit; `None` if the point ended too early.
    at: Option<Component>,
    /// What it could have gone on with.
    lists: &'static [&'static [Step]],
}

#[derive(Default)]
struct Walk {
    before: Vec<Component>,
    found: Vec<Matched>,
    deepest: Option<Mismatch>,
}

/// How many points a pattern may stand for: `**` more than once multiplies.
const MOST: usize = 10_000;

/// What the tree has for these words.
///
/// # Errors
/// Where they leave it; the first words of aliases are suggested too.
pub(super) fn find<'n>(
    point: Span,
    components: &[Component],
    aliases: impl Iterator<Item = &'n str>,
) -> Result<Vec<Matched>, Box<Diagnostic>> {
    let mut walk = Walk::default();
    walk.step(ROOT, components);
    if !walk.found.is_empty() {
        return Ok(walk.found);
    }
    Err(match walk.deepest {
        Some(mismatch) => mismatch.finding(point, aliases),
        None => Box::new(Diagnostic::error("unknown-probe-point", point, "a probe point has at least one word")),
    })
}

/// Whether a word stands for others.
pub(super) fn is_wildcard(component: &Component) -> bool {
    component.name.text.contains('*')
}

/// Whether all words of a point match all of an alias' name. What an alias has in parentheses says only of which kind
/// it is.
pub(super) fn covers(given: &[Component], named: &[Component]) -> bool {
    let (Some((first, rest)), Some((name, names))) = (given.split_first(), named.split_first()) else {
        return given.is_empty() && named.is_empty();
    };
    if let Some((one, (head, tail))) = split(first) {
        return matches(&one, name) && covers(rest, names)
            || matches(&head, name) && covers(&[std::slice::from_ref(&tail), rest].concat(), names);
    }
    matches(first, name) && covers(rest, names)
}

/// Whether the first words of a point match an alias' name.
pub(super) fn begins(given: &[Component], named: &[Component]) -> bool {
    given.get(..named.len()).is_some_and(|first| covers(first, named))
}

fn matches(given: &Component, named: &Component) -> bool {
    let kind = |component: &Component| component.arg.as_ref().map(|arg| std::mem::discriminant(&arg.value));
    glob::matches(&given.name.text, &named.name.text) && kind(given) == kind(named)
}

/// A word with `**`: as one word with `*`, and as two, the second of which goes on. What is in parentheses belongs to
/// the last.
fn split(component: &Component) -> Option<(Component, (Component, Component))> {
    let text = &component.name.text;
    let at = text.find("**")?;
    let (prefix, suffix) = (&text[..at], text[at..].trim_start_matches('*'));
    let word = |text: String, arg| Component { name: Name { text, span: component.name.span }, arg };
    let one = word(format!("{prefix}*{suffix}"), component.arg.clone());
    let two = (word(format!("{prefix}*"), None), word(format!("**{suffix}"), component.arg.clone()));
    Some((one, two))
}

impl Walk {
    fn step(&mut self, lists: &'static [&'static [Step]], words: &[Component]) {
        let Some((first, rest)) = words.split_first() else { return };
        if self.found.len() > MOST {
            return;
        }
        if let Some((one, (head, tail))) = split(first) {
            self.step(lists, &[std::slice::from_ref(&one), rest].concat());
            self.step(lists, &[&[head, tail], rest].concat());
            return;
        }
        let wild = is_wildcard(first);
        let mut any = false;
        for step in lists.iter().copied().flatten() {
            let word = match step.word {
                ANY => first.name.text.as_str(),
                word if wild && glob::matches(&first.name.text, word) => word,
                word if word == first.name.text => word,
                _ => continue,
            };
            if !fits(step.arg, first) {
                continue;
            }
            any = true;
            let name = Name { text: word.to_string(), span: first.name.span };
            self.before.push(Component { name, arg: first.arg.clone() });
            match (rest, step.resolve) {
                ([], Some(resolve)) => self.found.push(Matched { components: self.before.clone(), resolve }),
                ([], None) => self.mismatch(None, step.next),
                _ => self.step(step.next, rest),
            }
            self.before.pop();
        }
        if !any {
            self.mismatch(Some(first), lists);
        }
    }

    fn mismatch(&mut self, at: Option<&Component>, lists: &'static [&'static [Step]]) {
        let depth = |mismatch: &Mismatch| mismatch.before.len();
        if self.deepest.as_ref().is_none_or(|deepest| depth(deepest) < self.before.len()) {
            self.deepest = Some(Mismatch { before: self.before.clone(), at: at.cloned(), lists });
        }
    }
}

fn fits(arg: Arg, component: &Component) -> bool {
    matches!(
        (arg, component.arg.as_ref().map(|arg| &arg.value)),
        (Arg::None, None) | (Arg::Text(..), Some(Literal::String(_))) | (Arg::Number, Some(Literal::Number(_)))
    )
}

impl Mismatch {
    fn finding<'n>(self, point: Span, aliases: impl Iterator<Item = &'n str>) -> Box<Diagnostic> {
        const CODE: &str = "unknown-probe-point";
        let mut words: Vec<&'static str> = vec![];
        for step in self.lists.iter().copied().flatten() {
            if !words.contains(&step.word) {
                words.push(step.word);
            }
        }
        let listed = match words.as_slice() {
            [ANY] => "the name of a system call, *".to_string(),
            words => words.join(", "),
        };
        let Some(at) = self.at else {
            let span = self.before.last().map_or(point, |last| last.name.span);
            let message = format!("`{}` is not a whole probe point", text_of(&self.before));
            return Box::new(Diagnostic::error(CODE, span, message).with_note(format!("it goes on with {listed}")));
        };
        let name = at.name.text.as_str();
        let takes: Vec<Arg> = self
            .lists
            .iter()
            .copied()
            .flatten()
            .filter(|step| step.word == ANY || glob::matches(name, step.word))
            .map(|step| step.arg)
            .collect();
        if !takes.is_empty() {
            return wrong_argument(&at, &takes);
        }
        if is_wildcard(&at) {
            let message = format!("no probe point matches `{}`", text_of(&[self.before, vec![at.clone()]].concat()));
            return Box::new(Diagnostic::error(CODE, at.name.span, message));
        }
        if self.before.is_empty() {
            let message = format!("there is no probe point `{name}`");
            return unknown(
                CODE,
                at.name.span,
                message,
                name,
                words.iter().copied().chain(aliases).filter(|word| *word != name),
            );
        }
        let message = format!("a probe point cannot go on with `{name}` here");
        let finding = unknown(CODE, at.name.span, message, name, words.iter().copied());
        if words.is_empty() { finding } else { Box::new(finding.with_note(format!("it can go on with {listed}"))) }
    }
}

/// What a word has in parentheses is not what it takes.
fn wrong_argument(at: &Component, takes: &[Arg]) -> Box<Diagnostic> {
    const CODE: &str = "probe-argument";
    let name = &at.name.text;
    // Of several things that it takes, the one that is nearest to what it was given.
    let takes = takes.iter().copied().find(|arg| *arg != Arg::None).unwrap_or(Arg::None);
    let Some(arg) = &at.arg else {
        let (what, example) = match takes {
            Arg::Text(what, example) => (what, format!("`{name}(\"{example}\")`")),
            _ => ("a number", format!("`{name}(1)`")),
        };
        let finding = Diagnostic::error(CODE, at.name.span, format!("`{name}` needs {what}"));
        return Box::new(finding.with_label(example));
    };
    let given = match arg.value {
        Literal::Number(_) => "a number",
        Literal::String(_) => "a string",
    };
    let message = match takes {
        Arg::None => format!("`{name}` takes nothing in parentheses"),
        Arg::Text(what, _) => format!("`{name}` takes {what}, not {given}"),
        Arg::Number => format!("`{name}` takes a number, not {given}"),
    };
    Box::new(Diagnostic::error(CODE, arg.span, message))
}
