//! What a probe point offers its handler, for whoever lists points rather than runs them.
//!
//! Must never cost a run that does not list.

use crate::elaboration::Elaboration;
use crate::probe::Point;
use crate::scope::{EventFacts, OfferedValue, ProbeFacts, SyscallFacts};
use systap_diagnostics::Span;
use systap_ir::program::{Event, Type};
use systap_kernel::TypeId;

/// What is said of each point, besides what its handler becomes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum List {
    /// Nothing: nobody lists.
    #[default]
    Nothing,
    /// Its name; no handler is made.
    Names,
    /// Its name, what it offers and what fires it.
    Variables,
}

/// A resolved point, as a list shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct Listed {
    /// The point in the script.
    pub span: Span,
    /// The point: an alias by its own name, anything else as `pp()` says it.
    pub name: String,
    /// What the handler can read beside globals, `name:type` each; the types are C's for `$` names, the language's for
    /// others. None of a list of names.
    pub variables: Vec<String>,
    /// What fires it; not told in a list of names.
    pub event: Option<Event>,
}

impl Elaboration<'_> {
    /// Notes what a handler is about to be elaborated for, if somebody lists.
    pub(crate) fn list(&mut self, point: &Point<'_>, facts: &ProbeFacts<'_>, event: &Event) {
        if self.list == List::Nothing || self.names.in_library(point.span) {
            return;
        }
        if self.list == List::Names {
            let name = point.list_name(&facts.point);
            return self.listed.push(Listed { span: point.span, name, variables: vec![], event: None });
        }
        let variables = match &facts.event {
            EventFacts::Tracepoint { tracepoint, .. } => {
                let describe = |param: &systap_kernel::Param| format!("${}:{}", param.name, self.described(param.ty));
                tracepoint.params.iter().map(describe).collect()
            }
            EventFacts::Syscall(facts) => of_syscall(facts),
            EventFacts::Function(facts) => {
                let named = facts.params.iter().filter(|param| !param.name.is_empty());
                let params = named.map(|param| format!("${}:{}", param.name, self.described(param.ty)));
                let returned = facts.returned.iter().map(|param| format!("$return:{}", self.described(param.ty)));
                params.chain(returned).collect()
            }
            EventFacts::Values(values) => values.iter().map(|each| self.of_value(each)).collect(),
            EventFacts::Plain | EventFacts::Foreign => vec![],
        };
        let event = Some(event.clone());
        self.listed.push(Listed { span: point.span, name: point.list_name(&facts.point), variables, event });
    }

    /// A type in the words of C.
    fn described(&self, ty: TypeId) -> String {
        self.kernel.btf().map(|btf| btf.describe(ty)).unwrap_or_default()
    }

    fn of_value(&self, value: &OfferedValue) -> String {
        let ty = match (value.pointee, value.value.ty) {
            (Some(pointee), _) => format!("{} *", self.described(pointee)),
            (None, Type::Long) => "long".to_owned(),
            (None, Type::Text) => "string".to_owned(),
        };
        format!("{}:{ty}", value.name)
    }
}

fn of_syscall(facts: &SyscallFacts) -> Vec<String> {
    let mut variables = vec!["name:string".to_owned()];
    if facts.returns {
        variables.extend(["retval:long", "retstr:string"].map(str::to_owned));
        return variables;
    }
    variables.push("argstr:string".to_owned());
    let Some(call) = facts.single() else { return variables };
    for (name, ty) in crate::target::argument_names(call) {
        variables.push(format!("{name}:{}", if ty == Type::Text { "string" } else { "long" }));
    }
    variables.extend(call.args.iter().map(|arg| format!("${}:{}", arg.name, arg.c_type)));
    variables
}
