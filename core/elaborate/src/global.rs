//! Globals as their uses shape them: scalar, array or aggregate, with types of keys and values.
//!
//! Must never change its mind: the first use settles a shape, and each later one that does not fit is an error there.

use crate::check::{Typed, count};
use crate::elaboration::Elaboration;
use crate::standing::Standing;
use crate::types::Ty;
use std::collections::HashSet;
use systap_diagnostics::{Diagnostic, Span};
use systap_ir::program::{AggregateShape, Constant, Element, Global, GlobalId, GlobalShape, Histogram, Type};
use systap_syntax::ast;

/// The greatest number of keys of an array, as SystemTap has it.
const MOST_KEYS: usize = 9;

/// A global while its uses are gathered.
#[derive(Debug)]
pub(crate) struct GlobalState<'a> {
    pub(crate) declaration: &'a ast::Global,
    /// The script declares it, not the library.
    pub(crate) script: bool,
    pub(crate) init: Option<Constant>,
    /// Where it was first used without keys, as a value.
    scalar_since: Option<Span>,
    /// Where it was first used with keys, and their types.
    array: Option<(Span, Vec<Ty>)>,
    /// Of the scalar, or of the array's elements.
    pub(crate) value: Ty,
    /// Where something is accumulated into it.
    pub(crate) aggregate: Option<Span>,
    pub(crate) read: bool,
    pub(crate) written: bool,
    /// A pointer is assigned to it, or to an element of it.
    pub(crate) pointer: bool,
    /// The histogram that is asked for, and where.
    pub(crate) histogram: Option<(Histogram, Span)>,
    /// The least or the greatest value is asked for.
    pub(crate) extremes: bool,
    /// `@variance` is asked for with this shift, and where.
    pub(crate) variance: Option<(u8, Span)>,
}

impl<'a> Elaboration<'a> {
    /// The global of that name, if there is one.
    pub(crate) fn global(&mut self, name: &str) -> Option<GlobalId> {
        if let Some(id) = self.names.used_global(name) {
            return Some(id);
        }
        if crate::library::has_global(name) && self.names.global(name).is_none() {
            self.read_library(name);
        }
        let declaration = self.names.global(name)?;
        let init = declaration.init.as_ref().and_then(|init| self.literal(init));
        let value = match (&init, &declaration.init) {
            (Some(init), Some(at)) => self.types.settled(type_of(init), at.span),
            _ => self.types.fresh(),
        };
        let id = GlobalId(self.globals.len() as u32);
        self.globals.push(GlobalState {
            declaration,
            script: self.names.in_script(declaration.name.span),
            scalar_since: declaration.init.as_ref().map(|init| init.span),
            init,
            array: None,
            value,
            aggregate: self.names.accumulated(name),
            read: false,
            written: false,
            pointer: false,
            histogram: None,
            extremes: false,
            variance: None,
        });
        self.names.use_global(name, id);
        Some(id)
    }

    /// The value of an initialiser.
    fn literal(&mut self, init: &'a ast::Expr) -> Option<Constant> {
        let negated = |kind: &'a ast::ExprKind| match kind {
            ast::ExprKind::Unary { op: ast::UnaryOp::Negate, operand } => match &operand.kind {
                ast::ExprKind::Literal(ast::Literal::Number(number)) => Some(number.wrapping_neg()),
                _ => None,
            },
            _ => None,
        };
        match &init.kind {
            ast::ExprKind::Literal(ast::Literal::Number(number)) => Some(Constant::Long(*number)),
            ast::ExprKind::Literal(ast::Literal::String(bytes)) => {
                let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
                Some(Constant::Text(self.cut(&bytes[..end])))
            }
            ast::ExprKind::Missing => None,
            kind => match negated(kind) {
                Some(number) => Some(Constant::Long(number)),
                None => {
                    let message = "a global can only start from a number or a string written out";
                    self.report(
                        Diagnostic::error("not-a-literal", init.span, message)
                            .with_help("assign to it in `probe begin`"),
                    );
                    None
                }
            },
        }
    }

    /// A text as long as texts can be.
    fn cut(&self, text: &[u8]) -> Vec<u8> {
        text[..text.len().min((self.limits.string as usize).saturating_sub(1))].to_vec()
    }

    pub(crate) fn state(&mut self, id: GlobalId) -> &mut GlobalState<'a> {
        &mut self.globals[id.0 as usize]
    }

    /// Notes that something looks at the global, if it runs.
    pub(crate) fn reads(&mut self, id: GlobalId) {
        let runs = self.standing == Standing::Runs;
        self.state(id).read |= runs;
    }

    /// Notes that something changes the global, if it runs.
    pub(crate) fn writes(&mut self, id: GlobalId) {
        let runs = self.standing == Standing::Runs;
        self.state(id).written |= runs;
    }

    /// Says that the global is used without keys at `at`. False if it is an array.
    pub(crate) fn as_scalar(&mut self, id: GlobalId, at: Span) -> bool {
        let state = self.state(id);
        let name = state.declaration.name.text.clone();
        if let Some((since, keys)) = &state.array {
            let (since, keys) = (*since, count(keys.len(), "key"));
            self.report(
                Diagnostic::error("array-as-scalar", at, format!("`{name}` is an array, and has no value of its own"))
                    .with_label(format!("takes {keys}"))
                    .with_secondary(since, "an array since here"),
            );
            return false;
        }
        state.scalar_since.get_or_insert(at);
        true
    }

    /// Says that the global is used with `given` keys at `at`, and gives their types. `None` after an error.
    pub(crate) fn as_array(&mut self, id: GlobalId, given: usize, at: Span) -> Option<Vec<Ty>> {
        let state = &self.globals[id.0 as usize];
        let name = &state.declaration.name.text;
        if let Some(since) = state.scalar_since {
            let finding = Diagnostic::error("scalar-as-array", at, format!("`{name}` is not an array"))
                .with_label("used with keys here")
                .with_secondary(since, "a plain value since here");
            self.report(finding);
            return None;
        }
        if let Some((since, keys)) = &state.array {
            if keys.len() != given {
                let message = format!("`{name}` has {}, and here are {given}", count(keys.len(), "key"));
                let finding = Diagnostic::error("key-count", at, message)
                    .with_secondary(*since, format!("{} since here", count(keys.len(), "key")));
                self.report(finding);
                return None;
            }
            return Some(keys.clone());
        }
        if given == 0 || given > MOST_KEYS {
            let message = format!("an array has 1 to {MOST_KEYS} keys, and here are {given}");
            self.report(Diagnostic::error("key-count", at, message));
            return None;
        }
        let keys: Vec<Ty> = (0..given).map(|_| self.types.fresh()).collect();
        self.state(id).array = Some((at, keys.clone()));
        Some(keys)
    }

    /// An error if the global is an aggregate, since `at` uses it as a plain value. True if it is none.
    pub(crate) fn not_aggregate(&mut self, id: GlobalId, at: Span, doing: &str) -> bool {
        let state = &self.globals[id.0 as usize];
        let Some(since) = state.aggregate else { return true };
        let name = &state.declaration.name.text;
        let finding = Diagnostic::error("aggregate-misuse", at, format!("`{name}` is an aggregate, and {doing}"))
            .with_secondary(since, "an aggregate since here")
            .with_help(format!(
                "ask for `@count({name})`, `@sum`, `@min`, `@max`, `@avg`, `@variance`, `@hist_log` or `@hist_linear`"
            ));
        self.report(finding);
        false
    }

    /// Applies `-G name=value`.
    pub(crate) fn override_globals(&mut self, given: &[(String, String)]) {
        for (name, value) in given {
            if self.names.global(name).is_none() {
                if crate::library::has_global(name) {
                    // The script does without it.
                    continue;
                }
                let finding =
                    Diagnostic::error_without_place("unknown-global", format!("there is no global `{name}` to set"));
                let near = systap_diagnostics::nearest(name, self.names.global_names());
                self.report(match near {
                    Some(near) => finding.with_help(format!("did you mean `{near}`?")),
                    None => finding,
                });
                continue;
            }
            let Some(id) = self.names.used_global(name) else { continue };
            let span = self.state(id).declaration.name.span;
            if self.state(id).aggregate.is_some() || self.state(id).array.is_some() {
                let message = format!("`{name}` holds more than one value, and cannot be set from outside");
                self.report(Diagnostic::error("global-override", span, message));
                continue;
            }
            let wanted = self.types.known(self.globals[id.0 as usize].value);
            let number = parse_number(value);
            let constant = match (wanted, number) {
                (Some(Type::Text), _) | (None, None) => Constant::Text(self.cut(value.as_bytes())),
                (_, Some(number)) => Constant::Long(number),
                (Some(Type::Long), None) => {
                    let message = format!("`{name}` holds a long, and `{value}` is no number");
                    self.report(Diagnostic::error("global-override", span, message));
                    continue;
                }
            };
            let found = Typed::new(crate::build::expr(
                span,
                type_of(&constant),
                systap_ir::program::ExprKind::Constant(constant.clone()),
            ));
            let wanted = self.state(id).value;
            self.expect(&found, wanted, || format!("the value of `{name}`"));
            self.state(id).init = Some(constant);
        }
    }

    /// The globals with all that is known of them at the end.
    pub(crate) fn finish_globals(&mut self, count: usize) -> Vec<Global> {
        let mut globals = Vec::with_capacity(count);
        for index in 0..count {
            let state = &self.globals[index];
            let (declaration, span) = (state.declaration, state.declaration.name.span);
            let name = declaration.name.text.clone();
            if !state.read && !state.written {
                // Only what never runs mentions it, or a size or `delete` that says nothing of types.
                let open: Vec<Ty> =
                    state.array.iter().flat_map(|(_, keys)| keys).copied().chain([state.value]).collect();
                open.into_iter().for_each(|ty| self.types.silence(ty));
            }
            let state = &self.globals[index];
            let never = state.script && state.read && !state.written && state.init.is_none();
            let print_at_end = state.script && state.written && !state.read;
            let pointer = state.pointer;
            let histogram = state.histogram.map(|(histogram, _)| histogram);
            let aggregate = AggregateShape {
                logarithmic: histogram == Some(Histogram::Logarithmic),
                linear: match histogram {
                    Some(Histogram::Linear(bounds)) => Some(bounds),
                    _ => None,
                },
                variance: state.variance.map(|(shift, _)| shift),
                sums_only: !state.extremes && state.variance.is_none() && !print_at_end,
            };
            let (is_aggregate, value, init) = (state.aggregate.is_some(), state.value, state.init.clone());
            if let (Some(since), Some(init)) = (state.aggregate, &declaration.init) {
                let message = format!("`{name}` is an aggregate, and cannot start from a value");
                let finding = Diagnostic::error("aggregate-misuse", init.span, message);
                self.report(finding.with_secondary(since, "an aggregate since here"));
            }
            let state = &self.globals[index];
            let shape = match state.array.clone() {
                Some((since, keys)) => {
                    let types = (1..)
                        .zip(keys)
                        .map(|(number, key)| self.final_type(key, since, || format!("key {number} of `{name}`")));
                    let keys: Vec<Type> = types.collect();
                    let element = if is_aggregate {
                        Element::Aggregate(aggregate)
                    } else {
                        Element::Value(self.final_type(value, since, || format!("what `{name}` holds")))
                    };
                    GlobalShape::Array { keys, element, capacity: self.capacity(declaration), wrap: declaration.wrap }
                }
                None => {
                    self.no_size(declaration);
                    if is_aggregate {
                        GlobalShape::Aggregate(aggregate)
                    } else {
                        let ty = self.final_type(value, span, || format!("the global `{name}`"));
                        GlobalShape::Scalar(init.unwrap_or(match ty {
                            Type::Long => Constant::Long(0),
                            Type::Text => Constant::Text(vec![]),
                        }))
                    }
                }
            };
            if never {
                let message = format!("the global `{name}` is read and never given a value");
                self.report(Diagnostic::warning("global-never-assigned", span, message));
            }
            globals.push(Global { name, span, shape, print_at_end, pointer });
        }
        globals
    }

    fn capacity(&mut self, declaration: &ast::Global) -> u32 {
        let Some((size, at)) = declaration.size else { return self.limits.entries };
        match u32::try_from(size) {
            Ok(entries @ 1..=0x7fff_ffff) => entries,
            _ => {
                let message = format!("an array has 1 to {} entries, not {size}", i32::MAX);
                self.report(Diagnostic::error("array-size", at, message));
                1
            }
        }
    }

    /// What is a plain value has no number of elements, nor an oldest one to drop. What nothing uses may yet become an array.
    fn no_size(&mut self, declaration: &ast::Global) {
        let name = &declaration.name;
        if declaration.wrap {
            let message = format!("`{}` is declared to wrap (`%`), but never used as an array", name.text);
            self.report(Diagnostic::error("scalar-as-array", name.span, message));
        } else if let Some((_, at)) = declaration.size {
            let message = format!("`{}` is declared with a size, as an array is, but used as a plain value", name.text);
            self.report(Diagnostic::error("scalar-as-array", at, message));
        }
    }

    /// Warns of the globals of the script that nothing mentions.
    pub(crate) fn unused_globals(&mut self) {
        let known: HashSet<Span> = self.globals.iter().map(|state| state.declaration.name.span).collect();
        for global in self.names.script_globals.clone() {
            if !known.contains(&global.name.span) {
                let message = format!("nothing uses the global `{}`", global.name.text);
                self.report(Diagnostic::warning("unused-variable", global.name.span, message));
            }
        }
    }
}

pub(crate) fn type_of(constant: &Constant) -> Type {
    match constant {
        Constant::Long(_) => Type::Long,
        Constant::Text(_) => Type::Text,
    }
}

/// A number as the language writes it: decimal, `0x`, or octal after `0`; perhaps negative.
fn parse_number(text: &str) -> Option<i64> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    if digits.contains(['+', '-']) {
        return None;
    }
    let value = if let Some(hex) = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        u64::from_str_radix(hex, 16).ok()?
    } else if digits.len() > 1 && digits.starts_with('0') {
        u64::from_str_radix(&digits[1..], 8).ok()?
    } else {
        digits.parse().ok()?
    };
    Some(if negative { (value as i64).wrapping_neg() } else { value as i64 })
}

#[cfg(test)]
mod tests {
    use super::parse_number;

    #[test]
    fn numbers_are_read_as_in_scripts() {
        assert_eq!(parse_number("-12"), Some(-12));
        assert_eq!(parse_number("0x10"), Some(16));
        assert_eq!(parse_number("010"), Some(8));
        assert_eq!(parse_number("18446744073709551615"), Some(-1));
        assert_eq!(parse_number("0"), Some(0));
        for wrong in ["", "-", "abc", "1x", "09", "--1", "0x+1"] {
            assert_eq!(parse_number(wrong), None, "{wrong}");
        }
    }
}
