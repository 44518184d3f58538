//! Bodies made by hand, and a host that remembers what handlers did.

mod arithmetic;
mod calls;
mod globals;
mod memory;
mod world;

use std::collections::BTreeMap;
use std::sync::Arc;

use systap_diagnostics::{FileId, Span};
use systap_ir::format::{Conversion, ConversionKind, Format, Piece};
use systap_ir::graph::{Block, BlockId, Body, Function, Inst, Jump, Op, Terminator, Value};
use systap_ir::intrinsic::Context;
use systap_ir::program::{AggregateShape, Constant, Element, FunctionId, Global, GlobalId, GlobalShape, Limits, Type};
use systap_regex::Regex;

use super::{Datum, Host, Interpreter, MemoryStore, RuntimeError, Symbol};
use crate::text::indent::Indents;

/// A place that says which instruction it is: the `at`th of its kind in a test.
fn span(at: u32) -> Span {
    Span::new(FileId(0), at, at + 1)
}

/// Makes a body block by block.
struct Builder {
    body: Body,
    now: usize,
}

impl Builder {
    /// A body whose block 0 takes these.
    fn new(params: &[Type]) -> (Builder, Vec<Value>) {
        let mut builder = Builder { body: Body::default(), now: 0 };
        let (_, values) = builder.block(params);
        (builder, values)
    }

    /// One more block; the first of them is the one that is being filled.
    fn block(&mut self, params: &[Type]) -> (BlockId, Vec<Value>) {
        let values: Vec<Value> = params.iter().map(|ty| self.body.value(*ty)).collect();
        self.body.blocks.push(Block {
            params: values.clone(),
            insts: vec![],
            term: Terminator::Return(None),
            span: span(0),
            actions: 0,
        });
        (BlockId(self.body.blocks.len() as u32 - 1), values)
    }

    fn fill(&mut self, block: BlockId) {
        self.now = block.0 as usize;
    }

    fn give(&mut self, ty: Type, op: Op) -> Value {
        let value = self.body.value(ty);
        let at = value.0;
        self.body.blocks[self.now].insts.push(Inst { result: Some(value), op, span: span(at) });
        value
    }

    fn long(&mut self, long: i64) -> Value {
        self.give(Type::Long, Op::Long(long))
    }

    fn text(&mut self, text: &str) -> Value {
        self.give(Type::Text, Op::Text(text.into()))
    }

    fn perform(&mut self, op: Op) {
        self.body.blocks[self.now].insts.push(Inst { result: None, op, span: span(77) });
    }

    fn end(&mut self, term: Terminator) {
        self.body.blocks[self.now].term = term;
    }

    /// Writes a value and a newline.
    fn print(&mut self, value: Value) {
        let kind = match self.body.ty(value) {
            Type::Long => ConversionKind::Signed,
            Type::Text => ConversionKind::Text,
        };
        let pieces = vec![Piece::Conversion(Conversion::plain(kind)), Piece::Text(b"\n".to_vec())];
        self.perform(Op::Print(Format { pieces }, vec![value]));
    }
}

fn jump(to: BlockId, args: &[Value]) -> Jump {
    Jump { to, args: args.to_vec() }
}

/// A host in memory.
#[derive(Default)]
struct Record {
    output: Vec<u8>,
    warnings: Vec<String>,
    exits: u32,
    aborts: u32,
    indents: Indents,
    facts: BTreeMap<&'static str, Datum>,
    impatient: bool,
}

impl Host for Record {
    fn print(&mut self, text: &[u8]) {
        self.output.extend_from_slice(text);
    }

    fn warn(&mut self, message: &[u8]) {
        self.warnings.push(String::from_utf8_lossy(message).into_owned());
    }

    fn context(&mut self, context: Context) -> Datum {
        self.facts.get(context.name()).cloned().unwrap_or(Datum::Long(0))
    }

    fn exit(&mut self) {
        self.exits += 1;
    }

    fn abort(&mut self) {
        self.aborts += 1;
    }

    fn symbol(&mut self, address: u64) -> Option<Symbol> {
        let offset = address.checked_sub(0xffff_0000)?;
        Some(Symbol { name: "do_exit".to_owned(), offset, size: 0x800, module: None })
    }

    fn load_averages(&mut self) -> Option<[i64; 3]> {
        Some([5, 1230, 100])
    }

    fn indents(&mut self) -> &mut Indents {
        &mut self.indents
    }

    fn interrupted(&mut self) -> bool {
        self.impatient
    }
}

/// A program in memory.
struct World {
    globals: Vec<Global>,
    functions: Vec<Function>,
    patterns: Vec<Arc<Regex>>,
    limits: Limits,
    host: Record,
    store: MemoryStore,
}

impl Default for World {
    fn default() -> World {
        World {
            globals: vec![],
            functions: vec![],
            patterns: vec![],
            limits: Limits { nesting: 200, ..Limits::default() },
            host: Record::default(),
            store: MemoryStore::default(),
        }
    }
}

impl World {
    fn with_globals(shapes: &[GlobalShape]) -> World {
        let global = |(at, shape): (usize, &GlobalShape)| Global {
            name: format!("g{at}"),
            span: span(0),
            shape: shape.clone(),
            print_at_end: false,
            pointer: false,
        };
        let globals: Vec<Global> = shapes.iter().enumerate().map(global).collect();
        World { store: MemoryStore::new(&globals), globals, ..World::default() }
    }

    fn function(&mut self, name: &str, returns: Option<Type>, body: Body) -> FunctionId {
        self.functions.push(Function { name: name.to_owned(), returns, body });
        FunctionId(self.functions.len() as u32 - 1)
    }

    fn run(&mut self, body: &Body, args: &[Datum]) -> Result<(), RuntimeError> {
        Interpreter::new(&self.functions, &self.patterns, self.limits).run(body, args, &mut self.store, &mut self.host)
    }

    /// Runs and gives what was written; on an error, its sentence and the start of its place.
    fn output(&mut self, body: &Body) -> String {
        self.host.output.clear();
        let outcome = self.run(body, &[]);
        let mut output = String::from_utf8_lossy(&self.host.output).into_owned();
        if let Err(error) = outcome {
            let sentence = error.kind.message(&self.globals, &self.limits);
            output.push_str(&format!("ERROR at {}: {}\n", error.span.start, String::from_utf8_lossy(&sentence)));
        }
        output
    }
}

/// What a handler of straight code writes.
fn written(fill: impl FnOnce(&mut Builder)) -> String {
    let (mut builder, _) = Builder::new(&[]);
    fill(&mut builder);
    World::default().output(&builder.body)
}

fn scalar(long: i64) -> GlobalShape {
    GlobalShape::Scalar(Constant::Long(long))
}

fn array(keys: &[Type], element: Element, capacity: u32, wrap: bool) -> GlobalShape {
    GlobalShape::Array { keys: keys.to_vec(), element, capacity, wrap }
}

fn every() -> AggregateShape {
    AggregateShape { logarithmic: true, linear: None, variance: None, sums_only: false }
}

const G0: GlobalId = GlobalId(0);
const G1: GlobalId = GlobalId(1);
