//! BTF, the kernel's own description of its types: found by name, decoded on demand.
//!
//! Must never panic or loop without end on a damaged blob, and must never make an object for each type. A blob is
//! checked in two steps: its header at once, its records at the first question.

mod describe;
mod error;
mod index;
mod layout;
mod members;
mod names;
mod search;
#[cfg(test)]
pub(crate) mod tests;
mod types;

pub use error::BtfError;
pub use members::Member;
pub use names::Key;
pub use types::{Enumerator, Kind, ProtoParam, Type, TypeId};

use index::{Index, RECORD, word};
use names::NameIndex;
use std::ops::{Deref, Range};
use std::sync::{Arc, OnceLock};
use systap_sys::mapping::MappedFile;

/// The first two bytes of BTF, as a number in the byte order of the machine that it describes.
const MAGIC: u16 = 0xeb9f;

/// The length in bytes of the header of version 1 (`struct btf_header`); later ones may be longer.
const HEADER: usize = 24;

/// The longest name in bytes that is read; the kernel itself allows 511. Without a bound, a damaged blob could make
/// each of many names a walk through megabytes.
const LONGEST_NAME: usize = 4096;

/// Where a blob of BTF lives.
#[derive(Debug)]
pub enum Bytes {
    /// A file, mapped.
    Mapped(MappedFile),
    /// Memory.
    Owned(Vec<u8>),
    /// A part of what others use too.
    Part {
        /// All of it.
        whole: Arc<Bytes>,
        /// Where the part is; nothing if it is not within the whole.
        range: Range<usize>,
    },
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Bytes::Mapped(file) => file,
            Bytes::Owned(bytes) => bytes,
            Bytes::Part { whole, range } => whole.get(range.clone()).unwrap_or_default(),
        }
    }
}

impl From<Vec<u8>> for Bytes {
    fn from(bytes: Vec<u8>) -> Bytes {
        Bytes::Owned(bytes)
    }
}

impl From<MappedFile> for Bytes {
    fn from(file: MappedFile) -> Bytes {
        Bytes::Mapped(file)
    }
}

/// The types of one kernel.
#[derive(Debug)]
pub struct Btf {
    bytes: Bytes,
    types: Range<usize>,
    strings: Range<usize>,
    index: OnceLock<Result<Index, BtfError>>,
    /// An index that an earlier process has made and kept.
    kept: Option<NameIndex>,
    functions: OnceLock<Result<Vec<(u32, u32)>, BtfError>>,
}

impl Btf {
    /// Takes a blob, after a look at its header; its records are looked at when the first question comes.
    pub fn from_bytes(bytes: impl Into<Bytes>) -> Result<Btf, BtfError> {
        let bytes = bytes.into();
        let header: &[u8; HEADER] = bytes.first_chunk::<HEADER>().ok_or(BtfError::ShortHeader(bytes.len()))?;
        let magic = u16::from_ne_bytes([header[0], header[1]]);
        if magic == MAGIC.swap_bytes() {
            return Err(BtfError::ForeignEndian);
        }
        if magic != MAGIC {
            return Err(BtfError::Magic(magic));
        }
        if header[2] != 1 {
            return Err(BtfError::Version(header[2]));
        }
        // The five numbers after magic, version and flags: lengths and offsets in bytes, offsets from the header's end.
        let number = |nth: usize| word(header, 4 + 4 * nth).map_or(0, |n| n as usize);
        let (header_len, types, strings) = (number(0), (number(1), number(2)), (number(3), number(4)));
        if header_len < HEADER {
            return Err(BtfError::ShortHeader(header_len));
        }
        let section = |(offset, len): (usize, usize), section: &'static str| {
            let start = header_len.checked_add(offset);
            let end = start.and_then(|start| start.checked_add(len));
            match (start, end) {
                (Some(start), Some(end)) if end <= bytes.len() => Ok(start..end),
                _ => Err(BtfError::Section { section }),
            }
        };
        let (types, strings) = (section(types, "type section")?, section(strings, "string section")?);
        let text = &bytes[strings.clone()];
        if text.first() != Some(&0) || text.last() != Some(&0) {
            return Err(BtfError::Strings);
        }
        Ok(Btf { bytes, types, strings, index: OnceLock::new(), kept: None, functions: OnceLock::new() })
    }

    /// The same types with an index that was kept, if those bytes are one of them.
    #[must_use]
    pub fn with_index(self, kept: impl Into<Bytes>, key: &Key) -> Btf {
        let kept = NameIndex::read(kept.into(), self.bytes.len(), key);
        Btf { kept, ..self }
    }

    /// Whether it has an index that was kept.
    pub fn has_kept_index(&self) -> bool {
        self.kept.is_some()
    }

    /// An index to keep for [`Btf::with_index`].
    ///
    /// # Errors
    /// Where a record is damaged.
    pub fn index_to_keep(&self, key: &Key) -> Result<Vec<u8>, BtfError> {
        names::build(self.type_section(), self.string_section(), self.bytes.len(), key)
    }

    /// Whether its records have been gone over, by a question that a kept index would have answered, or that it would not.
    pub(crate) fn is_gone_over(&self) -> bool {
        self.index.get().is_some()
    }

    /// The blob itself.
    pub(crate) fn blob(&self) -> &[u8] {
        &self.bytes
    }

    fn type_section(&self) -> &[u8] {
        &self.bytes[self.types.clone()]
    }

    fn string_section(&self) -> &[u8] {
        &self.bytes[self.strings.clone()]
    }

    fn index(&self) -> Result<&Index, BtfError> {
        self.index_telling(|_, _| ())
    }

    /// The index; if it has yet to be made, `function` is told of each function on the way.
    fn index_telling(&self, function: impl FnMut(u32, u32)) -> Result<&Index, BtfError> {
        self.index.get_or_init(|| Index::build(self.type_section(), function)).as_ref().map_err(Clone::clone)
    }

    /// The types of a kind that have a name, in order: (id, offset of the name).
    fn named(&self, kind: Kind) -> Result<&[(u32, u32)], BtfError> {
        if kind != Kind::Func {
            return Ok(self.index()?.named(kind));
        }
        let list = self.functions.get_or_init(|| index::functions(self.type_section()));
        list.as_deref().map_err(Clone::clone)
    }

    /// How many types there are, `void` included: ids are below it.
    pub fn type_count(&self) -> Result<u32, BtfError> {
        match &self.kept {
            Some(kept) => Ok(kept.count()),
            None => Ok(self.index()?.count()),
        }
    }

    /// The first type of that kind and name.
    pub fn find(&self, kind: Kind, name: &str) -> Result<Option<TypeId>, BtfError> {
        Ok(self.find_many(&[(kind, name)])?.pop().flatten())
    }

    /// The first type for each kind and name, in the order asked. Cheaper than one [`Btf::find`] after another: the
    /// names of a kind are gone through once for all, those of functions in the pass that makes the index.
    pub fn find_many(&self, wanted: &[(Kind, &str)]) -> Result<Vec<Option<TypeId>>, BtfError> {
        if let Some(kept) = &self.kept {
            let is = |id: TypeId, kind: Kind, name: &str| {
                self.record(id).is_ok_and(|record| record.kind == kind && self.is_text(record.name, name))
            };
            let each = wanted.iter().map(|(kind, name)| kept.find(*kind, name, |id| is(id, *kind, name)));
            return Ok(each.collect());
        }
        let mut found = vec![None; wanted.len()];
        let mut kinds: Vec<Kind> = wanted.iter().map(|(kind, _)| *kind).collect();
        // Functions first: if there is no index yet, its making finds them.
        kinds.sort_unstable_by_key(|kind| (*kind != Kind::Func, *kind));
        kinds.dedup();
        for kind in kinds {
            let mut search = Search::new(kind, wanted, self.string_section());
            let mut told = false;
            if kind == Kind::Func {
                self.index_telling(|id, name| {
                    told = true;
                    search.visit(id, name, &mut found);
                })?;
            }
            if !told {
                for &(id, name) in self.named(kind)? {
                    if search.is_over() {
                        break;
                    }
                    search.visit(id, name, &mut found);
                }
            }
        }
        Ok(found)
    }

    /// All types of that kind and name: a kernel can have several structs of one name, each private to a source file.
    pub fn find_all(&self, kind: Kind, name: &str) -> Result<Vec<TypeId>, BtfError> {
        Ok(self.names(kind)?.filter(|(_, of)| *of == name).map(|(id, _)| id).collect())
    }

    /// The named types of a kind, by id. Names that cannot be read are left out.
    pub fn names(&self, kind: Kind) -> Result<impl Iterator<Item = (TypeId, &str)>, BtfError> {
        let named = self.named(kind)?;
        Ok(named.iter().filter_map(|&(id, name)| Some((TypeId(id), self.text(name)?))))
    }

    /// The string at an offset of the string section.
    fn text(&self, offset: u32) -> Option<&str> {
        let rest = self.string_section().get(offset as usize..)?;
        let len = rest.iter().take(LONGEST_NAME).position(|byte| *byte == 0)?;
        std::str::from_utf8(&rest[..len]).ok()
    }

    fn record(&self, id: TypeId) -> Result<Record<'_>, BtfError> {
        let bytes = match &self.kept {
            Some(kept) => kept.record(self.type_section(), id)?,
            None => self.index()?.record(self.type_section(), id)?,
        };
        let (Some(name), Some(info), Some(third)) = (word(bytes, 0), word(bytes, 4), word(bytes, 8)) else {
            return Err(BtfError::CutOff(id));
        };
        let number = index::kind_number(info);
        let kind = Kind::from_number(number).ok_or(BtfError::UnknownKind { id, kind: number })?;
        Ok(Record {
            id,
            kind,
            name,
            third,
            flag: info >> 31 != 0,
            parts: (info & 0xffff) as u16,
            body: &bytes[RECORD..],
        })
    }

    fn name_of(&self, record: &Record<'_>) -> Result<&str, BtfError> {
        self.text(record.name).ok_or(BtfError::Name(record.id))
    }

    /// Decodes one type.
    pub fn get(&self, id: TypeId) -> Result<Type<'_>, BtfError> {
        if id == TypeId::VOID {
            return Ok(Type::Void);
        }
        let record = self.record(id)?;
        let cut_off = BtfError::CutOff(id);
        let (name, third, ty, members) = (self.name_of(&record)?, record.third, TypeId(record.third), record.parts);
        let body = |nth: usize| word(record.body, 4 * nth).ok_or(cut_off.clone());
        Ok(match record.kind {
            Kind::Void => Type::Void,
            Kind::Int => {
                // Bits 0..8: the value's bits, 16..24: its offset, 24..28: signed, char, bool.
                let encoding = body(0)?;
                Type::Int {
                    name,
                    size: third,
                    bits: encoding as u8,
                    bit_offset: (encoding >> 16) as u8,
                    signed: encoding & (1 << 24) != 0,
                    is_char: encoding & (1 << 25) != 0 || matches!(name, "char" | "signed char" | "unsigned char"),
                    is_bool: encoding & (1 << 26) != 0,
                }
            }
            Kind::Ptr => Type::Ptr(ty),
            Kind::Array => Type::Array { element: TypeId(body(0)?), len: body(2)? },
            Kind::Struct => Type::Struct { name, size: third, members },
            Kind::Union => Type::Union { name, size: third, members },
            Kind::Enum => Type::Enum { name, size: third, signed: record.flag },
            Kind::Enum64 => Type::Enum64 { name, size: third, signed: record.flag },
            Kind::Fwd => Type::Fwd { name, is_union: record.flag },
            Kind::Typedef => Type::Typedef { name, ty },
            Kind::Volatile => Type::Volatile(ty),
            Kind::Const => Type::Const(ty),
            Kind::Restrict => Type::Restrict(ty),
            Kind::TypeTag => Type::TypeTag { tag: name, ty },
            Kind::Func => Type::Func { name, proto: ty },
            Kind::FuncProto => Type::FuncProto { ret: ty, params: record.parts },
            Kind::Var => Type::Var { name, ty },
            Kind::Datasec => Type::Datasec { name, size: third },
            Kind::Float => Type::Float { name, size: third },
            Kind::DeclTag => Type::DeclTag { tag: name, ty, component: body(0)? as i32 },
        })
    }

    /// The parameters of a prototype, or of a function's.
    pub fn params(&self, id: TypeId) -> Result<Vec<ProtoParam<'_>>, BtfError> {
        let mut record = self.record(id)?;
        if record.kind == Kind::Func {
            record = self.record(TypeId(record.third))?;
        }
        if record.kind != Kind::FuncProto {
            return Err(BtfError::WrongKind { id, found: record.kind, wanted: "function or a prototype" });
        }
        let mut params = Vec::with_capacity(usize::from(record.parts));
        for part in record.body.chunks_exact(8) {
            let (Some(name), Some(ty)) = (word(part, 0), word(part, 4)) else { continue };
            params.push(ProtoParam { name: self.text(name).ok_or(BtfError::Name(record.id))?, ty: TypeId(ty) });
        }
        Ok(params)
    }

    /// The values of an enumeration, in the order of the source.
    pub fn enumerators(&self, id: TypeId) -> Result<Vec<Enumerator<'_>>, BtfError> {
        let record = self.record(id)?;
        let wide = match record.kind {
            Kind::Enum => false,
            Kind::Enum64 => true,
            found => return Err(BtfError::WrongKind { id, found, wanted: "enum" }),
        };
        let mut values = Vec::with_capacity(usize::from(record.parts));
        for part in record.body.chunks_exact(if wide { 12 } else { 8 }) {
            let (Some(name), Some(low)) = (word(part, 0), word(part, 4)) else { continue };
            let value = match (wide, word(part, 8)) {
                (true, Some(high)) => ((u64::from(high) << 32) | u64::from(low)) as i64,
                // Kernels before 6.0 never set the flag: a negative value of theirs is read as a large one.
                _ if record.flag => i64::from(low as i32),
                _ => i64::from(low),
            };
            values.push(Enumerator { name: self.text(name).ok_or(BtfError::Name(id))?, value });
        }
        Ok(values)
    }
}

/// A record, its three common words taken apart.
struct Record<'a> {
    id: TypeId,
    kind: Kind,
    /// The offset of its name in the string section.
    name: u32,
    /// The word that is a size or the id of another type.
    third: u32,
    /// The bit whose meaning depends on the kind: bit fields, signed, union.
    flag: bool,
    /// How many parts the body has: members, values, parameters.
    parts: u16,
    /// What follows the common words.
    body: &'a [u8],
}

/// The names of one kind that are still looked for.
struct Search<'a> {
    /// Their places in what was asked for.
    left: Vec<(usize, Needle<'a>)>,
    strings: &'a [u8],
}

impl<'a> Search<'a> {
    fn new(kind: Kind, wanted: &[(Kind, &'a str)], strings: &'a [u8]) -> Search<'a> {
        let of_kind = wanted.iter().enumerate().filter(|(_, (of, name))| {
            // A name with a NUL in it would match across the end of another.
            *of == kind && !name.is_empty() && !name.contains('\0')
        });
        Search { left: of_kind.map(|(nth, (_, name))| (nth, Needle::new(name))).collect(), strings }
    }

    fn is_over(&self) -> bool {
        self.left.is_empty()
    }

    /// Compares one type's name with all that are left.
    #[inline]
    fn visit(&mut self, id: u32, name: u32, found: &mut [Option<TypeId>]) {
        let mut nth = 0;
        while let Some((place, needle)) = self.left.get(nth) {
            if needle.is_at(self.strings, name as usize) {
                if let Some(slot) = found.get_mut(*place) {
                    *slot = Some(TypeId(id));
                }
                self.left.swap_remove(nth);
            } else {
                nth += 1;
            }
        }
    }
}

/// A name to look for, made ready for many comparisons.
struct Needle<'a> {
    name: &'a [u8],
    /// The last eight bytes with the closing NUL, or for a shorter name all of it: one load tells most names apart,
    /// where the first eight would not (`btf_trace_`, `__traceiter_`).
    tail: Option<[u8; 8]>,
}

impl<'a> Needle<'a> {
    fn new(name: &'a str) -> Needle<'a> {
        let name = name.as_bytes();
        let tail = name.len().checked_sub(7).and_then(|from| name.get(from..)).map(|seven| {
            let mut tail = [0; 8];
            tail[..7].copy_from_slice(seven);
            tail
        });
        Needle { name, tail }
    }

    /// Whether the string at `offset` is this name.
    #[inline]
    fn is_at(&self, strings: &[u8], offset: usize) -> bool {
        let end = offset + self.name.len();
        if let Some(tail) = self.tail
            && strings.get(end - 7..end + 1) != Some(&tail[..])
        {
            return false;
        }
        strings.get(end) == Some(&0) && strings.get(offset..end) == Some(self.name)
    }
}
