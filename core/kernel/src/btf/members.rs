//! Members of structs and unions, found by name through anonymous ones, with their place in bits.
//!
//! Must never descend without a bound: a damaged blob may nest anonymous structs in a ring or exponentially.

use super::index::word;
use super::{Btf, BtfError, Kind, Record, Type, TypeId};

/// How deep anonymous structs and unions may nest; the kernel's own stay below ten.
const MOST_DEPTH: usize = 32;

/// How many members a look-up by name may visit; the kernel's largest structs have a few hundred.
const MOST_VISITS: usize = 1 << 16;

/// A member of a struct or union.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member<'a> {
    /// Its name; empty for an anonymous struct or union.
    pub name: &'a str,
    /// Its type.
    pub ty: TypeId,
    /// Where it begins: bits from the start of the struct that was asked about. On a little-endian machine the value's
    /// lowest bit.
    pub bit_offset: u32,
    /// How many bits a bit field has; 0 for a member that is none.
    pub bitfield_bits: u8,
}

impl Btf {
    /// The members of a struct or union, in the order of the source, anonymous ones as they stand. Typedefs and
    /// qualifiers in front of the struct are looked through.
    pub fn members(&self, id: TypeId) -> Result<Vec<Member<'_>>, BtfError> {
        self.each_member(id)?.collect()
    }

    /// The same one after another, for who stops at the one that was meant.
    pub fn each_member(&self, id: TypeId) -> Result<impl Iterator<Item = Result<Member<'_>, BtfError>>, BtfError> {
        let record = self.composite(id)?;
        Ok(record.body.chunks_exact(12).map(move |part| self.decode_member(&record, part)))
    }

    /// The member of that name, also where it is a member of an anonymous struct or union among the members. Typedefs
    /// and qualifiers in front of the struct are looked through.
    pub fn member(&self, id: TypeId, name: &str) -> Result<Option<Member<'_>>, BtfError> {
        if name.is_empty() {
            return Ok(None);
        }
        let mut visits = 0;
        self.member_within(id, name, 0, &mut visits)
    }

    fn member_within(
        &self,
        id: TypeId,
        name: &str,
        depth: usize,
        visits: &mut usize,
    ) -> Result<Option<Member<'_>>, BtfError> {
        if depth > MOST_DEPTH {
            return Err(BtfError::TooDeep(id));
        }
        let record = self.composite(id)?;
        for part in record.body.chunks_exact(12) {
            *visits += 1;
            if *visits > MOST_VISITS {
                return Err(BtfError::TooDeep(id));
            }
            let member = self.decode_member(&record, part)?;
            if member.name == name {
                return Ok(Some(member));
            }
            if !member.name.is_empty() {
                continue;
            }
            let inner = self.resolve(member.ty)?;
            if matches!(self.get(inner)?, Type::Struct { .. } | Type::Union { .. })
                && let Some(found) = self.member_within(inner, name, depth + 1, visits)?
            {
                let bit_offset = found.bit_offset.checked_add(member.bit_offset).ok_or(BtfError::Size(id))?;
                return Ok(Some(Member { bit_offset, ..found }));
            }
        }
        Ok(None)
    }

    /// The record of a struct or union, typedefs and qualifiers looked through.
    fn composite(&self, id: TypeId) -> Result<Record<'_>, BtfError> {
        let id = self.resolve(id)?;
        if id == TypeId::VOID {
            return Err(BtfError::WrongKind { id, found: Kind::Void, wanted: "struct or union" });
        }
        let record = self.record(id)?;
        match record.kind {
            Kind::Struct | Kind::Union => Ok(record),
            found => Err(BtfError::WrongKind { id, found, wanted: "struct or union" }),
        }
    }

    fn decode_member(&self, record: &Record<'_>, part: &[u8]) -> Result<Member<'_>, BtfError> {
        let (Some(name), Some(ty), Some(offset)) = (word(part, 0), word(part, 4), word(part, 8)) else {
            return Err(BtfError::CutOff(record.id));
        };
        let name = self.text(name).ok_or(BtfError::Name(record.id))?;
        let ty = TypeId(ty);
        if record.flag {
            // With the flag, the offset's upper byte is the width of a bit field.
            return Ok(Member { name, ty, bit_offset: offset & 0xff_ffff, bitfield_bits: (offset >> 24) as u8 });
        }
        // Without it, a bit field can only be known by an integer that does not fill its bytes (compilers before 2018).
        let (bit_offset, bitfield_bits) = match self.resolve(ty).and_then(|resolved| self.get(resolved)) {
            Ok(Type::Int { size, bits, bit_offset, .. }) if u64::from(bits) < u64::from(size) * 8 => {
                (offset.checked_add(u32::from(bit_offset)).ok_or(BtfError::Size(record.id))?, bits)
            }
            _ => (offset, 0),
        };
        Ok(Member { name, ty, bit_offset, bitfield_bits })
    }
}
