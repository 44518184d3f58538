//! `kernel.trace("sched:sched_switch")`, with wildcards.

use super::{Point, Resolution, Resolved, kernel_refuses, string, unknown};
use crate::elaboration::Elaboration;
use crate::scope::EventFacts;
use systap_diagnostics::Diagnostic;
use systap_ir::program::Event;
use systap_kernel::btf::Type;
use systap_kernel::{Btf, KernelError, Tracepoint, TypeId, glob};
use systap_syntax::ast::ComponentArg;

/// `kernel.trace` and `kernel.tracepoint`, which differ in how SystemTap finds the arguments only.
pub(super) fn resolve<'a>(this: &mut Elaboration<'a>, point: &Point<'a>) -> Resolution {
    let Some(trace) = point.at(1) else { return Ok(vec![]) };
    let (Some(arg), Some(pattern)) = (&trace.arg, string(trace)) else { return Ok(vec![]) };
    let word = trace.name.text.as_str();
    let (subsystem, name) = match pattern.split_once(':') {
        Some((subsystem, name)) => (Some(subsystem), name),
        None => (None, &*pattern),
    };
    // One name, so that a subsystem of `*` costs nothing.
    let subsystem = subsystem.filter(|subsystem| *subsystem != "*");
    let is_pattern = glob::is_pattern(name) || subsystem.is_some_and(glob::is_pattern);
    let found = if is_pattern { this.kernel.tracepoints(subsystem, name) } else { exact(this, arg, subsystem, name) };
    let found = found.map_err(|error| kernel_refuses(arg.span, &error))?;
    if found.is_empty() {
        return Err(not_found(this, arg, subsystem, name));
    }
    let subsystem = subsystem.filter(|subsystem| !glob::is_pattern(subsystem));
    Ok(found.into_iter().map(|tracepoint| resolved(this, word, tracepoint, subsystem)).collect())
}

/// The tracepoint of that name. Names are unique in a kernel, so where the subsystem cannot be looked up (that takes root)
/// the name alone will do.
fn exact(
    this: &mut Elaboration<'_>,
    arg: &ComponentArg,
    subsystem: Option<&str>,
    name: &str,
) -> Result<Vec<Tracepoint>, KernelError> {
    // Many probes of one tracepoint need one look-up.
    let key = (subsystem.map(str::to_owned), name.to_owned());
    if let Some(known) = this.tracepoints.get(&key) {
        return Ok(known.iter().cloned().collect());
    }
    let found = match this.kernel.tracepoint(subsystem, name) {
        Err(error @ (KernelError::Tracefs { .. } | KernelError::NotRecorded { .. })) => {
            let by_name = this.kernel.tracepoint(None, name)?;
            if by_name.is_some() {
                let message = "whether the tracepoint is of this subsystem could not be checked";
                this.report(Diagnostic::warning("kernel-facts", arg.span, message).with_note(error.to_string()));
            }
            by_name
        }
        found => found?,
    };
    this.tracepoints.insert(key, found.clone());
    Ok(found.into_iter().collect())
}

/// Whether a program that knows the arguments' types can be attached to the tracepoint and read all of them. Such a program may read
/// numbers, and pointers to structs, to numbers and to `void`; Linux 6.1 and 6.12 refuse one to `const void`, and any to a pointer.
fn can_be_typed(btf: &Btf, tracepoint: &Tracepoint) -> bool {
    tracepoint.params.iter().all(|param| {
        let type_of = |id: TypeId| btf.resolve(id).and_then(|id| btf.get(id));
        let Ok(Type::Ptr(pointee)) = type_of(param.ty) else { return true };
        pointee == TypeId::VOID
            || matches!(
                type_of(pointee),
                Ok(Type::Struct { .. } | Type::Union { .. } | Type::Int { .. } | Type::Fwd { .. })
            )
    })
}

fn resolved(this: &Elaboration<'_>, word: &str, tracepoint: Tracepoint, subsystem: Option<&str>) -> Resolved {
    let point = match subsystem {
        Some(subsystem) => format!("kernel.{word}(\"{subsystem}:{}\")", tracepoint.name),
        None => format!("kernel.{word}(\"{}\")", tracepoint.name),
    };
    let typed = this.kernel.btf().is_ok_and(|btf| can_be_typed(btf, &tracepoint));
    let event = Event::Tracepoint {
        name: tracepoint.name.clone(),
        btf_id: if typed { tracepoint.btf_typedef_id } else { 0 },
        arguments: tracepoint.params.len() as u32,
    };
    let subsystem = subsystem.map(str::to_string);
    Resolved {
        point,
        event,
        facts: EventFacts::Tracepoint { tracepoint, subsystem },
        members: None,
        exits: false,
        filter: None,
    }
}

fn not_found(this: &Elaboration<'_>, arg: &ComponentArg, subsystem: Option<&str>, name: &str) -> Box<Diagnostic> {
    let code = "unknown-tracepoint";
    if glob::is_pattern(name) || subsystem.is_some_and(glob::is_pattern) {
        let shown = subsystem.map(|subsystem| format!("{subsystem}:{name}")).unwrap_or_else(|| name.to_string());
        return Box::new(Diagnostic::error(code, arg.span, format!("no tracepoint matches `{shown}`")));
    }
    let known = match this.kernel.tracepoint_names() {
        Ok(known) => known,
        Err(error) => return kernel_refuses(arg.span, &error),
    };
    if let Some(subsystem) = subsystem
        && known.contains(&name)
    {
        let message = format!("the subsystem `{subsystem}` has no tracepoint `{name}`");
        let finding = Diagnostic::error(code, arg.span, message);
        return Box::new(finding.with_help(format!("another has: `kernel.trace(\"{name}\")` finds it")));
    }
    let message = format!("this kernel has no tracepoint `{name}`");
    unknown(code, arg.span, message, name, known)
}

/// `module("m").tracepoint`: types of modules are not read, so a module's own tracepoints are not known.
pub(super) fn of_module<'a>(_: &mut Elaboration<'a>, point: &Point<'a>) -> Resolution {
    let Some(module) = point.at(0) else { return Ok(vec![]) };
    let message = format!("the tracepoints of the module `{}` are not known", string(module).unwrap_or_default());
    let finding = Diagnostic::error("unknown-tracepoint", super::argument_span(module), message);
    Err(Box::new(finding.with_note("only the kernel's own types are read, not those of modules")))
}
