//! A type in the spelling of C, for messages and listings.
//!
//! Must never fail: what cannot be read is shown as `?`, since this text is often part of an error already.

use super::{Btf, Type, TypeId};

/// How many types one description may go through before the rest becomes `?`.
const MOST_TYPES: usize = 256;

impl Btf {
    /// The type as C would write it without a name: `struct task_struct *`, `unsigned int`, `char [16]`,
    /// `void (*)(struct work_struct *)`. What cannot be read is `?`.
    pub fn describe(&self, id: TypeId) -> String {
        let mut left = MOST_TYPES;
        self.declare(id, String::new(), &mut left)
    }

    /// The declaration of `inner` (a declarator: `*`, `(*)[4]`, or nothing yet) as being of type `id`. C's declarators
    /// read from the inside out, so each type adds to what is there and hands on to the type that it refers to.
    fn declare(&self, id: TypeId, mut inner: String, left: &mut usize) -> String {
        let mut id = id;
        // Qualifiers met on the way, which belong to the next thing written.
        let mut qualifiers = String::new();
        loop {
            if *left == 0 {
                return join("?", &qualifiers, &inner);
            }
            *left -= 1;
            let Ok(ty) = self.get(id) else { return join("?", &qualifiers, &inner) };
            id = match ty {
                Type::Const(to) => add_qualifier(&mut qualifiers, "const", to),
                Type::Volatile(to) => add_qualifier(&mut qualifiers, "volatile", to),
                Type::Restrict(to) => add_qualifier(&mut qualifiers, "restrict", to),
                // `__user` and its like say nothing to who reads a message.
                Type::TypeTag { ty, .. } => ty,
                Type::Ptr(to) => {
                    let star =
                        if qualifiers.is_empty() { "*".into() } else { format!("*{} ", qualifiers.trim_start()) };
                    inner = format!("{star}{inner}").trim_end().to_string();
                    qualifiers.clear();
                    to
                }
                Type::Array { element, len } => {
                    let close = if inner.starts_with('*') { format!("({inner})") } else { inner };
                    inner = format!("{close}[{len}]");
                    element
                }
                Type::FuncProto { ret, .. } => {
                    let open = if inner.starts_with('*') { format!("({inner})") } else { inner };
                    let params = self.parameter_list(id, left);
                    inner = format!("{open}({params})");
                    ret
                }
                Type::Func { proto, .. } => proto,
                Type::Var { ty, .. } => ty,
                Type::Void => return join("void", &qualifiers, &inner),
                Type::Int { name, .. } | Type::Float { name, .. } | Type::Typedef { name, .. } => {
                    return join(if name.is_empty() { "?" } else { name }, &qualifiers, &inner);
                }
                Type::Struct { name, .. } => return join(&tagged("struct", name), &qualifiers, &inner),
                Type::Union { name, .. } => return join(&tagged("union", name), &qualifiers, &inner),
                Type::Enum { name, .. } | Type::Enum64 { name, .. } => {
                    return join(&tagged("enum", name), &qualifiers, &inner);
                }
                Type::Fwd { name, is_union } => {
                    return join(&tagged(if is_union { "union" } else { "struct" }, name), &qualifiers, &inner);
                }
                Type::Datasec { name, .. } => return join(name, &qualifiers, &inner),
                Type::DeclTag { .. } => return join("?", &qualifiers, &inner),
            };
        }
    }

    fn parameter_list(&self, proto: TypeId, left: &mut usize) -> String {
        let Ok(params) = self.params(proto) else { return "?".into() };
        if params.is_empty() {
            return "void".into();
        }
        let last = params.len() - 1;
        let mut list = String::new();
        for (nth, param) in params.iter().enumerate() {
            if nth > 0 {
                list.push_str(", ");
            }
            if *left == 0 {
                list.push('?');
                break;
            }
            // A trailing parameter of type void is how BTF writes `...`.
            if nth == last && param.ty == TypeId::VOID {
                list.push_str("...");
            } else {
                list.push_str(&self.declare(param.ty, String::new(), left));
            }
        }
        list
    }
}

fn add_qualifier(qualifiers: &mut String, word: &str, to: TypeId) -> TypeId {
    qualifiers.push(' ');
    qualifiers.push_str(word);
    to
}

fn tagged(keyword: &str, name: &str) -> String {
    if name.is_empty() { format!("{keyword} {{...}}") } else { format!("{keyword} {name}") }
}

/// Base type, its qualifiers and the declarator around it.
fn join(base: &str, qualifiers: &str, inner: &str) -> String {
    let qualified =
        if qualifiers.is_empty() { base.to_string() } else { format!("{} {base}", qualifiers.trim_start()) };
    if inner.is_empty() { qualified } else { format!("{qualified} {inner}") }
}
