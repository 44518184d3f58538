//! What instructions do beyond arithmetic: strings, output, globals, cursors. It must never know how a global is kept.

use systap_ir::graph::{Body, Inst, Op, Value};
use systap_ir::intrinsic::Context;
use systap_ir::program::{AggregateFn, GlobalId, Histogram, Order, OrderBy, Space, Type, Width};

use super::aggregate::Aggregate;
use super::datum::{Datum, Text};
use super::error::ErrorKind;
use super::host::Host;
use super::interpreter::{Interpreter, Stop};
use super::store::{Entry, Store, StoreError};
use crate::text::format::{Operand, render};
use crate::text::histogram::{self, Look};

/// The entries that a `foreach` goes through. One instruction has at most one under way in a call, since a loop that is
/// entered again has been left.
pub(super) struct Cursor {
    /// How many calls were under way when it was made.
    pub(super) depth: usize,
    /// What the instruction defines.
    definer: Value,
    entries: std::vec::IntoIter<(Vec<Datum>, Entry)>,
    now: Option<(Vec<Datum>, Datum)>,
}

impl Interpreter<'_> {
    /// Does what the instruction says and keeps its result.
    pub(super) fn operate(
        &mut self,
        body: &Body,
        inst: &Inst,
        store: &mut dyn Store,
        host: &mut dyn Host,
    ) -> Result<(), Stop> {
        let given = match &inst.op {
            Op::Text(bytes) => self.clipped(bytes),
            Op::Concat(left, right) => {
                let joined = [&self.registers.text(*left)[..], &self.registers.text(*right)[..]].concat();
                self.clipped(&joined)
            }
            Op::Format(format, operands) => {
                let mut output = std::mem::take(&mut self.output);
                self.formatted(body, format, operands, &mut output);
                let end = output.iter().position(|byte| *byte == 0).unwrap_or(output.len());
                let text = self.clipped(&output[..end]);
                self.output = output;
                text
            }
            Op::Print(format, operands) => {
                let mut output = std::mem::take(&mut self.output);
                self.formatted(body, format, operands, &mut output);
                host.print(&output);
                self.output = output;
                return Ok(());
            }
            Op::Context(Context::Caught) => self.clipped(&self.caught_message()),
            Op::Context(context) => match host.context(*context) {
                Datum::Text(text) if context.ty() == Type::Text => Datum::Text(text),
                Datum::Long(long) if context.ty() == Type::Long => Datum::Long(long),
                _ => self.zero(context.ty()),
            },
            Op::Match { text, pattern } => {
                let text = self.registers.text(*text);
                let matched = self.patterns.get(pattern.0 as usize).is_some_and(|pattern| pattern.is_match(text));
                Datum::Long(matched.into())
            }
            Op::Pick { texts, index } => {
                let picked = usize::try_from(self.registers.long(*index)).ok().and_then(|index| texts.get(index));
                self.clipped(picked.map_or(&[], Vec::as_slice))
            }
            Op::NoteMatch { text, pattern } => {
                self.note_match(*text, *pattern);
                return Ok(());
            }
            Op::Argument { .. } => return Err(ErrorKind::NoEvent.into()),
            Op::Load { base, offset, width, signed, space, .. } => {
                let address = self.registers.long(*base).wrapping_add(*offset).cast_unsigned();
                Datum::Long(load(host, *space, address, *width, *signed)?)
            }
            Op::ReadText { address, limit, space, fallback } => {
                let address = self.registers.long(*address).cast_unsigned();
                let limit = limit.map_or(i64::MAX, |limit| self.registers.long(limit));
                match (text(host, *space, address, limit, (self.limits.string as usize).saturating_sub(1)), fallback) {
                    (Ok(bytes), _) => self.clipped(&bytes),
                    (Err(_), Some(fallback)) => Datum::Text(self.registers.text(*fallback).clone()),
                    (Err(error), None) => return Err(error.into()),
                }
            }
            Op::Readable { base, offset, width, space } => {
                let address = self.registers.long(*base).wrapping_add(*offset).cast_unsigned();
                Datum::Long(i64::from(load(host, *space, address, *width, false).is_ok()))
            }
            Op::LoadOrZero { base, offset, width, signed, space } => {
                let address = self.registers.long(*base).wrapping_add(*offset).cast_unsigned();
                Datum::Long(load(host, *space, address, *width, *signed).unwrap_or(0))
            }
            Op::CheckRead { flag, address, space, text } => {
                if self.registers.long(*flag) == 0 {
                    let address = self.registers.long(*address).cast_unsigned();
                    let space = *space;
                    let kind =
                        if *text { ErrorKind::ReadText { address, space } } else { ErrorKind::Read { address, space } };
                    return Err(kind.into());
                }
                return Ok(());
            }
            Op::Intrinsic(intrinsic, args) => match self.intrinsic(*intrinsic, args, host)? {
                Some(datum) => datum,
                None => return Ok(()),
            },
            Op::Iterate { global, slice, order, limit } => {
                let Some(definer) = inst.result else { return Ok(()) };
                self.iterate(body, store, definer, *global, slice, *order, *limit)?
            }
            Op::Advance(cursor) => Datum::Long(self.advance(*cursor)),
            Op::CursorKey(cursor, at) => {
                self.current(*cursor).and_then(|(keys, _)| keys.get(*at as usize)).cloned().unwrap_or(Datum::Long(0))
            }
            Op::CursorValue(cursor) => self.current(*cursor).map_or(Datum::Long(0), |(_, value)| value.clone()),
            _ => match self.on_global(body, inst, store)? {
                Some(datum) => datum,
                None => return Ok(()),
            },
        };
        if let Some(result) = inst.result {
            self.registers.set(result, given);
        }
        Ok(())
    }

    fn on_global(&mut self, body: &Body, inst: &Inst, store: &mut dyn Store) -> Result<Option<Datum>, Stop> {
        let mut keys = std::mem::take(&mut self.keys);
        keys.clear();
        if let Op::ElementGet(_, of)
        | Op::ElementSet(_, of, _)
        | Op::ElementAdd(_, of, _)
        | Op::ElementDelete(_, of)
        | Op::Contains(_, of)
        | Op::Accumulate(_, of, _)
        | Op::Aggregate(_, of, _)
        | Op::Bucket(_, of, ..)
        | Op::HistogramText(_, of, _) = &inst.op
        {
            keys.extend(of.iter().map(|key| self.registers.datum(body, *key)));
        }
        let outcome = self.with_keys(body, inst, store, &keys);
        self.keys = keys;
        outcome
    }

    fn with_keys(
        &mut self,
        body: &Body,
        inst: &Inst,
        store: &mut dyn Store,
        keys: &[Datum],
    ) -> Result<Option<Datum>, Stop> {
        let registers = &self.registers;
        let global = inst.op.global().unwrap_or(GlobalId(u32::MAX));
        let failed = |error: StoreError| Stop::Error(ErrorKind::of_store(error, global));
        let given = match &inst.op {
            Op::Get(_) => store.get(global).map_err(failed)?,
            Op::Set(_, value) => {
                store.set(global, registers.datum(body, *value)).map_err(failed)?;
                return Ok(None);
            }
            Op::Add(_, by) => Datum::Long(store.add(global, registers.long(*by)).map_err(failed)?),
            Op::Clear(_) => {
                store.clear(global).map_err(failed)?;
                return Ok(None);
            }
            Op::ElementGet(..) => match store.element_get(global, keys).map_err(failed)? {
                Some(datum) => datum,
                None => self.zero(inst.result.map_or(Type::Long, |result| body.ty(result))),
            },
            Op::ElementSet(_, _, value) => {
                store.element_set(global, keys, registers.datum(body, *value)).map_err(failed)?;
                return Ok(None);
            }
            Op::ElementAdd(_, _, by) => {
                Datum::Long(store.element_add(global, keys, registers.long(*by)).map_err(failed)?)
            }
            Op::ElementDelete(..) => {
                store.element_delete(global, keys).map_err(failed)?;
                return Ok(None);
            }
            Op::Contains(..) => Datum::Long(store.contains(global, keys).map_err(failed)?.into()),
            Op::Accumulate(_, _, value) => {
                store.accumulate(global, keys, registers.long(*value)).map_err(failed)?;
                return Ok(None);
            }
            Op::Aggregate(_, _, function) => {
                let aggregate = store.aggregate(global, keys).map_err(failed)?.unwrap_or_default();
                Datum::Long(aggregate.get(*function).ok_or(ErrorKind::EmptyAggregate(global))?)
            }
            Op::Bucket(_, _, histogram, index) => {
                let aggregate = store.aggregate(global, keys).map_err(failed)?;
                Datum::Long(bucket(aggregate.as_ref(), histogram, registers.long(*index))?)
            }
            Op::HistogramText(_, _, histogram) => {
                let aggregate = store.aggregate(global, keys).map_err(failed)?.unwrap_or_default();
                let drawn = histogram::draw(histogram, aggregate.buckets(histogram), Look::of(&self.limits));
                // Longer than any string may be, and printed as it is.
                Datum::text(&drawn.ok_or(ErrorKind::EmptyAggregate(global))?)
            }
            Op::ContainsSlice(_, slice) => {
                let slice = self.slice(body, slice);
                let entries = store.entries(global).map_err(failed)?;
                Datum::Long(entries.iter().any(|(keys, _)| matches(&slice, keys)).into())
            }
            Op::DeleteSlice(_, slice) => {
                let slice = self.slice(body, slice);
                for (keys, _) in store.entries(global).map_err(failed)? {
                    if matches(&slice, &keys) {
                        store.element_delete(global, &keys).map_err(failed)?;
                    }
                }
                return Ok(None);
            }
            // Everything else is arithmetic, a call, or in `operate`.
            _ => return Ok(None),
        };
        Ok(Some(given))
    }

    /// A string, cut to what the limit allows.
    pub(super) fn clipped(&self, bytes: &[u8]) -> Datum {
        let most = (self.limits.string as usize).saturating_sub(1);
        Datum::Text(Text::from(&bytes[..bytes.len().min(most)]))
    }

    fn formatted(&self, body: &Body, format: &systap_ir::format::Format, values: &[Value], output: &mut Vec<u8>) {
        output.clear();
        let operand = |value: &Value| match body.ty(*value) {
            Type::Long => Operand::Long(self.registers.long(*value)),
            Type::Text => Operand::Text(self.registers.text(*value)),
        };
        let mut few = [Operand::Long(0); 8];
        match few.get_mut(..values.len()) {
            Some(few) => {
                few.iter_mut().zip(values).for_each(|(slot, value)| *slot = operand(value));
                render(format, few, output)
            }
            None => render(format, &values.iter().map(operand).collect::<Vec<_>>(), output),
        }
    }

    fn slice(&self, body: &Body, slice: &[Option<Value>]) -> Vec<Option<Datum>> {
        slice.iter().map(|value| value.map(|value| self.registers.datum(body, value))).collect()
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one instruction")]
    fn iterate(
        &mut self,
        body: &Body,
        store: &mut dyn Store,
        definer: Value,
        global: GlobalId,
        slice: &[Option<Value>],
        order: Option<Order>,
        limit: Option<Value>,
    ) -> Result<Datum, Stop> {
        let mut entries = store.entries(global).map_err(|error| ErrorKind::of_store(error, global))?;
        let slice = self.slice(body, slice);
        if slice.iter().any(Option::is_some) {
            entries.retain(|(keys, _)| matches(&slice, keys));
        }
        if let Some(order) = order {
            sort(&mut entries, order);
        }
        if let Some(limit) = limit {
            entries.truncate(usize::try_from(self.registers.long(limit)).unwrap_or(0));
        }
        let depth = self.depth();
        let cursor = Cursor { depth, definer, entries: entries.into_iter(), now: None };
        let known = self.cursors.iter().rposition(|known| (known.depth, known.definer) == (depth, definer));
        let place = match known {
            Some(place) => {
                self.cursors[place] = cursor;
                place
            }
            None => {
                self.cursors.push(cursor);
                self.cursors.len() - 1
            }
        };
        Ok(Datum::Long(place as i64))
    }

    fn advance(&mut self, cursor: Value) -> i64 {
        let place = self.registers.long(cursor) as usize;
        let Some(cursor) = self.cursors.get_mut(place) else { return 0 };
        cursor.now = cursor.entries.next().map(|(keys, entry)| {
            let value = match entry {
                Entry::Value(datum) => datum,
                Entry::Aggregate(aggregate) => Datum::Long(aggregate.count),
            };
            (keys, value)
        });
        cursor.now.is_some().into()
    }

    fn current(&self, cursor: Value) -> Option<&(Vec<Datum>, Datum)> {
        self.cursors.get(self.registers.long(cursor) as usize)?.now.as_ref()
    }
}

fn matches(slice: &[Option<Datum>], keys: &[Datum]) -> bool {
    slice.iter().zip(keys).all(|(wanted, key)| wanted.as_ref().is_none_or(|wanted| wanted == key))
}

fn bucket(aggregate: Option<&Aggregate>, histogram: &Histogram, index: i64) -> Result<i64, ErrorKind> {
    let buckets = match histogram {
        Histogram::Logarithmic => systap_ir::placed::LOG_BUCKETS,
        Histogram::Linear(bounds) => bounds.buckets(),
    };
    match usize::try_from(index) {
        Ok(at) if at < buckets as usize => {
            Ok(aggregate.and_then(|aggregate| aggregate.buckets(histogram).get(at)).copied().unwrap_or(0))
        }
        _ => Err(ErrorKind::BadBucket(index)),
    }
}

/// Sorts; entries that are alike stay in the order of the array, in both directions.
pub(crate) fn sort(entries: &mut [(Vec<Datum>, Entry)], order: Order) {
    fn part(entry: &Entry, function: AggregateFn) -> Option<Datum> {
        match entry {
            Entry::Value(datum) => Some(datum.clone()),
            Entry::Aggregate(aggregate) => aggregate.get(function).map(Datum::Long),
        }
    }
    entries.sort_by(|(first_keys, first), (second_keys, second)| {
        let ascending = match order.by {
            OrderBy::Key(at) => first_keys.get(at as usize).cmp(&second_keys.get(at as usize)),
            OrderBy::Value(function) => part(first, function).cmp(&part(second, function)),
        };
        if order.ascending { ascending } else { ascending.reverse() }
    });
}

/// A number in memory.
/// At most `count` bytes of memory in quotes, in at most `length` bytes; not read further than there is room for.
pub(super) fn quoted(
    host: &mut dyn Host,
    space: Space,
    address: u64,
    count: i64,
    length: usize,
) -> Result<Vec<u8>, ErrorKind> {
    let mut bytes = vec![];
    for at in 0..u64::try_from(count).unwrap_or(0) {
        let byte = load(host, space, address.wrapping_add(at), Width::W1, false)?;
        bytes.push(byte as u8);
        if bytes.len() > length.max(5) {
            break;
        }
    }
    Ok(crate::text::format::escape_within(&bytes, length, true))
}

fn load(host: &mut dyn Host, space: Space, address: u64, width: Width, signed: bool) -> Result<i64, ErrorKind> {
    let mut bytes = [0; 8];
    let bytes_read = width.bytes() as usize;
    read(host, space, address, &mut bytes[..bytes_read.min(8)])?;
    let unused = 64 - 8 * width.bytes();
    let value = u64::from_le_bytes(bytes) << unused;
    Ok(if signed { value.cast_signed() >> unused } else { (value >> unused).cast_signed() })
}

/// The string in memory: up to its end, `limit` or `most` bytes.
fn text(host: &mut dyn Host, space: Space, address: u64, limit: i64, most: usize) -> Result<Vec<u8>, ErrorKind> {
    const CHUNK: u64 = 64;
    let most = usize::try_from(limit).unwrap_or(0).min(most);
    let of_text = |error| match error {
        ErrorKind::Read { space, .. } => ErrorKind::ReadText { address, space },
        other => other,
    };
    if most == 0 {
        // It must be there all the same.
        return read(host, space, address, &mut [0]).map(|()| vec![]).map_err(of_text);
    }
    let mut found = vec![];
    while found.len() < most {
        let at = address.wrapping_add(found.len() as u64);
        // Not beyond the end of a page: the next may not be there, and the string may end before.
        let mut chunk = vec![0; (CHUNK - at % CHUNK) as usize];
        read(host, space, at, &mut chunk).map_err(of_text)?;
        let end = chunk.iter().position(|byte| *byte == 0);
        found.extend(chunk.iter().take(end.unwrap_or(chunk.len())));
        if end.is_some() {
            break;
        }
    }
    found.truncate(most);
    Ok(found)
}

fn read(host: &mut dyn Host, space: Space, address: u64, into: &mut [u8]) -> Result<(), ErrorKind> {
    let done = match space {
        Space::Kernel => host.kernel_memory(address, into),
        Space::User => host.own_memory(address, into),
    };
    match done {
        Some(true) => Ok(()),
        Some(false) => Err(ErrorKind::Read { address, space }),
        None => Err(ErrorKind::MemoryIsGone(space)),
    }
}
