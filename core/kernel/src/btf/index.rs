//! The one pass over all types: where each is, and which names each kind has.
//!
//! Must never copy a name or make an object for each type: a kernel has over 100 000 of them and a script asks for a
//! dozen. The pass checks that every record lies within the type section, so those who read later need not loop.

use super::{BtfError, Kind, TypeId, types::KINDS};

/// Bytes of a record before what its kind adds (`struct btf_type`).
pub(super) const RECORD: usize = 12;

/// The offset of every so-many-th type is kept; a look-up by id steps over at most one less than that.
const STRIDE: u32 = 16;

/// Bytes that a kind adds to its record, and bytes for each of its `vlen` parts.
const BODY: [(u8, u8); KINDS] = [
    (0, 0),  // void: never a record
    (4, 0),  // int: encoding
    (0, 0),  // ptr
    (12, 0), // array: element, index, length
    (0, 12), // struct: member
    (0, 12), // union: member
    (0, 8),  // enum: value
    (0, 0),  // fwd
    (0, 0),  // typedef
    (0, 0),  // volatile
    (0, 0),  // const
    (0, 0),  // restrict
    (0, 0),  // func
    (0, 8),  // func_proto: parameter
    (4, 0),  // var: linkage
    (0, 12), // datasec: variable
    (0, 0),  // float
    (4, 0),  // decl_tag: component
    (0, 0),  // type_tag
    (0, 12), // enum64: value
];

/// Where things are in a type section.
#[derive(Debug)]
pub(super) struct Index {
    /// How many types there are, `void` included.
    count: u32,
    /// Offsets within the type section of types 1, 1 + STRIDE, 1 + 2 * STRIDE, ...
    sampled: Vec<u32>,
    /// For each kind but functions, its types that have a name, in order: (id, offset of the name).
    named: [Vec<(u32, u32)>; KINDS],
}

/// All functions, in order: (id, offset of the name).
pub(super) fn functions(types: &[u8]) -> Result<Vec<(u32, u32)>, BtfError> {
    let mut list = Vec::with_capacity(types.len() / 55);
    Index::build(types, |id, name| list.push((id, name)))?;
    Ok(list)
}

/// Goes over all records, in order, each as its id and its bytes from there on; `visit` says whether to go on.
pub(super) fn each(types: &[u8], mut visit: impl FnMut(u32, Kind, &[u8]) -> bool) {
    let (mut at, mut id) = (0, 1);
    while let Some(info) = word(types, at + 4) {
        let (Some(kind), Some(len)) = (Kind::from_number(kind_number(info)), record_len(info)) else { return };
        let Some(record) = types.get(at..at + len) else { return };
        if !visit(id, kind, record) {
            return;
        }
        at += len;
        id += 1;
    }
}

/// The whole length in bytes of the record with this info word; `None` for a kind that is not known.
#[inline]
fn record_len(info: u32) -> Option<usize> {
    let (fixed, each) = *BODY.get(kind_number(info) as usize)?;
    if kind_number(info) == 0 {
        return None;
    }
    Some(RECORD + usize::from(fixed) + usize::from(each) * (info & 0xffff) as usize)
}

/// The kind within an info word.
#[inline]
pub(super) fn kind_number(info: u32) -> u8 {
    ((info >> 24) & 0x1f) as u8
}

/// The 32-bit number at `at`.
#[inline]
pub(super) fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let four = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_ne_bytes(four.try_into().ok()?))
}

impl Index {
    /// Walks the type section once. `function` is told each function's id and offset of its name: functions are nearly
    /// half of a kernel's types, and listing them costs a third more time than the walk, so they are only listed when
    /// a script asks for them a second time (see [`functions`]).
    pub(super) fn build(types: &[u8], mut function: impl FnMut(u32, u32)) -> Result<Index, BtfError> {
        // The capacities are what a kernel of today fills, so that lists seldom grow; none exceeds what was handed in.
        let mut index = Index {
            count: 1,
            sampled: Vec::with_capacity(types.len() / (20 * STRIDE as usize)),
            named: Default::default(),
        };
        index.named[Kind::Struct as usize].reserve(types.len() / 290);
        index.named[Kind::Typedef as usize].reserve(types.len() / 900);
        let mut at = 0;
        while at < types.len() {
            let id = index.count;
            let record = types.get(at..at + RECORD).ok_or(BtfError::CutOff(TypeId(id)))?;
            let (Some(name), Some(info)) = (word(record, 0), word(record, 4)) else {
                return Err(BtfError::CutOff(TypeId(id)));
            };
            if (id - 1).is_multiple_of(STRIDE) {
                index.sampled.push(at as u32);
            }
            let kind = kind_number(info);
            // The two commonest kinds have no body. Saying so makes their length no matter of looking it up, which lets
            // the processor run ahead: the walk takes a sixth less time.
            if kind == Kind::Func as u8 {
                function(id, name);
                at += RECORD;
            } else if kind == Kind::Ptr as u8 {
                at += RECORD;
            } else {
                let len = record_len(info).ok_or(BtfError::UnknownKind { id: TypeId(id), kind })?;
                if name != 0 {
                    index.named[usize::from(kind)].push((id, name));
                }
                at += len;
            }
            index.count += 1;
        }
        if at != types.len() {
            return Err(BtfError::CutOff(TypeId(index.count - 1)));
        }
        Ok(index)
    }

    /// How many types there are, `void` included.
    pub(super) fn count(&self) -> u32 {
        self.count
    }

    /// The types of a kind other than functions that have a name, in order: (id, offset of the name).
    pub(super) fn named(&self, kind: Kind) -> &[(u32, u32)] {
        &self.named[kind as usize]
    }

    /// The offsets of every [`STRIDE`]-th type.
    pub(super) fn sampled(&self) -> &[u32] {
        &self.sampled
    }

    /// The record of a type, body included.
    pub(super) fn record<'a>(&self, types: &'a [u8], id: TypeId) -> Result<&'a [u8], BtfError> {
        record_from(types, id, self.count, |nth| self.sampled.get(nth).copied())
    }
}

/// The record of a type, body included, from the offset of the last type before it that `sampled` knows.
pub(super) fn record_from(
    types: &[u8],
    id: TypeId,
    count: u32,
    sampled: impl Fn(usize) -> Option<u32>,
) -> Result<&[u8], BtfError> {
    let none = BtfError::NoSuchType(id);
    if id.0 == 0 || id.0 >= count {
        return Err(none);
    }
    let nth = id.0 - 1;
    let mut at = sampled((nth / STRIDE) as usize).ok_or(none.clone())? as usize;
    for _ in 0..nth % STRIDE {
        at += word(types, at + 4).and_then(record_len).ok_or(none.clone())?;
    }
    let len = word(types, at + 4).and_then(record_len).ok_or(none.clone())?;
    types.get(at..at + len).ok_or(none)
}
