//! The typed program to control-flow graphs.
//!
//! SSA form falls out of the structure: where paths meet, a block takes as parameters exactly the locals that were assigned on
//! some path since they parted, so no search over the graph is needed and nothing recurses deeper than the program's own
//! nesting. The optimizer removes what turns out to be redundant.

mod assigned;
mod expression;
mod statement;

use systap_diagnostics::{Diagnostic, Span};

use crate::graph::{Block, BlockId, Body, Function, Handler, Inst, Jump, Op, Terminator, Unit, Value};
use crate::inline::deepest_calls;
use crate::intrinsic::Intrinsic;
use crate::program::{Local, LocalId, Probe, Program, Stmt, Type};

/// Makes the graphs of a program. Diagnostics are for what the graphs cannot express.
pub fn lower(program: &Program) -> Result<Unit, Vec<Diagnostic>> {
    let mut diagnostics: Vec<Diagnostic> = program.embedded.iter().copied().map(embedded_c).collect();
    let functions: Vec<Function> = program
        .functions
        .iter()
        .map(|function| {
            let mut builder = Builder::new(&function.locals, function.params, function.returns, function.span);
            builder.run(&function.body);
            Function { name: function.name.clone(), returns: function.returns, body: builder.finish(&mut diagnostics) }
        })
        .collect();
    let handlers = program.probes.iter().map(|probe| lower_probe(probe, &mut diagnostics)).collect();
    if diagnostics.is_empty() {
        let (globals, patterns) = (program.globals.clone(), program.patterns.clone());
        let mut limits = program.limits;
        if limits.nesting == 0 {
            limits.nesting = deepest_calls(&functions);
        }
        let mut unit = Unit { globals, functions, patterns, handlers, limits };
        forget_matches(&mut unit);
        Ok(unit)
    } else {
        Err(diagnostics)
    }
}

/// Drops the notes of what was matched where nothing asks for it.
fn forget_matches(unit: &mut Unit) {
    let handlers = unit.handlers.iter_mut().map(|handler| &mut handler.body);
    let bodies: Vec<&mut Body> = handlers.chain(unit.functions.iter_mut().map(|function| &mut function.body)).collect();
    let insts = bodies.iter().flat_map(|body| &body.blocks).flat_map(|block| &block.insts);
    if insts.clone().any(|inst| matches!(inst.op, Op::Intrinsic(Intrinsic::Matched | Intrinsic::Ngroups, _))) {
        return;
    }
    for block in bodies.into_iter().flat_map(|body| &mut body.blocks) {
        block.insts.retain(|inst| !matches!(inst.op, Op::NoteMatch { .. }));
    }
}

/// That C code cannot become BPF.
fn embedded_c(at: Span) -> Diagnostic {
    Diagnostic::error("needs-module-runtime", at, "embedded C runs in the module runtime")
        .with_note("the BPF runtime has no compiler: a function of the script's language runs there")
}

fn lower_probe(probe: &Probe, diagnostics: &mut Vec<Diagnostic>) -> Handler {
    let mut builder = Builder::new(&probe.locals, 0, None, probe.span);
    if let Some(condition) = &probe.condition {
        let condition = builder.expression(condition);
        let (armed, idle) = (builder.new_block(&[]), builder.new_block(&[]));
        builder.branch(condition, armed, idle);
        builder.enter(idle);
        builder.terminate(Terminator::Return(None));
        builder.enter(armed);
    }
    builder.run(&probe.body);
    Handler {
        point: probe.point.clone(),
        span: probe.span,
        event: probe.event.clone(),
        missing: probe.missing,
        body: builder.finish(diagnostics),
    }
}

/// Where `break` and `continue` go.
struct Loop {
    on_break: BlockId,
    on_continue: BlockId,
    locals: Vec<LocalId>,
}

/// Where errors go in the body of a `try`: to a block that takes these locals.
struct Try {
    landing: BlockId,
    locals: Vec<LocalId>,
}

/// Makes one body.
struct Builder {
    body: Body,
    /// Where instructions go; its terminator is not set yet.
    current: BlockId,
    /// The value of each local at this point.
    locals: Vec<Value>,
    loops: Vec<Loop>,
    tries: Vec<Try>,
    returns: Option<Type>,
    /// The place that instructions are for.
    span: Span,
    diagnostics: Vec<Diagnostic>,
}

impl Builder {
    fn new(locals: &[Local], params: u32, returns: Option<Type>, span: Span) -> Self {
        let mut builder = Builder {
            body: Body::default(),
            current: BlockId::ENTRY,
            locals: vec![],
            loops: vec![],
            tries: vec![],
            returns,
            span,
            diagnostics: vec![],
        };
        let entry = builder.new_block(&[]);
        builder.enter(entry);
        for (index, local) in locals.iter().enumerate() {
            let value = if index < params as usize {
                let value = builder.body.value(local.ty);
                builder.body.blocks[0].params.push(value);
                value
            } else {
                builder.zero(local.ty)
            };
            builder.locals.push(value);
        }
        builder
    }

    fn run(&mut self, statements: &[Stmt]) {
        self.statements(statements);
        let value = self.returns.map(|ty| self.zero(ty));
        self.terminate(Terminator::Return(value));
    }

    fn finish(self, diagnostics: &mut Vec<Diagnostic>) -> Body {
        diagnostics.extend(self.diagnostics);
        self.body
    }

    fn zero(&mut self, ty: Type) -> Value {
        match ty {
            Type::Long => self.emit(Type::Long, Op::Long(0)),
            Type::Text => self.emit(Type::Text, Op::Text(vec![])),
        }
    }

    /// Counts a statement, or a round of a loop.
    fn act(&mut self) {
        self.body.blocks[self.current.0 as usize].actions += 1;
    }

    /// Adds an instruction with a result.
    fn emit(&mut self, ty: Type, op: Op) -> Value {
        let value = self.body.value(ty);
        let (span, current) = (self.span, self.current);
        let fallible = op.is_fallible();
        self.body.blocks[current.0 as usize].insts.push(Inst { result: Some(value), op, span });
        if fallible {
            self.attempt();
        }
        value
    }

    /// Adds an instruction without one.
    fn emit_effect(&mut self, op: Op) {
        let (span, current) = (self.span, self.current);
        let (fallible, raises) = (op.is_fallible(), matches!(op, Op::Intrinsic(Intrinsic::Error, _)));
        self.body.blocks[current.0 as usize].insts.push(Inst { result: None, op, span });
        if raises {
            let fault = self.fault();
            self.terminate(fault.map_or(Terminator::Unreachable, Terminator::Caught));
            self.enter_unreachable();
        } else if fallible {
            self.attempt();
        }
    }

    /// Where an error that is raised here goes, with what the locals are by now; `None` outside of any `try`.
    fn fault(&self) -> Option<Jump> {
        let Try { landing, locals } = self.tries.last()?;
        let args = locals.iter().map(|local| self.locals[local.0 as usize]).collect();
        Some(Jump { to: *landing, args })
    }

    /// In a `try`, ends the block behind a fallible instruction.
    fn attempt(&mut self) {
        if let Some(fault) = self.fault() {
            let ok = self.new_block(&[]);
            self.terminate(Terminator::Attempt { ok: Jump { to: ok, args: vec![] }, fault });
            self.enter(ok);
        }
    }

    /// A block that takes these locals as parameters.
    fn new_block(&mut self, locals: &[LocalId]) -> BlockId {
        let params = locals
            .iter()
            .map(|local| {
                let ty = self.body.ty(self.locals[local.0 as usize]);
                self.body.value(ty)
            })
            .collect();
        let (term, span) = (Terminator::Unreachable, self.span);
        self.body.blocks.push(Block { params, insts: vec![], term, span, actions: 0 });
        BlockId(self.body.blocks.len() as u32 - 1)
    }

    /// Goes on in a block made without locals.
    fn enter(&mut self, block: BlockId) {
        self.current = block;
    }

    /// Goes on in a block made with these locals, which now have its parameters as values.
    fn enter_with(&mut self, block: BlockId, locals: &[LocalId]) {
        self.current = block;
        for (index, local) in locals.iter().enumerate() {
            self.locals[local.0 as usize] = self.body.block(block).params[index];
        }
    }

    fn terminate(&mut self, term: Terminator) {
        let block = &mut self.body.blocks[self.current.0 as usize];
        block.term = term;
        block.span = self.span;
    }

    /// Ends the block by a jump that passes the present values of these locals.
    fn jump(&mut self, to: BlockId, locals: &[LocalId]) {
        let args = locals.iter().map(|local| self.locals[local.0 as usize]).collect();
        self.terminate(Terminator::Jump(Jump { to, args }));
    }

    fn branch(&mut self, condition: Value, then: BlockId, otherwise: BlockId) {
        self.terminate(Terminator::Branch {
            condition,
            then: Jump { to: then, args: vec![] },
            otherwise: Jump { to: otherwise, args: vec![] },
        });
    }

    /// Goes on in a block that nothing jumps to, for what stands after a `next`, `return`, `break` or error.
    fn enter_unreachable(&mut self) {
        let block = self.new_block(&[]);
        self.enter(block);
    }
}
