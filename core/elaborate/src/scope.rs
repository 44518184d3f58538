//! The local variables of one handler or function, and where it is.
//!
//! Must never know globals: whether a word is a local at all is settled before it is asked for here.

use crate::autocast::{Body, Holder};
use crate::target::Companion;
use crate::types::Ty;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;
use systap_diagnostics::Span;
use systap_ir::program::{Expr, GlobalId, LocalId};
use systap_kernel::syscall::Syscall;
use systap_kernel::{Param, Tracepoint, TypeId};

/// A local variable while its handler is elaborated.
#[derive(Clone, Debug)]
pub(crate) struct LocalState {
    pub(crate) name: String,
    pub(crate) ty: Ty,
    /// Where it was first met.
    pub(crate) span: Span,
    /// Something gives it a value: an assignment, a `foreach`, a call.
    pub(crate) assigned: bool,
    /// Where it was first read.
    pub(crate) read: Option<Span>,
    /// Only what never runs mentions it.
    pub(crate) dead: bool,
}

/// What a handler can ask about the event that fires it.
#[derive(Debug)]
pub(crate) enum EventFacts {
    /// Nothing.
    Plain,
    /// A tracepoint's arguments.
    Tracepoint {
        tracepoint: Tracepoint,
        /// As the script gave it.
        subsystem: Option<String>,
    },
    /// A system call's.
    Syscall(SyscallFacts),
    /// A kernel function's.
    Function(FunctionFacts),
    /// What cannot be looked up: the variables of another language, all of them strings.
    Foreign,
    /// Values by name, dollars included, and the types of those that are pointers to something of the kernel's.
    Values(Vec<OfferedValue>),
}

/// What a handler of a kernel function can ask.
#[derive(Debug)]
pub(crate) struct FunctionFacts {
    /// One for each word of its arguments; what has no name cannot be asked.
    pub(crate) params: Vec<Param>,
    /// On return: what was returned, in the word after them.
    pub(crate) returned: Option<Param>,
}

/// A value that a point offers.
#[derive(Clone, Debug)]
pub(crate) struct OfferedValue {
    /// With its dollars.
    pub(crate) name: String,
    pub(crate) value: Expr,
    /// The kernel's type that it points to, if it does.
    pub(crate) pointee: Option<TypeId>,
    /// The handler may set it, for the rest of the handler.
    pub(crate) settable: bool,
}

/// What a handler of system calls can ask.
#[derive(Debug)]
pub(crate) struct SyscallFacts {
    /// The calls that fire it; `None`: every one.
    pub(crate) calls: Option<Vec<&'static Syscall>>,
    /// On return rather than on entry.
    pub(crate) returns: bool,
}

impl SyscallFacts {
    /// The one call that fires it, if it is one.
    pub(crate) fn single(&self) -> Option<&'static Syscall> {
        match self.calls.as_deref() {
            Some([call]) => Some(call),
            _ => None,
        }
    }
}

/// Where a handler finds the registers of the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Registers {
    /// Nowhere.
    None,
    /// Those of the kernel, in the words of the event's arguments.
    Kernel,
    /// Those of the program, in the words of the event's arguments.
    User,
    /// Those of whichever was interrupted, in the words of the event's arguments.
    Interrupted,
    /// Those with which the program called the kernel, behind the event's first argument.
    SystemCall,
    /// Behind the event's arguments, which are the function's: [`systap_ir::program::REGISTERS`].
    Arguments,
}

/// The points that share a handler.
#[derive(Clone, Debug)]
pub(crate) struct Members {
    pub(crate) points: Arc<[Vec<u8>]>,
    pub(crate) functions: Arc<[Vec<u8>]>,
}

/// A resolved probe point, as its handler sees it.
#[derive(Debug)]
pub(crate) struct ProbeFacts<'a> {
    /// What `pp()` gives.
    pub(crate) point: String,
    /// What `pp()` and `ppfunc()` give where the handler is that of many points, by the number of the point.
    pub(crate) members: Option<Members>,
    /// What `pn()` gives: the point as the script has it.
    pub(crate) name: String,
    /// What `probe_type()` gives.
    pub(crate) mechanism: &'static str,
    pub(crate) event: EventFacts,
    pub(crate) registers: Registers,
    /// On return of a function or system call rather than on entry.
    pub(crate) returns: bool,
    /// The names that the handler itself gives values to.
    pub(crate) assigned: HashSet<&'a str>,
    /// Those that the probe's own body gives values to, aliases aside: what `@probewrite` asks.
    pub(crate) written: HashSet<&'a str>,
}

/// Where a body stands.
#[derive(Clone, Debug)]
pub(crate) enum Site<'a> {
    Probe(Rc<ProbeFacts<'a>>),
    Function {
        /// Index of its state.
        index: usize,
        /// The handler that it is called from, if it asks for what only a handler knows.
        caller: Option<Rc<ProbeFacts<'a>>>,
    },
    /// The `if (...)` of a probe point.
    Condition,
}

/// The names of one body.
#[derive(Debug)]
pub(crate) struct Scope<'a> {
    pub(crate) site: Site<'a>,
    /// Which body it is.
    pub(crate) body: Body,
    pub(crate) locals: Vec<LocalState>,
    /// The handler of the entry that goes with this one of a return.
    pub(crate) companion: Option<Box<Companion<'a>>>,
    by_name: HashMap<String, LocalId>,
    /// How many loops are open.
    pub(crate) loops: u32,
    /// The arrays that an open `foreach` goes over.
    pub(crate) iterated: Vec<(GlobalId, Span)>,
    /// The arguments as the function was given them, for the overload that `next` goes on with.
    pub(crate) given: Vec<LocalId>,
    /// How many of the locals, the first ones, are parameters.
    pub(crate) params: usize,
    /// The names that are given values and never read, if they are locals.
    pub(crate) unread: HashSet<&'a str>,
}

impl<'a> Scope<'a> {
    pub(crate) fn new(site: Site<'a>, body: Body) -> Self {
        Scope {
            site,
            body,
            locals: vec![],
            companion: None,
            by_name: HashMap::new(),
            loops: 0,
            iterated: vec![],
            given: vec![],
            params: 0,
            unread: HashSet::new(),
        }
    }

    pub(crate) fn probe(&self) -> Option<Rc<ProbeFacts<'a>>> {
        match &self.site {
            Site::Probe(facts) => Some(Rc::clone(facts)),
            _ => None,
        }
    }

    /// What is known of the event: of the handler itself, or of the one that calls the function.
    pub(crate) fn event(&self) -> Option<Rc<ProbeFacts<'a>>> {
        match &self.site {
            Site::Probe(facts) => Some(Rc::clone(facts)),
            Site::Function { caller, .. } => caller.clone(),
            Site::Condition => None,
        }
    }

    pub(crate) fn find(&self, name: &str) -> Option<LocalId> {
        self.by_name.get(name).copied()
    }

    /// A new local of that name, which hides none.
    pub(crate) fn declare(&mut self, name: &str, span: Span, ty: Ty) -> LocalId {
        let id = self.hidden(name, span, ty);
        self.local(id).assigned = false;
        self.by_name.insert(name.to_string(), id);
        id
    }

    /// A local that no name of the script reaches.
    pub(crate) fn hidden(&mut self, name: &str, span: Span, ty: Ty) -> LocalId {
        let local = LocalState { name: name.to_string(), ty, span, assigned: true, read: None, dead: false };
        self.locals.push(local);
        LocalId(self.locals.len() as u32 - 1)
    }

    /// The local, as something that keeps the C type of a pointer.
    pub(crate) fn holder(&self, id: LocalId) -> Holder {
        let name = self.locals.get(id.0 as usize).map_or("", |local| local.name.as_str());
        Holder::Local(self.body, name.to_string())
    }

    /// Whether it is a parameter of the function.
    pub(crate) fn is_param(&self, id: LocalId) -> bool {
        (id.0 as usize) < self.params
    }

    pub(crate) fn local(&mut self, id: LocalId) -> &mut LocalState {
        &mut self.locals[id.0 as usize]
    }

    /// Forgets the locals from `len` on.
    pub(crate) fn truncate(&mut self, len: usize) {
        self.locals.truncate(len);
        self.by_name.retain(|_, id| (id.0 as usize) < len);
    }
}
