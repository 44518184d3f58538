//! The `@` operators that are written like calls: constants and enumerators by name, raw memory, registers, counters.
//!
//! Must never let a script without `-g` read what only an expert should; the library's macros may.

use super::Typed;
use crate::build::{self, Load};
use crate::constant;
use crate::elaboration::Elaboration;
use crate::probe;
use crate::registers;
use crate::scope::{Registers, Scope};
use crate::types::Ty;
use systap_diagnostics::{Diagnostic, Span};
use systap_ir::intrinsic::Context;
use systap_ir::program::{CompareOp, Expr, ExprKind, Place, Space, Type, Width};
use systap_kernel::Kind;
use systap_kernel::btf::{Enumerator, Type as Btf};
use systap_syntax::ast;

impl<'a> Elaboration<'a> {
    /// `@name(args)`, for what the parser does not know by itself.
    pub(super) fn at_call(
        &mut self,
        scope: &mut Scope<'a>,
        span: Span,
        name: &'a ast::Name,
        args: &'a [ast::Expr],
    ) -> Typed {
        let word = name.text.trim_start_matches('@');
        if let ("choose_defined", [first, second]) = (word, args) {
            let chosen = if self.is_defined(scope, first) { first } else { second };
            return self.value(scope, chosen);
        }
        if let ("probewrite", [ast::Expr { kind: ast::ExprKind::Name(written), .. }]) = (word, args) {
            let Some(facts) = scope.probe() else {
                let message = "`@probewrite` is only known in a handler";
                self.report(Diagnostic::error("outside-a-handler", span, message));
                return Typed::unknown(span);
            };
            return Typed::new(build::long(span, i64::from(facts.written.contains(written.as_str()))));
        }
        let found = match word {
            // That some take guru mode is the parser's to say, and what each must be given.
            "const" => self.constant(word, span, args),
            "enum" => self.enumerator(word, span, args),
            "enumname" => self.enumerator_name(scope, span, args),
            "kderef" => self.raw_load(scope, word, span, args, Space::Kernel),
            "uderef" => self.raw_load(scope, word, span, args, Space::User),
            "kregister" | "uregister" => self.raw_register(scope, word, span, args),
            "perf" => self.counter(scope, word, span, args),
            // The parser has reported it.
            _ => None,
        };
        found.unwrap_or_else(|| Typed::unknown(span))
    }

    /// An argument that must be a string written out.
    fn literal_text(&mut self, word: &str, arg: &'a ast::Expr) -> Option<&'a [u8]> {
        match &arg.kind {
            ast::ExprKind::Literal(ast::Literal::String(bytes)) => Some(bytes),
            ast::ExprKind::Missing => None,
            _ => {
                let message = format!("`@{word}` needs a literal string here");
                self.report(Diagnostic::error("not-a-literal", arg.span, message));
                None
            }
        }
    }

    /// An argument that must be a number written out.
    fn literal_number(&mut self, word: &str, arg: &'a ast::Expr) -> Option<i64> {
        match &arg.kind {
            ast::ExprKind::Literal(ast::Literal::Number(number)) => Some(*number),
            ast::ExprKind::Missing => None,
            _ => {
                let message = format!("`@{word}` needs a literal number here");
                self.report(Diagnostic::error("not-a-literal", arg.span, message));
                None
            }
        }
    }

    /// `@const("TOKEN")`
    fn constant(&mut self, word: &str, span: Span, args: &'a [ast::Expr]) -> Option<Typed> {
        let [arg] = args else { return None };
        let text = String::from_utf8_lossy(self.literal_text(word, arg)?);
        let token = text.trim();
        if let Some(value) = constant::value(token, &self.limits) {
            return Some(Typed::new(build::long(span, value)));
        }
        if token.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_') {
            let btf = self.btf(span)?;
            if let Some((_, found)) = self.known(span, btf.enumerator(token))? {
                return Some(Typed::new(build::long(span, found.value)));
            }
        }
        let message = format!("the value of `{token}` is not known");
        self.report(
            Diagnostic::error("unknown-constant", arg.span, message)
                .with_note("the kernel tells its enumerators; macros of its headers are known only to a C compiler")
                .with_help("write the number"),
        );
        None
    }

    /// `@enum("NAME"[, "module"])`
    fn enumerator(&mut self, word: &str, span: Span, args: &'a [ast::Expr]) -> Option<Typed> {
        let arg = args.first()?;
        let name = String::from_utf8_lossy(self.literal_text(word, arg)?);
        if let Some(module) = args.get(1) {
            let module_name = self.literal_text(word, module)?;
            self.types_of_kernel(module.span, Some(module_name)).then_some(())?;
        }
        let btf = self.btf(span)?;
        if let Some((_, found)) = self.known(span, btf.enumerator(name.trim()))? {
            return Some(Typed::new(build::long(span, found.value)));
        }
        let message = format!("no enumeration of this kernel has `{name}`");
        self.report(Diagnostic::error("unknown-constant", arg.span, message));
        None
    }

    /// `@enumname(value[, "type"[, "module"]])`
    fn enumerator_name(&mut self, scope: &mut Scope<'a>, span: Span, args: &'a [ast::Expr]) -> Option<Typed> {
        let value = self.value(scope, args.first()?);
        self.expect(&value, Ty::LONG, || "what `@enumname` is given".to_string());
        let ty = match args.get(1) {
            Some(type_name) => {
                let name = self.literal_text("enumname", type_name)?;
                let module = match args.get(2) {
                    Some(module) => Some(self.literal_text("enumname", module)?),
                    None => None,
                };
                self.types_of_kernel(type_name.span, module).then_some(())?;
                self.type_of_enum(type_name.span, name)?
            }
            None => match value.enumeration {
                Some(ty) => ty,
                None => {
                    let message = "nothing says which enumeration this is of";
                    self.report(
                        Diagnostic::error("not-an-enum", value.expr.span, message)
                            .with_help("say it: `@enumname(..., \"enum name\")`"),
                    );
                    return None;
                }
            },
        };
        let btf = self.btf(span)?;
        let (id, found) = self.known(span, btf.get_resolved(ty))?;
        if !matches!(found, Btf::Enum { .. } | Btf::Enum64 { .. }) {
            let at = args.get(1).map_or(span, |arg| arg.span);
            let message = format!("`{}` is not an enumeration", btf.describe(ty));
            self.report(Diagnostic::error("not-an-enum", at, message));
            return None;
        }
        let mut names = self.known(span, btf.enumerators(id))?;
        // Of several names of one value the first is given.
        names.sort_by_key(|enumerator| enumerator.value);
        names.dedup_by_key(|enumerator| enumerator.value);
        let held = scope.hidden("@enumerator", span, Ty::LONG);
        let read = build::expr(span, Type::Long, ExprKind::Read(Place::Local(held)));
        let first = ExprKind::Assign { place: Place::Local(held), op: None, value: Box::new(value.expr) };
        let first = build::expr(span, Type::Long, first);
        Some(Typed::new(chosen(span, &names, Some(first), &read)))
    }

    /// The enumeration of that name; a bare name is an enumeration's before anything else's.
    fn type_of_enum(&mut self, at: Span, name: &[u8]) -> Option<systap_kernel::TypeId> {
        let text = String::from_utf8_lossy(name);
        let btf = self.btf(at)?;
        let wanted = [(Kind::Enum, text.trim()), (Kind::Enum64, text.trim())];
        match self.known(at, btf.find_many(&wanted))?.into_iter().flatten().next() {
            Some(found) => Some(found),
            None => self.type_named(at, name),
        }
    }

    /// `@kderef(size, address)` and `@uderef(size, address)`
    fn raw_load(
        &mut self,
        scope: &mut Scope<'a>,
        word: &str,
        span: Span,
        args: &'a [ast::Expr],
        space: Space,
    ) -> Option<Typed> {
        let [size, address] = args else { return None };
        let address = self.value(scope, address);
        self.expect(&address, Ty::LONG, || format!("the address that `@{word}` is given"));
        let bytes = self.literal_number(word, size)?;
        let Some(width) = u32::try_from(bytes).ok().and_then(Width::of) else {
            let message = format!("`@{word}` reads 1, 2, 4 or 8 bytes, not {bytes}");
            self.report(Diagnostic::error("bad-size", size.span, message));
            return None;
        };
        let load = Load { offset: 0, width, signed: false, space, typed: false };
        Some(Typed::new(build::load(span, address.expr, load)))
    }

    /// `@kregister(number)` and `@uregister(number)`
    fn raw_register(&mut self, scope: &mut Scope<'a>, word: &str, span: Span, args: &'a [ast::Expr]) -> Option<Typed> {
        let [arg] = args else { return None };
        let number = self.literal_number(word, arg)?;
        let value = self.dwarf_register(scope, span, number, word == "uregister")?;
        Some(Typed::new(value))
    }

    /// `@perf("name")`
    fn counter(&mut self, scope: &Scope<'a>, word: &str, span: Span, args: &'a [ast::Expr]) -> Option<Typed> {
        let [arg] = args else { return None };
        let name = self.literal_text(word, arg)?;
        let counts = |component: &ast::Component| {
            component.name.text == "counter"
                && component.arg.as_ref().is_some_and(|arg| arg.value == ast::Literal::String(name.to_vec()))
        };
        let aliased = self.names.aliases.iter().flat_map(|(_, alias)| &alias.points);
        let points = self.names.probes.iter().flat_map(|probe| &probe.points).chain(aliased);
        let counted: Vec<&[ast::Component]> =
            points.map(|point| &*point.components).filter(|point| point.iter().any(counts)).collect();
        let shown = String::from_utf8_lossy(name);
        if let Some(point) = counted.first() {
            if registers::source(scope) != Registers::User {
                let message = "a counter can be read where a process runs its own code";
                let finding = Diagnostic::error("unknown-counter", span, message);
                self.report(finding.with_help("read it in `process(\"...\").function(\"...\")` or `.mark` or `.plt`"));
                return None;
            }
            // What is wrong with the numbers is reported where they stand.
            let (kind, config) = probe::counter::which(point).ok()?;
            let count = ExprKind::Context(Context::PerfCounter { kind, config });
            return Some(Typed::new(build::expr(span, Type::Long, count)));
        }
        self.report(
            Diagnostic::error("unknown-counter", arg.span, format!("there is no counter `{shown}`"))
                .with_help(format!("declare it: `probe perf.hw.cpu_cycles.counter(\"{shown}\") {{}}`")),
        );
        None
    }
}

/// The name of the value that `read` gives, which `first` gives as well and keeps for it: a search by halves.
fn chosen(span: Span, names: &[Enumerator<'_>], first: Option<Expr>, read: &Expr) -> Expr {
    let mut first = first;
    let mut compare = |op, with: i64| {
        let left = first.take().unwrap_or_else(|| read.clone());
        let kind = ExprKind::Compare(op, Box::new(left), Box::new(build::long(span, with)));
        Box::new(build::expr(span, Type::Long, kind))
    };
    let (condition, then, otherwise) = match names {
        [] => return number(span, first.unwrap_or_else(|| read.clone())),
        [one] => (compare(CompareOp::Equal, one.value), build::text(span, one.name), number(span, read.clone())),
        _ => {
            let (low, high) = names.split_at(names.len() / 2);
            let from = high.first().map_or(0, |lowest| lowest.value);
            (compare(CompareOp::Less, from), chosen(span, low, None, read), chosen(span, high, None, read))
        }
    };
    let kind = ExprKind::Ternary { condition, then: Box::new(then), otherwise: Box::new(otherwise) };
    build::expr(span, Type::Text, kind)
}

/// A number in decimal.
fn number(span: Span, value: Expr) -> Expr {
    use systap_ir::format::{ConversionKind, Format};
    let format = Format { pieces: vec![build::plain(ConversionKind::Signed)] };
    build::expr(span, Type::Text, ExprKind::Format(format, vec![value]))
}
