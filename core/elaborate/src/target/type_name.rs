//! C types by the names that scripts give them: `struct x`, `unsigned long`, `x_t *`; and which module's types are meant.
//!
//! Must never guess: what is not one of C's ways to name a type, or is not in BTF, is an error.

use crate::elaboration::Elaboration;
use systap_diagnostics::{Diagnostic, Span};
use systap_kernel::{Kind, TypeId};

/// A name taken apart: what it begins with, and how many pointers follow.
#[derive(Debug, PartialEq, Eq)]
struct Parsed {
    /// Which kinds of type it may be.
    kinds: &'static [Kind],
    /// What such a type may be called; compilers differ in how they order the words of integers.
    names: Vec<String>,
    stars: usize,
}

const ENUMS: &[Kind] = &[Kind::Enum, Kind::Enum64];
const ANY: &[Kind] =
    &[Kind::Struct, Kind::Union, Kind::Typedef, Kind::Int, Kind::Enum, Kind::Enum64, Kind::Float, Kind::Fwd];

/// Takes a name apart; `None` if it is none of a type's.
fn parse(name: &str) -> Option<Parsed> {
    let spaced = name.replace('*', " * ");
    let mut words: Vec<&str> = vec![];
    let mut stars = 0;
    for word in spaced.split_whitespace() {
        match word {
            "const" | "volatile" | "restrict" | "__restrict" | "__user" | "__rcu" | "__percpu" => {}
            "*" if words.is_empty() => return None,
            "*" => stars += 1,
            _ if stars > 0 => return None,
            word => words.push(word),
        }
    }
    let plain = |word: &&str| word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$');
    if words.is_empty() || !words.iter().all(plain) {
        return None;
    }
    let tagged = |kinds: &'static [Kind], tag: &str| Some(Parsed { kinds, names: vec![tag.to_string()], stars });
    match words.as_slice() {
        ["struct" | "class", tag] => tagged(&[Kind::Struct, Kind::Fwd], tag),
        ["union", tag] => tagged(&[Kind::Union, Kind::Fwd], tag),
        ["enum", tag] => tagged(ENUMS, tag),
        ["void"] => tagged(&[Kind::Void], "void"),
        words if words.iter().all(|word| is_integer_word(word)) => integer(words, stars),
        [name] => tagged(ANY, name),
        _ => None,
    }
}

fn is_integer_word(word: &str) -> bool {
    matches!(word, "unsigned" | "signed" | "long" | "short" | "int" | "char" | "double" | "float")
}

/// The integer of these words, which C lets stand in any order.
fn integer(words: &[&str], stars: usize) -> Option<Parsed> {
    let count = |wanted: &str| words.iter().filter(|word| **word == wanted).count();
    let (unsigned, signed) = (count("unsigned"), count("signed"));
    let (long, short, int, char) = (count("long"), count("short"), count("int"), count("char"));
    if count("double") + count("float") > 0 {
        let name = words.join(" ");
        return Some(Parsed { kinds: &[Kind::Float], names: vec![name], stars });
    }
    let sensible = unsigned + signed <= 1
        && long <= 2
        && short <= 1
        && int <= 1
        && char <= 1
        && (long == 0 || short + char == 0)
        && (char == 0 || short + int == 0);
    if !sensible {
        return None;
    }
    let sign = if unsigned == 1 { "unsigned " } else { "" };
    let names = if char == 1 {
        vec![if signed == 1 { "signed char".into() } else { format!("{sign}char") }]
    } else {
        match (short, long) {
            (1, _) => vec![format!("short {sign}int"), format!("{sign}short")],
            (_, 1) => vec![format!("long {sign}int"), format!("{sign}long")],
            (_, 2) => vec![format!("long long {sign}int"), format!("{sign}long long")],
            _ => vec![format!("{sign}int")],
        }
    };
    Some(Parsed { kinds: &[Kind::Int], names, stars })
}

impl Elaboration<'_> {
    /// The type that a script names; an error if there is none.
    pub(crate) fn type_named(&mut self, at: Span, name: &[u8]) -> Option<TypeId> {
        let (base, stars) = self.base_named(at, name)?;
        self.pointers_to(at, base, stars)
    }

    /// What the pointer type that a script names points to; an error if it names none.
    pub(crate) fn pointee_named(&mut self, at: Span, name: &[u8]) -> Option<TypeId> {
        let (base, stars) = self.base_named(at, name)?;
        self.pointers_to(at, base, stars.checked_sub(1)?)
    }

    /// The type that so many pointers in a row to a type make.
    fn pointers_to(&mut self, at: Span, base: TypeId, stars: usize) -> Option<TypeId> {
        let btf = self.btf(at)?;
        let mut ty = base;
        for _ in 0..stars {
            let pointer = self.known(at, btf.pointer_to(ty))?;
            if pointer.is_none() {
                let message = format!("this kernel has no pointer to `{}`", btf.describe(ty));
                self.report(Diagnostic::error("unknown-type", at, message));
            }
            ty = pointer?;
        }
        Some(ty)
    }

    fn base_named(&mut self, at: Span, name: &[u8]) -> Option<(TypeId, usize)> {
        let text = String::from_utf8_lossy(name);
        let bare = text.trim();
        let Some(Parsed { kinds, names, stars }) = parse(bare) else {
            let message = format!("`{bare}` is not the name of a C type");
            let finding = Diagnostic::error("unknown-type", at, message);
            self.report(finding.with_help("`struct name`, `union name`, `enum name`, `name_t`, `unsigned long`"));
            return None;
        };
        if kinds == [Kind::Void] {
            return Some((TypeId::VOID, stars));
        }
        let key = if kinds == ANY { names.concat() } else { format!("{kinds:?} {}", names.concat()) };
        if let Some(found) = self.structs.get(&key) {
            return Some((*found, stars));
        }
        let btf = self.btf(at)?;
        let wanted: Vec<(Kind, &str)> =
            kinds.iter().flat_map(|kind| names.iter().map(|name| (*kind, name.as_str()))).collect();
        let found = self.known(at, btf.find_many(&wanted))?;
        if let Some(found) = found.into_iter().flatten().next() {
            self.structs.insert(key, found);
            return Some((found, stars));
        }
        let mut known = vec![];
        let kinds = if self.trials == 0 { kinds } else { &[] };
        for kind in kinds {
            known.extend(self.known(at, btf.names(*kind))?.map(|(_, name)| name));
        }
        let shown = bare.trim_end_matches(['*', ' ']);
        let finding = Diagnostic::error("unknown-type", at, format!("this kernel has no type `{shown}`"));
        self.report_unknown(finding, names.first().map_or("", String::as_str), known);
        None
    }

    /// Whether types are looked up in the kernel for this list of modules; an error if there is nothing to look in. The
    /// list is the third argument of `@cast`: names separated by colons, `kernel<header.h>`, `<header.h>`, paths; nothing is the kernel.
    pub(crate) fn types_of_kernel(&mut self, at: Span, modules: Option<&[u8]>) -> bool {
        let Some(modules) = modules else { return true };
        let modules = String::from_utf8_lossy(modules);
        // The kernel's headers, and modules that are built into it, have their types in the kernel's BTF.
        let of_kernel = |module: &str| {
            let (name, _) = module.split_once('<').unwrap_or((module, ""));
            !name.is_empty() && !name.contains('/')
        };
        if modules.is_empty() || modules.split(':').any(of_kernel) {
            return true;
        }
        let what = if modules.starts_with('<') { "header" } else { "program" };
        let message = format!("the types of the {what} `{modules}` are not known");
        self.report(
            Diagnostic::error("no-debug-info", at, message)
                .with_note("types are read from the kernel's BTF; the debug information of programs is not read")
                .with_help("`\"kernel\"` finds the kernel's type of that name, if it has one"),
        );
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_apart() {
        let names = |name: &str| parse(name).map(|parsed| (parsed.names, parsed.stars));
        let one = |name: &str, stars| Some((vec![name.to_string()], stars));
        assert_eq!(names("task_struct"), one("task_struct", 0));
        assert_eq!(names("  const struct task_struct **"), one("task_struct", 2));
        assert_eq!(names("union u*"), one("u", 1));
        assert_eq!(names("unsigned char"), one("unsigned char", 0));
        assert_eq!(names("unsigned"), one("unsigned int", 0));
        assert_eq!(names("void * const *"), one("void", 2));
        let long = vec!["long unsigned int".to_string(), "unsigned long".to_string()];
        assert_eq!(names("unsigned long"), Some((long.clone(), 0)));
        assert_eq!(names("long unsigned int*"), Some((long, 1)));
        for wrong in ["", "*", "struct", "struct a b", "a b", "long char", "a*b", "unsigned signed", "a[2]", "int int"]
        {
            let parsed = parse(wrong);
            // A lone `struct` is a name like any other, which nothing has.
            assert!(parsed.is_none() || wrong == "struct", "{wrong}: {parsed:?}");
        }
    }
}
