//! Where the interpreter keeps values: one stack of longs and one of strings, with a stretch of each for every call
//! that is under way. It must never grow without the interpreter counting the calls.

use systap_ir::graph::{Body, Jump, Value};
use systap_ir::program::{FunctionId, Type};

use super::datum::{Datum, Text};

/// Values of the calls under way.
pub(super) struct Registers {
    longs: Vec<i64>,
    texts: Vec<Text>,
    long_base: usize,
    text_base: usize,
    empty: Text,
    moving: Vec<Datum>,
}

/// A caller that waits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    /// Whose body; `None`: the handler's.
    pub(super) function: Option<FunctionId>,
    /// The block and the instruction to go on with.
    pub(super) block: usize,
    pub(super) next: usize,
    /// What takes the returned value.
    pub(super) result: Option<Value>,
    long_base: usize,
    text_base: usize,
}

impl Registers {
    pub(super) fn new() -> Registers {
        Registers {
            longs: vec![],
            texts: vec![],
            long_base: 0,
            text_base: 0,
            empty: Text::from(&b""[..]),
            moving: vec![],
        }
    }

    /// Forgets every value.
    pub(super) fn clear(&mut self) {
        self.longs.clear();
        self.texts.clear();
        self.long_base = 0;
        self.text_base = 0;
    }

    /// A stretch for the values of this body, on top; `texts`: it has strings.
    pub(super) fn enter(&mut self, body: &Body, texts: bool) {
        self.long_base = self.longs.len();
        self.text_base = self.texts.len();
        self.longs.resize(self.long_base + body.values.len(), 0);
        if texts {
            self.texts.resize(self.text_base + body.values.len(), self.empty.clone());
        }
    }

    /// What a caller must remember to come back.
    pub(super) fn frame(
        &self,
        function: Option<FunctionId>,
        block: usize,
        next: usize,
        result: Option<Value>,
    ) -> Frame {
        Frame { function, block, next, result, long_base: self.long_base, text_base: self.text_base }
    }

    /// Drops the topmost stretch and goes back to the caller's.
    pub(super) fn leave(&mut self, frame: &Frame) {
        self.longs.truncate(self.long_base);
        self.texts.truncate(self.text_base);
        self.long_base = frame.long_base;
        self.text_base = frame.text_base;
    }

    #[inline(always)]
    pub(super) fn long(&self, value: Value) -> i64 {
        self.longs[self.long_base + value.0 as usize]
    }

    #[inline(always)]
    pub(super) fn set_long(&mut self, value: Value, long: i64) {
        self.longs[self.long_base + value.0 as usize] = long;
    }

    #[inline]
    pub(super) fn text(&self, value: Value) -> &Text {
        self.texts.get(self.text_base + value.0 as usize).unwrap_or(&self.empty)
    }

    #[inline]
    pub(super) fn set_text(&mut self, value: Value, text: Text) {
        if let Some(slot) = self.texts.get_mut(self.text_base + value.0 as usize) {
            *slot = text;
        }
    }

    pub(super) fn empty(&self) -> Text {
        self.empty.clone()
    }

    pub(super) fn datum(&self, body: &Body, value: Value) -> Datum {
        match body.ty(value) {
            Type::Long => Datum::Long(self.long(value)),
            Type::Text => Datum::Text(self.text(value).clone()),
        }
    }

    pub(super) fn set(&mut self, value: Value, datum: Datum) {
        match datum {
            Datum::Long(long) => self.set_long(value, long),
            Datum::Text(text) => self.set_text(value, text),
        }
    }

    /// Passes what a jump passes. All of it moves at the same time: a loop may swap two values.
    pub(super) fn pass(&mut self, body: &Body, jump: &Jump) {
        let params = &body.block(jump.to).params;
        match (params.as_slice(), jump.args.as_slice()) {
            ([], _) => {}
            ([param], [arg]) => self.copy(body, *param, *arg),
            (params, args) => {
                let overwrites = |at: usize| params[..at].contains(&args[at]);
                if args.len() <= 8 && !(1..args.len().min(params.len())).any(overwrites) {
                    for (param, arg) in params.iter().zip(args) {
                        self.copy(body, *param, *arg);
                    }
                    return;
                }
                let mut moving = std::mem::take(&mut self.moving);
                moving.extend(args.iter().map(|arg| self.datum(body, *arg)));
                for (param, datum) in params.iter().zip(moving.drain(..)) {
                    self.set(*param, datum);
                }
                self.moving = moving;
            }
        }
    }

    #[inline(always)]
    fn copy(&mut self, body: &Body, to: Value, from: Value) {
        match body.ty(from) {
            Type::Long => self.set_long(to, self.long(from)),
            Type::Text => self.set_text(to, self.text(from).clone()),
        }
    }
}

/// Does the body have strings?
pub(super) fn has_texts(body: &Body) -> bool {
    body.values.contains(&Type::Text)
}
