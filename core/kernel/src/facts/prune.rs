//! A part of a kernel's types: those of some names, with what they are made of.
//!
//! What is only pointed to is left as a declaration, so that a part stays small: a task's struct leads to most of a kernel. Must never
//! give a type that differs from what the whole has, only fewer.

use std::collections::{BTreeSet, HashMap};

use crate::Kind;

/// A record of BTF, as numbers; see `Documentation/bpf/btf.rst`.
struct Record<'b> {
    words: Vec<u32>,
    kind: Kind,
    name: &'b [u8],
}

/// How far a type is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Wanted {
    Not,
    /// As something that a pointer leads to: of a struct, its name.
    Named,
    /// With all that it has.
    Whole,
}

/// The part of a blob that has the types whose kind and name are wanted; `None` if the blob makes no sense.
pub(super) fn prune(blob: &[u8], wanted: impl Fn(Kind, &str) -> bool) -> Option<Vec<u8>> {
    let records = records(blob)?;
    let mut far = vec![Wanted::Not; records.len() + 1];
    let mut open: Vec<(u32, Wanted)> = vec![];
    for (nth, record) in records.iter().enumerate() {
        let name = std::str::from_utf8(record.name).unwrap_or_default();
        if !name.is_empty() && wanted(record.kind, name) {
            open.push((nth as u32 + 1, Wanted::Whole));
        }
    }
    while let Some((id, how)) = open.pop() {
        let (Some(known), Some(record)) = (far.get_mut(id as usize), records.get((id as usize).wrapping_sub(1))) else {
            continue;
        };
        if *known >= how {
            continue;
        }
        *known = how;
        let is_struct = matches!(record.kind, Kind::Struct | Kind::Union);
        if is_struct && how == Wanted::Named {
            continue;
        }
        for at in record.references() {
            let how = match record.kind {
                Kind::Ptr | Kind::Var | Kind::FuncProto => Wanted::Named,
                Kind::Func | Kind::Struct | Kind::Union => Wanted::Whole,
                _ => how,
            };
            open.push((record.words.get(at).copied().unwrap_or(0), how));
        }
    }
    let kept: BTreeSet<u32> = (1..).zip(&far[1..]).filter(|(_, how)| **how != Wanted::Not).map(|(id, _)| id).collect();
    let numbers: HashMap<u32, u32> = kept.iter().copied().zip(1..).collect();
    let mut strings = Strings::default();
    let mut types: Vec<u8> = vec![];
    for id in &kept {
        let record = &records[*id as usize - 1];
        let mut words = record.words.clone();
        let is_struct = matches!(record.kind, Kind::Struct | Kind::Union);
        if is_struct && far[*id as usize] == Wanted::Named {
            // A declaration; the highest bit says that it is of a union.
            let union = u32::from(record.kind == Kind::Union) << 31;
            words = vec![words[0], (Kind::Fwd as u32) << 24 | union, 0];
        } else {
            for at in record.references() {
                words[at] = numbers.get(&words[at]).copied().unwrap_or(0);
            }
            for at in record.names() {
                words[at] = strings.add(string(blob, words[at])?);
            }
        }
        words[0] = strings.add(record.name);
        types.extend(words.iter().flat_map(|word| word.to_ne_bytes()));
    }
    let text = strings.text;
    let header = [24, 0, types.len() as u32, types.len() as u32, text.len() as u32];
    let mut pruned = 0xeb9f_u16.to_ne_bytes().to_vec();
    pruned.extend([1, 0]);
    pruned.extend(header.iter().flat_map(|word| word.to_ne_bytes()));
    pruned.extend(types);
    pruned.extend(text);
    Some(pruned)
}

impl Record<'_> {
    fn count(&self) -> usize {
        (self.words[1] & 0xffff) as usize
    }

    /// The words that name other types.
    fn references(&self) -> Vec<usize> {
        match self.kind {
            Kind::Ptr | Kind::Typedef | Kind::Volatile | Kind::Const | Kind::Restrict | Kind::Func | Kind::TypeTag => {
                vec![2]
            }
            Kind::Var | Kind::DeclTag => vec![2],
            Kind::Array => vec![3, 4],
            Kind::Struct | Kind::Union => (0..self.count()).map(|nth| 4 + 3 * nth).collect(),
            Kind::FuncProto => std::iter::once(2).chain((0..self.count()).map(|nth| 4 + 2 * nth)).collect(),
            _ => vec![],
        }
    }

    /// The words that are names, but for its own.
    fn names(&self) -> Vec<usize> {
        let step = match self.kind {
            Kind::Struct | Kind::Union | Kind::Enum64 => 3,
            Kind::Enum | Kind::FuncProto => 2,
            _ => return vec![],
        };
        (0..self.count()).map(|nth| 3 + step * nth).collect()
    }
}

/// The names of a part, each once.
struct Strings {
    text: Vec<u8>,
    known: HashMap<Vec<u8>, u32>,
}

impl Default for Strings {
    fn default() -> Self {
        Strings { text: vec![0], known: HashMap::from([(vec![], 0)]) }
    }
}

impl Strings {
    fn add(&mut self, name: &[u8]) -> u32 {
        if let Some(known) = self.known.get(name) {
            return *known;
        }
        let at = self.text.len() as u32;
        self.text.extend(name);
        self.text.push(0);
        self.known.insert(name.to_vec(), at);
        at
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

/// Where the sections of types and names are.
fn sections(blob: &[u8]) -> Option<[&[u8]; 2]> {
    let header = word(blob, 4)? as usize;
    let section = |at: usize| {
        let start = header.checked_add(word(blob, at)? as usize)?;
        blob.get(start..start.checked_add(word(blob, at + 4)? as usize)?)
    };
    Some([section(8)?, section(16)?])
}

fn string(blob: &[u8], at: u32) -> Option<&[u8]> {
    let text = sections(blob)?[1].get(at as usize..)?;
    text.get(..text.iter().position(|byte| *byte == 0)?)
}

fn records(blob: &[u8]) -> Option<Vec<Record<'_>>> {
    let [types, _] = sections(blob)?;
    let (mut records, mut at) = (vec![], 0);
    while at < types.len() {
        let info = word(types, at + 4)?;
        let (kind, count) = (Kind::from_number((info >> 24 & 0x1f) as u8)?, (info & 0xffff) as usize);
        let more = match kind {
            Kind::Int | Kind::Var | Kind::DeclTag => 1,
            Kind::Array => 3,
            Kind::Struct | Kind::Union | Kind::Datasec | Kind::Enum64 => 3 * count,
            Kind::Enum | Kind::FuncProto => 2 * count,
            _ => 0,
        };
        let words: Option<Vec<u32>> = (0..3 + more).map(|nth| word(types, at + 4 * nth)).collect();
        let words = words?;
        at += 4 * words.len();
        records.push(Record { kind, name: string(blob, words[0])?, words });
    }
    Some(records)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::btf::tests::builder::Builder;
    use crate::{Btf, TypeId};

    #[test]
    fn a_part_has_what_was_asked_for_and_what_that_is_made_of() {
        let mut b = Builder::new();
        let int = b.int("int", 4, 1);
        let far = b.structure("far", 4, &[("x", int, 0, 0)]);
        let to_far = b.ptr(far);
        let inner = b.structure("inner", 4, &[("y", int, 0, 0)]);
        b.structure("wanted", 16, &[("inner", inner, 0, 0), ("far", to_far, 64, 0)]);
        b.structure("other", 4, &[("z", int, 0, 0)]);
        let part = prune(&b.bytes(), |kind, name| kind == Kind::Struct && name == "wanted").unwrap();
        let part = Btf::from_bytes(part).unwrap();
        let find = |kind, name| part.find(kind, name).unwrap();
        assert!(find(Kind::Struct, "other").is_none() && find(Kind::Struct, "far").is_none());
        assert!(find(Kind::Fwd, "far").is_some() && find(Kind::Struct, "inner").is_some());
        let wanted = find(Kind::Struct, "wanted").unwrap();
        let member = |path: &str| part.member(wanted, path).unwrap().map(|member| member.bit_offset);
        assert_eq!((member("far"), member("inner")), (Some(64), Some(0)));
        assert_ne!(wanted, TypeId::VOID);
        assert!(prune(&b.bytes()[..40], |_, _| true).is_none());
    }
}
