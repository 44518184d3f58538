//! What runs in the kernel, what on the user side, and where each global lives.
//!
//! A handler that a timer, `begin` and the like fire runs on the user side whole. A handler that the kernel fires runs in the
//! kernel up to the first thing that kernel-side code cannot do; there it records the values that the rest needs and the
//! rest, a *continuation*, runs on the user side when the record arrives. Nothing is refused for where it would run but reads
//! of memory that would come too late.
//!
//! Handlers must still see each other's changes in the order in which they were hit. What a continuation writes and a handler
//! reads or sets in the kernel would break that; such a global is kept on the user side, where records arrive in order.

mod capacity;
mod carried;
mod caught;
mod defer;
mod denied;
mod matches;
mod outline;
mod residence;
mod rewritten;
mod sink;
mod tokens;

use std::collections::BTreeMap;

use systap_diagnostics::Diagnostic;

use self::carried::Carriers;
use self::denied::{Kept, Rules, Size};
use crate::flow::Flow;
use crate::graph::{Body, Unit};
use crate::inline::{inline_calls, recursive_functions};
use crate::optimize::optimize_body;
use crate::placed::{Capabilities, KernelHandler, Placed, UserHandler};
use crate::program::Event;

/// Divides a program for a kernel that can do this much.
pub fn place(unit: &Unit, capabilities: &Capabilities) -> Result<Placed, Vec<Diagnostic>> {
    place_within(unit, capabilities, Size::Full)
}

/// The same where the whole proved too long or too big for the kernel: what takes the most code and room, making strings, is
/// left to the user side.
pub fn place_small(unit: &Unit, capabilities: &Capabilities) -> Result<Placed, Vec<Diagnostic>> {
    place_within(unit, capabilities, Size::Small)
}

fn place_within(unit: &Unit, capabilities: &Capabilities, size: Size) -> Result<Placed, Vec<Diagnostic>> {
    let (unit, carriers) = carried::carriers(unit);
    let unit = &*unit;
    // Some globals prove unfit for the kernel side, or for being read there, only when the program has been divided; they are
    // kept on the user side, and the program is divided anew. Each round keeps more of them, so there is a last one.
    let mut kept = BTreeMap::new();
    let mut shared = residence::shared_aggregates(unit);
    loop {
        let mut placed = divide(&Rules { unit, capabilities, size, shared: &shared, kept: &kept }, &carriers)?;
        let text = capacity::of(unit, &placed);
        placed.globals = residence::of(unit, &placed, &text);
        let long_keys = residence::long_keys(&placed).into_iter().map(|global| (global, Kept::LongKeys));
        let late = residence::written_late(&placed).into_iter().map(|global| (global, Kept::WrittenLate));
        let rewritten = rewritten::rewritten(unit, &placed).into_iter().map(|global| (global, Kept::Rewritten));
        let unfit: Vec<_> = long_keys.chain(late).chain(rewritten).collect();
        let before = shared.len();
        shared.extend(residence::read_and_written_late(&placed));
        if unfit.is_empty() && shared.len() == before {
            for (handler, capacities) in placed.kernel.iter_mut().zip(text.kernel) {
                handler.text = capacities;
            }
            return Ok(placed);
        }
        kept.extend(unfit);
    }
}

fn divide(rules: &Rules<'_>, carriers: &Carriers) -> Result<Placed, Vec<Diagnostic>> {
    let unit = rules.unit;
    let recursive = recursive_functions(&unit.functions);
    let mut placed = Placed { functions: unit.functions.clone(), limits: unit.limits, ..Placed::default() };
    placed.patterns = unit.patterns.clone();
    let noted = matches::matter(unit);
    let mut diagnostics = vec![];
    for handler in &unit.handlers {
        let (point, span, event) = (handler.point.clone(), handler.span, handler.event.clone());
        if let Event::NotRun { what } = handler.event {
            let message = format!("`{point}` is resolved, but {what} are not run yet");
            let finding = Diagnostic::error("not-run-yet", span, message);
            diagnostics.push(finding.with_help("`check --until resolve` checks the script"));
            continue;
        }
        if runs_on_user_side(&handler.event) {
            placed.user.push(UserHandler { point, span, event, body: handler.body.clone() });
            continue;
        }
        let mut body = handler.body.clone();
        inline_calls(&mut body, &unit.functions, &recursive);
        carried::call_copies(&mut body, carriers);
        if noted {
            matches::carry(&mut body);
        }
        tokens::carry(&mut body);
        optimize_body(&mut body);
        sink::sink(&mut body, rules);
        let numbers = (placed.kernel.len(), unit.limits.actions_of(&event));
        match defer::divide(&mut body, rules, numbers, placed.continuations.len()) {
            Ok(continuations) => placed.continuations.extend(continuations),
            Err(found) => diagnostics.extend(found),
        }
        optimize_body(&mut body);
        let loops = has_loop(&body);
        placed.kernel.push(KernelHandler { point, span, event, missing: handler.missing, body, text: vec![], loops });
    }
    for continuation in &mut placed.continuations {
        optimize_body(&mut continuation.body);
    }
    if diagnostics.is_empty() { Ok(placed) } else { Err(diagnostics) }
}

fn runs_on_user_side(event: &Event) -> bool {
    match event {
        Event::Begin(_) | Event::End(_) | Event::Error(_) | Event::Never | Event::Timer { .. } => true,
        Event::FileRead { .. } | Event::FileWrite { .. } | Event::Input { .. } => true,
        Event::Profile { .. }
        | Event::Counter { .. }
        | Event::Access { .. }
        | Event::Packet { .. }
        | Event::KernelFunction { .. }
        | Event::KernelFunctions { .. }
        | Event::KernelCode { .. }
        | Event::UserCode { .. }
        | Event::NotRun { .. }
        | Event::Tracepoint { .. }
        | Event::SyscallEntry(_)
        | Event::SyscallReturn(_) => false,
    }
}

fn has_loop(body: &Body) -> bool {
    let flow = Flow::of(body);
    let back_edge =
        |block: &crate::graph::BlockId| body.block(*block).term.jumps().any(|jump| flow.is_back_edge(*block, jump.to));
    flow.order.iter().any(back_edge)
}
