//! Members by name, with the one thing that a chain must know besides: whether a union lies on the way.

use systap_kernel::btf::{Member, Type};
use systap_kernel::{Btf, BtfError, TypeId};

/// How deep anonymous structs and unions may nest; the kernel's own stay below ten.
const MOST_DEPTH: usize = 32;

/// A member, and how it was reached.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found<'a> {
    /// Its place from the start of the struct that was asked about.
    pub(super) member: Member<'a>,
    /// It shares its memory with others.
    pub(super) in_union: bool,
}

/// The member of that name, also where it is one of an anonymous member's.
pub(super) fn find<'a>(btf: &'a Btf, composite: TypeId, name: &str) -> Result<Option<Found<'a>>, BtfError> {
    within(btf, composite, name, 0)
}

fn within<'a>(btf: &'a Btf, composite: TypeId, name: &str, depth: usize) -> Result<Option<Found<'a>>, BtfError> {
    let (id, ty) = btf.get_resolved(composite)?;
    if depth > MOST_DEPTH {
        return Err(BtfError::TooDeep(id));
    }
    let in_union = matches!(ty, Type::Union { .. });
    for member in btf.each_member(id)? {
        let member = member?;
        if member.name == name {
            return Ok(Some(Found { member, in_union }));
        }
        if member.name.is_empty()
            && let (inner, Type::Struct { .. } | Type::Union { .. }) = btf.get_resolved(member.ty)?
            && let Some(found) = within(btf, inner, name, depth + 1)?
        {
            let bit_offset = member.bit_offset.checked_add(found.member.bit_offset).ok_or(BtfError::Size(id))?;
            let in_union = in_union || found.in_union;
            return Ok(Some(Found { member: Member { bit_offset, ..found.member }, in_union }));
        }
    }
    Ok(None)
}

/// The names of all members, those of anonymous ones included.
pub(super) fn names(btf: &Btf, composite: TypeId) -> Vec<String> {
    let mut found = vec![];
    collect(btf, composite, 0, &mut found);
    found
}

fn collect(btf: &Btf, composite: TypeId, depth: usize, found: &mut Vec<String>) {
    let Ok(members) = btf.members(composite) else { return };
    for member in members {
        if !member.name.is_empty() {
            found.push(member.name.to_string());
        } else if depth < MOST_DEPTH && found.len() < 10_000 {
            collect(btf, member.ty, depth + 1, found);
        }
    }
}

/// What a pointer's type says of the memory that it points to.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tags {
    /// `__user`
    pub(super) user: bool,
    /// `__percpu`: an offset rather than an address.
    pub(super) percpu: bool,
}

/// The tags between a pointer and the type that it points to.
pub(super) fn tags(btf: &Btf, pointee: TypeId) -> Result<Tags, BtfError> {
    let mut tags = Tags::default();
    let mut at = pointee;
    for _ in 0..64 {
        at = match btf.get(at)? {
            Type::TypeTag { tag, ty } => {
                tags.user |= tag == "user";
                tags.percpu |= tag == "percpu";
                ty
            }
            Type::Typedef { ty, .. } | Type::Volatile(ty) | Type::Const(ty) | Type::Restrict(ty) => ty,
            _ => return Ok(tags),
        };
    }
    Err(BtfError::TooDeep(pointee))
}
