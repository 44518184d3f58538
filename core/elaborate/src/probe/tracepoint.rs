//! `kernel.trace("sched:sched_switch")`, with wildcards.

use super::{
    Point, Resolution, Resolved, ends, incomplete, kernel_refuses, no_argument, unknown, unknown_component, unsupported,
};
use crate::elaboration::Elaboration;
use crate::scope::EventFacts;
use systap_diagnostics::Diagnostic;
use systap_ir::program::Event;
use systap_kernel::{KernelError, Tracepoint, glob};
use systap_syntax::ast::{ComponentArg, Literal};

/// What SystemTap's `kernel` goes on with besides, and is not there yet.
const NOT_YET: &[&str] = &["function", "statement", "data", "tracepoint", "lsm", "mark"];

pub(super) fn resolve<'a>(this: &mut Elaboration<'a>, point: &Point<'a>) -> Resolution {
    if let Some(first) = point.at(0) {
        no_argument(first)?;
    }
    let Some(trace) = point.at(1) else { return Err(incomplete(point, &["trace"])) };
    let word = trace.name.text.as_str();
    if NOT_YET.contains(&word) {
        return Err(unsupported(trace.name.span, &format!("`kernel.{word}`")));
    }
    if word != "trace" {
        return Err(unknown_component(trace, &["trace"]));
    }
    let Some(arg) = &trace.arg else {
        let message = "`trace` needs the name of a tracepoint";
        let finding = Diagnostic::error("probe-argument", trace.name.span, message);
        return Err(Box::new(finding.with_label("`trace(\"sched_switch\")`")));
    };
    ends(point, 2)?;
    let Literal::String(pattern) = &arg.value else {
        let message = "`trace` takes the name of a tracepoint, not a number";
        return Err(Box::new(Diagnostic::error("probe-argument", arg.span, message)));
    };
    let pattern = String::from_utf8_lossy(pattern);
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
    Ok(found.into_iter().map(|tracepoint| resolved(tracepoint, subsystem)).collect())
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
        Err(error @ KernelError::Tracefs { .. }) => {
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

fn resolved(tracepoint: Tracepoint, subsystem: Option<&str>) -> Resolved {
    let point = match subsystem {
        Some(subsystem) => format!("kernel.trace(\"{subsystem}:{}\")", tracepoint.name),
        None => format!("kernel.trace(\"{}\")", tracepoint.name),
    };
    let event = Event::Tracepoint {
        name: tracepoint.name.clone(),
        btf_id: tracepoint.btf_typedef_id,
        arguments: tracepoint.params.len() as u32,
    };
    let subsystem = subsystem.map(str::to_string);
    Resolved { point, event, facts: EventFacts::Tracepoint { tracepoint, subsystem }, exits: false }
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
