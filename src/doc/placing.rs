//! Where something runs and what it costs, found out by having it placed: a script that calls it goes the road that every script
//! goes. Must never know a function by its name.

use systap_bpf::Options;
use systap_diagnostics::{Severity, Sources};
use systap_elaborate::documentation::{Entry, Kind};
use systap_ir::graph::{Body, Op, Unit};
use systap_ir::placed::{Capabilities, Placed};
use systap_ir::program::{Event, Type};
use systap_kernel::Kernel;

use crate::compile::{Compilation, Settings, Warnings, on_deep_stack, ticks_per_second};

/// Handlers that a call is tried in, the commonest first: the first that may have it counts.
const HANDLERS: &[&str] = &[
    "syscall.read",
    "syscall.read.return",
    "timer.profile",
    "process.begin",
    "kernel.trace(\"sched_switch\")",
    "kprobe.function(\"vfs_read\")",
    "kprobe.function(\"vfs_read\").return",
];

/// The name of the variable that keeps what is returned.
const KEPT: &str = "what_is_returned";

/// Where something can run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// In handlers that the kernel fires, in the kernel.
    Kernel {
        /// Only kernels with open loops can.
        open_loops: bool,
        /// In `begin`, timers and the like as well, on the user side.
        user: bool,
    },
    /// On the user side, in `begin`, timers and the like and also behind a handler that the kernel fires; why, if anything
    /// but the event stands against it.
    User(Option<String>),
    /// A macro: where its expansion does.
    Expansion,
    /// It cannot be tried here: what is said of it.
    NotHere(String),
}

/// What a call costs in the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cost {
    Constant,
    Text,
    Loop,
    Record,
    Unknown,
}

/// An entry, and what placing says of it.
#[derive(Clone, Debug)]
pub(crate) struct Known<'a> {
    pub(crate) entry: &'a Entry,
    pub(crate) side: Side,
    pub(crate) cost: Cost,
}

impl std::fmt::Display for Side {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Side::Kernel { open_loops, user } => {
                write!(f, "kernel")?;
                if *open_loops {
                    let first = Options::OPEN_LOOPS;
                    write!(f, " (from Linux {}.{})", first.major, first.minor)?;
                }
                if *user { write!(f, " and user") } else { Ok(()) }
            }
            Side::User(Some(why)) => write!(f, "user, for {why}"),
            Side::User(None) => write!(f, "user"),
            Side::Expansion => write!(f, "that of its expansion"),
            Side::NotHere(_) => write!(f, "not here"),
        }
    }
}

impl Cost {
    /// In words.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Cost::Constant => "constant",
            Cost::Text => "bounded by the length of a string",
            Cost::Loop => "bounded by a structure that it walks",
            Cost::Record => "a record to the user side",
            Cost::Unknown => "unknown",
        }
    }
}

/// Tries calls on one kernel.
pub(crate) struct Placing<'k> {
    kernel: &'k Kernel,
    settings: Settings,
}

impl<'k> Placing<'k> {
    pub(crate) fn new(kernel: &'k Kernel) -> Self {
        let mut settings = Settings { hz: ticks_per_second(kernel), warnings: Warnings::Silent, ..Settings::default() };
        settings.dialect.guru = true;
        // What nobody would notice is looked at too.
        settings.unoptimized = true;
        Placing { kernel, settings }
    }

    /// The same entries, each with what placing says.
    pub(crate) fn of_each<'a>(&self, entries: &[&'a Entry]) -> Vec<Known<'a>> {
        let known = on_deep_stack(|| entries.iter().map(|entry| self.of(entry)).collect());
        known.unwrap_or_default()
    }

    fn of<'a>(&self, entry: &'a Entry) -> Known<'a> {
        let (side, cost) = match entry.kind {
            Kind::Macro => (Side::Expansion, Cost::Unknown),
            Kind::Refused => (Side::NotHere(entry.first_sentence().to_owned()), Cost::Unknown),
            Kind::Probe => self.of_family(entry),
            Kind::Function | Kind::Output => self.of_call(entry),
        };
        Known { entry, side, cost }
    }

    /// Of a family what its example says, which has a point of it.
    fn of_family(&self, entry: &Entry) -> (Side, Cost) {
        let script = entry.example_script().unwrap_or_default();
        match self.unit(&script).and_then(|unit| divided(&unit, true)) {
            Ok(placed) => {
                let of_family = |point: &str| systap_elaborate::documentation::first_word(point) == entry.name;
                let user = placed.user.iter().any(|handler| of_family(&handler.point));
                let kernel = placed.kernel.iter().any(|handler| of_family(&handler.point));
                let side = match (kernel, user) {
                    (true, user) => Side::Kernel { open_loops: false, user },
                    (false, true) => Side::User(None),
                    (false, false) => Side::NotHere("nothing here has the point of the example".to_owned()),
                };
                (side, Cost::Unknown)
            }
            Err(why) => (Side::NotHere(why), Cost::Unknown),
        }
    }

    fn of_call(&self, entry: &Entry) -> (Side, Cost) {
        let of_call = self.of_script(&|handler| script_of(entry, handler));
        // What a call alone leaves open, such as the types of what others are to keep, the example may settle.
        let example = entry.example_script().filter(|script| script.starts_with("probe oneshot {"));
        match (of_call, example) {
            ((Side::NotHere(why), _), Some(example)) => {
                match self.of_script(&|handler| example.replacen("oneshot", handler, 1)) {
                    (Side::NotHere(_), cost) => (Side::NotHere(why), cost),
                    of_example => of_example,
                }
            }
            (of_call, _) => of_call,
        }
    }

    /// Of a script that is made for each handler.
    fn of_script(&self, script: &dyn Fn(&str) -> String) -> (Side, Cost) {
        // A family that the library probes beside the call and that is not run yet does not stand against the call.
        let unit = |handler: &str| {
            let mut unit = self.unit(&script(handler))?;
            unit.handlers.retain(|handler| !matches!(handler.event, Event::NotRun { .. }));
            Ok::<Unit, String>(unit)
        };
        let alone = unit("begin").and_then(|unit| divided(&unit, true));
        let in_kernel = HANDLERS.iter().find_map(|handler| {
            let unit = unit(handler).ok()?;
            Some((divided(&unit, true).ok()?, divided(&unit, false).ok()))
        });
        let Some((placed, without_open_loops)) = in_kernel else {
            return match alone {
                Ok(_) => (Side::User(None), Cost::Unknown),
                Err(why) => (Side::NotHere(why), Cost::Unknown),
            };
        };
        if let Some(why) = reason(&placed) {
            return (Side::User(Some(why)), Cost::Record);
        }
        let open_loops = without_open_loops.is_none_or(|placed| reason(&placed).is_some());
        let cost = placed.kernel.first().map_or(Cost::Unknown, |handler| cost(&handler.body, handler.loops));
        (Side::Kernel { open_loops, user: alone.is_ok() }, cost)
    }

    /// A script as graphs; the first thing that is wrong with it otherwise.
    fn unit(&self, script: &str) -> Result<Unit, String> {
        let mut sources = Sources::default();
        let file = sources.add("doc", script);
        let mut compilation = Compilation::new(&mut sources, &self.settings, self.kernel);
        let unit = (|| {
            let trees = compilation.parse(&[file])?;
            let program = compilation.elaborate(&trees)?;
            compilation.lower(&program)
        })();
        let error = |found: &&systap_diagnostics::Diagnostic| found.severity == Severity::Error;
        unit.map_err(|_| {
            compilation.diagnostics.iter().find(error).map(|found| found.message.clone()).unwrap_or_default()
        })
    }
}

/// A handler that calls a function with what only the moment knows, and keeps what it returns.
fn script_of(entry: &Entry, handler: &str) -> String {
    let args: Vec<&str> = match entry.kind {
        Kind::Output => match entry.name.trim_start_matches('s') {
            "printf" => vec!["\"%s %d\"", "execname()", "tid()"],
            "printd" | "printdln" => vec!["\"|\"", "execname()", "tid()"],
            _ => vec!["execname()"],
        },
        _ => entry.params.iter().map(|(_, ty)| if ty == "string" { "execname()" } else { "tid()" }).collect(),
    };
    let call = format!("{}({})", entry.name, args.join(", "));
    match entry.result {
        Some(_) => format!("global {KEPT} probe {handler} {{ {KEPT} = {call} }}"),
        None => format!("probe {handler} {{ {call} }}"),
    }
}

fn divided(unit: &Unit, open_loops: bool) -> Result<Placed, String> {
    systap_ir::place(unit, &Capabilities { open_loops, followed_loops: true })
        .map_err(|found| found.into_iter().next().map(|finding| finding.message).unwrap_or_default())
}

/// What moved the handler to the user side.
fn reason(placed: &Placed) -> Option<String> {
    let mut reasons = placed.continuations.iter().map(|rest| &rest.reason.0);
    let own = |reason: &&String| !reason.contains(KEPT);
    reasons.clone().find(own).or_else(|| reasons.next()).cloned()
}

fn cost(body: &Body, loops: bool) -> Cost {
    let is_text = |value| body.ty(value) == Type::Text;
    let mut cost = if loops { Cost::Loop } else { Cost::Constant };
    for op in body.blocks.iter().flat_map(|block| &block.insts).map(|inst| &inst.op) {
        match op {
            Op::Print(..) => return Cost::Record,
            Op::ReadText { .. } | Op::Concat(..) | Op::Format(..) | Op::Match { .. } if !loops => cost = Cost::Text,
            Op::Intrinsic(intrinsic, _) if (intrinsic.takes_text() || intrinsic.loops()) && !loops => cost = Cost::Text,
            Op::Compare(_, one, _) if is_text(*one) && !loops => cost = Cost::Text,
            _ => {}
        }
    }
    cost
}
