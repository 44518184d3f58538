//! The functions that scripts find without defining them, as a list for people.
//!
//! Must never be needed to run a script: it parses the whole library.

use crate::builtin::{self, Builtin};
use crate::library;
use systap_diagnostics::Sources;
use systap_ir::program::Type;
use systap_syntax::ast::{Item, TypeName};
use systap_syntax::{ParseOptions, parse};

/// A function by its name and types.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Signature {
    /// Its name.
    pub name: String,
    /// Names and types of its parameters; a type is `None` where calls settle it.
    pub params: Vec<(String, Option<&'static str>)>,
    /// What it returns; `None` for nothing.
    pub returns: Option<&'static str>,
}

impl std::fmt::Display for Signature {
    /// As SystemTap lists functions: `substr:string (arg1:string, arg2:long, arg3:long)`; what is not known, or not there,
    /// is `unknown`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let word = |ty: Option<&'static str>| ty.unwrap_or("unknown");
        let params: Vec<String> = self.params.iter().map(|(name, ty)| format!("{name}:{}", word(*ty))).collect();
        write!(f, "{}:{} ({})", self.name, word(self.returns), params.join(", "))
    }
}

/// Every function that scripts may call, by name; those whose names begin with two underscores are the library's own.
pub fn signatures() -> Vec<Signature> {
    let mut found: Vec<Signature> = builtin::rows_of_all()
        .map(|(name, builtin)| {
            let param = |(index, ty): (usize, &Type)| (format!("arg{}", index + 1), Some(word(*ty)));
            let params = builtin.params().iter().enumerate().map(param).collect();
            Signature { name: name.to_owned(), params, returns: returns(builtin).map(word) }
        })
        .collect();
    for (name, text) in library::texts() {
        let mut sources = Sources::default();
        let id = sources.add(name, text);
        for item in parse(&mut sources, id, &ParseOptions::default()).file.items {
            let Item::Function(function) = item else { continue };
            if function.private {
                continue;
            }
            let params = function.params.iter().map(|(name, ty)| (name.text.clone(), ty.map(annotated))).collect();
            found.push(Signature { name: function.name.text, params, returns: function.returns.map(annotated) });
        }
    }
    found.sort();
    found
}

fn word(ty: Type) -> &'static str {
    match ty {
        Type::Long => "long",
        Type::Text => "string",
    }
}

fn annotated(ty: TypeName) -> &'static str {
    match ty {
        TypeName::Long => "long",
        TypeName::String => "string",
    }
}

fn returns(builtin: Builtin) -> Option<Type> {
    match builtin {
        Builtin::Context(fact) => Some(fact.ty()),
        Builtin::Intrinsic(intrinsic) | Builtin::OfProcess(intrinsic) => intrinsic.signature().returns,
        Builtin::Scaled(..) | Builtin::ScaledOfCpu(..) | Builtin::Read(..) | Builtin::Readable(..) => Some(Type::Long),
        Builtin::IsReturn | Builtin::AtFunction | Builtin::Registers | Builtin::Hertz => Some(Type::Long),
        Builtin::Register | Builtin::EventArgument => Some(Type::Long),
        Builtin::Text { .. } | Builtin::CtimeNow => Some(Type::Text),
        Builtin::ProbeType | Builtin::Pp | Builtin::Pn | Builtin::PointFunction => Some(Type::Text),
        Builtin::Log | Builtin::PrintBacktrace | Builtin::PrintStack | Builtin::PrintUserStack => None,
    }
}

#[cfg(test)]
mod tests {
    use super::signatures;

    #[test]
    fn built_in_and_library_functions_are_listed_alike() {
        let lines: Vec<String> = signatures().iter().map(ToString::to_string).collect();
        for line in ["pid:long ()", "exit:unknown ()", "task_pid:long (task:long)", "strlen:long (arg1:string)"] {
            assert!(lines.iter().any(|found| found == line), "{line} is not among\n{}", lines.join("\n"));
        }
        assert!(signatures().is_sorted());
    }
}
